//! Services: the list, and the forms that start, stop and restart one.
#![allow(missing_docs, reason = "the fields of the types that #[server] makes are the documented functions' arguments")]

use api::{Action, BulkReport, BulkRequest, DiscoveryReport, Page, Service, ServiceId, ServiceQuery};
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

/// Who is in a list, from its first page to its last.
#[server(prefix = "/rpc", output = Json, endpoint = "matching_services", input = Json)]
pub async fn matching_services(query: ServiceQuery) -> RpcResult<Vec<ServiceId>> {
    let context = RequestContext::current();
    let mut ids = Vec::new();
    let mut query = ServiceQuery { limit: api::Limit::new(1000)?, cursor: None, offset: None, ..query };
    loop {
        let page = context.backend.services.list(context.caller()?, query.clone()).await?;
        ids.extend(page.items.iter().map(|service| service.id));
        query.cursor = page.next_cursor;
        if query.cursor.is_none() {
            return Ok(ids);
        }
    }
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

/// What would become of many services.
#[server(prefix = "/rpc", output = Json, endpoint = "plan_services", input = Json)]
pub async fn plan_services(request: BulkRequest) -> RpcResult<BulkReport> {
    let context = RequestContext::current();
    Ok(context.backend.services.act(context.caller()?, BulkRequest { dry_run: true, ..request }).await?)
}

/// Asks for one action on many services, and leads to where one sees how far they are. `ids` has commas between them.
#[server(prefix = "/rpc", output = Json, endpoint = "act_on_services")]
pub async fn act_on_services(action: Action, ids: String, #[server(default)] form_token: String) -> RpcResult<()> {
    let context = RequestContext::current();
    context.check_form_token(&form_token)?;
    let ids = ids.split(',').filter(|id| !id.is_empty()).map(str::parse).collect::<api::Result<Vec<ServiceId>>>()?;
    let report = context
        .backend
        .services
        .act(context.caller()?, BulkRequest { action, ids, filter: None, with_dependencies: false, dry_run: false })
        .await?;
    if report.items.iter().all(|item| item.outcome == api::BulkOutcome::Failed) {
        Err(api::Error::conflict(report.items.iter().find_map(|item| item.message.clone()).unwrap_or_default()))?;
    }
    let href = crate::path::bulk(action, report.items.iter().map(|item| item.service_id));
    leptos_axum::redirect(&format!("{href}&sent={}", context.now.micros()));
    Ok(())
}

/// Looks through the services folder now.
#[server(prefix = "/rpc", output = Json, endpoint = "discover_services")]
pub async fn discover_services(#[server(default)] form_token: String) -> RpcResult<DiscoveryReport> {
    let context = RequestContext::current();
    context.check_form_token(&form_token)?;
    Ok(context.backend.services.discover(context.caller()?).await?)
}
