//! Taking over what the environment before has.
#![allow(missing_docs, reason = "the fields of the types that #[server] makes are the documented functions' arguments")]

use api::ServiceId;
use leptos::prelude::*;

#[cfg(feature = "ssr")]
use super::*;
use super::{Json, RpcResult};

/// Takes over values of the base as a new version: those with these names, or all that have changed.
#[server(prefix = "/rpc", output = Json, endpoint = "inherit_configuration")]
pub async fn inherit_configuration(
    id: ServiceId,
    version: u64,
    base_version: u64,
    #[server(default)] names: Vec<String>,
    #[server(default)] is_chosen: bool,
    #[server(default)] message: String,
    #[server(default)] restart: bool,
    #[server(default)] form_token: String,
) -> RpcResult<()> {
    let context = RequestContext::current();
    context.check_form_token(&form_token)?;
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
