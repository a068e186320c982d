//! The page of one service, with its tabs.

mod checks;
mod diagnosis;
mod facts;
mod figures;
mod head;
mod logs;
mod overview;
mod tab;
mod watch;

use api::{ServiceDetail, ServiceId};
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

use self::diagnosis::DiagnosisPanel;
use self::figures::MetricsTab;
use self::head::ServiceHead;
use self::logs::LogsTab;
use self::overview::OverviewTab;
use self::tab::{Tab, TabLinks};
use self::watch::Watched;
use super::NotFoundPage;
use super::activity::EventsPanel;
use crate::components::{Failure, Skeleton};
use crate::rpc::{RpcError, get_service};

/// The page of one service: `/services/{id}` is its overview, `/services/{id}/{tab}` one of the other tabs.
#[component]
pub fn ServicePage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| params.with(|params| params.get_str("id").unwrap_or_default().to_owned()));
    let tab = Memo::new(move |_| params.with(|params| Tab::named(params.get_str("tab").unwrap_or_default())));
    let detail = Resource::new(
        move || id.get(),
        |id| async move {
            let id: ServiceId = id.parse().map_err(RpcError)?;
            get_service(id).await
        },
    );
    view! {
        <Transition fallback=|| view! { <Skeleton lines=12 /> }>
            {move || Suspend::new(async move {
                match detail.await {
                    Ok(detail) => view! { <ServiceView detail tab /> }.into_any(),
                    Err(error) => view! { <Failure error=error.0 /> }.into_any(),
                }
            })}
        </Transition>
    }
    .into_any()
}

/// The service once it is loaded; kept up to date by its feed.
#[component]
fn ServiceView(detail: ServiceDetail, tab: Memo<Option<Tab>>) -> impl IntoView {
    let id = detail.service.id;
    let watched = Watched::new(detail);
    view! {
        <ServiceHead watched />
        <DiagnosisPanel watched />
        <TabLinks id tab />
        {move || match tab.get() {
            Some(Tab::Overview) => view! { <OverviewTab watched /> }.into_any(),
            Some(Tab::Metrics) => view! { <MetricsTab watched /> }.into_any(),
            Some(Tab::Logs) => view! { <LogsTab watched /> }.into_any(),
            Some(Tab::Activity) => view! { <EventsPanel service=id /> }.into_any(),
            None => view! { <NotFoundPage /> }.into_any(),
        }}
    }
    .into_any()
}
