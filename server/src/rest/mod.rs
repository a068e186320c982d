//! The REST API: one file per noun, handlers that extract, call and wrap. A route is mounted with its document or not at all.

mod activity;
mod auth;
mod backups;
mod configurations;
mod deployment_rules;
mod deployments;
mod documents;
mod environments;
mod hooks;
mod logs;
mod metrics;
mod probes;
mod secrets;
mod services;
mod system;
mod templates;
mod tickets;
mod tokens;
mod users;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;

use crate::error::Answer;
use crate::state::Server;

/// What handlers take their ports from.
type Ports = State<Arc<Server>>;

/// 202 with what was asked for.
type Accepted<T> = (StatusCode, Json<T>);

/// Every operation with its document.
pub fn routes() -> OpenApiRouter<Arc<Server>> {
    OpenApiRouter::with_openapi(crate::openapi::head())
        .merge(auth::routes())
        .merge(services::routes())
        .merge(templates::routes())
        .merge(configurations::routes())
        .merge(backups::routes())
        .merge(deployments::routes())
        .merge(deployment_rules::routes())
        .merge(environments::routes())
        .merge(hooks::routes())
        .merge(metrics::routes())
        .merge(logs::routes())
        .merge(activity::routes())
        .merge(users::routes())
        .merge(secrets::routes())
        .merge(system::routes())
        .merge(tokens::routes())
        .merge(tickets::routes())
        .merge(documents::routes())
        .merge(probes::routes())
}

fn json<T>(value: T) -> Answer<Json<T>> {
    Ok(Json(value))
}

fn accepted<T>(value: T) -> Answer<Accepted<T>> {
    Ok((StatusCode::ACCEPTED, Json(value)))
}

fn created<T>(value: T) -> Answer<Accepted<T>> {
    Ok((StatusCode::CREATED, Json(value)))
}
