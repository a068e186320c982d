//! Following a deployment to its end, over restarts of Pilothouse.

use std::time::{Duration, Instant};

use api::{Deployment, DeploymentId, DeploymentLine, DeploymentStatus, DeploymentWait, Page, Stage, StageReport, StageStatus, Timestamp};

use super::Outcome;
use super::client::{Client, Trouble};
use super::say::{Say, Told};

/// How often it is asked.
const EVERY: Duration = Duration::from_millis(500);
/// How long nobody may answer.
const PATIENCE: Duration = Duration::from_secs(120);
/// The longest wait between two questions while nobody answers.
const MOST: Duration = Duration::from_secs(8);

/// Asks until it is over, and says what happens.
pub async fn follow(client: &Client, id: DeploymentId, say: &Say) -> Result<Outcome, Trouble> {
    let (mut seen, mut heard, mut wait) = (Seen::default(), Instant::now(), EVERY);
    loop {
        match news(client, id, seen.after).await {
            Ok((deployment, lines)) => {
                (heard, wait) = (Instant::now(), EVERY);
                seen.news(&deployment, lines).iter().for_each(|told| say.told(told));
                if deployment.status.is_over() {
                    say.over(&deployment);
                    return Ok(outcome(deployment.status));
                }
            }
            Err(trouble) if trouble.passes && heard.elapsed() < PATIENCE => {
                if wait == EVERY {
                    say.aside(&format!("{}; the deployment goes on, asking again", trouble.message));
                }
                wait = (wait * 2).min(MOST).min(PATIENCE.saturating_sub(heard.elapsed()).max(EVERY));
            }
            Err(trouble) => {
                let message = format!("{}; the deployment goes on without being followed", trouble.message);
                return Err(Trouble { message, ..trouble });
            }
        }
        tokio::time::sleep(wait).await;
    }
}

/// Where it is, and the lines after that number: read in this order, so that none is missing when it is over.
async fn news(client: &Client, id: DeploymentId, mut after: u64) -> Result<(Deployment, Vec<DeploymentLine>), Trouble> {
    let deployment = client.get(&format!("/api/deploy/status/{id}")).await?;
    let mut lines = Vec::new();
    loop {
        let page: Page<DeploymentLine> = client.get(&format!("/api/deploy/status/{id}/lines?limit=1000&after={after}")).await?;
        let is_last = page.next_cursor.is_none() || page.items.is_empty();
        after = page.items.last().map_or(after, |line| line.seq);
        lines.extend(page.items);
        if is_last {
            return Ok((deployment, lines));
        }
    }
}

fn outcome(status: DeploymentStatus) -> Outcome {
    match status {
        DeploymentStatus::Succeeded => Outcome::Good,
        DeploymentStatus::Cancelled => Outcome::Cancelled,
        DeploymentStatus::Pending | DeploymentStatus::Running | DeploymentStatus::Failed | DeploymentStatus::RolledBack => Outcome::Failed,
    }
}

/// What was said of it so far.
#[derive(Default)]
struct Seen {
    /// The number of the last line.
    after: u64,
    /// How often each stage has begun, and what it has come to.
    stages: Vec<(u32, StageStatus)>,
    /// When each step of the requests that was told of was judged.
    steps: Vec<Option<Timestamp>>,
    is_undoing: bool,
    /// What it waits for.
    waits: Option<DeploymentWait>,
}

impl Seen {
    /// What is new, in the order in which it happened.
    fn news(&mut self, deployment: &Deployment, lines: Vec<DeploymentLine>) -> Vec<Told> {
        self.after = lines.last().map_or(self.after, |line| line.seq);
        self.stages.resize(deployment.stages.len(), (0, StageStatus::Pending));
        // A stage begins in the moment in which the one before it ends.
        let mut news: Vec<(Timestamp, Stage, u8, Told)> =
            lines.into_iter().map(|line| (line.ts, line.stage, 1, Told::Line(line))).collect();
        for (report, (attempts, status)) in deployment.stages.iter().zip(&mut self.stages) {
            let begun = report.started_at.filter(|_| report.attempts > *attempts && report.status != StageStatus::Skipped);
            news.extend(begun.map(|at| (at, report.name, 0, Told::Begun(report.clone()))));
            if report.status != *status && is_end(report) {
                let at = report.finished_at.or(report.started_at).or(deployment.finished_at).unwrap_or_default();
                news.push((at, report.name, 2, Told::Ended(report.clone())));
            }
            (*attempts, *status) = (report.attempts, report.status);
        }
        self.steps.resize(deployment.traffic.len(), None);
        for (step, told) in deployment.traffic.iter().zip(&mut self.steps) {
            let finished = step.finished_at.filter(|at| Some(*at) != *told);
            news.extend(finished.map(|at| (at, deployment.stage, 1, Told::Step(step.clone()))));
            *told = step.finished_at;
        }
        news.sort_by_key(|(at, stage, order, _)| (*at, *stage, *order));
        let mut news: Vec<_> = news.into_iter().map(|(_, _, _, told)| told).collect();
        if deployment.waits_for != self.waits {
            self.waits.clone_from(&deployment.waits_for);
            news.extend(self.waits.clone().map(Told::Waits));
        }
        if deployment.is_undoing && !self.is_undoing {
            self.is_undoing = true;
            news.push(Told::Undoing);
        }
        news
    }
}

/// Stages that never began aren't told of when the deployment ends.
fn is_end(report: &StageReport) -> bool {
    match report.status {
        StageStatus::Pending | StageStatus::Running => false,
        StageStatus::Skipped => true,
        StageStatus::Succeeded | StageStatus::Failed | StageStatus::Cancelled | StageStatus::Undone => report.started_at.is_some(),
    }
}

#[cfg(test)]
mod tests {
    use api::{Deployment, Judgement, Timestamp, TrafficStep};
    use serde_json::json;

    use super::super::say::Told;
    use super::Seen;

    #[test]
    fn each_step_of_the_requests_is_told_once_when_it_is_judged() {
        let id = "00000000-0000-0000-0000-000000000001";
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        let deployment = json!({
            "id": id, "service_id": id, "service_name": "orders", "target_environment": "development", "deployment_type": "canary",
            "kind": "deploy", "release": null, "previous_release": null, "status": "running", "stage": "deploy", "progress": 50, "stages": [],
            "urls": [], "error": null, "suggestion": null, "failing_lines": [], "is_undoing": false, "cancelled_by": null,
            "created_by": "ada", "created_at": at(0), "started_at": at(0), "finished_at": null, "expected_seconds": null, "message": "",
            "revision": 1
        });
        let begun = TrafficStep { started_at: Some(at(1)), ..TrafficStep::new(5) };
        let deployment = Deployment { traffic: vec![begun.clone()], ..serde_json::from_value(deployment).unwrap() };
        let mut seen = Seen::default();
        assert!(seen.news(&deployment, Vec::new()).is_empty(), "it is under way");
        let judged = TrafficStep { finished_at: Some(at(61)), judgement: Judgement::Passed, ..begun };
        let deployment = Deployment { traffic: vec![judged, TrafficStep::new(25)], ..deployment };
        assert!(matches!(seen.news(&deployment, Vec::new()).as_slice(), [Told::Step(step)] if step.weight == 5));
        assert!(seen.news(&deployment, Vec::new()).is_empty(), "once");
    }
}
