//! Services and their life cycle.

use api::{
    BulkReport, BulkRequest, ComposeReport, ComposeRequest, DeletedService, DependencyGraph, DependencyQuery, DiscoveryReport, ErrorBody,
    HealthCheck, HealthReport, HealthTest, Incident, IncidentId, IncidentSummary, NewService, NewSource, Page, Restoration, Service,
    ServiceDetail, ServiceId, ServicePatch, ServicePlan, ServiceQuery,
};
use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use http::{StatusCode, header};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Accepted, Ports, accepted, created, json};
use crate::error::Answer;
use crate::extract::{Body, Id, Params};
use crate::middleware::SignedIn;
use crate::state::Server;

pub fn routes() -> OpenApiRouter<std::sync::Arc<Server>> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(discover))
        .routes(routes!(plan))
        .routes(routes!(compose))
        .routes(routes!(deleted))
        .routes(routes!(purge))
        .routes(routes!(get, change, delete))
        .routes(routes!(restore))
        .routes(routes!(start))
        .routes(routes!(stop))
        .routes(routes!(restart))
        .routes(routes!(act))
        .routes(routes!(dependencies))
        .routes(routes!(health))
        .routes(routes!(test_health))
        .routes(routes!(incidents))
        .routes(routes!(incident))
}

/// Lists services.
#[utoipa::path(get, path = "/api/services", tag = "services", params(ServiceQuery),
    responses((status = 200, body = Page<Service>, description = "One page of services; `total` counts all that match.")),
    extensions(("x-permission" = json!("services:read"))))]
async fn list(State(server): Ports, SignedIn(caller): SignedIn, Params(query): Params<ServiceQuery>) -> Answer<impl IntoResponse> {
    let page = server.backend.services.list_json(&caller, query).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], page))
}

/// Makes a service; it is stopped.
///
/// A command (of a health check too), or a folder outside the services folder, also needs `services:command`, unless it runs as one of the
/// `service_users` of the configuration. Any other `user` needs that right as well, and a registry that a secret or an image is sent to.
///
/// With `{"template": id, "variables": {..}}` the files of a template are made in a new folder of the services folder, named as the service; nothing of it is
/// there when that fails.
#[utoipa::path(post, path = "/api/services", tag = "services", request_body = NewService<NewSource>, responses(
        (status = 201, body = ServiceDetail, description = "The service."),
        (status = 409, body = ErrorBody, description = "Its name is taken, or there is something at its folder already."),
        (status = 422, body = ErrorBody, description = "Something of it can't be; what is wrong with variables of a template is at `/source/variables/..`.")),
    extensions(("x-permission" = json!("services:create"))))]
async fn create(
    State(server): Ports,
    SignedIn(caller): SignedIn,
    Body(new): Body<NewService<NewSource>>,
) -> Answer<Accepted<ServiceDetail>> {
    created(server.backend.services.create_from(&caller, new).await?)
}

/// Says what the first start of a new service would do, and makes nothing.
///
/// It needs what making the service needs, and is refused for the same reasons. What only stands in the way of its start is its `obstacle`.
#[utoipa::path(post, path = "/api/services/plan", tag = "services", request_body = NewService<NewSource>,
    responses((status = 200, body = ServicePlan, description = "What would be done.")),
    extensions(("x-permission" = json!("services:create"))))]
async fn plan(State(server): Ports, SignedIn(caller): SignedIn, Body(new): Body<NewService<NewSource>>) -> Answer<Json<ServicePlan>> {
    json(server.backend.services.plan_from(&caller, new).await?)
}

/// Looks through the services folder now.
#[utoipa::path(post, path = "/api/services/discover", tag = "services",
    responses((status = 200, body = DiscoveryReport, description = "What was found.")),
    extensions(("x-permission" = json!("services:create"))))]
async fn discover(State(server): Ports, SignedIn(caller): SignedIn) -> Answer<Json<DiscoveryReport>> {
    json(server.backend.services.discover(&caller).await?)
}

/// Makes the services of a Compose file, at rest.
///
/// With `dry_run` it only says what would become of each, and what of the file can't be honoured. A folder outside the services folder also
/// needs `services:command`.
#[utoipa::path(post, path = "/api/services/compose", tag = "services", request_body = ComposeRequest,
    responses((status = 200, body = ComposeReport, description = "What becomes of each service of the file.")),
    extensions(("x-permission" = json!("services:create"))))]
async fn compose(State(server): Ports, SignedIn(caller): SignedIn, Body(request): Body<ComposeRequest>) -> Answer<Json<ComposeReport>> {
    json(server.backend.services.compose(&caller, request).await?)
}

