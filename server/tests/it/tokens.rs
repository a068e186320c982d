//! API tokens from outside: what each scope reaches, what ends one, and that none makes anything that lasts.

use api::{Permission, Timestamp, TokenScope};
use engine::Clock;
use engine::testing::{StoreKind, TestStore};
use http::Method;
use serde_json::{Value, json};

use crate::app::{Client, PASSWORD, TestApp, on_each_store};
use crate::live::Socket;
use crate::openapi::operations;
use crate::permissions::{body_of, filled};

/// A token of `client` with those scopes: who asks with it, and its id.
async fn made(client: &Client, name: &str, scopes: Value) -> (Client, String) {
    let reply = client.post("/api/tokens", json!({"name": name, "scopes": scopes})).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    let told = reply.json();
    let token = Client { address: client.address, token: Some(told["token"].as_str().unwrap().into()), refresh_token: None };
    (token, told["id"].as_str().unwrap().into())
}

async fn user(admin: &Client, name: &str) -> String {
    let users = admin.get("/api/users").await.json();
    let user = users["items"].as_array().unwrap().iter().find(|user| user["username"] == name).unwrap();
    format!("/api/users/{}", user["id"].as_str().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_scope_reaches_exactly_the_operations_of_its_permissions() {
    on_each_store(async |app: TestApp| {
        let (admin, viewer) = (app.sign_in("admin").await, app.sign_in("viewer").await);
        let mut wrong = Vec::new();
        for scope in TokenScope::ALL {
            let (token, _) = made(&admin, scope.as_str(), json!([scope])).await;
            let (lowly, _) = made(&viewer, scope.as_str(), json!([scope])).await;
            for (method, path, operation) in operations() {
                let permission = operation["x-permission"].as_str().unwrap();
                if permission == "public" || path.ends_with("/stream") {
                    continue;
                }
                let permission = Permission::ALL.iter().find(|one| one.as_str() == permission).unwrap();
                let carries = permission.scopes().contains(&scope);
                let path = filled(&path);
                let body = operation.get("requestBody").map(|_| body_of(&path));
                let reply = token.send(method.parse().unwrap(), &path, body.clone()).await;
                let is_answered = |status: u16| status < 500 && status != 401;
                if (reply.status == 403) == carries || !is_answered(reply.status.as_u16()) {
                    wrong.push(format!("{method} {path} with {scope:?}: {}", reply.status));
                }
                let reply = lowly.send(method.parse().unwrap(), &path, body).await;
                let may = carries && permission.least_role() == api::Role::Viewer;
                if (reply.status == 403) == may || !is_answered(reply.status.as_u16()) {
                    wrong.push(format!("{method} {path} with {scope:?} of a Viewer: {}", reply.status));
                }
            }
            let permissions = token.get("/api/auth/me").await.json()["permissions"].clone();
            let expected = Permission::ALL.iter().filter(|one| one.scopes().contains(&scope)).map(|one| one.as_str()).collect::<Vec<_>>();
            assert_eq!(permissions, json!(expected), "{scope:?}");
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        let refused = made(&admin, "narrow", json!(["read"])).await.0.post("/api/services/bulk", body_of("/api/services/bulk")).await;
        let message = refused.fails_with(403, "forbidden")["message"].clone();
        assert_eq!(
            message,
            "this API token may not start, stop and restart services: that takes the scope 'operate' or 'all', and it has 'read'"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_follows_its_user_and_ends_with_what_it_has_open() {
    on_each_store(async |app: TestApp| {
        let (admin, developer) = (app.sign_in("admin").await, app.sign_in("developer").await);
        let (token, id) = made(&developer, "watcher", json!(["read", "operate"])).await;
        let path = user(&admin, "developer").await;
        let bulk = async || token.post("/api/services/bulk", body_of("/api/services/bulk")).await;
        assert_eq!(bulk().await.status, 200);
        let mut socket = Socket::open(&token, "/ws/metrics", &[]).await.ok().unwrap();
        assert_eq!(socket.hear().await.unwrap()["type"], "hello");
        assert_eq!(admin.patch(&path, json!({"role": "viewer"})).await.status, 200);
        bulk().await.fails_with(403, "forbidden");
        assert_eq!(token.get("/api/services").await.status, 200);
        let over = loop {
            let message = socket.hear().await.unwrap();
            if message["type"] == "error" {
                break message;
            }
        };
        assert_eq!((&over["data"]["error_code"], socket.hear().await), (&json!("session_ended"), None));

        assert_eq!(admin.patch(&path, json!({"is_active": false})).await.status, 200);
        token.get("/api/services").await.fails_with(401, "not_signed_in");
        assert_eq!(Socket::open(&token, "/ws/metrics", &[]).await.err(), Some(401));
        assert_eq!(admin.patch(&path, json!({"is_active": true})).await.status, 200);
        assert_eq!(token.get("/api/services").await.status, 200, "it was only suspended");

        // By a ticket too, which a client gets that can't send headers.
        let ticket = token.send(Method::POST, "/api/ws/ticket", None).await.json();
        let mut socket = Socket::open(&app.nobody(), "/ws", &[]).await.ok().unwrap();
        socket.say(json!({"type": "ticket", "ticket": ticket["ticket"]})).await;
        socket.say(json!({"type": "subscribe", "topic": "dashboard"})).await;
        assert_eq!(socket.hear().await.unwrap()["type"], "hello");
        let developer = app.sign_in("developer").await;
        let begun = std::time::Instant::now();
        assert_eq!(developer.delete(&format!("/api/tokens/{id}")).await.status, 204);
        token.get("/api/services").await.fails_with(401, "not_signed_in");
        while socket.hear().await.is_some() {}
        assert!(begun.elapsed() < std::time::Duration::from_secs(3), "{:?}", begun.elapsed());
        developer.delete(&format!("/api/tokens/{id}")).await.fails_with(404, "not_found");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_feed_takes_the_scope_that_its_reading_takes() {
    let app = TestApp::start().await;
    let (token, _) = made(&app.sign_in("admin").await, "pipeline", json!(["deploy"])).await;
    for path in ["/ws/metrics", "/ws/events"] {
        assert_eq!(Socket::open(&token, path, &[]).await.err(), Some(403), "{path}");
    }
    let mut socket = Socket::open(&token, "/ws", &[]).await.ok().unwrap();
    socket.say(json!({"type": "subscribe", "topic": "events"})).await;
    assert_eq!(socket.hear().await.unwrap()["data"]["error_code"], "forbidden");
    socket.say(json!({"type": "subscribe", "topic": "dashboard"})).await;
    assert_eq!(socket.hear().await.unwrap()["type"], "hello");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expired_token_is_refused_and_what_it_has_open_closes() {
    let clock = Clock::stopped(Timestamp::from_micros(1_800_000_000_000_000));
    let app = TestApp::at(clock.clone(), TestStore::new(StoreKind::Sqlite).await, |_| {}).await;
    let admin = app.sign_in("admin").await;
    let expires_at = clock.now().plus_seconds(3600);
    let reply = admin.post("/api/tokens", json!({"name": "short", "scopes": ["read"], "expires_at": expires_at})).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["expires_at"]), (201, &json!(expires_at)), "{reply:?}");
    let token = Client { token: Some(reply.json()["token"].as_str().unwrap().into()), ..app.nobody() };
    let mut socket = Socket::open(&token, "/ws/events", &[]).await.ok().unwrap();
    assert_eq!(socket.hear().await.unwrap()["type"], "hello");
    clock.advance(3599);
    assert_eq!(token.get("/api/services").await.status, 200);
    clock.advance(1);
    token.get("/api/services").await.fails_with(401, "not_signed_in");
    while socket.hear().await.is_some() {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_makes_nothing_that_outlasts_it_and_is_told_once() {
    on_each_store(async |app: TestApp| {
        let admin = app.sign_in("admin").await;
        let (token, id) = made(&admin, "all of it", json!(["all", "all"])).await;
        let (text, new) = (token.token.clone().unwrap(), json!({"name": "heir", "scopes": ["all"]}));
        token.post("/api/tokens", new.clone()).await.fails_with(403, "forbidden");
        token.delete(&format!("/api/tokens/{id}")).await.fails_with(403, "forbidden");
        let change = json!({"old_password": PASSWORD, "new_password": "another good password"});
        token.post("/api/auth/password", change).await.fails_with(403, "forbidden");
        token.post("/api/users", json!({"username": "heir", "password": PASSWORD, "role": "admin"})).await.fails_with(403, "forbidden");
        token.post("/api/secrets/none/reveal", json!({"password": PASSWORD})).await.fails_with(403, "forbidden");
        token.post("/api/auth/refresh", json!({"refresh_token": text})).await.fails_with(401, "not_signed_in");
        let form = [("content-type", "application/x-www-form-urlencoded")];
        for body in ["form[name]=heir&form[scopes][]=all&form[days]=9", "form[name]=heir&form[scopes][]=all&form[days]=9&form_token="] {
            let posted = token.raw(Method::POST, "/rpc/make_api_token", &form, body).await;
            assert_eq!(posted.status, 403, "{posted:?}");
            let posted = token.raw(Method::POST, "/settings", &form, body).await;
            assert!(!posted.text().contains("pht_"), "{posted:?}");
        }
        // A browser's cookie can't be one.
        let cookie = format!("__Host-pilothouse-access={text}");
        app.nobody().raw(Method::GET, "/api/services", &[("cookie", &cookie)], "").await.fails_with(401, "not_signed_in");

        let listed = admin.get("/api/tokens").await;
        let one = &listed.json()["items"][0];
        assert_eq!((&one["name"], &one["scopes"], &one["username"]), (&json!("all of it"), &json!(["all"]), &json!("admin")), "{one}");
        let activity = admin.get("/api/activity?limit=500").await;
        let page = admin.raw(Method::GET, "/settings", &[("accept", "text/html")], "").await;
        for reply in [&listed, &activity, &page] {
            assert!(reply.status == 200 && !reply.text().contains(&text[4..]), "{reply:?}");
        }
        let events = activity.json();
        let made = events["items"].as_array().unwrap().iter().find(|event| event["kind"] == "auth.token_made").unwrap().clone();
        assert_eq!((&made["actor"], &made["data"]["name"]), (&json!("admin"), &json!("all of it")), "{made}");
        let seen = app.sign_in("viewer").await.get("/api/activity?limit=500").await.text();
        assert!(!seen.contains("auth.token_made"), "{seen}");

        let anonymous = app.sign_in("viewer").await;
        anonymous.get("/api/tokens?all=true").await.fails_with(403, "forbidden");
        made_is_not_theirs(&anonymous, &id).await;
    })
    .await;
}

async fn made_is_not_theirs(client: &Client, id: &str) {
    client.delete(&format!("/api/tokens/{id}")).await.fails_with(404, "not_found");
    assert_eq!(client.get("/api/tokens").await.json()["total"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_is_named_and_a_wrong_token_gets_no_answer_of_its_own() {
    on_each_store(async |app: TestApp| {
        let viewer = app.sign_in("viewer").await;
        for (body, field) in [
            (json!({"name": "", "scopes": ["read"]}), "/name"),
            (json!({"name": "a\nb", "scopes": ["read"]}), "/name"),
            (json!({"name": "\u{202e}nimda", "scopes": ["read"]}), "/name"),
            (json!({"name": "x".repeat(81), "scopes": ["read"]}), "/name"),
            (json!({"name": "a", "scopes": []}), "/scopes"),
            (json!({"name": "a", "scopes": ["admin"]}), "/scopes/0"),
            (json!({"name": "a", "scopes": ["read"], "expires_in_days": 0}), "/expires_in_days"),
            (json!({"name": "a", "scopes": ["read"], "expires_in_days": 367}), "/expires_in_days"),
            (json!({"name": "a", "scopes": ["read"], "expires_at": "2020-01-01T00:00:00Z"}), "/expires_at"),
            (json!({"name": "a", "scopes": ["read"], "expires_at": "9999-01-01T00:00:00Z"}), "/expires_at"),
        ] {
            let wrong = viewer.post("/api/tokens", body.clone()).await.fails_with(422, "validation_failed");
            assert_eq!(wrong["details"][0]["field"], field, "{body}: {wrong}");
        }
        let hostile = "'); DROP TABLE api_tokens; --<script>alert(1)</script>";
        let (token, _) = made(&viewer, hostile, json!(["read"])).await;
        viewer.post("/api/tokens", json!({"name": hostile, "scopes": ["read"]})).await.fails_with(409, "conflict");
        let page = viewer.raw(Method::GET, "/settings", &[("accept", "text/html")], "").await.text();
        assert!(page.contains("DROP TABLE api_tokens") && !page.contains("<script>alert(1)"), "{page}");
        for number in 1..50 {
            made(&viewer, &format!("token {number}"), json!(["read"])).await;
        }
        let full = viewer.post("/api/tokens", json!({"name": "one more", "scopes": ["read"]})).await.fails_with(409, "conflict");
        assert!(full["message"].as_str().unwrap().contains("at most 50"), "{full}");

        let text = token.token.clone().unwrap();
        let swapped = format!("{}{}", &text[..67], if text.ends_with('A') { "B" } else { "A" });
        let expected = "the API token isn't valid or has expired; make one in the settings of Pilothouse";
        for wrong in [swapped, text[..40].to_owned(), format!("{text}{text}"), "pht_".into(), format!("pht_{}", "A".repeat(64))] {
            let client = Client { token: Some(wrong.clone()), ..app.nobody() };
            let refused = client.get("/api/services").await.fails_with(401, "not_signed_in");
            assert_eq!(refused["message"], expected, "{wrong}");
            assert!(!refused.to_string().contains("pht_"), "{refused}");
        }
        assert_eq!(token.get("/api/services").await.status, 200);
    })
    .await;
}
