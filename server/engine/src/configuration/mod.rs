//! What services are told: values by a schema, every save a version, sealed in the store.
//!
//! Until something is saved a service is told what its `.env`, its files with variables and its settings say; that is version 1. From the
//! first save on it is told its newest version, and nothing else. What it runs with is the version that it was started with.

mod backed;
mod difference;
mod import;
mod inherit;
mod kept;
mod many;
mod mask;
mod released;
mod reveal;
mod save;
pub mod schema;
mod state;
mod text;
mod watch;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use api::{
    BulkReport, Caller, Configuration, ConfigurationCheck, ConfigurationDifference, ConfigurationDraft, ConfigurationFormat,
    ConfigurationImport, ConfigurationImported, ConfigurationInherit, ConfigurationReading, ConfigurationReset, ConfigurationRestore,
    ConfigurationReveal, ConfigurationSnapshot, ConfigurationSummary, ConfigurationText, ConfigurationTextQuery, ConfigurationVerdict,
    ConfigurationVersion, ConfigurationsApply, ConfigurationsChange, ConfigurationsChanged, ConfigurationsImport, ConfigurationsQuery,
    DifferenceQuery, Error, EventKind, NewConfiguration, NewSchema, Page, Permission, Result, SecretValue, ServiceId, VersionKind,
};
use async_trait::async_trait;
use serde_json::Value;

use crate::events::NewEvent;
use crate::secrets::keyring::key_of;
use crate::services::Services;
use crate::store::configurations::{VersionRow, Watch, schema_set, version_find, version_list};
use crate::{Core, auth};
pub(crate) use backed::BackedVersion;
pub(crate) use difference::difference as difference_of;
use inherit::Inherits;
use kept::{Kept, Newest};
pub(crate) use kept::{context, secrets_among};
pub(crate) use released::Released;
use save::{Draft, object};
use schema::Recent;
use state::{State, in_body};
pub(crate) use text::env_text;

/// All configurations of this Pilothouse.
pub struct Manager {
    me: Weak<Self>,
    core: Arc<Core>,
    services: Arc<Services>,
    accounts: Arc<auth::Manager>,
    /// The newest versions, so that nothing waits for them to be read and opened.
    kept: Mutex<HashMap<ServiceId, Newest>>,
    /// Schemas that were set.
    schemas: Mutex<HashMap<ServiceId, Arc<Value>>>,
    /// Schemas that are ready to check values by.
    validators: Arc<Recent>,
    /// Versions that are watched.
    watches: Mutex<HashMap<ServiceId, Watch>>,
    /// The turn of who has all of them checked.
    checks: tokio::sync::Mutex<()>,
}

impl Manager {
    /// Reads all configurations, and lets the services be told them. One that can't be opened keeps its service from being started, and says so.
    pub async fn open(core: Arc<Core>, services: Arc<Services>, accounts: Arc<auth::Manager>) -> Result<Arc<Self>> {
        let manager = Arc::new_cyclic(|me| Self {
            me: me.clone(),
            core,
            services,
            accounts,
            kept: Mutex::default(),
            schemas: Mutex::default(),
            validators: Arc::default(),
            watches: Mutex::default(),
            checks: tokio::sync::Mutex::default(),
        });
        manager.read_all().await?;
        Ok(manager)
    }

    /// A version of the store, opened; of a service whose configuration was never saved, what is found.
    async fn version_of(&self, state: &State, version: u64) -> Result<(ConfigurationVersion, Kept)> {
        let id = state.row.id;
        if state.saved.is_none() && version == 1 {
            return Ok((self.found(state)?, state.as_found()));
        }
        let row = version_find(&mut self.core.store.main.read().await?, id, version).await?;
        let row = row.ok_or_else(|| Error::not_found("version", version))?;
        if key_of(&row.sealed).is_some_and(|key| !self.core.keyring.knows(key)) {
            // Another instance has made a new one.
            self.core.keyring.reload().await?;
        }
        let kept = self.open_version(&row)?;
        Ok((self.listed(state, row)?, kept))
    }

    /// What was found, as a version.
    fn found(&self, state: &State) -> Result<ConfigurationVersion> {
        let row = VersionRow {
            service_id: state.row.id,
            version: 1,
            kind: VersionKind::Found,
            created_at: state.row.created_at,
            created_by: None,
            message: String::new(),
            sealed: Vec::new(),
        };
        self.listed(state, row)
    }

