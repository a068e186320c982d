//! One-time tickets: what a client that can't send headers shows as its first message.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use api::{Caller, Error, ErrorCode, Secret};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// How long a ticket is good.
const LIFE: Duration = Duration::from_secs(30);

/// Tickets kept at most; more callers than that wait for older ones to expire.
const MOST: usize = 10_000;

/// A ticket as its caller gets it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Ticket {
    /// The ticket itself.
    pub ticket: Secret,
    /// Seconds until it expires.
    pub expires_in: u64,
}

/// The tickets that are good now, by their hash.
#[derive(Default)]
pub struct Tickets {
    open: Mutex<HashMap<[u8; 32], (Caller, Instant)>>,
}

impl Tickets {
    /// Makes a ticket for `caller`.
    pub fn issue(&self, caller: Caller) -> Ticket {
        let ticket = BASE64_URL_SAFE_NO_PAD.encode(engine::clock::random::<32>());
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|_, (_, expires)| *expires > Instant::now());
        if open.len() < MOST {
            open.insert(hash(&ticket), (caller, Instant::now() + LIFE));
        }
        Ticket { ticket: Secret::new(ticket), expires_in: LIFE.as_secs() }
    }

    /// Uses a ticket up and answers whose it is.
    pub fn take(&self, ticket: &Secret) -> Result<Caller, Error> {
        let found = self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&hash(ticket.reveal()));
        found.filter(|(_, expires)| *expires > Instant::now()).map(|(caller, _)| caller).ok_or_else(|| {
            Error::new(ErrorCode::NotSignedIn, "this ticket is used up, expired or unknown; get a new one from POST /api/ws/ticket")
        })
    }
}

fn hash(ticket: &str) -> [u8; 32] {
    Sha256::digest(ticket.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use api::Caller;

    use super::Tickets;

    #[test]
    fn a_ticket_is_good_once() {
        let tickets = Tickets::default();
        let ticket = tickets.issue(Caller::system()).ticket;
        assert!(tickets.take(&ticket).is_ok());
        assert!(tickets.take(&ticket).is_err());
    }
}
