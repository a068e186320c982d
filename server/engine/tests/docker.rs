//! The Docker runtime with a real Docker Engine, which `cargo xtask test` starts or finds.

#![allow(clippy::unwrap_used)]

#[path = "docker/beside.rs"]
mod beside;
#[path = "docker/build.rs"]
mod build;
#[path = "docker/compose.rs"]
mod compose;
#[path = "docker/connections.rs"]
mod connections;
#[path = "docker/deploy.rs"]
mod deploy;
#[path = "docker/fastapi.rs"]
mod fastapi;
#[path = "docker/ports.rs"]
mod ports;
#[path = "docker/registry.rs"]
mod registry;
#[path = "docker/restarted.rs"]
mod restarted;
#[path = "docker/tls.rs"]
mod tls;
#[path = "docker/wire.rs"]
mod wire;

use std::collections::HashSet;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use api::ports::Services as _;
use api::{Caller, Desired, Limits, NewService, Role, Service, ServiceId, ServiceSpec, Source, Status};
use engine::logs::segment::{blocks, list};
use engine::runtime::conformance::until;
use engine::runtime::docker::DockerRuntime;
use engine::runtime::process::{ProcessRuntime, log_folder};
use engine::runtime::{Launch, NewContainer, Observation, Runtime, Runtimes};
use engine::services::{Inherited, Services};
use engine::testing::{StoreKind, TestStore};
use engine::{Clock, Core, DockerHost};

const IMAGE: &str = "pilothouse-test:1";

/// Ends at once when it is asked to, which the first process of a container otherwise doesn't.
const WAIT: &str = "trap 'exit 0' TERM; sleep 600 & wait";

fn host() -> String {
    std::env::var("PILOTHOUSE_TEST_DOCKER_HOST").expect("PILOTHOUSE_TEST_DOCKER_HOST is set: cargo xtask test does that")
}

