//! Going from the fields to a text and back without losing what is typed, and what to do when somebody else has saved meanwhile.

use api::ServiceId;
use leptos::prelude::*;

use super::editor::Draft;
use super::loads::Part;
#[cfg(feature = "hydrate")]
use crate::components::Notices;
use crate::erase::{Erase, Erased};

/// The links to the views. Once the page is alive, those to the fields and to the texts take along what is typed.
#[component]
pub fn Switch(
    /// The service.
    id: ServiceId,
    /// What the form begins with.
    draft: RwSignal<Draft>,
) -> impl IntoView {
    #[cfg(feature = "hydrate")]
    let (left, notices) = (StoredValue::new(Vec::new()), expect_context::<Notices>());
    let link = |(part, label): (Part, &'static str)| {
        let wanted = if let Part::Raw(format) = part { Some(format) } else { None };
        let current = move || draft.with(|draft| draft.raw.as_ref().map(|raw| raw.format) == wanted).then_some("page");
        #[cfg(feature = "hydrate")]
        let click = move |event: leptos::ev::MouseEvent| {
            if !(event.ctrl_key() || event.meta_key() || event.shift_key()) {
                event.prevent_default();
                alive::turn(id, draft, left, notices, wanted);
            }
        };
        #[cfg(not(feature = "hydrate"))]
        let click = |_: leptos::ev::MouseEvent| {};
        view! { <a class="range" href=part.href(id) aria-current=current on:click=click>{label}</a> }.erase()
    };
    let links: Vec<Erased> = super::values_parts().map(link).collect();
    view! {
        <div>
            <nav class="ranges" aria-label="View of the configuration">
                {links}
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

    use api::{Configuration, ConfigurationFormat, ConfigurationText, ServiceId};

    use super::Draft;
    use crate::components::{Notices, sentence};
    use crate::configuration::{faulty_name, merge};
    use crate::pages::service::configuration::check::{Sheet, ask_form, form_around, ticked, value_of};
    use crate::pages::service::configuration::clash::Meanwhile;
    use crate::rpc::{CheckedConfiguration, get_configuration, get_configuration_difference, write_configuration};

    const MESSAGE: &str = "form[message]";

    /// Shows what is typed another way: as fields, or as text. What can't be read stays as it is: the fields say what is wrong with it. A text
    /// that is come back to has its comments.
    pub fn turn(
        id: ServiceId,
        draft: RwSignal<Draft>,
        left: StoredValue<Vec<ConfigurationText>>,
        notices: Notices,
        wanted: Option<ConfigurationFormat>,
    ) {
        let shown = draft.with_untracked(|draft| draft.raw.as_ref().map(|raw| raw.format));
        if shown == wanted {
            return;
        }
        let Some(form) = document().get_element_by_id(MESSAGE).and_then(|field| form_around(&field)) else { return };
        if let Some(format) = shown {
            left.update_value(|left| {
                left.retain(|text| text.format != format);
                left.push(ConfigurationText { format, text: value_of("form[raw]") });
            });
        }
        let basis = left.with_value(|left| left.iter().find(|text| Some(text.format) == wanted).map(|text| text.text.clone()));
        spawn_local(async move {
            let Ok(CheckedConfiguration { values: Some(values), .. }) = ask_form(&form).await else { return };
            let raw = match wanted {
                None => Ok(None),
                Some(ConfigurationFormat::Json) => {
                    let text = serde_json::to_string_pretty(&values).unwrap_or_default();
                    Ok(Some(ConfigurationText { format: ConfigurationFormat::Json, text }))
                }
                Some(format) => write_configuration(id, format, values.to_string(), basis).await.map(Some),
            };
            match raw {
                Ok(raw) => _ = draft.try_set(Draft { raw, values, typed: None }),
                Err(error) => notices.bad(sentence(&error.0.message)),
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
            let said = ["form[inherit][]", "form[own][]"].map(|field| ticked(&form, field));
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
                let found = Meanwhile { newest, changes: difference.changes, merge, message: value_of(MESSAGE), said, to_fields };
                sheet.meanwhile.try_set(Some(found));
            });
        });
    }
}
