//! What can go on where somebody types in the text of a configuration: buttons below it, which Ctrl and Space lead to.

use api::ConfigurationFormat;
use leptos::prelude::*;

use super::check::Sheet;
use crate::configuration::{Completion, Known};
use crate::erase::{Erase, Erased, shown};

/// What is suggested, and for what.
#[derive(Clone, Copy)]
pub struct Suggestions {
    #[cfg_attr(not(feature = "hydrate"), allow(dead_code, reason = "only what is alive is typed into"))]
    format: ConfigurationFormat,
    #[cfg_attr(not(feature = "hydrate"), allow(dead_code, reason = "only what is alive is typed into"))]
    known: StoredValue<Vec<Known>>,
    #[cfg_attr(not(feature = "hydrate"), allow(dead_code, reason = "only what is alive is typed into"))]
    sheet: Sheet,
    found: RwSignal<Option<Completion>>,
}

impl Suggestions {
    /// For a text of that format, and what its schema knows.
    pub fn new(format: ConfigurationFormat, known: Vec<Known>, sheet: Sheet) -> Self {
        Self { format, known: StoredValue::new(known), sheet, found: RwSignal::new(None) }
    }

    /// The buttons.
    pub fn view(self) -> Erased {
        let buttons = move || {
            let suggestions = self.found.get().map(|found| found.suggestions).unwrap_or_default();
            let button = |(at, one): (usize, crate::configuration::Suggestion)| {
                let about = (!one.about.is_empty()).then_some(one.about);
                view! {
                    <button type="button" class="button" data-size="small" title=about on:click=move |_| self.take(at)>{one.label}</button>
                }
                .erase()
            };
            suggestions.into_iter().enumerate().map(button).collect::<Vec<_>>()
        };
        let leave = move |event: leptos::ev::KeyboardEvent| {
            if event.key() == "Escape" {
                self.back();
            }
        };
        shown(move || {
            self.found.with(Option::is_some).then(|| {
                view! {
                    <div class="form-actions" id="raw-suggestions" role="group" aria-label="Suggestions" on:keydown=leave>{buttons()}</div>
                }
                .erase()
            })
        })
        .erase()
    }

    /// Looks at what is typed where the caret is.
    #[cfg(not(feature = "hydrate"))]
    pub fn look(self) {}

    #[cfg(not(feature = "hydrate"))]
    fn take(self, _: usize) {}

    #[cfg(not(feature = "hydrate"))]
    fn back(self) {}
}

#[cfg(feature = "hydrate")]
mod alive {
    use leptos::prelude::*;
    use wasm_bindgen::JsCast;
    use web_sys::{HtmlElement, HtmlTextAreaElement};

    use super::Suggestions;
    use crate::configuration::complete;

    impl Suggestions {
        /// Looks at what is typed where the caret is.
        pub fn look(self) {
            let found = area().and_then(|area| {
                let (start, end) = (area.selection_start().ok()??, area.selection_end().ok()??);
                let text = area.value();
                let caret = bytes(&text, start).filter(|_| start == end)?;
                self.known.with_value(|known| complete(self.format, &text, caret, known))
            });
            if self.found.with_untracked(|now| *now != found) {
                self.found.set(found);
            }
        }

        /// Types the only suggestion, or leads to the first of several. Answers whether there is any.
        pub fn enter(self) -> bool {
            self.look();
            match self.found.with_untracked(|found| found.as_ref().map(|found| found.suggestions.len())) {
                None => return false,
                Some(1) => self.take(0),
                Some(_) => {
                    // They may just have come.
                    request_animation_frame(|| {
                        let first = document().query_selector("#raw-suggestions button").ok().flatten();
                        if let Some(first) = first.and_then(|first| first.dyn_into::<HtmlElement>().ok()) {
                            let _ = first.focus();
                        }
                    });
                }
            }
            true
        }

        /// Types a suggestion.
        pub(super) fn take(self, at: usize) {
            let (Some(area), Some(found)) = (area(), self.found.get_untracked()) else { return };
            let text = area.value();
            let units = |byte: usize| text.get(..byte).map(|part| part.encode_utf16().count() as u32);
            let (Some(start), Some(end), Some(one)) = (units(found.place.start), units(found.place.end), found.suggestions.get(at)) else {
                return;
            };
            if area.set_range_text_with_start_and_end(&one.text, start, end).is_ok() {
                let caret = start + one.text.encode_utf16().count() as u32;
                let _ = area.focus();
                let _ = area.set_selection_range(caret, caret);
                self.sheet.raw.set(Some(area.value()));
                self.sheet.check_soon(&area);
                self.look();
            }
        }

        /// Goes back to the text.
        pub(super) fn back(self) {
            if let Some(area) = area() {
                let _ = area.focus();
            }
        }
    }

    fn area() -> Option<HtmlTextAreaElement> {
        document().get_element_by_id("form[raw]")?.dyn_into().ok()
    }

    /// The byte at which so many units of UTF-16 have gone by.
    fn bytes(text: &str, units: u32) -> Option<usize> {
        let mut gone = 0;
        let mut ends = text.char_indices().map(|(at, sign)| (at, sign.len_utf16() as u32));
        loop {
            if gone == units {
                return Some(ends.next().map_or(text.len(), |(at, _)| at));
            }
            gone += ends.next()?.1;
        }
    }
}
