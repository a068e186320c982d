//! Live data over WebSockets: `/ws` carries many feeds for one browser tab, the other addresses one feed each for clients.

mod admission;
mod feeds;
mod line;
mod session;
mod tickets;

use std::sync::Arc;

use api::{Resume, Topic};
use axum::Router;
use axum::extract::{State, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;

pub use tickets::{Ticket, Tickets};

use crate::error::Answer;
use crate::extract::Params;
use crate::state::Server;
use admission::Admission;

/// The largest message that a client may send, in bytes.
const MESSAGE_LIMIT: usize = 64 << 10;

/// How one feed is asked for in the address.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct FeedQuery {
    /// The number of the last frame seen.
    since: Option<u64>,
    /// The epoch it belongs to.
    epoch: Option<String>,
    /// Whether frames may come as an array of several.
    batch: bool,
}

/// Every WebSocket address.
pub fn routes() -> Router<Arc<Server>> {
    Router::new()
        .route("/ws", get(many))
        .route("/ws/dashboard", get(one))
        .route("/ws/metrics", get(one))
        .route("/ws/events", get(one))
        .route("/ws/services/{id}", get(one))
        .route("/ws/logs/{id}", get(one))
        .route("/ws/deployments/{id}", get(one))
}

async fn many(State(server): State<Arc<Server>>, admission: Admission, upgrade: WebSocketUpgrade) -> Answer<Response> {
    Ok(prepared(upgrade).on_upgrade(move |socket| session::many(server, socket, admission)))
}

async fn one(
    State(server): State<Arc<Server>>,
    admission: Admission,
    Params(query): Params<FeedQuery>,
    uri: http::Uri,
    upgrade: WebSocketUpgrade,
) -> Answer<Response> {
    let topic: Topic = uri.path().trim_start_matches("/ws/").parse()?;
    let resume = Resume { since: query.since, epoch: query.epoch };
    if let Admission::Caller(caller) = &admission {
        server.feeds.check(caller, topic)?;
    }
    Ok(prepared(upgrade).on_upgrade(move |socket| session::one(server, socket, admission, topic, resume, query.batch)))
}

/// Small buffers: clients say little, and an idle connection costs kilobytes. Frames of one batch are written together.
fn prepared(upgrade: WebSocketUpgrade) -> WebSocketUpgrade {
    upgrade.read_buffer_size(1024).write_buffer_size(4096).max_message_size(MESSAGE_LIMIT).max_frame_size(MESSAGE_LIMIT)
}
