//! Releases, and taking them to where they run.

use std::sync::Arc;

use api::{
    Deployment, DeploymentAccepted, DeploymentId, DeploymentLine, DeploymentLinesQuery, DeploymentPlan, DeploymentQuery, ErrorBody,
    NewDeployment, NewRollback, Page, ReleaseDifference, ReleaseDifferenceQuery, Releases, ServiceId,
};
use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use bytes::Bytes;
use http::header;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Accepted, Ports, accepted, json};
use crate::error::Answer;
use crate::extract::{Id, MaybeBody, Params};
use crate::middleware::SignedIn;
use crate::state::Server;

pub fn routes() -> OpenApiRouter<Arc<Server>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(deploy))
        .routes(routes!(plan))
        .routes(routes!(history))
        .routes(routes!(releases))
        .routes(routes!(difference))
        .routes(routes!(let_go))
        .routes(routes!(status))
        .routes(routes!(lines))
        .routes(routes!(cancel))
        .routes(routes!(rollback))
}

/// Lists the deployments of all services, newest first.
#[utoipa::path(get, path = "/api/deploy", tag = "deployments", params(DeploymentQuery),
    responses((status = 200, body = Page<Deployment>, description = "One page of them.")),
    extensions(("x-permission" = json!("deployments:read"))))]
async fn list(State(server): Ports, SignedIn(caller): SignedIn, Params(query): Params<DeploymentQuery>) -> Answer<impl IntoResponse> {
    let page = server.backend.deployments.list_json(&caller, query).await?;
    Ok(kept(page))
}

/// Takes on a deployment, and answers at once.
///
/// A release is made of what the service is now, with what is given here: its files, or its image pinned by digest, with its settings and its
/// configuration. Then the service is switched over to it, has to become healthy, and is watched for as long as it is said. When it isn't well it goes back
/// to what it ran before, configuration and settings too. Of one service one deployment is under way at a time; at most 20 wait. Values also need
/// `config:change`, an image and limits `services:change`.
#[utoipa::path(post, path = "/api/deploy/services/{id}", tag = "deployments", params(("id" = ServiceId, Path, description = "The service.")),
    request_body = NewDeployment, responses(
        (status = 202, body = DeploymentAccepted, description = "It was taken on."),
        (status = 409, body = ErrorBody, description = "The service can't be deployed, is held at a release, or too many wait."),
        (status = 422, body = ErrorBody, description = "Something of it can't be; `details` says what.")),
    extensions(("x-permission" = json!("deployments:run"))))]
async fn deploy(
    State(server): Ports,
    SignedIn(caller): SignedIn,
    Id(id): Id<ServiceId>,
    MaybeBody(new): MaybeBody<NewDeployment>,
) -> Answer<Accepted<DeploymentAccepted>> {
    accepted(server.backend.deployments.deploy(&caller, id, new).await?)
}

/// Says what a deployment would do, and what would be different from what runs. Nothing is done.
#[utoipa::path(post, path = "/api/deploy/services/{id}/plan", tag = "deployments", params(("id" = ServiceId, Path, description = "The service.")),
    request_body = NewDeployment, responses(
        (status = 200, body = DeploymentPlan, description = "What it would do."),
        (status = 422, body = ErrorBody, description = "Something of it can't be; `details` says what.")),
    extensions(("x-permission" = json!("deployments:run"))))]
async fn plan(
    State(server): Ports,
    SignedIn(caller): SignedIn,
    Id(id): Id<ServiceId>,
    MaybeBody(new): MaybeBody<NewDeployment>,
) -> Answer<Json<DeploymentPlan>> {
    json(server.backend.deployments.plan(&caller, id, new).await?)
}

/// Lists the deployments of one service, newest first: `service_id` of the query is that of the path.
#[utoipa::path(get, path = "/api/deploy/services/{id}/history", tag = "deployments",
    params(("id" = ServiceId, Path, description = "The service."), DeploymentQuery),
    responses((status = 200, body = Page<Deployment>, description = "One page of them.")),
    extensions(("x-permission" = json!("deployments:read"))))]
async fn history(
    State(server): Ports,
    SignedIn(caller): SignedIn,
    Id(id): Id<ServiceId>,
    Params(query): Params<DeploymentQuery>,
) -> Answer<impl IntoResponse> {
    let page = server.backend.deployments.list_json(&caller, DeploymentQuery { service_id: Some(id), ..query }).await?;
    Ok(kept(page))
}

/// Lists the releases of a service that can be gone back to, newest first, and says whether it is held at one.
#[utoipa::path(get, path = "/api/deploy/services/{id}/releases", tag = "deployments",
    params(("id" = ServiceId, Path, description = "The service.")),
    responses((status = 200, body = Releases, description = "All of them: the last 10 and the one that runs.")),
    extensions(("x-permission" = json!("deployments:read"))))]
async fn releases(State(server): Ports, SignedIn(caller): SignedIn, Id(id): Id<ServiceId>) -> Answer<Json<Releases>> {
    json(server.backend.deployments.releases(&caller, id).await?)
}

