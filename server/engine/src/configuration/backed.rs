//! A configuration in a backup: all its versions, and how they come back. What is here stays; only what isn't is added.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use api::{
    Caller, ConfigurationText, Error, EventKind, RestoredService, Result, SchemaSource, ServiceId, Timestamp, VersionKind, changed_since,
    variables_of,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::inherit::Heritage;
use super::kept::{Kept, MASKED, secret_texts};
use super::save::{MESSAGE, VERSIONS};
use super::state::{Schema, State, secrets};
use super::{Manager, import, lock};
use crate::events::NewEvent;
use crate::secrets::keyring::{key_of, require_key};
use crate::store::configurations::{
    ConfigurationRow, VersionRow, configuration_newest, configuration_put, schema_set, version_add, version_find, version_forget,
    version_sizes,
};
use crate::store::services::{ServiceRow, service_set_spec};

/// A version with its secrets in clear: only to be kept sealed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct BackedVersion {
    pub version: u64,
    pub kind: VersionKind,
    pub created_at: Timestamp,
    pub created_by: Option<String>,
    pub message: String,
    pub values: Map<String, Value>,
    pub secrets: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<ConfigurationText>,
    /// Which values are inherited, by the ids of where it was backed up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heritage: Option<Heritage>,
}

impl BackedVersion {
    /// Bytes of the versions of one service that a backup has at most, as they are sealed: the newest that fit, because they come back in one commit.
    pub const BYTES: usize = 64 << 20;

    /// Whether it can be kept.
    pub fn is_sound(&self) -> bool {
        let is_text = |text: &str| text.chars().count() <= MESSAGE && !text.contains('\0');
        is_text(&self.message) && self.created_by.as_deref().is_none_or(is_text) && i64::try_from(self.version).is_ok_and(|n| n < 1 << 52)
    }

    fn is_same(&self, row: &VersionRow, kept: &Kept) -> bool {
        let said = (self.kind, self.created_at, &self.created_by, &self.message);
        said == (row.kind, row.created_at, &row.created_by, &row.message)
            && self.values == kept.values
            && self.source == kept.source
            && self.heritage == kept.heritage
    }
}

/// What a restore did to one configuration, or would do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Restored {
    pub present: u64,
    pub added: u64,
    pub differing: u64,
    pub left_out: u64,
    pub saved: Option<u64>,
    pub schema: bool,
}

impl Restored {
    /// Says it in a report.
    pub fn say(self, report: &mut RestoredService) {
        let Self { present, added, differing, left_out, saved, schema } = self;
        (report.present, report.added, report.differing, report.left_out) = (present, added, differing, left_out);
        (report.saved, report.schema) = (saved, schema);
    }
}

/// What is to be written for one configuration.
struct Wanted {
    /// Versions that come back, with what is found now when that would be lost.
    rows: Vec<VersionRow>,
    /// The new newest version.
    newest: Option<Kept>,
    restored: Restored,
}

impl Manager {
    /// The numbers of the versions that a backup has of a service, the earliest first; none when nothing was saved.
    pub(crate) async fn backed_numbers(&self, id: ServiceId) -> Result<Vec<u64>> {
        let mut left = BackedVersion::BYTES as u64;
        let mut numbers = Vec::new();
        for (number, bytes) in version_sizes(&mut self.core.store.main.read().await?, id).await? {
            match left.checked_sub(bytes) {
                Some(rest) => left = rest,
                None => break,
            }
            numbers.push(number);
        }
        numbers.reverse();
        Ok(numbers)
    }

    /// A version as a backup has it; none when it is gone.
    ///
    /// # Errors
    /// `internal` when it was changed outside Pilothouse.
    pub(crate) async fn backed(&self, id: ServiceId, number: u64) -> Result<Option<BackedVersion>> {
        let row = version_find(&mut self.core.store.main.read().await?, id, number).await?;
        let Some(row) = row else { return Ok(None) };
        if key_of(&row.sealed).is_some_and(|key| !self.core.keyring.knows(key)) {
            // Another instance has made a new one.
            self.core.keyring.reload().await?;
        }
        let kept = self.open_version(&row).map_err(|error| {
            let name = self.core.catalog.find(id).map(|entry| entry.service.name.clone()).unwrap_or_default();
            Error { message: format!("version {number} of the configuration of {name} can't be backed up: {}", error.message), ..error }
        })?;
        let VersionRow { version, kind, created_at, created_by, message, .. } = row;
        let Kept { values, secrets, source, heritage, .. } = kept;
        Ok(Some(BackedVersion { version, kind, created_at, created_by, message, values, secrets, source, heritage }))
    }

