//! What becomes of deployments that fail, are cancelled, or whose Pilothouse is killed.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use api::ports::{Configurations as _, Deployments as _, Services as _};
use api::{
    DeploymentConfiguration, DeploymentLinesQuery, DeploymentStatus, ErrorCode, NewDeployment, NewRollback, Queueing, Role, Stage,
    StageStatus, Status,
};
use serde_json::json;

use super::super::kept::Record;
use super::super::live::lock;
use super::{Yard, status_of};
use crate::on_each_store;
use crate::services::tests::{MAIN, caller, write};
use crate::store::deployments::deployment_find;
use crate::store::execute;
use crate::store::releases::release_find;
use crate::testing::{StoreKind, TestStore};

on_each_store! {
    async fn each_stage_that_fails_leaves_what_was_before_and_nothing_over(test: TestStore) {
        let mut test = test;
        let yard = Yard::begin(&mut test).await;
        let first = yard.deployed().await;
        let (folder, _) = yard.launched();
        let left = yard.left();
        write(&yard.source().join("main.py"), &format!("{MAIN}# two\n"));
        for stage in Stage::ALL {
            *lock(&yard.manager.faults.fails) = Some(*stage);
            let failed = yard.over(yard.deploy(NewDeployment::default()).await).await;
            if *stage == Stage::Finalise {
                assert_eq!(failed.status, DeploymentStatus::Succeeded, "what isn't removed is no reason to go back");
                break;
            }
            let expected = if *stage >= Stage::Deploy { DeploymentStatus::RolledBack } else { DeploymentStatus::Failed };
            assert_eq!((failed.status, failed.stage), (expected, *stage));
            assert_eq!(yard.left(), left, "{stage:?}");
            yard.life.until(yard.id, Status::Running).await;
            assert_eq!(yard.launched().0, folder, "{stage:?}");
            let releases = yard.manager.releases(&yard.life.admin, yard.id).await.expect("they are listed");
            let current: Vec<_> = releases.items.iter().filter(|one| one.is_current).map(|one| one.id).collect();
            assert_eq!(current, [first.release.as_ref().expect("a release").id], "{stage:?}");
        }
        *lock(&yard.manager.faults.fails) = None;
        yard.deployed().await;
        yard.life.end().await;
    }

    async fn each_stage_can_be_cancelled(test: TestStore) {
        let mut test = test;
        let yard = Yard::begin(&mut test).await;
        yard.deployed().await;
        let (folder, _) = yard.launched();
        let left = yard.left();
        write(&yard.source().join("main.py"), &format!("{MAIN}# two\n"));
        let viewer = caller(Role::Viewer);
        for stage in Stage::ALL.iter().filter(|stage| **stage != Stage::Finalise) {
            *lock(&yard.manager.faults.holds) = Some(*stage);
            let id = yard.deploy(NewDeployment::default()).await;
            let waits = yard.deploy(NewDeployment::default()).await;
            while tokio::time::timeout(Duration::from_millis(20), yard.manager.faults.died.notified()).await.is_err() {
                yard.life.clock.advance(1);
            }
            assert_eq!(yard.get(waits).await.status, DeploymentStatus::Pending);
            assert_eq!(yard.manager.cancel(&viewer, id).await.expect_err("they may not").code, ErrorCode::Forbidden);
            *lock(&yard.manager.faults.holds) = None;
            for id in [waits, id] {
                yard.manager.cancel(&yard.life.admin, id).await.expect("it is cancelled");
                let over = yard.over(id).await;
                assert_eq!((over.status, over.cancelled_by.as_deref()), (DeploymentStatus::Cancelled, Some("admin")), "{stage:?}");
                assert_eq!(yard.manager.cancel(&yard.life.admin, id).await.expect_err("it is over").code, ErrorCode::Conflict);
            }
            assert_eq!(yard.left(), left, "{stage:?}");
            yard.life.until(yard.id, Status::Running).await;
            assert_eq!(yard.launched().0, folder, "{stage:?}");
        }
        yard.life.end().await;
    }

    async fn what_is_never_done_is_given_up_and_at_the_very_end_is_no_reason_to_go_back(test: TestStore) {
        let mut test = test;
        let yard = Yard::begin(&mut test).await;
        yard.deployed().await;
        let (folder, _) = yard.launched();
        write(&yard.source().join("main.py"), &format!("{MAIN}# two\n"));
        for (stage, expected) in [(Stage::Build, DeploymentStatus::Failed), (Stage::Finalise, DeploymentStatus::Succeeded)] {
            *lock(&yard.manager.faults.stalls) = Some(stage);
            let id = yard.deploy(NewDeployment::default()).await;
            yard.until(id, |deployment| deployment.stage == stage).await;
            // As if it had been begun so often.
            let live = lock(&yard.manager.live).get(&id).cloned().expect("it is under way");
            let often = |record: &mut Record| {
                record.shown.stages.iter_mut().filter(|report| report.name == stage).for_each(|report| report.attempts = 15);
            };
            yard.manager.save(&live, often, Vec::new(), None).await.expect("it is written");
            let over = yard.over(id).await;
            assert_eq!((over.status, over.stage), (expected, stage), "{over:#?}");
            assert_eq!(yard.launched().0 == folder, stage == Stage::Build);
        }
        yard.life.end().await;
    }

    async fn an_undo_that_can_not_be_done_says_why_and_is_done_as_soon_as_it_can_be(test: TestStore) {
        let mut test = test;
        let yard = Yard::begin(&mut test).await;
        let first = yard.deployed().await.release.expect("a release").id;
        let (folder, _) = yard.launched();
        write(&yard.source().join("main.py"), &format!("{MAIN}# two\n"));
        *lock(&yard.manager.faults.holds) = Some(Stage::HealthCheck);
        let id = yard.deploy(NewDeployment::default()).await;
        while tokio::time::timeout(Duration::from_millis(20), yard.manager.faults.died.notified()).await.is_err() {
            yard.life.clock.advance(1);
        }
        let store = yard.life.core.store.clone();
        let kept = release_find(&mut store.main.read().await.expect("a connection"), first).await.expect("it is read").expect("it is there");
        let right = serde_json::to_string(&kept.artifact).expect("JSON");
        let set = async |artifact: String| {
            let statement = "UPDATE releases SET artifact = $1 WHERE id = $2";
            let write = store.main.write(move |db| Box::pin(async move { Ok(execute!(db, statement, artifact, first.0)?) }));
            assert_eq!(write.await.expect("it is written"), 1);
        };
        set(r#"{"kind":"command"}"#.into()).await;
        yard.manager.cancel(&yard.life.admin, id).await.expect("it is cancelled");
        let said = |lines: &[api::DeploymentLine]| lines.iter().any(|line| line.is_error && line.message.starts_with("it can't be undone yet: "));
        let deadline = Instant::now() + Duration::from_secs(30);
        while !said(&yard.manager.lines(&yard.life.admin, id, DeploymentLinesQuery::default()).await.expect("they are listed").items) {
            assert!(Instant::now() < deadline, "nobody is told");
            tokio::task::yield_now().await;
        }
        assert!(yard.get(id).await.is_undoing);
        set(right).await;
        assert_eq!(yard.over(id).await.status, DeploymentStatus::Cancelled);
        yard.life.until(yard.id, Status::Running).await;
        assert_eq!(yard.launched().0, folder);
        yard.life.end().await;
    }

    async fn killed_after_any_write_it_goes_on(test: TestStore) {
        let mut test = test;
        let mut yard = Yard::begin(&mut test).await;
        yard.deployed().await;
        for lives in 1.. {
            write(&yard.source().join("main.py"), &format!("{MAIN}# {lives}\n"));
            yard.manager.faults.lives.store(lives, Ordering::Relaxed);
            let id = yard.deploy(NewDeployment { watch_seconds: Some(5), ..NewDeployment::default() }).await;
            let is_killed = yard.is_killed(id).await;
            yard = yard.again(&test).await;
            let over = yard.over(id).await;
            assert_eq!(over.status, DeploymentStatus::Succeeded, "after {lives} writes: {over:#?}");
            yard.life.until(yard.id, Status::Running).await;
            let (folders, archives) = yard.left();
            assert_eq!((folders, archives % 2), (1, 0), "after {lives} writes");
            if !is_killed {
                assert!(lives > 10, "it has been killed at {lives} places");
                break;
            }
        }
        yard.life.end().await;
    }

    async fn killed_while_it_is_undone_it_is_undone(test: TestStore) {
        let mut test = test;
        let mut yard = Yard::begin(&mut test).await;
        yard.deployed().await;
        let left = yard.left();
        for lives in 1.. {
            write(&yard.source().join("main.py"), &format!("{MAIN}# {lives}\n"));
            *lock(&yard.manager.faults.fails) = Some(Stage::HealthCheck);
            let id = yard.deploy(NewDeployment::default()).await;
            let deadline = Instant::now() + Duration::from_secs(30);
            // Only once it is being undone.
            while !yard.get(id).await.is_undoing && !yard.get(id).await.status.is_over() {
                yard.life.clock.advance(1);
                assert!(Instant::now() < deadline);
                tokio::task::yield_now().await;
            }
            yard.manager.faults.lives.store(lives, Ordering::Relaxed);
            let is_killed = loop {
                if tokio::time::timeout(Duration::from_millis(20), yard.manager.faults.died.notified()).await.is_ok() {
                    break true;
                }
                if yard.get(id).await.status.is_over() {
                    break false;
                }
                assert!(Instant::now() < deadline);
            };
            yard = yard.again(&test).await;
            let over = yard.over(id).await;
            assert_eq!(over.status, DeploymentStatus::RolledBack, "after {lives} writes: {over:#?}");
            yard.life.until(yard.id, Status::Running).await;
            assert_eq!(yard.left(), left, "after {lives} writes");
            if !is_killed || lives > 6 {
                break;
            }
        }
        yard.life.end().await;
    }

    async fn of_many_that_race_one_is_under_way_at_a_time_and_the_newest_can_replace_the_others(test: TestStore) {
        let mut test = test;
        let yard = Yard::begin(&mut test).await;
        let developer = caller(Role::Developer);
        *lock(&yard.manager.faults.holds) = Some(Stage::Prepare);
        let first = yard.deploy(NewDeployment::default()).await;
        yard.manager.faults.died.notified().await;
        let asked = futures::future::join_all((0..50).map(|_| yard.manager.deploy(&developer, yard.id, NewDeployment::default()))).await;
        let (taken, refused): (Vec<_>, Vec<_>) = asked.into_iter().partition(Result::is_ok);
        assert_eq!((taken.len(), refused.len()), (20, 30));
        assert!(refused.into_iter().all(|one| one.expect_err("refused").code == ErrorCode::Conflict));
        let last = yard.deploy(NewDeployment { queue: Some(Queueing::Replace), ..NewDeployment::default() }).await;
        for one in taken {
            let id = one.expect("taken").deployment_id;
            let over = yard.get(id).await;
            assert_eq!((over.status, over.started_at), (DeploymentStatus::Cancelled, None));
        }
        *lock(&yard.manager.faults.holds) = None;
        yard.manager.cancel(&yard.life.admin, first).await.expect("it is cancelled");
        assert_eq!(yard.over(last).await.status, DeploymentStatus::Succeeded);
        assert_eq!(yard.life.runtime.launches(yard.id).len(), 1, "one effect");
        yard.life.end().await;
    }

    async fn what_can_not_run_is_taken_back_and_nothing_of_it_is_left(test: TestStore) {
        let mut test = test;
        let yard = Yard::begin(&mut test).await;
        let first = yard.deployed().await;
        let (folder, _) = yard.launched();
        let left = yard.left();
        write(&yard.source().join("main.py"), &format!("{MAIN}raise\n"));
        let new = NewDeployment {
            configuration: DeploymentConfiguration { values: [("GREETING".to_owned(), json!("ciao"))].into(), ..Default::default() },
            resources: api::Limits { memory_bytes: Some(64 << 20), ..api::Limits::default() },
            ..NewDeployment::default()
        };
        *lock(&yard.manager.faults.fails) = Some(Stage::HealthCheck);
        let failed = yard.over(yard.deploy(new).await).await;
        assert_eq!((failed.status, failed.stage), (DeploymentStatus::RolledBack, Stage::HealthCheck));
        assert_eq!(failed.error.as_deref(), Some("a test said so"));
        assert_eq!((status_of(&failed, Stage::Deploy), status_of(&failed, Stage::HealthCheck)), (StageStatus::Undone, StageStatus::Failed));
        let launches = yard.life.runtime.launches(yard.id);
        let (new, back) = (&launches[launches.len() - 2], &launches[launches.len() - 1]);
        assert_eq!((new.environment["GREETING"].as_str(), new.limits.memory_bytes), ("ciao", Some(64 << 20)));
        assert_eq!((&back.working_dir, back.environment["GREETING"].as_str(), back.limits.memory_bytes), (&folder, "hello", None));
        assert_eq!(yard.left(), left, "neither a folder nor an archive is left over");
        let releases = yard.manager.releases(&yard.life.admin, yard.id).await.expect("they are listed");
        assert_eq!(releases.items.iter().map(|one| one.id).collect::<Vec<_>>(), [first.release.expect("a release").id]);
        let values = yard.configurations.get(&yard.life.admin, yard.id).await.expect("it is read").values;
        assert_eq!(values["GREETING"], "hello");
        let again = yard.manager.rollback(&yard.life.admin, failed.id, NewRollback::default()).await.expect_err("it never was well");
        assert_eq!(again.code, ErrorCode::Conflict);
        yard.life.end().await;
    }

    async fn a_start_that_fails_says_why_and_what_ran_runs_again(test: TestStore) {
        let mut test = test;
        let yard = Yard::begin(&mut test).await;
        yard.deployed().await;
        let (folder, _) = yard.launched();
        write(&yard.source().join("main.py"), &format!("{MAIN}# two\n"));
        yard.life.runtime.refuse_starts(yard.id, Some("no module named 'x'"));
        let id = yard.deploy(NewDeployment::default()).await;
        yard.until(id, |deployment| deployment.is_undoing).await;
        yard.life.runtime.refuse_starts(yard.id, None);
        let failed = yard.over(id).await;
        assert_eq!(failed.status, DeploymentStatus::RolledBack);
        assert!(failed.error.as_deref().is_some_and(|error| error.starts_with("it couldn't be run: no module named 'x'")), "{failed:?}");
        let lines = yard.manager.lines(&yard.life.admin, id, DeploymentLinesQuery::default()).await.expect("they are listed").items;
        assert!(lines.iter().any(|line| line.is_error && line.stage == Stage::Deploy), "{lines:?}");
        if yard.life.services.get(&yard.life.admin, yard.id).await.expect("it is there").service.status == Status::Running {
            assert_eq!(yard.launched().0, folder);
        }
        yard.life.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_paused_beyond_its_lease_writes_nothing() {
    let mut test = TestStore::new(StoreKind::Postgres).await;
    let yard = Yard::begin(&mut test).await;
    *lock(&yard.manager.faults.holds) = Some(Stage::Prepare);
    let id = yard.deploy(NewDeployment::default()).await;
    yard.manager.faults.died.notified().await;
    let store = yard.life.core.store.clone();
    let statement = "UPDATE leases SET holder = $1, token = token + 1, expires_at = $2 WHERE name = 'engine'";
    let other = uuid::Uuid::from_u128(7);
    let taken = store.main.write(move |db| Box::pin(async move { Ok(execute!(db, statement, other, i64::MAX)?) })).await;
    assert_eq!(taken.expect("it is taken"), 1);
    let refused = yard.manager.cancel(&yard.life.admin, id).await.expect_err("it isn't this one's any more");
    assert_eq!(refused.code, ErrorCode::Unavailable);
    let row = deployment_find(&mut store.main.read().await.expect("a connection"), id).await.expect("it is read").expect("it is there");
    assert_eq!((row.shown.status, row.shown.cancelled_by), (DeploymentStatus::Running, None));
    yard.life.end().await;
}
