//! One service: what its page shows.
#![allow(missing_docs, reason = "the fields of the types that #[server] makes are the documented functions' arguments")]

use api::{HealthReport, ServiceDetail, ServiceId};
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
