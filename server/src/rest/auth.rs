//! Sign-in and sessions.

use std::sync::Arc;

use api::{Credentials, Me, Page, Secret, Session, SessionId, Setup, Tokens};
use app::context::RequestContext;
use app::session::{REFRESH_COOKIE, clear_cookies, cookie, set_cookies};
use axum::extract::{Request, State};
use axum::response::{AppendHeaders, IntoResponse, Response};
use axum::{Extension, Json};
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Ports, json};
use crate::error::{Answer, Failure};
use crate::extract::{Body, Id, parse, read, require_json};
use crate::middleware::{SignedIn, bearer};
use crate::state::Server;

pub fn routes() -> OpenApiRouter<Arc<Server>> {
    OpenApiRouter::new()
        .routes(routes!(login))
        .routes(routes!(setup))
        .routes(routes!(refresh))
        .routes(routes!(logout))
        .routes(routes!(me))
        .routes(routes!(password))
        .routes(routes!(sessions))
        .routes(routes!(revoke))
}

/// A refresh token, as a client sends it; a browser sends its cookie and no body.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct RefreshToken {
    /// What the last login or refresh answered.
    refresh_token: Secret,
}

/// A change of one's own password.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct PasswordChange {
    /// The present password.
    old_password: Secret,
    /// The new one: 12 to 1024 characters.
    new_password: Secret,
}

/// Signs in; a browser gets cookies as well.
#[utoipa::path(post, path = "/api/auth/login", tag = "auth", security(()), request_body = Credentials,
    responses((status = 200, body = Tokens, description = "The tokens.")),
    extensions(("x-permission" = json!("public"))))]
async fn login(
    State(server): Ports,
    Extension(context): Extension<RequestContext>,
    Body(credentials): Body<Credentials>,
) -> Answer<Response> {
    let tokens = server.backend.auth.sign_in(credentials, context.origin).await?;
    Ok(signed_in(&tokens))
}

/// Makes the first user with the one-time link that the console shows, and signs them in.
#[utoipa::path(post, path = "/api/auth/setup", tag = "auth", security(()), request_body = Setup,
    responses((status = 200, body = Tokens, description = "The tokens.")),
    extensions(("x-permission" = json!("public"))))]
async fn setup(State(server): Ports, Extension(context): Extension<RequestContext>, Body(setup): Body<Setup>) -> Answer<Response> {
    let tokens = server.backend.auth.set_up(setup, context.origin).await?;
    Ok(signed_in(&tokens))
}

/// Exchanges a refresh token for new tokens.
///
/// The previous token gets the same answer for 30 seconds; later use ends the session. A browser sends its cookie and no body,
/// and gets new cookies and no tokens that a script could read.
#[utoipa::path(post, path = "/api/auth/refresh", tag = "auth", security(()), request_body = RefreshToken,
    responses((status = 200, body = Tokens, description = "The new tokens."), (status = 204, description = "The cookies are new.")),
    extensions(("x-permission" = json!("public"))))]
async fn refresh(State(server): Ports, Extension(context): Extension<RequestContext>, request: Request) -> Answer<Response> {
    let (token, by_cookie) = refresh_token(request).await?;
    let tokens = server.backend.auth.refresh(token, context.origin).await?;
    Ok(if by_cookie { (StatusCode::NO_CONTENT, cookies(set_cookies(&tokens))).into_response() } else { signed_in(&tokens) })
}

/// Ends the session that a refresh token, or the browser's cookie, belongs to; succeeds when it has ended already.
#[utoipa::path(post, path = "/api/auth/logout", tag = "auth", security(()), request_body = RefreshToken,
    responses((status = 204, description = "The session has ended.")),
    extensions(("x-permission" = json!("public"))))]
async fn logout(State(server): Ports, Extension(context): Extension<RequestContext>, request: Request) -> Answer<Response> {
    end(&server, context, request).await?;
    Ok((StatusCode::NO_CONTENT, cookies(clear_cookies())).into_response())
}

/// Shows who is signed in and what they may do.
#[utoipa::path(get, path = "/api/auth/me", tag = "auth", responses((status = 200, body = Me, description = "Who is signed in.")),
    extensions(("x-permission" = json!("account:read"))))]
async fn me(State(server): Ports, SignedIn(caller): SignedIn) -> Answer<Json<Me>> {
    json(server.backend.auth.me(&caller).await?)
}

/// Changes one's password and ends one's other sessions.
#[utoipa::path(post, path = "/api/auth/password", tag = "auth", request_body = PasswordChange,
    responses((status = 204, description = "The password is changed.")),
    extensions(("x-permission" = json!("sessions:own"))))]
async fn password(State(server): Ports, SignedIn(caller): SignedIn, Body(change): Body<PasswordChange>) -> Answer<StatusCode> {
    server.backend.auth.change_password(&caller, change.old_password, change.new_password).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists one's own sessions, newest first.
#[utoipa::path(get, path = "/api/auth/sessions", tag = "auth",
    responses((status = 200, body = Page<Session>, description = "The sessions.")),
    extensions(("x-permission" = json!("sessions:own"))))]
async fn sessions(State(server): Ports, SignedIn(caller): SignedIn) -> Answer<Json<Page<Session>>> {
    json(Page::whole(server.backend.auth.sessions(&caller).await?))
}

/// Ends one of one's own sessions; with `users:manage` anybody's.
#[utoipa::path(delete, path = "/api/auth/sessions/{id}", tag = "auth", params(("id" = SessionId, Path, description = "The session.")),
    responses((status = 204, description = "The session has ended.")),
    extensions(("x-permission" = json!("sessions:own"))))]
async fn revoke(State(server): Ports, SignedIn(caller): SignedIn, Id(id): Id<SessionId>) -> Answer<StatusCode> {
    server.backend.auth.revoke(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn signed_in(tokens: &Tokens) -> Response {
    (cookies(set_cookies(tokens)), Json(tokens)).into_response()
}

fn cookies(values: [String; 2]) -> AppendHeaders<[(header::HeaderName, String); 2]> {
    AppendHeaders(values.map(|value| (header::SET_COOKIE, value)))
}

/// The session of the body's token, of the cookie, or of the bearer token, whichever is there.
async fn end(server: &Server, context: RequestContext, request: Request) -> Answer<()> {
    let session = context.caller.as_ref().and_then(|caller| caller.session_id);
    match (refresh_token(request).await, context.caller, session) {
        (Ok((token, _)), ..) => Ok(server.backend.auth.sign_out(token).await?),
        (Err(_), Some(caller), Some(session)) => Ok(server.backend.auth.revoke(&caller, session).await?),
        (Err(failure), ..) => Err(failure),
    }
}

/// The refresh token of the body, or that of the cookie when there is no body.
async fn refresh_token(request: Request) -> Result<(Secret, bool), Failure> {
    let from_cookie = cookie_token(request.headers());
    let is_bearer = bearer(request.headers()).is_some();
    let typed = require_json(request.headers());
    let bytes = read(request).await?;
    match from_cookie {
        Some(token) if bytes.is_empty() && !is_bearer => Ok((token, true)),
        _ if bytes.is_empty() => Ok((parse::<RefreshToken>(&bytes)?.refresh_token, false)),
        _ => typed.and_then(|()| Ok((parse::<RefreshToken>(&bytes)?.refresh_token, false))),
    }
}

fn cookie_token(headers: &HeaderMap) -> Option<Secret> {
    cookie(headers, REFRESH_COOKIE).map(Secret::new)
}
