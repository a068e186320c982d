//! A deployment that its feed keeps up to date.

use std::time::Duration;

use api::{Deployment, DeploymentId, DeploymentLine, Resume, Topic};
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::live::{Frame, Incoming, use_feed_from};
use crate::rpc::{DeploymentRead, get_deployment};

/// Between two changes of the lines that are shown.
const BEAT: Duration = Duration::from_millis(150);
/// Lines that are shown at most while new ones come.
const SHOWN: usize = 2_000;

/// A deployment that its feed keeps up to date.
#[derive(Clone, Copy)]
pub struct Followed {
    /// Its id.
    pub id: DeploymentId,
    /// What it is now.
    pub deployment: RwSignal<Deployment>,
    /// What is shown of what was told, oldest first.
    pub lines: RwSignal<Vec<DeploymentLine>>,
    /// The number of the last line of this page, when there are later ones that don't come by themselves.
    pub rest: Option<u64>,
    arrived: StoredValue<Vec<DeploymentLine>>,
    is_due: StoredValue<bool>,
}

impl Followed {
    /// Begins with what was read, and follows while the component lives unless it is over.
    pub fn new(read: DeploymentRead) -> Self {
        let DeploymentRead { deployment, lines } = read;
        let is_over = deployment.status.is_over();
        let last = lines.items.last().map(|line| line.seq);
        let followed = Self {
            id: deployment.id,
            deployment: RwSignal::new(deployment),
            rest: last.filter(|_| lines.next_cursor.is_some()),
            lines: RwSignal::new(lines.items),
            arrived: StoredValue::default(),
            is_due: StoredValue::new(false),
        };
        let id = followed.id;
        let resume = move || Resume { since: Some(followed.last()), epoch: None };
        use_feed_from(
            move || (!is_over).then_some(Topic::Deployment(id)),
            resume,
            move |incoming| match incoming {
                Incoming::Frame(frame) => followed.take(frame),
                Incoming::Reload | Incoming::Missing(_) => followed.reload(),
            },
        );
        followed
    }

    /// The number of the last line that is shown; 0 without any.
    fn last(self) -> u64 {
        self.lines.with_untracked(|lines| lines.last().map_or(0, |line| line.seq))
    }

    fn take(self, frame: &Frame) {
        match frame.kind.as_str() {
            "deployment" => frame.read().into_iter().for_each(|deployment| self.show(deployment)),
            "line" => {
                let Some(line) = frame.read() else { return };
                self.arrived.update_value(|arrived| arrived.push(line));
                if !self.is_due.get_value() {
                    self.is_due.set_value(true);
                    set_timeout(move || self.show_lines(), BEAT);
                }
            }
            _ => {}
        }
    }

    /// Shows what it is now, unless the page has been left meanwhile or shows something newer.
    fn show(self, deployment: Deployment) {
        if self.deployment.try_with_untracked(|shown| deployment.revision > shown.revision) == Some(true) {
            self.deployment.set(deployment);
        }
    }

    fn show_lines(self) {
        // The page may be gone by now.
        let Some(arrived) = self.arrived.try_update_value(std::mem::take) else { return };
        self.is_due.set_value(false);
        self.lines.try_update(|lines| add(lines, arrived));
    }

    /// Asks for what has been told since.
    fn reload(self) {
        let last = self.last();
        spawn_local(async move {
            // The connection chip says when Pilothouse doesn't answer.
            if let Ok(read) = get_deployment(self.id, Some(last)).await {
                self.show(read.deployment);
                self.lines.try_update(|lines| add(lines, read.lines.items));
            }
        });
    }
}

/// Puts lines behind the others, each once, and lets go of the oldest when there are too many.
fn add(lines: &mut Vec<DeploymentLine>, new: Vec<DeploymentLine>) {
    for line in new {
        if lines.last().is_none_or(|last| last.seq < line.seq) {
            lines.push(line);
        }
    }
    let surplus = lines.len().saturating_sub(SHOWN);
    lines.drain(..surplus);
}

#[cfg(test)]
mod tests {
    use api::{DeploymentLine, Stage, Timestamp};

    use super::{SHOWN, add};

    fn line(seq: u64) -> DeploymentLine {
        DeploymentLine { seq, ts: Timestamp::default(), stage: Stage::Build, is_error: false, message: seq.to_string() }
    }

    #[test]
    fn a_line_is_shown_once_and_the_oldest_go() {
        let mut lines = vec![line(3)];
        add(&mut lines, vec![line(3), line(7)]);
        add(&mut lines, vec![line(7), line(9)]);
        assert_eq!(lines.iter().map(|line| line.seq).collect::<Vec<_>>(), [3, 7, 9]);
        add(&mut lines, (10..10 + SHOWN as u64).map(line).collect());
        assert_eq!((lines.len(), lines[0].seq), (SHOWN, 10));
    }
}
