//! The configurations of many services from one text: first shown for each of them and then saved. The text never comes back from the server.

use api::{ConfigurationFormat, ConfigurationImported, ImportMode, Page, Permission};
use leptos::prelude::*;

use super::outcome::{can_be_saved, outcome};
use super::{BackLink, not_allowed};
#[cfg(feature = "hydrate")]
use crate::components::ask;
use crate::components::{Asked, Field, LiveForm, PageHead, Takes, reason_list, reasons};
use crate::erase::{Erase, shown, text};
use crate::path;
use crate::rpc::{ImportAllForm, TriedImportAll};
use crate::viewer::Viewer;

type Found = RwSignal<Option<Asked<Page<ConfigurationImported>>>>;

/// The page.
#[component]
pub fn ImportView() -> impl IntoView {
    const TITLE: &str = "Import configurations";
    if !expect_context::<Viewer>().may(Permission::ConfigChange) {
        return not_allowed(TITLE, "Your role may not change configurations. Ask somebody who is a Developer or an Admin.");
    }
    let about =
        "One text has the values of many services by their names, as the export has. Services that it doesn't have stay as they are.";
    view! { <PageHead title=TITLE about=about.erase() /> <div class="settings"><Form /> <BackLink /></div> }.erase()
}

#[component]
fn Form() -> impl IntoView {
    let tried = SharedValue::new(use_context::<TriedImportAll>).into_inner();
    let is_posted = tried.is_some();
    let blank = || ImportAllForm { mode: ImportMode::Merge, ..ImportAllForm::default() };
    let (form, report) = tried.map_or_else(|| (blank(), None), |tried| (tried.form, Some(tried.report)));
    let found: Found = RwSignal::new(report.map(|report| report.map_err(|error| reasons(error.0))));
    // A preview is of the text of then.
    let forget = move |_: leptos::ev::Event| {
        if found.with_untracked(Option::is_some) {
            found.set(None);
        }
    };
    let fault = RwSignal::new(None::<&'static str>);
    #[cfg(feature = "hydrate")]
    let choose = move |event: leptos::ev::Event| crate::pages::service::take_file(&event, fault);
    #[cfg(not(feature = "hydrate"))]
    let choose = |_: leptos::ev::Event| {};
    let formats = ConfigurationFormat::ALL.into_iter().filter(|format| *format != ConfigurationFormat::Env);
    let formats: Vec<_> = formats
        .map(|format| view! { <option value=format.as_str() selected=format == form.format>{format.label()}</option> }.erase())
        .collect();
    let again = is_posted
        .then(|| view! { <p class="hint">"The text doesn't come back in a page: put it in once more, and import it."</p> }.erase());
    let is_merge = form.mode == ImportMode::Merge;
    view! {
        <section class="panel settings" aria-label="The text and what becomes of it">
            <LiveForm action="/rpc/import_configurations" plain=path::IMPORT_CONFIGURATIONS is_wide=true>
                {again}
                <div class="form-part" on:input=forget on:change=forget>
                    <div class="field needs-script">
                        <label for="import-file">"File"</label>
                        <input id="import-file" type="file" accept=".json,.yaml,.yml,.toml,text/plain" on:change=choose />
                        <p class="form-faults" role="alert" hidden=move || fault.with(Option::is_none)>{move || fault.get()}</p>
                    </div>
                    <div class="field">
                        <label for="text">"Text"</label>
                        <textarea id="text" name="text" rows="10" required=true autocomplete="off" autocapitalize="none" spellcheck="false" placeholder="services:\n  orders:\n    PORT: 8000" aria-describedby="text-hint"></textarea>
                        <p class="field-hint" id="text-hint">"At most 1 MiB. ******** keeps the secret that is there."</p>
                    </div>
                    <div class="field">
                        <label for="format">"Format"</label>
                        <select id="format" name="form[format]" class="plain-select">{formats}</select>
                    </div>
                    <div class="field">
                        <label for="mode">"Values that it doesn't have"</label>
                        <select id="mode" name="form[mode]" class="plain-select">
                            <option value="merge" selected=is_merge>"stay"</option>
                            <option value="replace" selected=!is_merge>"are taken out"</option>
                        </select>
                    </div>
                    <Field name="form[message]" label="Why it is imported" takes=Takes::Line(500, false) value=form.message />
                </div>
                <Buttons found />
                {shown(move || found.get().map(|found| match found {
                    Ok(page) => view! { <div class="form-part">{outcome(page.items, None)}</div> }.erase(),
                    Err(reasons) => reason_list(reasons),
                }))}
            </LiveForm>
        </section>
    }
    .erase()
}

/// The buttons: one shows what would be, and once that is shown, the other saves it.
#[component]
fn Buttons(found: Found) -> impl IntoView {
    let is_busy = RwSignal::new(false);
    #[cfg(feature = "hydrate")]
    let click = move |event: leptos::ev::MouseEvent| ask(&event, "/rpc/preview_configurations_import", found, is_busy, None);
    #[cfg(not(feature = "hydrate"))]
    let click = |_: leptos::ev::MouseEvent| {};
    let label = text(move || if is_busy.get() { "Checking…" } else { "Show what changes" });
    let save = shown(move || {
        let is_good = found.with(|found| found.as_ref().is_some_and(|found| found.as_ref().is_ok_and(|page| can_be_saved(&page.items))));
        is_good
            .then(|| view! { <button type="submit" class="button" data-kind="primary" name="make" value="true">"Import"</button> }.erase())
    });
    // Enter in a field presses the first button, which saves nothing.
    view! {
        <div class="form-actions">
            <button type="submit" class="button" formaction=path::IMPORT_CONFIGURATIONS disabled=move || is_busy.get() on:click=click>{label}</button>
            {save}
        </div>
    }
    .erase()
}
