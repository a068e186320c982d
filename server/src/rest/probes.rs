//! Whether Pilothouse lives, is ready, and its own figures.

use api::{Permission, Status};
use axum::extract::State;
use axum::response::IntoResponse;
use http::header;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Ports;
use crate::error::Answer;
use crate::middleware::SignedIn;
use crate::state::Server;

pub fn routes() -> OpenApiRouter<std::sync::Arc<Server>> {
    OpenApiRouter::new().routes(routes!(healthz)).routes(routes!(readyz)).routes(routes!(metrics))
}

/// Says that Pilothouse lives.
#[utoipa::path(get, path = "/healthz", tag = "probes", security(()),
    responses((status = 200, body = String, content_type = "text/plain", description = "It lives.")),
    extensions(("x-permission" = json!("public"))))]
async fn healthz() -> &'static str {
    "ok\n"
}

/// Says whether sign-in works.
#[utoipa::path(get, path = "/readyz", tag = "probes", security(()),
    responses((status = 200, body = String, content_type = "text/plain", description = "Sign-in works.")),
    extensions(("x-permission" = json!("public"))))]
async fn readyz(State(server): Ports) -> Answer<&'static str> {
    server.backend.system.ready().await?;
    Ok("ready\n")
}

/// Shows the figures of Pilothouse itself in the text format of Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "probes",
    responses((status = 200, body = String, content_type = "text/plain", description = "The figures.")),
    extensions(("x-permission" = json!("metrics:read"))))]
async fn metrics(State(server): Ports, SignedIn(caller): SignedIn) -> Answer<impl IntoResponse> {
    caller.require(Permission::MetricsRead)?;
    let report = server.backend.system.report(&caller).await?;
    let services = server.core.catalog.all();
    let count = |status: Status| services.iter().filter(|entry| entry.service.status == status).count();
    let by_status: Vec<_> = Status::ALL.iter().map(|status| (*status, count(*status))).collect();
    let text = server.figures.text(&report, &by_status, server.core.bus.readers());
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text))
}
