//! An address that names no page.

use leptos::prelude::*;

use crate::components::{Empty, PageHead, Symbol};
use crate::erase::Erase;
use crate::path;

/// Says so, with the status 404, and leads on.
#[component]
pub fn NotFoundPage() -> impl IntoView {
    #[cfg(feature = "ssr")]
    crate::rpc::set_status(api::ErrorCode::NotFound);
    view! {
        <PageHead title="Not found" />
        <Empty symbol=Symbol::Search title="There is no page at this address" text=view! {
            <p>"It may have been moved, or the link may be cut off. "</p>
            <p><a href=path::SERVICES>"See all services"</a>" or "<a href=path::OVERVIEW>"go to the overview"</a>"."</p>
        }.erase() />
    }
}
