//! One value of many services: set or taken out, first shown for each of them and then saved.

use api::{ConfigurationSummary, ConfigurationsChanged, Permission};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::outcome::{can_be_saved, outcome};
use super::query::{ListQuery, ids};
use super::{BackLink, not_allowed, services};
#[cfg(feature = "hydrate")]
use crate::components::ask;
use crate::components::{Asked, Empty, Failure, Field, LiveForm, PageHead, Skeleton, Symbol, Takes, reason_list, reasons};
use crate::erase::{Erase, Erased, shown, text};
use crate::pages::wait::wait;
use crate::path;
use crate::rpc::{ChangeForm, TriedChange, chosen_configurations};
use crate::viewer::Viewer;

/// Names of services that are shown above the form; the others are counted.
const NAMES: usize = 12;

type Found = RwSignal<Option<Asked<ConfigurationsChanged>>>;

/// The page.
#[component]
pub fn ChangeView() -> impl IntoView {
    const TITLE: &str = "Change a value";
    if !expect_context::<Viewer>().may(Permission::ConfigChange) {
        return not_allowed(TITLE, "Your role may not change configurations. Ask somebody who is a Developer or an Admin.");
    }
    let params = use_query_map();
    let tried = StoredValue::new(SharedValue::new(use_context::<TriedChange>).into_inner());
    let asked = Memo::new(move |_| {
        let posted = tried.with_value(|tried| {
            let ids = tried.as_ref().map(|tried| tried.form.ids.split(',').filter_map(|id| id.parse().ok()).collect::<Vec<_>>());
            ids.unwrap_or_default()
        });
        params.with(|params| (if posted.is_empty() { ids(params) } else { posted }, ListQuery::read(params)))
    });
    let chosen = Resource::new_blocking(move || asked.get(), |(ids, query)| chosen_configurations(ids, query.request()));
    let about = "All of it is checked for each of the services before anything is saved.";
    view! {
        <PageHead title=TITLE about=about.erase() />
        <div class="settings">
            <Transition fallback=|| view! { <Skeleton lines=8 /> }.erase()>
                {move || Suspend::new(async move {
                    match wait(chosen).await {
                        Ok(chosen) if chosen.is_empty() => {
                            let text = view! { <p>"Choose services by the boxes before their names, or all that a filter leaves."</p> };
                            view! { <Empty symbol=Symbol::Search title="No service is chosen" text=text.erase() /> }.erase()
                        }
                        Ok(chosen) => view! { <Form chosen tried=tried.get_value() /> }.erase(),
                        Err(error) => view! { <Failure error=error.0 /> }.erase(),
                    }
                })}
            </Transition>
            <BackLink />
        </div>
    }
    .erase()
}

#[component]
fn Form(chosen: Vec<ConfigurationSummary>, tried: Option<TriedChange>) -> impl IntoView {
    let ids = chosen.iter().map(|one| one.service_id.to_string()).collect::<Vec<_>>().join(",");
    let is_secret = tried.as_ref().is_some_and(|tried| tried.is_secret);
    let (form, report) = tried.map_or_else(|| (ChangeForm::default(), None), |tried| (tried.form, Some(tried.report)));
    let found: Found = RwSignal::new(report.map(|report| report.map_err(|error| reasons(error.0))));
    // A preview is of what was typed then.
    let forget = move |_: leptos::ev::Event| {
        if found.with_untracked(Option::is_some) {
            found.set(None);
        }
    };
    let again = is_secret.then(|| {
        view! { <p class="hint">"A value that may be a secret doesn't come back in a page: put it in once more, and save it."</p> }.erase()
    });
    let restart = expect_context::<Viewer>().may(Permission::ServicesOperate).then(|| {
        view! { <div class="field"><label><input type="checkbox" name="form[restart]" value="true" checked=form.restart />" Restart those that run then, what others need first"</label></div> }.erase()
    });
    view! {
        <section class="panel settings" aria-label="The value and what becomes of it">
            <LiveForm action="/rpc/change_configurations" plain=path::CHANGE_CONFIGURATIONS is_wide=true>
                {again}
                <input type="hidden" name="form[ids]" value=ids />
                <div class="form-part" on:input=forget>
                    <p>{names(&chosen)}</p>
                    <Field name="form[name]" label="Name" takes=Takes::Line(200, true) value=form.name example="LOG_LEVEL" />
                    <Field name="form[value]" label="Value" takes=Takes::Lines value=form.value hint="As a .env file has it: the schema of each service says whether it is a number or a text. Lists and objects are JSON; ${secret:NAME} refers to a secret." />
                    <div class="field"><label><input type="checkbox" name="form[without]" value="true" checked=form.without />" Take it out instead"</label></div>
                    <Field name="form[message]" label="Why it is changed" takes=Takes::Line(500, false) value=form.message />
                    {restart}
                </div>
                <Buttons found count=chosen.len() />
                {shown(move || found.get().map(|found| match found {
                    Ok(report) => view! { <div class="form-part">{outcome(report.items, report.restart)}</div> }.erase(),
                    Err(reasons) => reason_list(reasons),
                }))}
            </LiveForm>
        </section>
    }
    .erase()
}

/// The buttons: one shows what would be, and once that is shown and nothing is wrong, the other saves it.
#[component]
fn Buttons(found: Found, count: usize) -> impl IntoView {
    let is_busy = RwSignal::new(false);
    #[cfg(feature = "hydrate")]
    let click = move |event: leptos::ev::MouseEvent| ask(&event, "/rpc/preview_configurations_change", found, is_busy, None);
    #[cfg(not(feature = "hydrate"))]
    let click = |_: leptos::ev::MouseEvent| {};
    let label = text(move || if is_busy.get() { "Checking…" } else { "Show what changes" });
    let save = shown(move || {
        let is_good =
            found.with(|found| found.as_ref().is_some_and(|found| found.as_ref().is_ok_and(|report| can_be_saved(&report.items))));
        let label = format!("Save it for {}", services(count));
        is_good
            .then(|| view! { <button type="submit" class="button" data-kind="primary" name="make" value="true">{label}</button> }.erase())
    });
    // Enter in a field presses the first button, which saves nothing.
    view! {
        <div class="form-actions">
            <button type="submit" class="button" formaction=path::CHANGE_CONFIGURATIONS disabled=move || is_busy.get() on:click=click>{label}</button>
            {save}
        </div>
    }
    .erase()
}

fn names(chosen: &[ConfigurationSummary]) -> Erased {
    let more = chosen.len().saturating_sub(NAMES);
    let names: Vec<_> = chosen.iter().take(NAMES).map(|one| one.service_name.as_str()).collect();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}: {}{more}.", services(chosen.len()), names.join(", ")).erase()
}
