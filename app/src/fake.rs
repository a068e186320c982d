//! A Pilothouse of fixed answers, to render pages in tests.

mod accounts;
mod api_tokens;
mod backups;
mod configurations;
mod deploy_hooks;
mod deployments;
mod environments;
mod secrets;
mod templates;

use std::sync::Arc;

use api::ports::{Activity, Logs, Monitoring, Services, System};
use api::*;
use async_trait::async_trait;

pub use self::api_tokens::token;
pub use self::deploy_hooks::hook;
pub use self::deployments::{deployment, release};
pub use self::secrets::secret;
use crate::context::{Assets, RequestContext};

/// What the fake answers.
#[derive(Clone, Default)]
pub struct Fake {
    /// The services there are.
    pub services: Vec<Service>,
    /// What happened.
    pub events: Vec<Event>,
    /// What every service has written.
    pub lines: Vec<LogLine>,
    /// Why no service shows figures of its requests.
    pub metrics_hint: Option<String>,
    /// Why the variables of no service can be read.
    pub variables_problem: Option<VariablesProblem>,
    /// Why no service is well.
    pub diagnosis: Vec<Diagnosis>,
    /// How every service is checked.
    pub check: HealthCheck,
    /// What every service is made of; none is a folder.
    pub source: Option<Source>,
    /// The port of the proxy in front of every service.
    pub proxy_port: Option<u16>,
    /// What every service is a copy of.
    pub beside: Option<Beside>,
    /// How many replicas the service of the page has: all services are its then; 0 is one.
    pub replicas: u8,
    /// How the service of the page goes from one release to the next.
    pub rollout: Rollout,
    /// Which replica it is.
    pub replica: Option<Replica>,
    /// How the last run of every service ended.
    pub last_exit: Option<LastExit>,
    /// The runs that ended by themselves, newest first.
    pub incidents: Vec<Incident>,
    /// The deleted services that can be put back.
    pub deleted: Vec<DeletedService>,
    /// What becomes of every Compose file.
    pub composed: ComposeReport,
    /// Which services need which.
    pub graph: DependencyGraph,
    /// The secrets there are.
    pub secrets: Vec<NamedSecret>,
    /// What every service is told.
    pub configuration: Option<Configuration>,
    /// Why no service is restarted with what is saved, when none is.
    pub not_restarted: Option<String>,
    /// The deployments there are, newest first.
    pub deployments: Vec<Deployment>,
    /// What was told of every deployment.
    pub deployment_lines: Vec<DeploymentLine>,
    /// The releases of every service.
    pub releases: Releases,
    /// The API tokens of everybody.
    pub tokens: Vec<ApiToken>,
    /// The webhooks of every service.
    pub hooks: Vec<DeployHook>,
    /// Whether there are more environments than development.
    pub has_environments: bool,
    /// What would keep every deployment from succeeding.
    pub obstacle: Option<String>,
    /// Whether there is no user yet.
    pub is_fresh: bool,
}

/// A time that everything in tests happens at.
pub const NOW: Timestamp = Timestamp::from_micros(1_795_439_047_000_000);

/// A running, healthy service.
pub fn service(number: u128, name: &str) -> Service {
    Service {
        id: ServiceId(uuid::Uuid::from_u128(number)),
        name: name.to_owned(),
        template_type: "fastapi".into(),
        runtime: RuntimeKind::Process,
        status: Status::Running,
        status_reason: None,
        desired: Desired::Running,
        health_status: Health::Healthy,
        port: Some(8001),
        url: Some("http://127.0.0.1:8001/".into()),
        description: None,
        version: None,
        created_at: NOW.plus_seconds(-86_400),
        last_updated: NOW.plus_seconds(-120),
        started_at: Some(NOW.plus_seconds(-120)),
        restarts: Restarts::default(),
        resource_usage: ResourceUsage { cpu_percent: Some(3.2), memory_bytes: Some(64 << 20), ..ResourceUsage::default() },
        traffic: Some(Traffic { request_count: 10, request_rate: 4.5, response_time: Some(12.0), error_rate: Some(0.0) }),
        trend: Trend { cpu_percent: vec![Some(1.0), None, Some(3.2)], request_rate: vec![Some(4.0), Some(4.5)] },
        labels: Default::default(),
        is_demonstration: false,
        revision: 1,
    }
}

