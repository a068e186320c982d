//! The form that makes a service of a template: its name, and a field for each variable.

use leptos::prelude::*;

use crate::components::{Field, LiveForm, Takes, faults};
use crate::erase::{Erase, Erased};
use crate::pages::service::image_form::at;
use crate::path;
use crate::rpc::{TemplateForm, TriedTemplate, VariableField};

/// The form, with what was typed when it was posted without JavaScript and refused.
#[component]
pub fn MakeForm(
    /// The template.
    id: String,
    /// Its variables.
    fields: Vec<VariableField>,
) -> impl IntoView {
    let tried = SharedValue::new(use_context::<TriedTemplate>).into_inner().filter(|tried| tried.template == id);
    let (form, refused) = match tried {
        None => (None, Vec::new()),
        Some(tried) => (Some(tried.form), faults(tried.error.0)),
    };
    let typed = form.clone().unwrap_or_default();
    let plain = path::template(&id);
    view! {
        <LiveForm action="/rpc/make_from_template" plain refused>
            <input type="hidden" name="template" value=id />
            {at("/name", view! { <Field name="form[name]" label="Name" takes=Takes::Line(63, true) value=typed.name hint="Letters, digits and . _ - It is the name of the new folder, too." /> }.erase())}
            <Field name="form[description]" label="Description" takes=Takes::Line(500, false) value=typed.description />
            {fields.into_iter().map(|field| variable(field, form.as_ref())).collect_view()}
            <div class="field form-part"><label><input type="checkbox" name="form[start]" value="true" checked=typed.start />" Start it at once"</label></div>
            <div class="form-actions"><button type="submit" class="button" data-kind="primary">"Make service"</button></div>
        </LiveForm>
    }
    .erase()
}

/// The field of a variable: what was typed, else its default.
fn variable(field: VariableField, form: Option<&TemplateForm>) -> Erased {
    let VariableField { name, label, hint, default, is_number, choices } = field;
    let text = form.and_then(|form| form.variables.get(&name)).cloned().unwrap_or_else(|| default.clone());
    let (id, place) = (format!("form[variables][{name}]"), format!("/source/variables/{name}"));
    let hint_id = format!("{id}-hint");
    let input = match (choices.is_empty(), is_number) {
        (false, _) => {
            let option = |choice: String| view! { <option value=choice.clone() selected=choice == text>{choice.clone()}</option> }.erase();
            let options = choices.into_iter().map(option).collect_view();
            view! { <select id=id.clone() name=id.clone() class="plain-select" aria-describedby=hint_id.clone()>{options}</select> }.erase()
        }
        (true, true) => view! {
            <input id=id.clone() name=id.clone() type="text" inputmode="numeric" value=text placeholder=default autocomplete="off" aria-describedby=hint_id.clone() />
        }
        .erase(),
        (true, false) => view! {
            <input id=id.clone() name=id.clone() type="text" value=text placeholder=default autocomplete="off" spellcheck="false" aria-describedby=hint_id.clone() />
        }
        .erase(),
    };
    let field = view! {
        <div class="field">
            <label for=id>{label}</label>
            {input}
            <p class="field-hint" id=hint_id>{hint}</p>
        </div>
    };
    at(place, field.erase())
}
