//! All values as text, in an editor that is a plain text field with coloured text behind it.

use api::{ConfigurationFormat, ConfigurationText};
use leptos::prelude::*;

use super::check::Sheet;
use super::suggestions::Suggestions;
use crate::components::{reason_list, sentence};
use crate::configuration::{Known, json_fault, marked, marked_lines, places};
use crate::erase::{Erase, Erased, area, shown, text};

/// The editor. What is wrong is said with its line while it is typed.
pub fn raw_field(first: ConfigurationText, known: Vec<Known>, sheet: Sheet) -> Erased {
    let ConfigurationText { format, text: first } = first;
    let suggestions = Suggestions::new(format, known, sheet);
    let is_json = format == ConfigurationFormat::Json;
    sheet.format.set(format);
    sheet.lines.set(Default::default());
    sheet.raw.set(Some(first.clone()));
    let typed = move || sheet.raw.get().unwrap_or_default();
    let broken = Memo::new(move |_| is_json.then(|| json_fault(&typed())).flatten());
    let wrong = Memo::new(move |_| {
        if let Some(fault) = broken.get() {
            return vec![(fault.line, format!("Line {}, column {}: {}", fault.line, fault.column, sentence(&fault.message)))];
        }
        let places = is_json.then(|| sheet.raw.with(|raw| places(raw.as_deref().unwrap_or_default())));
        let said = |fault: &api::Detail| {
            let pointer = fault.field.strip_prefix("/values").filter(|rest| rest.starts_with('/')).unwrap_or(&fault.field);
            let line = match &places {
                Some(places) => Some(places.line(pointer)),
                None => sheet.lines.with(|lines| lines.get(&fault.field).and_then(|line| usize::try_from(*line).ok())),
            };
            // What keeps a text from being read says its line itself.
            let is_whole = fault.field == "/text";
            let place = line.filter(|_| !is_whole).map(|line| format!("Line {line}: ")).unwrap_or_default();
            let name = if is_whole { String::new() } else { format!("{}: ", pointer.trim_start_matches('/')) };
            (line.unwrap_or_default(), format!("{place}{name}{}", sentence(&fault.message)))
        };
        let is_in_text = |fault: &&api::Detail| fault.field == "/text" || crate::configuration::faulty_name(&fault.field).is_some();
        let mut wrong: Vec<_> = sheet.faults.with(|faults| faults.iter().filter(is_in_text).map(said).collect());
        wrong.sort();
        wrong
    });
    let lines = move || {
        let count = sheet.raw.with(|raw| raw.as_deref().unwrap_or_default().matches('\n').count() + 1);
        wrong.with(|wrong| numbered(count, &wrong.iter().map(|(line, _)| *line).collect::<Vec<_>>()))
    };
    let colours = move || {
        sheet.raw.with(|raw| {
            let raw = raw.as_deref().unwrap_or_default();
            if is_json { marked(raw) } else { marked_lines(format, raw) }
        })
    };
    let take = move |event: leptos::ev::Event| {
        sheet.raw.set(Some(event_target_value(&event)));
        suggestions.look();
    };
    let reasons = shown(move || {
        let reasons: Vec<_> = wrong.get().into_iter().map(|(_, reason)| reason).collect();
        (!reasons.is_empty()).then(|| reason_list(reasons))
    });
    let invalid = text(move || if wrong.with(Vec::is_empty) { "false" } else { "true" });
    view! {
        <div class="form-part">
            <div class="field">
                <label for="form[raw]">{format!("Values as {}", format.label())}</label>
                <input type="hidden" name="form[format]" value=format.as_str() />
                <div class="code">
                    <pre class="code-lines" aria-hidden="true" inner_html=lines></pre>
                    <div class="code-text">
                        <pre aria-hidden="true" inner_html=colours></pre>
                        <textarea id="form[raw]" name="form[raw]" wrap="off" spellcheck="false" autocapitalize="none" aria-describedby="raw-hint raw-faults" aria-invalid=invalid on:input=take on:click=move |_| suggestions.look() on:keyup=move |_| suggestions.look() on:keydown=keys(sheet, suggestions)>{area(first)}</textarea>
                    </div>
                </div>
                {suggestions.view()}
                <p class="field-hint" id="raw-hint">
                    {hint(format)} " ******** keeps a secret that isn't shown. Tab puts in two spaces; Escape and then Tab leaves the text; Ctrl and Space suggest how to go on."
                </p>
                <div id="raw-faults" role="status">{reasons}</div>
            </div>
        </div>
    }
    .erase()
}

fn hint(format: ConfigurationFormat) -> &'static str {
    match format {
        ConfigurationFormat::Json => "An object of names and values.",
        ConfigurationFormat::Yaml => "A mapping of names to values. Comments are kept.",
        ConfigurationFormat::Toml => "Names and values; what is null is left out. Comments are kept.",
        ConfigurationFormat::Env => "NAME=value lines; lists and objects are JSON. Comments are kept.",
    }
}

/// The numbers of lines, those in which something is wrong marked.
fn numbered(count: usize, wrong: &[usize]) -> String {
    let mut html = String::with_capacity(count * 5);
    for line in 1..=count {
        let number = line.to_string();
        if wrong.contains(&line) {
            html.extend(["<b>", number.as_str(), "</b>\n"]);
        } else {
            html.extend([number.as_str(), "\n"]);
        }
    }
    html
}

/// Tab puts in two spaces, unless Escape was pressed just before: then it goes on to the next field, as everywhere.
#[cfg(feature = "hydrate")]
fn keys(sheet: Sheet, suggestions: Suggestions) -> impl FnMut(leptos::ev::KeyboardEvent) + 'static {
    use wasm_bindgen::JsCast;
    let mut is_leaving = false;
    move |event: leptos::ev::KeyboardEvent| {
        let is_plain = !(event.shift_key() || event.ctrl_key() || event.alt_key() || event.meta_key());
        let is_tab = event.key() == "Tab" && is_plain && !is_leaving;
        is_leaving = event.key() == "Escape";
        if event.key() == " " && event.ctrl_key() && suggestions.enter() {
            event.prevent_default();
            return;
        }
        let Some(area) = event.target().and_then(|target| target.dyn_into::<web_sys::HtmlTextAreaElement>().ok()) else { return };
        if is_tab && area.set_range_text("  ").is_ok() {
            event.prevent_default();
            let end = area.selection_start().ok().flatten().unwrap_or_default() + 2;
            let _ = area.set_selection_range(end, end);
            sheet.raw.set(Some(area.value()));
            sheet.check_soon(&area);
        }
    }
}

#[cfg(not(feature = "hydrate"))]
fn keys(_: Sheet, _: Suggestions) -> impl FnMut(leptos::ev::KeyboardEvent) + 'static {
    |_| {}
}

#[cfg(test)]
mod tests {
    use super::numbered;

    #[test]
    fn each_line_has_its_number_and_those_with_faults_a_mark() {
        assert_eq!(numbered(3, &[2]), "1\n<b>2</b>\n3\n");
    }
}
