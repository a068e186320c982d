//! The tab of a service with its releases: what runs, deploying, going back, and what was deployed.

mod compare;
mod deploy_form;
mod loads;
mod places;
mod plan;
mod releases;
mod rules;
mod set_up;
mod standing;
mod webhooks;

use api::{Deployment, DeploymentQuery, DeploymentRules, Limit, Page, Places, Releases, ServiceDetail};
use leptos::prelude::*;
use leptos::task::spawn_local;

use self::compare::{Difference, RollBack};
use self::deploy_form::DeployPanel;
use self::loads::{HISTORY, Loads, Part};
use self::places::places_panel;
use self::releases::ReleaseTable;
use self::rules::Rules;
use self::set_up::SetUp;
use self::standing::{Current, Standing};
use self::webhooks::Webhooks;
use super::done;
use super::table::DeploymentTable;
use crate::components::{Failure, Skeleton};
use crate::erase::{Erase, Erased, shown};
use crate::pages::NotFoundPage;
use crate::pages::service::{DiagnosisPanel, ServiceHead, Tab, TabLinks, Watched, part_note};
use crate::pages::wait::wait;
use crate::path;
use crate::rpc::list_releases;

/// The page: `/services/{id}/deployments` is the tab, and below it are the difference between two releases, the question before one is gone back to,
/// setting it up in an environment, and its webhooks.
#[component]
pub fn ServiceDeploymentsPage() -> impl IntoView {
    let loads = Loads::new();
    view! {
        <Transition fallback=|| view! { <Skeleton lines=12 /> }.erase()>
            {move || Suspend::new(async move {
                match wait(loads.detail).await {
                    Ok(detail) => view! { <Frame detail loads /> }.erase(),
                    Err(error) => view! { <Failure error=error.0 /> }.erase(),
                }
            })}
        </Transition>
    }
    .erase()
}

/// The head that all tabs of a service have, and below it what the address asks for.
#[component]
fn Frame(detail: ServiceDetail, loads: Loads) -> impl IntoView {
    let id = detail.service.id;
    let watched = Watched::new(detail);
    let content = shown(move || match loads.part.get() {
        Some(_) if let Some(note) = watched.detail.with_untracked(|detail| part_note(detail, "deployed", "deploy")) => note,
        Some(Part::All) => all(watched, loads),
        Some(Part::Difference) => view! { <Difference id loads /> }.erase(),
        Some(Part::RollBack) => view! { <RollBack watched loads /> }.erase(),
        Some(Part::SetUp) => view! { <SetUp watched loads /> }.erase(),
        Some(Part::Webhooks) => view! { <Webhooks id loads /> }.erase(),
        None => view! { <NotFoundPage /> }.erase(),
    });
    view! {
        <ServiceHead watched />
        <DiagnosisPanel watched />
        <TabLinks id tab=Memo::new(|_| Some(Tab::Deployments)) />
        {shown(move || match loads.done.get().as_deref() {
            Some("let-go") => Some(done("It is held no more and can be deployed.")),
            Some("set-up") => Some(done("It is set up, and at rest until it is deployed here.")),
            Some("rules-set") => Some(done("Saved. What waits is looked at anew.")),
            Some("removed") => Some(done("The webhook is removed: who calls it is refused.")),
            _ => None,
        })}
        <div class="settings">{content}</div>
    }
    .erase()
}

fn all(watched: Watched, loads: Loads) -> Erased {
    view! {
        <Transition fallback=|| view! { <Skeleton lines=8 /> }.erase()>
            {move || Suspend::new(async move {
                let (releases, history) = (wait(loads.releases).await, wait(loads.history).await);
                let (rules, places) = (wait(loads.rules).await, wait(loads.places).await);
                match (releases, history, rules, places) {
                    (Some(Ok(releases)), Some(Ok(history)), Some(Ok(rules)), Some(Ok(places))) => {
                        view! { <All watched loads releases history rules places /> }.erase()
                    }
                    (Some(Err(error)), ..) | (_, Some(Err(error)), ..) | (_, _, Some(Err(error)), _) | (.., Some(Err(error))) => {
                        view! { <Failure error=error.0 /> }.erase()
                    }
                    _ => ().erase(),
                }
            })}
        </Transition>
    }
    .erase()
}

#[component]
fn All(
    watched: Watched,
    loads: Loads,
    releases: Releases,
    history: Page<Deployment>,
    rules: DeploymentRules,
    places: Places,
) -> impl IntoView {
    let id = watched.id;
    let current = RwSignal::new(Current::of(&releases, &history.items));
    let releases = RwSignal::new(releases);
    // What is deployed makes releases, and changes which one runs.
    let changed = Callback::new(move |history: Vec<Deployment>| {
        spawn_local(async move {
            if let Ok(now) = list_releases(id).await {
                current.try_set(Current::of(&now, &history));
                releases.try_set(now);
            }
        });
    });
    let older = history.next_cursor.as_ref().map(|_| {
        let href = format!("{}?service={id}", path::DEPLOYMENTS);
        view! { <p class="events-older"><a class="button" href=href>"All of its deployments"</a></p> }.erase()
    });
    let query = DeploymentQuery { service_id: Some(id), limit: Limit::new(HISTORY).unwrap_or_default(), ..DeploymentQuery::default() };
    view! {
        <Standing id releases current />
        {places_panel(id, &places)}
        <DeployPanel watched loads releases places />
        <Rules id rules />
        <p><a href=path::webhooks_of(id)>"Webhooks"</a>" deploy it when something is pushed."</p>
        <ReleaseTable id releases />
        <section class="panel" aria-labelledby="history-title">
            <header class="panel-head"><h2 class="panel-title" id="history-title">"History"</h2></header>
            <DeploymentTable page=history query of_one=true none changed />
            {older}
        </section>
    }
    .erase()
}

fn none() -> Erased {
    view! { <p class="panel-empty">"Nothing of it was deployed yet."</p> }.erase()
}
