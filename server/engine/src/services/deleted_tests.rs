//! Deleting, putting back and removing for good, on both stores.

use api::ports::Services as _;
use api::{DeletedService, ErrorCode, EventKind, NewService, Restoration, Role, ServiceId, ServicePatch, Source, Status};

use super::tests::{Life, caller};
use crate::on_each_store;
use crate::testing::TestStore;

fn new(name: &str, test: &TestStore) -> NewService {
    let source = Source::Command { command: vec!["/bin/serve".into()], working_dir: test.folder().display().to_string() };
    let new = serde_json::json!({ "name": name, "source": source });
    serde_json::from_value(new).expect("a service")
}

/// A service that was made, changed and deleted.
async fn deleted(life: &Life, test: &TestStore, name: &str) -> ServiceId {
    let id = life.services.create(&life.admin, new(name, test)).await.expect("it is made").service.id;
    let patch = ServicePatch { environment: Some([("A".to_owned(), "1".to_owned())].into()), ..ServicePatch::default() };
    life.services.change(&life.admin, id, patch).await.expect("it is changed");
    life.services.delete(&life.admin, id).await.expect("it is deleted");
    id
}

async fn code<T>(answer: impl Future<Output = api::Result<T>>) -> Option<ErrorCode> {
    answer.await.err().map(|error| error.code)
}

on_each_store! {
    async fn a_deleted_service_is_put_back_as_it_was_also_after_a_restart(test: TestStore) {
        let mut test = test;
        let life = Life::begin(&mut test, &[]).await;
        let id = deleted(&life, &test, "worker").await;
        assert_eq!(code(life.services.get(&life.admin, id)).await, Some(ErrorCode::NotFound));
        assert!(life.core.catalog.is_empty());
        let life = life.again(&test, |_| {}).await;
        let kept = life.services.deleted(&life.admin).await.expect("a list").items.pop().expect("one");
        assert_eq!((kept.id, kept.name.as_str(), kept.deleted_by.as_str()), (id, "worker", "admin"));
        assert_eq!(kept.kept_until.seconds_since(kept.deleted_at), 7.0 * 86_400.0);
        life.clock.advance(6 * 86_400);
        life.services.purge_old().await;
        let back = life.services.restore(&life.admin, id, Restoration::default()).await.expect("it is back");
        assert_eq!((back.service.id, back.service.status), (id, Status::Stopped));
        assert_eq!(back.spec.environment["A"], "1");
        assert_eq!(code(life.services.restore(&life.admin, id, Restoration::default())).await, Some(ErrorCode::NotFound));
        life.services.start(&life.admin, id).await.expect("it is started");
        life.until(id, Status::Running).await;
        let life = life.again(&test, |_| {}).await;
        assert!(life.services.deleted(&life.admin).await.expect("a list").items.is_empty());
        assert_eq!(life.named("worker").await.id, id);
        life.end().await;
    }

    async fn a_name_that_another_has_by_now_is_no_way_back_but_another_name_is(test: TestStore) {
        let mut test = test;
        let life = Life::begin(&mut test, &[]).await;
        let id = deleted(&life, &test, "worker").await;
        life.services.create(&life.admin, new("WORKER", &test)).await.expect("the name is free");
        assert_eq!(code(life.services.restore(&life.admin, id, Restoration::default())).await, Some(ErrorCode::Conflict));
        let named = |name: &str| Restoration { name: Some(name.into()) };
        assert_eq!(code(life.services.restore(&life.admin, id, named("a/b"))).await, Some(ErrorCode::ValidationFailed));
        let back = life.services.restore(&life.admin, id, named("worker-2")).await.expect("it is back");
        assert_eq!(back.service.name, "worker-2");
        assert_eq!(life.events(id, EventKind::ServiceRestored).await.len(), 4);
        life.end().await;
    }

    async fn what_nobody_puts_back_in_time_is_removed_for_good(test: TestStore) {
        let mut test = test;
        let life = Life::begin(&mut test, &[]).await;
        let [early, late] = [deleted(&life, &test, "early").await, deleted(&life, &test, "late").await];
        life.services.purge(&life.admin, early).await.expect("it is removed");
        life.clock.advance(DeletedService::DAYS * 86_400);
        life.services.purge_old().await;
        for id in [early, late] {
            assert_eq!(code(life.services.restore(&life.admin, id, Restoration::default())).await, Some(ErrorCode::NotFound));
            assert_eq!(life.events(id, EventKind::ServicePurged).await.len(), 4, "what happened is kept");
        }
        let life = life.again(&test, |_| {}).await;
        assert!(life.services.deleted(&life.admin).await.expect("a list").items.is_empty());
        life.end().await;
    }
}

#[tokio::test]
async fn only_those_who_may_delete_may_put_back_and_remove() {
    let mut test = TestStore::new(crate::testing::StoreKind::Sqlite).await;
    let life = Life::begin(&mut test, &[]).await;
    let id = deleted(&life, &test, "worker").await;
    for role in [Role::Viewer, Role::Developer] {
        let who = caller(role);
        assert_eq!(code(life.services.deleted(&who)).await, Some(ErrorCode::Forbidden));
        assert_eq!(code(life.services.restore(&who, id, Restoration::default())).await, Some(ErrorCode::Forbidden));
        assert_eq!(code(life.services.purge(&who, id)).await, Some(ErrorCode::Forbidden));
    }
    life.end().await;
}
