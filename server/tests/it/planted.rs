//! Secrets are planted wherever a secret can be, the service that has them prints them in all forms, and everything that Pilothouse then
//! writes, shows and sends is searched for them, as each role.

mod needle;
mod places;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use engine::testing::{StoreKind, TestStore};
use http::Method;
use serde_json::{Value, json};

use crate::app::{Client, PASSWORD, Reply, until};
use crate::backup;
use crate::survival::Program;
use needle::{Needle, Needles};
use places::{Frames, Roles, everywhere, processes, written};

/// Prints what it is told, in the forms that programs print, and again and again; with `CRASH` it fails with a secret in its last words.
const SERVICE: &str = r#"
import base64, json, os, sys, time
from urllib.parse import quote, quote_plus, unquote

def say():
    for name, value in list(os.environ.items()):
        data = value.encode()
        print("as it is", name, value)
        print(json.dumps({"level": "info", "message": "as JSON", name: value}))
        print("as text of JSON", json.dumps(value, ensure_ascii=False))
        print("in an address", quote(value), quote(value, safe=""), quote_plus(value))
        print("as digits", data.hex(), data.hex().upper())
        for before in (b"", b"u", b"u:"):
            print("as base64", base64.b64encode(before + data).decode(), base64.urlsafe_b64encode(before + data).decode().rstrip("="))
    if "DATABASE_URL" in os.environ:
        password = os.environ["DATABASE_URL"].split("://u:")[1].split("@")[0]
        print("a part of an address", password, unquote(password))
    if "DATABASE" in os.environ:
        database = json.loads(os.environ["DATABASE"])
        print("parts", database["password"], database["hosts"][0]["token"])
    sys.stdout.flush()

say()
if "CRASH" in os.environ:
    raise ValueError("refused: " + os.environ["LOGGED_TOKEN"])
while True:
    time.sleep(0.5)
    say()
"#;

/// Pilothouse with its log in a file; on what `store` has.
/// Shows what Pilothouse has said of failures when the test fails.
struct Said(PathBuf);

impl Drop for Said {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let text = fs::read_to_string(&self.0).unwrap_or_default();
            let lines: Vec<_> = text.lines().filter(|line| !line.contains("DEBUG") && !line.contains(" INFO")).collect();
            eprintln!("{}", lines[lines.len().saturating_sub(60)..].join("\n"));
        }
    }
}

fn log(store: &TestStore) -> PathBuf {
    store.folder().join("pilothouse.log")
}

fn start(store: &TestStore) -> Program {
    let log = File::options().create(true).append(true).open(log(store)).unwrap();
    Program::start_with(store.folder(), |command| {
        command.stderr(log).env("PILOTHOUSE_LOG_LEVEL", "debug");
        if let Some(url) = &store.config.database_url {
            command.env("PILOTHOUSE_DATABASE_URL", url);
        }
    })
}

async fn put(client: &Client, path: &str, body: Value) -> Reply {
    client.send(Method::PUT, path, Some(body)).await
}

/// A service whose folder and settings have secrets; answers its id.
async fn make(admin: &Client, folder: &Path, needles: &mut Needles) -> String {
    let folder = folder.join("services/orders");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("main.py"), SERVICE).unwrap();
    let found = needles.plant("in a .env file that is found");
    fs::write(folder.join(".env"), format!("FOUND_PASSWORD='{}'\n", found.value)).unwrap();
    let set = needles.plant("in the settings of a service");
    let health =
        json!({"kind": "command", "command": ["sh", "-c", "echo \"$LOGGED_TOKEN $SETTINGS_TOKEN\"; exit 1"], "interval_seconds": 1});
    let new = json!({
        "name": "orders", "source": {"folder": folder}, "health": health, "restart": "never",
        "environment": {"SETTINGS_TOKEN": set.value},
    });
    let planned = admin.post("/api/services/plan", new.clone()).await;
    needles.search("the plan of a service", &planned.body);
    let made = admin.post("/api/services", new).await;
    assert_eq!((planned.status.as_u16(), made.status.as_u16()), (200, 201), "{planned:?} {made:?}");
    needles.search("the answer to making a service", &made.body);
    made.json()["id"].as_str().unwrap().to_owned()
}

/// Named secrets, set and imported.
async fn name_secrets(admin: &Client, needles: &mut Needles) {
    let (set, imported) = (needles.plant("a named secret"), needles.plant("a named secret of a .env text"));
    let made = put(admin, "/api/secrets/planted", json!({"value": set.value, "description": "of orders"})).await;
    let import = admin.post("/api/secrets/import", json!({"env": format!("IMPORTED_PASSWORD='{}'\n", imported.value)})).await;
    assert_eq!((made.status.as_u16(), import.status.as_u16()), (200, 200), "{made:?} {import:?}");
    needles.search("the answer to setting a secret", &made.body);
    needles.search("the answer to importing secrets", &import.body);
}

