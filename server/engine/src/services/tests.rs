//! Services with a runtime that a test controls, on both databases and as each role.

#[path = "check_tests.rs"]
mod checks;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use api::ports::Services as _;
use api::{
    Caller, Desired, ErrorCode, EventKind, EventQuery, NewService, RestartPolicy, Role, Service, ServiceDetail, ServiceId, ServicePatch,
    ServiceQuery, ServiceSort, Source, Status, Timestamp,
};

use super::Services;
use super::launch::Inherited;
use crate::runtime::{FakeRuntime, Observation, Runtime, Runtimes};
use crate::testing::TestStore;
use crate::{Clock, Core, on_each_store};

/// One life of Pilothouse on the store of a test. What runs lives on in its runtime.
pub(crate) struct Life {
    pub core: Arc<Core>,
    pub services: Arc<Services>,
    pub runtime: Arc<FakeRuntime>,
    pub clock: Clock,
    pub admin: Caller,
}

impl Life {
    /// The first life, with the files given in its services folder.
    pub async fn begin(test: &mut TestStore, files: &[(&str, &str)]) -> Self {
        let root = test.folder().join("services");
        fs::create_dir(&root).expect("a folder");
        test.config.services_dir = Some(root.clone());
        let clock = Clock::stopped(Timestamp::from_micros(1_000_000_000));
        for (path, text) in files {
            write(&root.join(path), text);
        }
        let runtime = Arc::new(FakeRuntime::new(clock.clone()));
        Self::on(test, runtime, clock).await
    }

    pub async fn on(test: &TestStore, runtime: Arc<FakeRuntime>, clock: Clock) -> Self {
        let core = test.core(clock.clone()).await;
        core.store.lease.acquire(&core.tasks, &core.shutdown).await.expect("the lease is free");
        let path = [("PATH".to_owned(), std::env::var("PATH").unwrap_or_default())];
        let lines = Arc::new(|_, _, _| vec!["Traceback".to_owned(), "ModuleNotFoundError: No module named 'x'".to_owned()]);
        let services =
            Services::open(core.clone(), Runtimes::new(vec![runtime.clone()]), Inherited::of(path), lines).await.expect("services open");
        services.spawn();
        Self { core, services, runtime, clock, admin: caller(Role::Admin) }
    }

    /// Ends this life and begins the next, on the same store; a new runtime sees what `left` says of each service.
    pub async fn again(self, test: &TestStore, left: impl Fn(&FakeRuntime)) -> Self {
        self.end().await;
        self.clock.advance(60);
        let runtime = Arc::new(FakeRuntime::of_kind(self.runtime.kind(), self.clock.clone()));
        left(&runtime);
        Self::on(test, runtime, self.clock.clone()).await
    }

    pub async fn end(&self) {
        self.core.shutdown.cancel();
        self.core.tasks.close();
        self.core.tasks.wait().await;
        self.core.store.close().await;
    }

