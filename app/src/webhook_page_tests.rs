//! The webhooks of a service as their page is sent, and what its forms do without any JavaScript.

use api::{HookOutcome, Role};

use crate::fake::{Fake, hook, service};
use crate::page_tests::{get, get_with, post, post_as};
use crate::rpc::{PostedHook, TriedHook};

const ONE: &str = "00000000-0000-0000-0000-000000000001";

fn some() -> Fake {
    let hooks = vec![hook(1, HookOutcome::Deploying), hook(2, HookOutcome::Refused)];
    Fake { services: vec![service(1, "accounts")], hooks, ..Fake::default() }
}

fn address() -> String {
    format!("/services/{ONE}/deployments/webhooks")
}

async fn page(fake: Fake, role: Role) -> String {
    get(fake, Some(role), &address()).await.text.replace("<!>", "")
}

async fn posted(form: &str, role: Role) -> (TriedHook, String) {
    let form = format!(r#"{{"id": "{ONE}", "form": {form}, "form_token": "form-token"}}"#);
    let posted = serde_json::from_str::<PostedHook>(&form).unwrap();
    let tried = TriedHook::posted(posted, &some().context(Some(role))).await;
    let page = get_with(some(), Some(role), &address(), tried.clone()).await.text.replace("<!>", "");
    (tried, page)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn webhooks_are_listed_with_their_last_calls_and_never_with_a_secret() {
    let developer = page(some(), Role::Developer).await;
    let deployment = "/deployments/00000000-0000-0000-0000-000000000067";
    for text in [
        "forge &lt;1&gt;",
        "https://pilot.example/api/deploy/hooks/",
        "every branch",
        "main",
        "push of 1a2b3c4 to &lt;main&gt;",
        deployment,
        "Called without its secret",
        "/rpc/remove_deploy_hook",
        "Make webhook",
    ] {
        assert!(developer.contains(text), "{text} is missing: {developer}");
    }
    let viewer = page(some(), Role::Viewer).await;
    assert!(viewer.contains("forge &lt;2&gt;") && viewer.contains("Your role may not make webhooks."), "{viewer}");
    assert!(!viewer.contains("/rpc/remove_deploy_hook") && !viewer.contains("Make webhook"), "{viewer}");
    let none = page(Fake { hooks: Vec::new(), ..some() }, Role::Developer).await;
    assert!(none.contains("There is none yet."), "{none}");
    for page in [developer, viewer, none] {
        assert!(!page.contains("planted-hook-secret") && !page.contains(" style="), "{page}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_is_in_the_page_that_answers_the_form_and_what_was_wrong_comes_back() {
    let (_, made) = posted(r#"{"name": "forge <9>", "branch": ""}"#, Role::Developer).await;
    for text in ["planted-hook-secret", "“forge &lt;9&gt;” is made.", "Payload URL", "Secret token", "Target URL"] {
        assert!(made.contains(text), "{text} is missing: {made}");
    }
    let (tried, wrong) = posted(r#"{"name": "forge", "branch": "refs/heads/main"}"#, Role::Developer).await;
    assert!(tried.made.is_err() && tried.form.branch == "refs/heads/main", "{tried:?}");
    assert!(wrong.contains("A branch is named as Git names it") && wrong.contains("value=\"refs/heads/main\""), "{wrong}");
    assert!(!wrong.contains("planted-hook-secret"));
    let (refused, _) = posted(r#"{"name": "forge"}"#, Role::Viewer).await;
    assert_eq!(refused.made.unwrap_err().0.code, api::ErrorCode::Forbidden);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn removing_leads_back_and_nobody_does_anything_without_the_token() {
    let hook_id = hook(1, HookOutcome::Ignored).id;
    let form = format!("id={ONE}&hook={hook_id}&form_token=form-token");
    let done = post(some(), Some(Role::Developer), "/rpc/remove_deploy_hook", &form).await;
    let leads_to = done.location.unwrap();
    assert!(leads_to.starts_with(&format!("{}?done=removed&at=", address())), "{leads_to}");
    let back = get(some(), Some(Role::Developer), &leads_to).await.text;
    assert!(back.contains("The webhook is removed"), "{back}");
    for (path, form) in [("make_deploy_hook", format!("id={ONE}&form[name]=x")), ("remove_deploy_hook", format!("id={ONE}&hook={hook_id}"))]
    {
        for (role, token) in [(Role::Viewer, "form-token"), (Role::Admin, "wrong")] {
            let form = format!("{form}&form_token={token}");
            let answer = post_as(some(), Some(role), &format!("/rpc/{path}"), &form, "application/json").await;
            assert_eq!(answer.status, 403, "{path}: {}", answer.text);
        }
    }
    let form = format!("id={ONE}&form[name]=x&form_token=form-token");
    let made = post_as(some(), Some(Role::Developer), "/rpc/make_deploy_hook", &form, "application/json").await;
    assert!(made.status == 200 && made.text.contains("\"secret\":\"planted-hook-secret\""), "{}", made.text);
}
