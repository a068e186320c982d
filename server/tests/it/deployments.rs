//! Deployments from outside: taken on by who may, followed live, taken back when the service isn't well, and gone on with after a kill.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use serde_json::{Value, json};

use crate::app::{Client, TestApp, on_each_store, until};
use crate::live::Socket;
use crate::survival::Program;

/// Says what `says`, and is well unless that is "ill".
pub fn write(folder: &Path, says: &str) {
    let text = format!(
        r#"
import os, time
from http.server import BaseHTTPRequestHandler, HTTPServer
SAYS = "{says}"
if SAYS.startswith("broken"): raise SystemExit("ModuleNotFoundError: No module named 'nowhere'")
if SAYS.startswith("slow"): time.sleep(3)
class Handler(BaseHTTPRequestHandler):
    # Head and body go at once: a stop between them would cut an answer off that nobody can ask for again.
    wbufsize = -1
    def do_GET(self):
        self.send_response(500 if SAYS == "ill" and self.path.startswith("/health") else 200)
        self.end_headers()
        self.wfile.write((SAYS + " " + os.environ.get("GREETING", "")).encode())
    def log_message(self, *_): pass
if __name__ == "__main__":
    HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"#
    );
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("main.py"), text).unwrap();
    std::fs::write(folder.join(".env"), "GREETING=hello\nAPI_TOKEN=planted-hunter2-token\n").unwrap();
}

pub fn says(url: &Value) -> String {
    let address = url.as_str().unwrap().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.rsplit("\r\n").next().unwrap().to_owned()
}

pub async fn service(client: &Client, name: &str) -> String {
    until("it is found", async || {
        client.post("/api/services/discover", json!({})).await;
        let all = client.get("/api/services").await.json();
        let found = all["items"].as_array().unwrap().iter().find(|one| one["name"] == name).cloned();
        found.map(|one| one["id"].as_str().unwrap().to_owned())
    })
    .await
}

pub async fn over(client: &Client, id: &str) -> Value {
    until("it is over", async || {
        let now = client.get(&format!("/api/deploy/status/{id}")).await.json();
        (!["pending", "running"].contains(&now["status"].as_str().unwrap())).then_some(now)
    })
    .await
}