    pub async fn named(&self, name: &str) -> Service {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let found = self.core.catalog.all().into_iter().find(|entry| entry.service.name == name);
            if let Some(entry) = found {
                return entry.service.clone();
            }
            assert!(Instant::now() < deadline, "{name} is not found");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until a service has this status.
    pub async fn until(&self, id: ServiceId, status: Status) -> ServiceDetail {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let detail = self.services.get(&self.admin, id).await.expect("it is there");
            if detail.service.status == status {
                return detail;
            }
            assert!(Instant::now() < deadline, "it is {} ({:?}), not {status}", detail.service.status, detail.service.status_reason);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Lets a service stay down when it ends by itself.
    async fn never_again(&self, id: ServiceId) {
        let patch = ServicePatch { restart: Some(RestartPolicy::Never), ..ServicePatch::default() };
        self.services.change(&self.admin, id, patch).await.expect("its policy is changed");
    }

    pub async fn running(&self, name: &str) -> ServiceId {
        let id = self.named(name).await.id;
        self.services.start(&self.admin, id).await.expect("it is started");
        self.until(id, Status::Running).await;
        id
    }

    /// The kinds of what happened to a service, oldest first, once the last one is there.
    pub async fn events(&self, id: ServiceId, last: EventKind) -> Vec<EventKind> {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let query = EventQuery { service_id: Some(id), ..EventQuery::default() };
            let mut kinds: Vec<_> =
                self.core.events.list(&query, true).await.expect("events").items.iter().map(|event| event.kind).collect();
            kinds.reverse();
            if kinds.last() == Some(&last) {
                return kinds;
            }
            assert!(Instant::now() < deadline, "{kinds:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

pub(crate) const MAIN: &str = "from fastapi import FastAPI\napp = FastAPI(description='Takes orders')\n";

pub(crate) fn write(path: &std::path::Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    fs::write(path, text).expect("a file");
}

pub(crate) fn caller(role: Role) -> Caller {
    Caller { user_id: None, name: role.as_str().into(), role, session_id: None, only: None, token: None }
}

pub(crate) fn command(name: &str, working_dir: PathBuf) -> NewService {
    let source = Source::Command { command: vec!["/bin/serve".into()], working_dir: working_dir.display().to_string() };
    NewService {
        name: name.into(),
        runtime: None,
        user: None,
        source,
        port: None,
        proxy_port: None,
        replicas: 1,
        rollout: Default::default(),
        environment: Default::default(),
        depends_on: Vec::new(),
        health: Default::default(),
        description: None,
        restart: RestartPolicy::OnFailure,
        limits: Default::default(),
        labels: Default::default(),
        environment_files: Vec::new(),
        handover: false,
    }
}

on_each_store! {
    async fn a_discovered_service_is_started_and_stopped_and_each_step_is_recorded(test: TestStore) {
        let mut test = test;
        let life = Life::begin(&mut test, &[("orders/main.py", MAIN)]).await;
        let found = life.named("orders").await;
        assert_eq!((found.status, found.template_type.as_str(), found.description.as_deref()), (Status::Stopped, "fastapi", Some("Takes orders")));
        let shown = life.services.start(&life.admin, found.id).await.expect("it is started");
        assert_eq!((shown.status, shown.desired), (Status::Starting, Desired::Running));
        let detail = life.until(found.id, Status::Running).await;
        let launch = life.runtime.launches(found.id).pop().expect("a launch");
        assert_eq!(launch.environment["PORT"], detail.service.port.expect("a port").to_string());
        assert_eq!(detail.service.url, detail.service.port.map(|port| format!("http://127.0.0.1:{port}")));
        assert_eq!(life.services.start(&life.admin, found.id).await.expect_err("it runs").code, ErrorCode::Conflict);

        let shown = life.services.stop(&life.admin, found.id).await.expect("it is stopped");
        assert_eq!(shown.status, Status::Stopping);
        let detail = life.until(found.id, Status::Stopped).await;
        assert!(detail.pids.is_empty() && detail.service.url.is_none() && detail.service.started_at.is_none());
        assert_eq!(life.services.stop(&life.admin, found.id).await.expect_err("it is stopped").code, ErrorCode::Conflict);
        use EventKind::*;
        let expected = [ServiceDiscovered, ServiceStartAsked, ServiceStarted, ServiceStopAsked, ServiceStopped];
        assert_eq!(life.events(found.id, ServiceStopped).await, expected);
        life.end().await;
    }

    async fn a_restart_is_a_stop_and_a_start(test: TestStore) {
        let mut test = test;
        let life = Life::begin(&mut test, &[("orders/main.py", MAIN)]).await;
        let id = life.running("orders").await;
        life.clock.advance(5);
        life.services.restart(&life.admin, id).await.expect("it is restarted");
        let deadline = Instant::now() + Duration::from_secs(20);
        while life.runtime.launches(id).len() < 2 {
            assert!(Instant::now() < deadline, "it is not launched again");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        life.until(id, Status::Running).await;
        use EventKind::*;
        let expected = [ServiceDiscovered, ServiceStartAsked, ServiceStarted, ServiceRestartAsked, ServiceStarted];
        assert_eq!(life.events(id, ServiceStarted).await, expected);
        life.end().await;
    }

    async fn the_end_of_the_run_before_is_no_failure_of_the_next_however_late_it_is_told(test: TestStore) {
        let mut test = test;
        let life = Life::begin(&mut test, &[("orders/main.py", MAIN)]).await;
        let id = life.running("orders").await;
        life.clock.advance(5);
        life.runtime.hold_starts(true);
        life.services.restart(&life.admin, id).await.expect("it is restarted");
        let deadline = Instant::now() + Duration::from_secs(20);
        while life.runtime.launches(id).len() < 2 {
            assert!(Instant::now() < deadline, "it is not launched again");
            tokio::task::yield_now().await;
        }
        let ended = life.runtime.observe(id).await.expect("it is seen");
        assert!(matches!(ended, Observation::Ended(_)), "{ended:?}");
        life.services.show(id, ended).await;
        assert_eq!(life.named("orders").await.status, Status::Starting);
        life.runtime.hold_starts(false);
        life.until(id, Status::Running).await;
        use EventKind::*;
        let expected = [ServiceDiscovered, ServiceStartAsked, ServiceStarted, ServiceRestartAsked, ServiceStarted];
        assert_eq!(life.events(id, ServiceStarted).await, expected);
        life.end().await;
    }

    async fn a_crash_is_an_error_with_its_cause_lines_and_event(test: TestStore) {
        let mut test = test;
        let life = Life::begin(&mut test, &[("orders/main.py", MAIN)]).await;
        let id = life.running("orders").await;
        life.never_again(id).await;
        life.clock.advance(5);
        life.runtime.crash(id, 3);
        let detail = life.until(id, Status::Error).await;
        assert_eq!(detail.service.status_reason.as_deref(), Some("exited with code 3"));
        let exit = detail.last_exit.expect("how it ended");
        assert_eq!((exit.code, exit.last_lines.len()), (Some(3), 2));
        assert_eq!(detail.diagnosis[0].cause, "the Python module 'x' isn't installed");
        use EventKind::*;
        let expected = [ServiceDiscovered, ServiceStartAsked, ServiceStarted, ServiceChanged, ServiceCrashed];
        assert_eq!(life.events(id, ServiceCrashed).await, expected);

        let life = life.again(&test, |_| {}).await;
        life.end().await;
    }

    async fn what_crashes_is_started_again_until_somebody_stops_it(test: TestStore) {
        let mut test = test;
        let life = Life::begin(&mut test, &[("orders/main.py", MAIN)]).await;
        let id = life.running("orders").await;
        for in_a_row in 1..=2 {
            life.clock.advance(5);
            life.runtime.crash(id, 3);
            let restarts = life.until(id, Status::Error).await.service.restarts;
            let wait = restarts.next_at.map(|at| at.seconds_since(life.clock.now()));
            assert_eq!((restarts.in_a_row, wait), (in_a_row, Some(f64::from(in_a_row))));
            let service = life.until(id, Status::Running).await.service;
            assert_eq!((service.restarts.in_a_row, service.restarts.next_at), (in_a_row, None));
        }
        assert_eq!(life.runtime.launches(id).len(), 3);
        life.clock.advance(5);
        life.runtime.crash(id, 3);
        life.until(id, Status::Error).await;
        life.services.stop(&life.admin, id).await.expect("it is stopped");
        let service = life.until(id, Status::Stopped).await.service;
        assert_eq!(service.restarts, api::Restarts::default());
        life.end().await;
    }

    async fn a_run_that_ended_while_pilothouse_was_away_is_followed_by_another(test: TestStore) {
        let mut test = test;
        let life = Life::begin(&mut test, &[("orders/main.py", MAIN)]).await;
        let id = life.running("orders").await;
        let at = life.clock.now();
        let life = life.again(&test, |runtime| {
            runtime.set(id, Observation::Running { pid: 8, started_at: at });
            runtime.crash(id, 1);
        }).await;
        life.until(id, Status::Running).await;
        assert_eq!(life.runtime.launches(id).len(), 1);
        use EventKind::*;
        assert_eq!(life.events(id, ServiceStarted).await[3..], [ServiceCrashed, ServiceStarted]);
        life.end().await;
    }

    async fn a_start_that_fails_says_why_and_can_be_tried_again(test: TestStore) {
        let mut test = test;
        let life = Life::begin(&mut test, &[("orders/main.py", MAIN)]).await;
        let id = life.named("orders").await.id;
        life.runtime.refuse_starts(id, Some("installing 2 requirements failed: no such package"));
        life.services.start(&life.admin, id).await.expect("it is asked");
        let detail = life.until(id, Status::Error).await;
        assert_eq!(detail.service.status_reason.as_deref(), Some("installing 2 requirements failed: no such package"));
        assert_eq!(life.events(id, EventKind::ServiceStartFailed).await.len(), 3);

        fs::remove_dir_all(test.config.services_dir.as_ref().expect("a folder").join("orders")).expect("removed");
        life.clock.advance(5);
        life.services.start(&life.admin, id).await.expect("it is asked");
        let deadline = Instant::now() + Duration::from_secs(20);
        let reason = loop {
            let service = life.named("orders").await;
            if let Some(reason) = service.status_reason.filter(|reason| reason.contains("isn't there")) {
                break reason;
            }
            assert!(Instant::now() < deadline, "{:?}", service.status);
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        assert!(reason.contains("orders"), "{reason}");
        life.end().await;
    }

    async fn a_stop_ends_a_start_that_is_being_prepared(test: TestStore) {
        let mut test = test;
        let life = Life::begin(&mut test, &[("orders/main.py", MAIN)]).await;
        let id = life.running("orders").await;
        let step = Observation::Preparing { label: "installing 12 requirements".into(), step: 2, steps: 2 };
        life.runtime.set(id, step);
        let detail = life.until(id, Status::Starting).await;
        assert_eq!(detail.service.status_reason.as_deref(), Some("installing 12 requirements (step 2 of 2)"));
        life.services.stop(&life.admin, id).await.expect("it is stopped");
        life.until(id, Status::Stopped).await;
        assert!(matches!(life.runtime.observe(id).await, Ok(Observation::Ended(_))));
        life.end().await;
    }

    async fn what_runs_is_found_again_and_what_was_asked_for_is_done_after_a_restart(test: TestStore) {
        let mut test = test;
        let names = ["running", "crashed", "stopped", "gone", "stray"];
        let files: Vec<_> = names.iter().map(|name| format!("{name}/main.py")).collect();
        let files: Vec<_> = files.iter().map(|path| (path.as_str(), MAIN)).collect();
        let life = Life::begin(&mut test, &files).await;
        let mut ids = Vec::new();
        for name in names {
            ids.push(if name == "stopped" || name == "stray" { life.named(name).await.id } else { life.running(name).await });
        }
        let [running, crashed, stopped, gone, stray] = ids[..] else { panic!("five") };
        life.never_again(crashed).await;
        let at = life.clock.now();
        let life = life.again(&test, |runtime| {
            for id in [running, stray] {
                runtime.set(id, Observation::Running { pid: 7, started_at: at });
            }
            runtime.set(crashed, Observation::Running { pid: 8, started_at: at });
            runtime.crash(crashed, 1);
        }).await;
        let found = life.until(running, Status::Running).await;
        assert_eq!((found.pids, found.service.started_at), (vec![7], Some(at)));
        assert!(life.runtime.launches(running).is_empty(), "what runs is not started again");
        let detail = life.until(crashed, Status::Error).await;
        assert_eq!(detail.service.status_reason.as_deref(), Some("exited with code 1"));
        assert!(life.runtime.launches(crashed).is_empty(), "what has crashed stays down");
        life.until(stopped, Status::Stopped).await;
        life.until(stray, Status::Stopped).await;
        life.until(gone, Status::Running).await;
        assert_eq!(life.runtime.launches(gone).len(), 1, "nothing was left of its run");

        let crash = life.events(crashed, EventKind::ServiceCrashed).await;
        let ended = life.clock.now();
        let life = life.again(&test, |runtime| {
            let exit = crate::runtime::Ended {
                code: Some(1), signal: None, oom: false, began: None, at: ended, was_asked: false, start_failure: None,
            };
            runtime.set(crashed, Observation::Ended(exit));
        }).await;
        life.until(crashed, Status::Error).await;
        assert_eq!(life.events(crashed, EventKind::ServiceCrashed).await, crash, "a crash is recorded once");
        life.end().await;
    }

    async fn after_a_start_of_the_machine_what_should_run_is_started_again(test: TestStore) {
        let mut test = test;
        let life = Life::begin(&mut test, &[("orders/main.py", MAIN)]).await;
        let id = life.running("orders").await;
        life.core.store.main.write(move |db| Box::pin(crate::store::services::service_set_run(db, id, Some(8001), Some("another boot")))).await
            .expect("it is written");
        let ended = life.clock.now();
        let life = life.again(&test, |runtime| {
            let exit = crate::runtime::Ended { code: None, signal: None, oom: false, began: None, at: ended, was_asked: false, start_failure: None };
            runtime.set(id, Observation::Ended(exit));
        }).await;
        life.until(id, Status::Running).await;
        assert_eq!(life.runtime.launches(id).len(), 1);
        life.end().await;
    }

    async fn a_folder_that_goes_is_missing_and_keeps_its_id_when_it_comes_back(test: TestStore) {
        let mut test = test;
        let life = Life::begin(&mut test, &[("orders/main.py", MAIN), ("orders!/main.py", "")]).await;
        let id = life.named("orders").await.id;
        assert_eq!(life.named("orders-2").await.status, Status::Stopped, "names are unique");
        let folder = test.config.services_dir.clone().expect("a folder").join("orders");
        fs::rename(&folder, test.folder().join("away")).expect("moved away");
        let report = life.services.discover(&life.admin).await.expect("a look");
        assert_eq!((report.missing, report.added), (vec!["orders".to_owned()], vec![]));
        let missing = life.named("orders").await;
        assert!(missing.status == Status::Error && missing.status_reason.expect("a reason").contains("is gone"));
        fs::rename(test.folder().join("away"), &folder).expect("moved back");
        assert!(life.services.discover(&life.admin).await.expect("a look").missing.is_empty());
        let back = life.named("orders").await;
        assert_eq!((back.id, back.status, back.status_reason), (id, Status::Stopped, None));
        life.end().await;
    }

    async fn what_was_deleted_is_not_found_again_until_it_is_created(test: TestStore) {
        let mut test = test;
        let life = Life::begin(&mut test, &[("orders/main.py", MAIN)]).await;
        let id = life.running("orders").await;
        assert_eq!(life.services.delete(&life.admin, id).await.expect_err("it runs").code, ErrorCode::Conflict);
        life.services.stop(&life.admin, id).await.expect("it is stopped");
        life.until(id, Status::Stopped).await;
        life.events(id, EventKind::ServiceStopped).await;
        // The task that has stopped it may still be on its way out.
        let deadline = Instant::now() + Duration::from_secs(20);
        while let Err(error) = life.services.delete(&life.admin, id).await {
            assert!(Instant::now() < deadline, "{error}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(life.services.discover(&life.admin).await.expect("a look").added.is_empty());
        let life = life.again(&test, |_| {}).await;
        assert!(life.services.discover(&life.admin).await.expect("a look").added.is_empty());
        assert_eq!(life.services.get(&life.admin, id).await.expect_err("it is deleted").code, ErrorCode::NotFound);

        let folder = test.config.services_dir.clone().expect("a folder").join("orders").display().to_string();
        let new = NewService { source: Source::Folder { folder }, ..command("again", PathBuf::new()) };
        let made = life.services.create(&caller(Role::Developer), new.clone()).await.expect("it is made");
        assert_eq!((made.service.id, made.service.name.as_str()), (id, "again"));
        assert_eq!(life.services.create(&life.admin, new).await.expect_err("it is there").code, ErrorCode::Conflict);
        life.end().await;
    }

    async fn a_service_is_made_changed_and_kept(test: TestStore) {
        let mut test = test;
        let life = Life::begin(&mut test, &[]).await;
        let made = life.services.create(&life.admin, command("worker", test.folder().into())).await.expect("it is made");
        let patch = ServicePatch {
            name: Some("worker-2".into()),
            port: Some(9_000),
            environment: Some([("A".to_owned(), "1".to_owned())].into()),
            description: Some("Works".into()),
            stop_grace_seconds: Some(3),
            limits: Some(api::Limits { processes: Some(20), ..Default::default() }),
            labels: Some([("team".to_owned(), "shop".to_owned())].into()),
            ..ServicePatch::default()
        };
        let id = made.service.id;
        let changed = life.services.change(&caller(Role::Developer), id, patch).await.expect("it is changed");
        assert_eq!((changed.service.name.as_str(), changed.service.port, changed.spec.stop_grace_seconds), ("worker-2", Some(9_000), 3));
        assert_eq!(life.events(id, EventKind::ServiceChanged).await.len(), 2);
        let labelled = |label: &str| ServiceQuery { label: Some(label.into()), ..Default::default() };
        for (label, total) in [("team", 1), ("team=shop", 1), ("team=other", 0)] {
            assert_eq!(life.services.list(&life.admin, labelled(label)).await.expect("a list").total, Some(total), "{label}");
        }
        let other = life.services.create(&life.admin, command("WORKER-2", test.folder().into())).await.expect_err("the name is taken");
        assert_eq!(other.code, ErrorCode::Conflict);
        let life = life.again(&test, |_| {}).await;
        let kept = life.until(id, Status::Stopped).await;
        assert_eq!((kept.service.description.as_deref(), kept.spec), (Some("Works"), changed.spec));
        life.end().await;
    }
}

#[tokio::test]
async fn each_wrong_field_of_a_new_service_is_named() {
    let mut test = TestStore::new(crate::testing::StoreKind::Sqlite).await;
    let life = Life::begin(&mut test, &[("open/main.py", "")]).await;
    let new = NewService {
        name: "no spaces".into(),
        port: Some(0),
        environment: [("PORT", "1"), ("PILOTHOUSE_X", "1"), ("A/B", "1"), ("N", "\0")]
            .map(|(name, value)| (name.into(), value.into()))
            .into(),
        description: Some("x".repeat(501)),
        ..command("x", "/".into())
    };
    let error = life.services.create(&life.admin, new).await.expect_err("all is wrong");
    let fields: Vec<_> = error.details.iter().map(|detail| detail.field.as_str()).collect();
    let expected =
        ["/name", "/port", "/environment/A~1B", "/environment/N", "/environment/PILOTHOUSE_X", "/environment/PORT", "/description"];
    assert_eq!(fields, expected);
    for (source, field) in [
        (Source::Folder { folder: "relative".into() }, "/source/folder"),
        (Source::Folder { folder: "/nonexistent".into() }, "/source/folder"),
        (Source::Folder { folder: "/tmp\0".into() }, "/source/folder"),
        (Source::Folder { folder: test.folder().display().to_string() }, "/source/folder"),
        (Source::Command { command: vec![], working_dir: "/tmp".into() }, "/source/command"),
        (Source::Command { command: vec!["x".into()], working_dir: "/etc/passwd".into() }, "/source/working_dir"),
        (Source::Demonstration { demonstration: true }, "/source"),
        (Source::Container { container: "x".into() }, "/source"),
        (Source::Image { image: "-v /:/host".into(), container_port: None, options: Default::default(), registry: None }, "/source/image"),
        (
            Source::Image { image: "nginx:1.27".into(), container_port: Some(0), options: Default::default(), registry: None },
            "/source/container_port",
        ),
    ] {
        let error = life.services.create(&life.admin, NewService { source: source.clone(), ..command("x", "/".into()) }).await;
        let error = error.expect_err("it is wrong");
        assert_eq!((error.code, error.details[0].field.as_str()), (ErrorCode::ValidationFailed, field), "{source:?}");
    }
    let wrong = NewService { runtime: Some(api::RuntimeKind::Docker), ..command("x", test.folder().to_owned()) };
    let error = life.services.create(&life.admin, wrong).await.expect_err("a command is a process");
    assert_eq!(error.details[0].field, "/runtime");
    life.end().await;
}

#[tokio::test]
async fn each_role_may_what_the_table_says() {
    let mut test = TestStore::new(crate::testing::StoreKind::Sqlite).await;
    let life = Life::begin(&mut test, &[("orders/main.py", MAIN)]).await;
    let id = life.named("orders").await.id;
    let (viewer, developer) = (caller(Role::Viewer), caller(Role::Developer));
    let services = &life.services;
    assert!(services.list(&viewer, ServiceQuery::default()).await.is_ok() && services.get(&viewer, id).await.is_ok());
    assert!(services.health(&viewer, id).await.is_ok());
    let refused = [
        services.start(&viewer, id).await.map(drop),
        services.stop(&viewer, id).await.map(drop),
        services.restart(&viewer, id).await.map(drop),
        services.change(&viewer, id, ServicePatch::default()).await.map(drop),
        services.discover(&viewer).await.map(drop),
        services.delete(&viewer, id).await,
        services.delete(&developer, id).await,
        services.create(&developer, command("free", test.folder().into())).await.map(drop),
        services
            .change(
                &developer,
                id,
                ServicePatch { environment: Some([("LD_PRELOAD".to_owned(), "/tmp/x.so".to_owned())].into()), ..ServicePatch::default() },
            )
            .await
            .map(drop),
    ];
    for (n, answer) in refused.into_iter().enumerate() {
        assert_eq!(answer.expect_err("it is refused").code, ErrorCode::Forbidden, "{n}");
    }
    let elsewhere = test.folder().join("elsewhere");
    write(&elsewhere.join("main.py"), MAIN);
    let outside = NewService { source: Source::Folder { folder: elsewhere.display().to_string() }, ..command("outside", PathBuf::new()) };
    assert_eq!(services.create(&developer, outside.clone()).await.expect_err("it is outside").code, ErrorCode::Forbidden);
    services.create(&life.admin, outside).await.expect("an Admin may");
    services.start(&developer, id).await.expect("a Developer may");
    life.end().await;
}

#[tokio::test]
async fn a_list_is_filtered_searched_sorted_and_paged_without_holes() {
    let mut test = TestStore::new(crate::testing::StoreKind::Sqlite).await;
    let files: Vec<_> = (0..25).map(|n| format!("svc-{n:02}/main.py")).collect();
    let files: Vec<_> = files.iter().map(|path| (path.as_str(), MAIN)).collect();
    let life = Life::begin(&mut test, &files).await;
    let first = life.named("svc-24").await.id;
    let crashed = life.running("svc-07").await;
    life.runtime.crash(crashed, 1);
    life.until(crashed, Status::Error).await;
    for n in 0..10u8 {
        let id = life.named(&format!("svc-{n:02}")).await.id;
        life.core.catalog.update(id, |entry| entry.service.resource_usage.cpu_percent = Some(f64::from(n % 3)));
    }
    for sort in
        [ServiceSort::Name, ServiceSort::NameDown, ServiceSort::Status, ServiceSort::Cpu, ServiceSort::CpuDown, ServiceSort::Created]
    {
        let (mut names, mut cursor) = (Vec::new(), None);
        loop {
            let query = ServiceQuery { sort, limit: api::Limit::new(4).expect("it is allowed"), cursor, ..ServiceQuery::default() };
            let page = life.services.list(&life.admin, query.clone()).await.expect("a page");
            let json = life.services.list_json(&life.admin, query).await.expect("a page");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&json).expect("JSON"), serde_json::to_value(&page).expect("JSON"));
            assert_eq!(page.total, Some(25));
            names.extend(page.items.into_iter().map(|service| service.name));
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(names.len(), 25, "{sort:?}");
        match sort {
            ServiceSort::Name => assert_eq!((names[0].as_str(), names[24].as_str()), ("svc-00", "svc-24")),
            ServiceSort::NameDown => assert_eq!(names[0], "svc-24"),
            ServiceSort::Status => assert_eq!(names[0], "svc-07"),
            ServiceSort::CpuDown => assert_eq!((names[0].as_str(), names[24].as_str()), ("svc-02", "svc-24")),
            ServiceSort::Cpu => assert_eq!((names[0].as_str(), names[24].as_str()), ("svc-00", "svc-24")),
            _ => {}
        }
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 25, "{sort:?}");
    }
    let error = ServiceQuery { status: Some(Status::Error), ..ServiceQuery::default() };
    assert_eq!(life.services.list(&life.admin, error).await.expect("a page").items[0].id, crashed);
    let search = ServiceQuery { q: Some("C-24".into()), ..ServiceQuery::default() };
    assert_eq!(life.services.list(&life.admin, search).await.expect("a page").items[0].id, first);
    let by_description = ServiceQuery { q: Some("takes ORDERS".into()), ..ServiceQuery::default() };
    assert_eq!(life.services.list(&life.admin, by_description).await.expect("a page").total, Some(25));
    for query in [
        ServiceQuery { cursor: Some("nonsense".into()), ..ServiceQuery::default() },
        ServiceQuery { q: Some("x".repeat(201)), ..ServiceQuery::default() },
    ] {
        assert_eq!(life.services.list(&life.admin, query).await.expect_err("it is wrong").code, ErrorCode::ValidationFailed);
    }
    life.end().await;
}

#[tokio::test]
async fn the_demonstration_is_there_and_runs_when_no_service_is_and_stays_deleted() {
    let mut test = TestStore::new(crate::testing::StoreKind::Sqlite).await;
    test.config.demonstration = true;
    let life = Life::begin(&mut test, &[]).await;
    let id = life.named("demo").await.id;
    let detail = life.until(id, Status::Running).await;
    assert!(detail.service.is_demonstration);
    let launch = life.runtime.launches(id).pop().expect("a launch");
    assert_eq!(launch.command, ["pilothouse", "demo-service", "--port", &detail.service.port.expect("a port").to_string()]);
    life.services.stop(&life.admin, id).await.expect("it is stopped");
    life.until(id, Status::Stopped).await;
    life.events(id, EventKind::ServiceStopped).await;
    let deadline = Instant::now() + Duration::from_secs(20);
    while let Err(error) = life.services.delete(&life.admin, id).await {
        assert!(Instant::now() < deadline, "{error}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let life = life.again(&test, |_| {}).await;
    life.services.discover(&life.admin).await.expect("a look");
    assert!(life.core.catalog.is_empty());
    life.end().await;
}
