//! Cookies ignore ports, so a page of a managed service on this host has them: a state change counts only when the browser
//! says that it comes from Pilothouse's own pages. One layer for REST and server functions.

use std::sync::Arc;

use api::ErrorCode;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, header};

use super::authenticate::bearer;
use crate::error::Failure;
use crate::state::Server;

pub async fn refuse(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if !changes || bearer(request.headers()).is_some() || is_own(&server, request.headers()) {
        return next.run(request).await;
    }
    let message = "the browser didn't say that this comes from a page of Pilothouse; do it on its own pages, or send a bearer token";
    Failure::new(ErrorCode::CrossSiteRefused, message).into_response()
}

fn is_own(server: &Server, headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin";
    }
    if headers.contains_key(header::ORIGIN) {
        return server.names.is_own_origin(headers);
    }
    !headers.contains_key(header::COOKIE)
}
