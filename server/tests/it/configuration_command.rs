//! `pilothouse configuration`: a backup is made beside a Pilothouse that runs and restored while none does, on both databases.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use engine::testing::{StoreKind, TestStore};
use http::Method;
use serde_json::{Value, json};

use crate::app::{TestApp, until};

const PASSPHRASE: &str = "a passphrase of many words";

/// Where the passphrase is.
#[derive(Clone, Copy)]
enum From<'a> {
    File(&'a Path),
    Variable,
    Input(&'a str),
}

fn run(store: &TestStore, args: &[&str], from: From<'_>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pilothouse"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PILOTHOUSE_")) {
        command.env_remove(name);
    }
    command.arg("configuration").args(args).env("PILOTHOUSE_DATA_DIR", &store.config.data_dir).env("PILOTHOUSE_DOCKER_HOST", "off");
    if let Some(url) = &store.config.database_url {
        command.env("PILOTHOUSE_DATABASE_URL", url);
    }
    match from {
        From::File(path) => _ = command.arg("--passphrase-file").arg(path),
        From::Variable => _ = command.env("PILOTHOUSE_BACKUP_PASSPHRASE", PASSPHRASE),
        From::Input(_) => {}
    }
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    if let From::Input(text) = from {
        // Whoever is refused before reads nothing.
        let _ = writeln!(input, "{text}");
    }
    drop(input);
    child.wait_with_output().unwrap()
}

/// Its exit code, and what it has said on both.
fn said(output: &Output) -> (i32, String) {
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!text.contains(PASSPHRASE) && !text.contains("hunter2"), "{text}");
    (output.status.code().unwrap(), text)
}