impl Fake {
    /// What a request gets that is sent by somebody of that role, or by nobody.
    pub fn context(self, role: Option<Role>) -> RequestContext {
        let port = Arc::new(self);
        let backend = Backend {
            services: port.clone(),
            templates: port.clone(),
            configurations: port.clone(),
            backups: port.clone(),
            deployments: port.clone(),
            deploy_hooks: port.clone(),
            environments: port.clone(),
            monitoring: port.clone(),
            logs: port.clone(),
            activity: port.clone(),
            auth: port.clone(),
            api_tokens: port.clone(),
            users: port.clone(),
            secrets: port.clone(),
            system: port,
        };
        RequestContext {
            backend,
            caller: role.map(|role| Caller { user_id: None, name: "ada".into(), role, session_id: None, only: None, token: None }),
            form_token: "form-token".into(),
            origin: Origin::default(),
            assets: Arc::new(Assets {
                script: "/app-1.js".into(),
                loader: "/loader-1.js".into(),
                wasm: "/app-1.wasm".into(),
                parts: [("service".to_owned(), vec!["/service-1.wasm".to_owned()])].into(),
                style: "/main-1.css".into(),
            }),
            seal: Arc::new(|text| text.bytes().map(|byte| char::from(b'a' + byte % 26)).collect()),
            now: NOW,
            request_id: "request-1".into(),
        }
    }

    fn find(&self, id: ServiceId) -> Result<Service> {
        self.services.iter().find(|service| service.id == id).cloned().ok_or_else(|| Error::not_found("service", id))
    }
}

#[async_trait]
impl Services for Fake {
    async fn list(&self, caller: &Caller, query: ServiceQuery) -> Result<Page<Service>> {
        caller.require(Permission::ServicesRead)?;
        let is_wanted = |service: &&Service| {
            query.status.is_none_or(|status| service.status == status)
                && query.health.is_none_or(|health| service.health_status == health)
                && query.q.as_ref().is_none_or(|q| service.name.contains(q))
                && query.label.as_ref().is_none_or(|label| has_label(&service.labels, label))
        };
        let found: Vec<_> = self.services.iter().filter(is_wanted).collect();
        let from = query.offset.or_else(|| query.cursor?.parse().ok()).unwrap_or_default() as usize;
        let until = (from + query.limit.get()).min(found.len());
        let items = found[from.min(until)..until].iter().map(|service| (*service).clone()).collect();
        Ok(Page { items, next_cursor: (until < found.len()).then(|| until.to_string()), total: Some(found.len() as u64) })
    }

    async fn get(&self, _: &Caller, id: ServiceId) -> Result<ServiceDetail> {
        let source = self.source.clone().unwrap_or_else(|| Source::Folder { folder: "/srv/accounts".into() });
        Ok(ServiceDetail {
            service: self.find(id)?,
            spec: ServiceSpec {
                health: self.check.clone(),
                proxy_port: self.proxy_port,
                beside: self.beside,
                replicas: self.replicas.max(1),
                rollout: self.rollout,
                replica: self.replica,
                ..ServiceSpec::new(source)
            },
            command: Some(vec!["uvicorn".into(), "main:app".into()]),
            pids: vec![4242, 4243],
            listening_ports: vec![8001],
            container: None,
            last_exit: self.last_exit.clone(),
            last_check: None,
            diagnosis: self.diagnosis.clone(),
            dependencies: Some(self.graph.needs(id)),
            dependents: Some(self.graph.needed_by(id)),
            replicas: (self.replicas > 1).then(|| {
                let state = |(n, service): (usize, &Service)| ReplicaState {
                    service_id: service.id,
                    name: service.name.clone(),
                    number: n as u8 + 1,
                    status: service.status,
                    health_status: service.health_status,
                    port: service.port,
                };
                self.services.iter().enumerate().map(state).collect()
            }),
            endpoints: Vec::new(),
            metrics_hint: self.metrics_hint.clone(),
            variables_problem: self.variables_problem.clone(),
        })
    }

    async fn create(&self, _: &Caller, _: NewService) -> Result<ServiceDetail> {
        Err(Error::unavailable("the fake makes nothing"))
    }

    async fn plan(&self, caller: &Caller, new: NewService) -> Result<ServicePlan> {
        caller.require(Permission::ServicesCreate)?;
        if new.name.is_empty() {
            return Err(Error::invalid("/name", "a service has a name"));
        }
        Ok(ServicePlan {
            name: new.name,
            runtime: RuntimeKind::Process,
            command: ["python", "-m", "uvicorn", "main:app", "--port", "8001"].map(String::from).into(),
            working_dir: Some("/srv/orders".into()),
            user: new.user,
            port: Some(8001),
            files: Vec::new(),
            preparation: vec!["make a virtual environment".into(), "install 3 requirements".into()],
            variables: vec!["DATABASE_URL".into()],
            health: "HTTP".into(),
            notes: vec!["port 8000 is taken by nginx (process 80)".into()],
            obstacle: new.port.map(|port| format!("port {port} is taken")),
        })
    }

