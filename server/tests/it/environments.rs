//! Environments from outside: a real service that runs in two of them at once, each with a release, a port, data and a configuration of its own.

use std::net::TcpStream;

use serde_json::{Value, json};

use crate::app::{Client, TestApp, on_each_store, until};
use crate::deploy_command::run;
use crate::deployments::{deploy, over, says, service, write};

async fn stop(client: &Client, id: &str) {
    client.post(&format!("/api/services/{id}/stop"), json!({})).await;
    until("it is stopped", async || (client.get(&format!("/api/services/{id}")).await.json()["status"] == "stopped").then_some(())).await;
}

/// What a service that has been deployed says, once it listens.
async fn heard(deployment: &Value) -> String {
    assert_eq!(deployment["status"], "succeeded", "{deployment}");
    let address = deployment["urls"][0].as_str().unwrap().trim_start_matches("http://").to_owned();
    until("it listens", async || TcpStream::connect(&address).ok().map(drop)).await;
    says(&deployment["urls"][0])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_service_runs_in_two_environments_and_releases_go_from_one_to_the_other() {
    on_each_store(async |app: TestApp| {
        let [viewer, developer, admin] = [app.sign_in("viewer").await, app.sign_in("developer").await, app.sign_in("admin").await];
        let folder = app.store.folder().join("services/orders");
        write(&folder, "one");
        let id = service(&developer, "orders").await;
        developer.post("/api/deploy/environments", json!({"name": "staging"})).await.fails_with(403, "forbidden");
        assert_eq!(admin.post("/api/deploy/environments", json!({"name": "staging", "description": "For testers"})).await.status, 201);
        assert_eq!(admin.post("/api/deploy/environments", json!({"name": "a"})).await.status, 201);
        let first = admin.send(http::Method::PUT, "/api/deploy/environments/a", Some(json!({"before": "staging"}))).await;
        assert_eq!(first.status, 200, "{first:?}");
        let names = viewer.get("/api/deploy/environments").await.json();
        let names: Vec<_> = names.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["development", "a", "staging"]);
        assert_eq!(admin.delete("/api/deploy/environments/a").await.status, 204);
        admin.delete("/api/deploy/environments/a").await.fails_with(404, "not_found");
        admin.delete("/api/deploy/environments/..%2Fx").await.fails_with(404, "not_found");

        let address = format!("/api/deploy/services/{id}/environments");
        let refused = developer.post(&address, json!({"environment": "mars"})).await.fails_with(422, "validation_failed");
        assert_eq!(refused["details"][0]["field"], "/environment");
        let made = developer.post(&address, json!({"environment": "staging", "variables": {"GREETING": "hi"}})).await;
        assert_eq!((made.status.as_u16(), made.json()["name"].as_str()), (201, Some("orders-staging")), "{made:?}");
        assert!(!made.json().to_string().contains("planted-hunter2-token"));
        let staging = made.json()["id"].as_str().unwrap().to_owned();
        developer.post(&address, json!({"environment": "staging"})).await.fails_with(409, "conflict");
        admin.delete("/api/deploy/environments/staging").await.fails_with(409, "conflict");

        let development = over(&viewer, &deploy(&developer, &id, json!({})).await).await;
        write(&folder, "two");
        let to_staging = over(&viewer, &deploy(&developer, &id, json!({"target_environment": "staging"})).await).await;
        assert_eq!((&to_staging["service_id"], &to_staging["target_environment"]), (&json!(staging), &json!("staging")));
        assert_eq!((heard(&development).await, heard(&to_staging).await), ("one hello".into(), "two hi".into()), "both at once");

        // What runs in development goes along, by the REST API and from the command line.
        let release = json!({"target_environment": "staging", "release_id": development["release"]["id"]});
        let plan = developer.post(&format!("/api/deploy/services/{id}/plan"), release.clone()).await.json();
        assert!(plan["obstacle"].is_null() && plan["steps"].to_string().contains("take what the release has"), "{plan}");
        assert_eq!(plan["difference"]["files"], json!([{"path": "main.py", "change": "changed"}]), "{plan}");
        let taken = over(&viewer, &deploy(&developer, &id, release).await).await;
        assert_eq!(heard(&taken).await, "one hi");
        let places = viewer.get(&format!("/api/deploy/places?service_id={staging}")).await.json();
        let row = &places["items"][0];
        let there: Vec<_> =
            row["places"].as_array().unwrap().iter().map(|one| (one["name"].as_str().unwrap(), one["is_same"].clone())).collect();
        assert_eq!(there, [("orders", Value::Null), ("orders-staging", json!(true))], "{places}");
        let (code, out, err) = run(&developer, &["orders", "--environment", "staging"]).await;
        assert!(code == 0 && out.contains("orders-staging runs release 3 at http://"), "{code} {out} {err}");
        let (code, out, err) = run(&developer, &["orders", "--environment", "staging", "--from", "development"]).await;
        assert!(code == 0 && out.contains("orders-staging runs release 4 at http://"), "{code} {out} {err}");
        for (args, why) in [(["--environment", "mars"], "there are development, staging"), (["--from", "mars"], "isn't set up in 'mars'")] {
            let (code, _, err) = run(&developer, &["orders", args[0], args[1]]).await;
            assert!(code == 2 && err.contains(why), "{code} {err}");
        }
        for id in [&id, &staging] {
            stop(&developer, id).await;
        }
    })
    .await;
}
