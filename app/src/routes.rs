//! Which page answers which address.

use leptos::prelude::*;
use leptos_meta::{Title, provide_meta_context};
use leptos_router::components::{ParentRoute, Route, Router, Routes};
use leptos_router::{SsrMode, path};

use crate::components::{Frame, provide_clock};
use crate::erase::Erase;
use crate::live::provide_live;
use crate::pages::{NotFoundPage, Page};
use crate::viewer::Viewer;

/// The app: every page and the frame around it. Every page is rendered whole before it is sent, so that its status is right and it
/// reads the same without JavaScript.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    let viewer = Viewer::provide();
    provide_clock(viewer.now);
    provide_live();
    note_hydration();
    #[cfg(feature = "hydrate")]
    fetch_ahead();
    view! {
        <Title formatter=|title: String| if title.is_empty() { "Pilothouse".to_owned() } else { format!("{title} · Pilothouse") } />
        <Router>
            <Routes fallback=|| view! { <Frame page=|| view! { <NotFoundPage /> }.erase() /> }.erase()>
                <Route path=path!("/sign-in") ssr=SsrMode::Async view=Page::SignIn />
                <Route path=path!("/setup") ssr=SsrMode::Async view=Page::Setup />
                <ParentRoute path=path!("") ssr=SsrMode::Async view=Page::Frame>
                    <Route path=path!("") ssr=SsrMode::Async view=Page::Overview />
                    <Route path=path!("services") ssr=SsrMode::Async view=Page::Services />
                    <Route path=path!("services/new") ssr=SsrMode::Async view=Page::NewService />
                    <Route path=path!("services/compose") ssr=SsrMode::Async view=Page::Compose />
                    <Route path=path!("services/bulk") ssr=SsrMode::Async view=Page::Bulk />
                    <Route path=path!("services/deleted") ssr=SsrMode::Async view=Page::Deleted />
                    <Route path=path!("services/:id/configuration/:part?") ssr=SsrMode::Async view=Page::Configuration />
                    <Route path=path!("services/:id/deployments/:part?") ssr=SsrMode::Async view=Page::ServiceDeployments />
                    <Route path=path!("services/:id/:tab?") ssr=SsrMode::Async view=Page::Service />
                    <Route path=path!("incidents/:id") ssr=SsrMode::Async view=Page::Incident />
                    <Route path=path!("deployments/:id?") ssr=SsrMode::Async view=Page::Deployments />
                    <Route path=path!("dependencies") ssr=SsrMode::Async view=Page::Dependencies />
                    <Route path=path!("secrets/:name?") ssr=SsrMode::Async view=Page::Secrets />
                    <Route path=path!("configuration/:part?") ssr=SsrMode::Async view=Page::Configurations />
                    <Route path=path!("templates/:id?") ssr=SsrMode::Async view=Page::Templates />
                    <Route path=path!("health") ssr=SsrMode::Async view=Page::Health />
                    <Route path=path!("settings") ssr=SsrMode::Async view=Page::Settings />
                    <Route path=path!("activity") ssr=SsrMode::Async view=Page::Activity />
                </ParentRoute>
            </Routes>
        </Router>
    }
}

/// Fetches the part of the bundle that the page being shown needs; hydrate it after that.
#[cfg(feature = "hydrate")]
pub async fn load_page() {
    let path = window().location().pathname().unwrap_or_default();
    if let Some(page) = Page::at(&path) {
        page.load().await;
    }
}

/// Fetches the part of the bundle that a link leads to when it is pointed at or gets the focus, so that it is there for the click.
#[cfg(feature = "hydrate")]
fn fetch_ahead() {
    use leptos::wasm_bindgen::JsCast;
    for event in ["pointerover", "focusin"] {
        let handle = window_event_listener_untyped(event, |event| {
            let element = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
            let href =
                element.and_then(|element| element.closest("a[href^='/']").ok().flatten()).and_then(|link| link.get_attribute("href"));
            let path = href.as_deref().map(|href| href.split(['?', '#']).next().unwrap_or_default());
            if let Some(page) = path.and_then(Page::at).filter(|page| page.part().is_some()) {
                leptos::task::spawn_local(page.load());
            }
        });
        on_cleanup(move || handle.remove());
    }
}

/// Says in the document that the page is alive, for style sheets and tests.
fn note_hydration() {
    #[cfg(feature = "hydrate")]
    Effect::new(|_| {
        if let Some(root) = document().document_element() {
            let _ = root.set_attribute("data-hydrated", "");
        }
    });
}
