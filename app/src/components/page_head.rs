//! The head of a page: title, a line about it, and what can be done.

use crate::erase::{Erase, Erased, text};
use leptos::prelude::*;
use leptos_meta::Title;

/// The title of the page and of the window.
#[component]
pub fn PageHead(
    /// What the page is.
    #[prop(into)]
    title: Signal<String>,
    /// A line about it.
    #[prop(optional)]
    about: Option<Erased>,
    /// What can be done on the whole page.
    #[prop(optional)]
    actions: Option<Erased>,
) -> impl IntoView {
    // The head of the document is written when the body is done: the part of the page that the title is of may be gone by then.
    let now = title.get_untracked();
    view! {
        <Title text=move || if cfg!(feature = "ssr") { now.clone() } else { title.get() } />
        <header class="page-head">
            <div class="page-head-text">
                <h1 class="page-head-title">{text(move || title.get())}</h1>
                <div class="page-head-about">{about}</div>
            </div>
            <div class="page-head-actions">{actions}</div>
        </header>
    }
    .erase()
}
