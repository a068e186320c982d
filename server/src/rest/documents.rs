//! The API's own documents.

use api::Permission;
use axum::extract::State;
use axum::response::{Html, IntoResponse};
use http::header;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Ports;
use crate::docs;
use crate::error::Answer;
use crate::middleware::SignedIn;
use crate::state::Server;

pub fn routes() -> OpenApiRouter<std::sync::Arc<Server>> {
    OpenApiRouter::new().routes(routes!(openapi)).routes(routes!(readable))
}

/// Answers this document: OpenAPI 3.1.
#[utoipa::path(get, path = "/api/openapi.json", tag = "documents",
    responses((status = 200, body = serde_json::Value, description = "The document.")),
    extensions(("x-permission" = json!("api:read"))))]
async fn openapi(State(server): Ports, SignedIn(caller): SignedIn) -> Answer<impl IntoResponse> {
    caller.require(Permission::ApiRead)?;
    Ok(([(header::CONTENT_TYPE, "application/json")], server.document()))
}

/// Shows this document as a page for people.
#[utoipa::path(get, path = "/api/docs", tag = "documents",
    responses((status = 200, body = String, content_type = "text/html", description = "The page.")),
    extensions(("x-permission" = json!("api:read"))))]
async fn readable(State(server): Ports, SignedIn(caller): SignedIn) -> Answer<impl IntoResponse> {
    caller.require(Permission::ApiRead)?;
    let page = docs::page(&server.document(), &server.assets.style);
    Ok(([(header::CONTENT_SECURITY_POLICY, docs::POLICY)], Html(page)))
}
