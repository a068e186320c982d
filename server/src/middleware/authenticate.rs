//! Who asks: a bearer token, or the cookies of a browser, which a page's navigation may refresh.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use api::{Caller, Error, ErrorCode, Origin, Secret};
use app::context::RequestContext;
use app::session::{ACCESS_COOKIE, REFRESH_COOKIE, clear_cookies, cookie, set_cookies};
use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderValue, header};

use super::RequestId;
use crate::error::Failure;
use crate::state::Server;

/// The address at the other end of the connection.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// What authentication found out about a request.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Who asks, or why nobody is signed in.
    pub caller: Result<Caller, Error>,
    /// Whether a bearer token says so; cookies are ignored then.
    pub by_bearer: bool,
}

/// A caller; without one the answer is 401.
#[derive(Clone, Debug)]
pub struct SignedIn(pub Caller);

impl<S: Send + Sync> FromRequestParts<S> for SignedIn {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Failure> {
        let identity = parts.extensions.get::<Identity>().ok_or_else(|| Failure(Error::internal()))?;
        Ok(Self(identity.caller.clone()?))
    }
}

pub async fn identify(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let origin = client_origin(&server, &parts.headers, &parts.extensions);
    let (identity, cookies) = identity(&server, &parts, &origin).await;
    let caller = identity.caller.as_ref().ok().cloned();
    let context = RequestContext {
        backend: server.backend.clone(),
        // Only pages and their forms have use for one.
        form_token: if parts.uri.path().starts_with("/api/") { String::new() } else { server.form_token(caller.as_ref()) },
        caller,
        origin,
        assets: server.assets.clone(),
        seal: server.seal.clone(),
        now: server.core.clock.now(),
        request_id: parts.extensions.get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default(),
    };
    parts.extensions.insert(context);
    parts.extensions.insert(identity);
    let mut response = next.run(Request::from_parts(parts, body)).await;
    // What the answer itself says about the cookies (a sign-out) goes last and counts.
    let own: Vec<HeaderValue> = response.headers().get_all(header::SET_COOKIE).iter().cloned().collect();
    response.headers_mut().remove(header::SET_COOKIE);
    let refreshed = cookies.into_iter().filter_map(|cookie| HeaderValue::from_str(&cookie).ok());
    for cookie in refreshed.chain(own) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// The bearer token of a request.
pub fn bearer(headers: &HeaderMap) -> Option<Secret> {
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = text.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| Secret::new(token.trim()))
}

/// Where a request comes from; a trusted proxy is believed what it says of its client.
fn client_origin(server: &Server, headers: &HeaderMap, extensions: &Extensions) -> Origin {
    let peer = extensions.get::<Peer>().map(|peer| peer.0.ip().to_canonical());
    let user_agent = headers.get(header::USER_AGENT).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    Origin {
        address: peer.map(|peer| client_address(server, peer, headers).to_string()).unwrap_or_default(),
        user_agent: user_agent.unwrap_or_default().chars().filter(|c| !c.is_control()).take(300).collect(),
    }
}

fn client_address(server: &Server, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    let proxies = &server.settings.trusted_proxy;
    if !proxies.contains(&peer) {
        return peer;
    }
    let said = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    let hops: Vec<IpAddr> = said.filter_map(|hop| hop.trim().parse().ok()).collect();
    hops.into_iter().rev().find(|hop| !proxies.contains(hop)).unwrap_or(peer)
}

async fn identity(server: &Server, request: &Parts, origin: &Origin) -> (Identity, Vec<String>) {
    let headers = &request.headers;
    if headers.contains_key(header::AUTHORIZATION) {
        let caller = match bearer(headers) {
            Some(token) => server.backend.auth.authenticate_bearer(&token).await,
            None => Err(not_signed_in("the Authorization header isn't of the form 'Bearer TOKEN'")),
        };
        return (Identity { caller, by_bearer: true }, Vec::new());
    }
    let caller = match cookie(headers, ACCESS_COOKIE) {
        Some(token) => server.backend.auth.authenticate(&Secret::new(token)).await,
        None => Err(not_signed_in("nobody is signed in; sign in and send the access token")),
    };
    let refresh_token = cookie(headers, REFRESH_COOKIE).filter(|_| is_navigation(request));
    match (caller, refresh_token) {
        (Err(error), Some(token)) if error.code.status() == 401 => {
            let (caller, cookies) = refreshed(server, Secret::new(token), origin, error).await;
            (Identity { caller, by_bearer: false }, cookies)
        }
        (caller, _) => (Identity { caller, by_bearer: false }, Vec::new()),
    }
}

/// Exchanges the refresh cookie, so that pages work on after the access token has expired, also without JavaScript.
async fn refreshed(server: &Server, token: Secret, origin: &Origin, expired: Error) -> (Result<Caller, Error>, Vec<String>) {
    match server.backend.auth.refresh(token, origin.clone()).await {
        Ok(tokens) => (server.backend.auth.authenticate(&tokens.access_token).await, set_cookies(&tokens).into()),
        Err(error) if error.code.status() == 401 => (Err(error), clear_cookies().into()),
        Err(_) => (Err(expired), Vec::new()),
    }
}

/// Whether a browser is going to show the answer as a page: only one of these at a time happens in a tab. A foreign page that
/// posts a form here doesn't count.
fn is_navigation(request: &Parts) -> bool {
    let headers = &request.headers;
    let is_page = !["/api/", "/ws"].iter().any(|prefix| request.uri.path().starts_with(prefix));
    let is = |name: &str, value: &str| headers.get(name).is_some_and(|found| found == value);
    let accepts_pages = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(|text| text.contains("text/html"));
    let navigates = if headers.contains_key("sec-fetch-mode") { is("sec-fetch-mode", "navigate") } else { accepts_pages };
    let is_safe = request.method == http::Method::GET || is("sec-fetch-site", "same-origin");
    is_page && navigates && is_safe
}

fn not_signed_in(message: &str) -> Error {
    Error::new(ErrorCode::NotSignedIn, message)
}
