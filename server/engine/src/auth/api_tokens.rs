//! API tokens: made and revoked by whom they speak for, and looked up by their hashes.

use api::{
    ApiToken, ApiTokenId, ApiTokensQuery, Caller, Error, ErrorCode, EventKind, MadeApiToken, NewApiToken, Page, Permission, Result, Secret,
    Timestamp, TokenScope, UserId,
};
use async_trait::async_trait;
use serde_json::json;

use super::Manager;
use super::sessions::known;
use crate::events::NewEvent;
use crate::store::api_tokens::{
    ApiTokenRow, api_token_delete, api_token_delete_expired, api_token_find, api_token_insert, api_token_list, api_token_list_all,
};
use crate::store::users::{rights_changed, user_find};

#[async_trait]
impl api::ports::ApiTokens for Manager {
    async fn list(&self, caller: &Caller, query: ApiTokensQuery) -> Result<Page<ApiToken>> {
        let id = known(caller, Permission::TokensOwn)?;
        let rows = if query.all {
            caller.require(Permission::UsersManage)?;
            api_token_list_all(&mut self.core.store.main.read().await?).await?
        } else {
            api_token_list(&mut self.core.store.main.read().await?, id).await?
        };
        Ok(Page::whole(rows.into_iter().map(ApiTokenRow::token).collect()))
    }

    async fn create(&self, caller: &Caller, new: NewApiToken) -> Result<MadeApiToken> {
        let id = known(caller, Permission::TokensOwn)?;
        let now = self.core.clock.now();
        Error::invalid_fields(new.faults(now))?;
        let mut scopes = new.scopes.clone();
        scopes.sort_unstable();
        scopes.dedup();
        let (token, hash) = self.mint.new_api_token();
        let row = ApiTokenRow {
            id: self.core.clock.new_uuid(),
            user_id: id.0,
            username: caller.name.clone(),
            name: new.name.trim().to_owned(),
            scopes: scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" "),
            created_at: now.micros(),
            expires_at: new.expiry(now).micros(),
            last_used_at: None,
        };
        let made = row.clone().token();
        let by = caller.clone();
        let write = self.core.events.write(move |db| {
            Box::pin(async move {
                // They may have been suspended meanwhile.
                user_find(db, id).await?.filter(|user| user.is_active).ok_or_else(refused)?;
                let there = api_token_list(db, id).await?;
                if there.iter().any(|other| other.name == row.name) {
                    return Err(Error::conflict(format!("you have a token '{}' already; choose another name", row.name)).into());
                }
                if there.len() >= ApiToken::MOST {
                    let why = format!("one has at most {} API tokens; revoke one that isn't used any more", ApiToken::MOST);
                    return Err(Error::conflict(why).into());
                }
                api_token_insert(db, &row, hash).await?;
                let expires_at = Timestamp::from_micros(row.expires_at);
                let may = TokenScope::list(&scopes, " and ");
                let message = format!("{} made the API token '{}' with the scope {may}, which expires {expires_at}", by.name, row.name);
                let data = json!({ "name": row.name, "scopes": scopes, "expires_at": expires_at });
                Ok(((), vec![NewEvent::new(EventKind::TokenMade, message).by(&by).about(row.id).with(data)]))
            })
        });
        write.await?;
        Ok(MadeApiToken { made, token })
    }

    async fn revoke(&self, caller: &Caller, id: ApiTokenId) -> Result<()> {
        caller.require(Permission::TokensOwn)?;
        let by = caller.clone();
        let write = self.core.events.write(move |db| {
            Box::pin(async move {
                let row = api_token_find(db, id).await?;
                let row = row.filter(|row| by.user_id == Some(UserId(row.user_id)) || by.may(Permission::UsersManage));
                let row = row.ok_or_else(|| Error::not_found("API token", id))?;
                api_token_delete(db, id).await?;
                rights_changed(db).await?;
                let message = format!("{} revoked the API token '{}' of {}", by.name, row.name, row.username);
                let event = NewEvent::new(EventKind::TokenRevoked, message).by(&by).about(id);
                Ok(((), vec![event.with(json!({ "name": row.name, "username": row.username }))]))
            })
        });
        write.await?;
        self.rights_changed().await;
        Ok(())
    }
}

impl Manager {
    /// The caller that an API token speaks for. Fails with `not_signed_in`, the same for one that was revoked, has expired or never was.
    pub(super) async fn speaks_for(&self, token: &Secret) -> Result<Caller> {
        let hash = self.mint.read_api_token(token).ok_or_else(refused)?;
        self.grants.find_token(&self.core.store, hash, self.core.clock.now()).await?.ok_or_else(refused)
    }
}

/// Forgets tokens that have been expired for long enough.
pub(super) async fn forget_expired(manager: &Manager, now: Timestamp) -> Result<()> {
    let before = now.plus_seconds(-ApiToken::KEPT_DAYS * 86_400);
    manager.core.store.main.write(move |db| Box::pin(api_token_delete_expired(db, before))).await.map(|_| ())
}

fn refused() -> Error {
    Error::new(ErrorCode::NotSignedIn, "the API token isn't valid or has expired; make one in the settings of Pilothouse")
}
