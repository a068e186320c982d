//! How a proxy moved requests to the new release, step by step.

use api::{Deployment, Judgement, Timestamp, TrafficSide, TrafficStep};
use leptos::prelude::*;

use super::mark::JudgementMark;
use super::took;
use crate::charts::Unit;
use crate::components::{Clock, sentence, whole};
use crate::erase::{Erase, Erased, shown, text};

/// What stands for a figure that isn't known.
const NONE: &str = "–";

/// The table of the steps; nothing as long as there are none. Each row changes in place.
#[component]
pub fn Requests(
    /// The deployment.
    deployment: RwSignal<Deployment>,
) -> impl IntoView {
    let count = Memo::new(move |_| deployment.with(|one| one.traffic.len()));
    let has_some = Memo::new(move |_| count.get() > 0);
    shown(move || {
        has_some.get().then(|| {
            view! {
                <section class="panel" aria-labelledby="requests-title">
                    <header class="panel-head">
                        <h2 class="panel-title" id="requests-title">"Requests"</h2>
                        <span class="panel-note">"old → new release"</span>
                    </header>
                    <div class="table-scroll" tabindex="0" role="region" aria-label="Table of requests">
                        <table class="table">
                            <thead>
                                <tr>
                                    <th scope="col">"To the new"</th>
                                    <th scope="col">"Judgement"</th>
                                    <th scope="col">"Requests"</th>
                                    <th scope="col">"Errors"</th>
                                    <th scope="col">"p95"</th>
                                    <th scope="col">"When"</th>
                                </tr>
                            </thead>
                            <tbody><For each=move || 0..count.get() key=|at| *at let:at>{row(at, deployment)}</For></tbody>
                        </table>
                    </div>
                </section>
            }
            .erase()
        })
    })
    .erase()
}

fn row(at: usize, deployment: RwSignal<Deployment>) -> Erased {
    let now = expect_context::<Clock>().0;
    let step = Memo::new(move |_| deployment.with(|one| one.traffic.get(at).cloned()));
    let is_over = Memo::new(move |_| deployment.with(|one| one.status.is_over()));
    let of = move |read: fn(&TrafficStep) -> String| text(move || step.with(|step| step.as_ref().map(read).unwrap_or_default()));
    let judgement = Signal::derive(move || step.with(|step| step.as_ref().map_or((None, false), |step| judged(step, is_over.get()))));
    let length = text(move || step.with(|step| step.as_ref().map(|step| length(step, now.get(), is_over.get())).unwrap_or_default()));
    view! {
        <tr>
            <th scope="row">{of(|step| format!("{} of 100", step.weight))}</th>
            <td class="wrap">
                <JudgementMark judgement />
                <div class="panel-note">{of(|step| step.reason.as_deref().map(sentence).unwrap_or_default())}</div>
            </td>
            <td>{of(|step| both(step, |side| Some(side.requests.to_string())))}</td>
            <td>{of(|step| both(step, errors))}</td>
            <td>{of(|step| both(step, |side| side.p95_ms.map(|ms| Unit::Millis.write(ms))))}</td>
            <td>{length}</td>
        </tr>
    }
    .erase()
}

/// What was found out, unless it never will be, and whether the step has begun.
fn judged(step: &TrafficStep, is_over: bool) -> (Option<Judgement>, bool) {
    (Some(step.judgement).filter(|judgement| !is_over || *judgement != Judgement::Open), step.started_at.is_some())
}

/// What the proxy saw of both releases; nothing before the step.
fn both(step: &TrafficStep, read: fn(&TrafficSide) -> Option<String>) -> String {
    let side = |side: &TrafficSide| read(side).unwrap_or_else(|| NONE.to_owned());
    step.started_at.map(|_| format!("{} → {}", side(&step.old), side(&step.new))).unwrap_or_default()
}

/// Which part of the requests failed; none without requests.
fn errors(side: &TrafficSide) -> Option<String> {
    (side.requests > 0).then(|| Unit::Share.write(side.errors as f64 / side.requests as f64))
}

/// When the step began, and how long it took or has taken.
fn length(step: &TrafficStep, now: Timestamp, is_over: bool) -> String {
    let end = step.finished_at.or((!is_over).then_some(now));
    let length = step.started_at.zip(end).map(|(start, end)| format!(", {}", took(end.seconds_since(start))));
    step.started_at.map(|start| format!("{}{}", whole(start), length.unwrap_or_default())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use api::{Judgement, Timestamp, TrafficSide, TrafficStep};

    use super::{both, errors, judged, length};

    #[test]
    fn a_step_says_what_both_releases_answered_and_how_long_it_took() {
        let at = |seconds| Some(Timestamp::default().plus_seconds(seconds));
        let now = Timestamp::default().plus_seconds(9);
        let waits = TrafficStep::new(25);
        assert_eq!((both(&waits, errors), length(&waits, now, false)), (String::new(), String::new()), "nothing before it began");
        let new = TrafficSide { requests: 200, errors: 3, p50_ms: Some(10.0), p95_ms: Some(30.0) };
        let begun = TrafficStep { started_at: at(2), new, ..waits.clone() };
        assert_eq!((both(&begun, errors).as_str(), length(&begun, now, false).as_str()), ("– → 1.5 %", "1970-01-01 00:00:02 UTC, 7 s"));
        let done = TrafficStep { finished_at: at(5), judgement: Judgement::Worse, ..begun.clone() };
        assert!(
            length(&done, now, true).ends_with("UTC, 3 s") && length(&begun, now, true).ends_with("UTC"),
            "a step without an end has no length"
        );
        assert_eq!((judged(&begun, false), judged(&begun, true)), ((Some(Judgement::Open), true), (None, true)));
        assert_eq!((judged(&waits, true), judged(&done, true)), ((None, false), (Some(Judgement::Worse), true)));
    }
}
