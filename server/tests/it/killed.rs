//! Pilothouse is killed as soon as it has answered, or in the middle of what it does: the next one carries out what was answered, once.

use std::fs;
use std::path::Path;
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::app::{Client, until};
use crate::survival::{Program, pid};

/// Runs until it is killed: it doesn't heed SIGTERM.
const DEAF: &str = "trap '' TERM; while :; do sleep 1; done";

/// When Pilothouse is killed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum When {
    /// As soon as it has answered.
    Answered,
    /// When it shows that it is about it.
    Seen(&'static str),
}

/// How many processes have `mark` among their arguments.
fn processes(mark: &str) -> usize {
    let all = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let commands = all.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    commands.filter(|command| command.split(|byte| *byte == 0).any(|word| word == mark.as_bytes())).count()
}

async fn make(admin: &Client, folder: &Path, mark: &str) -> String {
    let source = json!({"command": ["sh", "-c", DEAF, mark], "working_dir": folder});
    let made = admin.post("/api/services", json!({"name": "deaf", "source": source, "health": {"kind": "none"}})).await.json();
    let path = format!("/api/services/{}", made["id"].as_str().unwrap());
    assert_eq!(admin.patch(&path, json!({"stop_grace_seconds": 1})).await.status, 200);
    path
}

async fn ask(admin: &Client, path: &str, action: &str) {
    let reply = admin.post(&format!("{path}/{action}"), json!({})).await;
    assert_eq!(reply.status, 202, "{action}: {reply:?}");
}

async fn until_status(admin: &Client, path: &str, wanted: &str) {
    until(wanted, async || (admin.get(path).await.json()["status"] == wanted).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_is_carried_out_once_by_the_next_pilothouse() {
    for (action, when) in [
        ("start", When::Answered),
        ("stop", When::Answered),
        ("stop", When::Seen("stopping")),
        ("restart", When::Answered),
        ("restart", When::Seen("stopping")),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mark = format!("mark-{}", engine::Clock::System.new_uuid());
        let program = Program::start(folder.path());
        let admin = program.admin().await;
        let path = make(&admin, folder.path(), &mark).await;
        let mut before = None;
        if action != "start" {
            ask(&admin, &path, "start").await;
            before = Some(until("it runs", async || pid(&admin, &path).await).await);
        }
        ask(&admin, &path, action).await;
        if let When::Seen(status) = when {
            until_status(&admin, &path, status).await;
        }
        drop(program);

        let program = Program::start(folder.path());
        let admin = program.admin().await;
        if action == "stop" {
            until_status(&admin, &path, "stopped").await;
            assert_eq!(processes(&mark), 0, "{action} {when:?}");
        } else {
            let is_new = async || pid(&admin, &path).await.filter(|pid| Some(*pid) != before);
            until("a new process runs", is_new).await;
            assert_eq!(processes(&mark), 1, "{action} {when:?}");
            ask(&admin, &path, "stop").await;
            until_status(&admin, &path, "stopped").await;
        }
        assert_eq!(admin.get("/api/services").await.json()["total"], 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_service_whose_making_was_answered_is_there_and_none_is_half_made() {
    let folder = tempfile::tempdir().unwrap();
    let program = Program::start(folder.path());
    let admin = program.admin().await;
    let answered: Mutex<Vec<Value>> = Mutex::default();
    let made = async |number: usize| {
        for n in 0.. {
            let name = format!("s-{number}-{n}");
            let source = json!({"command": ["/bin/true"], "working_dir": folder.path()});
            let new = json!({"name": name, "source": source, "environment": {"N": name}});
            let Ok(reply) = admin.try_post("/api/services", &new).await else { return };
            assert_eq!(reply.status, 201, "{reply:?}");
            answered.lock().unwrap().push(reply.json());
        }
    };
    let killed = async {
        until("some are made", async || (answered.lock().unwrap().len() >= 20).then_some(())).await;
        drop(program);
    };
    tokio::join!(made(0), made(1), made(2), made(3), killed);

    let program = Program::start(folder.path());
    let admin = program.admin().await;
    let answered = answered.into_inner().unwrap();
    for service in &answered {
        let kept = admin.get(&format!("/api/services/{}", service["id"].as_str().unwrap())).await.json();
        assert_eq!([&kept["name"], &kept["spec"], &kept["status"]], [&service["name"], &service["spec"], &json!("stopped")]);
    }
    let total = admin.get("/api/services").await.json()["total"].as_u64().unwrap() as usize;
    assert!((answered.len()..=answered.len() + 4).contains(&total), "{total} of {} that were answered", answered.len());
    let page = admin.get("/api/services?limit=1000").await.json();
    for service in page["items"].as_array().unwrap() {
        let detail = admin.get(&format!("/api/services/{}", service["id"].as_str().unwrap())).await.json();
        assert_eq!(detail["spec"]["environment"]["N"], detail["name"], "all of it is there");
        let events = admin.get(&format!("/api/activity?service_id={}", service["id"].as_str().unwrap())).await.json();
        assert_eq!(events["items"].as_array().unwrap().len(), 1, "with its event");
    }
}
