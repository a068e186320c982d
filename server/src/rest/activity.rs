//! What happened.

use api::{Event, EventQuery, Page};
use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Ports, json};
use crate::error::Answer;
use crate::extract::Params;
use crate::middleware::SignedIn;
use crate::state::Server;

pub fn routes() -> OpenApiRouter<std::sync::Arc<Server>> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Lists what happened, newest first.
///
/// Events of accounts are only there with `audit:read`.
#[utoipa::path(get, path = "/api/activity", tag = "activity", params(EventQuery),
    responses((status = 200, body = Page<Event>, description = "One page of events.")),
    extensions(("x-permission" = json!("activity:read"))))]
async fn list(State(server): Ports, SignedIn(caller): SignedIn, Params(query): Params<EventQuery>) -> Answer<Json<Page<Event>>> {
    json(server.backend.activity.list(&caller, query).await?)
}
