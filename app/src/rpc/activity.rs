//! What happened.
#![allow(missing_docs, reason = "the fields of the types that #[server] makes are the documented functions' arguments")]

use api::{Event, EventQuery, Page};
use leptos::prelude::*;

#[cfg(feature = "ssr")]
use super::*;
use super::{Json, RpcResult};

/// One page of events, newest first.
#[server(prefix = "/rpc", output = Json, endpoint = "list_events", input = Json)]
pub async fn list_events(query: EventQuery) -> RpcResult<Page<Event>> {
    let context = RequestContext::current();
    Ok(context.backend.activity.list(context.caller()?, query).await?)
}
