//! Templates over REST: listed, shown, made and run for real, with FastAPI from PyPI.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use crate::app::{Client, TestApp, on_each_store, until};
use crate::compose::form_urlencoded;

fn of(name: &str, template: &str, variables: &Value) -> Value {
    json!({"name": name, "source": {"template": template, "variables": variables}})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn templates_are_listed_shown_and_made_services_of() {
    on_each_store(async |app: TestApp| {
        let [viewer, developer, admin] = [app.sign_in("viewer").await, app.sign_in("developer").await, app.sign_in("admin").await];
        let listed = viewer.get("/api/templates").await.json();
        assert_eq!([&listed["total"], &listed["next_cursor"]], [&json!(3), &Value::Null], "{listed}");
        let items = listed["items"].as_array().unwrap();
        let told: Vec<_> = items.iter().map(|one| [&one["id"], &one["version"], &one["status"], &one["services_count"]]).collect();
        for (told, id) in told.into_iter().zip(["background-worker", "base-service", "crud-data-service"]) {
            assert_eq!(told, [&json!(id), &json!(1), &json!("ready"), &json!(0)], "{listed}");
        }
        assert_eq!(items[1]["variables_schema"]["properties"]["greeting"]["default"], "Hello", "{listed}");
        let shown = viewer.get("/api/templates/base-service").await.json();
        let files: Vec<_> = shown["files"].as_array().unwrap().iter().map(|file| file["name"].as_str().unwrap()).collect();
        assert_eq!((files, &shown["services"]), (vec![".env", "README.md", "main.py", "requirements.txt"], &json!([])));
        assert_eq!(shown["configuration_schema"]["properties"]["GREETING"]["type"], "string", "{shown}");
        viewer.get("/api/templates/nothing").await.fails_with(404, "not_found");
        app.nobody().get("/api/templates").await.fails_with(401, "not_signed_in");

        let new = of("shop", "base-service", &json!({"greeting": "Good \"day\"\\"}));
        viewer.post("/api/services", new.clone()).await.fails_with(403, "forbidden");
        let plan = developer.post("/api/services/plan", new.clone()).await.json();
        assert_eq!(plan["files"].as_array().unwrap().len(), 4, "{plan}");
        assert_eq!([&plan["variables"], &plan["obstacle"]], [&json!(["GREETING", "PORT", "TITLE"]), &Value::Null], "{plan}");
        let made = developer.post("/api/services", new.clone()).await;
        assert_eq!(made.status, 201, "{made:?}");
        assert_eq!(made.json()["spec"]["template"], json!({"id": "base-service", "version": 1}), "{made:?}");
        developer.post("/api/services", new).await.fails_with(409, "conflict");
        std::fs::create_dir(app.store.folder().join("services/there")).unwrap();
        let error = developer.post("/api/services", of("there", "base-service", &json!({}))).await.fails_with(409, "conflict");
        assert!(error["message"].as_str().unwrap().contains("choose another name"), "{error}");
        for (variables, field) in [
            (json!({"greeting": 7}), "/source/variables/greeting"),
            (json!({"other": "x"}), "/source/variables/other"),
            (json!([]), "/source/variables"),
            (json!({"greeting": "a\nPATH=/tmp"}), "/source/variables/greeting"),
        ] {
            let error = admin.post("/api/services", of("wrong", "base-service", &variables)).await.fails_with(422, "validation_failed");
            assert_eq!(error["details"][0]["field"], field, "{error}");
        }
        for name in ["../x", ".hidden", "a/b", ""] {
            let error = admin.post("/api/services", of(name, "base-service", &json!({}))).await.fails_with(422, "validation_failed");
            assert_eq!(error["details"][0]["field"], "/name", "{error}");
        }
        let error = admin.post("/api/services", of("wrong", "../base-service", &json!({}))).await.fails_with(422, "validation_failed");
        assert_eq!(error["details"][0]["field"], "/source/template", "{error}");
        let shown = viewer.get("/api/templates/base-service").await.json();
        assert_eq!([&shown["services_count"], &shown["services"][0]["name"]], [&json!(1), &json!("shop")], "{shown}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_made_of_each_template_runs_and_is_configured_by_its_schema() {
    let app = TestApp::start().await;
    let developer = app.sign_in("developer").await;
    let variables = [
        ("base-service", json!({"greeting": "Good \"day\" #1"}), json!({"GREETING": ""}), "/values/GREETING"),
        ("crud-data-service", json!({"max_page": 5}), json!({"MAX_PAGE": 0}), "/values/MAX_PAGE"),
        ("background-worker", json!({"interval_seconds": 1}), json!({"INTERVAL_SECONDS": "often"}), "/values/INTERVAL_SECONDS"),
    ];
    let mut made = Vec::new();
    for (template, variables, wrong, field) in variables {
        let reply = developer.post("/api/services", of(template, template, &variables)).await;
        assert_eq!(reply.status, 201, "{reply:?}");
        let id = reply.json()["id"].as_str().unwrap().to_owned();
        let path = format!("/api/config/services/{id}");
        let found = developer.get(&path).await.json();
        assert_eq!([&found["schema_source"], &found["faults"]], [&json!("template"), &json!([])], "{found}");
        let saved = developer.send(Method::PUT, &path, Some(json!({"values": wrong, "version": 1}))).await;
        assert_eq!(saved.fails_with(422, "validation_failed")["details"][0]["field"], field);
        assert_eq!(developer.post(&format!("/api/services/{id}/start"), json!({})).await.status, 202);
        made.push(id);
    }
    let [base, data, worker] = made.try_into().unwrap();
    for id in [&base, &data] {
        runs(&developer, id, "healthy").await;
    }
    let (status, greeting) = ask(&developer, &base, Method::GET, "/?name=Ada", None).await;
    assert_eq!((status, &greeting["message"]), (200, &json!("Good \"day\" #1, Ada!")), "{greeting}");

    let item = json!({"name": "nails", "quantity": 3});
    let (status, kept) = ask(&developer, &data, Method::POST, "/items", Some(item.clone())).await;
    assert_eq!((status, &kept["id"]), (201, &json!(1)), "{kept}");
    assert_eq!(ask(&developer, &data, Method::POST, "/items", Some(item)).await.0, 409);
    assert_eq!(ask(&developer, &data, Method::POST, "/items", Some(json!({"name": "", "quantity": -1}))).await.0, 422);
    let (status, changed) = ask(&developer, &data, Method::PUT, "/items/1", Some(json!({"name": "screws"}))).await;
    assert_eq!((status, &changed["quantity"]), (200, &json!(0)), "{changed}");
    let (status, listed) = ask(&developer, &data, Method::GET, "/items?limit=5", None).await;
    assert_eq!((status, &listed["total"], &listed["items"][0]["name"]), (200, &json!(1), &json!("screws")), "{listed}");
    assert_eq!(ask(&developer, &data, Method::GET, "/items?limit=6", None).await.0, 422, "its variable says 5");
    assert_eq!(ask(&developer, &data, Method::DELETE, "/items/1", None).await.0, 204);
    assert_eq!(ask(&developer, &data, Method::GET, "/items/1", None).await.0, 404);

    runs(&developer, &worker, "unknown").await;
    let says = async |text: &str| {
        let path = format!("/api/logs/services/{worker}");
        until(text, async || developer.get(&path).await.text().contains(text).then_some(())).await;
    };
    says("Looking for work, round 2").await;
    for id in [&base, &data, &worker] {
        developer.post(&format!("/api/services/{id}/stop"), json!({})).await;
        let path = format!("/api/services/{id}");
        let stopped =
            until("it has stopped", async || Some(developer.get(&path).await.json()).filter(|service| service["status"] == "stopped"));
        stopped.await;
    }
    says("ends after").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_of_a_template_makes_a_service_without_javascript() {
    let app = TestApp::start().await;
    let developer = app.sign_in("developer").await;
    let page = "/templates/background-worker";
    let html = developer.raw(Method::GET, page, &[("accept", "text/html")], "").await.text();
    let token = html.split(r#"name="form_token" value=""#).nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned();
    let post = async |interval: &str| {
        let fields = [
            ("template", "background-worker"),
            ("form_token", token.as_str()),
            ("form[name]", "worker"),
            ("form[description]", "Looks"),
            ("form[variables][task]", "Counting \"sheep\""),
            ("form[variables][interval_seconds]", interval),
        ];
        let headers = [("accept", "text/html"), ("content-type", "application/x-www-form-urlencoded")];
        developer.raw(Method::POST, page, &headers, form_urlencoded(&fields)).await
    };
    for wrong in ["0", "soon"] {
        let html = post(wrong).await.text();
        assert!(html.contains("The variable interval_seconds") && html.contains("value=\"Counting &quot;sheep&quot;\""), "{html}");
    }
    assert_eq!(developer.get("/api/services").await.json()["total"], 0);
    let reply = post("").await;
    assert_eq!(reply.status, 303, "{reply:?}");
    let page = reply.header("location").to_owned();
    assert!(page.starts_with("/services/") && page.ends_with("?done=made"), "{page}");
    let env = std::fs::read_to_string(app.store.folder().join("services/worker/.env")).unwrap();
    assert_eq!(env, "INTERVAL_SECONDS=10\nTASK=Counting \"sheep\"\n");
    assert_eq!(developer.get("/api/services").await.json()["items"][0]["description"], "Looks");
}

/// Waits until a service runs and is as healthy as that. The first start makes its environment, which may take a while.
async fn runs(client: &Client, id: &str, health: &str) {
    let path = format!("/api/services/{id}");
    let deadline = tokio::time::Instant::now() + Duration::from_secs(240);
    loop {
        let service = client.get(&path).await.json();
        if service["status"] == "running" && service["health_status"] == health {
            return;
        }
        assert_ne!(service["status"], "error", "{service}");
        assert!(tokio::time::Instant::now() < deadline, "{service}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Asks a service itself.
async fn ask(client: &Client, id: &str, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
    let port = client.get(&format!("/api/services/{id}")).await.json()["port"].as_u64().unwrap();
    let service = Client { address: ([127, 0, 0, 1], u16::try_from(port).unwrap()).into(), token: None, refresh_token: None };
    let reply = service.send(method, path, body).await;
    let said = if reply.body.is_empty() { Value::Null } else { reply.json() };
    (reply.status.as_u16(), said)
}
