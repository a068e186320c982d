//! What sessions and API tokens let their users do, in memory: read at each request, reloaded when somebody's rights change.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use api::{ApiTokenId, ByToken, Caller, Result, SessionId, Timestamp, UserId};

use super::SESSION_SECONDS;
use crate::store::Store;
use crate::store::api_tokens::{TokenGrantRow, api_token_used, token_grant_find, token_grant_list};
use crate::store::sessions::{GrantRow, grant_find, grant_list, session_used};

/// How long a grant that nobody asks for stays, in seconds.
const IDLE: i64 = 600;
/// How exactly the last use is kept, in seconds.
const PRECISION: i64 = 60;

/// Grants of the sessions and API tokens in use.
#[derive(Default)]
pub struct Grants {
    known: RwLock<HashMap<Key, Arc<Grant>>>,
    /// The API tokens among them by their hashes, which never change.
    hashes: RwLock<HashMap<[u8; 32], ApiTokenId>>,
    /// Grows before each reload, so that what was read before it isn't put in after it.
    reloads: AtomicU64,
    reloading: tokio::sync::Mutex<()>,
}

/// What a grant comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// A sign-in.
    Session(SessionId),
    /// An API token.
    Token(ApiTokenId),
}

impl Key {
    /// What the rights of a caller come from; none for Pilothouse itself.
    pub fn of(caller: &Caller) -> Option<Self> {
        let token = caller.token.as_ref().map(|token| Self::Token(token.id));
        token.or_else(|| caller.session_id.map(Self::Session))
    }
}

/// What a grant is looked for by in the store.
#[derive(Clone, Copy)]
enum Sought {
    Session(SessionId),
    TokenOf([u8; 32]),
}

struct Grant {
    key: Key,
    caller: Caller,
    user: UserId,
    expires_at: AtomicI64,
    used_at: AtomicI64,
    saved_at: AtomicI64,
    seen_at: AtomicI64,
}

impl Grants {
    /// The caller of a session, from memory or else from the store; none when it has ended. Notes that it was used.
    pub async fn find(&self, store: &Store, id: SessionId, user: UserId, now: Timestamp) -> Result<Option<Caller>> {
        let grant = match self.live(Key::Session(id), now) {
            Some(grant) => Some(grant),
            None => self.read(store, Sought::Session(id), now).await?,
        };
        Ok(grant.filter(|grant| grant.user == user).map(|grant| grant.used(now)))
    }

    /// The caller that the API token of that hash speaks for, from memory or else from the store; none when it was revoked or has expired.
    /// Notes that it was used.
    pub async fn find_token(&self, store: &Store, hash: [u8; 32], now: Timestamp) -> Result<Option<Caller>> {
        let known = self.hashes.read().unwrap_or_else(PoisonError::into_inner).get(&hash).copied();
        let grant = match known.and_then(|id| self.live(Key::Token(id), now)) {
            Some(grant) => Some(grant),
            None => self.read(store, Sought::TokenOf(hash), now).await?,
        };
        Ok(grant.map(|grant| grant.used(now)))
    }

    /// Takes a grant from the store into memory.
    async fn read(&self, store: &Store, sought: Sought, now: Timestamp) -> Result<Option<Arc<Grant>>> {
        loop {
            let before = self.reloads.load(Ordering::Acquire);
            let db = &mut store.main.read().await?;
            let found = match sought {
                Sought::Session(id) => grant_find(db, id, now).await?.map(|row| Grant::of_session(row, now)),
                Sought::TokenOf(hash) => token_grant_find(db, hash, now).await?.map(|row| Grant::of_token(row, now)),
            };
            let Some(grant) = found.map(Arc::new) else { return Ok(None) };
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            if self.reloads.load(Ordering::Acquire) != before {
                continue;
            }
            known.insert(grant.key, grant.clone());
            if let (Sought::TokenOf(hash), Key::Token(id)) = (sought, grant.key) {
                self.hashes.write().unwrap_or_else(PoisonError::into_inner).insert(hash, id);
            }
            return Ok(Some(grant));
        }
    }

    /// The caller of what is in use with the rights of now, without asking the store; none when it has ended.
    pub fn current(&self, key: Key, now: Timestamp) -> Option<Caller> {
        self.live(key, now).map(|grant| grant.caller.clone())
    }

