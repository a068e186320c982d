//! What runs where as its page is sent, and the forms that make environments and set services up in them, without any JavaScript.

use api::Role;

use crate::fake::{Fake, service};
use crate::page_tests::{get, get_with, has, has_not, post};
use crate::rpc::{PostedTarget, TriedTarget};

const ONE: &str = "00000000-0000-0000-0000-000000000001";

fn some() -> Fake {
    Fake { services: vec![service(1, "accounts"), service(2, "proxy")], has_environments: true, ..Fake::default() }
}

async fn page(fake: Fake, role: Role, path: &str) -> String {
    get(fake, Some(role), path).await.text.replace("<!>", "")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_runs_where_is_a_table_with_the_ways_on() {
    let all = page(some(), Role::Developer, "/deployments/environments").await;
    has(
        &all,
        &[
            "<title>What runs where",
            ">development</th>",
            ">staging</th>",
            ">production</th>",
            "Release 3",
            "Release 2",
            "not what development runs",
            "held",
            "/services/00000000-0000-0000-0000-000000000009/deployments\"",
            &format!("/services/{ONE}/deployments/set-up?environment=production"),
            "For &lt;testers&gt;. 1 service",
        ],
    );
    has_not(&all, &["/rpc/make_environment", "00000000-0000-0000-0000-000000000002/deployments/set-up"]);
    let viewer = page(some(), Role::Viewer, "/deployments/environments").await;
    has_not(&viewer, &["/set-up?", "/rpc/make_environment", "/rpc/change_environment", "/rpc/remove_environment"]);
    let admin = page(some(), Role::Admin, "/deployments/environments").await;
    has(&admin, &["/rpc/make_environment", "/rpc/change_environment", "/rpc/remove_environment", "Before staging", "value=\"production\""]);
    let one = page(some(), Role::Viewer, "/deployments/environments?q=acc").await;
    has(&one, &["value=\"acc\"", "accounts"]);
    has_not(&one, &[">proxy<"]);
    has(&page(some(), Role::Viewer, "/deployments/environments?q=zzz").await, &["No service matches", "Show all services"]);
    has(
        &page(Fake::default(), Role::Admin, "/deployments/environments").await,
        &["There is no service yet", "There is only development yet"],
    );
    has(&page(some(), Role::Viewer, "/deployments").await, &["href=\"/deployments/environments\""]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tab_of_a_service_says_where_it_runs_and_takes_releases_along() {
    let tab = format!("/services/{ONE}/deployments");
    let developer = page(some(), Role::Developer, &tab).await;
    has(
        &developer,
        &[
            "this one",
            "Take release 3 of development to staging…",
            "Release 2 of staging",
            "What its source is now",
            "Set it up",
            "form[release]",
        ],
    );
    let chosen = crate::fake::release(2, true).id;
    let promoted = page(some(), Role::Developer, &format!("{tab}?release={chosen}")).await;
    has(&promoted, &[&format!("value=\"{chosen}\" selected")]);
    let viewer = page(some(), Role::Viewer, &tab).await;
    has(&viewer, &["Not set up"]);
    has_not(&viewer, &["Take release", "Set it up"]);
    let alone = page(Fake { has_environments: false, ..some() }, Role::Developer, &tab).await;
    has_not(&alone, &["What runs where", "form[release]"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_is_set_up_by_a_form_that_keeps_what_was_typed() {
    let address = format!("/services/{ONE}/deployments/set-up");
    let form = page(some(), Role::Developer, &format!("{address}?environment=production")).await;
    has(
        &form,
        &[
            "Set accounts up in an environment",
            "value=\"production\" selected",
            "Empty is accounts-ENVIRONMENT.",
            &format!("action=\"{address}\""),
            "form[replicas]",
            "form[rollout][surge]",
            "form[limit_memory]",
        ],
    );
    has_not(&form, &["value=\"staging\"", "form[needs_approval]"]);
    has(&page(some(), Role::Admin, &address).await, &["form[needs_approval]"]);
    has(&page(some(), Role::Viewer, &address).await, &["Your role may not set services up"]);
    let two = address.replace(ONE, "00000000-0000-0000-0000-000000000002");
    has(&page(some(), Role::Developer, &two).await, &["It can't be set up elsewhere", "Others have made its container."]);

    let posted = async |form: &str| {
        let form = format!(r#"{{"id": "{ONE}", "form": {form}, "form_token": "form-token"}}"#);
        let posted = serde_json::from_str::<PostedTarget>(&form).unwrap();
        TriedTarget::posted(posted, &some().context(Some(Role::Developer))).await
    };
    let made = posted(r#"{"environment": "production"}"#).await.expect("it is set up");
    assert_eq!(made, "/services/00000000-0000-0000-0000-00000000000a/deployments?done=set-up");
    let tried = posted(r#"{"environment": "production", "port": "http", "variables": "A=<1>"}"#).await.expect_err("a port is a number");
    let back = get_with(some(), Some(Role::Developer), &address, tried).await.text.replace("<!>", "");
    has(&back, &["A port is a number from 1 to 65535", "A=&lt;1>", "value=\"production\" selected"]);
    assert!(posted(r#"{"environment": "staging"}"#).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn environments_are_made_changed_and_removed_by_forms() {
    for (address, form, to) in [
        ("/rpc/make_environment", "name=qa&description=&before=staging&form_token=form-token", "/deployments/environments?at="),
        ("/rpc/change_environment", "name=staging&description=x&form_token=form-token", "/deployments/environments?at="),
        ("/rpc/remove_environment", "name=production&form_token=form-token", "/deployments/environments?at="),
        ("/rpc/make_environment", "name=Q+A&form_token=form-token", "__err"),
        ("/rpc/remove_environment", "name=staging&form_token=form-token", "__err"),
        ("/rpc/remove_environment", "name=production&form_token=wrong", "__err"),
    ] {
        let answer = post(some(), Some(Role::Admin), address, form).await;
        let location = answer.location.clone().unwrap_or_default();
        assert!(location.contains(to), "{address} {form}: {location}");
    }
    let refused = post(some(), Some(Role::Developer), "/rpc/make_environment", "name=qa&form_token=form-token").await;
    assert!(refused.location.unwrap_or_default().contains("__err"), "that takes an Admin");
}
