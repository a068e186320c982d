//! What the server hands to the pages and server functions of one request.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::{Backend, Caller, Origin, Result, Timestamp};
use leptos::prelude::{expect_context, use_context};
use serde::Deserialize;

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
    /// Makes the mark by which Pilothouse knows a text in an address as its own.
    pub seal: Seal,
    /// When the request arrived; what ages in the page are counted from.
    pub now: Timestamp,
    /// Names the request in the log and in error answers.
    pub request_id: String,
}

/// Makes the mark of a text that only this Pilothouse can make.
pub type Seal = Arc<dyn Fn(&str) -> String + Send + Sync>;

/// Where the browser finds the hydration bundle and the style, as absolute paths with a content hash in the name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Assets {
    /// The JavaScript module that wasm-bindgen made; empty leaves the page without scripts.
    pub script: String,
    /// The one that it loads the parts of the bundle with.
    pub loader: String,
    /// The WebAssembly module that every page needs.
    pub wasm: String,
    /// The WebAssembly modules of each part, by the name of the part.
    pub parts: BTreeMap<String, Vec<String>>,
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

    /// Whether `mark` is the seal of `text`.
    pub fn is_sealed(&self, text: &str, mark: &str) -> bool {
        is_same(&(self.seal)(text), mark)
    }

    /// Fails with `cross_site_refused` unless `token` is the one that the page's forms carry.
    pub fn check_form_token(&self, token: &str) -> Result<()> {
        if is_same(token, &self.form_token) && !token.is_empty() {
            return Ok(());
        }
        let message = "this form belongs to another sign-in or is too old; reload the page and send it again";
        Err(api::Error::new(api::ErrorCode::CrossSiteRefused, message))
    }
}

/// Whether both are the same, in a time that doesn't tell where they differ.
fn is_same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    a.iter().zip(b).fold(a.len() ^ b.len(), |sum, (a, b)| sum | usize::from(a ^ b)) == 0
}
