//! Pages as they are sent, before and without any JavaScript.

use std::sync::LazyLock;

use api::{Health, Role, Service, Status};
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, StatusCode, header};
use leptos::prelude::provide_context;

use crate::fake::{Fake, service};

/// What a browser gets.
pub(crate) struct Answer {
    pub status: StatusCode,
    pub location: Option<String>,
    pub cookies: Vec<String>,
    pub text: String,
}

impl Answer {
    async fn read(response: Response<Body>) -> Self {
        let header = |value: &header::HeaderValue| value.to_str().unwrap().to_owned();
        let location = response.headers().get(header::LOCATION).map(header);
        let cookies = response.headers().get_all(header::SET_COOKIE).iter().map(header).collect();
        let status = response.status();
        let text = String::from_utf8(to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()).unwrap();
        Self { status, location, cookies, text }
    }
}

pub(crate) async fn get(fake: Fake, role: Option<Role>, path: &str) -> Answer {
    get_with(fake, role, path, ()).await
}

/// A page that finds something in its context: what was made of a form that was posted to it.
pub(crate) async fn get_with<T: Clone + Send + Sync + 'static>(fake: Fake, role: Option<Role>, path: &str, with: T) -> Answer {
    // Makes the executor too, as it does when the server starts.
    static ROUTES: LazyLock<usize> = LazyLock::new(|| leptos_axum::generate_route_list(crate::App).len());
    assert!(*ROUTES > 0);
    let context = fake.context(role);
    let in_context = move || {
        provide_context(context.clone());
        provide_context(with.clone());
    };
    let page = leptos_axum::render_app_async_with_context(in_context, crate::shell);
    let request = Request::get(path).header(header::ACCEPT, "text/html").header(header::HOST, "localhost:7700");
    Answer::read(page(request.body(Body::empty()).unwrap()).await).await
}

pub(crate) async fn post(fake: Fake, role: Option<Role>, path: &str, form: &str) -> Answer {
    post_as(fake, role, path, form, "text/html").await
}

pub(crate) async fn post_as(fake: Fake, role: Option<Role>, path: &str, form: &str, accept: &str) -> Answer {
    let context = fake.context(role);
    let request = Request::post(path)
        .header(header::ACCEPT, accept)
        .header(header::REFERER, "http://localhost:7700/services?q=a")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let request = request.body(Body::from(form.to_owned())).unwrap();
    let response = leptos_axum::handle_server_fns_with_context(move || provide_context(context.clone()), request).await;
    Answer::read(axum::response::IntoResponse::into_response(response)).await
}

/// Calls a server function that only reads, as the page does once it is alive.
/// Fails unless all of these are in the page, and no style in its markup.
pub(crate) fn has(page: &str, texts: &[&str]) {
    for text in texts {
        assert!(page.contains(text), "{text} is missing: {page}");
    }
    assert!(!page.contains(" style="), "{page}");
}

/// Fails when one of these is in the page.
pub(crate) fn has_not(page: &str, texts: &[&str]) {
    for text in texts {
        assert!(!page.contains(text), "{text} is there: {page}");
    }
}

pub(crate) async fn call(fake: Fake, role: Option<Role>, path: &str, json: &str) -> Answer {
    let context = fake.context(role);
    let request = Request::post(path).header(header::ACCEPT, "application/json").header(header::CONTENT_TYPE, "application/json");
    let request = request.body(Body::from(json.to_owned())).unwrap();
    let response = leptos_axum::handle_server_fns_with_context(move || provide_context(context.clone()), request).await;
    Answer::read(axum::response::IntoResponse::into_response(response)).await
}

