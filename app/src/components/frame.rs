//! What surrounds every page of those who are signed in.

use leptos::prelude::*;
use leptos_router::hooks::{use_location, use_query_map};

use super::failure::sentence;
use super::nav::Nav;
use super::user_menu::UserMenu;
use super::{Confirm, ConfirmPlace, Icon, Notices, NoticesPlace, Symbol};
use crate::erase::{Erase, Erased, shown};
use crate::live::ConnectionChip;
use crate::palette::PaletteButton;
use crate::path;
use crate::viewer::Viewer;

/// Navigation, head, the place for alerts, and the page. Who isn't signed in is sent to the sign-in page.
#[component]
pub fn Frame(
    /// Makes the page.
    page: fn() -> Erased,
) -> impl IntoView {
    let Some(user) = expect_context::<Viewer>().user else {
        return view! { <ToSignIn /> }.erase();
    };
    Confirm::provide();
    Notices::provide();
    view! {
        <a class="skip-link" href="#main">"Skip to content"</a>
        <div class="frame">
            <header class="frame-head">
                <a class="brand" href=path::OVERVIEW aria-label="Pilothouse, overview"><Brand /><span class="brand-name">"Pilothouse"</span></a>
                <div class="frame-tools">
                    <PaletteButton />
                    <ConnectionChip />
                    <UserMenu user=user />
                </div>
            </header>
            <div class="frame-side"><Nav /></div>
            <main class="frame-main" id="main" tabindex="-1">
                <FormFailure />
                {page()}
            </main>
        </div>
        <NoticesPlace />
        <ConfirmPlace />
    }
    .erase()
}

/// The mark of Pilothouse: a wheel of six spokes.
#[component]
pub fn Brand() -> impl IntoView {
    view! {
        <svg class="brand-mark" viewBox="0 0 20 20" aria-hidden="true">
            <circle cx="10" cy="10" r="5.6"></circle>
            <circle cx="10" cy="10" r="1.6"></circle>
            <path d="M10 1v7.4M10 11.6V19M2.2 5.5l6.4 3.7M11.4 10.8l6.4 3.7M2.2 14.5l6.4-3.7M11.4 9.2l6.4-3.7"></path>
        </svg>
    }
}

/// Why the form that was posted without JavaScript failed, until one goes to another address.
#[component]
pub fn FormFailure() -> impl IntoView {
    let failure = expect_context::<Viewer>().failure;
    let query = use_query_map();
    let pathname = use_location().pathname;
    let is_here = Memo::new(move |_| query.with(|query| query.get_str("__err").is_some()));
    shown(move || {
        failure.clone().filter(|_| is_here.get()).map(|message| {
            view! {
                <div class="failure" role="alert">
                    <Icon symbol=Symbol::Warning />
                    <div class="failure-text"><p>{sentence(&message)}</p></div>
                    <a class="button-icon" href=pathname.get() aria-label="Close"><Icon symbol=Symbol::Close /></a>
                </div>
            }
        })
    })
}

/// Goes to the sign-in page, which leads back here.
#[component]
fn ToSignIn() -> impl IntoView {
    let location = use_location();
    let (pathname, search) = (location.pathname.get_untracked(), location.search.get_untracked());
    let next = if search.is_empty() { pathname } else { format!("{pathname}?{search}") };
    let target = path::sign_in(&next);
    #[cfg(feature = "ssr")]
    leptos_axum::redirect(&target);
    view! { <main class="entry"><p><a href=target rel="external">"Sign in"</a></p></main> }
}
