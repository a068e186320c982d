//! Secrets from the outside: set, referred to, hidden, shown, rotated.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use api::Secret;
use engine::SecretsKey;
use http::Method;
use serde_json::{Value, json};

use crate::app::{Client, PASSWORD, Reply, TestApp, on_each_store, until};
use crate::survival::{Program, pid};

const VALUE: &str = "hunter2/and+more";

async fn put(client: &Client, name: &str, body: Value) -> Reply {
    client.send(Method::PUT, &format!("/api/secrets/{name}"), Some(body)).await
}

/// A service that writes its variable URL and then stays.
async fn service(client: &Client, folder: &Path, environment: Value) -> String {
    let source = json!({"command": ["sh", "-c", "echo \"url is $URL\"; exec sleep 600"], "working_dir": folder});
    let new = json!({"name": "orders", "source": source, "health": {"kind": "none"}, "environment": environment});
    let made = client.post("/api/services", new).await;
    assert_eq!(made.status, 201, "{made:?}");
    made.json()["id"].as_str().unwrap().to_owned()
}

async fn until_status(client: &Client, id: &str, wanted: &str) -> Value {
    until(wanted, async || {
        let service = client.get(&format!("/api/services/{id}")).await.json();
        (service["status"] == wanted).then_some(service)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_has_a_life_and_its_value_is_only_shown_for_a_password() {
    on_each_store(async |app: TestApp| {
        let (developer, viewer) = (app.sign_in("developer").await, app.sign_in("viewer").await);
        let made = put(&developer, "db.password", json!({"value": VALUE, "description": "of orders", "version": 0})).await;
        assert_eq!((made.status.as_u16(), made.json()["version"].as_u64()), (200, Some(1)), "{made:?}");
        let listed = developer.get("/api/secrets").await;
        assert_eq!(listed.json()["total"], 1);
        assert_eq!(listed.json()["items"][0]["unused"], true);
        for reply in [&made, &listed] {
            assert!(!reply.text().contains("hunter2"), "{reply:?}");
        }
        put(&developer, "db.password", json!({"value": "x", "version": 7})).await.fails_with(409, "conflict");
        for (name, body, field) in [
            ("new", json!({}), "/value"),
            ("new", json!({"value": ""}), "/value"),
            ("new", json!({"value": "a\u{0}b"}), "/value"),
            ("new", json!({"value": "x".repeat(65_537)}), "/value"),
            ("new", json!({"value": 12_345_678}), "/value"),
            ("new", json!({"value": "x", "description": "x".repeat(501)}), "/description"),
            ("new", json!({"value": "x", "version": -1}), "/version"),
            ("a%20b", json!({"value": "x"}), "name"),
            ("rotate", json!({"value": "x"}), "name"),
        ] {
            let reply = put(&developer, name, body.clone()).await;
            if name == "rotate" {
                reply.fails_with(405, "method_not_allowed");
                continue;
            }
            let error = reply.fails_with(422, "validation_failed");
            assert_eq!(error["details"][0]["field"], field, "{name} {error}");
            assert!(!error.to_string().contains("12345678"), "{error}");
        }
        let reveal = "/api/secrets/db.password/reveal";
        let wrong = developer.post(reveal, json!({"password": "wrong"})).await.fails_with(422, "validation_failed");
        assert_eq!(wrong["details"][0]["field"], "/password");
        viewer.post(reveal, json!({"password": PASSWORD})).await.fails_with(403, "forbidden");
        let shown = developer.post(reveal, json!({"password": PASSWORD})).await;
        assert_eq!((shown.json()["value"].as_str(), shown.header("cache-control")), (Some(VALUE), "no-store"));
        let admin = app.sign_in("admin").await;
        let rotated = admin.post("/api/secrets/rotate", json!({})).await.json();
        assert_eq!((rotated["data_key"].as_u64(), rotated["resealed"].as_u64(), rotated["removed"].as_u64()), (Some(2), Some(1), Some(1)));
        assert_eq!(developer.post(reveal, json!({"password": PASSWORD})).await.json()["value"], VALUE);
        let audit = admin.get("/api/activity?kind=secret.revealed").await;
        assert_eq!(audit.json()["items"].as_array().unwrap().len(), 2);
        assert!(!audit.text().contains("hunter2"));
        assert_eq!(developer.get("/api/activity?kind=secret.revealed").await.json()["items"], json!([]));
        assert_eq!(developer.delete("/api/secrets/db.password").await.status, 204);
        developer.delete("/api/secrets/db.password").await.fails_with(404, "not_found");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_are_made_of_a_text_of_variables_by_who_may_and_no_value_is_answered() {
    on_each_store(async |app: TestApp| {
        let (developer, viewer) = (app.sign_in("developer").await, app.sign_in("viewer").await);
        let address = "/api/secrets/import";
        let text = format!("PORT=8000\nDB_PASSWORD={VALUE}\n");
        viewer.post(address, json!({"env": text, "dry_run": true})).await.fails_with(403, "forbidden");
        app.nobody().post(address, json!({"env": text})).await.fails_with(401, "not_signed_in");
        let planned = developer.post(address, json!({"env": text, "dry_run": true})).await;
        assert_eq!((planned.status.as_u16(), planned.json()["dry_run"].as_bool()), (200, Some(true)), "{planned:?}");
        let item = json!({"line": 2, "variable": "DB_PASSWORD", "name": "DB_PASSWORD", "looks_secret": true, "is_present": false, "outcome": "made"});
        assert_eq!(planned.json()["items"][1], item);
        assert_eq!(developer.get("/api/secrets").await.json()["total"], 0);
        let wrong = developer.post(address, json!({"env": format!("{text}nonsense")})).await.fails_with(422, "validation_failed");
        assert_eq!((wrong["details"][0]["field"].as_str(), wrong["details"][0]["message"].as_str().unwrap().contains("line 3")), (Some("/env"), true));
        assert_eq!(developer.get("/api/secrets").await.json()["total"], 0, "all or nothing");
        let pick = json!([{"variable": "DB_PASSWORD", "name": "orders.db"}]);
        let made = developer.post(address, json!({"env": text, "pick": pick})).await;
        assert_eq!(made.json()["items"][1]["outcome"], "made", "{made:?}");
        let again = developer.post(address, json!({"env": "DB_PASSWORD=other", "pick": pick})).await;
        assert_eq!(again.json()["items"][0]["outcome"], "present");
        for reply in [&planned, &made, &again] {
            assert!(!reply.text().contains("hunter2"), "{reply:?}");
        }
        let shown = developer.post("/api/secrets/orders.db/reveal", json!({"password": PASSWORD})).await;
        assert_eq!((shown.json()["value"].as_str(), shown.json()["version"].as_u64()), (Some(VALUE), Some(1)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_javascript_a_value_is_only_in_the_answer_to_a_password_which_is_not_kept() {
    let app = TestApp::start().await;
    let (developer, viewer) = (app.sign_in("developer").await, app.sign_in("viewer").await);
    put(&developer, "db", json!({"value": VALUE, "description": "of orders"})).await;
    let page = async |client: &Client, path: &str| client.raw(Method::GET, path, &[("accept", "text/html")], "").await;
    let html = page(&developer, "/secrets/db").await.text();
    let token = html.split(r#"name="form_token" value=""#).nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned();
    let send = async |path: &str, fields: &str| {
        let headers = [("accept", "text/html"), ("content-type", "application/x-www-form-urlencoded")];
        developer.raw(Method::POST, path, &headers, format!("form_token={token}&{fields}")).await
    };
    let shown = send("/secrets/db", &format!("deed=reveal&form[name]=db&password={}", PASSWORD.replace(' ', "+"))).await;
    assert_eq!((shown.status.as_u16(), shown.header("cache-control")), (200, "no-store"), "{shown:?}");
    assert!(shown.text().contains("hunter2"), "{shown:?}");
    let wrong = send("/secrets/db", "deed=reveal&form[name]=db&password=wrong").await;
    let old = send("/secrets/db", "deed=put&form[name]=db&form[version]=7&form[description]=typed&value=typed-value").await;
    assert!(old.text().contains("was changed by developer meanwhile") && old.text().contains(r#"value="typed""#), "{old:?}");
    let preview = send("/secrets/import", "env=PORT%3D1%0D%0AA_TOKEN%3Dtyped-value%0D%0A").await;
    assert!(preview.text().contains("1 of 2 look like a secret"), "{preview:?}");
    let later = [page(&developer, "/secrets/db").await, page(&developer, "/secrets").await, page(&developer, "/secrets/import").await];
    for reply in [wrong, old, preview].iter().chain(&later) {
        assert_eq!((reply.status.as_u16(), reply.header("cache-control")), (200, "no-store"), "{reply:?}");
        assert!(!reply.text().contains("hunter2") && !reply.text().contains("typed-value"), "{reply:?}");
    }
    let made = send("/secrets", "deed=put&form[name]=new&form[version]=0&form[description]=&value=typed-value").await;
    assert_eq!((made.status.as_u16(), made.header("location")), (303, "/secrets/new?done=made&version=1"), "{made:?}");
    for path in ["/secrets", "/secrets/db", "/secrets/import"] {
        let page = page(&viewer, path).await.text();
        assert!(page.contains("Not allowed") && !page.contains("of orders"), "{path}: {page}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_gets_the_value_and_nobody_else_reads_it() {
    let app = TestApp::start().await;
    let developer = app.sign_in("admin").await;
    let folder = app.store.folder().join("services");
    let broken = json!({"name": "x", "source": {"folder": "/"}, "environment": {"URL": "${secret:a b}"}});
    let refused = developer.post("/api/services", broken).await.fails_with(422, "validation_failed");
    assert_eq!(refused["details"][0]["field"], "/environment/URL");
    let id = service(&developer, &folder, json!({"URL": "postgres://u:${secret:db}@h", "TEXT": "$${secret:db}"})).await;

    assert_eq!(developer.post(&format!("/api/services/{id}/start"), json!({})).await.status, 202);
    let failed = until_status(&developer, &id, "error").await;
    let reason = failed["status_reason"].as_str().unwrap();
    assert!(reason.contains("URL") && reason.contains("no secret 'db'"), "{reason}");

    put(&developer, "db", json!({"value": VALUE})).await;
    let listed = developer.get("/api/secrets").await.json();
    let used = &listed["items"][0]["used_by"];
    assert_eq!(*used, json!([{"service_id": id, "service_name": "orders", "variable": "URL"}]));
    let refused = developer.delete("/api/secrets/db").await.fails_with(409, "conflict");
    assert!(refused["message"].as_str().unwrap().contains("URL of orders"), "{refused}");

    assert_eq!(developer.post(&format!("/api/services/{id}/start"), json!({})).await.status, 202);
    let running = until_status(&developer, &id, "running").await;
    assert_eq!(running["spec"]["environment"]["URL"], "postgres://u:${secret:db}@h", "the reference stays");
    let log = format!("/api/logs/services/{id}");
    let line = until("it has written", async || {
        let page = developer.get(&log).await.json();
        let lines = page["items"].as_array().unwrap().clone();
        lines.into_iter().map(|line| line["message"].as_str().unwrap().to_owned()).find(|line| line.starts_with("url is"))
    })
    .await;
    assert_eq!(line, "url is postgres://u:••••••@h");
    assert_eq!(developer.get(&format!("{log}?q=hunter2")).await.json()["items"], json!([]), "it can't be searched for either");
    until("it has the value in its environment", async || {
        let root = pid(&developer, &format!("/api/services/{id}")).await?;
        let environment = std::fs::read_to_string(format!("/proc/{root}/environ")).ok()?;
        (environment.contains(&format!("URL=postgres://u:{VALUE}@h")) && environment.contains("TEXT=${secret:db}")).then_some(())
    })
    .await;

    assert_eq!(developer.post(&format!("/api/services/{id}/stop"), json!({})).await.status, 202);
    until_status(&developer, &id, "stopped").await;
    assert_eq!(developer.delete("/api/secrets/db?force=true").await.status, 204);
    let data = app.store.config.data_dir.clone();
    let store = app.stop().await;
    // Its log, and the spool that leads there, have what the service wrote; nothing of Pilothouse's own has it.
    let is_written = |path: &String| path.contains("/log/") || path.ends_with(".spool");
    let with_value: Vec<String> = files_with(&data, VALUE).into_iter().filter(|path| !is_written(path)).collect();
    assert_eq!(with_value, Vec::<String>::new());
    drop(store);
}

/// Files of a folder, and of those in it, that have `text`.
fn files_with(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()) {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files_with(&path, text));
        } else if path.is_file() && std::fs::read(&path).unwrap().windows(text.len()).any(|part| part == text.as_bytes()) {
            found.push(path.display().to_string());
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pilothouse_starts_with_the_wrong_key_and_says_what_to_do() {
    let key = |digit: &str| SecretsKey::Text(Secret::new(digit.repeat(64)));
    let app = TestApp::start_with(engine::testing::StoreKind::Sqlite, |settings| settings.secrets_key = key("a")).await;
    assert_eq!(put(&app.sign_in("admin").await, "db", json!({"value": VALUE})).await.status, 200);
    let store = app.stop().await;
    let app = TestApp::on(store, |settings| settings.secrets_key = key("b")).await;
    let admin = app.sign_in("admin").await;
    assert_eq!(admin.get("/api/secrets").await.json()["total"], 1);
    assert_eq!(admin.get("/api/services").await.status, 200);
    let error = put(&admin, "db", json!({"value": "x"})).await.fails_with(503, "unavailable");
    assert!(error["message"].as_str().unwrap().contains("PILOTHOUSE_SECRETS_KEY_FILE"), "{error}");
    let reveal = admin.post("/api/secrets/db/reveal", json!({"password": PASSWORD})).await;
    reveal.fails_with(503, "unavailable");
    let store = app.stop().await;
    let app = TestApp::on(store, |settings| settings.secrets_key = key("a")).await;
    let admin = app.sign_in("admin").await;
    let shown = admin.post("/api/secrets/db/reveal", json!({"password": PASSWORD})).await.json();
    assert_eq!(shown["value"], VALUE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_rotated_on_the_command_line_while_nobody_serves() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let rotate = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pilothouse"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PILOTHOUSE_")) {
            command.env_remove(name);
        }
        let output = command.args(["secrets", "rotate"]).args(args).env("PILOTHOUSE_DATA_DIR", &data).output().unwrap();
        (output.status.success(), format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)))
    };
    let program = Program::start(folder.path());
    assert_eq!(put(&program.admin().await, "db", json!({"value": VALUE})).await.status, 200);
    let (done, said) = rotate(&[]);
    assert!(!done && said.contains("another Pilothouse uses this database"), "{said}");
    drop(program);
    let (done, said) = rotate(&[]);
    assert!(done && said.contains("Sealed 1 values anew with data key 2; removed 1 data keys."), "{said}");

    let key = folder.path().join("secrets.key");
    std::fs::write(&key, "ab".repeat(32)).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let path = key.to_str().unwrap();
    let (done, said) = rotate(&["--new-key-file", path]);
    assert!(!done && said.contains("open to others"), "{said}");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let (done, said) = rotate(&["--new-key-file", path]);
    assert!(done && said.contains("PILOTHOUSE_SECRETS_KEY_FILE"), "{said}");
    let (done, said) = rotate(&[]);
    assert!(!done && said.contains("sealed under another key"), "{said}");

    let program = Program::start(folder.path());
    let reveal = json!({"password": PASSWORD});
    program.admin().await.post("/api/secrets/db/reveal", reveal.clone()).await.fails_with(503, "unavailable");
    drop(program);
    std::fs::write(data.join("pilothouse.toml"), format!("secrets_key_file = {path:?}\n")).unwrap();
    let program = Program::start(folder.path());
    assert_eq!(program.admin().await.post("/api/secrets/db/reveal", reveal).await.json()["value"], VALUE);
}
