//! Named secrets.

use api::{KeyRotation, NamedSecret, NewSecret, Page, SecretImport, SecretImportReport, SecretName, SecretReveal, SecretValue};
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Ports, json};
use crate::error::Answer;
use crate::extract::{Body, Id, Params};
use crate::middleware::SignedIn;
use crate::state::Server;

pub fn routes() -> OpenApiRouter<std::sync::Arc<Server>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(rotate))
        .routes(routes!(import))
        .routes(routes!(put, delete))
        .routes(routes!(reveal))
}

/// How to delete a secret.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
struct Deletion {
    /// Whether to delete it also while variables refer to it: their services can't be started then.
    force: bool,
}

/// Lists every secret by name, with what refers to it, and never a value.
#[utoipa::path(get, path = "/api/secrets", tag = "secrets",
    responses((status = 200, body = Page<NamedSecret>, description = "Every secret.")),
    extensions(("x-permission" = json!("secrets:read"))))]
async fn list(State(server): Ports, SignedIn(caller): SignedIn) -> Answer<Json<Page<NamedSecret>>> {
    json(Page::whole(server.backend.secrets.list(&caller).await?))
}

/// Makes or changes a secret; what is absent stays.
///
/// Services that run keep the value that they were started with. With a `version` it is changed only when it has that one; 0 only makes it.
#[utoipa::path(put, path = "/api/secrets/{name}", tag = "secrets",
    params(("name" = SecretName, Path, description = "Its name: 1 to 128 of `A-Z a-z 0-9 _ . -`.")), request_body = NewSecret,
    responses((status = 200, body = NamedSecret, description = "The secret as it is now.")),
    extensions(("x-permission" = json!("secrets:write"))))]
async fn put(
    State(server): Ports,
    SignedIn(caller): SignedIn,
    Id(name): Id<SecretName>,
    Body(new): Body<NewSecret>,
) -> Answer<Json<NamedSecret>> {
    json(server.backend.secrets.put(&caller, name, new).await?)
}

/// Deletes a secret. Fails while variables refer to it, unless it is forced.
#[utoipa::path(delete, path = "/api/secrets/{name}", tag = "secrets",
    params(("name" = SecretName, Path, description = "The secret."), Deletion),
    responses((status = 204, description = "The secret is deleted.")),
    extensions(("x-permission" = json!("secrets:write"))))]
async fn delete(
    State(server): Ports,
    SignedIn(caller): SignedIn,
    Id(name): Id<SecretName>,
    Params(how): Params<Deletion>,
) -> Answer<StatusCode> {
    server.backend.secrets.delete(&caller, name, how.force).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Shows the value of a secret to who says their own password again; it is in the audit.
#[utoipa::path(post, path = "/api/secrets/{name}/reveal", tag = "secrets",
    params(("name" = SecretName, Path, description = "The secret.")), request_body = SecretReveal,
    responses((status = 200, body = SecretValue, description = "The value.")),
    extensions(("x-permission" = json!("secrets:reveal"))))]
async fn reveal(
    State(server): Ports,
    SignedIn(caller): SignedIn,
    Id(name): Id<SecretName>,
    Body(again): Body<SecretReveal>,
) -> Answer<Json<SecretValue>> {
    json(server.backend.secrets.reveal(&caller, name, again).await?)
}

/// Makes a new data key, seals all secrets anew with it and removes the one before.
///
/// What was interrupted is finished by the next one, or when Pilothouse is started again.
#[utoipa::path(post, path = "/api/secrets/rotate", tag = "secrets",
    responses((status = 200, body = KeyRotation, description = "What was done.")),
    extensions(("x-permission" = json!("secrets:rotate"))))]
async fn rotate(State(server): Ports, SignedIn(caller): SignedIn) -> Answer<Json<KeyRotation>> {
    json(server.backend.secrets.rotate(&caller).await?)
}

/// Makes secrets of the variables of a `.env` text, all or none.
///
/// `dry_run` says what would become of each variable, and does nothing. Values are never answered. A secret that is there already stays as
/// it is unless its variable is picked with `overwrite`.
#[utoipa::path(post, path = "/api/secrets/import", tag = "secrets", request_body = SecretImport,
    responses((status = 200, body = SecretImportReport, description = "What became of each variable.")),
    extensions(("x-permission" = json!("secrets:write"))))]
async fn import(State(server): Ports, SignedIn(caller): SignedIn, Body(import): Body<SecretImport>) -> Answer<Json<SecretImportReport>> {
    json(server.backend.secrets.import(&caller, import).await?)
}
