//! The one error of the product: the same code, message and details at every door.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// What a port answers.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure that a person can act on: the message says what happened, why, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{message}")]
pub struct Error {
    /// What kind of failure it is; decides the HTTP status.
    pub code: ErrorCode,
    /// What happened, why and what to do, in a sentence or two.
    pub message: String,
    /// The fields at fault, when the input is.
    #[serde(default)]
    pub details: Vec<Detail>,
    /// Seconds to wait before trying again, when waiting helps.
    #[serde(default)]
    pub retry_after: Option<u32>,
}

/// One field at fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Detail {
    /// JSON Pointer into the request body (`/health/path`), or the name of the query parameter.
    pub field: String,
    /// What is wrong with it and what would be right.
    pub message: String,
}

/// The body of every error answer of the REST API, the server functions and the WebSockets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ErrorBody {
    /// What kind of failure it is.
    pub error_code: ErrorCode,
    /// What happened, why and what to do.
    pub message: String,
    /// The fields at fault; empty when none is.
    pub details: Vec<Detail>,
    /// When it happened.
    pub timestamp: Timestamp,
    /// Names the request in Pilothouse's own log.
    pub request_id: String,
}

/// Declares the codes once: variant, text on the wire, HTTP status, category.
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $status:literal, $category:literal;)+) => {
        /// What kind of failure an [`Error`] is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        pub enum ErrorCode {
            $($(#[$doc])* #[serde(rename = $text)] $name,)+
        }

        $crate::read_as_word!(ErrorCode);

        impl ErrorCode {
            /// Every code.
            pub const ALL: &[ErrorCode] = &[$(ErrorCode::$name),+];

            /// The text on the wire, `snake_case`.
            pub const fn as_str(self) -> &'static str {
                match self { $(ErrorCode::$name => $text),+ }
            }

            /// The HTTP status that goes with it.
            pub const fn status(self) -> u16 {
                match self { $(ErrorCode::$name => $status),+ }
            }

            /// The group it belongs to, for figures and filters.
            pub const fn category(self) -> &'static str {
                match self { $(ErrorCode::$name => $category),+ }
            }
        }
    };
}

codes! {
    /// The request can't be read: broken JSON, a wrong content type in the body, a bad header.
    MalformedRequest = "malformed_request", 400, "validation";
    /// The request can be read and at least one field is wrong; `details` says which.
    ValidationFailed = "validation_failed", 422, "validation";
    /// The body is larger than the stated limit.
    PayloadTooLarge = "payload_too_large", 413, "validation";
    /// The body is not of the type that the operation takes.
    UnsupportedMediaType = "unsupported_media_type", 415, "validation";
    /// Nobody is signed in, or the access token has expired: refresh or sign in.
    NotSignedIn = "not_signed_in", 401, "authentication";
    /// User name or password is wrong.
    BadCredentials = "bad_credentials", 401, "authentication";
    /// The session has ended: signed out, revoked, or its refresh token was used twice.
    SessionEnded = "session_ended", 401, "authentication";
    /// The caller's role doesn't allow it.
    Forbidden = "forbidden", 403, "authorisation";
    /// A browser sent a state change that doesn't come from Pilothouse's own pages.
    CrossSiteRefused = "cross_site_refused", 403, "authorisation";
    /// The `Host` header isn't a name of this Pilothouse.
    MisdirectedRequest = "misdirected_request", 421, "authorisation";
    /// Nothing has that id or address.
    NotFound = "not_found", 404, "not_found";
    /// The address exists and doesn't take this method.
    MethodNotAllowed = "method_not_allowed", 405, "not_found";
    /// The state doesn't allow it now: already running, name taken, changed by somebody else.
    Conflict = "conflict", 409, "conflict";
    /// Too many requests; `Retry-After` says when to come back.
    RateLimited = "rate_limited", 429, "rate_limit";
    /// The managed service, or what runs it, refused or failed.
    ServiceFailed = "service_failed", 502, "service";
    /// The operation took longer than its limit.
    TimedOut = "timed_out", 504, "system";
    /// A part of Pilothouse is down or not ready; trying again helps.
    Unavailable = "unavailable", 503, "system";
    /// The disk that Pilothouse writes to is full: nothing is saved until there is room again, and what was saved is as it was.
    StorageFull = "storage_full", 507, "system";
    /// A defect of Pilothouse; the request id leads to the log.
    Internal = "internal", 500, "system";
}

impl Error {
    /// An error of this code.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), details: Vec::new(), retry_after: None }
    }

    /// `validation_failed` at one field (a JSON Pointer such as `/name`, or a query parameter's name).
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        let message = message.into();
        let detail = Detail { field: field.into(), message: message.clone() };
        Self { code: ErrorCode::ValidationFailed, message, details: vec![detail], retry_after: None }
    }

    /// `validation_failed` at several fields; none is no error.
    pub fn invalid_fields(details: Vec<Detail>) -> Result<()> {
        let message = match details.as_slice() {
            [] => return Ok(()),
            [one] => one.message.clone(),
            [first, rest @ ..] => format!("{} ({} more fields are wrong)", first.message, rest.len()),
        };
        Err(Self { code: ErrorCode::ValidationFailed, message, details, retry_after: None })
    }

    /// `not_found`: there is no `noun` of that id or name.
    pub fn not_found(noun: &str, id: impl std::fmt::Display) -> Self {
        let id: String = id.to_string().chars().take(80).collect();
        Self::new(ErrorCode::NotFound, format!("there is no {noun} '{id}'; it may have been deleted"))
    }

    /// `conflict`.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Conflict, message)
    }

    /// `forbidden`.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Forbidden, message)
    }

    /// `service_failed`.
    pub fn service(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::ServiceFailed, message)
    }

    /// `unavailable`.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Unavailable, message)
    }

    /// `storage_full`: nothing was saved, for `full` has no room left.
    pub fn storage_full(full: &str) -> Self {
        Self::new(ErrorCode::StorageFull, format!("{full} is full, so nothing was saved: free some space there, then try again"))
    }

    /// `internal`. Log the cause where this is made: the caller only sees that something broke.
    pub fn internal() -> Self {
        Self::new(ErrorCode::Internal, "Pilothouse has failed at this; it is logged under the request id")
    }

    /// The same error, to be tried again after `seconds`.
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// The body that goes on the wire.
    pub fn into_body(self, timestamp: Timestamp, request_id: String) -> ErrorBody {
        ErrorBody { error_code: self.code, message: self.message, details: self.details, timestamp, request_id }
    }
}

#[cfg(test)]
mod tests {
    use super::{Error, ErrorCode};

    #[test]
    fn every_code_has_the_text_that_serde_writes_and_a_status_of_an_error() {
        for code in ErrorCode::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
            assert!((400..600).contains(&code.status()), "{code:?}");
        }
    }

    #[test]
    fn a_hostile_id_is_cut_in_the_message() {
        assert!(Error::not_found("service", "x".repeat(10_000)).message.len() < 200);
    }
}
