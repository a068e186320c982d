//! The configuration of a service as its page is sent, and what its forms do without any JavaScript.

use api::{Configuration, ErrorBody, Permission, Role, SchemaSource};
use axum::http::StatusCode;
use serde_json::json;

use crate::fake::{Fake, NOW, service};
use crate::page_tests::{get, get_with, post, post_as};
use crate::rpc::{CheckedConfiguration, ConfigurationForm, RpcError, TriedConfiguration, TriedReveal};

const PAGE: &str = "/services/00000000-0000-0000-0000-000000000001/configuration";

fn configuration() -> Configuration {
    Configuration {
        service_id: service(1, "accounts").id,
        version: 7,
        applied_version: Some(5),
        restart_needed: true,
        schema: json!({
            "$defs": {"Level": {"enum": ["INFO", "DEBUG"], "description": "How much is logged"}},
            "required": ["PORT"],
            "properties": {
                "PORT": {"type": "integer", "minimum": 1, "maximum": 65535, "default": 8000, "title": "Where it listens"},
                "LOG_LEVEL": {"$ref": "#/$defs/Level", "default": "INFO"},
                "API_KEY": {"type": "string", "writeOnly": true},
                "DEBUG": {"anyOf": [{"type": "boolean"}, {"type": "null"}]},
                "HOSTS": {"type": "array", "items": {"type": "string"}},
                "WAIT": {"type": "number", "x-unit": "seconds"}
            }
        }),
        schema_source: SchemaSource::Inferred,
        schema_environment: None,
        values: json!({"PORT": "soon", "LOG_LEVEL": "DEBUG", "API_KEY": api::MASK, "HOSTS": ["a"], "EXTRA": "more"}),
        secrets: vec!["/API_KEY".into()],
        faults: vec![api::Detail { field: "/PORT".into(), message: "is not a whole number".into() }],
        notes: vec!["settings.local isn't read any more".into()],
        not_restarted: None,
        format: None,
        watch: Some(api::ConfigurationWatch { until: NOW.plus_seconds(60), back_to: 5 }),
        origins: Default::default(),
        inheritance: None,
        updated_at: Some(NOW.plus_seconds(-180)),
        updated_by: Some("anna".into()),
    }
}

fn one() -> Fake {
    Fake { services: vec![service(1, "accounts")], configuration: Some(configuration()), ..Fake::default() }
}

async fn page(role: Role, path: &str) -> String {
    get(one(), Some(role), &format!("{PAGE}{path}")).await.text
}

