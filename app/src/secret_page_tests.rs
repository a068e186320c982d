//! The pages of secrets as they are sent, and what their forms do without any JavaScript.

use api::{NamedSecret, Role, SecretGivenEarlier, SecretUse, SecretValue};

use crate::fake::{Fake, NOW, secret, service};
use crate::page_tests::{get, get_with, post, post_as};
use crate::rpc::{PostedImport, PostedSecret, SecretForm, SecretOutcome, TriedImport, TriedSecret};

fn used(number: u128, name: &str, variable: &str) -> SecretUse {
    SecretUse { service_id: service(number, name).id, service_name: name.into(), variable: variable.into() }
}

fn some() -> Fake {
    let password = NamedSecret {
        description: Some("of <i>orders</i>".into()),
        used_by: vec![used(1, "orders", "DB"), used(1, "orders", "URL"), used(2, "payments", "URL")],
        unused: false,
        value_set_at: NOW.plus_seconds(-200 * 86_400),
        stale: true,
        former_versions: vec![1, 3],
        given_earlier: vec![SecretGivenEarlier { service_id: service(2, "pay <b>").id, service_name: "pay <b>".into(), version: 3 }],
        ..secret("orders.db", 4)
    };
    Fake { secrets: vec![secret("api-key", 1), password], ..Fake::default() }
}

async fn page(role: Role, path: &str) -> String {
    get(some(), Some(role), path).await.text
}

/// A page that a posted form comes back as.
async fn back<T: Clone + Send + Sync + 'static>(path: &str, tried: T) -> String {
    back_as(Role::Developer, path, tried).await
}

async fn back_as<T: Clone + Send + Sync + 'static>(role: Role, path: &str, tried: T) -> String {
    get_with(some(), Some(role), path, tried).await.text
}

