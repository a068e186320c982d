//! Copying a text that is shown.

use leptos::prelude::*;

use super::{Icon, Symbol};
use crate::erase::Erase;

/// A button that copies `text`; only where there is JavaScript.
#[component]
pub fn CopyButton(
    /// What is copied.
    text: String,
    /// What it is, to be read after "the".
    what: &'static str,
) -> impl IntoView {
    view! {
        <button type="button" class="button needs-script" on:click=move |_| copy(&text, what)><Icon symbol=Symbol::Copy />"Copy"</button>
    }
    .erase()
}

#[cfg(feature = "hydrate")]
fn copy(text: &str, what: &'static str) {
    let notices = use_context::<super::Notices>();
    let promise = window().navigator().clipboard().write_text(text);
    leptos::task::spawn_local(async move {
        match (wasm_bindgen_futures::JsFuture::from(promise).await, notices) {
            (Ok(_), Some(notices)) => notices.good(["Copied the ", what].concat()),
            (Err(_), Some(notices)) => {
                notices.bad(["The browser didn't allow to copy; select the ", what, " and copy it by hand"].concat())
            }
            (_, None) => {}
        }
    });
}

#[cfg(not(feature = "hydrate"))]
fn copy(_: &str, _: &str) {}
