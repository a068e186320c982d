//! The first user.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use api::{Error, ErrorCode, EventKind, Origin, Result, Role, Secret, Setup, Tokens};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::{Manager, sessions, users};
use crate::clock::random;
use crate::events::NewEvent;
use crate::store::users::{setup_token_clear, setup_token_is_good, setup_token_replace, user_exists, user_insert};

/// How long the link is good, in seconds.
const LASTS: i64 = 30 * 60;

pub(super) async fn is_set_up(manager: &Manager) -> Result<bool> {
    if manager.is_set_up.load(Ordering::Relaxed) {
        return Ok(true);
    }
    let found = user_exists(&mut manager.core.store.main.read().await?).await?;
    if found {
        done(manager);
    }
    Ok(found)
}

pub(super) async fn prepare(manager: &Manager) -> Result<()> {
    if is_set_up(manager).await? {
        return Ok(());
    }
    if let Some(password) = manager.core.config.admin_password.clone() {
        return make_admin(manager, password).await;
    }
    let token = Secret::new(BASE64_URL_SAFE_NO_PAD.encode(random::<32>()));
    let (hash, expires_at) = (hash(&token), manager.core.clock.now().plus_seconds(LASTS));
    let write = manager.core.store.main.write(move |db| Box::pin(setup_token_replace(db, hash, expires_at)));
    write.await?;
    *manager.setup_token.lock().unwrap_or_else(PoisonError::into_inner) = Some(token);
    Ok(())
}

/// The token is used up when the user is made, not before.
pub(super) async fn set_up(manager: &Manager, setup: Setup, origin: Origin) -> Result<Tokens> {
    let now = manager.core.clock.now();
    manager.limits.attempt(&sessions::address_key(&origin), now)?;
    if is_set_up(manager).await? {
        return Err(already());
    }
    let token = hash(&setup.token);
    if !setup_token_is_good(&mut manager.core.store.main.read().await?, token, now).await? {
        return Err(bad_link());
    }
    Error::invalid_fields(api::credential_faults(&setup.username, &setup.password))?;
    let password_hash = manager.passwords.hash(&setup.password).await?;
    let user = users::row(&manager.core.clock, &setup.username, password_hash, Role::Admin);
    let (session, refresh) = sessions::begin(manager, api::UserId(user.id), &origin, now);
    let caller = users::caller(&user);
    let write = manager.core.events.write(move |db| {
        Box::pin(async move {
            if user_exists(db).await? {
                return Err(already().into());
            }
            if !setup_token_is_good(db, token, now).await? {
                return Err(bad_link().into());
            }
            user_insert(db, &user).await?;
            setup_token_clear(db).await?;
            let made = NewEvent::new(EventKind::UserCreated, format!("{} was made as the first Admin", user.username)).by(&caller);
            let signed_in = sessions::start(db, &session, &caller).await?;
            Ok(((api::UserId(user.id), api::SessionId(session.id)), vec![made, signed_in]))
        })
    });
    let (user, session) = write.await?;
    done(manager);
    manager.answer(user, session, &refresh, now)
}

async fn make_admin(manager: &Manager, password: Secret) -> Result<()> {
    if let Some(fault) = api::password_fault(&password) {
        return Err(Error::invalid("PILOTHOUSE_ADMIN_PASSWORD", format!("PILOTHOUSE_ADMIN_PASSWORD can't be used: {}", fault.message)));
    }
    let password_hash = manager.passwords.hash(&password).await?;
    let user = users::row(&manager.core.clock, "admin", password_hash, Role::Admin);
    let write = manager.core.events.write(move |db| {
        Box::pin(async move {
            // Another instance may have been faster.
            if user_exists(db).await? {
                return Ok(((), Vec::new()));
            }
            user_insert(db, &user).await?;
            setup_token_clear(db).await?;
            let message = "admin was made with the password of the configuration";
            Ok(((), vec![NewEvent::new(EventKind::UserCreated, message).by(&api::Caller::system())]))
        })
    });
    write.await?;
    done(manager);
    Ok(())
}

fn done(manager: &Manager) {
    manager.is_set_up.store(true, Ordering::Relaxed);
    manager.setup_token.lock().unwrap_or_else(PoisonError::into_inner).take();
}

fn hash(token: &Secret) -> [u8; 32] {
    Sha256::digest(token.reveal().as_bytes()).into()
}

fn already() -> Error {
    Error::conflict("Pilothouse is set up already; sign in")
}

fn bad_link() -> Error {
    let message = "this set-up link isn't good any more: it lasts 30 minutes and until Pilothouse restarts, which prints a new one";
    Error::new(ErrorCode::Forbidden, message)
}
