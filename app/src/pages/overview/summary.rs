//! How many services are in which state: figures that lead to them, and a bar of their shares.

use api::ServiceCounts;
use leptos::prelude::*;

use crate::charts::decimal;
use crate::erase::{Erase, shown, text};
use crate::path;

/// The figures.
#[component]
pub fn Summary(
    /// How many are in which state.
    counts: RwSignal<ServiceCounts>,
) -> impl IntoView {
    type Figure = (&'static str, fn(&ServiceCounts) -> u32, &'static str, &'static str);
    let figures: [Figure; 5] = [
        ("Running", |counts| counts.running, "running", "?status=running"),
        ("Unwell", |counts| counts.unwell, "unwell", "?health=unhealthy"),
        ("Error", |counts| counts.error, "error", "?status=error"),
        ("Changing", |counts| counts.moving, "starting", "?status=starting"),
        ("Stopped", |counts| counts.stopped, "stopped", "?status=stopped"),
    ];
    let figures = figures.map(|(label, count, state, query)| {
        let count = move || counts.with(count);
        view! {
            <li>
                <a class="summary-item" href=format!("{}{query}", path::SERVICES) data-state=state data-zero=text(move || (count() == 0).to_string())>
                    <span class="summary-figure">{text(move || count().to_string())}</span>
                    <span class="summary-label">{label}</span>
                </a>
            </li>
        }
    });
    view! {
        <section class="summary" aria-label="Services by state">
            <ul class="summary-list">{figures.into_iter().collect_view()}</ul>
            {shown(move || view! { <ShareBar counts=counts.get() /> })}
        </section>
    }
    .erase()
}

/// The shares of the states as one bar.
#[component]
fn ShareBar(counts: ServiceCounts) -> impl IntoView {
    let well = counts.running.saturating_sub(counts.unwell);
    let parts =
        [("running", well), ("unwell", counts.unwell), ("error", counts.error), ("starting", counts.moving), ("stopped", counts.stopped)];
    let total = f64::from(counts.total.max(1));
    let mut from = 0.0;
    let parts = parts.map(|(state, count)| {
        let (x, width) = (from, f64::from(count) / total * 1000.0);
        from += width;
        (count > 0).then(
            || view! { <rect class="share-bar-part" data-state=state x=decimal(x, 1) y="0" width=decimal(width, 1) height="4"></rect> },
        )
    });
    view! {
        <svg class="share-bar" viewBox="0 0 1000 4" preserveAspectRatio="none" aria-hidden="true">
            <rect class="share-bar-track" x="0" y="0" width="1000" height="4"></rect>
            {parts.into_iter().collect_view()}
        </svg>
    }
}
