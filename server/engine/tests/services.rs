//! The whole engine with real supervisors and real Python services.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use api::{Caller, ServiceDetail, ServiceId, ServiceQuery, Status};
use engine::testing::{StoreKind, TestStore};
use engine::{Clock, Engine};
use rustix::process::{Pid, Signal, kill_process};

const SERVER: &str = r#"
"""Answers on its port."""
import os
from http.server import BaseHTTPRequestHandler, HTTPServer

PORT = int(os.getenv("PORT", "8123"))

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello")

if __name__ == "__main__":
    print("listening on", PORT)
    HTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
"#;

struct House {
    store: TestStore,
    engine: Engine,
}

impl House {
    async fn with(files: &[(&str, &str)]) -> Self {
        let mut store = TestStore::new(StoreKind::Sqlite).await;
        store.config.program = env!("CARGO_BIN_EXE_engine-supervise").into();
        let root = store.folder().join("services");
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        store.config.services_dir = Some(root);
        let engine = Self::open(&store).await;
        Self { store, engine }
    }

    async fn open(store: &TestStore) -> Engine {
        let engine = Engine::open(store.config.clone(), Clock::System).await.unwrap();
        engine.spawn().await.unwrap();
        engine
    }

    async fn named(&self, name: &str) -> ServiceId {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let all = self.engine.backend().services.list(&Caller::system(), ServiceQuery::default()).await.unwrap();
            if let Some(service) = all.items.iter().find(|service| service.name == name) {
                return service.id;
            }
            assert!(Instant::now() < deadline, "{name} is not found");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn until(&self, id: ServiceId, status: Status) -> ServiceDetail {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let detail = self.engine.backend().services.get(&Caller::system(), id).await.unwrap();
            if detail.service.status == status {
                return detail;
            }
            assert!(Instant::now() < deadline, "{:?} {:?}", detail.service, detail.last_exit);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn started(&self, name: &str) -> ServiceId {
        let id = self.named(name).await;
        self.engine.backend().services.start(&Caller::system(), id).await.unwrap();
        id
    }

    async fn stop(&self, id: ServiceId) {
        self.engine.backend().services.stop(&Caller::system(), id).await.unwrap();
        self.until(id, Status::Stopped).await;
    }
}

/// What the service at `port` answers, once it does.
async fn answer(port: u16) -> String {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) {
            stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            return answer;
        }
        assert!(Instant::now() < deadline, "nothing listens on {port}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_found_service_runs_answers_lives_on_and_is_stopped_by_the_next_pilothouse() {
    let house = House::with(&[("hello/main.py", SERVER)]).await;
    let id = house.started("hello").await;
    let detail = house.until(id, Status::Running).await;
    let port = detail.service.port.unwrap();
    assert!(answer(port).await.ends_with("hello"));
    house.engine.shutdown().await;
    assert!(answer(port).await.ends_with("hello"), "it lives on");

    let house = House { engine: House::open(&house.store).await, store: house.store };
    let again = house.until(id, Status::Running).await;
    assert_eq!((again.service.port, again.service.started_at, again.pids[0]), (Some(port), detail.service.started_at, detail.pids[0]));
    house.stop(id).await;
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "nothing listens any more");
    let services = house.engine.backend().services;
    services.delete(&Caller::system(), id).await.unwrap();
    services.purge(&Caller::system(), id).await.unwrap();
    assert!(!house.store.config.data_dir.join("run").join(id.to_string()).exists(), "nothing is left of it");
    house.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_say_their_real_cause() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let fixed = SERVER.replace(r#"int(os.getenv("PORT", "8123"))"#, &port.to_string());
    let house = House::with(&[
        ("imports/main.py", "import surely_not_installed\n"),
        ("exits/main.py", "import sys\nprint('last words', file=sys.stderr)\nsys.exit(3)\n"),
        ("taken/main.py", &fixed),
        ("itself/main.py", SERVER),
        ("requires/main.py", "print(1)\n"),
        ("requires/requirements.txt", "./surely-not-there\n"),
        ("killed/main.py", "import time\ntime.sleep(600)\n"),
    ])
    .await;
    let itself = house.named("itself").await;
    let patch = api::ServicePatch { handover: Some(true), ..Default::default() };
    house.engine.backend().services.change(&Caller::system(), itself, patch).await.unwrap();
    let reason = |detail: &ServiceDetail| detail.service.status_reason.clone().unwrap_or_default();

    let id = house.started("imports").await;
    let detail = house.until(id, Status::Error).await;
    assert_eq!(reason(&detail), "exited with code 1");
    assert_eq!(detail.diagnosis[0].cause, "the Python module 'surely_not_installed' isn't installed");
    assert_eq!(rules(&detail), ["module-missing"]);

    let id = house.started("exits").await;
    let detail = house.until(id, Status::Error).await;
    assert_eq!(reason(&detail), "exited with code 3");
    assert_eq!(detail.last_exit.unwrap().last_lines, ["last words"]);

    let id = house.started("taken").await;
    let detail = house.until(id, Status::Error).await;
    assert!(reason(&detail).starts_with(&format!("port {port} is taken by ")), "{}", reason(&detail));
    assert!(reason(&detail).ends_with(&format!("(pid {})", std::process::id())), "{}", reason(&detail));
    assert_eq!(rules(&detail), ["port-taken"]);

    let id = house.started("itself").await;
    let detail = house.until(id, Status::Error).await;
    assert!(reason(&detail).starts_with("it opens port ") && reason(&detail).contains("handed as descriptor 3"), "{}", reason(&detail));

    let id = house.started("requires").await;
    let detail = house.until(id, Status::Error).await;
    assert!(reason(&detail).contains("installing") && reason(&detail).contains("failed"), "{}", reason(&detail));
    assert_eq!(rules(&detail), ["requirements-failed"]);

    let id = house.started("killed").await;
    let pid = house.until(id, Status::Running).await.pids[0];
    kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), Signal::KILL).unwrap();
    let detail = house.until(id, Status::Error).await;
    assert_eq!((reason(&detail).as_str(), rules(&detail)), ("killed by SIGKILL", vec!["killed".to_owned()]));
    house.engine.shutdown().await;
}

