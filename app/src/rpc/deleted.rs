//! Deleted services, and the forms that put one back or remove it for good.
#![allow(missing_docs, reason = "the fields of the types that #[server] makes are the documented functions' arguments")]

use api::{DeletedService, Page, ServiceId};
use leptos::prelude::*;

#[cfg(feature = "ssr")]
use super::*;
use super::{Json, RpcResult};

/// The deleted services that can be put back.
#[server(prefix = "/rpc", output = Json, endpoint = "list_deleted", input = Json)]
pub async fn list_deleted() -> RpcResult<Page<DeletedService>> {
    let context = RequestContext::current();
    Ok(context.backend.services.deleted(context.caller()?).await?)
}

/// Puts a deleted service back under this name, and leads to its page.
#[server(prefix = "/rpc", output = Json, endpoint = "restore_service")]
pub async fn restore_service(id: ServiceId, name: String, #[server(default)] form_token: String) -> RpcResult<()> {
    let context = RequestContext::current();
    context.check_form_token(&form_token)?;
    let how = api::Restoration { name: Some(name.trim().to_owned()) };
    context.backend.services.restore(context.caller()?, id, how).await?;
    leptos_axum::redirect(&format!("{}?done=restored", crate::path::service(id)));
    Ok(())
}

/// Removes a deleted service for good whose name has been typed.
#[server(prefix = "/rpc", output = Json, endpoint = "purge_service")]
pub async fn purge_service(id: ServiceId, typed: String, #[server(default)] form_token: String) -> RpcResult<()> {
    let context = RequestContext::current();
    context.check_form_token(&form_token)?;
    let (caller, services) = (context.caller()?, &context.backend.services);
    let deleted = services.deleted(caller).await?.items;
    let name = deleted.into_iter().find(|service| service.id == id).ok_or_else(|| api::Error::not_found("deleted service", id))?.name;
    if typed.trim() != name {
        Err(api::Error::invalid("/typed", format!("to remove it for good, type its name as it is: {name}")))?;
    }
    services.purge(caller, id).await?;
    leptos_axum::redirect(&format!("{}?done=purged", crate::path::DELETED));
    Ok(())
}
