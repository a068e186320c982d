//! Who may open a WebSocket. A browser sends cookies from any page, so its Origin must be Pilothouse's own; scripts send a
//! bearer token, or nothing and a ticket as their first message.

use std::sync::Arc;

use api::{Caller, ErrorCode};
use axum::extract::FromRequestParts;
use http::header;
use http::request::Parts;

use crate::error::Failure;
use crate::middleware::Identity;
use crate::state::Server;

/// How a WebSocket was let in.
#[derive(Clone, Debug)]
pub enum Admission {
    /// By a bearer token or a cookie.
    Caller(Caller),
    /// Not yet: the first message must be a ticket.
    ByTicket,
}

impl FromRequestParts<Arc<Server>> for Admission {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, server: &Arc<Server>) -> Result<Self, Failure> {
        let identity = parts.extensions.get::<Identity>().cloned().ok_or_else(|| Failure(api::Error::internal()))?;
        let headers = &parts.headers;
        if !identity.by_bearer && headers.contains_key(header::ORIGIN) && !server.names.is_own_origin(headers) {
            let message = "a page of another site asked for live data; open Pilothouse's own pages, or send a bearer token";
            return Err(Failure::new(ErrorCode::CrossSiteRefused, message));
        }
        let has_cookies = headers.contains_key(header::COOKIE);
        if has_cookies && !identity.by_bearer && !headers.contains_key(header::ORIGIN) {
            return Err(Failure::new(ErrorCode::CrossSiteRefused, "a WebSocket with cookies needs an Origin; send a bearer token instead"));
        }
        match identity.caller {
            Ok(caller) => Ok(Self::Caller(caller)),
            Err(_) if !identity.by_bearer && !has_cookies => Ok(Self::ByTicket),
            Err(error) => Err(Failure(error)),
        }
    }
}
