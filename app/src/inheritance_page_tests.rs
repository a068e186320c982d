//! What a service in an environment inherits, as the page of its configuration is sent, and what the forms do without any JavaScript.

use api::{
    Configuration, ConfigurationChange, ConfigurationInheritance, InheritanceBase, Inherited, MASK, Role, SchemaSource, ValueOrigin,
};
use axum::http::StatusCode;
use serde_json::json;

use crate::fake::{Fake, NOW, service};
use crate::page_tests::{get, post, post_as};

const PAGE: &str = "/services/00000000-0000-0000-0000-000000000001/configuration";

fn configuration() -> Configuration {
    let base = service(2, "accounts-staging").id;
    let from = |version| ValueOrigin::Inherited(Inherited { service_id: base, environment: "staging".into(), version });
    let change = |field: &str, before, after| ConfigurationChange { field: field.into(), before, after };
    let origins = [
        ("PORT", ValueOrigin::Own),
        ("LOG_LEVEL", from(5)),
        ("API_KEY", from(5)),
        ("DEBUG", ValueOrigin::Unset),
        ("HOSTS", ValueOrigin::Default),
        ("EXTRA", ValueOrigin::Own),
        ("TAKEN", from(5)),
    ];
    let offers = json!({"DEBUG": true, "EXTRA": "<there>", "OTHER_KEY": MASK, "NEW": 1});
    Configuration {
        service_id: service(1, "accounts").id,
        version: 3,
        applied_version: None,
        restart_needed: false,
        schema: json!({"properties": {
            "PORT": {"type": "integer"},
            "LOG_LEVEL": {"enum": ["INFO", "DEBUG"]},
            "API_KEY": {"type": "string", "writeOnly": true},
            "DEBUG": {"type": "boolean"},
            "HOSTS": {"type": "array", "default": []}
        }}),
        schema_source: SchemaSource::Inferred,
        schema_environment: None,
        values: json!({"PORT": 8000, "LOG_LEVEL": "INFO", "API_KEY": MASK, "EXTRA": "here", "TAKEN": "x"}),
        secrets: vec!["/API_KEY".into()],
        faults: Vec::new(),
        notes: Vec::new(),
        not_restarted: None,
        format: None,
        watch: None,
        origins: origins.map(|(name, origin)| (name.to_owned(), origin)).into(),
        inheritance: Some(ConfigurationInheritance {
            base: Some(InheritanceBase {
                service_id: base,
                service_name: "accounts-staging".into(),
                environment: "staging".into(),
                version: Some(7),
            }),
            gone: None,
            problem: None,
            changed: vec!["API_KEY".into(), "NEW".into()],
            changes: vec![change("/API_KEY", Some(json!(MASK)), Some(json!(MASK))), change("/NEW", None, Some(json!(1)))],
            offers: offers.as_object().cloned().unwrap_or_default(),
        }),
        updated_at: Some(NOW.plus_seconds(-180)),
        updated_by: Some("anna".into()),
    }
}

fn heir(change: impl Fn(&mut ConfigurationInheritance)) -> Fake {
    let mut configuration = configuration();
    configuration.inheritance.iter_mut().for_each(change);
    Fake { services: vec![service(1, "accounts")], configuration: Some(configuration), ..Fake::default() }
}

async fn page(role: Role) -> String {
    get(heir(|_| {}), Some(role), PAGE).await.text
}

/// The tag that has this in it.
fn tag<'a>(page: &'a str, part: &str) -> &'a str {
    let at = page.find(part).unwrap_or_else(|| panic!("{part} is missing: {page}"));
    let start = page[..at].rfind('<').unwrap();
    &page[start..at + page[at..].find('>').unwrap()]
}

