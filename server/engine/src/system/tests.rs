use std::sync::Arc;

use api::ports::System;
use api::{Caller, Health, ServiceId, Status};

use super::Manager;
use crate::monitoring::tests::entry;
use crate::runtime::{FakeRuntime, Runtimes};
use crate::{Clock, on_each_store};

on_each_store! {
    async fn each_part_says_how_it_is_and_a_closed_database_is_not_ready(test: TestStore) {
        let core = test.core(Clock::System).await;
        let mut running = entry(ServiceId(uuid::Uuid::from_u128(1)));
        (running.service.status, running.service.health_status) = (Status::Running, Health::Degraded);
        core.catalog.insert(running);
        core.catalog.insert(entry(ServiceId(uuid::Uuid::from_u128(2))));
        let manager = Manager::new(core.clone(), Runtimes::new(vec![Arc::new(FakeRuntime::new(Clock::System))]));
        let report = manager.report(&Caller::system()).await.expect("a report");
        let parts: Vec<_> = report.parts.iter().map(|part| part.name.as_str()).collect();
        assert_eq!(parts, ["database", "telemetry", "process runtime", "disk", "feeds"]);
        assert!(report.parts.iter().all(|part| part.health != Health::Unhealthy && !part.message.is_empty()), "{report:?}");
        assert!(report.parts[0].latency_ms.is_some());
        assert_eq!((report.counts.total, report.counts.running, report.counts.stopped, report.counts.unwell), (2, 1, 1, 1));
        manager.ready().await.expect("the database answers");
        core.store.close().await;
        assert_eq!(manager.ready().await.expect_err("it is closed").code, api::ErrorCode::Unavailable);
        let report = manager.report(&Caller::system()).await.expect("a report all the same");
        assert_eq!((report.health, report.parts[0].health), (Health::Unhealthy, Health::Unhealthy));
    }
}
