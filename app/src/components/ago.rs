//! How long ago something was, counted on.

use crate::erase::{Erase, text};
use api::Timestamp;
use leptos::prelude::*;

/// The time that ages are counted from: that of the request on the server, then the browser's, every few seconds.
#[derive(Clone, Copy)]
pub struct Clock(pub RwSignal<Timestamp>);

/// Puts the clock into the context, set to `now`; in the browser it goes on.
pub fn provide_clock(now: Timestamp) {
    let clock = Clock(RwSignal::new(now));
    provide_context(clock);
    #[cfg(feature = "hydrate")]
    Effect::new(move |_| {
        let begun = web_sys::js_sys::Date::now();
        let tick = move || {
            let elapsed = ((web_sys::js_sys::Date::now() - begun) * 1000.0) as i64;
            clock.0.set(Timestamp::from_micros(now.micros().saturating_add(elapsed)));
        };
        if let Ok(handle) = set_interval_with_handle(tick, std::time::Duration::from_secs(5)) {
            on_cleanup(move || handle.clear());
        }
    });
}

/// A time as its age (`3 min ago`), with the time itself on hover and for machines.
#[component]
pub fn Ago(
    /// The time.
    #[prop(into)]
    at: Signal<Timestamp>,
) -> impl IntoView {
    let now = expect_context::<Clock>().0;
    let age = Memo::new(move |_| age(now.get().seconds_since(at.get())));
    view! {
        <time class="ago" datetime=text(move || at.get().to_string()) title=text(move || whole(at.get()))>
            {text(move || age.get())}
        </time>
    }
    .erase()
}

/// An age in words; times to come are "now", for clocks differ a little.
pub(crate) fn age(seconds: f64) -> String {
    match seconds as i64 {
        ..10 => "just now".to_owned(),
        seconds @ 10..60 => format!("{} s ago", seconds / 10 * 10),
        seconds @ 60..3_600 => format!("{} min ago", seconds / 60),
        seconds @ 3_600..86_400 => format!("{} h ago", seconds / 3_600),
        seconds => format!("{} d ago", seconds / 86_400),
    }
}

/// The time to the second, in UTC.
pub fn whole(at: Timestamp) -> String {
    let text = at.to_string();
    text.split_once('.').map_or(text.clone(), |(start, _)| format!("{} UTC", start.replace('T', " ")))
}

#[cfg(test)]
mod tests {
    use super::age;

    #[test]
    fn an_age_is_as_coarse_as_it_is_long() {
        let cases =
            [(-5.0, "just now"), (3.0, "just now"), (47.9, "40 s ago"), (60.0, "1 min ago"), (7_300.0, "2 h ago"), (1e6, "11 d ago")];
        for (seconds, text) in cases {
            assert_eq!(age(seconds), text);
        }
    }
}
