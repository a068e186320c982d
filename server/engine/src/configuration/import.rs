//! Configurations as text: exported with secrets masked, read, and saved with the comments that people write.

use std::collections::{BTreeMap, BTreeSet};

use api::{
    Caller, ConfigurationDraft, ConfigurationFormat, ConfigurationImport, ConfigurationImported, ConfigurationReading, ConfigurationText,
    ConfigurationsImport, Detail, Error, ImportMode, MASK, Page, Permission, Result, Service, ServiceId, Source, VersionKind, pointer_part,
};
use serde_json::{Map, Value, json};

use super::inherit::Inherits;
use super::kept::{Kept, MASKED, secret_texts};
use super::save::Draft;
use super::state::{State, in_body, secrets};
use super::text;
use super::{Manager, difference, mask};

/// Bytes that a secret has at least to be looked for in comments.
const SECRET_BYTES: usize = 4;

/// A version as text. Secrets are [`MASK`], also where a comment repeats one.
pub(super) fn text(kept: &Kept, schema: &Value, format: ConfigurationFormat) -> Result<ConfigurationText> {
    let hidden = kept.secrets.union(&secrets(&kept.values, schema)).cloned().collect();
    let source = kept.source.clone().filter(|source| source.format == format);
    if let Some(source) = source.and_then(|source| masked_source(source, schema, &kept.values, &hidden)) {
        return Ok(source);
    }
    let text = text::write(format, &masked(&kept.values, &hidden))?;
    Ok(ConfigurationText { format, text })
}

/// A text that says these values with their secrets masked, with as much as possible of what is written. None when nothing but the values is left.
pub(super) fn masked_source(
    source: ConfigurationText,
    schema: &Value,
    values: &Map<String, Value>,
    hidden: &BTreeSet<String>,
) -> Option<ConfigurationText> {
    let (format, shown) = (source.format, masked(values, hidden));
    let mut text = text::follow(format, &source.text.replace("\r\n", "\n"), schema, &shown)?;
    for secret in secret_texts(values, hidden) {
        if secret.reveal().len() >= SECRET_BYTES && text.contains(secret.reveal()) {
            text = text.replace(secret.reveal(), MASK);
        }
    }
    // A value that isn't secret may have had the same text.
    text::follow(format, &text, schema, &shown).filter(|same| *same == text).map(|text| ConfigurationText { format, text })
}

/// Values that aren't saved as text.
pub(super) fn written(state: &State, draft: ConfigurationDraft) -> Result<ConfigurationText> {
    let ConfigurationDraft { format, values, text } = draft;
    let values = super::save::object(values)?;
    let saved = || state.source().filter(|source| source.format == format).map(|source| source.text.clone());
    let followed = text.or_else(saved).and_then(|text| text::follow(format, &text.replace("\r\n", "\n"), &state.schema.schema, &values));
    let text = followed.map_or_else(|| text::write(format, &values), Ok)?;
    Ok(ConfigurationText { format, text })
}

fn masked(values: &Map<String, Value>, hidden: &BTreeSet<String>) -> Map<String, Value> {
    match mask::masked(values, hidden) {
        Value::Object(shown) => shown,
        _ => Map::new(),
    }
}

/// What a text says, and what is wrong with that.
pub(super) fn reading(state: &State, source: &ConfigurationText) -> Result<ConfigurationReading> {
    let document = match text::read(source.format, &source.text, &state.schema.schema) {
        Ok(document) => document,
        Err(fault) => {
            let detail = fault.detail();
            let lines = fault.line.map(|line| (detail.field.clone(), line)).into_iter().collect();
            return Ok(ConfigurationReading { values: None, details: vec![detail], lines });
        }
    };
    let mut values = document.values.clone();
    let mut details = in_body(mask::unmask(&mut values, &state.values, &state.secrets));
    details.extend(state.faults(&values)?);
    let line = |detail: &Detail| {
        let pointer = detail.field.strip_prefix("/values")?;
        Some((detail.field.clone(), *document.lines.get(pointer)?))
    };
    let lines = details.iter().filter_map(line).collect();
    Ok(ConfigurationReading { values: Some(Value::Object(document.values)), details, lines })
}

