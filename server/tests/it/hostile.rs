//! Every operation of the document with missing, wrong, huge and hostile input: an error body, never a 5xx, never a panic.

use http::Method;
use serde_json::{Value, json};

use crate::app::{Client, Reply, TestApp, on_each_store};
use crate::openapi::operations;
use crate::permissions::body_of;

const IDS: [&str; 9] = [
    "0192f0c4-0000-7000-8000-000000000000",
    "00000000-0000-0000-0000-000000000000",
    "x",
    "-1",
    "%00",
    "..%2f..%2fetc%2fpasswd",
    "%FF%FE",
    "'%20OR%201=1--",
    "%F0%9F%92%A9",
];

const TEXTS: [&str; 12] = [
    "-1",
    "0",
    "99999999999999999999",
    "NaN",
    "true",
    "%00",
    "%FF",
    "a%27%22%3Cscript%3E",
    "9999-12-31T23:59:59Z",
    "0001-01-01T00:00:00Z",
    "(((((((((((((a%2B)%2B)%2B)%2B",
    "..%2F..%2F",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_input_makes_an_operation_fail_by_itself() {
    on_each_store(async |app: TestApp| {
        let admin = app.sign_in("admin").await;
        for (method, path, operation) in operations() {
            if path.ends_with("/logout") || path.ends_with("/stream") {
                continue;
            }
            let method: Method = method.parse().unwrap();
            hostile_ids(&admin, &method, &path).await;
            let path = path.replace("{id}", IDS[0]).replace("{hook_id}", IDS[0]);
            hostile_queries(&admin, &method, &path, &operation).await;
            if operation.get("requestBody").is_some() {
                hostile_bodies(&admin, &method, &path).await;
            }
        }
        assert_eq!(admin.get("/api/auth/me").await.status, 200, "the session has outlived it all");
    })
    .await;
}

async fn hostile_ids(admin: &Client, method: &Method, path: &str) {
    if !path.contains("{id}") {
        return;
    }
    let long = "a".repeat(4000);
    for id in IDS.into_iter().chain([long.as_str()]) {
        let reply = admin.send(method.clone(), &path.replace("{id}", id), Some(body_of(path))).await;
        reply.fails_with(404, "not_found");
    }
}

async fn hostile_queries(admin: &Client, method: &Method, path: &str, operation: &Value) {
    let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
    let long = "x".repeat(20_000);
    for parameter in parameters.iter().filter(|one| one["in"] == "query") {
        let name = parameter["name"].as_str().unwrap();
        for text in TEXTS.into_iter().chain([long.as_str()]) {
            let reply = admin.send(method.clone(), &format!("{path}?{name}={text}"), None).await;
            check(&reply, &format!("{method} {path}?{name}={}", &text[..text.len().min(60)]));
        }
        check(&admin.send(method.clone(), &format!("{path}?{name}=1&{name}=2"), None).await, name);
    }
    check(&admin.send(method.clone(), &format!("{path}?%00=%00&=&&&a=%zz"), None).await, path);
}

async fn hostile_bodies(admin: &Client, method: &Method, path: &str) {
    let huge = json!({"username": "u".repeat(900_000), "password": "p".repeat(100_000)}).to_string();
    let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
    let wide =
        json!({"environment": (0..20_000).map(|n| (format!("A{n}"), Value::from("x"))).collect::<serde_json::Map<_, _>>()}).to_string();
    let bodies = [
        "",
        "null",
        "[]",
        "7",
        "\"text\"",
        "{}",
        "{\"a\":1}",
        "{",
        "\u{0}",
        &huge,
        &deep,
        &wide,
        r#"{"username":"a\u0000b","password":"x\u0000"}"#,
        r#"{"username":"","password":"","role":"god","token":""}"#,
        r#"{"username":"' OR 1=1 --","password":"correct horse battery","role":"admin"}"#,
        r#"{"name":"../../etc","source":{"folder":"/proc/self/root/../.."}}"#,
        r#"{"name":"a","source":{"folder":"relative"}}"#,
        r#"{"name":"a","source":{"command":[],"working_dir":"/"}}"#,
        r#"{"name":"a","source":{"command":["/bin/true\u0000"],"working_dir":"/"}}"#,
        r#"{"name":"a","source":{"demonstration":false}}"#,
        r#"{"name":"a","source":{"folder":"/"},"port":99999999}"#,
        r#"{"name":"a","source":{"folder":"/"},"health":{"interval_seconds":1e400}}"#,
        r#"{"name":"a","source":{"folder":"/"},"environment":{"PILOTHOUSE_KEY":"x","A=B":"y"}}"#,
        r#"{"name":{"$gt":""},"username":{"$ne":null},"password":["x"]}"#,
    ];
    for body in bodies {
        let reply = admin.raw(method.clone(), path, &[("content-type", "application/json")], body.to_owned()).await;
        check(&reply, &format!("{method} {path} with {}", &body.chars().take(80).collect::<String>()));
    }
}

fn check(reply: &Reply, what: &str) {
    assert!(reply.status.as_u16() < 500, "{what}: {reply:?}");
    if reply.status.is_client_error() {
        let body = reply.json();
        reply.fails_with(reply.status.as_u16(), body["error_code"].as_str().unwrap_or_default());
        assert!(reply.body.len() < 4_000, "{what}: the answer repeats what was sent: {}", reply.body.len());
    }
}
