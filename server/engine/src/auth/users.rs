//! Users: made, changed and deleted by Admins and by the command line.

use api::{Caller, Error, EventKind, NewUser, Permission, Result, Role, User, UserId, UserPatch};
use async_trait::async_trait;
use serde_json::json;

use super::Manager;
use crate::Clock;
use crate::events::NewEvent;
use crate::store::Conn;
use crate::store::api_tokens::api_token_delete_of;
use crate::store::sessions::session_delete_of;
use crate::store::users::{
    UserRow, rights_changed, setup_token_clear, user_count_other_admins, user_delete, user_find, user_find_named, user_insert, user_list,
    user_update,
};

/// A user to be stored.
pub(super) fn row(clock: &Clock, username: &str, password_hash: String, role: Role) -> UserRow {
    UserRow {
        id: clock.new_uuid(),
        username: username.into(),
        password_hash,
        role: role.as_str().into(),
        is_active: true,
        created_at: clock.now().micros(),
        last_sign_in: None,
    }
}

/// A user as the one who acts.
pub(super) fn caller(user: &UserRow) -> Caller {
    Caller { user_id: Some(UserId(user.id)), name: user.username.clone(), role: user.role(), session_id: None, only: None, token: None }
}

#[async_trait]
impl api::ports::Users for Manager {
    async fn list(&self, caller: &Caller) -> Result<Vec<User>> {
        caller.require(Permission::UsersManage)?;
        let rows = user_list(&mut self.core.store.main.read().await?).await?;
        Ok(rows.iter().map(UserRow::user).collect())
    }

    async fn create(&self, caller: &Caller, new: NewUser) -> Result<User> {
        caller.require(Permission::UsersManage)?;
        Error::invalid_fields(api::credential_faults(&new.username, &new.password))?;
        let row = row(&self.core.clock, &new.username, self.passwords.hash(&new.password).await?, new.role);
        let by = caller.clone();
        let write = self.core.events.write(move |db| {
            Box::pin(async move {
                if user_find_named(db, &row.username).await?.is_some() {
                    return Err(Error::conflict(format!("there is a user '{}' already; choose another name", row.username)).into());
                }
                user_insert(db, &row).await?;
                setup_token_clear(db).await?;
                let message = format!("{} was made as {}", row.username, row.role().label());
                let event = NewEvent::new(EventKind::UserCreated, message).by(&by).about(row.id);
                Ok((row.user(), vec![event.with(json!({ "username": row.username, "role": row.role }))]))
            })
        });
        write.await
    }

    async fn change(&self, caller: &Caller, id: UserId, patch: UserPatch) -> Result<User> {
        caller.require(Permission::UsersManage)?;
        Error::invalid_fields(patch.password.as_ref().and_then(api::password_fault).into_iter().collect())?;
        let hash = match &patch.password {
            Some(password) => Some(self.passwords.hash(password).await?),
            None => None,
        };
        let by = caller.clone();
        let write = self.core.events.write(move |db| {
            Box::pin(async move {
                let before = user_find(db, id).await?.ok_or_else(|| Error::not_found("user", id))?;
                let mut row = before.clone();
                row.role = patch.role.map_or(row.role, |role| role.as_str().into());
                row.is_active = patch.is_active.unwrap_or(row.is_active);
                let changes_password = hash.is_some();
                row.password_hash = hash.unwrap_or(row.password_hash);
                keep_an_admin(db, &before, row.is_active && row.role() == Role::Admin).await?;
                user_update(db, &row).await?;
                if changes_password || !row.is_active {
                    session_delete_of(db, id, None).await?;
                }
                // Who sets another's password takes the account back from whoever had it. Those of a suspended user are refused, and stay.
                let revoked = if changes_password { api_token_delete_of(db, id).await? } else { 0 };
                rights_changed(db).await?;
                let mut events = Vec::new();
                if changes_password {
                    let tokens = if revoked > 0 { format!(", which revoked {revoked} API tokens") } else { String::new() };
                    let message = format!("the password of {} was set{tokens}", row.username);
                    events.push(NewEvent::new(EventKind::PasswordChanged, message).by(&by).about(row.id));
                }
                if row.role != before.role || row.is_active != before.is_active {
                    let standing = if row.is_active { "active" } else { "may not sign in" };
                    let message = format!("{} is now {}, {standing}", row.username, row.role().label());
                    let data = json!({ "username": row.username, "role": row.role, "is_active": row.is_active });
                    events.push(NewEvent::new(EventKind::UserChanged, message).by(&by).about(row.id).with(data));
                }
                Ok((row.user(), events))
            })
        });
        let user = write.await?;
        self.rights_changed().await;
        Ok(user)
    }

    async fn delete(&self, caller: &Caller, id: UserId) -> Result<()> {
        caller.require(Permission::UsersManage)?;
        let by = caller.clone();
        let write = self.core.events.write(move |db| {
            Box::pin(async move {
                let row = user_find(db, id).await?.ok_or_else(|| Error::not_found("user", id))?;
                keep_an_admin(db, &row, false).await?;
                session_delete_of(db, id, None).await?;
                api_token_delete_of(db, id).await?;
                user_delete(db, id).await?;
                rights_changed(db).await?;
                let event = NewEvent::new(EventKind::UserDeleted, format!("{} was deleted", row.username)).by(&by).about(row.id);
                Ok(((), vec![event]))
            })
        });
        write.await?;
        self.rights_changed().await;
        Ok(())
    }
}

/// Writes are serialised, so no other Admin goes while this looks.
async fn keep_an_admin(db: &mut Conn, before: &UserRow, stays: bool) -> crate::store::Result<()> {
    let is_one = before.is_active && before.role() == Role::Admin;
    if is_one && !stays && user_count_other_admins(db, UserId(before.id)).await? == 0 {
        let message = format!("{} is the last active Admin; make another one first", before.username);
        return Err(Error::conflict(message).into());
    }
    Ok(())
}
