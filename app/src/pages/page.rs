//! Every page with a route, and the parts of the bundle that they are in. The first page is in what every page needs; the browser fetches
//! a part when a page in it is first wanted.

use leptos::prelude::*;
use leptos::wasm_split::wasm_split;
use leptos_router::ChooseView;
use leptos_router::components::Outlet;

use super::{
    ActivityPage, BulkPage, ComposePage, ConfigurationPage, ConfigurationsPage, DeletedPage, DependenciesPage, DeploymentsPage, HealthPage,
    IncidentPage, NewServicePage, OverviewPage, SecretsPage, ServiceDeploymentsPage, ServicePage, ServicesPage, SettingsPage,
    TemplatesPage,
};
#[cfg(feature = "ssr")]
use super::{SetupPage, SignInPage};
use crate::components::Frame;
use crate::erase::{Erase, Erased};
use crate::path;

/// What a route shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// What surrounds the pages of those who are signed in.
    Frame,
    /// The first page.
    Overview,
    /// The list of services.
    Services,
    /// Where a service is made.
    NewService,
    /// Where services are made from a Compose file.
    Compose,
    /// One action on many services.
    Bulk,
    /// Deleted services.
    Deleted,
    /// One service.
    Service,
    /// What one service is told.
    Configuration,
    /// What all services are told.
    Configurations,
    /// The deployments of all services, or one of them.
    Deployments,
    /// The releases and deployments of one service.
    ServiceDeployments,
    /// One run of a service that ended by itself.
    Incident,
    /// Which services need which.
    Dependencies,
    /// Named secrets, or one of them.
    Secrets,
    /// What services can be made of, or one of that.
    Templates,
    /// What happened.
    Activity,
    /// The health of Pilothouse itself.
    Health,
    /// Sessions and users.
    Settings,
    /// Where one signs in. It comes whole and without scripts, as the next does: the browser never makes them.
    SignIn,
    /// Where the first user is made.
    Setup,
}

impl Page {
    /// The page at a path of this site, for those who are signed in.
    pub fn at(path: &str) -> Option<Self> {
        match path {
            path::OVERVIEW => Some(Self::Overview),
            path::SERVICES => Some(Self::Services),
            path::NEW_SERVICE => Some(Self::NewService),
            path::COMPOSE => Some(Self::Compose),
            path::BULK => Some(Self::Bulk),
            path::DELETED => Some(Self::Deleted),
            path::DEPENDENCIES => Some(Self::Dependencies),
            path::SECRETS => Some(Self::Secrets),
            path::CONFIGURATIONS => Some(Self::Configurations),
            path::DEPLOYMENTS => Some(Self::Deployments),
            path::TEMPLATES => Some(Self::Templates),
            path::ACTIVITY => Some(Self::Activity),
            path::HEALTH => Some(Self::Health),
            path::SETTINGS => Some(Self::Settings),
            _ if is_tab(path, path::CONFIGURATION) => Some(Self::Configuration),
            _ if is_tab(path, path::DEPLOYMENTS_TAB) => Some(Self::ServiceDeployments),
            _ => {
                let below = |start: &str| path.strip_prefix(start).is_some_and(|rest| rest.starts_with('/'));
                let pages = [
                    (path::SERVICES, Self::Service),
                    (path::INCIDENTS, Self::Incident),
                    (path::SECRETS, Self::Secrets),
                    (path::CONFIGURATIONS, Self::Configurations),
                    (path::DEPLOYMENTS, Self::Deployments),
                    (path::TEMPLATES, Self::Templates),
                ];
                pages.into_iter().find(|(start, _)| below(start)).map(|(_, page)| page)
            }
        }
    }

    /// The part of the bundle that it is in; none when that is what every page needs.
    pub const fn part(self) -> Option<&'static str> {
        match self {
            Self::Services
            | Self::NewService
            | Self::Compose
            | Self::Bulk
            | Self::Deleted
            | Self::Activity
            | Self::Health
            | Self::Settings => Some("pages"),
            Self::Service | Self::Incident => Some("service"),
            Self::Configuration | Self::Configurations => Some("configuration"),
            Self::Deployments | Self::ServiceDeployments => Some("deployments"),
            Self::Dependencies => Some("dependencies"),
            Self::Secrets => Some("secrets"),
            Self::Templates => Some("templates"),
            Self::Frame | Self::Overview | Self::SignIn | Self::Setup => None,
        }
    }

    /// Fetches its part of the bundle, unless it is there.
    pub async fn load(self) {
        match self.part() {
            Some("pages") => load_pages().await,
            Some("dependencies") => load_dependencies().await,
            Some("configuration") => load_configuration().await,
            Some("deployments") => load_deployments().await,
            Some("secrets") => load_secrets().await,
            Some("templates") => load_templates().await,
            Some(_) => load_service().await,
            None => {}
        }
    }
}

