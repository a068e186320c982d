//! Releases that run beside what runs: blue-green and canary, with a proxy that a test controls.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use api::ports::{Configurations as _, Deployments as _, Environments as _, Services as _};
use api::{
    Canary, Deployment, DeploymentConfiguration, DeploymentStatus, ErrorCode, EventKind, Judgement, NewConfiguration, NewDeployment,
    NewRollback, ServiceId, ServicePatch, Stage, Status, Strategy,
};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixListener;

use super::super::live::lock;
use super::{Yard, status_of};
use crate::on_each_store;
use crate::proxy::{CONTROL, ROUTES, Routes, Status as ProxyStatus, TargetStatus, latency_bucket};
use crate::services::tests::{MAIN, write};
use crate::testing::TestStore;

/// The weight of each target.
pub(super) type Weights = Vec<(String, u32)>;

/// A proxy that answers Pilothouse as the real one does. Each time that it is asked, requests have come: as many to each target as it has weight.
#[derive(Clone)]
pub(super) struct Front {
    folder: PathBuf,
    counted: Arc<Mutex<HashMap<String, TargetStatus>>>,
    /// Every routing that it was asked about, each once in a row.
    pub seen: Arc<Mutex<Vec<Weights>>>,
    /// What happens to requests to copies: 5xx, and milliseconds.
    copies: Arc<Mutex<(bool, f64)>>,
    /// The same of those to the service itself.
    pub own: Arc<Mutex<(bool, f64)>>,
    /// Whether it answers nobody.
    pub is_silent: Arc<AtomicBool>,
    /// How many come for each of weight.
    pub rate: Arc<Mutex<u64>>,
}

impl Front {
    async fn open(yard: &Yard) -> Self {
        let folder = yard.root.join("data/proxies").join(yard.id.to_string());
        std::fs::create_dir_all(&folder).expect("a folder");
        let listener = UnixListener::bind(folder.join(CONTROL)).expect("a socket");
        let front = Self {
            folder,
            counted: Arc::default(),
            seen: Arc::default(),
            is_silent: Arc::default(),
            copies: Arc::new(Mutex::new((false, 5.0))),
            own: Arc::new(Mutex::new((false, 5.0))),
            rate: Arc::new(Mutex::new(1)),
        };
        let (answering, own) = (front.clone(), yard.id.to_string());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                if answering.is_silent.load(Ordering::Relaxed) {
                    continue;
                }
                let mut request = [0; 1024];
                let _ = stream.read(&mut request).await;
                let body = serde_json::to_string(&answering.status(&own)).expect("JSON");
                let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
                let _ = stream.write_all((head + &body).as_bytes()).await;
            }
        });
        // It is shut once it has one.
        let patch = ServicePatch { proxy_port: Some(free_port()), ..ServicePatch::default() };
        yard.life.services.change(&yard.life.admin, yard.id, patch).await.expect("it gets a proxy");
        yard.life.until(yard.life.named("orders-proxy").await.id, Status::Running).await;
        front
    }

    fn status(&self, own: &str) -> ProxyStatus {
        let read = std::fs::read(self.folder.join(ROUTES)).ok();
        let routes: Routes = read.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        let now: Vec<_> = routes.targets.iter().map(|target| (target.id.clone(), target.weight)).collect();
        let mut seen = self.seen.lock().expect("not poisoned");
        if seen.last() != Some(&now) {
            seen.push(now.clone());
        }
        let (copies, itself) = (*self.copies.lock().expect("not poisoned"), *self.own.lock().expect("not poisoned"));
        let rate = *self.rate.lock().expect("not poisoned");
        let mut counted = self.counted.lock().expect("not poisoned");
        for (id, weight) in now {
            let (is_bad, milliseconds) = if id == own { itself } else { copies };
            let target = counted.entry(id.clone()).or_insert_with(|| TargetStatus { id, latency: vec![0; 80], ..TargetStatus::default() });
            let more = u64::from(weight) * rate;
            target.requests += more;
            target.errors += if is_bad { more } else { 0 };
            target.latency[latency_bucket(milliseconds)] += more;
        }
        ProxyStatus { revision: routes.revision, started_at: 1, unrouted: 0, targets: counted.values().cloned().collect() }
    }

    /// The weights of the copy, in the order in which they were, without what is said twice.
    fn weights(&self, own: ServiceId) -> Vec<u32> {
        let own = own.to_string();
        let seen = self.seen.lock().expect("not poisoned");
        let of_copy = seen.iter().map(|now| now.iter().find(|(id, _)| *id != own).map_or(0, |(_, weight)| *weight));
        let mut weights: Vec<u32> = of_copy.collect();
        weights.dedup();
        weights
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port()
}

