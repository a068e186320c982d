//! What services are told.

use api::{
    BulkReport, Configuration, ConfigurationCheck, ConfigurationDifference, ConfigurationFormat, ConfigurationImport,
    ConfigurationImported, ConfigurationInherit, ConfigurationReset, ConfigurationRestore, ConfigurationReveal, ConfigurationSnapshot,
    ConfigurationSummary, ConfigurationText, ConfigurationTextQuery, ConfigurationVerdict, ConfigurationVersion, ConfigurationsApply,
    ConfigurationsChange, ConfigurationsChanged, ConfigurationsImport, ConfigurationsQuery, DifferenceQuery, ErrorBody, NewConfiguration,
    NewSchema, Page, SecretValue, ServiceId,
};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Ports, json};
use crate::error::Answer;
use crate::extract::{Body, Id, Number, Params};
use crate::middleware::SignedIn;
use crate::state::Server;

pub fn routes() -> OpenApiRouter<std::sync::Arc<Server>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(change))
        .routes(routes!(apply))
        .routes(routes!(get, save))
        .routes(routes!(validate))
        .routes(routes!(versions))
        .routes(routes!(version))
        .routes(routes!(difference))
        .routes(routes!(restore))
        .routes(routes!(reset))
        .routes(routes!(inherit))
        .routes(routes!(export))
        .routes(routes!(import))
        .routes(routes!(export_all))
        .routes(routes!(import_all))
        .routes(routes!(set_schema))
        .routes(routes!(reveal))
}

/// Lists the configurations of all services by name: which version is the newest, which one they run with, and what is wrong.
///
/// Without `check` nothing is read, and nothing is said of faults. Containers that others have made aren't there.
#[utoipa::path(get, path = "/api/config/services", tag = "configuration", params(ConfigurationsQuery),
    responses((status = 200, body = Page<ConfigurationSummary>, description = "One page of them.")),
    extensions(("x-permission" = json!("config:read"))))]
async fn list(
    State(server): Ports,
    SignedIn(caller): SignedIn,
    Params(query): Params<ConfigurationsQuery>,
) -> Answer<Json<Page<ConfigurationSummary>>> {
    json(server.backend.configurations.list(&caller, query).await?)
}

/// Sets and takes out values of many services, each as a new version.
///
/// All of it is checked before anything is saved: what is wrong is at `/services/N` and the pointer of the value, in a dry run in `faults` of each
/// service. One of which nothing is different stays as it is. When a service can't be saved after that, its `notes` say why, and the others are.
/// `restart` needs `services:operate`, and a variable that lets a service run any program `services:command`.
#[utoipa::path(post, path = "/api/config/change", tag = "configuration", request_body = ConfigurationsChange, responses(
        (status = 200, body = ConfigurationsChanged, description = "What it did, or would do, for each of the services by name."),
        (status = 422, body = ErrorBody, description = "A service isn't there, or a schema refuses values; `details` says where.")),
    extensions(("x-permission" = json!("config:change"))))]
async fn change(
    State(server): Ports,
    SignedIn(caller): SignedIn,
    Body(change): Body<ConfigurationsChange>,
) -> Answer<Json<ConfigurationsChanged>> {
    json(server.backend.configurations.change(&caller, change).await?)
}

/// Restarts what runs with another version than the newest, in the order of dependencies; with `dry_run` it is only said what would be.
#[utoipa::path(post, path = "/api/config/apply", tag = "configuration", request_body = ConfigurationsApply,
    responses((status = 200, body = BulkReport, description = "What becomes of each, as of `POST /api/services/bulk`.")),
    extensions(("x-permission" = json!("services:operate"))))]
async fn apply(State(server): Ports, SignedIn(caller): SignedIn, Body(apply): Body<ConfigurationsApply>) -> Answer<Json<BulkReport>> {
    json(server.backend.configurations.apply(&caller, apply).await?)
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

/// Takes over what the environment before has, as a new version.
///
/// Of a service in an environment, `inheritance` of its configuration says from which service and what has changed there. That never changes what this one is
/// told until somebody takes it over: all that has changed, or the values in `names`, which are inherited from then on. Secrets move sealed. `restart` needs
/// `services:operate`, a variable that lets the service run any program `services:command`.
#[utoipa::path(post, path = "/api/config/services/{id}/inherit", tag = "configuration",
    params(("id" = ServiceId, Path, description = "The service.")), request_body = ConfigurationInherit, responses(
        (status = 200, body = Configuration, description = "The new version."),
        (status = 409, body = ErrorBody, description = "It or its base was saved since, or nothing has changed there."),
        (status = 422, body = ErrorBody, description = "A name can't be inherited, or the schema refuses its value; `details` says which.")),
    extensions(("x-permission" = json!("config:change"))))]
async fn inherit(
    State(server): Ports,
    SignedIn(caller): SignedIn,
    Id(id): Id<ServiceId>,
    Body(inherit): Body<ConfigurationInherit>,
) -> Answer<Json<Configuration>> {
    json(server.backend.configurations.inherit(&caller, id, inherit).await?)
}

