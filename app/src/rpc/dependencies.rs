//! Which services need which.
#![allow(missing_docs, reason = "the fields of the types that #[server] makes are the documented functions' arguments")]

use api::{DependencyGraph, ServiceId};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
use super::*;
use super::{Json, RpcResult};

/// What the page of the dependencies shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DependencyMap {
    /// What is connected, and the service that was asked for.
    pub graph: DependencyGraph,
    /// How many services are left out, for nothing is known that they need or that needs them.
    pub alone: usize,
}

/// Everything that is connected; `service` is there in any case. Fails with `not_found` when there is no such service.
#[server(prefix = "/rpc", output = Json, endpoint = "get_dependencies", input = Json)]
pub async fn get_dependencies(service: Option<ServiceId>) -> RpcResult<DependencyMap> {
    let context = RequestContext::current();
    let mut graph = context.backend.services.dependencies(context.caller()?, Default::default()).await?;
    if let Some(id) = service.filter(|id| !graph.nodes.iter().any(|node| node.status.is_some() && node.service_id == Some(*id))) {
        Err(api::Error::not_found("service", id))?;
    }
    let ends: std::collections::HashSet<&String> = graph.edges.iter().flat_map(|edge| [&edge.from, &edge.to]).collect();
    let is_shown = |node: &api::DependencyNode| ends.contains(&node.id) || (service.is_some() && node.service_id == service);
    let (shown, alone): (Vec<_>, Vec<_>) = std::mem::take(&mut graph.nodes).into_iter().partition(is_shown);
    graph.nodes = shown;
    Ok(DependencyMap { graph, alone: alone.len() })
}

/// What there is to know before a service is stopped: what depends on it, in one sentence; none when nothing is known to.
#[server(prefix = "/rpc", output = Json, endpoint = "get_dependents", input = Json)]
pub async fn get_dependents(id: ServiceId) -> RpcResult<Option<String>> {
    let context = RequestContext::current();
    let detail = context.backend.services.get(context.caller()?, id).await?;
    Ok(api::depended_on(&detail.dependents.unwrap_or_default(), context.now))
}

/// Every service by name, to choose from.
#[server(prefix = "/rpc", output = Json, endpoint = "list_names", input = Json)]
pub async fn list_names() -> RpcResult<Vec<(ServiceId, String)>> {
    let context = RequestContext::current();
    let graph = context.backend.services.dependencies(context.caller()?, Default::default()).await?;
    let services = graph.nodes.into_iter().filter(|node| node.status.is_some());
    Ok(services.filter_map(|node| Some((node.service_id?, node.name))).collect())
}
