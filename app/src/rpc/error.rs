//! The error of server functions: that of the ports, with the body and the status of the REST API.

use api::{ErrorBody, ErrorCode};
use leptos::server_fn::error::{FromServerFnError, ServerFnErrorErr, ServerFnUrlError};
use leptos::server_fn::{ContentType, Decodes, Encodes, Format, FormatType};
use serde::{Deserialize, Serialize};

use super::JsonText;

/// What a server function answers.
pub type RpcResult<T> = Result<T, RpcError>;

/// A failure of a server function. On the wire it is an [`ErrorBody`] with the status of its code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{0}")]
pub struct RpcError(pub api::Error);

impl From<api::Error> for RpcError {
    fn from(error: api::Error) -> Self {
        Self(error)
    }
}

impl RpcError {
    /// The error that a plain form's redirect carries in the address as `__err`.
    pub fn from_url(text: &str) -> Self {
        ServerFnUrlError::decode_err(text)
    }
}

impl FromServerFnError for RpcError {
    type Encoder = RpcErrorJson;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        use ServerFnErrorErr as E;
        let error = match error {
            E::Request(_) => api::Error::unavailable("Pilothouse doesn't answer; check that it runs and try again"),
            E::Args(text) | E::MissingArg(text) | E::UnsupportedRequestMethod(text) => {
                api::Error::new(ErrorCode::MalformedRequest, format!("the form can't be read: {text}"))
            }
            E::Serialization(_) => api::Error::new(ErrorCode::MalformedRequest, "the form can't be sent; reload the page and try again"),
            E::Deserialization(_) => {
                api::Error::unavailable("the answer can't be read; reload the page, Pilothouse may have been upgraded")
            }
            E::Registration(_) | E::ServerError(_) | E::MiddlewareError(_) | E::Response(_) => api::Error::internal(),
        };
        Self(error)
    }
}

/// Writes and reads a [`RpcError`] as the error body that every door of Pilothouse answers with.
pub struct RpcErrorJson;

impl ContentType for RpcErrorJson {
    const CONTENT_TYPE: &'static str = "application/json";
}

impl FormatType for RpcErrorJson {
    const FORMAT_TYPE: Format = Format::Text;
}

impl Encodes<RpcError> for RpcErrorJson {
    type Error = serde_json::Error;

    fn encode(error: &RpcError) -> Result<bytes::Bytes, Self::Error> {
        serde_json::to_vec(&body(error.0.clone())).map(Into::into)
    }
}

impl Decodes<RpcError> for RpcErrorJson {
    type Error = serde_json::Error;

    fn decode(bytes: bytes::Bytes) -> Result<RpcError, Self::Error> {
        let body: ErrorBody = JsonText::decode(bytes)?;
        Ok(RpcError(api::Error { details: body.details, ..api::Error::new(body.error_code, body.message) }))
    }
}

/// The body to be sent. On the server it also gives the answer its status, unless the answer is a redirect back to a form.
fn body(error: api::Error) -> ErrorBody {
    #[cfg(feature = "ssr")]
    if let Some(context) = crate::context::RequestContext::find() {
        if !super::is_plain_form() {
            super::set_status(error.code);
            if let Some(seconds) = error.retry_after {
                super::add_header(http::header::RETRY_AFTER, &seconds.to_string());
            }
        }
        return error.into_body(context.now, context.request_id);
    }
    error.into_body(api::Timestamp::default(), String::new())
}

#[cfg(test)]
mod tests {
    use super::{RpcError, RpcErrorJson};
    use leptos::server_fn::{Decodes, Encodes};

    #[test]
    fn an_error_reads_back_as_it_was_written() {
        let error = RpcError(api::Error::invalid("/password", "a password has 12 to 1024 characters"));
        let read = RpcErrorJson::encode(&error).ok().and_then(|bytes| RpcErrorJson::decode(bytes).ok());
        assert_eq!(read, Some(error));
    }
}
