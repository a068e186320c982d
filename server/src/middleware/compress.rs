//! Pages compressed as they are answered; files of the site are compressed when it is built.

use std::io::Write;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderValue, Method, header};

use crate::error::Failure;
use crate::web;

/// Compresses a page for a client that takes it, unless its address has a query: a page that repeats what somebody else has put into
/// a link, beside the token of its forms, would tell by its size how alike the two are (BREACH).
pub async fn pages(request: Request, next: Next) -> Response {
    let is_wanted = *request.method() == Method::GET && request.uri().query().is_none() && web::takes(request.headers(), "gzip");
    let response = next.run(request).await;
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !is_wanted || !kind.starts_with("text/html") || response.headers().contains_key(header::CONTENT_ENCODING) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(page) = to_bytes(body, usize::MAX).await else { return Failure(api::Error::internal()).into_response() };
    let Ok(page) = gzip(&page) else { return Failure(api::Error::internal()).into_response() };
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    parts.headers.append(header::VARY, HeaderValue::from_static("accept-encoding"));
    Response::from_parts(parts, Body::from(page))
}

fn gzip(page: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(page.len() / 4), Compression::new(4));
    encoder.write_all(page)?;
    encoder.finish()
}
