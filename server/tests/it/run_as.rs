//! Services that run as another user of the system, from outside: who may have which, what it runs as, and what is refused.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use engine::testing::StoreKind;
use rustix::process::geteuid;
use serde_json::{Value, json};

use crate::app::{Reply, TestApp, until};

/// The user that is open to Developers, and one that isn't.
const OPEN: &str = "daemon";
const CLOSED: &str = "nobody";

async fn app(kind: StoreKind) -> TestApp {
    let open = if geteuid().is_root() { vec![OPEN.to_owned()] } else { Vec::new() };
    let app = TestApp::start_with(kind, |settings| settings.service_users = open).await;
    std::fs::set_permissions(app.store.folder(), Permissions::from_mode(0o755)).unwrap();
    app
}

fn field(reply: &Reply) -> Value {
    reply.fails_with(422, "validation_failed")["details"][0]["field"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_role_lets_services_run_as_whom_it_may() {
    for kind in [StoreKind::Sqlite, StoreKind::Postgres] {
        eprintln!("on {kind:?}");
        story(app(kind).await).await;
    }
}

async fn story(app: TestApp) {
    let [viewer, developer, admin] = [app.sign_in("viewer").await, app.sign_in("developer").await, app.sign_in("admin").await];
    let script = "echo it is $(id -u) at $HOME; trap '' TERM; while true; do sleep 1; done";
    let source = json!({"command": ["sh", "-c", script], "working_dir": app.store.folder().display().to_string()});
    let health = json!({"kind": "command", "command": ["sh", "-c", "test $(id -u) != 0"], "interval_seconds": 1});
    let new = |user: &str| json!({"name": "worker", "source": source, "user": user, "health": health});
    for name in ["0", "-x", "a:b", "../root", "daemon\n", "x".repeat(33).as_str()] {
        assert_eq!(field(&admin.post("/api/services", new(name)).await), "/user", "{name}");
    }
    admin.post("/api/services", json!({"name": "x", "source": source, "user": 7})).await.fails_with(422, "validation_failed");
    if !geteuid().is_root() {
        let refused = admin.post("/api/services", new(OPEN)).await;
        assert_eq!(field(&refused), "/user");
        assert!(refused.text().contains("run Pilothouse as root"), "{refused:?}");
        return;
    }
    for name in ["root", "surely-not-there"] {
        assert_eq!(field(&admin.post("/api/services", new(name)).await), "/user", "{name}");
    }
    viewer.post("/api/services", new(OPEN)).await.fails_with(403, "forbidden");
    for name in ["", CLOSED, "root", "surely-not-there"] {
        developer.post("/api/services", new(name)).await.fails_with(403, "forbidden");
    }
    let made = developer.post("/api/services", new(OPEN)).await;
    assert_eq!((made.status.as_u16(), &made.json()["spec"]["user"]), (201, &json!(OPEN)), "{made:?}");
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let path = format!("/api/services/{id}");
    assert_eq!(developer.post(&format!("{path}/start"), json!({})).await.status, 202);
    let running = until("it is well", async || {
        let now = viewer.get(&path).await.json();
        (now["health_status"] == "healthy").then_some(now)
    })
    .await;
    let status = std::fs::read_to_string(format!("/proc/{}/status", running["pids"][0])).unwrap();
    let uid = status.lines().find_map(|line| line.strip_prefix("Uid:\t")).unwrap().split('\t').next().unwrap().to_owned();
    assert_ne!(uid, "0");
    until("it says who it is", async || {
        let lines = viewer.get(&format!("/api/logs/services/{id}")).await.text();
        lines.contains(&format!("it is {uid} at /")).then_some(())
    })
    .await;
    let test = json!({"kind": "command", "command": ["id", "-u"]});
    let tested = developer.post(&format!("{path}/health/test"), test.clone()).await.json();
    assert_eq!((&tested["ok"], &tested["message"]), (&json!(true), &json!(format!("Command id: exit code 0: {uid}"))), "{tested}");

    // What was free as that user isn't taken over by another one.
    viewer.patch(&path, json!({"user": OPEN})).await.fails_with(403, "forbidden");
    for patch in [json!({"user": ""}), json!({"user": CLOSED}), json!({"user": "", "health": {"kind": "none"}})] {
        developer.patch(&path, patch).await.fails_with(403, "forbidden");
    }
    assert_eq!(field(&admin.patch(&path, json!({"user": "root"})).await), "/user");
    assert_eq!(developer.patch(&path, json!({"environment": {"LD_LIBRARY_PATH": "/x"}})).await.status, 200);
    assert_eq!(admin.patch(&path, json!({"user": CLOSED})).await.json()["spec"]["user"], CLOSED);
    developer.patch(&path, json!({"health": test})).await.fails_with(403, "forbidden");
    developer.post(&format!("{path}/health/test"), test).await.fails_with(403, "forbidden");
    assert_eq!(developer.patch(&path, json!({"description": "the rest is theirs", "user": CLOSED})).await.status, 200);
    assert_eq!(developer.patch(&path, json!({"stop_grace_seconds": 0})).await.status, 200);
    assert_eq!(developer.post(&format!("{path}/stop"), json!({})).await.status, 202);
    until("it is stopped", async || (admin.get(&path).await.json()["status"] == "stopped").then_some(())).await;

    // Deleting it and putting it back changes nothing of that.
    assert_eq!(admin.delete(&path).await.status, 204);
    assert_eq!(admin.post(&format!("{path}/restore"), json!({})).await.json()["spec"]["user"], CLOSED);
    developer.patch(&path, json!({"user": ""})).await.fails_with(403, "forbidden");
    let image = json!({"name": "web", "source": {"image": "nginx:1.27"}, "user": OPEN});
    let refused = admin.post("/api/services", image).await;
    assert!(field(&refused) == "/user" && refused.text().contains("options.user"), "{refused:?}");
}
