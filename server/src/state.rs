//! What every handler can reach.

use std::net::SocketAddr;
use std::sync::Arc;

use api::{Backend, Caller};
use bytes::Bytes;
use engine::{Core, Engine, Feeds, auth};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::config::Settings;
use crate::figures::Figures;
use crate::middleware::{Names, RateLimit};
use crate::ws::Tickets;

/// Everything that handlers share.
pub struct Server {
    /// What Pilothouse can do.
    pub backend: Backend,
    /// What the engine shares: clock, bus, tasks, shutdown.
    pub core: Arc<Core>,
    /// Live data.
    pub feeds: Arc<Feeds>,
    /// Who is current, and the link of the first start.
    pub accounts: Arc<auth::Manager>,
    /// How it was configured.
    pub settings: Settings,
    /// The names that it answers to.
    pub names: Names,
    /// How often each caller may ask.
    pub limit: RateLimit,
    /// One-time tickets for WebSockets.
    pub tickets: Tickets,
    /// Counts of its own requests.
    pub figures: Figures,
    /// The hashed addresses of the hydration bundle.
    pub assets: Arc<app::context::Assets>,
    /// The OpenAPI document as JSON.
    pub document: Bytes,
    form_key: [u8; 32],
}

impl Server {
    /// Puts it together for an address that is listened on.
    pub fn new(engine: &Engine, settings: Settings, listen: SocketAddr) -> Arc<Self> {
        let document = crate::openapi::document().to_json().unwrap_or_default();
        Arc::new(Self {
            backend: engine.backend(),
            core: engine.core().clone(),
            feeds: engine.feeds(),
            accounts: engine.accounts(),
            names: Names::new(listen, settings.public_url.as_deref()),
            limit: RateLimit::new(settings.rate_limit, settings.rate_burst),
            tickets: Tickets::default(),
            figures: Figures::default(),
            assets: Arc::new(crate::web::assets()),
            document: Bytes::from(document),
            form_key: engine::clock::random(),
            settings,
        })
    }

    /// Fails with `session_ended` when the caller's session has ended or their rights have changed since.
    pub fn current(&self, caller: &Caller) -> api::Result<()> {
        let message = match self.accounts.current(caller) {
            Some(now) if now.role == caller.role => return Ok(()),
            Some(_) => "your rights have changed; connect again",
            None => "the session has ended; sign in again",
        };
        Err(api::Error::new(api::ErrorCode::SessionEnded, message))
    }

    /// What the forms of a session send back: nobody who can't read the session's pages knows it. Empty without a session.
    pub fn form_token(&self, caller: Option<&Caller>) -> String {
        let Some(session) = caller.and_then(|caller| caller.session_id) else { return String::new() };
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.form_key) else { return String::new() };
        mac.update(session.0.as_bytes());
        mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
