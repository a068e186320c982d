//! The page of all configurations as it is sent, and what its forms do without any JavaScript.

use api::{Configuration, Detail, Role, SchemaSource, Status};
use serde_json::json;

use crate::fake::{Fake, NOW, service};
use crate::page_tests::{get, get_with, post, post_as};
use crate::rpc::{PostedChange, PostedImportAll, TriedChange, TriedImportAll};

const ONE: &str = "00000000-0000-0000-0000-000000000001";
const TWO: &str = "00000000-0000-0000-0000-000000000002";

fn some() -> Fake {
    let fault = |name: &str| Detail { field: format!("/values/{name}"), message: format!("is <wrong> of {name}") };
    let configuration = Configuration {
        service_id: service(1, "accounts").id,
        version: 7,
        applied_version: Some(5),
        restart_needed: true,
        schema: json!({}),
        schema_source: SchemaSource::Inferred,
        schema_environment: None,
        values: json!({}),
        secrets: Vec::new(),
        faults: vec![fault("PORT")],
        notes: Vec::new(),
        not_restarted: None,
        format: None,
        watch: None,
        origins: Default::default(),
        inheritance: None,
        updated_at: Some(NOW.plus_seconds(-7_200)),
        updated_by: Some("anna <b>".into()),
    };
    let stopped = api::Service { status: Status::Stopped, ..service(2, "billing") };
    Fake { services: vec![service(1, "accounts"), stopped], configuration: Some(configuration), ..Fake::default() }
}

