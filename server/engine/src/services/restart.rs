//! Starting again what has ended by itself, as its policy says.
//!
//! A wait is a task; it counts as long as the service still shows the time that it waits for, so whoever changes that (a person who
//! starts or stops the service, a new policy) ends it.

use std::time::Duration;

use api::{Action, RestartPolicy, Restarts, ServiceId, Status, Timestamp};

use super::Services;
use crate::runtime::Ended;

impl Services {
    /// Says what comes after a run that ended by itself; it began at `began`, if that is known.
    pub(super) fn after_end(&self, id: ServiceId, ended: &Ended, began: Option<Timestamp>) -> Restarts {
        let before = self.core.catalog.find(id).map(|entry| entry.service.restarts).unwrap_or_default();
        let policy = self.row(id).map_or(RestartPolicy::Never, |row| row.spec.restart);
        // What can't be started waits for somebody to mend it; what somebody else has ended, for their reasons.
        let policy = if ended.start_failure.is_some() || ended.was_asked { RestartPolicy::Never } else { policy };
        let ran = began.map_or(0.0, |began| ended.at.seconds_since(began));
        before.after_end(policy, ended.code != Some(0), ran, self.core.clock.now())
    }

    /// Starts a service at the time that it shows, unless something else happens until then.
    pub(super) fn start_again(&self, id: ServiceId, at: Timestamp) {
        let Some(services) = self.me.upgrade() else { return };
        let wait = Duration::try_from_secs_f64(at.seconds_since(self.core.clock.now())).unwrap_or_default();
        let shutdown = self.core.shutdown.clone();
        let waiting = async move {
            tokio::time::sleep(wait).await;
            services.core.store.lease.held().await;
            services.start_if_waiting(id, at).await;
        };
        self.core.tasks.spawn(async move { shutdown.run_until_cancelled(waiting).await });
    }

    async fn start_if_waiting(&self, id: ServiceId, at: Timestamp) {
        let _gate = self.gate(id).await;
        let is_waiting = self
            .core
            .catalog
            .find(id)
            .is_some_and(|entry| entry.service.restarts.next_at == Some(at) && entry.service.status == Status::Error);
        if !is_waiting {
            return;
        }
        self.core.catalog.update(id, |entry| {
            (entry.service.status, entry.service.status_reason) = (Status::Starting, None);
            entry.service.restarts.next_at = None;
        });
        self.wake(id, Action::Start);
    }
}

/// What the end of a run says about the next: for the event that is recorded of it.
pub(super) fn words(restarts: &Restarts, now: Timestamp) -> String {
    restarts.next_at.map(|at| format!("; it is started again in {} s", at.seconds_since(now).round())).unwrap_or_default()
}
