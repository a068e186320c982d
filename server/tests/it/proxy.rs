//! A proxy in front of a service: what is deployed, restarted and killed behind it, while somebody asks all the time.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::app::{Client, TestApp, on_each_store, until};
use crate::deployments::{deploy, over, service, write};
use crate::survival::Program;

/// Somebody who asks one request after the other, each on a connection of its own.
struct Asker {
    is_over: Arc<AtomicBool>,
    asking: std::thread::JoinHandle<(BTreeMap<String, u32>, Vec<String>)>,
}

impl Asker {
    fn of(port: u16) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let told = is_over.clone();
        let asking = std::thread::spawn(move || {
            let (mut answers, mut order) = (BTreeMap::<String, u32>::new(), Vec::new());
            while !told.load(Ordering::Relaxed) {
                let said = ask(port).unwrap_or_else(|error| format!("failed: {error}"));
                *answers.entry(said.clone()).or_default() += 1;
                if order.last() != Some(&said) {
                    order.push(said);
                }
                std::thread::sleep(Duration::from_millis(1));
            }
            (answers, order)
        });
        Self { is_over, asking }
    }

    /// How often each was answered, and what came after what.
    fn end(self) -> (BTreeMap<String, u32>, Vec<String>) {
        self.is_over.store(true, Ordering::Relaxed);
        self.asking.join().unwrap()
    }
}

/// The status and the text that a request is answered with.
fn ask(port: u16) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: orders.test\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| std::io::Error::other(format!("cut off: {answer:?}")))?;
    let status = head.split(' ').nth(1).unwrap_or_default();
    // What ends with its connection may come in chunks from the proxy.
    let text = if head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
        body.split("\r\n").nth(1).unwrap_or_default().to_owned()
    } else {
        body.to_owned()
    };
    Ok(format!("{status} {text}"))
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A release that is healthy and fails whatever else it is asked.
fn write_failing(folder: &Path) {
    write(folder, "three");
    let text = std::fs::read_to_string(folder.join("main.py")).unwrap();
    let failing = text.replace("self.send_response(500 if SAYS", "self.send_response(500 if self.path == \"/\" or SAYS");
    assert_ne!(text, failing);
    std::fs::write(folder.join("main.py"), failing).unwrap();
}

/// Gives a service a proxy, and waits until it answers there.
async fn front(client: &Client, id: &str) -> u16 {
    let port = free_port();
    let health = json!({"kind": "http", "path": "/health", "interval_seconds": 1});
    let set = client.patch(&format!("/api/services/{id}"), json!({"proxy_port": port, "health": health})).await;
    assert_eq!(set.status, 200, "{set:?}");
    let first = over(client, &deploy(client, id, json!({})).await).await;
    assert_eq!((&first["status"], &first["urls"][0]), (&json!("succeeded"), &json!(format!("http://127.0.0.1:{port}"))), "{first}");
    until("it answers through its proxy", async || ask(port).is_ok_and(|said| said == "200 one hello").then_some(())).await;
    port
}

async fn named(client: &Client, name: &str) -> Option<Value> {
    let all = client.get("/api/services").await.json();
    all["items"].as_array().unwrap().iter().find(|one| one["name"] == name).cloned()
}