pub(super) fn blue_green() -> NewDeployment {
    NewDeployment { deployment_type: Some("blue_green".into()), ..NewDeployment::default() }
}

fn canary() -> NewDeployment {
    let canary = Canary { steps: vec![10, 50], step_seconds: 5, min_requests: 20 };
    NewDeployment { deployment_type: Some("canary".into()), canary: Some(canary), ..NewDeployment::default() }
}

/// A yard with a release that runs, a proxy in front of it, and another release to come.
pub(super) async fn fronted(test: &mut TestStore) -> (Yard, Front) {
    let yard = Yard::begin(test).await;
    yard.deployed().await;
    let front = Front::open(&yard).await;
    write(&yard.source().join("main.py"), &format!("{MAIN}# two\n"));
    (yard, front)
}

impl Yard {
    /// Nothing is left of a copy: neither a service nor its weight.
    async fn has_no_copy(&self, front: &Front) {
        let deadline = Instant::now() + Duration::from_secs(20);
        let is_alone = || {
            let now = front.seen.lock().expect("not poisoned").last().cloned().unwrap_or_default();
            now == [(self.id.to_string(), 100)]
        };
        while self.life.core.catalog.len() > 2 || !is_alone() {
            assert!(Instant::now() < deadline, "{:?} {:?}", self.life.core.catalog.len(), front.seen);
            self.life.clock.advance(1);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn kinds(done: &Deployment) -> Vec<(u8, Judgement)> {
    done.traffic.iter().map(|step| (step.weight, step.judgement)).collect()
}

on_each_store! {
    async fn all_requests_are_switched_over_at_once_and_then_the_service_itself(test: TestStore) {
        let mut test = test;
        let (yard, front) = fronted(&mut test).await;
        let before = yard.launched().0;
        let done = yard.over(yard.deploy(NewDeployment::default()).await).await;
        assert_eq!((done.status, done.deployment_type), (DeploymentStatus::Succeeded, Strategy::BlueGreen), "{done:#?}");
        assert_eq!(kinds(&done), [(100, Judgement::Open)], "nobody wanted it watched");
        assert!(done.traffic[0].finished_at.is_some() && done.traffic[0].reason.is_some());
        assert_eq!(done.urls, [format!("http://127.0.0.1:{}", yard.life.named("orders-proxy").await.port.expect("a port"))]);
        yard.has_no_copy(&front).await;
        assert_eq!(front.weights(yard.id), [0, 100, 0]);
        let (after, told) = yard.launched();
        assert!(after != before && std::fs::read_to_string(after.join("main.py")).expect("it is there").ends_with("# two\n"));
        assert_eq!(told["API_TOKEN"], "hunter2-secret");
        use EventKind::*;
        let events = yard.life.events(yard.id, DeploymentSucceeded).await;
        assert!(!events.contains(&ServicePurged), "{events:?}");
        yard.life.end().await;
    }

    async fn a_canary_is_let_in_step_by_step_and_each_is_judged(test: TestStore) {
        let mut test = test;
        let (yard, front) = fronted(&mut test).await;
        let done = yard.over(yard.deploy(NewDeployment { watch_seconds: Some(3), ..canary() }).await).await;
        assert_eq!(done.status, DeploymentStatus::Succeeded, "{done:#?}");
        assert_eq!(kinds(&done), [(10, Judgement::Passed), (50, Judgement::Passed), (100, Judgement::Passed)]);
        for step in &done.traffic {
            assert!(step.new.requests >= 20 && step.old.requests >= 20 && step.reason.is_some(), "{step:?}");
            let seconds = step.finished_at.expect("it ended").seconds_since(step.started_at.expect("it began"));
            assert!(seconds >= if step.weight == 100 { 3.0 } else { 5.0 }, "{step:?}");
        }
        yard.has_no_copy(&front).await;
        assert_eq!(front.weights(yard.id), [0, 10, 50, 100, 0]);
        yard.life.end().await;
    }

    async fn a_worse_release_is_taken_back_with_the_numbers_and_the_service_is_never_touched(test: TestStore) {
        let mut test = test;
        let (yard, front) = fronted(&mut test).await;
        let (folder, left) = (yard.launched().0, yard.left());
        let launches = yard.life.runtime.launches(yard.id).len();
        for (is_bad, milliseconds, said) in [(true, 5.0, "errors"), (false, 900.0, "p95")] {
            *front.copies.lock().expect("not poisoned") = (is_bad, milliseconds);
            let done = yard.over(yard.deploy(canary()).await).await;
            assert_eq!((done.status, done.stage), (DeploymentStatus::RolledBack, Stage::HealthCheck), "{done:#?}");
            assert_eq!(done.traffic[0].judgement, Judgement::Worse);
            assert!(done.error.as_deref().is_some_and(|error| error.contains("worse") && error.contains(said)), "{:?}", done.error);
            yard.has_no_copy(&front).await;
            assert_eq!((yard.left(), yard.life.runtime.launches(yard.id).len()), (left, launches));
            assert_eq!(yard.launched().0, folder);
            // It is held at what was before until a person lets it go.
            let refused = yard.manager.deploy(&yard.life.admin, yard.id, canary()).await.expect_err("it is held");
            assert!(refused.message.contains("held at release 1 since Pilothouse"), "{}", refused.message);
            yard.manager.let_go(&yard.life.admin, yard.id).await.expect("it is let go");
        }
        yard.life.end().await;
    }

    async fn too_few_requests_are_no_judgement(test: TestStore) {
        let mut test = test;
        let (yard, front) = fronted(&mut test).await;
        *front.rate.lock().expect("not poisoned") = 0;
        let done = yard.over(yard.deploy(canary()).await).await;
        assert_eq!(done.status, DeploymentStatus::RolledBack, "{done:#?}");
        assert_eq!(done.traffic[0].judgement, Judgement::TooFew);
        let took = done.traffic[0].finished_at.expect("it ended").seconds_since(done.traffic[0].started_at.expect("it began"));
        assert!(took >= 25.0, "it waits five times as long as the step: {took}");
        assert!(done.suggestion.as_deref().is_some_and(|said| said.contains("min_requests")));
        yard.has_no_copy(&front).await;
        // Whoever wants so is judged by health alone.
        yard.manager.let_go(&yard.life.admin, yard.id).await.expect("it is let go");
        let canary = Canary { min_requests: 0, ..canary().canary.expect("a canary") };
        let done = yard.over(yard.deploy(NewDeployment { canary: Some(canary), ..self::canary() }).await).await;
        assert_eq!(done.status, DeploymentStatus::Succeeded, "{done:#?}");
        yard.life.end().await;
    }

    async fn each_stage_that_fails_or_is_cancelled_leaves_what_was_before_and_no_copy(test: TestStore) {
        let mut test = test;
        let (yard, front) = fronted(&mut test).await;
        let (folder, left) = (yard.launched().0, yard.left());
        for is_cancelled in [false, true] {
            for stage in Stage::ALL.iter().filter(|stage| **stage != Stage::Finalise) {
                let id = match is_cancelled {
                    true => {
                        *lock(&yard.manager.faults.holds) = Some(*stage);
                        let id = yard.deploy(blue_green()).await;
                        while tokio::time::timeout(Duration::from_millis(20), yard.manager.faults.died.notified()).await.is_err() {
                            yard.life.clock.advance(1);
                        }
                        *lock(&yard.manager.faults.holds) = None;
                        yard.manager.cancel(&yard.life.admin, id).await.expect("it is cancelled");
                        id
                    }
                    false => {
                        *lock(&yard.manager.faults.fails) = Some(*stage);
                        yard.deploy(blue_green()).await
                    }
                };
                let over = yard.over(id).await;
                *lock(&yard.manager.faults.fails) = None;
                let expected = match (is_cancelled, *stage == Stage::HealthCheck) {
                    (true, _) => DeploymentStatus::Cancelled,
                    (false, true) => DeploymentStatus::RolledBack,
                    (false, false) => DeploymentStatus::Failed,
                };
                assert_eq!((over.status, over.stage), (expected, *stage), "{over:#?}");
                yard.has_no_copy(&front).await;
                assert_eq!(yard.left(), left, "{stage:?} {is_cancelled}");
                yard.life.until(yard.id, Status::Running).await;
                assert_eq!(yard.launched().0, folder, "{stage:?} {is_cancelled}");
                let _ = yard.manager.let_go(&yard.life.admin, yard.id).await;
            }
        }
        yard.life.end().await;
    }

    async fn killed_after_any_write_it_goes_on_and_no_copy_is_left(test: TestStore) {
        let mut test = test;
        let (mut yard, front) = fronted(&mut test).await;
        for lives in 1.. {
            write(&yard.source().join("main.py"), &format!("{MAIN}# {lives}\n"));
            yard.manager.faults.lives.store(lives, Ordering::Relaxed);
            let id = yard.deploy(blue_green()).await;
            let is_killed = yard.is_killed(id).await;
            yard = yard.again(&test).await;
            let over = yard.over(id).await;
            assert_eq!(over.status, DeploymentStatus::Succeeded, "after {lives} writes: {over:#?}");
            yard.has_no_copy(&front).await;
            assert_eq!(yard.left().0, 1, "after {lives} writes");
            if !is_killed {
                assert!(lives > 15, "it has been killed at {lives} places");
                break;
            }
        }
        yard.life.end().await;
    }

    async fn killed_while_it_is_undone_it_is_undone_and_no_copy_is_left(test: TestStore) {
        let mut test = test;
        let (mut yard, front) = fronted(&mut test).await;
        let left = yard.left();
        for lives in 1.. {
            *lock(&yard.manager.faults.fails) = Some(Stage::HealthCheck);
            let id = yard.deploy(blue_green()).await;
            let deadline = Instant::now() + Duration::from_secs(30);
            while !yard.get(id).await.is_undoing && !yard.get(id).await.status.is_over() {
                yard.life.clock.advance(1);
                assert!(Instant::now() < deadline);
                // Not so fast that a minute goes by while one thing is done.
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            yard.manager.faults.lives.store(lives, Ordering::Relaxed);
            let is_killed = yard.is_killed(id).await;
            yard = yard.again(&test).await;
            let over = yard.over(id).await;
            assert_eq!(over.status, DeploymentStatus::RolledBack, "after {lives} writes: {over:#?}");
            yard.has_no_copy(&front).await;
            yard.life.until(yard.id, Status::Running).await;
            assert_eq!(yard.left(), left, "after {lives} writes");
            let _ = yard.manager.let_go(&yard.life.admin, yard.id).await;
            if !is_killed {
                break;
            }
        }
        yard.life.end().await;
    }

    async fn a_copy_that_ends_or_never_is_well_takes_the_deployment_back(test: TestStore) {
        let mut test = test;
        let (yard, front) = fronted(&mut test).await;
        let id = yard.deploy(NewDeployment { watch_seconds: Some(3600), ..blue_green() }).await;
        yard.until(id, |deployment| deployment.traffic.first().is_some_and(|step| step.started_at.is_some())).await;
        let copy = yard.life.named("orders-next").await.id;
        // It gets what the release says, and is nobody's to change, to deploy or to delete.
        let launch = yard.life.runtime.launches(copy).pop().expect("it was started");
        assert_eq!(launch.environment["GREETING"], "hello");
        let admin = &yard.life.admin;
        let said = NewConfiguration { values: json!({}), version: 0, message: String::new(), restart: false, watch_seconds: None, inherit: Default::default() };
        let refused = [
            yard.life.services.change(admin, copy, ServicePatch::default()).await.expect_err("it goes with the deployment").code,
            yard.life.services.delete(admin, copy).await.expect_err("it goes with the deployment").code,
            yard.manager.deploy(admin, copy, NewDeployment::default()).await.expect_err("it goes with the deployment").code,
            yard.configurations.save(admin, copy, said).await.expect_err("it goes with the deployment").code,
        ];
        assert_eq!(refused, [ErrorCode::Conflict; 4]);
        yard.life.services.stop(admin, copy).await.expect("it can be stopped");
        let over = yard.over(id).await;
        assert_eq!(over.status, DeploymentStatus::RolledBack, "{over:#?}");
        assert!(over.error.as_deref().is_some_and(|error| error.contains("somebody has stopped orders-next")), "{:?}", over.error);
        assert_eq!(status_of(&over, Stage::Deploy), api::StageStatus::Undone);
        yard.has_no_copy(&front).await;
        yard.life.end().await;
    }

    async fn a_proxy_that_falls_silent_takes_the_deployment_back_instead_of_letting_it_wait(test: TestStore) {
        let mut test = test;
        let (yard, front) = fronted(&mut test).await;
        let id = yard.deploy(NewDeployment { watch_seconds: Some(3600), ..blue_green() }).await;
        yard.until(id, |deployment| deployment.traffic.first().is_some_and(|step| step.started_at.is_some())).await;
        front.is_silent.store(true, Ordering::Relaxed);
        let over = yard.over(id).await;
        assert_eq!(over.status, DeploymentStatus::RolledBack, "{over:#?}");
        // It may be asked for its routes still, or for what it has counted already.
        let error = over.error.as_deref().unwrap_or_default();
        let is_said = ["the proxy 'orders-proxy' doesn't answer", "the proxy in front of it doesn't send requests where they shall go"];
        assert!(is_said.iter().any(|said| error.contains(said)), "{error}");
        front.is_silent.store(false, Ordering::Relaxed);
        yard.has_no_copy(&front).await;
        yard.life.end().await;
    }

    async fn what_is_told_elsewise_is_told_to_the_copy_first_and_a_rollback_goes_the_same_way(test: TestStore) {
        let mut test = test;
        let (yard, front) = fronted(&mut test).await;
        let configuration = DeploymentConfiguration { values: [("GREETING".to_owned(), json!("ciao"))].into(), ..Default::default() };
        let id = yard.deploy(NewDeployment { configuration, watch_seconds: Some(30), ..blue_green() }).await;
        yard.until(id, |deployment| deployment.traffic.first().is_some_and(|step| step.started_at.is_some())).await;
        let copy = yard.life.named("orders-next").await.id;
        assert_eq!(yard.life.runtime.launches(copy).pop().expect("it was started").environment["GREETING"], "ciao");
        assert_eq!(yard.launched().1["GREETING"], "hello");
        let done = yard.over(id).await;
        assert_eq!(done.status, DeploymentStatus::Succeeded, "{done:#?}");
        assert_eq!(yard.launched().1["GREETING"], "ciao");
        yard.has_no_copy(&front).await;
        let first = yard.manager.list(&yard.life.admin, Default::default()).await.expect("a list").items.pop().expect("the first");
        let back = yard.manager.rollback(&yard.life.admin, first.id, NewRollback::default()).await.expect("it is taken on");
        let back = yard.over(back.deployment_id).await;
        assert_eq!((back.status, back.deployment_type), (DeploymentStatus::Succeeded, Strategy::BlueGreen), "{back:#?}");
        assert_eq!(yard.launched().1["GREETING"], "hello");
        yard.has_no_copy(&front).await;
        assert!(yard.life.named("orders").await.url.is_some());
        yard.life.end().await;
    }

    async fn a_proxy_goes_with_its_service_and_with_its_port(test: TestStore) {
        let mut test = test;
        let (yard, front) = fronted(&mut test).await;
        let admin = &yard.life.admin;
        let proxy = yard.life.named("orders-proxy").await;
        let refused = yard.life.services.delete(admin, proxy.id).await.expect_err("it goes with its service");
        assert!(refused.message.contains("the proxy in front of 'orders'"), "{}", refused.message);
        let own = yard.life.named("orders").await.port.expect("a port");
        for (port, field) in [(proxy.port, "/proxy_port"), (Some(own), "")] {
            let patch = ServicePatch { port, ..ServicePatch::default() };
            let changed = yard.life.services.change(admin, yard.id, patch).await;
            assert_eq!(changed.err().and_then(|error| error.details.first().map(|fault| fault.field.clone())).unwrap_or_default(), field);
        }
        let patch = ServicePatch { proxy_port: Some(own), ..ServicePatch::default() };
        let refused = yard.life.services.change(admin, yard.id, patch).await.expect_err("it is its own");
        assert_eq!(refused.details[0].field, "/proxy_port");
        // Neither has places of its own.
        let places = yard.manager.places(admin, Default::default()).await.expect("they are listed");
        assert_eq!(places.items.len(), 1);
        let patch = ServicePatch { proxy_port: Some(free_port()), ..ServicePatch::default() };
        yard.life.services.change(admin, yard.id, patch).await.expect("it gets another port");
        let deadline = Instant::now() + Duration::from_secs(20);
        while yard.life.core.catalog.find(proxy.id).is_some() || yard.life.core.catalog.len() != 2 {
            assert!(Instant::now() < deadline, "the former proxy goes, and another one comes");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let patch = ServicePatch { proxy_port: Some(0), ..ServicePatch::default() };
        yard.life.services.change(admin, yard.id, patch).await.expect("it gets none");
        while yard.life.core.catalog.len() != 1 {
            assert!(Instant::now() < deadline, "the proxy goes");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(!Path::new(&front.folder).exists());
        let refused = yard.manager.deploy(admin, yard.id, blue_green()).await.expect_err("there is no proxy");
        assert_eq!(refused.details[0].field, "/deployment_type");
        yard.life.end().await;
    }
}
