//! One module for each page.

mod activity;
mod health;
mod new_service;
mod not_found;
mod overview;
mod rows;
mod service;
mod services;
mod settings;
#[cfg(feature = "ssr")]
mod sign_in;
mod wait;

pub use activity::ActivityPage;
pub use health::HealthPage;
pub use new_service::NewServicePage;
pub use not_found::NotFoundPage;
pub use overview::OverviewPage;
pub use service::ServicePage;
pub use services::ServicesPage;
pub use settings::SettingsPage;
#[cfg(feature = "ssr")]
pub use sign_in::{SetupPage, SignInPage};
