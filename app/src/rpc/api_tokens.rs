//! API tokens: what the settings page shows of them, and what its forms do. The text of one is in the answer to making it, and nowhere else.
#![allow(missing_docs, reason = "the fields of the types that #[server] makes are the documented functions' arguments")]

use api::{ApiToken, ApiTokenId, MadeApiToken, Page, TokenScope};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
use super::*;
use super::{Json, RpcResult};

/// What the form that makes a token sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TokenForm {
    pub name: String,
    pub scopes: Vec<TokenScope>,
    /// How many days it is good for.
    pub days: String,
}

impl Default for TokenForm {
    fn default() -> Self {
        Self { name: String::new(), scopes: Vec::new(), days: ApiToken::DAYS.to_string() }
    }
}

/// The caller's tokens; those of everybody for who manages users.
#[server(prefix = "/rpc", output = Json, endpoint = "list_api_tokens")]
pub async fn list_api_tokens() -> RpcResult<Page<ApiToken>> {
    let context = RequestContext::current();
    let caller = context.caller()?;
    let all = caller.may(api::Permission::UsersManage);
    Ok(context.backend.api_tokens.list(caller, api::ApiTokensQuery { all }).await?)
}

/// Makes a token; its text is answered once.
#[server(prefix = "/rpc", output = Json, endpoint = "make_api_token")]
pub async fn make_api_token(#[server(default)] form: TokenForm, #[server(default)] form_token: String) -> RpcResult<MadeApiToken> {
    Ok(form.make(&RequestContext::current(), &form_token).await?)
}

/// Revokes a token.
#[server(prefix = "/rpc", output = Json, endpoint = "revoke_api_token")]
pub async fn revoke_api_token(id: ApiTokenId, #[server(default)] form_token: String) -> RpcResult<()> {
    let context = RequestContext::current();
    context.check_form_token(&form_token)?;
    context.backend.api_tokens.revoke(context.caller()?, id).await?;
    leptos_axum::redirect(&format!("{}?done=token-revoked&at={}", crate::path::SETTINGS, context.now.micros()));
    Ok(())
}

/// A form that was posted without JavaScript: the page that answers has the token, or why there is none, and what was typed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TriedToken {
    pub form: TokenForm,
    pub made: RpcResult<MadeApiToken>,
}

/// What the form sends to its own page.
#[cfg(feature = "ssr")]
#[derive(Debug, Deserialize)]
pub struct PostedToken {
    #[serde(default)]
    form: TokenForm,
    #[serde(default)]
    form_token: String,
}

#[cfg(feature = "ssr")]
impl TriedToken {
    /// Makes what was posted, and answers what is shown of it.
    pub async fn posted(posted: PostedToken, context: &RequestContext) -> Self {
        let PostedToken { form, form_token } = posted;
        let made = form.make(context, &form_token).await.map_err(RpcError);
        Self { form: if made.is_ok() { TokenForm::default() } else { form }, made }
    }
}

#[cfg(feature = "ssr")]
impl TokenForm {
    async fn make(&self, context: &RequestContext, form_token: &str) -> api::Result<MadeApiToken> {
        context.check_form_token(form_token)?;
        // What is no number is out of every range, which says what it has to be.
        let days = Some(self.days.trim().parse().unwrap_or_default());
        let new =
            api::NewApiToken { name: self.name.trim().to_owned(), scopes: self.scopes.clone(), expires_in_days: days, expires_at: None };
        context.backend.api_tokens.create(context.caller()?, new).await
    }
}
