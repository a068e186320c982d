//! Releases whose image is pushed: pinned by what the registry has them by, also when Pilothouse is killed.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use api::ports::{Deployments as _, Services as _};
use api::{Artifact, DeploymentKind, DeploymentStatus, NewDeployment, NewRollback, NewService, RuntimeKind, Stage, StageStatus, Timestamp};
use serde_json::json;

use super::super::placed;
use super::{Yard, status_of};
use crate::runtime::FakeRuntime;
use crate::services::tests::Life;
use crate::testing::TestStore;
use crate::{Clock, on_each_store};

async fn begin(test: &TestStore) -> Yard {
    let clock = Clock::stopped(Timestamp::from_micros(1_000_000_000));
    let life = Life::on(test, Arc::new(FakeRuntime::of_kind(RuntimeKind::Docker, clock.clone())), clock).await;
    std::fs::write(test.folder().join("Dockerfile"), "FROM scratch\n").expect("it is written");
    let build = json!({"folder": test.folder(), "push": {"image": "registry.example/shop/web"}});
    let new = json!({"name": "web", "source": {"build": build}, "health": {"kind": "none"}, "restart": "never"});
    let new: NewService = serde_json::from_value(new).expect("a service");
    let id = life.services.create(&life.admin, new).await.expect("it is made").service.id;
    let yard = Yard::on(life, id, test.folder().to_owned()).await;
    yard.manager.spawn();
    yard
}

on_each_store! {
    async fn a_release_is_pinned_by_what_its_registry_has_also_when_it_is_killed_after_any_write(test: TestStore) {
        let mut yard = begin(&test).await;
        let mut newest = yard.deployed().await;
        let mut before = newest.clone();
        assert_eq!(yard.life.runtime.pushed(), ["registry.example/shop/web:r1"]);
        for lives in 1.. {
            yard.manager.faults.lives.store(lives, Ordering::Relaxed);
            let id = yard.deploy(NewDeployment::default()).await;
            let is_killed = yard.is_killed(id).await;
            yard = yard.again(&test).await;
            let over = yard.over(id).await;
            assert_eq!(over.status, DeploymentStatus::Succeeded, "after {lives} writes: {over:#?}");
            (before, newest) = (newest, over);
            let Some(Artifact::Image { digest, .. }) = newest.release.clone().map(|release| release.artifact) else { panic!("an image") };
            assert!(digest.starts_with("registry.example/shop/web@sha256:"), "after {lives} writes: {digest}");
            // What is sealed says the same.
            let pinned = placed(&yard.life.core).await.expect("they are read");
            assert_eq!(pinned[&yard.id].as_ref().expect("it can be read").image.as_deref(), Some(digest.as_str()), "after {lives} writes");
            if !is_killed {
                assert!(lives > 10, "it has been killed at {lives} places");
                break;
            }
        }
        let back = yard.manager.rollback(&yard.life.admin, before.id, NewRollback::default()).await.expect("it is taken on").deployment_id;
        let back = yard.over(back).await;
        assert_eq!((back.kind, back.status), (DeploymentKind::Rollback, DeploymentStatus::Succeeded), "{back:#?}");
        assert_eq!(status_of(&back, Stage::Push), StageStatus::Skipped);
        assert_eq!(back.release.map(|release| release.artifact), before.release.map(|release| release.artifact));
        yard.life.end().await;
    }
}
