//! The values for those who may only look at them.

use api::{Configuration, ConfigurationText};
use leptos::prelude::*;

use super::heir::origin_words;
use super::value_text;
use crate::components::{Empty, Symbol, sentence};
use crate::configuration::{Field, fields, further};
use crate::erase::{Erase, Erased};

/// All values, as a table or as text; secrets are not in them.
#[component]
pub fn ReadOnly(
    /// The newest configuration.
    configuration: Configuration,
    /// The text that is shown; none shows a table.
    raw: Option<ConfigurationText>,
) -> impl IntoView {
    let known = fields(&configuration.schema, &configuration.values, &configuration.secrets);
    let further = further(&configuration.schema, &configuration.values);
    let is_heir = configuration.inheritance.is_some();
    let from = |name: &str| is_heir.then(|| configuration.origins.get(name).map(origin_words).unwrap_or_default());
    let content = match (raw, known.is_empty() && further.is_empty()) {
        (Some(ConfigurationText { format, text }), _) => {
            let label = format!("Values as {}", format.label());
            view! { <pre class="check-output" tabindex="0" role="region" aria-label=label>{text}</pre> }.erase()
        }
        (_, true) => {
            let text = "Nothing is configured. A Developer or an Admin adds variables here.".erase();
            view! { <Empty symbol=Symbol::Settings title="Nothing is configured" text /> }.erase()
        }
        _ => {
            let known = known.into_iter().map(|field| row(&field, from(&field.name))).collect::<Vec<_>>();
            let further = further.into_iter().map(|(name, text)| {
                let value = value_text(&serde_json::Value::String(text));
                let from = from(&name);
                line(name, view! { {value} }.erase(), "Not in the schema.".into(), from)
            });
            let further = further.collect::<Vec<_>>();
            view! {
                <div class="table-scroll" tabindex="0" role="region" aria-label="Table of values">
                    <table class="table">
                        <thead><tr><th scope="col">"Name"</th><th scope="col">"Value"</th><th scope="col">"What it is for"</th>{is_heir.then(|| view! { <th scope="col">"Where from"</th> })}</tr></thead>
                        <tbody>{known} {further}</tbody>
                    </table>
                </div>
            }
            .erase()
        }
    };
    let faults = configuration.faults.iter().map(|fault| {
        let name = crate::configuration::faulty_name(&fault.field).map(|name| format!("{name}: ")).unwrap_or_default();
        view! { <li>{name}{sentence(&fault.message)}</li> }.erase()
    });
    let faults = faults.collect::<Vec<_>>();
    let faults = (!faults.is_empty()).then(|| view! { <ul class="form-faults hint">{faults}</ul> });
    view! {
        <section class="panel" aria-labelledby="configuration-title">
            <header class="panel-head"><h2 class="panel-title" id="configuration-title">"What it is told"</h2></header>
            {faults}
            {content}
        </section>
    }
    .erase()
}

fn row(field: &Field, from: Option<String>) -> Erased {
    let value = match (&field.default, field.is_kept) {
        (_, true) => view! { "a secret that isn't shown" }.erase(),
        _ if field.is_empty_text => view! { "an empty text" }.erase(),
        (Some(default), _) if field.text.is_empty() => view! { {default.clone()} " " <span class="badge">"default"</span> }.erase(),
        (None, _) if field.text.is_empty() => view! { <span class="none">"not set"</span> }.erase(),
        _ => view! { {field.text.clone()} }.erase(),
    };
    let about = [&field.title, &field.description].into_iter().flatten().map(|text| sentence(text)).collect::<Vec<_>>().join(" ");
    line(field.name.clone(), value, about, from)
}

fn line(name: String, value: Erased, about: String, from: Option<String>) -> Erased {
    let from = from.map(|from| view! { <td class="wrap">{from}</td> });
    view! { <tr><th scope="row" class="mono">{name}</th><td class="mono wrap">{value}</td><td class="wrap">{about}</td>{from}</tr> }.erase()
}
