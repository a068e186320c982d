//! A menu that opens and closes without JavaScript, and with it closes by itself when one goes elsewhere.

use leptos::ev::{FocusEvent, KeyboardEvent};
use leptos::html::Details;
use leptos::prelude::*;
use leptos_router::hooks::use_location;

use crate::erase::{Erase, Erased};

/// What is open until one goes to another page or place on this one, or presses Escape.
#[component]
pub fn Menu(
    /// What is always there: a `summary`.
    face: Erased,
    /// What it opens.
    body: Erased,
) -> impl IntoView {
    let menu = NodeRef::<Details>::new();
    let pathname = use_location().pathname;
    Effect::new(move |before: Option<String>| {
        let now = pathname.get();
        if before.is_some_and(|before| before != now) {
            browser::close(menu);
        }
        now
    });
    let left = move |event: FocusEvent| browser::close_unless_inside(menu, &event);
    let pressed = move |event: KeyboardEvent| {
        if event.key() == "Escape" {
            browser::close_to_its_face(menu);
        }
    };
    // It takes the focus of a click beside its links, which is no way out of it.
    view! {
        <details class="menu" node_ref=menu on:focusout=left on:keydown=pressed>
            {face}
            <div class="menu-body" tabindex="-1">{body}</div>
        </details>
    }
    .erase()
}

#[cfg(feature = "hydrate")]
mod browser {
    use leptos::ev::FocusEvent;
    use leptos::html::Details;
    use leptos::prelude::*;
    use wasm_bindgen::JsCast;
    use web_sys::{HtmlElement, Node};

    pub fn close(menu: NodeRef<Details>) {
        if let Some(menu) = menu.get_untracked() {
            // Refused only for names that no attribute has.
            let _ = menu.remove_attribute("open");
        }
    }

    pub fn close_unless_inside(menu: NodeRef<Details>, event: &FocusEvent) {
        let to = event.related_target().and_then(|to| to.dyn_into::<Node>().ok());
        if menu.get_untracked().is_some_and(|menu| !menu.contains(to.as_ref())) {
            close(menu);
        }
    }

    pub fn close_to_its_face(menu: NodeRef<Details>) {
        close(menu);
        let face = menu.get_untracked().and_then(|menu| menu.query_selector("summary").ok().flatten());
        if let Some(face) = face.and_then(|face| face.dyn_into::<HtmlElement>().ok()) {
            let _ = face.focus();
        }
    }
}

/// On the server nobody opens it.
#[cfg(not(feature = "hydrate"))]
mod browser {
    use leptos::ev::FocusEvent;
    use leptos::html::Details;
    use leptos::prelude::NodeRef;

    pub fn close(_: NodeRef<Details>) {}

    pub fn close_unless_inside(_: NodeRef<Details>, _: &FocusEvent) {}

    pub fn close_to_its_face(_: NodeRef<Details>) {}
}
