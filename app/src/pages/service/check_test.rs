//! Trying out a health check before it is saved.

use api::{HealthTest, ServiceId};
use leptos::prelude::*;

use crate::charts::Unit;
#[cfg(feature = "hydrate")]
use crate::components::ask;
use crate::components::{Asked, reason_list, reasons};
use crate::erase::{Erase, Erased, shown, text};
use crate::path;
use crate::rpc::RpcResult;

/// The buttons of a form with a health check, and what the check has found. Without JavaScript the form is posted to its own page, which
/// comes back with what was typed.
#[component]
pub fn CheckTest(
    /// The service.
    id: ServiceId,
    /// What was found when the page was posted.
    found: Option<RpcResult<HealthTest>>,
) -> impl IntoView {
    let outcome = RwSignal::new(found.map(|found| found.map_err(|error| reasons(error.0))));
    let is_busy = RwSignal::new(false);
    #[cfg(feature = "hydrate")]
    let click = move |event: leptos::ev::MouseEvent| ask::<HealthTest>(&event, "/rpc/test_health", outcome, is_busy, None);
    #[cfg(not(feature = "hydrate"))]
    let click = |_: leptos::ev::MouseEvent| {};
    let label = text(move || if is_busy.get() { "Testing…" } else { "Test the health check" });
    let result = shown(move || outcome.get().map(result));
    // Enter in a field presses the first button: that saves.
    view! {
        <div class="form-actions">
            <button type="submit" class="button" data-kind="primary">"Save"</button>
            <button type="submit" class="button" name="test" value="health" formnovalidate formaction=path::service_tab(id, "settings") disabled=move || is_busy.get() on:click=click>
                {label}
            </button>
        </div>
        <div class="check-result" role="status" aria-busy=text(move || if is_busy.get() { "true" } else { "false" })>{result}</div>
    }
    .erase()
}

fn result(outcome: Asked<HealthTest>) -> Erased {
    match outcome {
        Ok(found) => {
            let (state, words) = if found.ok { ("good", "Well") } else { ("bad", "Not well") };
            let lines = (!found.output.is_empty()).then(|| view! { <pre class="check-output">{found.output.join("\n")}</pre> }.erase());
            view! {
                <p data-check=state><strong>{words}</strong> " " {format!("{} · {}", found.message, Unit::Millis.write(found.latency_ms))}</p>
                {lines}
            }
            .erase()
        }
        Err(reasons) => reason_list(reasons),
    }
}
