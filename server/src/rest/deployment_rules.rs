//! When services may be deployed, and who has agreed.

use api::{Deployment, DeploymentId, DeploymentRules, ErrorBody, Freeze, FreezeId, NewFreeze, ServiceId, Verdict};
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Accepted, Ports, created, json};
use crate::error::Answer;
use crate::extract::{Body, Id, MaybeBody};
use crate::middleware::SignedIn;
use crate::state::Server;

pub fn routes() -> OpenApiRouter<std::sync::Arc<Server>> {
    OpenApiRouter::new()
        .routes(routes!(rules, set_rules))
        .routes(routes!(freezes, freeze))
        .routes(routes!(end_freeze))
        .routes(routes!(approve))
        .routes(routes!(reject))
}

/// Says when a service may be deployed: its windows, and whether somebody else has to agree. None of both when nothing was said.
#[utoipa::path(get, path = "/api/deploy/services/{id}/rules", tag = "deployments", params(("id" = ServiceId, Path, description = "The service.")),
    responses((status = 200, body = DeploymentRules, description = "Its rules.")),
    extensions(("x-permission" = json!("deployments:read"))))]
async fn rules(State(server): Ports, SignedIn(caller): SignedIn, Id(id): Id<ServiceId>) -> Answer<Json<DeploymentRules>> {
    json(server.backend.deployments.rules(&caller, id).await?)
}

/// Sets when a service may be deployed, in place of what was said before.
///
/// A deployment outside of the windows, or that nobody else has agreed to where that is needed, waits (`waits_for` says for what). Going back to an earlier
/// release never does, and neither does one that somebody with `deployments:rules` has said of that it is `urgent`.
#[utoipa::path(put, path = "/api/deploy/services/{id}/rules", tag = "deployments", params(("id" = ServiceId, Path, description = "The service.")),
    request_body = DeploymentRules, responses(
        (status = 200, body = DeploymentRules, description = "Its rules."),
        (status = 422, body = ErrorBody, description = "A window can't be read, or there is no such time zone.")),
    extensions(("x-permission" = json!("deployments:rules"))))]
async fn set_rules(
    State(server): Ports,
    SignedIn(caller): SignedIn,
    Id(id): Id<ServiceId>,
    Body(rules): Body<DeploymentRules>,
) -> Answer<Json<DeploymentRules>> {
    json(server.backend.deployments.set_rules(&caller, id, rules).await?)
}

/// Lists the freezes that aren't over, by their beginning.
#[utoipa::path(get, path = "/api/deploy/freezes", tag = "deployments",
    responses((status = 200, body = Vec<Freeze>, description = "All of them, at most 100.")),
    extensions(("x-permission" = json!("deployments:read"))))]
async fn freezes(State(server): Ports, SignedIn(caller): SignedIn) -> Answer<Json<Vec<Freeze>>> {
    json(server.backend.deployments.freezes(&caller).await?)
}

/// Sets a time in which no deployment begins: of one service, or of all. What is under way goes on.
#[utoipa::path(post, path = "/api/deploy/freezes", tag = "deployments", request_body = NewFreeze, responses(
        (status = 201, body = Freeze, description = "It is set."),
        (status = 409, body = ErrorBody, description = "There are 100."),
        (status = 422, body = ErrorBody, description = "It is over already, lasts more than 366 days, or has no reason.")),
    extensions(("x-permission" = json!("deployments:rules"))))]
async fn freeze(State(server): Ports, SignedIn(caller): SignedIn, Body(new): Body<NewFreeze>) -> Answer<Accepted<Freeze>> {
    created(server.backend.deployments.freeze(&caller, new).await?)
}

/// Ends a freeze; what has waited for that begins.
#[utoipa::path(delete, path = "/api/deploy/freezes/{id}", tag = "deployments", params(("id" = FreezeId, Path, description = "The freeze.")),
    responses((status = 204, description = "It is ended.")),
    extensions(("x-permission" = json!("deployments:rules"))))]
async fn end_freeze(State(server): Ports, SignedIn(caller): SignedIn, Id(id): Id<FreezeId>) -> Answer<StatusCode> {
    server.backend.deployments.end_freeze(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Agrees to a deployment that waits for that. Who has asked for it can't.
#[utoipa::path(post, path = "/api/deploy/{id}/approve", tag = "deployments", params(("id" = DeploymentId, Path, description = "The deployment.")),
    request_body = Verdict, responses(
        (status = 200, body = Deployment, description = "It begins when nothing else is in its way."),
        (status = 409, body = ErrorBody, description = "It doesn't wait for that, or the caller has asked for it.")),
    extensions(("x-permission" = json!("deployments:approve"))))]
async fn approve(
    State(server): Ports,
    SignedIn(caller): SignedIn,
    Id(id): Id<DeploymentId>,
    MaybeBody(verdict): MaybeBody<Verdict>,
) -> Answer<Json<Deployment>> {
    json(server.backend.deployments.approve(&caller, id, verdict).await?)
}

/// Ends a deployment that waits for somebody to agree.
#[utoipa::path(post, path = "/api/deploy/{id}/reject", tag = "deployments", params(("id" = DeploymentId, Path, description = "The deployment.")),
    request_body = Verdict, responses(
        (status = 200, body = Deployment, description = "It is cancelled."),
        (status = 409, body = ErrorBody, description = "It doesn't wait for that.")),
    extensions(("x-permission" = json!("deployments:approve"))))]
async fn reject(
    State(server): Ports,
    SignedIn(caller): SignedIn,
    Id(id): Id<DeploymentId>,
    MaybeBody(verdict): MaybeBody<Verdict>,
) -> Answer<Json<Deployment>> {
    json(server.backend.deployments.reject(&caller, id, verdict).await?)
}