    async fn create_from(&self, caller: &Caller, new: NewService<NewSource>) -> Result<ServiceDetail> {
        caller.require(Permission::ServicesCreate)?;
        templates::make(&new)
    }

    async fn plan_from(&self, caller: &Caller, new: NewService<NewSource>) -> Result<ServicePlan> {
        self.plan(caller, new.with_source(Source::Folder { folder: "/srv/orders".into() })).await
    }

    async fn compose(&self, caller: &Caller, request: ComposeRequest) -> Result<ComposeReport> {
        caller.require(Permission::ServicesCreate)?;
        if request.compose.is_empty() {
            return Err(Error::invalid("/compose", "give a Compose file, or the folder that it is in"));
        }
        Ok(ComposeReport { dry_run: request.dry_run, ..self.composed.clone() })
    }

    async fn change(&self, _: &Caller, id: ServiceId, patch: ServicePatch) -> Result<ServiceDetail> {
        self.find(id)?;
        let needs = serde_json::to_string(&patch.depends_on).unwrap_or_default();
        let source = serde_json::to_string(&patch.source).unwrap_or_default();
        Err(Error::unavailable(format!("the fake changes nothing; it was to need {needs}, and of its image {source}")))
    }

    async fn delete(&self, _: &Caller, id: ServiceId) -> Result<()> {
        self.find(id).map(drop)
    }

    async fn deleted(&self, caller: &Caller) -> Result<Page<DeletedService>> {
        caller.require(Permission::ServicesDelete)?;
        Ok(Page::whole(self.deleted.clone()))
    }

    async fn restore(&self, _: &Caller, id: ServiceId, _: Restoration) -> Result<ServiceDetail> {
        Err(Error::not_found("deleted service", id))
    }

    async fn purge(&self, _: &Caller, id: ServiceId) -> Result<()> {
        Err(Error::not_found("deleted service", id))
    }

    async fn start(&self, caller: &Caller, id: ServiceId) -> Result<Service> {
        caller.require_on(Permission::ServicesOperate, id)?;
        let service = self.find(id)?;
        service.status.can_start()?;
        Ok(Service { status: Status::Starting, ..service })
    }

    async fn stop(&self, caller: &Caller, id: ServiceId) -> Result<Service> {
        caller.require_on(Permission::ServicesOperate, id)?;
        let service = self.find(id)?;
        service.status.can_stop()?;
        Ok(Service { status: Status::Stopping, ..service })
    }

    async fn restart(&self, caller: &Caller, id: ServiceId) -> Result<Service> {
        self.stop(caller, id).await
    }

    async fn act(&self, caller: &Caller, request: BulkRequest) -> Result<BulkReport> {
        caller.require(Permission::ServicesOperate)?;
        let filter = request.filter.unwrap_or_default();
        let is_chosen = |service: &&Service| {
            request.ids.contains(&service.id) || request.ids.is_empty() && filter.status.is_none_or(|status| status == service.status)
        };
        let item = |service: &Service| {
            let allowed = request.action.allowed(service.status);
            let outcome = if allowed.is_err() { BulkOutcome::Skipped } else { BulkOutcome::Planned };
            BulkItem::new(service, outcome, allowed.err().map(|blocked| blocked.0.to_owned()))
        };
        let items = self.services.iter().filter(is_chosen).map(item).collect();
        Ok(BulkReport { action: request.action, dry_run: request.dry_run, items })
    }

    async fn dependencies(&self, caller: &Caller, _: DependencyQuery) -> Result<DependencyGraph> {
        caller.require(Permission::ServicesRead)?;
        Ok(self.graph.clone())
    }

    async fn health(&self, _: &Caller, id: ServiceId) -> Result<HealthReport> {
        let health_status = self.find(id)?.health_status;
        let check = |n: i64| HealthResult {
            output: Vec::new(),
            at: NOW.plus_seconds(-15 * n),
            ok: n != 2,
            health: health_status,
            latency_ms: 12.5,
            message: "GET /health: 200".into(),
        };
        let (check_every, history) = (self.check.clone(), (0..4).map(check).collect());
        let hour = |back: i64, up_seconds, down_seconds| UptimeHour { at: NOW.plus_seconds(-3_600 * back), up_seconds, down_seconds };
        let uptime = Uptime::of(&[hour(200, 0, 3_600), hour(30, 3_600, 0), hour(2, 1_800, 1_800), hour(0, 1_800, 0)], NOW);
        Ok(HealthReport { service_id: id, health_status, check: check_every, history, uptime_percent: Some(75.0), uptime })
    }

