//! Waiting for what a part of a page shows.

use std::future::IntoFuture;

use crate::viewer::Viewer;

/// Waits for `what`, and doesn't come back when the part of the page that waited has gone in the meantime: rendered after that,
/// it would find none of its contexts and signals any more. Call it in place of `.await` where a page loads.
pub async fn wait<T>(what: impl IntoFuture<Output = T>) -> T {
    let value = what.await;
    if cfg!(feature = "hydrate") && leptos::prelude::use_context::<Viewer>().is_none() {
        std::future::pending::<()>().await;
    }
    value
}
