//! Accounts: sign-in, sessions, API tokens, set-up and users.
//!
//! A token says who asks; what they may do is read at each request from [`grants`], which a change of rights reloads before
//! it is answered. Other instances, and a command line beside this one, are noticed within a second.

#[cfg(test)]
mod api_token_tests;
mod api_tokens;
mod grants;
mod limits;
mod passwords;
mod sessions;
mod setup;
#[cfg(test)]
mod tests;
mod tokens;
mod users;

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use api::{Caller, Result, Secret};

use crate::Core;
use crate::store::users::rights_revision;
use grants::{Grants, Key};
use limits::Limits;
use passwords::Passwords;
use tokens::TokenMint;

pub use tokens::ACCESS_SECONDS;

/// A session that isn't used for so long ends: 30 days.
const SESSION_SECONDS: i64 = 30 * 24 * 3600;
/// How often one looks whether another instance has changed somebody's rights.
const POLL: Duration = Duration::from_millis(500);
/// How often the last uses of sessions and API tokens are saved, in polls: once a minute.
const SAVE_EVERY: u32 = 120;

/// Accounts and sessions.
pub struct Manager {
    core: Arc<Core>,
    mint: TokenMint,
    passwords: Passwords,
    grants: Grants,
    limits: Limits,
    is_set_up: AtomicBool,
    setup_token: Mutex<Option<Secret>>,
}

impl Manager {
    /// The accounts of a store. Works beside a running instance, for the command line.
    pub fn new(core: Arc<Core>) -> Arc<Self> {
        let mint = TokenMint::new(&core.store.keys);
        let limits = Limits::new(core.config.login_limit);
        let (passwords, grants) = (Passwords::default(), Grants::default());
        Arc::new(Self { core, mint, passwords, grants, limits, is_set_up: AtomicBool::new(false), setup_token: Mutex::default() })
    }

    /// What an instance that serves does first: while there is no user it makes `admin` if it was given a password, or else a new
    /// set-up link. Fails with `validation_failed` when that password can't be one.
    pub async fn prepare(&self) -> Result<()> {
        setup::prepare(self).await
    }

    /// Begins the work in the background.
    pub fn spawn(self: &Arc<Self>) {
        let manager = self.clone();
        self.core.tasks.spawn(async move { manager.watch().await });
    }

    /// The secret of the one-time link that makes the first user, for the console; none when there is a user.
    pub fn setup_token(&self) -> Option<Secret> {
        self.setup_token.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The caller of an open connection with the rights of now; none when the session or the API token has ended or the user may not sign
    /// in. Asks only memory, so it can be called often. Pilothouse itself is always current.
    pub fn current(&self, caller: &Caller) -> Option<Caller> {
        match (Key::of(caller), caller.user_id) {
            (Some(key), _) => self.grants.current(key, self.core.clock.now()),
            (None, None) => Some(caller.clone()),
            (None, Some(_)) => None,
        }
    }

    /// Called after each change of rights, before it is answered.
    async fn rights_changed(&self) {
        // The change stands even when this fails: then the watch tries again.
        if let Err(error) = self.grants.reload(&self.core.store, self.core.clock.now()).await {
            tracing::warn!(%error, "rights_not_reloaded");
        }
    }

    async fn watch(&self) {
        let mut seen = None;
        let mut failing = false;
        let mut polls = 0;
        while self.core.shutdown.run_until_cancelled(tokio::time::sleep(POLL)).await.is_some() {
            polls += 1;
            let mut result = self.poll(&mut seen).await;
            if polls % SAVE_EVERY == 0 {
                result = result.and(self.tidy().await);
            }
            if let (Err(error), false) = (&result, failing) {
                tracing::warn!(%error, "rights_not_watched");
            }
            failing = result.is_err();
        }
        if let Err(error) = self.grants.save(&self.core.store, self.core.clock.now()).await {
            tracing::warn!(%error, "last_uses_not_saved");
        }
    }

    async fn poll(&self, seen: &mut Option<i64>) -> Result<()> {
        if self.grants.is_empty() {
            *seen = None;
            return Ok(());
        }
        let revision = rights_revision(&mut self.core.store.main.read().await?).await?;
        if *seen != Some(revision) {
            self.grants.reload(&self.core.store, self.core.clock.now()).await?;
            *seen = Some(revision);
        }
        Ok(())
    }

    async fn tidy(&self) -> Result<()> {
        let now = self.core.clock.now();
        self.grants.save(&self.core.store, now).await?;
        sessions::forget_expired(self, now).await?;
        api_tokens::forget_expired(self, now).await
    }
}
