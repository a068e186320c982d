//! The error of server functions: that of the ports, with the body and the status of the REST API.

use api::{ErrorBody, ErrorCode};
use leptos::server_fn::error::{FromServerFnError, ServerFnErrorErr};
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

/// The failure of a plain form, as the redirect back to its page carries it in the address.
#[cfg(feature = "ssr")]
#[derive(Serialize, Deserialize)]
struct Sealed {
    message: String,
    /// Without it, anybody could make a link to a page of ours that says what they like.
    seal: String,
}

#[cfg(feature = "ssr")]
impl Sealed {
    /// The key of the address that `server_fn` puts it under, in URL-safe base64.
    const KEY: &str = "__err";

    fn new(message: String, context: &crate::context::RequestContext) -> Self {
        Self { seal: (context.seal)(&message), message }
    }
}

/// Why the plain form that led to this address failed, when Pilothouse says so itself.
#[cfg(feature = "ssr")]
pub fn failure_in(query: &str, context: &crate::context::RequestContext) -> Option<String> {
    use base64::Engine;
    // A form that failed twice has led here with both; the last is the one to show.
    let (_, text) = form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == Sealed::KEY).last()?;
    let json = base64::prelude::BASE64_URL_SAFE.decode(text.as_bytes()).ok()?;
    let Sealed { message, seal } = serde_json::from_slice(&json).ok()?;
    context.is_sealed(&message, &seal).then_some(message)
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
        #[cfg(feature = "ssr")]
        if super::is_plain_form()
            && let Some(context) = crate::context::RequestContext::find()
        {
            return serde_json::to_vec(&Sealed::new(error.0.message.clone(), &context)).map(Into::into);
        }
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

/// The body to be sent. On the server it also gives the answer its status.
fn body(error: api::Error) -> ErrorBody {
    #[cfg(feature = "ssr")]
    if let Some(context) = crate::context::RequestContext::find() {
        super::set_status(error.code);
        if let Some(seconds) = error.retry_after {
            super::add_header(http::header::RETRY_AFTER, &seconds.to_string());
        }
        return error.into_body(context.now, context.request_id);
    }
    error.into_body(api::Timestamp::default(), String::new())
}

#[cfg(test)]
mod tests {
    use super::{RpcError, RpcErrorJson};
    use leptos::server_fn::{Decodes, Encodes};

    #[cfg(feature = "ssr")]
    #[test]
    fn an_address_shows_only_what_pilothouse_has_sealed() {
        use super::{Sealed, failure_in};
        use base64::Engine;

        let context = crate::fake::Fake::default().context(None);
        let in_address = |sealed: &Sealed| {
            let text = base64::prelude::BASE64_URL_SAFE.encode(serde_json::to_vec(sealed).unwrap());
            format!("__path=%2Frpc%2Fsign_in&__err={}", text.replace('=', "%3D"))
        };
        let own = Sealed::new("the name or the password is wrong".into(), &context);
        assert_eq!(failure_in(&in_address(&own), &context).as_deref(), Some("the name or the password is wrong"));
        let both = format!("{}&{}", in_address(&Sealed::new("an older one".into(), &context)), in_address(&own));
        assert_eq!(failure_in(&both, &context).as_deref(), Some("the name or the password is wrong"));
        let forged = Sealed { message: "call this number".into(), ..own };
        assert_eq!(failure_in(&in_address(&forged), &context), None);
        assert_eq!(failure_in("__err=x&a=b", &context), None);
    }

    #[test]
    fn an_error_reads_back_as_it_was_written() {
        let error = RpcError(api::Error::invalid("/password", "a password has 12 to 1024 characters"));
        let read = RpcErrorJson::encode(&error).ok().and_then(|bytes| RpcErrorJson::decode(bytes).ok());
        assert_eq!(read, Some(error));
    }
}
