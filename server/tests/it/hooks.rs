//! Webhooks from outside: made by who may, called by who has the secret, and nothing told to others.

use hmac::{Hmac, KeyInit, Mac};
use http::Method;
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::app::{Client, Reply, TestApp, on_each_store, until};

/// HMAC-SHA256 as hexadecimal digits.
pub fn signed(secret: &str, bytes: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(bytes);
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The body of a push; `padding` is as long as the rest of it may be.
fn push(branch: &str, padding: usize) -> String {
    let commit = "7638417db6d59f3c431d3e1f261cc637155684cd";
    let head = json!({"id": commit, "message": "Keep carts\n\nfor a day"});
    json!({"ref": format!("refs/heads/{branch}"), "after": commit, "head_commit": head, "padding": "x".repeat(padding)}).to_string()
}

async fn github(client: &Client, path: &str, secret: &str, delivery: &str, body: &str) -> Reply {
    let signature = format!("sha256={}", signed(secret, body.as_bytes()));
    let headers = [
        ("content-type", "application/json"),
        ("user-agent", "GitHub-Hookshot/044aadd"),
        ("x-github-event", "push"),
        ("x-github-delivery", delivery),
        ("x-hub-signature-256", signature.as_str()),
    ];
    client.raw(Method::POST, path, &headers, body.to_owned()).await
}

async fn ends(client: &Client, id: &Value) -> Value {
    let path = format!("/api/deploy/status/{}", id.as_str().unwrap());
    until("it is over", async || {
        let now = client.get(&path).await.json();
        (!["pending", "running"].contains(&now["status"].as_str().unwrap())).then_some(now)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_deploys_and_who_has_not_the_secret_learns_nothing() {
    on_each_store(async |app: TestApp| {
        let [viewer, developer, admin] = [app.sign_in("viewer").await, app.sign_in("developer").await, app.sign_in("admin").await];
        let source = json!({"command": ["sleep", "1000"], "working_dir": app.store.folder().display().to_string()});
        let new = json!({"name": "orders", "source": source, "health": {"kind": "none"}});
        let service = admin.post("/api/services", new).await.json()["id"].as_str().unwrap().to_owned();
        let hooks = format!("/api/deploy/services/{service}/hooks");
        viewer.post(&hooks, json!({"name": "forge"})).await.fails_with(403, "forbidden");
        let wrong = developer.post(&hooks, json!({"name": "", "branch": "refs/heads/main"})).await.fails_with(422, "validation_failed");
        assert_eq!([&wrong["details"][0]["field"], &wrong["details"][1]["field"]], ["/name", "/branch"]);
        let made = developer.post(&hooks, json!({"name": "forge", "branch": "main"})).await;
        assert_eq!(made.status, 201, "{made:?}");
        let made = made.json();
        let (secret, path) = (made["secret"].as_str().unwrap(), made["hook"]["address"].as_str().unwrap());
        let listed = viewer.get(&hooks).await;
        assert!(listed.status == 200 && !listed.text().contains(secret), "{listed:?}");
        developer.post(&hooks, json!({"name": "forge"})).await.fails_with(409, "conflict");

        // Nobody is signed in for a call.
        let nobody = app.nobody();
        let body = push("main", 2 << 20);
        let unknown = path.replace(made["hook"]["id"].as_str().unwrap(), "0192f0c4-0000-7000-8000-000000000000");
        let told = |reply: &Reply| {
            let body = reply.fails_with(401, "not_signed_in");
            (body["message"].clone(), body["details"].clone(), reply.headers.keys().map(|name| name.to_string()).collect::<Vec<_>>())
        };
        let there_is_none = github(&nobody, &unknown, secret, "1", &body).await;
        let not_its_secret = format!("{secret}0");
        let not_its_secret = github(&nobody, path, &not_its_secret, "1", &body).await;
        let unsigned = nobody.raw(Method::POST, path, &[("content-type", "application/json")], body.clone()).await;
        assert_eq!(told(&there_is_none), told(&not_its_secret));
        assert_eq!(told(&there_is_none), told(&unsigned));
        // A token of somebody isn't a signature either.
        admin.post(path, json!({})).await.fails_with(401, "not_signed_in");
        // What is too long is refused by what it says of itself: it may be before the body is sent that the answer comes.
        let huge = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            app.address,
            (8 << 20) + 1
        );
        let mut stream = TcpStream::connect(app.address).await.unwrap();
        stream.write_all(huge.as_bytes()).await.unwrap();
        let mut begin = [0; 12];
        stream.read_exact(&mut begin).await.unwrap();
        assert_eq!(std::str::from_utf8(&begin), Ok("HTTP/1.1 413"));

        let taken = github(&nobody, path, secret, "1", &body).await;
        assert_eq!((taken.status.as_u16(), &taken.json()["outcome"]), (202, &json!("deploying")), "{taken:?}");
        let id = taken.json()["deployment_id"].clone();
        let again = github(&nobody, path, secret, "1", &body).await;
        assert_eq!((again.status.as_u16(), again.json()), (200, json!({"outcome": "repeated", "deployment_id": id})));
        let other = github(&nobody, path, secret, "2", &push("other", 0)).await;
        let reason = "only pushes to 'main' deploy";
        assert_eq!((other.status.as_u16(), other.json()), (200, json!({"outcome": "ignored", "reason": reason})));
        let done = ends(&viewer, &id).await;
        assert_eq!(done["status"], "succeeded", "{done}");
        assert_eq!(done["created_by"], "webhook forge");
        assert_eq!(done["message"], "push of 7638417 to main: Keep carts");
        let called = viewer.get(&hooks).await.json()["items"][0]["last_call"].clone();
        assert_eq!(
            (&called["outcome"], &called["message"]),
            (&json!("ignored"), &json!(format!("push of 7638417 to other: Keep carts: {reason}")))
        );

        // A program signs the time as well.
        let time = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs().to_string();
        let signature = format!("sha256={}", signed(secret, format!("{time}.").as_bytes()));
        let headers = [("x-pilothouse-timestamp", time.as_str()), ("x-pilothouse-signature", signature.as_str())];
        let plain = nobody.raw(Method::POST, path, &headers, "").await;
        assert_eq!(plain.status, 202, "{plain:?}");
        ends(&viewer, &plain.json()["deployment_id"]).await;

        let hook = format!("{hooks}/{}", made["hook"]["id"].as_str().unwrap());
        viewer.delete(&hook).await.fails_with(403, "forbidden");
        assert_eq!(developer.delete(&hook).await.status, 204);
        developer.delete(&hook).await.fails_with(404, "not_found");
        let gone = github(&nobody, path, secret, "9", &push("main", 1)).await;
        assert_eq!(told(&gone), told(&there_is_none));
        let kinds = admin.get(&format!("/api/activity?service_id={service}&limit=100")).await.json();
        let kinds: Vec<_> = kinds["items"].as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap().to_owned()).collect();
        for kind in ["deployment.hook_made", "deployment.hook_removed"] {
            assert!(kinds.iter().any(|one| one == kind), "{kinds:?}");
        }
        assert_eq!(kinds.iter().filter(|kind| *kind == "deployment.hook_refused").count(), 1, "{kinds:?}");
        assert_eq!(developer.post(&format!("/api/services/{service}/stop"), json!({})).await.status, 202);
        until("it is stopped", async || {
            (viewer.get(&format!("/api/services/{service}")).await.json()["status"] == "stopped").then_some(())
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_are_counted_by_the_limit_of_who_is_not_signed_in() {
    let limited = |settings: &mut server::config::Settings| (settings.rate_limit, settings.rate_burst) = (1, 5);
    let app = TestApp::start_with(engine::testing::StoreKind::Sqlite, limited).await;
    let path = "/api/deploy/hooks/0192f0c4-0000-7000-8000-000000000000";
    let mut statuses = Vec::new();
    for _ in 0..8 {
        statuses.push(app.nobody().raw(Method::POST, path, &[], "").await.status.as_u16());
    }
    assert!(statuses.starts_with(&[401]) && statuses.ends_with(&[429]), "{statuses:?}");
}
