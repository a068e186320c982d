//! The way between the pages.

use api::Permission;
use leptos::prelude::*;
use leptos_router::hooks::use_location;

use super::{Icon, Symbol};
use crate::erase::{Erase, Erased};
use crate::path;
use crate::viewer::Viewer;

/// The pages, in the order of the navigation.
const ITEMS: [(&str, &str, Symbol); 5] = [
    (path::OVERVIEW, "Overview", Symbol::Overview),
    (path::SERVICES, "Services", Symbol::Services),
    (path::DEPENDENCIES, "Dependencies", Symbol::Dependencies),
    (path::ACTIVITY, "Activity", Symbol::Activity),
    (path::HEALTH, "Health", Symbol::Health),
];

/// The links to all pages: at the side, or at the foot of a narrow screen.
#[component]
pub fn Nav() -> impl IntoView {
    let secrets = expect_context::<Viewer>()
        .may(Permission::SecretsRead)
        .then(|| view! { <li class="nav-wide">{item(path::SECRETS, "Secrets", Symbol::Key)}</li> }.erase());
    view! {
        <nav class="nav" aria-label="Main">
            <ul class="nav-list">{ITEMS.into_iter().map(|(href, label, symbol)| view! { <li>{item(href, label, symbol)}</li> }).collect_view()}</ul>
            <ul class="nav-list nav-foot">
                <li class="nav-wide">{item(path::DEPLOYMENTS, "Deployments", Symbol::Up)}</li>
                <li class="nav-wide">{item(path::TEMPLATES, "Templates", Symbol::Copy)}</li>
                <li class="nav-wide">{item(path::CONFIGURATIONS, "Configuration", Symbol::Logs)}</li>
                {secrets}
                <li class="nav-wide">{item(path::SETTINGS, "Settings", Symbol::Settings)}</li>
                <li class="nav-wide">
                    <a class="nav-item" href=path::API_DOCS rel="external"><Icon symbol=Symbol::Docs /><span>"API"</span></a>
                </li>
            </ul>
        </nav>
    }
    .erase()
}

/// A link that is marked on its page and below it.
fn item(href: &'static str, label: &'static str, symbol: Symbol) -> Erased {
    let pathname = use_location().pathname;
    let current = move || {
        let here = pathname.with(|pathname| pathname == href || (href != path::OVERVIEW && pathname.starts_with(&format!("{href}/"))));
        here.then_some("page")
    };
    view! { <a class="nav-item" href=href aria-current=current><Icon symbol=symbol /><span>{label}</span></a> }.erase()
}
