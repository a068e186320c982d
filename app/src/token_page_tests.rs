//! API tokens as the settings page is sent with them, and what its forms do without any JavaScript.

use api::Role;

use crate::fake::{Fake, token};
use crate::page_tests::{get, get_with, post, post_as};
use crate::rpc::{PostedToken, TriedToken};

fn some() -> Fake {
    Fake { tokens: vec![token(1, 30), token(2, -1)], ..Fake::default() }
}

async fn page(fake: Fake, role: Role) -> String {
    get(fake, Some(role), "/settings").await.text.replace("<!>", "")
}

async fn posted(form: &str) -> (TriedToken, String) {
    let form = format!(r#"{{"form": {form}, "form_token": "form-token"}}"#);
    let posted = serde_json::from_str::<PostedToken>(&form).unwrap();
    let tried = TriedToken::posted(posted, &some().context(Some(Role::Developer))).await;
    let page = get_with(some(), Some(Role::Developer), "/settings", tried.clone()).await.text.replace("<!>", "");
    (tried, page)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_are_listed_without_their_texts_and_an_admin_sees_whose_they_are() {
    let viewer = page(some(), Role::Viewer).await;
    for text in [
        "pipeline &lt;1&gt;",
        "read, deploy",
        "Never",
        "10 min ago",
        "Expired",
        "/rpc/revoke_api_token",
        "Make token",
        "No token can make tokens.",
        "value=\"deploy\" checked",
        "start, stop and restart services",
        "value=\"90\" selected",
    ] {
        assert!(viewer.contains(text), "{text} is missing: {viewer}");
    }
    assert_eq!(viewer.matches(">Expired<").count(), 1, "{viewer}");
    assert!(!viewer.contains(">Of<"), "{viewer}");
    let admin = page(some(), Role::Admin).await;
    assert!(admin.contains(">Of</th>") && admin.contains("<td>ada</td>") && admin.contains("of everybody"), "{admin}");
    let none = page(Fake::default(), Role::Viewer).await;
    assert!(none.contains("There is none yet."), "{none}");
    for page in [viewer, admin, none] {
        assert!(!page.contains("pht_") && !page.contains(" style="), "{page}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_in_the_page_that_answers_the_form_and_what_was_wrong_comes_back() {
    let (_, made) = posted(r#"{"name": "CI <b>", "scopes": ["deploy"], "days": "30"}"#).await;
    for text in ["pht_planted", "“CI &lt;b&gt;” is made.", "PILOTHOUSE_API_KEY=… pilothouse deploy SERVICE"] {
        assert!(made.contains(text), "{text} is missing: {made}");
    }
    let (tried, wrong) = posted(r#"{"name": "CI", "scopes": [], "days": "many"}"#).await;
    assert!(tried.made.is_err(), "{tried:?}");
    for text in ["A token has one scope or more", "A token is good for 1 to 366 days", "value=\"CI\""] {
        assert!(wrong.contains(text), "{text} is missing: {wrong}");
    }
    assert!(!wrong.contains("pht_planted"), "{wrong}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revoking_leads_back_and_nobody_does_anything_without_the_form_token() {
    let form = format!("id={}&form_token=form-token", token(1, 30).id);
    let done = post(some(), Some(Role::Viewer), "/rpc/revoke_api_token", &form).await;
    let leads_to = done.location.unwrap();
    assert!(leads_to.starts_with("/settings?done=token-revoked&at="), "{leads_to}");
    let back = get(some(), Some(Role::Viewer), &leads_to).await.text;
    assert!(back.contains("The API token is revoked"), "{back}");
    for (path, form) in
        [("make_api_token", "form[name]=x&form[scopes][]=read".to_owned()), ("revoke_api_token", format!("id={}", token(1, 30).id))]
    {
        let form = format!("{form}&form_token=wrong");
        let answer = post_as(some(), Some(Role::Admin), &format!("/rpc/{path}"), &form, "application/json").await;
        assert_eq!(answer.status, 403, "{path}: {}", answer.text);
    }
    let form = "form[name]=x&form[scopes][]=read&form[scopes][]=operate&form[days]=7&form_token=form-token";
    let made = post_as(some(), Some(Role::Viewer), "/rpc/make_api_token", form, "application/json").await;
    assert!(
        made.status == 200 && made.text.contains("\"token\":\"pht_planted\"") && made.text.contains("[\"read\",\"operate\"]"),
        "{}",
        made.text
    );
}
