//! The form of a configuration: fields or a text, what is wrong, and saving.

use std::collections::BTreeMap;

use api::{Configuration, ConfigurationFormat, ConfigurationText, ErrorCode, Permission};
use leptos::html::Input;
use leptos::prelude::*;
use serde_json::Value;

use super::super::watch::Watched;
use super::check::Sheet;
use super::clash::{Meanwhile, meanwhile_panel};
use super::extra_field::extra_field;
use super::field_view::Typed;
use super::further_forms::{ResetForm, SchemaForm};
use super::group_view::group_view;
use super::heir::Heir;
use super::import_form::{Exports, ImportForm};
use super::loads::{Loads, Part};
use super::raw_field::raw_field;
use super::summary::summary;
use super::switch::Switch;
use crate::components::{Empty, Field as LineField, Icon, LiveForm, Symbol, Takes, faults};
use crate::configuration::{Field, fields, further, groups, known};
use crate::erase::{Erase, Erased, shown};
use crate::path;
use crate::rpc::{ConfigurationForm, TriedConfiguration};
use crate::viewer::Viewer;

/// More fields than this are folded where nothing is wrong or changed.
const MANY: usize = 60;
/// From so many fields on there is a box that finds some.
const SOME: usize = 8;
/// More fields than this are only shown as JSON: a page of them all would be too heavy.
const MOST: usize = 1000;

/// What the form begins with.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The text that is shown; none shows fields.
    pub raw: Option<ConfigurationText>,
    /// The values.
    pub values: Value,
    /// What was typed and refused, in place of the values.
    pub typed: Option<ConfigurationForm>,
}

/// The form, for those who may change the configuration.
#[component]
pub fn Editor(
    /// The newest configuration.
    configuration: Configuration,
    /// The service.
    watched: Watched,
    /// What is loaded, and a form that was posted to this page.
    loads: Loads,
    /// The text that is shown at first; none shows fields.
    raw: Option<ConfigurationText>,
) -> impl IntoView {
    let id = watched.id;
    // What was refused is told once: not when it has been saved since.
    let tried = loads.tried.get_value().filter(|tried| tried.id == id && loads.done.get_untracked().is_none());
    let clash = tried.as_ref().filter(|tried| tried.error.0.code == ErrorCode::Conflict).map(|tried| refused_as_old(id, tried));
    let (typed, refused) = match tried {
        Some(tried) => (Some(tried.form), faults(tried.error.0)),
        None => (None, configuration.faults.clone()),
    };
    let version = typed.as_ref().map_or(configuration.version, |form| form.version);
    let message = typed.as_ref().map(|form| form.message.clone()).unwrap_or_default();
    let plain = raw.as_ref().map_or(Part::Form, |raw| Part::Raw(raw.format)).href(id);
    let draft = RwSignal::new(Draft { raw, values: configuration.values.clone(), typed });
    let meanwhile = RwSignal::new(None::<Meanwhile>);
    let (shown_version, schema) = (configuration.version, configuration.schema.clone());
    let is_schema_set = configuration.schema_source == api::SchemaSource::Set;
    let inherited = configuration.schema_environment.clone();
    let base = StoredValue::new(configuration);
    let panel = shown(move || meanwhile.get().map(|meanwhile| meanwhile_panel(id, meanwhile)));
    view! {
        {clash}
        {panel}
        <Switch id draft />
        <section class="panel" aria-labelledby="configuration-title">
            <header class="panel-head"><h2 class="panel-title" id="configuration-title">"What it is told"</h2></header>
            <LiveForm action="/rpc/save_configuration" plain refused is_wide=true summary=summary>
                <input type="hidden" name="id" value=id.to_string() />
                <input type="hidden" name="form[version]" value=version.to_string() />
                <Body draft base meanwhile />
                <LineField name="form[message]" label="Why" takes=Takes::Line(500, false) value=message hint="For those who look later." />
                <SaveButtons watched />
            </LiveForm>
        </section>
        <Exports id />
        <ImportForm id />
        <ResetForm id version=shown_version />
        <SchemaForm id schema is_set=is_schema_set inherited />
    }
    .erase()
}

/// What stands above a form that was made from an older version, where nothing can be asked in the background.
fn refused_as_old(id: api::ServiceId, tried: &TriedConfiguration) -> Erased {
    let changed = format!("{}?from={}", path::configuration_versions(id), tried.form.version);
    view! {
        <div class="hint">
            <p>
                "Somebody has saved a newer version meanwhile. What you have typed is still below. " <a href=changed>"See what they have changed"</a>
                ", or " <a href=path::configuration(id)>"take theirs"</a> " and put yours in again."
            </p>
        </div>
    }
    .erase()
}

/// The fields, or the JSON in place of them.
#[component]
fn Body(draft: RwSignal<Draft>, base: StoredValue<Configuration>, meanwhile: RwSignal<Option<Meanwhile>>) -> impl IntoView {
    let heir = base.with_value(|base| draft.with_untracked(|draft| Heir::of(base, draft.typed.as_ref())));
    let sheet = Sheet::of_form(base.with_value(|base| base.service_id), meanwhile, heir);
    #[cfg(feature = "hydrate")]
    super::switch::look_at_conflicts(sheet, base);
    let has_too_many = base.with_value(|base| fields(&base.schema, &base.values, &base.secrets).len() > MOST);
    let content = shown(move || {
        let draft = draft.get();
        match (&draft.raw, has_too_many) {
            (Some(text), _) => base.with_value(|base| raw(base, &draft, text.clone(), sheet)),
            (None, true) => {
                let text = serde_json::to_string_pretty(&draft.values).unwrap_or_default();
                let text = ConfigurationText { format: ConfigurationFormat::Json, text };
                let field = base.with_value(|base| raw(base, &draft, text, sheet));
                view! { <p class="hint">"There are more fields than a page can show: here are their values as JSON."</p> {field} }.erase()
            }
            (None, false) => base.with_value(|base| all_fields(base, &draft, sheet)),
        }
    });
    #[cfg(feature = "hydrate")]
    let typed = move |event: leptos::ev::Event| {
        use wasm_bindgen::JsCast;
        if let Some(element) = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok()) {
            sheet.check_soon(&element);
        }
    };
    #[cfg(not(feature = "hydrate"))]
    let typed = |_: leptos::ev::Event| {};
    view! { <div class="form-part" on:input=typed>{content}</div> }.erase()
}

