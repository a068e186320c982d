//! A service at a glance.

use api::{EventQuery, Limit, LogLine, LogQuery, Page};
use leptos::prelude::*;

use super::facts::FactsPanel;
use super::figures::FigurePanels;
use super::logs::{Filter, LogRow, Tail};
use super::watch::Watched;
use crate::charts::local_offset;
use crate::components::{Failure, Icon, Symbol};
use crate::pages::activity::EventRows;
use crate::path;
use crate::rpc::get_logs;

/// Log lines at a glance.
const PEEK: u32 = 12;

/// Charts, checks, what happened last, the last log lines, and the facts.
#[component]
pub fn OverviewTab(
    /// The service.
    watched: Watched,
) -> impl IntoView {
    view! {
        <FigurePanels watched />
        <div class="service-columns">
            <div class="service-column">
                <LogPeek watched />
                <RecentEvents watched />
            </div>
            <FactsPanel watched />
        </div>
    }
    .into_any()
}

/// The newest log lines.
#[component]
fn LogPeek(watched: Watched) -> impl IntoView {
    let query = LogQuery { limit: Limit::new(PEEK).unwrap_or_default(), ..LogQuery::default() };
    let lines = Resource::new(|| (), move |()| get_logs(watched.id, query.clone()));
    view! {
        <section class="panel" aria-labelledby="peek-title">
            <div class="panel-head">
                <h2 class="panel-title" id="peek-title">"Log"</h2>
                <a class="panel-link" href=path::service_tab(watched.id, "logs")>"Follow the log"<Icon symbol=Symbol::Right /></a>
            </div>
            <Transition fallback=|| ()>
                {move || Suspend::new(async move {
                    match lines.await {
                        Ok(page) => view! { <LogPeekLines watched page /> }.into_any(),
                        Err(error) => view! { <Failure error=error.0 /> }.into_any(),
                    }
                })}
            </Transition>
        </section>
    }
    .into_any()
}

/// What happened to the service last.
#[component]
fn RecentEvents(watched: Watched) -> impl IntoView {
    let query = EventQuery { service_id: Some(watched.id), limit: Limit::new(8).unwrap_or_default(), ..EventQuery::default() };
    view! {
        <section class="panel" aria-labelledby="events-title">
            <div class="panel-head">
                <h2 class="panel-title" id="events-title">"Activity"</h2>
                <a class="panel-link" href=path::service_tab(watched.id, "activity")>"All of it"<Icon symbol=Symbol::Right /></a>
            </div>
            <EventRows query=Signal::stored(query) pages=false />
        </section>
    }
    .into_any()
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
    .into_any()
}
