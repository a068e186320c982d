//! A service at a glance.

use api::{LogLine, Page};
use leptos::prelude::*;

use super::facts::FactsPanel;
use super::figures::FigurePanels;
use super::loads::{Loads, PEEK};
use super::logs::{Filter, LogRow, Tail};
use super::part::ReplicasPanel;
use super::watch::Watched;
use crate::charts::local_offset;
use crate::components::{Failure, Icon, Skeleton, Symbol};
use crate::erase::Erase;
use crate::pages::activity::EventRows;
use crate::pages::wait::wait;
use crate::path;

/// Charts, checks, what happened last, the last log lines, and the facts.
#[component]
pub fn OverviewTab(
    /// The service.
    watched: Watched,
    /// What is loaded.
    loads: Loads,
) -> impl IntoView {
    view! {
        <FigurePanels watched loads />
        <div class="service-columns">
            <div class="service-column">
                <ReplicasPanel watched />
                <LogPeek watched loads />
                <RecentEvents watched loads />
            </div>
            <FactsPanel watched loads />
        </div>
    }
    .erase()
}

/// The newest log lines.
#[component]
fn LogPeek(watched: Watched, loads: Loads) -> impl IntoView {
    view! {
        <section class="panel" aria-labelledby="peek-title">
            <div class="panel-head">
                <h2 class="panel-title" id="peek-title">"Log"</h2>
                <a class="panel-link" href=path::service_tab(watched.id, "logs")>"Follow the log"<Icon symbol=Symbol::Right /></a>
            </div>
            <Transition fallback=|| view! { <Skeleton lines=4 /> }.erase()>
                {move || Suspend::new(async move {
                    match wait(loads.lines).await {
                        Some(Ok(page)) => view! { <LogPeekLines watched page /> }.erase(),
                        None => ().erase(),
                        Some(Err(error)) => view! { <Failure error=error.0 /> }.erase(),
                    }
                })}
            </Transition>
        </section>
    }
    .erase()
}

/// What happened to the service last.
#[component]
fn RecentEvents(watched: Watched, loads: Loads) -> impl IntoView {
    view! {
        <section class="panel" aria-labelledby="events-title">
            <div class="panel-head">
                <h2 class="panel-title" id="events-title">"Activity"</h2>
                <a class="panel-link" href=path::service_tab(watched.id, "activity")>"All of it"<Icon symbol=Symbol::Right /></a>
            </div>
            <EventRows query=loads.events_query page=loads.events pages=false />
        </section>
    }
    .erase()
}

/// The newest lines, as they come.
#[component]
fn LogPeekLines(watched: Watched, page: Page<LogLine>) -> impl IntoView {
    let (id, offset) = (watched.id, local_offset());
    let tail = Tail::new(id, Filter::default(), page, Some(PEEK as usize));
    let is_empty = Memo::new(move |_| tail.rows.with(Vec::is_empty));
    view! {
        <ol class="log-lines log-peek">
            <For each=move || tail.rows.get() key=|row| row.key() let:row>
                <LogRow row id offset />
            </For>
        </ol>
        {move || is_empty.get().then(|| view! { <p class="panel-empty">"It has not written anything yet."</p> })}
    }
    .erase()
}
