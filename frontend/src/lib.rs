//! The WebAssembly entry point: makes the server-rendered page come alive.

// A page is one type, as deep as its elements are nested.
#![recursion_limit = "512"]

use wasm_bindgen::prelude::wasm_bindgen;

/// Hydrates the document, once its module has loaded.
#[wasm_bindgen(start)]
pub fn hydrate() {
    // What the server rendered stays readable after a panic; the console says what happened.
    std::panic::set_hook(Box::new(|panic| leptos::logging::error!("{panic}")));
    wasm_bindgen_futures::spawn_local(async {
        app::load_page().await;
        leptos::mount::hydrate_body(app::App);
    });
}
