//! The page of one deployment: how far it is, its stages, what was told, and how it came out.

use api::{Deployment, DeploymentId, ErrorCode, Permission};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::follow::Followed;
use super::log::Log;
use super::outcome::Outcome;
use super::progress::Progress;
use super::requests::Requests;
use super::stages::Stages;
use super::waiting::Waiting;
use super::{done, what};
use crate::components::{Ago, Empty, Failure, Icon, LiveForm, PageHead, Skeleton, Symbol};
use crate::erase::{Erase, Erased, shown};
use crate::pages::wait::wait;
use crate::path;
use crate::rpc::{DeploymentRead, RpcError, get_deployment};
use crate::viewer::Viewer;

/// The page of one deployment.
#[component]
pub fn OneView(
    /// Its id, as it stands in the address.
    id: String,
) -> impl IntoView {
    let query = use_query_map();
    let after = Memo::new(move |_| query.with(|query| query.get_str("after").and_then(|text| text.parse::<u64>().ok())));
    let id = StoredValue::new(id.parse::<DeploymentId>());
    let read = Resource::new_blocking(
        move || after.get(),
        move |after| async move {
            let id = id.try_get_value().unwrap_or_else(|| Err(api::Error::internal()));
            get_deployment(id.map_err(RpcError)?, after).await
        },
    );
    view! {
        <Transition fallback=|| view! { <Skeleton lines=12 /> }.erase()>
            {move || Suspend::new(async move {
                match wait(read).await {
                    Ok(read) => view! { <Found read after=after.get_untracked() /> }.erase(),
                    Err(error) if error.0.code == ErrorCode::NotFound => view! { <NoDeployment /> }.erase(),
                    Err(error) => view! { <PageHead title="Deployment" /><Failure error=error.0 /> }.erase(),
                }
            })}
        </Transition>
    }
    .erase()
}

/// Says that there is none of that id, with the status 404, and leads on.
#[component]
fn NoDeployment() -> impl IntoView {
    #[cfg(feature = "ssr")]
    crate::rpc::set_status(ErrorCode::NotFound);
    let text = view! {
        <p>"Its service has been removed for good, or the link is cut off."</p>
        <p><a href=path::DEPLOYMENTS>"See all deployments"</a></p>
    };
    view! {
        <PageHead title="No such deployment" />
        <Empty symbol=Symbol::Search title="This deployment isn't kept" text=text.erase() />
    }
    .erase()
}

#[component]
fn Found(read: DeploymentRead, after: Option<u64>) -> impl IntoView {
    let followed = Followed::new(read);
    let deployment = followed.deployment;
    let first = deployment.get_untracked();
    let (service_id, name) = (first.service_id, first.service_name.clone());
    let about = view! { "Asked for by "{first.created_by.clone()}", "<Ago at=first.created_at /> }.erase();
    let why = (!first.message.is_empty()).then(|| view! { ": "{first.message.clone()} }.erase());
    let title = {
        let name = name.clone();
        Signal::derive(move || format!("{name}: {}", deployment.with(what)))
    };
    let query = use_query_map();
    let is_asked = move || query.with(|query| query.get_str("done") == Some("cancel-asked") && query.get_str("__err").is_none());
    let asked = shown(move || is_asked().then(|| done("It is asked to end; what it has done is undone.")));
    view! {
        <nav class="crumbs" aria-label="Breadcrumb">
            <a href=path::DEPLOYMENTS>"Deployments"</a>" / "<a href=path::deployments_of(service_id)>{name}</a>
        </nav>
        <PageHead title about=view! { {about}{why} }.erase() actions=actions(deployment) />
        {asked}
        <div class="settings">
            <Waiting followed />
            <Progress followed />
            <Cancel followed />
            <Outcome deployment />
            <Requests deployment />
            <Stages deployment />
            <Log followed after />
        </div>
    }
    .erase()
}

/// What can be done with it now.
fn actions(deployment: RwSignal<Deployment>) -> Erased {
    let may = expect_context::<Viewer>().may(Permission::DeploymentsRun);
    let state = Memo::new(move |_| {
        deployment.with(|one| {
            let back = one.can_roll_back().ok().and(one.release.as_ref().map(|release| release.number));
            (one.service_id, one.status.is_over(), back)
        })
    });
    shown(move || {
        let (id, is_over, back) = state.get();
        let back = back.filter(|_| may).map(|number| {
            view! { <a class="button" href=path::roll_back(id, number)><Icon symbol=Symbol::Restart />"Roll back to this…"</a> }.erase()
        });
        let again = (may && is_over).then(|| {
            let href = format!("{}#deploy", path::deployments_of(id));
            view! { <a class="button" href=href><Icon symbol=Symbol::Up />"Deploy again…"</a> }.erase()
        });
        view! { {back}{again}<a class="button" href=path::service(id)>"Service"</a> }.erase()
    })
    .erase()
}

/// Asks for an end of it; what that means is said before.
#[component]
fn Cancel(followed: Followed) -> impl IntoView {
    let may = expect_context::<Viewer>().may(Permission::DeploymentsRun);
    let can_cancel = Memo::new(move |_| followed.deployment.with(|one| may && one.can_cancel().is_ok()));
    let id = followed.id;
    shown(move || {
        can_cancel.get().then(|| {
            view! {
                <details class="panel panel-empty">
                    <summary>"Cancel this deployment…"</summary>
                    <LiveForm action="/rpc/cancel_deployment">
                        <p>"What it has done is undone, and the service runs what it ran before."</p>
                        <input type="hidden" name="id" value=id.to_string() />
                        <button type="submit" class="button" data-kind="danger">"Cancel it now"</button>
                    </LiveForm>
                </details>
            }
            .erase()
        })
    })
    .erase()
}
