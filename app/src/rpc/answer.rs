//! What a server function does to its HTTP answer beside its value.

use http::header::{ACCEPT, HeaderName, HeaderValue, SET_COOKIE};
use leptos::prelude::use_context;
use leptos_axum::ResponseOptions;

/// Gives the answer the status of an error.
pub fn set_status(code: api::ErrorCode) {
    if let (Some(response), Ok(status)) = (use_context::<ResponseOptions>(), http::StatusCode::from_u16(code.status())) {
        response.set_status(status);
    }
}

/// Adds a header; leaves it out when the value can't be one.
pub fn add_header(name: HeaderName, value: &str) {
    if let (Some(response), Ok(value)) = (use_context::<ResponseOptions>(), HeaderValue::from_str(value)) {
        response.append_header(name, value);
    }
}

/// Adds `Set-Cookie` headers.
pub fn add_cookies(cookies: &[String]) {
    for cookie in cookies {
        add_header(SET_COOKIE, cookie);
    }
}

/// The value of a cookie of the request being answered.
pub fn request_cookie(name: &str) -> Option<String> {
    let parts = use_context::<http::request::Parts>()?;
    crate::session::cookie(&parts.headers, name).map(str::to_owned)
}

/// Whether the request was sent by a form or a link without JavaScript, which a redirect or a page answers.
pub fn is_plain_form() -> bool {
    let parts = use_context::<http::request::Parts>();
    parts.is_some_and(|parts| {
        parts.headers.get(ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(|value| value.contains("text/html"))
    })
}
