//! Services from a Compose file, from outside: who may, what is planned, made and refused, and the form without JavaScript.

use http::Method;
use serde_json::{Value, json};

use crate::app::{TestApp, on_each_store};

const SHOP: &str = r#"
name: shop
services:
  web:
    image: "nginx:${TAG:-1.27}"
    ports: ["127.0.0.1:${PORT_OF_WEB}:80"]
    privileged: true
    depends_on: [db]
  db:
    image: postgres:17
    environment: { POSTGRES_PASSWORD: "${PASSWORD:?set it}" }
    volumes: ["data:/var/lib/postgresql/data"]
  built:
    build: ./built
  extra:
    image: busybox
    profiles: [debug]
volumes:
  data:
"#;

fn items(report: &Value) -> Vec<(&str, &str)> {
    let items = report["services"].as_array().unwrap();
    items.iter().map(|item| (item["key"].as_str().unwrap(), item["outcome"].as_str().unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_compose_file_is_planned_before_it_is_made_and_says_what_it_leaves_out() {
    on_each_store(async |app: TestApp| {
        let [viewer, developer] = [app.sign_in("viewer").await, app.sign_in("developer").await];
        let request = |more: Value| {
            let mut request = json!({"compose": SHOP, "variables": "PASSWORD=secret\nPORT_OF_WEB=18080\n"});
            request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            request
        };
        viewer.post("/api/services/compose", request(json!({"dry_run": true}))).await.fails_with(403, "forbidden");
        let refused = developer.post("/api/services/compose", json!({"compose": SHOP})).await.fails_with(422, "validation_failed");
        assert!(refused["details"][0]["message"].as_str().unwrap().contains("set it"), "{refused}");

        let plan = developer.post("/api/services/compose", request(json!({"dry_run": true}))).await;
        assert_eq!(plan.status, 200, "{plan:?}");
        let plan = plan.json();
        let mut sorted = items(&plan);
        sorted.sort_unstable();
        assert_eq!(sorted, [("built", "impossible"), ("db", "planned"), ("extra", "left_out"), ("web", "planned")], "{plan:#}");
        let web = plan["services"].as_array().unwrap().iter().find(|item| item["key"] == "web").unwrap();
        assert_eq!(web["service"]["source"]["image"], "nginx:1.27");
        assert!(web["notes"].as_array().unwrap().iter().any(|note| note["at"] == "services.web.privileged"), "{web:#}");
        assert_eq!(developer.get("/api/services?label=compose%3Dshop").await.json()["total"], 0, "a plan makes nothing");

        let made = developer.post("/api/services/compose", request(json!({}))).await.json();
        let id = |key: &str| made["services"].as_array().unwrap().iter().find(|item| item["key"] == key).unwrap()["service_id"].clone();
        let web = developer.get(&format!("/api/services/{}", id("web").as_str().unwrap())).await.json();
        assert_eq!((&web["name"], &web["spec"]["depends_on"]), (&json!("shop-web"), &json!([id("db")])), "{web:#}");
        assert_eq!(web["port"], 18080);
        let db = developer.get(&format!("/api/services/{}", id("db").as_str().unwrap())).await.json();
        assert_eq!(db["spec"]["source"]["options"]["volumes"][0]["volume"], "shop_data");
        assert_eq!(developer.get("/api/services?label=compose%3Dshop").await.json()["total"], 2);

        let again = developer.post("/api/services/compose", request(json!({}))).await.json();
        assert!(items(&again).iter().all(|(_, outcome)| *outcome != "made"), "they are there already: {again:#}");
        let other = developer.post("/api/services/compose", request(json!({"project": "shop2", "profiles": ["debug"]}))).await.json();
        assert_eq!(items(&other).iter().filter(|(_, outcome)| *outcome == "made").count(), 3, "{other:#}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_is_read_where_its_reader_may_look() {
    let app = TestApp::start().await;
    let [developer, admin] = [app.sign_in("developer").await, app.sign_in("admin").await];
    let folder = app.store.folder().join("Shop");
    std::fs::create_dir_all(folder.join("conf")).unwrap();
    std::fs::write(
        folder.join("compose.yaml"),
        "services:\n  web:\n    image: nginx:1.27\n    env_file: [conf/web.env, ../../outside.env]\n",
    )
    .unwrap();
    std::fs::write(folder.join("conf/web.env"), "GREETING=hello\n").unwrap();
    std::fs::write(app.store.folder().join("outside.env"), "STOLEN=1\n").unwrap();
    let request = json!({"folder": folder.display().to_string(), "dry_run": true});
    developer.post("/api/services/compose", request.clone()).await.fails_with(403, "forbidden");
    let plan = admin.post("/api/services/compose", request).await.json();
    assert_eq!(plan["project"], "shop", "{plan:#}");
    assert!(!plan.to_string().contains("STOLEN"), "{plan:#}");
    assert!(plan.to_string().contains("outside.env"), "and it is said: {plan:#}");
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o777)).unwrap();
    let open = admin.post("/api/services/compose", json!({"folder": folder.display().to_string()})).await;
    let why = open.fails_with(422, "validation_failed")["details"][0]["message"].as_str().unwrap().to_owned();
    assert!(why.contains("chmod"), "it is said why the file isn't read: {why}");
    let both = json!({"folder": "/srv", "compose": "services: {}"});
    admin.post("/api/services/compose", both).await.fails_with(422, "validation_failed");
    admin.post("/api/services/compose", json!({"folder": "/nowhere/at/all"})).await.fails_with(422, "validation_failed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_posted_without_javascript_comes_back_with_its_plan() {
    let app = TestApp::start().await;
    let developer = app.sign_in("developer").await;
    let html = developer.raw(Method::GET, "/services/compose", &[("accept", "text/html")], "").await.text();
    let token = html.split(r#"name="form_token" value=""#).nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned();
    assert!(!html.contains("Make 1 service"), "nothing is made before there is a plan");
    let post = async |path: &str, compose: &str| {
        let body = form_urlencoded(&[("form_token", &token), ("form[project]", "shop"), ("form[compose]", compose)]);
        developer.raw(Method::POST, path, &[("accept", "text/html"), ("content-type", "application/x-www-form-urlencoded")], body).await
    };
    let file = "services:\n  web:\n    image: nginx:1.27\n    privileged: true\n";
    let reply = post("/services/compose", file).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let html = reply.text();
    for shown in ["Plan for ", "shop-web", "image nginx:1.27", "privileged", "Make 1 service", "    image: nginx:1.27"] {
        assert!(html.contains(shown), "{shown} is missing: {html}");
    }
    let html = post("/services/compose", "services: [").await.text();
    assert!(html.contains("form-faults") && html.contains("services: ["), "what is wrong keeps what was typed: {html}");
    let made = post("/rpc/make_compose", file).await;
    assert_eq!(made.status, 302, "{made:?}");
    assert!(made.header("location").starts_with("/services/bulk?action=start&id="), "{made:?}");
}

pub fn form_urlencoded(pairs: &[(&str, &str)]) -> String {
    let escape = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    pairs.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect::<Vec<_>>().join("&")
}
