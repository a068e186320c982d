//! Services of an image, from outside: their further ports and options by REST and by forms that are posted without JavaScript.

use http::Method;
use serde_json::{Value, json};

use crate::app::{Client, Reply, TestApp, on_each_store};
use crate::compose::form_urlencoded;

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

async fn post(client: &Client, path: &str, token: &str, fields: &[(&str, &str)]) -> Reply {
    let fields = [&[("form_token", token)], fields].concat();
    let headers = [("accept", "text/html"), ("content-type", "application/x-www-form-urlencoded")];
    client.raw(Method::POST, path, &headers, form_urlencoded(&fields)).await
}

async fn page(client: &Client, path: &str) -> (String, String) {
    let html = client.raw(Method::GET, path, &[("accept", "text/html")], "").await.text();
    let token = html.split(r#"name="form_token" value=""#).nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned();
    (html, token)
}

/// How many parts of the form are shown.
fn unfolded(html: &str) -> usize {
    let tags = html.split("<details").skip(1).filter_map(|rest| rest.split('>').next());
    tags.filter(|tag| tag.contains("form-part") && tag.contains(" open")).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_that_is_posted_without_javascript_keeps_what_was_typed_and_saves_what_is_right() {
    let app = TestApp::start().await;
    let developer = app.sign_in("developer").await;
    let (html, token) = page(&developer, "/services/new").await;
    assert!(html.contains(r#"action="/services/new""#) && unfolded(&html) == 0, "all of it is folded: {html}");
    let fields = |ports: &'static str, volumes: &'static str| {
        [
            ("form[name]", "web"),
            ("form[folder]", ""),
            ("form[image]", "web:1"),
            ("form[container_port]", "80"),
            ("form[port]", ""),
            ("form[environment]", "A=1"),
            ("form[description]", "Sells"),
            ("form[restart]", "always"),
            ("form[options][command]", "serve --name 'a b'"),
            ("form[options][ports]", ports),
            ("form[options][volumes]", volumes),
            ("form[options][check]", "shell"),
            ("form[options][check_test]", "test -f /ok"),
            ("form[options][check_interval]", "5"),
            ("form[options][init]", "true"),
        ]
    };
    for (ports, volumes, why) in [
        ("18082:82\r\nx", "data:/data", "Line 2 of the further ports isn't of the form"),
        ("18082:82", "/etc:/data", "It is named by 1 to 63 of"),
        ("0.0.0.0:18082:82", "data:/data", "is open to the network: that takes the role Admin"),
    ] {
        let reply = post(&developer, "/services/new", &token, &fields(ports, volumes)).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let html = reply.text();
        let typed = [
            "value=\"web:1\"",
            "A=1",
            "value=\"Sells\"",
            "serve --name 'a b'",
            "test -f /ok",
            "<option value=\"shell\" selected",
            "<option value=\"always\" selected",
        ];
        for shown in typed.iter().chain(&[why, volumes]) {
            assert!(html.replace("&#x27;", "'").replace("&quot;", "\"").contains(shown), "{shown} is missing: {html}");
        }
        assert_eq!(unfolded(&html), 3, "what is set or wrong isn't folded");
        assert!(html.matches("form-faults").count() == 2, "it is said at its field too");
    }
    assert_eq!(post(&developer, "/services/new", "another", &fields("82", "a:/a")).await.status, 200);
    assert_eq!(developer.get("/api/services").await.json()["total"], 0, "nothing was made");
    let made = post(&developer, "/services/new", &token, &fields("18082:82\r\n53/udp", "data:/data")).await;
    assert_eq!(made.status, 303, "{made:?}");
    let address = made.header("location").split('?').next().unwrap().to_owned();

    let settings = format!("{address}/settings");
    let (html, token) = page(&developer, &settings).await;
    for shown in ["18082:82\n53/udp", "data:/data", "serve --name", "test -f /ok", "value=\"web:1\""] {
        assert!(html.contains(shown), "{shown} is missing: {html}");
    }
    let id = address.rsplit('/').next().unwrap().to_owned();
    let save = |ports: &'static str| {
        let id = id.clone();
        let mut fields = fields(ports, "data:/data").map(|(name, value)| (name, value.to_owned())).to_vec();
        fields.extend([("id", id), ("form[image]", "web:2".into())]);
        fields.retain(|(name, value)| *name != "form[image]" || value == "web:2");
        let checks = [("interval", "15"), ("timeout", "5")]
            .map(|(name, value)| (if name == "interval" { "form[health_interval]" } else { "form[health_timeout]" }, value));
        let rest = [
            ("form[unhealthy_threshold]", "3"),
            ("form[healthy_threshold]", "1"),
            ("form[metrics_path]", "/metrics"),
            ("form[stop_grace]", "10"),
        ];
        fields.extend(checks.into_iter().chain(rest).map(|(name, value)| (name, value.to_owned())));
        fields
    };
    let send = async |ports: &'static str| {
        let fields = save(ports);
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        post(&developer, &settings, &token, &fields).await
    };
    let refused = send("18082:82:1:1").await;
    assert_eq!(refused.status, 200, "{refused:?}");
    assert!(
        refused.text().contains("18082:82:1:1")
            && refused.text().contains("value=\"web:2\"")
            && refused.text().contains("Line 1 of the further ports")
    );
    let saved = send("").await;
    assert_eq!(saved.status, 303, "{saved:?}");
    let source = developer.get(&format!("/api{address}")).await.json()["spec"]["source"].clone();
    let check = json!({"test": ["CMD-SHELL", "test -f /ok"], "interval_seconds": 5});
    let options =
        json!({"command": ["serve", "--name", "a b"], "volumes": [{"volume": "data", "path": "/data"}], "check": check, "init": true});
    assert_eq!(source, json!({"image": "web:2", "container_port": 80, "options": options}), "what was emptied is as the image says");
}
