//! Many services in the order of their dependencies: each waits until those before it have been moved.
//!
//! What is started waits until what it needs is well, what is stopped until what needs it has stopped. Nothing is waited for longer than
//! [`PATIENCE`] without anything moving; then it goes on regardless, and says so.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::time::Duration;

use api::{Action, CheckKind, Health, ServiceId, Status};
use tokio::time::Instant;

use super::{Services, lock};
use crate::Entry;

/// How long something is waited for that doesn't move any more.
const PATIENCE: Duration = Duration::from_secs(60);

/// Services whose turn comes when others have been moved.
#[derive(Debug)]
pub(super) struct Turns {
    after: Mutex<HashMap<ServiceId, Vec<ServiceId>>>,
    waiting: Mutex<HashSet<ServiceId>>,
    /// [`PATIENCE`], unless a test has less.
    pub patience: Mutex<Duration>,
}

impl Default for Turns {
    fn default() -> Self {
        Self { after: Mutex::default(), waiting: Mutex::default(), patience: Mutex::new(PATIENCE) }
    }
}

/// What stands in the way of a turn.
#[derive(Clone, Debug, PartialEq)]
struct Blocker {
    name: String,
    status: Status,
    reason: Option<String>,
    health: Health,
    is_waiting: bool,
}

impl Services {
    /// Lets the next action on a service wait until these have been moved; none lets it go at once.
    pub(super) fn wait_for(&self, id: ServiceId, others: &[ServiceId]) {
        if others.is_empty() {
            lock(&self.turns.after).remove(&id);
        } else {
            lock(&self.turns.after).insert(id, others.to_vec());
        }
    }

    /// Waits until those before it have been moved, or something else is asked for. Answers what it hasn't waited for any longer, in words.
    pub(super) async fn wait_for_turn(&self, id: ServiceId, action: Action) -> Option<String> {
        let others = lock(&self.turns.after).remove(&id)?;
        lock(&self.turns.waiting).insert(id);
        let given_up = self.wait_until_moved(id, action, &others).await;
        lock(&self.turns.waiting).remove(&id);
        // Others look whether it still waits.
        self.rested.notify_waiters();
        if self.is_overtaken(id) {
            return None;
        }
        let given_up = given_up.or_else(|| self.not_up(action, &others))?;
        tracing::warn!(service = %id, action = %action, others = %given_up, "turn_taken_early");
        Some(match action {
            Action::Stop => format!("it wasn't waited any longer for {given_up} to stop"),
            Action::Start | Action::Restart => format!("it was started although {given_up}"),
        })
    }

    async fn wait_until_moved(&self, id: ServiceId, action: Action, others: &[ServiceId]) -> Option<String> {
        let patience = *lock(&self.turns.patience);
        let (mut before, mut deadline) = (Vec::new(), Instant::now() + patience);
        loop {
            let mut changed = std::pin::pin!(self.core.catalog.changed());
            let mut rested = std::pin::pin!(self.rested.notified());
            changed.as_mut().enable();
            rested.as_mut().enable();
            let blockers = self.blockers(others, action);
            if blockers.is_empty() || self.is_overtaken(id) {
                return None;
            }
            // What waits itself is on its way, and has its own patience.
            if blockers != before || blockers.iter().any(|blocker| blocker.is_waiting) {
                deadline = Instant::now() + patience;
            }
            let names = blockers.iter().map(|blocker| blocker.name.as_str()).collect::<Vec<_>>().join(", ");
            self.core.catalog.update(id, |entry| {
                entry.service.status_reason = Some(match action {
                    Action::Stop => format!("waits until {names} {} stopped", if blockers.len() == 1 { "has" } else { "have" }),
                    Action::Start | Action::Restart => {
                        format!("waits until {names} {} well", if blockers.len() == 1 { "is" } else { "are" })
                    }
                });
            });
            before = blockers;
            tokio::select! {
                () = changed => {}
                () = rested => {}
                () = tokio::time::sleep_until(deadline) => {
                    // What waits itself may have lost patience in the same moment, and goes on now.
                    if before.iter().any(|blocker| blocker.is_waiting) || self.blockers(others, action) != before {
                        continue;
                    }
                    let words: Vec<String> = before.iter().map(|blocker| blocker.words(action)).collect();
                    return Some(words.join(" and "));
                }
            }
        }
    }

    fn blockers(&self, others: &[ServiceId], action: Action) -> Vec<Blocker> {
        others.iter().filter_map(|other| self.blocker(*other, action)).collect()
    }

    /// What is in the way of a turn as long as another service isn't where it shall be.
    fn blocker(&self, id: ServiceId, action: Action) -> Option<Blocker> {
        let entry = self.core.catalog.find(id)?;
        let is_moved = lock(&self.agents).contains_key(&id);
        let (status, health) = (entry.service.status, entry.service.health_status);
        let is_in_the_way = match action {
            // Until all of its stop is done, and recorded.
            Action::Stop => is_moved && status != Status::Error,
            Action::Start | Action::Restart => match status {
                Status::Starting | Status::Stopping => true,
                Status::Running => is_moved || (is_checked(&entry) && !matches!(health, Health::Healthy | Health::Degraded)),
                // It doesn't come up, whatever is done.
                Status::Stopped | Status::Error | Status::Unknown => false,
            },
        };
        let reason = entry.service.status_reason.clone();
        let is_waiting = lock(&self.turns.waiting).contains(&id);
        is_in_the_way.then(|| Blocker { name: entry.service.name.clone(), status, reason, health, is_waiting })
    }

    /// Which of them, that it needs, haven't come up at all.
    fn not_up(&self, action: Action, others: &[ServiceId]) -> Option<String> {
        if action == Action::Stop {
            return None;
        }
        let entries = others.iter().filter_map(|id| self.core.catalog.find(*id));
        let down: Vec<String> = entries
            .filter(|entry| entry.service.status != Status::Running)
            .map(|entry| format!("{} doesn't run", entry.service.name))
            .collect();
        (!down.is_empty()).then(|| down.join(" and "))
    }
}

impl Blocker {
    fn words(&self, action: Action) -> String {
        match (action, self.status) {
            (Action::Stop, _) => self.name.clone(),
            (_, Status::Running) => format!("{} isn't healthy", self.name),
            _ => format!("{} doesn't run yet", self.name),
        }
    }
}

/// Whether its health will be known some time.
fn is_checked(entry: &Entry) -> bool {
    let has_own = entry.container.as_ref().is_some_and(|container| container.own_health.is_some());
    match entry.spec.health.kind {
        CheckKind::None => has_own,
        CheckKind::Command => true,
        CheckKind::Http | CheckKind::Tcp => has_own || entry.service.port.is_some(),
    }
}