/// A route waits for the part of its page, and shows the page before until it has come.
impl ChooseView for Page {
    async fn choose(self) -> AnyView {
        let view = match (self, self.part()) {
            (Self::Frame, _) => view! { <Frame page=|| view! { <Outlet /> }.erase() /> }.erase(),
            (Self::Overview, _) => view! { <OverviewPage /> }.erase(),
            (_, Some("pages")) => pages(self).await,
            (_, Some("dependencies")) => dependencies().await,
            (_, Some("configuration")) => configuration(self).await,
            (_, Some("deployments")) => deployments(self).await,
            (_, Some("secrets")) => secrets().await,
            (_, Some("templates")) => templates().await,
            (_, Some(_)) => service(self).await,
            (_, None) => entry(self),
        };
        view.into_any()
    }

    async fn preload(&self) {
        self.load().await;
    }
}

#[wasm_split(pages, wasm_split_path = ::leptos::wasm_split, preload(load_pages))]
fn pages(page: Page) -> Erased {
    match page {
        Page::Services => view! { <ServicesPage /> }.erase(),
        Page::NewService => view! { <NewServicePage /> }.erase(),
        Page::Compose => view! { <ComposePage /> }.erase(),
        Page::Bulk => view! { <BulkPage /> }.erase(),
        Page::Deleted => view! { <DeletedPage /> }.erase(),
        Page::Activity => view! { <ActivityPage /> }.erase(),
        Page::Health => view! { <HealthPage /> }.erase(),
        _ => view! { <SettingsPage /> }.erase(),
    }
}

#[wasm_split(service, wasm_split_path = ::leptos::wasm_split, preload(load_service))]
fn service(page: Page) -> Erased {
    if page == Page::Incident { view! { <IncidentPage /> }.erase() } else { view! { <ServicePage /> }.erase() }
}

#[wasm_split(dependencies, wasm_split_path = ::leptos::wasm_split, preload(load_dependencies))]
fn dependencies() -> Erased {
    view! { <DependenciesPage /> }.erase()
}

#[wasm_split(configuration, wasm_split_path = ::leptos::wasm_split, preload(load_configuration))]
fn configuration(page: Page) -> Erased {
    if page == Page::Configurations { view! { <ConfigurationsPage /> }.erase() } else { view! { <ConfigurationPage /> }.erase() }
}

#[wasm_split(deployments, wasm_split_path = ::leptos::wasm_split, preload(load_deployments))]
fn deployments(page: Page) -> Erased {
    if page == Page::Deployments { view! { <DeploymentsPage /> }.erase() } else { view! { <ServiceDeploymentsPage /> }.erase() }
}

#[wasm_split(secrets, wasm_split_path = ::leptos::wasm_split, preload(load_secrets))]
fn secrets() -> Erased {
    view! { <SecretsPage /> }.erase()
}

#[wasm_split(templates, wasm_split_path = ::leptos::wasm_split, preload(load_templates))]
fn templates() -> Erased {
    view! { <TemplatesPage /> }.erase()
}

/// Whether a path is that tab of a service, or below it.
fn is_tab(path: &str, tab: &str) -> bool {
    let mut parts = path.strip_prefix(path::SERVICES).unwrap_or_default().split('/');
    parts.next() == Some("") && parts.nth(1) == Some(tab)
}

#[cfg(feature = "ssr")]
fn entry(page: Page) -> Erased {
    if page == Page::Setup { view! { <SetupPage /> }.erase() } else { view! { <SignInPage /> }.erase() }
}

/// The browser goes to these pages by a full load only.
#[cfg(not(feature = "ssr"))]
fn entry(_: Page) -> Erased {
    ().erase()
}

#[cfg(test)]
mod tests {
    use super::Page;

    #[test]
    fn every_page_for_the_signed_in_is_found_by_its_path() {
        let cases = [
            ("/", Some(Page::Overview)),
            ("/services", Some(Page::Services)),
            ("/services/new", Some(Page::NewService)),
            ("/services/bulk", Some(Page::Bulk)),
            ("/services/deleted", Some(Page::Deleted)),
            ("/services/1/logs", Some(Page::Service)),
            ("/services/1/configuration", Some(Page::Configuration)),
            ("/services/1/configuration/versions", Some(Page::Configuration)),
            ("/configuration", Some(Page::Configurations)),
            ("/configuration/change", Some(Page::Configurations)),
            ("/services/configuration", Some(Page::Service)),
            ("/services/1/deployments", Some(Page::ServiceDeployments)),
            ("/services/1/deployments/difference", Some(Page::ServiceDeployments)),
            ("/deployments", Some(Page::Deployments)),
            ("/deployments/1", Some(Page::Deployments)),
            ("/settings", Some(Page::Settings)),
            ("/secrets", Some(Page::Secrets)),
            ("/secrets/orders.db", Some(Page::Secrets)),
            ("/dependencies", Some(Page::Dependencies)),
            ("/templates", Some(Page::Templates)),
            ("/templates/base-service", Some(Page::Templates)),
            ("/incidents/1", Some(Page::Incident)),
            ("/incidents", None),
            ("/incidentsx/1", None),
            ("/servicesx", None),
            ("/servicesx/1/configuration", None),
            ("/sign-in", None),
        ];
        for (path, page) in cases {
            assert_eq!(Page::at(path), page, "{path}");
        }
    }
}
