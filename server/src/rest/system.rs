//! The health of Pilothouse.

use api::SystemReport;
use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Ports, json};
use crate::error::Answer;
use crate::middleware::SignedIn;
use crate::state::Server;

pub fn routes() -> OpenApiRouter<std::sync::Arc<Server>> {
    OpenApiRouter::new().routes(routes!(report))
}

/// Shows the health of Pilothouse and of each of its parts.
#[utoipa::path(get, path = "/api/system", tag = "system",
    responses((status = 200, body = SystemReport, description = "Pilothouse and its parts.")),
    extensions(("x-permission" = json!("system:read"))))]
async fn report(State(server): Ports, SignedIn(caller): SignedIn) -> Answer<Json<SystemReport>> {
    json(server.backend.system.report(&caller).await?)
}
