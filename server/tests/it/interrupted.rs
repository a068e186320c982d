//! Pilothouse is killed in the middle of a rotation of keys and of a save that is watched: the next one finishes both, and nothing is lost.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::time::Instant;

use http::Method;
use serde_json::{Map, Value, json};

use crate::app::{Client, until};
use crate::survival::Program;

/// Named secrets, and versions of a configuration, that are sealed: more than two commits of a rotation take.
const SECRETS: u64 = 220;
const VERSIONS: u64 = 110;

fn start(folder: &Path) -> Program {
    let log = File::options().create(true).append(true).open(folder.join("pilothouse.log")).unwrap();
    Program::start_with(folder, |command| {
        command.stderr(log);
    })
}

async fn make(admin: &Client, folder: &Path, script: &str) -> String {
    let source = json!({"command": ["sh", "-c", script], "working_dir": folder});
    let made =
        admin.post("/api/services", json!({"name": "orders", "source": source, "health": {"kind": "none"}, "restart": "never"})).await;
    assert_eq!(made.status, 201, "{made:?}");
    made.json()["id"].as_str().unwrap().to_owned()
}

async fn save(admin: &Client, id: &str, body: Value) -> Value {
    let saved = admin.send(Method::PUT, &format!("/api/config/services/{id}"), Some(body)).await;
    assert_eq!(saved.status, 200, "{saved:?}");
    saved.json()
}

async fn until_running(admin: &Client, id: &str, version: u64) {
    until(&format!("it runs with version {version}"), async || {
        let service = admin.get(&format!("/api/services/{id}")).await.json();
        let told = admin.get(&format!("/api/config/services/{id}")).await.json();
        (service["status"] == "running" && told["applied_version"] == version).then_some(())
    })
    .await;
}

fn value(number: u64) -> String {
    format!("value-{number}-of-a-secret")
}

