//! Where a deployment or one of its stages is, as a shape, a colour and a word.

use api::{DeploymentStatus, Judgement, StageStatus};
use leptos::prelude::*;

use crate::erase::{Erase, text};

/// What a mark looks like: the value of `data-state`, and its shape on a grid of 12.
type Look = (&'static str, &'static str);

const WAITS: Look = ("unknown", r#"<circle cx="6" cy="6" r="4" stroke-dasharray="2 2"/>"#);
const MOVES: Look = ("starting", r#"<path d="M6 2a4 4 0 1 1-4 4"/>"#);
const GOOD: Look = ("running", r#"<path d="m2 6.5 2.8 2.8L10 3.2"/>"#);
const NOTHING: Look = ("unknown", r#"<path d="M2.5 6h7"/>"#);
const BAD: Look = ("error", r#"<path d="M6 1.6 11 10.4H1Z" fill="currentColor"/>"#);
const ENDED: Look = ("stopped", r#"<rect x="2.5" y="2.5" width="7" height="7" rx="1"/>"#);
const BACK: Look = ("unwell", r#"<path d="M2 4h5.5a2.7 2.7 0 0 1 0 5.5H4M4.3 1.5 1.8 4l2.5 2.5"/>"#);

const fn of_deployment(status: DeploymentStatus) -> Look {
    match status {
        DeploymentStatus::Pending => WAITS,
        DeploymentStatus::Running => MOVES,
        DeploymentStatus::Succeeded => GOOD,
        DeploymentStatus::Failed => BAD,
        DeploymentStatus::Cancelled => ENDED,
        DeploymentStatus::RolledBack => BACK,
    }
}

const fn of_stage(status: StageStatus) -> Look {
    match status {
        StageStatus::Pending => WAITS,
        StageStatus::Running => MOVES,
        StageStatus::Succeeded => GOOD,
        StageStatus::Skipped => NOTHING,
        StageStatus::Failed => BAD,
        StageStatus::Cancelled => ENDED,
        StageStatus::Undone => BACK,
    }
}

/// Where a deployment is.
#[component]
pub fn DeploymentMark(
    /// The status.
    #[prop(into)]
    status: Signal<DeploymentStatus>,
) -> impl IntoView {
    let (look, word) = (move || of_deployment(status.get()), move || status.get().label());
    view! { <Mark look=Signal::derive(look) word=Signal::derive(word) /> }.erase()
}

/// Where a stage is.
#[component]
pub fn StageMark(
    /// The status.
    #[prop(into)]
    status: Signal<StageStatus>,
) -> impl IntoView {
    let (look, word) = (move || of_stage(status.get()), move || status.get().label());
    view! { <Mark look=Signal::derive(look) word=Signal::derive(word) /> }.erase()
}

/// What was found out in a step of the requests; none when it never will be.
#[component]
pub fn JudgementMark(
    /// The judgement, and whether the step has begun.
    #[prop(into)]
    judgement: Signal<(Option<Judgement>, bool)>,
) -> impl IntoView {
    let look = move || match judgement.get() {
        (Some(Judgement::Open), true) => (MOVES, Judgement::Open.label()),
        (Some(Judgement::Open), false) => (WAITS, "Waiting"),
        (Some(Judgement::Passed), _) => (GOOD, Judgement::Passed.label()),
        (Some(Judgement::Worse), _) => (BAD, Judgement::Worse.label()),
        (Some(Judgement::TooFew), _) => (BACK, Judgement::TooFew.label()),
        (None, true) => (ENDED, "Not judged"),
        (None, false) => (NOTHING, "Not begun"),
    };
    view! { <Mark look=Signal::derive(move || look().0) word=Signal::derive(move || look().1) /> }.erase()
}

#[component]
fn Mark(look: Signal<Look>, word: Signal<&'static str>) -> impl IntoView {
    view! {
        <span class="state-mark" data-state=text(move || look.get().0)>
            <svg class="state-mark-shape" viewBox="0 0 12 12" aria-hidden="true" inner_html=move || look.get().1></svg>
            <span class="state-mark-word">{text(move || word.get())}</span>
        </span>
    }
    .erase()
}
