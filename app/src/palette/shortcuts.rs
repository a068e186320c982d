//! What keys do, and the list of them.

use leptos::html::Dialog;
use leptos::prelude::*;

use crate::erase::Erase;
#[cfg(any(test, feature = "hydrate"))]
use crate::path;

/// What a key asks for.
#[cfg(any(test, feature = "hydrate"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Opens the palette.
    Palette,
    /// Goes to the search field of the page, else to the palette.
    Search,
    /// Shows the list of shortcuts.
    Shortcuts,
    /// Waits for the second key of a sequence.
    Sequence,
    /// Goes to a page.
    Go(&'static str),
}

/// Each shortcut with what it does, as the list shows it.
const LIST: [(&str, &str); 7] = [
    ("Ctrl K or ⌘ K", "Find a page, a service or an action"),
    ("/", "Search on this page"),
    ("g then o", "Go to the overview"),
    ("g then s", "Go to the services"),
    ("g then a", "Go to the activity"),
    ("?", "Show this list"),
    ("Escape", "Close what is open"),
];

/// What a key asks for. `is_typing` is whether it goes into a field, `is_second` whether `g` came just before it.
#[cfg(any(test, feature = "hydrate"))]
pub fn wish(key: &str, with_control: bool, is_typing: bool, is_second: bool) -> Option<Wish> {
    match key {
        "k" | "K" if with_control => Some(Wish::Palette),
        _ if with_control || is_typing => None,
        "o" if is_second => Some(Wish::Go(path::OVERVIEW)),
        "s" if is_second => Some(Wish::Go(path::SERVICES)),
        "a" if is_second => Some(Wish::Go(path::ACTIVITY)),
        "/" => Some(Wish::Search),
        "?" => Some(Wish::Shortcuts),
        "g" => Some(Wish::Sequence),
        _ => None,
    }
}

/// The list of shortcuts.
#[component]
pub fn ShortcutsDialog(
    /// The dialog, to be opened by others.
    dialog: NodeRef<Dialog>,
) -> impl IntoView {
    let rows = LIST.map(|(keys, what)| view! { <div class="shortcut"><dt><kbd>{keys}</kbd></dt><dd>{what}</dd></div> });
    view! {
        <dialog class="dialog shortcuts" aria-labelledby="shortcuts-title" node_ref=dialog>
            <h2 class="dialog-title" id="shortcuts-title">"Keyboard shortcuts"</h2>
            <dl class="shortcut-list">{rows.into_iter().collect_view()}</dl>
            <form class="dialog-actions" method="dialog"><button class="button">"Close"</button></form>
        </dialog>
    }
    .erase()
}

#[cfg(test)]
mod tests {
    use super::{Wish, wish};

    #[test]
    fn keys_that_are_typed_into_a_field_do_nothing_else() {
        for key in ["/", "?", "g", "o"] {
            assert_eq!(wish(key, false, true, true), None, "{key}");
        }
        assert_eq!(wish("k", true, true, false), Some(Wish::Palette));
    }

    #[test]
    fn a_sequence_goes_to_a_page_and_control_leaves_keys_to_the_browser() {
        assert_eq!(wish("s", false, false, true), Some(Wish::Go("/services")));
        assert_eq!(wish("s", false, false, false), None);
        assert_eq!(wish("/", true, false, false), None);
    }
}