/// The values that an import leads to, with masks where secrets stay.
pub(super) fn imported(state: &State, mode: ImportMode, new: Map<String, Value>) -> Map<String, Value> {
    match mode {
        ImportMode::Replace => new,
        ImportMode::Merge => {
            let mut all = masked(&state.values, &state.secrets);
            all.extend(new);
            all
        }
    }
}

/// The values with their secrets in clear, and what would be different with them. Fails for what couldn't be saved.
pub(super) fn outcome(state: &State, values: &Map<String, Value>) -> Result<(Map<String, Value>, Vec<api::ConfigurationChange>)> {
    let mut clear = values.clone();
    let mut faults = in_body(mask::unmask(&mut clear, &state.values, &state.secrets));
    faults.extend(state.faults(&clear)?);
    Error::invalid_fields(faults)?;
    let hidden = state.secrets_of(&clear);
    let changes = difference::difference(&state.values, &clear, &hidden);
    Ok((clear, changes))
}

impl Manager {
    pub(super) async fn import_one(&self, caller: &Caller, id: ServiceId, import: ConfigurationImport) -> Result<ConfigurationImported> {
        caller.require_on(Permission::ConfigChange, id)?;
        let ConfigurationImport { format, text, mode, version, message, restart, watch_seconds, dry_run } = import;
        let state = self.state(id).await?;
        Self::is_ours(&state)?;
        let document = text::read(format, &text, &state.schema.schema);
        let document = document.map_err(|fault| Error { details: vec![fault.detail()], ..Error::invalid("/text", fault.message) })?;
        let source = match (mode, format) {
            // JSON has no comments, so those that are there stay.
            (ImportMode::Merge, _) | (_, ConfigurationFormat::Json) => state.source().cloned(),
            _ => Some(ConfigurationText { format, text }),
        };
        let wanted = Wanted { values: document.values, source, mode, version, message, restart, watch_seconds };
        self.take_in(caller, &state, wanted, dry_run).await
    }

    /// Saves what is wanted, unless nothing is different or it is only asked what would be.
    async fn take_in(&self, caller: &Caller, state: &State, wanted: Wanted, dry_run: bool) -> Result<ConfigurationImported> {
        let id = state.row.id;
        let Wanted { values, source, mode, version, message, restart, watch_seconds } = wanted;
        if let Some(made_from) = version.filter(|made_from| *made_from != state.version()) {
            return Err(api::changed_since(made_from, state.version()));
        }
        let (_, changes) = outcome(state, &imported(state, mode, values.clone()))?;
        let is_rewritten = source.as_ref().is_some_and(|source| Some(source) != state.source());
        let mut done = ConfigurationImported {
            service_id: id,
            service_name: state.row.name.clone(),
            version: state.version(),
            saved: false,
            changes,
            not_restarted: None,
            notes: Vec::new(),
            faults: Vec::new(),
        };
        if dry_run || (done.changes.is_empty() && !is_rewritten && !restart) {
            return Ok(done);
        }
        let has_source = source.is_some();
        let draft = move |now: &State| {
            let (kind, secrets, inherits) = (VersionKind::Saved, BTreeSet::new(), Inherits::followed());
            let values = imported(now, mode, values);
            Ok(Draft { kind, made_from: version, values, secrets, source, inherits, message, restart, watch_seconds })
        };
        let before = &state.schema.notes;
        let now = self.save_draft(caller, id, draft).await?;
        (done.version, done.saved, done.not_restarted) = (now.version, true, now.not_restarted);
        done.notes = now.notes.into_iter().filter(|note| !before.contains(note)).collect();
        if has_source && now.format.is_none() {
            done.notes.push("its comments couldn't be kept: the values are saved without them".into());
        }
        Ok(done)
    }

    /// The services whose configurations are kept here, by name.
    fn ours(&self) -> Vec<Service> {
        let all = self.core.catalog.all().into_iter();
        let ours = all.filter(|entry| !matches!(entry.spec.source, Source::Container { .. }));
        let mut ours: Vec<_> = ours.map(|entry| entry.service.clone()).collect();
        ours.sort_by(|one, other| one.name.cmp(&other.name));
        ours
    }