pub async fn deploy(client: &Client, service: &str, body: Value) -> String {
    let taken = client.post(&format!("/api/deploy/services/{service}"), body).await;
    assert_eq!(taken.status, 202, "{taken:?}");
    taken.json()["deployment_id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_is_deployed_followed_taken_back_and_gone_back_to() {
    on_each_store(async |app: TestApp| {
        let [viewer, developer] = [app.sign_in("viewer").await, app.sign_in("developer").await];
        let folder = app.store.folder().join("services/orders");
        write(&folder, "one");
        let id = service(&developer, "orders").await;
        let empty = json!({"target_environment": "development", "deployment_type": "process", "configuration": {}, "resources": {}});
        viewer.post(&format!("/api/deploy/services/{id}"), empty.clone()).await.fails_with(403, "forbidden");
        let plan = developer.post(&format!("/api/deploy/services/{id}/plan"), empty.clone()).await.json();
        assert!(plan["steps"].as_array().unwrap().len() > 3 && plan["obstacle"].is_null(), "{plan}");
        let other = json!({"service_id": "0192f0c4-0000-7000-8000-000000000000"});
        let refused = developer.post(&format!("/api/deploy/services/{id}"), other).await.fails_with(422, "validation_failed");
        assert_eq!(refused["details"][0]["field"], "/service_id");
        let first = deploy(&developer, &id, empty.clone()).await;

        // Everything that is told of it can be read from the beginning, live, to its end.
        let mut socket = Socket::open(&viewer, &format!("/ws/deployments/{first}?since=0"), &[]).await.unwrap();
        let (mut seq, mut lines) = (0, 0);
        loop {
            let frame = socket.hear().await.expect("a frame");
            if frame["type"] == "hello" {
                continue;
            }
            seq += 1;
            assert_eq!(frame["seq"], seq, "{frame}");
            lines += usize::from(frame["type"] == "line");
            if frame["data"]["status"] == "succeeded" {
                break;
            }
        }
        assert!(lines >= 5, "{lines}");
        let done = over(&viewer, &first).await;
        assert_eq!((&done["status"], &done["release"]["number"], &done["progress"]), (&json!("succeeded"), &json!(1), &json!(100)));
        assert_eq!(says(&done["urls"][0]), "one hello");
        assert!(!done.to_string().contains("planted-hunter2-token"));

        // It ends as soon as it is started: so what was before runs again, and it is said why.
        write(&folder, "broken");
        let bad = over(&viewer, &deploy(&developer, &id, empty.clone()).await).await;
        assert_eq!(bad["status"], "rolled_back", "{bad}");
        assert!(bad["error"].as_str().unwrap().contains("exited with code 1"), "{bad}");
        assert!(bad["failing_lines"].to_string().contains("No module named"), "{bad}");
        assert!(bad["suggestion"].as_str().is_some_and(|advice| advice.contains("nowhere")), "{bad}");
        let now = until("it runs again", async || {
            let now = viewer.get(&format!("/api/services/{id}")).await.json();
            (now["status"] == "running" && !now["url"].is_null()).then_some(now)
        })
        .await;
        // Both that runs and that listens takes a moment.
        let url = now["url"].clone();
        let address = url.as_str().unwrap().trim_start_matches("http://").to_owned();
        until("it listens", async || TcpStream::connect(&address).ok().map(drop)).await;
        assert_eq!(says(&url), "one hello");

        write(&folder, "two");
        let body = json!({"configuration": {"values": {"GREETING": "bonjour"}}, "resources": {"open_files": 512}, "message": "second"});
        let second = over(&viewer, &deploy(&developer, &id, body).await).await;
        assert_eq!(second["status"], "succeeded", "{second}");
        assert_eq!(says(&second["urls"][0]), "two bonjour");
        let difference =
            viewer.get(&format!("/api/deploy/services/{id}/difference?from=1&to={}", second["release"]["number"])).await.json();
        let fields: Vec<_> = difference["changes"].as_array().unwrap().iter().map(|one| one["field"].as_str().unwrap()).collect();
        assert_eq!(fields, ["settings/limits/open_files", "configuration/GREETING"], "{difference}");
        assert_eq!(difference["files"], json!([{"path": "main.py", "change": "changed"}]));

        viewer.post(&format!("/api/deploy/{first}/rollback"), json!({})).await.fails_with(403, "forbidden");
        let back = developer.send(http::Method::POST, &format!("/api/deploy/{first}/rollback"), None).await;
        assert_eq!(back.status, 202, "{back:?}");
        let back = over(&viewer, back.json()["deployment_id"].as_str().unwrap()).await;
        assert_eq!(
            (&back["status"], &back["kind"], &back["release"]["number"]),
            (&json!("succeeded"), &json!("rollback"), &json!(1)),
            "{back}"
        );
        assert_eq!(says(&back["urls"][0]), "one hello");
        developer.post(&format!("/api/deploy/services/{id}"), empty.clone()).await.fails_with(409, "conflict");
        let history = viewer.get(&format!("/api/deploy/services/{id}/history?limit=2")).await.json();
        assert_eq!(history["items"].as_array().unwrap().len(), 2);
        assert_eq!(history["items"][0]["id"], back["id"]);
        assert!(history["next_cursor"].is_string());
        assert_eq!(developer.post(&format!("/api/deploy/services/{id}/let-go"), json!({})).await.status, 200);
        developer.post(&format!("/api/deploy/{}/cancel", back["id"].as_str().unwrap()), json!({})).await.fails_with(409, "conflict");
        assert_eq!(developer.post(&format!("/api/services/{id}/stop"), json!({})).await.status, 202);
        until("it is stopped", async || (viewer.get(&format!("/api/services/{id}")).await.json()["status"] == "stopped").then_some(()))
            .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deployment_goes_on_when_pilothouse_was_killed_in_the_middle() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("services/orders");
    write(&folder, "one");
    let program = Program::start(place.path());
    let admin = program.admin().await;
    let id = service(&admin, "orders").await;
    let first = deploy(&admin, &id, json!({})).await;
    assert_eq!(over(&admin, &first).await["status"], "succeeded");
    drop(program);
    for (stage, text) in [("deploy", "slow two"), ("health_check", "slow three")] {
        write(&folder, text);
        let program = Program::start(place.path());
        let admin = program.admin().await;
        let deployment = deploy(&admin, &id, json!({})).await;
        until("it is in the middle", async || {
            let now = admin.get(&format!("/api/deploy/status/{deployment}")).await.json();
            (now["stage"] == stage || now["status"] != "running" && now["status"] != "pending").then_some(())
        })
        .await;
        drop(program);
        let program = Program::start(place.path());
        let admin = program.admin().await;
        let done = over(&admin, &deployment).await;
        assert_eq!(done["status"], "succeeded", "{done}");
        assert_eq!(says(&done["urls"][0]), format!("{text} hello"));
        assert!(done["stages"].as_array().unwrap().iter().any(|one| one["attempts"] == 2), "{done}");
        drop(program);
    }
    let program = Program::start(place.path());
    let admin = program.admin().await;
    assert_eq!(admin.post(&format!("/api/services/{id}/stop"), json!({})).await.status, 202);
    until("it is stopped", async || (admin.get(&format!("/api/services/{id}")).await.json()["status"] == "stopped").then_some(())).await;
}

/// Takes its socket as systemd hands it over, says `says`, and ends when it has answered all that it has accepted.
fn write_handed(folder: &Path, says: &str) {
    let text = format!(
        r#"
import selectors, signal, socket
ends = []
signal.signal(signal.SIGTERM, lambda *_: ends.append(1))
server = socket.socket(fileno=3)
server.setblocking(False)
ready = selectors.EpollSelector()
ready.register(server, selectors.EVENT_READ)
while True:
    if not ready.select(0.1):
        if ends: break
        continue
    try:
        client, _ = server.accept()
    except BlockingIOError:
        continue
    client.settimeout(10)
    client.recv(100)
    client.sendall(b"{says}")
    client.close()
"#
    );
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("main.py"), text).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_is_restarted_without_a_break_is_deployed_without_one() {
    let app = TestApp::start().await;
    let admin = app.sign_in("admin").await;
    let folder = app.store.folder().join("services/handed");
    write_handed(&folder, "one");
    let id = service(&admin, "handed").await;
    let settings = json!({"handover": true, "health": {"kind": "none"}});
    assert_eq!(admin.patch(&format!("/api/services/{id}"), settings).await.status, 200);
    let first = over(&admin, &deploy(&admin, &id, json!({})).await).await;
    assert_eq!((&first["status"], &first["deployment_type"]), (&json!("succeeded"), &json!("rolling")), "{first}");
    let address = first["urls"][0].as_str().unwrap().trim_start_matches("http://").to_owned();

    // Somebody asks all the time.
    let (ends, is_over) = (std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false)), std::sync::atomic::Ordering::Relaxed);
    let (told, asked) = (ends.clone(), address.clone());
    let asking = tokio::task::spawn_blocking(move || {
        let (mut answers, mut failures) = (std::collections::BTreeMap::<String, u32>::new(), Vec::new());
        while !told.load(is_over) {
            let ask = || -> std::io::Result<String> {
                let mut stream = TcpStream::connect(&asked)?;
                stream.set_read_timeout(Some(std::time::Duration::from_secs(20)))?;
                stream.write_all(b"who?")?;
                let mut said = String::new();
                stream.read_to_string(&mut said)?;
                Ok(said)
            };
            match ask() {
                Ok(said) => *answers.entry(said).or_default() += 1,
                Err(error) => failures.push(error.to_string()),
            }
        }
        (answers, failures)
    });
    write_handed(&folder, "two");
    let second = over(&admin, &deploy(&admin, &id, json!({})).await).await;
    assert_eq!(second["status"], "succeeded", "{second}");
    let back =
        admin.post(&format!("/api/deploy/{}/rollback", first["id"].as_str().unwrap()), json!({"present_secrets": true})).await.json();
    let back = over(&admin, back["deployment_id"].as_str().unwrap()).await;
    assert_eq!(back["status"], "succeeded", "{back}");
    ends.store(true, is_over);
    let (answers, failures) = asking.await.unwrap();
    assert_eq!(failures, [""; 0], "of {answers:?}");
    assert_eq!(answers.keys().collect::<Vec<_>>(), ["one", "two"], "nothing was cut off: {answers:?}");
    assert!(answers.values().all(|count| *count > 10), "{answers:?}");

    // One that can't take over leaves the one before as it is.
    std::fs::write(folder.join("main.py"), "raise SystemExit('it is broken')\n").unwrap();
    assert_eq!(admin.post(&format!("/api/deploy/services/{id}/let-go"), json!({})).await.status, 200);
    let failed = over(&admin, &deploy(&admin, &id, json!({})).await).await;
    assert_eq!((&failed["status"], &failed["stage"]), (&json!("rolled_back"), &json!("deploy")), "{failed}");
    assert!(failed["error"].as_str().unwrap().contains("it is broken"), "{failed}");
    assert_eq!(admin.post(&format!("/api/services/{id}/stop"), json!({})).await.status, 202);
    until("it is stopped", async || (admin.get(&format!("/api/services/{id}")).await.json()["status"] == "stopped").then_some(())).await;
}
