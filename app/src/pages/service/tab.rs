//! The tabs of a service's page.

use api::ServiceId;
use leptos::prelude::*;

use crate::path;

/// A tab of a service's page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tab {
    /// The service at a glance.
    Overview,
    /// Its figures, larger and with percentiles.
    Metrics,
    /// Its log.
    Logs,
    /// What it needs, and what needs it.
    Dependencies,
    /// What it is told, with all versions of that.
    Configuration,
    /// Its releases, and what was deployed.
    Deployments,
    /// What happened to it.
    Activity,
    /// How it is run and checked.
    Settings,
}

impl Tab {
    const ALL: [Tab; 8] =
        [Tab::Overview, Tab::Metrics, Tab::Logs, Tab::Dependencies, Tab::Configuration, Tab::Deployments, Tab::Activity, Tab::Settings];

    /// The tab of that name in the address; without a name it is the overview.
    pub fn named(name: &str) -> Option<Self> {
        Tab::ALL.into_iter().find(|tab| tab.name() == name)
    }

    const fn name(self) -> &'static str {
        match self {
            Tab::Overview => "",
            Tab::Metrics => "metrics",
            Tab::Logs => "logs",
            Tab::Dependencies => "dependencies",
            Tab::Configuration => path::CONFIGURATION,
            Tab::Deployments => path::DEPLOYMENTS_TAB,
            Tab::Activity => "activity",
            Tab::Settings => "settings",
        }
    }

    const fn label(self) -> &'static str {
        match self {
            Tab::Overview => "Overview",
            Tab::Metrics => "Metrics",
            Tab::Logs => "Logs",
            Tab::Dependencies => "Dependencies",
            Tab::Configuration => "Configuration",
            Tab::Deployments => "Deployments",
            Tab::Activity => "Activity",
            Tab::Settings => "Settings",
        }
    }

    fn href(self, id: ServiceId) -> String {
        match self {
            Tab::Overview => path::service(id),
            tab => path::service_tab(id, tab.name()),
        }
    }
}

/// The links to the tabs of a service.
#[component]
pub fn TabLinks(
    /// The service.
    id: ServiceId,
    /// The tab that is shown.
    tab: Memo<Option<Tab>>,
) -> impl IntoView {
    let links = Tab::ALL.map(|one| {
        let current = move || (tab.get() == Some(one)).then_some("page");
        view! { <a class="tab" href=one.href(id) aria-current=current>{one.label()}</a> }
    });
    view! { <nav class="tabs" aria-label="Service">{links.into_iter().collect_view()}</nav> }
}

#[cfg(test)]
mod tests {
    use super::Tab;

    #[test]
    fn each_tab_is_found_by_its_name_and_nothing_else_is() {
        for tab in Tab::ALL {
            assert_eq!(Tab::named(tab.name()), Some(tab));
        }
        assert_eq!(Tab::named("releases"), None);
    }
}
