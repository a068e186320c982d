//! The API tokens of the fake.

use api::ports::ApiTokens;
use api::*;
use async_trait::async_trait;

use super::{Fake, NOW};

/// A token that expires so many days from now.
pub fn token(number: u128, days: i64) -> ApiToken {
    ApiToken {
        id: ApiTokenId(uuid::Uuid::from_u128(number + 400)),
        username: "ada".into(),
        name: format!("pipeline <{number}>"),
        scopes: vec![TokenScope::Read, TokenScope::Deploy],
        created_at: NOW.plus_seconds(-86_400),
        last_used_at: (number > 1).then(|| NOW.plus_seconds(-600)),
        expires_at: NOW.plus_seconds(days * 86_400),
    }
}

#[async_trait]
impl ApiTokens for Fake {
    async fn list(&self, caller: &Caller, query: ApiTokensQuery) -> Result<Page<ApiToken>> {
        caller.require(if query.all { Permission::UsersManage } else { Permission::TokensOwn })?;
        Ok(Page::whole(self.tokens.clone()))
    }

    async fn create(&self, caller: &Caller, new: NewApiToken) -> Result<MadeApiToken> {
        caller.require(Permission::TokensOwn)?;
        Error::invalid_fields(new.faults(NOW))?;
        let made = ApiToken { name: new.name.clone(), scopes: new.scopes.clone(), expires_at: new.expiry(NOW), ..token(9, 1) };
        Ok(MadeApiToken { made, token: Secret::new("pht_planted") })
    }

    async fn revoke(&self, caller: &Caller, id: ApiTokenId) -> Result<()> {
        caller.require(Permission::TokensOwn)?;
        self.tokens.iter().any(|one| one.id == id).then_some(()).ok_or_else(|| Error::not_found("API token", id))
    }
}
