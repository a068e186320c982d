//! Signing in and out, and the theme.
#![allow(missing_docs, reason = "the fields of the types that #[server] makes are the documented functions' arguments")]

use leptos::prelude::*;

#[cfg(feature = "ssr")]
use super::*;
use super::{Json, RpcResult};
use crate::Theme;

/// Whether there is a user at all.
#[server(prefix = "/rpc", output = Json, endpoint = "is_set_up")]
pub async fn is_set_up() -> RpcResult<bool> {
    Ok(RequestContext::current().backend.auth.is_set_up().await?)
}

/// Signs in and goes on to `next`.
#[server(prefix = "/rpc", output = Json, endpoint = "sign_in")]
pub async fn sign_in(username: String, password: api::Secret, #[server(default)] next: String) -> RpcResult<()> {
    let context = RequestContext::current();
    let credentials = api::Credentials { username, password };
    let tokens = context.backend.auth.sign_in(credentials, context.origin).await?;
    add_cookies(&crate::session::set_cookies(&tokens));
    leptos_axum::redirect(crate::path::local(&next));
    Ok(())
}

/// Makes the first user with the one-time link and signs them in.
#[server(prefix = "/rpc", output = Json, endpoint = "set_up")]
pub async fn set_up(token: api::Secret, username: String, password: api::Secret) -> RpcResult<()> {
    let context = RequestContext::current();
    let setup = api::Setup { token, username, password };
    let tokens = context.backend.auth.set_up(setup, context.origin).await?;
    add_cookies(&crate::session::set_cookies(&tokens));
    leptos_axum::redirect(crate::path::OVERVIEW);
    Ok(())
}

/// Ends the session of this browser.
#[server(prefix = "/rpc", output = Json, endpoint = "sign_out")]
pub async fn sign_out(#[server(default)] form_token: String) -> RpcResult<()> {
    let context = RequestContext::current();
    if context.caller.is_some() {
        context.check_form_token(&form_token)?;
    }
    if let Some(token) = request_cookie(crate::session::REFRESH_COOKIE) {
        context.backend.auth.sign_out(api::Secret::new(token)).await?;
    }
    add_cookies(&crate::session::clear_cookies());
    leptos_axum::redirect(crate::path::SIGN_IN);
    Ok(())
}

/// Remembers the theme for a year.
#[server(prefix = "/rpc", output = Json, endpoint = "set_theme")]
pub async fn set_theme(theme: Theme) -> RpcResult<()> {
    let cookie = format!("{}={}; Path=/; Max-Age=31536000; SameSite=Lax", crate::THEME_COOKIE, theme.as_str());
    add_cookies(&[cookie]);
    Ok(())
}
