//! The runs of a service that ended by themselves: a list, and the way to the one that was last.

use std::time::Duration;

use api::{IncidentSummary, Timestamp};
use leptos::prelude::*;

use super::loads::Loads;
use super::watch::Watched;
use crate::components::{Ago, Failure, Icon, Skeleton, Symbol, sentence};
use crate::erase::{Erase, Erased};
use crate::pages::wait::wait;
use crate::path;

/// How long after the end of a run its incident is asked for: it is kept in the background.
const SOON: Duration = Duration::from_secs(2);

/// Loads the incidents anew when another run has ended, while the component lives.
pub fn follow_incidents(watched: Watched, loads: Loads) {
    let last = Memo::new(move |_| watched.detail.with(|detail| detail.last_exit.as_ref().map(|exit| exit.at)));
    Effect::new(move |before: Option<Option<Timestamp>>| {
        let last = last.get();
        if before.is_some_and(|before| before != last)
            && let Ok(handle) = set_timeout_with_handle(move || loads.incidents.refetch(), SOON)
        {
            on_cleanup(move || handle.clear());
        }
        last
    });
}

/// The incidents, newest first; nothing where they were not asked for.
#[component]
pub fn IncidentsPanel(
    /// What is loaded.
    loads: Loads,
) -> impl IntoView {
    view! {
        <Transition fallback=|| view! { <Skeleton lines=2 /> }.erase()>
            {move || Suspend::new(async move {
                match wait(loads.incidents).await {
                    None => ().erase(),
                    Some(Ok(page)) => list(page.items),
                    Some(Err(error)) => view! { <Failure error=error.0 /> }.erase(),
                }
            })}
        </Transition>
    }
    .erase()
}

/// The link to the incident of the run that ended at `at`, when it is kept.
#[component]
pub fn IncidentLink(
    /// What is loaded.
    loads: Loads,
    /// When the run ended.
    at: Timestamp,
) -> impl IntoView {
    view! {
        <Transition fallback=|| ().erase()>
            {move || Suspend::new(async move {
                // Why they can't be had is told where they are listed.
                let page = wait(loads.incidents).await.and_then(Result::ok);
                let found = page.and_then(|page| page.items.into_iter().find(|incident| incident.at == at));
                found.map(|incident| view! { <a href=path::incident(incident.id)>"See the incident"</a> }).erase()
            })}
        </Transition>
    }
    .erase()
}

fn list(incidents: Vec<IncidentSummary>) -> Erased {
    let is_empty = incidents.is_empty();
    let rows = incidents.into_iter().map(row).collect::<Vec<_>>();
    view! {
        <section class="panel incidents" aria-labelledby="incidents-title">
            <div class="panel-head"><h2 class="panel-title" id="incidents-title">"Incidents"</h2></div>
            {if is_empty {
                view! { <p class="panel-empty">"No run has ended by itself."</p> }.erase()
            } else {
                view! { <ol class="event-list">{rows}</ol> }.erase()
            }}
        </section>
    }
    .erase()
}

fn row(incident: IncidentSummary) -> Erased {
    view! {
        <li class="event-line" data-tone="bad">
            <span class="event-picture"><Icon symbol=Symbol::Warning /></span>
            <div class="event-text">
                <p class="event-message"><a href=path::incident(incident.id)>{sentence(&incident.reason)}</a></p>
                <p class="event-about">{incident.cause.map(|cause| view! { <span>{cause}</span> })} <Ago at=incident.at /></p>
            </div>
        </li>
    }
    .erase()
}