    /// Reads the rights of all that is known again; what has ended is forgotten.
    pub async fn reload(&self, store: &Store, now: Timestamp) -> Result<()> {
        let _alone = self.reloading.lock().await;
        self.reloads.fetch_add(1, Ordering::AcqRel);
        if self.is_empty() {
            return Ok(());
        }
        let db = &mut store.main.read().await?;
        let sessions = grant_list(db, now).await?.into_iter().map(|row| Grant::of_session(row, now));
        let tokens = token_grant_list(db, now).await?.into_iter().map(|row| Grant::of_token(row, now));
        let read = sessions.chain(tokens);
        let mut read: HashMap<_, _> = read.map(|grant| (grant.key, grant)).collect();
        self.keep(|key, grant| {
            let Some(now) = read.remove(key) else { return false };
            *grant = Arc::new(now.after(grant));
            true
        });
        Ok(())
    }

    /// Whether nothing is in use.
    pub fn is_empty(&self) -> bool {
        self.known.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Saves when sessions and API tokens were used last, in one write, and forgets those that nobody has asked for lately.
    pub async fn save(&self, store: &Store, now: Timestamp) -> Result<()> {
        let mut used = Vec::new();
        self.keep(|key, grant| {
            used.extend(grant.unsaved().map(|at| (*key, at)));
            now.seconds_since(Timestamp::from_micros(grant.seen_at.load(Ordering::Relaxed))) < IDLE as f64
        });
        if used.is_empty() {
            return Ok(());
        }
        let write = store.main.write(move |db| {
            Box::pin(async move {
                for (key, at) in used {
                    match key {
                        Key::Session(id) => session_used(db, id, at, at.plus_seconds(SESSION_SECONDS)).await?,
                        Key::Token(id) => api_token_used(db, id, at).await?,
                    }
                }
                Ok(())
            })
        });
        write.await
    }

    fn keep(&self, stays: impl FnMut(&Key, &mut Arc<Grant>) -> bool) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.retain(stays);
        self.hashes.write().unwrap_or_else(PoisonError::into_inner).retain(|_, id| known.contains_key(&Key::Token(*id)));
    }

    fn live(&self, key: Key, now: Timestamp) -> Option<Arc<Grant>> {
        let grant = self.known.read().unwrap_or_else(PoisonError::into_inner).get(&key).cloned()?;
        grant.seen_at.store(now.micros(), Ordering::Relaxed);
        (grant.expires_at.load(Ordering::Relaxed) > now.micros()).then_some(grant)
    }
}

impl Grant {
    fn of_session(row: GrantRow, now: Timestamp) -> Self {
        let (id, user) = (SessionId(row.id), UserId(row.user_id));
        let role = row.role.parse().unwrap_or(api::Role::Viewer);
        let caller = Caller { user_id: Some(user), name: row.username, role, session_id: Some(id), only: None, token: None };
        Self::new(Key::Session(id), caller, user, (row.expires_at, row.last_used_at), now)
    }

    fn of_token(row: TokenGrantRow, now: Timestamp) -> Self {
        let TokenGrantRow { token, role } = row;
        let (id, user) = (ApiTokenId(token.id), UserId(token.user_id));
        let caller = Caller {
            user_id: Some(user),
            name: format!("{} (token {})", token.username, token.name),
            role: role.parse().unwrap_or(api::Role::Viewer),
            session_id: None,
            only: None,
            token: Some(ByToken { id, scopes: token.scopes() }),
        };
        Self::new(Key::Token(id), caller, user, (token.expires_at, token.last_used_at.unwrap_or_default()), now)
    }

    fn new(key: Key, caller: Caller, user: UserId, (expires_at, last_used_at): (i64, i64), now: Timestamp) -> Self {
        Self {
            key,
            caller,
            user,
            expires_at: expires_at.into(),
            used_at: last_used_at.into(),
            saved_at: last_used_at.into(),
            seen_at: now.micros().into(),
        }
    }

    /// This one, with what isn't saved yet of the one before.
    fn after(self, before: &Self) -> Self {
        self.used_at.fetch_max(before.used_at.load(Ordering::Relaxed), Ordering::Relaxed);
        self.expires_at.fetch_max(before.expires_at.load(Ordering::Relaxed), Ordering::Relaxed);
        self.seen_at.store(before.seen_at.load(Ordering::Relaxed), Ordering::Relaxed);
        self
    }

    fn used(&self, now: Timestamp) -> Caller {
        if now.micros() - self.used_at.load(Ordering::Relaxed) >= PRECISION * 1_000_000 {
            self.used_at.store(now.micros(), Ordering::Relaxed);
            if let Key::Session(_) = self.key {
                // An API token ends when it was said to.
                self.expires_at.store(now.plus_seconds(SESSION_SECONDS).micros(), Ordering::Relaxed);
            }
        }
        self.caller.clone()
    }

    /// The last use, if it isn't saved; then it is taken for saved.
    fn unsaved(&self) -> Option<Timestamp> {
        let used = self.used_at.load(Ordering::Relaxed);
        (self.saved_at.swap(used, Ordering::Relaxed) < used).then(|| Timestamp::from_micros(used))
    }
}
