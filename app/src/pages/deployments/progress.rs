//! How far a deployment is, and what is known of it.

use api::{Deployment, DeploymentStatus, Timestamp};
use leptos::prelude::*;

use super::follow::Followed;
use super::mark::DeploymentMark;
use super::took;
use crate::components::{Ago, Clock, whole};
use crate::erase::{Erase, Erased, shown, text};
use crate::path;

/// The status, the bar, and the facts.
#[component]
pub fn Progress(
    /// The deployment.
    followed: Followed,
) -> impl IntoView {
    let deployment = followed.deployment;
    let now = expect_context::<Clock>().0;
    let status = Memo::new(move |_| deployment.with(|one| one.status));
    let bar = move || {
        (!status.get().is_over()).then(|| {
            view! {
                <div class="bulk-progress">
                    <progress max="100" value=text(move || deployment.with(|one| one.progress).to_string()) aria-label="Progress"></progress>
                    <p>{text(move || deployment.with(|one| far(one, now.get())))}</p>
                </div>
                <noscript inner_html="<p>This page shows what was true when it was loaded. <a href=\"\">Reload it</a> to see how far it is now.</p>"></noscript>
            }
            .erase()
        })
    };
    // Its words, for those who don't see them change.
    let told = text(move || deployment.with(|one| format!("{}: {}", one.status.label(), one.stage.label())));
    view! {
        <section class="panel" aria-label="Where it is">
            <p class="visually-hidden" role="status">{told}</p>
            <div class="panel-empty form-part">
                <DeploymentMark status />
                {shown(bar)}
            </div>
            <dl class="fact-list">{facts(deployment)}</dl>
        </section>
    }
    .erase()
}

/// What it is at, and how long that may take.
fn far(one: &Deployment, now: Timestamp) -> String {
    if one.status == DeploymentStatus::Pending {
        return match one.waits_for {
            Some(_) => "It begins by itself when nothing is in its way any more.".into(),
            None => "It waits for a deployment of the service before it.".into(),
        };
    }
    let at = match (&one.cancelled_by, one.is_undoing) {
        (Some(who), _) => format!("Cancelled by {who}: it is being undone"),
        (None, true) => "It isn't well, so it is being undone".into(),
        (None, false) => format!("{}, {} %", one.stage.label(), one.progress),
    };
    let left = one.expected_seconds.zip(one.seconds(now)).filter(|_| !one.is_undoing);
    match left.map(|(expected, passed)| (expected, f64::from(expected) - passed)) {
        None => format!("{at}."),
        Some((_, left)) if left >= 1.0 => format!("{at}; about {} left.", took(left)),
        Some((expected, _)) => format!("{at}; it takes longer than the {} of before.", took(f64::from(expected))),
    }
}

fn facts(deployment: RwSignal<Deployment>) -> Erased {
    let now = expect_context::<Clock>().0;
    let first = deployment.get_untracked();
    let service_id = first.service_id;
    let times = Memo::new(move |_| deployment.with(|one| (one.started_at, one.finished_at)));
    let began = shown(move || match times.get().0 {
        Some(at) => view! { {whole(at)}", "<Ago at /> }.erase(),
        None => "It hasn't begun.".erase(),
    });
    let length = text(move || {
        deployment.with(|one| {
            let taken = one.seconds(now.get()).map_or_else(|| "nothing yet".to_owned(), took);
            match one.expected_seconds {
                Some(expected) => format!("{taken}; before it took about {}", took(f64::from(expected))),
                None => format!("{taken}; no deployment before has succeeded, so it isn't known how long that takes"),
            }
        })
    });
    let release = Memo::new(move |_| deployment.with(|one| (one.release.clone(), one.previous_release)));
    let release = shown(move || {
        let (release, before) = release.get();
        let Some(release) = release else { return "It isn't made yet, or isn't kept any more.".erase() };
        let digest = release.artifact.short().map(|digest| view! { " "<code>{digest.to_owned()}</code> }.erase());
        let current = release.is_current.then(|| view! { " "<span class="badge">"runs"</span> }.erase());
        let before = before.filter(|before| *before != release.number).map(|before| {
            let href = path::release_difference(service_id, Some(before), Some(release.number));
            view! { ", in place of release "{before.to_string()}": "<a href=href>"what is different"</a> }.erase()
        });
        let commit = release.artifact.commit().map(|commit| format!(" {} by {}", commit.subject, commit.author));
        view! { <p>{release.number.to_string()}{digest}{commit}{current}{before}</p> }.erase()
    });
    let fact = |name: &'static str, value: Erased| view! { <div class="fact"><dt>{name}</dt><dd>{value}</dd></div> }.erase();
    let ended = shown(move || {
        let who = deployment.with(|one| one.cancelled_by.clone().filter(|_| one.status == DeploymentStatus::Cancelled));
        who.map(|who| fact("Cancelled by", view! { {who}"; what was before is as it was." }.erase()))
    });
    view! {
        {fact("Release", release.erase())}
        {fact("How", format!("{}, to {}", first.deployment_type.label(), first.target_environment).erase())}
        {fact("Began", began.erase())}
        {fact("Took", length.erase())}
        {ended}
    }
    .erase()
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use api::{Deployment, DeploymentStatus};

    use super::far;
    use crate::fake::{NOW, deployment};

    #[test]
    fn what_is_left_is_told_by_what_it_took_before() {
        let running = Deployment { started_at: Some(NOW.plus_seconds(-30)), ..deployment(2, DeploymentStatus::Running) };
        assert_eq!(far(&running, NOW), "Health check, 70 %; about 50 s left.");
        assert_eq!(far(&running, NOW.plus_seconds(60)), "Health check, 70 %; it takes longer than the 1 min 20 s of before.");
        let undone = Deployment { is_undoing: true, cancelled_by: Some("ada".into()), ..running.clone() };
        assert_eq!(far(&undone, NOW), "Cancelled by ada: it is being undone.");
        assert_eq!(far(&Deployment { expected_seconds: None, ..running }, NOW), "Health check, 70 %.");
        assert!(far(&deployment(2, DeploymentStatus::Pending), NOW).starts_with("It waits"));
    }
}
