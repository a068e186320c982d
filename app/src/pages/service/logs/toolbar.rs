//! The filter of a log, and how it is shown.

use api::{Level, ServiceId};
use leptos::ev::SubmitEvent;
use leptos::html::{Input, Select};
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;

use super::filter::Filter;
use super::tail::Tail;
use crate::components::{Icon, Notices, Symbol};
use crate::erase::Erase;
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
    let (q, regex, level) = (NodeRef::<Input>::new(), NodeRef::<Input>::new(), NodeRef::<Select>::new());
    let navigate = use_navigate();
    let apply = {
        let base = base.clone();
        Callback::new(move |()| {
            let filter = Filter {
                q: q.get_untracked().map(|input| input.value()).unwrap_or_default(),
                regex: regex.get_untracked().is_some_and(|input| input.checked()),
                level: level.get_untracked().and_then(|select| Level::named(&select.value())),
                ..Filter::default()
            };
            navigate(&filter.href(&base, ""), NavigateOptions { scroll: false, ..NavigateOptions::default() });
        })
    };
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        apply.run(());
    };
    let (chosen, clear) = (filter.level, base.clone());
    let levels = Level::ALL.into_iter().skip(1).map(move |level| {
        view! { <option value=level.as_str() selected=chosen == Some(level)>{format!("{} and above", word(level))}</option> }
    });
    view! {
        <div class="logs-toolbar">
            <form method="get" action=base class="filter" role="search" on:submit=submit>
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
                        node_ref=q
                    />
                </div>
                <label class="select" data-active=filter.regex.to_string()>
                    <input type="checkbox" name="regex" value="true" checked=filter.regex node_ref=regex />
                    <span class="select-label">"Regex"</span>
                </label>
                <label class="select" data-active=filter.level.is_some().to_string()>
                    <span class="select-label">"Level"</span>
                    <select class="select-input" name="level" node_ref=level on:change=move |_| apply.run(())>
                        <option value="" selected=filter.level.is_none()>"Any"</option>
                        {levels.collect_view()}
                    </select>
                    <Icon symbol=Symbol::Chevron />
                </label>
                <button type="submit" class="button">"Search"</button>
                {(!is_all).then(|| view! { <a class="filter-clear" href=clear>"All lines"</a> })}
            </form>
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
