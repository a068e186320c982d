//! Deployments of containers while the Docker Engine is restarted: they go on or are undone, and no container of theirs is left over.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use api::{
    Caller, Deployment, DeploymentId, DeploymentLinesQuery, DeploymentStatus, NewDeployment, NewService, Role, ServiceId, Stage, Status,
};
use engine::testing::{StoreKind, TestStore};
use engine::{Clock, DockerHost, Engine};
use rustix::process::{Pid, Signal, geteuid, kill_process};
use serde_json::json;
use tempfile::TempDir;

use super::{IMAGE, docker};

/// A Docker Engine of one test, which can be restarted; it has the image of the tests.
struct OwnEngine {
    folder: TempDir,
    server: Child,
}

impl OwnEngine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Self::serve(folder.path());
        let own = Self { folder, server };
        own.until_answers();
        let image = own.folder.path().join("image.tar");
        docker(&["save", "--output", image.to_str().unwrap(), IMAGE]);
        own.docker(&["load", "--input", image.to_str().unwrap()]);
        own
    }

    /// In a network of its own: the bridge of the other engine would be in its way, and the other way round.
    fn serve(folder: &Path) -> Child {
        let mut command = Command::new("unshare");
        command.args(["--net", "dockerd"]).arg(format!("--host={}", Self::address(folder))).args(["--iptables=false", "--ip6tables=false"]);
        for (flag, name) in [("data-root", "data"), ("exec-root", "exec"), ("pidfile", "pid")] {
            command.arg(format!("--{flag}={}", folder.join(name).display()));
        }
        let log = File::options().create(true).append(true).open(folder.join("log")).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap()
    }

    fn address(folder: &Path) -> String {
        format!("unix://{}", folder.join("docker.sock").display())
    }

    fn host(&self) -> String {
        Self::address(self.folder.path())
    }

    fn try_docker(&self, arguments: &[&str]) -> std::process::Output {
        Command::new("docker").args(["--host", &self.host()]).args(arguments).output().unwrap()
    }

    fn docker(&self, arguments: &[&str]) -> String {
        let done = self.try_docker(arguments);
        assert!(done.status.success(), "docker {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    }

    fn until_answers(&self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !self.try_docker(&["version"]).status.success() {
            let log = fs::read_to_string(self.folder.path().join("log")).unwrap();
            assert!(Instant::now() < deadline, "{log}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Asks it to end, and starts it again.
    fn restart(&mut self) {
        kill_process(Pid::from_child(&self.server), Signal::TERM).unwrap();
        self.server.wait().unwrap();
        self.server = Self::serve(self.folder.path());
        self.until_answers();
    }

    /// The names of all containers of Pilothouse. The one of a step of a build that was broken off is the engine's, which leaves it when it ends.
    fn containers(&self) -> Vec<String> {
        self.docker(&["ps", "--all", "--filter", "name=pilothouse-", "--format", "{{.Names}}"]).lines().map(String::from).collect()
    }
}

impl Drop for OwnEngine {
    fn drop(&mut self) {
        // What still runs would outlive a test that failed.
        let running = self.try_docker(&["ps", "--quiet"]).stdout;
        let running = String::from_utf8_lossy(&running).into_owned();
        for container in running.lines() {
            self.try_docker(&["rm", "--force", container]);
        }
        let _ = kill_process(Pid::from_child(&self.server), Signal::TERM);
        let _ = self.server.wait();
    }
}

struct Yard {
    engine: Engine,
    admin: Caller,
    id: ServiceId,
    place: TempDir,
    _store: TestStore,
    docker: OwnEngine,
}

impl Yard {
    /// A service of a folder with a Dockerfile, which was deployed once.
    async fn new() -> Self {
        let docker = OwnEngine::new();
        let mut store = TestStore::new(StoreKind::Sqlite).await;
        store.config.docker = DockerHost::At { address: docker.host(), certificates: None };
        let engine = Engine::open(store.config.clone(), Clock::System).await.unwrap();
        engine.spawn().await.unwrap();
        let admin = Caller { role: Role::Admin, ..Caller::system() };
        let place = tempfile::tempdir().unwrap();
        write(place.path(), "one", "true");
        let new = json!({"name": "restarted", "source": {"build": {"folder": place.path()}}, "health": {"kind": "none"}});
        let new: NewService = serde_json::from_value(new).unwrap();
        let id = engine.backend().services.create(&admin, new).await.unwrap().service.id;
        let yard = Self { engine, admin, id, place, _store: store, docker };
        let first = yard.begin().await;
        let first = yard.until(first, |now| now.status.is_over()).await;
        assert_eq!(first.status, DeploymentStatus::Succeeded, "{first:#?}");
        yard
    }

    async fn begin(&self) -> DeploymentId {
        self.engine.backend().deployments.deploy(&self.admin, self.id, NewDeployment::default()).await.unwrap().deployment_id
    }

    async fn until(&self, id: DeploymentId, is_so: impl Fn(&Deployment) -> bool) -> Deployment {
        let deadline = Instant::now() + Duration::from_secs(120);
        loop {
            let now = self.engine.backend().deployments.get(&self.admin, id).await.unwrap();
            if is_so(&now) {
                return now;
            }
            if Instant::now() >= deadline {
                panic!("{now:#?}\n{:#?}", self.lines(id).await);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn lines(&self, id: DeploymentId) -> Vec<String> {
        let lines = self.engine.backend().deployments.lines(&self.admin, id, DeploymentLinesQuery::default()).await.unwrap().items;
        lines.into_iter().map(|line| line.message).collect()
    }

    async fn until_line(&self, id: DeploymentId, wanted: &str) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !self.lines(id).await.iter().any(|line| line == wanted) {
            assert!(Instant::now() < deadline, "{:#?}", self.lines(id).await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn until_service(&self, wanted: Status) {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let service = self.engine.backend().services.get(&self.admin, self.id).await.unwrap().service;
            if service.status == wanted {
                return;
            }
            assert!(Instant::now() < deadline, "{service:#?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Starts the service unless it runs: what an engine stops when it ends was stopped by others, which stands.
    async fn run_again(&self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let status = self.engine.backend().services.get(&self.admin, self.id).await.unwrap().service.status;
            match status {
                Status::Running => return,
                Status::Stopped | Status::Error => drop(self.engine.backend().services.start(&self.admin, self.id).await),
                _ => {}
            }
            assert!(Instant::now() < deadline, "{status:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// What the service says, of the container that runs now.
    fn says(&self) -> String {
        self.docker.docker(&["logs", &format!("pilothouse-{}", self.id)])
    }

    fn only_its_container_is_there(&self) {
        assert_eq!(self.docker.containers(), [format!("pilothouse-{}", self.id)], "no other container is left over");
    }

    async fn end(self) {
        self.engine.backend().services.stop(&self.admin, self.id).await.unwrap();
        self.until_service(Status::Stopped).await;
        self.engine.shutdown().await;
    }
}

/// Says `said` and waits; `build` is run when the image is built. It heeds no wish to end for a while.
fn write(at: &Path, said: &str, build: &str) {
    let run = "cat /said; echo; trap 'sleep 2; exit 0' TERM; sleep 600 & wait";
    let command = serde_json::Value::from(vec!["sh", "-c", run]);
    fs::write(at.join("Dockerfile"), format!("FROM {IMAGE}\nCOPY said /said\nRUN {build}\nCMD {command}\n")).unwrap();
    fs::write(at.join("said"), said).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deployment_goes_on_or_is_undone_when_the_engine_is_restarted_in_the_middle_of_it() {
    if !geteuid().is_root() {
        return;
    }
    let mut yard = Yard::new().await;
    let mut well = "one";
    for said in ["two", "three"] {
        // While the image is built.
        write(yard.place.path(), said, "echo waiting && sleep 3");
        let deployment = yard.begin().await;
        yard.until_line(deployment, "waiting").await;
        yard.docker.restart();
        let over = yard.until(deployment, |now| now.status.is_over()).await;
        match over.status {
            DeploymentStatus::Succeeded => well = said,
            _ => assert_eq!((over.status, over.stage), (DeploymentStatus::Failed, Stage::Build), "{over:#?}"),
        }
        eprintln!("{said}: {:?}: {:?}", over.status, over.error);
        yard.run_again().await;
        assert!(yard.says().ends_with(well), "{}", yard.says());
        yard.only_its_container_is_there();
    }
    for said in ["four", "five"] {
        // While what runs is asked to end.
        write(yard.place.path(), said, "true");
        let deployment = yard.begin().await;
        yard.until(deployment, |now| now.stage >= Stage::Deploy).await;
        yard.docker.restart();
        let over = yard.until(deployment, |now| now.status.is_over()).await;
        match over.status {
            DeploymentStatus::Succeeded => well = said,
            _ => assert_eq!(over.status, DeploymentStatus::RolledBack, "{over:#?}"),
        }
        eprintln!("{said}: {:?}: {:?}", over.status, over.error);
        yard.run_again().await;
        assert!(yard.says().ends_with(well), "{}", yard.says());
        yard.only_its_container_is_there();
    }
    yard.end().await;
}
