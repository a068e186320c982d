//! One action on many services, on both databases and as each role.

use api::ports::Services as _;
use api::{Action, BulkFilter, BulkOutcome, BulkReport, BulkRequest, ErrorCode, EventKind, Role, ServiceId, ServicePatch, Status};

use super::tests::{Life, caller};
use crate::on_each_store;
use crate::testing::TestStore;

const MAIN: &str = "from fastapi import FastAPI\napp = FastAPI()\n";

fn request(action: Action, ids: &[ServiceId], dry_run: bool) -> BulkRequest {
    BulkRequest { action, ids: ids.to_vec(), filter: None, with_dependencies: false, dry_run }
}

fn outcomes(report: &BulkReport) -> Vec<(&str, BulkOutcome, Option<&str>)> {
    report.items.iter().map(|item| (item.name.as_str(), item.outcome, item.message.as_deref())).collect()
}

on_each_store! {
    async fn many_services_are_moved_at_once_and_each_says_what_becomes_of_it(test: TestStore) {
        let mut test = test;
        let files = [("a/main.py", MAIN), ("b/main.py", MAIN), ("c/main.py", MAIN)];
        let life = Life::begin(&mut test, &files).await;
        let running = life.running("b").await;
        let ids = [life.named("c").await.id, running, life.named("a").await.id, running, ServiceId(uuid::Uuid::nil())];
        let absent = format!("there is no service '{}'; it may have been deleted", ServiceId(uuid::Uuid::nil()));

        let plan = life.services.act(&life.admin, request(Action::Start, &ids, true)).await.expect("a plan");
        let already = Some("it is running already");
        assert_eq!(outcomes(&plan)[..3], [
            ("a", BulkOutcome::Planned, None), ("b", BulkOutcome::Skipped, already), ("c", BulkOutcome::Planned, None),
        ]);
        assert_eq!(life.named("a").await.status, Status::Stopped, "a plan does nothing");

        let report = life.services.act(&caller(Role::Developer), request(Action::Start, &ids, false)).await.expect("it is done");
        let found = outcomes(&report);
        assert_eq!(found[..3].iter().map(|item| item.1).collect::<Vec<_>>(), [
            BulkOutcome::Accepted, BulkOutcome::Skipped, BulkOutcome::Accepted,
        ]);
        assert_eq!((found[3].1, found[3].2), (BulkOutcome::Failed, Some(absent.as_str())));
        for name in ["a", "c"] {
            let id = life.named(name).await.id;
            life.until(id, Status::Running).await;
            assert!(life.events(id, EventKind::ServiceStarted).await.contains(&EventKind::ServiceStartAsked));
        }
        let all = BulkRequest { filter: Some(BulkFilter::default()), ..request(Action::Stop, &[], false) };
        let stopped = life.services.act(&life.admin, all).await.expect("all are stopped");
        assert!(stopped.items.len() == 3 && stopped.items.iter().all(|item| item.outcome == BulkOutcome::Accepted));
        for item in stopped.items {
            life.until(item.service_id, Status::Stopped).await;
        }
        life.end().await;
    }
}

#[tokio::test]
async fn what_is_moved_is_said_once_and_not_by_everybody() {
    let mut test = TestStore::new(crate::testing::StoreKind::Sqlite).await;
    let life = Life::begin(&mut test, &[("a/main.py", MAIN)]).await;
    let id = life.named("a").await.id;
    let none = request(Action::Start, &[], false);
    let both = BulkRequest { filter: Some(BulkFilter::default()), ..request(Action::Start, &[id], false) };
    let many = request(Action::Start, &vec![id; 1_001], false);
    let long = BulkRequest { filter: Some(BulkFilter { q: Some("x".repeat(201)), ..BulkFilter::default() }), ..none.clone() };
    for wrong in [none, both, many, long] {
        let error = life.services.act(&life.admin, wrong).await.expect_err("it is wrong");
        assert_eq!(error.code, ErrorCode::ValidationFailed);
    }
    for dry_run in [true, false] {
        let refused = life.services.act(&caller(Role::Viewer), request(Action::Start, &[id], dry_run)).await.expect_err("a viewer");
        assert_eq!(refused.code, ErrorCode::Forbidden);
    }
    assert_eq!(life.named("a").await.status, Status::Stopped);
    life.end().await;
}

#[tokio::test]
async fn a_label_chooses_what_is_moved() {
    let mut test = TestStore::new(crate::testing::StoreKind::Sqlite).await;
    let life = Life::begin(&mut test, &[("a/main.py", MAIN), ("b/main.py", MAIN)]).await;
    let labels = ServicePatch { labels: Some([("team".to_owned(), "shop".to_owned())].into()), ..ServicePatch::default() };
    life.services.change(&life.admin, life.named("b").await.id, labels).await.expect("it has a label");
    for (label, moved) in [("team", &["b"][..]), ("team=shop", &["b"]), ("team=other", &[])] {
        let filter = Some(BulkFilter { label: Some(label.into()), ..BulkFilter::default() });
        let plan = life.services.act(&life.admin, BulkRequest { filter, ..request(Action::Start, &[], true) }).await.expect("a plan");
        assert_eq!(plan.items.iter().map(|item| item.name.as_str()).collect::<Vec<_>>(), moved, "{label}");
    }
    life.end().await;
}