fn form(rest: &str) -> String {
    format!("form_token=form-token&id={}{rest}", service(1, "accounts").id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_field_says_where_its_value_is_from_and_can_be_the_other() {
    let page = page(Role::Developer).await;
    for part in [
        "Inherited from staging.",
        "Set here.",
        "Taken out here.",
        "Set here, as it is",
        "Inherit again from staging",
        "<samp>TAKEN</samp>: <!>Inherited from staging.",
        "<samp>NEW</samp>: <!>staging has a value.",
    ] {
        assert!(page.contains(part), "{part} is missing: {page}");
    }
    assert!(tag(&page, r#"name="form[own][]""#).contains(r#"value="API_KEY""#), "{page}");
    assert!(tag(&page, r#"name="form[inherit][]""#).contains(r#"value="DEBUG""#), "{page}");
    for (field, name) in [("own", "TAKEN"), ("inherit", "NEW"), ("inherit", "OTHER_KEY"), ("inherit", "EXTRA")] {
        let of = format!(r#"name="form[{field}][]" value="{name}""#);
        assert_eq!(page.matches(&of).count(), 1, "what has no field of its own has a box, too: {of} {page}");
    }
    assert!(
        !page.contains(r#"value="HOSTS""#) && !page.contains(r#"name="form[inherit][]" value="PORT""#),
        "staging has no such value: {page}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_changed_in_the_base_is_shown_and_taken_over_by_a_form() {
    let page = page(Role::Developer).await;
    for part in [
        "2 inherited values have changed in staging",
        "accounts-staging",
        "version 7",
        "another secret",
        "Take it over",
        "Inherit others…",
        "&lt;there&gt;",
        "taken out here; there it is: true",
    ] {
        assert!(page.contains(part), "{part} is missing: {page}");
    }
    assert!(
        tag(&page, r#"name="form[base_version]""#).contains(r#"value="7""#)
            && tag(&page, r#"name="form[version]""#).contains(r#"value="3""#),
        "{page}"
    );
    let names: Vec<_> = page.match_indices(r#"name="form[names][]""#).map(|(at, _)| &page[at..at + 40]).collect();
    assert_eq!(names.len(), 3, "what has changed is taken over with the rest: {names:?}");

    let send = |rest: &str| form(&format!("&form[version]=3&form[base_version]=7{rest}"));
    let done = post(heir(|_| {}), Some(Role::Developer), "/rpc/inherit_configuration", &send("&form[message]=as+agreed")).await;
    assert_eq!(done.location.as_deref(), Some(format!("{PAGE}?done=config-inherited&saved=4").as_str()));
    let chosen = send("&form[is_chosen]=true&form[names][]=DEBUG&form[names][]=EXTRA");
    let done = post(heir(|_| {}), Some(Role::Developer), "/rpc/inherit_configuration", &chosen).await;
    assert_eq!(done.location.as_deref(), Some(format!("{PAGE}?done=config-inherited&saved=4").as_str()));
    for (role, body, status) in [
        (Role::Viewer, send(""), StatusCode::FORBIDDEN),
        (Role::Developer, send("&form[is_chosen]=true"), StatusCode::UNPROCESSABLE_ENTITY),
        (Role::Developer, form("&form[version]=2&form[base_version]=7"), StatusCode::CONFLICT),
        (Role::Developer, form("&form[version]=3&form[base_version]=6"), StatusCode::CONFLICT),
        (Role::Developer, send("").replace("form_token=form-token", "form_token=other"), StatusCode::FORBIDDEN),
    ] {
        let refused = post_as(heir(|_| {}), Some(role), "/rpc/inherit_configuration", &body, "application/json").await;
        assert_eq!(refused.status, status, "{body}: {}", refused.text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_save_says_which_fields_are_inherited_again_and_which_are_its_own() {
    let body = form("&form[version]=3&form[values][PORT]=soon&form[values][LOG_LEVEL]=INFO&form[inherit][]=PORT&form[own][]=LOG_LEVEL");
    let saved = post(heir(|_| {}), Some(Role::Developer), "/rpc/save_configuration", &body).await;
    assert_eq!(saved.location.as_deref(), Some(format!("{PAGE}?done=config-saved&saved=4").as_str()), "what is typed there doesn't count");
    let refused = body.replace("form[inherit][]=PORT&", "");
    let refused = post_as(heir(|_| {}), Some(Role::Developer), "/rpc/save_configuration", &refused, "application/json").await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_sees_where_values_are_from_and_gets_no_form() {
    let page = page(Role::Viewer).await;
    for part in [
        "Where from",
        "inherited from staging, version 5",
        "taken out here",
        "the default of its schema",
        "2 inherited values have changed",
    ] {
        assert!(page.contains(part), "{part} is missing: {page}");
    }
    assert!(!page.contains("/rpc/inherit_configuration") && !page.contains("form["), "{page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn that_the_base_is_gone_or_can_not_be_read_is_said() {
    let gone = heir(|inheritance| {
        *inheritance = ConfigurationInheritance { gone: Some("staging".into()), ..ConfigurationInheritance::default() };
    });
    let page = get(gone, Some(Role::Developer), PAGE).await.text;
    assert!(page.contains("It inherited values from staging") && !page.contains("/rpc/inherit_configuration"), "{page}");
    let locked = heir(|inheritance| {
        let base = inheritance.base.take();
        *inheritance =
            ConfigurationInheritance { base, problem: Some("its key isn't there".into()), ..ConfigurationInheritance::default() };
    });
    let page = get(locked, Some(Role::Developer), PAGE).await.text;
    assert!(page.contains("What staging has can") && page.contains("be compared") && !page.contains("Take it over"), "{page}");
    let quiet = heir(|inheritance| {
        inheritance.changed.clear();
        inheritance.changes.clear();
    });
    let page = get(quiet, Some(Role::Developer), PAGE).await.text;
    assert!(page.contains("3 values are inherited, and none has changed in staging") && !page.contains("Take it over"), "{page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_says_which_have_something_to_take_over() {
    let page = get(heir(|_| {}), Some(Role::Viewer), "/configuration?show=inherited_changed").await.text;
    assert!(page.contains("2 inherited values have changed") && page.contains("Inherited values changed"), "{page}");
}