    /// The schema that was set for a service.
    pub(crate) fn backed_schema(&self, id: ServiceId) -> Option<Value> {
        lock(&self.schemas).get(&id).map(|schema| (**schema).clone())
    }

    /// The services that were deleted and can be put back, the last deleted first.
    pub(crate) fn backed_deleted(&self) -> Vec<ServiceRow> {
        self.services.deleted_rows()
    }

    /// Fails with `unavailable` unless this instance may restore something.
    pub(crate) fn may_restore(&self) -> Result<()> {
        self.services.may_change()
    }

    /// Brings back the versions of a backup that aren't here, in one commit; with `newest`, its newest is saved as the newest here, unless that has the same
    /// values. Doing it again changes nothing.
    ///
    /// # Errors
    /// As a save: what the schema refuses is at its field, `conflict` when somebody saves at the same time.
    #[expect(clippy::too_many_arguments, reason = "they are what a backup says of one service, and how it is to be restored")]
    pub(crate) async fn restore_backed(
        &self,
        caller: &Caller,
        id: ServiceId,
        made_at: Timestamp,
        versions: Vec<BackedVersion>,
        schema: Option<Value>,
        newest: bool,
        dry_run: bool,
    ) -> Result<Restored> {
        if !dry_run {
            self.may_restore()?;
        }
        let _gate = self.services.hold(id).await;
        let mut state = self.state(id).await?;
        Self::is_ours(&state)?;
        // Which schema counts is decided with the newest.
        let schema = schema.filter(|_| newest && !lock(&self.schemas).contains_key(&id));
        if let Some(schema) = &schema {
            self.validators.of(schema)?;
            state.schema = Schema { schema: schema.clone(), source: SchemaSource::Set, environment: None, notes: Vec::new() };
        }
        let mut wanted = self.wanted(caller, &state, made_at, versions, newest).await?;
        let schema = schema.filter(|_| wanted.newest.is_some());
        wanted.restored.schema = schema.is_some();
        let restored = wanted.restored;
        if !dry_run && !wanted.rows.is_empty() {
            self.bring_back(caller, &state, wanted, schema, made_at).await?;
        }
        Ok(restored)
    }

    /// What is to be written.
    async fn wanted(
        &self,
        caller: &Caller,
        state: &State,
        made_at: Timestamp,
        versions: Vec<BackedVersion>,
        newest: bool,
    ) -> Result<Wanted> {
        let (id, mut restored) = (state.row.id, Restored::default());
        let here: BTreeSet<u64> =
            version_sizes(&mut self.core.store.main.read().await?, id).await?.into_iter().map(|(number, _)| number).collect();
        let last = versions.last().cloned().ok_or_else(Error::internal)?;
        // What was never saved is a version only once something is.
        let newest_here = state.saved.as_ref().map_or(0, |kept| kept.version);
        let mut missing = BTreeMap::new();
        for version in versions {
            if !here.contains(&version.version) {
                missing.insert(version.version, version);
                continue;
            }
            let row = version_find(&mut self.core.store.main.read().await?, id, version.version).await?;
            let is_same = match &row {
                Some(row) => version.is_same(row, &self.open_version(row)?),
                None => false,
            };
            if is_same { restored.present += 1 } else { restored.differing += 1 }
        }
        let later = missing.split_off(&(newest_here + 1));
        let is_saved = newest && (!later.is_empty() || state.saved.is_none() || state.values != last.values);
        let mut top = newest_here;
        if is_saved {
            top = later.keys().next_back().copied().unwrap_or(top).max(top);
        } else {
            restored.left_out += later.len() as u64;
        }
        let later = if is_saved { later } else { BTreeMap::new() };
        // What its files and settings say now is kept too.
        let has_found = || missing.values().chain(later.values()).any(|version| version.values == state.values);
        let is_found_kept = is_saved && state.saved.is_none() && !has_found();
        let number = top + 1 + u64::from(is_found_kept);
        let oldest = if is_saved { number } else { newest_here }.saturating_sub(VERSIONS);
        let mut rows = Vec::new();
        for version in missing.into_values().chain(later.into_values()) {
            if version.version > 1 && version.version <= oldest {
                restored.left_out += 1;
                continue;
            }
            restored.added += 1;
            rows.push(self.sealed(id, version)?);
        }
        if is_found_kept {
            let message = "what its files and settings said before a backup was restored".to_owned();
            let found = BackedVersion {
                version: top + 1,
                kind: VersionKind::Found,
                created_at: self.core.clock.now(),
                created_by: None,
                message,
                values: state.values.clone(),
                secrets: state.secrets.clone(),
                source: None,
                heritage: None,
            };
            rows.push(self.sealed(id, found)?);
        }
        if !is_saved {
            return Ok(Wanted { rows, newest: None, restored });
        }
        let BackedVersion { values, secrets: kept, source, heritage, .. } = last;
        Error::invalid_fields(state.faults(&values)?)?;
        let (variables, before) = (variables_of(&values)?, variables_of(&state.values).unwrap_or_default());
        self.services.may_tell(caller, &state.row.spec, &variables, &before)?;
        let mut hidden = secrets(&values, &state.schema.schema);
        let whole = Value::Object(values.clone());
        hidden.extend(kept.into_iter().chain(state.secrets.iter().cloned()).filter(|pointer| whole.pointer(pointer).is_some()));
        let source = source.and_then(|source| import::masked_source(source, &state.schema.schema, &values, &hidden));
        let (created_at, created_by) = (self.core.clock.now(), Some(caller.name.clone()));
        let row = VersionRow {
            service_id: id,
            version: number,
            kind: VersionKind::Restored,
            created_at,
            created_by: created_by.clone(),
            message: format!("Restored from the backup of {made_at}"),
            sealed: Vec::new(),
        };
        let newest = Kept { version: number, values, secrets: hidden, source, heritage, created_at, created_by };
        rows.push(self.seal_version(row, &newest)?);
        restored.saved = Some(number);
        Ok(Wanted { rows, newest: Some(newest), restored })
    }

