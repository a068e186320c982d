//! The document around the app.
#![cfg(feature = "ssr")]

use leptos::nonce::use_nonce;
use leptos::prelude::*;
use leptos_meta::MetaTags;

use crate::context::RequestContext;
use crate::{App, Theme, path};

/// The font that every page shows its text in; the version in its name makes it immutable.
const FONT: &str = "/fonts/inter-latin-5.3.1.woff2";

/// Whether the page is one of those before a sign-in: plain forms that need no script.
fn is_entry() -> bool {
    use_context::<http::request::Parts>().is_some_and(|parts| [path::SIGN_IN, path::SETUP].contains(&parts.uri.path()))
}

/// The whole document: language, theme, style, preloads, the app, and the script that makes it come alive.
pub fn shell() -> impl IntoView {
    let assets = RequestContext::find().map(|context| context.assets).unwrap_or_default();
    let theme = Theme::of_request().as_str();
    let scripts = (!assets.script.is_empty() && !is_entry()).then(|| {
        let start = format!("import init from {:?}; init({{ module_or_path: {:?} }});", assets.script, assets.wasm);
        view! {
            <link rel="modulepreload" href=assets.script.clone() />
            <link rel="preload" href=assets.wasm.clone() r#as="fetch" r#type="application/wasm" crossorigin="anonymous" />
            <script type="module" nonce=use_nonce()>
                {start}
            </script>
        }
    });
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
