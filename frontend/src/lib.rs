//! The WebAssembly entry point: makes the server-rendered page come alive.

// A page is one type, as deep as its elements are nested.
#![recursion_limit = "512"]

use wasm_bindgen::prelude::wasm_bindgen;

/// Hydrates the document, once its module has loaded.
#[wasm_bindgen(start)]
pub fn hydrate() {
    leptos::mount::hydrate_body(app::App);
}