/// Saves secrets into the configuration in every way, and takes one of them back.
async fn configure(admin: &Client, path: &str, needles: &mut Needles) {
    let schema = json!({"type": "object", "properties": {
        "API_KEY": {"type": "string", "writeOnly": true, "pattern": "^p/"},
        "SERIAL": {"type": "integer", "writeOnly": true},
        "KEYS": {"type": "array", "writeOnly": true},
        "DATABASE": {"type": "object", "properties": {
            "password": {"type": "string", "writeOnly": true},
            "hosts": {"type": "array", "items": {"type": "object", "properties": {"token": {"type": "string", "writeOnly": true}}}},
        }},
    }});
    let set = put(admin, &format!("{path}/schema"), json!({"schema": schema})).await;
    let mut values = set.json()["values"].clone();
    let mut plant = |what| needles.plant(what).value;
    values["API_KEY"] = json!(plant("by its schema"));
    values["KEYS"] = json!(["first", plant("in a list that is secret")]);
    values["DATABASE"] = json!({"password": plant("in an object"), "hosts": [{"name": "a", "token": plant("in a list in an object")}]});
    values["REPLACED_TOKEN"] = json!(plant("in an earlier version"));
    values["LOGGED_TOKEN"] = json!(plant("printed"));
    values["REFERENCE"] = json!("of ${secret:planted} and ${secret:IMPORTED_PASSWORD}");
    let (number, password) = (needles.plant_number("a number"), needles.plant_password("in an address"));
    values["SERIAL"] = number;
    values["DATABASE_URL"] = json!(format!("postgres://u:{password}@127.0.0.1:1/orders"));
    let version = &set.json()["version"];
    let saved = put(admin, path, json!({"values": values, "version": version, "message": "planted", "restart": true})).await;
    assert_eq!(saved.status, 200, "{saved:?}");
    until_printed(admin, path.rsplit('/').next().unwrap(), "REPLACED_TOKEN").await;
    values["REPLACED_TOKEN"] = json!(needles.plant("in place of an earlier one").value);
    let again = put(admin, path, json!({"values": values, "version": saved.json()["version"]})).await;
    assert_eq!(again.status, 200, "{again:?}");
    let (yaml, env) = (needles.plant("in YAML with comments"), needles.plant("in a .env text"));
    let text = format!("# it was {}\nYAML_TOKEN: {} # once {}\n", yaml.value, json!(yaml.value), yaml.value);
    for body in [
        json!({"format": "yaml", "text": text, "mode": "merge", "dry_run": true}),
        json!({"format": "yaml", "text": text, "mode": "merge"}),
        json!({"format": "env", "text": format!("ENV_TOKEN='{}'\n", env.value), "mode": "merge", "dry_run": true}),
        json!({"format": "env", "text": format!("ENV_TOKEN='{}'\n", env.value), "mode": "merge"}),
    ] {
        let done = admin.post(&format!("{path}/import"), body).await;
        assert_eq!(done.status, 200, "{done:?}");
        needles.search("the answer to importing a configuration", &done.body);
    }
    for reply in [set, saved, again] {
        needles.search("the answer to saving a configuration", &reply.body);
    }
}

