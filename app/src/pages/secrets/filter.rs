//! Finding secrets: a form that works by itself, and at each stroke once the page is alive.

use std::time::Duration;

use leptos::html::Input;
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;

use super::query::{SecretQuery, Show};
use crate::components::{Icon, Symbol};
use crate::erase::Erase;
use crate::path;

/// How long after the last stroke the list is narrowed.
const PAUSE: Duration = Duration::from_millis(180);

/// Search by text, and those that ask for something to be done.
#[component]
pub fn SecretFilter(
    /// What the address says.
    query: Memo<SecretQuery>,
) -> impl IntoView {
    let navigate = use_navigate();
    let go = Callback::new(move |(query, replace): (SecretQuery, bool)| {
        navigate(&query.href(), NavigateOptions { replace, scroll: false, ..Default::default() });
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
                go.run((SecretQuery { q: text.trim().to_owned(), ..query }, true));
            }
        };
        pause.set_value(set_timeout_with_handle(begin, PAUSE).ok());
    };
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        search(input.get_untracked().map(|input| input.value()).unwrap_or_default());
    };
    let choose = move |event: leptos::ev::Event| {
        let show = Show::read(&event_target_value(&event));
        go.run((SecretQuery { show, ..query.get_untracked() }, false));
    };
    let options = Show::ALL
        .map(|show| view! { <option value=show.as_str() selected=move || query.get().show == show>{show.label()}</option> }.erase());
    view! {
        <form class="filter" role="search" method="get" action=path::SECRETS on:submit=submit>
            <div class="search-field">
                <Icon symbol=Symbol::Search />
                <input type="search" name="q" class="search-input" placeholder="Search by name, description or use" aria-label="Search secrets" maxlength="200" autocomplete="off" value=query.get_untracked().q node_ref=input on:input=move |event| search(event_target_value(&event)) />
            </div>
            <label class="select" data-active=move || (query.get().show != Show::All).to_string()>
                <span class="select-label">"Show"</span>
                <select name="show" class="select-input" on:change=choose>{options.into_iter().collect_view()}</select>
                <Icon symbol=Symbol::Chevron />
            </label>
            <noscript inner_html=r#"<button type="submit" class="button">Apply</button>"#></noscript>
            <a class="filter-clear" href=path::SECRETS hidden=move || query.get() == SecretQuery::default()>"Clear"</a>
        </form>
    }
    .erase()
}
