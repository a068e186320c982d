//! Short messages that need no answer, at the edge of the page.

use leptos::prelude::*;
use leptos::wasm_split::wasm_split;

use super::{Icon, Symbol};
use crate::erase::{Erase, Erased, later};

/// What a notice is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// It worked.
    Good,
    /// It failed.
    Bad,
}

#[derive(Clone)]
struct Notice {
    number: u32,
    tone: Tone,
    text: String,
}

/// Where pages put their notices.
#[derive(Clone, Copy)]
pub struct Notices {
    shown: RwSignal<Vec<Notice>>,
    last: StoredValue<u32>,
}

impl Notices {
    /// Puts an empty place into the context.
    pub fn provide() -> Self {
        let notices = Self { shown: RwSignal::new(Vec::new()), last: StoredValue::new(0) };
        provide_context(notices);
        notices
    }

    /// Says that something worked; it goes by itself after some seconds.
    pub fn good(self, text: impl Into<String>) {
        let number = self.add(Tone::Good, text.into());
        set_timeout(move || self.remove(number), std::time::Duration::from_secs(5));
    }

    /// Says that something failed, until it is closed.
    pub fn bad(self, text: impl Into<String>) {
        self.add(Tone::Bad, text.into());
    }

    fn add(self, tone: Tone, text: String) -> u32 {
        let number = self.last.get_value() + 1;
        self.last.set_value(number);
        self.shown.update(|shown| {
            shown.retain(|notice| notice.text != text);
            shown.push(Notice { number, tone, text });
        });
        number
    }

    fn remove(self, number: u32) {
        self.shown.update(|shown| shown.retain(|notice| notice.number != number));
    }
}

/// The place itself: a polite live region.
#[component]
pub fn NoticesPlace() -> impl IntoView {
    let notices = expect_context::<Notices>();
    view! {
        <div class="notices" role="status" aria-live="polite">
            {later(move || !notices.shown.with(Vec::is_empty), move || list(notices))}
        </div>
    }
    .erase()
}

/// The notices, in the part of the bundle that does what they tell of.
#[wasm_split(deeds, wasm_split_path = ::leptos::wasm_split)]
fn list(notices: Notices) -> Erased {
    view! {
        <For each=move || notices.shown.get() key=|notice| notice.number let:notice>
                <div class="notice" data-tone=if notice.tone == Tone::Good { "good" } else { "bad" }>
                    <Icon symbol=if notice.tone == Tone::Good { Symbol::Check } else { Symbol::Warning } />
                    <span class="notice-text">{notice.text}</span>
                    <button type="button" class="button-icon" aria-label="Close" on:click=move |_| notices.remove(notice.number)>
                        <Icon symbol=Symbol::Close />
                    </button>
                </div>
            </For>
    }
    .erase()
}
