//! The manager with a fake runtime and real servers on the loopback address.

use std::sync::Arc;
use std::time::{Duration, Instant};

use api::ports::Monitoring;
use api::{
    Caller, Desired, Frame, Health, MetricsQuery, Resume, RuntimeKind, Service, ServiceId, ServiceSpec, Source, Status, Timestamp, Topic,
};

use super::Manager;
use super::http::tests::{answer, serve};
use crate::bus::Reader;
use crate::runtime::conformance::process;
use crate::runtime::{FakeRuntime, Runtime, Runtimes, Stats};
use crate::testing::{StoreKind, TestStore};
use crate::{Clock, Core, Entry};

/// A stopped service.
pub(crate) fn entry(id: ServiceId) -> Entry {
    let source = Source::Command { command: vec!["serve".into()], working_dir: "/srv".into() };
    let service = Service {
        id,
        name: format!("service-{id}"),
        template_type: "fastapi".into(),
        runtime: RuntimeKind::Process,
        status: Status::Stopped,
        status_reason: None,
        desired: Desired::Running,
        health_status: Health::Unknown,
        port: None,
        url: None,
        description: None,
        version: None,
        created_at: Timestamp::default(),
        last_updated: Timestamp::default(),
        started_at: None,
        restarts: api::Restarts::default(),
        resource_usage: api::ResourceUsage::default(),
        traffic: None,
        trend: api::Trend::default(),
        labels: Default::default(),
        is_demonstration: false,
        revision: 0,
    };
    Entry {
        service,
        spec: ServiceSpec::new(source),
        command: None,
        pids: Vec::new(),
        listening_ports: Vec::new(),
        container: None,
        last_exit: None,
        checks: Arc::default(),
        metrics_hint: None,
        variables_problem: None,
        diagnosis: Vec::new(),
        json: Default::default(),
    }
}

struct Stage {
    core: Arc<Core>,
    manager: Arc<Manager>,
    id: ServiceId,
    _store: TestStore,
}

impl Stage {
    /// A service that has just been started and, as its runtime says, listens on `port`.
    async fn new(port: u16) -> Self {
        let store = TestStore::new(StoreKind::Sqlite).await;
        let core = store.core(Clock::System).await;
        let runtime = Arc::new(FakeRuntime::new(Clock::System));
        let id = ServiceId(core.clock.new_uuid());
        let launch = process(std::path::Path::new("/"), &[]);
        runtime.start(id, launch).await.expect("a fake starts");
        let usage = api::ResourceUsage { cpu_percent: Some(12.5), memory_bytes: Some(50 << 20), ..Default::default() };
        runtime.set_stats(id, Stats { usage, pids: vec![7, 8], listening_ports: vec![port] });
        let mut entry = entry(id);
        entry.service.status = Status::Running;
        entry.service.port = Some(1);
        entry.service.started_at = Some(core.clock.now());
        core.catalog.insert(entry);
        let manager = Manager::new(core.clone(), Runtimes::new(vec![runtime]));
        manager.spawn();
        Self { core, manager, id, _store: store }
    }

    /// Waits until the service is as `is` says.
    async fn until(&self, what: &str, is: impl Fn(&Entry) -> bool) -> Arc<Entry> {
        let began = Instant::now();
        loop {
            let entry = self.core.catalog.get(self.id).expect("it is there");
            if is(&entry) {
                return entry;
            }
            assert!(began.elapsed() < Duration::from_secs(20), "not {what}: {entry:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until such an event is recorded, which happens in the background.
    async fn until_event(&self, kind: api::EventKind) {
        let began = Instant::now();
        let query = api::EventQuery { kind: Some(kind), ..api::EventQuery::default() };
        while self.core.events.list(&query, false).await.expect("events").items.is_empty() {
            assert!(began.elapsed() < Duration::from_secs(20), "no {kind:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn end(self) {
        self.core.shutdown.cancel();
        self.core.tasks.close();
        self.core.tasks.wait().await;
    }
}

async fn until_frames(reader: &mut Reader, kinds: &[&str]) {
    let mut seen: Vec<String> = Vec::new();
    while !kinds.iter().all(|kind| seen.iter().any(|one| one == kind)) {
        let packets = reader.next(10).await;
        seen.extend(packets.iter().map(|packet| serde_json::from_slice::<Frame>(&packet.json).expect("a frame").kind));
    }
}

#[tokio::test]
async fn a_service_that_answers_gets_its_port_health_figures_and_points() {
    let metrics = answer(200, "http_requests_total{status=\"200\"} 30\nhttp_requests_total{status=\"500\"} 10\n");
    let port = serve(vec![answer(200, "{}"), metrics]).await;
    let stage = Stage::new(port).await;
    let mut frames = stage.core.bus.subscribe(Topic::Service(stage.id), &Resume::default());
    let mut points = stage.core.bus.subscribe(Topic::Metrics, &Resume::default());
    let entry = stage.until("healthy", |entry| entry.service.health_status == Health::Healthy && entry.service.traffic.is_some()).await;
    assert_eq!((entry.service.port, entry.pids.as_slice()), (Some(port), [7, 8].as_slice()), "the port that it listens on wins");
    assert_eq!(entry.service.url, Some(format!("http://127.0.0.1:{port}")));
    assert_eq!(entry.service.resource_usage.cpu_percent, Some(12.5));
    assert_eq!(entry.checks.last().map(|check| check.message.as_str()), Some("GET /health: 200"));
    assert!(entry.service.traffic.is_some_and(|traffic| traffic.request_count == 40 && traffic.error_rate == Some(0.25)));
    until_frames(&mut frames, &["health"]).await;
    until_frames(&mut points, &["point", "system"]).await;
    stage.until_event(api::EventKind::HealthChanged).await;
    let caller = Caller::system();
    let series = stage.manager.service(&caller, stage.id, MetricsQuery::default()).await.expect("figures");
    assert!(series.points.iter().any(|point| point.memory_usage == Some(50 << 20)), "{series:?}");
    let system = stage.manager.system(&caller, MetricsQuery::default()).await.expect("figures");
    assert!(system.points.last().is_some_and(|point| point.host_memory_total_bytes > 0) && system.cores > 0);
    stage.end().await;
}

#[tokio::test]
async fn what_is_known_of_a_run_ends_with_it() {
    let stage = Stage::new(serve(vec![answer(200, "")]).await).await;
    stage.until("healthy", |entry| entry.service.health_status == Health::Healthy && entry.service.url.is_some()).await;
    stage.core.catalog.update(stage.id, |entry| entry.service.status = Status::Stopped);
    let entry = stage.until("cleared", |entry| entry.service.health_status == Health::Unknown).await;
    assert_eq!((entry.service.url.as_ref(), entry.service.resource_usage.memory_bytes, entry.pids.len()), (None, None, 0));
    assert!(!entry.checks.is_empty(), "its history stays");
    stage.end().await;
}

#[tokio::test]
async fn an_unknown_service_and_a_wrong_range_are_refused() {
    let stage = Stage::new(1).await;
    let unknown = stage.manager.service(&Caller::system(), ServiceId(uuid::Uuid::nil()), MetricsQuery::default()).await;
    assert_eq!(unknown.expect_err("unknown").code, api::ErrorCode::NotFound);
    let query = MetricsQuery { step: Some(1), ..MetricsQuery::default() };
    assert!(stage.manager.service(&Caller::system(), stage.id, query).await.is_err());
    assert!(stage.manager.system(&Caller::system(), query).await.is_err());
    stage.end().await;
}
