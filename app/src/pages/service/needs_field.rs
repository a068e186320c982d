//! The services that one is declared to need: a part of its settings.

use api::ServiceId;
use leptos::prelude::*;

use super::loads::Loads;
use crate::components::Failure;
use crate::erase::{Erase, Erased};
use crate::pages::wait::wait;

/// A box for every other service, those that are chosen first.
#[component]
pub fn NeedsField(
    /// The service.
    id: ServiceId,
    /// Those that it is declared to need.
    chosen: Vec<ServiceId>,
    /// What is loaded.
    loads: Loads,
) -> impl IntoView {
    let chosen = StoredValue::new(chosen);
    view! {
        <fieldset class="form-part needs-field">
            <legend>"Needs"</legend>
            <Transition fallback=move || kept(&chosen.get_value())>
                {move || Suspend::new(async move {
                    match wait(loads.names).await {
                        Some(Ok(names)) => boxes(id, &chosen.get_value(), names),
                        Some(Err(error)) => view! { <Failure error=error.0 />{kept(&chosen.get_value())} }.erase(),
                        None => kept(&chosen.get_value()),
                    }
                })}
            </Transition>
            <p class="field-hint">
                "Services that it doesn't work without, at most 50. Together with others it is started after them and stopped before them, and before one of
                them is stopped you are told. What variables name and connections show is known by itself."
            </p>
        </fieldset>
    }
    .erase()
}

/// What is chosen, for a form that is sent while there are no boxes.
fn kept(chosen: &[ServiceId]) -> Erased {
    chosen
        .iter()
        .map(|one| view! { <input type="hidden" name="form[depends_on][]" value=one.to_string() /> }.erase())
        .collect_view()
        .erase()
}

fn boxes(id: ServiceId, chosen: &[ServiceId], names: Vec<(ServiceId, String)>) -> Erased {
    let gone = chosen.iter().filter(|one| !names.iter().any(|(known, _)| known == *one)).map(|one| (*one, format!("deleted: {one}")));
    let mut all: Vec<(ServiceId, String)> = gone.chain(names.iter().filter(|(known, _)| *known != id).cloned()).collect();
    all.sort_by_key(|(one, _)| !chosen.contains(one));
    if all.is_empty() {
        return view! { <p class="field-hint">"There is no other service."</p> }.erase();
    }
    let boxes = all.into_iter().map(|(one, name)| {
        view! {
            <li>
                <label><input type="checkbox" name="form[depends_on][]" value=one.to_string() checked=chosen.contains(&one) /><span>{name}</span></label>
            </li>
        }
        .erase()
    });
    view! { <ul class="needs-boxes">{boxes.collect_view()}</ul> }.erase()
}
