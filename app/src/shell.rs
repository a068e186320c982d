//! The document around the app.
#![cfg(feature = "ssr")]

use leptos::nonce::use_nonce;
use leptos::prelude::*;
use leptos_meta::MetaTags;

use crate::context::{Assets, RequestContext};
use crate::{App, Page, Theme, path};

/// The font that every page shows its text in; the version in its name makes it immutable.
const FONT: &str = "/fonts/inter-latin-5.3.1.woff2";

/// The scripts and the WebAssembly of the page at `path`; none before a sign-in, where plain forms do.
fn scripts(path: &str, assets: &Assets) -> Option<impl IntoView + use<>> {
    if assets.script.is_empty() || [path::SIGN_IN, path::SETUP].contains(&path) {
        return None;
    }
    let start = format!("import init from {:?}; init({{ module_or_path: {:?} }});", assets.script, assets.wasm);
    let parts = Page::at(path).and_then(Page::part).and_then(|part| assets.parts.get(part)).cloned().unwrap_or_default();
    let modules = [assets.wasm.clone()].into_iter().chain(parts).map(|module| {
        view! { <link rel="preload" href=module r#as="fetch" r#type="application/wasm" crossorigin="anonymous" /> }
    });
    Some(view! {
        <link rel="modulepreload" href=assets.script.clone() />
        <link rel="modulepreload" href=assets.loader.clone() />
        {modules.collect_view()}
        <script type="module" nonce=use_nonce()>
            {start}
        </script>
    })
}

/// The whole document: language, theme, style, preloads, the app, and the script that makes it come alive.
pub fn shell() -> impl IntoView {
    let assets = RequestContext::find().map(|context| context.assets).unwrap_or_default();
    let theme = Theme::of_request().as_str();
    let path = use_context::<http::request::Parts>().map(|parts| parts.uri.path().to_owned()).unwrap_or_default();
    let scripts = scripts(&path, &assets);
    let style = (!assets.style.is_empty()).then(|| view! { <link rel="stylesheet" href=assets.style.clone() /> });
    view! {
        <!DOCTYPE html>
        <html lang="en" data-theme=theme>
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1" />
                <meta name="color-scheme" content="dark light" />
                <meta name="referrer" content="same-origin" />
                <link rel="icon" href="/favicon.svg" r#type="image/svg+xml" />
                <link rel="preload" href=FONT r#as="font" r#type="font/woff2" crossorigin="anonymous" />
                {style}
                {scripts}
                <MetaTags />
            </head>
            <body>
                <App />
            </body>
        </html>
    }
}
