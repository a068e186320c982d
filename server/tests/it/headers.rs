//! What every answer carries.

use http::Method;

use crate::app::TestApp;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_has_a_request_id_and_the_security_headers() {
    let app = TestApp::start().await;
    for path in ["/healthz", "/api/services", "/sign-in", "/api/nothing"] {
        let reply = app.nobody().raw(Method::GET, path, &[("accept", "text/html")], "").await;
        assert_eq!(reply.header("x-request-id").len(), 36, "{path}");
        assert_eq!(reply.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(reply.header("x-frame-options"), "DENY", "{path}");
        assert_eq!(reply.header("referrer-policy"), "same-origin", "{path}");
        assert_eq!(reply.header("cache-control"), "no-store", "{path}");
        assert!(reply.header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
        assert!(reply.headers.get("strict-transport-security").is_none(), "{path}: HSTS on loopback would bind every port of it");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_lets_only_our_own_scripts_run_with_a_new_nonce_each_time() {
    let app = TestApp::start().await;
    let page = async || app.nobody().raw(Method::GET, "/sign-in", &[("accept", "text/html")], "").await;
    let (first, second) = (page().await, page().await);
    let policy = first.header("content-security-policy");
    for part in [
        "default-src 'none'",
        "script-src 'self' 'nonce-",
        "'wasm-unsafe-eval'",
        "style-src 'self'",
        "base-uri 'none'",
        "object-src 'none'",
    ] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe-inline"), "{policy}");
    assert_ne!(policy, second.header("content-security-policy"));
    let nonce = policy.split("'nonce-").nth(1).and_then(|rest| rest.split('\'').next()).unwrap().to_owned();
    let html = first.text();
    for script in html.split("<script").skip(1) {
        assert!(script.starts_with(&format!(" nonce=\"{nonce}\"")) || script.contains(&format!("nonce=\"{nonce}\"")), "{script}");
    }
    assert!(!html.contains(" style=\""), "a style attribute is refused by the policy: {html}");
    assert!(!html.contains("http://") || html.contains("http://www.w3.org"), "{html}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_is_compressed_unless_its_address_brings_text_along() {
    let app = TestApp::start().await;
    let page = async |path: &str, takes: &str| {
        let reply = app.nobody().raw(Method::GET, path, &[("accept", "text/html"), ("accept-encoding", takes)], "").await;
        reply.header("content-encoding").to_owned()
    };
    assert_eq!(page("/sign-in", "gzip, br").await, "gzip");
    assert_eq!(page("/sign-in?next=/services", "gzip, br").await, "");
    assert_eq!(page("/sign-in", "identity").await, "");
}