    pub(super) async fn text_of_all(&self, caller: &Caller, format: ConfigurationFormat) -> Result<ConfigurationText> {
        caller.require(Permission::ConfigRead)?;
        has_many(format)?;
        let mut services = Map::new();
        for service in self.ours() {
            let state = self.state(service.id).await?;
            services.insert(service.name, mask::masked(&state.values, &state.secrets));
        }
        let whole: Map<_, _> = [("services".to_owned(), Value::Object(services))].into_iter().collect();
        Ok(ConfigurationText { format, text: text::write(format, &whole)? })
    }

    pub(super) async fn import_many(&self, caller: &Caller, import: ConfigurationsImport) -> Result<Page<ConfigurationImported>> {
        caller.require(Permission::ConfigChange)?;
        let ConfigurationsImport { format, text, mode, message, dry_run } = import;
        has_many(format)?;
        let document = text::read(format, &text, &json!({}));
        let document = document.map_err(|fault| Error { details: vec![fault.detail()], ..Error::invalid("/text", fault.message) })?;
        let mut all = by_name(document.values)?;
        let (mut states, mut faults, mut hides) = (Vec::new(), Vec::new(), Vec::new());
        for service in self.ours() {
            let Some(values) = all.remove(&service.name) else { continue };
            let state = self.state(service.id).await?;
            let clear = outcome(&state, &imported(&state, mode, values.clone())).map(|(clear, _)| clear);
            if let Ok(clear) = &clear {
                hides.extend(secret_texts(clear, &state.secrets_of(clear)));
            }
            if let Err(error) = clear {
                let at = format!("/services/{}", pointer_part(&service.name));
                let inside = |detail: Detail| {
                    let field = format!("{at}{}", detail.field.strip_prefix("/values").unwrap_or(&detail.field));
                    Detail { field, message: detail.message }
                };
                match error.details.is_empty() {
                    true => faults.push(Detail { field: at, message: error.message }),
                    false => faults.extend(error.details.into_iter().map(inside)),
                }
            }
            states.push((state, values));
        }
        faults.extend(all.keys().map(|name| {
            let message = "there is no service of this name whose configuration is kept here".into();
            Detail { field: format!("/services/{}", pointer_part(name)), message }
        }));
        Error::invalid_fields(faults)?;
        if !dry_run && !self.core.mask.knows(MASKED, &hides) {
            self.mask_also(hides);
        }
        let mut done = Vec::new();
        for (state, values) in states {
            let source = state.source().cloned();
            let wanted = Wanted { values, source, mode, version: None, message: message.clone(), restart: false, watch_seconds: None };
            done.push(match self.take_in(caller, &state, wanted, dry_run).await {
                Ok(imported) => imported,
                Err(error) => ConfigurationImported {
                    service_id: state.row.id,
                    service_name: state.row.name.clone(),
                    version: state.version(),
                    saved: false,
                    changes: Vec::new(),
                    not_restarted: None,
                    notes: vec![format!("it wasn't saved: {}", error.message)],
                    faults: Vec::new(),
                },
            });
        }
        Ok(Page::whole(done))
    }
}

/// What an import has for one service.
struct Wanted {
    values: Map<String, Value>,
    source: Option<ConfigurationText>,
    mode: ImportMode,
    version: Option<u64>,
    message: String,
    restart: bool,
    watch_seconds: Option<u32>,
}

/// Fails for a format that has the variables of one service.
fn has_many(format: ConfigurationFormat) -> Result<()> {
    match format {
        ConfigurationFormat::Env => {
            Err(Error::invalid("/format", "a .env text has the variables of one service; use json, yaml or toml for all of them"))
        }
        _ => Ok(()),
    }
}

/// The values of each service by its name.
fn by_name(mut values: Map<String, Value>) -> Result<BTreeMap<String, Map<String, Value>>> {
    let services = values.remove("services");
    if let Some(other) = values.keys().next() {
        return Err(Error::invalid("/text", format!("'{other}' stands beside 'services', and nothing is known of it")));
    }
    let Some(Value::Object(services)) = services else {
        return Err(Error::invalid("/text", "'services' has to be a mapping of names to values"));
    };
    let of = |(name, values): (String, Value)| match values {
        Value::Object(values) => Ok((name, values)),
        _ => {
            let field = format!("/services/{}", pointer_part(&name));
            Err(Error::invalid(field, "the values of a service are a mapping of names to values"))
        }
    };
    services.into_iter().map(of).collect()
}
