//! What services need, as scripts declare and read it.

use serde_json::{Value, json};

use crate::app::{Client, TestApp, on_each_store};

async fn made(admin: &Client, name: &str, more: Value) -> String {
    let mut body = json!({"name": name, "source": {"command": ["/bin/sleep", "600"], "working_dir": "/"}});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let reply = admin.post("/api/services", body).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    reply.json()["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_developer_declares_what_is_needed_and_a_viewer_reads_it_without_the_values_of_variables() {
    on_each_store(async |app: TestApp| {
        let (admin, developer, viewer) = (app.sign_in("admin").await, app.sign_in("developer").await, app.sign_in("viewer").await);
        let db = made(&admin, "db", json!({})).await;
        let environment = json!({"CACHE_URL": "redis://worker:hidden-word@cache.internal:6380/7"});
        let web = made(&admin, "web", json!({"depends_on": [db], "environment": environment})).await;
        let path = format!("/api/services/{db}");
        let circle = developer.patch(&path, json!({"depends_on": [web]})).await;
        circle.fails_with(422, "validation_failed");
        assert_eq!(circle.json()["details"][0]["field"], "/depends_on/0");
        developer.patch(&path, json!({"depends_on": ["nonsense"]})).await.fails_with(422, "validation_failed");
        viewer.patch(&path, json!({"depends_on": []})).await.fails_with(403, "forbidden");

        let graph = viewer.get("/api/dependencies").await;
        let (text, graph) = (graph.text(), graph.json());
        let names: Vec<_> = graph["nodes"].as_array().unwrap().iter().map(|node| node["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["db", "web", "cache.internal:6380"]);
        assert!(!text.contains("word") && !text.contains("worker") && !text.contains("/7"), "{text}");
        let expected = json!([
            {"from": web, "to": db, "health": "down", "sources": [{"kind": "declared"}]},
            {"from": web, "to": "cache.internal:6380", "health": "unknown",
                "sources": [{"kind": "environment", "variable": "CACHE_URL", "scheme": "redis"}]},
        ]);
        assert_eq!(graph["edges"], expected);
        let part = viewer.get(&format!("/api/dependencies?service={db}")).await.json();
        assert_eq!(part["edges"].as_array().map(Vec::len), Some(1));
        viewer.get("/api/dependencies?service=0192f0c4-0000-7000-8000-000000000000").await.fails_with(404, "not_found");
        viewer.get("/api/dependencies?service=x").await.fails_with(422, "validation_failed");
        let detail = viewer.get(&format!("/api/services/{db}")).await.json();
        assert_eq!((&detail["dependencies"], &detail["dependents"][0]["name"]), (&json!([]), &json!("web")));

        assert_eq!(admin.delete(&path).await.status, 204);
        let left = viewer.get(&format!("/api/services/{web}")).await.json();
        assert_eq!((&left["dependencies"][0]["kind"], &left["dependencies"][0]["health"]), (&json!("missing"), &json!("down")));
        let plan = json!({"action": "start", "ids": [web], "dry_run": true});
        let planned = developer.post("/api/services/bulk", plan).await.json();
        assert_eq!((&planned["items"][0]["step"], &planned["items"][0]["warning"]), (&json!(1), &Value::Null));
    })
    .await;
}