fn fails(output: &Output, code: i32, why: &str) {
    let (found, text) = said(output);
    assert!(found == code && text.contains(why), "{code}, {why}: {found}, {text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_is_made_beside_one_that_runs_and_restored_while_none_does() {
    for kind in [StoreKind::Sqlite, StoreKind::Postgres] {
        let app = TestApp::start_with(kind, |_| {}).await;
        let admin = app.sign_in("admin").await;
        let source = json!({"command": ["sleep", "600"], "working_dir": app.store.folder()});
        let made = admin.post("/api/services", json!({"name": "orders", "source": source, "health": {"kind": "none"}})).await.json();
        let path = format!("/api/config/services/{}", made["id"].as_str().unwrap());
        let save = async |values, version| {
            let saved = admin.send(Method::PUT, &path, Some(json!({"values": values, "version": version, "message": "why"}))).await;
            assert_eq!(saved.status, 200, "{saved:?}");
        };
        save(json!({"GREETING": "hello", "API_KEY": "hunter2-hunter2"}), 1).await;
        admin.send(Method::PUT, "/api/secrets/db", Some(json!({"value": "hunter2-hunter2"}))).await;

        let folder = tempfile::tempdir().unwrap();
        let passphrase = folder.path().join("passphrase");
        fs::write(&passphrase, format!("{PASSPHRASE}\n")).unwrap();
        let file = folder.path().join("a.backup");
        let name = file.to_str().unwrap();
        let done = run(&app.store, &["backup", name], From::File(&passphrase));
        let (code, text) = said(&done);
        assert!(code == 0 && text.contains("2 versions of the configurations of 1 services, and 1 secrets"), "{text}");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let backup = fs::read(&file).unwrap();
        assert!(!backup.windows(7).any(|part| part == b"hunter2"));
        fails(&run(&app.store, &["backup", name], From::Variable), 1, "is there already");
        assert_eq!(fs::read(&file).unwrap(), backup);
        fails(&run(&app.store, &["backup", name, "--overwrite"], From::Input("short")), 1, "a passphrase has 12");
        assert_eq!(fs::read(&file).unwrap(), backup);
        fails(&run(&app.store, &["backup", name, "--overwrite"], From::Input(PASSPHRASE)), 0, "Made ");
        assert_ne!(fs::read(&file).unwrap(), backup);

        save(json!({"GREETING": "good night"}), 2).await;
        fails(&run(&app.store, &["restore", name, "--newest"], From::Variable), 1, "restore it at the one that runs");
        let planned = run(&app.store, &["restore", name, "--newest", "--dry-run"], From::Input(PASSPHRASE));
        fails(&planned, 0, "service orders  the newest is version 4 here, 2 there already");
        fails(&planned, 0, "1 configurations would change, 0 would stay as they are, 0 would be left out. Nothing was done.");
        assert_eq!(admin.get(&path).await.json()["version"], 3);

        let store = app.stop().await;
        fails(&run(&store, &["restore", name], From::Input("another passphrase")), 1, "this isn't the passphrase of the backup");
        // On PostgreSQL the one before has its lease for some seconds more, when it was cut off from the database.
        let done = until("the lease is free", async || {
            let (code, text) = said(&run(&store, &["restore", name, "--newest", "--json"], From::Variable));
            assert!(code == 0 || text.contains("another Pilothouse"), "{code}: {text}");
            (code == 0).then(|| serde_json::from_str::<Value>(&text).unwrap())
        })
        .await;
        assert_eq!((&done["services"][0]["saved"], &done["secrets"][0]["outcome"]), (&json!(4), &json!("present")), "{done}");
        fails(&run(&store, &["restore", name, "--newest"], From::Variable), 0, "0 configurations have changed, 1 stayed as they are");

        let app = TestApp::on(store, |_| {}).await;
        let admin = app.sign_in("admin").await;
        let now = admin.get(&path).await.json();
        assert_eq!((&now["version"], &now["values"]["GREETING"], &now["updated_by"]), (&json!(4), &json!("hello"), &json!("command line")));
        let events = admin.get("/api/activity?kind=config.restored").await.json();
        assert_eq!((events["items"].as_array().unwrap().len(), &events["items"][0]["actor"]), (1, &json!("command line")), "{events}");
        for (kind, start) in [
            ("config.backed_up", "command line made a backup of 2 versions"),
            ("config.backup_restored", "command line restored the backup of"),
        ] {
            let events = admin.get(&format!("/api/activity?kind={kind}")).await.json();
            let messages: Vec<_> = events["items"].as_array().unwrap().iter().map(|event| event["message"].as_str().unwrap()).collect();
            assert!(messages.len() == 2 && messages.iter().all(|message| message.starts_with(start)), "{messages:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_left_out_has_a_code_of_its_own_and_what_cant_be_done_leaves_nothing_behind() {
    let app = TestApp::start().await;
    let admin = app.sign_in("admin").await;
    let source = json!({"command": ["sleep", "600"], "working_dir": app.store.folder()});
    let made = admin.post("/api/services", json!({"name": "orders", "source": source, "health": {"kind": "none"}})).await.json();
    let path = format!("/api/config/services/{}", made["id"].as_str().unwrap());
    assert_eq!(admin.send(Method::PUT, &path, Some(json!({"values": {"A": "b"}, "version": 1}))).await.status, 200);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.backup");
    fails(&run(&app.store, &["backup", file.to_str().unwrap()], From::Variable), 0, "Made ");

    let elsewhere = TestStore::new(StoreKind::Sqlite).await;
    let left_out = run(&elsewhere, &["restore", file.to_str().unwrap()], From::Variable);
    fails(&left_out, 3, "service orders  Left out: there is no service with its id or name");
    fails(&left_out, 3, "0 configurations have changed, 0 stayed as they are, 1 were left out.");
    let other = folder.path().join("b.backup");
    fails(&run(&elsewhere, &["backup", other.to_str().unwrap()], From::Variable), 1, "there is nothing to back up");
    fails(&run(&elsewhere, &["backup", "/nowhere/at-all"], From::Variable), 1, "can't be written");
    fails(&run(&elsewhere, &["restore", "/nowhere/at-all"], From::Variable), 1, "can't be read");
    fails(&run(&elsewhere, &["backup", other.to_str().unwrap(), "--passphrase", "x"], From::Variable), 2, "unexpected argument");
    let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["a.backup"]);
}
