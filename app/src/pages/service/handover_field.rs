//! Whether a service is restarted without a break: a field of its settings, and of the form that makes it.

use leptos::prelude::*;

use crate::erase::Erase;

/// The choice, with what the service must be able to do.
#[component]
pub fn HandoverField(
    /// Whether it is chosen at first.
    chosen: bool,
    /// More about where it counts.
    #[prop(default = "")]
    hint: &'static str,
) -> impl IntoView {
    let options = [(false, "No: it is stopped, then started"), (true, "Yes: a new copy is started, then the one before is stopped")];
    let options = options.map(|(is_so, words)| view! { <option value=is_so.to_string() selected=is_so == chosen>{words}</option> });
    view! {
        <div class="field">
            <label for="form[handover]">"Restart without a break"</label>
            <select id="form[handover]" name="form[handover]" class="plain-select" aria-describedby="form[handover]-hint">
                {options.into_iter().collect_view()}
            </select>
            <p class="field-hint" id="form[handover]-hint">
                {hint}
                "For what takes its listening socket as descriptor 3, as systemd hands it over: applications that Pilothouse runs with uvicorn do so by themselves, a command must (gunicorn; uvicorn with --fd 3). It must bear two copies at a time."
            </p>
        </div>
    }
    .erase()
}