/// Writes the values of a version as JSON, YAML, TOML or `.env`, as a file.
///
/// Secrets are `********`, which keeps them when the text is imported again; references such as `${secret:name}` are shown. The comments that it was
/// saved with are there when it was saved in that format.
#[utoipa::path(get, path = "/api/config/services/{id}/export", tag = "configuration",
    params(("id" = ServiceId, Path, description = "The service."), ConfigurationTextQuery), responses(
        (status = 200, body = String, content_type = "text/plain", description = "The text, with the media type of its format."),
        (status = 422, body = ErrorBody, description = "The format can't hold the values.")),
    extensions(("x-permission" = json!("config:read"))))]
async fn export(
    State(server): Ports,
    SignedIn(caller): SignedIn,
    Id(id): Id<ServiceId>,
    Params(query): Params<ConfigurationTextQuery>,
) -> Answer<Response> {
    let text = server.backend.configurations.text(&caller, id, query).await?;
    Ok(file(text, &server.backend.services.get(&caller, id).await?.service.name))
}

/// Saves a text as a new version, with its comments, unless nothing is different from the newest.
///
/// `********` keeps the secret that is there. `replace` takes out what the text doesn't have, `merge` leaves it. With `dry_run` it is only said what would
/// change.
#[utoipa::path(post, path = "/api/config/services/{id}/import", tag = "configuration",
    params(("id" = ServiceId, Path, description = "The service.")), request_body = ConfigurationImport, responses(
        (status = 200, body = ConfigurationImported, description = "What it did, or would do."),
        (status = 409, body = ErrorBody, description = "It wasn't made from the newest version."),
        (status = 422, body = ErrorBody, description = "It can't be read, or the schema refuses it; `details` says where.")),
    extensions(("x-permission" = json!("config:change"))))]
async fn import(
    State(server): Ports,
    SignedIn(caller): SignedIn,
    Id(id): Id<ServiceId>,
    Body(import): Body<ConfigurationImport>,
) -> Answer<Json<ConfigurationImported>> {
    json(server.backend.configurations.import(&caller, id, import).await?)
}

/// How all configurations are written.
#[derive(Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
struct Format {
    /// JSON, YAML or TOML; JSON when absent.
    format: ConfigurationFormat,
}

/// Writes the values of all services in one text, as a file: `services` has them by name. Secrets are `********`.
///
/// Containers that others have made aren't in it.
#[utoipa::path(get, path = "/api/config/export", tag = "configuration", params(Format), responses(
        (status = 200, body = String, content_type = "text/plain", description = "The text, with the media type of its format."),
        (status = 422, body = ErrorBody, description = "The format can't hold the values.")),
    extensions(("x-permission" = json!("config:read"))))]
async fn export_all(State(server): Ports, SignedIn(caller): SignedIn, Params(Format { format }): Params<Format>) -> Answer<Response> {
    Ok(file(server.backend.configurations.export_all(&caller, format).await?, "configurations"))
}

/// Saves what a text has for each of its services as new versions. Services that it doesn't have stay as they are.
///
/// All of it is checked before anything is saved. When a service can't be saved after that, its `notes` say why, and the others are.
#[utoipa::path(post, path = "/api/config/import", tag = "configuration", request_body = ConfigurationsImport, responses(
        (status = 200, body = Page<ConfigurationImported>, description = "What it did, or would do, for each of its services by name."),
        (status = 422, body = ErrorBody, description = "It can't be read, a service isn't there, or a schema refuses values; `details` says where.")),
    extensions(("x-permission" = json!("config:change"))))]
async fn import_all(
    State(server): Ports,
    SignedIn(caller): SignedIn,
    Body(import): Body<ConfigurationsImport>,
) -> Answer<Json<Page<ConfigurationImported>>> {
    json(server.backend.configurations.import_all(&caller, import).await?)
}

/// A text as a file to be kept.
fn file(text: ConfigurationText, name: &str) -> Response {
    let safe: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' }).collect();
    let headers = [
        (header::CONTENT_TYPE, text.format.media_type().to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{safe}.{}\"", text.format)),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    (headers, text.text).into_response()
}

/// Sets the schema of a configuration; `null` goes back to the one that is inherited from an environment before, or found.
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

/// Shows a secret of a configuration to who says their own password again; it is in the audit.
///
/// It is answered as its service is given it: a text, or the JSON of anything else. With `version` it is the value of that version.
#[utoipa::path(post, path = "/api/config/services/{id}/reveal", tag = "configuration",
    params(("id" = ServiceId, Path, description = "The service.")), request_body = ConfigurationReveal, responses(
        (status = 200, body = SecretValue, description = "The value."),
        (status = 404, body = ErrorBody, description = "There is no such service, version or value."),
        (status = 422, body = ErrorBody, description = "That isn't the caller's password, or the value is no secret; `details` says which.")),
    extensions(("x-permission" = json!("secrets:reveal"))))]
async fn reveal(
    State(server): Ports,
    SignedIn(caller): SignedIn,
    Id(id): Id<ServiceId>,
    Body(asked): Body<ConfigurationReveal>,
) -> Answer<Json<SecretValue>> {
    json(server.backend.configurations.reveal(&caller, id, asked).await?)
}
