//! Deleting services, putting them back, and removing them for good.

use api::{
    Caller, DeletedService, Desired, Error, EventKind, Page, Restoration, Result, ServiceDetail, ServiceId, ServiceSpec, Source, Timestamp,
};

use super::validate::Faults;
use super::{Services, entry, lock, taken};
use crate::events::NewEvent;
use crate::store::services::{Deletion, ServiceRow, service_delete};

impl Services {
    /// Takes a service at rest out of sight. A container that others have made is removed, and with it all that there was; anything
    /// else can be put back for [`DeletedService::DAYS`].
    pub(super) async fn delete_service(&self, caller: &Caller, id: ServiceId) -> Result<()> {
        self.may_act()?;
        self.is_no_part(&self.row(id)?)?;
        if self.core.catalog.get(id)?.service.status.can_delete().is_ok() {
            self.settle(id).await;
        }
        let gate = self.gate(id).await;
        let current = self.core.catalog.get(id)?;
        let name = current.service.name.clone();
        current.service.status.can_delete().map_err(|blocked| Error::conflict(format!("'{name}' can't be deleted: {}", blocked.0)))?;
        if lock(&self.agents).contains_key(&id) {
            return Err(Error::conflict(format!("'{name}' can't be deleted: it is being started or stopped; wait a moment")));
        }
        let row = self.row(id)?;
        if let Some((environment, there)) = self.targets_of(id).into_iter().next() {
            return Err(Error::conflict(format!("'{name}' can't be deleted: it is in {environment} too, as '{there}'; delete that first")));
        }
        let event = NewEvent::new(EventKind::ServiceDeleted, format!("{} deleted {name}", caller.name)).on(id, &name).by(caller);
        if matches!(row.spec.source, Source::Container { .. }) {
            self.remove(row, event).await?;
        } else {
            let deletion = Deletion { at: self.core.clock.now(), by: caller.name.clone() };
            let hidden = ServiceRow { is_deleted: true, deletion: Some(deletion), desired: Desired::Stopped, boot_id: None, ..row };
            self.put(hidden, event).await?;
        }
        self.core.catalog.remove(id);
        lock(&self.notes).remove(&id);
        drop(gate);
        lock(&self.gates).remove(&id);
        Ok(())
    }

    /// What can be put back, the last deleted first.
    pub(super) fn list_deleted(&self) -> Page<DeletedService> {
        let mut deleted: Vec<_> = lock(&self.rows).values().filter_map(deleted).collect();
        deleted.sort_by_key(|service| std::cmp::Reverse((service.deleted_at, service.id)));
        Page::whole(deleted)
    }

    /// The rows of what can be put back, the last deleted first.
    pub(crate) fn deleted_rows(&self) -> Vec<ServiceRow> {
        let mut rows: Vec<_> = lock(&self.rows).values().filter(|row| row.deletion.is_some()).cloned().collect();
        rows.sort_by_key(|row| std::cmp::Reverse((row.deletion.as_ref().map(|deletion| deletion.at), row.id)));
        rows
    }

    /// Puts a deleted service back, at rest, with all that was known of it.
    pub(super) async fn restore_service(&self, caller: &Caller, id: ServiceId, how: Restoration) -> Result<ServiceDetail> {
        self.may_act()?;
        if let Some(name) = &how.name {
            let mut faults = Faults::none();
            faults.name(name);
            faults.refuse()?;
        }
        let _gate = self.gate(id).await;
        let row = self.deleted_row(id)?;
        let name = how.name.unwrap_or_else(|| row.name.clone());
        if let Some(there) = row.spec.target.as_ref().and_then(|target| self.find_target(target.service_id, &target.environment)) {
            let (environment, there) = (row.spec.in_environment(), self.row(there)?.name);
            return Err(Error::conflict(format!(
                "'{name}' can't be put back: '{there}' is its service in {environment} by now; delete that first"
            )));
        }
        if self.is_name_taken(&name, Some(id)) {
            return Err(taken(&name));
        }
        let event = NewEvent::new(EventKind::ServiceRestored, format!("{} put {name} back", caller.name)).on(id, &name).by(caller);
        let row = ServiceRow { name, is_deleted: false, deletion: None, last_updated: self.core.clock.now(), ..row };
        self.put(row.clone(), event).await?;
        let shown = entry::entry(&row);
        let detail = shown.detail();
        self.core.catalog.insert(shown);
        Ok(detail)
    }

    /// Removes a deleted service for good before its time.
    pub(super) async fn purge_service(&self, caller: &Caller, id: ServiceId) -> Result<()> {
        self.may_act()?;
        let _gate = self.gate(id).await;
        let row = self.deleted_row(id)?;
        let text = format!("{} removed {} for good", caller.name, row.name);
        let event = NewEvent::new(EventKind::ServicePurged, text).on(id, &row.name).by(caller);
        self.remove(row, event).await
    }

    /// Removes for good what nobody has put back in time. What can't be removed now is tried again the next time.
    pub(super) async fn purge_old(&self) {
        let now = self.core.clock.now();
        let is_old = |row: &&ServiceRow| deleted(row).is_some_and(|service| service.kept_until <= now);
        let old: Vec<ServiceId> = lock(&self.rows).values().filter(is_old).map(|row| row.id).collect();
        for id in old {
            let _gate = self.gate(id).await;
            let Ok(row) = self.deleted_row(id) else { continue };
            let text = format!("{} was removed for good, {} days after it was deleted", row.name, DeletedService::DAYS);
            let event = NewEvent::new(EventKind::ServicePurged, text).on(id, &row.name);
            if let Err(error) = self.remove(row, event).await {
                tracing::warn!(%error, service = %id, "deleted_service_not_removed");
            }
        }
    }

    fn deleted_row(&self, id: ServiceId) -> Result<ServiceRow> {
        let row = lock(&self.rows).get(&id).filter(|row| row.deletion.is_some()).cloned();
        row.ok_or_else(|| Error::not_found("deleted service", id))
    }

    /// Removes all traces of a service at rest but what happened to it.
    pub(super) async fn remove(&self, row: ServiceRow, event: NewEvent) -> Result<()> {
        let id = row.id;
        self.runtimes.remove(id).await?;
        let is_found_again = row.folder.is_some() || matches!(row.spec.source, Source::Container { .. } | Source::Demonstration { .. });
        if is_found_again {
            // Kept, so that it isn't found again, or with the same id when there is a container of its name again.
            let spec = ServiceSpec::new(row.spec.source.clone());
            let (last_exit, boot_id, deletion) = (None, None, None);
            self.put(ServiceRow { is_deleted: true, deletion, desired: Desired::Stopped, last_exit, boot_id, spec, ..row }, event).await?;
        } else {
            let write = self.core.events.write(move |db| {
                Box::pin(async move {
                    service_delete(db, id).await?;
                    Ok(((), vec![event]))
                })
            });
            write.await?;
            lock(&self.rows).remove(&id);
        }
        self.forget_incidents(id).await;
        self.untell(id).await;
        if let Some(told) = self.on_delete.get() {
            told(id);
        }
        Ok(())
    }
}

/// A row that can be put back.
fn deleted(row: &ServiceRow) -> Option<DeletedService> {
    let Deletion { at, by } = row.deletion.clone()?;
    let kept_until: Timestamp = DeletedService::kept_until(at);
    let (id, name, runtime) = (row.id, row.name.clone(), row.spec.runtime);
    Some(DeletedService { id, name, runtime, deleted_at: at, deleted_by: by, kept_until })
}
