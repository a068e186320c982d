//! What a form is asked before it is sent: whether a check would succeed, what would become of a file.

use api::Error;
use leptos::prelude::*;

use super::failure::sentence;
use crate::erase::{Erase, Erased};

/// What asking has come to: an answer, or the reasons why there is none.
pub type Asked<T> = Result<T, Vec<String>>;

/// Why there is no answer, in sentences.
pub fn reasons(error: Error) -> Vec<String> {
    if error.details.is_empty() {
        return vec![sentence(&error.message)];
    }
    error.details.iter().map(|detail| sentence(&detail.message)).collect()
}

/// The reasons as a list.
pub fn reason_list(reasons: Vec<String>) -> Erased {
    let reasons = reasons.into_iter().map(|reason| view! { <li>{reason}</li> }.erase()).collect_view();
    view! { <ul class="form-faults">{reasons}</ul> }.erase()
}

#[cfg(feature = "hydrate")]
pub use asking::ask;

#[cfg(feature = "hydrate")]
mod asking {
    use leptos::ev::MouseEvent;
    use leptos::prelude::*;
    use leptos::task::spawn_local;
    use serde::de::DeserializeOwned;
    use wasm_bindgen::JsCast;
    use web_sys::{Element, HtmlFormElement};

    use super::{Asked, reasons};
    use crate::components::{FormFaults, faults, post_form};

    /// Sends the form of the button that was pressed to `action` in the background, and shows in `found` what comes back. What is wrong is
    /// shown at the fields of the form when it has `at` them.
    pub fn ask<T>(
        event: &MouseEvent,
        action: &'static str,
        found: RwSignal<Option<Asked<T>>>,
        is_busy: RwSignal<bool>,
        at: Option<FormFaults>,
    ) where
        T: DeserializeOwned + Send + Sync + 'static,
    {
        let button = event.target().and_then(|target| target.dyn_into::<Element>().ok());
        let form = button.and_then(|button| button.closest("form").ok().flatten()).and_then(|form| form.dyn_into::<HtmlFormElement>().ok());
        let Some(form) = form else { return };
        event.prevent_default();
        if is_busy.get_untracked() {
            return;
        }
        is_busy.set(true);
        found.set(None);
        spawn_local(async move {
            let answer = post_form(action, &form).await;
            // The page may have been left meanwhile.
            is_busy.try_set(false);
            let asked = match (answer, at) {
                (Err(error), Some(FormFaults(at))) => {
                    at.try_set(faults(error));
                    return;
                }
                (Err(error), None) => Err(reasons(error)),
                (Ok(answer), at) => {
                    at.map(|FormFaults(at)| at.try_set(Vec::new()));
                    serde_json::from_str(&answer).map_err(|_| vec!["The answer can't be read; reload the page.".into()])
                }
            };
            found.try_set(Some(asked));
        });
    }
}
