//! What is different between two releases, and the question before one of them is gone back to.

use api::{EarlierSecret, Permission, Releases, ServiceId};
use leptos::prelude::*;

use super::super::difference::{difference, title};
use super::loads::Loads;
use crate::components::{Empty, Failure, LiveForm, Skeleton, Symbol};
use crate::erase::{Erase, Erased};
use crate::pages::service::Watched;
use crate::pages::wait::wait;
use crate::path;
use crate::viewer::Viewer;

/// What is different between the releases that the address names.
#[component]
pub fn Difference(
    /// The service.
    id: ServiceId,
    /// What is loaded.
    loads: Loads,
) -> impl IntoView {
    view! {
        <Compared loads />
        <BackLink id />
    }
    .erase()
}

#[component]
fn Compared(loads: Loads) -> impl IntoView {
    view! {
        <Transition fallback=|| view! { <Skeleton lines=6 /> }.erase()>
            {move || Suspend::new(async move {
                match wait(loads.difference).await {
                    None => ().erase(),
                    Some(Ok(found)) => {
                        let title = title(&found);
                        view! {
                            <section class="panel" aria-labelledby="difference-title">
                                <header class="panel-head"><h2 class="panel-title" id="difference-title">{title}</h2></header>
                                {difference(found)}
                            </section>
                        }
                            .erase()
                    }
                    Some(Err(error)) => view! { <Failure error=error.0 /> }.erase(),
                }
            })}
        </Transition>
    }
    .erase()
}

#[component]
fn BackLink(id: ServiceId) -> impl IntoView {
    view! { <p><a href=path::deployments_of(id)>"All releases and deployments"</a></p> }.erase()
}

/// The question before a release is gone back to; what would change is shown below it.
#[component]
pub fn RollBack(
    /// The service.
    watched: Watched,
    /// What is loaded.
    loads: Loads,
) -> impl IntoView {
    let id = watched.id;
    if !expect_context::<Viewer>().may(Permission::DeploymentsRun) {
        let text = view! { <p>"Your role may not deploy services. Ask somebody who is a Developer or an Admin."</p><BackLink id /> };
        return view! { <Empty symbol=Symbol::Warning title="Not allowed" text=text.erase() /> }.erase();
    }
    view! {
        <Transition fallback=|| view! { <Skeleton lines=4 /> }.erase()>
            {move || Suspend::new(async move {
                match wait(loads.releases).await {
                    None => ().erase(),
                    Some(Ok(releases)) => {
                        // What can't be compared is told below.
                        let secrets = wait(loads.difference).await.and_then(|found| Some(found.ok()?.secrets)).unwrap_or_default();
                        question(id, loads.chosen.get_untracked().1, releases, &secrets, loads)
                    }
                    Some(Err(error)) => view! { <Failure error=error.0 /> }.erase(),
                }
            })}
        </Transition>
    }
    .erase()
}

fn question(id: ServiceId, to: Option<u64>, releases: Releases, secrets: &[EarlierSecret], loads: Loads) -> Erased {
    let wanted = to.and_then(|number| releases.items.into_iter().find(|release| release.number == number));
    let is_kept = wanted.is_some();
    let Some(release) = wanted.filter(|release| !release.is_current) else {
        let (title, why) = match is_kept {
            true => ("It runs that release", "There is nothing to go back to: it is what the service runs."),
            false => (
                "That release isn't kept",
                "Only some releases are kept besides the one that it runs; older ones have gone with their files.",
            ),
        };
        let text = view! { <p>{why}</p><BackLink id /> };
        return view! { <Empty symbol=Symbol::Info title text=text.erase() /> }.erase();
    };
    let (number, given) = (release.number, with_secrets(secrets));
    view! {
        <section class="panel" aria-labelledby="roll-back-title">
            <header class="panel-head"><h2 class="panel-title" id="roll-back-title">{format!("Roll back to release {number}?")}</h2></header>
            <LiveForm action="/rpc/roll_back">
                <input type="hidden" name="id" value=release.deployment_id.to_string() />
                <p>"It is deployed as it was, with the settings and the configuration of then, and the service is held at it: it isn't deployed until somebody lets it go."</p>
                {given}
                <div class="field">
                    <label for="roll-back-message">"Why"</label>
                    <input id="roll-back-message" name="message" type="text" maxlength="500" autocomplete="off" />
                </div>
                <div class="form-actions">
                    <button type="submit" class="button" data-kind="danger">{format!("Roll back to release {number}")}</button>
                    <a class="button" href=path::deployments_of(id)>"Cancel"</a>
                </div>
            </LiveForm>
        </section>
        <Compared loads />
    }
    .erase()
}

/// Which values of secrets it is given, when those of then are others.
fn with_secrets(secrets: &[EarlierSecret]) -> Erased {
    let names = |is_wanted: fn(&EarlierSecret) -> bool| {
        let names: Vec<_> = secrets.iter().filter(|one| is_wanted(one)).map(EarlierSecret::label).collect();
        (!names.is_empty()).then(|| names.join(", "))
    };
    let kept = names(|one| one.is_kept).map(|names| {
        view! {
            <div class="field">
                <p>{format!("It is given the values of then of these secrets: {names}.")}</p>
                <label><input type="checkbox" name="present_secrets" value="true" />" Give it the present values instead, such as when those of then aren't taken any more"</label>
            </div>
        }
        .erase()
    });
    let lost = names(|one| !one.is_kept && one.present.is_some()).map(|names| {
        view! { <p>{format!("The values of then of these secrets aren't kept, so it is given the present ones: {names}.")}</p> }.erase()
    });
    let gone = names(|one| one.present.is_none()).map(|names| {
        view! { <p role="alert">{format!("These secrets were deleted, so it can't be started with that release until they are set again: {names}.")}</p> }
            .erase()
    });
    view! { {kept}{lost}{gone} }.erase()
}
