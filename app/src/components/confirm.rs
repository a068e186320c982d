//! The question before something is lost.

use leptos::html::Dialog;
use leptos::prelude::*;
use leptos::wasm_split::wasm_split;

use crate::erase::{Erase, Erased, later};

/// What is asked.
#[derive(Clone)]
pub struct Question {
    /// What would be done: `Stop payments?`.
    pub title: String,
    /// What is lost by it.
    pub text: String,
    /// What else there is to know, once it is known.
    pub more: ArcRwSignal<String>,
    /// The word on the button that does it.
    pub action: &'static str,
    /// Does it.
    pub then: Callback<()>,
}

/// Where pages ask; only one question at a time.
#[derive(Clone, Copy)]
pub struct Confirm(RwSignal<Option<Question>>);

impl Confirm {
    /// Puts the place into the context.
    pub fn provide() {
        provide_context(Self(RwSignal::new(None)));
    }

    /// Asks. Does nothing on the server.
    pub fn ask(self, question: Question) {
        self.0.set(Some(question));
    }
}

/// The place of the dialog that asks, which is fetched for the first question.
#[component]
pub fn ConfirmPlace() -> impl IntoView {
    let confirm = expect_context::<Confirm>();
    later(move || confirm.0.with(Option::is_some), dialog)
}

/// The dialog, in the part of the bundle that does what is asked about.
#[wasm_split(deeds, wasm_split_path = ::leptos::wasm_split)]
fn dialog() -> Erased {
    view! { <ConfirmDialog /> }.erase()
}

/// The dialog that asks. Escape, and the button that has the focus first, leave everything as it is.
#[component]
fn ConfirmDialog() -> impl IntoView {
    let confirm = expect_context::<Confirm>();
    let dialog = NodeRef::<Dialog>::new();
    #[cfg(feature = "hydrate")]
    Effect::new(move |_| {
        let Some(dialog) = dialog.get() else { return };
        match confirm.0.with(Option::is_some) {
            true if !dialog.open() => {
                let _ = dialog.show_modal();
            }
            false if dialog.open() => dialog.close(),
            _ => {}
        }
    });
    let part = move |part: fn(&Question) -> String| move || confirm.0.with(|question| question.as_ref().map(part).unwrap_or_default());
    let accept = move |_| {
        if let Some(question) = confirm.0.get_untracked() {
            confirm.0.set(None);
            question.then.run(());
        }
    };
    view! {
        <dialog class="dialog" aria-labelledby="confirm-title" node_ref=dialog on:close=move |_| confirm.0.set(None)>
            <h2 class="dialog-title" id="confirm-title">{part(|question| question.title.clone())}</h2>
            <p class="dialog-text">{part(|question| question.text.clone())}</p>
            <p class="dialog-more" role="status">{part(|question| question.more.get())}</p>
            <div class="dialog-actions">
                <button type="button" class="button" on:click=move |_| confirm.0.set(None)>"Cancel"</button>
                <button type="button" class="button" data-kind="danger" on:click=accept>{part(|question| question.action.to_owned())}</button>
            </div>
        </dialog>
    }
    .erase()
}
