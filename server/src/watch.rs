//! Watching over what stays open: a stream ends within a second of its session, and at shutdown.
//!
//! One task looks at all open streams together, so that a stream costs nothing for it between its frames.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use api::{Caller, Error};
use tokio::sync::oneshot;

use crate::state::Server;

/// How often sessions are looked at.
const EVERY: Duration = Duration::from_millis(800);

/// Every open stream, until shutdown.
pub struct Watches {
    open: Mutex<Option<Vec<Open>>>,
}

struct Open {
    caller: Caller,
    end: oneshot::Sender<Error>,
}

/// Says when one open stream has to end; dropped with it.
pub struct Watch {
    end: oneshot::Receiver<Error>,
}

impl Default for Watches {
    fn default() -> Self {
        Self { open: Mutex::new(Some(Vec::new())) }
    }
}

impl Watches {
    /// Watches the session that `caller` came with.
    pub fn begin(&self, caller: Caller) -> Watch {
        let (end, watch) = oneshot::channel();
        // After shutdown the sender is dropped at once, which ends the stream.
        if let Some(open) = self.lock().as_mut() {
            open.push(Open { caller, end });
        }
        Watch { end: watch }
    }

    /// Ends what `current` has an objection to and forgets what has ended by itself.
    fn look(&self, current: impl Fn(&Caller) -> api::Result<()>) {
        let mut guard = self.lock();
        let Some(open) = guard.as_mut() else { return };
        open.retain(|one| !one.end.is_closed());
        let mut at = 0;
        while let Some(one) = open.get(at) {
            match current(&one.caller) {
                Ok(()) => at += 1,
                // A stream that has just gone doesn't hear it.
                Err(error) => drop(open.swap_remove(at).end.send(error)),
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Vec<Open>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch {
    /// Waits until the stream has to end, and says why: `session_ended`, or `unavailable` at shutdown.
    pub async fn ended(self) -> Error {
        self.end.await.unwrap_or_else(|_| shutting_down())
    }
}

/// Looks after the open streams of `server` until its shutdown, which ends them all.
pub async fn look_after(server: Arc<Server>) {
    let shutdown = server.core.shutdown.clone();
    while shutdown.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_some() {
        server.watches.look(|caller| server.current(caller));
    }
    drop(server.watches.lock().take());
}

fn shutting_down() -> Error {
    Error::unavailable("Pilothouse is shutting down; connect again in a moment")
}

#[cfg(test)]
mod tests {
    use api::{Caller, ErrorCode};

    use super::Watches;

    fn refused() -> api::Error {
        api::Error::new(ErrorCode::SessionEnded, "over")
    }

    #[tokio::test]
    async fn a_stream_ends_with_its_session_and_one_that_is_gone_is_forgotten() {
        let watches = Watches::default();
        let (ended, gone) = (watches.begin(Caller::system()), watches.begin(Caller::system()));
        drop(gone);
        watches.look(|_| Ok(()));
        assert_eq!(watches.lock().as_ref().map(Vec::len), Some(1));
        watches.look(|_| Err(refused()));
        assert_eq!(ended.ended().await, refused());
        assert_eq!(watches.lock().as_ref().map(Vec::len), Some(0));
    }

    #[tokio::test]
    async fn shutdown_ends_every_stream_and_those_that_come_after_it() {
        let watches = Watches::default();
        let before = watches.begin(Caller::system());
        drop(watches.lock().take());
        let after = watches.begin(Caller::system());
        assert_eq!(before.ended().await.code, ErrorCode::Unavailable);
        assert_eq!(after.ended().await.code, ErrorCode::Unavailable);
    }
}
