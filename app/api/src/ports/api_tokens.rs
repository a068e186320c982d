//! API tokens: what programs ask with, in place of somebody's password.

use async_trait::async_trait;

use crate::{ApiToken, ApiTokenId, ApiTokensQuery, Caller, MadeApiToken, NewApiToken, Page, Result};

/// API tokens of the caller. No API token may do any of it.
#[async_trait]
pub trait ApiTokens: Send + Sync {
    /// The caller's tokens, newest first, with those that have expired in the last [`ApiToken::KEPT_DAYS`] days. Needs `tokens:own`, and
    /// `users:manage` for those of everybody.
    async fn list(&self, caller: &Caller, query: ApiTokensQuery) -> Result<Page<ApiToken>>;

    /// Makes one, and answers its text, which is told nobody again. Needs `tokens:own`. Fails with `conflict` when the caller has
    /// [`ApiToken::MOST`] or one of that name.
    async fn create(&self, caller: &Caller, new: NewApiToken) -> Result<MadeApiToken>;

    /// Revokes one of the caller's, with `users:manage` anybody's: at once for requests, within a second for what is open. Needs `tokens:own`.
    async fn revoke(&self, caller: &Caller, id: ApiTokenId) -> Result<()>;
}
