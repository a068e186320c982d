//! Waiting, in the browser.

use std::time::Duration;

use futures::channel::oneshot;
use leptos::prelude::set_timeout;

/// Waits for `duration`, longer in a tab that isn't shown.
pub async fn sleep(duration: Duration) {
    let (done, waited) = oneshot::channel();
    // Who waits may have stopped waiting.
    set_timeout(move || _ = done.send(()), duration);
    // The sender is dropped only with the page.
    let _ = waited.await;
}

/// The browser's clock, in milliseconds.
pub fn now() -> f64 {
    web_sys::js_sys::Date::now()
}

/// The browser's clock as a time.
pub fn timestamp() -> api::Timestamp {
    api::Timestamp::from_micros((now() * 1000.0) as i64)
}

/// A number from 0 to 1, to keep many tabs from acting at once.
pub fn jitter() -> f64 {
    web_sys::js_sys::Math::random()
}
