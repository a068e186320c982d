//! Watching over what stays open: a stream ends within a second of its session, and at shutdown.

use std::sync::Arc;
use std::time::Duration;

use api::{Caller, Error};

use crate::state::Server;

/// How often a session is looked at.
const EVERY: Duration = Duration::from_millis(800);

/// Watches the session of one open stream.
pub struct Watch {
    server: Arc<Server>,
    caller: Caller,
}

impl Watch {
    /// Watches the session that `caller` came with.
    pub fn new(server: Arc<Server>, caller: Caller) -> Self {
        Self { server, caller }
    }

    /// Waits until the stream has to end, and says why: `session_ended`, or `unavailable` at shutdown.
    pub async fn ended(self) -> Error {
        loop {
            tokio::select! {
                () = self.server.core.shutdown.cancelled() => return Error::unavailable("Pilothouse is shutting down; connect again in a moment"),
                () = tokio::time::sleep(EVERY) => {}
            }
            if let Err(error) = self.server.current(&self.caller) {
                return error;
            }
        }
    }
}
