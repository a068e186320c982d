//! The values that the schema doesn't know.

use std::collections::BTreeSet;

use leptos::prelude::*;

use super::check::Sheet;
use super::heir::further_lines;
use crate::components::reason_list;
use crate::erase::{Erase, Erased, area, shown, text};

/// One field for all of them, a line for each: it takes what is pasted from a `.env` file, and taking a line out takes the variable out.
pub fn extra_field(lines: String, fields: &BTreeSet<String>, sheet: Sheet) -> Erased {
    let from = further_lines(fields, sheet);
    let names = |lines: &str| api::read_variables(lines).map(|variables| variables.into_keys().collect::<Vec<_>>()).unwrap_or_default();
    let typed = RwSignal::new(lines.clone());
    let saved = lines.clone();
    let take = move |event: leptos::ev::Event| typed.set(event_target_value(&event));
    let changed = shown(move || {
        let is_changed = typed.with(|typed| *typed != saved);
        is_changed.then(|| view! { <span class="badge" data-mark="changed">"not saved"</span> }.erase())
    });
    // Faults of the variables in it, and of the lines.
    let wrong = Memo::new(move |_| {
        let own = typed.with(|typed| names(typed));
        let own = own.iter().flat_map(|name| sheet.wrong(name));
        sheet.wrong("/extra").into_iter().chain(own).collect::<Vec<_>>()
    });
    let rows = (lines.lines().count() + 2).clamp(4, 20).to_string();
    let label = if fields.is_empty() { "Variables" } else { "Further variables" };
    let hint = "One NAME=value a line. Quotes keep blanks at the ends, and \\n is a new line in them. ******** keeps a secret that isn't shown; take a line out to take the variable out.";
    let invalid = text(move || if wrong.with(Vec::is_empty) { "false" } else { "true" });
    view! {
        <div class="form-part">
            <div class="field configuration-field">
                <div class="configuration-label"><label for="form[extra]">{label}</label> <span class="settings-actions">{changed}</span></div>
                <textarea id="form[extra]" name="form[extra]" rows=rows spellcheck="false" autocapitalize="none" placeholder="NAME=value" aria-describedby="form[extra]-hint form[extra]-faults" aria-invalid=invalid on:input=take>{area(lines)}</textarea>
                <p class="field-hint" id="form[extra]-hint">{hint}</p>
                {from}
                <div id="form[extra]-faults">{shown(move || Some(wrong.get()).filter(|wrong| !wrong.is_empty()).map(reason_list))}</div>
            </div>
        </div>
    }
    .erase()
}
