//! Dark, light, or as the system says.

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::wasm_split::wasm_split;

use super::{Icon, Symbol};
use crate::Theme;
use crate::erase::{Erase, text};
use crate::rpc::set_theme;
use crate::viewer::Viewer;

/// Three buttons in a form; once the page is alive they change it at once.
#[component]
pub fn ThemeSwitch() -> impl IntoView {
    let theme = RwSignal::new(expect_context::<Viewer>().theme);
    let choices = Theme::ALL.map(|choice| {
        let symbol = match choice {
            Theme::System => Symbol::Screen,
            Theme::Light => Symbol::Sun,
            Theme::Dark => Symbol::Moon,
        };
        let choose = move |event: leptos::ev::MouseEvent| {
            event.prevent_default();
            theme.set(choice);
            show(choice);
            spawn_local(keep(choice));
        };
        view! {
            <button
                type="submit"
                class="segmented-choice"
                name="theme"
                value=choice.as_str()
                aria-pressed=text(move || (theme.get() == choice).to_string())
                aria-label=format!("{} theme", choice.label())
                title=format!("{} theme", choice.label())
                on:click=choose
            >
                <Icon symbol=symbol />
            </button>
        }
    });
    view! {
        <form class="segmented theme-switch" method="post" action="/rpc/set_theme" role="group" aria-label="Theme">
            {choices.into_iter().collect_view()}
        </form>
    }
    .erase()
}

/// Has the server remember the theme; in a part of the bundle that is fetched for it.
#[wasm_split(deeds, wasm_split_path = ::leptos::wasm_split)]
fn keep(theme: Theme) {
    spawn_local(async move {
        let _ = set_theme(theme).await;
    });
}

/// Changes the theme of the page that is shown.
fn show(theme: Theme) {
    #[cfg(feature = "hydrate")]
    if let Some(root) = document().document_element() {
        let _ = root.set_attribute("data-theme", theme.as_str());
    }
    #[cfg(not(feature = "hydrate"))]
    let _ = theme;
}
