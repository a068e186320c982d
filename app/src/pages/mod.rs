//! One module for each page.

mod activity;
mod bulk;
mod compose;
mod configurations;
mod deleted;
mod dependencies;
mod deployments;
mod health;
mod new_service;
mod not_found;
mod overview;
mod page;
mod rows;
mod secrets;
mod service;
mod services;
mod settings;
#[cfg(feature = "ssr")]
mod sign_in;
mod templates;
mod wait;

use activity::ActivityPage;
use bulk::BulkPage;
use compose::ComposePage;
use configurations::ConfigurationsPage;
use deleted::DeletedPage;
use dependencies::DependenciesPage;
use deployments::{DeploymentsPage, ServiceDeploymentsPage};
use health::HealthPage;
use new_service::NewServicePage;
pub use not_found::NotFoundPage;
use overview::OverviewPage;
pub use page::Page;
use secrets::SecretsPage;
use service::{ConfigurationPage, IncidentPage, ServicePage};
use services::ServicesPage;
use settings::SettingsPage;
#[cfg(feature = "ssr")]
use sign_in::{SetupPage, SignInPage};
use templates::TemplatesPage;
