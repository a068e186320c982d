//! The configuration of a service: what its page shows, and what its forms save. The forms have texts: what they mean is read here, by the
//! schema of each field.
#![allow(missing_docs, reason = "the fields of the types that #[server] makes are the documented functions' arguments")]

use std::collections::BTreeMap;

use api::{Configuration, ConfigurationDifference, ConfigurationFormat, ConfigurationText, ConfigurationVersion, Detail, Page, ServiceId};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[cfg(feature = "ssr")]
use super::*;
use super::{Json, RpcError, RpcResult};
#[cfg(feature = "ssr")]
use crate::configuration::{Properties, json_fault, read_value};

/// What the form of a configuration sends. Its values are either all in `raw` or in the others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigurationForm {
    /// The version that the form was made from.
    pub version: u64,
    /// Why.
    #[serde(default)]
    pub message: String,
    /// Whether a running service is restarted with them.
    #[serde(default)]
    pub restart: bool,
    /// Whether it is watched then, and taken back when the service isn't well with it.
    #[serde(default)]
    pub watch: bool,
    /// The texts of the fields by name. An empty one keeps a secret that isn't shown and a text that is empty now; else it is not set.
    #[serde(default)]
    pub values: BTreeMap<String, String>,
    /// Names of those that are taken out, whatever is in their fields.
    #[serde(default)]
    pub without: Vec<String>,
    /// Names of those that are inherited from now on, whatever is in their fields.
    #[serde(default)]
    pub inherit: Vec<String>,
    /// Names of inherited ones that are the service's own from now on, as they are.
    #[serde(default)]
    pub own: Vec<String>,
    /// What the schema doesn't know, as [`api::read_variables`] reads it.
    #[serde(default)]
    pub extra: String,
    /// All values as text.
    #[serde(default)]
    pub raw: Option<String>,
    /// How that is written.
    #[serde(default)]
    pub format: ConfigurationFormat,
    /// Whether it leads to the fields, although it has a text.
    #[serde(default)]
    pub to_fields: bool,
}

/// What a form means, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckedConfiguration {
    /// Its values; none when they can't be read.
    pub values: Option<Value>,
    /// What is wrong with them.
    pub faults: Vec<Detail>,
    /// The lines of that in a text that isn't JSON, from 1, by the fields of `faults`.
    #[serde(default)]
    pub lines: BTreeMap<String, u64>,
}

/// The newest configuration of a service.
#[server(prefix = "/rpc", output = Json, endpoint = "get_configuration")]
pub async fn get_configuration(id: ServiceId) -> RpcResult<Configuration> {
    let context = RequestContext::current();
    Ok(context.backend.configurations.get(context.caller()?, id).await?)
}

/// All versions of it, newest first.
#[server(prefix = "/rpc", output = Json, endpoint = "list_configuration_versions")]
pub async fn list_configuration_versions(id: ServiceId) -> RpcResult<Page<ConfigurationVersion>> {
    let context = RequestContext::current();
    Ok(context.backend.configurations.versions(context.caller()?, id).await?)
}

/// What is different between two of them.
#[server(prefix = "/rpc", output = Json, endpoint = "get_configuration_difference")]
pub async fn get_configuration_difference(id: ServiceId, from: Option<u64>, to: Option<u64>) -> RpcResult<ConfigurationDifference> {
    let context = RequestContext::current();
    let query = api::DifferenceQuery { from, to };
    Ok(context.backend.configurations.difference(context.caller()?, id, query).await?)
}

/// Saves what a form has as a new version.
#[server(prefix = "/rpc", output = Json, endpoint = "save_configuration")]
pub async fn save_configuration(id: ServiceId, form: ConfigurationForm, #[server(default)] form_token: String) -> RpcResult<()> {
    let context = RequestContext::current();
    leptos_axum::redirect(&form.save(&context, id, &form_token).await?);
    Ok(())
}

