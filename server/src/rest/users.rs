//! Accounts.

use api::{NewUser, Page, User, UserId, UserPatch};
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Accepted, Ports, created, json};
use crate::error::Answer;
use crate::extract::{Body, Id};
use crate::middleware::SignedIn;
use crate::state::Server;

pub fn routes() -> OpenApiRouter<std::sync::Arc<Server>> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(change, delete))
}

/// Lists every user, by name.
#[utoipa::path(get, path = "/api/users", tag = "users",
    responses((status = 200, body = Page<User>, description = "Every user.")),
    extensions(("x-permission" = json!("users:manage"))))]
async fn list(State(server): Ports, SignedIn(caller): SignedIn) -> Answer<Json<Page<User>>> {
    json(Page::whole(server.backend.users.list(&caller).await?))
}

/// Makes a user.
#[utoipa::path(post, path = "/api/users", tag = "users", request_body = NewUser,
    responses((status = 201, body = User, description = "The user.")),
    extensions(("x-permission" = json!("users:manage"))))]
async fn create(State(server): Ports, SignedIn(caller): SignedIn, Body(new): Body<NewUser>) -> Answer<Accepted<User>> {
    created(server.backend.users.create(&caller, new).await?)
}

/// Changes a user, at once on all their sessions.
#[utoipa::path(patch, path = "/api/users/{id}", tag = "users", params(("id" = UserId, Path, description = "The user.")),
    request_body = UserPatch, responses((status = 200, body = User, description = "The user as it is now.")),
    extensions(("x-permission" = json!("users:manage"))))]
async fn change(State(server): Ports, SignedIn(caller): SignedIn, Id(id): Id<UserId>, Body(patch): Body<UserPatch>) -> Answer<Json<User>> {
    json(server.backend.users.change(&caller, id, patch).await?)
}

/// Deletes a user and ends their sessions.
#[utoipa::path(delete, path = "/api/users/{id}", tag = "users", params(("id" = UserId, Path, description = "The user.")),
    responses((status = 204, description = "The user is deleted.")),
    extensions(("x-permission" = json!("users:manage"))))]
async fn delete(State(server): Ports, SignedIn(caller): SignedIn, Id(id): Id<UserId>) -> Answer<StatusCode> {
    server.backend.users.delete(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
