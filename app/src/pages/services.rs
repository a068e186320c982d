//! The list of services.

use leptos::prelude::*;

use crate::components::PageHead;

/// The list of services.
#[component]
pub fn ServicesPage() -> impl IntoView {
    view! { <PageHead title="Services" /> }
}
