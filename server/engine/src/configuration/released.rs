//! The configuration of a release: what it is now, as a deployment writes it down, and saving it when that release is switched to.

use std::collections::{BTreeMap, BTreeSet};

use api::{Caller, Detail, Error, Result, ServiceId, VersionKind, pointer_part, secret_references, variables_of};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Manager;
use super::inherit::{Heritage, Inherits, after};
use super::save::Draft;
use super::schema::typed;
use crate::store::secrets::secret_list;

/// The configuration that belongs to a release, secrets in clear: only to be kept sealed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Released {
    /// Its version; none when it wasn't saved, and files and settings say all.
    pub version: Option<u64>,
    /// All values.
    pub values: Map<String, Value>,
    /// Pointers of what is secret.
    pub secrets: BTreeSet<String>,
    /// The versions of the named secrets that are referred to.
    pub named: BTreeMap<String, u64>,
    /// Which of the values are inherited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heritage: Option<Heritage>,
}

impl Manager {
    /// What the configuration of a service would be with other values; `null` takes one out.
    ///
    /// # Errors
    /// `validation_failed` below `/configuration` at each value that the schema refuses.
    pub(crate) async fn released(&self, id: ServiceId, changes: &BTreeMap<String, Value>) -> Result<Released> {
        let state = self.state(id).await?;
        if !changes.is_empty() {
            Self::is_ours(&state)?;
        }
        let mut values = state.values.clone();
        for (name, value) in changes {
            match value {
                Value::Null => drop(values.remove(name)),
                value => drop(values.insert(name.clone(), value.clone())),
            }
        }
        let mut faults = super::state::in_body(super::mask::unmask(&mut values, &state.values, &state.secrets));
        if !changes.is_empty() {
            faults.extend(state.faults(&values)?);
        }
        let below = |Detail { field, message }| Detail { field: format!("/configuration{field}"), message };
        Error::invalid_fields(faults.into_iter().map(below).collect())?;
        self.core.mask.learn(super::kept::secret_texts(&values, &state.secrets_of(&values)));
        let named = self.named(&values).await?;
        let (version, secrets) = (state.saved.as_ref().map(|kept| kept.version), state.secrets_of(&values));
        let heritage = after(&state, &values, &Inherits::followed());
        Ok(Released { version, secrets, values, named, heritage })
    }

    /// What the configuration of a service would be in another environment: that of `base`, which is the service in the environment before, with these
    /// variables in it, or out of it. All others are inherited, but the port, which is left out.
    ///
    /// # Errors
    /// `validation_failed` below `/variables` at each one that can't be, `forbidden` for one that the caller may not set.
    pub(crate) async fn for_target(
        &self,
        caller: &Caller,
        id: ServiceId,
        base: ServiceId,
        changes: &BTreeMap<String, Option<String>>,
    ) -> Result<Released> {
        let state = self.state(id).await?;
        let before = if base == id { None } else { Some(self.state(base).await?) };
        let before = before.as_ref().unwrap_or(&state);
        let heritage = Heritage::at_first(&before.row, before.version(), &before.values, changes);
        let mut values = before.values.clone();
        values.remove("PORT");
        for (name, text) in changes {
            match text {
                Some(text) => drop(values.insert(name.clone(), typed(&state.schema.schema, name, text))),
                None => drop(values.remove(name)),
            }
        }
        let below = |Detail { field, message }| Detail { field: field.replacen("/values", "/variables", 1), message };
        let mut faults: Vec<Detail> = if changes.is_empty() { Vec::new() } else { state.faults(&values)?.into_iter().map(below).collect() };
        // What is wrong already in development isn't said of the environment.
        faults.retain(|fault| changes.keys().any(|name| fault.field.starts_with(&format!("/variables/{}", pointer_part(name)))));
        if changes.contains_key("PORT") {
            let message = "PORT is set by Pilothouse; set the field 'port' instead".into();
            faults.push(Detail { field: "/variables/PORT".into(), message });
        }
        Error::invalid_fields(faults)?;
        let secrets = &state.secrets_of(&values) | &before.secrets;
        self.core.mask.learn(super::kept::secret_texts(&values, &secrets));
        let released = Released { version: None, secrets, named: self.named(&values).await?, values, heritage: Some(heritage) };
        self.may_release(caller, id, &released).await?;
        Ok(released)
    }

    /// Fails unless the caller may let the service be told these values in place of what it is told now.
    pub(crate) async fn may_release(&self, caller: &Caller, id: ServiceId, released: &Released) -> Result<()> {
        let state = self.state(id).await?;
        let (variables, before) = (variables_of(&released.values)?, variables_of(&state.values).unwrap_or_default());
        self.services.may_tell(caller, &state.row.spec, &variables, &before)
    }

    /// Saves what a release says as the newest version, unless nothing is different or neither was ever saved; answers the version. Nothing is
    /// restarted, and what ran once isn't checked.
    ///
    /// # Errors
    /// `conflict` when it was made from the newest version ([`VersionKind::Saved`]), and somebody has saved another one since.
    pub(crate) async fn put_released(
        &self,
        by: &str,
        id: ServiceId,
        wanted: &Released,
        kind: VersionKind,
        why: String,
    ) -> Result<Option<u64>> {
        let _gate = self.services.hold(id).await;
        let state = self.state(id).await?;
        // What is inherited is kept also where there are no values yet.
        let is_same = state.values == wanted.values && (state.saved.is_some() || wanted.heritage.is_none());
        if is_same || state.saved.is_none() && wanted.version.is_none() && kind != VersionKind::Saved {
            return Ok(state.saved.as_ref().map(|kept| kept.version));
        }
        let newest = state.saved.as_ref().map(|kept| kept.version);
        if kind == VersionKind::Saved && newest.is_some() && newest != wanted.version {
            return Err(Error::conflict(format!(
                "its configuration was saved as version {} after the release was made: deploy once more, with what it says now",
                newest.unwrap_or(1)
            )));
        }
        let caller = Caller { name: by.to_owned(), ..Caller::system() };
        let message: String = why.chars().take(super::save::MESSAGE).collect();
        let kept = &state.secrets | &wanted.secrets;
        let draft = Draft {
            kind,
            made_from: None,
            values: wanted.values.clone(),
            secrets: wanted.secrets.clone(),
            source: state.source().cloned(),
            inherits: Inherits::As(wanted.heritage.clone()),
            message,
            restart: false,
            watch_seconds: None,
        };
        self.keep(&caller, &state, draft, kept).await?;
        Ok(Some(state.version() + 1))
    }

    /// Whether the configuration of a service says what is in `released`.
    pub(crate) async fn says(&self, id: ServiceId, released: &Released) -> Result<bool> {
        Ok(self.state(id).await?.values == released.values)
    }

    /// What is different between two configurations, secrets veiled.
    pub(crate) fn difference_of(before: &Released, after: &Released) -> Vec<api::ConfigurationChange> {
        super::difference::difference(&before.values, &after.values, &(&before.secrets | &after.secrets))
    }

    /// The versions of the named secrets that values refer to.
    async fn named(&self, values: &Map<String, Value>) -> Result<BTreeMap<String, u64>> {
        let texts = variables_of(values).unwrap_or_default();
        let names: BTreeSet<&str> = texts.values().flat_map(|text| secret_references(text)).collect();
        if names.is_empty() {
            return Ok(BTreeMap::new());
        }
        let rows = secret_list(&mut self.core.store.main.read().await?).await?;
        let known = rows.into_iter().filter(|row| names.contains(row.name.as_str()));
        Ok(known.map(|row| (row.name, row.version.unsigned_abs())).collect())
    }
}
