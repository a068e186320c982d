//! One field of the form.

use api::Permission;
use leptos::prelude::*;

use super::check::Sheet;
use super::heir::heir_line;
use crate::components::reason_list;
use crate::configuration::{Choice, Field, Kind};
use crate::erase::{Erase, Erased, area, shown, text};
use crate::path;
use crate::viewer::Viewer;

/// The id of the field of a variable; it is its name too.
pub fn field_id(name: &str) -> String {
    format!("form[values][{name}]")
}

/// What is typed into one field, beside what is saved.
#[derive(Clone, Copy)]
pub struct Typed {
    text: RwSignal<String>,
    is_out: RwSignal<bool>,
    saved: StoredValue<Field>,
}

impl Typed {
    /// The text that a field has at first, whether it is taken out, and what is saved.
    pub fn new(text: String, is_out: bool, saved: Field) -> Self {
        Self { text: RwSignal::new(text), is_out: RwSignal::new(is_out), saved: StoredValue::new(saved) }
    }

    /// Whether that isn't what is saved.
    pub fn is_changed(self) -> bool {
        self.is_out.get() || self.text.with(|text| self.saved.with_value(|saved| saved.text != *text))
    }

    fn differs(self) -> bool {
        self.text.with(|text| self.saved.with_value(|saved| saved.differs(text)))
    }
}

/// The field with its label, its marks, what it may be, and what is wrong with it.
pub fn field_view(field: Field, typed: Typed, sheet: Sheet) -> Erased {
    let id = field_id(&field.name);
    let (hint_id, fault_id) = (format!("{id}-hint"), format!("{id}-faults"));
    let words =
        format!("{} {} {}", field.name, field.title.as_deref().unwrap_or_default(), field.description.as_deref().unwrap_or_default());
    let words = words.to_ascii_lowercase();
    let is_hidden = move || sheet.filter.with(|filter| !words.contains(filter.as_str()));
    let wrong = {
        let name = field.name.clone();
        Memo::new(move |_| sheet.wrong(&name))
    };
    let title = field.title.clone().map(|title| view! { " "<span class="panel-note">{title}</span> });
    let required = field.is_required.then(|| view! { " "<span class="badge">"required"</span> });
    let hint = hint(&field);
    let described = format!("{hint_id} {fault_id}");
    let label = view! { <label for=id.clone()><samp>{field.name.clone()}</samp>{title}{required}</label> };
    let input = input(&field, &id, described, typed, wrong);
    let out = takes_out(&field, typed);
    let from = heir_line(&field.name, typed, sheet);
    let may_see = field.is_kept && expect_context::<Viewer>().may(Permission::SecretsReveal);
    let see = may_see.then(|| {
        let (href, label) = (path::configuration_secret(sheet.service), format!("Show {}…", field.name));
        view! { <a class="field-hint" href=format!("{href}?field=/{}", field.name)>{label}</a> }.erase()
    });
    view! {
        <div class="field configuration-field" hidden=is_hidden>
            <div class="configuration-label">{label} {marks(field, id, typed, sheet)}</div>
            {input}
            {out}
            {from}
            {see}
            <p class="field-hint" id=hint_id>{hint}</p>
            <div id=fault_id>{shown(move || Some(wrong.get()).filter(|wrong| !wrong.is_empty()).map(reason_list))}</div>
        </div>
    }
    .erase()
}

/// Whether it isn't saved yet, whether it isn't the default, and the way back to that.
fn marks(field: Field, id: String, typed: Typed, sheet: Sheet) -> Erased {
    let changed = shown(move || typed.is_changed().then(|| view! { <span class="badge" data-mark="changed">"not saved"</span> }.erase()));
    let Some(default) = field.default else { return view! { <span class="settings-actions">{changed}</span> }.erase() };
    #[cfg(feature = "hydrate")]
    let click = {
        let default = default.clone();
        move |_: leptos::ev::MouseEvent| put(&id, &default, typed, sheet)
    };
    #[cfg(not(feature = "hydrate"))]
    let click = {
        let _ = (id, default, sheet);
        |_: leptos::ev::MouseEvent| {}
    };
    let label = format!("Reset {}", field.name);
    view! {
        <span class="settings-actions">
            {changed}
            <span class="settings-actions" hidden=move || !typed.differs()>
                <span class="badge">"not the default"</span>
                <button type="button" class="button needs-script" data-size="small" aria-label=label on:click=click>"Reset"</button>
            </span>
        </span>
    }
    .erase()
}

/// Puts a text into a field, as if it had been typed.
#[cfg(feature = "hydrate")]
fn put(id: &str, text: &str, typed: Typed, sheet: Sheet) {
    use wasm_bindgen::JsValue;
    if let Some(field) = document().get_element_by_id(id) {
        let _ = web_sys::js_sys::Reflect::set(&field, &JsValue::from_str("value"), &JsValue::from_str(text));
        typed.text.set(text.to_owned());
        sheet.check_soon(&field);
    }
}

/// The box that takes a value out that an empty field would keep.
fn takes_out(field: &Field, typed: Typed) -> Option<Erased> {
    let words = match (field.is_kept, field.is_empty_text) {
        (true, _) => "Take it out",
        (_, true) => "Take it out: empty, it stays an empty text",
        _ => return None,
    };
    let (name, is_out) = (field.name.clone(), typed.is_out.get_untracked());
    let tick = move |event: leptos::ev::Event| typed.is_out.set(event_target_checked(&event));
    Some(view! { <label class="field-hint"><input type="checkbox" name="form[without][]" value=name checked=is_out on:change=tick />" "{words}</label> }.erase())
}

