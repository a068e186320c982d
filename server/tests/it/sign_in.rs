//! Signing in and staying signed in: tokens, rotation, cookies, sessions, the first user.

use http::Method;
use serde_json::json;

use crate::app::{Client, PASSWORD, Reply, TestApp, on_each_store};

const JSON: (&str, &str) = ("content-type", "application/json");
const OWN: (&str, &str) = ("sec-fetch-site", "same-origin");
const NAVIGATION: [(&str, &str); 4] =
    [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document"), ("sec-fetch-site", "none"), ("accept", "text/html")];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_signs_in_and_is_known_with_ones_rights() {
    on_each_store(async |app: TestApp| {
        let viewer = app.sign_in("viewer").await;
        let me = viewer.get("/api/auth/me").await.json();
        assert_eq!(me["user"]["username"], "viewer");
        assert_eq!(me["user"]["role"], "viewer");
        let permissions = me["permissions"].as_array().unwrap();
        assert!(permissions.contains(&json!("services:read")) && !permissions.contains(&json!("services:operate")), "{me}");
        app.nobody().get("/api/auth/me").await.fails_with(401, "not_signed_in");
        let stranger = Client { token: Some("a.b.c".into()), ..app.nobody() };
        stranger.get("/api/auth/me").await.fails_with(401, "not_signed_in");
        let basic = app.nobody().raw(Method::GET, "/api/auth/me", &[("authorization", "Basic YTpi")], "").await;
        basic.fails_with(401, "not_signed_in");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_token_is_exchanged_and_its_late_reuse_ends_the_session() {
    on_each_store(async |app: TestApp| {
        let first = app.sign_in("admin").await;
        let refresh = async |token: &str| app.nobody().post("/api/auth/refresh", json!({"refresh_token": token})).await;
        let reply = refresh(first.refresh_token.as_deref().unwrap()).await;
        let second = app.nobody().with_tokens(&reply.json());
        assert_ne!(first.refresh_token, second.refresh_token);
        assert_eq!(second.get("/api/auth/me").await.status, 200);
        let again = refresh(first.refresh_token.as_deref().unwrap()).await;
        assert_eq!(again.json()["refresh_token"].as_str(), second.refresh_token.as_deref(), "two tabs get the same");
        let third = app.nobody().with_tokens(&refresh(second.refresh_token.as_deref().unwrap()).await.json());
        refresh(first.refresh_token.as_deref().unwrap()).await.fails_with(401, "session_ended");
        third.get("/api/auth/me").await.fails_with(401, "session_ended");
        refresh("nonsense").await.fails_with(401, "not_signed_in");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signing_out_ends_the_session_with_a_bearer_token_alone_too() {
    let app = TestApp::start().await;
    for by_body in [true, false] {
        let admin = app.sign_in("admin").await;
        let reply = match by_body {
            true => app.nobody().post("/api/auth/logout", json!({"refresh_token": admin.refresh_token})).await,
            false => admin.send(Method::POST, "/api/auth/logout", None).await,
        };
        assert_eq!(reply.status, 204, "{reply:?}");
        admin.get("/api/auth/me").await.fails_with(401, "session_ended");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_gets_cookies_that_scripts_can_not_read_and_refreshes_by_them() {
    let app = TestApp::start().await;
    let login = json!({"username": "admin", "password": PASSWORD}).to_string();
    let reply = app.nobody().raw(Method::POST, "/api/auth/login", &[JSON, OWN], login).await;
    let cookies = cookies(&reply);
    assert_eq!(cookies.split("; ").count(), 2, "{reply:?}");
    for cookie in reply.headers.get_all("set-cookie") {
        let cookie = cookie.to_str().unwrap();
        assert!(
            cookie.starts_with("__Host-") && cookie.contains("HttpOnly") && cookie.contains("Secure") && cookie.contains("SameSite=Lax"),
            "{cookie}"
        );
    }
    let me = app.nobody().raw(Method::GET, "/api/auth/me", &[("cookie", &cookies)], "").await;
    assert_eq!(me.json()["user"]["username"], "admin");
    let refreshed = app.nobody().raw(Method::POST, "/api/auth/refresh", &[("cookie", &cookies), OWN], "").await;
    assert_eq!((refreshed.status.as_u16(), refreshed.body.len()), (204, 0), "a script must not read the tokens");
    let new = self::cookies(&refreshed);
    assert_ne!(new, cookies);
    let left = app.nobody().raw(Method::POST, "/api/auth/logout", &[("cookie", &new), OWN], "").await;
    assert_eq!(left.status, 204);
    assert!(left.headers.get_all("set-cookie").iter().all(|cookie| cookie.to_str().unwrap().contains("Max-Age=0")), "{left:?}");
    let me = app.nobody().raw(Method::GET, "/api/auth/me", &[("cookie", &new)], "").await;
    me.fails_with(401, "session_ended");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn opening_a_page_with_an_expired_access_cookie_refreshes_it_and_a_script_does_not() {
    let app = TestApp::start().await;
    let admin = app.sign_in("admin").await;
    let cookie = format!("__Host-pilothouse-refresh={}", admin.refresh_token.as_deref().unwrap());
    let script = app.nobody().raw(Method::GET, "/api/services", &[("cookie", &cookie)], "").await;
    script.fails_with(401, "not_signed_in");
    assert!(script.headers.get("set-cookie").is_none(), "{script:?}");
    let mut headers = NAVIGATION.to_vec();
    headers.push(("cookie", &cookie));
    let page = app.nobody().raw(Method::GET, "/", &headers, "").await;
    assert_eq!(page.status, 200, "{page:?}");
    let cookies = cookies(&page);
    let me = app.nobody().raw(Method::GET, "/api/auth/me", &[("cookie", &cookies)], "").await;
    assert_eq!(me.json()["user"]["username"], "admin");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_leads_to_the_sign_in_also_for_who_does_not_ask_for_html() {
    let app = TestApp::start().await;
    for accept in ["text/html", "*/*"] {
        let page = app.nobody().raw(Method::GET, "/services", &[("accept", accept)], "").await;
        assert_eq!((page.status.as_u16(), page.header("location")), (302, "/sign-in?next=/services"), "{accept}: {page:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bearer_token_counts_and_cookies_beside_it_do_not() {
    let app = TestApp::start().await;
    let (admin, viewer) = (app.sign_in("admin").await, app.sign_in("viewer").await);
    let cookie = format!("__Host-pilothouse-access={}", admin.token.as_deref().unwrap());
    let me = viewer.raw(Method::GET, "/api/auth/me", &[("cookie", &cookie)], "").await;
    assert_eq!(me.json()["user"]["username"], "viewer");
    let wrong = Client { token: Some("wrong".into()), ..app.nobody() };
    wrong.raw(Method::GET, "/api/auth/me", &[("cookie", &cookie)], "").await.fails_with(401, "not_signed_in");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_are_listed_and_ended_one_by_one() {
    on_each_store(async |app: TestApp| {
        let (one, other) = (app.sign_in("admin").await, app.sign_in("admin").await);
        let sessions = one.get("/api/auth/sessions").await.json();
        assert_eq!(sessions["total"], 2, "{sessions}");
        let is_current = |session: &&serde_json::Value| session["is_current"] == true;
        assert_eq!(sessions["items"].as_array().unwrap().iter().filter(is_current).count(), 1, "{sessions}");
        let theirs = sessions["items"].as_array().unwrap().iter().find(|session| session["is_current"] == false).unwrap();
        let id = theirs["id"].as_str().unwrap();
        assert_eq!(one.delete(&format!("/api/auth/sessions/{id}")).await.status, 204);
        other.get("/api/auth/me").await.fails_with(401, "session_ended");
        let viewer = app.sign_in("viewer").await;
        let mine = one.get("/api/auth/sessions").await.json();
        let mine = mine["items"][0]["id"].as_str().unwrap().to_owned();
        viewer.delete(&format!("/api/auth/sessions/{mine}")).await.fails_with(404, "not_found");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_password_ends_the_other_sessions_and_counts_at_once() {
    on_each_store(async |app: TestApp| {
        let (one, other) = (app.sign_in("viewer").await, app.sign_in("viewer").await);
        let change = |old: &str, new: &str| json!({"old_password": old, "new_password": new});
        let wrong = one.post("/api/auth/password", change("wrong", "another good password")).await;
        assert!(matches!(wrong.status.as_u16(), 401 | 403 | 422), "{wrong:?}");
        one.post("/api/auth/password", change(PASSWORD, "short")).await.fails_with(422, "validation_failed");
        assert_eq!(one.post("/api/auth/password", change(PASSWORD, "another good password")).await.status, 204);
        assert_eq!(one.get("/api/auth/me").await.status, 200);
        other.get("/api/auth/me").await.fails_with(401, "session_ended");
        app.nobody().signed_in("viewer", "another good password").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blocked_or_changed_user_feels_it_at_the_next_request() {
    on_each_store(async |app: TestApp| {
        let (admin, viewer) = (app.sign_in("admin").await, app.sign_in("viewer").await);
        let users = admin.get("/api/users").await.json();
        let id = |name: &str| {
            let user = users["items"].as_array().unwrap().iter().find(|user| user["username"] == name).unwrap();
            format!("/api/users/{}", user["id"].as_str().unwrap())
        };
        viewer.post("/api/services/discover", json!({})).await.fails_with(403, "forbidden");
        assert_eq!(admin.patch(&id("viewer"), json!({"role": "developer"})).await.status, 200);
        assert_eq!(viewer.post("/api/services/discover", json!({})).await.status, 200);
        assert_eq!(admin.patch(&id("viewer"), json!({"is_active": false})).await.status, 200);
        viewer.get("/api/services").await.fails_with(401, "session_ended");
        admin.patch(&id("admin"), json!({"role": "viewer"})).await.fails_with(409, "conflict");
        admin.delete(&id("admin")).await.fails_with(409, "conflict");
        assert_eq!(admin.delete(&id("viewer")).await.status, 204);
        admin.post("/api/users", json!({"username": "ADMIN", "password": PASSWORD, "role": "admin"})).await.fails_with(409, "conflict");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sign_in_is_limited_for_each_address_and_account() {
    let app = TestApp::start_with(engine::testing::StoreKind::Sqlite, |settings| settings.login_limit = Some(3)).await;
    let login = async |password: &str| app.nobody().post("/api/auth/login", json!({"username": "admin", "password": password})).await;
    for _ in 0..3 {
        login("wrong password").await.fails_with(401, "bad_credentials");
    }
    let reply = login(PASSWORD).await;
    reply.fails_with(429, "rate_limited");
    assert!(reply.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0), "{reply:?}");
}

/// What a browser sends back: the name and value of each cookie.
fn cookies(reply: &Reply) -> String {
    let cookies = reply.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap().split(';').next().unwrap().to_owned());
    cookies.collect::<Vec<_>>().join("; ")
}
