//! Password hashing: slow on purpose, so off the async threads and two at a time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use api::{Error, Result, Secret};
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use tokio::sync::Semaphore;

use crate::clock::random;

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
fn params() -> Result<Params> {
    Params::new(19_456, 2, 1, None).map_err(|error| failed(&error))
}

fn hash(password: &str) -> Result<String> {
    let params = params()?;
    let salt = random::<16>();
    let output = argon2(password, &salt, params.clone()).map_err(|error| failed(&error))?;
    let version = Version::V0x13 as u32;
    let (m, t, p) = (params.m_cost(), params.t_cost(), params.p_cost());
    let (salt, output) = (BASE64_STANDARD_NO_PAD.encode(salt), BASE64_STANDARD_NO_PAD.encode(output));
    Ok(format!("$argon2id$v={version}$m={m},t={t},p={p}${salt}${output}"))
}

fn verify(password: &str, hash: &str) -> bool {
    let Ok(hash) = PasswordHash::new(hash) else { return false };
    let (Some(salt), Some(expected), Ok(params)) = (hash.salt, hash.hash, Params::try_from(&hash)) else { return false };
    hash.algorithm.as_str() == "argon2id"
        && argon2(password, &salt, params).is_ok_and(|output| super::tokens::is_same(&output, expected.as_bytes()))
}

fn argon2(password: &str, salt: &[u8], params: Params) -> argon2::Result<[u8; 32]> {
    let mut output = [0; 32];
    // More is reserved than is used, so that the allocator maps it by itself and gives it back to the system afterwards: 32 MiB is
    // where glibc stops keeping such blocks. What isn't used is never touched.
    let mut memory = Vec::with_capacity(params.block_count().max(33 * 1024));
    memory.resize(params.block_count(), Block::new());
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2.hash_password_into_with_memory(password.as_bytes(), salt, &mut output, &mut memory)?;
    Ok(output)
}

fn failed(error: &argon2::Error) -> Error {
    tracing::error!(%error, "password_hash_failed");
    Error::internal()
}

#[cfg(test)]
mod tests {
    use super::{hash, verify};

    #[test]
    fn a_hash_is_of_one_password_and_different_each_time() {
        let (one, other) = (hash("correct horse").expect("it is hashed"), hash("correct horse").expect("it is hashed"));
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$") && one != other, "{one}");
        assert!(verify("correct horse", &one) && verify("correct horse", &other) && !verify("correct horses", &one));
    }

    #[test]
    fn a_hash_that_another_program_made_is_verified_by_its_own_parameters() {
        // From the reference implementation: `echo -n password | argon2 somesalt -id -t 2 -k 256 -p 1 -e`.
        let hash = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
        assert!(verify("password", hash) && !verify("differentpassword", hash));
    }

    #[test]
    fn what_is_no_hash_verifies_nothing() {
        for broken in ["", "password", "$argon2id$", "$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"]
        {
            assert!(!verify("password", broken));
        }
    }
}
