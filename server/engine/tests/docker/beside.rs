//! A container that is replaced behind a proxy, which runs as a process, while somebody asks all the time.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use api::{DeploymentStatus, Health, Judgement, NewDeployment, ServicePatch, Status, Strategy};
use engine::testing::{StoreKind, TestStore};
use engine::{Clock, DockerHost};
use serde_json::json;

use super::deploy::{Yard, digest, runs};
use super::{IMAGE, docker, host};

fn write(at: &Path, said: &str) {
    let serve = "trap 'exit 0' TERM; httpd -f -p 80 -h /www & wait";
    fs::write(at.join("Dockerfile"), format!("FROM {IMAGE}\nCOPY index.html /www/index.html\nCMD [\"sh\", \"-c\", \"{serve}\"]\n"))
        .unwrap();
    fs::write(at.join("index.html"), said).unwrap();
}

/// Somebody who asks one request after the other, from when there is an answer.
pub struct Asker {
    is_over: Arc<AtomicBool>,
    asking: std::thread::JoinHandle<BTreeMap<String, u32>>,
}

impl Asker {
    pub fn of(port: u16) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let told = is_over.clone();
        let asking = std::thread::spawn(move || {
            let mut answers = BTreeMap::<String, u32>::new();
            // The proxy is there as soon as somebody looks for the first time.
            while ask(port).is_err() && !told.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
            while !told.load(Ordering::Relaxed) {
                *answers.entry(ask(port).unwrap_or_else(|error| format!("failed: {error}"))).or_default() += 1;
                std::thread::sleep(Duration::from_millis(2));
            }
            answers
        });
        Self { is_over, asking }
    }

    pub fn end(self) -> BTreeMap<String, u32> {
        self.is_over.store(true, Ordering::Relaxed);
        self.asking.join().unwrap()
    }
}

fn ask(port: u16) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.rsplit("\r\n").next().unwrap_or_default().to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_is_replaced_behind_its_proxy_and_nobody_who_asks_notices() {
    let mut store = TestStore::new(StoreKind::Sqlite).await;
    store.config.docker = DockerHost::At { address: host(), certificates: None };
    store.config.program = env!("CARGO_BIN_EXE_engine-supervise").into();
    let yard = Yard::on(store).await;
    let place = tempfile::tempdir().unwrap();
    write(place.path(), "one");
    let name = format!("fronted-{}", Clock::System.new_uuid().simple());
    let proxy_port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let health = json!({"kind": "http", "path": "/", "interval_seconds": 1});
    let source = json!({"build": {"folder": place.path()}, "container_port": 80});
    let id = yard.make(json!({"name": name, "source": source, "health": health, "proxy_port": proxy_port})).await;
    let first = yard.deploy(id, NewDeployment::default()).await;
    assert_eq!(first.status, DeploymentStatus::Succeeded, "{first:#?}");
    assert_eq!(first.urls, [format!("http://127.0.0.1:{proxy_port}")]);

    let asker = Asker::of(proxy_port);
    write(place.path(), "two");
    let second = yard.deploy(id, NewDeployment { watch_seconds: Some(2), ..NewDeployment::default() }).await;
    assert_eq!((second.status, second.deployment_type), (DeploymentStatus::Succeeded, Strategy::BlueGreen), "{second:#?}");
    assert_eq!(runs(id), digest(&second));
    assert!(matches!(second.traffic[0].judgement, Judgement::Passed | Judgement::TooFew), "{second:#?}");
    let back = yard.back(first.id).await;
    assert_eq!(back.status, DeploymentStatus::Succeeded, "{back:#?}");
    assert_eq!(runs(id), digest(&first));
    let answers = asker.end();
    assert_eq!(answers.keys().map(String::as_str).collect::<Vec<_>>(), ["one", "two"], "{answers:?}");
    let ours = docker(&["ps", "--all", "--format", "{{.Names}} {{.Label \"pilothouse.name\"}}"]);
    assert!(!ours.contains(&format!("{name}-next")), "{ours}");

    let services = yard.engine.backend().services;
    services.change(&yard.admin, id, ServicePatch { proxy_port: Some(0), ..ServicePatch::default() }).await.unwrap();
    parts(&yard, &name, 0).await;
    yard.end(id).await;
}

/// Waits until so many services go with the one of that name and run.
pub async fn parts(yard: &Yard, name: &str, wanted: usize) {
    let services = yard.engine.backend().services;
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let mut all = services.list(&yard.admin, Default::default()).await.unwrap().items;
        all.retain(|one| one.name.starts_with(&format!("{name}-")));
        let is_well = |one: &api::Service| one.status == Status::Running && one.health_status == Health::Healthy;
        if all.len() == wanted && all.iter().all(is_well) {
            return;
        }
        assert!(Instant::now() < deadline, "{all:#?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn containers_of_a_service_are_replaced_and_restarted_one_after_the_other_and_nobody_who_asks_notices() {
    let mut store = TestStore::new(StoreKind::Sqlite).await;
    store.config.docker = DockerHost::At { address: host(), certificates: None };
    store.config.program = env!("CARGO_BIN_EXE_engine-supervise").into();
    let yard = Yard::on(store).await;
    let place = tempfile::tempdir().unwrap();
    write(place.path(), "one");
    let name = format!("several-{}", Clock::System.new_uuid().simple());
    let proxy_port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let health = json!({"kind": "http", "path": "/", "interval_seconds": 1});
    let source = json!({"build": {"folder": place.path()}, "container_port": 80});
    let id = yard.make(json!({"name": name, "source": source, "health": health, "proxy_port": proxy_port, "replicas": 3})).await;
    let first = yard.deploy(id, NewDeployment::default()).await;
    assert_eq!(first.status, DeploymentStatus::Succeeded, "{first:#?}");
    parts(&yard, &name, 3).await;
    let asker = Asker::of(proxy_port);
    write(place.path(), "two");
    let second = yard.deploy(id, NewDeployment::default()).await;
    assert_eq!((second.status, second.deployment_type), (DeploymentStatus::Succeeded, Strategy::Rolling), "{second:#?}");
    let services = yard.engine.backend().services;
    let begun = async || {
        let mut all = services.list(&yard.admin, Default::default()).await.unwrap().items;
        all.retain(|one| one.name.starts_with(&name) && one.template_type != "proxy");
        all.into_iter().map(|one| (one.id, one.started_at)).collect::<BTreeMap<_, _>>()
    };
    let before = begun().await;
    assert_eq!(before.len(), 3, "{before:?}");
    services.restart(&yard.admin, id).await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let now = begun().await;
        if now.iter().all(|(id, at)| at.is_some() && *at != before[id]) {
            break;
        }
        assert!(Instant::now() < deadline, "{now:?} {before:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    parts(&yard, &name, 3).await;
    let answers = asker.end();
    assert_eq!(answers.keys().map(String::as_str).collect::<Vec<_>>(), ["one", "two"], "{answers:?}");
    let patch = ServicePatch { proxy_port: Some(0), replicas: Some(1), ..ServicePatch::default() };
    services.change(&yard.admin, id, patch).await.unwrap();
    parts(&yard, &name, 0).await;
    yard.end(id).await;
}
