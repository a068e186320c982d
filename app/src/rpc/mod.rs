//! Server functions: what pages ask of Pilothouse, and the targets of their forms. All are below `/rpc/`.
//!
//! A read calls one port method with the caller of the request. What changes something takes the form token
//! and checks it first; the server has refused requests of other sites before. A form without JavaScript is answered by a
//! redirect: back to where it came from, with the error in the address when it failed.

mod account;
mod activity;
#[cfg(feature = "ssr")]
mod answer;
mod api_tokens;
mod backups;
mod compose;
mod configuration;
mod configuration_secret;
mod configurations;
mod deleted;
mod dependencies;
mod deploy;
mod deploy_hooks;
mod deployment_rules;
mod deployments;
mod environments;
mod error;
mod image_form;
mod import_secrets;
mod inheritance;
mod json;
mod logs;
mod manage;
mod marks;
mod metrics;
#[cfg(feature = "ssr")]
mod numbers;
mod overview;
mod registry_form;
mod repository_form;
mod rollout_form;
mod secrets;
mod service;
mod service_form;
mod services;
mod settings;
mod templates;

pub use account::*;
pub use activity::*;
#[cfg(feature = "ssr")]
pub use answer::*;
pub use api_tokens::*;
pub use backups::*;
pub use compose::*;
pub use configuration::*;
pub use configuration_secret::*;
pub use configurations::*;
pub use deleted::*;
pub use dependencies::*;
pub use deploy::*;
pub use deploy_hooks::*;
pub use deployment_rules::*;
pub use deployments::*;
pub use environments::*;
pub use error::*;
pub use image_form::{OptionsForm, OwnCheck};
pub use import_secrets::*;
pub use inheritance::*;
pub use json::{Json, JsonText};
pub use logs::*;
pub use manage::*;
pub use marks::*;
pub use metrics::*;
pub use overview::*;
pub use registry_form::RegistryForm;
pub use repository_form::RepositoryForm;
pub use rollout_form::RolloutForm;
pub use secrets::*;
pub use service::*;
pub use service_form::ServiceForm;
pub use services::*;
pub use settings::*;
pub use templates::*;

#[cfg(feature = "ssr")]
use crate::context::RequestContext;