fn some() -> Fake {
    let unwell = Service {
        status: Status::Error,
        status_reason: Some("exit code 3".into()),
        health_status: Health::Unknown,
        ..service(2, "payments")
    };
    Fake { services: vec![service(1, "accounts"), unwell], ..Fake::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_shows_every_service_with_its_state_in_words() {
    let page = get(some(), Some(Role::Developer), "/services").await;
    assert_eq!(page.status, StatusCode::OK);
    for text in ["accounts", "Running", "Healthy", "payments", "Error", "exit code 3", "2 services", "3.2 %", "64 MiB"] {
        assert!(page.text.contains(text), "{text} is missing");
    }
    assert!(page.text.contains(r#"href="http://127.0.0.1:8001/""#), "the link to the service has another host name than the page");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_is_filtered_by_the_address() {
    let page = get(some(), Some(Role::Viewer), "/services?status=error").await;
    assert!(page.text.contains("payments") && !page.text.contains("accounts"));
    let page = get(some(), Some(Role::Viewer), "/services?q=nothing").await;
    assert!(page.text.contains("No service matches"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blocked_action_says_why_and_a_viewer_has_none() {
    let page = get(some(), Some(Role::Developer), "/services").await;
    assert!(page.text.contains("Start accounts: it is running already"));
    let page = get(some(), Some(Role::Viewer), "/services").await;
    assert!(!page.text.contains("formaction"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_page_puts_what_is_unwell_first() {
    let page = get(some(), Some(Role::Developer), "/").await;
    let attention = page.text.find("Needs attention").expect("there is a list of what needs attention");
    assert!(page.text[attention..].find("exit code 3") < page.text[attention..].find("accounts"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pilothouse_without_services_says_what_to_set() {
    let page = get(Fake::default(), Some(Role::Admin), "/").await;
    assert!(page.text.contains("PILOTHOUSE_SERVICES_DIR"));
    let page = get(Fake::default(), Some(Role::Admin), "/services").await;
    assert!(page.text.contains("PILOTHOUSE_SERVICES_DIR"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_not_signed_in_is_led_to_the_sign_in_page_and_back() {
    let page = get(some(), None, "/services?status=error").await;
    assert_eq!(page.status, StatusCode::FOUND);
    assert_eq!(page.location.as_deref(), Some("/sign-in?next=/services%3Fstatus%3Derror"));
    assert!(!page.text.contains("payments"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_page_of_a_service_is_made_however_many_are_made_at_once() {
    let pages = (0..300).map(|at| {
        let tab = ["", "/dependencies", "/configuration", "/logs"][at % 4];
        let path = format!("/services/{}{tab}", service(1, "accounts").id);
        tokio::spawn(async move { get(some(), Some(Role::Viewer), &path).await })
    });
    for page in pages.collect::<Vec<_>>() {
        let page = page.await.expect("the title is read when all else is written, and what it was made of may have gone by then");
        assert!(page.text.contains("<title>accounts · Pilothouse</title>"), "{}", page.text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_address_is_a_404_with_a_way_on() {
    let page = get(some(), Some(Role::Viewer), "/no/such/page").await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    assert!(page.text.contains(r#"href="/services""#));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_page_has_an_inline_style_or_a_script_without_a_nonce() {
    for path in ["/", "/services", "/services/new", "/dependencies", "/activity", "/sign-in", "/setup?token=a", "/nothing"] {
        let page = get(some(), Some(Role::Admin), path).await;
        assert!(!page.text.contains(" style="), "{path}");
        assert_eq!(page.text.matches("<script").count(), page.text.matches("nonce=").count(), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pages_before_a_sign_in_load_no_program() {
    for (path, has_program) in [("/sign-in?next=/services", false), ("/setup?token=a", false), ("/services", true)] {
        let page = get(some(), Some(Role::Viewer), path).await;
        assert_eq!(page.text.contains("/app-1.wasm"), has_program, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_sets_both_cookies_and_goes_on() {
    let answer = post(Fake::default(), None, "/rpc/sign_in", "username=ada&password=right&next=/services%3Fq%3Da").await;
    assert_eq!((answer.status, answer.location.as_deref()), (StatusCode::FOUND, Some("/services?q=a")));
    assert_eq!(answer.cookies.len(), 2);
    let answer = post(Fake::default(), None, "/rpc/sign_in", "username=ada&password=right&next=//evil.example").await;
    assert_eq!(answer.location.as_deref(), Some("/"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_form_goes_back_and_its_page_says_why() {
    let answer = post(Fake::default(), None, "/rpc/sign_in", "username=ada&password=wrong").await;
    assert_eq!((answer.status, answer.cookies.len()), (StatusCode::FOUND, 0));
    let back = answer.location.expect("it goes back");
    assert!(back.starts_with("http://localhost:7700/services?q=a&"), "{back}");
    let page = get(some(), Some(Role::Viewer), back.trim_start_matches("http://localhost:7700")).await;
    assert!(page.text.contains("User name or password is wrong."));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_make_services_is_asked_for_a_command_and_told_what_it_takes() {
    for (role, may_make, may_command) in [(Role::Viewer, false, false), (Role::Developer, true, false), (Role::Admin, true, true)] {
        let page = get(some(), Some(role), "/services/new").await;
        let has = |part: &str| page.text.contains(part);
        assert_eq!((page.status, has(r#"action="/services/new""#), has("form[command]")), (StatusCode::OK, may_make, may_make), "{role:?}");
        assert_eq!(has("form[handover]"), may_make);
        assert_eq!((has("form[user]"), has("Takes an Admin, unless")), (may_make, may_make && !may_command), "{role:?}");
        let list = get(some(), Some(role), "/services").await;
        assert_eq!(list.text.contains(r#"href="/services/new""#), may_make, "{role:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_forms_of_a_service_name_what_is_wrong_and_ask_for_the_name_before_a_deletion() {
    let id = service(1, "accounts").id;
    let settings = "form%5Bname%5D=a&form%5Bdescription%5D=&form%5Bport%5D=x&form%5Benvironment%5D=A%3D1%0D%0AB&form%5Bhealth_path%5D=\
        &form%5Bhealth_interval%5D=15&form%5Bhealth_timeout%5D=5&form%5Bunhealthy_threshold%5D=3&form%5Bhealthy_threshold%5D=1\
        &form%5Bmetrics_path%5D=%2Fmetrics&form%5Bstop_grace%5D=10&form%5Brestart%5D=never";
    let form = format!("id={id}&form_token=form-token&{settings}");
    let answer = post_as(some(), Some(Role::Developer), "/rpc/change_service", &form, "application/json").await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.text);
    let body: api::ErrorBody = serde_json::from_str(&answer.text).expect("it is an error body");
    let fields: Vec<_> = body.details.iter().map(|detail| detail.field.as_str()).collect();
    assert_eq!(fields, ["/port", "/environment"]);

    for (typed, is_deleted) in [("acounts", false), ("accounts", true)] {
        let form = format!("id={id}&form_token=form-token&typed={typed}");
        let answer = post_as(some(), Some(Role::Admin), "/rpc/delete_service", &form, "application/json").await;
        assert_eq!(answer.location.is_some(), is_deleted, "{}", answer.text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_script_gets_the_error_body_with_its_status() {
    let id = service(1, "accounts").id;
    let form = format!("id={id}&form_token=form-token");
    let answer = post_as(some(), Some(Role::Developer), "/rpc/start_service", &form, "application/json").await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    let body: api::ErrorBody = serde_json::from_str(&answer.text).expect("it is an error body");
    assert_eq!((body.message.as_str(), body.request_id.as_str()), ("it is running already", "request-1"));
    let answer = post_as(some(), Some(Role::Developer), "/rpc/start_service", "id=x", "application/json").await;
    assert!(answer.status.is_client_error(), "{} {}", answer.status, answer.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_without_its_token_does_nothing() {
    let id = service(1, "accounts").id;
    for token in ["", "wrong", "form-tokem", "form-token-"] {
        let form = format!("id={id}&form_token={token}");
        let answer = post_as(some(), Some(Role::Developer), "/rpc/stop_service", &form, "application/json").await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{token}");
    }
}
