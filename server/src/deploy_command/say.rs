//! What the command prints: for people, or one JSON object a line for programs.

use std::io::Write;

use api::{Deployment, DeploymentId, DeploymentLine, DeploymentStatus, DeploymentWait, StageReport, StageStatus, TrafficStep};
use serde_json::{Value, json};

use super::Outcome;
use super::client::Trouble;

/// Something that happened to a deployment.
pub enum Told {
    /// A stage has begun.
    Begun(StageReport),
    /// A stage is over.
    Ended(StageReport),
    /// A line of its log.
    Line(DeploymentLine),
    /// A step of the requests is judged.
    Step(TrafficStep),
    /// It waits for something.
    Waits(DeploymentWait),
    /// It is being undone.
    Undoing,
}

/// Where it is printed; a reader that has left is no failure.
pub struct Say {
    /// Whether programs read it.
    pub is_json: bool,
}

impl Say {
    /// For people, or for programs.
    pub fn new(is_json: bool) -> Self {
        Self { is_json }
    }

    /// Prints a line for people.
    pub fn line(&self, text: &str) {
        let _ = writeln!(std::io::stdout().lock(), "{}", plain(text));
    }

    /// Prints an object for programs.
    pub fn json(&self, value: &Value) {
        let _ = writeln!(std::io::stdout().lock(), "{value}");
    }

    /// Says something that isn't of the deployment, beside what is printed.
    pub fn aside(&self, text: &str) {
        let _ = writeln!(std::io::stderr().lock(), "pilothouse: {}", plain(text));
    }

    /// Says what is wrong, and answers how the command ends.
    pub fn trouble(&self, trouble: &Trouble) -> Outcome {
        if self.is_json {
            let code = trouble.outcome as u8;
            self.json(&json!({ "type": "error", "message": trouble.message, "details": trouble.details, "exit_code": code }));
        }
        self.aside(&trouble.message);
        let fields = trouble.details.iter().filter(|detail| trouble.details.len() > 1 || detail.message != trouble.message);
        fields.for_each(|detail| self.aside(&format!("  {}: {}", detail.field, detail.message)));
        if let [one] = trouble.details.as_slice()
            && one.message == trouble.message
        {
            self.aside(&format!("  this is about {}", one.field));
        }
        trouble.outcome
    }

    /// Says that a deployment was taken on.
    pub fn taken(&self, id: DeploymentId, page: &str) {
        if self.is_json {
            return self.json(&json!({ "type": "accepted", "deployment_id": id, "page": page }));
        }
        self.line(&format!("Deployment {id}: {page}"));
    }

    /// Says what happened.
    pub fn told(&self, told: &Told) {
        if self.is_json {
            let stage = |report: &StageReport| {
                let (name, status) = (report.name.as_str(), report.status.as_str());
                json!({ "type": "stage", "stage": name, "status": status, "attempts": report.attempts, "note": report.note,
                    "started_at": report.started_at, "finished_at": report.finished_at })
            };
            return self.json(&match told {
                Told::Begun(report) => stage(&StageReport { status: StageStatus::Running, finished_at: None, ..report.clone() }),
                Told::Ended(report) => stage(report),
                Told::Waits(wait) => {
                    json!({ "type": "waits", "reason": wait.reason, "until": wait.until, "needs_approval": wait.needs_approval })
                }
                Told::Undoing => json!({ "type": "undoing" }),
                Told::Step(TrafficStep { weight, started_at, finished_at, old, new, judgement, reason }) => {
                    json!({ "type": "step", "weight": weight, "judgement": judgement, "reason": reason, "old": old, "new": new,
                        "started_at": started_at, "finished_at": finished_at })
                }
                Told::Line(DeploymentLine { seq, ts, stage, is_error, message }) => {
                    json!({ "type": "line", "seq": seq, "ts": ts, "stage": stage, "is_error": is_error, "message": message })
                }
            });
        }
        self.line(&match told {
            Told::Begun(report) if report.attempts > 1 => format!("{} (begun {} times)", report.name.label(), report.attempts),
            Told::Begun(report) => report.name.label().to_owned(),
            Told::Ended(report) => ended(report),
            Told::Step(step) => judged(step),
            Told::Line(line) => format!("  {}{}", if line.is_error { "! " } else { "" }, line.message),
            Told::Waits(DeploymentWait { reason, until: Some(until), .. }) => format!("It waits: {reason} (not before {until})"),
            Told::Waits(DeploymentWait { reason, .. }) => format!("It waits: {reason}"),
            Told::Undoing => "It is being undone".into(),
        });
    }

    /// Says how it ended.
    pub fn over(&self, deployment: &Deployment) {
        if self.is_json {
            return self.json(&json!({ "type": "result", "status": deployment.status, "deployment": deployment }));
        }
        let name = &deployment.service_name;
        let release = deployment.release.as_ref().map_or_else(|| "a release".to_owned(), |release| release.label());
        match deployment.status {
            DeploymentStatus::Succeeded => {
                self.line(&format!("{name} runs {release}{}", deployment.urls.first().map(|url| format!(" at {url}")).unwrap_or_default()));
            }
            status => {
                self.line(&format!("{name}: {}: {}", status.label(), deployment.error.as_deref().unwrap_or("it isn't known why")));
                if !deployment.failing_lines.is_empty() {
                    self.line("Its last lines:");
                    deployment.failing_lines.iter().for_each(|line| self.line(&format!("  {line}")));
                }
                deployment.suggestion.iter().for_each(|text| self.line(&format!("What to do: {text}")));
            }
        }
    }
}

fn judged(step: &TrafficStep) -> String {
    let reason = step.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
    format!("  {} of 100 requests to the new release: {}{reason}", step.weight, step.judgement.label().to_lowercase())
}

fn ended(report: &StageReport) -> String {
    let seconds = report.started_at.zip(report.finished_at).map(|(from, to)| format!(" in {:.1} s", to.seconds_since(from)));
    let note = report.note.as_deref().map(|note| format!(": {note}")).unwrap_or_default();
    let word = report.status.label().to_lowercase();
    match report.status {
        StageStatus::Skipped => format!("{}: {word}{note}", report.name.label()),
        _ => format!("{}: {word}{}{note}", report.name.label(), seconds.unwrap_or_default()),
    }
}

/// Without what a terminal would obey.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use api::{Judgement, TrafficStep};

    use super::judged;

    #[test]
    fn a_step_is_a_line_with_why() {
        let step = TrafficStep { judgement: Judgement::Worse, reason: Some("2 % failed, 0 % before".into()), ..TrafficStep::new(25) };
        assert_eq!(judged(&step), "  25 of 100 requests to the new release: worse: 2 % failed, 0 % before");
        assert_eq!(judged(&TrafficStep::new(100)), "  100 of 100 requests to the new release: under way");
    }
}
