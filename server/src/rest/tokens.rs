//! API tokens.

use api::{ApiToken, ApiTokenId, ApiTokensQuery, ErrorBody, MadeApiToken, NewApiToken, Page};
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Accepted, Ports, created, json};
use crate::error::Answer;
use crate::extract::{Body, Id, Params};
use crate::middleware::SignedIn;
use crate::state::Server;

pub fn routes() -> OpenApiRouter<std::sync::Arc<Server>> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(revoke))
}

/// Lists one's own API tokens, newest first; with `users:manage` and `all=true` everybody's.
///
/// Those that have expired are listed for another 30 days.
#[utoipa::path(get, path = "/api/tokens", tag = "tokens", params(ApiTokensQuery),
    responses((status = 200, body = Page<ApiToken>, description = "The tokens, without their texts.")),
    extensions(("x-permission" = json!("tokens:own"))))]
async fn list(State(server): Ports, SignedIn(caller): SignedIn, Params(query): Params<ApiTokensQuery>) -> Answer<Json<Page<ApiToken>>> {
    json(server.backend.api_tokens.list(&caller, query).await?)
}

/// Makes an API token, and tells its text, which is never told again. One has at most 50. An API token can't make one.
#[utoipa::path(post, path = "/api/tokens", tag = "tokens", request_body = NewApiToken, responses(
        (status = 201, body = MadeApiToken, description = "The token; its text is `token`."),
        (status = 409, body = ErrorBody, description = "One has a token of that name, or 50 of them.")),
    extensions(("x-permission" = json!("tokens:own"))))]
async fn create(State(server): Ports, SignedIn(caller): SignedIn, Body(new): Body<NewApiToken>) -> Answer<Accepted<MadeApiToken>> {
    created(server.backend.api_tokens.create(&caller, new).await?)
}

/// Revokes one of one's own API tokens; with `users:manage` anybody's. It is refused from then on, and its WebSockets close within a second.
#[utoipa::path(delete, path = "/api/tokens/{id}", tag = "tokens", params(("id" = ApiTokenId, Path, description = "The token.")),
    responses((status = 204, description = "It is revoked.")),
    extensions(("x-permission" = json!("tokens:own"))))]
async fn revoke(State(server): Ports, SignedIn(caller): SignedIn, Id(id): Id<ApiTokenId>) -> Answer<StatusCode> {
    server.backend.api_tokens.revoke(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
