//! The plan of a new service: what its first start would do.

use api::{RuntimeKind, ServicePlan};
use leptos::prelude::*;

#[cfg(feature = "hydrate")]
use crate::components::ask;
use crate::components::{Asked, FormFaults, Icon, Symbol, reason_list, sentence};
use crate::erase::{Erase, Erased, shown, text};
use crate::path;

/// The buttons of the form: one makes the service, the other shows the plan of it.
#[component]
pub fn PlanButtons(
    /// The plan.
    found: RwSignal<Option<Asked<ServicePlan>>>,
) -> impl IntoView {
    let is_busy = RwSignal::new(false);
    let at = use_context::<FormFaults>();
    #[cfg(feature = "hydrate")]
    let click = move |event: leptos::ev::MouseEvent| ask::<ServicePlan>(&event, "/rpc/plan_service", found, is_busy, at);
    #[cfg(not(feature = "hydrate"))]
    let click = move |_: leptos::ev::MouseEvent| _ = (found, at);
    let label = text(move || if is_busy.get() { "Planning…" } else { "Show the plan" });
    view! {
        <div class="form-actions">
            <button type="submit" class="button" data-kind="primary">"Make service"</button>
            <button type="submit" class="button" name="plan" value="true" formaction=path::NEW_SERVICE disabled=move || is_busy.get() on:click=click>{label}</button>
        </div>
    }
    .erase()
}

/// The plan.
#[component]
pub fn PlanView(
    /// The plan.
    found: RwSignal<Option<Asked<ServicePlan>>>,
) -> impl IntoView {
    let plan = shown(move || {
        found.get().map(|found| match found {
            Ok(plan) => show(plan),
            Err(reasons) => reason_list(reasons),
        })
    });
    view! { <div class="check-result" role="status">{plan}</div> }.erase()
}

fn show(plan: ServicePlan) -> Erased {
    let (state, symbol, verdict) = match &plan.obstacle {
        None => ("planned", Symbol::Check, "can be started".to_owned()),
        Some(why) => ("impossible", Symbol::Warning, format!("can be made, but not started now: {why}")),
    };
    let mut facts: Vec<(&str, String, bool)> = Vec::new();
    let mut add =
        |label, value: Option<String>, is_code| facts.extend(value.filter(|value| !value.is_empty()).map(|value| (label, value, is_code)));
    let is_process = plan.runtime == RuntimeKind::Process;
    add("Runtime", Some(plan.runtime.label().into()), false);
    let command = Some(plan.command.join(" ")).filter(|command| !command.is_empty());
    let of_image = (command.is_none() && !is_process).then(|| "What the image says".to_owned());
    add("Command", command, true);
    add("Command", of_image, false);
    add("Folder", plan.working_dir, true);
    add("Runs as", plan.user.map(|user| format!("The user {user}")), false);
    add("Port", plan.port.map(|port| port.to_string()), false);
    let steps = plan.preparation.iter().map(|step| sentence(step)).collect::<Vec<_>>().join(" ");
    add("Before it runs", Some(if steps.is_empty() && plan.obstacle.is_none() { "Nothing is to be done".into() } else { steps }), false);
    add("Variables", Some(plan.variables.join(", ")), true);
    add("Health", Some(plan.health), false);
    let notes = plan.notes.iter().map(|note| sentence(note)).collect::<Vec<_>>().join(" ");
    add("Note", Some(notes), false);
    let facts = facts.into_iter().map(|(label, value, is_code)| {
        let value = if is_code { view! { <code>{value}</code> }.erase() } else { value.erase() };
        view! { <div class="fact"><dt>{label}</dt><dd>{value}</dd></div> }.erase()
    });
    view! {
        <div class="compose-item" data-outcome=state>
            <p class="compose-name"><Icon symbol=symbol /><strong>{plan.name}</strong> <span>{verdict}</span></p>
            <dl class="fact-list">{facts.collect_view()}</dl>
        </div>
    }
    .erase()
}
