//! Showing the value of a secret to who says their password again: once, in this page only.

use api::SecretValue;
use leptos::html::Input;
use leptos::prelude::*;

use super::loads::Loads;
#[cfg(feature = "hydrate")]
use crate::components::ask;
use crate::components::{Asked, CopyButton, reason_list, reasons};
use crate::erase::{Erase, Erased, shown, text};
use crate::path;
use crate::rpc::SecretOutcome;
use crate::viewer::Viewer;

/// What asking for the value has come to, and the way to forget it.
#[derive(Clone, Copy)]
struct Shown {
    found: RwSignal<Option<Asked<SecretValue>>>,
    loads: Loads,
}

impl Shown {
    fn hide(self) {
        self.loads.tried.set_value(None);
        self.found.set(None);
    }
}

/// The form that asks for it, and the value while it is shown.
#[component]
pub fn RevealPanel(
    /// The secret.
    name: String,
    /// What is loaded.
    loads: Loads,
) -> impl IntoView {
    let form_token = expect_context::<Viewer>().form_token;
    let posted = loads.outcome(&name).and_then(|tried| match tried.outcome {
        SecretOutcome::Revealed(found) => Some(found.map_err(|error| reasons(error.0))),
        _ => None,
    });
    let shown_value = Shown { found: RwSignal::new(posted), loads };
    let found = shown_value.found;
    let is_busy = RwSignal::new(false);
    let password = NodeRef::<Input>::new();
    #[cfg(feature = "hydrate")]
    let click = move |event: leptos::ev::MouseEvent| ask::<SecretValue>(&event, "/rpc/reveal_secret", found, is_busy, None);
    #[cfg(not(feature = "hydrate"))]
    let click = |_: leptos::ev::MouseEvent| {};
    // It has done its work: it isn't left in the field.
    #[cfg(feature = "hydrate")]
    Effect::new(move |_| {
        if let (true, Some(password)) = (found.with(|found| matches!(found, Some(Ok(_)))), password.get()) {
            password.set_value("");
        }
    });
    let label = text(move || if is_busy.get() { "Opening…" } else { "Show the value" });
    let href = path::secret(&name);
    let action = href.clone();
    let content = shown(move || {
        found.get().map(|found| match found {
            Ok(value) => value_view(value, href.clone(), move || shown_value.hide()),
            Err(reasons) => reason_list(reasons),
        })
    });
    view! {
        <section class="panel" aria-labelledby="reveal-secret">
            <header class="panel-head"><h2 class="panel-title" id="reveal-secret">"Value"</h2></header>
            <form class="settings-form" method="post" action=action>
                <input type="hidden" name="form_token" value=form_token />
                <input type="hidden" name="form[name]" value=name />
                <input type="hidden" name="deed" value="reveal" />
                <div class="field">
                    <label for="password">"Your password"</label>
                    <input id="password" name="password" type="password" autocomplete="current-password" required=true maxlength="1024" node_ref=password aria-describedby="password-hint" />
                    <p class="field-hint" id="password-hint">"The audit records that the value was shown to you."</p>
                </div>
                <button type="submit" class="button" disabled=move || is_busy.get() on:click=click>{label}</button>
                <div role="status">{content}</div>
            </form>
        </section>
    }
    .erase()
}

/// The value, with ways to copy and to hide it. Without JavaScript hiding it loads the page anew, which doesn't have it.
pub fn value_view(value: SecretValue, href: String, hide: impl Fn() + Send + 'static) -> Erased {
    let SecretValue { value, version } = value;
    let text = value.reveal().to_owned();
    let copied = text.clone();
    let hide = move |event: leptos::ev::MouseEvent| {
        event.prevent_default();
        hide();
    };
    view! {
        <div class="check-result">
            <p>"Version "{version}", shown in this page only:"</p>
            <pre class="check-output" tabindex="0" role="group" aria-label="Value of the secret">{text}</pre>
            <div class="form-actions">
                <CopyButton text=copied what="value" />
                <a class="button" href=href rel="external" on:click=hide>"Hide"</a>
            </div>
        </div>
    }
    .erase()
}
