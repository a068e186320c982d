//! Which page answers which address.

use leptos::prelude::*;
use leptos_meta::{Title, provide_meta_context};
use leptos_router::components::{Outlet, ParentRoute, Route, Router, Routes};
use leptos_router::{SsrMode, path};

use crate::components::{Frame, provide_clock};
use crate::live::provide_live;
use crate::pages::{ActivityPage, HealthPage, NewServicePage, NotFoundPage, OverviewPage, ServicePage, ServicesPage, SettingsPage};
#[cfg(feature = "ssr")]
use crate::pages::{SetupPage, SignInPage};
use crate::viewer::Viewer;

/// The pages before a sign-in come whole and without scripts, so that the hydration bundle needn't have them.
#[cfg(not(feature = "ssr"))]
use {never as SetupPage, never as SignInPage};

/// The app: every page and the frame around it. Every page is rendered whole before it is sent, so that its status is right and it
/// reads the same without JavaScript.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    let viewer = Viewer::provide();
    provide_clock(viewer.now);
    provide_live();
    note_hydration();
    view! {
        <Title formatter=|title: String| if title.is_empty() { "Pilothouse".to_owned() } else { format!("{title} · Pilothouse") } />
        <Router>
            <Routes fallback=|| view! { <Frame><NotFoundPage /></Frame> }>
                <Route path=path!("/sign-in") ssr=SsrMode::Async view=SignInPage />
                <Route path=path!("/setup") ssr=SsrMode::Async view=SetupPage />
                <ParentRoute path=path!("") ssr=SsrMode::Async view=|| view! { <Frame><Outlet /></Frame> }>
                    <Route path=path!("") ssr=SsrMode::Async view=OverviewPage />
                    <Route path=path!("services") ssr=SsrMode::Async view=ServicesPage />
                    <Route path=path!("services/new") ssr=SsrMode::Async view=NewServicePage />
                    <Route path=path!("services/:id/:tab?") ssr=SsrMode::Async view=ServicePage />
                    <Route path=path!("health") ssr=SsrMode::Async view=HealthPage />
                    <Route path=path!("settings") ssr=SsrMode::Async view=SettingsPage />
                    <Route path=path!("activity") ssr=SsrMode::Async view=ActivityPage />
                </ParentRoute>
            </Routes>
        </Router>
    }
}

/// The browser goes to these pages by a full load only.
#[cfg(not(feature = "ssr"))]
fn never() {}

/// Says in the document that the page is alive, for style sheets and tests.
fn note_hydration() {
    #[cfg(feature = "hydrate")]
    Effect::new(|_| {
        if let Some(root) = document().document_element() {
            let _ = root.set_attribute("data-hydrated", "");
        }
    });
}
