//! Taking over what the environment before has.
#![allow(missing_docs, reason = "the fields of the types that #[server] makes are the documented functions' arguments")]

use api::ServiceId;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
use super::*;
use super::{Json, RpcResult};

/// What the forms send that take values over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct InheritForm {
    /// The version of the service's configuration that was seen.
    pub version: u64,
    /// That of its base.
    pub base_version: u64,
    /// Whether only what is chosen is taken over, and not all that has changed.
    pub is_chosen: bool,
    /// The names of what is chosen.
    pub names: Vec<String>,
    /// Why.
    pub message: String,
    /// Whether a running service is restarted with it.
    pub restart: bool,
}

/// Takes over values of the base as a new version: those that are chosen, or all that have changed.
#[server(prefix = "/rpc", output = Json, endpoint = "inherit_configuration")]
pub async fn inherit_configuration(id: ServiceId, form: InheritForm, #[server(default)] form_token: String) -> RpcResult<()> {
    let context = RequestContext::current();
    context.check_form_token(&form_token)?;
    let InheritForm { version, base_version, is_chosen, names, message, restart } = form;
    if is_chosen && names.is_empty() {
        Err(api::Error::invalid("/names", "choose what is to be inherited"))?;
    }
    let message = message.trim().to_owned();
    let inherit = api::ConfigurationInherit { version, base_version: Some(base_version), names, message, restart, watch_seconds: None };
    let now = context.backend.configurations.inherit(context.caller()?, id, inherit).await?;
    let what = if now.not_restarted.is_some() { "not-restarted" } else { "inherited" };
    leptos_axum::redirect(&format!("{}?done=config-{what}&saved={}", crate::path::configuration(id), now.version));
    Ok(())
}
