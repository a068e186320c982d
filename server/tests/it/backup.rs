//! Backups from outside: who gets one, what a form may be, and that one comes back as another Pilothouse.

use http::Method;
use serde_json::json;

use crate::app::{Client, PASSWORD, Reply, TestApp, Tried, on_each_store};

const PASSPHRASE: &str = "a passphrase of many words";
const BOUNDARY: &str = "boundary-of-the-form";

/// A form with these fields, and the file behind them.
pub fn form(fields: &[(&str, &str)], file: Option<&[u8]>) -> Vec<u8> {
    let mut form = Vec::new();
    for (name, text) in fields {
        form.extend(format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n").bytes());
    }
    if let Some(file) = file {
        let head = "content-disposition: form-data; name=\"file\"; filename=\"x.backup\"\r\ncontent-type: application/octet-stream";
        form.extend(format!("--{BOUNDARY}\r\n{head}\r\n\r\n").bytes());
        form.extend(file);
        form.extend(b"\r\n");
    }
    form.extend(format!("--{BOUNDARY}--\r\n").bytes());
    form
}

pub async fn back_up(admin: &Client) -> Vec<u8> {
    let made = admin.post("/api/config/backup", json!({"password": PASSWORD, "passphrase": PASSPHRASE})).await;
    assert_eq!(made.status, 200, "{made:?}");
    made.body.to_vec()
}

pub async fn restore(client: &Client, fields: &[(&str, &str)], file: &[u8]) -> Reply {
    let fields = [&[("password", PASSWORD), ("passphrase", PASSPHRASE)], fields].concat();
    send(client, form(&fields, Some(file))).await
}

/// The same, of a Pilothouse that may be killed before it answers.
pub async fn try_restore(client: &Client, fields: &[(&str, &str)], file: &[u8]) -> Tried {
    let fields = [&[("password", PASSWORD), ("passphrase", PASSPHRASE)], fields].concat();
    try_send(client, form(&fields, Some(file))).await
}

async fn send(client: &Client, body: Vec<u8>) -> Reply {
    try_send(client, body).await.unwrap()
}

async fn try_send(client: &Client, body: Vec<u8>) -> Tried {
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    client.attempt(Method::POST, "/api/config/restore", &[("content-type", &kind)], body).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_is_made_by_an_admin_and_comes_back() {
    on_each_store(async |app: TestApp| {
        let (admin, developer) = (app.sign_in("admin").await, app.sign_in("developer").await);
        let source = json!({"command": ["sleep", "600"], "working_dir": "/"});
        let made = admin.post("/api/services", json!({"name": "orders", "source": source, "health": {"kind": "none"}})).await.json();
        let path = format!("/api/config/services/{}", made["id"].as_str().unwrap());
        let save = async |values, version| {
            admin.send(Method::PUT, &path, Some(json!({"values": values, "version": version, "message": "why"}))).await
        };
        assert_eq!(save(json!({"API_KEY": "hunter2-hunter2"}), 1).await.status, 200);
        admin.send(Method::PUT, "/api/secrets/db", Some(json!({"value": "hunter2-hunter2"}))).await;

        let body = json!({"password": PASSWORD, "passphrase": PASSPHRASE});
        developer.post("/api/config/backup", body.clone()).await.fails_with(403, "forbidden");
        admin.post("/api/config/backup", json!({"password": "wrong", "passphrase": PASSPHRASE})).await.fails_with(422, "validation_failed");
        admin.post("/api/config/backup", json!({"password": PASSWORD, "passphrase": "short"})).await.fails_with(422, "validation_failed");
        let backup = admin.post("/api/config/backup", body).await;
        assert_eq!(backup.status, 200);
        assert_eq!(backup.headers["content-type"], "application/octet-stream");
        assert!(backup.headers["content-disposition"].to_str().unwrap().starts_with("attachment; filename=\"pilothouse-"));
        let file = back_up(&admin).await;
        assert!(!file.windows(7).any(|part| part == b"hunter2"));

        restore(&developer, &[], &file).await.fails_with(403, "forbidden");
        assert_eq!(save(json!({"API_KEY": "another"}), 2).await.status, 200);
        let planned = restore(&admin, &[("dry_run", "true"), ("newest", "true")], &file).await;
        let plan = planned.json();
        assert_eq!((planned.status.as_u16(), &plan["dry_run"]), (200, &json!(true)), "{planned:?}");
        assert_eq!((&plan["services"][0]["present"], &plan["services"][0]["saved"]), (&json!(2), &json!(4)));
        assert_eq!(plan["secrets"], json!([{"name": "db", "outcome": "present"}]));
        assert!(!planned.text().contains("hunter2"));
        assert_eq!(admin.get(&path).await.json()["version"], 3);
        let done = restore(&admin, &[("newest", "true")], &file).await.json();
        assert_eq!(done["services"], plan["services"]);
        let now = admin.get(&format!("{path}/versions")).await.json();
        assert_eq!((&now["items"][0]["version"], &now["items"][0]["kind"]), (&json!(4), &json!("restored")), "{now}");

        let mut flipped = file.clone();
        *flipped.last_mut().unwrap() ^= 1;
        for wrong in [&flipped[..], &file[..file.len() - 1], b"foreign", b""] {
            restore(&admin, &[], wrong).await.fails_with(422, "validation_failed");
        }
        let events = admin.get("/api/activity?limit=100").await.text();
        assert!(events.contains("made a backup of 2 versions") && !events.contains(PASSPHRASE), "{events}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_that_isnt_one_is_refused() {
    let app = TestApp::start().await;
    let admin = app.sign_in("admin").await;
    let (password, passphrase) = (("password", PASSWORD), ("passphrase", PASSPHRASE));
    for (fields, file) in [
        (vec![password, passphrase], None),
        (vec![password], Some(&b"x"[..])),
        (vec![password, password, passphrase], Some(b"x")),
        (vec![password, passphrase, ("newest", "maybe")], Some(b"x")),
        (vec![password, passphrase, ("else", "true")], Some(b"x")),
        (vec![password, ("passphrase", "\0")], Some(b"x")),
    ] {
        send(&admin, form(&fields, file)).await.fails_with(422, "validation_failed");
    }
    let long = "x".repeat(20_000);
    send(&admin, form(&[password, ("passphrase", &long)], Some(b"x"))).await.fails_with(413, "payload_too_large");
    let whole = form(&[password, passphrase], Some(b"x"));
    for cut in [0, 10, 100, whole.len() - 40] {
        send(&admin, whole[..cut].to_vec()).await.fails_with(400, "malformed_request");
    }
    for kind in ["application/json", "multipart/form-data", "multipart/form-data; boundary=", "text/plain; boundary=x"] {
        let reply = admin.raw(Method::POST, "/api/config/restore", &[("content-type", kind)], whole.clone()).await;
        assert!(reply.status.is_client_error() && reply.status != 403, "{kind}: {reply:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_makes_a_backup_and_restores_it_without_javascript() {
    let app = TestApp::start().await;
    let (admin, developer) = (app.sign_in("admin").await, app.sign_in("developer").await);
    let html = admin.raw(Method::GET, "/configuration/backup", &[("accept", "text/html")], "").await.text();
    let token = html.split(r#"name="form_token" value=""#).nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned();
    let make = async |client: &Client, password: &str, token: &str| {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs([("password", password), ("passphrase", PASSPHRASE), ("again", PASSPHRASE), ("form_token", token)]);
        let headers = [("accept", "text/html"), ("content-type", "application/x-www-form-urlencoded")];
        client.raw(Method::POST, "/configuration/backup", &headers, form.finish()).await
    };
    let refused = make(&admin, "wrong", &token).await;
    assert!(refused.status == 200 && refused.text().contains("present password") && !refused.text().contains(PASSPHRASE), "{refused:?}");
    let foreign = make(&admin, PASSWORD, "wrong").await.text();
    assert!(foreign.contains("another sign-in"), "{foreign}");
    let made = make(&admin, PASSWORD, &token).await;
    assert_eq!(made.header("content-type"), "application/octet-stream", "{made:?}");

    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    let headers = [("accept", "text/html"), ("content-type", kind.as_str())];
    let restore = async |client: &Client, dry_run: &str, token: &str| {
        let fields = [("form_token", token), ("newest", "true"), ("dry_run", dry_run), ("password", PASSWORD), ("passphrase", PASSPHRASE)];
        client.raw(Method::POST, "/configuration/restore", &headers, form(&fields, Some(&made.body))).await
    };
    let planned = restore(&admin, "true", &token).await;
    assert!(planned.status == 200 && planned.text().contains("It would change"), "{planned:?}");
    assert!(planned.text().contains("Nothing was done yet") && !planned.text().contains(PASSPHRASE), "{planned:?}");
    assert!(restore(&admin, "false", &token).await.text().contains("It has changed"));
    assert!(restore(&admin, "false", "wrong").await.text().contains("another sign-in"));
    assert!(!restore(&developer, "false", &token).await.text().contains("It has changed"));
}
