//! Deployments of containers: an image is pulled or built before the container that runs is touched, pinned, and gone back to.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use api::{
    Artifact, Caller, Deployment, DeploymentConfiguration, DeploymentId, DeploymentLinesQuery, DeploymentStatus, NewDeployment,
    NewRollback, NewService, Role, ServiceId, Stage, Status,
};
use engine::testing::{StoreKind, TestStore};
use engine::{Clock, DockerHost, Engine};
use serde_json::json;

use super::{IMAGE, WAIT, docker, host};

pub struct Yard {
    pub store: TestStore,
    pub engine: Engine,
    pub admin: Caller,
}

impl Yard {
    async fn new() -> Self {
        let mut store = TestStore::new(StoreKind::Sqlite).await;
        store.config.docker = DockerHost::At { address: host(), certificates: None };
        Self::on(store).await
    }

    pub async fn on(store: TestStore) -> Self {
        let engine = Engine::open(store.config.clone(), Clock::System).await.unwrap();
        engine.spawn().await.unwrap();
        Self { store, engine, admin: Caller { role: Role::Admin, ..Caller::system() } }
    }

    pub async fn make(&self, new: serde_json::Value) -> ServiceId {
        let new: NewService = serde_json::from_value(new).unwrap();
        self.engine.backend().services.create(&self.admin, new).await.unwrap().service.id
    }

    pub async fn deploy(&self, id: ServiceId, new: NewDeployment) -> Deployment {
        let taken = self.engine.backend().deployments.deploy(&self.admin, id, new).await.unwrap();
        self.over(taken.deployment_id).await
    }

    pub async fn back(&self, to: DeploymentId) -> Deployment {
        let taken = self.engine.backend().deployments.rollback(&self.admin, to, NewRollback::default()).await.unwrap();
        self.over(taken.deployment_id).await
    }

