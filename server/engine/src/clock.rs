//! Time and randomness come in through here, so that a test can stop the one and a shutdown nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use api::Timestamp;
use uuid::Uuid;

/// The clock of an engine: the system's, or one that a test moves.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The system's.
    #[default]
    System,
    /// Stands still until it is moved; microseconds since the epoch.
    Stopped(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at `at`.
    pub fn stopped(at: Timestamp) -> Self {
        Self::Stopped(Arc::new(AtomicI64::new(at.micros())))
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
            }
            Self::Stopped(at) => Timestamp::from_micros(at.load(Ordering::Relaxed)),
        }
    }

    /// Moves a stopped clock forward; the system's doesn't listen.
    pub fn advance(&self, seconds: i64) {
        if let Self::Stopped(at) = self {
            at.fetch_add(seconds * 1_000_000, Ordering::Relaxed);
        }
    }

    /// A new UUIDv7 of this time.
    pub fn new_uuid(&self) -> Uuid {
        let millis = (self.now().micros() / 1_000).max(0) as u64;
        uuid::Builder::from_unix_timestamp_millis(millis, &random()).into_uuid()
    }
}

/// Random bytes from the operating system.
///
/// # Panics
/// When the operating system has none, which leaves nothing safe to do.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system has no randomness");
    bytes
}
