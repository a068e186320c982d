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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_that_was_set_counts_in_the_environments_behind_until_they_have_one_of_their_own() {
    on_each_store(async |app: TestApp| {
        let admin = app.sign_in("admin").await;
        write(&app.store.folder().join("services/orders"), "one");
        let id = service(&admin, "orders").await;
        let mut heirs = Vec::new();
        for environment in ["staging", "production"] {
            assert_eq!(admin.post("/api/deploy/environments", json!({"name": environment})).await.status, 201);
            let made = admin.post(&format!("/api/deploy/services/{id}/environments"), json!({"environment": environment})).await;
            assert_eq!(made.status, 201, "{made:?}");
            heirs.push(made.json()["id"].as_str().unwrap().to_owned());
        }
        let [staging, production] = &heirs[..] else { unreachable!() };
        let path = |id: &str| format!("/api/config/services/{id}");
        let set = async |id: &str, schema: Value| {
            let reply = admin.send(http::Method::PUT, &format!("{}/schema", path(id)), Some(json!({"schema": schema}))).await;
            assert_eq!(reply.status, 200, "{reply:?}");
            reply.json()
        };
        let seen = async |id: &str| {
            let now = admin.get(&path(id)).await.json();
            (now["schema_source"].as_str().unwrap().to_owned(), now["schema_environment"].clone(), now["schema"]["title"].clone())
        };
        let inherited = |from: &str, title: &str| ("inherited".to_owned(), json!(from), json!(title));
        let schema = |title: &str| json!({"title": title, "type": "object", "properties": {"WORKERS": {"type": "integer"}}});
        let found = seen(staging).await;
        assert!(found.0 != "inherited" && found.1.is_null(), "{found:?}");

        set(&id, schema("base")).await;
        for heir in [staging, production] {
            assert_eq!(seen(heir).await, inherited("development", "base"));
        }
        let now = admin.get(&path(production)).await.json();
        let wrong = json!({"values": {"WORKERS": "many"}, "version": now["version"]});
        let refused = admin.send(http::Method::PUT, &path(production), Some(wrong)).await.fails_with(422, "validation_failed");
        assert_eq!(refused["details"][0]["field"], "/values/WORKERS");

        set(staging, schema("own")).await;
        assert_eq!(seen(staging).await, ("set".into(), Value::Null, json!("own")));
        assert_eq!(seen(production).await, inherited("staging", "own"), "the nearest that has one");
        let listed = admin.get("/api/config/services").await.json();
        let sources: Vec<_> = listed["items"].as_array().unwrap().iter().map(|one| one["schema_source"].as_str()).collect();
        assert_eq!(sources, [Some("set"), Some("inherited"), Some("set")], "orders, orders-production, orders-staging: {listed}");
        let html =
            admin.raw(http::Method::GET, &format!("/services/{production}/configuration"), &[("accept", "text/html")], "").await.text();
        assert!(html.contains("The schema is the one that is set in staging."), "{html}");

        assert_eq!(set(staging, Value::Null).await["schema_environment"], "development");
        set(&id, Value::Null).await;
        for heir in [staging, production] {
            assert_eq!(seen(heir).await, found);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_are_inherited_from_the_environment_before_and_taken_over_by_who_may_change_them() {
    on_each_store(async |app: TestApp| {
        let [viewer, developer, admin] = [app.sign_in("viewer").await, app.sign_in("developer").await, app.sign_in("admin").await];
        write(&app.store.folder().join("services/orders"), "one");
        let id = service(&developer, "orders").await;
        for name in ["staging", "production"] {
            assert_eq!(admin.post("/api/deploy/environments", json!({ "name": name })).await.status, 201);
        }
        let base = format!("/api/config/services/{id}");
        let put = async |client: &Client, path: &str, body: Value| client.send(http::Method::PUT, path, Some(body)).await;
        let first = json!({"values": {"GREETING": "hello", "API_TOKEN": "planted-7b1e-one", "WORKERS": 2}, "version": 1});
        assert_eq!(put(&developer, &base, first).await.status, 200);
        let mut heirs = Vec::new();
        for environment in ["staging", "production"] {
            let body = json!({"environment": environment, "variables": {"PLACE": environment}});
            let made = developer.post(&format!("/api/deploy/services/{id}/environments"), body).await.json();
            heirs.push(format!("/api/config/services/{}", made["id"].as_str().unwrap()));
        }
        let [staging, production] = &heirs[..] else { panic!("two") };
        let now = viewer.get(staging).await.json();
        assert_eq!(now["values"], json!({"GREETING": "hello", "API_TOKEN": "********", "WORKERS": 2, "PLACE": "staging"}));
        let from = json!({"from": "inherited", "service_id": id, "environment": "development", "version": 2});
        assert_eq!([&now["origins"]["GREETING"], &now["origins"]["PLACE"]], [&from, &json!({"from": "own"})], "{now}");
        assert_eq!(viewer.get(production).await.json()["origins"]["PLACE"], json!({"from": "own"}));

        let second = json!({"values": {"GREETING": "bye", "API_TOKEN": "planted-7b1e-two", "NEW": [1]}, "version": 2});
        assert_eq!(put(&developer, &base, second).await.status, 200);
        let now = viewer.get(staging).await;
        let told = &now.json()["inheritance"];
        assert_eq!(told["changed"], json!(["API_TOKEN", "GREETING", "NEW", "WORKERS"]));
        assert_eq!(told["changes"][0], json!({"field": "/API_TOKEN", "before": "********", "after": "********"}));
        assert_eq!([&told["base"]["environment"], &told["base"]["version"]], [&json!("development"), &json!(3)]);
        assert!(!format!("{now:?}").contains("planted-7b1e"), "{now:?}");
        let listed = viewer.get("/api/config/services?show=inherited_changed").await.json();
        assert_eq!([&listed["total"], &listed["items"][0]["inherited_changes"]], [&json!(1), &json!(4)], "{listed}");
        let address = format!("/api/deploy/services/{}/plan", staging.rsplit('/').next().unwrap());
        let plan = developer.post(&address, json!({})).await.json();
        assert!(plan["warnings"].to_string().contains("API_TOKEN, GREETING, NEW, WORKERS are different in development by now"), "{plan}");

        let take = format!("{staging}/inherit");
        app.nobody().post(&take, json!({"version": 2})).await.fails_with(401, "not_signed_in");
        viewer.post(&take, json!({"version": 2})).await.fails_with(403, "forbidden");
        for (body, field) in [(json!({"version": 1}), "/version"), (json!({"version": 2, "base_version": 2}), "/base_version")] {
            assert_eq!(developer.post(&take, body).await.fails_with(409, "conflict")["details"][0]["field"], field);
        }
        for (names, field) in [(json!(["GREETING", "../x"]), "/names/1"), (json!(["PORT"]), "/names/0"), (json!(["\u{0}"]), "/names/0")] {
            let refused = developer.post(&take, json!({"version": 2, "names": names})).await.fails_with(422, "validation_failed");
            assert_eq!(refused["details"][0]["field"], field, "{refused}");
        }
        for hostile in [json!({"version": -1}), json!({"version": 2, "names": "GREETING"}), json!({"version": 2, "force": true}), json!([])]
        {
            let reply = developer.post(&take, hostile).await;
            assert!([400, 422].contains(&reply.status.as_u16()), "{reply:?}");
        }
        developer.post(&format!("{base}/inherit"), json!({"version": 3})).await.fails_with(409, "conflict");
        assert_eq!(viewer.get(staging).await.json()["version"], 2, "nothing was saved");

        let taken = developer.post(&take, json!({"version": 2, "base_version": 3})).await;
        assert_eq!(taken.status, 200, "{taken:?}");
        assert_eq!(taken.json()["values"], json!({"GREETING": "bye", "API_TOKEN": "********", "NEW": [1], "PLACE": "staging"}));
        let versions = viewer.get(&format!("{staging}/versions")).await.json();
        assert_eq!(
            [&versions["items"][0]["message"], &versions["items"][0]["created_by"]],
            [&json!("inherited from development, version 3"), &json!("developer")]
        );
        developer.post(&take, json!({"version": 2})).await.fails_with(409, "conflict");
        let difference = viewer.get(&format!("{staging}/difference")).await.json();
        assert_eq!(difference["origins"]["NEW"]["after"]["version"], 3, "{difference}");

        // Its own, and inherited again, in one save; a secret moves sealed.
        let own = json!({"values": {"GREETING": "mine", "PLACE": "staging", "NEW": [1]}, "version": 3, "inherit": {"NEW": false}});
        let own = put(&developer, staging, own).await.json();
        assert_eq!(
            [&own["origins"]["GREETING"], &own["origins"]["NEW"], &own["origins"]["API_TOKEN"]["from"]],
            [&json!({"from": "own"}), &json!({"from": "own"}), &json!("unset")],
            "{own}"
        );
        assert_eq!(own["inheritance"]["offers"]["API_TOKEN"], "********");
        let again = json!({"values": own["values"], "version": 4, "inherit": {"API_TOKEN": true, "NO": true}});
        assert_eq!(put(&developer, staging, again).await.fails_with(422, "validation_failed")["details"][0]["field"], "/inherit/NO");
        let again = put(&developer, staging, json!({"values": own["values"], "version": 4, "inherit": {"API_TOKEN": true}})).await;
        assert_eq!(
            [&again.json()["values"]["API_TOKEN"], &again.json()["origins"]["API_TOKEN"]["version"]],
            [&json!("********"), &json!(3)]
        );
        let seen = [viewer.get("/api/activity").await, viewer.get(production).await, again];
        assert!(seen.iter().all(|reply| !format!("{reply:?}").contains("planted-7b1e")), "{seen:?}");
    })
    .await;
}