/// Shows one service with all that is known of it.
#[utoipa::path(get, path = "/api/services/{id}", tag = "services", params(("id" = ServiceId, Path, description = "The service.")),
    responses((status = 200, body = ServiceDetail, description = "The service.")),
    extensions(("x-permission" = json!("services:read"))))]
async fn get(State(server): Ports, SignedIn(caller): SignedIn, Id(id): Id<ServiceId>) -> Answer<Json<ServiceDetail>> {
    json(server.backend.services.get(&caller, id).await?)
}

/// Changes a service; takes effect at its next start.
///
/// Another command of a health check, or a variable that lets the service run any program, also needs `services:command`, unless it runs as
/// one of the `service_users` of the configuration; so do another `user` than one of these, and to take the user away from a service that
/// has such a command, variable or folder. So does another registry, or another secret, that an image is pulled with or pushed to.
#[utoipa::path(patch, path = "/api/services/{id}", tag = "services", params(("id" = ServiceId, Path, description = "The service.")),
    request_body = ServicePatch, responses((status = 200, body = ServiceDetail, description = "The service as it is now.")),
    extensions(("x-permission" = json!("services:change"))))]
async fn change(
    State(server): Ports,
    SignedIn(caller): SignedIn,
    Id(id): Id<ServiceId>,
    Body(patch): Body<ServicePatch>,
) -> Answer<Json<ServiceDetail>> {
    json(server.backend.services.change(&caller, id, patch).await?)
}

/// Deletes a stopped service; its folder stays.
///
/// It can be put back for seven days, unless it is a container that others have made, which is removed at once.
#[utoipa::path(delete, path = "/api/services/{id}", tag = "services", params(("id" = ServiceId, Path, description = "The service.")),
    responses((status = 204, description = "It is deleted.")),
    extensions(("x-permission" = json!("services:delete"))))]
async fn delete(State(server): Ports, SignedIn(caller): SignedIn, Id(id): Id<ServiceId>) -> Answer<StatusCode> {
    server.backend.services.delete(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists the deleted services that can be put back, the last deleted first.
#[utoipa::path(get, path = "/api/services/deleted", tag = "services",
    responses((status = 200, body = Page<DeletedService>, description = "All of them.")),
    extensions(("x-permission" = json!("services:delete"))))]
async fn deleted(State(server): Ports, SignedIn(caller): SignedIn) -> Answer<Json<Page<DeletedService>>> {
    json(server.backend.services.deleted(&caller).await?)
}

/// Puts a deleted service back, at rest, with its id, settings, logs and figures.
#[utoipa::path(post, path = "/api/services/{id}/restore", tag = "services", params(("id" = ServiceId, Path, description = "The service.")),
    request_body = Restoration, responses(
        (status = 200, body = ServiceDetail, description = "The service."),
        (status = 409, body = ErrorBody, description = "Its name is taken; give another one.")),
    extensions(("x-permission" = json!("services:delete"))))]
async fn restore(
    State(server): Ports,
    SignedIn(caller): SignedIn,
    Id(id): Id<ServiceId>,
    Body(how): Body<Restoration>,
) -> Answer<Json<ServiceDetail>> {
    json(server.backend.services.restore(&caller, id, how).await?)
}

/// Removes a deleted service for good before its seven days are over.
#[utoipa::path(delete, path = "/api/services/deleted/{id}", tag = "services", params(("id" = ServiceId, Path, description = "The service.")),
    responses((status = 204, description = "It is removed, with its logs, figures and settings.")),
    extensions(("x-permission" = json!("services:delete"))))]
async fn purge(State(server): Ports, SignedIn(caller): SignedIn, Id(id): Id<ServiceId>) -> Answer<StatusCode> {
    server.backend.services.purge(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Asks for a start and answers at once.
#[utoipa::path(post, path = "/api/services/{id}/start", tag = "services", params(("id" = ServiceId, Path, description = "The service.")),
    responses((status = 202, body = Service, description = "The start is under way.")),
    extensions(("x-permission" = json!("services:operate"))))]
async fn start(State(server): Ports, SignedIn(caller): SignedIn, Id(id): Id<ServiceId>) -> Answer<Accepted<Service>> {
    accepted(server.backend.services.start(&caller, id).await?)
}

/// Asks for a stop and answers at once.
#[utoipa::path(post, path = "/api/services/{id}/stop", tag = "services", params(("id" = ServiceId, Path, description = "The service.")),
    responses((status = 202, body = Service, description = "The stop is under way.")),
    extensions(("x-permission" = json!("services:operate"))))]
async fn stop(State(server): Ports, SignedIn(caller): SignedIn, Id(id): Id<ServiceId>) -> Answer<Accepted<Service>> {
    accepted(server.backend.services.stop(&caller, id).await?)
}

