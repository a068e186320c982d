//! Which release a service runs, whether it is held at it, and whether something was changed since.

use api::{Deployment, DeploymentId, DeploymentStatus, EarlierSecret, Hold, Permission, Release, Releases, ServiceId, Timestamp};
use leptos::prelude::*;

use crate::components::{Ago, Empty, Icon, LiveForm, Symbol, sentence};
use crate::erase::{Erase, Erased, shown};
use crate::path;
use crate::viewer::Viewer;

/// The release that a service runs, and the deployment that took it there.
#[derive(Clone, Debug, PartialEq)]
pub struct Current {
    release: Release,
    since: Timestamp,
    by: String,
    deployment: DeploymentId,
}

impl Current {
    /// That of these releases; none when it was never deployed.
    pub fn of(releases: &Releases, history: &[Deployment]) -> Option<Self> {
        let release = releases.items.iter().find(|release| release.is_current)?.clone();
        let took_it = |one: &&Deployment| {
            one.status == DeploymentStatus::Succeeded && one.release.as_ref().is_some_and(|other| other.number == release.number)
        };
        Some(match history.iter().find(took_it) {
            Some(one) => Self { since: one.finished_at.unwrap_or(one.created_at), by: one.created_by.clone(), deployment: one.id, release },
            None => Self { since: release.created_at, by: release.created_by.clone(), deployment: release.deployment_id, release },
        })
    }
}

/// What runs, and what is to be known of it.
#[component]
pub fn Standing(
    /// The service.
    id: ServiceId,
    /// Its releases.
    releases: RwSignal<Releases>,
    /// The one that it runs.
    current: RwSignal<Option<Current>>,
) -> impl IntoView {
    let held = Memo::new(move |_| releases.with(|releases| releases.held.clone()));
    let is_changed = Memo::new(move |_| releases.with(|releases| releases.is_changed) && current.with(Option::is_some));
    let secrets = Memo::new(move |_| releases.with(|releases| releases.secrets.clone()));
    view! {
        {shown(move || current.get().map_or_else(never, runs))}
        {shown(move || held.get().map(|hold| is_held(id, hold)))}
        {shown(move || {
            let secrets = secrets.get();
            (!secrets.is_empty()).then(|| has_earlier(id, held.with(Option::is_some), &secrets))
        })}
        {shown(move || is_changed.get().then(|| was_changed(id)))}
    }
    .erase()
}

fn never() -> Erased {
    let text = view! {
        <p>"It runs as its settings say. A deployment keeps its files or its image, its settings and its configuration as a release, so that it can be gone back to."</p>
    };
    view! { <Empty symbol=Symbol::Up title="It was never deployed" text=text.erase() /> }.erase()
}

fn runs(current: Current) -> Erased {
    let Current { release, since, by, deployment } = current;
    let digest = release.artifact.short().map(|digest| view! { " "<code>{digest.to_owned()}</code> }.erase());
    view! {
        <section class="panel" aria-labelledby="runs-title">
            <header class="panel-head"><h2 class="panel-title" id="runs-title">"What it runs"</h2></header>
            <dl class="fact-list">
                <div class="fact"><dt>"Release"</dt><dd><p><a href=path::deployment(deployment)>{sentence_case(&release.label())}</a>{digest}</p></dd></div>
                <div class="fact"><dt>"Since"</dt><dd><Ago at=since />", by "{by}</dd></div>
            </dl>
        </section>
    }
    .erase()
}

fn sentence_case(label: &str) -> String {
    sentence(label).trim_end_matches('.').to_owned()
}

fn is_held(id: ServiceId, hold: Hold) -> Erased {
    let Hold { release, since, by, reason } = hold;
    let by = by.unwrap_or_else(|| "Pilothouse".into());
    let reason = (!reason.is_empty()).then(|| view! { " “"{reason}"”" }.erase());
    let form = if expect_context::<Viewer>().may(Permission::DeploymentsRun) {
        let why = "It keeps running that release until somebody deploys it. What was wrong with what came after may still be wrong.";
        let_go(id, "Let it go", why)
    } else {
        view! { <p>"Your role may not let it go. Ask somebody who is a Developer or an Admin."</p> }.erase()
    };
    view! {
        <section class="hint" aria-label="Held">
            <Icon symbol=Symbol::Pause />
            <div>
                <p><strong>{format!("It is held at release {release}.")}</strong>" "{by}" went back to it "<Ago at=since />"."{reason}" It isn't deployed until somebody lets it go."</p>
                {form}
            </div>
        </section>
    }
    .erase()
}

fn let_go(id: ServiceId, label: &'static str, why: &'static str) -> Erased {
    view! {
        <details class="form-part">
            <summary>{label}"…"</summary>
            <LiveForm action="/rpc/let_go">
                <p>{why}</p>
                <input type="hidden" name="id" value=id.to_string() />
                <button type="submit" class="button" data-kind="primary">{label}</button>
            </LiveForm>
        </details>
    }
    .erase()
}

/// That a service is given earlier values of secrets.
fn has_earlier(id: ServiceId, is_held: bool, secrets: &[EarlierSecret]) -> Erased {
    let names: Vec<_> = secrets.iter().map(EarlierSecret::label).collect();
    let text = format!("It is given earlier values of secrets, as it was before: {}.", names.join(", "));
    let more = match (is_held, expect_context::<Viewer>().may(Permission::DeploymentsRun)) {
        (true, _) => view! { <p>"Once it is let go, it is given the present ones at its next start."</p> }.erase(),
        (false, true) => {
            let why =
                "They are what it is given at its next start, as with its next deployment. It may have been taken back because of them.";
            let_go(id, "Take the present ones", why)
        }
        (false, false) => view! { <p>"Its next deployment takes the present ones."</p> }.erase(),
    };
    view! {
        <section class="hint" aria-label="Earlier values of secrets">
            <Icon symbol=Symbol::Key />
            <div><p>{text}</p>{more}</div>
        </section>
    }
    .erase()
}

fn was_changed(id: ServiceId) -> Erased {
    view! {
        <p class="hint">
            <Icon symbol=Symbol::Info />
            <span>
                "Its settings or its configuration were changed since that release was made: it doesn't run wholly what that says. A deployment takes them along. "
                <a href=path::release_difference(id, None, None)>"See what is different"</a>
            </span>
        </p>
    }
    .erase()
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use api::{DeploymentStatus, Releases};

    use super::Current;
    use crate::fake::{NOW, deployment, release};

    #[test]
    fn what_runs_is_told_with_who_took_it_there_last() {
        let releases = Releases { items: vec![release(3, false), release(2, true)], ..Releases::default() };
        let mut back = deployment(2, DeploymentStatus::Succeeded);
        back.created_by = "ada".into();
        let current = Current::of(&releases, &[deployment(3, DeploymentStatus::Succeeded), back, deployment(2, DeploymentStatus::Failed)]);
        assert_eq!(current.map(|one| (one.by, one.since)), Some(("ada".into(), NOW.plus_seconds(-528))));
        let forgotten = Current::of(&releases, &[]).unwrap();
        assert_eq!((forgotten.by.as_str(), forgotten.since), ("anna <b>", NOW.plus_seconds(-3_600)));
        assert_eq!(Current::of(&Releases::default(), &[]), None);
    }
}
