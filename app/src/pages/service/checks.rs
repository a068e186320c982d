//! The last health checks as a strip.

use api::{HealthReport, HealthResult};
use leptos::prelude::*;

use super::loads::Loads;
use super::watch::Watched;
use crate::charts::Unit;
use crate::components::{Ago, Skeleton};
use crate::erase::Erase;
use crate::pages::wait::wait;

/// Checks in the strip.
const SHOWN: usize = 60;

/// The last health checks: what the newest found, and how the ones before went.
#[component]
pub fn ChecksPanel(
    /// The service.
    watched: Watched,
    /// What is loaded.
    loads: Loads,
) -> impl IntoView {
    view! {
        <section class="panel chart-panel checks" aria-label="Health checks">
            <Transition fallback=|| view! { <Skeleton lines=1 /> }>
                {move || Suspend::new(async move {
                    if let Some(Ok(report)) = wait(loads.health).await {
                        watched.health.set(Some(report));
                    }
                    view! { <Strip watched /> }
                })}
            </Transition>
        </section>
    }
    .erase()
}

#[component]
fn Strip(watched: Watched) -> impl IntoView {
    let health = watched.health;
    let newest = Memo::new(move |_| health.with(|report| report.as_ref().and_then(|report| report.history.first().cloned())));
    let summary = Memo::new(move |_| health.with(|report| report.as_ref().map(summary).unwrap_or_default()));
    let bars = move || {
        health.with(|report| {
            let history = report.as_ref().map_or(&[][..], |report| &report.history);
            history.iter().take(SHOWN).rev().map(|check| (check.at, mark(check), hint(check))).collect::<Vec<_>>()
        })
    };
    view! {
        <div class="chart-head">
            <h2 class="chart-title">"Health checks"</h2>
            <span class="chart-readout">{summary}</span>
        </div>
        <ol class="checks-strip" aria-hidden="true">
            <For each=bars key=|(at, ..)| *at let:bar>
                <li data-check=bar.1 title=bar.2></li>
            </For>
        </ol>
        <p class="checks-newest">
            {move || match newest.get() {
                Some(check) => {
                    view! {
                        <span class="checks-message">{hint(&check)}</span>
                        " "
                        <Ago at=check.at />
                    }
                        .erase()
                }
                None => view! { <span class="checks-message">"Not checked yet: checks begin when the service runs."</span> }.erase(),
            }}
        </p>
    }
    .erase()
}

fn mark(check: &HealthResult) -> &'static str {
    if check.ok { "good" } else { "bad" }
}

fn hint(check: &HealthResult) -> String {
    format!("{} in {}", check.message, Unit::Millis.write(check.latency_ms))
}

fn summary(report: &HealthReport) -> String {
    let (all, good) = (report.history.len(), report.history.iter().filter(|check| check.ok).count());
    let every = report.check.interval_seconds;
    if all == 0 { format!("every {every} s") } else { format!("{good} of {all} good, every {every} s") }
}
