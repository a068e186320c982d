//! What others run: containers that are found become services, and what others do with them stands.

use std::collections::{HashMap, HashSet};

use api::{Caller, Desired, EventKind, Result, RuntimeKind, ServiceId, ServiceSpec, Source};

use super::discovery::free_name;
use super::sync::Changes;
use super::{Services, lock};
use crate::Entry;
use crate::events::NewEvent;
use crate::runtime::{Found, Observation};
use crate::store::services::{ServiceRow, service_set_asked, service_set_run};

impl Services {
    /// Makes services of what runtimes have found, and shows what they do. Answers the names of new ones.
    pub(super) async fn look_at_runtimes(&self, caller: Option<&Caller>) -> Result<Vec<String>> {
        let _alone = self.discovery.lock().await;
        let mut names = Vec::new();
        for (kind, found) in self.runtimes.discover() {
            let changes = self.container_changes(kind, found, caller);
            let new: Vec<ServiceId> = changes.added.iter().map(|row| row.id).collect();
            names.extend(changes.added.iter().map(|row| row.name.clone()));
            self.keep(changes).await?;
            for id in new {
                if let Ok(seen) = self.runtimes.observe(id).await {
                    self.show(id, seen).await;
                }
            }
        }
        Ok(names)
    }

    fn container_changes(&self, kind: RuntimeKind, found: Vec<Found>, caller: Option<&Caller>) -> Changes {
        let now = self.core.clock.now();
        let mut changes = Changes::default();
        let rows = lock(&self.rows);
        let of_kind = rows.values().filter(|row| row.spec.runtime == kind);
        let by_container: HashMap<&str, &ServiceRow> = of_kind.filter_map(|row| Some((container(&row.spec)?, row))).collect();
        let mut names: HashSet<String> = rows.values().filter(|row| !row.is_deleted).map(|row| row.name.to_ascii_lowercase()).collect();
        let event = |kind, text: String, id, name: &str| {
            let event = NewEvent::new(kind, text).on(id, name);
            caller.map_or(event.clone(), |caller| event.by(caller))
        };
        let mut seen = HashSet::new();
        for found in &found {
            let Source::Container { container } = &found.source else { continue };
            seen.insert(container.as_str());
            let before = by_container.get(container.as_str());
            match before {
                Some(row) if !row.is_deleted && row.is_missing => changes.read.push((row.id, None, false)),
                Some(row) if !row.is_deleted => {}
                _ => {
                    let name = free_name(&found.name, |name| names.contains(&name.to_ascii_lowercase()));
                    names.insert(name.to_ascii_lowercase());
                    // A container of the same name is the same service.
                    let id = before.map_or_else(|| ServiceId(self.core.clock.new_uuid()), |row| row.id);
                    changes.events.push(event(EventKind::ServiceDiscovered, format!("the container {container} was found"), id, &name));
                    changes.added.push(ServiceRow {
                        id,
                        name,
                        description: None,
                        folder: None,
                        is_discovered: true,
                        is_missing: false,
                        is_deleted: false,
                        deletion: None,
                        spec: ServiceSpec { labels: found.labels.clone(), ..ServiceSpec::new(found.source.clone()) },
                        unopened: None,
                        found: None,
                        desired: if found.is_running { Desired::Running } else { Desired::Stopped },
                        // Nobody has asked for it here: what happens from now on is news.
                        desired_at: found.ended_at,
                        port: found.port,
                        boot_id: self.boot_id.clone().or_else(|| Some(String::new())),
                        last_exit: None,
                        created_at: before.map_or(now, |row| row.created_at),
                        last_updated: now,
                    });
                }
            }
        }
        for (container, row) in by_container {
            if !row.is_deleted && !row.is_missing && !seen.contains(container) {
                changes.read.push((row.id, None, true));
                let text = format!("the container {container} of {} is gone", row.name);
                changes.events.push(event(EventKind::ServiceMissing, text, row.id, &row.name));
            }
        }
        changes
    }

    /// What is wanted of a found container after what others have done with it: their last word stands, as that of a person here.
    pub(super) async fn follow_others(&self, before: &Entry, seen: &Observation) -> Desired {
        let (desired, service) = (before.service.desired, &before.service);
        if container(&before.spec).is_none() || !self.core.store.lease.is_held() {
            return desired;
        }
        let asked_at = self.row(service.id).map(|row| row.desired_at).unwrap_or_default();
        let (now, kind, what) = match (desired, seen) {
            // A run that was there before is one that couldn't be stopped.
            (Desired::Stopped, Observation::Running { started_at, .. }) if service.started_at != Some(*started_at) => {
                (Desired::Running, EventKind::ServiceStarted, "started")
            }
            // It has run since, and failed before anybody looked.
            (Desired::Stopped, Observation::Ended(ended)) if !ended.was_asked && ended.code != Some(0) && ended.at > asked_at => {
                (Desired::Running, EventKind::ServiceStarted, "started")
            }
            (Desired::Running, Observation::Ended(ended)) if ended.was_asked => (Desired::Stopped, EventKind::ServiceStopped, "stopped"),
            (Desired::Running, Observation::Absent) => (Desired::Stopped, EventKind::ServiceStopped, "removed"),
            _ => return desired,
        };
        let at = match seen {
            // What has failed already was begun after the last word: its lines are those since then.
            Observation::Ended(_) if now == Desired::Running => asked_at,
            // What others start after this is their last word, though it may be seen together with it.
            Observation::Ended(ended) => ended.at,
            _ => self.core.clock.now(),
        };
        let (id, port, boot_id) = (service.id, service.port, self.boot_id.clone().unwrap_or_default());
        let event = NewEvent::new(kind, format!("{} was {what}, and not by Pilothouse", service.name)).on(id, &service.name);
        let boot = boot_id.clone();
        let write = self.core.events.write(move |db| {
            Box::pin(async move {
                service_set_asked(db, id, now, at).await?;
                service_set_run(db, id, port, Some(&boot)).await?;
                Ok(((), vec![event]))
            })
        });
        if let Err(error) = write.await {
            tracing::error!(%error, service = %id, "change_by_others_not_recorded");
        }
        self.set_row(id, |row| {
            (row.desired, row.desired_at, row.last_updated) = (now, at, at);
            row.boot_id = Some(boot_id);
        });
        self.core.catalog.update(id, |entry| entry.service.desired = now);
        now
    }
}

/// The name of the container that a service was found as.
fn container(spec: &ServiceSpec) -> Option<&str> {
    match &spec.source {
        Source::Container { container } => Some(container),
        _ => None,
    }
}
