//! One module for each page.

mod not_found;
mod overview;
mod services;
mod sign_in;

pub use not_found::NotFoundPage;
pub use overview::OverviewPage;
pub use services::ServicesPage;
pub use sign_in::{SetupPage, SignInPage};
