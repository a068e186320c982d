//! What the variables of a service may be, as JSON Schema.
//!
//! A configuration is a JSON object whose names are those of environment variables as the service reads them. Schemas come from people and
//! from folders, so nothing in them may take long, take much memory or lead anywhere: see [`validate`] for the limits.

mod check;
mod graph;
pub mod infer;
mod recent;
mod secrets;
pub mod validate;
mod words;
mod work;

pub use infer::{Inferred, looks_secret, passwords, read_folder, typed};
pub use recent::Recent;
pub use secrets::{defaults, is_secret, secrets, secrets_in};
pub use validate::Validator;

#[cfg(test)]
mod hostile_tests;
