//! What others do with a container, with a runtime that a test controls.

use std::sync::Arc;

use api::ports::Services as _;
use api::{Desired, EventKind, RuntimeKind, ServiceId, Source, Status, Timestamp};

use super::tests::{Life, MAIN};
use crate::Clock;
use crate::runtime::{Ended, FakeRuntime, Found, Observation, Runtime as _};
use crate::store::services::service_delete;
use crate::testing::{StoreKind, TestStore};

/// A life with one container, which runs.
async fn with_container(test: &TestStore) -> (Life, ServiceId) {
    let clock = Clock::stopped(Timestamp::from_micros(1_000_000_000));
    let runtime = Arc::new(FakeRuntime::of_kind(RuntimeKind::Docker, clock.clone()));
    runtime.set_found(vec![found()]);
    let life = Life::on(test, runtime, clock).await;
    let id = life.named("shop").await.id;
    runs(&life, id);
    life.until(id, Status::Running).await;
    (life, id)
}

fn found() -> Found {
    let source = Source::Container { container: "shop".into() };
    Found { name: "shop".into(), source, is_running: true, ended_at: Timestamp::default(), port: None, labels: Default::default() }
}

fn runs(life: &Life, id: ServiceId) {
    life.runtime.set(id, Observation::Running { pid: 7, started_at: life.clock.now() });
}

fn ended(at: Timestamp) -> Observation {
    Observation::Ended(Ended { code: Some(0), signal: None, oom: false, began: None, at, was_asked: true, start_failure: None })
}

#[tokio::test]
async fn a_stop_that_failed_is_not_a_start_by_others() {
    let test = TestStore::new(StoreKind::Sqlite).await;
    let (life, id) = with_container(&test).await;
    life.clock.advance(60);
    life.runtime.refuse_stops(true);
    life.services.stop(&life.admin, id).await.expect("it is done");
    life.services.settle(id).await;
    // The same run, looked at once more.
    let seen = life.runtime.observe(id).await.expect("it is done");
    life.services.show(id, seen).await;
    let detail = life.services.get(&life.admin, id).await.expect("it is done");
    assert_eq!(detail.service.desired, Desired::Stopped, "it is still to be stopped");
    let why = detail.service.status_reason.unwrap_or_default();
    assert!(why.starts_with("it couldn't be stopped: "), "{why}");
    life.events(id, EventKind::ServiceStopAsked).await;
    life.end().await;
}

#[tokio::test]
async fn what_others_start_while_their_stop_has_not_been_seen_yet_is_left_running() {
    let test = TestStore::new(StoreKind::Sqlite).await;
    let (life, id) = with_container(&test).await;
    let stopped_at = life.clock.now();
    life.clock.advance(2);
    let started_at = life.clock.now();
    life.clock.advance(3);
    life.runtime.set(id, ended(stopped_at));
    life.until(id, Status::Stopped).await;
    let left = |runtime: &FakeRuntime| {
        runtime.set_found(vec![found()]);
        runtime.set(id, Observation::Running { pid: 8, started_at });
    };
    let life = life.again(&test, left).await;
    let detail = life.until(id, Status::Running).await;
    assert_eq!(detail.pids, [8]);
    life.services.settle(id).await;
    assert_eq!(life.services.get(&life.admin, id).await.expect("it is done").service.status, Status::Running);
    life.end().await;
}

#[tokio::test]
async fn what_another_instance_has_removed_for_good_is_not_shown_any_more() {
    let mut test = TestStore::new(StoreKind::Sqlite).await;
    let life = Life::begin(&mut test, &[("orders/main.py", MAIN), ("shop/main.py", MAIN)]).await;
    let (orders, shop) = (life.named("orders").await.id, life.named("shop").await.id);
    life.core.store.main.write(move |db| Box::pin(service_delete(db, orders))).await.expect("it is removed");
    life.services.read_again().await.expect("it is read");
    assert!(life.core.catalog.find(orders).is_none() && life.core.catalog.find(shop).is_some());
    assert!(life.services.get(&life.admin, orders).await.is_err());
    life.end().await;
}
