//! Finding configurations: a form that works by itself, and at each stroke once the page is alive.

use std::time::Duration;

use leptos::html::Input;
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;

use super::query::{ListQuery, SHOWS, show};
use crate::components::{Icon, Symbol};
use crate::erase::Erase;
use crate::path;

/// How long after the last stroke the list is narrowed.
const PAUSE: Duration = Duration::from_millis(250);

/// Search by text, and what is so of them.
#[component]
pub fn Filter(
    /// What the address says.
    query: Memo<ListQuery>,
) -> impl IntoView {
    let navigate = use_navigate();
    let go = Callback::new(move |(query, replace): (ListQuery, bool)| {
        let first = ListQuery { cursor: String::new(), ..query };
        navigate(&first.href(path::CONFIGURATIONS), NavigateOptions { replace, scroll: false, ..Default::default() });
    });
    let input = NodeRef::<Input>::new();
    let pause = StoredValue::new(None::<TimeoutHandle>);
    let search = move |text: String| {
        if let Some(handle) = pause.get_value() {
            handle.clear();
        }
        let begin = move || {
            // The page may have been left meanwhile.
            if let Some(query) = query.try_get_untracked() {
                go.run((ListQuery { q: text.trim().to_owned(), ..query }, true));
            }
        };
        pause.set_value(set_timeout_with_handle(begin, PAUSE).ok());
    };
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        search(input.get_untracked().map(|input| input.value()).unwrap_or_default());
    };
    let choose = move |event: leptos::ev::Event| {
        let show = show(&event_target_value(&event));
        go.run((ListQuery { show, ..query.get_untracked() }, false));
    };
    let options =
        SHOWS.map(|(text, label)| view! { <option value=text selected=move || query.get().show_text() == text>{label}</option> }.erase());
    view! {
        <form class="filter" role="search" method="get" action=path::CONFIGURATIONS on:submit=submit>
            <div class="search-field">
                <Icon symbol=Symbol::Search />
                <input type="search" name="q" class="search-input" placeholder="Search services" aria-label="Search services" maxlength="200" autocomplete="off" value=query.get_untracked().q node_ref=input on:input=move |event| search(event_target_value(&event)) />
            </div>
            <label class="select" data-active=move || query.get().show.is_some().to_string()>
                <span class="select-label">"Show"</span>
                <select name="show" class="select-input" on:change=choose>{options.into_iter().collect_view()}</select>
                <Icon symbol=Symbol::Chevron />
            </label>
            <noscript inner_html=r#"<button type="submit" class="button">Apply</button>"#></noscript>
            <a class="filter-clear" href=path::CONFIGURATIONS hidden=move || query.get() == ListQuery::default()>"Clear"</a>
        </form>
    }
    .erase()
}
