//! The configurations of many services: what their pages show, and what their forms do. What was typed comes back with a page that was posted
//! without JavaScript, but no text that may have a secret.
#![allow(missing_docs, reason = "the fields of the types that #[server] makes are the documented functions' arguments")]

use api::{
    BulkReport, ConfigurationFormat, ConfigurationImported, ConfigurationSummary, ConfigurationsChanged, ConfigurationsQuery, ImportMode,
    Page, ServiceId,
};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
use super::*;
use super::{Json, RpcResult};

/// One value that is changed for many services.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChangeForm {
    /// The services, with commas between.
    pub ids: String,
    pub name: String,
    pub value: String,
    /// Whether it is taken out instead.
    pub without: bool,
    pub message: String,
    pub restart: bool,
}

/// What the form of an import sends beside the text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImportAllForm {
    pub format: ConfigurationFormat,
    pub mode: ImportMode,
    pub message: String,
}

/// One page of the configurations of all services.
#[server(prefix = "/rpc", output = Json, endpoint = "list_configurations", input = Json)]
pub async fn list_configurations(query: ConfigurationsQuery) -> RpcResult<Page<ConfigurationSummary>> {
    let context = RequestContext::current();
    Ok(context.backend.configurations.list(context.caller()?, query).await?)
}

/// The services with these ids; without any, all that the query leaves, at most 1,000.
#[server(prefix = "/rpc", output = Json, endpoint = "chosen_configurations", input = Json)]
pub async fn chosen_configurations(ids: Vec<ServiceId>, query: ConfigurationsQuery) -> RpcResult<Vec<ConfigurationSummary>> {
    Ok(chosen(&RequestContext::current(), ids, query).await?)
}

/// Which of the services that are chosen like that would be restarted, and in which order.
#[server(prefix = "/rpc", output = Json, endpoint = "plan_apply", input = Json)]
pub async fn plan_apply(ids: Vec<ServiceId>, query: ConfigurationsQuery) -> RpcResult<BulkReport> {
    let context = RequestContext::current();
    let mut services = ids;
    if services.is_empty() {
        let query = ConfigurationsQuery { show: Some(api::ConfigurationsShow::NotApplied), ..query };
        services = chosen(&context, Vec::new(), query).await?.into_iter().map(|one| one.service_id).collect();
    }
    if services.is_empty() {
        return Ok(BulkReport { action: api::Action::Restart, dry_run: true, items: Vec::new() });
    }
    let apply = api::ConfigurationsApply { services: Some(services), dry_run: true };
    Ok(context.backend.configurations.apply(context.caller()?, apply).await?)
}

/// Restarts what runs with another version than the newest, and leads to where one sees how far that is. `ids` has commas between them.
#[server(prefix = "/rpc", output = Json, endpoint = "apply_configurations")]
pub async fn apply_configurations(ids: String, #[server(default)] form_token: String) -> RpcResult<()> {
    let context = RequestContext::current();
    context.check_form_token(&form_token)?;
    let apply = api::ConfigurationsApply { services: Some(read_ids(&ids)?), dry_run: false };
    let report = context.backend.configurations.apply(context.caller()?, apply).await?;
    let address = progress(&report, &context);
    leptos_axum::redirect(&address.ok_or_else(|| api::Error::conflict("all that runs of them has its newest configuration already"))?);
    Ok(())
}

/// What a change would make of each service.
#[server(prefix = "/rpc", output = Json, endpoint = "preview_configurations_change")]
pub async fn preview_configurations_change(
    #[server(default)] form: ChangeForm,
    #[server(default)] form_token: String,
) -> RpcResult<ConfigurationsChanged> {
    Ok(form.change(&RequestContext::current(), true, &form_token).await?)
}

/// Changes one value of many services, and leads to where that is seen.
#[server(prefix = "/rpc", output = Json, endpoint = "change_configurations")]
pub async fn change_configurations(#[server(default)] form: ChangeForm, #[server(default)] form_token: String) -> RpcResult<()> {
    leptos_axum::redirect(&form.make(&RequestContext::current(), &form_token).await?);
    Ok(())
}

