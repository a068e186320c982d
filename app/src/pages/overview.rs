//! The first page: services at a glance.

use leptos::prelude::*;

use crate::components::PageHead;

/// Services at a glance.
#[component]
pub fn OverviewPage() -> impl IntoView {
    view! { <PageHead title="Overview" /> }
}
