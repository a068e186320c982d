//! Restarts without a break, from outside: who may choose and ask for them, by REST and by plain forms, and what is told of them.

use std::io::{Read, Write};
use std::net::TcpStream;

use http::Method;
use serde_json::{Value, json};

use crate::app::{Client, TestApp, until};
use crate::compose::form_urlencoded;

/// Takes its socket as systemd hands it over, and answers with its process id. A file `broken` keeps it from that.
const SERVER: &str = "
import os, signal, socket, sys
if os.path.exists('broken'): sys.exit('it is broken')
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
server = socket.socket(fileno=3)
while True:
    client, _ = server.accept()
    client.recv(100)
    client.sendall(str(os.getpid()).encode())
    client.close()
";

fn ask(port: &Value) -> u64 {
    let mut stream = TcpStream::connect(("127.0.0.1", port.as_u64().unwrap() as u16)).unwrap();
    stream.write_all(b"who?").unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    said.parse().unwrap()
}

/// What happened to a service and is told by words that end so, once it is recorded: that comes after it is shown.
async fn event(viewer: &Client, id: &str, ends: &str) -> Value {
    until("it is recorded", async || {
        let events = viewer.get(&format!("/api/activity?service_id={id}")).await.json();
        let told = |event: &&Value| event["message"].as_str().is_some_and(|message| message.ends_with(ends));
        events["items"].as_array().unwrap().iter().find(told).cloned()
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_is_restarted_without_a_break_by_who_may_and_everybody_reads_what_came_of_it() {
    let app = TestApp::start().await;
    let [viewer, developer, admin] = [app.sign_in("viewer").await, app.sign_in("developer").await, app.sign_in("admin").await];
    let image = json!({"name": "web", "source": {"image": "nginx:1.27"}, "handover": true});
    let refused = admin.post("/api/services", image).await.fails_with(422, "validation_failed");
    assert_eq!(refused["details"][0]["field"], "/handover");
    let folder = app.store.folder().join("handed");
    std::fs::create_dir(&folder).unwrap();
    let source = json!({"command": ["python3", "-c", SERVER], "working_dir": folder.display().to_string()});
    let made = admin.post("/api/services", json!({"name": "handed", "source": source, "handover": true})).await.json();
    let id = made["id"].as_str().unwrap().to_owned();
    let path = format!("/api/services/{id}");
    assert_eq!(made["spec"]["handover"], true);
    assert_eq!(developer.post(&format!("{path}/start"), json!({})).await.status, 202);
    let first = until("it runs", async || Some(viewer.get(&path).await.json()).filter(|now| now["status"] == "running")).await;
    let pid = ask(&first["port"]);
    let restart = format!("{path}/restart");

    viewer.post(&restart, json!({})).await.fails_with(403, "forbidden");
    viewer.patch(&path, json!({"handover": false})).await.fails_with(403, "forbidden");
    developer.patch(&path, json!({"handover": 1})).await.fails_with(422, "validation_failed");
    std::fs::write(folder.join("broken"), "").unwrap();
    let asked = developer.post(&restart, json!({})).await;
    assert_eq!((asked.status.as_u16(), &asked.json()["status"]), (202, &json!("running")), "{asked:?}");
    let why = "runs on as it was: the new copy exited with code 1 before it listened: it is broken";
    let failed = until("it says why it wasn't restarted", async || {
        Some(viewer.get(&path).await.json()).filter(|now| now["status_reason"].as_str().is_some_and(|reason| reason.ends_with(why)))
    })
    .await;
    assert_eq!((&failed["status"], &failed["started_at"], ask(&first["port"])), (&json!("running"), &first["started_at"], pid));
    assert_eq!(event(&viewer, &id, why).await["kind"], "service.start_failed");

    std::fs::remove_file(folder.join("broken")).unwrap();
    assert_eq!(developer.post(&restart, json!({})).await.status, 202);
    let port = first["port"].to_string();
    let event = event(&viewer, &id, &format!("handed restarted on port {port} without a break")).await;
    let second = viewer.get(&path).await.json();
    assert_eq!((&event["data"]["pid"], &second["pids"][0]), (&json!(ask(&first["port"])), &event["data"]["pid"]));
    assert_ne!(ask(&first["port"]), pid);

    // The form does it, too, and leaves it alone where it doesn't say.
    let settings = format!("/services/{id}/settings");
    let html = admin.raw(Method::GET, &settings, &[("accept", "text/html")], "").await.text();
    assert!(html.contains(r#"<option value="true" selected"#) && html.contains("Restart without a break"), "{html}");
    let token = html.split(r#"name="form_token" value=""#).nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned();
    let post = async |more: &[(&str, &str)]| {
        let fields = [("form_token", token.as_str()), ("id", &id), ("form[name]", "handed"), ("form[description]", ""), ("form[port]", "")];
        let health = [("form[health_kind]", "none"), ("form[health_interval]", "15"), ("form[health_timeout]", "5")];
        let thresholds = [("form[unhealthy_threshold]", "3"), ("form[healthy_threshold]", "1"), ("form[metrics_path]", "/metrics")];
        let rest = [("form[environment]", ""), ("form[stop_grace]", "10"), ("form[restart]", "never")];
        let body = form_urlencoded(&[&fields[..], &health, &thresholds, &rest, more].concat());
        let headers = [("accept", "text/html"), ("content-type", "application/x-www-form-urlencoded")];
        let reply = admin.raw(Method::POST, &settings, &headers, body).await;
        assert_eq!(reply.status, 303, "{reply:?}");
        viewer.get(&path).await.json()["spec"]["handover"] == true
    };
    assert!(!post(&[("form[handover]", "false")]).await);
    assert!(!post(&[]).await);
    assert!(post(&[("form[handover]", "true")]).await);
    assert!(post(&[]).await);
    assert_eq!(developer.post(&format!("{path}/stop"), json!({})).await.status, 202);
    until("it is stopped", async || (admin.get(&path).await.json()["status"] == "stopped").then_some(())).await;
}
