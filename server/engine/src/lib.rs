//! What Pilothouse does: services, runtimes, monitoring, logs, accounts, events and the store.
//!
//! The engine can't tell REST from a server function from a test: all of them call the ports of [`api::ports`], and permission,
//! validation, action and event happen here, once. Managers share one [`Core`]; `Engine` puts them together.

pub mod auth;
pub mod backup;
pub mod bus;
mod catalog;
pub mod clock;
pub mod configuration;
mod core;
pub mod deployments;
mod engine;
pub mod events;
mod feeds;
pub mod logs;
pub mod mapped;
pub mod monitoring;
pub mod proxy;
pub mod references;
pub mod runtime;
pub mod secrets;
pub mod services;
pub mod store;
pub mod system;
pub mod templates;
#[cfg(any(test, feature = "testing"))]
#[doc(hidden)]
pub mod testing;
mod user;
mod yaml;

pub use catalog::{Catalog, Entry, Json};
pub use clock::Clock;
pub use core::{Core, DockerHost, EngineConfig, SecretsKey};
pub use engine::Engine;
pub use feeds::{FeedReader, Feeds};
