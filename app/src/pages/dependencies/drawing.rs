//! The graph as a drawing: nodes are links, edges are coloured by how what is needed is. The table below says the same in words.

use api::{DependencyGraph, DependencyHealth, DependencyNode, Health, NodeKind, ServiceId, Status};
use leptos::ev::MouseEvent;
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;

use super::layout::{HEIGHT, Layout, WIDTH};
use super::mark::shape;
use super::states::States;
use crate::components::status_shape;
use crate::erase::{Erase, Erased, text};
use crate::path;

/// Characters of a name that fit into a node.
const NAME: usize = 18;

/// The drawing of a graph.
#[component]
pub fn Drawing(
    /// What is drawn.
    graph: DependencyGraph,
    /// Where everything stands.
    layout: Layout,
    /// What the services do.
    states: States,
    /// The service that is in the middle of it, when it is the part of one.
    chosen: Option<ServiceId>,
) -> impl IntoView {
    let find = |id: &str| graph.nodes.iter().position(|node| node.id == id);
    let edges = graph.edges.iter().zip(layout.edges).map(|(edge, d)| {
        let to = find(&edge.to).map(|n| (graph.nodes[n].kind, graph.nodes[n].service_id));
        let (kind, id) = to.unwrap_or((NodeKind::External, None));
        let health = states.health(kind, id, edge.is_connected());
        view! { <path class="graph-edge" data-health=text(move || health.get().as_str()) d=d></path> }.erase()
    });
    let edges = edges.collect_view();
    let connected = |node: &DependencyNode| graph.edges.iter().any(|edge| edge.to == node.id && edge.is_connected());
    let navigate = use_navigate();
    let go = Callback::new(move |href: String| navigate(&href, NavigateOptions::default()));
    let nodes = graph.nodes.iter().zip(layout.nodes).map(|(node, at)| draw(node, at, states, connected(node), chosen, go)).collect_view();
    let (width, height) = (layout.width.to_string(), layout.height.to_string());
    view! {
        <div class="graph-scroll" tabindex="0" role="region" aria-label="Drawing of the dependencies">
            <svg class="graph" width=width.clone() height=height.clone() viewBox=format!("0 0 {width} {height}") role="group" aria-label="Services with what they need at their right">
                <g aria-hidden="true">{edges}</g>
                {nodes}
            </svg>
        </div>
        <Legend />
    }
    .erase()
}

fn draw(
    node: &DependencyNode,
    (x, y): (i32, i32),
    states: States,
    is_connected: bool,
    chosen: Option<ServiceId>,
    go: Callback<String>,
) -> Erased {
    let (kind, name) = (node.kind, node.name.clone());
    let state = states.state(node.service_id);
    let stand = Memo::new(move |_| Stand::of(kind, state.get(), is_connected));
    let label = {
        let name = name.clone();
        move || format!("{name}: {}", stand.get().word)
    };
    let is_chosen = node.service_id.is_some() && node.service_id == chosen;
    // Nothing but elements of SVG here: what is made in the browser would be no drawing otherwise.
    let inside = view! {
        <rect class="graph-box" x=x.to_string() y=y.to_string() width=WIDTH.to_string() height=HEIGHT.to_string() rx="8"></rect>
        <svg class="graph-shape" x=(x + 13).to_string() y=(y + 17).to_string() width="12" height="12" viewBox="0 0 12 12" inner_html=move || stand.get().shape></svg>
        <text class="graph-name" x=(x + 34).to_string() y=(y + 20).to_string()>{short(&name)}</text>
        <text class="graph-word" x=(x + 34).to_string() y=(y + 36).to_string()>{text(move || stand.get().word)}</text>
    };
    let (data_state, data_health) = (text(move || stand.get().state), text(move || stand.get().health));
    match node.service_id.filter(|_| kind == NodeKind::Service) {
        Some(id) => view! {
            <g>
                <a class="graph-node" href=path::service_tab(id, "dependencies") on:click=move |event| follow(&event, id, go) data-chosen=is_chosen.then_some("") data-state=data_state data-health=data_health>
                    <title>{text(label)}</title>
                    {inside}
                </a>
            </g>
        }
        .erase(),
        None => view! {
            <g class="graph-node" data-kind="other" data-state=data_state data-health=data_health>
                <title>{name}</title>
                {inside}
            </g>
        }
        .erase(),
    }
}

/// The router doesn't know links of drawings.
fn follow(event: &MouseEvent, id: ServiceId, go: Callback<String>) {
    let is_plain = event.button() == 0 && !(event.ctrl_key() || event.meta_key() || event.shift_key() || event.alt_key());
    if is_plain && !event.default_prevented() {
        event.prevent_default();
        go.run(path::service_tab(id, "dependencies"));
    }
}

/// How a node looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stand {
    word: &'static str,
    shape: &'static str,
    state: &'static str,
    health: &'static str,
}

impl Stand {
    fn of(kind: NodeKind, state: Option<(Status, Health)>, is_connected: bool) -> Self {
        match (kind, state) {
            (NodeKind::Missing, _) => Self { word: "Deleted", shape: shape(DependencyHealth::Unhealthy), state: "error", health: "" },
            (_, Some((Status::Running, health))) if health != Health::Unknown => {
                let found = DependencyHealth::of(kind, state, is_connected);
                Self { word: health.label(), shape: shape(found), state: "", health: health.as_str() }
            }
            (_, Some((status, _))) => Self { word: status.label(), shape: status_shape(status), state: status.as_str(), health: "" },
            (_, None) if is_connected => {
                Self { word: "Not a service here, connected", shape: shape(DependencyHealth::Connected), state: "", health: "connected" }
            }
            (_, None) => Self { word: "Not a service here", shape: shape(DependencyHealth::Unknown), state: "", health: "unknown" },
        }
    }
}

fn short(name: &str) -> String {
    if name.chars().count() <= NAME {
        return name.to_owned();
    }
    name.chars().take(NAME - 1).chain(['…']).collect()
}

/// What the lines mean.
#[component]
fn Legend() -> impl IntoView {
    let item = |health: DependencyHealth| {
        view! {
            <li>
                <svg class="graph-key" width="28" height="8" viewBox="0 0 28 8" aria-hidden="true"><path class="graph-edge" data-health=health.as_str() d="M0 4H28"></path></svg>
                {health.label()}
            </li>
        }
        .erase()
    };
    let items = DependencyHealth::ALL.iter().map(|health| item(*health)).collect_view();
    view! { <ul class="graph-legend" aria-label="What the lines mean: how what is needed is">{items}</ul> }.erase()
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn a_long_name_is_cut_between_its_letters() {
        assert_eq!(short("orders"), "orders");
        assert_eq!(short(&"ä".repeat(25)), format!("{}…", "ä".repeat(17)));
    }
}
