//! What a service may use at most, from outside: who may set it, what is refused, and what is said when it was reached.

use serde_json::json;

use crate::app::{TestApp, on_each_store, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_of_memory_is_set_held_and_named_as_the_cause() {
    on_each_store(async |app: TestApp| {
        let [viewer, developer, admin] = [app.sign_in("viewer").await, app.sign_in("developer").await, app.sign_in("admin").await];
        let source =
            json!({"command": ["python3", "-c", "x = bytearray(200 << 20)"], "working_dir": app.store.folder().display().to_string()});
        let new = |limits| json!({"name": "greedy", "source": source, "restart": "never", "health": {"kind": "none"}, "limits": limits});
        let wrong =
            admin.post("/api/services", new(json!({"memory_bytes": 1, "open_files": 1}))).await.fails_with(422, "validation_failed");
        assert_eq!([&wrong["details"][0]["field"], &wrong["details"][1]["field"]], ["/limits/memory_bytes", "/limits/open_files"]);
        admin.post("/api/services", new(json!({"memory": 99_000_000}))).await.fails_with(422, "validation_failed");
        let made = admin.post("/api/services", new(json!({"processes": 40}))).await;
        assert_eq!(made.status, 201, "{made:?}");
        let path = format!("/api/services/{}", made.json()["id"].as_str().unwrap());

        let limits = json!({"limits": {"memory_bytes": 48 << 20, "cpu_percent": 150}});
        viewer.patch(&path, limits.clone()).await.fails_with(403, "forbidden");
        developer.patch(&path, json!({"limits": {"cpu_percent": 0}})).await.fails_with(422, "validation_failed");
        let changed = developer.patch(&path, limits).await.json();
        let held = json!({"memory_bytes": 48 << 20, "cpu_percent": 150, "processes": null, "open_files": null});
        assert_eq!(changed["spec"]["limits"], held, "all the old ones are gone");

        assert_eq!(developer.post(&format!("{path}/start"), json!({})).await.status, 202);
        let crashed = until("it is killed", async || {
            let now = viewer.get(&path).await.json();
            (now["status"] == "error" && now["last_exit"]["oom"] == true).then_some(now)
        })
        .await;
        let cause = &crashed["diagnosis"][0];
        assert_eq!((&cause["rule"], &cause["fixes"][0]["kind"]), (&json!("memory-limit"), &json!("limits")), "{crashed:#}");
        assert!(cause["cause"].as_str().unwrap().ends_with("its limit of 48 MiB"), "{cause}");
    })
    .await;
}
