//! What services are told whose configuration has been saved: it stands in place of what their files and settings say.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use api::{Action, BulkReport, BulkRequest, Caller, Error, Result, Service, ServiceId, ServiceSpec, Timestamp};

use super::{Services, lock};
use crate::store::configurations::configuration_delete;
use crate::store::services::ServiceRow;

/// What a service is told.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Told {
    /// The version of its configuration.
    pub version: u64,
    /// The version that it was started with last.
    pub applied: Option<u64>,
    /// Its variables, secrets among them.
    pub variables: BTreeMap<String, String>,
}

/// Why it can't be said what a service is told.
pub(crate) type Unreadable = String;

impl Told {
    /// The port that it is told to listen on.
    pub fn port(&self) -> Option<u16> {
        self.variables.get("PORT")?.trim().parse().ok().filter(|port| *port > 0)
    }
}

impl fmt::Debug for Told {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.variables.keys().collect();
        formatter.debug_struct("Told").field("version", &self.version).field("applied", &self.applied).field("names", &names).finish()
    }
}

impl Services {
    /// Lets a service be told this from its next start on; nothing lets it be told what its files and settings say.
    pub(crate) fn tell(&self, id: ServiceId, told: Option<Result<Told, Unreadable>>) {
        match told {
            Some(told) => lock(&self.told).insert(id, told.map(Arc::new)),
            None => lock(&self.told).remove(&id),
        };
    }

    /// What a service is told by its configuration; none when that was never saved. Fails with `service_failed` when it, or the variables of settings
    /// that count in its place, can't be read.
    pub(crate) fn told(&self, id: ServiceId) -> Result<Option<Arc<Told>>> {
        let of = self.told_as(id);
        let told = lock(&self.told).get(&of).cloned();
        match told {
            Some(told) => {
                told.map(Some).map_err(|why| Error::service(format!("its configuration can't be read, so it isn't run without it: {why}")))
            }
            None => {
                lock(&self.rows).get(&of).map_or(Ok(()), ServiceRow::has_variables)?;
                Ok(None)
            }
        }
    }

    /// Forgets the configuration of a service with all its versions.
    pub(super) async fn untell(&self, id: ServiceId) {
        if !self.is_configured(id) {
            return;
        }
        if let Err(error) = self.core.store.main.write(move |db| Box::pin(configuration_delete(db, id))).await {
            tracing::error!(%error, service = %id, "configuration_not_forgotten");
        }
        self.tell(id, None);
    }

    /// Keeps that a service was started with that version.
    pub(super) fn is_told(&self, id: ServiceId, version: Option<u64>) {
        if let Some(Ok(told)) = lock(&self.told).get_mut(&id)
            && version.is_some()
        {
            Arc::make_mut(told).applied = version;
        }
    }

    /// Whether the configuration of a service has been saved, readable or not.
    pub(crate) fn is_configured(&self, id: ServiceId) -> bool {
        let of = self.told_as(id);
        lock(&self.told).contains_key(&of)
    }

    /// What a service is told by its files and settings, as long as its configuration isn't saved.
    pub(crate) async fn said(&self, spec: &ServiceSpec) -> Result<BTreeMap<String, String>> {
        self.planner.said(spec).await
    }

    /// Asks for an action on a service.
    pub(crate) async fn ask_for(&self, caller: &Caller, id: ServiceId, action: Action) -> Result<Service> {
        self.ask(caller, id, action).await
    }

    /// Asks for an action on many services.
    pub(crate) async fn ask_for_many(&self, caller: &Caller, request: BulkRequest) -> Result<BulkReport> {
        self.act_on_many(caller, request).await
    }

    /// Waits for its turn to change one service.
    pub(crate) async fn hold(&self, id: ServiceId) -> tokio::sync::OwnedMutexGuard<()> {
        self.gate(id).await
    }

    /// Fails with `unavailable` unless this instance may act.
    pub(crate) fn may_change(&self) -> Result<()> {
        self.may_act()
    }

    /// The row of a service that isn't deleted.
    pub(crate) fn row_of(&self, id: ServiceId) -> Result<ServiceRow> {
        self.row(id)
    }

    /// Fails unless the caller may let a service be told these variables, after it was told those of `before`.
    pub(crate) fn may_tell(
        &self,
        caller: &Caller,
        spec: &ServiceSpec,
        variables: &BTreeMap<String, String>,
        before: &BTreeMap<String, String>,
    ) -> Result<()> {
        let of = |variables: &BTreeMap<String, String>| ServiceSpec { environment: variables.clone(), ..spec.clone() };
        self.may_run(caller, &of(variables), Some(&of(before))).map(|_| ())
    }

    /// Shows that the settings of a service have changed, and lets dependencies be looked at anew.
    pub(crate) async fn retell(&self, id: ServiceId, spec: ServiceSpec, at: Timestamp) {
        self.set_row(id, |row| (row.spec, row.last_updated) = (spec, at));
        if let Ok(row) = self.row(id) {
            self.core.catalog.update(id, |entry| {
                super::entry::refresh(entry, &row);
                entry.service.last_updated = at;
            });
        }
        self.forget_look().await;
    }
}