/// What a form means and what is wrong with it; saves nothing.
#[server(prefix = "/rpc", output = Json, endpoint = "validate_configuration")]
pub async fn validate_configuration(
    id: ServiceId,
    form: ConfigurationForm,
    #[server(default)] form_token: String,
) -> RpcResult<CheckedConfiguration> {
    let context = RequestContext::current();
    context.check_form_token(&form_token)?;
    let (caller, configurations) = (context.caller()?, &context.backend.configurations);
    if let Some(text) = form.text() {
        let api::ConfigurationReading { values, details, lines } = configurations.read(caller, id, text).await?;
        return Ok(CheckedConfiguration { values, faults: details, lines });
    }
    let now = configurations.get(caller, id).await?;
    let lines = BTreeMap::new();
    let values = match form.read(&now) {
        Ok(values) => values,
        Err(error) => return Ok(CheckedConfiguration { values: None, faults: error.details, lines }),
    };
    let check = api::ConfigurationCheck { values: values.clone() };
    let mut faults = configurations.validate(caller, id, check).await?.details;
    // What is inherited isn't what is in the field.
    faults.retain(|fault| crate::configuration::faulty_name(&fault.field).is_none_or(|name| !form.inherit.contains(&name)));
    Ok(CheckedConfiguration { values: Some(values), faults, lines })
}

/// The newest values as text.
#[server(prefix = "/rpc", output = Json, endpoint = "get_configuration_text")]
pub async fn get_configuration_text(id: ServiceId, format: ConfigurationFormat) -> RpcResult<ConfigurationText> {
    let context = RequestContext::current();
    let query = api::ConfigurationTextQuery { format, version: None };
    Ok(context.backend.configurations.text(context.caller()?, id, query).await?)
}

/// Values that aren't saved, which are a JSON object, as text; the comments of `text` are kept.
#[server(prefix = "/rpc", output = Json, endpoint = "write_configuration")]
pub async fn write_configuration(
    id: ServiceId,
    format: ConfigurationFormat,
    values: String,
    text: Option<String>,
) -> RpcResult<ConfigurationText> {
    let context = RequestContext::current();
    let values = serde_json::from_str(&values).map_err(|error| api::Error::invalid("/values", error.to_string()))?;
    let draft = api::ConfigurationDraft { format, values, text };
    Ok(context.backend.configurations.write(context.caller()?, id, draft).await?)
}

/// Saves what a text says as a new version, and leads to what it has changed.
#[server(prefix = "/rpc", output = Json, endpoint = "import_configuration")]
pub async fn import_configuration(
    id: ServiceId,
    format: ConfigurationFormat,
    text: String,
    #[server(default)] mode: api::ImportMode,
    #[server(default)] message: String,
    #[server(default)] form_token: String,
) -> RpcResult<()> {
    let context = RequestContext::current();
    context.check_form_token(&form_token)?;
    let message = message.trim().to_owned();
    let import = api::ConfigurationImport { mode, message, ..api::ConfigurationImport::of(format, text) };
    let done = context.backend.configurations.import(context.caller()?, id, import).await?;
    let versions = crate::path::configuration_versions(id);
    leptos_axum::redirect(&match done.saved {
        true => format!("{versions}?from={}&to={}&done=config-imported&saved={}", done.version - 1, done.version, done.version),
        false => format!("{}?done=config-same&saved={}&at={}", crate::path::configuration(id), done.version, context.now.micros()),
    });
    Ok(())
}

/// Saves the values of an earlier version as a new one.
#[server(prefix = "/rpc", output = Json, endpoint = "restore_configuration")]
pub async fn restore_configuration(
    id: ServiceId,
    version: u64,
    current_version: u64,
    #[server(default)] message: String,
    #[server(default)] restart: bool,
    #[server(default)] form_token: String,
) -> RpcResult<()> {
    let context = RequestContext::current();
    context.check_form_token(&form_token)?;
    let message = message.trim().to_owned();
    let restore = api::ConfigurationRestore { version, current_version: Some(current_version), message, restart };
    let now = context.backend.configurations.restore(context.caller()?, id, restore).await?;
    let what = if now.not_restarted.is_some() { "not-restarted" } else { "restored" };
    leptos_axum::redirect(&done(id, what, now.version));
    Ok(())
}

