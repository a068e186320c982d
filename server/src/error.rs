//! How a failure leaves over HTTP: the status and headers here, the body where the request id is known.

use api::ErrorCode;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

/// An [`api::Error`] on its way out. The response carries it as an extension; `middleware::outer` writes the body.
#[derive(Clone, Debug)]
pub struct Failure(pub api::Error);

/// What a handler answers.
pub type Answer<T> = Result<T, Failure>;

impl Failure {
    /// A failure of this code.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self(api::Error::new(code, message))
    }
}

impl From<api::Error> for Failure {
    fn from(error: api::Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = StatusCode::from_u16(self.0.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR).into_response();
        if response.status() == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.0.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(self.0);
        response
    }
}
