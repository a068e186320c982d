//! What services are told.

use api::{
    Configuration, ConfigurationCheck, ConfigurationDifference, ConfigurationReset, ConfigurationRestore, ConfigurationSnapshot,
    ConfigurationVerdict, ConfigurationVersion, DifferenceQuery, ErrorBody, NewConfiguration, NewSchema, Page, ServiceId,
};
use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Ports, json};
use crate::error::Answer;
use crate::extract::{Body, Id, Number, Params};
use crate::middleware::SignedIn;
use crate::state::Server;

pub fn routes() -> OpenApiRouter<std::sync::Arc<Server>> {
    OpenApiRouter::new()
        .routes(routes!(get, save))
        .routes(routes!(validate))
        .routes(routes!(versions))
        .routes(routes!(version))
        .routes(routes!(difference))
        .routes(routes!(restore))
        .routes(routes!(reset))
        .routes(routes!(set_schema))
}

/// Shows what a service is told, with the schema of it.
///
/// Secrets are `********`, for everybody. Until something is saved, the values are those of its `.env`, its files with variables and its
/// settings, as version 1.
#[utoipa::path(get, path = "/api/config/services/{id}", tag = "configuration", params(("id" = ServiceId, Path, description = "The service.")),
    responses((status = 200, body = Configuration, description = "Its configuration.")),
    extensions(("x-permission" = json!("config:read"))))]
async fn get(State(server): Ports, SignedIn(caller): SignedIn, Id(id): Id<ServiceId>) -> Answer<Json<Configuration>> {
    json(server.backend.configurations.get(&caller, id).await?)
}

/// Saves all values as a new version. They count from the next start on, or at once with `restart`.
///
/// `********` keeps the secret that is there. With the first save the variables of its settings move into its configuration, and its `.env`
/// and other files aren't given to it any more. A variable that lets the service run any program also needs `services:command`, and
/// `restart` needs `services:operate`.
#[utoipa::path(put, path = "/api/config/services/{id}", tag = "configuration", params(("id" = ServiceId, Path, description = "The service.")),
    request_body = NewConfiguration, responses(
        (status = 200, body = Configuration, description = "The new version."),
        (status = 409, body = ErrorBody, description = "They weren't made from the newest version."),
        (status = 422, body = ErrorBody, description = "The schema refuses them; `details` says where.")),
    extensions(("x-permission" = json!("config:change"))))]
async fn save(
    State(server): Ports,
    SignedIn(caller): SignedIn,
    Id(id): Id<ServiceId>,
    Body(new): Body<NewConfiguration>,
) -> Answer<Json<Configuration>> {
    json(server.backend.configurations.save(&caller, id, new).await?)
}

/// Says what is wrong with values, and saves nothing.
#[utoipa::path(post, path = "/api/config/services/{id}/validate", tag = "configuration",
    params(("id" = ServiceId, Path, description = "The service.")), request_body = ConfigurationCheck,
    responses((status = 200, body = ConfigurationVerdict, description = "What is wrong with them.")),
    extensions(("x-permission" = json!("config:read"))))]
async fn validate(
    State(server): Ports,
    SignedIn(caller): SignedIn,
    Id(id): Id<ServiceId>,
    Body(check): Body<ConfigurationCheck>,
) -> Answer<Json<ConfigurationVerdict>> {
    json(server.backend.configurations.validate(&caller, id, check).await?)
}

/// Lists the versions of a configuration, newest first: what was found, and the last 500 that were saved.
#[utoipa::path(get, path = "/api/config/services/{id}/versions", tag = "configuration",
    params(("id" = ServiceId, Path, description = "The service.")),
    responses((status = 200, body = Page<ConfigurationVersion>, description = "All of them.")),
    extensions(("x-permission" = json!("config:read"))))]
async fn versions(State(server): Ports, SignedIn(caller): SignedIn, Id(id): Id<ServiceId>) -> Answer<Json<Page<ConfigurationVersion>>> {
    json(server.backend.configurations.versions(&caller, id).await?)
}