/// Saves all values back at their defaults.
#[server(prefix = "/rpc", output = Json, endpoint = "reset_configuration")]
pub async fn reset_configuration(
    id: ServiceId,
    version: u64,
    #[server(default)] message: String,
    #[server(default)] form_token: String,
) -> RpcResult<()> {
    let context = RequestContext::current();
    context.check_form_token(&form_token)?;
    let reset = api::ConfigurationReset { version, names: Vec::new(), message: message.trim().to_owned() };
    let now = context.backend.configurations.reset(context.caller()?, id, reset).await?;
    leptos_axum::redirect(&done(id, "reset", now.version));
    Ok(())
}

/// Sets the schema, or goes back to the one that is found when the text is empty.
#[server(prefix = "/rpc", output = Json, endpoint = "set_configuration_schema")]
pub async fn set_configuration_schema(id: ServiceId, schema: String, #[server(default)] form_token: String) -> RpcResult<()> {
    let context = RequestContext::current();
    context.check_form_token(&form_token)?;
    let schema = match schema.trim() {
        "" => Value::Null,
        text => serde_json::from_str(text).map_err(|error| api::Error::invalid("/schema", format!("the schema isn't JSON: {error}")))?,
    };
    let now = context.backend.configurations.set_schema(context.caller()?, id, api::NewSchema { schema }).await?;
    let source = match now.schema_source {
        api::SchemaSource::Set => "schema-set",
        api::SchemaSource::Inherited => "schema-inherited",
        _ => "schema-found",
    };
    leptos_axum::redirect(&format!("{}&at={}", done(id, source, now.version), context.now.micros()));
    Ok(())
}

/// Where it is shown what was done.
#[cfg(feature = "ssr")]
fn done(id: ServiceId, what: &str, version: u64) -> String {
    format!("{}?done=config-{what}&saved={version}", crate::path::configuration(id))
}

/// What was done where values were saved.
#[cfg(feature = "ssr")]
fn saved(restart: bool, not_restarted: Option<&String>) -> &'static str {
    match (restart, not_restarted) {
        (_, Some(_)) => "not-restarted",
        (true, None) => "restarted",
        (false, None) => "saved",
    }
}

/// A form that was posted without JavaScript and not saved: the page is shown again with what was typed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TriedConfiguration {
    pub id: ServiceId,
    pub form: ConfigurationForm,
    pub error: RpcError,
}

/// What the form of a configuration sends to its own page.
#[cfg(feature = "ssr")]
#[derive(Debug, Deserialize)]
pub struct PostedConfiguration {
    id: ServiceId,
    form: ConfigurationForm,
    #[serde(default)]
    form_token: String,
}

#[cfg(feature = "ssr")]
impl TriedConfiguration {
    /// Saves what was posted. Answers where it is shown that it is saved, or what is shown again.
    pub async fn posted(posted: PostedConfiguration, context: &RequestContext) -> Result<String, Self> {
        let PostedConfiguration { id, form, form_token } = posted;
        let saved = form.clone().save(context, id, &form_token).await;
        saved.map_err(|error| Self { id, form, error: RpcError(error) })
    }
}

