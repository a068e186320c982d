//! What is done to the whole configuration: back to the defaults, another schema. Both are folded, so that nothing is lost by one click.

use api::ServiceId;
use leptos::prelude::*;
use serde_json::Value;

use crate::components::{Field, LiveForm, Takes};
use crate::erase::Erase;

/// Resets all values.
#[component]
pub fn ResetForm(
    /// The service.
    id: ServiceId,
    /// The version that this is decided on.
    version: u64,
) -> impl IntoView {
    view! {
        <details class="panel panel-empty">
            <summary>"Reset all to their defaults…"</summary>
            <LiveForm action="/rpc/reset_configuration">
                <input type="hidden" name="id" value=id.to_string() />
                <input type="hidden" name="version" value=version.to_string() />
                <p>"Every value goes back to its default, secrets too; what has no default is taken out. It is a new version: those before stay, and can be restored. What is typed above and not saved is lost."</p>
                <div class="field">
                    <label for="reset-message">"Why it is reset"</label>
                    <input id="reset-message" name="message" type="text" maxlength="500" autocomplete="off" />
                </div>
                <button type="submit" class="button" data-kind="danger">"Reset all values"</button>
            </LiveForm>
        </details>
    }
    .erase()
}

/// Sets the schema of the values.
#[component]
pub fn SchemaForm(
    /// The service.
    id: ServiceId,
    /// The one that counts now.
    schema: Value,
    /// Whether it was set here.
    is_set: bool,
    /// The environment that it is inherited from, when it is.
    inherited: Option<String>,
) -> impl IntoView {
    let has_some = schema.as_object().is_some_and(|schema| !schema.is_empty());
    let text = if has_some { serde_json::to_string_pretty(&schema).unwrap_or_default() } else { String::new() };
    let hint = match inherited {
        _ if is_set => "Emptied, it goes back to the one that is inherited or found.".to_owned(),
        Some(environment) => format!("It is the one that is set in {environment}. Saved here, it counts over that."),
        None => "Saved here, it counts over the one that is found.".to_owned(),
    };
    view! {
        <details class="panel panel-empty">
            <summary>"Schema…"</summary>
            <LiveForm action="/rpc/set_configuration_schema">
                <input type="hidden" name="id" value=id.to_string() />
                <p>"A JSON Schema (2020-12) of an object, with a property for each variable. Values that it refuses stay until they are saved. "{hint}</p>
                <Field name="schema" label="Schema" takes=Takes::Lines value=text example="{\"properties\": {\"PORT\": {\"type\": \"integer\", \"minimum\": 1}}}" />
                <button type="submit" class="button">"Set the schema"</button>
            </LiveForm>
        </details>
    }
    .erase()
}
