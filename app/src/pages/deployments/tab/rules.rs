//! When a service may be deployed, and whether somebody else has to agree.

use api::{DeploymentRules, DeploymentWindow, Permission, ServiceId};
use leptos::prelude::*;

use crate::components::{Field, LiveForm, Takes};
use crate::erase::{Erase, Erased};
use crate::viewer::Viewer;

/// What is said of it, and the form that says something else.
#[component]
pub fn Rules(
    /// The service.
    id: ServiceId,
    /// What is said of it.
    rules: DeploymentRules,
) -> impl IntoView {
    let may = expect_context::<Viewer>().may(Permission::DeploymentsRules);
    let windows: Vec<_> = rules.windows.iter().map(DeploymentWindow::write).collect();
    let zone = if rules.time_zone.is_empty() { "UTC".to_owned() } else { rules.time_zone.clone() };
    let when = match windows.is_empty() {
        true => "At any time".to_owned(),
        false => format!("{} ({zone})", windows.join(", ")),
    };
    let who = if rules.needs_approval { "Somebody else than who has asked has to agree" } else { "Not needed" };
    view! {
        <section class="panel" aria-labelledby="rules-title">
            <header class="panel-head"><h2 class="panel-title" id="rules-title">"When it may be deployed"</h2></header>
            <dl class="fact-list">
                <div class="fact"><dt>"Begins"</dt><dd>{when}</dd></div>
                <div class="fact"><dt>"Approval"</dt><dd>{who}</dd></div>
            </dl>
            {may.then(|| form(id, windows.join("\n"), rules))}
        </section>
    }
    .erase()
}

fn form(id: ServiceId, windows: String, rules: DeploymentRules) -> Erased {
    view! {
        <details class="panel-empty">
            <summary>"Change that…"</summary>
            <LiveForm action="/rpc/set_deployment_rules" is_wide=true>
                <input type="hidden" name="id" value=id.to_string() />
                <Field name="windows" label="Windows" takes=Takes::Lines value=windows example="mon-fri 09:00-16:00" hint="One a line; without days it is every day, and it ends on the next day when it must. Empty is at any time. What has begun goes on, and going back is always possible." />
                <Field name="time_zone" label="Time zone of the windows" takes=Takes::Line(80, false) value=rules.time_zone example="Europe/Berlin" hint="Empty is UTC." />
                <div class="field"><label><input type="checkbox" name="needs_approval" value="true" checked=rules.needs_approval />" Somebody else has to agree"</label></div>
                <div class="form-actions"><button type="submit" class="button" data-kind="primary">"Save"</button></div>
            </LiveForm>
        </details>
    }
    .erase()
}
