//! Releases that take the place of others and are watched: compared with what was before, by a proxy or by their own metrics.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use api::ports::Deployments as _;
use api::{Deployment, DeploymentStatus, ErrorCode, Judgement, NewDeployment, Stage, Status};

use super::Yard;
use super::beside::{Front, fronted};
use crate::monitoring::Answered;
use crate::on_each_store;
use crate::proxy::judge;
use crate::services::tests::{MAIN, write};

fn recreate(watch_seconds: u32) -> NewDeployment {
    NewDeployment { deployment_type: Some("recreate".into()), watch_seconds: Some(watch_seconds), ..NewDeployment::default() }
}

fn note(done: &Deployment) -> String {
    let stage = done.stages.iter().find(|stage| stage.name == Stage::HealthCheck).expect("every stage is there");
    stage.note.clone().unwrap_or_default()
}

impl Yard {
    /// Waits until something has been noted of what the release is like that runs.
    async fn noted(&self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.life.services.counted_lately(self.id).await.is_none() {
            assert!(Instant::now() < deadline);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Deploys by stop and start, and waits until what runs then is watched and compared.
    async fn watched(&self, seconds: u32) -> api::DeploymentId {
        let id = self.deploy(recreate(seconds)).await;
        self.until(id, |deployment| !deployment.traffic.is_empty()).await;
        id
    }

    /// Lets the service have answered so much in the quarter of a minute that ends now, after so many more quarters.
    fn answer(&self, quarters: u32, answered: Answered) {
        for _ in 0..quarters {
            self.life.clock.advance(15);
            self.manager.monitoring.push_answered(self.id, self.life.clock.now(), 15, answered);
        }
    }
}

fn is_as_it_was(front: &Front) {
    *front.own.lock().expect("not poisoned") = (false, 5.0);
}

on_each_store! {
    async fn a_worse_release_that_is_watched_is_taken_back_with_the_numbers_though_it_is_healthy(test: TestStore) {
        let mut test = test;
        let (yard, front) = fronted(&mut test).await;
        let (folder, left) = (yard.launched().0, yard.left());
        for (is_bad, milliseconds, said) in [(true, 5.0, "Fisher's exact test p < 0.00001: worse"), (false, 900.0, "Mann-Whitney U p < 0.00001: worse")] {
            yard.noted().await;
            let id = yard.watched(600).await;
            *front.own.lock().expect("not poisoned") = (is_bad, milliseconds);
            let done = yard.over(id).await;
            assert_eq!((done.status, done.stage), (DeploymentStatus::RolledBack, Stage::HealthCheck), "{done:#?}");
            let [step] = done.traffic.as_slice() else { panic!("{done:#?}") };
            assert_eq!((step.weight, step.judgement), (100, Judgement::Worse));
            assert!(step.old.requests >= 50 && step.new.requests >= 50 && step.finished_at.is_some(), "{step:?}");
            let error = done.error.as_deref().unwrap_or_default();
            assert!(error.starts_with("the release is worse than the one before: ") && error.contains(said), "{error}");
            assert!(error.contains(" before the switch, as the proxy has counted") && done.suggestion.is_some(), "{error}");
            is_as_it_was(&front);
            yard.life.until(yard.id, Status::Running).await;
            assert_eq!((yard.launched().0, yard.left()), (folder.clone(), left));
            let refused = yard.manager.deploy(&yard.life.admin, yard.id, recreate(5)).await.expect_err("it is held");
            assert_eq!(refused.code, ErrorCode::Conflict);
            assert!(refused.message.contains("held at release 1 since Pilothouse"), "{}", refused.message);
            yard.manager.let_go(&yard.life.admin, yard.id).await.expect("it is let go");
        }
        yard.life.end().await;
    }

    async fn one_that_is_not_worse_or_of_which_too_little_is_known_stays(test: TestStore) {
        let mut test = test;
        let (yard, front) = fronted(&mut test).await;
        yard.noted().await;
        let done = yard.over(yard.deploy(recreate(5)).await).await;
        assert_eq!((done.status, done.traffic[0].judgement), (DeploymentStatus::Succeeded, Judgement::Passed), "{done:#?}");
        assert!(note(&done).ends_with("; it isn't worse than the release before"), "{}", note(&done));
        let seconds = done.traffic[0].finished_at.expect("it ended").seconds_since(done.traffic[0].started_at.expect("it began"));
        assert!(seconds >= 5.0, "{seconds}");

        *front.rate.lock().expect("not poisoned") = 0;
        let done = yard.over(yard.deploy(recreate(5)).await).await;
        assert_eq!((done.status, done.traffic[0].judgement), (DeploymentStatus::Succeeded, Judgement::TooFew), "{done:#?}");
        assert!(note(&done).ends_with("; too few requests came to compare it with the release before"), "{}", note(&done));
        let reason = done.traffic[0].reason.clone().unwrap_or_default();
        assert!(reason.contains("50 of each are needed"), "{reason}");

        // Who isn't watched isn't compared, nor is what nobody has counted.
        let done = yard.over(yard.deploy(recreate(0)).await).await;
        assert_eq!((done.status, done.traffic.len(), note(&done)), (DeploymentStatus::Succeeded, 0, "it is well".into()));
        front.is_silent.store(true, Ordering::Relaxed);
        let done = yard.over(yard.deploy(recreate(5)).await).await;
        assert_eq!((done.status, done.traffic.len()), (DeploymentStatus::Succeeded, 0));
        assert!(note(&done).ends_with("; nothing has counted its requests, so only its health was looked at"), "{}", note(&done));
        yard.life.end().await;
    }

    async fn killed_after_any_write_it_is_compared_with_the_same_numbers(test: TestStore) {
        let mut test = test;
        let (mut yard, _front) = fronted(&mut test).await;
        let mut compared = 0;
        for lives in 1.. {
            yard.noted().await;
            write(&yard.source().join("main.py"), &format!("{MAIN}# {lives}\n"));
            yard.manager.faults.lives.store(lives, Ordering::Relaxed);
            let id = yard.deploy(recreate(5)).await;
            let is_killed = yard.is_killed(id).await;
            let baseline = yard.manager.record(id).await.expect("it is there").order.baseline;
            yard = yard.again(&test).await;
            let over = yard.over(id).await;
            assert_eq!(over.status, DeploymentStatus::Succeeded, "after {lives} writes: {over:#?}");
            if let Some(baseline) = baseline {
                assert_eq!(over.traffic[0].old, judge::side(&baseline.old, baseline.timed()), "after {lives} writes");
                assert_eq!(over.traffic[0].judgement, Judgement::Passed, "after {lives} writes: {over:#?}");
                compared += 1;
            }
            if !is_killed {
                assert!(lives > 10 && compared > 2, "it has been killed at {lives} places, {compared} with something to compare");
                break;
            }
        }
        yard.life.end().await;
    }

    async fn killed_while_a_worse_one_is_watched_it_is_taken_back_all_the_same(test: TestStore) {
        let mut test = test;
        let (mut yard, front) = fronted(&mut test).await;
        for lives in 1..=4 {
            yard.noted().await;
            let id = yard.watched(30).await;
            let old = yard.get(id).await.traffic[0].old;
            *front.own.lock().expect("not poisoned") = (true, 5.0);
            yard.manager.faults.lives.store(lives, Ordering::Relaxed);
            assert!(yard.is_killed(id).await, "at {lives}");
            yard = yard.again(&test).await;
            let over = yard.over(id).await;
            assert_eq!((over.status, over.traffic[0].judgement), (DeploymentStatus::RolledBack, Judgement::Worse), "after {lives} writes: {over:#?}");
            assert_eq!(over.traffic[0].old, old);
            is_as_it_was(&front);
            yard.life.until(yard.id, Status::Running).await;
            let runs = yard.life.services.pinned(yard.id).expect("it is read").map(|pinned| pinned.number);
            assert_eq!(runs, Some(1), "after {lives} writes");
            yard.manager.let_go(&yard.life.admin, yard.id).await.expect("it is held");
        }
        yard.life.end().await;
    }

    async fn without_a_proxy_its_own_metrics_are_compared(test: TestStore) {
        let mut test = test;
        let yard = Yard::begin(&mut test).await;
        yard.deployed().await;
        let good = Answered { requests: 20, failed: Some(0), mean_ms: Some(8.0), p95_ms: Some(20.0) };
        let unknown = Answered { failed: None, p95_ms: None, ..good };
        let table = [
            (good, Answered { failed: Some(10), ..good }, Judgement::Worse, "errors: 80 of 160 (50.0 %) against 0 of 2,000 (0.0 %), Fisher's"),
            (good, Answered { p95_ms: Some(90.0), ..good }, Judgement::Worse, "median p95 of scrapes 94 ms against 22 ms, Mann-Whitney U p < 0.00001: worse"),
            (unknown, Answered { mean_ms: Some(90.0), ..unknown }, Judgement::Worse, "as its metrics say, but for what has failed"),
            (unknown, Answered { failed: Some(10), ..unknown }, Judgement::Passed, "median of the means of scrapes "),
            (good, Answered { requests: 1, p95_ms: Some(90.0), ..good }, Judgement::TooFew, "8 requests against 2,000 requests: 50 of each are needed"),
            (good, good, Judgement::Passed, "compared with the 25 min before the switch, as its metrics say"),
        ];
        for (old, new, judgement, said) in table {
            yard.answer(100, old);
            let id = yard.watched(120).await;
            yard.answer(8, new);
            let done = yard.over(id).await;
            let is_worse = judgement == Judgement::Worse;
            let status = if is_worse { DeploymentStatus::RolledBack } else { DeploymentStatus::Succeeded };
            assert_eq!((done.status, done.traffic[0].judgement), (status, judgement), "{done:#?}");
            let reason = done.traffic[0].reason.clone().unwrap_or_default();
            assert!(reason.contains(said), "{reason}");
            if is_worse {
                assert!(done.error.as_deref().is_some_and(|error| error.contains(&reason)), "{done:#?}");
                yard.life.until(yard.id, Status::Running).await;
                yard.manager.let_go(&yard.life.admin, yard.id).await.expect("it is held");
            }
        }
        yard.life.end().await;
    }
}
