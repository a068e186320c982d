//! Registries that don't know everybody: a real one (`docker-registry`), one that is down, and one that says nothing.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use api::{
    Deployment, DeploymentLinesQuery, DeploymentStatus, EventQuery, NewDeployment, NewSecret, Secret, SecretName, ServiceId, Stage,
    StageStatus, Status,
};
use engine::testing::{StoreKind, TestStore};
use engine::{Clock, DockerHost};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::deploy::{Yard, digest, runs, tags, write};
use super::{docker, host};

/// In base64 some of it becomes what Docker reads in one alphabet only.
const PASSWORD: &str = "r1ght?>~password";
/// The line of the user `shop` with that password, as `htpasswd -B` writes it.
const KNOWN: &str = "shop:$2y$05$4vVW1K4HkvZPvvxv23KwdedXYSRvXEb8KLhlVwUCTl4ACr.sU1Qdy\n";
const SECRET: &str = "registry.password";

/// A registry that knows one user, gone at the end.
struct Registry {
    server: Child,
    place: TempDir,
    address: String,
}

impl Registry {
    fn start() -> Self {
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name).display().to_string();
        fs::write(place.path().join("users"), KNOWN).unwrap();
        let config = json!({
            "version": "0.1",
            "log": {"level": "info"},
            "storage": {"filesystem": {"rootdirectory": path("data")}},
            "http": {"addr": "127.0.0.1:0"},
            "auth": {"htpasswd": {"realm": "test", "path": path("users")}},
        });
        fs::write(place.path().join("config.yml"), config.to_string()).unwrap();
        let mut serve = Command::new("docker-registry");
        serve.args(["serve", &path("config.yml")]).env("OTEL_TRACES_EXPORTER", "none").stdout(Stdio::null()).stderr(Stdio::piped());
        let mut server = serve.spawn().expect("docker-registry is installed: cargo xtask test does that");
        let mut lines = BufReader::new(server.stderr.take().unwrap()).lines();
        let line = lines.find(|line| line.as_ref().unwrap().contains("listening on ")).unwrap().unwrap();
        // What it writes later is read, so that it doesn't wait for that.
        std::thread::spawn(move || lines.for_each(drop));
        let address = line.split("listening on ").nth(1).unwrap().split(['"', ',']).next().unwrap().to_owned();
        Self { server, place, address }
    }

    fn image(&self) -> String {
        format!("{}/shop/orders", self.address)
    }

    fn has(&self, tag: &str) -> bool {
        let tags = "data/docker/registry/v2/repositories/shop/orders/_manifests/tags";
        self.place.path().join(tags).join(tag).is_dir()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Leads to a registry, until so many bytes have gone there; then nothing moves any more, and what is asked isn't answered.
async fn slow(registry: Option<&Registry>, bytes: usize) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (left, target) = (Arc::new(AtomicUsize::new(bytes)), registry.map(|registry| registry.address.clone()));
    let budget = left.clone();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (budget, target) = (budget.clone(), target.clone());
            tokio::spawn(async move {
                let Some(target) = target else { return std::future::pending().await };
                let Ok(server) = TcpStream::connect(target).await else { return };
                let ((mut asks, mut hears), (mut answers, mut told)) = (client.into_split(), server.into_split());
                let back = tokio::spawn(async move { tokio::io::copy(&mut answers, &mut hears).await });
                let mut buffer = vec![0; 4096];
                while let Ok(count @ 1..) = asks.read(&mut buffer).await {
                    while budget.load(Ordering::Relaxed) < count {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                    budget.fetch_sub(count, Ordering::Relaxed);
                    if told.write_all(&buffer[..count]).await.is_err() {
                        break;
                    }
                }
                drop(told);
                let _ = back.await;
            });
        }
    });
    (address, left)
}

async fn yard(limit: u64) -> Yard {
    let mut store = TestStore::new(StoreKind::Sqlite).await;
    store.config.docker = DockerHost::At { address: host(), certificates: None };
    store.config.registry_limit = Duration::from_secs(limit);
    Yard::on(store).await
}

