//! What people see: routes, pages, components, server functions and the live client.
//!
//! The same components render on the server (feature `ssr`) and come alive in the browser (feature `hydrate`). This crate
//! reaches Pilothouse only through the ports in [`api::Backend`], which the server puts into the context of a request as
//! [`context::RequestContext`].

#![recursion_limit = "256"]
#![cfg_attr(test, allow(clippy::unwrap_used))]

#[cfg(all(test, feature = "ssr"))]
mod backup_page_tests;
#[cfg(all(test, feature = "ssr"))]
mod bulk_page_tests;
pub mod charts;
mod components;
mod configuration;
#[cfg(all(test, feature = "ssr"))]
mod configuration_page_tests;
#[cfg(all(test, feature = "ssr"))]
mod configurations_page_tests;
#[cfg(feature = "ssr")]
pub mod context;
#[cfg(all(test, feature = "ssr"))]
mod deleted_page_tests;
#[cfg(all(test, feature = "ssr"))]
mod dependency_page_tests;
#[cfg(all(test, feature = "ssr"))]
mod deployment_page_tests;
#[cfg(all(test, feature = "ssr"))]
mod environment_page_tests;
mod erase;
#[cfg(all(test, feature = "ssr"))]
mod fake;
#[cfg(all(test, feature = "ssr"))]
mod incident_page_tests;
#[cfg(all(test, feature = "ssr"))]
mod inheritance_page_tests;
#[cfg(all(test, feature = "ssr"))]
mod list_page_tests;
pub mod live;
#[cfg(all(test, feature = "ssr"))]
mod page_tests;
mod pages;
mod palette;
pub mod path;
#[cfg(all(test, feature = "ssr"))]
mod proxy_page_tests;
pub mod rpc;
#[cfg(all(test, feature = "ssr"))]
mod secret_page_tests;
#[cfg(all(test, feature = "ssr"))]
mod service_page_tests;
pub mod session;
mod shell;
#[cfg(all(test, feature = "ssr"))]
mod template_page_tests;
mod theme;
#[cfg(all(test, feature = "ssr"))]
mod token_page_tests;
mod viewer;
#[cfg(all(test, feature = "ssr"))]
mod webhook_page_tests;

mod routes;

pub use pages::Page;
pub use routes::App;
#[cfg(feature = "hydrate")]
pub use routes::load_page;
#[cfg(feature = "ssr")]
pub use shell::shell;
pub use theme::{THEME_COOKIE, Theme};