async fn stop_all(client: &Client) {
    for one in client.get("/api/services").await.json()["items"].as_array().unwrap() {
        client.post(&format!("/api/services/{}/stop", one["id"].as_str().unwrap()), json!({})).await;
    }
    until("all is stopped", async || {
        let all = client.get("/api/services").await.json();
        all["items"].as_array().unwrap().iter().all(|one| one["status"] != "running" && one["status"] != "stopping").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn releases_change_behind_a_proxy_and_nobody_who_asks_notices() {
    on_each_store(async |app: TestApp| {
        let [viewer, developer] = [app.sign_in("viewer").await, app.sign_in("developer").await];
        let folder = app.store.folder().join("services/orders");
        write(&folder, "one");
        let id = service(&developer, "orders").await;
        viewer.patch(&format!("/api/services/{id}"), json!({"proxy_port": 9000})).await.fails_with(403, "forbidden");
        let refused = developer.post(&format!("/api/deploy/services/{id}"), json!({"deployment_type": "canary"})).await;
        assert_eq!(refused.fails_with(422, "validation_failed")["details"][0]["field"], "/deployment_type");
        let port = front(&developer, &id).await;
        let proxy = named(&developer, "orders-proxy").await.expect("a proxy");
        let proxy = proxy["id"].as_str().unwrap().to_owned();
        app.sign_in("admin").await.delete(&format!("/api/services/{proxy}")).await.fails_with(409, "conflict");
        developer.patch(&format!("/api/services/{proxy}"), json!({"port": 1234})).await.fails_with(409, "conflict");
        developer.post(&format!("/api/deploy/services/{proxy}"), json!({})).await.fails_with(409, "conflict");
        let refused = developer.post(&format!("/api/deploy/services/{id}"), json!({"canary": {"steps": [50, 5]}})).await;
        let fields = refused.fails_with(422, "validation_failed").to_string();
        assert!(fields.contains("\"/canary\"") && fields.contains("/canary/steps"), "{fields}");

        let asker = Asker::of(port);
        write(&folder, "two");
        let second = over(&developer, &deploy(&developer, &id, json!({})).await).await;
        assert_eq!((&second["status"], &second["deployment_type"]), (&json!("succeeded"), &json!("blue_green")), "{second}");
        assert_eq!(second["traffic"][0]["weight"], 100);
        // A restart makes who asks wait, and nobody fail.
        assert_eq!(developer.post(&format!("/api/services/{id}/restart"), json!({})).await.status, 202);
        until("it is restarted", async || {
            let now = developer.get(&format!("/api/services/{id}")).await.json();
            (now["status"] == "running" && now["health_status"] == "healthy").then_some(())
        })
        .await;
        // Nor does a restart of the proxy itself, which is handed its socket.
        assert_eq!(developer.post(&format!("/api/services/{proxy}/restart"), json!({})).await.status, 202);
        until("it is restarted", async || {
            let now = developer.get(&format!("/api/services/{proxy}")).await.json();
            (now["status"] == "running" && now["status_reason"].is_null()).then_some(())
        })
        .await;
        let (answers, order) = asker.end();
        assert_eq!(order, ["200 one hello", "200 two hello"], "{answers:?}");
        assert!(answers.values().all(|count| *count > 20), "{answers:?}");

        // A release that fails is let in to few, found out and taken back.
        write_failing(&folder);
        let asker = Asker::of(port);
        let canary = json!({"steps": [20, 60], "step_seconds": 5, "min_requests": 20});
        let third = over(&developer, &deploy(&developer, &id, json!({"deployment_type": "canary", "canary": canary})).await).await;
        assert_eq!((&third["status"], &third["stage"]), (&json!("rolled_back"), &json!("health_check")), "{third}");
        let step = &third["traffic"][0];
        assert_eq!((&step["weight"], &step["judgement"]), (&json!(20), &json!("worse")), "{third}");
        assert!(step["reason"].as_str().unwrap().contains("Fisher"), "{third}");
        assert!(third["traffic"][1]["started_at"].is_null(), "{third}");
        until("its copy is gone", async || named(&developer, "orders-next").await.is_none().then_some(())).await;
        let (answers, order) = asker.end();
        assert_eq!(order.last().map(String::as_str), Some("200 two hello"));
        assert!(answers.keys().all(|said| said == "200 two hello" || said == "500 three hello"), "{answers:?}");
        assert!(answers["500 three hello"] < answers["200 two hello"], "{answers:?}");
        let releases = developer.get(&format!("/api/deploy/services/{id}/releases")).await.json();
        assert_eq!(releases["held"]["release"], 2, "{releases}");
        assert_eq!(developer.post(&format!("/api/deploy/services/{id}/let-go"), json!({})).await.status, 200);

        // One that is as good as the one before comes in.
        write(&folder, "four");
        let asker = Asker::of(port);
        let canary = json!({"steps": [50], "step_seconds": 5, "min_requests": 20});
        let fourth = over(&developer, &deploy(&developer, &id, json!({"deployment_type": "canary", "canary": canary})).await).await;
        assert_eq!(fourth["status"], "succeeded", "{fourth}");
        assert_eq!(fourth["traffic"][0]["judgement"], "passed", "{fourth}");
        let (answers, order) = asker.end();
        assert!(answers.keys().all(|said| said == "200 two hello" || said == "200 four hello"), "{answers:?}");
        assert_eq!(order.last().map(String::as_str), Some("200 four hello"));

        // Without its port the proxy goes.
        assert_eq!(developer.patch(&format!("/api/services/{id}"), json!({"proxy_port": 0})).await.status, 200);
        until("its proxy is gone", async || named(&developer, "orders-proxy").await.is_none().then_some(())).await;
        assert!(ask(port).is_err());
        stop_all(&developer).await;
    })
    .await;
}

/// Waits until so many replicas of a service are there, itself among them, and all are well.
async fn replicas(client: &Client, id: &str, wanted: usize) -> Vec<Value> {
    until("its replicas are well", async || {
        let now = client.get(&format!("/api/services/{id}")).await.json();
        let all = now["replicas"].as_array().cloned().unwrap_or_default();
        let is_well = |one: &Value| one["status"] == "running" && one["health_status"] == "healthy";
        (all.len() == wanted && all.iter().all(is_well)).then_some(all)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_are_replaced_restarted_and_killed_one_at_a_time_and_nobody_who_asks_notices() {
    on_each_store(async |app: TestApp| {
        let [viewer, developer] = [app.sign_in("viewer").await, app.sign_in("developer").await];
        let folder = app.store.folder().join("services/orders");
        write(&folder, "one");
        let id = service(&developer, "orders").await;
        let at = format!("/api/services/{id}");
        viewer.patch(&at, json!({"replicas": 2})).await.fails_with(403, "forbidden");
        for refused in [json!({"replicas": 2}), json!({"replicas": 0}), json!({"replicas": 21, "proxy_port": free_port()})] {
            let refused = developer.patch(&at, refused).await;
            assert_eq!(refused.fails_with(422, "validation_failed")["details"][0]["field"], "/replicas");
        }
        let port = front(&developer, &id).await;
        assert!(viewer.get(&at).await.json()["replicas"].is_null());
        assert_eq!(developer.patch(&at, json!({"replicas": 3})).await.status, 200);
        let all = replicas(&viewer, &id, 3).await;
        let names: Vec<_> = all.iter().map(|one| one["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["orders", "orders-2", "orders-3"]);
        let second = all[1]["service_id"].as_str().unwrap();
        app.sign_in("admin").await.delete(&format!("/api/services/{second}")).await.fails_with(409, "conflict");
        developer.patch(&format!("/api/services/{second}"), json!({"port": 1234})).await.fails_with(409, "conflict");

        let asker = Asker::of(port);
        write(&folder, "two");
        let rolled = over(&developer, &deploy(&developer, &id, json!({})).await).await;
        assert_eq!((&rolled["status"], &rolled["deployment_type"]), (&json!("succeeded"), &json!("rolling")), "{rolled}");
        let pids = async || {
            let mut pids = Vec::new();
            for one in &all {
                pids.push(developer.get(&format!("/api/services/{}", one["service_id"].as_str().unwrap())).await.json()["pids"].clone());
            }
            pids
        };
        let before = pids().await;
        assert_eq!(developer.post(&format!("{at}/restart"), json!({})).await.status, 202);
        until("all are restarted", async || {
            let now = pids().await;
            now.iter().zip(&before).all(|(now, before)| now != before && now != &json!([])).then_some(())
        })
        .await;
        replicas(&viewer, &id, 3).await;
        // One that is killed is noticed by nobody: what it hadn't answered is asked of another.
        let killed = pids().await[1][0].as_i64().unwrap();
        let pid = rustix::process::Pid::from_raw(killed.try_into().unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        until("it is started again", async || (pids().await[1] != json!([killed])).then_some(())).await;
        replicas(&viewer, &id, 3).await;
        // With one more meanwhile, which ends when all others run the release.
        viewer.patch(&at, json!({"rollout": {"surge": 1, "unavailable": 0}})).await.fails_with(403, "forbidden");
        let refused = developer.patch(&at, json!({"rollout": {"surge": 0, "unavailable": 0}})).await;
        assert_eq!(refused.fails_with(422, "validation_failed")["details"][0]["field"], "/rollout/unavailable");
        assert_eq!(developer.patch(&at, json!({"rollout": {"surge": 1, "unavailable": 0}})).await.status, 200);
        write(&folder, "three");
        let surged = over(&developer, &deploy(&developer, &id, json!({})).await).await;
        assert_eq!(surged["status"], "succeeded", "{surged}");
        until("the surge is gone", async || named(&viewer, "orders-surge-1").await.is_none().then_some(())).await;
        replicas(&viewer, &id, 3).await;
        let made = viewer.get("/api/activity?limit=200").await.text();
        assert!(made.contains("orders-surge-1 was made"), "{made}");
        let (answers, order) = asker.end();
        let are_whole = ["200 one hello", "200 two hello", "200 three hello"];
        assert!(answers.keys().all(|said| are_whole.contains(&said.as_str())), "{answers:?}");
        assert_eq!(order.last().map(String::as_str), Some("200 three hello"));

        assert_eq!(developer.patch(&at, json!({"replicas": 1, "proxy_port": 0})).await.status, 200);
        until("all of it is gone", async || {
            let all = developer.get("/api/services").await.json();
            let ours = all["items"].as_array().unwrap().iter().filter(|one| one["name"].as_str().unwrap().starts_with("orders"));
            (ours.count() == 1).then_some(())
        })
        .await;
        stop_all(&developer).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_that_is_healthy_and_fails_is_taken_back_while_it_is_watched() {
    on_each_store(async |app: TestApp| {
        let developer = app.sign_in("developer").await;
        let folder = app.store.folder().join("services/orders");
        write(&folder, "one");
        let id = service(&developer, "orders").await;
        let port = front(&developer, &id).await;
        let asker = Asker::of(port);
        let watched = json!({"deployment_type": "recreate", "watch_seconds": 5});
        write(&folder, "two");
        let second = over(&developer, &deploy(&developer, &id, watched.clone()).await).await;
        assert_eq!((&second["status"], &second["traffic"][0]["weight"]), (&json!("succeeded"), &json!(100)), "{second}");
        assert!(["passed", "too_few"].contains(&second["traffic"][0]["judgement"].as_str().unwrap()), "{second}");
        // What comes to it is counted from when its proxy was looked at, which is every five seconds.
        let begun = std::time::Instant::now();
        until("it has been asked for a while", async || (begun.elapsed() > Duration::from_secs(7)).then_some(())).await;

        write_failing(&folder);
        let third = over(&developer, &deploy(&developer, &id, watched).await).await;
        assert_eq!((&third["status"], &third["stage"]), (&json!("rolled_back"), &json!("health_check")), "{third}");
        let step = &third["traffic"][0];
        assert_eq!((&step["weight"], &step["judgement"]), (&json!(100), &json!("worse")), "{third}");
        // What its own switch has cut off counts against the release before, although who asked was answered by the next.
        assert!(step["old"]["errors"].as_u64().unwrap() <= 2, "{third}");
        assert!(step["old"]["requests"].as_u64().unwrap() >= 50 && step["new"]["errors"].as_u64().unwrap() >= 10, "{third}");
        let error = third["error"].as_str().unwrap();
        assert!(error.contains("Fisher's exact test p < 0.00001: worse") && error.contains("as the proxy has counted"), "{third}");
        let releases = developer.get(&format!("/api/deploy/services/{id}/releases")).await.json();
        assert_eq!((&releases["held"]["release"], &releases["held"]["by"]), (&json!(2), &json!(null)), "{releases}");
        until("what was before answers", async || ask(port).is_ok_and(|said| said == "200 two hello").then_some(())).await;
        let (answers, _) = asker.end();
        assert!(answers["500 three hello"] < answers["200 two hello"], "{answers:?}");
        // Who asks while one of them ends waits, and is answered by the next.
        let is_known = |said: &str| ["200 one hello", "200 two hello", "500 three hello"].contains(&said);
        assert!(answers.keys().all(|said| is_known(said)), "{answers:?}");
        stop_all(&developer).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_outlives_pilothouse_and_a_canary_goes_on_after_a_kill() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("services/orders");
    write(&folder, "one");
    let program = Program::start(place.path());
    let admin = program.admin().await;
    let id = service(&admin, "orders").await;
    let port = front(&admin, &id).await;
    let asker = Asker::of(port);
    write(&folder, "two");
    let canary = json!({"steps": [30, 60], "step_seconds": 5, "min_requests": 20});
    let deployment = deploy(&admin, &id, json!({"deployment_type": "canary", "canary": canary})).await;
    until("the first step is under way", async || {
        let now = admin.get(&format!("/api/deploy/status/{deployment}")).await.json();
        now["traffic"][0]["new"]["requests"].as_u64().filter(|requests| *requests > 0)
    })
    .await;
    drop(program);
    let program = Program::start(place.path());
    let admin = program.admin().await;
    let done = over(&admin, &deployment).await;
    assert_eq!(done["status"], "succeeded", "{done}");
    until("its copy is gone", async || named(&admin, "orders-next").await.is_none().then_some(())).await;
    let (answers, order) = asker.end();
    assert!(answers.keys().all(|said| said == "200 one hello" || said == "200 two hello"), "{answers:?}");
    assert_eq!(order.last().map(String::as_str), Some("200 two hello"));
    stop_all(&admin).await;
}