/// Starts the service anew and compares what it is given with what the secrets are; opens each version.
async fn opens_everything(admin: &Client, id: &str, folder: &Path) {
    let _ = fs::remove_file(folder.join("out"));
    let service = format!("/api/services/{id}");
    let is_running = admin.get(&service).await.json()["status"] == "running";
    let asked = admin.post(&format!("{service}/{}", if is_running { "restart" } else { "start" }), json!({})).await;
    assert_eq!(asked.status, 202, "{asked:?}");
    let given = until("it has said what it is given", async || fs::read_to_string(folder.join("out")).ok()).await;
    let given: BTreeMap<&str, &str> = given.lines().filter_map(|line| line.split_once('=')).collect();
    for number in 0..SECRETS {
        assert_eq!(given.get(format!("S_{number}").as_str()).copied(), Some(value(number).as_str()), "secret {number}");
    }
    assert_eq!(given.get("OWN_TOKEN").copied(), Some(value(VERSIONS).as_str()));
    for version in 1..=VERSIONS {
        let reply = admin.get(&format!("/api/config/services/{id}/versions/{version}")).await;
        assert_eq!(reply.status, 200, "version {version}: {reply:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_secret_and_version_opens_after_a_kill_at_any_moment_of_a_rotation_which_is_finished() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let program = start(folder);
    let admin = program.admin().await;
    let lines = |line: &dyn Fn(u64) -> String| (0..SECRETS).map(line).collect::<Vec<_>>().join("\n");
    let pick: Vec<_> = (0..SECRETS).map(|number| json!({"variable": format!("S_{number}"), "name": format!("s-{number}")})).collect();
    let import = json!({"env": lines(&|number| format!("S_{number}={}", value(number))), "pick": pick});
    assert_eq!(admin.post("/api/secrets/import", import).await.status, 200);
    let id = make(&admin, folder, "env > out.new; mv out.new out; exec sleep 600").await;
    let mut values: Map<String, Value> =
        (0..SECRETS).map(|number| (format!("S_{number}"), format!("${{secret:s-{number}}}").into())).collect();
    for version in 2..=VERSIONS {
        values.insert("OWN_TOKEN".into(), value(version).into());
        save(&admin, &id, json!({"values": values, "version": version - 1})).await;
    }
    opens_everything(&admin, &id, folder).await;
    let all = SECRETS + VERSIONS;
    let began = Instant::now();
    let whole = admin.post("/api/secrets/rotate", json!({})).await.json();
    let takes = began.elapsed();
    assert_eq!([&whole["resealed"], &whole["removed"]], [&json!(all), &json!(1)]);
    let finished = || fs::read_to_string(folder.join("pilothouse.log")).unwrap().matches("key_rotation_finished").count();

    let mut program = Some(program);
    for moment in 1..=6 {
        let before = program.take().unwrap();
        let admin = before.admin().await;
        let body = json!({});
        tokio::select! {
            _ = admin.try_post("/api/secrets/rotate", &body) => {}
            // A moment that lies somewhere in a rotation, which shows nothing of how far it is.
            () = tokio::time::sleep(takes * moment / 7) => {}
        }
        drop(before);
        let after = start(folder);
        let admin = after.admin().await;
        opens_everything(&admin, &id, folder).await;
        let done = until("the rotation is finished, so that there can be another one", async || {
            let reply = admin.post("/api/secrets/rotate", json!({})).await;
            assert!(matches!(reply.status.as_u16(), 200 | 409), "{reply:?}");
            (reply.status == 200).then(|| reply.json())
        })
        .await;
        assert_eq!([&done["resealed"], &done["removed"]], [&json!(all), &json!(1)], "moment {moment}");
        opens_everything(&admin, &id, folder).await;
        program = Some(after);
    }
    assert!(finished() > 0, "none of the moments was in the middle of a rotation, which takes {takes:?}");
    let admin = program.as_ref().unwrap().admin().await;
    assert_eq!(admin.post(&format!("/api/services/{id}/stop"), json!({})).await.status, 202);
    until("it has stopped", async || (admin.get(&format!("/api/services/{id}")).await.json()["status"] == "stopped").then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watched_save_is_taken_back_after_a_kill_when_its_service_turns_bad() {
    // What it is told, whether that is bad before Pilothouse is killed, and what is said of it.
    for (mode, is_bad_before, reason) in [("bad", false, "exit"), ("bad", true, "exit"), ("${secret:gone}", true, "no secret 'gone'")] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let well = folder.join("well");
        fs::write(&well, "").unwrap();
        let program = start(folder);
        let admin = program.admin().await;
        let script = "while test -e well || test \"$MODE\" = good; do sleep 0.1; done; exit 3";
        let id = make(&admin, folder, script).await;
        save(&admin, &id, json!({"values": {"MODE": "good"}, "version": 1})).await;
        assert_eq!(admin.post(&format!("/api/services/{id}/start"), json!({})).await.status, 202);
        until_running(&admin, &id, 2).await;
        if is_bad_before {
            fs::remove_file(&well).unwrap();
        }
        let watched = json!({"values": {"MODE": mode}, "version": 2, "restart": true, "watch_seconds": 600});
        let saved = save(&admin, &id, watched).await;
        assert_eq!(saved["watch"]["back_to"], 2, "{saved}");
        if !is_bad_before {
            until_running(&admin, &id, 3).await;
            assert!(admin.get(&format!("/api/config/services/{id}")).await.json()["watch"].is_object(), "it is still watched");
        }
        drop(program);
        let _ = fs::remove_file(&well);

        let program = start(folder);
        let admin = program.admin().await;
        until_running(&admin, &id, 4).await;
        let told = admin.get(&format!("/api/config/services/{id}")).await.json();
        assert_eq!([&told["version"], &told["values"], &told["watch"]], [&json!(4), &json!({"MODE": "good"}), &Value::Null], "{told}");
        let versions = admin.get(&format!("/api/config/services/{id}/versions")).await.json();
        let newest = &versions["items"][0];
        let message = newest["message"].as_str().unwrap();
        assert_eq!(newest["kind"], "reverted");
        assert!(message.starts_with("version 3 was taken back: ") && message.contains(reason), "{message}");
        let events = admin.get("/api/activity?kind=config.reverted").await.json();
        assert_eq!(events["items"].as_array().unwrap().len(), 1, "once: {events}");
        assert!(events["items"][0]["message"].as_str().unwrap().contains(message), "{events}");
        assert_eq!(admin.post(&format!("/api/services/{id}/stop"), json!({})).await.status, 202);
        until("it has stopped", async || (admin.get(&format!("/api/services/{id}")).await.json()["status"] == "stopped").then_some(()))
            .await;
    }
}