/// The tag that has this in it.
fn tag<'a>(page: &'a str, part: &str) -> &'a str {
    let at = page.find(part).unwrap_or_else(|| panic!("{part} is missing: {page}"));
    let start = page[..at].rfind('<').unwrap();
    &page[start..at + page[at..].find('>').unwrap()]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_developer_gets_a_field_for_each_value_with_what_is_wrong_at_it() {
    let page = page(Role::Developer, "").await;
    let port = tag(&page, r#"name="form[values][PORT]""#);
    for part in [r#"value="soon""#, r#"inputmode="numeric""#, r#"aria-invalid="true""#, r#"aria-required="true""#, r#"placeholder="8000""#]
    {
        assert!(port.contains(part), "{part}: {port}");
    }
    assert!(port.contains(r#"aria-describedby="form[values][PORT]-hint form[values][PORT]-faults""#), "{port}");
    let key = tag(&page, r#"name="form[values][API_KEY]""#);
    assert!(key.contains(r#"type="password""#) && key.contains(r#"value="""#) && key.contains("kept, not shown"), "{key}");
    assert!(tag(&page, r#"name="form[without][]""#).contains(r#"value="API_KEY""#));
    assert!(tag(&page, r#"<option value="DEBUG""#).contains("selected"));
    assert!(tag(&page, r#"name="form[values][HOSTS]""#).starts_with("<textarea"));
    assert!(tag(&page, r#"name="form[version]""#).contains(r#"value="7""#));
    for part in [
        "Version 7",
        "by anna",
        "3 min ago",
        "the service still runs with version 5",
        "Restart with it",
        "settings.local isn&#x27;t read any more",
        "read from its code and .env files",
        "Where it listens",
        "A whole number, 1 to 65535",
        "Is not a whole number.",
        "In seconds.",
        "EXTRA=more",
        "Save and restart",
        "1 thing has to be mended:",
        "How much is logged",
    ] {
        assert!(page.replace("isn't", "isn&#x27;t").contains(part), "{part} is missing: {page}");
    }
    assert!(!page.contains(" style="));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_reads_the_values_and_gets_no_form() {
    for view in ["", "?view=raw", "?view=raw&format=toml"] {
        let page = page(Role::Viewer, view).await;
        assert!(page.contains("DEBUG") && page.contains("EXTRA"), "{page}");
        assert!(!page.contains("form[") && !page.contains("/rpc/reset_configuration") && !page.contains("Restart with it"), "{page}");
    }
    let page = page(Role::Viewer, "").await;
    assert!(page.contains("a secret that isn't shown") || page.contains("a secret that isn&#x27;t shown"), "{page}");
    assert!(Role::Viewer.may(Permission::ConfigRead) && !Role::Viewer.may(Permission::ConfigChange));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_is_there_as_json() {
    let page = page(Role::Developer, "?view=raw").await;
    assert!(tag(&page, r#"name="form[raw]""#).starts_with("<textarea") && !page.contains(r#"name="form[values]"#), "{page}");
    assert!(page.contains("<b>\"PORT\"</b>: <i>\"soon\"</i>"), "{page}");
    assert!(page.contains("Line 8: PORT: Is not a whole number."), "{page}");
    assert!(tag(&page, r#"action="/services/"#).contains("view=raw"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_is_there_as_a_text_with_comments() {
    let page = page(Role::Developer, "?view=raw&format=yaml").await;
    assert!(page.contains("Values as YAML") && tag(&page, r#"name="form[format]""#).contains(r#"value="yaml""#), "{page}");
    assert!(page.contains("<em># as yaml</em>") && page.contains("<b>LOG_LEVEL</b>: <i>\"DEBUG\"</i>"), "{page}");
    assert!(tag(&page, r#"action="/services/"#).contains("view=raw&amp;format=yaml"), "{page}");
    for format in api::ConfigurationFormat::ALL {
        assert!(page.contains(&format!("/export?format={format}")), "{page}");
    }
    let raw = |text: &str| format!("&form[format]=yaml&form[raw]={text}");
    let body = form(&raw("%23+a%0D%0APORT%3A+soon"));
    let checked = post_as(one(), Some(Role::Developer), "/rpc/validate_configuration", &body, "application/json").await;
    let checked: CheckedConfiguration = serde_json::from_str(&checked.text).unwrap();
    assert_eq!((checked.faults.len(), checked.lines), (1, [("/values/PORT".to_owned(), 2)].into()));
    let saved = post(one(), Some(Role::Developer), "/rpc/save_configuration", &form(&raw("PORT%3A+9000"))).await;
    assert_eq!(saved.location.as_deref(), Some(format!("{PAGE}?done=config-saved&saved=8&view=raw&format=yaml").as_str()));
    let import = |text: &str| format!("form_token=form-token&id={}&format=env&text={text}&mode=merge", service(1, "accounts").id);
    let imported = post(one(), Some(Role::Developer), "/rpc/import_configuration", &import("PORT%3A+1")).await;
    assert_eq!(imported.location.as_deref(), Some(format!("{PAGE}/versions?from=7&to=8&done=config-imported&saved=8").as_str()));
    let refused = post_as(one(), Some(Role::Viewer), "/rpc/import_configuration", &import("A%3A+1"), "application/json").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_nothing_is_known_there_is_a_way_to_begin() {
    let fake = || Fake { services: vec![service(1, "accounts")], ..Fake::default() };
    let page = get(fake(), Some(Role::Developer), PAGE).await.text;
    assert!(page.contains("Nothing is configured") && page.contains(r#"name="form[extra]""#) && page.contains("any variable may be set"));
    assert!(page.contains("as it was found"));
    assert!(get(fake(), Some(Role::Viewer), PAGE).await.text.contains("Nothing is configured"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_are_listed_compared_and_restored_after_a_question() {
    let list = page(Role::Developer, "/versions").await;
    for part in ["reason &lt;7&gt;", "anna", "Found", "newest", "in use", r#"name="from""#, "Compare", " version 3</span>"] {
        assert!(list.contains(part), "{part} is missing: {list}");
    }
    assert!(!list.contains("/rpc/restore_configuration"), "it is asked first");
    let compared = page(Role::Viewer, "/versions?from=3&to=7").await;
    for part in
        ["From version 3 to version 7", "added", "removed", "changed", "another secret", "an empty text", "&lt;b&gt;", "8000", "9000"]
    {
        assert!(compared.contains(part), "{part} is missing: {compared}");
    }
    assert!(!compared.contains("Restore<"), "a viewer restores nothing");
    let asked = page(Role::Developer, "/versions?from=7&to=3&restore=3").await;
    assert!(
        asked.contains("Restore version 3?")
            && asked.contains("/rpc/restore_configuration")
            && asked.contains("From version 7 to version 3")
    );
    assert!(tag(&asked, r#"name="current_version""#).contains(r#"value="7""#));
    let form = format!("form_token=form-token&id={}&version=3&current_version=7&message=", service(1, "accounts").id);
    let answer = post(one(), Some(Role::Developer), "/rpc/restore_configuration", &form).await;
    assert_eq!(answer.location.as_deref(), Some(format!("{PAGE}?done=config-restored&saved=8").as_str()));
    assert!(page(Role::Developer, "?done=config-restored&saved=8").await.contains("Restored: the values"));
}

fn form(rest: &str) -> String {
    format!("form_token=form-token&id={}&form[version]=7&form[message]=why{rest}", service(1, "accounts").id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_is_saved_by_the_types_of_its_fields() {
    let rest = "&form[values][PORT]=9000&form[values][API_KEY]=&form[values][HOSTS]=%5B%22b%22%5D&form[extra]=EXTRA%3Dmore%0D%0AMORE%3D1";
    let answer = post_as(one(), Some(Role::Developer), "/rpc/validate_configuration", &form(rest), "application/json").await;
    let checked: CheckedConfiguration = serde_json::from_str(&answer.text).unwrap();
    let values = json!({"PORT": 9000, "API_KEY": api::MASK, "HOSTS": ["b"], "EXTRA": "more", "MORE": "1"});
    assert_eq!(checked, CheckedConfiguration { values: Some(values), faults: Vec::new(), lines: Default::default() });
    let saved = post(one(), Some(Role::Developer), "/rpc/save_configuration", &form(rest)).await;
    assert_eq!(saved.location.as_deref(), Some(format!("{PAGE}?done=config-saved&saved=8").as_str()));
    let restarted = post(one(), Some(Role::Developer), "/rpc/save_configuration", &form("&form[restart]=true&form[raw]=%7B%7D")).await;
    assert_eq!(restarted.location.as_deref(), Some(format!("{PAGE}?done=config-restarted&saved=8&view=raw").as_str()));
    let refused = Fake { not_restarted: Some("its port is taken".into()), ..one() };
    let refused = post(refused, Some(Role::Developer), "/rpc/save_configuration", &form("&form[restart]=true&form[raw]=%7B%7D")).await;
    assert_eq!(refused.location.as_deref(), Some(format!("{PAGE}?done=config-not-restarted&saved=8&view=raw").as_str()));
    assert!(page(Role::Developer, "?done=config-not-restarted&saved=8").await.contains("Saved as a new version, but the service"));
    for (role, token, status) in [(Role::Viewer, "form-token", 403), (Role::Developer, "another", 403)] {
        let answer =
            post_as(one(), Some(role), "/rpc/save_configuration", &form("").replace("form-token", token), "application/json").await;
        assert_eq!(answer.status.as_u16(), status);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_is_named_at_its_field() {
    let save = async |rest: &str| {
        let answer = post_as(one(), Some(Role::Developer), "/rpc/save_configuration", &form(rest), "application/json").await;
        let body: ErrorBody = serde_json::from_str(&answer.text).unwrap();
        (answer.status, body.details.first().map(|detail| detail.field.clone()))
    };
    assert_eq!(save("&form[values][PORT]=soon").await, (StatusCode::UNPROCESSABLE_ENTITY, Some("/values/PORT".into())));
    assert_eq!(save("&form[extra]=nonsense").await, (StatusCode::UNPROCESSABLE_ENTITY, Some("/extra".into())));
    assert_eq!(save("&form[raw]=nonsense").await, (StatusCode::UNPROCESSABLE_ENTITY, Some("/values".into())));
    let older = form("").replace("form[version]=7", "form[version]=6");
    let answer = post_as(one(), Some(Role::Developer), "/rpc/save_configuration", &older, "application/json").await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert!(answer.text.contains("/version"), "{}", answer.text);
}

/// The page that comes back when a form was posted to it and refused.
async fn come_back(form: ConfigurationForm, error: api::Error) -> String {
    let tried = TriedConfiguration { id: service(1, "accounts").id, form, error: RpcError(error) };
    get_with(one(), Some(Role::Developer), PAGE, tried).await.text
}

/// The page that answers a form that asked for a secret.
async fn revealed(page: &str, field: &str, token: &str) -> String {
    let posted = json!({"id": service(1, "accounts").id, "field": field, "password": "right", "form_token": token}).to_string();
    let tried = TriedReveal::posted(serde_json::from_str(&posted).unwrap(), &one().context(Some(Role::Developer))).await;
    get_with(one(), Some(Role::Developer), page, tried).await.text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_is_shown_in_the_answer_to_a_password_and_in_no_other_page() {
    assert!(page(Role::Developer, "").await.contains(&format!("{PAGE}/secret?field=/API_KEY")));
    let form = page(Role::Developer, "/secret?field=/API_KEY").await;
    assert!(tag(&form, r#"value="/API_KEY""#).contains("selected") && tag(&form, r#"name="password""#).contains("required"), "{form}");
    for role in [Role::Viewer, Role::Developer] {
        assert!(!page(role, "/secret").await.contains("hunter2"));
    }
    assert!(page(Role::Viewer, "/secret").await.contains("Your role may not see secrets"));
    let address = format!("{PAGE}/secret");
    let shown = revealed(&address, "/API_KEY", "form-token").await;
    assert!(shown.contains(">hunter2<") && shown.contains("shown in this page only"), "{shown}");
    assert!(!revealed(&address, "/PORT", "form-token").await.contains("hunter2"), "it is no secret");
    assert!(!revealed(&address, "/API_KEY", "another").await.contains("hunter2"), "another page has sent it");
    let body = |field: &str| format!("id={}&field={field}&password=right&form_token=form-token", service(1, "accounts").id);
    for (role, field, status) in [(Role::Viewer, "/API_KEY", 403), (Role::Developer, "/PORT", 422), (Role::Developer, "/API_KEY", 200)] {
        let answer = post_as(one(), Some(role), "/rpc/reveal_configuration_secret", &body(field), "application/json").await;
        assert_eq!((answer.status.as_u16(), answer.text.contains("hunter2")), (status, status == 200), "{role:?} {field}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_form_comes_back_as_it_was_typed() {
    let values = [("PORT", "never"), ("WAIT", "2"), ("API_KEY", "")].map(|(name, text)| (name.to_owned(), text.to_owned())).into();
    let without = vec!["API_KEY".to_owned()];
    let typed = ConfigurationForm { version: 6, message: "my reason".into(), values, without, extra: "X=1".into(), ..Default::default() };
    let page = come_back(typed.clone(), api::Error::invalid("/values/WAIT", "is less than 1")).await;
    assert!(tag(&page, r#"name="form[values][PORT]""#).contains(r#"value="never""#));
    assert!(tag(&page, r#"name="form[values][WAIT]""#).contains(r#"aria-invalid="true""#));
    assert!(tag(&page, r#"name="form[without][]""#).contains("checked"));
    assert!(tag(&page, r#"name="form[version]""#).contains(r#"value="6""#), "what it was made from stays");
    for part in ["my reason", ">X=1<", "Is less than 1.", "not saved"] {
        assert!(page.contains(part), "{part} is missing: {page}");
    }
    let page = come_back(typed, api::changed_since(6, 7)).await;
    assert!(page.contains("Somebody has saved a newer version meanwhile") && page.contains(&format!("{PAGE}/versions?from=6")), "{page}");
    assert!(tag(&page, r#"name="form[values][PORT]""#).contains(r#"value="never""#));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_is_set_and_given_up() {
    let set = async |schema: &str| {
        let form = format!("form_token=form-token&id={}&schema={schema}", service(1, "accounts").id);
        post_as(one(), Some(Role::Developer), "/rpc/set_configuration_schema", &form, "application/json").await
    };
    assert!(set("%7B%7D").await.location.unwrap().contains("done=config-schema-set"));
    assert!(set("+").await.location.unwrap().contains("done=config-schema-found"));
    assert_eq!(set("%7B").await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_exist_is_a_404() {
    for path in ["/services/nonsense/configuration".to_owned(), format!("{PAGE}/nothing")] {
        assert_eq!(get(one(), Some(Role::Viewer), &path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_fields_are_read_whole_and_shown_as_json() {
    let properties: serde_json::Map<_, _> = (0..10_000).map(|n| (format!("NAME_{n}"), json!({"type": "integer"}))).collect();
    let mut fake = one();
    let configuration = configuration();
    let schema = json!({"properties": properties});
    fake.configuration = Some(Configuration { schema, ..configuration });
    let fields: String = (0..10_000).map(|n| format!("&form[values][NAME_{n}]={n}")).collect();
    let answer = post_as(fake.clone(), Some(Role::Developer), "/rpc/validate_configuration", &form(&fields), "application/json").await;
    let checked: CheckedConfiguration = serde_json::from_str(&answer.text).unwrap();
    let values = checked.values.unwrap();
    assert_eq!((values.as_object().unwrap().len(), &values["NAME_9999"]), (10_000, &json!(9999)));
    let page = get(fake, Some(Role::Developer), PAGE).await.text;
    assert!(
        page.contains("more fields than a page can show")
            && page.contains(r#"name="form[raw]""#)
            && !page.contains(r#"name="form[values]"#)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_that_looks_like_the_end_of_its_field_stays_in_it() {
    let evil = "</textarea><b id=x>&amp;";
    let values = json!({"HOSTS": [evil], "EXTRA": evil, "LOG_LEVEL": "DEBUG"});
    for view in ["", "?view=raw", "?view=raw&format=toml", "?view=raw&format=env"] {
        let configuration = Some(Configuration { values: values.clone(), ..configuration() });
        let page = get(Fake { configuration, ..one() }, Some(Role::Developer), &format!("{PAGE}{view}")).await.text;
        assert!(!page.contains("<b id=x>"), "{view}: {page}");
        assert!(page.contains("&lt;/textarea>&lt;b id=x>&amp;amp;"), "{view}: {page}");
    }
}