/// Says which idna is installed, and ends.
const PINNED: &str = r#"
import importlib.metadata, sys
print("idna", importlib.metadata.version("idna"))
sys.exit(3)
"#;

/// What uv makes of a project that depends on idna, when 3.6 is the newest.
const LOCK: &str = r#"version = 1
revision = 3
requires-python = ">=3.8"

[[package]]
name = "idna"
version = "3.6"
source = { registry = "https://index.example.org/simple" }
sdist = { url = "https://files.example.org/packages/bf/3f/ea4b9117521a1e9c50344b909be7886dd00a519552724809bb1f486986c2/idna-3.6.tar.gz", hash = "sha256:9ecdbbd083b06798ae1e86adcbfe8ab1479cf864e4ee30fe4e46a003d12491ca", size = 175426 }
wheels = [
    { url = "https://files.example.org/packages/c2/e7/a82b05cf63a603df6e68d59ae6a68bf5064484a0718ea5033660af4b54a9/idna-3.6-py3-none-any.whl", hash = "sha256:c05567e9c24a6b9faaa835c4821bad0590fbb9d5779e7caa6e1cc4978e7eb24f", size = 61567 },
]

[[package]]
name = "pinned"
version = "1"
source = { virtual = "." }
dependencies = [
    { name = "idna" },
]

[package.metadata]
requires-dist = [{ name = "idna" }]
"#;

/// With idna from PyPI.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_with_a_lock_runs_with_what_that_pins_and_not_with_another_file() {
    let project = "[project]\nname = 'pinned'\nversion = '1'\ndependencies = ['idna']\n";
    let other = LOCK.replace("sha256:9", "sha256:0").replace("sha256:c", "sha256:0");
    let house = House::with(&[
        ("pinned/main.py", PINNED),
        ("pinned/pyproject.toml", project),
        ("pinned/uv.lock", LOCK),
        ("changed/main.py", PINNED),
        ("changed/pyproject.toml", project),
        ("changed/uv.lock", &other),
        ("local/main.py", PINNED),
        ("local/pyproject.toml", project),
        ("local/uv.lock", &LOCK.replace("registry = \"https://index.example.org/simple\"", "directory = \"../idna\"")),
    ])
    .await;
    let id = house.started("pinned").await;
    let detail = house.until(id, Status::Error).await;
    assert_eq!(detail.last_exit.unwrap().last_lines, ["idna 3.6"], "{:?}", detail.service.status_reason);

    let id = house.started("changed").await;
    let detail = house.until(id, Status::Error).await;
    let reason = detail.service.status_reason.unwrap_or_default();
    assert!(reason.starts_with("installing 1 requirement failed"), "{reason}");

    let id = house.started("local").await;
    let reason = house.until(id, Status::Error).await.service.status_reason.unwrap_or_default();
    assert!(reason.contains("its uv.lock needs 'idna' from '../idna'"), "{reason}");
    house.engine.shutdown().await;
}

