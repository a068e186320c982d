//! Log lines.
#![allow(missing_docs, reason = "the fields of the types that #[server] makes are the documented functions' arguments")]

use api::{LogLine, LogQuery, Page, ServiceId};
use leptos::prelude::*;

#[cfg(feature = "ssr")]
use super::*;
use super::{Json, RpcResult};

/// One page of the log of a service.
#[server(prefix = "/rpc", output = Json, endpoint = "get_logs", input = Json)]
pub async fn get_logs(id: ServiceId, query: LogQuery) -> RpcResult<Page<LogLine>> {
    let context = RequestContext::current();
    Ok(context.backend.logs.page(context.caller()?, id, query).await?)
}
