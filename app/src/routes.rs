//! Which page answers which address.

use leptos::prelude::*;
use leptos_meta::{Title, provide_meta_context};
use leptos_router::components::{Route, Router, Routes};
use leptos_router::{SsrMode, path};

/// The app: every page and the frame around it.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    view! {
        <Title formatter=|title: String| if title.is_empty() { "Pilothouse".to_owned() } else { format!("{title} · Pilothouse") } />
        <Router>
            <Routes fallback=|| view! { <main><h1>"There is no such page"</h1></main> }>
                <Route path=path!("/") ssr=SsrMode::Async view=|| view! { <main><h1>"Overview"</h1></main> } />
            </Routes>
        </Router>
    }
}
