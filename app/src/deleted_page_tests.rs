//! The page of deleted services, as it is sent.

use api::{DeletedService, Role, RuntimeKind, ServiceId};

use crate::fake::{Fake, NOW};
use crate::page_tests::{get, post};

fn some() -> Fake {
    let deleted_at = NOW.plus_seconds(-7_200);
    let deleted = DeletedService {
        id: ServiceId(uuid::Uuid::from_u128(9)),
        name: "orders".into(),
        runtime: RuntimeKind::Process,
        deleted_at,
        deleted_by: "anna <b>".into(),
        kept_until: DeletedService::kept_until(deleted_at),
    };
    Fake { deleted: vec![deleted], ..Fake::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_deleted_service_says_who_deleted_it_and_how_long_it_is_kept() {
    let page = get(some(), Some(Role::Admin), "/services/deleted").await;
    for text in ["orders", "anna &lt;b&gt;", "2 h ago", "removed for good in 6 days", "/rpc/restore_service", "/rpc/purge_service"] {
        assert!(page.text.contains(text), "{text} is missing: {}", page.text);
    }
    let page = get(Fake::default(), Some(Role::Admin), "/services/deleted").await;
    assert!(page.text.contains("Nothing is deleted"));
    let page = get(some(), Some(Role::Developer), "/services/deleted").await;
    assert!(page.text.contains("Not allowed") && !page.text.contains("restore_service"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_name_than_that_of_the_service_removes_nothing() {
    let id = some().deleted[0].id;
    let answer = post(some(), Some(Role::Admin), "/rpc/purge_service", &format!("id={id}&typed=order&form_token=form-token")).await;
    let location = answer.location.expect("back to the page");
    assert!(location.contains("__err"), "{location}");
}
