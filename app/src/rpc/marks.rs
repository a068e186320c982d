//! What happened to a service, for the marks on its charts.
#![allow(missing_docs, reason = "the fields of the types that #[server] makes are the documented functions' arguments")]

use api::{Range, ServiceId};
use leptos::prelude::*;

#[cfg(feature = "ssr")]
use super::*;
use super::{Json, RpcResult};
use crate::charts::Mark;

/// The most marks.
#[cfg(feature = "ssr")]
const MOST: usize = 60;
/// The most of each kind.
#[cfg(feature = "ssr")]
const OF_A_KIND: u32 = 20;

/// What happened to a service over the range that ends now, oldest first: its newest deployments, and when it crashed, was asked to restart or was
/// configured.
#[server(prefix = "/rpc", output = Json, endpoint = "list_marks")]
pub async fn list_marks(id: ServiceId, range: Range) -> RpcResult<Vec<Mark>> {
    use api::EventKind as K;
    let context = RequestContext::current();
    let (caller, backend) = (context.caller()?, &context.backend);
    let from = context.now.plus_seconds(-range.seconds());
    let limit = api::Limit::new(OF_A_KIND)?;
    let query = api::DeploymentQuery { service_id: Some(id), limit, ..Default::default() };
    let mut marks: Vec<Mark> = backend.deployments.list(caller, query).await?.items.iter().flat_map(of_deployment).collect();
    for kind in [K::ServiceCrashed, K::ServiceRestartAsked, K::ConfigSaved, K::ConfigRestored, K::ConfigReverted] {
        let query = api::EventQuery {
            service_id: Some(id),
            kind: Some(kind),
            from: Some(from),
            limit: api::Limit::new(OF_A_KIND)?,
            ..Default::default()
        };
        let events = backend.activity.list(caller, query).await?.items;
        marks.extend(events.into_iter().map(|event| Mark {
            at: event.at,
            text: kind.label().to_ascii_lowercase(),
            is_bad: kind == K::ServiceCrashed,
            deployment: None,
        }));
    }
    marks.retain(|mark| mark.at >= from);
    marks.sort_by_key(|mark| mark.at);
    Ok(marks.split_off(marks.len().saturating_sub(MOST)))
}

/// When a deployment let its release in, and when it took it back. One that failed before has changed nothing.
#[cfg(feature = "ssr")]
fn of_deployment(one: &api::Deployment) -> Vec<Mark> {
    use api::{DeploymentKind, DeploymentStatus as S, Stage, StageStatus};
    let deploy = one.stages.iter().find(|stage| stage.name == Stage::Deploy);
    let beside = one.deployment_type.is_side_by_side().then(|| one.traffic.first()).flatten();
    let let_in = match beside {
        Some(step) => step.started_at,
        None => deploy.and_then(|stage| stage.started_at),
    };
    let Some(at) = let_in else { return Vec::new() };
    let release = one.release.as_ref().map_or_else(|| "a release".to_owned(), api::Release::label);
    let what = match (one.kind, one.status.is_over()) {
        (DeploymentKind::Rollback, _) => format!("gone back to {release}"),
        (DeploymentKind::Deploy, true) => format!("{release} deployed"),
        (DeploymentKind::Deploy, false) => format!("{release} is being deployed"),
    };
    let mark = |at, text, is_bad| Mark { at, text, is_bad, deployment: Some(one.id) };
    let mut marks = vec![mark(at, what, false)];
    let is_undone = deploy.is_some_and(|stage| stage.status == StageStatus::Undone) || one.status == S::RolledBack;
    if let Some(end) = one.finished_at.filter(|_| is_undone) {
        let by = one.cancelled_by.as_ref().map(|by| format!(", cancelled by {by}")).unwrap_or_default();
        marks.push(mark(end, format!("{release} taken back{by}"), one.status == S::RolledBack));
    }
    marks
}