/// Says what is different between two releases: settings, configuration, files, image. Secrets are only told to be different.
#[utoipa::path(get, path = "/api/deploy/services/{id}/difference", tag = "deployments",
    params(("id" = ServiceId, Path, description = "The service."), ReleaseDifferenceQuery), responses(
        (status = 200, body = ReleaseDifference, description = "What is different."),
        (status = 422, body = ErrorBody, description = "There is no such release, or it isn't kept any more.")),
    extensions(("x-permission" = json!("deployments:read"))))]
async fn difference(
    State(server): Ports,
    SignedIn(caller): SignedIn,
    Id(id): Id<ServiceId>,
    Params(query): Params<ReleaseDifferenceQuery>,
) -> Answer<Json<ReleaseDifference>> {
    json(server.backend.deployments.difference(&caller, id, query).await?)
}

/// Lets a service that is held at a release, since it was gone back to, be deployed again, and be given the present values of its secrets at its next start.
#[utoipa::path(post, path = "/api/deploy/services/{id}/let-go", tag = "deployments",
    params(("id" = ServiceId, Path, description = "The service.")), responses(
        (status = 200, body = Releases, description = "Its releases."),
        (status = 409, body = ErrorBody, description = "It isn't held, and is given no earlier value of a secret.")),
    extensions(("x-permission" = json!("deployments:run"))))]
async fn let_go(State(server): Ports, SignedIn(caller): SignedIn, Id(id): Id<ServiceId>) -> Answer<Json<Releases>> {
    json(server.backend.deployments.let_go(&caller, id).await?)
}

/// Shows where a deployment is. Live: `/ws/deployments/{deployment_id}`.
#[utoipa::path(get, path = "/api/deploy/status/{id}", tag = "deployments", params(("id" = DeploymentId, Path, description = "The deployment.")),
    responses((status = 200, body = Deployment, description = "The deployment.")),
    extensions(("x-permission" = json!("deployments:read"))))]
async fn status(State(server): Ports, SignedIn(caller): SignedIn, Id(id): Id<DeploymentId>) -> Answer<Json<Deployment>> {
    json(server.backend.deployments.get(&caller, id).await?)
}

/// Lists what was told while it was made, oldest first; `next_cursor` is the next `after`.
#[utoipa::path(get, path = "/api/deploy/status/{id}/lines", tag = "deployments",
    params(("id" = DeploymentId, Path, description = "The deployment."), DeploymentLinesQuery),
    responses((status = 200, body = Page<DeploymentLine>, description = "One page of lines; the first 20,000 are kept.")),
    extensions(("x-permission" = json!("deployments:read"))))]
async fn lines(
    State(server): Ports,
    SignedIn(caller): SignedIn,
    Id(id): Id<DeploymentId>,
    Params(query): Params<DeploymentLinesQuery>,
) -> Answer<Json<Page<DeploymentLine>>> {
    json(server.backend.deployments.lines(&caller, id, query).await?)
}

/// Ends a deployment: what it has done is undone, and it ends as `cancelled`.
#[utoipa::path(post, path = "/api/deploy/{id}/cancel", tag = "deployments", params(("id" = DeploymentId, Path, description = "The deployment.")),
    responses(
        (status = 202, body = Deployment, description = "It will end."),
        (status = 409, body = ErrorBody, description = "It is over, or is being undone already.")),
    extensions(("x-permission" = json!("deployments:run"))))]
async fn cancel(State(server): Ports, SignedIn(caller): SignedIn, Id(id): Id<DeploymentId>) -> Answer<Accepted<Deployment>> {
    accepted(server.backend.deployments.cancel(&caller, id).await?)
}

/// Goes back to the release that this deployment deployed, by a new deployment that has its files or image, its settings and its configuration.
///
/// Deployments that wait are cancelled. Afterwards the service is held at that release until somebody lets it go.
#[utoipa::path(post, path = "/api/deploy/{id}/rollback", tag = "deployments", params(("id" = DeploymentId, Path, description = "The deployment.")),
    request_body = NewRollback, responses(
        (status = 202, body = DeploymentAccepted, description = "The new deployment was taken on."),
        (status = 409, body = ErrorBody, description = "It hadn't succeeded, its release isn't kept any more, or the service runs it.")),
    extensions(("x-permission" = json!("deployments:run"))))]
async fn rollback(
    State(server): Ports,
    SignedIn(caller): SignedIn,
    Id(id): Id<DeploymentId>,
    MaybeBody(new): MaybeBody<NewRollback>,
) -> Answer<Accepted<DeploymentAccepted>> {
    accepted(server.backend.deployments.rollback(&caller, id, new).await?)
}

/// JSON that is kept: it is sent from where it is.
fn kept(page: Arc<str>) -> impl IntoResponse {
    struct Kept(Arc<str>);
    impl AsRef<[u8]> for Kept {
        fn as_ref(&self) -> &[u8] {
            self.0.as_bytes()
        }
    }
    ([(header::CONTENT_TYPE, "application/json")], Bytes::from_owner(Kept(page)))
}
