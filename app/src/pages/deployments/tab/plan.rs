//! What a deployment would do.

use api::DeploymentPlan;
use leptos::prelude::*;

use super::super::difference::{difference, title};
use crate::components::{Icon, Symbol, sentence};
use crate::erase::{Erase, Erased};

/// The steps, what may break, and what would be different.
pub fn plan_view(plan: DeploymentPlan) -> Erased {
    let DeploymentPlan { deployment_type, steps, difference: changes, warnings, obstacle } = plan;
    let (state, symbol, verdict) = match obstacle {
        None => ("planned", Symbol::Check, format!("Deployed as '{}':", deployment_type.as_str())),
        Some(why) => ("impossible", Symbol::Warning, format!("It would fail: {}", sentence(&why))),
    };
    let steps: Vec<_> =
        steps.iter().enumerate().map(|(at, step)| view! { <li>{format!("{}. {}", at + 1, sentence(step))}</li> }.erase()).collect();
    let warnings: Vec<_> = warnings.iter().map(|text| view! { <li>{sentence(text)}</li> }.erase()).collect();
    let warnings = (!warnings.is_empty()).then(|| view! { <ul class="compose-notes" aria-label="Warnings">{warnings}</ul> }.erase());
    let changes = match changes {
        Some(changes) => {
            let title = title(&changes);
            view! { <h3>{title}</h3>{difference(changes)} }.erase()
        }
        None => view! { <p class="panel-note">"Nothing of it was deployed before, so all of it is new."</p> }.erase(),
    };
    view! {
        <div class="compose-item" data-outcome=state>
            <p class="compose-name"><Icon symbol=symbol /><strong>"Plan"</strong> <span>{verdict}</span></p>
            <ol>{steps}</ol>
            {warnings}
        </div>
        {changes}
    }
    .erase()
}
