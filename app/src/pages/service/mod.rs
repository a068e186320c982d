//! The page of one service, with its tabs.

mod check_form;
mod check_test;
mod checks;
mod configuration;
mod dependencies;
mod diagnosis;
mod facts;
mod figures;
pub(super) mod handover_field;
mod head;
pub(super) mod image_form;
mod incident;
mod incidents;
pub(super) mod limits_form;
mod loads;
mod logs;
mod needs_field;
mod overview;
mod part;
pub(super) mod proxy_fields;
pub(super) mod repository_fields;
pub(super) mod rollout_fields;
mod settings;
mod tab;
mod watch;

use api::ServiceDetail;
use leptos::prelude::*;

#[cfg(feature = "hydrate")]
pub use self::configuration::take_file;
pub use self::configuration::{ConfigurationPage, change_cells};
use self::dependencies::DependenciesTab;
pub use self::diagnosis::DiagnosisPanel;
use self::figures::MetricsTab;
pub use self::head::ServiceHead;
pub use self::incident::IncidentPage;
use self::incidents::{IncidentsPanel, follow_incidents};
use self::loads::Loads;
pub use self::loads::Wanted;
use self::logs::LogsTab;
use self::overview::OverviewTab;
pub use self::part::part_note;
use self::settings::SettingsTab;
pub use self::tab::{Tab, TabLinks};
pub use self::watch::Watched;
use super::NotFoundPage;
use super::activity::{EventFilter, EventRows};
use crate::components::{Done, Failure, Skeleton};
use crate::erase::Erase;
use crate::pages::wait::wait;

/// The page of one service: `/services/{id}` is its overview, `/services/{id}/{tab}` one of the other tabs.
#[component]
pub fn ServicePage() -> impl IntoView {
    let loads = Loads::new();
    view! {
        <Transition fallback=|| view! { <Skeleton lines=12 /> }.erase()>
            {move || Suspend::new(async move {
                match wait(loads.detail).await {
                    Ok(detail) => view! { <ServiceView detail loads /> }.erase(),
                    Err(error) => view! { <Failure error=error.0 /> }.erase(),
                }
            })}
        </Transition>
    }
    .erase()
}

/// The service once it is loaded; kept up to date by its feed.
#[component]
fn ServiceView(detail: ServiceDetail, loads: Loads) -> impl IntoView {
    let id = detail.service.id;
    let watched = Watched::new(detail);
    follow_incidents(watched, loads);
    view! {
        <ServiceHead watched />
        <Done />
        <DiagnosisPanel watched />
        <TabLinks id tab=loads.tab />
        {move || match loads.tab.get() {
            Some(Tab::Overview) => view! { <OverviewTab watched loads /> }.erase(),
            Some(Tab::Metrics) => view! { <MetricsTab watched loads /> }.erase(),
            Some(Tab::Logs) => view! { <LogsTab watched loads /> }.erase(),
            Some(Tab::Dependencies) => view! { <DependenciesTab watched /> }.erase(),
            Some(Tab::Activity) => view! { <ServiceEvents loads /> }.erase(),
            Some(Tab::Settings) => view! { <SettingsTab watched loads /> }.erase(),
            // These are pages of their own.
            Some(Tab::Configuration | Tab::Deployments) | None => view! { <NotFoundPage /> }.erase(),
        }}
    }
    .erase()
}

/// What happened to the service.
#[component]
fn ServiceEvents(loads: Loads) -> impl IntoView {
    view! {
        <IncidentsPanel loads />
        <EventFilter query=loads.events_query of_one=true />
        <section class="panel" aria-label="Events"><EventRows query=loads.events_query page=loads.events pages=true /></section>
    }
    .erase()
}
