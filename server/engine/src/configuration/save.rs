//! Saving: a new version, in one commit with what it takes the place of.

use std::collections::BTreeSet;
use std::sync::Arc;

use api::{
    Action, Caller, Configuration, ConfigurationText, Detail, Error, EventKind, Permission, Result, ServiceId, Status, VersionKind,
    changed_since, variables_of,
};
use serde_json::{Map, Value};

use super::inherit::{self, Inherits};
use super::kept::{Kept, MASKED, secret_texts};
use super::state::{State, in_body, secrets};
use super::{Manager, difference, import, lock, mask, watch};
use crate::events::NewEvent;
use crate::secrets::keyring::require_key;
use crate::store::configurations::{
    ConfigurationRow, VersionRow, Watch, configuration_newest, configuration_put, version_add, version_forget,
};
use crate::store::services::service_set_spec;

/// Versions of a service that are kept, besides what was found; older ones go.
pub(super) const VERSIONS: u64 = 500;
/// Characters of the reason for a version.
pub(super) const MESSAGE: usize = 500;

/// A version to be saved.
pub(super) struct Draft {
    pub kind: VersionKind,
    /// The newest version that its author has seen; none takes any.
    pub made_from: Option<u64>,
    /// All values; [`api::MASK`] keeps a secret.
    pub values: Map<String, Value>,
    /// Pointers of what stays secret besides what was and what the schema says.
    pub secrets: BTreeSet<String>,
    /// How it is written, when that has comments. Where the values are others it is followed.
    pub source: Option<ConfigurationText>,
    /// What becomes of what is inherited.
    pub inherits: Inherits,
    pub message: String,
    /// Whether a running service is restarted with it.
    pub restart: bool,
    /// For how many seconds it is watched then.
    pub watch_seconds: Option<u32>,
}

impl Manager {
    /// Saves a draft that is made of the present state. All of it is checked before anything is kept.
    pub(super) async fn save_draft(
        &self,
        caller: &Caller,
        id: ServiceId,
        draft: impl FnOnce(&State) -> Result<Draft> + Send,
    ) -> Result<Configuration> {
        caller.require_on(Permission::ConfigChange, id)?;
        self.services.may_change()?;
        let gate = self.services.hold(id).await;
        let mut state = self.state(id).await?;
        Self::is_ours(&state)?;
        self.trace(caller, &mut state).await?;
        let mut draft = draft(&state)?;
        if draft.restart {
            caller.require_on(Permission::ServicesOperate, id)?;
        }
        if draft.message.chars().count() > MESSAGE {
            return Err(Error::invalid("/message", format!("the reason is at most {MESSAGE} characters long")));
        }
        let is_running = self.core.catalog.get(id)?.service.status == Status::Running;
        if let Some(seconds) = draft.watch_seconds {
            watch::allowed(seconds)?;
            if !draft.restart {
                return Err(Error::invalid("/watch_seconds", "only a service that is restarted is watched: set 'restart' too"));
            }
            if !is_running {
                let message =
                    format!("'{}' doesn't run, so there is nothing to watch; save without watching, and start it", state.row.name);
                return Err(Error::conflict(message));
            }
        }
        let newest = state.version();
        if let Some(made_from) = draft.made_from.filter(|made_from| *made_from != newest) {
            return Err(changed_since(made_from, newest));
        }
        let mut kept: BTreeSet<_> = state.secrets.union(&draft.secrets).cloned().collect();
        let faults = inherit::take(&state, &draft.inherits, &mut draft.values, &mut kept);
        Error::invalid_fields(faults)?;
        let mut faults = in_body(mask::unmask(&mut draft.values, &state.values, &kept));
        if draft.kind != VersionKind::Reverted {
            // What ran before is gone back to whatever the schema says.
            faults.extend(state.faults(&draft.values)?);
        }
        Error::invalid_fields(faults)?;
        let (variables, before) = (variables_of(&draft.values)?, variables_of(&state.values).unwrap_or_default());
        self.services.may_tell(caller, &state.row.spec, &variables, &before)?;
        // What still runs with what was before needs no restart to go back to it.
        let is_told = self.services.told(id)?.is_some_and(|told| told.applied == Some(newest));
        let is_needed = draft.kind == VersionKind::Reverted && (is_told || !is_running);
        let restarts = draft.kind != VersionKind::Reverted && draft.restart && is_running || is_needed;
        let is_asked = draft.restart && draft.kind != VersionKind::Reverted;
        self.keep(caller, &state, draft, kept).await?;
        drop(gate);
        // It is saved: that it can't be restarted now undoes nothing.
        let not_restarted = match (restarts, is_asked) {
            (true, _) => self.run_again(caller, id).await.err().map(|error| error.message),
            (false, true) => Some("it doesn't run; it is told this when it is started".into()),
            (false, false) => None,
        };
        let mut shown = self.seen(caller, id).await?;
        shown.not_restarted = not_restarted;
        Ok(shown)
    }

