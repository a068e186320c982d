//! What every part of Pilothouse agrees on: ids, models, errors, permissions, feeds and ports.
//!
//! Plain data and traits only. This crate compiles to native code and to WebAssembly, knows no database, no HTTP server and
//! no browser. A rule that both the engine and the interface need (`status.can_stop()`) is a function here: the engine calls
//! it with `?`, a button calls it for `disabled` and its tooltip.
//!
//! To add an operation: a method on a port in [`ports`], its input and output here, its permission in [`Permission`].

#[macro_use]
mod ids;
mod api_token;
mod auth;
mod build;
mod bulk;
mod caller;
mod check;
mod compose;
mod configuration;
mod configuration_text;
mod configurations;
mod container_lines;
mod deleted;
mod dependency;
mod deploy_hook;
mod deployment;
mod deployment_rules;
mod diagnosis;
mod environment;
mod error;
mod event;
mod feed;
mod image;
mod incident;
mod inheritance;
mod labels;
mod limits;
mod log;
mod metrics;
mod new_deployment;
mod page;
mod plan;
pub mod ports;
mod proxy;
mod published;
mod query;
mod registry;
mod release;
mod repository;
mod restart;
mod secrets;
mod service;
mod spec;
mod status;
mod system;
mod timestamp;
pub mod uptime;
mod variables;
mod word;

pub use api_token::*;
pub use auth::*;
pub use build::*;
pub use bulk::*;
pub use caller::*;
pub use check::*;
pub use compose::*;
pub use configuration::*;
pub use configuration_text::*;
pub use configurations::*;
pub use container_lines::*;
pub use deleted::*;
pub use dependency::*;
pub use deploy_hook::*;
pub use deployment::*;
pub use deployment_rules::*;
pub use diagnosis::*;
pub use environment::*;
pub use error::*;
pub use event::*;
pub use feed::*;
pub use ids::*;
pub use image::*;
pub use incident::*;
pub use inheritance::*;
pub use labels::*;
pub use limits::*;
pub use log::*;
pub use metrics::*;
pub use new_deployment::*;
pub use page::*;
pub use plan::*;
pub use ports::Backend;
pub use proxy::*;
pub use published::*;
pub use query::*;
pub use registry::*;
pub use release::*;
pub use repository::*;
pub use restart::*;
pub use secrets::*;
pub use service::*;
pub use spec::*;
pub use status::*;
pub use system::*;
pub use timestamp::*;
pub use uptime::{Uptime, UptimeHour};
pub use variables::*;
pub use word::read_place;
pub(crate) use word::words;
