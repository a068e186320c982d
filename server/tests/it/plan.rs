//! What the first start of a new service would do: told before anything is made.

use std::net::TcpListener;

use http::Method;
use serde_json::{Value, json};

use crate::app::{TestApp, on_each_store};
use crate::compose::form_urlencoded;

const MAIN: &str = "from fastapi import FastAPI\napp = FastAPI()\n";

fn folder(app: &TestApp, requirements: Option<&str>) -> String {
    let folder = app.store.folder().join("orders");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("main.py"), MAIN).unwrap();
    std::fs::write(folder.join(".env"), "DATABASE_URL=postgres://app:secret@db/shop\n").unwrap();
    if let Some(requirements) = requirements {
        std::fs::write(folder.join("requirements.txt"), requirements).unwrap();
    }
    folder.display().to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_tells_what_would_be_done_and_makes_nothing() {
    on_each_store(async |app: TestApp| {
        let [viewer, developer, admin] = [app.sign_in("viewer").await, app.sign_in("developer").await, app.sign_in("admin").await];
        let folder = folder(&app, Some("fastapi\nuvicorn\n"));
        let new = |more: Value| {
            let mut new = json!({"name": "orders", "source": {"folder": folder}, "environment": {"MODE": "fast"}});
            new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            new
        };
        viewer.post("/api/services/plan", new(json!({}))).await.fails_with(403, "forbidden");
        developer.post("/api/services/plan", new(json!({}))).await.fails_with(403, "forbidden");
        let reply = admin.post("/api/services/plan", new(json!({}))).await;
        let plan = reply.json();
        assert_eq!(
            [&plan["obstacle"], &plan["runtime"], &plan["working_dir"]],
            [&Value::Null, &json!("process"), &json!(folder)],
            "{plan}"
        );
        let command: Vec<&str> = plan["command"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
        let port = plan["port"].as_u64().unwrap().to_string();
        assert!(
            command[0].ends_with("/bin/python") && command[1..] == ["-m", "uvicorn", "main:app", "--host", "127.0.0.1", "--port", &port]
        );
        assert_eq!(plan["preparation"].as_array().unwrap().len(), 2, "an environment, and what goes into it: {plan}");
        assert_eq!(plan["variables"], json!(["DATABASE_URL", "MODE", "PORT"]), "{plan}");
        assert!(!reply.text().contains("secret"), "values aren't told");

        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let plan = admin.post("/api/services/plan", new(json!({"port": port}))).await.json();
        let told = format!("{} {}", plan["obstacle"], plan["notes"]);
        assert!(told.contains(&format!("port {port} is taken by")), "{plan}");

        let reply = admin.post("/api/services/plan", new(json!({"name": "a b", "port": 0}))).await;
        assert_eq!(reply.fails_with(422, "validation_failed")["details"][0]["field"], "/name");
        let gone = json!({"name": "gone", "source": {"folder": "/nowhere/at/all"}});
        admin.post("/api/services/plan", gone).await.fails_with(422, "validation_failed");
        let image = json!({"name": "cache", "source": {"image": "redis:7"}});
        let plan = admin.post("/api/services/plan", image).await.json();
        assert!(plan["obstacle"].as_str().unwrap().contains("Docker is turned off"), "{plan}");
        assert_eq!(admin.get("/api/services").await.json()["total"], 0, "nothing was made");
        assert!(!app.store.config.data_dir.join("venvs").exists(), "and nothing was prepared");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_form_shows_the_plan_without_javascript_and_can_start_what_it_makes() {
    let app = TestApp::start().await;
    let admin = app.sign_in("admin").await;
    let folder = app.store.folder().display().to_string();
    let html = admin.raw(Method::GET, "/services/new", &[("accept", "text/html")], "").await.text();
    let token = html.split(r#"name="form_token" value=""#).nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned();
    let post = async |more: &[(&str, &str)]| {
        let fields = [
            ("form_token", token.as_str()),
            ("form[folder]", &folder),
            ("form[command]", "sleep 600"),
            ("form[port]", ""),
            ("form[environment]", ""),
            ("form[description]", "Waits"),
            ("form[restart]", "never"),
        ];
        let headers = [("accept", "text/html"), ("content-type", "application/x-www-form-urlencoded")];
        admin.raw(Method::POST, "/services/new", &headers, form_urlencoded(&[&fields, more].concat())).await
    };
    let html = post(&[("form[name]", "waiter"), ("plan", "true")]).await.text();
    assert!(html.contains("can be started") && html.contains("sleep 600") && html.contains("value=\"Waits\""), "{html}");
    let html = post(&[("form[name]", "no name"), ("plan", "true")]).await.text();
    assert!(html.contains("form-faults") && !html.contains("can be started"), "{html}");
    assert_eq!(admin.get("/api/services").await.json()["total"], 0);
    let reply = post(&[("form[name]", "waiter"), ("form[start]", "true")]).await;
    assert_eq!(reply.status, 303, "{reply:?}");
    let page = reply.header("location").to_owned();
    assert!(page.ends_with("?done=begun"), "{page}");
    let id = page.split('/').nth(2).and_then(|rest| rest.split('?').next()).unwrap().to_owned();
    let path = format!("/api/services/{id}");
    let status = crate::app::until("it runs", async || {
        Some(admin.get(&path).await.json()["status"].as_str()?.to_owned()).filter(|status| status == "running")
    });
    assert_eq!(status.await, "running");
    admin.post(&format!("{path}/stop"), json!({})).await;
    crate::app::until("it has stopped", async || (admin.get(&path).await.json()["status"] == "stopped").then_some(())).await;
}