    fn sealed(&self, id: ServiceId, version: BackedVersion) -> Result<VersionRow> {
        let BackedVersion { version, kind, created_at, created_by, message, values, secrets, source, heritage } = version;
        self.core.mask.learn(secret_texts(&values, &secrets));
        let kept = Kept { version, values, secrets, source, heritage, created_at, created_by: created_by.clone() };
        let row = VersionRow { service_id: id, version, kind, created_at, created_by, message, sealed: Vec::new() };
        self.seal_version(row, &kept)
    }

    /// Writes it with its event, in one commit.
    async fn bring_back(&self, caller: &Caller, state: &State, wanted: Wanted, schema: Option<Value>, made_at: Timestamp) -> Result<()> {
        let Wanted { rows, newest, restored } = wanted;
        let (id, now, applied) = (state.row.id, self.core.clock.now(), self.applied(&state.row)?);
        let (name, mut spec) = (state.row.name.clone(), state.row.spec.clone());
        let moves = newest.is_some() && !(spec.environment.is_empty() && spec.environment_files.is_empty());
        if newest.is_some() {
            (spec.environment, spec.environment_files) = Default::default();
        }
        let what = match &newest {
            Some(kept) => format!("restored the configuration of {name} from the backup of {made_at} as version {}", kept.version),
            None => format!("restored the history of the configuration of {name} from the backup of {made_at}"),
        };
        let message = format!("{} {what}; earlier versions that came back: {}", caller.name, restored.added);
        let data = json!({ "version": newest.as_ref().map(|kept| kept.version), "added": restored.added, "backup": made_at });
        let event = NewEvent::new(EventKind::ConfigRestored, message).on(id, &name).by(caller).with(data);
        let made_from = state.saved.as_ref().map(|kept| kept.version);
        let version = newest.as_ref().map(|kept| kept.version);
        let (moved, text) = (moves.then(|| self.services.sealed_spec(id, &spec)).transpose()?, schema.as_ref().map(Value::to_string));
        let write = self.core.events.write(move |db| {
            Box::pin(async move {
                let newest = configuration_newest(db, id).await?;
                if newest != made_from {
                    return Err(changed_since(made_from.unwrap_or(1), newest.unwrap_or(1)).into());
                }
                for row in &rows {
                    let key = require_key(db, &row.sealed).await?;
                    version_add(db, row, key).await?;
                }
                if let Some(version) = version {
                    configuration_put(db, ConfigurationRow { service_id: id, version, applied_version: applied, watch: None }).await?;
                    version_forget(db, id, version.saturating_sub(VERSIONS)).await?;
                }
                if let Some(text) = text {
                    schema_set(db, id, Some(&text)).await?;
                }
                if let Some(spec) = moved {
                    service_set_spec(db, id, &spec, now).await?;
                }
                Ok(((), vec![event]))
            })
        });
        write.await?;
        if let Some(schema) = schema {
            lock(&self.schemas).insert(id, Arc::new(schema));
        }
        if let Some(kept) = newest {
            let hides = secret_texts(&kept.values, &kept.secrets);
            self.remember(id, Ok(Arc::new(kept)), applied);
            if !self.core.mask.knows(MASKED, &hides) {
                self.mask_all();
            }
            lock(&self.watches).remove(&id);
            self.services.retell(id, spec, now).await;
        }
        Ok(())
    }
}
