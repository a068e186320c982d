//! What the server hands to the pages and server functions of one request.

use std::sync::Arc;

use api::{Backend, Caller, Origin, Result, Timestamp};
use leptos::prelude::{expect_context, use_context};

/// Everything that pages and server functions know about the request that they answer.
///
/// The server provides it, with the same value, to `leptos_routes_with_context` and to `handle_server_fns_with_context`.
#[derive(Clone)]
pub struct RequestContext {
    /// What Pilothouse can do.
    pub backend: Backend,
    /// Who asks; none when nobody is signed in.
    pub caller: Option<Caller>,
    /// What every form that changes something has to send back; bound to the session, empty without one.
    pub form_token: String,
    /// Where the request comes from.
    pub origin: Origin,
    /// The hashed addresses of the hydration bundle.
    pub assets: Arc<Assets>,
    /// When the request arrived; what ages in the page are counted from.
    pub now: Timestamp,
    /// Names the request in the log and in error answers.
    pub request_id: String,
}

/// Where the browser finds the hydration bundle and the style, as absolute paths with a content hash in the name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assets {
    /// The JavaScript module that wasm-bindgen made; empty leaves the page without scripts.
    pub script: String,
    /// The WebAssembly module.
    pub wasm: String,
    /// The style sheet.
    pub style: String,
}

impl RequestContext {
    /// That of the request being answered.
    ///
    /// # Panics
    /// Outside of a request that the server prepared.
    pub fn current() -> Self {
        expect_context()
    }

    /// That of the request being answered; none while the server only lists the routes.
    pub fn find() -> Option<Self> {
        use_context()
    }

    /// Who asks, or `not_signed_in`.
    pub fn caller(&self) -> Result<&Caller> {
        self.caller.as_ref().ok_or_else(|| api::Error::new(api::ErrorCode::NotSignedIn, "you are not signed in; sign in and try again"))
    }

    /// Fails with `cross_site_refused` unless `token` is the one that the page's forms carry.
    pub fn check_form_token(&self, token: &str) -> Result<()> {
        let (given, wanted) = (token.as_bytes(), self.form_token.as_bytes());
        let differences = given.iter().zip(wanted).fold(given.len() ^ wanted.len(), |sum, (a, b)| sum | usize::from(a ^ b));
        if differences == 0 && !wanted.is_empty() {
            return Ok(());
        }
        let message = "this form belongs to another sign-in or is too old; reload the page and send it again";
        Err(api::Error::new(api::ErrorCode::CrossSiteRefused, message))
    }
}
