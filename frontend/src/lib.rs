//! The WebAssembly entry point: brings the server-rendered page to life as soon as the module is initialised.

use wasm_bindgen::prelude::wasm_bindgen;

/// Called by the generated JavaScript once the module is ready.
#[wasm_bindgen(start)]
pub fn start() {
    leptos::mount::hydrate_body(app::App);
}
