//! Brings what discovery finds into the store and the catalog.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use api::{Caller, Desired, DiscoveryReport, EventKind, Result, ServiceId, ServiceSpec, Source, Status};

use super::discovery::{Discovery, Found, Scan, free_name};
use super::launch::blocking;
use super::{Services, entry, lock};
use crate::events::NewEvent;
use crate::store::services::{ServiceRow, service_put, service_set_found};
use crate::user::SystemUser;

/// Between looks through the services folder. What hasn't changed isn't read again.
const INTERVAL: Duration = Duration::from_secs(30);

/// How long what runtimes have found is gathered.
const TOGETHER: Duration = Duration::from_millis(100);

/// Before the first look, when services are known.
const FIRST: Duration = Duration::from_secs(2);

/// What has changed in the services folder since the last look.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// New, or back after it was deleted.
    pub added: Vec<ServiceRow>,
    /// Read anew, or gone.
    pub read: Vec<(ServiceId, Option<Found>, bool)>,
    /// What is told of it.
    pub events: Vec<NewEvent>,
}

impl Services {
    /// Looks through the services folder again and again. Failures are logged; the next look may do better.
    pub(super) async fn keep_looking(&self) {
        self.core.store.lease.held().await;
        if !lock(&self.rows).is_empty() {
            // What is known is shown already: the first answers come before the first look.
            tokio::time::sleep(FIRST).await;
        }
        loop {
            if self.may_act().is_ok() {
                self.purge_old().await;
                match self.look_through(None).await {
                    Ok(_) => self.demonstrate().await,
                    Err(error) => tracing::warn!(%error, "discovery_failed"),
                }
            }
            let again = tokio::time::Instant::now() + INTERVAL;
            while tokio::time::timeout_at(again, self.runtimes.discovered()).await.is_ok() {
                // Several come together, as when Compose starts.
                tokio::time::sleep(TOGETHER).await;
                if self.may_act().is_ok()
                    && let Err(error) = self.look_at_runtimes(None).await
                {
                    tracing::warn!(%error, "discovery_failed");
                }
            }
        }
    }

    /// Looks through the services folder, and at what runtimes have found, once.
    pub(super) async fn look_through(&self, caller: Option<&Caller>) -> Result<DiscoveryReport> {
        let mut report = self.look_through_folder(caller).await?;
        report.added.extend(self.look_at_runtimes(caller).await?);
        report.missing = lock(&self.rows).values().filter(|row| row.is_missing && !row.is_deleted).map(|row| row.name.clone()).collect();
        report.missing.sort();
        Ok(report)
    }

    async fn look_through_folder(&self, caller: Option<&Caller>) -> Result<DiscoveryReport> {
        let Some(root) = self.root.clone() else { return Ok(DiscoveryReport::default()) };
        let mut discovery = self.discovery.lock().await;
        let mut taken = std::mem::take(&mut *discovery);
        let (looked, users) = (root.clone(), self.users_of_folders());
        let (taken, scan): (Discovery, Scan) = blocking(move || {
            let chosen = |(folder, user): (PathBuf, String)| Some((folder, SystemUser::choose(&user).ok()?));
            let scan = taken.scan(&looked, &users.into_iter().filter_map(chosen).collect());
            (taken, scan)
        })
        .await?;
        *discovery = taken;
        let changes = self.changes(&root, &scan, caller);
        let mut report = DiscoveryReport { folder: Some(root.display().to_string()), skipped: scan.skipped, ..DiscoveryReport::default() };
        report.added = changes.added.iter().map(|row| row.name.clone()).collect();
        self.keep(changes).await?;
        Ok(report)
    }

    /// The folders whose services run as a user of their own, with its name.
    fn users_of_folders(&self) -> Vec<(PathBuf, String)> {
        let rows = lock(&self.rows);
        let live = rows.values().filter(|row| !row.is_deleted);
        live.filter_map(|row| Some((PathBuf::from(row.folder.as_deref()?), row.spec.user.clone()?))).collect()
    }