async fn know(yard: &Yard, password: &str) {
    let new = NewSecret { value: Some(Secret::new(password)), ..NewSecret::default() };
    let name: SecretName = SECRET.parse().unwrap();
    yard.engine.backend().secrets.put(&yard.admin, name, new).await.unwrap();
}

fn account() -> Value {
    json!({"user": "shop", "secret": SECRET})
}

async fn built(yard: &Yard, folder: &Path, image: &str) -> ServiceId {
    let name = format!("pushed-{}", Clock::System.new_uuid().simple());
    let build = json!({"folder": folder, "push": {"image": image, "registry": account()}});
    yard.make(json!({"name": name, "source": {"build": build}, "health": {"kind": "none"}})).await
}

/// Another image each time, also beside other tests.
fn written(place: &Path) {
    write(place, &Clock::System.new_uuid().to_string(), false);
}

/// Puts an image into the registry, as `r1`, that isn't on this machine any more; answers its id.
async fn only_there(yard: &Yard, registry: &Registry) -> String {
    let place = tempfile::tempdir().unwrap();
    know(yard, PASSWORD).await;
    written(place.path());
    let maker = built(yard, place.path(), &registry.image()).await;
    let made = yard.deploy(maker, NewDeployment::default()).await;
    assert_eq!(made.status, DeploymentStatus::Succeeded, "{made:#?}");
    let image = runs(maker);
    let services = yard.engine.backend().services;
    services.stop(&yard.admin, maker).await.unwrap();
    until(yard, maker, Status::Stopped).await;
    services.delete(&yard.admin, maker).await.unwrap();
    services.purge(&yard.admin, maker).await.unwrap();
    docker(&["rmi", "--force", &image]);
    image
}

async fn lines(yard: &Yard, of: &Deployment) -> Vec<String> {
    let lines = yard.engine.backend().deployments.lines(&yard.admin, of.id, DeploymentLinesQuery::default()).await.unwrap();
    lines.items.into_iter().map(|line| line.message).collect()
}

fn named(image: &str) -> String {
    docker(&["images", "--format", "{{.Repository}}:{{.Tag}}", image])
}

fn stage(of: &Deployment, stage: Stage) -> (StageStatus, String) {
    let stage = of.stages.iter().find(|one| one.name == stage).unwrap();
    (stage.status, stage.note.clone().unwrap_or_default())
}