async fn page(role: Role, path: &str) -> String {
    get(some(), Some(role), path).await.text.replace("<!>", "")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_says_what_is_newest_what_is_applied_and_what_is_wrong() {
    let all = page(Role::Developer, "/configuration").await;
    for text in [
        "<title>Configuration",
        "2 configurations",
        "accounts",
        &format!("/services/{ONE}/configuration\""),
        &format!("/services/{ONE}/configuration/versions"),
        "saved, not applied: runs with 5",
        "not checked",
        "2 h ago",
        "by anna &lt;b&gt;",
        "Change a value…",
        "formaction=\"/configuration/apply\"",
        "href=\"/configuration?check=true\"",
        "/api/config/export?format=yaml",
        "Import all…",
    ] {
        assert!(all.contains(text), "{text} is missing: {all}");
    }
    assert!(!all.contains(" style=") && !all.contains("format=env"));
    let checked = page(Role::Viewer, "/configuration?check=true").await;
    assert!(checked.contains("is &lt;wrong&gt; of PORT") && checked.contains("<samp>PORT</samp>"), "{checked}");
    assert!(!checked.contains("type=\"checkbox\"") && !checked.contains("Change a value") && !checked.contains("Import all"));
    let narrowed = page(Role::Developer, "/configuration?q=bill").await;
    assert!(narrowed.contains("billing") && !narrowed.contains(">accounts<") && narrowed.contains("All 1 that match:"), "{narrowed}");
    assert!(narrowed.contains("href=\"/configuration/change?q=bill\""));
    assert!(page(Role::Developer, "/configuration?show=faulty").await.contains("is &lt;wrong&gt; of PORT"));
    assert!(page(Role::Developer, "/configuration?q=nothing").await.contains("No configuration matches"));
    let none = get(Fake::default(), Some(Role::Viewer), "/configuration").await.text;
    assert!(none.contains("There are no services"), "{none}");
    assert!(page(Role::Viewer, "/").await.contains("href=\"/configuration\""), "it is in the navigation");
    assert!(page(Role::Admin, "/configuration?done=saved&saved=2&same=1").await.contains("A new version is saved for 2 services."));
    assert_eq!(get(some(), Some(Role::Admin), "/configuration/nothing").await.status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_changes_applies_and_imports_nothing() {
    for part in ["change", "apply", "import"] {
        let page = page(Role::Viewer, &format!("/configuration/{part}?id={ONE}")).await;
        assert!(page.contains("Not allowed") && !page.contains("/rpc/change_conf") && !page.contains("/rpc/apply"), "{part}: {page}");
    }
    for (path, form) in [
        ("preview_configurations_change", format!("form[ids]={ONE}&form[name]=A&form[value]=1")),
        ("change_configurations", format!("form[ids]={ONE}&form[name]=A&form[value]=1")),
        ("apply_configurations", format!("ids={ONE}")),
        ("preview_configurations_import", "text={}".to_owned()),
        ("import_configurations", "text={}".to_owned()),
    ] {
        for (role, token) in [(Role::Viewer, "form-token"), (Role::Admin, "wrong")] {
            let form = format!("{form}&form_token={token}");
            let answer = post_as(some(), Some(role), &format!("/rpc/{path}"), &form, "application/json").await;
            assert_eq!(answer.status, 403, "{path}: {}", answer.text);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_is_first_shown_for_each_service_and_then_saved() {
    let blank = page(Role::Developer, &format!("/configuration/change?id={ONE}&id={TWO}")).await;
    for text in ["2 services: accounts, billing.", "Show what changes", "Take it out instead", &format!("value=\"{ONE},{TWO}\"")] {
        assert!(blank.contains(text), "{text} is missing: {blank}");
    }
    assert!(!blank.contains("Save it for"), "nothing is shown yet");
    assert!(page(Role::Developer, "/configuration/change?q=bill").await.contains("1 service: billing."), "all that the filter leaves");
    assert!(page(Role::Developer, "/configuration/change?q=nothing").await.contains("No service is chosen"));

    let context = || some().context(Some(Role::Developer));
    let posted = |fields: &str, make: &str| {
        let form = format!(r#"{{"form": {{"ids": "{ONE},{TWO}", {fields}}}, {make} "form_token": "form-token"}}"#);
        serde_json::from_str::<PostedChange>(&form).unwrap()
    };
    let make = r#""make": "true","#;
    let back = async |tried| get_with(some(), Some(Role::Developer), "/configuration/change", tried).await.text.replace("<!>", "");
    let level = r#""name": "LEVEL", "value": "<debug>", "restart": true"#;
    let page = back(TriedChange::posted(posted(level, ""), &context()).await.unwrap_err()).await;
    for text in [
        "It changes 2 services",
        "&lt;debug&gt;",
        "Restarted after that: accounts (step 1).",
        "Save it for 2 services",
        "2 services: accounts, billing.",
        "value=\"LEVEL\"",
    ] {
        assert!(page.contains(text), "{text} is missing: {page}");
    }
    let leads_to = TriedChange::posted(posted(level, make), &context()).await.unwrap();
    assert!(leads_to.starts_with(&format!("/services/bulk?action=restart&id={ONE}&sent=")), "{leads_to}");
    let out = TriedChange::posted(posted(r#""name": "LEVEL", "without": true"#, make), &context()).await.unwrap();
    assert_eq!(out, "/configuration?done=saved&saved=2&same=0");

    let secret = TriedChange::posted(posted(r#""name": "API_KEY", "value": "hunter2""#, ""), &context()).await.unwrap_err();
    let page = back(secret).await;
    assert!(page.contains("put it in once more") && page.contains("********"), "{page}");
    assert!(!page.contains("hunter2"), "{page}");
    let wrong = TriedChange::posted(posted(r#""name": "PORT", "value": "hunter2""#, ""), &context()).await.unwrap_err();
    let page = back(wrong).await;
    assert!(page.contains("2 services refuse it") && page.contains("accounts: is a whole number"), "{page}");
    assert!(!page.contains("Save it for") && !page.contains("hunter2"), "nobody has said that it is no secret");
    let unnamed = TriedChange::posted(posted(r#""name": " ", "value": "hunter2""#, make), &context()).await.unwrap_err();
    let page = back(unnamed).await;
    assert!(page.contains("Say which value") && !page.contains("hunter2"), "{page}");

    let form = format!("form[ids]={ONE}&form[name]=LEVEL&form[value]=x&form_token=form-token");
    let done = post(some(), Some(Role::Developer), "/rpc/change_configurations", &form).await;
    assert_eq!(done.location.as_deref(), Some("/configuration?done=saved&saved=1&same=0"), "{}", done.text);
    let preview = post_as(some(), Some(Role::Developer), "/rpc/preview_configurations_change", &form, "application/json").await;
    assert!(preview.status == 200 && preview.text.contains("\"saved\":false"), "{}", preview.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn applying_shows_the_order_and_leads_to_how_far_it_is() {
    let plan = page(Role::Developer, &format!("/configuration/apply?id={ONE}&id={TWO}")).await;
    for text in ["Restart 1 service", "will be restarted", "stays as it is: ", &format!("name=\"ids\" value=\"{ONE}\"")] {
        assert!(plan.contains(text), "{text} is missing: {plan}");
    }
    let form = format!("ids={ONE}&form_token=form-token");
    let done = post(some(), Some(Role::Developer), "/rpc/apply_configurations", &form).await;
    let leads_to = done.location.unwrap();
    assert!(leads_to.starts_with(&format!("/services/bulk?action=restart&id={ONE}&sent=")), "{leads_to}");
    let applied = Fake { configuration: None, ..some() };
    let page = get(applied, Some(Role::Developer), "/configuration/apply").await.text;
    assert!(page.contains("Nothing is left to apply"), "{page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_of_all_is_first_shown_and_its_text_never_comes_back() {
    let blank = page(Role::Developer, "/configuration/import").await;
    assert!(blank.contains("name=\"text\"") && !blank.contains("value=\"env\"") && !blank.contains(">Import<"), "{blank}");
    let context = || some().context(Some(Role::Developer));
    let posted = |text: &str, make: &str| {
        let form =
            format!(r#"{{"form": {{"format": "json", "mode": "replace"}}, "text": {}, {make} "form_token": "form-token"}}"#, json!(text));
        serde_json::from_str::<PostedImportAll>(&form).unwrap()
    };
    let text = r#"{"services": {"billing": {"A": 1}}, "hunter2": 1}"#;
    let back = async |tried| get_with(some(), Some(Role::Developer), "/configuration/import", tried).await.text.replace("<!>", "");
    let page = back(TriedImportAll::posted(posted(text, ""), &context()).await.unwrap_err()).await;
    assert!(page.contains("It changes 1 service") && page.contains("put it in once more") && page.contains(">Import<"), "{page}");
    assert!(!page.contains("hunter2"), "{page}");
    let page = back(TriedImportAll::posted(posted("nonsense", ""), &context()).await.unwrap_err()).await;
    assert!(page.contains("form-faults") && !page.contains(">Import<"), "{page}");
    let leads_to = TriedImportAll::posted(posted(text, r#""make": "true","#), &context()).await.unwrap();
    assert_eq!(leads_to, "/configuration?done=saved&saved=1&same=0");
}
