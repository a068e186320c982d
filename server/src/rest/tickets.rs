//! One-time tickets for WebSocket clients that can't send headers.

use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Accepted, Ports, created};
use crate::error::Answer;
use crate::middleware::SignedIn;
use crate::state::Server;
use crate::ws::Ticket;

pub fn routes() -> OpenApiRouter<std::sync::Arc<Server>> {
    OpenApiRouter::new().routes(routes!(create))
}

/// Makes a ticket that opens one WebSocket within 30 seconds.
///
/// Send it as the first message: `{"type": "ticket", "ticket": "..."}`.
#[utoipa::path(post, path = "/api/ws/ticket", tag = "live data",
    responses((status = 201, body = Ticket, description = "The ticket.")),
    extensions(("x-permission" = json!("account:read"))))]
async fn create(State(server): Ports, SignedIn(caller): SignedIn) -> Answer<Accepted<Ticket>> {
    caller.require(api::Permission::AccountRead)?;
    created(server.tickets.issue(caller))
}
