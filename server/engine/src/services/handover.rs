//! Restarts without a break: a second copy is started beside the one that runs, and takes its place when it listens.

use std::time::Duration;

use api::{EventKind, NOT_RESTARTED, Result, ServiceId};

use super::discovery::Found;
use super::launch::{Plan, Planned};
use super::reconciler::Phase;
use super::{Services, entry, lock};
use crate::events::NewEvent;
use crate::runtime::{HandOver, HandedOver, Launch, Observation};
use crate::store::configurations::configuration_set_applied;
use crate::store::services::{ServiceRow, service_set_found, service_set_run};

/// What is shown until more is known.
pub(super) const BEGUN: &str = "a new copy is being started";

impl Services {
    /// Whether a restart of a service would be one without a break.
    pub(super) fn can_hand_over(&self, id: ServiceId) -> bool {
        self.row(id).is_ok_and(|row| row.spec.handover) && self.runtimes.socket(id).is_some()
    }

    /// Restarts a service without a break. Answers whether that is all that is to be done, whatever came of it; when not, it takes a restart
    /// with a break. `said` is what people are told of it.
    pub(super) async fn hand_over(&self, id: ServiceId, said: Option<&str>) -> bool {
        let Ok(row) = self.row(id) else { return true };
        let Some(socket) = self.runtimes.socket(id).filter(|_| row.spec.handover) else { return false };
        self.enter(id, Phase::HandingOver);
        self.say_running(id, BEGUN);
        if let Ok(seen) = self.runtimes.observe(id).await {
            self.show(id, seen).await;
        }
        // Each wish has a time of its own: a Pilothouse that was killed after it had asked for this is followed by one that waits for the same.
        let number = row.desired_at.micros();
        let planned = match socket.last == Some(number) {
            true => None,
            false => match self.plan_successor(&row, socket.port).await {
                Ok(planned) => Some(planned),
                Err(error) => {
                    self.enter(id, Phase::Launched);
                    self.not_handed_over(&row, &error.message).await;
                    return true;
                }
            },
        };
        let launch = planned.as_ref().and_then(|planned| match &planned.launch {
            Launch::Process(launch) => Some(launch.clone()),
            Launch::NewContainer(_) | Launch::Container => None,
        });
        let grace = Duration::from_secs(row.spec.stop_grace_seconds.into());
        let told = |words: String| self.say_running(id, &words);
        let outcome = tokio::select! {
            () = self.overtaken(id) => {
                lock(&self.notes).remove(&id);
                return true;
            }
            outcome = self.runtimes.hand_over(id, HandOver { number, launch, grace }, &told) => outcome,
        };
        lock(&self.notes).remove(&id);
        if outcome != Ok(HandedOver::Impossible) {
            // It may be asked for anew from here on.
            self.enter(id, Phase::Launched);
        }
        match outcome {
            Ok(HandedOver::Done) => self.handed_over(&row, planned, said).await,
            Ok(HandedOver::Failed(why)) => self.not_handed_over(&row, &why).await,
            Ok(HandedOver::Impossible) => return false,
            Err(error) => self.not_handed_over(&row, &error.message).await,
        }
        true
    }

    async fn plan_successor(&self, row: &ServiceRow, held: u16) -> Result<Planned> {
        let _choosing = self.choosing.lock().await;
        let reserved = self.reserved(row.id);
        let (told, pinned) = (self.told(row.id)?, self.pinned(row.id)?);
        let (spec, told, pinned) = (&row.spec, told.as_deref(), pinned.as_deref());
        self.planner.plan(Plan { name: &row.name, spec, told, pinned, last_port: Some(held), reserved: &reserved, held: Some(held) }).await
    }

    /// Shows why a service that runs isn't at rest.
    fn say_running(&self, id: ServiceId, words: &str) {
        lock(&self.notes).insert(id, words.into());
        self.core.catalog.update(id, |entry| entry.service.status_reason = Some(words.into()));
    }

    async fn handed_over(&self, row: &ServiceRow, planned: Option<Planned>, said: Option<&str>) {
        let id = row.id;
        let (note, found, version) = planned.map(|planned| (planned.note, planned.found, planned.version)).unwrap_or_default();
        self.is_told(id, version);
        let port = self.runtimes.socket(id).map(|socket| socket.port).or(row.port);
        self.set_row(id, |row| {
            (row.port, row.is_missing) = (port, false);
            if found.is_some() {
                row.found.clone_from(&found);
            }
        });
        let note: Vec<String> = note.into_iter().chain(said.map(String::from)).collect();
        if !note.is_empty() {
            lock(&self.notes).insert(id, note.join("; "));
        }
        self.core.catalog.update(id, |entry| {
            entry.service.port = port.or(entry.service.port);
            if let Ok(row) = self.row(id) {
                entry::refresh(entry, &row);
            }
        });
        let on = port.map(|port| format!(" on port {port}")).unwrap_or_default();
        let pid = match self.runtimes.observe(id).await {
            Ok(Observation::Running { pid, .. }) => Some(pid),
            _ => None,
        };
        let message = format!("{} restarted{on} without a break", row.name);
        let data = serde_json::json!({ "pid": pid, "port": port, "handover": true });
        let event = NewEvent::new(EventKind::ServiceStarted, message).on(id, &row.name).with(data);
        self.rest_handed(row, port, found, version, event).await;
    }

    /// The one before goes on, and everybody can read why.
    async fn not_handed_over(&self, row: &ServiceRow, why: &str) {
        self.say_running(row.id, &format!("{NOT_RESTARTED}, and runs on as it was: {why}"));
        let message = format!("{} wasn't restarted, and runs on as it was: {why}", row.name);
        let event = NewEvent::new(EventKind::ServiceStartFailed, message)
            .on(row.id, &row.name)
            .with(serde_json::json!({ "reason": why, "handover": true }));
        self.rest_handed(row, row.port, None, None, event).await;
    }

    /// Keeps that what was asked for has been done, and what came of it.
    async fn rest_handed(&self, row: &ServiceRow, port: Option<u16>, found: Option<Found>, version: Option<u64>, event: NewEvent) {
        let id = row.id;
        let gate = self.gate(id).await;
        // What has been asked for since hasn't begun.
        let boot_id = self.boot_id.clone().filter(|_| self.row(id).is_ok_and(|now| now.desired_at == row.desired_at));
        self.set_row(id, |row| row.boot_id.clone_from(&boot_id));
        let write = self.core.events.write(move |db| {
            Box::pin(async move {
                service_set_run(db, id, port, boot_id.as_deref()).await?;
                if let Some(found) = &found {
                    service_set_found(db, id, Some(found), false).await?;
                }
                if let Some(version) = version {
                    configuration_set_applied(db, id, version).await?;
                }
                Ok(((), vec![event]))
            })
        });
        if let Err(error) = write.await {
            tracing::error!(%error, service = %id, "handover_not_recorded");
        }
        drop(gate);
        match self.runtimes.observe(id).await {
            Ok(seen) => self.show(id, seen).await,
            Err(error) => tracing::warn!(%error, service = %id, "service_not_observed"),
        }
    }
}