    /// Restarts a service, or starts one that has ended by itself.
    async fn run_again(&self, caller: &Caller, id: ServiceId) -> Result<()> {
        match self.services.ask_for(caller, id, Action::Restart).await {
            Err(error) if self.core.catalog.get(id)?.service.status == Status::Stopped => {
                self.services.ask_for(caller, id, Action::Start).await.map(|_| ()).map_err(|_| error)
            }
            result => result.map(|_| ()),
        }
    }

    /// Writes the next version with its event in one commit; with the first one, what was found is kept too, and the variables of its
    /// settings move.
    pub(super) async fn keep(&self, caller: &Caller, state: &State, draft: Draft, kept: BTreeSet<String>) -> Result<()> {
        let Draft { kind, values, source, message, inherits, watch_seconds, .. } = draft;
        let (id, now, version) = (state.row.id, self.core.clock.now(), state.version() + 1);
        // What is secret by the schema, and what was: as long as it is there.
        let mut hidden = secrets(&values, &state.schema.schema);
        let whole = Value::Object(values.clone());
        hidden.extend(kept.into_iter().filter(|pointer| whole.pointer(pointer).is_some()));
        let source = source.and_then(|source| import::masked_source(source, &state.schema.schema, &values, &hidden));
        let fields = names_of(&difference::difference(&state.values, &values, &hidden));
        let applied = self.applied(&state.row)?;
        let new = |version, kind, created_by: Option<String>, message: String| VersionRow {
            service_id: id,
            version,
            kind,
            created_at: now,
            created_by,
            message,
            sealed: Vec::new(),
        };
        let row = new(version, kind, Some(caller.name.clone()), message);
        let heritage = inherit::after(state, &values, &inherits);
        let kept = Kept { version, values, secrets: hidden, source, heritage, created_at: now, created_by: Some(caller.name.clone()) };
        let row = self.seal_version(row, &kept)?;
        let found = match state.saved {
            Some(_) => None,
            None => Some(self.seal_version(new(1, VersionKind::Found, None, String::new()), &state.as_found())?),
        };
        let (name, mut spec) = (state.row.name.clone(), state.row.spec.clone());
        let moves = !spec.environment.is_empty() || !spec.environment_files.is_empty();
        (spec.environment, spec.environment_files) = Default::default();
        let verb = match kind {
            VersionKind::Restored => "restored an earlier configuration of",
            VersionKind::Reset => "reset the configuration of",
            VersionKind::Reverted => "went back to what was before in the configuration of",
            _ if matches!(inherits, Inherits::Taken(_)) => "took over inherited values in the configuration of",
            VersionKind::Found | VersionKind::Saved => "saved the configuration of",
        };
        let event_kind = match kind {
            VersionKind::Restored => EventKind::ConfigRestored,
            VersionKind::Reverted => EventKind::ConfigReverted,
            VersionKind::Found | VersionKind::Saved | VersionKind::Reset => EventKind::ConfigSaved,
        };
        let watch = watch_seconds.map(|seconds| Watch {
            version,
            back_to: applied.unwrap_or(version - 1),
            until: now.plus_seconds(seconds.into()),
        });
        let what = match fields.as_slice() {
            [] => "nothing is different".to_owned(),
            fields if fields.len() > 10 => format!("{} and {} more", fields[..10].join(", "), fields.len() - 10),
            fields => fields.join(", "),
        };
        let text = format!("{} {verb} {} as version {version}: {what}", caller.name, name);
        let mut data = serde_json::json!({ "version": version, "fields": fields.iter().take(100).collect::<Vec<_>>() });
        if let (Inherits::Taken(_), Some(heritage)) = (&inherits, &kept.heritage) {
            data["inherited_from"] = serde_json::json!({ "environment": heritage.environment, "service_id": heritage.base });
        }
        let why = if kind == VersionKind::Reverted { format!("; {}", row.message) } else { String::new() };
        let event = NewEvent::new(event_kind, format!("{text}{why}")).on(id, &name).with(data);
        let event = if kind == VersionKind::Reverted { event } else { event.by(caller) };
        let (made_from, moved) =
            (state.saved.as_ref().map(|kept| kept.version), moves.then(|| self.services.sealed_spec(id, &spec)).transpose()?);
        let write = self.core.events.write(move |db| {
            Box::pin(async move {
                let newest = configuration_newest(db, id).await?;
                if newest != made_from {
                    return Err(changed_since(made_from.unwrap_or(1), newest.unwrap_or(1)).into());
                }
                for row in found.iter().chain([&row]) {
                    let key = require_key(db, &row.sealed).await?;
                    version_add(db, row, key).await?;
                }
                configuration_put(db, ConfigurationRow { service_id: id, version, applied_version: applied, watch }).await?;
                version_forget(db, id, version.saturating_sub(VERSIONS)).await?;
                if let Some(spec) = moved {
                    service_set_spec(db, id, &spec, now).await?;
                }
                Ok(((), vec![event]))
            })
        });
        write.await?;
        let hides = secret_texts(&kept.values, &kept.secrets);
        self.remember(id, Ok(Arc::new(kept)), applied);
        if !self.core.mask.knows(MASKED, &hides) {
            self.mask_all();
        }
        match watch {
            Some(watch) => {
                lock(&self.watches).insert(id, watch);
                self.follow(id, version);
            }
            None => {
                lock(&self.watches).remove(&id);
            }
        }
        self.services.retell(id, spec, now).await;
        Ok(())
    }
}

