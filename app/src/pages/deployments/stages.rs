//! The stages of a deployment, in order.

use api::{Deployment, Stage, StageReport, StageStatus, Timestamp};
use leptos::prelude::*;

use super::mark::StageMark;
use super::took;
use crate::components::{Clock, sentence};
use crate::erase::{Erase, Erased, text};

/// The table of the stages. Each row changes in place.
#[component]
pub fn Stages(
    /// The deployment.
    deployment: RwSignal<Deployment>,
) -> impl IntoView {
    let names = Memo::new(move |_| deployment.with(|one| one.stages.iter().map(|stage| stage.name).collect::<Vec<_>>()));
    view! {
        <section class="panel" aria-labelledby="stages-title">
            <header class="panel-head"><h2 class="panel-title" id="stages-title">"Stages"</h2></header>
            <div class="table-scroll" tabindex="0" role="region" aria-label="Table of stages">
                <table class="table">
                    <thead>
                        <tr><th scope="col">"Stage"</th><th scope="col">"Status"</th><th scope="col">"How long"</th><th scope="col">"What"</th></tr>
                    </thead>
                    <tbody><For each=move || names.get() key=|name| *name let:name>{row(name, deployment)}</For></tbody>
                </table>
            </div>
        </section>
    }
    .erase()
}

fn row(name: Stage, deployment: RwSignal<Deployment>) -> Erased {
    let now = expect_context::<Clock>().0;
    let stage = Memo::new(move |_| deployment.with(|one| one.stages.iter().find(|stage| stage.name == name).cloned()));
    let status = Signal::derive(move || stage.with(|stage| stage.as_ref().map_or(StageStatus::Pending, |stage| stage.status)));
    let length = text(move || stage.with(|stage| stage.as_ref().map(|stage| length(stage, now.get())).unwrap_or_default()));
    let note = text(move || stage.with(|stage| stage.as_ref().map(note).unwrap_or_default()));
    view! {
        <tr>
            <th scope="row">{name.label()}</th>
            <td><StageMark status /></td>
            <td>{length}</td>
            <td class="wrap">{note}</td>
        </tr>
    }
    .erase()
}

/// How long it took, has taken, or will take.
fn length(stage: &StageReport, now: Timestamp) -> String {
    let expected = stage.expected_seconds.map(|seconds| format!("about {}", took(f64::from(seconds))));
    match (stage.started_at, stage.finished_at, stage.status) {
        (_, _, StageStatus::Skipped) => String::new(),
        (Some(start), Some(end), _) => took(end.seconds_since(start)),
        (Some(start), None, StageStatus::Running) => {
            let taken = took(now.seconds_since(start));
            expected.map(|expected| format!("{taken} of {expected}")).unwrap_or(taken)
        }
        (None, _, StageStatus::Pending) => expected.filter(|_| stage.expected_seconds != Some(0)).unwrap_or_default(),
        _ => String::new(),
    }
}

fn note(stage: &StageReport) -> String {
    let again = (stage.attempts > 1).then(|| format!("Begun {} times.", stage.attempts));
    [stage.note.as_deref().map(sentence), again].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use api::{Stage, StageReport, StageStatus, Timestamp};

    use super::{length, note};

    #[test]
    fn a_stage_says_how_long_it_took_or_will_take_and_how_often_it_was_begun() {
        let at = |seconds| Some(Timestamp::default().plus_seconds(seconds));
        let stage = StageReport {
            name: Stage::Build,
            status: StageStatus::Pending,
            started_at: None,
            finished_at: None,
            note: Some("unpacking 12 files".into()),
            attempts: 1,
            expected_seconds: Some(5),
        };
        let now = Timestamp::default().plus_seconds(9);
        assert_eq!((length(&stage, now), note(&stage)), ("about 5 s".into(), "Unpacking 12 files.".into()));
        let begun = StageReport { status: StageStatus::Running, started_at: at(2), attempts: 2, ..stage };
        assert_eq!((length(&begun, now), note(&begun)), ("7 s of about 5 s".into(), "Unpacking 12 files. Begun 2 times.".into()));
        let never = StageReport { status: StageStatus::Cancelled, started_at: None, finished_at: None, ..begun.clone() };
        assert_eq!(length(&never, now), "", "it will never be");
        let done = StageReport { status: StageStatus::Succeeded, finished_at: at(3), ..begun };
        assert_eq!(length(&done, now), "1 s");
    }
}