/// Shows one version whole. Secrets are `********`.
#[utoipa::path(get, path = "/api/config/services/{id}/versions/{version}", tag = "configuration",
    params(("id" = ServiceId, Path, description = "The service."), ("version" = u64, Path, description = "The version.")),
    responses((status = 200, body = ConfigurationSnapshot, description = "The version.")),
    extensions(("x-permission" = json!("config:read"))))]
async fn version(
    State(server): Ports,
    SignedIn(caller): SignedIn,
    Id(id): Id<ServiceId>,
    Number(version): Number,
) -> Answer<Json<ConfigurationSnapshot>> {
    json(server.backend.configurations.version(&caller, id, version).await?)
}

/// Says what is different between two versions; without parameters, between the newest and the one before.
#[utoipa::path(get, path = "/api/config/services/{id}/difference", tag = "configuration",
    params(("id" = ServiceId, Path, description = "The service."), DifferenceQuery),
    responses((status = 200, body = ConfigurationDifference, description = "What is different; of secrets only that they are.")),
    extensions(("x-permission" = json!("config:read"))))]
async fn difference(
    State(server): Ports,
    SignedIn(caller): SignedIn,
    Id(id): Id<ServiceId>,
    Params(query): Params<DifferenceQuery>,
) -> Answer<Json<ConfigurationDifference>> {
    json(server.backend.configurations.difference(&caller, id, query).await?)
}

/// Saves the values of an earlier version as a new one.
#[utoipa::path(post, path = "/api/config/services/{id}/restore", tag = "configuration",
    params(("id" = ServiceId, Path, description = "The service.")), request_body = ConfigurationRestore, responses(
        (status = 200, body = Configuration, description = "The new version."),
        (status = 409, body = ErrorBody, description = "There is a newer version than the caller has seen."),
        (status = 422, body = ErrorBody, description = "There is no such version, or the schema refuses its values by now.")),
    extensions(("x-permission" = json!("config:change"))))]
async fn restore(
    State(server): Ports,
    SignedIn(caller): SignedIn,
    Id(id): Id<ServiceId>,
    Body(restore): Body<ConfigurationRestore>,
) -> Answer<Json<Configuration>> {
    json(server.backend.configurations.restore(&caller, id, restore).await?)
}

/// Saves values with some, or all, back at the defaults of the schema; what has none is taken out.
#[utoipa::path(post, path = "/api/config/services/{id}/reset", tag = "configuration",
    params(("id" = ServiceId, Path, description = "The service.")), request_body = ConfigurationReset, responses(
        (status = 200, body = Configuration, description = "The new version."),
        (status = 409, body = ErrorBody, description = "There is a newer version than the caller has seen.")),
    extensions(("x-permission" = json!("config:change"))))]
async fn reset(
    State(server): Ports,
    SignedIn(caller): SignedIn,
    Id(id): Id<ServiceId>,
    Body(reset): Body<ConfigurationReset>,
) -> Answer<Json<Configuration>> {
    json(server.backend.configurations.reset(&caller, id, reset).await?)
}

/// Sets the schema of a configuration; `null` goes back to the one that is found.
///
/// Values that it refuses stay as they are, with their faults shown, until they are saved.
#[utoipa::path(put, path = "/api/config/services/{id}/schema", tag = "configuration",
    params(("id" = ServiceId, Path, description = "The service.")), request_body = NewSchema,
    responses((status = 200, body = Configuration, description = "The configuration with its schema.")),
    extensions(("x-permission" = json!("config:change"))))]
async fn set_schema(
    State(server): Ports,
    SignedIn(caller): SignedIn,
    Id(id): Id<ServiceId>,
    Body(new): Body<NewSchema>,
) -> Answer<Json<Configuration>> {
    json(server.backend.configurations.set_schema(&caller, id, new).await?)
}
