//! How a release goes from replica to replica: how many at a time, and with how many more of them meanwhile.

use std::sync::atomic::Ordering;

use api::ports::{Deployments as _, Environments as _, Services as _};
use api::{DeploymentStatus, Limits, NewDeployment, NewTarget, Rollout, ServicePatch, Strategy};

use super::super::live::lock;
use super::Yard;
use super::beside::Front;
use super::environments::target;
use super::replicas::{NAMES, fewest, rolling, three};
use crate::on_each_store;
use crate::services::tests::{MAIN, write};

const SURGE: &str = "orders-surge-1";

impl Yard {
    async fn roll(&self, surge: u8, unavailable: u8) {
        let rollout = Some(Rollout { surge, unavailable, strategy: None });
        let patch = ServicePatch { rollout, ..ServicePatch::default() };
        self.life.services.change(&self.life.admin, self.id, patch).await.expect("it is set");
    }

    /// Waits until there are the service, its replicas and its proxy, and nothing else.
    async fn until_alone(&self) {
        self.wait("nothing more is left", || self.life.core.catalog.len() == 4).await;
    }
}

/// The most that requests went to.
fn most(front: &Front) -> usize {
    lock(&front.seen).iter().map(Vec::len).max().unwrap_or_default()
}

on_each_store! {
    async fn with_a_surge_as_many_answer_all_the_time(test: TestStore) {
        let mut test = test;
        let (yard, front) = three(&mut test).await;
        yard.roll(1, 0).await;
        let before = yard.launched().0;
        let plan = yard.manager.plan(&yard.life.admin, yard.id, rolling()).await.expect("a plan");
        assert!(plan.steps.iter().any(|step| step.contains("start one more of what runs")), "{:?}", plan.steps);
        let done = yard.over(yard.deploy(rolling()).await).await;
        assert_eq!(done.status, DeploymentStatus::Succeeded, "{done:#?}");
        yard.until_alone().await;
        assert!(yard.folders().await.iter().all(|folder| *folder != before));
        yard.spread(&front, 3).await;
        assert_eq!((fewest(&front), most(&front)), (3, 4), "{:?}", front.seen);

        // A restart has none, and goes one after the other.
        lock(&front.seen).clear();
        let launches = || yard.life.runtime.launches(yard.shown_as("orders-3").expect("it is there").id).len();
        let before = launches();
        yard.life.clock.advance(5);
        yard.life.services.restart(&yard.life.admin, yard.id).await.expect("it is restarted");
        yard.wait("the last one is restarted", || launches() > before).await;
        yard.spread(&front, 3).await;
        assert_eq!((fewest(&front), most(&front)), (2, 3), "{:?}", front.seen);
        yard.life.end().await;
    }

    async fn as_many_at_a_time_as_may_be_away(test: TestStore) {
        let mut test = test;
        let (yard, front) = three(&mut test).await;
        yard.roll(0, 2).await;
        let done = yard.over(yard.deploy(rolling()).await).await;
        assert_eq!(done.status, DeploymentStatus::Succeeded, "{done:#?}");
        yard.spread(&front, 3).await;
        // The service goes alone, and both others together.
        assert_eq!(fewest(&front), 1, "{:?}", front.seen);
        assert!(lock(&front.seen).iter().any(|now| now.len() == 2), "{:?}", front.seen);
        yard.life.end().await;
    }

    async fn a_surge_that_comes_to_nothing_leaves_what_was(test: TestStore) {
        let mut test = test;
        let (yard, front) = three(&mut test).await;
        yard.roll(1, 0).await;
        let before = yard.launched().0;
        let begin = async || {
            yard.life.runtime.hold_starts(true);
            let id = yard.deploy(rolling()).await;
            yard.wait("it is made", || yard.shown_as(SURGE).is_some()).await;
            id
        };
        let id = begin().await;
        yard.manager.cancel(&yard.life.admin, id).await.expect("it is cancelled");
        yard.life.runtime.hold_starts(false);
        assert_eq!(yard.over(id).await.status, DeploymentStatus::Cancelled);
        yard.until_alone().await;

        let id = begin().await;
        yard.life.runtime.refuse_starts(yard.id_of(SURGE).await, Some("no room for it"));
        yard.life.runtime.hold_starts(false);
        let failed = yard.over(id).await;
        let error = failed.error.clone().unwrap_or_default();
        assert!(failed.status == DeploymentStatus::Failed && error.contains(SURGE) && error.contains("no room for it"), "{failed:#?}");
        yard.until_alone().await;
        assert!(yard.folders().await.iter().all(|folder| *folder == before));
        yard.spread(&front, 3).await;
        assert_eq!(fewest(&front), 3, "{:?}", front.seen);
        yard.life.end().await;
    }

    async fn with_a_surge_a_release_that_cant_run_is_taken_back_on_all(test: TestStore) {
        let mut test = test;
        let (yard, front) = three(&mut test).await;
        yard.roll(1, 0).await;
        let (before, second) = (yard.launched().0, yard.id_of("orders-2").await);
        yard.life.runtime.refuse_starts(second, Some("no room for it"));
        let id = yard.deploy(rolling()).await;
        yard.until(id, |deployment| deployment.is_undoing || deployment.status.is_over()).await;
        yard.life.runtime.refuse_starts(second, None);
        assert_eq!(yard.over(id).await.status, DeploymentStatus::RolledBack);
        yard.until_alone().await;
        assert!(yard.folders().await.iter().all(|folder| *folder == before));
        yard.spread(&front, 3).await;
        assert!(fewest(&front) >= 2, "{:?}", front.seen);
        yard.life.end().await;
    }

    async fn killed_after_any_write_nothing_of_a_surge_is_left(test: TestStore) {
        let mut test = test;
        let (mut yard, front) = three(&mut test).await;
        yard.roll(1, 0).await;
        for lives in 1.. {
            write(&yard.source().join("main.py"), &format!("{MAIN}# {lives}\n"));
            yard.manager.faults.lives.store(lives, Ordering::Relaxed);
            let id = yard.deploy(rolling()).await;
            let is_killed = yard.is_killed(id).await;
            yard = yard.again(&test).await;
            let over = yard.over(id).await;
            assert_eq!(over.status, DeploymentStatus::Succeeded, "after {lives} writes: {over:#?}");
            yard.until_alone().await;
            yard.wait(&format!("all run after {lives} writes"), || NAMES.iter().all(|name| yard.runs(name))).await;
            if !is_killed {
                assert!(lives > 8, "it has been killed at {lives} places");
                break;
            }
        }
        yard.spread(&front, 3).await;
        yard.life.end().await;
    }

    async fn a_service_is_deployed_as_it_is_set_to(test: TestStore) {
        let mut test = test;
        let (yard, _front) = three(&mut test).await;
        let change = async |rollout: Rollout, replicas: Option<u8>| {
            let patch = ServicePatch { rollout: Some(rollout), replicas, ..ServicePatch::default() };
            yard.life.services.change(&yard.life.admin, yard.id, patch).await
        };
        let as_set = Rollout { strategy: Some(Strategy::BlueGreen), ..Rollout::default() };
        change(as_set, None).await.expect("it is set");
        let planned = async |new: NewDeployment| yard.manager.plan(&yard.life.admin, yard.id, new).await.expect("a plan").deployment_type;
        assert_eq!(planned(NewDeployment::default()).await, Strategy::BlueGreen);
        assert_eq!(planned(rolling()).await, Strategy::Rolling, "what is asked for comes first");
        for (rollout, replicas, field) in [
            (Rollout { surge: 0, unavailable: 0, strategy: None }, None, "/rollout/unavailable"),
            (Rollout { surge: 21, ..Rollout::default() }, None, "/rollout/surge"),
            (Rollout { strategy: Some(Strategy::Rolling), ..Rollout::default() }, Some(1), "/rollout/strategy"),
        ] {
            let refused = change(rollout, replicas).await.expect_err(field);
            assert_eq!(refused.details[0].field, field, "{refused:?}");
        }

        // Elsewhere it is as here, as far as that is possible there, or as it is said.
        yard.environments(&["staging", "production"]).await;
        let admin = &yard.life.admin;
        let staging = yard.manager.set_up(admin, yard.id, target("staging", &[])).await.expect("it is set up").spec;
        assert_eq!((staging.replicas, staging.proxy_port, staging.rollout.strategy), (1, None, None));
        let wanted = NewTarget {
            proxy_port: Some(39_017),
            replicas: Some(2),
            rollout: Some(Rollout { strategy: Some(Strategy::Rolling), surge: 2, unavailable: 0 }),
            limits: Some(Limits { open_files: Some(512), ..Limits::default() }),
            ..target("production", &[])
        };
        for (new, field) in [
            (NewTarget { proxy_port: None, ..wanted.clone() }, "/replicas"),
            (NewTarget { replicas: Some(1), ..wanted.clone() }, "/rollout/strategy"),
            (NewTarget { proxy_port: Some(0), ..wanted.clone() }, "/proxy_port"),
        ] {
            let refused = yard.manager.set_up(admin, yard.id, new).await.expect_err(field);
            assert!(refused.details.iter().any(|fault| fault.field == field), "{field}: {refused:?}");
        }
        let spec = yard.manager.set_up(admin, yard.id, wanted.clone()).await.expect("it is set up").spec;
        assert_eq!((spec.proxy_port, spec.replicas, Some(spec.rollout), Some(spec.limits)), (Some(39_017), 2, wanted.rollout, wanted.limits));
        yard.life.end().await;
    }
}