/// Asks for a stop and a start and answers at once.
#[utoipa::path(post, path = "/api/services/{id}/restart", tag = "services", params(("id" = ServiceId, Path, description = "The service.")),
    responses((status = 202, body = Service, description = "The restart is under way.")),
    extensions(("x-permission" = json!("services:operate"))))]
async fn restart(State(server): Ports, SignedIn(caller): SignedIn, Id(id): Id<ServiceId>) -> Answer<Accepted<Service>> {
    accepted(server.backend.services.restart(&caller, id).await?)
}

/// Asks for one action on many services and answers at once with what becomes of each.
///
/// `dry_run` only says what would be done. One that can't be moved doesn't hold up the others: it is `skipped` or `failed`, with the
/// reason, and the answer is 200.
#[utoipa::path(post, path = "/api/services/bulk", tag = "services", request_body = BulkRequest,
    responses((status = 200, body = BulkReport, description = "What becomes of each service.")),
    extensions(("x-permission" = json!("services:operate"))))]
async fn act(State(server): Ports, SignedIn(caller): SignedIn, Body(request): Body<BulkRequest>) -> Answer<Json<BulkReport>> {
    json(server.backend.services.act(&caller, request).await?)
}

/// Shows which services need which, and how that is known.
///
/// Declared in their settings, from Compose, named by variables, and seen in TCP connections. Connections are looked at when somebody asks,
/// at most every two seconds; an open one isn't a call. Of variables only names, schemes, hosts and ports are told.
#[utoipa::path(get, path = "/api/dependencies", tag = "services", params(DependencyQuery),
    responses((status = 200, body = DependencyGraph, description = "Services with what they need; with `service` only its part.")),
    extensions(("x-permission" = json!("services:read"))))]
async fn dependencies(
    State(server): Ports,
    SignedIn(caller): SignedIn,
    Params(query): Params<DependencyQuery>,
) -> Answer<Json<DependencyGraph>> {
    json(server.backend.services.dependencies(&caller, query).await?)
}

/// Shows the health of a service with its last checks.
#[utoipa::path(get, path = "/api/services/{id}/health", tag = "services", params(("id" = ServiceId, Path, description = "The service.")),
    responses((status = 200, body = HealthReport, description = "Its health.")),
    extensions(("x-permission" = json!("services:read"))))]
async fn health(State(server): Ports, SignedIn(caller): SignedIn, Id(id): Id<ServiceId>) -> Answer<Json<HealthReport>> {
    json(server.backend.services.health(&caller, id).await?)
}

/// Checks a running service once with these settings, which need not be saved; nothing is changed by it.
///
/// A command that isn't the one of its saved health check also needs `services:command`, unless it runs as one of the `service_users`.
#[utoipa::path(post, path = "/api/services/{id}/health/test", tag = "services", params(("id" = ServiceId, Path, description = "The service.")),
    request_body = HealthCheck, responses(
        (status = 200, body = HealthTest, description = "What the check has found; `ok` says whether it succeeded."),
        (status = 409, body = ErrorBody, description = "It doesn't run, or has no port to ask.")),
    extensions(("x-permission" = json!("services:change"))))]
async fn test_health(
    State(server): Ports,
    SignedIn(caller): SignedIn,
    Id(id): Id<ServiceId>,
    Body(check): Body<HealthCheck>,
) -> Answer<Json<HealthTest>> {
    json(server.backend.services.test_health(&caller, id, check).await?)
}

/// Lists the runs of a service that ended by themselves, newest first; the last 20 are kept.
#[utoipa::path(get, path = "/api/services/{id}/incidents", tag = "services", params(("id" = ServiceId, Path, description = "The service.")),
    responses((status = 200, body = Page<IncidentSummary>, description = "All that are kept.")),
    extensions(("x-permission" = json!("services:read"))))]
async fn incidents(State(server): Ports, SignedIn(caller): SignedIn, Id(id): Id<ServiceId>) -> Answer<Json<Page<IncidentSummary>>> {
    json(server.backend.services.incidents(&caller, id).await?)
}

/// Shows a run that ended by itself with what was known then.
#[utoipa::path(get, path = "/api/incidents/{id}", tag = "services", params(("id" = IncidentId, Path, description = "The incident.")),
    responses((status = 200, body = Incident, description = "The incident.")),
    extensions(("x-permission" = json!("logs:read"))))]
async fn incident(State(server): Ports, SignedIn(caller): SignedIn, Id(id): Id<IncidentId>) -> Answer<Json<Incident>> {
    json(server.backend.services.incident(&caller, id).await?)
}