/// Runs the `docker` command; answers what it printed.
fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(["--host", &host()]).args(arguments).output().unwrap();
    assert!(output.status.success(), "docker {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A container that others have made, removed at the end.
struct Foreign(String);

impl Foreign {
    fn run(options: &[&str], script: &str) -> Self {
        let name = format!("test-{}", Clock::System.new_uuid().simple());
        let foreign = Self(name.clone());
        foreign.again(options, script);
        foreign
    }

    fn again(&self, options: &[&str], script: &str) {
        docker(&[&["run", "--detach", "--name", &self.0], options, &[IMAGE, "sh", "-c", script]].concat());
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        let _ = Command::new("docker").args(["--host", &host(), "rm", "--force", &self.0]).output();
    }
}

/// A Pilothouse as far as the runtime needs one.
struct House {
    store: TestStore,
    core: Arc<Core>,
    runtime: Arc<DockerRuntime>,
}

impl House {
    async fn new() -> Self {
        Self::at(host()).await
    }

    async fn at(address: String) -> Self {
        let mut store = TestStore::new(StoreKind::Sqlite).await;
        store.config.docker = DockerHost::At { address, certificates: None };
        Self::on(store).await
    }

    async fn on(store: TestStore) -> Self {
        let core = store.core(Clock::System).await;
        let runtime = Arc::new(connected(&core).await);
        Self { store, core, runtime }
    }

    /// The next Pilothouse on the same data.
    async fn reborn(self) -> Self {
        self.core.shutdown.cancel();
        self.core.tasks.close();
        self.core.tasks.wait().await;
        let Self { store, core, runtime } = self;
        drop((core, runtime));
        Self::on(store).await
    }

    fn adopt(&self, container: &str) -> ServiceId {
        let id = ServiceId(Clock::System.new_uuid());
        self.adopt_as(id, container);
        id
    }

    fn adopt_as(&self, id: ServiceId, container: &str) {
        self.runtime.adopt(id, &ServiceSpec::new(Source::Container { container: container.into() }));
    }

    async fn until_lines(&self, id: ServiceId, lines: &[&str]) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while self.lines(id) != lines {
            assert!(Instant::now() < deadline, "{:?}", self.lines(id));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn lines(&self, id: ServiceId) -> Vec<String> {
        let mut lines = Vec::new();
        for segment in list(&log_folder(&self.core, id)).unwrap() {
            let bytes = std::fs::read(segment.path).unwrap();
            for block in blocks(&bytes) {
                lines.extend(block.records().map(|line| String::from_utf8_lossy(line.text).into_owned()));
            }
        }
        lines
    }
}

impl std::ops::Deref for House {
    type Target = Arc<DockerRuntime>;

    fn deref(&self) -> &Self::Target {
        &self.runtime
    }
}

/// A runtime whose engine has answered.
async fn connected(core: &Arc<Core>) -> DockerRuntime {
    let runtime = DockerRuntime::new(core.clone());
    runtime.spawn();
    let deadline = Instant::now() + Duration::from_secs(30);
    while runtime.probe().await.is_err() {
        assert!(Instant::now() < deadline, "{:?}", runtime.probe().await);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    runtime
}

fn container(_folder: &Path, command: &[&str]) -> Launch {
    let command = if command[0] == "sleep" { vec!["sh", "-c", WAIT] } else { command.to_vec() };
    let command = command.into_iter().map(String::from).collect();
    Launch::NewContainer(Box::new(NewContainer { name: "test".into(), image: IMAGE.into(), command, ..NewContainer::default() }))
}

engine::conformance!(
    |_folder| {
        let house = House::new().await;
        (connected(&house.core).await, house)
    },
    container
);

fn is_running(seen: &Observation) -> bool {
    matches!(seen, Observation::Running { .. })
}

async fn ended(house: &House, id: ServiceId) -> engine::runtime::Ended {
    match until(house.runtime.as_ref(), id, |seen| matches!(seen, Observation::Ended(_))).await {
        Observation::Ended(ended) => ended,
        other => panic!("it has ended: {other:?}"),
    }
}

#[tokio::test]
async fn exit_code_signal_and_want_of_memory_are_told_apart_and_so_is_who_wanted_it() {
    let house = House::new().await;
    let crashed = Foreign::run(&[], "echo last words >&2; exit 3");
    let end = ended(&house, house.adopt(&crashed.0)).await;
    assert_eq!((end.code, end.signal, end.oom, end.was_asked), (Some(3), None, false, false));
    let greedy = Foreign::run(&["--memory", "16m", "--memory-swap", "16m"], "tail /dev/zero");
    let end = ended(&house, house.adopt(&greedy.0)).await;
    assert!(end.oom && !end.was_asked, "{end:?}");
    let stopped = Foreign::run(&[], WAIT);
    let id = house.adopt(&stopped.0);
    until(house.as_ref(), id, is_running).await;
    docker(&["kill", &stopped.0]);
    let end = ended(&house, id).await;
    assert_eq!((end.signal, end.was_asked), (Some(9), true), "somebody has killed it");
}

#[tokio::test]
async fn what_cannot_be_started_says_why() {
    let house = House::new().await;
    let id = ServiceId(Clock::System.new_uuid());
    let missing = NewContainer { name: "x".into(), image: "no.such.registry.invalid/nothing:1".into(), ..NewContainer::default() };
    house.start(id, Launch::NewContainer(Box::new(missing))).await.unwrap();
    let why = ended(&house, id).await.start_failure.unwrap();
    assert!(why.starts_with("the image 'no.such.registry.invalid/nothing:1' can't be pulled"), "{why}");
    house.start(id, container(Path::new("/"), &["/no/such/program"])).await.unwrap();
    let failed = |seen: &Observation| matches!(seen, Observation::Ended(ended) if ended.start_failure.as_ref().is_some_and(|why| why.contains("no such file")));
    until(house.as_ref(), id, failed).await;
    house.remove(id).await.unwrap();
    assert_eq!(house.observe(id).await, Ok(Observation::Absent));
}

#[tokio::test]
async fn figures_and_ports_are_those_of_the_container() {
    let house = House::new().await;
    let busy = Foreign::run(&["--publish", "127.0.0.1::80"], "httpd -p 80; while true; do :; done");
    let id = house.adopt(&busy.0);
    until(house.as_ref(), id, is_running).await;
    let port: u16 = docker(&["port", &busy.0, "80"]).rsplit(':').next().unwrap().parse().unwrap();
    let first = house.stats(id).await.unwrap().unwrap();
    assert_eq!(first.listening_ports, [port]);
    assert!(first.usage.memory_bytes.unwrap() > 0 && first.usage.cpu_percent.is_none());
    let deadline = Instant::now() + Duration::from_secs(30);
    while house.stats(id).await.unwrap().unwrap().usage.cpu_percent.unwrap_or_default() < 5.0 {
        assert!(Instant::now() < deadline, "it uses a core");
    }
    let known = house.container(id).unwrap();
    assert!(known.image == IMAGE && known.image_digest.starts_with("sha256:") && known.restart_policy.as_deref() == Some("no"));
}

#[tokio::test]
async fn every_line_of_a_container_is_in_the_log_once_whatever_becomes_of_pilothouse() {
    let house = House::new().await;
    let talker = Foreign::run(&[], "for n in $(seq 1 4000); do echo number $n; usleep 200; done; echo done >&2");
    let id = house.adopt(&talker.0);
    until(house.as_ref(), id, |seen| !matches!(seen, Observation::Absent)).await;
    // In the middle of it, if it is quick enough.
    let house = house.reborn().await;
    house.adopt_as(id, &talker.0);
    let house = house.reborn().await;
    house.adopt_as(id, &talker.0);
    let deadline = Instant::now() + Duration::from_secs(60);
    while !house.lines(id).iter().any(|line| line == "done") || house.lines(id).len() < 4001 {
        assert!(Instant::now() < deadline, "{} lines", house.lines(id).len());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    ended(&house, id).await;
    house.drain(id).await;
    let numbers: Vec<u32> = house.lines(id).iter().filter_map(|line| line.strip_prefix("number ")?.parse().ok()).collect();
    assert_eq!(numbers, (1..=4000).collect::<Vec<_>>());
}

/// All of services on both runtimes.
struct Whole {
    _store: TestStore,
    core: Arc<Core>,
    services: Arc<Services>,
    admin: Caller,
}

impl Whole {
    async fn new() -> Self {
        let mut store = TestStore::new(StoreKind::Sqlite).await;
        store.config.docker = DockerHost::At { address: host(), certificates: None };
        let core = store.core(Clock::System).await;
        core.store.lease.acquire(&core.tasks, &core.shutdown).await.unwrap();
        let runtimes = Runtimes::new(vec![Arc::new(ProcessRuntime::new(core.clone())), Arc::new(DockerRuntime::new(core.clone()))]);
        let logged = core.clone();
        let lines = Arc::new(move |id, since, most| engine::services::last_lines(&log_folder(&logged, id), since, most, &logged.mask));
        let services = Services::open(core.clone(), runtimes.clone(), Inherited::of_process(), lines).await.unwrap();
        runtimes.spawn();
        services.spawn();
        engine::monitoring::Manager::new(core.clone(), runtimes).spawn();
        let admin = Caller { role: Role::Admin, ..Caller::system() };
        Self { _store: store, core, services, admin }
    }

    #[track_caller]
    fn until(&self, name: &str, is_so: impl Fn(&Service) -> bool) -> impl Future<Output = Service> {
        self.until_at(name, is_so, std::panic::Location::caller())
    }

    async fn until_at(&self, name: &str, is_so: impl Fn(&Service) -> bool, asked: &std::panic::Location<'_>) -> Service {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let service = self.core.catalog.all().iter().map(|entry| entry.service.clone()).find(|service| service.name == name);
            if let Some(service) = service.clone().filter(&is_so) {
                return service;
            }
            assert!(Instant::now() < deadline, "{asked}: {service:#?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn shutdown(self) {
        self.core.shutdown.cancel();
        self.core.tasks.close();
        self.core.tasks.wait().await;
    }
}

#[tokio::test]
async fn a_container_of_others_is_a_service_and_what_others_do_with_it_stands() {
    let whole = Whole::new().await;
    let theirs = Foreign::run(&[], WAIT);
    let name = theirs.0.as_str();
    let found = whole.until(name, |service| service.status == Status::Running).await;
    assert_eq!((found.runtime, found.desired, found.template_type.as_str()), (api::RuntimeKind::Docker, Desired::Running, "container"));
    docker(&["stop", name]);
    let stopped = whole.until(name, |service| service.status == Status::Stopped).await;
    assert_eq!((stopped.desired, stopped.restarts.next_at), (Desired::Stopped, None), "and nobody starts it again");
    whole.services.start(&whole.admin, found.id).await.unwrap();
    whole.until(name, |service| service.status == Status::Running).await;
    whole.services.restart(&whole.admin, found.id).await.unwrap();
    whole.until(name, |service| service.status == Status::Running && service.started_at > found.started_at).await;
    whole.services.stop(&whole.admin, found.id).await.unwrap();
    whole.until(name, |service| service.status == Status::Stopped).await;
    docker(&["start", name]);
    whole.until(name, |service| service.status == Status::Running && service.desired == Desired::Running).await;
    let limits = api::ServicePatch { limits: Some(Limits { processes: Some(9), ..Limits::default() }), ..Default::default() };
    let refused = whole.services.change(&whole.admin, found.id, limits).await.unwrap_err();
    assert_eq!(refused.details[0].field, "/limits", "they are set where it was made");
    docker(&["rm", "--force", name]);
    let gone = whole.until(name, |service| service.status == Status::Error).await;
    assert!(gone.status_reason.unwrap().contains("there is no container"));
    theirs.again(&[], "echo no luck; exit 7");
    let crashed = whole.until(name, |service| service.status_reason.as_deref() == Some("exited with code 7")).await;
    assert_eq!(crashed.id, found.id, "a container of that name is that service");
    let detail = whole.services.get(&whole.admin, found.id).await.unwrap();
    assert_eq!(detail.last_exit.unwrap().last_lines, ["no luck"]);
    whole.services.delete(&whole.admin, found.id).await.unwrap();
    assert!(docker(&["ps", "--all", "--quiet", "--filter", &format!("name={name}")]).is_empty(), "its container is removed");
    whole.shutdown().await;
}

#[tokio::test]
async fn a_service_is_made_of_an_image_changed_and_deleted() {
    let whole = Whole::new().await;
    let developer = Caller { role: Role::Developer, ..whole.admin.clone() };
    let new: NewService = serde_json::from_value(serde_json::json!({
        "name": "web", "source": { "image": IMAGE, "container_port": 80 }, "environment": { "GREETING": "hello" }
    }))
    .unwrap();
    let made = whole.services.create(&developer, new).await.unwrap().service;
    whole.services.start(&developer, made.id).await.unwrap();
    let running = whole.until("web", |service| service.status == Status::Running).await;
    let container = format!("pilothouse-{}", made.id);
    let port = running.port.unwrap();
    assert!(docker(&["port", &container, "80"]).ends_with(&format!("127.0.0.1:{port}")));
    let first = docker(&["inspect", "--format", "{{.Id}} {{.Config.Env}}", &container]);
    assert!(first.contains("GREETING=hello") && first.contains("PORT=80"), "{first}");
    whole.services.restart(&developer, made.id).await.unwrap();
    whole.until("web", |service| service.status == Status::Running && service.started_at > running.started_at).await;
    assert_eq!(docker(&["inspect", "--format", "{{.Id}} {{.Config.Env}}", &container]), first, "nothing has changed");
    let environment = [("GREETING".to_owned(), "good day".to_owned())].into();
    let limits = Limits { memory_bytes: Some(64 << 20), cpu_percent: Some(50), processes: Some(40), open_files: Some(256) };
    let patch = api::ServicePatch { environment: Some(environment), limits: Some(limits), ..api::ServicePatch::default() };
    whole.services.change(&developer, made.id, patch).await.unwrap();
    let before = whole.until("web", |service| service.status == Status::Running).await.started_at;
    whole.services.restart(&developer, made.id).await.unwrap();
    whole.until("web", |service| service.status == Status::Running && service.started_at > before).await;
    assert!(docker(&["inspect", "--format", "{{.Config.Env}}", &container]).contains("GREETING=good day"));
    let held = "{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}} {{.HostConfig.NanoCpus}} {{.HostConfig.PidsLimit}}";
    assert_eq!(docker(&["inspect", "--format", held, &container]), "67108864 67108864 500000000 40");
    assert_eq!(docker(&["exec", &container, "sh", "-c", "ulimit -n"]), "256");
    whole.services.stop(&developer, made.id).await.unwrap();
    whole.until("web", |service| service.status == Status::Stopped).await;
    whole.services.delete(&whole.admin, made.id).await.unwrap();
    assert_eq!(docker(&["inspect", "--format", "{{.State.Running}}", &container]), "false", "it can be put back");
    whole.services.purge(&whole.admin, made.id).await.unwrap();
    let names: HashSet<String> = docker(&["ps", "--all", "--format", "{{.Names}}"]).lines().map(String::from).collect();
    assert!(!names.contains(&container));
    whole.shutdown().await;
}
