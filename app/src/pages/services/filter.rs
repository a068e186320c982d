//! Search and filters: a form that works by itself, and at each stroke once the page is alive.

use std::time::Duration;

use api::{Health, Status};
use leptos::html::Input;
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;

use super::query::ListQuery;
use crate::components::{Icon, Symbol};
use crate::erase::{Erase, Erased, shown};
use crate::path;

/// How long after the last stroke the search begins.
const PAUSE: Duration = Duration::from_millis(180);

/// Search by text, filter by status and health.
#[component]
pub fn ServiceFilter(
    /// What the address says.
    query: Memo<ListQuery>,
) -> impl IntoView {
    let navigate = use_navigate();
    let go = Callback::new(move |(query, replace): (ListQuery, bool)| {
        navigate(&query.href(), NavigateOptions { replace, scroll: false, ..Default::default() });
    });
    let input = NodeRef::<Input>::new();
    let pause = StoredValue::new(None::<TimeoutHandle>);
    let search = move |text: String| {
        let text = Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        if let Some(handle) = pause.get_value() {
            handle.clear();
        }
        let begin = move || go.run((query.get_untracked().with(|query| query.q = text), true));
        pause.set_value(set_timeout_with_handle(begin, PAUSE).ok());
    };
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let text = input.get_untracked().map(|input| input.value()).unwrap_or_default();
        search(text);
    };
    let initial = query.get_untracked();
    let is_filtered = move || !query.get().is_whole();
    view! {
        <form class="filter" role="search" method="get" action=path::SERVICES on:submit=submit>
            <div class="search-field">
                <Icon symbol=Symbol::Search />
                <input
                    type="search"
                    name="q"
                    class="search-input"
                    placeholder="Search by name or description"
                    aria-label="Search services"
                    maxlength="200"
                    autocomplete="off"
                    value=initial.0.q.clone().unwrap_or_default()
                    node_ref=input
                    on:input=move |event| search(event_target_value(&event))
                />
            </div>
            <Choice
                name="status"
                label="Status"
                options=Status::ALL.iter().map(|status| (status.as_str(), status.label())).collect()
                chosen=Signal::derive(move || query.get().0.status.map(|status| status.as_str()))
                choose=Callback::new(move |text: String| go.run((query.get_untracked().with(|query| query.status = text.parse().ok()), false)))
            />
            <Choice
                name="health"
                label="Health"
                options=Health::ALL.iter().map(|health| (health.as_str(), health.label())).collect()
                chosen=Signal::derive(move || query.get().0.health.map(|health| health.as_str()))
                choose=Callback::new(move |text: String| go.run((query.get_untracked().with(|query| query.health = text.parse().ok()), false)))
            />
            {shown(move || query.get().0.label.map(|label| chosen_label(label, &query.get())))}
            <input type="hidden" name="sort" value=move || query.get().sort_text() />
            <noscript inner_html=r#"<button type="submit" class="button">Apply</button>"#></noscript>
            <a class="filter-clear" href=path::SERVICES hidden=move || !is_filtered()>"Clear"</a>
        </form>
    }
    .erase()
}

/// The label that is filtered by, with a way to leave it.
fn chosen_label(label: String, query: &ListQuery) -> Erased {
    let without = query.with(|query| query.label = None).href();
    let leave = format!("Any label, not only {label}");
    view! {
        <span class="label-chosen">
            <input type="hidden" name="label" value=label.clone() />
            {label}
            <a href=without aria-label=leave.clone() title=leave><Icon symbol=Symbol::Close /></a>
        </span>
    }
    .erase()
}

/// A drop-down with "any" before the rest.
#[component]
fn Choice(
    name: &'static str,
    label: &'static str,
    /// Text in the address, and word.
    options: Vec<(&'static str, &'static str)>,
    chosen: Signal<Option<&'static str>>,
    choose: Callback<String>,
) -> impl IntoView {
    let options = options.into_iter().map(|(value, word)| {
        view! { <option value=value selected=move || chosen.get() == Some(value)>{word}</option> }
    });
    view! {
        <label class="select" data-active=move || chosen.get().is_some().to_string()>
            <span class="select-label">{label}</span>
            <select name=name class="select-input" on:change=move |event| choose.run(event_target_value(&event))>
                <option value="" selected=move || chosen.get().is_none()>"Any"</option>
                {options.collect_view()}
            </select>
            <Icon symbol=Symbol::Chevron />
        </label>
    }
    .erase()
}
