//! How the page is connected, for the frame.

use leptos::prelude::*;

use super::{Connection, Live};
use crate::charts::local_offset;
use crate::erase::{Erase, text};

/// How the page is connected, always in sight: a word, a shape and a colour, with what it means as its title. The connection
/// lives as long as this component; a click tries again at once.
#[component]
pub fn ConnectionChip() -> impl IntoView {
    let live = expect_context::<Live>();
    let connection = live.connection;
    let offset = local_offset();
    #[cfg(feature = "hydrate")]
    {
        Effect::new(move |_| live.start());
        on_cleanup(move || live.stop());
    }
    // Screen readers hear of a change of kind, not of each second that passes.
    let kind = Memo::new(move |_| match connection.get() {
        Connection::Stale(_) => "The connection is silent".to_owned(),
        other => other.label(offset.get()),
    });
    view! {
        <button
            type="button"
            class="connection-chip"
            data-state=text(move || connection.get().as_str())
            title=text(move || connection.get().explanation())
            aria-label=text(move || format!("Connection: {}", kind.get()))
            on:click=move |_| live.wake()
        >
            <span class="connection-chip-mark" aria-hidden="true"></span>
            <span class="connection-chip-label">{text(move || connection.get().label(offset.get()))}</span>
        </button>
        <span class="visually-hidden" role="status">
            {text(move || if connection.get() == Connection::Live { String::new() } else { kind.get() })}
        </span>
    }
    .erase()
}
