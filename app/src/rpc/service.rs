//! One service: what its page shows.
#![allow(missing_docs, reason = "the fields of the types that #[server] makes are the documented functions' arguments")]

use api::{HealthReport, Incident, IncidentId, IncidentSummary, Page, ServiceDetail, ServiceId};
use leptos::prelude::*;

#[cfg(feature = "ssr")]
use super::*;
use super::{Json, RpcResult};

/// One service with all that its page shows.
#[server(prefix = "/rpc", output = Json, endpoint = "get_service")]
pub async fn get_service(id: ServiceId) -> RpcResult<ServiceDetail> {
    let context = RequestContext::current();
    Ok(context.backend.services.get(context.caller()?, id).await?)
}

/// The health of a service with its last checks.
#[server(prefix = "/rpc", output = Json, endpoint = "get_health")]
pub async fn get_health(id: ServiceId) -> RpcResult<HealthReport> {
    let context = RequestContext::current();
    Ok(context.backend.services.health(context.caller()?, id).await?)
}

/// The runs of a service that ended by themselves, newest first.
#[server(prefix = "/rpc", output = Json, endpoint = "list_incidents")]
pub async fn list_incidents(id: ServiceId) -> RpcResult<Page<IncidentSummary>> {
    let context = RequestContext::current();
    Ok(context.backend.services.incidents(context.caller()?, id).await?)
}

/// One of them with what was known then.
#[server(prefix = "/rpc", output = Json, endpoint = "get_incident")]
pub async fn get_incident(id: IncidentId) -> RpcResult<Incident> {
    let context = RequestContext::current();
    Ok(context.backend.services.incident(context.caller()?, id).await?)
}
