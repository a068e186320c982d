//! Every door that can refuse a request answers with the one error body.

use engine::testing::StoreKind;
use http::Method;
use serde_json::json;

use crate::app::TestApp;

const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_address_is_not_found_at_every_door() {
    let app = TestApp::start().await;
    for path in ["/api/nothing", "/rpc/nothing", "/ws/nothing", "/nothing.js", "/index.html", "/api/", "/%FF", "/api/services/%FF/health"] {
        let reply = app.nobody().get(path).await;
        assert!(matches!(reply.status.as_u16(), 401 | 404), "{path}: {reply:?}");
        reply.fails_with(reply.status.as_u16(), if reply.status == 404 { "not_found" } else { "not_signed_in" });
    }
    let page = app.nobody().raw(Method::GET, "/nowhere", &[("accept", "text/html")], "").await;
    assert_eq!(page.status, 404);
    assert!(page.header("content-type").starts_with("text/html"), "{page:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_method_that_an_address_does_not_take_is_named() {
    let app = TestApp::start().await;
    let reply = app.nobody().delete("/api/services").await;
    reply.fails_with(405, "method_not_allowed");
    assert!(reply.header("allow").contains("POST"), "{reply:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_is_wrong_is_refused_for_what_is_wrong_with_it() {
    let app = TestApp::start().await;
    let login = async |headers: &[(&str, &str)], body: Vec<u8>| app.nobody().raw(Method::POST, "/api/auth/login", headers, body).await;
    login(&[], b"{}".into()).await.fails_with(415, "unsupported_media_type");
    login(&[("content-type", "text/plain")], b"{}".into()).await.fails_with(415, "unsupported_media_type");
    login(&[JSON], b"".into()).await.fails_with(400, "malformed_request");
    login(&[JSON], b"{".into()).await.fails_with(400, "malformed_request");
    login(&[JSON], b"\xff\xfe".into()).await.fails_with(400, "malformed_request");
    login(&[JSON], vec![b' '; (1 << 20) + 1]).await.fails_with(413, "payload_too_large");
    login(&[JSON], "[".repeat(100_000).into()).await.fails_with(422, "validation_failed");
    login(&[JSON], format!("{{\"username\":{}", "[".repeat(100_000)).into()).await.fails_with(422, "validation_failed");
    let body = login(&[JSON], br#"{"username": 7}"#.into()).await.fails_with(422, "validation_failed");
    assert_eq!(body["details"][0]["field"], "/username");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_names_of_this_pilothouse_are_answered() {
    let app = TestApp::start().await;
    let ask = async |host: &str| app.nobody().raw(Method::GET, "/healthz", &[("host", host)], "").await;
    assert_eq!(ask("localhost").await.status, 200);
    ask("evil.example").await.fails_with(421, "misdirected_request");
    ask("127.0.0.1.evil.example").await.fails_with(421, "misdirected_request");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_too_often_is_told_when_to_come_back_and_others_are_not_kept_waiting() {
    let app = TestApp::start_with(StoreKind::Sqlite, |settings| (settings.rate_limit, settings.rate_burst) = (1, 5)).await;
    let nobody = app.nobody();
    for _ in 0..5 {
        nobody.get("/api/services").await.fails_with(401, "not_signed_in");
    }
    let reply = nobody.get("/api/services").await;
    reply.fails_with(429, "rate_limited");
    assert_eq!(reply.header("retry-after"), "1");
    assert_eq!(nobody.get("/healthz").await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_state_change_must_come_from_our_own_pages() {
    let app = TestApp::start().await;
    let origin = format!("http://{}", app.address);
    let other_port = "http://127.0.0.1:1";
    let cookie = ("cookie", "a=1");
    let refused: [&[(&str, &str)]; 7] = [
        &[cookie],
        &[cookie, ("sec-fetch-site", "same-site")],
        &[cookie, ("sec-fetch-site", "cross-site")],
        &[cookie, ("sec-fetch-site", "none")],
        &[("sec-fetch-site", "cross-site")],
        &[cookie, ("origin", other_port)],
        &[cookie, ("origin", "null")],
    ];
    for path in ["/api/auth/logout", "/rpc/sign_out"] {
        for headers in refused {
            app.nobody().raw(Method::POST, path, headers, "").await.fails_with(403, "cross_site_refused");
        }
        for headers in [&[cookie, ("sec-fetch-site", "same-origin")] as &[_], &[cookie, ("origin", &origin)], &[]] {
            let reply = app.nobody().raw(Method::POST, path, headers, "").await;
            assert_ne!(reply.status, 403, "{path} {headers:?} {reply:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_client_does_not_hold_its_connection_for_ever() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let app = TestApp::start().await;
    let mut stream = tokio::net::TcpStream::connect(app.address).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: local").await.unwrap();
    let mut answer = Vec::new();
    let read = tokio::time::timeout(std::time::Duration::from_secs(40), stream.read_to_end(&mut answer)).await;
    assert!(read.is_ok(), "the connection is still open after 40 seconds");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_says_nothing_about_which_part_is_wrong() {
    let app = TestApp::start().await;
    let wrong = async |username: &str| {
        let reply = app.nobody().post("/api/auth/login", json!({"username": username, "password": "not the password"})).await;
        reply.fails_with(401, "bad_credentials")["message"].clone()
    };
    assert_eq!(wrong("admin").await, wrong("nobody-of-that-name").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_ends_streams_and_lets_requests_finish() {
    let app = TestApp::start().await;
    let viewer = app.sign_in("viewer").await;
    let waiting = tokio::spawn(async move { viewer.get("/api/system").await.status });
    let before = std::time::Instant::now();
    assert_eq!(waiting.await.unwrap(), 200);
    let address = app.address;
    drop(app.stop().await);
    assert!(before.elapsed() < std::time::Duration::from_secs(8), "an idle connection held up the shutdown");
    assert!(tokio::net::TcpStream::connect(address).await.is_err(), "it still listens");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_own_figures_are_there_for_prometheus() {
    let app = TestApp::start().await;
    app.nobody().get("/metrics").await.fails_with(401, "not_signed_in");
    assert_eq!(app.nobody().get("/healthz").await.text(), "ok\n");
    assert_eq!(app.nobody().get("/readyz").await.status, 200);
    let reply = app.sign_in("viewer").await.get("/metrics").await;
    let text = reply.text();
    for name in [
        "pilothouse_info{version=",
        "pilothouse_services{status=\"running\"} 0",
        "pilothouse_http_requests_total{class=\"4xx\"}",
        "process_resident_memory_bytes ",
    ] {
        assert!(text.contains(name), "{name}: {text}");
    }
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        assert!(line.rsplit(' ').next().is_some_and(|value| value.parse::<f64>().is_ok()), "{line}");
    }
}
