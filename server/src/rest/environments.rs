//! Environments, and what runs where.

use std::str::FromStr;

use api::{Environment, Error, ErrorBody, NewEnvironment, NewTarget, Places, PlacesQuery, ServiceDetail, ServiceId, is_environment_name};
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Accepted, Ports, created, json};
use crate::error::Answer;
use crate::extract::{Body, Id, Params};
use crate::middleware::SignedIn;
use crate::state::Server;

/// The name of an environment in a path; one that can't be is `not_found`.
struct Name(String);

impl FromStr for Name {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if is_environment_name(text) { Ok(Self(text.to_owned())) } else { Err(Error::not_found("environment", text)) }
    }
}

pub fn routes() -> OpenApiRouter<std::sync::Arc<Server>> {
    OpenApiRouter::new()
        .routes(routes!(environments, make_environment))
        .routes(routes!(change_environment, remove_environment))
        .routes(routes!(places))
        .routes(routes!(set_up))
}

/// Lists the environments in their order: `development`, which is the services themselves, and then those that were made.
#[utoipa::path(get, path = "/api/deploy/environments", tag = "deployments",
    responses((status = 200, body = Vec<Environment>, description = "All of them, at most 21.")),
    extensions(("x-permission" = json!("deployments:read"))))]
async fn environments(State(server): Ports, SignedIn(caller): SignedIn) -> Answer<Json<Vec<Environment>>> {
    json(server.backend.environments.all(&caller).await?)
}

/// Makes an environment. Services are set up in it one by one.
#[utoipa::path(post, path = "/api/deploy/environments", tag = "deployments", request_body = NewEnvironment, responses(
        (status = 201, body = Environment, description = "It is made."),
        (status = 409, body = ErrorBody, description = "There is one of that name, or there are 20."),
        (status = 422, body = ErrorBody, description = "Its name or its description can't be.")),
    extensions(("x-permission" = json!("deployments:rules"))))]
async fn make_environment(
    State(server): Ports,
    SignedIn(caller): SignedIn,
    Body(new): Body<NewEnvironment>,
) -> Answer<Accepted<Environment>> {
    created(server.backend.environments.create(&caller, new).await?)
}

/// Says what an environment is for and which one comes after it, in place of what was said before. It keeps its name.
#[utoipa::path(put, path = "/api/deploy/environments/{name}", tag = "deployments",
    params(("name" = String, Path, description = "Its name.")), request_body = NewEnvironment, responses(
        (status = 200, body = Environment, description = "It is changed."),
        (status = 422, body = ErrorBody, description = "The description can't be, or there is none for it to come before.")),
    extensions(("x-permission" = json!("deployments:rules"))))]
async fn change_environment(
    State(server): Ports,
    SignedIn(caller): SignedIn,
    Id(Name(name)): Id<Name>,
    Body(new): Body<NewEnvironment>,
) -> Answer<Json<Environment>> {
    json(server.backend.environments.change(&caller, name, new).await?)
}

/// Removes an environment in which no service is set up.
#[utoipa::path(delete, path = "/api/deploy/environments/{name}", tag = "deployments",
    params(("name" = String, Path, description = "Its name.")), responses(
        (status = 204, description = "It is removed."),
        (status = 409, body = ErrorBody, description = "A service is set up in it, or was deleted there and can still be put back.")),
    extensions(("x-permission" = json!("deployments:rules"))))]
async fn remove_environment(State(server): Ports, SignedIn(caller): SignedIn, Id(Name(name)): Id<Name>) -> Answer<StatusCode> {
    server.backend.environments.remove(&caller, name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Says what runs where: each service in each environment, with its release, by name.
#[utoipa::path(get, path = "/api/deploy/places", tag = "deployments", params(PlacesQuery),
    responses((status = 200, body = Places, description = "One page of them.")),
    extensions(("x-permission" = json!("deployments:read"))))]
async fn places(State(server): Ports, SignedIn(caller): SignedIn, Params(query): Params<PlacesQuery>) -> Answer<Json<Places>> {
    json(server.backend.environments.places(&caller, query).await?)
}

/// Sets a service up in an environment.
///
/// That makes a service of its own, with the settings of the one in development but for what is said here, and with a configuration that begins as its
/// configuration is. Data, volumes, networks and releases are its own. It is at rest until it is deployed: by `POST /api/deploy/services/{id}` of either with
/// `target_environment`, and `release_id` to take along what runs in another environment. Variables also need `config:change`, `needs_approval`
/// `deployments:rules`.
#[utoipa::path(post, path = "/api/deploy/services/{id}/environments", tag = "deployments",
    params(("id" = ServiceId, Path, description = "The service, in whatever environment.")), request_body = NewTarget, responses(
        (status = 201, body = ServiceDetail, description = "The service that it is there."),
        (status = 409, body = ErrorBody, description = "It is set up there already, can't be, or the name is taken."),
        (status = 422, body = ErrorBody, description = "Something of it can't be; `details` says what.")),
    extensions(("x-permission" = json!("services:create"))))]
async fn set_up(
    State(server): Ports,
    SignedIn(caller): SignedIn,
    Id(id): Id<ServiceId>,
    Body(new): Body<NewTarget>,
) -> Answer<Accepted<ServiceDetail>> {
    created(server.backend.environments.set_up(&caller, id, new).await?)
}