fn raw(base: &Configuration, draft: &Draft, text: ConfigurationText, sheet: Sheet) -> Erased {
    let typed = draft.typed.as_ref().filter(|form| form.format == text.format).and_then(|form| form.raw.clone());
    let known = if cfg!(feature = "hydrate") { known(&base.schema) } else { Vec::new() };
    raw_field(ConfigurationText { text: typed.unwrap_or(text.text), ..text }, known, sheet)
}

fn all_fields(base: &Configuration, draft: &Draft, sheet: Sheet) -> Erased {
    sheet.raw.set(None);
    let saved: BTreeMap<String, Field> =
        fields(&base.schema, &base.values, &base.secrets).into_iter().map(|field| (field.name.clone(), field)).collect();
    let drafted = fields(&base.schema, &draft.values, &base.secrets);
    let (count, names) = (drafted.len(), drafted.iter().map(|field| field.name.clone()).collect());
    let typed = |field: &Field| {
        let saved = saved.get(&field.name).unwrap_or(field).clone();
        let form = draft.typed.as_ref().filter(|form| form.raw.is_none());
        let text = form.and_then(|form| form.values.get(&field.name)).unwrap_or(&field.text).clone();
        let was_removed = (saved.is_kept || saved.is_empty_text) && draft.values.get(&field.name).is_none();
        let is_out = form.map_or(was_removed, |form| form.without.contains(&field.name));
        Typed::new(text.replace("\r\n", "\n"), is_out, saved)
    };
    // What is kept is so in the form too, though JSON may have had the value.
    let drafted = drafted.into_iter().map(|field| match saved.get(&field.name) {
        Some(saved) => Field { is_kept: saved.is_kept, is_empty_text: saved.is_empty_text, is_secret: saved.is_secret, ..field },
        None => field,
    });
    let groups: Vec<_> = groups(drafted.collect());
    let groups: Vec<_> = groups.into_iter().map(|group| group_view(group, typed, count <= MANY, sheet)).collect();
    let typed_extra = draft.typed.as_ref().filter(|form| form.raw.is_none()).map(|form| form.extra.replace("\r\n", "\n"));
    let lines = typed_extra.unwrap_or_else(|| api::write_variables(&further(&base.schema, &draft.values)));
    let nothing = (count == 0 && lines.is_empty()).then(nothing);
    view! { {nothing} {(count > SOME).then(|| filter_box(sheet))} {groups} {extra_field(lines, &names, sheet)} }.erase()
}

/// What is said where there is neither a value nor a schema.
fn nothing() -> Erased {
    let text = view! { <p>"Nothing is configured, and nothing says what could be. Add a variable here, or set a schema below."</p> };
    view! { <Empty symbol=Symbol::Settings title="Nothing is configured" text=text.erase() /> }.erase()
}

fn filter_box(sheet: Sheet) -> Erased {
    // What is typed into it is no value: the form around it doesn't hear of it.
    let find = move |event: leptos::ev::Event| {
        event.stop_propagation();
        sheet.filter.set(event_target_value(&event).trim().to_ascii_lowercase());
    };
    // Enter finds; it doesn't save.
    let keep = |event: leptos::ev::KeyboardEvent| {
        if event.key() == "Enter" {
            event.prevent_default();
        }
    };
    view! {
        <div class="search-field needs-script">
            <Icon symbol=Symbol::Search />
            <input class="search-input" type="search" aria-label="Find a field" placeholder="Find a field" autocomplete="off" spellcheck="false" on:input=find on:keydown=keep />
        </div>
    }
    .erase()
}

/// Saving alone, or with a restart where the service runs.
#[component]
fn SaveButtons(watched: Watched) -> impl IntoView {
    let may_restart = expect_context::<Viewer>().may(Permission::ServicesOperate);
    let can_restart = Memo::new(move |_| may_restart && watched.service.with(|service| service.status.can_restart().is_ok()));
    // Sent in the background, a form doesn't say which button was pressed: this field does then.
    let restart = NodeRef::<Input>::new();
    let note = move |with_restart: bool| {
        if let Some(input) = restart.get_untracked() {
            #[cfg(feature = "hydrate")]
            input.set_disabled(!with_restart);
            #[cfg(not(feature = "hydrate"))]
            let _ = (input, with_restart);
        }
    };
    let with_restart = shown(move || {
        can_restart.get().then(|| {
            view! { <button type="submit" class="button" name="form[restart]" value="true" on:click=move |_| note(true)>"Save and restart"</button> }.erase()
        })
    });
    let watch = shown(move || {
        can_restart.get().then(|| {
            view! {
                <div class="field"><label><input type="checkbox" name="form[watch]" value="true" />" After a restart, watch it for a minute and go back by itself if it isn't well"</label></div>
            }
            .erase()
        })
    });
    view! {
        <input type="hidden" name="form[restart]" value="true" disabled=true node_ref=restart />
        {watch}
        <div class="form-actions">
            <button type="submit" class="button" data-kind="primary" on:click=move |_| note(false)>"Save"</button>
            {with_restart}
        </div>
    }
    .erase()
}
