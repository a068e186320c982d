//! Templates as their pages are sent, and what their form does without any JavaScript.

use api::Role;
use axum::http::StatusCode;

use crate::fake::{Fake, service};
use crate::page_tests::{get, get_with, has, has_not, post, post_as};
use crate::rpc::{PostedTemplate, TriedTemplate};

fn some() -> Fake {
    Fake { services: vec![service(1, "accounts")], ..Fake::default() }
}

async fn page(role: Role, path: &str) -> String {
    get(some(), Some(role), path).await.text.replace("<!>", "")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn templates_are_listed_and_one_is_shown_with_its_files_and_services() {
    let list = page(Role::Viewer, "/templates").await;
    has(&list, &["<title>Templates · Pilothouse", "href=\"/templates/greeter\"", "Greets &lt;everybody&gt;.", "<td>3</td>", "<td>1</td>"]);
    has(&list, &["href=\"/templates\" aria-current=\"page\""]);
    let one = page(Role::Developer, "/templates/greeter").await;
    has(
        &one,
        &[
            "<title>Greeter · Pilothouse",
            "print('&lt;hello&gt;')",
            "accounts</a> of version 2",
            "action=\"/templates/greeter\"",
            "name=\"form[variables][greeting]\" type=\"text\" value=\"Hello\"",
            "name=\"form[variables][times]\" type=\"text\" inputmode=\"numeric\" value=\"2\"",
            "What it says.",
        ],
    );
    assert!(one.find("form[variables][greeting]") < one.find("form[variables][times]"), "in the order of its schema");
    let viewer = page(Role::Viewer, "/templates/greeter").await;
    has(&viewer, &["Your role may not make services."]);
    has_not(&viewer, &["make_from_template", "<form class=\"settings-form\""]);
    let nothing = page(Role::Viewer, "/templates/nothing").await;
    has(&nothing, &["there is no template 'nothing'", "All templates"]);
    let unused = get(Fake::default(), Some(Role::Viewer), "/templates/greeter").await.text;
    has(&unused, &["None yet."]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_refused_comes_back_as_it_was_typed_with_the_fault_at_its_field() {
    let posted = r#"{"template": "greeter", "form": {"name": "shop <b>", "start": true, "variables": {"greeting": "Good \"day\"", "times": "many"}}, "form_token": "form-token"}"#;
    let posted = serde_json::from_str::<PostedTemplate>(posted).unwrap();
    let tried = TriedTemplate::posted(posted, &some().context(Some(Role::Developer))).await.unwrap_err();
    assert_eq!(tried.error.0.details[0].field, "/source/variables/times", "{tried:?}");
    let back = get_with(some(), Some(Role::Developer), "/templates/greeter", tried).await.text.replace("<!>", "");
    has(&back, &["value=\"shop &lt;b&gt;\"", "value=\"Good &quot;day&quot;\"", "value=\"many\"", "value=\"true\" checked"]);
    let field = back.split("name=\"form[variables][times]\"").nth(1).unwrap();
    assert!(field.split("name=\"form[start]\"").next().unwrap().contains("Has to be a whole number of at most 9"), "{back}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn texts_are_values_by_the_schema_and_nobody_makes_anything_without_the_form_token() {
    let form = "template=greeter&form[name]=shop&form[variables][greeting]=5&form[variables][times]=7&form_token=form-token";
    let answer = post_as(some(), Some(Role::Developer), "/rpc/make_from_template", form, "application/json").await;
    assert!(answer.text.contains(r#"{\"greeting\":\"5\",\"times\":7}"#), "{}", answer.text);
    let refused =
        post_as(some(), Some(Role::Developer), "/rpc/make_from_template", "template=greeter&form[name]=shop", "application/json").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let viewer = post(some(), Some(Role::Viewer), "/rpc/make_from_template", form).await;
    assert!(viewer.location.unwrap().contains("__err"), "a viewer may not");
}
