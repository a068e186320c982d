//! What every request passes, from the outside in: the one body of errors with request id and headers, panics, names, size,
//! authentication, rate limit, and the refusal of state changes that come from other sites.

mod authenticate;
pub mod compress;
mod cross_site;
mod names;
mod outer;
mod rate_limit;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;

pub use authenticate::{Identity, Peer, SignedIn, bearer};
pub use names::Names;
pub use outer::RequestId;
pub use rate_limit::{OwnLimit, RateLimit};

use crate::state::Server;

/// Puts all of them around `router`, in the order of the module's description.
pub fn around(router: Router, server: &Arc<Server>) -> Router {
    router
        .layer(from_fn_with_state(server.clone(), cross_site::refuse))
        .layer(from_fn_with_state(server.clone(), rate_limit::limit))
        .layer(from_fn_with_state(server.clone(), authenticate::identify))
        .layer(from_fn_with_state(server.clone(), names::check))
        .layer(from_fn_with_state(server.clone(), outer::wrap))
}