async fn until(yard: &Yard, id: ServiceId, wanted: Status) -> String {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let service = yard.engine.backend().services.get(&yard.admin, id).await.unwrap().service;
        if service.status == wanted {
            return service.status_reason.unwrap_or_default();
        }
        assert!(Instant::now() < deadline, "{service:#?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Fails when a password is in anything that was told, or in any file that was kept.
async fn assert_untold(yard: &Yard, password: &str) {
    let events = yard.engine.backend().activity.list(&yard.admin, EventQuery::default()).await.unwrap();
    assert!(!serde_json::to_string(&events).unwrap().contains(password));
    let mut folders = vec![yard.store.folder().to_owned()];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(bytes) = fs::read(&path) {
                files += 1;
                assert!(!bytes.windows(password.len()).any(|window| window == password.as_bytes()), "{}", path.display());
            }
        }
    }
    assert!(files > 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_is_pushed_pinned_by_its_digest_and_pulled_again_when_it_is_gone_from_the_machine() {
    let (registry, yard, place) = (Registry::start(), yard(60).await, tempfile::tempdir().unwrap());
    know(&yard, PASSWORD).await;
    written(place.path());
    let id = built(&yard, place.path(), &registry.image()).await;
    let plan = yard.engine.backend().deployments.plan(&yard.admin, id, NewDeployment::default()).await.unwrap();
    assert!(plan.steps.contains(&format!("push it to {}:r1 as shop", registry.image())), "{:?}", plan.steps);
    let first = yard.deploy(id, NewDeployment::default()).await;
    assert_eq!(first.status, DeploymentStatus::Succeeded, "{first:#?}\n{:#?}", lines(&yard, &first).await);
    let pinned = digest(&first);
    assert!(pinned.starts_with(&format!("{}@sha256:", registry.image())), "{pinned}");
    let (status, note) = stage(&first, Stage::Push);
    assert!(status == StageStatus::Succeeded && note.contains(":r1") && note.contains(&pinned), "{note}");
    assert!(registry.has("r1") && !registry.has("r2"));
    assert_eq!(named(&registry.image()), "", "the name that a push needs isn't left over");
    let (image, told) = (runs(id), lines(&yard, &first).await);
    assert!(told.iter().any(|line| line.starts_with("pushed ") && line.ends_with(&pinned)), "{told:?}");

    written(place.path());
    let second = yard.deploy(id, NewDeployment::default()).await;
    assert_eq!(second.status, DeploymentStatus::Succeeded, "{second:#?}");
    assert!(registry.has("r2") && runs(id) != image);
    let told = lines(&yard, &second).await;
    assert!(told.iter().any(|line| line.contains("of which were there before")), "{told:?}");

    // Nothing of the first is left on this machine.
    docker(&["rmi", "--force", &image]);
    let back = yard.back(first.id).await;
    assert_eq!(back.status, DeploymentStatus::Succeeded, "{back:#?}\n{:#?}", lines(&yard, &back).await);
    assert_eq!((runs(id), digest(&back)), (image.clone(), pinned));
    assert_eq!(stage(&back, Stage::Push).0, StageStatus::Skipped);

    // Also an ordinary start has it pulled.
    let services = yard.engine.backend().services;
    services.stop(&yard.admin, id).await.unwrap();
    until(&yard, id, Status::Stopped).await;
    docker(&["rm", "--force", &format!("pilothouse-{id}")]);
    docker(&["rmi", "--force", &image]);
    services.start(&yard.admin, id).await.unwrap();
    until(&yard, id, Status::Running).await;
    assert_eq!(runs(id), image);
    let secrets = yard.engine.backend().secrets.list(&yard.admin).await.unwrap();
    assert_eq!((secrets[0].used_by.len(), secrets[0].used_by[0].variable.as_str()), (1, "its registry of images"));
    assert_untold(&yard, PASSWORD).await;
    yard.end(id).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_is_told_and_nothing_is_touched() {
    let (registry, yard, place) = (Registry::start(), yard(60).await, tempfile::tempdir().unwrap());
    know(&yard, PASSWORD).await;
    written(place.path());
    let id = built(&yard, place.path(), &registry.image()).await;
    let first = yard.deploy(id, NewDeployment::default()).await;
    assert_eq!(first.status, DeploymentStatus::Succeeded, "{first:#?}");
    let (image, before) = (runs(id), tags(id).len());
    know(&yard, "wrong-and-secret").await;
    written(place.path());
    let failed = yard.deploy(id, NewDeployment::default()).await;
    assert_eq!((failed.status, failed.stage), (DeploymentStatus::Failed, Stage::Push), "{failed:#?}");
    assert!(failed.error.as_deref().is_some_and(|error| error.contains("unauthorized")), "{failed:#?}");
    let advice = failed.suggestion.clone().unwrap_or_default();
    assert!(advice.contains(SECRET) && advice.contains("'shop'") && advice.contains(&registry.address), "{advice}");
    assert_eq!((runs(id), named(&registry.image()).as_str(), tags(id).len()), (image, "", before));
    assert!(!registry.has("r2"));
    assert_untold(&yard, "wrong-and-secret").await;
    know(&yard, PASSWORD).await;
    let done = yard.deploy(id, NewDeployment::default()).await;
    assert_eq!(done.status, DeploymentStatus::Succeeded, "{done:#?}");
    yard.end(id).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registry_that_is_down_or_says_nothing_is_told_within_the_limit() {
    let (registry, yard, place) = (Registry::start(), yard(3).await, tempfile::tempdir().unwrap());
    know(&yard, PASSWORD).await;
    written(place.path());
    let (mute, _) = slow(None, 0).await;
    // It answers who asks and what there is, and takes no layer.
    let (stuck, _) = slow(Some(&registry), 5000).await;
    fs::write(place.path().join("much"), noise(1 << 20)).unwrap();
    fs::write(place.path().join("Dockerfile"), format!("FROM {}\nCOPY . /\nCMD [\"sleep\", \"600\"]\n", super::IMAGE)).unwrap();
    for (address, why) in [("127.0.0.1:1", "connection refused"), (&mute, "hasn't moved for 3 s"), (&stuck, "hasn't moved for 3 s")] {
        let image = format!("{address}/shop/orders");
        let id = built(&yard, place.path(), &image).await;
        let begun = Instant::now();
        let failed = yard.deploy(id, NewDeployment::default()).await;
        assert_eq!((failed.status, failed.stage), (DeploymentStatus::Failed, Stage::Push), "{failed:#?}");
        assert!(failed.error.as_deref().is_some_and(|error| error.contains(why)), "{failed:#?}");
        assert!(failed.suggestion.as_deref().is_some_and(|advice| advice.contains("runs and can be reached")), "{failed:#?}");
        assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
        assert_eq!(named(&image), "");
        yard.engine.backend().services.delete(&yard.admin, id).await.unwrap();
        yard.engine.backend().services.purge(&yard.admin, id).await.unwrap();
    }
    yard.engine.shutdown().await;
}

/// Bytes that no layer has yet and that don't get smaller.
fn noise(count: usize) -> Vec<u8> {
    (0..count / 16).flat_map(|_| Clock::System.new_uuid().into_bytes()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_is_cancelled_at_once_and_done_twice_after_a_restart() {
    let (registry, first, place) = (Registry::start(), yard(60).await, tempfile::tempdir().unwrap());
    know(&first, PASSWORD).await;
    fs::write(place.path().join("much"), noise(1 << 20)).unwrap();
    fs::write(place.path().join("Dockerfile"), format!("FROM {}\nCOPY . /\nCMD [\"sleep\", \"600\"]\n", super::IMAGE)).unwrap();
    let (address, left) = slow(Some(&registry), 5000).await;
    let image = format!("{address}/shop/orders");
    let id = built(&first, place.path(), &image).await;
    let pushing = async |yard: &Yard| {
        let taken = yard.engine.backend().deployments.deploy(&yard.admin, id, NewDeployment::default()).await.unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let now = yard.engine.backend().deployments.get(&yard.admin, taken.deployment_id).await.unwrap();
            if now.stage == Stage::Push && stage(&now, Stage::Push).1.contains("layers") {
                return now.id;
            }
            assert!(Instant::now() < deadline && !now.status.is_over(), "{now:#?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let deployment = pushing(&first).await;
    let begun = Instant::now();
    first.engine.backend().deployments.cancel(&first.admin, deployment).await.unwrap();
    let cancelled = first.over(deployment).await;
    assert_eq!(cancelled.status, DeploymentStatus::Cancelled, "{cancelled:#?}");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!((named(&image).as_str(), registry.has("r1")), ("", false));

    let deployment = pushing(&first).await;
    first.engine.shutdown().await;
    left.store(usize::MAX / 2, Ordering::Relaxed);
    let second = Yard::on(first.store).await;
    let done = second.over(deployment).await;
    assert_eq!(done.status, DeploymentStatus::Succeeded, "{done:#?}");
    assert!(registry.has("r2") && !registry.has("r1"), "a release that was made and undone keeps its number");
    assert_eq!(named(&image), "");
    second.end(id).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_private_image_is_pulled_with_the_right_password_only() {
    let (registry, yard) = (Registry::start(), yard(60).await);
    let image = only_there(&yard, &registry).await;
    let services = yard.engine.backend().services;

    let name = format!("private-{}", Clock::System.new_uuid().simple());
    let source = json!({"image": format!("{}:r1", registry.image())});
    let id = yard.make(json!({"name": name, "source": source, "health": {"kind": "none"}})).await;
    services.start(&yard.admin, id).await.unwrap();
    let why = until(&yard, id, Status::Error).await;
    assert!(why.contains("no basic auth credentials"), "{why}");
    let detail = services.get(&yard.admin, id).await.unwrap();
    let advice = serde_json::to_string(&detail).unwrap();
    assert!(advice.contains("in its settings"), "{advice}");

    let choose = async |account: Value| {
        let patch = serde_json::from_value(json!({"source": {"registry": account}})).unwrap();
        services.change(&yard.admin, id, patch).await.unwrap();
    };
    choose(account()).await;
    know(&yard, "wrong-and-secret").await;
    services.start(&yard.admin, id).await.unwrap();
    let why = until(&yard, id, Status::Error).await;
    assert!(why.contains("unauthorized") && !why.contains("wrong-and-secret"), "{why}");
    let failed = yard.deploy(id, NewDeployment::default()).await;
    assert_eq!((failed.status, failed.stage), (DeploymentStatus::Failed, Stage::Build), "{failed:#?}");
    assert!(failed.suggestion.as_deref().is_some_and(|advice| advice.contains(SECRET)), "{failed:#?}");

    know(&yard, PASSWORD).await;
    services.start(&yard.admin, id).await.unwrap();
    until(&yard, id, Status::Running).await;
    assert_eq!(runs(id), image);
    let done = yard.deploy(id, NewDeployment::default()).await;
    assert_eq!(done.status, DeploymentStatus::Succeeded, "{done:#?}");
    assert!(digest(&done).starts_with(&format!("{}@sha256:", registry.image())), "{}", digest(&done));
    let told = lines(&yard, &done).await;
    assert!(told.iter().any(|line| line.contains(&image)), "{told:?}");
    assert_untold(&yard, "wrong-and-secret").await;
    assert_untold(&yard, PASSWORD).await;
    yard.end(id).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn buildkit_begins_with_an_image_that_only_the_account_of_its_registry_may_have() {
    begins_with_a_private_image("buildkit").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_builder_from_before_begins_with_it_too() {
    begins_with_a_private_image("classic").await;
}

async fn begins_with_a_private_image(builder: &str) {
    let (registry, yard, folder) = (Registry::start(), yard(60).await, tempfile::tempdir().unwrap());
    only_there(&yard, &registry).await;
    let mark = Clock::System.new_uuid().simple().to_string();
    fs::write(folder.path().join("Dockerfile"), format!("FROM {}:r1\nRUN echo {mark} > /mark\n", registry.image())).unwrap();
    let make = async |account: Option<Value>| {
        let push = json!({"image": format!("{}/shop/{builder}", registry.address), "registry": account});
        let build = json!({"folder": folder.path(), "builder": builder, "push": push});
        let name = format!("from-{}", Clock::System.new_uuid().simple());
        yard.make(json!({"name": name, "source": {"build": build}, "health": {"kind": "none"}})).await
    };
    let id = make(None).await;
    let failed = yard.deploy(id, NewDeployment::default()).await;
    let said = (failed.status, failed.stage);
    assert_eq!(said, (DeploymentStatus::Failed, Stage::Build), "{failed:#?}\n{:#?}", lines(&yard, &failed).await);
    let services = yard.engine.backend().services;
    services.delete(&yard.admin, id).await.unwrap();
    services.purge(&yard.admin, id).await.unwrap();
    let id = make(Some(account())).await;
    let made = yard.deploy(id, NewDeployment::default()).await;
    assert_eq!(made.status, DeploymentStatus::Succeeded, "{made:#?}\n{:#?}", lines(&yard, &made).await);
    assert_untold(&yard, PASSWORD).await;
    yard.end(id).await;
}