/// The tag that has this in it.
fn tag<'a>(page: &'a str, part: &str) -> &'a str {
    let at = page.find(part).unwrap_or_else(|| panic!("{part} is missing: {page}"));
    let start = page[..at].rfind('<').unwrap();
    &page[start..at + page[at..].find('>').unwrap()]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_says_what_uses_each_secret_and_what_is_to_be_done() {
    let all = page(Role::Developer, "/secrets").await;
    for text in [
        "api-key",
        r#"href="/secrets/orders.db""#,
        "of &lt;i&gt;orders&lt;/i&gt;",
        "unused",
        "stale",
        "200 d ago",
        "2 h ago",
        "anna &lt;b&gt;",
        "<samp>DB</samp>",
        "/services/00000000-0000-0000-0000-000000000002",
        "Import from .env",
        "2 secrets",
    ] {
        assert!(all.contains(text), "{text} is missing: {all}");
    }
    assert!(!all.contains(" style=") && !all.contains("Rotate the keys"), "that takes an Admin");
    assert!(page(Role::Admin, "/secrets").await.contains("Rotate the keys"));
    for (query, has, hasnt) in [
        ("?q=ORDERS", "orders.db", ">api-key<"),
        ("?q=payments", "orders.db", ">api-key<"),
        ("?show=unused", ">api-key<", "orders.db</a>"),
        ("?show=stale", "orders.db", ">api-key<"),
        ("?q=nothing", "No secret matches", "orders.db</a>"),
    ] {
        let narrowed = page(Role::Developer, &format!("/secrets{query}")).await;
        assert!(narrowed.contains(has) && !narrowed.contains(hasnt), "{query}: {narrowed}");
    }
    assert!(tag(&page(Role::Developer, "/secrets?show=stale").await, r#"value="stale""#).contains("selected"));
    let none = get(Fake::default(), Some(Role::Developer), "/secrets").await.text;
    assert!(none.contains("There are no secrets"), "{none}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_gets_no_page_and_no_link_to_it() {
    for path in ["/secrets", "/secrets/orders.db", "/secrets/import"] {
        let page = page(Role::Viewer, path).await;
        assert!(page.contains("Not allowed") && !page.contains("anna") && !page.contains("deed"), "{path}: {page}");
    }
    let link = r#"href="/secrets""#;
    assert!(!page(Role::Viewer, "/").await.contains(link) && page(Role::Developer, "/").await.contains(link));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_of_a_secret_has_its_uses_and_its_forms_and_no_value() {
    let one = page(Role::Developer, "/secrets/orders.db").await;
    for text in [
        "<title>orders.db",
        "${secret:orders.db}",
        "pay &lt;b&gt;</a> is given version 3 of it",
        "Its values of versions 1, 3 are kept sealed too",
        "200 d ago",
        "by <!>anna &lt;b&gt;",
        "2 services refer to it",
        "Delete it all the same",
        "Show the value",
        "older than 180 days",
    ] {
        assert!(one.replace("<!>", "").contains(&text.replace("<!>", "")), "{text} is missing: {one}");
    }
    assert!(tag(&one, r#"name="form[version]""#).contains(r#"value="4""#));
    assert!(tag(&one, r#"id="value""#).starts_with("<textarea") && !one.contains("hunter2"));
    assert!(page(Role::Developer, "/secrets/api-key").await.contains("Nothing refers to it"));
    let absent = get(some(), Some(Role::Developer), "/secrets/gone").await;
    assert_eq!((absent.status.as_u16(), absent.text.contains("no secret")), (404, true), "{}", absent.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forms_make_change_and_delete_and_lead_to_where_it_is_shown() {
    for (path, form, leads_to) in [
        ("put_secret", "form[name]=new&form[version]=0&form[description]=&value=x", "/secrets/new?done=made&version=1"),
        ("put_secret", "form[name]=api-key&form[version]=1&form[description]=d&value=x", "/secrets/api-key?done=set&version=2"),
        ("put_secret", "form[name]=api-key&form[version]=1&form[description]=d&value=", "/secrets/api-key?done=said&version=2"),
        ("delete_secret", "name=api-key&typed=api-key", "/secrets?done=deleted"),
        ("delete_secret", "name=orders.db&typed=orders.db&force=true", "/secrets?done=deleted"),
    ] {
        let answer = post(some(), Some(Role::Developer), &format!("/rpc/{path}"), &format!("{form}&form_token=form-token")).await;
        assert_eq!(answer.location.as_deref(), Some(leads_to), "{form}: {}", answer.text);
    }
    for (path, form, status) in [
        ("put_secret", "form[name]=a%20b&form[version]=0&form[description]=&value=hunter2&form_token=form-token", 422),
        ("put_secret", "form[name]=new&form[version]=0&form[description]=&value=&form_token=form-token", 422),
        ("put_secret", "form[name]=api-key&form[version]=0&form[description]=&value=hunter2&form_token=form-token", 409),
        ("put_secret", "form[name]=new&form[version]=0&form[description]=&value=hunter2&form_token=wrong", 403),
        ("delete_secret", "name=orders.db&typed=orders.db&form_token=form-token", 409),
        ("delete_secret", "name=api-key&typed=api&form_token=form-token", 422),
        ("reveal_secret", "form[name]=api-key&password=wrong&form_token=form-token", 422),
        ("reveal_secret", "form[name]=api-key&password=right", 403),
        ("rotate_secrets", "form_token=form-token", 403),
    ] {
        let answer = post_as(some(), Some(Role::Developer), &format!("/rpc/{path}"), form, "application/json").await;
        assert_eq!(answer.status, status, "{form}: {}", answer.text);
        assert!(!answer.text.contains("hunter2"), "{}", answer.text);
    }
    let shown = "form[name]=api-key&password=right&form_token=form-token";
    let shown = post_as(some(), Some(Role::Developer), "/rpc/reveal_secret", shown, "application/json").await;
    assert_eq!(serde_json::from_str::<SecretValue>(&shown.text).unwrap().value.reveal(), "hunter2 <b>");
    let nobody = post_as(
        some(),
        Some(Role::Viewer),
        "/rpc/reveal_secret",
        "form[name]=api-key&password=right&form_token=form-token",
        "application/json",
    );
    assert_eq!(nobody.await.status, 403);
}

async fn posted(form: &str) -> Result<String, TriedSecret> {
    let posted: PostedSecret = serde_json::from_str(form).unwrap();
    TriedSecret::posted(posted, &some().context(Some(Role::Developer))).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_form_comes_back_without_the_value_and_says_who_was_first() {
    let form = r#"{"form": {"name": "orders.db", "version": 3, "description": "mine"}, "deed": "put", "value": "hunter2", "form_token": "form-token"}"#;
    let tried = posted(form).await.unwrap_err();
    let page = back("/secrets/orders.db", tried).await;
    assert!(page.contains("was changed by ben meanwhile") && page.contains("has changed it meanwhile"), "{page}");
    assert!(tag(&page, r#"name="form[description]""#).contains(r#"value="mine""#));
    assert!(tag(&page, r#"name="form[version]""#).contains(r#"value="4""#), "saved again, it is put over that");
    assert!(!page.contains("hunter2"));

    let form =
        r#"{"form": {"name": "a b", "version": 0, "description": "mine"}, "deed": "put", "value": "hunter2", "form_token": "form-token"}"#;
    let page = back("/secrets", posted(form).await.unwrap_err()).await;
    assert!(tag(&page, r#"name="form[name]""#).contains(r#"value="a b""#), "{page}");
    assert!(page.contains("The name of a secret has 1 to 128") && !page.contains("hunter2"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_javascript_the_answer_of_the_form_shows_the_value_and_no_other_page_does() {
    let form = |password: &str| {
        format!(r#"{{"form": {{"name": "orders.db"}}, "deed": "reveal", "password": "{password}", "form_token": "form-token"}}"#)
    };
    let tried = posted(&form("right")).await.unwrap_err();
    let page = back("/secrets/orders.db", tried.clone()).await;
    assert!(page.contains("hunter2 &lt;b&gt;") && page.contains("shown in this page only"), "{page}");
    assert!(!back("/secrets/api-key", tried).await.contains("hunter2 &lt;b&gt;"), "it isn't the value of another one");
    let page = back("/secrets/orders.db", posted(&form("wrong")).await.unwrap_err()).await;
    assert!(page.contains("isn't your password") || page.contains("isn&#x27;t your password"), "{page}");
    assert!(!page.contains("hunter2") && !page.contains("wrong"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_rotates_the_keys_and_is_told_what_that_did() {
    let rotated = SecretOutcome::Rotated(Ok(api::KeyRotation { data_key: 7, resealed: 1, removed: 2 }));
    let page = back_as(Role::Admin, "/secrets", TriedSecret { form: SecretForm::default(), outcome: rotated }).await;
    let page = page.replace("<!>", "");
    assert!(page.contains("sealed 1 value anew with data key 7, and removed 2 data keys"), "{page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_shows_what_there_is_and_makes_what_is_ticked() {
    let page = page(Role::Developer, "/secrets/import").await;
    assert!(tag(&page, r#"name="env""#).starts_with("<textarea") && !page.contains("Import what is ticked"), "{page}");
    let posted = |form: &str| serde_json::from_str::<PostedImport>(form).unwrap();
    let context = || some().context(Some(Role::Developer));
    let text = "PORT=1\\nMY_KEY=hunter2\\napi-key=x";
    let form = format!(r#"{{"env": "{text}", "form_token": "form-token"}}"#);
    let tried = TriedImport::posted(posted(&form), &context()).await.unwrap_err();
    let page = back("/secrets/import", tried).await;
    for part in [r#"value="MY_KEY""#, "1 of 3 look like a secret", "put the text in once more", "Import what is ticked", "is there already"]
    {
        assert!(page.contains(part), "{part} is missing: {page}");
    }
    assert!(tag(&page, r#"value="MY_KEY""#).contains("checked") && !tag(&page, r#"value="PORT""#).contains("checked"));
    assert!(!page.contains("hunter2"));

    let names = r#""names": {"MY_KEY": "mine", "PORT": "PORT", "api-key": "api-key"}"#;
    let form = format!(
        r#"{{"env": "{text}", "make": "true", "form": {{{names}, "picked": ["MY_KEY", "api-key"], "over": ["api-key"]}}, "form_token": "form-token"}}"#
    );
    let leads_to = TriedImport::posted(posted(&form), &context()).await.unwrap();
    assert_eq!(leads_to, "/secrets?done=imported&made=1&changed=1&present=0");
    let page = get(some(), Some(Role::Developer), &leads_to).await.text;
    assert!(page.contains("Imported: 1 made, 1 changed."), "{page}");
    let form = format!(r#"{{"env": "{text}", "make": "true", "form": {{{names}}}, "form_token": "form-token"}}"#);
    let tried = TriedImport::posted(posted(&form), &context()).await.unwrap_err();
    assert!(back("/secrets/import", tried).await.contains("Nothing is ticked"));

    let body = "env=MY_KEY%3Dhunter2%0D%0Anonsense&form_token=form-token";
    let refused = post_as(some(), Some(Role::Developer), "/rpc/preview_secret_import", body, "application/json").await;
    assert!(refused.status == 422 && refused.text.contains("line 2") && !refused.text.contains("hunter2"), "{}", refused.text);
    let body = "env=MY_KEY%3Dx&form[names][MY_KEY]=mine&form[picked][]=MY_KEY&form_token=form-token";
    let made = post_as(some(), Some(Role::Developer), "/rpc/import_secrets", body, "application/json").await;
    assert_eq!(made.location.as_deref(), Some("/secrets?done=imported&made=1&changed=0&present=0"), "{}", made.text);
    assert_eq!(post_as(some(), Some(Role::Viewer), "/rpc/import_secrets", body, "application/json").await.status, 403);
}
