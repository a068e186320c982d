//! What services are told, over REST: found, saved, compared, gone back to, and never with a secret in clear.

use std::path::Path;
use std::sync::Mutex;

use http::Method;
use serde_json::{Value, json};

use crate::app::{Client, PASSWORD, TestApp, on_each_store, until};
use crate::compose::form_urlencoded;
use crate::survival::Program;

const SETTINGS: &str = "from fastapi import FastAPI
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

class Settings(BaseSettings):
    greeting: str = 'hello'
    workers: int = Field(2, ge=1, le=64, description='Processes that answer')
    database_password: SecretStr

settings = Settings()
app = FastAPI()
";
const PLANTED: &str = "planted-9f31c-word";

async fn make(admin: &Client, folder: &Path) -> String {
    let folder = folder.join("orders");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("main.py"), SETTINGS).unwrap();
    std::fs::write(folder.join(".env"), format!("GREETING=good day\nDATABASE_PASSWORD={PLANTED}\n")).unwrap();
    let reply = admin.post("/api/services", json!({"name": "orders", "source": {"folder": folder}})).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    format!("/api/config/services/{}", reply.json()["id"].as_str().unwrap())
}

async fn put(client: &Client, path: &str, body: Value) -> crate::app::Reply {
    client.send(Method::PUT, path, Some(body)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_configuration_is_found_saved_compared_and_gone_back_to() {
    on_each_store(async |app: TestApp| {
        let [viewer, developer, admin] = [app.sign_in("viewer").await, app.sign_in("developer").await, app.sign_in("admin").await];
        let path = make(&admin, app.store.folder()).await;
        let found = viewer.get(&path).await.json();
        assert_eq!([&found["version"], &found["schema_source"], &found["faults"]], [&json!(1), &json!("inferred"), &json!([])], "{found}");
        assert_eq!(found["values"], json!({"GREETING": "good day", "DATABASE_PASSWORD": "********"}), "{found}");
        let workers = &found["schema"]["properties"]["WORKERS"];
        assert_eq!([&workers["type"], &workers["maximum"], &workers["default"]], [&json!("integer"), &json!(64), &json!(2)], "{found}");

        let mut values = found["values"].clone();
        values["WORKERS"] = json!(65);
        let wrong = json!({"values": values, "version": 1, "message": "more"});
        put(&viewer, &path, wrong.clone()).await.fails_with(403, "forbidden");
        let error = put(&developer, &path, wrong.clone()).await.fails_with(422, "validation_failed");
        assert_eq!(error["details"][0]["field"], "/values/WORKERS", "{error}");
        let verdict = viewer.post(&format!("{path}/validate"), json!({"values": values})).await.json();
        assert_eq!([&verdict["valid"], &verdict["details"][0]["field"]], [&json!(false), &json!("/values/WORKERS")]);

        values["WORKERS"] = json!(8);
        let saved = put(&developer, &path, json!({"values": values, "version": 1, "message": "more"})).await;
        assert_eq!(saved.status, 200, "{saved:?}");
        assert_eq!([&saved.json()["version"], &saved.json()["updated_by"]], [&json!(2), &json!("developer")]);
        let error = put(&admin, &path, wrong).await.fails_with(409, "conflict");
        assert_eq!(error["details"][0]["field"], "/version", "{error}");

        let listed = viewer.get(&format!("{path}/versions")).await.json();
        let told: Vec<_> = listed["items"].as_array().unwrap().iter().map(|one| (one["version"].clone(), one["kind"].clone())).collect();
        assert_eq!(told, [(json!(2), json!("saved")), (json!(1), json!("found"))]);
        let difference = viewer.get(&format!("{path}/difference?from=1&to=2")).await.json();
        assert_eq!(difference["changes"], json!([{"field": "/WORKERS", "after": 8}]));
        viewer.get(&format!("{path}/difference?from=1&to=7")).await.fails_with(404, "not_found");
        viewer.get(&format!("{path}/versions/7")).await.fails_with(404, "not_found");
        assert_eq!(viewer.get(&format!("{path}/versions/1")).await.json()["values"], found["values"]);
        let restored = developer.post(&format!("{path}/restore"), json!({"version": 1})).await.json();
        assert_eq!([&restored["version"], &restored["values"]], [&json!(3), &found["values"]]);
        let reset = developer.post(&format!("{path}/reset"), json!({"version": 3, "names": ["GREETING"]})).await.json();
        assert_eq!(reset["values"]["GREETING"], "hello", "{reset}");

        let pages =
            [&path, &format!("{path}/versions"), &format!("{path}/difference?from=1&to=4"), &"/api/activity".to_owned()].map(String::clone);
        for page in &pages {
            for client in [&viewer, &developer, &admin] {
                assert!(!client.get(page).await.text().contains(PLANTED), "{page}");
            }
        }
        let files = std::fs::read_dir(&app.store.config.data_dir).unwrap().filter_map(|entry| Some(entry.ok()?.path()));
        for file in files.filter(|file| file.is_file()) {
            let bytes = std::fs::read(&file).unwrap();
            let at = bytes.windows(PLANTED.len()).position(|part| part == PLANTED.as_bytes());
            let around = at.map(|at| String::from_utf8_lossy(&bytes[at.saturating_sub(120)..at + PLANTED.len()]).into_owned());
            assert_eq!(around, None, "{}", file.display());
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_values_and_schemas_are_refused() {
    let app = TestApp::start().await;
    let admin = app.sign_in("admin").await;
    let path = make(&admin, app.store.folder()).await;
    let deep = (0..100).fold(json!(1), |inner, _| json!([inner]));
    let many: serde_json::Map<_, _> = (0..10_001).map(|n| (format!("N{n}"), json!(n))).collect();
    for values in
        [json!({"A": deep}), Value::Object(many), json!([]), json!("x"), json!({"A=B": 1}), json!({"": 1}), json!({"PILOTHOUSE_A": 1})]
    {
        let error = put(&admin, &path, json!({"values": values, "version": 1})).await.fails_with(422, "validation_failed");
        assert!(error["details"][0]["field"].as_str().unwrap().starts_with("/values"), "{error}");
    }
    for schema in [
        json!({"type": "nothing"}),
        json!({"$ref": "http://127.0.0.1:1/x"}),
        json!({"$ref": "#"}),
        json!({"properties": {"A": {"pattern": "(a{1000}){1000}"}}}),
        json!({"properties": {"A": {"pattern": "("}}}),
        (0..100).fold(json!({}), |inner, _| json!({"not": inner})),
        json!(7),
    ] {
        let error = put(&admin, &format!("{path}/schema"), json!({"schema": schema})).await.fails_with(422, "validation_failed");
        assert!(error["details"][0]["field"].as_str().unwrap().starts_with("/schema"), "{error}");
    }
    assert_eq!(admin.get(&path).await.json()["version"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_version_whose_saving_was_answered_is_there_whole_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let program = Program::start(folder.path());
    let admin = program.admin().await;
    let path = make(&admin, folder.path()).await;
    let answered: Mutex<u64> = Mutex::new(1);
    let saving = async {
        loop {
            let version = *answered.lock().unwrap();
            let both = format!("both-{}", version + 1);
            let values = json!({"A": both, "B": both, "DATABASE_PASSWORD": "********"});
            let body = json!({"values": values, "version": version});
            let Ok(reply) = admin.try_put(&path, &body).await else { return };
            assert_eq!(reply.status, 200, "{reply:?}");
            *answered.lock().unwrap() = reply.json()["version"].as_u64().unwrap();
        }
    };
    let killed = async {
        until("some are saved", async || (*answered.lock().unwrap() >= 20).then_some(())).await;
        drop(program);
    };
    tokio::join!(saving, killed);

    let program = Program::start(folder.path());
    let admin = program.admin().await;
    let answered = answered.into_inner().unwrap();
    let kept = admin.get(&path).await.json();
    let version = kept["version"].as_u64().unwrap();
    assert!(version == answered || version == answered + 1, "{version} of {answered} that were answered");
    assert_eq!([&kept["values"]["A"], &kept["values"]["B"]], [&json!(format!("both-{version}")); 2], "never mixed");
    let listed = admin.get(&format!("{path}/versions")).await.json();
    assert_eq!(listed["items"].as_array().unwrap().len() as u64, version, "with all before it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_configuration_goes_out_as_a_file_and_comes_in_as_text() {
    on_each_store(async |app: TestApp| {
        let [viewer, developer, admin] = [app.sign_in("viewer").await, app.sign_in("developer").await, app.sign_in("admin").await];
        let path = make(&admin, app.store.folder()).await;
        let types = [
            ("json", "application/json"),
            ("yaml", "application/yaml"),
            ("toml", "application/toml"),
            ("env", "text/plain; charset=utf-8"),
        ];
        for (format, media_type) in types {
            let reply = viewer.get(&format!("{path}/export?format={format}")).await;
            assert_eq!((reply.status.as_u16(), reply.header("content-type")), (200, media_type), "{reply:?}");
            assert_eq!(reply.header("content-disposition"), format!("attachment; filename=\"orders.{format}\""));
            assert_eq!(reply.header("cache-control"), "no-store");
            assert!(reply.text().contains("good day") && reply.text().contains("********") && !reply.text().contains(PLANTED), "{reply:?}");
        }
        viewer.get(&format!("{path}/export?format=xml")).await.fails_with(422, "validation_failed");

        let yaml = format!("# how it greets\nGREETING: hi\nDATABASE_PASSWORD: \"********\" # {PLANTED}\nWORKERS: 4\n");
        let body = json!({"format": "yaml", "text": yaml, "version": 1});
        viewer.post(&format!("{path}/import"), body.clone()).await.fails_with(403, "forbidden");
        let done = developer.post(&format!("{path}/import"), body).await.json();
        assert_eq!(
            [&done["saved"], &done["version"], &done["changes"][0]["field"]],
            [&json!(true), &json!(2), &json!("/GREETING")],
            "{done}"
        );
        let text = viewer.get(&format!("{path}/export?format=yaml")).await.text();
        assert_eq!(text, "# how it greets\nGREETING: hi\nDATABASE_PASSWORD: \"********\" # ********\nWORKERS: 4\n");
        let wrong = json!({"format": "env", "text": "GREETING=x\nWORKERS=many\n", "mode": "merge"});
        let error = developer.post(&format!("{path}/import"), wrong).await.fails_with(422, "validation_failed");
        assert_eq!(error["details"][0]["field"], "/values/WORKERS", "{error}");
        let broken = json!({"format": "toml", "text": "A = 1\nB ="});
        let error = developer.post(&format!("{path}/import"), broken).await.fails_with(422, "validation_failed");
        assert_eq!(error["details"][0]["field"], "/text", "{error}");
        assert!(error["details"][0]["message"].as_str().unwrap().starts_with("line 2: "), "{error}");

        let all = viewer.get("/api/config/export?format=yaml").await.text();
        assert!(all.starts_with("services:\n  orders:\n") && !all.contains(PLANTED), "{all}");
        let body = json!({"format": "yaml", "text": all.replace("WORKERS: 4", "WORKERS: 5"), "mode": "merge", "dry_run": true});
        let asked = developer.post("/api/config/import", body).await.json();
        assert_eq!([&asked["items"][0]["saved"], &asked["items"][0]["changes"][0]["after"]], [&json!(false), &json!(5)], "{asked}");
        let hostile = format!("services:\n  orders:\n    A: &a [{}]\n    B: [{}]\n", "x,".repeat(1000), "*a,".repeat(1000));
        let body = json!({"format": "yaml", "text": hostile});
        let error = developer.post("/api/config/import", body).await.fails_with(422, "validation_failed");
        assert!(error["details"][0]["message"].as_str().unwrap().contains("too large"), "{error}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_change_is_looked_at_and_saved_for_many_services() {
    on_each_store(async |app: TestApp| {
        let [viewer, developer, admin] = [app.sign_in("viewer").await, app.sign_in("developer").await, app.sign_in("admin").await];
        let path = make(&admin, app.store.folder()).await;
        let id = path.rsplit('/').next().unwrap();
        let listed = viewer.get("/api/config/services?q=ORDERS&check=true").await.json();
        let one = &listed["items"][0];
        assert_eq!([&listed["total"], &one["service_id"], &one["version"]], [&json!(1), &json!(id), &json!(1)], "{listed}");
        assert_eq!([&one["fault_count"], &one["schema_source"]], [&json!(0), &json!("inferred")], "{listed}");
        let unchecked = viewer.get("/api/config/services").await.json();
        assert_eq!(unchecked["items"][0]["fault_count"], Value::Null, "{unchecked}");
        viewer.get("/api/config/services?show=everything").await.fails_with(422, "validation_failed");

        let body =
            |workers: Value, dry_run| json!({"services": [id], "set": {"WORKERS": workers}, "unset": ["GREETING"], "dry_run": dry_run});
        viewer.post("/api/config/change", body(json!(4), true)).await.fails_with(403, "forbidden");
        let error = developer.post("/api/config/change", body(json!(65), false)).await.fails_with(422, "validation_failed");
        assert_eq!(error["details"][0]["field"], "/services/0/WORKERS", "{error}");
        let asked = developer.post("/api/config/change", body(json!(65), true)).await.json();
        assert_eq!(asked["items"][0]["faults"][0]["field"], "/values/WORKERS", "{asked}");
        let secret = json!({"services": [id], "set": {"DATABASE_PASSWORD": "another-planted-word"}, "dry_run": true});
        let asked = developer.post("/api/config/change", secret).await.text();
        assert!(asked.contains("********") && !asked.contains("planted"), "{asked}");
        let done = developer.post("/api/config/change", body(json!(4), false)).await.json();
        assert_eq!(
            [&done["items"][0]["saved"], &done["items"][0]["version"], &done["restart"]],
            [&json!(true), &json!(2), &Value::Null],
            "{done}"
        );
        assert_eq!(viewer.get(&path).await.json()["values"], json!({"DATABASE_PASSWORD": "********", "WORKERS": 4}));

        viewer.post("/api/config/apply", json!({"dry_run": true})).await.fails_with(403, "forbidden");
        let left = developer.post("/api/config/apply", json!({"services": [id], "dry_run": true})).await.json();
        assert_eq!([&left["action"], &left["items"][0]["outcome"]], [&json!("restart"), &json!("skipped")], "{left}");
        assert_eq!(developer.post("/api/config/apply", json!({})).await.json()["items"], json!([]));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_is_shown_by_a_form_without_javascript_on_a_page_that_can_be_opened() {
    on_each_store(async |app: TestApp| {
        let [developer, admin] = [app.sign_in("developer").await, app.sign_in("admin").await];
        let path = make(&admin, app.store.folder()).await;
        let id = path.rsplit('/').next().unwrap();
        let page = format!("/services/{id}/configuration/secret");
        let opened = developer.raw(Method::GET, &format!("{page}?field=/DATABASE_PASSWORD"), &[("accept", "text/html")], "").await;
        let html = opened.text();
        assert!(opened.status == 200 && html.contains(r#"value="/DATABASE_PASSWORD""#) && !html.contains(PLANTED), "{html}");
        let token = html.split(r#"name="form_token" value=""#).nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned();
        let post = async |path: &str, password: &str| {
            let fields = [("id", id), ("field", "/DATABASE_PASSWORD"), ("password", password), ("form_token", token.as_str())];
            let headers = [("accept", "text/html"), ("content-type", "application/x-www-form-urlencoded")];
            developer.raw(Method::POST, path, &headers, form_urlencoded(&fields)).await
        };
        let shown = post(&page, PASSWORD).await;
        assert!(shown.status == 200 && shown.text().contains(PLANTED), "{}", shown.text());
        let refused = post(&page, "another one").await.text();
        assert!(refused.contains("present password") && !refused.contains(PLANTED), "{refused}");
        assert_eq!(post(&format!("/services/{id}/configuration/versions"), PASSWORD).await.status, 405);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_are_changed_and_imported_by_forms_without_javascript() {
    on_each_store(async |app: TestApp| {
        let [developer, admin] = [app.sign_in("developer").await, app.sign_in("admin").await];
        let path = make(&admin, app.store.folder()).await;
        let id = path.rsplit('/').next().unwrap();
        let html = developer.raw(Method::GET, "/configuration?check=true", &[("accept", "text/html")], "").await.text();
        assert!(html.contains("orders") && html.contains("All 1:") && !html.contains(PLANTED), "{html}");
        let token = html.split(r#"name="form_token" value=""#).nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned();
        let post = async |path: &str, fields: &[(&str, &str)]| {
            let body = form_urlencoded(&[fields, &[("form_token", token.as_str())]].concat());
            let headers = [("accept", "text/html"), ("content-type", "application/x-www-form-urlencoded")];
            developer.raw(Method::POST, path, &headers, body).await
        };

        let change = |name, value| [("form[ids]", id), ("form[name]", name), ("form[value]", value), ("form[message]", "more")];
        let page = post("/configuration/change", &change("WORKERS", "4")).await;
        assert_eq!(page.status, 200, "{page:?}");
        assert!(page.text().contains("Save it for 1 service"), "{}", page.text());
        for (name, value) in [("DATABASE_PASSWORD", "another-planted-word"), ("WORKERS", "another-planted-word")] {
            let page = post("/configuration/change", &change(name, value)).await.text();
            assert!(page.contains("put it in once more") && !page.contains("another-planted-word"), "{page}");
        }
        let saved = post("/configuration/change", &[&change("WORKERS", "4")[..], &[("make", "true")]].concat()).await;
        assert_eq!((saved.status.as_u16(), saved.header("location")), (303, "/configuration?done=saved&saved=1&same=0"));
        assert_eq!(admin.get(&path).await.json()["values"]["WORKERS"], 4, "the schema says that it is a number");
        let out = post("/rpc/change_configurations", &[("form[ids]", id), ("form[name]", "WORKERS"), ("form[without]", "true")]).await;
        assert_eq!(out.header("location"), "/configuration?done=saved&saved=1&same=0");

        let text = "services:\r\n  orders:\r\n    WORKERS: 3\r\n";
        let import = [("form[format]", "yaml"), ("form[mode]", "merge"), ("text", text)];
        let page = post("/configuration/import", &import).await.text();
        assert!(page.contains("It changes 1 service") && page.contains("put it in once more"), "{page}");
        let saved = post("/configuration/import", &[&import[..], &[("make", "true")]].concat()).await;
        assert_eq!(saved.header("location"), "/configuration?done=saved&saved=1&same=0");
        assert_eq!(admin.get(&path).await.json()["values"]["WORKERS"], 3);
        assert_eq!(post("/configuration/nothing", &[]).await.status, 405);
        let left = post("/rpc/apply_configurations", &[("ids", id)]).await.header("location").to_owned();
        assert!(!left.contains("/services/bulk"), "it doesn't run, so nothing is left to apply: {left}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_of_a_configuration_is_shown_to_who_may_for_their_password_and_that_is_in_the_audit() {
    on_each_store(async |app: TestApp| {
        let [viewer, developer, admin] = [app.sign_in("viewer").await, app.sign_in("developer").await, app.sign_in("admin").await];
        let path = make(&admin, app.store.folder()).await;
        let reveal = format!("{path}/reveal");
        let asked = |field: &str| json!({"password": PASSWORD, "field": field});
        let found = developer.post(&reveal, asked("/DATABASE_PASSWORD")).await;
        assert_eq!((found.json(), found.header("cache-control")), (json!({"value": PLANTED, "version": 1}), "no-store"), "{found:?}");
        let schema = json!({"properties": {"DATABASE": {"properties": {"password": {"writeOnly": true}}}, "KEYS": {"writeOnly": true}}});
        assert_eq!(put(&admin, &format!("{path}/schema"), json!({"schema": schema})).await.status, 200);
        let values =
            json!({"OPEN": "x", "DATABASE_PASSWORD": "another-one", "DATABASE": {"password": "inner", "host": "h"}, "KEYS": ["k", 1]});
        assert_eq!(put(&admin, &path, json!({"values": values, "version": 1})).await.status, 200);

        for (field, value) in [
            ("/DATABASE_PASSWORD", "another-one"),
            ("/DATABASE/password", "inner"),
            ("/KEYS", "[\"k\",1]"),
            ("/KEYS/0", "k"),
            ("/KEYS/1", "1"),
        ] {
            for client in [&developer, &admin] {
                let shown = client.post(&reveal, asked(field)).await;
                assert_eq!(shown.json(), json!({"value": value, "version": 2}), "{field}");
            }
            viewer.post(&reveal, asked(field)).await.fails_with(403, "forbidden");
            app.nobody().post(&reveal, asked(field)).await.fails_with(401, "not_signed_in");
        }
        let earlier = json!({"password": PASSWORD, "field": "/DATABASE_PASSWORD", "version": 1});
        assert_eq!(developer.post(&reveal, earlier).await.json()["value"], PLANTED);

        let wrong = json!({"password": "wrong", "field": "/DATABASE_PASSWORD"});
        let error = developer.post(&reveal, wrong).await.fails_with(422, "validation_failed");
        assert_eq!(error["details"][0]["field"], "/password", "{error}");
        for (field, status, code) in [
            ("/OPEN", 422, "validation_failed"),
            ("/DATABASE", 422, "validation_failed"),
            ("/DATABASE/host", 422, "validation_failed"),
            ("DATABASE_PASSWORD", 422, "validation_failed"),
            ("/DATABASE_PASS", 404, "not_found"),
            ("/DATABASE_PASSWORD/0", 404, "not_found"),
            ("", 422, "validation_failed"),
        ] {
            let error = developer.post(&reveal, asked(field)).await.fails_with(status, code);
            assert_eq!(error["details"][0]["field"], "/field", "{field}: {error}");
        }
        let gone = json!({"password": PASSWORD, "field": "/DATABASE_PASSWORD", "version": 9});
        developer.post(&reveal, gone).await.fails_with(404, "not_found");
        let malformed = json!({"password": PASSWORD});
        developer.post(&reveal, malformed).await.fails_with(422, "validation_failed");

        let audit = admin.get("/api/activity?kind=secret.revealed").await;
        let events = audit.json()["items"].as_array().unwrap().clone();
        assert_eq!(events.len(), 12, "{audit:?}");
        assert_eq!(events[0]["data"], json!({"field": "/DATABASE_PASSWORD", "version": 1}));
        assert_eq!([&events[0]["actor"], &events[0]["service_name"]], ["developer", "orders"]);
        for value in [PLANTED, "another-one", "inner"] {
            assert!(!audit.text().contains(value), "{audit:?}");
        }
        assert_eq!(developer.get("/api/activity?kind=secret.revealed").await.json()["items"], json!([]));
    })
    .await;
}
