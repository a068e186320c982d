//! The way between the pages.

use api::Permission;
use leptos::prelude::*;
use leptos_router::hooks::use_location;

use super::menu::Menu;
use super::{Icon, Symbol};
use crate::erase::{Erase, Erased};
use crate::path;
use crate::viewer::Viewer;

/// A page: its address, its name and its picture.
type Item = (&'static str, &'static str, Symbol);

/// The pages that are looked at most.
const FIRST: [Item; 5] = [
    (path::OVERVIEW, "Overview", Symbol::Overview),
    (path::SERVICES, "Services", Symbol::Services),
    (path::DEPENDENCIES, "Dependencies", Symbol::Dependencies),
    (path::ACTIVITY, "Activity", Symbol::Activity),
    (path::HEALTH, "Health", Symbol::Health),
];

/// The others, which a narrow screen shows in a menu.
const OTHERS: [Item; 5] = [
    (path::DEPLOYMENTS, "Deployments", Symbol::Up),
    (path::TEMPLATES, "Templates", Symbol::Copy),
    (path::CONFIGURATIONS, "Configuration", Symbol::Logs),
    (path::SECRETS, "Secrets", Symbol::Key),
    (path::SETTINGS, "Settings", Symbol::Settings),
];

/// The links to all pages: at the side, or at the foot of a narrow screen.
#[component]
pub fn Nav() -> impl IntoView {
    let may_read_secrets = expect_context::<Viewer>().may(Permission::SecretsRead);
    let others = move || OTHERS.into_iter().filter(move |(href, ..)| *href != path::SECRETS || may_read_secrets);
    let pathname = use_location().pathname;
    let is_other = move || pathname.with(|here| OTHERS.iter().any(|(href, ..)| is_at(href, here))).then_some("true");
    let docs = |class: &'static str| {
        view! { <a class=class href=path::API_DOCS rel="external"><Icon symbol=Symbol::Docs /><span>"API"</span></a> }.erase()
    };
    let more = view! { <summary class="nav-item" aria-current=is_other><Icon symbol=Symbol::More /><span>"More"</span></summary> }.erase();
    let body = view! {
        {others().map(|page| item(page, "menu-item")).collect_view()}
        {docs("menu-item")}
    }
    .erase();
    view! {
        <nav class="nav" aria-label="Main">
            <ul class="nav-list">{FIRST.into_iter().map(|page| view! { <li>{item(page, "nav-item")}</li> }).collect_view()}</ul>
            <ul class="nav-list nav-foot">
                {others().map(|page| view! { <li class="nav-wide">{item(page, "nav-item")}</li> }).collect_view()}
                <li class="nav-wide">{docs("nav-item")}</li>
                <li class="nav-more"><Menu face=more body=body /></li>
            </ul>
        </nav>
    }
    .erase()
}

/// A link that is marked on its page and below it.
fn item((href, label, symbol): Item, class: &'static str) -> Erased {
    let pathname = use_location().pathname;
    let current = move || pathname.with(|here| is_at(href, here)).then_some("page");
    view! { <a class=class href=href aria-current=current><Icon symbol=symbol /><span>{label}</span></a> }.erase()
}

/// Whether `here` is that page or one below it.
fn is_at(page: &str, here: &str) -> bool {
    here == page || (page != path::OVERVIEW && here.strip_prefix(page).is_some_and(|rest| rest.starts_with('/')))
}