/// Bad input with a secret in it, at every door that reads one; no answer echoes it.
async fn refuse(admin: &Client, path: &str, needles: &mut Needles) {
    let Needle { value, core, .. } = needles.plant("in what is refused");
    let quoted = json!(value).to_string();
    let texts = [
        ("json", format!("{{\"API_KEY\": {quoted} {quoted}}}")),
        ("yaml", format!("API_KEY: [{quoted}\n  {core}: {{ x")),
        ("toml", format!("API_KEY = {quoted} {core}\n")),
        ("env", format!("API_KEY='{value}\nx {value}\n")),
    ];
    let with = |name: &str, wrong: Value| json!({"values": {name: wrong}, "version": 1});
    let mut asked: Vec<(Method, String, Value)> = vec![
        (Method::POST, "/api/secrets/import".into(), json!({"env": format!("A_TOKEN=x\n{value}\n")})),
        (Method::PUT, "/api/secrets/refused".into(), json!({"value": [value]})),
        (Method::PUT, "/api/secrets/refused".into(), json!({"value": format!("{value}\0")})),
        (Method::POST, "/api/secrets/planted/reveal".into(), json!({"password": value})),
        (Method::POST, format!("{path}/reveal"), json!({"password": value, "field": value})),
        (Method::POST, format!("{path}/reveal"), json!({"password": PASSWORD, "field": format!("/{value}")})),
        (Method::POST, "/api/auth/login".into(), json!({"username": "admin", "password": value})),
        (Method::POST, "/api/auth/login".into(), json!({"username": "admin", "password": {"x": value}})),
        (Method::POST, "/api/services".into(), json!({"name": "x", "source": {"folder": "/"}, "environment": {"A_TOKEN": [value]}})),
        (Method::POST, "/api/services/plan".into(), json!({"name": "x", "source": {"folder": "/"}, "environment": {"A=TOKEN": value}})),
    ];
    for (name, wrong) in [
        ("API_KEY", json!(format!("x{value}"))),
        ("SERIAL", json!(value)),
        ("KEYS", json!(value)),
        ("DATABASE", json!(value)),
        ("DATABASE", json!({"password": [value]})),
        ("A_TOKEN", json!(format!("{value}\0"))),
    ] {
        asked.push((Method::PUT, path.to_owned(), with(name, wrong.clone())));
        asked.push((Method::POST, format!("{path}/validate"), json!({"values": {name: wrong}})));
    }
    for (format, text) in texts {
        asked.push((Method::POST, format!("{path}/import"), json!({"format": format, "text": text})));
        asked.push((Method::POST, "/api/config/import".into(), json!({"format": format, "text": format!("services:\n  orders: {text}")})));
    }
    for (method, path, body) in asked {
        let reply = admin.send(method, &path, Some(body)).await;
        assert!(reply.status.is_client_error() || path.ends_with("/validate"), "{path} {reply:?}");
        needles.search(&format!("the refusal of {path}"), &reply.body);
    }
    let headers = [("content-type", "application/json")];
    let broken = admin.raw(Method::PUT, path, &headers, format!("{{\"values\": {{\"API_KEY\": {quoted} {core}")).await;
    broken.fails_with(400, "malformed_request");
    needles.search("the refusal of broken JSON", &broken.body);
}

async fn until_status(admin: &Client, id: &str, wanted: &str) {
    until(wanted, async || (admin.get(&format!("/api/services/{id}")).await.json()["status"] == wanted).then_some(())).await;
}

/// Waits until the service has printed something that it can't say before it has the newest version.
async fn until_printed(admin: &Client, id: &str, text: &str) {
    until(text, async || {
        let page = admin.get(&format!("/api/logs/services/{id}?limit=1000&q={text}")).await.json();
        page["items"].as_array().is_some_and(|lines| !lines.is_empty()).then_some(())
    })
    .await;
}

