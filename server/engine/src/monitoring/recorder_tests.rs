use std::sync::Arc;

use api::ports::Monitoring;
use api::{Caller, Health, MetricsQuery, Range, ServiceId, Status, Timestamp};

use crate::monitoring::Manager;
use crate::monitoring::series::{Requests, Usage, Whole};
use crate::monitoring::tests::entry;
use crate::runtime::{FakeRuntime, Runtimes};
use crate::store::uptime::uptime_list;
use crate::testing::TestStore;
use crate::{Clock, on_each_store};

const T0: u32 = 1_800_000_000;

/// A manager at a clock that stands at `seconds`, with a service, as after a start.
async fn manager(test: &TestStore, id: ServiceId, seconds: u32) -> (Arc<Manager>, Clock) {
    let clock = Clock::stopped(Timestamp::from_micros(i64::from(seconds) * 1_000_000));
    let core = test.core(clock.clone()).await;
    core.store.lease.acquire(&core.tasks, &core.shutdown).await.expect("the lease is free");
    core.store.lease.held().await;
    core.catalog.insert(entry(id));
    (Manager::new(core, Runtimes::new(vec![Arc::new(FakeRuntime::new(clock.clone()))])), clock)
}

/// Samples of 5 s (requests of 15 s, one a second) in `from..to`, with the CPU rising from 1 %.
fn sample(manager: &Manager, id: ServiceId, from: u32, to: u32) {
    for at in (from..to).step_by(5) {
        manager.figures.push_usage(id, Usage { at, cpu: Some(Whole::new(100 + (at - T0) / 60)), memory: Some(Whole::new(1_024)) });
        if at.is_multiple_of(15) {
            manager.figures.push_requests(id, Requests { at, span: 15, count: 15, mean: Some(Whole::new(2_000)), ..Requests::default() });
        }
    }
}

async fn end(manager: Arc<Manager>) {
    manager.core.shutdown.cancel();
    manager.core.tasks.close();
    manager.core.tasks.wait().await;
    manager.core.store.close().await;
}

/// How many points there are, their requests, and whether the CPU only rises.
async fn look(manager: &Manager, id: ServiceId, query: MetricsQuery) -> (usize, u64, bool) {
    let series = manager.service(&Caller::system(), id, query).await.expect("figures");
    let requests = series.points.iter().filter_map(|point| point.request_count).sum();
    let rises = series.points.windows(2).all(|pair| pair[0].cpu_usage <= pair[1].cpu_usage && pair[0].timestamp < pair[1].timestamp);
    (series.points.len(), requests, rises)
}

on_each_store! {
    async fn uptime_adds_up_over_restarts_is_dropped_after_thirty_days_and_goes_with_its_service(test: TestStore) {
        let id = ServiceId(uuid::Uuid::from_u128(7));
        let stored = async |manager: &Manager| {
            let mut db = manager.core.store.telemetry.read().await.expect("a connection");
            let hours = uptime_list(&mut db, id, 0).await.expect("hours");
            hours.iter().map(|hour| (hour.up_seconds, hour.down_seconds)).collect::<Vec<_>>()
        };
        let mut up = entry(id);
        (up.service.status, up.service.health_status) = (Status::Running, Health::Healthy);
        for (life, expected) in [(1, 30), (2, 60)] {
            let (manager, clock) = manager(&test, id, T0).await;
            manager.uptimes.note(&up, 30, clock.now());
            manager.flush().await.expect("it is stored");
            manager.flush().await.expect("and not twice");
            assert_eq!(stored(&manager).await, [(expected, 0)], "life {life}");
            end(manager).await;
        }
        let (manager, clock) = manager(&test, id, T0).await;
        clock.advance(31 * 24 * 3_600);
        up.service.health_status = Health::Unhealthy;
        manager.uptimes.note(&up, 5, clock.now());
        manager.flush().await.expect("it is stored");
        manager.tidy().await.expect("it is tidied");
        assert_eq!(stored(&manager).await, [(0, 5)]);
        manager.forget(id);
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while !stored(&manager).await.is_empty() {
            assert!(std::time::Instant::now() < deadline, "it goes with its service");
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        end(manager).await;
    }

    async fn figures_outlive_a_restart_once_each(test: TestStore) {
        let id = ServiceId(uuid::Uuid::from_u128(7));
        let (before, clock) = manager(&test, id, T0).await;
        for minute in 0..30 {
            sample(&before, id, T0 + minute * 60, T0 + minute * 60 + 60);
            clock.advance(60);
            before.flush().await.expect("samples are stored");
        }
        let query = MetricsQuery { range: Some(Range::Hour), step: Some(60), ..MetricsQuery::default() };
        let seen = look(&before, id, query).await;
        assert_eq!(seen, (31, 1_800, true));
        end(before).await;
        let (after, clock) = manager(&test, id, T0 + 1_800).await;
        assert_eq!(look(&after, id, query).await, seen, "the same from the store");
        sample(&after, id, T0 + 1_800, T0 + 1_860);
        clock.advance(60);
        assert_eq!(look(&after, id, query).await, (32, 1_860, true), "stored and in memory");
        after.flush().await.expect("samples are stored");
        assert_eq!(look(&after, id, query).await, (32, 1_860, true), "and none twice");
        end(after).await;
    }

    async fn what_is_older_than_a_day_is_rolled_up_and_what_is_past_its_time_removed(test: TestStore) {
        let id = ServiceId(uuid::Uuid::from_u128(7));
        let (manager, clock) = manager(&test, id, T0).await;
        for tens in 0..12 {
            sample(&manager, id, T0 + tens * 600, T0 + tens * 600 + 600);
            manager.flush().await.expect("samples are stored");
        }
        manager.figures.forget(id);
        let query = MetricsQuery { from: Some(Timestamp::from_micros(i64::from(T0) * 1_000_000 - 1_000_000)), step: Some(1_800), ..MetricsQuery::default() };
        clock.advance(30 * 3_600);
        let before = look(&manager, id, query).await;
        manager.tidy().await.expect("old samples are rolled up");
        let mut db = manager.core.store.telemetry.read().await.expect("a connection");
        let chunks = crate::store::metrics::chunk_list(&mut db, id.0, 0, i64::MAX, 0).await.expect("chunks");
        drop(db);
        assert!(chunks.len() <= 3 && chunks.iter().all(|chunk| chunk.resolution == 60), "{}", chunks.len());
        assert_eq!(look(&manager, id, query).await, before, "and looks the same from afar");
        assert_eq!((before.1, before.2), (7_186, true), "all but what was answered before the first second");
        manager.tidy().await.expect("nothing is left to do");
        clock.advance(14 * 86_400);
        manager.tidy().await.expect("they are removed");
        assert_eq!(look(&manager, id, MetricsQuery { step: Some(86_400), ..query }).await.0, 0);
        end(manager).await;
    }

    async fn a_deleted_service_leaves_no_figures(test: TestStore) {
        let (id, other) = (ServiceId(uuid::Uuid::from_u128(7)), ServiceId(uuid::Uuid::from_u128(8)));
        let (manager, clock) = manager(&test, id, T0).await;
        manager.core.catalog.insert(entry(other));
        for service in [id, other] {
            sample(&manager, service, T0, T0 + 60);
        }
        clock.advance(60);
        manager.flush().await.expect("samples are stored");
        manager.forget(id);
        while look(&manager, id, MetricsQuery::default()).await.0 > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(look(&manager, other, MetricsQuery::default()).await.0, 14);
        end(manager).await;
    }
}
