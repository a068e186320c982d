//! Keeping the browser signed in: the access cookie lasts five minutes, and one tab at a time renews it.

use leptos::prelude::{document, window};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{RequestInit, Response};

use super::timer;

/// Where the tabs of a browser note when one of them renewed the session last, in milliseconds.
const STAMP: &str = "pilothouse-refreshed";
/// The access cookie is renewed when it is older than this, in milliseconds.
const RENEW_AFTER: f64 = 200_000.0;
/// A renewal that is younger than this needs no other one, in milliseconds.
const FRESH: f64 = 20_000.0;

/// What asking Pilothouse about the session found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Session {
    /// Pilothouse answers, and the session is good.
    Good,
    /// The session has ended.
    Ended,
    /// Pilothouse doesn't answer, or not usefully.
    Unreachable,
}

/// Renews the session unless another tab has just done so; then it only looks whether Pilothouse answers.
pub async fn check_session() -> Session {
    if age() < FRESH { request("GET", "/healthz").await } else { renew().await }
}

/// Renews the session when it is about to run out and the tab is shown; call it every few seconds. Server functions called
/// from a page that stays open succeed because of it.
pub async fn keep_signed_in() {
    if age() > RENEW_AFTER && !document().hidden() && renew().await == Session::Ended {
        leave();
    }
}

/// Notes that the session is fresh now: the page itself was loaded with it.
pub fn note_fresh() {
    if let Ok(Some(storage)) = window().local_storage() {
        // A browser that refuses storage renews more often, nothing else.
        let _ = storage.set_item(STAMP, &(timer::now() as u64).to_string());
    }
}

/// Goes to the sign-in page, which leads back here.
pub fn leave() {
    let location = window().location();
    let here = location.pathname().unwrap_or_default() + &location.search().unwrap_or_default();
    // Refused only while the page is being left already.
    let _ = location.set_href(&crate::path::sign_in(&here));
}

/// Milliseconds since a tab of this browser renewed the session.
fn age() -> f64 {
    let stamp = window().local_storage().ok().flatten().and_then(|storage| storage.get_item(STAMP).ok().flatten());
    timer::now() - stamp.and_then(|stamp| stamp.parse::<u64>().ok()).unwrap_or(0) as f64
}

async fn renew() -> Session {
    note_fresh();
    request("POST", "/api/auth/refresh").await
}

async fn request(method: &str, path: &str) -> Session {
    let init = RequestInit::new();
    init.set_method(method);
    match fetch(path, &init).await {
        Ok(response) if response.ok() => Session::Good,
        Ok(response) if response.status() == 401 => Session::Ended,
        _ => Session::Unreachable,
    }
}

async fn fetch(path: &str, init: &RequestInit) -> Result<Response, JsValue> {
    JsFuture::from(window().fetch_with_str_and_init(path, init)).await?.dyn_into()
}
