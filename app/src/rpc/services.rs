//! Services: the list, and the forms that start, stop and restart one.
#![allow(missing_docs, reason = "the fields of the types that #[server] makes are the documented functions' arguments")]

use api::{DiscoveryReport, Page, Service, ServiceId, ServiceQuery};
use leptos::prelude::*;

#[cfg(feature = "ssr")]
use super::*;
use super::{Json, RpcResult};

/// One page of services.
#[server(prefix = "/rpc", output = Json, endpoint = "list_services", input = Json)]
pub async fn list_services(query: ServiceQuery) -> RpcResult<Page<Service>> {
    let context = RequestContext::current();
    Ok(context.backend.services.list(context.caller()?, query).await?)
}

/// Asks for a start.
#[server(prefix = "/rpc", output = Json, endpoint = "start_service")]
pub async fn start_service(id: ServiceId, #[server(default)] form_token: String) -> RpcResult<Service> {
    let context = RequestContext::current();
    context.check_form_token(&form_token)?;
    Ok(context.backend.services.start(context.caller()?, id).await?)
}

/// Asks for a stop.
#[server(prefix = "/rpc", output = Json, endpoint = "stop_service")]
pub async fn stop_service(id: ServiceId, #[server(default)] form_token: String) -> RpcResult<Service> {
    let context = RequestContext::current();
    context.check_form_token(&form_token)?;
    Ok(context.backend.services.stop(context.caller()?, id).await?)
}

/// Asks for a stop and a start.
#[server(prefix = "/rpc", output = Json, endpoint = "restart_service")]
pub async fn restart_service(id: ServiceId, #[server(default)] form_token: String) -> RpcResult<Service> {
    let context = RequestContext::current();
    context.check_form_token(&form_token)?;
    Ok(context.backend.services.restart(context.caller()?, id).await?)
}

/// Looks through the services folder now.
#[server(prefix = "/rpc", output = Json, endpoint = "discover_services")]
pub async fn discover_services(#[server(default)] form_token: String) -> RpcResult<DiscoveryReport> {
    let context = RequestContext::current();
    context.check_form_token(&form_token)?;
    Ok(context.backend.services.discover(context.caller()?).await?)
}
