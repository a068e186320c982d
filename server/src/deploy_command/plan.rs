//! What a deployment would do.

use api::DeploymentPlan;
use serde_json::{Value, json};

use super::Outcome;
use super::say::Say;

/// Says it; what is in its way makes it a failure.
pub fn show(say: &Say, plan: &DeploymentPlan) -> Outcome {
    let outcome = if plan.obstacle.is_none() { Outcome::Good } else { Outcome::Failed };
    if say.is_json {
        say.json(&json!({ "type": "plan", "plan": plan, "exit_code": outcome as u8 }));
        return outcome;
    }
    say.line(&format!("Deployed as '{}':", plan.deployment_type.as_str()));
    for (at, step) in plan.steps.iter().enumerate() {
        say.line(&format!("  {}. {step}", at + 1));
    }
    match &plan.difference {
        None => say.line("Nothing of it was deployed before, so all of it is new."),
        Some(difference) if difference.is_empty() => say.line("Nothing is different from what it runs."),
        Some(difference) => {
            say.line("Different from what it runs:");
            if let Some((before, after)) = &difference.images {
                say.line(&format!("  image: {before} -> {after}"));
            }
            let text = |value: &Option<Value>| value.as_ref().map_or_else(|| "nothing".to_owned(), Value::to_string);
            for change in &difference.changes {
                say.line(&format!("  {}: {} -> {}", change.field, text(&change.before), text(&change.after)));
            }
            for file in &difference.files {
                say.line(&format!("  {}: {}", file.path, file.change.label()));
            }
            let more = difference.files_total.saturating_sub(difference.files.len() as u64);
            if more > 0 {
                say.line(&format!("  and {more} more files"));
            }
        }
    }
    plan.warnings.iter().for_each(|warning| say.line(&format!("Warning: {warning}")));
    if let Some(why) = &plan.obstacle {
        say.line(&format!("It would fail: {why}"));
    }
    outcome
}
