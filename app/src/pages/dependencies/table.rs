//! The edges in words.

use api::{DependencyEdge, DependencyGraph, DependencyNode, NodeKind, how_known};
use leptos::prelude::*;

use super::mark::DependencyMark;
use super::states::States;
use crate::components::Clock;
use crate::erase::{Erase, Erased, text};
use crate::path;

/// Who needs what, how that is known, and how what is needed is.
#[component]
pub fn EdgeTable(
    /// What is shown.
    graph: DependencyGraph,
    /// What the services do.
    states: States,
) -> impl IntoView {
    let rows = graph.edges.iter().filter_map(|edge| {
        let find = |id: &String| graph.nodes.iter().find(|node| node.id == *id);
        Some(row(edge, find(&edge.from)?, find(&edge.to)?, states))
    });
    let rows = rows.collect_view();
    view! {
        <div class="table-frame">
            <table class="table dependency-table">
                <caption class="visually-hidden">"Who needs what"</caption>
                <thead><tr><th scope="col">"Service"</th><th scope="col">"Needs"</th><th scope="col">"How that is"</th><th scope="col">"Known from"</th></tr></thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .erase()
}

fn row(edge: &DependencyEdge, from: &DependencyNode, to: &DependencyNode, states: States) -> Erased {
    let clock = expect_context::<Clock>().0;
    let health = states.health(to.kind, to.service_id, edge.is_connected());
    let sources = edge.sources.clone();
    view! {
        <tr>
            <th scope="row" class="cell-from">{name(from.kind, from.service_id, from.name.clone())}</th>
            <td class="cell-to">{name(to.kind, to.service_id, to.name.clone())}</td>
            <td class="cell-health"><DependencyMark health /></td>
            <td class="cell-known">{text(move || how_known(&sources, clock.get()))}</td>
        </tr>
    }
    .erase()
}

/// The name of what stands at an end, as a link when it is a service.
pub fn name(kind: NodeKind, id: Option<api::ServiceId>, name: String) -> Erased {
    match (kind, id) {
        (NodeKind::Service, Some(id)) => view! { <a class="service-link" href=path::service_tab(id, "dependencies")>{name}</a> }.erase(),
        (NodeKind::Missing, _) => view! { <span>{name}" "<span class="badge">"deleted"</span></span> }.erase(),
        _ => view! { <span class="place">{name}</span> }.erase(),
    }
}
