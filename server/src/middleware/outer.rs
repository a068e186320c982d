//! The outermost layer: request id, panics, the body of errors, security headers, one event per request.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use api::{Error, ErrorCode};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use http::{HeaderName, HeaderValue, StatusCode, header};

use crate::error::Failure;
use crate::extract::limit_of;
use crate::state::Server;

/// Names a request in the log, in error bodies and in the header `x-request-id`.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What no answer goes without, unless it has set its own.
const HEADERS: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

pub async fn wrap(State(server): State<Arc<Server>>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let id = server.core.clock.new_uuid().to_string();
    request.extensions_mut().insert(RequestId(id.clone()));
    let (method, path) = (request.method().clone(), request.uri().path().chars().take(200).collect::<String>());
    let limit = limit_of(request.uri().path());
    let mut response = if is_too_large(&request, limit) {
        Failure::new(ErrorCode::PayloadTooLarge, format!("the body is larger than {limit} bytes; send less")).into_response()
    } else {
        let answer = AssertUnwindSafe(next.run(request)).catch_unwind().await;
        answer.unwrap_or_else(|_| Failure(Error::internal()).into_response())
    };
    if let Some(error) = response.extensions_mut().remove::<Error>() {
        write_body(&server, &mut response, error, &id);
    }
    complete_headers(&server, &mut response, &id);
    let (status, took) = (response.status(), began.elapsed());
    server.figures.answered(status, took);
    let millis = took.as_secs_f64() * 1e3;
    if status.is_server_error() {
        tracing::warn!(%method, path, status = status.as_u16(), millis, request_id = id, "request_failed");
    } else {
        tracing::debug!(%method, path, status = status.as_u16(), millis, request_id = id, "request_answered");
    }
    response
}

/// Whether the client says that it is going to send too much; one that doesn't say is cut off while it is read.
fn is_too_large(request: &Request, limit: usize) -> bool {
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    length.and_then(|text| text.parse::<u64>().ok()).is_some_and(|length| length > limit as u64)
}

fn write_body(server: &Server, response: &mut Response, error: Error, id: &str) {
    let status = response.status();
    let body = error.into_body(server.core.clock.now(), id.to_owned());
    let body = serde_json::to_vec(&body).unwrap_or_default();
    let headers = std::mem::take(response.headers_mut());
    *response = (status, body).into_response();
    response.headers_mut().extend(headers);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().remove(header::CONTENT_LENGTH);
}

fn complete_headers(server: &Server, response: &mut Response, id: &str) {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return;
    }
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if server.names.is_https() {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
}
