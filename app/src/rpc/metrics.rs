//! Figures over time.
#![allow(missing_docs, reason = "the fields of the types that #[server] makes are the documented functions' arguments")]

use api::{MetricsSeries, Range, ServiceId};
use leptos::prelude::*;

#[cfg(feature = "ssr")]
use super::*;
use super::{Json, RpcResult};

/// Figures of one service over the range that ends now.
#[server(prefix = "/rpc", output = Json, endpoint = "get_metrics")]
pub async fn get_metrics(id: ServiceId, range: Range) -> RpcResult<MetricsSeries> {
    let context = RequestContext::current();
    Ok(context.backend.monitoring.service(context.caller()?, id, api::MetricsQuery::last(range)).await?)
}
