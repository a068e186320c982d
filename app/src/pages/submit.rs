//! Filters that apply as soon as they are changed.

use leptos::ev::Event;

/// Sends the form that a changed field belongs to. Without JavaScript the form has a button.
#[cfg(feature = "hydrate")]
pub fn submit_form(event: &Event) {
    use wasm_bindgen::JsCast;
    let form = event.target().and_then(|target| target.dyn_into::<web_sys::HtmlElement>().ok()?.closest("form").ok()?);
    if let Some(form) = form.and_then(|form| form.dyn_into::<web_sys::HtmlFormElement>().ok()) {
        // Refused only for a form that isn't valid, which the browser then shows.
        let _ = form.request_submit();
    }
}

/// There are no events on the server.
#[cfg(not(feature = "hydrate"))]
pub fn submit_form(_: &Event) {}