/// What would become of a text that has the configurations of many services.
#[server(prefix = "/rpc", output = Json, endpoint = "preview_configurations_import")]
pub async fn preview_configurations_import(
    #[server(default)] form: ImportAllForm,
    text: String,
    #[server(default)] form_token: String,
) -> RpcResult<Page<ConfigurationImported>> {
    Ok(form.import(&RequestContext::current(), text, true, &form_token).await?)
}

/// Saves such a text, and leads to the list.
#[server(prefix = "/rpc", output = Json, endpoint = "import_configurations")]
pub async fn import_configurations(
    #[server(default)] form: ImportAllForm,
    text: String,
    #[server(default)] form_token: String,
) -> RpcResult<()> {
    leptos_axum::redirect(&form.make(&RequestContext::current(), text, &form_token).await?);
    Ok(())
}

/// A change that was posted without JavaScript: the page comes back with what would become of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TriedChange {
    pub form: ChangeForm,
    /// Whether the value may be a secret: then it isn't in the form any more.
    pub is_secret: bool,
    pub report: RpcResult<ConfigurationsChanged>,
}

/// A text that was posted without JavaScript: the page comes back with what would become of it, and without the text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TriedImportAll {
    pub form: ImportAllForm,
    pub report: RpcResult<Page<ConfigurationImported>>,
}

/// What the form of a change sends to its own page.
#[cfg(feature = "ssr")]
#[derive(Debug, Deserialize)]
pub struct PostedChange {
    #[serde(default)]
    form: ChangeForm,
    /// There when it is to be saved.
    make: Option<String>,
    #[serde(default)]
    form_token: String,
}

/// What the form of an import sends to its own page.
#[cfg(feature = "ssr")]
#[derive(Debug, Deserialize)]
pub struct PostedImportAll {
    #[serde(default)]
    form: ImportAllForm,
    text: String,
    /// There when it is to be saved.
    make: Option<String>,
    #[serde(default)]
    form_token: String,
}

#[cfg(feature = "ssr")]
impl TriedChange {
    /// Looks at what was posted, or saves it. Answers where that is seen, or what is shown here.
    pub async fn posted(posted: PostedChange, context: &RequestContext) -> Result<String, Self> {
        let PostedChange { mut form, make, form_token } = posted;
        let report = match make {
            Some(_) => match form.make(context, &form_token).await {
                Ok(address) => return Ok(address),
                Err(error) => Err(error),
            },
            None => form.change(context, true, &form_token).await,
        };
        let is_plain = |one: &ConfigurationImported| {
            let is_veiled = one.changes.iter().any(|change| change.after.as_ref().is_some_and(|after| after == api::MASK));
            one.faults.is_empty() && !is_veiled
        };
        // Of what was refused nobody has said that it is no secret.
        let is_plain = report.as_ref().is_ok_and(|report| report.items.iter().all(is_plain));
        let is_secret = !is_plain && !form.value.is_empty() && form.value != api::MASK;
        if is_secret {
            form.value.clear();
        }
        Err(Self { form, is_secret, report: report.map_err(RpcError) })
    }
}

#[cfg(feature = "ssr")]
impl TriedImportAll {
    /// Looks at what was posted, or saves it. Answers where that is seen, or what is shown here.
    pub async fn posted(posted: PostedImportAll, context: &RequestContext) -> Result<String, Self> {
        let PostedImportAll { form, text, make, form_token } = posted;
        let report = match make {
            Some(_) => match form.make(context, text, &form_token).await {
                Ok(address) => return Ok(address),
                Err(error) => Err(error),
            },
            None => form.import(context, text, true, &form_token).await,
        };
        Err(Self { form, report: report.map_err(RpcError) })
    }
}

