//! Sign-in, refresh, sign-out: the life of a session.

use api::{
    Caller, Credentials, Error, ErrorCode, EventKind, Me, Origin, Permission, Result, Secret, Session, SessionId, Setup, Timestamp, Tokens,
    UserId,
};
use async_trait::async_trait;
use serde_json::json;

use super::tokens::{ACCESS_SECONDS, RefreshToken, is_api_token};
use super::{Manager, SESSION_SECONDS, setup, users};
use crate::events::NewEvent;
use crate::store::Conn;
use crate::store::sessions::{
    SessionRow, session_delete, session_delete_expired, session_delete_of, session_find, session_insert, session_list, session_rotate,
};
use crate::store::users::{rights_changed, user_find, user_find_named, user_signed_in, user_update, username_key};

/// How long the token before the present one gets the same answer, in seconds: for tabs and lost replies.
const GRACE: i64 = 30;

/// What a refresh token turned out to be.
enum Refresh {
    /// It was the present one, or the one before within its grace.
    Good(UserId),
    /// It was used long ago: somebody has a copy. The session has been ended.
    Reused,
}

#[async_trait]
impl api::ports::Auth for Manager {
    async fn is_set_up(&self) -> Result<bool> {
        setup::is_set_up(self).await
    }

    async fn set_up(&self, setup: Setup, origin: Origin) -> Result<Tokens> {
        setup::set_up(self, setup, origin).await
    }

    async fn sign_in(&self, credentials: Credentials, origin: Origin) -> Result<Tokens> {
        let now = self.core.clock.now();
        let name = shown(&credentials.username);
        let mut keys = address_key(&origin);
        keys.push(format!("account {}", username_key(&name)));
        self.limits.attempt(&keys, now)?;
        let user = match api::is_username(&credentials.username) {
            true => user_find_named(&mut self.core.store.main.read().await?, &credentials.username).await?,
            false => None,
        };
        let is_long = credentials.password.reveal().chars().count() > api::PASSWORD_MAX;
        let hash = user.as_ref().filter(|_| !is_long).map(|user| user.password_hash.clone());
        let password = if is_long { Secret::new("") } else { credentials.password };
        let is_right = self.passwords.verify(&password, hash).await?;
        let Some(user) = user.filter(|user| is_right && user.is_active) else {
            let message = format!("sign-in as '{name}' from {} failed", place(&origin));
            let mut event = NewEvent::new(EventKind::SignInFailed, message).with(json!({ "username": name, "address": origin.address }));
            event.actor = Some(name);
            self.core.events.record(event).await?;
            return Err(bad_credentials());
        };
        let (id, caller) = (UserId(user.id), users::caller(&user));
        let (session, refresh) = begin(self, id, &origin, now);
        let session_id = refresh.session;
        let write = self.core.events.write(move |db| {
            Box::pin(async move {
                // They may have been changed while the password was verified.
                let unchanged = user_find(db, id).await?.filter(|row| row.is_active && row.password_hash == user.password_hash);
                if unchanged.is_none() {
                    return Err(bad_credentials().into());
                }
                let event = start(db, &session, &caller).await?;
                Ok(((), vec![event]))
            })
        });
        write.await?;
        self.answer(id, session_id, &refresh, now)
    }

    async fn refresh(&self, refresh_token: Secret, _origin: Origin) -> Result<Tokens> {
        let now = self.core.clock.now();
        let Some(token) = self.mint.read_refresh(&refresh_token) else {
            return Err(Error::new(ErrorCode::NotSignedIn, "this refresh token isn't one that this Pilothouse made; sign in"));
        };
        let next = self.mint.next_refresh(&token);
        let (session, old, new) = (token.session, token.hash(), next.hash());
        let write = self.core.events.write(move |db| {
            Box::pin(async move {
                let row = session_find(db, session).await?.filter(|row| row.expires_at > now.micros()).ok_or_else(ended)?;
                let user = user_find(db, UserId(row.user_id)).await?.filter(|user| user.is_active).ok_or_else(ended)?;
                let good = Refresh::Good(UserId(user.id));
                if session_rotate(db, session, old, new, now, now.plus_seconds(SESSION_SECONDS)).await? {
                    return Ok((good, Vec::new()));
                }
                let is_previous = row.previous_hash.as_deref() == Some(&old) && row.token_hash == new;
                if is_previous && now.seconds_since(Timestamp::from_micros(row.rotated_at)) <= GRACE as f64 {
                    return Ok((good, Vec::new()));
                }
                session_delete(db, session).await?;
                rights_changed(db).await?;
                let message = format!("a refresh token of {} was used twice, so the session was ended", user.username);
                let event = NewEvent::new(EventKind::RefreshReused, message).by(&users::caller(&user)).about(session);
                Ok((Refresh::Reused, vec![event]))
            })
        });
        match write.await? {
            Refresh::Good(user) => self.answer(user, session, &next, now),
            Refresh::Reused => {
                self.rights_changed().await;
                let message = "this refresh token was used before, so the session was ended for safety; sign in";
                Err(Error::new(ErrorCode::SessionEnded, message))
            }
        }
    }

