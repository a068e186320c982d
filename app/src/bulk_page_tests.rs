//! The page of one action on many services, as it is sent.

use api::{Role, Status};
use axum::http::StatusCode;

use crate::fake::{Fake, service};
use crate::page_tests::{get, post};

fn some() -> Fake {
    let stopped = api::Service { status: Status::Stopped, ..service(2, "payments") };
    Fake { services: vec![service(1, "accounts"), stopped], ..Fake::default() }
}

fn ids() -> [String; 2] {
    [0, 1].map(|n: usize| some().services[n].id.to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_says_what_becomes_of_each_and_posts_only_what_it_moves() {
    let [first, second] = ids();
    let page = get(some(), Some(Role::Developer), &format!("/services/bulk?action=stop&id={first}&id={second}")).await;
    assert_eq!(page.status, StatusCode::OK);
    for text in ["Stop 2 services?", "Stop 1 service", "will be stopped", "stays as it is: it is stopped already"] {
        assert!(page.text.contains(text), "{text} is missing");
    }
    assert!(page.text.contains(&format!(r#"name="ids" value="{first}""#)), "{}", page.text);
    let page = get(some(), Some(Role::Developer), "/services/bulk?action=start&status=stopped").await;
    assert!(page.text.contains("payments") && !page.text.contains("accounts"), "a filter chooses too");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_asked_for_is_followed_at_an_address_of_its_own() {
    let [first, second] = ids();
    let form = format!("action=stop&ids={first},{second}&form_token=form-token");
    let answer = post(some(), Some(Role::Developer), "/rpc/act_on_services", &form).await;
    assert_eq!(answer.status, StatusCode::FOUND);
    let location = answer.location.unwrap();
    assert!(location.starts_with(&format!("/services/bulk?action=stop&id={first}&id={second}&sent=")), "{location}");
    let page = get(some(), Some(Role::Developer), &location).await;
    for text in ["1 of 2 stopped, 1 not", "isn&#x27;t stopped: it is running", "Undo: start them again"] {
        assert!(page.text.contains(text) || page.text.contains(&text.replace("&#x27;", "'")), "{text} is missing: {}", page.text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_names_nothing_says_what_to_do_and_a_viewer_is_refused() {
    let page = get(some(), Some(Role::Developer), "/services/bulk").await;
    assert!(page.text.contains("Choose what is to be done"));
    let page = get(Fake::default(), Some(Role::Developer), "/services/bulk?action=stop").await;
    assert!(page.text.contains("No service is chosen"));
    let page = get(some(), Some(Role::Viewer), "/services/bulk?action=stop").await;
    assert!(page.text.contains("Not allowed") && !page.text.contains("act_on_services"));
    let list = get(some(), Some(Role::Viewer), "/services").await;
    assert!(!list.text.contains("choice-box"));
    let list = get(some(), Some(Role::Developer), "/services").await;
    assert!(list.text.contains("Choose payments") && list.text.contains("All 2 services:"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_page_is_whole_however_many_are_rendered_at_a_time() {
    let [first, _] = ids();
    let path = format!("/services/bulk?action=restart&id={first}&sent=1795688901857888");
    for _ in 0..20 {
        let load = |_| {
            let path = path.clone();
            tokio::spawn(async move { get(some(), Some(Role::Developer), &path).await })
        };
        let loads: Vec<_> = (0..20).map(load).collect();
        for page in loads {
            let page = page.await.expect("no page fails");
            assert!(page.status == StatusCode::OK && page.text.contains("<title>0 services restarted"), "{}", page.text);
        }
    }
}
