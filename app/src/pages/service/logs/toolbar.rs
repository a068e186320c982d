//! The filter of a log, and how it is shown.

use api::{Level, ServiceId};
use leptos::prelude::*;
use leptos_router::components::Form;

use super::filter::Filter;
use super::tail::Tail;
use crate::components::{Icon, Notices, Symbol};
use crate::erase::Erase;
use crate::pages::submit::submit_form;
use crate::path;

/// The filter, as a form that the address keeps; and the switches of the live page.
#[component]
pub fn Toolbar(
    /// The service.
    id: ServiceId,
    /// What is filtered now.
    filter: Filter,
    /// The log.
    tail: Tail,
    /// Whether long lines are wrapped.
    is_wrapped: RwSignal<bool>,
    /// Whether times are shown.
    has_times: RwSignal<bool>,
) -> impl IntoView {
    let base = path::service_tab(id, "logs");
    let (is_live, is_all) = (filter.is_live(), filter.is_all());
    let chosen = filter.level;
    let levels = Level::ALL.into_iter().skip(1).map(move |level| {
        let selected = chosen == Some(level);
        view! { <option value=level.as_str() selected=selected>{format!("{} and above", word(level))}</option> }
    });
    view! {
        <div class="logs-toolbar">
            <Form method="GET" action=base.clone() attr:class="filter" attr:role="search">
                <div class="search-field">
                    <Icon symbol=Symbol::Search />
                    <input
                        class="search-input"
                        type="search"
                        name="q"
                        value=filter.q.clone()
                        placeholder="Search in lines"
                        aria-label="Lines that contain"
                        maxlength="1000"
                        autocomplete="off"
                    />
                </div>
                <label class="select" data-active=filter.regex.to_string()>
                    <input type="checkbox" name="regex" value="true" checked=filter.regex />
                    <span class="select-label">"Regex"</span>
                </label>
                <label class="select" data-active=filter.level.is_some().to_string()>
                    <span class="select-label">"Level"</span>
                    <select class="select-input" name="level" on:change=|event| submit_form(&event)>
                        <option value="" selected=filter.level.is_none()>"Any"</option>
                        {levels.collect_view()}
                    </select>
                    <Icon symbol=Symbol::Chevron />
                </label>
                <button type="submit" class="button">"Search"</button>
                {(!is_all).then(|| view! { <a class="filter-clear" href=base>"All lines"</a> })}
            </Form>
            <Switches tail is_live is_wrapped has_times />
        </div>
    }
    .erase()
}

/// What only the live page can do; invisible until it is alive.
#[component]
fn Switches(tail: Tail, is_live: bool, is_wrapped: RwSignal<bool>, has_times: RwSignal<bool>) -> impl IntoView {
    let pause = move |_| {
        tail.is_paused.update(|is_paused| *is_paused = !*is_paused);
        tail.show();
    };
    let toggle = |label: &'static str, signal: RwSignal<bool>| {
        view! {
            <button type="button" class="button" aria-pressed=move || signal.get().to_string() on:click=move |_| signal.update(|on| *on = !*on)>
                {label}
            </button>
        }
    };
    let notices = use_context::<Notices>();
    view! {
        <div class="logs-switches">
            {is_live
                .then(|| {
                    view! {
                        <button type="button" class="button" aria-pressed=move || tail.is_paused.get().to_string() on:click=pause>
                            {move || {
                                let symbol = if tail.is_paused.get() { Symbol::Start } else { Symbol::Pause };
                                view! { <Icon symbol /> }
                            }}
                            {move || if tail.is_paused.get() { "Follow" } else { "Pause" }}
                        </button>
                    }
                })}
            {toggle("Times", has_times)} {toggle("Wrap", is_wrapped)}
            <button type="button" class="button" on:click=move |_| copy(tail, notices)><Icon symbol=Symbol::Copy />"Copy"</button>
        </div>
    }
    .erase()
}

const fn word(level: Level) -> &'static str {
    match level {
        Level::Debug => "Debug",
        Level::Info => "Info",
        Level::Warning => "Warning",
        Level::Error => "Error",
        Level::Critical => "Critical",
    }
}

#[cfg(feature = "hydrate")]
fn copy(tail: Tail, notices: Option<Notices>) {
    let promise = window().navigator().clipboard().write_text(&tail.text());
    leptos::task::spawn_local(async move {
        match (wasm_bindgen_futures::JsFuture::from(promise).await, notices) {
            (Ok(_), Some(notices)) => notices.good("Copied the lines that are shown"),
            (Err(_), Some(notices)) => notices.bad("The browser didn't allow to copy; select the lines and copy them by hand"),
            (_, None) => {}
        }
    });
}

#[cfg(not(feature = "hydrate"))]
fn copy(_: Tail, _: Option<Notices>) {}