    fn listed(&self, state: &State, row: VersionRow) -> Result<ConfigurationVersion> {
        let applied = self.applied(&state.row)?;
        let VersionRow { version, kind, created_at, created_by, message, .. } = row;
        let (is_current, is_applied) = (version == state.version(), applied == Some(version));
        Ok(ConfigurationVersion { version, kind, created_at, created_by, message, is_current, is_applied })
    }
}

#[async_trait]
impl api::ports::Configurations for Manager {
    async fn get(&self, caller: &Caller, id: ServiceId) -> Result<Configuration> {
        caller.require_on(Permission::ConfigRead, id)?;
        self.seen(caller, id).await
    }

    async fn save(&self, caller: &Caller, id: ServiceId, new: NewConfiguration) -> Result<Configuration> {
        let NewConfiguration { values, version, message, restart, watch_seconds, inherit } = new;
        let draft = move |state: &State| {
            let (values, source) = (object(values)?, state.source().cloned());
            let (kind, secrets, inherits) = (VersionKind::Saved, Default::default(), Inherits::Said(inherit));
            Ok(Draft { kind, made_from: Some(version), values, secrets, source, inherits, message, restart, watch_seconds })
        };
        self.save_draft(caller, id, draft).await
    }

    async fn validate(&self, caller: &Caller, id: ServiceId, check: ConfigurationCheck) -> Result<ConfigurationVerdict> {
        caller.require_on(Permission::ConfigRead, id)?;
        let state = self.state(id).await?;
        let mut values = object(check.values)?;
        let mut details = in_body(mask::unmask(&mut values, &state.values, &state.secrets));
        details.extend(state.faults(&values)?);
        Ok(ConfigurationVerdict { valid: details.is_empty(), details })
    }

    async fn versions(&self, caller: &Caller, id: ServiceId) -> Result<Page<ConfigurationVersion>> {
        caller.require_on(Permission::ConfigRead, id)?;
        let state = self.state(id).await?;
        if state.saved.is_none() {
            return Ok(Page::whole(vec![self.found(&state)?]));
        }
        let rows = version_list(&mut self.core.store.main.read().await?, id).await?;
        let listed: Result<Vec<_>> = rows.into_iter().map(|row| self.listed(&state, row)).collect();
        Ok(Page::whole(listed?))
    }

    async fn version(&self, caller: &Caller, id: ServiceId, version: u64) -> Result<ConfigurationSnapshot> {
        caller.require_on(Permission::ConfigRead, id)?;
        let state = self.state(id).await?;
        let (version, kept) = self.version_of(&state, version).await?;
        let secrets = kept.secrets.union(&state::secrets(&kept.values, &state.schema.schema)).cloned().collect();
        let inherited = kept.heritage.map(|heritage| heritage.names).unwrap_or_default();
        Ok(ConfigurationSnapshot { version, values: mask::masked(&kept.values, &secrets), inherited })
    }

    async fn difference(&self, caller: &Caller, id: ServiceId, query: DifferenceQuery) -> Result<ConfigurationDifference> {
        caller.require_on(Permission::ConfigRead, id)?;
        let state = self.state(id).await?;
        let to = query.to.unwrap_or_else(|| state.version());
        let from = query.from.unwrap_or_else(|| to.saturating_sub(1).max(1));
        let ((one, before), (other, after)) = (self.version_of(&state, from).await?, self.version_of(&state, to).await?);
        let mut secrets = &before.secrets | &after.secrets;
        secrets.extend(state::secrets(&before.values, &state.schema.schema));
        secrets.extend(state::secrets(&after.values, &state.schema.schema));
        let origins = inherit::origin_changes((one.kind, &before), (other.kind, &after));
        Ok(ConfigurationDifference { from, to, changes: difference::difference(&before.values, &after.values, &secrets), origins })
    }

    async fn restore(&self, caller: &Caller, id: ServiceId, restore: ConfigurationRestore) -> Result<Configuration> {
        caller.require_on(Permission::ConfigChange, id)?;
        let ConfigurationRestore { version, current_version, message, restart } = restore;
        let state = self.state(id).await?;
        let (_, kept) = self.version_of(&state, version).await.map_err(|error| match error.code {
            api::ErrorCode::NotFound => Error::invalid("/version", format!("there is no version {version} of this configuration")),
            _ => error,
        })?;
        let message = if message.trim().is_empty() { format!("as it was in version {version}") } else { message };
        let draft = move |_: &State| {
            let Kept { values, secrets, source, heritage, .. } = kept;
            let (kind, made_from, inherits) = (VersionKind::Restored, current_version, Inherits::As(heritage));
            Ok(Draft { kind, made_from, values, secrets, source, inherits, message, restart, watch_seconds: None })
        };
        self.save_draft(caller, id, draft).await
    }

