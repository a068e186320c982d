//! What sessions let their users do, in memory: read at each request, reloaded when somebody's rights change.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use api::{Caller, Result, SessionId, Timestamp, UserId};

use super::SESSION_SECONDS;
use crate::store::Store;
use crate::store::sessions::{GrantRow, grant_find, grant_list, session_used};

/// How long a grant that nobody asks for stays, in seconds.
const IDLE: i64 = 600;
/// How exactly the last use is kept, in seconds.
const PRECISION: i64 = 60;

/// Grants of the sessions in use.
#[derive(Default)]
pub struct Grants {
    known: RwLock<HashMap<SessionId, Arc<Grant>>>,
    /// Grows before each reload, so that what was read before it isn't put in after it.
    reloads: AtomicU64,
    reloading: tokio::sync::Mutex<()>,
}

struct Grant {
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
        if let Some(grant) = self.live(id, now) {
            return Ok((grant.user == user).then(|| grant.used(now)));
        }
        loop {
            let before = self.reloads.load(Ordering::Acquire);
            let row = grant_find(&mut store.main.read().await?, id, now).await?;
            let Some(row) = row else { return Ok(None) };
            let grant = Arc::new(Grant::new(row, now));
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            if self.reloads.load(Ordering::Acquire) == before {
                known.insert(id, grant.clone());
                return Ok((grant.user == user).then(|| grant.used(now)));
            }
        }
    }

    /// The caller of a session in use with the rights of now, without asking the store; none when it has ended.
    pub fn current(&self, id: SessionId, now: Timestamp) -> Option<Caller> {
        self.live(id, now).map(|grant| grant.caller.clone())
    }

    /// Reads the rights of all known sessions again; those that have ended are forgotten.
    pub async fn reload(&self, store: &Store, now: Timestamp) -> Result<()> {
        let _alone = self.reloading.lock().await;
        self.reloads.fetch_add(1, Ordering::AcqRel);
        if self.is_empty() {
            return Ok(());
        }
        let rows = grant_list(&mut store.main.read().await?, now).await?;
        let mut rows: HashMap<_, _> = rows.into_iter().map(|row| (SessionId(row.id), row)).collect();
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.retain(|id, grant| {
            let Some(row) = rows.remove(id) else { return false };
            *grant = Arc::new(grant.renewed(row, now));
            true
        });
        Ok(())
    }

    /// Whether no session is in use.
    pub fn is_empty(&self) -> bool {
        self.known.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Saves when sessions were used last, in one write, and forgets those that nobody has asked for lately.
    pub async fn save(&self, store: &Store, now: Timestamp) -> Result<()> {
        let used: Vec<(SessionId, Timestamp)> = {
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            let used = known.iter().filter_map(|(id, grant)| Some((*id, grant.unsaved()?))).collect();
            known.retain(|_, grant| now.seconds_since(Timestamp::from_micros(grant.seen_at.load(Ordering::Relaxed))) < IDLE as f64);
            used
        };
        if used.is_empty() {
            return Ok(());
        }
        let write = store.main.write(move |db| {
            Box::pin(async move {
                for (id, at) in used {
                    session_used(db, id, at, at.plus_seconds(SESSION_SECONDS)).await?;
                }
                Ok(())
            })
        });
        write.await
    }

    fn live(&self, id: SessionId, now: Timestamp) -> Option<Arc<Grant>> {
        let grant = self.known.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()?;
        grant.seen_at.store(now.micros(), Ordering::Relaxed);
        (grant.expires_at.load(Ordering::Relaxed) > now.micros()).then_some(grant)
    }
}

impl Grant {
    fn new(row: GrantRow, now: Timestamp) -> Self {
        let user = UserId(row.user_id);
        let role = row.role.parse().unwrap_or(api::Role::Viewer);
        let caller = Caller { user_id: Some(user), name: row.username, role, session_id: Some(SessionId(row.id)), only: None };
        Self {
            caller,
            user,
            expires_at: row.expires_at.into(),
            used_at: row.last_used_at.into(),
            saved_at: row.last_used_at.into(),
            seen_at: now.micros().into(),
        }
    }

    /// The same with the rights of `row`, keeping what isn't saved yet.
    fn renewed(&self, row: GrantRow, now: Timestamp) -> Self {
        let grant = Self::new(row, now);
        grant.used_at.fetch_max(self.used_at.load(Ordering::Relaxed), Ordering::Relaxed);
        grant.expires_at.fetch_max(self.expires_at.load(Ordering::Relaxed), Ordering::Relaxed);
        grant.seen_at.store(self.seen_at.load(Ordering::Relaxed), Ordering::Relaxed);
        grant
    }

    fn used(&self, now: Timestamp) -> Caller {
        if now.micros() - self.used_at.load(Ordering::Relaxed) >= PRECISION * 1_000_000 {
            self.used_at.store(now.micros(), Ordering::Relaxed);
            self.expires_at.store(now.plus_seconds(SESSION_SECONDS).micros(), Ordering::Relaxed);
        }
        self.caller.clone()
    }

    /// The last use, if it isn't saved; then it is taken for saved.
    fn unsaved(&self) -> Option<Timestamp> {
        let used = self.used_at.load(Ordering::Relaxed);
        (self.saved_at.swap(used, Ordering::Relaxed) < used).then(|| Timestamp::from_micros(used))
    }
}
