//! The log of a service: the newest lines, filters in the address, and what comes.

mod filter;
mod lines;
mod row;
mod tail;
mod toolbar;

use api::{LogLine, Page, ServiceId};
use leptos::html::Div;
use leptos::prelude::*;

pub use self::filter::Filter;
pub use self::row::LogRow;
pub use self::tail::Tail;
use self::toolbar::Toolbar;
use super::loads::Loads;
use super::watch::Watched;
use crate::charts::local_offset;
use crate::components::{Failure, Skeleton};
use crate::erase::Erase;
use crate::pages::wait::wait;
use crate::path;

/// The log tab. The address says which lines; without JavaScript the form and the links do all but follow.
#[component]
pub fn LogsTab(
    /// The service.
    watched: Watched,
    /// What is loaded.
    loads: Loads,
) -> impl IntoView {
    view! {
        <Transition fallback=|| view! { <Skeleton lines=20 /> }.erase()>
            {move || Suspend::new(async move {
                let page = wait(loads.lines).await;
                let filter = loads.filter.get_untracked();
                match page {
                    None => ().erase(),
                    Some(Ok(page)) => view! { <LogView id=watched.id filter page /> }.erase(),
                    Some(Err(error)) => {
                        view! {
                            <FailedFilter id=watched.id filter />
                            <Failure error=error.0 />
                        }
                            .erase()
                    }
                }
            })}
        </Transition>
    }
    .erase()
}

/// The filter alone, to be mended when it can't be read.
#[component]
fn FailedFilter(id: ServiceId, filter: Filter) -> impl IntoView {
    let tail = Tail::new(id, Filter { cursor: Some(String::new()), ..filter.clone() }, Page::whole(Vec::new()), None);
    view! { <Toolbar id filter tail is_wrapped=RwSignal::new(true) has_times=RwSignal::new(true) /> }
}

#[component]
fn LogView(id: ServiceId, filter: Filter, page: Page<LogLine>) -> impl IntoView {
    let base = path::service_tab(id, "logs");
    let older = page.next_cursor.as_ref().map(|cursor| filter.href(&base, &format!("cursor={}", path::escape(cursor))));
    let (is_live, is_all) = (filter.is_live(), filter.is_all());
    let newest = filter.href(&base, "");
    let marked = filter.line.map(|(seq, _)| seq);
    let tail = Tail::new(id, filter.clone(), page, None);
    let (is_wrapped, has_times) = (RwSignal::new(true), RwSignal::new(true));
    let offset = local_offset();
    let place = NodeRef::<Div>::new();
    let is_empty = Memo::new(move |_| tail.rows.with(Vec::is_empty));
    // Other lines take the place of those before; they begin at their end too.
    Effect::new(move |_| {
        if place.get().is_some() {
            request_animation_frame(move || to_end(place));
        }
    });
    view! {
        <section class="logs" aria-label="Log">
            <Toolbar id filter tail is_wrapped has_times />
            {(!is_live)
                .then(|| view! { <p class="logs-note">"You are reading older lines. "<a href=newest>"Go to the newest"</a></p> })}
            <div
                class="logs-window"
                node_ref=place
                tabindex="0"
                role="region"
                aria-label="Log lines"
                data-wrap=move || is_wrapped.get().then_some("")
                data-times=move || has_times.get().then_some("")
                on:scroll=move |_| note_place(place, tail)
            >
                <div class="logs-inside">
                    <Older tail href=older />
                    <ol class="log-lines">
                        <For each=move || tail.rows.get() key=|row| row.key() let:row>
                            <LogRow row id offset marked fill=Some(Callback::new(move |gap| tail.fill(gap))) />
                        </For>
                    </ol>
                    {move || is_empty.get().then(|| view! { <p class="logs-none">{nothing(is_all, is_live)}</p> })}
                </div>
            </div>
            <button
                type="button"
                class="button logs-jump"
                hidden=move || tail.held.get() == 0 && tail.is_at_end.get()
                on:click=move |_| {
                    tail.is_paused.set(false);
                    tail.is_at_end.set(true);
                    tail.release();
                    to_end(place);
                }
            >
                {move || match tail.held.get() {
                    0 => "Go to the end".to_owned(),
                    1 => "1 new line".to_owned(),
                    held => format!("{held} new lines"),
                }}
            </button>
        </section>
    }
    .erase()
}

/// Loads older lines: a link to the page before, which the live page takes over.
#[component]
fn Older(tail: Tail, href: Option<String>) -> impl IntoView {
    let click = move |event: leptos::ev::MouseEvent| {
        event.prevent_default();
        tail.load_older();
    };
    view! {
        <p class="logs-older" hidden=move || !tail.has_older.get()>
            <a class="button" href=href.unwrap_or_default() on:click=click>
                {move || if tail.is_loading.get() { "Loading" } else { "Older lines" }}
            </a>
        </p>
    }
    .erase()
}

const fn nothing(is_all: bool, is_live: bool) -> &'static str {
    match (is_all, is_live) {
        (true, true) => "It has not written anything yet. Lines appear here as soon as it does.",
        (true, false) => "There are no older lines.",
        (false, _) => "No line matches. Change the filter, or take it away.",
    }
}

/// Notes whether the end of the log is in sight. The window is laid out from its end, so its place there is 0.
#[cfg(feature = "hydrate")]
fn note_place(place: NodeRef<Div>, tail: Tail) {
    let Some(window) = place.get_untracked() else { return };
    let is_at_end = window.scroll_top() > -24;
    if is_at_end != tail.is_at_end.get_untracked() {
        tail.is_at_end.set(is_at_end);
        tail.show();
    }
}

#[cfg(not(feature = "hydrate"))]
fn note_place(_: NodeRef<Div>, _: Tail) {}

#[cfg(feature = "hydrate")]
fn to_end(place: NodeRef<Div>) {
    if let Some(window) = place.get_untracked() {
        window.set_scroll_top(0);
    }
}

#[cfg(not(feature = "hydrate"))]
fn to_end(_: NodeRef<Div>) {}