/// The names of the variables that are different.
fn names_of(changes: &[api::ConfigurationChange]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for change in changes {
        let name = change.field.split('/').nth(1).unwrap_or_default().replace("~1", "/").replace("~0", "~");
        if names.last() != Some(&name) {
            names.push(name);
        }
    }
    names
}

/// The object that values have to be.
pub(super) fn object(values: Value) -> Result<Map<String, Value>> {
    match values {
        Value::Object(map) => Ok(map),
        _ => Err(Error::invalid("/values", "the values are an object: {\"NAME\": value, ..}")),
    }
}

/// Values with those names, or all, back at their defaults.
pub(super) fn reset(state: &State, names: &[String]) -> Result<Map<String, Value>> {
    let defaults = super::schema::defaults(&state.schema.schema);
    if names.is_empty() {
        return Ok(defaults);
    }
    let mut values = state.values.clone();
    let mut faults = Vec::new();
    for (at, name) in names.iter().enumerate() {
        match defaults.get(name) {
            Some(default) => drop(values.insert(name.clone(), default.clone())),
            None if values.remove(name).is_some() => {}
            None => faults.push(Detail { field: format!("/names/{at}"), message: format!("there is no value '{name}'") }),
        }
    }
    Error::invalid_fields(faults)?;
    Ok(values)
}
