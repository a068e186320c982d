//! What is wrong with the form, above it, with links to the fields.

use api::Detail;
use leptos::prelude::*;

use super::field_view::field_id;
use crate::components::{FormFaults, sentence};
use crate::configuration::faulty_name;
use crate::erase::{Erase, Erased, shown, text};

/// The list of what is wrong.
pub fn summary(FormFaults(faults): FormFaults) -> Erased {
    let count = text(move || match faults.with(Vec::len) {
        1 => "1 thing has to be mended:".to_owned(),
        count => format!("{count} things have to be mended:"),
    });
    let list = shown(move || faults.with(|faults| faults.iter().map(line).collect::<Vec<_>>()));
    view! {
        <div class="form-faults" role="status" hidden=move || faults.with(Vec::is_empty)>
            <p>{count}</p>
            <ul>{list}</ul>
        </div>
    }
    .erase()
}

fn line(fault: &Detail) -> Erased {
    let message = sentence(&fault.message);
    let Some(name) = faulty_name(&fault.field) else { return view! { <li>{message}</li> }.erase() };
    let id = field_id(&name);
    #[cfg(feature = "hydrate")]
    let click = {
        let id = id.clone();
        move |event: leptos::ev::MouseEvent| {
            event.prevent_default();
            go_to(&id);
        }
    };
    #[cfg(not(feature = "hydrate"))]
    let click = |_: leptos::ev::MouseEvent| {};
    view! { <li><p><a href=format!("#{id}") on:click=click>{name}</a>": "{message}</p></li> }.erase()
}

/// Gives the focus to the field of that id, else to the one that has such values, and unfolds what it is in.
#[cfg(feature = "hydrate")]
fn go_to(id: &str) {
    use wasm_bindgen::JsCast;
    let places = [id, "form[raw]", "form[extra]"];
    let Some(field) = places.into_iter().find_map(|id| document().get_element_by_id(id)) else { return };
    if let Ok(Some(folded)) = field.closest("details") {
        let _ = folded.set_attribute("open", "");
    }
    if let Ok(field) = field.dyn_into::<web_sys::HtmlElement>() {
        let _ = field.focus();
    }
}
