//! Webhooks that deploy services: what their page shows, and what its forms do. A secret is in the answer to making its webhook, and nowhere else.
#![allow(missing_docs, reason = "the fields of the types that #[server] makes are the documented functions' arguments")]

use api::{DeployHook, DeployHookId, MadeDeployHook, Page, ServiceId};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
use super::*;
use super::{Json, RpcResult};

/// What the form that makes a webhook sends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HookForm {
    pub name: String,
    /// The branch; empty is every branch.
    pub branch: String,
}

/// The webhooks of a service.
#[server(prefix = "/rpc", output = Json, endpoint = "list_deploy_hooks", input = Json)]
pub async fn list_deploy_hooks(id: ServiceId) -> RpcResult<Page<DeployHook>> {
    let context = RequestContext::current();
    Ok(context.backend.deploy_hooks.list(context.caller()?, id).await?)
}

/// Makes a webhook; its secret is answered once.
#[server(prefix = "/rpc", output = Json, endpoint = "make_deploy_hook")]
pub async fn make_deploy_hook(
    id: ServiceId,
    #[server(default)] form: HookForm,
    #[server(default)] form_token: String,
) -> RpcResult<MadeDeployHook> {
    Ok(form.make(&RequestContext::current(), id, &form_token).await?)
}

/// Removes a webhook.
#[server(prefix = "/rpc", output = Json, endpoint = "remove_deploy_hook")]
pub async fn remove_deploy_hook(id: ServiceId, hook: DeployHookId, #[server(default)] form_token: String) -> RpcResult<()> {
    let context = RequestContext::current();
    context.check_form_token(&form_token)?;
    context.backend.deploy_hooks.remove(context.caller()?, id, hook).await?;
    leptos_axum::redirect(&format!("{}?done=removed&at={}", crate::path::webhooks_of(id), context.now.micros()));
    Ok(())
}

/// A form that was posted without JavaScript: the page that answers has the secret, or why there is none, and what was typed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TriedHook {
    pub form: HookForm,
    pub made: RpcResult<MadeDeployHook>,
}

/// What the form sends to its own page.
#[cfg(feature = "ssr")]
#[derive(Debug, Deserialize)]
pub struct PostedHook {
    id: ServiceId,
    #[serde(default)]
    form: HookForm,
    #[serde(default)]
    form_token: String,
}

#[cfg(feature = "ssr")]
impl TriedHook {
    /// Makes what was posted, and answers what is shown of it.
    pub async fn posted(posted: PostedHook, context: &RequestContext) -> Self {
        let PostedHook { id, form, form_token } = posted;
        let made = form.make(context, id, &form_token).await.map_err(RpcError);
        Self { form: if made.is_ok() { HookForm::default() } else { form }, made }
    }
}

#[cfg(feature = "ssr")]
impl HookForm {
    async fn make(&self, context: &RequestContext, id: ServiceId, form_token: &str) -> api::Result<MadeDeployHook> {
        context.check_form_token(form_token)?;
        let branch = Some(self.branch.trim().to_owned()).filter(|branch| !branch.is_empty());
        let new = api::NewDeployHook { name: self.name.trim().to_owned(), branch };
        context.backend.deploy_hooks.create(context.caller()?, id, new).await
    }
}