/// Calls another service at its start.
const CALLER: &str = r#"
import os, urllib.request
print(os.environ["MODE"])
urllib.request.urlopen("http://127.0.0.1:PORT_OF_OTHER/")
"#;

/// Runs, and fails at each check but the first for want of the other service.
const FAILING: &str = r#"
import os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
PORT = int(os.getenv("PORT", "8124"))
asked = []
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        asked.append(self.path)
        print("could not connect: connect ECONNREFUSED 127.0.0.1:PORT_OF_OTHER", file=sys.stderr, flush=True)
        self.send_response(500 if len(asked) > 1 else 200)
        self.end_headers()
HTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_misses_another_is_explained_by_it_and_by_what_was_changed() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let payments = SERVER.replace(r#"int(os.getenv("PORT", "8123"))"#, &port.to_string());
    let with_port = |text: &str| text.replace("PORT_OF_OTHER", &port.to_string());
    let house =
        House::with(&[("payments/main.py", &payments), ("shop/main.py", &with_port(CALLER)), ("failing/main.py", &with_port(FAILING))])
            .await;
    let other = house.named("payments").await;
    let expected = api::Fix::Start { label: "Start payments".into(), service_id: other };

    let id = house.named("shop").await;
    let patch = api::ServicePatch {
        environment: Some([("MODE".to_owned(), "hurried".to_owned())].into()),
        restart: Some(api::RestartPolicy::Never),
        ..Default::default()
    };
    house.engine.backend().services.change(&Caller::system(), id, patch).await.unwrap();
    house.started("shop").await;
    let detail = house.until(id, Status::Error).await;
    assert_eq!(rules(&detail), ["dependency-stopped", "changed-before"], "{:#?}", detail.diagnosis);
    assert_eq!(detail.diagnosis[0].fixes[0], expected);
    assert!(detail.diagnosis[1].cause.starts_with("its variables were changed by "), "{:?}", detail.diagnosis[1]);
    let services = house.engine.backend().services;
    let deadline = Instant::now() + Duration::from_secs(20);
    let kept = loop {
        let kept = services.incidents(&Caller::system(), id).await.unwrap().items;
        if let Some(incident) = kept.first() {
            break services.incident(&Caller::system(), incident.id).await.unwrap();
        }
        assert!(Instant::now() < deadline, "no incident is kept");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!((kept.summary.code, kept.summary.service_id, &kept.diagnosis), (Some(1), id, &detail.diagnosis));
    assert_eq!(kept.lines[0], "hurried");
    assert!(kept.lines.len() > detail.last_exit.unwrap().last_lines.len() && kept.started_at.is_some());
    services.delete(&Caller::system(), id).await.unwrap();
    assert_eq!(services.incident(&Caller::system(), kept.summary.id).await.unwrap(), kept, "it goes with what is removed for good");
    services.purge(&Caller::system(), id).await.unwrap();
    assert_eq!(services.incident(&Caller::system(), kept.summary.id).await.unwrap_err().code, api::ErrorCode::NotFound);

    let id = house.named("failing").await;
    let health = api::HealthCheck { interval_seconds: 1, unhealthy_threshold: 1, path: Some("/".into()), ..Default::default() };
    let patch = api::ServicePatch { health: Some(health), ..Default::default() };
    house.engine.backend().services.change(&Caller::system(), id, patch).await.unwrap();
    house.started("failing").await;
    let deadline = Instant::now() + Duration::from_secs(60);
    let detail = loop {
        let detail = house.engine.backend().services.get(&Caller::system(), id).await.unwrap();
        if detail.diagnosis.len() > 1 {
            break detail;
        }
        assert!(Instant::now() < deadline, "{detail:#?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(rules(&detail), ["dependency-stopped", "probe-server-error"], "{:#?}", detail.diagnosis);
    assert_eq!(detail.diagnosis[0].fixes[0], expected);
    house.stop(id).await;
    house.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_without_a_port_is_what_its_command_says() {
    let house = House::with(&[]).await;
    let services = house.engine.backend().services;
    let folder = house.store.folder().join("worker");
    fs::create_dir(&folder).unwrap();
    let script = "test -f well && exit 0; echo a reason; exit 4";
    let health = api::HealthCheck {
        kind: api::CheckKind::Command,
        command: ["/bin/sh", "-c", script].map(String::from).to_vec(),
        interval_seconds: 1,
        unhealthy_threshold: 1,
        ..Default::default()
    };
    let new = api::NewService {
        user: None,
        name: "worker".into(),
        runtime: None,
        source: api::Source::Command { command: ["sleep", "1000"].map(String::from).to_vec(), working_dir: folder.display().to_string() },
        port: None,
        proxy_port: None,
        replicas: 1,
        rollout: Default::default(),
        environment: Default::default(),
        depends_on: Vec::new(),
        health,
        description: None,
        restart: api::RestartPolicy::Never,
        limits: Default::default(),
        labels: Default::default(),
        environment_files: Vec::new(),
        handover: false,
    };
    let id = services.create(&Caller::system(), new).await.unwrap().service.id;
    fs::write(folder.join("well"), "").unwrap();
    house.started("worker").await;
    let becomes = async |health: api::Health| {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let detail = services.get(&Caller::system(), id).await.unwrap();
            if detail.service.health_status == health {
                return detail;
            }
            assert!(Instant::now() < deadline, "{detail:#?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let well = becomes(api::Health::Healthy).await;
    assert_eq!(well.last_check.unwrap().message, "Command sh: exit code 0");
    fs::remove_file(folder.join("well")).unwrap();
    let ill = becomes(api::Health::Unhealthy).await;
    assert_eq!(rules(&ill), ["check-command-failed"]);
    assert_eq!(ill.diagnosis[0].evidence, ["Command sh: exit code 4: a reason"]);
    let patch =
        api::ServicePatch { health: Some(api::HealthCheck { kind: api::CheckKind::None, ..Default::default() }), ..Default::default() };
    services.change(&Caller::system(), id, patch).await.unwrap();
    assert_eq!(becomes(api::Health::Unknown).await.diagnosis, [], "what isn't checked is neither well nor ill");
    house.stop(id).await;
    house.engine.shutdown().await;
}

fn rules(detail: &ServiceDetail) -> Vec<String> {
    detail.diagnosis.iter().map(|cause| cause.rule.clone()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_pilothouse_on_the_same_database_is_refused() {
    let house = House::with(&[]).await;
    let second = Engine::open(house.store.config.clone(), Clock::System).await.unwrap();
    let refused = second.spawn().await.expect_err("the first one has the lease");
    assert_eq!(refused.code, api::ErrorCode::Conflict);
    second.shutdown().await;
    house.engine.shutdown().await;
}

const CONNECTS: &str = r#"
import os, socket, time

sock = socket.create_connection(("127.0.0.1", int(os.environ["DB_PORT"])))
print("connected", flush=True)
while not os.path.exists("close"):
    time.sleep(0.02)
sock.close()
print("closed", flush=True)
time.sleep(600)
"#;

/// Takes connections, and keeps them open.
const KEEPER: &str = r#"
import os, socket

listener = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
kept = []
while True:
    kept.append(listener.accept())
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_of_one_process_to_another_is_seen_while_it_is_open_and_remembered_after() {
    let house = House::with(&[("keeper/main.py", KEEPER), ("caller/main.py", CONNECTS)]).await;
    let services = house.engine.backend().services;
    let keeper = house.started("keeper").await;
    let port = house.until(keeper, Status::Running).await.service.port.unwrap();
    let caller = house.named("caller").await;
    let (environment, restart) = (Some([("DB_PORT".to_owned(), port.to_string())].into()), Some(api::RestartPolicy::Always));
    let patch = api::ServicePatch { environment, restart, ..api::ServicePatch::default() };
    services.change(&Caller::system(), caller, patch).await.unwrap();
    house.started("caller").await;
    // It may be tried before the other listens; it is started again then.
    let seen = async |wanted_open: bool| {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let detail = services.get(&Caller::system(), caller).await.unwrap();
            let found = detail.dependencies.unwrap().into_iter().find(|one| one.service_id == Some(keeper));
            if let Some(found) = found.filter(|one| one.sources[0].is_connected() == wanted_open) {
                return found;
            }
            assert!(Instant::now() < deadline, "not seen: {:?}", detail.service);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let open = seen(true).await;
    assert!(matches!(open.sources[..], [api::DependencySource::Connections { open: 1, .. }]), "{open:?}");
    let needed_by = services.get(&Caller::system(), keeper).await.unwrap().dependents.unwrap();
    assert_eq!(needed_by.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["caller"], "and the accepting end isn't a dependency");
    fs::write(house.store.config.services_dir.as_ref().unwrap().join("caller/close"), "").unwrap();
    seen(false).await;
    house.stop(caller).await;
    house.stop(keeper).await;
    house.engine.shutdown().await;
}

/// Stands for uvicorn, as far as it is started with a socket that it is handed.
const UVICORN: &str = r#"
import asyncio, os, signal, socket, sys
assert sys.argv[1:] == ["main:app", "--fd", "3"], sys.argv
async def answer(reader, writer):
    while (await reader.readline()).strip(): pass
    writer.write(b"HTTP/1.0 200 OK\r\n\r\n%d" % os.getpid())
    await writer.drain()
    writer.close()
async def main():
    server = await asyncio.start_server(answer, sock=socket.socket(fileno=3))
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    await over.wait()
    server.close()
    for _ in range(10): await asyncio.sleep(0)
    while left := asyncio.all_tasks() - {asyncio.current_task()}: await asyncio.wait(left)
if os.path.exists("broken"): sys.exit("it is broken")
while os.path.exists("slow"): pass
asyncio.run(main())
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_application_is_restarted_without_a_break_also_over_a_restart_of_pilothouse() {
    let main = "from fastapi import FastAPI\napp = FastAPI()\n";
    let house = House::with(&[("orders/main.py", main), ("orders/uvicorn/__init__.py", ""), ("orders/uvicorn/__main__.py", UVICORN)]).await;
    let folder = house.store.folder().join("services/orders");
    let id = house.named("orders").await;
    let patch = api::ServicePatch { handover: Some(true), ..Default::default() };
    house.engine.backend().services.change(&Caller::system(), id, patch).await.unwrap();
    house.started("orders").await;
    let first = house.until(id, Status::Running).await;
    let port = first.service.port.unwrap();
    let asked = move || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer.rsplit('\n').next().unwrap_or_default().to_owned())
    };
    assert_eq!(asked().unwrap(), first.pids[0].to_string());
    let (over, is_over) = std::sync::mpsc::channel::<()>();
    let client = std::thread::spawn(move || {
        let mut answers = Vec::new();
        while is_over.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
            answers.push(asked());
        }
        answers
    });
    // Until it says `words`, or runs anew; all the time it is shown to run.
    let until = async |house: &House, words: Option<&str>, before: u32| {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let detail = house.engine.backend().services.get(&Caller::system(), id).await.unwrap();
            assert!(Instant::now() < deadline, "{detail:#?}");
            let reason = detail.service.status_reason.as_deref();
            if words
                .map_or_else(|| detail.pids[..1] != [before] && reason.is_none(), |words| reason.is_some_and(|said| said.contains(words)))
            {
                return detail;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let restart = async |house: &House| house.engine.backend().services.restart(&Caller::system(), id).await.unwrap();
    assert_eq!(restart(&house).await.status, Status::Running);
    let second = until(&house, None, first.pids[0]).await;
    assert_eq!((second.service.status, second.service.port), (Status::Running, Some(port)));

    fs::write(folder.join("broken"), "").unwrap();
    restart(&house).await;
    let failed = until(&house, Some("it wasn't restarted"), 0).await;
    assert!(failed.service.status_reason.unwrap().ends_with("the new copy exited with code 1 before it listened: it is broken"));
    assert_eq!(failed.pids[0], second.pids[0]);
    fs::remove_file(folder.join("broken")).unwrap();

    fs::write(folder.join("slow"), "").unwrap();
    restart(&house).await;
    until(&house, Some("doesn't listen yet"), 0).await;
    house.engine.shutdown().await;
    fs::remove_file(folder.join("slow")).unwrap();
    let house = House { engine: House::open(&house.store).await, store: house.store };
    house.until(id, Status::Running).await;
    let third = until(&house, None, second.pids[0]).await;
    let query = api::EventQuery { service_id: Some(id), ..Default::default() };
    let said = async |house: &House| {
        let events = house.engine.backend().activity.list(&Caller::system(), query.clone()).await.unwrap().items;
        events.into_iter().map(|event| event.message).collect::<Vec<_>>()
    };
    // What is said of its health may come first or last.
    let expected = format!("orders restarted on port {port} without a break");
    let deadline = Instant::now() + Duration::from_secs(20);
    let times = async |house: &House| said(house).await.iter().filter(|message| **message == expected).count();
    while times(&house).await < 2 {
        assert!(Instant::now() < deadline, "{:?}", said(&house).await);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    over.send(()).unwrap();
    let answers: Vec<String> = client.join().unwrap().into_iter().collect::<std::io::Result<_>>().unwrap();
    let pids = [&first, &second, &third].map(|detail| detail.pids[0].to_string());
    assert!(answers.iter().all(|answer| pids.contains(answer)) && pids.iter().all(|pid| answers.contains(pid)), "{pids:?}");
    house.stop(id).await;
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "nothing listens any more");
    house.engine.shutdown().await;
}
