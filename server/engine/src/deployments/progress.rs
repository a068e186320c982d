//! How far a deployment is: the state of its stages, and how long it will take by what those before took.

use api::{Deployment, NewDeployment, Stage, StageReport, StageStatus, Timestamp};

/// The stages of a new deployment.
pub(super) fn stages() -> Vec<StageReport> {
    let stage = |name: &Stage| StageReport {
        name: *name,
        status: StageStatus::Pending,
        started_at: None,
        finished_at: None,
        note: None,
        attempts: 0,
        expected_seconds: None,
    };
    Stage::ALL.iter().map(stage).collect()
}

/// The report of a stage.
fn report(shown: &mut Deployment, stage: Stage) -> Option<&mut StageReport> {
    shown.stages.iter_mut().find(|report| report.name == stage)
}

/// Begins a stage, or begins it again.
pub(super) fn begin(shown: &mut Deployment, stage: Stage, now: Timestamp) {
    shown.stage = stage;
    if let Some(report) = report(shown, stage) {
        report.status = StageStatus::Running;
        report.started_at.get_or_insert(now);
        report.finished_at = None;
        report.attempts += 1;
        report.note = None;
    }
}

/// Ends a stage.
pub(super) fn end(shown: &mut Deployment, stage: Stage, status: StageStatus, note: Option<String>, now: Timestamp) {
    if let Some(report) = report(shown, stage) {
        report.status = status;
        report.finished_at = Some(now);
        if note.is_some() {
            report.note = note;
        }
    }
}

/// Says what the stage that is under way is at.
pub(super) fn note(shown: &mut Deployment, text: &str) {
    let stage = shown.stage;
    if let Some(report) = report(shown, stage).filter(|report| report.status == StageStatus::Running) {
        report.note = Some(text.to_owned());
    }
}

/// Counts how much is done, in per cent: never less than before, and all of it only when it is over.
pub(super) fn count(shown: &mut Deployment, now: Timestamp) {
    if shown.status.is_over() {
        shown.progress = if shown.status == api::DeploymentStatus::Succeeded { 100 } else { shown.progress };
        return;
    }
    let is_known = shown.stages.iter().all(|report| report.expected_seconds.is_some());
    let weight = |report: &StageReport| if is_known { f64::from(report.expected_seconds.unwrap_or_default()) + 0.2 } else { 1.0 };
    let done = |report: &StageReport| match (report.status, report.started_at) {
        (StageStatus::Pending, _) => 0.0,
        (StageStatus::Running, Some(start)) if is_known => (now.seconds_since(start) / weight(report)).clamp(0.0, 0.95),
        (StageStatus::Running, _) => 0.3,
        _ => 1.0,
    };
    let whole: f64 = shown.stages.iter().map(weight).sum();
    let part: f64 = shown.stages.iter().map(|report| weight(report) * done(report)).sum();
    let percent = (100.0 * part / whole.max(0.1)).clamp(0.0, 99.0) as u32;
    shown.progress = shown.progress.max(percent);
}

/// Seconds for which a deployment will watch its release, as was asked for: with all requests, and before that in each step of a canary.
pub(super) fn watches(new: &NewDeployment, is_canary: bool) -> u32 {
    let steps = is_canary.then(|| new.canary.clone().unwrap_or_default());
    let steps = steps.map_or(0, |canary| canary.step_seconds.saturating_mul(canary.steps.len() as u32));
    steps.saturating_add(new.watch_seconds.unwrap_or_default())
}

/// Says how long each stage will take, by what the last that succeeded took: the middle of them. Each is there with the seconds for which it watched its
/// release, in place of which come those for which this one `watches` its own.
pub(super) fn expect(shown: &mut Deployment, before: &[(Deployment, u32)], watches: u32) {
    let mut total = 0;
    let mut is_known = !before.is_empty();
    for report in &mut shown.stages {
        let mut seconds: Vec<u32> = before.iter().filter_map(|(before, watched)| taken(before, report.name, *watched)).collect();
        seconds.sort_unstable();
        let watches = if report.name == Stage::HealthCheck { watches } else { 0 };
        report.expected_seconds = seconds.get(seconds.len() / 2).map(|seconds| seconds + watches);
        match report.expected_seconds {
            Some(seconds) => total += seconds,
            None => is_known = false,
        }
    }
    shown.expected_seconds = is_known.then_some(total);
}

/// Whole seconds that a stage took, but for those of the watch.
fn taken(deployment: &Deployment, stage: Stage, watched: u32) -> Option<u32> {
    let report = deployment.stages.iter().find(|report| report.name == stage)?;
    let seconds = report.finished_at?.seconds_since(report.started_at?);
    let watched = if stage == Stage::HealthCheck { watched } else { 0 };
    Some((seconds.round().clamp(0.0, 1e6) as u32).saturating_sub(watched))
}

#[cfg(test)]
mod tests {
    use api::{DeploymentStatus, Stage, StageStatus, Timestamp};

    use super::{begin, count, end, expect, watches};
    use crate::deployments::tests::shown;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn progress_grows_with_the_stages_and_is_whole_only_at_the_end() {
        let mut deployment = shown();
        let mut last = 0;
        for (n, stage) in Stage::ALL.iter().enumerate() {
            begin(&mut deployment, *stage, at(n as i64));
            count(&mut deployment, at(n as i64));
            assert!(deployment.progress >= last && deployment.progress < 100, "{}", deployment.progress);
            end(&mut deployment, *stage, StageStatus::Succeeded, None, at(n as i64 + 1));
            last = deployment.progress;
        }
        count(&mut deployment, at(9));
        assert_eq!(deployment.progress, 99);
        deployment.status = DeploymentStatus::Succeeded;
        count(&mut deployment, at(9));
        assert_eq!(deployment.progress, 100);
    }

    #[test]
    fn what_is_expected_is_the_middle_of_what_was_taken() {
        let of = |seconds: i64| {
            let mut deployment = shown();
            for stage in Stage::ALL {
                begin(&mut deployment, *stage, at(0));
                end(&mut deployment, *stage, StageStatus::Succeeded, None, at(if *stage == Stage::Build { seconds } else { 0 }));
            }
            deployment
        };
        let mut deployment = shown();
        expect(&mut deployment, &[of(10), of(100), of(20)].map(|before| (before, 0)), 0);
        assert_eq!(deployment.expected_seconds, Some(20));
        assert_eq!(deployment.stages[2].expected_seconds, Some(20));
        expect(&mut deployment, &[], 60);
        assert_eq!(deployment.expected_seconds, None);
        // What is watched is known, however long those before were.
        let canary = api::Canary { steps: vec![10, 50], step_seconds: 60, min_requests: 0 };
        let new = api::NewDeployment { canary: Some(canary), watch_seconds: Some(30), ..api::NewDeployment::default() };
        assert_eq!((watches(&new, true), watches(&new, false)), (150, 30));
        let mut watched = of(10);
        watched.stages[5].finished_at = Some(at(158));
        let mut again = shown();
        expect(&mut again, &[(watched, 150), (of(10), 0)], 30);
        assert_eq!((again.stages[5].expected_seconds, again.expected_seconds), (Some(38), Some(48)));
        // A stage that is begun again keeps when it was begun first.
        begin(&mut deployment, Stage::Build, at(5));
        begin(&mut deployment, Stage::Build, at(9));
        assert_eq!((deployment.stages[2].attempts, deployment.stages[2].started_at), (2, Some(at(5))));
    }
}
