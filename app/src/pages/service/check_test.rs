//! Trying out a health check before it is saved.

use api::{HealthTest, ServiceId};
use leptos::prelude::*;

use crate::charts::Unit;
use crate::components::sentence;
use crate::erase::{Erase, Erased, shown, text};
use crate::path;
use crate::rpc::RpcResult;

/// What trying it out has come to: what was found, or why nothing was.
type Outcome = Result<HealthTest, Vec<String>>;

/// The buttons of a form with a health check, and what the check has found. Without JavaScript the form is posted to its own page, which
/// comes back with what was typed.
#[component]
pub fn CheckTest(
    /// The service.
    id: ServiceId,
    /// What was found when the page was posted.
    found: Option<RpcResult<HealthTest>>,
) -> impl IntoView {
    let outcome = RwSignal::new(found.map(|found| found.map_err(|error| reasons(error.0.message, error.0.details))));
    let is_busy = RwSignal::new(false);
    #[cfg(feature = "hydrate")]
    let click = move |event: leptos::ev::MouseEvent| sending::send(&event, outcome, is_busy);
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

fn result(outcome: Outcome) -> Erased {
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
        Err(reasons) => {
            let reasons = reasons.into_iter().map(|reason| view! { <li>{reason}</li> }.erase()).collect_view();
            view! { <ul class="form-faults">{reasons}</ul> }.erase()
        }
    }
}

fn reasons(message: String, details: Vec<api::Detail>) -> Vec<String> {
    if details.is_empty() {
        return vec![sentence(&message)];
    }
    details.iter().map(|detail| sentence(&detail.message)).collect()
}

#[cfg(feature = "hydrate")]
mod sending {
    use api::HealthTest;
    use leptos::ev::MouseEvent;
    use leptos::prelude::*;
    use leptos::task::spawn_local;
    use wasm_bindgen::JsCast;
    use web_sys::{Element, HtmlFormElement};

    use super::{Outcome, reasons};
    use crate::components::post_form;

    pub fn send(event: &MouseEvent, outcome: RwSignal<Option<Outcome>>, is_busy: RwSignal<bool>) {
        let button = event.target().and_then(|target| target.dyn_into::<Element>().ok());
        let form = button.and_then(|button| button.closest("form").ok().flatten()).and_then(|form| form.dyn_into::<HtmlFormElement>().ok());
        let Some(form) = form else { return };
        event.prevent_default();
        if is_busy.get_untracked() {
            return;
        }
        is_busy.set(true);
        outcome.set(None);
        spawn_local(async move {
            let found = match post_form("/rpc/test_health", &form).await {
                Ok(answer) => read(&answer),
                Err(error) => Err(reasons(error.message, error.details)),
            };
            // The page may have been left meanwhile.
            is_busy.try_set(false);
            outcome.try_set(Some(found));
        });
    }

    fn read(answer: &str) -> Outcome {
        serde_json::from_str::<HealthTest>(answer).map_err(|_| vec!["The answer can't be read; reload the page.".into()])
    }
}
