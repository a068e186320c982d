//! Going from the fields to the JSON and back without losing what is typed, and what to do when somebody else has saved meanwhile.

use api::ServiceId;
use leptos::prelude::*;

use super::editor::Draft;
use super::loads::Part;
use crate::erase::{Erase, Erased};

/// The links to the three views. Once the page is alive, those to the fields and to the JSON take along what is typed.
#[component]
pub fn Switch(
    /// The service.
    id: ServiceId,
    /// What the form begins with.
    draft: RwSignal<Draft>,
) -> impl IntoView {
    let link = |part: Part, label: &'static str| {
        let is_raw = part == Part::Raw;
        let current = move || draft.with(|draft| draft.is_raw == is_raw).then_some("page");
        #[cfg(feature = "hydrate")]
        let click = move |event: leptos::ev::MouseEvent| {
            if !(event.ctrl_key() || event.meta_key() || event.shift_key()) {
                event.prevent_default();
                alive::turn(draft, is_raw);
            }
        };
        #[cfg(not(feature = "hydrate"))]
        let click = |_: leptos::ev::MouseEvent| {};
        view! { <a class="range" href=part.href(id) aria-current=current on:click=click>{label}</a> }.erase()
    };
    let links: [Erased; 2] = [link(Part::Form, "Fields"), link(Part::Raw, "JSON")];
    view! {
        <div>
            <nav class="ranges" aria-label="View of the configuration">
                {links.into_iter().collect_view()}
                <a class="range" href=Part::Versions.href(id)>"Versions"</a>
            </nav>
        </div>
    }
    .erase()
}

#[cfg(feature = "hydrate")]
pub use alive::look_at_conflicts;

#[cfg(feature = "hydrate")]
mod alive {
    use std::collections::BTreeSet;

    use leptos::prelude::*;
    use leptos::task::spawn_local;
    use serde_json::{Map, Value};

    use api::Configuration;

    use super::Draft;
    use crate::configuration::{faulty_name, merge};
    use crate::pages::service::configuration::check::{Sheet, ask_form, form_around, value_of};
    use crate::pages::service::configuration::clash::Meanwhile;
    use crate::rpc::{get_configuration, get_configuration_difference};

    const MESSAGE: &str = "form[message]";

    /// Shows what is typed the other way. What can't be read stays as it is: the fields say what is wrong with it.
    pub fn turn(draft: RwSignal<Draft>, is_raw: bool) {
        if draft.with_untracked(|draft| draft.is_raw == is_raw) {
            return;
        }
        if !is_raw {
            if let Ok(values @ Value::Object(_)) = serde_json::from_str(&value_of("form[raw]")) {
                draft.set(Draft { is_raw, values, typed: None });
            }
            return;
        }
        let Some(form) = document().get_element_by_id(MESSAGE).and_then(|field| form_around(&field)) else { return };
        spawn_local(async move {
            if let Ok(checked) = ask_form(&form).await
                && let Some(values) = checked.values
            {
                draft.try_set(Draft { is_raw, values, typed: None });
            }
        });
    }

    /// Brings both together once a form was refused because somebody has saved meanwhile.
    pub fn look_at_conflicts(sheet: Sheet, base: StoredValue<Configuration>) {
        Effect::new(move |_| {
            if !sheet.faults.with(|faults| faults.iter().any(|fault| fault.field == "/version")) {
                return;
            }
            let Some(form) = document().get_element_by_id(MESSAGE).and_then(|field| form_around(&field)) else { return };
            let base = base.get_value();
            spawn_local(async move {
                let (Ok(checked), Ok(newest)) = (ask_form(&form).await, get_configuration(base.service_id).await) else { return };
                let changes = get_configuration_difference(base.service_id, Some(base.version), Some(newest.version)).await;
                let Ok(difference) = changes else { return };
                let changed: BTreeSet<String> = difference.changes.iter().filter_map(|change| faulty_name(&change.field)).collect();
                let map = |value: &Value| value.as_object().cloned().unwrap_or_else(Map::new);
                // What can't be read says so at its field.
                let Some(Value::Object(mine)) = checked.values else { return };
                let merge = merge(&map(&base.values), &mine, &map(&newest.values), &changed);
                let to_fields = sheet.raw.try_with_untracked(Option::is_none).unwrap_or_default();
                let found = Meanwhile { newest, changes: difference.changes, merge, message: value_of(MESSAGE), to_fields };
                sheet.meanwhile.try_set(Some(found));
            });
        });
    }
}