    async fn reset(&self, caller: &Caller, id: ServiceId, reset: ConfigurationReset) -> Result<Configuration> {
        let ConfigurationReset { version, names, message } = reset;
        let draft = move |state: &State| {
            let (values, source) = (save::reset(state, &names)?, state.source().cloned());
            let (kind, secrets, inherits) = (VersionKind::Reset, Default::default(), Inherits::followed());
            Ok(Draft { kind, made_from: Some(version), values, secrets, source, inherits, message, restart: false, watch_seconds: None })
        };
        self.save_draft(caller, id, draft).await
    }

    async fn inherit(&self, caller: &Caller, id: ServiceId, inherit: ConfigurationInherit) -> Result<Configuration> {
        self.take_over(caller, id, inherit).await
    }

    async fn text(&self, caller: &Caller, id: ServiceId, query: ConfigurationTextQuery) -> Result<ConfigurationText> {
        caller.require_on(Permission::ConfigRead, id)?;
        let state = self.state(id).await?;
        let (_, kept) = self.version_of(&state, query.version.unwrap_or_else(|| state.version())).await?;
        import::text(&kept, &state.schema.schema, query.format)
    }

    async fn write(&self, caller: &Caller, id: ServiceId, draft: ConfigurationDraft) -> Result<ConfigurationText> {
        caller.require_on(Permission::ConfigRead, id)?;
        let state = self.state(id).await?;
        import::written(&state, draft)
    }

    async fn read(&self, caller: &Caller, id: ServiceId, text: ConfigurationText) -> Result<ConfigurationReading> {
        caller.require_on(Permission::ConfigRead, id)?;
        let state = self.state(id).await?;
        import::reading(&state, &text)
    }

    async fn import(&self, caller: &Caller, id: ServiceId, import: ConfigurationImport) -> Result<ConfigurationImported> {
        self.import_one(caller, id, import).await
    }

    async fn export_all(&self, caller: &Caller, format: ConfigurationFormat) -> Result<ConfigurationText> {
        self.text_of_all(caller, format).await
    }

    async fn import_all(&self, caller: &Caller, import: ConfigurationsImport) -> Result<Page<ConfigurationImported>> {
        self.import_many(caller, import).await
    }

    async fn list(&self, caller: &Caller, query: ConfigurationsQuery) -> Result<Page<ConfigurationSummary>> {
        self.list_all(caller, query).await
    }

    async fn change(&self, caller: &Caller, change: ConfigurationsChange) -> Result<ConfigurationsChanged> {
        self.change_many(caller, change).await
    }

    async fn apply(&self, caller: &Caller, apply: ConfigurationsApply) -> Result<BulkReport> {
        self.apply_many(caller, apply).await
    }

    async fn reveal(&self, caller: &Caller, id: ServiceId, asked: ConfigurationReveal) -> Result<SecretValue> {
        self.reveal_one(caller, id, asked).await
    }

    async fn set_schema(&self, caller: &Caller, id: ServiceId, new: NewSchema) -> Result<Configuration> {
        caller.require_on(Permission::ConfigChange, id)?;
        self.services.may_change()?;
        let _gate = self.services.hold(id).await;
        let row = self.services.row_of(id)?;
        let schema = match new.schema {
            Value::Null => None,
            schema => {
                self.validators.of(&schema)?;
                Some(schema)
            }
        };
        let text = schema.as_ref().map(Value::to_string);
        let message = match schema {
            Some(_) => format!("{} set the schema of the configuration of {}", caller.name, row.name),
            None => format!("{} went back to the schema that is found for {}", caller.name, row.name),
        };
        let event = NewEvent::new(EventKind::ConfigSchemaSet, message).on(id, &row.name).by(caller);
        let write = self.core.events.write(move |db| {
            Box::pin(async move {
                schema_set(db, id, text.as_deref()).await?;
                Ok(((), vec![event]))
            })
        });
        write.await?;
        match schema {
            Some(schema) => lock(&self.schemas).insert(id, Arc::new(schema)),
            None => lock(&self.schemas).remove(&id),
        };
        self.seen(caller, id).await
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
