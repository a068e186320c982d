//! Showing a secret of the configuration to who says their password again: once, in this page only.

use api::{Configuration, Permission, SecretValue};
use leptos::html::Input;
use leptos::prelude::*;

use super::super::watch::Watched;
use super::PartLinks;
use super::loads::{Loads, Part};
#[cfg(feature = "hydrate")]
use crate::components::ask;
use crate::components::{Asked, Empty, Symbol, reason_list, reasons};
use crate::erase::{Erase, Erased, shown, text};
use crate::pages::secrets::reveal::value_view;
use crate::path;
use crate::viewer::Viewer;

/// The form that asks for one of the secrets, and the value while it is shown.
#[component]
pub fn Reveal(
    /// The newest configuration.
    configuration: Configuration,
    /// The service.
    watched: Watched,
    /// What is loaded.
    loads: Loads,
) -> impl IntoView {
    let id = watched.id;
    let is_allowed = expect_context::<Viewer>().may(Permission::SecretsReveal);
    // References are shown with the configuration.
    let is_kept = |pointer: &&String| configuration.values.pointer(pointer).is_some_and(|value| value == api::MASK);
    let secrets: Vec<_> = configuration.secrets.iter().filter(is_kept).cloned().collect();
    let content = match (is_allowed, secrets.is_empty()) {
        (false, _) => nothing("Not allowed", "Your role may not see secrets."),
        (true, true) => nothing("No secrets", "No value of this configuration is a secret that isn't shown."),
        (true, false) => form(id, secrets, loads),
    };
    view! { <PartLinks id part=Part::Secret /> {content} <p><a href=path::configuration(id)>"Back to the configuration"</a></p> }.erase()
}

fn nothing(title: &'static str, text: &'static str) -> Erased {
    view! { <Empty symbol=Symbol::Key title text=view! { <p>{text}</p> }.erase() /> }.erase()
}

fn form(id: api::ServiceId, secrets: Vec<String>, loads: Loads) -> Erased {
    let form_token = expect_context::<Viewer>().form_token;
    let tried = loads.revealed.get_value().filter(|tried| tried.id == id);
    let chosen = tried.as_ref().map(|tried| tried.field.clone()).or_else(|| loads.field.get_untracked());
    let posted = tried.map(|tried| tried.found.map_err(|error| reasons(error.0)));
    let found = RwSignal::new(posted as Option<Asked<SecretValue>>);
    let hide = move || {
        loads.revealed.set_value(None);
        found.set(None);
    };
    let is_busy = RwSignal::new(false);
    let password = NodeRef::<Input>::new();
    #[cfg(feature = "hydrate")]
    let click = move |event: leptos::ev::MouseEvent| ask::<SecretValue>(&event, "/rpc/reveal_configuration_secret", found, is_busy, None);
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
    let action = path::configuration_secret(id);
    let href = action.clone();
    let content = shown(move || {
        found.get().map(|found| match found {
            Ok(value) => value_view(value, href.clone(), hide),
            Err(reasons) => reason_list(reasons),
        })
    });
    let options = secrets.into_iter().map(|pointer| {
        let words = pointer[1..].replace("~1", "/").replace("~0", "~");
        let is_chosen = chosen.as_ref() == Some(&pointer);
        view! { <option value=pointer selected=is_chosen>{words}</option> }.erase()
    });
    let options = options.collect::<Vec<_>>();
    view! {
        <section class="panel" aria-labelledby="reveal-secret">
            <header class="panel-head"><h2 class="panel-title" id="reveal-secret">"Show a secret"</h2></header>
            <form class="settings-form" method="post" action=action>
                <input type="hidden" name="form_token" value=form_token />
                <input type="hidden" name="id" value=id.to_string() />
                <div class="field">
                    <label for="field">"Which"</label>
                    <select id="field" name="field" on:change=move |_| hide()>{options}</select>
                </div>
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