    async fn sign_out(&self, refresh_token: Secret) -> Result<()> {
        let Some(token) = self.mint.read_refresh(&refresh_token) else { return Ok(()) };
        let session = token.session;
        let write = self.core.events.write(move |db| {
            Box::pin(async move {
                let Some(row) = session_find(db, session).await? else { return Ok((false, Vec::new())) };
                let user = user_find(db, UserId(row.user_id)).await?;
                session_delete(db, session).await?;
                rights_changed(db).await?;
                let event = user.map(|user| {
                    NewEvent::new(EventKind::SignedOut, format!("{} signed out", user.username)).by(&users::caller(&user)).about(session)
                });
                Ok((true, event.into_iter().collect()))
            })
        });
        if write.await? {
            self.rights_changed().await;
        }
        Ok(())
    }

    async fn authenticate(&self, access_token: &Secret) -> Result<Caller> {
        let now = self.core.clock.now();
        let claims = self.mint.read_access(access_token, now)?;
        self.grants.find(&self.core.store, claims.sid, claims.sub, now).await?.ok_or_else(ended)
    }

    async fn authenticate_bearer(&self, token: &Secret) -> Result<Caller> {
        if is_api_token(token) { self.speaks_for(token).await } else { self.authenticate(token).await }
    }

    async fn me(&self, caller: &Caller) -> Result<Me> {
        let id = known(caller, Permission::AccountRead)?;
        let user = user_find(&mut self.core.store.main.read().await?, id).await?.ok_or_else(ended)?;
        let permissions = Permission::ALL.iter().filter(|permission| caller.may(**permission)).map(|permission| permission.as_str().into());
        Ok(Me { user: user.user(), session_id: caller.session_id, permissions: permissions.collect() })
    }

    async fn sessions(&self, caller: &Caller) -> Result<Vec<Session>> {
        let id = own(caller)?;
        let rows = session_list(&mut self.core.store.main.read().await?, id, self.core.clock.now()).await?;
        let session = |row: SessionRow| Session {
            id: SessionId(row.id),
            created_at: Timestamp::from_micros(row.created_at),
            last_used_at: Timestamp::from_micros(row.last_used_at),
            expires_at: Timestamp::from_micros(row.expires_at),
            address: row.address,
            user_agent: row.user_agent,
            is_current: caller.session_id == Some(SessionId(row.id)),
        };
        Ok(rows.into_iter().map(session).collect())
    }

    async fn revoke(&self, caller: &Caller, id: SessionId) -> Result<()> {
        caller.require(Permission::SessionsOwn)?;
        let by = caller.clone();
        let write = self.core.events.write(move |db| {
            Box::pin(async move {
                let row = session_find(db, id).await?;
                let row = row.filter(|row| by.user_id == Some(UserId(row.user_id)) || by.may(Permission::UsersManage));
                let row = row.ok_or_else(|| Error::not_found("session", id))?;
                let owner = user_find(db, UserId(row.user_id)).await?.map_or_else(String::new, |user| user.username);
                session_delete(db, id).await?;
                rights_changed(db).await?;
                let message = format!("a session of {owner} was ended");
                Ok(((), vec![NewEvent::new(EventKind::SessionRevoked, message).by(&by).about(id)]))
            })
        });
        write.await?;
        self.rights_changed().await;
        Ok(())
    }

    async fn change_password(&self, caller: &Caller, old: Secret, new: Secret) -> Result<()> {
        let id = own(caller)?;
        Error::invalid_fields(api::password_fault(&new).into_iter().collect())?;
        let user = user_find(&mut self.core.store.main.read().await?, id).await?.ok_or_else(ended)?;
        self.limits.attempt(&[format!("account {}", username_key(&user.username))], self.core.clock.now())?;
        if !self.passwords.verify(&old, Some(user.password_hash.clone())).await? {
            return Err(Error::invalid("/old", "that isn't your present password"));
        }
        let hash = self.passwords.hash(&new).await?;
        let by = caller.clone();
        let write = self.core.events.write(move |db| {
            Box::pin(async move {
                let unchanged = user_find(db, id).await?.filter(|row| row.is_active && row.password_hash == user.password_hash);
                let mut row = unchanged.ok_or_else(|| Error::conflict("the password was changed by somebody else meanwhile"))?;
                row.password_hash = hash;
                user_update(db, &row).await?;
                let ended = session_delete_of(db, id, by.session_id).await?;
                rights_changed(db).await?;
                let message = format!("{} changed their password; {ended} other sessions were ended", row.username);
                Ok(((), vec![NewEvent::new(EventKind::PasswordChanged, message).by(&by).about(row.id)]))
            })
        });
        write.await?;
        self.rights_changed().await;
        Ok(())
    }
}

