//! Services with several replicas: they follow the service, and a release goes from one to the next.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use api::ports::{Deployments as _, Services as _};
use api::{DeploymentStatus, Desired, ErrorCode, NewDeployment, Service, ServiceId, ServicePatch, Stage, Status, Strategy};

use super::super::live::lock;
use super::Yard;
use super::beside::{Front, Weights, blue_green, fronted};
use crate::on_each_store;
use crate::services::tests::{MAIN, write};
use crate::testing::TestStore;

pub(super) const NAMES: [&str; 3] = ["orders", "orders-2", "orders-3"];

impl Yard {
    async fn scale(&self, replicas: u8) {
        let patch = ServicePatch { replicas: Some(replicas), ..ServicePatch::default() };
        self.life.services.change(&self.life.admin, self.id, patch).await.expect("it is scaled");
    }

    pub(super) fn shown_as(&self, name: &str) -> Option<Service> {
        self.life.core.catalog.all().into_iter().find(|entry| entry.service.name == name).map(|entry| entry.service.clone())
    }

    /// Waits until that is so; time goes by.
    pub(super) async fn wait(&self, what: &str, is_so: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !is_so() {
            let all: Vec<_> =
                self.life.core.catalog.all().into_iter().map(|entry| (entry.service.name.clone(), entry.service.status)).collect();
            assert!(Instant::now() < deadline, "{what}: {all:?}");
            self.life.clock.advance(1);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(super) fn runs(&self, name: &str) -> bool {
        self.shown_as(name).is_some_and(|service| service.status == Status::Running)
    }

    pub(super) async fn id_of(&self, name: &str) -> ServiceId {
        self.life.named(name).await.id
    }

    /// The folders that the service and its replicas run in.
    pub(super) async fn folders(&self) -> Vec<std::path::PathBuf> {
        let mut all = Vec::new();
        for name in NAMES {
            let id = self.id_of(name).await;
            all.push(self.life.runtime.launches(id).pop().expect("it was started").working_dir);
        }
        all
    }

    /// Waits until the proxy sends requests to so many, in equal parts.
    pub(super) async fn spread(&self, front: &Front, over: usize) {
        self.wait("it is spread", || {
            let now = lock(&front.seen).last().cloned().unwrap_or_default();
            now.len() == over && now.iter().all(|(_, weight)| *weight == now[0].1)
        })
        .await;
    }
}

pub(super) async fn three(test: &mut TestStore) -> (Yard, Front) {
    let (yard, front) = fronted(test).await;
    yard.scale(3).await;
    yard.wait("all run", || NAMES.iter().all(|name| yard.runs(name))).await;
    yard.spread(&front, 3).await;
    lock(&front.seen).clear();
    (yard, front)
}

pub(super) fn rolling() -> NewDeployment {
    NewDeployment { deployment_type: Some("rolling".into()), ..NewDeployment::default() }
}

/// The fewest that requests went to.
pub(super) fn fewest(front: &Front) -> usize {
    lock(&front.seen).iter().map(Vec::len).min().unwrap_or_default()
}

on_each_store! {
    async fn a_service_has_as_many_replicas_as_it_is_to_have(test: TestStore) {
        let mut test = test;
        let (yard, front) = three(&mut test).await;
        let services = &yard.life.services;
        let launch = yard.life.runtime.launches(yard.id_of("orders-3").await).pop().expect("it was started");
        assert_eq!((&*launch.environment["GREETING"], &*launch.environment["API_TOKEN"]), ("hello", "hunter2-secret"));
        assert_eq!(launch.working_dir, yard.launched().0, "it runs the release");
        let mut ports: Vec<_> = NAMES.iter().filter_map(|name| yard.shown_as(name)?.port).collect();
        ports.dedup();
        assert_eq!(ports.len(), 3);

        // They are nobody's to change, to deploy or to delete.
        let (admin, second) = (&yard.life.admin, yard.id_of("orders-2").await);
        let refused = [
            services.change(admin, second, ServicePatch::default()).await.map(drop),
            services.delete(admin, second).await.map(drop),
            yard.manager.deploy(admin, second, NewDeployment::default()).await.map(drop),
        ];
        for refused in refused {
            let refused = refused.expect_err("it is a replica");
            assert!(refused.code == ErrorCode::Conflict && refused.message.contains("a replica of 'orders'"), "{}", refused.message);
        }
        let patches = [
            ServicePatch { replicas: Some(0), ..ServicePatch::default() },
            ServicePatch { replicas: Some(21), ..ServicePatch::default() },
            ServicePatch { proxy_port: Some(0), ..ServicePatch::default() },
        ];
        for patch in patches {
            let refused = services.change(admin, yard.id, patch).await.expect_err("it is refused");
            assert_eq!(refused.details[0].field, "/replicas", "{refused:?}");
        }

        // One that somebody stops stays down until the service is asked for something.
        services.stop(admin, second).await.expect("it is stopped");
        yard.spread(&front, 2).await;
        assert_eq!(yard.life.until(second, Status::Stopped).await.service.desired, Desired::Stopped);
        services.stop(admin, yard.id).await.expect("it is stopped");
        yard.wait("all are stopped", || NAMES.iter().all(|name| yard.shown_as(name).is_some_and(|service| service.status == Status::Stopped))).await;
        yard.life.clock.advance(5);
        services.start(admin, yard.id).await.expect("it is started");
        yard.wait("all run", || NAMES.iter().all(|name| yard.runs(name))).await;
        yard.spread(&front, 3).await;

        yard.scale(2).await;
        yard.wait("the last one has gone", || yard.shown_as("orders-3").is_none()).await;
        assert!(yard.runs("orders-2"));
        yard.spread(&front, 2).await;
        yard.scale(1).await;
        yard.wait("it is alone", || yard.shown_as("orders-2").is_none()).await;
        yard.spread(&front, 1).await;
        yard.scale(2).await;
        yard.wait("it has another", || yard.runs("orders-2")).await;
        services.stop(admin, yard.id).await.expect("it is stopped");
        yard.wait("both are stopped", || yard.shown_as("orders-2").is_some_and(|service| service.status == Status::Stopped)).await;
        services.delete(admin, yard.id).await.expect("it is deleted");
        yard.wait("nothing is left", || yard.life.core.catalog.is_empty()).await;
        yard.life.end().await;
    }

    async fn requests_go_to_those_that_are_well(test: TestStore) {
        let mut test = test;
        let (yard, front) = three(&mut test).await;
        let first = yard.id.to_string();
        yard.life.runtime.crash(yard.id, 3);
        yard.spread(&front, 2).await;
        assert!(lock(&front.seen).last().expect("routes").iter().all(|(id, _)| *id != first));
        yard.life.services.start(&yard.life.admin, yard.id).await.expect("it is started");
        yard.spread(&front, 3).await;
        yard.life.end().await;
    }

    async fn a_restart_goes_from_one_to_the_next(test: TestStore) {
        let mut test = test;
        let (yard, front) = three(&mut test).await;
        let mut before = Vec::new();
        for name in NAMES {
            before.push((yard.id_of(name).await, yard.life.runtime.launches(yard.id_of(name).await).len()));
        }
        yard.life.clock.advance(5);
        yard.life.services.restart(&yard.life.admin, yard.id).await.expect("it is restarted");
        yard.wait("all are restarted", || before.iter().all(|(id, launches)| yard.life.runtime.launches(*id).len() == launches + 1)).await;
        yard.spread(&front, 3).await;
        assert_eq!(fewest(&front), 2, "{:?}", front.seen);
        yard.life.end().await;
    }

    async fn a_release_goes_from_one_replica_to_the_next(test: TestStore) {
        let mut test = test;
        let (yard, front) = three(&mut test).await;
        let before = yard.launched().0;
        let done = yard.over(yard.deploy(NewDeployment::default()).await).await;
        assert_eq!((done.status, done.deployment_type), (DeploymentStatus::Succeeded, Strategy::Rolling), "{done:#?}");
        let after = yard.folders().await;
        assert!(after.iter().all(|folder| *folder == after[0] && *folder != before), "{after:?}");
        assert_eq!(fewest(&front), 2, "{:?}", front.seen);
        yard.spread(&front, 3).await;
        yard.life.end().await;
    }

    async fn a_replica_that_cant_run_the_release_takes_it_back_on_all(test: TestStore) {
        let mut test = test;
        let (yard, front) = three(&mut test).await;
        let (before, left, second) = (yard.launched().0, yard.left(), yard.id_of("orders-2").await);
        yard.life.runtime.refuse_starts(second, Some("no room for it"));
        let id = yard.deploy(rolling()).await;
        let failed = yard.until(id, |deployment| deployment.is_undoing || deployment.status.is_over()).await;
        yard.life.runtime.refuse_starts(second, None);
        let done = yard.over(id).await;
        assert_eq!((done.status, done.stage), (DeploymentStatus::RolledBack, Stage::HealthCheck), "{done:#?}");
        assert!(failed.error.as_deref().is_some_and(|error| error.contains("orders-2") && error.contains("no room for it")), "{:?}", failed.error);
        assert!(yard.folders().await.iter().all(|folder| *folder == before));
        assert!(NAMES.iter().all(|name| yard.runs(name)));
        assert!(fewest(&front) >= 1, "{:?}", front.seen);
        yard.spread(&front, 3).await;
        assert_eq!(yard.left(), left);
        yard.life.end().await;
    }

    async fn recreated_they_all_end_before_any_runs_the_release(test: TestStore) {
        let mut test = test;
        let (yard, front) = three(&mut test).await;
        let before = yard.launched().0;
        *lock(&yard.manager.faults.holds) = Some(Stage::Deploy);
        let id = yard.deploy(NewDeployment { deployment_type: Some("recreate".into()), ..NewDeployment::default() }).await;
        yard.until(id, |deployment| deployment.stage == Stage::Deploy).await;
        yard.wait("it is switched", || yard.launched().0 != before).await;
        *lock(&yard.manager.faults.holds) = None;
        yard.manager.cancel(&yard.life.admin, id).await.expect("it is cancelled");
        let done = yard.over(id).await;
        assert_eq!(done.status, DeploymentStatus::Cancelled, "{done:#?}");
        assert!(yard.folders().await.iter().all(|folder| *folder == before), "all are as they were");
        assert!(NAMES.iter().all(|name| yard.runs(name)));

        // When one can't be stopped nothing is switched, and those that were stopped run again.
        yard.life.runtime.refuse_stops(true);
        let id = yard.deploy(NewDeployment { deployment_type: Some("recreate".into()), ..NewDeployment::default() }).await;
        let failed = yard.until(id, |deployment| deployment.is_undoing || deployment.status.is_over()).await;
        yard.life.runtime.refuse_stops(false);
        assert!(failed.error.as_deref().is_some_and(|error| error.contains("couldn't be stopped")), "{:?}", failed.error);
        assert_eq!(yard.over(id).await.status, DeploymentStatus::Failed);
        yard.wait("all run", || NAMES.iter().all(|name| yard.runs(name))).await;
        assert!(yard.folders().await.iter().all(|folder| *folder == before));

        let done = yard.over(yard.deploy(NewDeployment { deployment_type: Some("recreate".into()), ..NewDeployment::default() }).await).await;
        assert_eq!(done.status, DeploymentStatus::Succeeded, "{done:#?}");
        let after = yard.folders().await;
        assert!(after.iter().all(|folder| *folder == after[0] && *folder != before), "{after:?}");
        yard.spread(&front, 3).await;
        yard.life.end().await;
    }

    async fn side_by_side_the_copy_has_as_many(test: TestStore) {
        let mut test = test;
        let (yard, front) = three(&mut test).await;
        let done = yard.over(yard.deploy(blue_green()).await).await;
        assert_eq!(done.status, DeploymentStatus::Succeeded, "{done:#?}");
        yard.spread(&front, 3).await;
        yard.wait("no copy is left", || yard.life.core.catalog.len() == 4).await;
        let after = yard.folders().await;
        assert!(after.iter().all(|folder| *folder == after[0]), "{after:?}");
        let seen = lock(&front.seen).clone();
        // All of the service's get none, while three others get the same.
        let is_switched = |now: &Weights| now.iter().filter(|(_, weight)| *weight == 300).count() == 3;
        assert!(seen.iter().any(is_switched), "{seen:?}");
        yard.life.end().await;
    }

    async fn killed_after_any_write_all_replicas_come_along(test: TestStore) {
        let mut test = test;
        let (mut yard, front) = three(&mut test).await;
        for lives in 1.. {
            write(&yard.source().join("main.py"), &format!("{MAIN}# {lives}\n"));
            yard.manager.faults.lives.store(lives, Ordering::Relaxed);
            let id = yard.deploy(rolling()).await;
            let is_killed = yard.is_killed(id).await;
            yard = yard.again(&test).await;
            let over = yard.over(id).await;
            assert_eq!(over.status, DeploymentStatus::Succeeded, "after {lives} writes: {over:#?}");
            // One that was over before the kill says nothing of what the next one has seen already.
            yard.wait(&format!("all run after {lives} writes"), || NAMES.iter().all(|name| yard.runs(name))).await;
            assert_eq!(yard.life.core.catalog.len(), 4, "after {lives} writes");
            if !is_killed {
                assert!(lives > 8, "it has been killed at {lives} places");
                break;
            }
        }
        yard.spread(&front, 3).await;
        yard.life.end().await;
    }
}