    fn changes(&self, root: &Path, scan: &Scan, caller: Option<&Caller>) -> Changes {
        let now = self.core.clock.now();
        let mut changes = Changes::default();
        let rows = lock(&self.rows);
        let by_folder: std::collections::HashMap<_, _> = rows.values().filter_map(|row| Some((row.folder.as_deref()?, row))).collect();
        let mut names: HashSet<String> = rows.values().filter(|row| !row.is_deleted).map(|row| row.name.to_ascii_lowercase()).collect();
        let event = |kind, text: String, id, name: &str| {
            let event = NewEvent::new(kind, text).on(id, name);
            caller.map_or(event.clone(), |caller| event.by(caller))
        };
        let mut seen = HashSet::new();
        for (path, found) in &scan.found {
            let Some(folder) = path.to_str() else { continue };
            seen.insert(folder);
            match by_folder.get(folder) {
                Some(row) if row.is_deleted => {}
                // What it runs is what its release has.
                Some(row) if lock(&self.pinned).contains_key(&row.id) => {
                    if row.is_missing {
                        changes.read.push((row.id, None, false));
                    }
                }
                Some(row) => {
                    if row.found.as_ref() != Some(found) || row.is_missing {
                        changes.read.push((row.id, Some(found.clone()), false));
                    }
                }
                None => {
                    let wished = found.name.as_deref().or_else(|| path.file_name()?.to_str()).unwrap_or("service");
                    let name = free_name(wished, |name| names.contains(&name.to_ascii_lowercase()));
                    names.insert(name.to_ascii_lowercase());
                    let id = ServiceId(self.core.clock.new_uuid());
                    let text = format!("{name} was found in '{folder}'");
                    changes.events.push(event(EventKind::ServiceDiscovered, text, id, &name));
                    let spec = ServiceSpec::new(Source::Folder { folder: folder.to_owned() });
                    changes.added.push(ServiceRow {
                        folder: Some(folder.to_owned()),
                        is_discovered: true,
                        found: Some(found.clone()),
                        ..ServiceRow::new(id, name, spec, now)
                    });
                }
            }
        }
        let skipped: HashSet<&str> = scan.skipped.iter().map(|skipped| skipped.folder.as_str()).collect();
        for (folder, row) in by_folder.iter().filter(|_| scan.is_complete) {
            let is_here = Path::new(folder).parent() == Some(root);
            if is_here && !row.is_deleted && !row.is_missing && !seen.contains(folder) && !skipped.contains(folder) {
                changes.read.push((row.id, None, true));
                let text = format!("the folder of {}, '{folder}', is gone", row.name);
                changes.events.push(event(EventKind::ServiceMissing, text, row.id, &row.name));
            }
        }
        changes
    }

    /// Writes the changes in one commit, then shows them.
    pub(super) async fn keep(&self, changes: Changes) -> Result<()> {
        let Changes { added, read, events } = changes;
        if added.is_empty() && read.is_empty() && events.is_empty() {
            return Ok(());
        }
        let rows = added.iter().map(|row| Ok((row.clone(), self.sealed_row(row)?))).collect::<Result<Vec<_>>>()?;
        let found = read.clone();
        let write = self.core.events.write(move |db| {
            Box::pin(async move {
                for (row, spec) in &rows {
                    service_put(db, row, spec).await?;
                }
                for (id, found, is_missing) in &found {
                    service_set_found(db, *id, found.as_ref(), *is_missing).await?;
                }
                Ok(((), events))
            })
        });
        write.await?;
        for row in added {
            self.runtimes.adopt(row.id, &row.spec);
            // Whoever sees it can act on it.
            let shown = entry::entry(&row);
            lock(&self.rows).insert(row.id, row);
            self.core.catalog.insert(shown);
        }
        for (id, found, is_missing) in read {
            self.set_row(id, |row| {
                row.is_missing = is_missing;
                row.found = found.or(row.found.take());
            });
            let Ok(row) = self.row(id) else { continue };
            self.core.catalog.update(id, |entry| {
                // An error that the missing folder has caused ends with it; one of a run stays.
                let is_at_rest = row.desired == Desired::Stopped && entry.service.status == Status::Error;
                if is_at_rest {
                    entry.service.status = Status::Stopped;
                }
                entry::refresh(entry, &row);
            });
        }
        Ok(())
    }
}