#[cfg(feature = "ssr")]
impl ConfigurationForm {
    async fn save(self, context: &RequestContext, id: ServiceId, form_token: &str) -> api::Result<String> {
        context.check_form_token(form_token)?;
        let (caller, configurations) = (context.caller()?, &context.backend.configurations);
        if let Some(ConfigurationText { format, text }) = self.text() {
            let watch_seconds = (self.restart && self.watch).then_some(api::NewConfiguration::WATCH_SECONDS);
            let (restart, message) = (self.restart, self.message.trim().to_owned());
            let import = api::ConfigurationImport { message, restart, watch_seconds, ..api::ConfigurationImport::of(format, text) };
            let imported = configurations.import(caller, id, api::ConfigurationImport { version: Some(self.version), ..import }).await?;
            let what = if imported.saved { saved(restart, imported.not_restarted.as_ref()) } else { "same" };
            return Ok(format!("{}&view=raw&format={format}", done(id, what, imported.version)));
        }
        let values = self.read(&configurations.get(caller, id).await?)?;
        let (restart, is_raw) = (self.restart, self.raw.is_some() && !self.to_fields);
        let watch_seconds = (restart && self.watch).then_some(api::NewConfiguration::WATCH_SECONDS);
        let message = self.message.trim().to_owned();
        let said = self.inherit.into_iter().map(|name| (name, true));
        let inherit = self.own.into_iter().map(|name| (name, false)).chain(said).collect();
        let new = api::NewConfiguration { values, version: self.version, message, restart, watch_seconds, inherit };
        let now = configurations.save(caller, id, new).await?;
        let done = done(id, saved(restart, now.not_restarted.as_ref()), now.version);
        Ok(if is_raw { format!("{done}&view=raw") } else { done })
    }

    /// Its text, when it has one that only the engine can read.
    fn text(&self) -> Option<ConfigurationText> {
        let text = self.raw.clone().filter(|_| self.format != ConfigurationFormat::Json)?;
        Some(ConfigurationText { format: self.format, text: text.replace("\r\n", "\n") })
    }

    /// All values that it means, with what `now` knows of them.
    fn read(&self, now: &Configuration) -> api::Result<Value> {
        if let Some(raw) = &self.raw {
            if let Some(fault) = json_fault(raw) {
                let message = format!("line {}, column {}: {}", fault.line, fault.column, fault.message);
                Err(api::Error::invalid("/values", message))?;
            }
            return serde_json::from_str(raw).map_err(|error| api::Error::invalid("/values", error.to_string()));
        }
        let at_extra = |details: Vec<Detail>| details.into_iter().map(|detail| Detail { field: "/extra".into(), ..detail }).collect();
        let extra = api::read_variables(&self.extra)
            .map_err(|error| api::Error { details: at_extra(error.details), ..api::Error::new(error.code, error.message) })?;
        let properties = Properties::of(&now.schema);
        let (mut values, mut faults) = (serde_json::Map::new(), Vec::new());
        let kept = self.inherit.iter().filter_map(|name| Some((name.clone(), now.values.get(name)?.clone())));
        values.extend(kept);
        for (name, text) in self.values.iter().filter(|(name, _)| !self.without.contains(name) && !self.inherit.contains(name)) {
            let text = text.replace("\r\n", "\n");
            let current = now.values.get(name);
            let value = match text.is_empty() {
                false => Some(read_value(&properties.get(name), &text, current)),
                true => current.filter(|value| value.is_null() || [api::MASK, ""].map(Some).contains(&value.as_str())).cloned(),
            };
            value.into_iter().for_each(|value| _ = values.insert(name.clone(), value));
        }
        for (name, text) in extra.into_iter().filter(|(name, _)| !self.inherit.contains(name)) {
            if self.values.contains_key(&name) {
                let message = format!("{name} has a field of its own; set it there, or take its line out here");
                faults.push(Detail { field: "/extra".into(), message });
                continue;
            }
            let value = read_value(&properties.get(&name), &text, now.values.get(&name));
            values.insert(name, value);
        }
        api::Error::invalid_fields(faults)?;
        Ok(Value::Object(values))
    }
}

#[cfg(all(test, feature = "ssr"))]
#[path = "configuration_tests.rs"]
mod tests;