#[cfg(feature = "ssr")]
impl ChangeForm {
    async fn change(&self, context: &RequestContext, dry_run: bool, form_token: &str) -> api::Result<ConfigurationsChanged> {
        context.check_form_token(form_token)?;
        let name = self.name.trim().to_owned();
        if name.is_empty() {
            Err(api::Error::invalid("/name", "say which value: the name of a variable"))?;
        }
        let mut change = api::ConfigurationsChange {
            services: read_ids(&self.ids)?,
            message: self.message.trim().to_owned(),
            dry_run,
            restart: self.restart,
            ..api::ConfigurationsChange::default()
        };
        match self.without {
            true => change.unset.push(name),
            false => _ = change.texts.insert(name, self.value.replace("\r\n", "\n")),
        }
        context.backend.configurations.change(context.caller()?, change).await
    }

    async fn make(&self, context: &RequestContext, form_token: &str) -> api::Result<String> {
        let done = self.change(context, false, form_token).await?;
        let address = saved(&done.items)?;
        Ok(done.restart.and_then(|report| progress(&report, context)).unwrap_or(address))
    }
}

#[cfg(feature = "ssr")]
impl ImportAllForm {
    async fn import(
        &self,
        context: &RequestContext,
        text: String,
        dry_run: bool,
        form_token: &str,
    ) -> api::Result<Page<ConfigurationImported>> {
        context.check_form_token(form_token)?;
        let (format, mode, message) = (self.format, self.mode, self.message.trim().to_owned());
        let import = api::ConfigurationsImport { format, text: text.replace("\r\n", "\n"), mode, message, dry_run };
        context.backend.configurations.import_all(context.caller()?, import).await
    }

    async fn make(&self, context: &RequestContext, text: String, form_token: &str) -> api::Result<String> {
        saved(&self.import(context, text, false, form_token).await?.items)
    }
}

/// Where it is said how many were saved. Fails when one couldn't be, with what is to be known of it.
#[cfg(feature = "ssr")]
fn saved(items: &[ConfigurationImported]) -> api::Result<String> {
    let count = items.iter().filter(|one| one.saved).count();
    let failed = items.iter().find(|one| !one.saved && !one.notes.is_empty());
    if let Some(failed) = failed {
        let (name, why) = (&failed.service_name, failed.notes.join("; "));
        Err(api::Error::conflict(format!("{count} of {} services are saved, but of '{name}': {why}", items.len())))?;
    }
    Ok(format!("{}?done=saved&saved={count}&same={}", crate::path::CONFIGURATIONS, items.len() - count))
}

/// Where it is seen how far those are that are restarted; none when none is.
#[cfg(feature = "ssr")]
fn progress(report: &BulkReport, context: &RequestContext) -> Option<String> {
    let is_moved = |item: &&api::BulkItem| item.outcome != api::BulkOutcome::Skipped;
    let moved: Vec<_> = report.items.iter().filter(is_moved).map(|item| item.service_id).collect();
    let address = (!moved.is_empty()).then(|| crate::path::bulk(report.action, moved));
    address.map(|address| format!("{address}&sent={}", context.now.micros()))
}

#[cfg(feature = "ssr")]
fn read_ids(ids: &str) -> api::Result<Vec<ServiceId>> {
    ids.split(',').filter(|id| !id.is_empty()).map(str::parse).collect()
}

#[cfg(feature = "ssr")]
async fn chosen(context: &RequestContext, ids: Vec<ServiceId>, query: ConfigurationsQuery) -> api::Result<Vec<ConfigurationSummary>> {
    let most = api::Limit::new(api::BULK_MOST as u32)?;
    let mut query = match ids.is_empty() {
        true => ConfigurationsQuery { check: false, limit: most, cursor: None, ..query },
        false => ConfigurationsQuery { limit: most, ..ConfigurationsQuery::default() },
    };
    let ids: std::collections::HashSet<_> = ids.into_iter().collect();
    let mut found = Vec::new();
    loop {
        let page = context.backend.configurations.list(context.caller()?, query.clone()).await?;
        found.extend(page.items.into_iter().filter(|one| ids.is_empty() || ids.contains(&one.service_id)));
        query.cursor = page.next_cursor;
        if found.len() > api::BULK_MOST || ids.is_empty() && query.cursor.is_some() {
            let message = format!("more than {} services match; narrow the list", api::BULK_MOST);
            return Err(api::Error::invalid("q", message));
        }
        if query.cursor.is_none() {
            return Ok(found);
        }
    }
}
