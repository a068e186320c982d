//! Services of an image, from outside: their further ports and options by REST.

use serde_json::{Value, json};

use crate::app::{TestApp, on_each_store};

fn new(name: &str, options: &Value) -> Value {
    json!({"name": name, "source": {"image": "web:1", "container_port": 80, "options": options}})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn further_ports_are_set_changed_and_refused_with_the_place_of_what_is_wrong() {
    on_each_store(async |app: TestApp| {
        let [viewer, developer, admin] = [app.sign_in("viewer").await, app.sign_in("developer").await, app.sign_in("admin").await];
        let options =
            json!({"ports": [{"container_port": 81, "host_port": 18_081}, {"container_port": 53, "protocol": "udp"}], "user": "1000"});
        viewer.post("/api/services", new("web", &options)).await.fails_with(403, "forbidden");
        let made = developer.post("/api/services", new("web", &options)).await;
        assert_eq!(made.status, 201, "{made:?}");
        assert_eq!(made.json()["spec"]["source"]["options"], options, "what is usual isn't written");
        let path = format!("/api/services/{}", made.json()["id"].as_str().unwrap());

        let open = json!({"source": {"options": {"ports": [{"container_port": 81, "address": "0.0.0.0"}]}}});
        let why = developer.patch(&path, open.clone()).await.fails_with(403, "forbidden");
        assert_eq!(why["details"][0]["field"], "/source/options/ports/0/address", "{why}");
        viewer.patch(&path, json!({"source": {"image": "web:2"}})).await.fails_with(403, "forbidden");
        assert_eq!(admin.patch(&path, open).await.json()["spec"]["source"]["options"]["user"], Value::Null, "the old options are gone");
        let newer = developer.patch(&path, json!({"source": {"image": "web:2", "container_port": 0}})).await.json();
        let source = &newer["spec"]["source"];
        assert_eq!(
            [&source["image"], &source["container_port"], &source["options"]["ports"][0]["address"]],
            [&json!("web:2"), &Value::Null, &json!("0.0.0.0")]
        );

        let taken = json!({"ports": [{"container_port": 1, "host_port": 18_090}, {"container_port": 2, "host_port": 18_090}]});
        let why = developer.post("/api/services", new("b", &taken)).await.fails_with(422, "validation_failed");
        assert_eq!(why["details"][0]["field"], "/source/options/ports/1/host_port", "{why}");
        let many: Vec<_> = (1..=51).map(|port| json!({"container_port": port})).collect();
        for (field, options) in [
            ("/source/options/ports", json!({"ports": many})),
            ("/source/options/ports/0/address", json!({"ports": [{"container_port": 1, "address": "127.0.0.1; rm"}]})),
            ("/source/options/ports/0/address", json!({"ports": [{"container_port": 1, "address": "a".repeat(10_000)}]})),
            ("/source/options/ports/0/container_port", json!({"ports": [{"container_port": 0}]})),
            ("/source/options/ports/0/host_port", json!({"ports": [{"container_port": 1, "host_port": 0}]})),
            ("/source/options/volumes/0/path", json!({"volumes": [{"volume": "a", "path": "/a\nb"}]})),
        ] {
            let why = admin.post("/api/services", new("b", &options)).await.fails_with(422, "validation_failed");
            assert_eq!(why["details"][0]["field"], field, "{why}");
            assert!(why["message"].as_str().unwrap().len() < 400, "what was sent isn't sent back whole");
            let why = admin.patch(&path, json!({"source": {"options": options}})).await.fails_with(422, "validation_failed");
            assert_eq!(why["details"][0]["field"], field, "{why}");
        }
        for hostile in [
            json!({"ports": [{"container_port": 70_000}]}),
            json!({"ports": [{"container_port": -1}]}),
            json!({"ports": [{"container_port": "80"}]}),
            json!({"ports": [{"container_port": 80, "protocol": "sctp"}]}),
            json!({"ports": [{"container_port": 80, "mode": "host"}]}),
            json!({"ports": {"80": 80}}),
            json!({"privileged": true}),
        ] {
            for reply in
                [admin.post("/api/services", new("b", &hostile)).await, admin.patch(&path, json!({"source": {"options": hostile}})).await]
            {
                assert!([400, 422].contains(&reply.status.as_u16()), "{hostile}: {reply:?}");
            }
        }
        admin.patch(&path, json!({"source": {"folder": "/"}})).await.fails_with(422, "validation_failed");
        assert_eq!(admin.get(&path).await.json()["spec"]["source"], *source, "nothing of it was taken");
    })
    .await;
}
