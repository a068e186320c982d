//! What a service needs, and what needs it.

use api::{Action, Dependency, Permission, Status, how_known};
use leptos::prelude::*;

use super::watch::Watched;
use crate::components::{Clock, Icon, StatusMark, Symbol};
use crate::erase::{Erase, Erased, shown, text};
use crate::pages::dependencies::{DependencyMark, States, end_name};
use crate::path;
use crate::viewer::Viewer;

/// Both, each with how it is known.
#[component]
pub fn DependenciesTab(
    /// The service.
    watched: Watched,
) -> impl IntoView {
    let id = watched.id;
    let needs = Memo::new(move |_| watched.detail.with(|detail| detail.dependencies.clone().unwrap_or_default()));
    let needed_by = Memo::new(move |_| watched.detail.with(|detail| detail.dependents.clone().unwrap_or_default()));
    let states = States::default();
    states.follow(move || watched.reload());
    let nothing_needed = move || {
        view! {
            <p class="panel-empty">
                "Nothing is known that it needs. "<a href=path::service_tab(id, "settings")>"Declare it in the settings"</a>
                ", or let a variable name it; connections to other services are seen by themselves."
            </p>
        }
        .erase()
    };
    let nothing_needs = || view! { <p class="panel-empty">"Nothing is known that needs it."</p> }.erase();
    let may_stop = expect_context::<Viewer>().may(Permission::ServicesOperate);
    let can_stop = Memo::new(move |_| watched.service.with(|service| service.status.can_stop().is_ok()));
    let stop = shown(move || {
        if !may_stop || !can_stop.get() || needed_by.with(Vec::is_empty) {
            return ().erase();
        }
        let href = path::bulk_with_dependencies(Action::Stop, id);
        view! { <a class="panel-link" href=href>"Stop it with all of these"<Icon symbol=Symbol::Right /></a> }.erase()
    });
    let link = view! { <a class="panel-link" href=path::dependencies_of(id)>"In the graph"<Icon symbol=Symbol::Right /></a> };
    view! {
        <div class="dependencies">
            <section class="panel" aria-labelledby="needs-title">
                <div class="panel-head"><h2 class="panel-title" id="needs-title">"Needs"</h2>{link}</div>
                {shown(move || needs.with(|all| if all.is_empty() { nothing_needed() } else { table(all, states, true) }))}
            </section>
            <section class="panel" aria-labelledby="needed-by-title">
                <div class="panel-head"><h2 class="panel-title" id="needed-by-title">"Needed by"</h2>{stop}</div>
                {shown(move || needed_by.with(|all| if all.is_empty() { nothing_needs() } else { table(all, states, false) }))}
            </section>
        </div>
    }
    .erase()
}

fn table(all: &[Dependency], states: States, is_needed: bool) -> Erased {
    states.know(all.iter().filter_map(|one| Some((one.service_id?, one.status, one.health_status))));
    let rows = all.iter().map(|one| row(one.clone(), states, is_needed)).collect_view();
    view! {
        <table class="table dependency-table" data-kind="ends">
            <thead><tr><th scope="col">{if is_needed { "What it needs" } else { "Service" }}</th><th scope="col">{if is_needed { "How that is" } else { "State" }}</th><th scope="col">"Known from"</th></tr></thead>
            <tbody>{rows}</tbody>
        </table>
    }
    .erase()
}

fn row(one: Dependency, states: States, is_needed: bool) -> Erased {
    let clock = expect_context::<Clock>().0;
    let is_connected = one.sources.iter().any(api::DependencySource::is_connected);
    let mark = if is_needed {
        view! { <DependencyMark health=states.health(one.kind, one.service_id, is_connected) /> }.erase()
    } else {
        let state = states.state(one.service_id);
        view! { <StatusMark status=Signal::derive(move || state.get().map_or(Status::Unknown, |(status, _)| status)) /> }.erase()
    };
    let sources = one.sources;
    view! {
        <tr>
            <th scope="row" class="cell-from">{end_name(one.kind, one.service_id, one.name)}</th>
            <td class="cell-health">{mark}</td>
            <td class="cell-known">{text(move || how_known(&sources, clock.get()))}</td>
        </tr>
    }
    .erase()
}
