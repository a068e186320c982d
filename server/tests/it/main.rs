//! Stories of the whole server, over real sockets, on both databases, as each role.
#![allow(clippy::unwrap_used, missing_docs, reason = "a story may stop where it fails")]
#![recursion_limit = "256"]

mod app;
mod backup;
mod backup_killed;
mod compose;
mod configuration;
mod configuration_command;
mod dependencies;
mod deploy_command;
mod deployment_faults;
mod deployments;
mod doors;
mod environments;
mod full;
mod handover;
mod headers;
mod health;
mod hooks;
mod hostile;
mod image;
mod interrupted;
mod killed;
mod limits;
mod list;
mod live;
mod openapi;
mod permissions;
mod plan;
mod planted;
mod program;
mod proxy;
mod run_as;
mod secrets;
mod sign_in;
mod survival;
mod templates;
mod tokens;