/// What it is for and what it may be.
fn hint(field: &Field) -> String {
    let is_shown = matches!(field.kind, Kind::Lines | Kind::Json | Kind::Line | Kind::Integer | Kind::Number);
    let default = field.default.as_ref().filter(|default| is_shown && !default.contains('\n')).map(|default| format!("Default: {default}"));
    let unit = field.unit.as_ref().map(|unit| format!("In {unit}"));
    let kind = match field.kind {
        Kind::Json => Some("JSON".to_owned()),
        Kind::Integer => Some("A whole number".to_owned()),
        _ => None,
    };
    let kept = field.is_kept.then(|| "Kept, not shown: leave it empty to keep it".to_owned());
    let range = match (kind, &field.range) {
        (Some(kind), Some(range)) => Some(format!("{kind}, {range}")),
        (kind, range) => kind.or_else(|| range.clone()),
    };
    let parts = [field.description.clone(), kept, range, unit, default];
    let sentences = parts.into_iter().flatten().map(|part| crate::components::sentence(&part)).collect::<Vec<_>>();
    sentences.join(" ")
}

fn input(field: &Field, id: &str, described: String, typed: Typed, wrong: Memo<Vec<String>>) -> Erased {
    let (name, id, is_required) = (id.to_owned(), id.to_owned(), field.is_required.then_some("true"));
    let first = typed.text.get_untracked();
    let take = move |event: leptos::ev::Event| typed.text.set(event_target_value(&event));
    let invalid = text(move || if wrong.with(Vec::is_empty) { "false" } else { "true" });
    let line_default = field.default.clone().filter(|default| !default.contains('\n')).unwrap_or_default();
    let is_hidden = field.is_secret && !first.starts_with("${");
    match &field.kind {
        Kind::Choice(choices) => select(field, choices.clone(), id, described, typed, invalid),
        Kind::Boolean => {
            let choices = ["true", "false"].map(|text| Choice { text: text.into(), is_allowed: true });
            select(field, choices.to_vec(), id, described, typed, invalid)
        }
        Kind::Lines | Kind::Json => {
            let rows = first.lines().count().clamp(3, 16).to_string();
            let default = field.default.clone().unwrap_or_default();
            view! { <textarea id=id name=name rows=rows spellcheck="false" autocapitalize="none" placeholder=default aria-describedby=described aria-required=is_required aria-invalid=invalid on:input=take>{area(first)}</textarea> }
                .erase()
        }
        kind => {
            let mode = match kind {
                Kind::Integer => "numeric",
                Kind::Number => "decimal",
                _ => "text",
            };
            let (input_type, complete) = if is_hidden { ("password", "new-password") } else { ("text", "off") };
            let example = if field.is_kept { "kept, not shown".to_owned() } else { line_default };
            view! {
                <input id=id name=name type=input_type value=first inputmode=mode autocomplete=complete autocapitalize="none" spellcheck="false" placeholder=example aria-describedby=described aria-required=is_required aria-invalid=invalid on:input=take />
            }
            .erase()
        }
    }
}

fn select(
    field: &Field,
    choices: Vec<Choice>,
    id: String,
    described: String,
    typed: Typed,
    invalid: Box<dyn FnMut() -> std::borrow::Cow<'static, str> + Send>,
) -> Erased {
    let chosen = typed.text.get_untracked();
    let unset = field.default.as_ref().map_or("Not set".to_owned(), |default| format!("Not set: {default}"));
    let is_unset = chosen.is_empty();
    let unset = if field.is_kept { "Kept, not shown".into() } else { unset };
    let options = choices.into_iter().map(|choice| {
        let words = if choice.is_allowed { choice.text.clone() } else { format!("{} (not one of these)", choice.text) };
        let is_chosen = !is_unset && choice.text == chosen;
        view! { <option value=choice.text selected=is_chosen>{words}</option> }.erase()
    });
    let options = options.collect::<Vec<_>>();
    let take = move |event: leptos::ev::Event| typed.text.set(event_target_value(&event));
    let (name, is_required) = (id.clone(), field.is_required.then_some("true"));
    view! {
        <select id=id name=name class="plain-select" aria-describedby=described aria-required=is_required aria-invalid=invalid on:change=take>
            <option value="" selected=is_unset>{unset}</option>
            {options}
        </select>
    }
    .erase()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::hint;
    use crate::configuration::fields;

    #[test]
    fn a_hint_says_what_it_is_for_what_it_may_be_and_what_counts_without_it() {
        let schema = json!({"properties": {
            "PORT": {"type": "integer", "minimum": 1, "maximum": 9, "default": 8, "description": "where it listens"},
            "WAIT": {"type": "number", "exclusiveMinimum": 0, "x-unit": "seconds"},
            "KEY": {"type": "string", "writeOnly": true}
        }});
        let hints: Vec<_> = fields(&schema, &json!({"KEY": api::MASK}), &[]).iter().map(hint).collect();
        assert_eq!(
            hints,
            [
                "Kept, not shown: leave it empty to keep it.",
                "Where it listens. A whole number, 1 to 9. Default: 8.",
                "More than 0. In seconds.",
            ]
        );
    }
}
