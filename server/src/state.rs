//! What every handler can reach.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use api::{Backend, Caller};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use engine::store::mac;
use engine::{Core, Engine, Feeds, auth};

use crate::config::Settings;
use crate::figures::Figures;
use crate::middleware::{Names, RateLimit};
use crate::watch::Watches;
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
    /// The streams that are open.
    pub watches: Watches,
    /// Counts of its own requests.
    pub figures: Figures,
    /// The hashed addresses of the hydration bundle.
    pub assets: Arc<app::context::Assets>,
    document: OnceLock<Bytes>,
    form_key: [u8; 32],
    /// Marks texts in addresses as our own.
    pub seal: app::context::Seal,
}

impl Server {
    /// Puts it together for an address that is listened on.
    pub fn new(engine: &Engine, settings: Settings, listen: SocketAddr) -> Arc<Self> {
        let seal_key = engine.core().store.keys.derive("texts in addresses");
        Arc::new(Self {
            backend: engine.backend(),
            core: engine.core().clone(),
            feeds: engine.feeds(),
            accounts: engine.accounts(),
            names: Names::new(listen, settings.public_url.as_deref()),
            limit: RateLimit::new(settings.rate_limit, settings.rate_burst),
            tickets: Tickets::default(),
            watches: Watches::default(),
            figures: Figures::default(),
            assets: Arc::new(crate::web::assets()),
            document: OnceLock::new(),
            seal: Arc::new(move |text| BASE64_URL_SAFE_NO_PAD.encode(mac(&seal_key, &[text.as_bytes()]))),
            form_key: engine.core().store.keys.derive("form tokens"),
            settings,
        })
    }

    /// Fails with `session_ended` when the caller's session or API token has ended or their rights have changed since.
    pub fn current(&self, caller: &Caller) -> api::Result<()> {
        let message = match self.accounts.current(caller) {
            Some(now) if now.role == caller.role => return Ok(()),
            Some(_) => "your rights have changed; connect again",
            None if caller.token.is_some() => "the API token has expired or was revoked",
            None => "the session has ended; sign in again",
        };
        Err(api::Error::new(api::ErrorCode::SessionEnded, message))
    }

    /// The OpenAPI document as JSON; made when it is first asked for.
    pub fn document(&self) -> Bytes {
        self.document.get_or_init(|| crate::openapi::document().to_json().unwrap_or_default().into()).clone()
    }

    /// What the forms of a session send back: nobody who can't read the session's pages knows it. Empty without a session.
    pub fn form_token(&self, caller: Option<&Caller>) -> String {
        let Some(session) = caller.and_then(|caller| caller.session_id) else { return String::new() };
        let mac = mac(&self.form_key, &[session.0.as_bytes()]);
        BASE64_URL_SAFE_NO_PAD.encode(mac)
    }
}
