//! Which services need which, as a drawing and as a table. The address may choose one service: then only its part is shown.

mod drawing;
mod layout;
mod mark;
mod states;
mod table;

use api::{DependencyGraph, ServiceId};
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_navigate, use_query_map};

use self::drawing::Drawing;
use self::layout::{EDGES_MOST, NODES_MOST, layout};
pub use self::mark::DependencyMark;
pub use self::states::States;
use self::table::EdgeTable;
pub use self::table::name as end_name;
use crate::components::{Ago, Empty, Failure, Icon, PageHead, Skeleton, Symbol};
use crate::erase::{Erase, Erased};
use crate::pages::wait::wait;
use crate::path;
use crate::rpc::{DependencyMap, get_dependencies};

/// The page of the dependencies.
#[component]
pub fn DependenciesPage() -> impl IntoView {
    let params = use_query_map();
    let chosen = Memo::new(move |_| params.with(|params| params.get_str("service").and_then(|id| id.parse::<ServiceId>().ok())));
    let loaded = Resource::new_blocking(move || chosen.get(), get_dependencies);
    view! {
        <PageHead title="Dependencies" about="Which services need which, and how what they need is.".erase() />
        <Transition fallback=|| view! { <Skeleton lines=8 /> }.erase()>
            {move || Suspend::new(async move {
                let chosen = chosen.get_untracked();
                match wait(loaded).await {
                    Ok(map) => view! { <Map map chosen reload=Callback::new(move |()| loaded.refetch()) /> }.erase(),
                    Err(error) => view! { <Failure error=error.0 /><p><a href=path::DEPENDENCIES>"All dependencies"</a></p> }.erase(),
                }
            })}
        </Transition>
    }
    .erase()
}

/// The graph, or the part of one service.
#[component]
fn Map(
    /// What there is.
    map: DependencyMap,
    /// The service whose part is wanted.
    chosen: Option<ServiceId>,
    /// Loads it again.
    reload: Callback<()>,
) -> impl IntoView {
    let DependencyMap { graph, alone } = map;
    let states = States::default();
    states.know(graph.states());
    let outline = StoredValue::new(graph.outline());
    states.follow(move || {
        spawn_local(async move {
            // The connection chip says when Pilothouse doesn't answer; what is shown stays.
            let Ok(map) = get_dependencies(chosen).await else { return };
            match outline.try_with_value(|shown| *shown == map.graph.outline()) {
                Some(true) => states.know(map.graph.states()),
                Some(false) => reload.run(()),
                None => {}
            }
        });
    });
    let shown = chosen.map_or_else(|| graph.clone(), |id| graph.around(id));
    let looked_at = graph.looked_at;
    let content = if shown.edges.is_empty() {
        none(&shown, chosen)
    } else {
        let place = |id: &str| shown.nodes.iter().position(|node| node.id == id);
        let edges: Vec<(usize, usize)> = shown.edges.iter().filter_map(|edge| Some((place(&edge.from)?, place(&edge.to)?))).collect();
        let drawing = match layout(shown.nodes.len(), &edges) {
            Some(layout) => view! { <Drawing graph=shown.clone() layout states chosen /> }.erase(),
            None => {
                let many = format!(
                    "{} nodes with {} dependencies are too many to be drawn: at most {NODES_MOST} with {EDGES_MOST} are. Choose a service to see its part.",
                    shown.nodes.len(),
                    edges.len()
                );
                view! { <p class="hint"><Icon symbol=Symbol::Info />{many}</p> }.erase()
            }
        };
        view! { {drawing}<EdgeTable graph=shown states /> }.erase()
    };
    let others = match (chosen, alone) {
        (None, 1) => "1 more service has none that are known.".to_owned(),
        (None, 2..) => format!("{alone} more services have none that are known."),
        _ => String::new(),
    };
    view! {
        <Choose graph chosen />
        <div class="dependencies">
            {content}
            <p class="field-hint">"Connections were looked at "<Ago at=looked_at />"; an open connection isn't a call. "{others}</p>
        </div>
    }
    .erase()
}

/// Which part is shown.
#[component]
fn Choose(graph: DependencyGraph, chosen: Option<ServiceId>) -> impl IntoView {
    let navigate = use_navigate();
    let go = move |event: leptos::ev::Event| {
        let href = event_target_value(&event).parse().map_or_else(|_| path::DEPENDENCIES.to_owned(), path::dependencies_of);
        navigate(&href, NavigateOptions { scroll: false, ..Default::default() });
    };
    let options = graph.nodes.iter().filter_map(|node| {
        let id = node.service_id.filter(|_| node.status.is_some())?;
        Some(view! { <option value=id.to_string() selected=chosen == Some(id)>{node.name.clone()}</option> })
    });
    let options = options.collect_view();
    view! {
        <form class="filter" method="get" action=path::DEPENDENCIES>
            <label class="select" data-active=chosen.is_some().to_string()>
                <span class="select-label">"Around"</span>
                <select name="service" class="select-input" on:change=go>
                    <option value="" selected=chosen.is_none()>"All services"</option>
                    {options}
                </select>
                <Icon symbol=Symbol::Chevron />
            </label>
            <noscript inner_html=r#"<button type="submit" class="button">Apply</button>"#></noscript>
            <a class="filter-clear" href=path::DEPENDENCIES hidden=chosen.is_none()>"All services"</a>
        </form>
    }
    .erase()
}

/// Nothing is known, and how it would be.
fn none(shown: &DependencyGraph, chosen: Option<ServiceId>) -> Erased {
    let title = match shown.nodes.first().filter(|_| chosen.is_some()) {
        Some(node) => format!("Nothing is known that {} needs, or that needs it", node.name),
        None => "No dependencies are known yet".to_owned(),
    };
    let settings = chosen.map(|id| view! { <p><a href=path::service_tab(id, "settings")>"Declare what it needs"</a></p> });
    let text = view! {
        <p>
            "They are found in four ways: declared in the settings of a service, taken from Compose, named by a variable such as "
            <code>"DATABASE_URL"</code>" or "<code>"PAYMENTS_URL"</code>", and seen as TCP connections between running services."
        </p>
        {settings}
    };
    view! { <Empty symbol=Symbol::Dependencies title text=text.erase() /> }.erase()
}