    async fn test_health(&self, caller: &Caller, id: ServiceId, check: HealthCheck) -> Result<HealthTest> {
        caller.require_on(Permission::ServicesChange, id)?;
        let port = self.find(id)?.port;
        Error::invalid_fields(check.faults(""))?;
        let asked = check.asked(port);
        let message = format!("{asked}: connection refused");
        Ok(HealthTest { ok: false, latency_ms: 1.25, asked, message, output: vec!["<b>the reason</b>".into()] })
    }

    async fn incidents(&self, _: &Caller, id: ServiceId) -> Result<Page<IncidentSummary>> {
        self.find(id)?;
        let of_it = self.incidents.iter().map(|incident| &incident.summary).filter(|summary| summary.service_id == id);
        Ok(Page::whole(of_it.cloned().collect()))
    }

    async fn incident(&self, caller: &Caller, id: IncidentId) -> Result<Incident> {
        caller.require(Permission::LogsRead)?;
        self.incidents.iter().find(|incident| incident.summary.id == id).cloned().ok_or_else(|| Error::not_found("incident", id))
    }

    async fn discover(&self, caller: &Caller) -> Result<DiscoveryReport> {
        caller.require(Permission::ServicesCreate)?;
        Ok(DiscoveryReport::default())
    }
}

#[async_trait]
impl Monitoring for Fake {
    async fn service(&self, _: &Caller, id: ServiceId, _: MetricsQuery) -> Result<MetricsSeries> {
        let point = |n: i64| MetricsPoint {
            cpu_usage: Some(n as f64),
            request_rate: self.metrics_hint.is_none().then_some(4.5),
            ..MetricsPoint::empty(id, NOW.plus_seconds((n - 20) * 5))
        };
        Ok(MetricsSeries { service_id: id, from: NOW.plus_seconds(-900), to: NOW, step: 5, points: (1..=20).map(point).collect() })
    }

    async fn system(&self, _: &Caller, _: MetricsQuery) -> Result<SystemSeries> {
        let point = |second| SystemPoint {
            timestamp: NOW.plus_seconds(second),
            host_cpu_percent: Some(20.0 + (second % 7) as f64),
            host_memory_used_bytes: 3 << 30,
            host_memory_total_bytes: 8 << 30,
            disk_used_bytes: 90 << 30,
            disk_total_bytes: 100 << 30,
            load_1m: 0.42,
            pilothouse_cpu_percent: Some(0.3),
            pilothouse_memory_bytes: 21 << 20,
        };
        Ok(SystemSeries { from: NOW, to: NOW, step: 5, cores: 2, points: (-30..0).map(|n| point(n * 5)).collect() })
    }
}

#[async_trait]
impl Logs for Fake {
    async fn page(&self, _: &Caller, _: ServiceId, query: LogQuery) -> Result<Page<LogLine>> {
        let is_wanted = |line: &&LogLine| {
            query.level.is_none_or(|level| line.level >= level) && query.q.as_ref().is_none_or(|q| line.message.contains(q))
        };
        let mut lines: Vec<_> = self.lines.iter().filter(is_wanted).cloned().collect();
        let older = lines.len().saturating_sub(query.limit.get());
        let items = lines.split_off(older);
        Ok(Page { items, next_cursor: (older > 0).then(|| "older".into()), total: None })
    }
}

#[async_trait]
impl Activity for Fake {
    async fn list(&self, _: &Caller, query: EventQuery) -> Result<Page<Event>> {
        let is_wanted = |event: &&Event| {
            query.service_id.is_none_or(|id| event.service_id == Some(id))
                && query.kind.is_none_or(|kind| event.kind == kind)
                && query.from.is_none_or(|from| event.at >= from)
        };
        Ok(Page::whole(self.events.iter().filter(is_wanted).take(query.limit.get()).cloned().collect()))
    }
}

#[async_trait]
impl System for Fake {
    async fn report(&self, _: &Caller) -> Result<SystemReport> {
        let count = |wanted: &dyn Fn(&Service) -> bool| self.services.iter().filter(|service| wanted(service)).count() as u32;
        let counts = ServiceCounts {
            total: count(&|_| true),
            running: count(&|service| service.status == Status::Running),
            stopped: count(&|service| service.status == Status::Stopped),
            moving: count(&|service| service.status.is_moving()),
            error: count(&|service| service.status == Status::Error),
            unwell: count(&|service| service.status == Status::Running && service.health_status != Health::Healthy),
        };
        Ok(SystemReport {
            health: Health::Healthy,
            version: "0.1.0".into(),
            started_at: NOW.plus_seconds(-7_200),
            counts,
            parts: Vec::new(),
        })
    }

    async fn ready(&self) -> Result<()> {
        Ok(())
    }
}
