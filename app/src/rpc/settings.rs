//! Own sessions and password, and for an Admin the users. All forms are plain ones: they load the page anew.
#![allow(missing_docs, reason = "the fields of the types that #[server] makes are the documented functions' arguments")]

use api::{Role, Secret, Session, SessionId, SystemReport, User, UserId};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
use super::*;
use super::{Json, RpcResult};

/// What the settings page shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// The caller's sessions, newest first.
    pub sessions: Vec<Session>,
    /// Every user; none for those who don't manage users.
    pub users: Option<Vec<User>>,
}

/// What the settings page shows.
#[server(prefix = "/rpc", output = Json, endpoint = "settings")]
pub async fn get_settings() -> RpcResult<Settings> {
    let context = RequestContext::current();
    let (caller, backend) = (context.caller()?, &context.backend);
    let sessions = backend.auth.sessions(caller).await?;
    let users = if caller.may(api::Permission::UsersManage) { Some(backend.users.list(caller).await?) } else { None };
    Ok(Settings { sessions, users })
}

/// Pilothouse and its parts.
#[server(prefix = "/rpc", output = Json, endpoint = "system_report")]
pub async fn get_system_report() -> RpcResult<SystemReport> {
    let context = RequestContext::current();
    Ok(context.backend.system.report(context.caller()?).await?)
}

/// Ends one session.
#[server(prefix = "/rpc", output = Json, endpoint = "end_session")]
pub async fn end_session(id: SessionId, #[server(default)] form_token: String) -> RpcResult<()> {
    let context = RequestContext::current();
    context.check_form_token(&form_token)?;
    context.backend.auth.revoke(context.caller()?, id).await?;
    done("session");
    Ok(())
}

/// Changes the caller's password and ends their other sessions.
#[server(prefix = "/rpc", output = Json, endpoint = "change_password")]
pub async fn change_password(old: Secret, new: Secret, #[server(default)] form_token: String) -> RpcResult<()> {
    let context = RequestContext::current();
    context.check_form_token(&form_token)?;
    context.backend.auth.change_password(context.caller()?, old, new).await?;
    done("password");
    Ok(())
}

/// Makes a user.
#[server(prefix = "/rpc", output = Json, endpoint = "create_user")]
pub async fn create_user(username: String, password: Secret, role: Role, #[server(default)] form_token: String) -> RpcResult<()> {
    let context = RequestContext::current();
    context.check_form_token(&form_token)?;
    context.backend.users.create(context.caller()?, api::NewUser { username, password, role }).await?;
    done("user-made");
    Ok(())
}

/// Changes what a user may do, or whether they may sign in.
#[server(prefix = "/rpc", output = Json, endpoint = "change_user")]
pub async fn change_user(
    id: UserId,
    #[server(default)] role: Option<Role>,
    #[server(default)] is_active: Option<bool>,
    #[server(default)] form_token: String,
) -> RpcResult<()> {
    let context = RequestContext::current();
    context.check_form_token(&form_token)?;
    context.backend.users.change(context.caller()?, id, api::UserPatch { role, is_active, password: None }).await?;
    done("user-changed");
    Ok(())
}

/// Deletes a user.
#[server(prefix = "/rpc", output = Json, endpoint = "delete_user")]
pub async fn delete_user(id: UserId, #[server(default)] form_token: String) -> RpcResult<()> {
    let context = RequestContext::current();
    context.check_form_token(&form_token)?;
    context.backend.users.delete(context.caller()?, id).await?;
    done("user-deleted");
    Ok(())
}

/// Goes back to the settings page, which says what was done.
#[cfg(feature = "ssr")]
fn done(what: &str) {
    leptos_axum::redirect(&format!("{}?done={what}", crate::path::SETTINGS));
}
