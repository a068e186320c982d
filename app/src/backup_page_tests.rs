//! The page of backups as it is sent, and what its forms come to: nothing that was typed comes back.

use api::ports::Pieces;
use api::{NewRestore, Role, Secret};
use async_trait::async_trait;
use serde_json::json;

use crate::fake::{Fake, service};
use crate::page_tests::{get, get_with};
use crate::rpc::{PostedBackup, RpcError, TriedBackup, TriedRestore};

const PATH: &str = "/configuration/backup";

fn some() -> Fake {
    Fake { services: vec![service(1, "orders")], ..Fake::default() }
}

fn posted(password: &str, again: &str) -> PostedBackup {
    let form = json!({"password": password, "passphrase": "many words", "again": again, "form_token": "form-token"});
    serde_json::from_value(form).unwrap()
}

struct Nothing;

#[async_trait]
impl Pieces for Nothing {
    async fn next(&mut self) -> api::Result<Option<Vec<u8>>> {
        Ok(None)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_forms_are_there_for_an_admin_and_nobody_else() {
    let page = get(some(), Some(Role::Admin), PATH).await.text;
    for text in [
        "Back up and restore",
        "action=\"/configuration/backup\"",
        "action=\"/configuration/restore\"",
        "multipart/form-data",
        "value=\"form-token\"",
        "type=\"file\"",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    let ahead = page.find("name=\"dry_run\"").unwrap();
    assert!(ahead < page.find("type=\"file\"").unwrap(), "the file is the last field");
    assert!(get(some(), Some(Role::Admin), "/configuration").await.text.contains("href=\"/configuration/backup\""));
    for role in [Role::Viewer, Role::Developer] {
        let page = get(some(), Some(role), PATH).await.text;
        assert!(page.contains("Not allowed") && !page.contains("type=\"file\""), "{page}");
        assert!(!get(some(), Some(role), "/configuration").await.text.contains("/configuration/backup"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_that_isnt_made_says_why_and_brings_nothing_back() {
    let context = || some().context(Some(Role::Admin));
    assert_eq!(TriedBackup::posted(posted("right", "many words"), &context()).await.unwrap().bytes, 6);
    for (form, why) in [(posted("wrong", "many words"), "present password"), (posted("right", "other words"), "the same both times")] {
        let tried = TriedBackup::posted(form, &context()).await.err().unwrap();
        let page = get_with(some(), Some(Role::Admin), PATH, tried).await.text;
        assert!(page.contains(why) && !page.contains("many words"), "{page}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_restore_would_do_is_shown_before_it_is_done() {
    let context = some().context(Some(Role::Admin));
    let restored = async |dry_run, newest| {
        let (password, passphrase) = (Secret::new("right"), Secret::new("many words"));
        let how = NewRestore { password, passphrase, newest, replace_secrets: false, dry_run };
        let report = context.backend.backups.restore(context.caller().unwrap(), how, Box::new(Nothing)).await.map_err(RpcError);
        let tried = TriedRestore { newest, replace_secrets: false, report };
        get_with(some(), Some(Role::Admin), "/configuration/restore", tried).await.text.replace("<!>", "")
    };
    let page = restored(true, true).await;
    for text in [
        "It would change 1 service; 1 would stay as they are.",
        "the newest is version 7 here, 3 come back, 2 there already",
        "Left out: there is no service with its id or name",
        "gone &lt;b&gt;",
        "keeps the other value that it has here",
        "put them in once more",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    let page = restored(false, false).await;
    assert!(page.contains("It has changed 1 service") && !page.contains("put them in once more"), "{page}");
}