    pub async fn over(&self, id: DeploymentId) -> Deployment {
        let deadline = Instant::now() + Duration::from_secs(120);
        loop {
            let now = self.engine.backend().deployments.get(&self.admin, id).await.unwrap();
            if now.status.is_over() {
                return now;
            }
            assert!(Instant::now() < deadline, "{now:#?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub async fn end(self, id: ServiceId) {
        let services = self.engine.backend().services;
        services.stop(&self.admin, id).await.unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        while services.get(&self.admin, id).await.unwrap().service.status != Status::Stopped {
            assert!(Instant::now() < deadline);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        services.delete(&self.admin, id).await.unwrap();
        services.purge(&self.admin, id).await.unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        while !tags(id).is_empty() {
            assert!(Instant::now() < deadline, "{:?}", tags(id));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.engine.shutdown().await;
    }
}

pub fn tags(id: ServiceId) -> Vec<String> {
    docker(&["images", "--format", "{{.Repository}}:{{.Tag}}", &format!("pilothouse-{id}")]).lines().map(String::from).collect()
}

/// The id of the image that the container of a service is made of.
pub fn runs(id: ServiceId) -> String {
    docker(&["inspect", "--format", "{{.Image}}", &format!("pilothouse-{id}")])
}

pub fn write(at: &Path, text: &str, is_broken: bool) {
    let run = if is_broken { "RUN echo installing && false" } else { "RUN echo building" };
    let dockerfile = format!("FROM {IMAGE}\nCOPY said /said\n{run}\nCMD [\"sh\", \"-c\", \"cat /said; {WAIT}\"]\n");
    fs::write(at.join("Dockerfile"), dockerfile).unwrap();
    fs::write(at.join("said"), text).unwrap();
}

pub fn digest(deployment: &Deployment) -> String {
    match &deployment.release.as_ref().unwrap().artifact {
        Artifact::Image { digest, .. } => digest.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_built_image_is_pinned_gone_back_to_and_a_failed_build_touches_nothing() {
    let yard = Yard::new().await;
    let place = tempfile::tempdir().unwrap();
    write(place.path(), "one", false);
    let name = format!("deployed-{}", Clock::System.new_uuid().simple());
    let id = yard.make(json!({"name": name, "source": {"build": {"folder": place.path()}}, "health": {"kind": "none"}})).await;
    let first = yard.deploy(id, NewDeployment::default()).await;
    assert_eq!(first.status, DeploymentStatus::Succeeded, "{first:#?}");
    assert_eq!(runs(id), digest(&first));
    let lines = yard.engine.backend().deployments.lines(&yard.admin, first.id, DeploymentLinesQuery::default()).await.unwrap().items;
    assert!(
        lines.iter().any(|line| line.stage == Stage::Build && line.message.starts_with('#') && line.message.contains("3/")),
        "{lines:?}"
    );

    write(place.path(), "broken", true);
    let failed = yard.deploy(id, NewDeployment::default()).await;
    assert_eq!((failed.status, failed.stage), (DeploymentStatus::Failed, Stage::Build));
    assert!(failed.error.as_deref().is_some_and(|error| error.contains("RUN echo installing && false")), "{failed:#?}");
    assert_eq!(runs(id), digest(&first), "what runs wasn't touched");
    assert_eq!(tags(id).len(), 2, "nothing of it is left: {:?}", tags(id));

    write(place.path(), "two", false);
    let second = yard.deploy(id, NewDeployment::default()).await;
    assert_eq!(second.status, DeploymentStatus::Succeeded, "{second:#?}");
    assert_ne!(digest(&second), digest(&first));
    assert_eq!(runs(id), digest(&second));
    // What is built at a start isn't what runs any more.
    write(place.path(), "three", false);
    let back = yard.back(first.id).await;
    assert_eq!(back.status, DeploymentStatus::Succeeded, "{back:#?}");
    assert_eq!(runs(id), digest(&first));
    yard.end(id).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_is_pinned_by_what_it_is_and_one_that_is_not_there_touches_nothing() {
    let yard = Yard::new().await;
    let name = format!("pinned-{}", Clock::System.new_uuid().simple());
    let tag = format!("pilothouse-test-{}:1", Clock::System.new_uuid().simple());
    docker(&["tag", IMAGE, &tag]);
    let source = json!({"image": tag, "options": {"command": ["sh", "-c", WAIT]}});
    let id = yard.make(json!({"name": name, "source": source, "health": {"kind": "none"}})).await;
    let first = yard.deploy(id, NewDeployment::default()).await;
    assert_eq!(first.status, DeploymentStatus::Succeeded, "{first:#?}");
    assert_eq!(runs(id), digest(&first));
    let configuration = DeploymentConfiguration { image: Some("127.0.0.1:1/nowhere:1".into()), ..DeploymentConfiguration::default() };
    let failed = yard.deploy(id, NewDeployment { configuration, ..NewDeployment::default() }).await;
    assert_eq!((failed.status, failed.stage), (DeploymentStatus::Failed, Stage::Build));
    assert!(failed.error.as_deref().is_some_and(|error| error.contains("127.0.0.1:1/nowhere:1")), "{failed:#?}");
    assert_eq!(runs(id), digest(&first));
    let spec = yard.engine.backend().services.get(&yard.admin, id).await.unwrap().spec;
    assert!(serde_json::to_string(&spec).unwrap().contains(&tag), "its settings are as they were");
    docker(&["rmi", &tag]);
    // It is kept under the name of its release, so it can be started again.
    let services = yard.engine.backend().services;
    services.restart(&yard.admin, id).await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while services.get(&yard.admin, id).await.unwrap().service.status != Status::Running {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    yard.end(id).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_is_built_of_a_commit_of_a_repository() {
    let yard = Yard::new().await;
    let root = tempfile::tempdir().unwrap();
    let place = root.path().join("shop/web");
    fs::create_dir_all(&place).unwrap();
    let git = |args: &[&str]| {
        let names = ["-c", "user.name=Ann Other", "-c", "user.email=ann@example.org", "-c", "commit.gpgsign=false"];
        let ran = Command::new("git").current_dir(root.path().join("shop")).args(names).args(args).output().unwrap();
        assert!(ran.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).unwrap().trim().to_owned()
    };
    let commit = |said: &str, is_broken| {
        write(&place, said, is_broken);
        git(&["add", "--all"]);
        git(&["commit", "--quiet", "--message", said]);
        git(&["rev-parse", "HEAD"])
    };
    git(&["init", "--quiet", "--initial-branch=main"]);
    let one = commit("one", false);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/deployments/tests/git_server.py");
    let mut server = Command::new("python3").arg(script).arg(root.path()).arg("no-token").stdout(Stdio::piped()).spawn().unwrap();
    let mut port = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut port).unwrap();
    let url = format!("http://127.0.0.1:{}/shop/.git", port.trim());
    let name = format!("of-git-{}", Clock::System.new_uuid().simple());
    let build = json!({"repository": {"url": url, "reference": "main", "folder": "web"}});
    let id = yard.make(json!({"name": name, "source": {"build": build}, "health": {"kind": "none"}})).await;

    let first = yard.deploy(id, NewDeployment::default()).await;
    assert_eq!(first.status, DeploymentStatus::Succeeded, "{first:#?}");
    let of = |deployment: &Deployment| deployment.release.as_ref().and_then(|release| release.artifact.commit()).unwrap().id.clone();
    assert_eq!((of(&first), runs(id)), (one, digest(&first)));
    commit("broken", true);
    let failed = yard.deploy(id, NewDeployment::default()).await;
    assert_eq!((failed.status, failed.stage), (DeploymentStatus::Failed, Stage::Build));
    assert_eq!(runs(id), digest(&first), "what runs wasn't touched");
    let two = commit("two", false);
    let second = yard.deploy(id, NewDeployment::default()).await;
    assert_eq!((of(&second), runs(id)), (two, digest(&second)));
    assert_eq!(yard.back(first.id).await.status, DeploymentStatus::Succeeded);
    assert_eq!(runs(id), digest(&first));
    let left = fs::read_dir(yard.store.folder().join("data/releases/commits")).unwrap().count();
    assert_eq!(left, 0, "nothing that was fetched is left over");
    yard.end(id).await;
    server.kill().unwrap();
    server.wait().unwrap();
}
