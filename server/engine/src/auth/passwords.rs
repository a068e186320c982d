//! Password hashing: slow on purpose, so off the async threads and two at a time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use api::{Error, Result, Secret};
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use tokio::sync::Semaphore;

/// How many hashes are computed at a time; each takes 19 MiB.
const AT_ONCE: usize = 2;
/// How many may wait for their turn.
const WAITING: usize = 200;

/// Hashes and verifies.
#[derive(Clone, Default)]
pub struct Passwords {
    shared: Arc<Shared>,
}

struct Shared {
    turns: Arc<Semaphore>,
    waiting: AtomicUsize,
    dummy: OnceLock<String>,
}

impl Default for Shared {
    fn default() -> Self {
        Self { turns: Arc::new(Semaphore::new(AT_ONCE)), waiting: AtomicUsize::new(0), dummy: OnceLock::new() }
    }
}

impl Passwords {
    /// The hash of a password, as a PHC string.
    pub async fn hash(&self, password: &Secret) -> Result<String> {
        let password = password.clone();
        self.take_turn(move |_| hash(password.reveal())).await?
    }

    /// Whether `hash` is of that password. Without a hash it is not, and takes as long.
    pub async fn verify(&self, password: &Secret, hash: Option<String>) -> Result<bool> {
        let password = password.clone();
        self.take_turn(move |shared| match hash {
            Some(hash) => Ok(verify(password.reveal(), &hash)),
            None => {
                let dummy = match shared.dummy.get() {
                    Some(dummy) => dummy.clone(),
                    None => shared.dummy.get_or_init(|| self::hash("nobody's password").unwrap_or_default()).clone(),
                };
                verify(password.reveal(), &dummy);
                Ok(false)
            }
        })
        .await?
    }

    /// Fails with `rate_limited` when too many wait already.
    async fn take_turn<T: Send + 'static>(&self, work: impl FnOnce(&Shared) -> T + Send + 'static) -> Result<T> {
        let shared = self.shared.clone();
        let place = Place::take(&shared.waiting)?;
        let turn = shared.turns.clone().acquire_owned().await.map_err(|_| Error::internal())?;
        let working = shared.clone();
        // The turn goes along: the work isn't cancelled with the request.
        let answer = tokio::task::spawn_blocking(move || {
            let answer = work(&working);
            drop(turn);
            answer
        });
        let answer = answer.await;
        drop(place);
        answer.map_err(|error| {
            tracing::error!(%error, "password_hash_failed");
            Error::internal()
        })
    }
}

/// A place among those who wait, given back when dropped.
struct Place<'w>(&'w AtomicUsize);

impl<'w> Place<'w> {
    fn take(waiting: &'w AtomicUsize) -> Result<Self> {
        if waiting.fetch_add(1, Ordering::Relaxed) >= WAITING {
            waiting.fetch_sub(1, Ordering::Relaxed);
            let message = "too many sign-ins at once; try again in a few seconds";
            return Err(Error::new(api::ErrorCode::RateLimited, message).retry_after(5));
        }
        Ok(Self(waiting))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Argon2id with 19 MiB, two passes, one lane.
fn argon2() -> Result<Argon2<'static>> {
    let params = Params::new(19_456, 2, 1, None).map_err(|_| Error::internal())?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash(password: &str) -> Result<String> {
    let salt = crate::clock::random::<16>();
    let hash: PasswordHash = argon2()?.hash_password_with_salt(password.as_bytes(), &salt).map_err(|error| {
        tracing::error!(%error, "password_hash_failed");
        Error::internal()
    })?;
    Ok(hash.to_string())
}

fn verify(password: &str, hash: &str) -> bool {
    let (Ok(argon2), Ok(hash)) = (argon2(), PasswordHash::new(hash)) else { return false };
    argon2.verify_password(password.as_bytes(), &hash).is_ok()
}
