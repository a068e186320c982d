//! Deployments and releases: what their pages show.
#![allow(missing_docs, reason = "the fields of the types that #[server] makes are the documented functions' arguments")]

use api::{
    Deployment, DeploymentId, DeploymentLine, DeploymentQuery, Page, ReleaseDifference, ReleaseDifferenceQuery, Releases, ServiceId,
};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
use super::*;
use super::{Json, RpcResult};

/// Lines of a deployment that are read at once.
#[cfg(feature = "ssr")]
const LINES: u32 = 1_000;

/// A deployment with a part of what was told while it was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeploymentRead {
    pub deployment: Deployment,
    /// Oldest first; there are more when it has a cursor.
    pub lines: Page<DeploymentLine>,
}

/// One page of deployments.
#[server(prefix = "/rpc", output = Json, endpoint = "list_deployments", input = Json)]
pub async fn list_deployments(query: DeploymentQuery) -> RpcResult<Page<Deployment>> {
    let context = RequestContext::current();
    Ok(context.backend.deployments.list(context.caller()?, query).await?)
}

/// One deployment, with its first 1,000 lines after the one of that number.
#[server(prefix = "/rpc", output = Json, endpoint = "get_deployment", input = Json)]
pub async fn get_deployment(id: DeploymentId, after: Option<u64>) -> RpcResult<DeploymentRead> {
    let context = RequestContext::current();
    let (caller, deployments) = (context.caller()?, &context.backend.deployments);
    let query = api::DeploymentLinesQuery { after, limit: api::Limit::new(LINES)? };
    let lines = deployments.lines(caller, id, query).await?;
    Ok(DeploymentRead { deployment: deployments.get(caller, id).await?, lines })
}

/// The releases of a service.
#[server(prefix = "/rpc", output = Json, endpoint = "list_releases", input = Json)]
pub async fn list_releases(id: ServiceId) -> RpcResult<Releases> {
    let context = RequestContext::current();
    Ok(context.backend.deployments.releases(context.caller()?, id).await?)
}

/// What is different between two releases, or from what runs, or to what a deployment would make.
#[server(prefix = "/rpc", output = Json, endpoint = "get_release_difference", input = Json)]
pub async fn get_release_difference(id: ServiceId, query: ReleaseDifferenceQuery) -> RpcResult<ReleaseDifference> {
    let context = RequestContext::current();
    Ok(context.backend.deployments.difference(context.caller()?, id, query).await?)
}