impl Manager {
    /// Makes sure that it is the caller who asks, by their present password. Fails with `validation_failed` at `/password` when that is
    /// another one, or with `rate_limited`.
    pub(crate) async fn confirm(&self, caller: &Caller, password: Secret) -> Result<()> {
        let id = own(caller)?;
        let user = user_find(&mut self.core.store.main.read().await?, id).await?.ok_or_else(ended)?;
        self.limits.attempt(&[format!("account {}", username_key(&user.username))], self.core.clock.now())?;
        let is_long = password.reveal().chars().count() > api::PASSWORD_MAX;
        let password = if is_long { Secret::new("") } else { password };
        match self.passwords.verify(&password, Some(user.password_hash)).await? {
            true if user.is_active => Ok(()),
            _ => Err(Error::invalid("/password", "that isn't your present password")),
        }
    }

    /// The answer to a sign-in or a refresh.
    pub(super) fn answer(&self, user: UserId, session: SessionId, refresh: &RefreshToken, now: Timestamp) -> Result<Tokens> {
        Ok(Tokens {
            access_token: self.mint.access(user, session, now)?,
            token_type: "Bearer".into(),
            expires_in: ACCESS_SECONDS,
            refresh_token: self.mint.write_refresh(refresh),
        })
    }
}

/// A new session and its first refresh token; nothing is stored yet.
pub(super) fn begin(manager: &Manager, user: UserId, origin: &Origin, now: Timestamp) -> (SessionRow, RefreshToken) {
    let refresh = manager.mint.first_refresh(SessionId(manager.core.clock.new_uuid()));
    let row = SessionRow {
        id: refresh.session.0,
        user_id: user.0,
        created_at: now.micros(),
        last_used_at: now.micros(),
        expires_at: now.plus_seconds(SESSION_SECONDS).micros(),
        address: text(&origin.address, 100),
        user_agent: text(&origin.user_agent, 300),
        generation: 0,
        token_hash: refresh.hash().to_vec(),
        previous_hash: None,
        rotated_at: now.micros(),
    };
    (row, refresh)
}

/// Stores a session that begins, and answers its event.
pub(super) async fn start(db: &mut Conn, session: &SessionRow, caller: &Caller) -> crate::store::Result<NewEvent> {
    session_insert(db, session).await?;
    user_signed_in(db, UserId(session.user_id), Timestamp::from_micros(session.created_at)).await?;
    let origin = Origin { address: session.address.clone(), user_agent: session.user_agent.clone() };
    let message = format!("{} signed in from {}", caller.name, place(&origin));
    let data = json!({ "address": session.address, "user_agent": session.user_agent });
    Ok(NewEvent::new(EventKind::SignedIn, message).by(caller).about(session.id).with(data))
}

pub(super) async fn forget_expired(manager: &Manager, now: Timestamp) -> Result<()> {
    manager.core.store.main.write(move |db| Box::pin(session_delete_expired(db, now))).await.map(|_| ())
}

/// The key of an address for the limit of attempts; none when there is no address.
pub(super) fn address_key(origin: &Origin) -> Vec<String> {
    let address = Some(&origin.address).filter(|address| !address.is_empty());
    address.map(|address| format!("address {}", text(address, 100))).into_iter().collect()
}

/// The user behind a caller, who has sessions of their own.
fn own(caller: &Caller) -> Result<UserId> {
    known(caller, Permission::SessionsOwn)
}

/// The user behind a caller who has `permission`.
pub(super) fn known(caller: &Caller, permission: Permission) -> Result<UserId> {
    caller.require(permission)?;
    caller.user_id.ok_or_else(|| Error::forbidden("Pilothouse itself has no account"))
}

/// A name that somebody has typed, as it may be shown: it can be anything, a password too.
fn shown(username: &str) -> String {
    text(username, 63)
}

fn text(text: &str, most: usize) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(most).collect()
}

fn place(origin: &Origin) -> String {
    if origin.address.is_empty() { "an unknown address".into() } else { text(&origin.address, 100) }
}

fn bad_credentials() -> Error {
    Error::new(ErrorCode::BadCredentials, "the user name or the password is wrong")
}

fn ended() -> Error {
    Error::new(ErrorCode::SessionEnded, "the session has ended; sign in again")
}
