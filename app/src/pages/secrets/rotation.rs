//! A new key for all secrets.

use api::KeyRotation;
use leptos::prelude::*;

use super::loads::Loads;
#[cfg(feature = "hydrate")]
use crate::components::ask;
use crate::components::{Icon, Symbol, reason_list, reasons};
use crate::erase::{Erase, Erased, shown, text};
use crate::path;
use crate::rpc::SecretOutcome;
use crate::viewer::Viewer;

/// The form that rotates the keys, once one has said that one means it, and what that has done.
#[component]
pub fn Rotation(
    /// What is loaded.
    loads: Loads,
) -> impl IntoView {
    let form_token = expect_context::<Viewer>().form_token;
    let posted = loads.outcome("").and_then(|tried| match tried.outcome {
        SecretOutcome::Rotated(done) => Some(done.map_err(|error| reasons(error.0))),
        _ => None,
    });
    let is_open = posted.is_some();
    let found = RwSignal::new(posted);
    let is_busy = RwSignal::new(false);
    #[cfg(feature = "hydrate")]
    let click = move |event: leptos::ev::MouseEvent| ask::<KeyRotation>(&event, "/rpc/rotate_secrets", found, is_busy, None);
    #[cfg(not(feature = "hydrate"))]
    let click = |_: leptos::ev::MouseEvent| {};
    let label = text(move || if is_busy.get() { "Rotating…" } else { "Rotate the keys now" });
    let content = shown(move || {
        found.get().map(|found| match found {
            Ok(done) => done_view(done),
            Err(reasons) => reason_list(reasons),
        })
    });
    view! {
        <section class="panel" aria-labelledby="rotate-secrets">
            <header class="panel-head"><h2 class="panel-title" id="rotate-secrets">"Keys"</h2></header>
            <form class="settings-form" method="post" action=path::SECRETS>
                <input type="hidden" name="form_token" value=form_token />
                <input type="hidden" name="deed" value="rotate" />
                <details class="form-part" open=is_open>
                    <summary>"Rotate the keys"</summary>
                    <div class="check-result">
                        <p>"A new data key is made, all secrets and configurations are sealed anew with it, and the key before it is removed. Values stay what they are, and services aren't touched. Backups from before need the keys of then."</p>
                        <div class="form-actions">
                            <button type="submit" class="button" data-kind="danger" disabled=move || is_busy.get() on:click=click>{label}</button>
                        </div>
                    </div>
                </details>
                <div role="status">{content}</div>
            </form>
        </section>
    }
    .erase()
}

fn done_view(done: KeyRotation) -> Erased {
    let count = |count: u64, one: &str| if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") };
    let (resealed, removed) = (count(done.resealed, "value"), count(done.removed, "data key"));
    view! { <p class="done"><Icon symbol=Symbol::Check />"Rotated: sealed "{resealed}" anew with data key "{done.data_key}", and removed "{removed}"."</p> }.erase()
}
