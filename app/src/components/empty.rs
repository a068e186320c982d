//! What stands where there is nothing to show yet.

use leptos::prelude::*;

use super::{Icon, Symbol};
use crate::erase::{Erase, Erased};

/// Says why there is nothing, and what to do.
#[component]
pub fn Empty(
    /// A picture of what is missing.
    symbol: Symbol,
    /// What is missing.
    #[prop(into)]
    title: String,
    /// What to do: text, and perhaps a link or a form.
    text: Erased,
) -> impl IntoView {
    view! {
        <div class="empty">
            <span class="empty-picture"><Icon symbol=symbol /></span>
            <h2 class="empty-title">{title}</h2>
            <div class="empty-text">{text}</div>
        </div>
    }
    .erase()
}