async fn story(kind: StoreKind) {
    let store = TestStore::new(kind).await;
    let _said = Said(log(&store));
    let mut needles = Needles::default();
    let program = start(&store);
    let admin = program.admin().await;
    let roles = Roles::sign_in(&program).await;
    let id = make(&admin, store.folder(), &mut needles).await;
    let (service, path) = (format!("/api/services/{id}"), format!("/api/config/services/{id}"));
    name_secrets(&admin, &mut needles).await;
    let frames = Frames::listen(&roles, &id).await;

    // Told by its files and settings: nothing is saved yet.
    assert_eq!(admin.post(&format!("{service}/start"), json!({})).await.status, 202);
    until_status(&admin, &id, "running").await;
    until_printed(&admin, &id, "SETTINGS_TOKEN").await;
    everywhere(&roles, &id, &mut needles, "before it is configured").await;

    configure(&admin, &path, &mut needles).await;
    until_status(&admin, &id, "running").await;
    until_printed(&admin, &id, "REPLACED_TOKEN").await;
    assert_eq!(admin.post(&format!("{service}/restart"), json!({})).await.status, 202);
    until_printed(&admin, &id, "ENV_TOKEN").await;
    refuse(&admin, &path, &mut needles).await;
    // What is shown to somebody is in the audit from now on.
    for field in ["/LOGGED_TOKEN", "/KEYS", "/DATABASE/hosts/0/token"] {
        let shown = admin.post(&format!("{path}/reveal"), json!({"password": PASSWORD, "field": field})).await;
        assert!(shown.status == 200 && !needles.found_in(&shown.body).is_empty(), "{shown:?}");
    }
    // A secret of a webhook is told in the answer to making it, and never again.
    let made = admin.post(&format!("/api/deploy/services/{id}/hooks"), json!({"name": "forge"})).await.json();
    needles.plant_told("of a webhook", made["secret"].as_str().unwrap());
    let path_of_hook = made["hook"]["address"].as_str().unwrap().to_owned();
    let called = admin.raw(Method::POST, &path_of_hook, &[("x-gitlab-token", "wrong")], "{}").await;
    called.fails_with(401, "not_signed_in");
    let told = [("x-gitlab-token", made["secret"].as_str().unwrap())];
    let ignored = admin.raw(Method::POST, &path_of_hook, &told, r#"{"object_kind": "issue"}"#).await;
    assert_eq!(ignored.status, 200, "{ignored:?}");
    // So is the text of an API token, which is used, and used wrongly, after that.
    let made = admin.post("/api/tokens", json!({"name": "pipeline", "scopes": ["read"]})).await.json();
    let told = made["token"].as_str().unwrap();
    needles.plant_told("of an API token", told);
    let (good, wrong) = (Client { token: Some(told.into()), ..admin.clone() }, Client { token: Some(format!("{told}x")), ..admin.clone() });
    assert_eq!(good.get("/api/auth/me").await.status, 200);
    needles.search("the answer to a wrong token", &wrong.get("/api/auth/me").await.body);
    everywhere(&roles, &id, &mut needles, "while it runs").await;
    needles.search("the command line of a process", &processes());

    // Deployed, once so that it is well, and once so that it is taken back.
    let unchecked = admin.patch(&service, json!({"health": {"kind": "none"}})).await;
    assert_eq!(unchecked.status, 200, "{unchecked:?}");
    for (values, ends) in [(json!({}), "succeeded"), (json!({"CRASH": 1}), "rolled_back")] {
        let body = json!({"configuration": {"values": values}, "message": "planted"});
        let taken = admin.post(&format!("/api/deploy/services/{id}"), body).await;
        assert_eq!(taken.status, 202, "{taken:?}");
        let status = format!("/api/deploy/status/{}", taken.json()["deployment_id"].as_str().unwrap());
        let now = until("it is over", async || {
            let now = admin.get(&status).await.json();
            (!["pending", "running"].contains(&now["status"].as_str().unwrap())).then_some(now)
        })
        .await;
        assert_eq!(now["status"], ends, "{now}");
    }
    everywhere(&roles, &id, &mut needles, "after deployments").await;

    // A backup has every one of them, and shows none; what it would do says none either.
    // How often somebody may say their password is limited, so it is another Admin.
    let keeper = admin.post("/api/users", json!({"username": "keeper", "password": PASSWORD, "role": "admin"})).await;
    assert_eq!(keeper.status, 201, "{keeper:?}");
    let keeper = program.nobody().signed_in("keeper", PASSWORD).await;
    let backup = backup::back_up(&keeper).await;
    assert!(backup.len() > 5_000, "it has all versions: {}", backup.len());
    needles.search("a backup", &backup);
    let restored = backup::restore(&keeper, &[("newest", "true")], &backup).await;
    assert_eq!((restored.status.as_u16(), restored.json()["services"][0]["saved"].is_null()), (200, true), "{restored:?}");
    needles.search("the answer to restoring a backup", &restored.body);
    let refused = backup::restore(&keeper, &[], &backup[..backup.len() - 1]).await;
    assert_eq!(refused.status, 422, "{refused:?}");
    needles.search("the refusal of a backup", &refused.body);

    let told = admin.get(&path).await.json();
    let mut values = told["values"].clone();
    values["CRASH"] = json!(1);
    let saved = put(&admin, &path, json!({"values": values, "version": told["version"], "restart": true})).await;
    assert_eq!(saved.status, 200, "{saved:?}");
    until("it has crashed", async || {
        let incidents = admin.get(&format!("{service}/incidents")).await.json();
        incidents["items"].as_array().is_some_and(|all| !all.is_empty()).then_some(())
    })
    .await;
    everywhere(&roles, &id, &mut needles, "after a crash").await;
    frames.search(&mut needles);

    drop(program);
    let program = start(&store);
    let roles = Roles::sign_in(&program).await;
    everywhere(&roles, &id, &mut needles, "after a restart of Pilothouse").await;
    drop(program);

    written(store.folder(), &mut needles);
    needles.search("the database", store.dump().await.as_bytes());
    needles.report();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_planted_secret_is_in_anything_that_pilothouse_writes_shows_or_sends() {
    for kind in [StoreKind::Sqlite, StoreKind::Postgres] {
        eprintln!("on {kind:?}");
        story(kind).await;
    }
}

#[test]
fn a_secret_is_found_in_each_form() {
    use base64::Engine;
    use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
    let mut needles = Needles::default();
    let value = needles.plant("here").value;
    let bytes = value.as_bytes();
    let escaped: String = form_urlencoded::byte_serialize(bytes).collect();
    let digits: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    let forms = [
        value.clone(),
        json!(value).to_string(),
        escaped,
        digits.to_lowercase(),
        digits,
        BASE64_STANDARD.encode(bytes),
        BASE64_URL_SAFE_NO_PAD.encode(bytes),
        BASE64_STANDARD.encode(format!("u{value}")),
        BASE64_URL_SAFE_NO_PAD.encode(format!("u:{value}:x")),
    ];
    for form in &forms {
        assert_eq!(needles.found_in(format!("before {form} after").as_bytes()), ["here"], "{form}");
    }
    assert_eq!(needles.found_in("before •••••• after".as_bytes()), Vec::<&str>::new());
    assert_ne!(PASSWORD, value);
}
