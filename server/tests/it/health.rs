//! Health checks from outside: who may set and try out which, and the settings that are posted without JavaScript.

use http::Method;
use serde_json::{Value, json};

use crate::app::{Client, TestApp, on_each_store, until};

/// A worker without a port that runs, made by an Admin.
async fn worker(app: &TestApp, admin: &Client) -> String {
    let folder = app.store.folder().display().to_string();
    let health = json!({"kind": "command", "command": ["true"], "interval_seconds": 1});
    let source = json!({"command": ["sleep", "1000"], "working_dir": folder});
    let made = admin.post("/api/services", json!({"name": "worker", "source": source, "health": health})).await;
    assert_eq!(made.status, 201, "{made:?}");
    let path = format!("/api/services/{}", made.json()["id"].as_str().unwrap());
    assert_eq!(admin.post(&format!("{path}/start"), json!({})).await.status, 202);
    until("it is well", async || (admin.get(&path).await.json()["health_status"] == "healthy").then_some(())).await;
    path
}

async fn stop(admin: &Client, path: &str) {
    assert_eq!(admin.post(&format!("{path}/stop"), json!({})).await.status, 202);
    until("it is stopped", async || (admin.get(path).await.json()["status"] == "stopped").then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_is_tried_out_by_those_who_may_save_it() {
    on_each_store(async |app: TestApp| {
        let [viewer, developer, admin] = [app.sign_in("viewer").await, app.sign_in("developer").await, app.sign_in("admin").await];
        let path = worker(&app, &admin).await;
        let test = format!("{path}/health/test");
        let command = |words: Value| json!({"kind": "command", "command": words});
        let found = admin.post(&test, command(json!(["sh", "-c", "echo bad; exit 3"]))).await;
        assert_eq!(found.status, 200, "{found:?}");
        let found = found.json();
        assert_eq!((&found["ok"], &found["message"]), (&json!(false), &json!("Command sh: exit code 3: bad")));
        assert_eq!((&found["asked"], &found["output"]), (&json!("Command sh"), &json!(["bad"])));
        assert_eq!(developer.post(&test, command(json!(["true"]))).await.json()["ok"], true, "it is the one that is saved");
        developer.post(&test, command(json!(["false"]))).await.fails_with(403, "forbidden");
        viewer.post(&test, command(json!(["true"]))).await.fails_with(403, "forbidden");
        developer.patch(&path, json!({"health": command(json!(["false"]))})).await.fails_with(403, "forbidden");

        let wrong = developer.post(&test, json!({"kind": "smoke"})).await.fails_with(422, "validation_failed");
        assert_eq!(wrong["details"][0]["field"], "/kind");
        let wrong = admin.post(&test, json!({"kind": "command"})).await.fails_with(422, "validation_failed");
        assert_eq!(wrong["details"][0]["field"], "/command");
        developer.post(&test, json!({"kind": "none"})).await.fails_with(422, "validation_failed");
        developer.post(&test, json!([])).await.fails_with(422, "validation_failed");
        stop(&admin, &path).await;
        developer.post(&test, json!({"kind": "tcp"})).await.fails_with(409, "conflict");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_that_are_posted_to_be_tried_out_come_back_as_they_were_typed() {
    let app = TestApp::start().await;
    let admin = app.sign_in("admin").await;
    let path = worker(&app, &admin).await;
    let page = format!("{}/settings", path.trim_start_matches("/api"));
    let html = admin.raw(Method::GET, &page, &[("accept", "text/html")], "").await.text();
    let token = html.split(r#"name="form_token" value=""#).nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned();
    let post = async |token: &str, page: &str| {
        let id = path.rsplit('/').next().unwrap();
        let body = format!(
            "form_token={token}&id={id}&form[name]=typed-name&form[description]=typed+words&form[port]=&form[environment]=A%3Dtyped\
             &form[restart]=never&form[stop_grace]=7&form[metrics_path]=/m&form[health_kind]=command\
             &form[health_command]=sh+-c+'echo+typed+reason;+exit+4'&form[health_path]=/kept&form[health_interval]=33&form[health_timeout]=5\
             &form[unhealthy_threshold]=3&form[healthy_threshold]=1&test=health"
        );
        admin.raw(Method::POST, page, &[("accept", "text/html"), ("content-type", "application/x-www-form-urlencoded")], body).await
    };
    let reply = post(&token, &page).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let html = reply.text();
    let shown = ["Command sh: exit code 4: typed reason", "typed-name", "typed words", "A=typed", r#"value="33""#, r#"value="/kept""#];
    for shown in shown.into_iter().chain([r#"<option value="command" selected"#, r#"<option value="never" selected"#, "exit 4'"]) {
        assert!(html.contains(shown), "{shown} is missing: {html}");
    }
    assert_eq!(admin.get(&path).await.json()["name"], "worker", "nothing is saved");
    let html = post("another", &page).await.text();
    assert!(html.contains("This form belongs to another sign-in") && html.contains("typed-name"), "{html}");
    assert!(!html.contains("Command sh: exit code 4"), "nothing is run");
    let elsewhere = post(&token, &page.replace("settings", "logs")).await;
    assert!(!elsewhere.text().contains("Command sh: exit code 4"), "{elsewhere:?}");
    stop(&admin, &path).await;
}
