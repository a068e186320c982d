//! What happened, newest first.

use api::{Event, EventKind, EventQuery, Page, ServiceId, Topic};
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_location, use_navigate, use_query_map};
use leptos_router::params::ParamsMap;

use crate::components::{EventLine, Failure, Icon, PageHead, Skeleton, Symbol};
use crate::erase::Erase;
use crate::live::{Incoming, use_feed};
use crate::pages::wait::wait;
use crate::path;
use crate::rpc::{RpcResult, list_events};

/// The page of everything that happened. The address says of which kind and service; older events are pages of their own.
#[component]
pub fn ActivityPage() -> impl IntoView {
    let params = use_query_map();
    let query = Memo::new(move |_| params.with(|params| event_query(params, None)));
    let page = Resource::new(move || query.get(), |query| async move { Some(list_events(query).await) });
    view! {
        <PageHead title="Activity" about="What happened to services, and who did it.".erase() />
        <EventFilter query of_one=false />
        <section class="panel" aria-label="Events"><EventRows query page pages=true /></section>
    }
    .erase()
}

/// Which events the query of an address asks for: of one service when the page is that of a service.
pub fn event_query(params: &ParamsMap, service: Option<ServiceId>) -> EventQuery {
    EventQuery {
        service_id: service.or_else(|| params.get_str("service")?.parse().ok()),
        kind: params.get_str("kind").and_then(EventKind::named),
        cursor: params.get_str("cursor").filter(|cursor| !cursor.is_empty()).map(str::to_owned),
        ..EventQuery::default()
    }
}

/// The filter of the events, as a form that the address keeps.
#[component]
pub fn EventFilter(
    /// What is filtered now.
    query: Memo<EventQuery>,
    /// Whether the page is that of one service.
    of_one: bool,
) -> impl IntoView {
    let pathname = use_location().pathname;
    let kinds = move || {
        let chosen = query.with(|query| query.kind);
        let kinds = EventKind::ALL.iter().filter(|kind| !kind.is_account());
        kinds.map(|kind| view! { <option value=kind.as_str() selected=chosen == Some(*kind)>{kind.label()}</option> }).collect_view()
    };
    let navigate = use_navigate();
    let choose = move |kind: &str| {
        let chosen = EventQuery { kind: EventKind::named(kind), cursor: None, ..query.get_untracked() };
        let to = format!("{}{}", pathname.get_untracked(), events_href(&chosen, of_one, None));
        navigate(&to, NavigateOptions { scroll: false, ..NavigateOptions::default() });
    };
    let kept = move || query.with(|query| query.service_id.filter(|_| !of_one));
    view! {
        <form method="get" action=pathname.get_untracked() class="filter">
            {move || kept().map(|id| view! { <input type="hidden" name="service" value=id.to_string() /> })}
            <label class="select" data-active=move || query.with(|query| query.kind.is_some()).to_string()>
                <span class="select-label">"Kind"</span>
                <select class="select-input" name="kind" on:change=move |event| choose(&event_target_value(&event))>
                    <option value="" selected=move || query.with(|query| query.kind.is_none())>"Any"</option>
                    {kinds}
                </select>
                <Icon symbol=Symbol::Chevron />
            </label>
            <noscript inner_html=r#"<button type="submit" class="button">Apply</button>"#></noscript>
            <a
                class="filter-clear"
                href=move || pathname.get()
                hidden=move || query.with(|query| query.cursor.is_none() && query.kind.is_none() && kept().is_none())
            >
                "Everything, newest first"
            </a>
        </form>
    }
    .erase()
}

/// Events as rows; new ones come on top.
#[component]
pub fn EventRows(
    /// Which.
    query: Memo<EventQuery>,
    /// Their page.
    page: Resource<Option<RpcResult<Page<Event>>>>,
    /// Whether older pages are linked.
    pages: bool,
) -> impl IntoView {
    view! {
        <Transition fallback=|| view! { <Skeleton lines=6 /> }.erase()>
            {move || Suspend::new(async move {
                match wait(page).await {
                    None => ().erase(),
                    Some(Ok(page)) => view! { <Rows page query=query.get_untracked() pages /> }.erase(),
                    Some(Err(error)) => view! { <Failure error=error.0 /> }.erase(),
                }
            })}
        </Transition>
    }
    .erase()
}

#[component]
fn Rows(page: Page<Event>, query: EventQuery, pages: bool) -> impl IntoView {
    let older = page.next_cursor.clone().filter(|_| pages).map(|cursor| events_href(&query, false, Some(&cursor)));
    let most = query.limit.get();
    let events = RwSignal::new(page.items);
    if query.cursor.is_none() {
        follow(query, events, most);
    }
    let is_empty = Memo::new(move |_| events.with(Vec::is_empty));
    view! {
        <ol class="event-list">
            <For each=move || events.get() key=|event| event.seq let:event>
                <li><EventLine event /></li>
            </For>
        </ol>
        {move || {
            is_empty
                .get()
                .then(|| view! { <p class="panel-empty">"Nothing has happened yet. Starts, stops, crashes and changes of health appear here."</p> })
        }}
        {older.map(|href| view! { <p class="events-older"><a class="button" href=href>"Older"</a></p> })}
    }
    .erase()
}

/// Puts what happens on top, while the component lives.
fn follow(query: EventQuery, events: RwSignal<Vec<Event>>, most: usize) {
    use_feed(
        || Some(Topic::Events),
        move |incoming| match incoming {
            Incoming::Frame(frame) => {
                let event = frame.read::<Event>().filter(|event| matches(&query, event));
                if let Some(event) = event {
                    events.update(|events| merge(events, vec![event], most));
                }
            }
            Incoming::Reload | Incoming::Missing(_) => {
                let query = query.clone();
                spawn_local(async move {
                    // The connection chip says when Pilothouse doesn't answer.
                    if let Ok(page) = list_events(query).await {
                        events.try_update(|events| {
                            let is_new = events.first().map(|event| event.seq) != page.items.first().map(|event| event.seq);
                            if is_new {
                                *events = page.items;
                            }
                        });
                    }
                });
            }
        },
    );
}

fn matches(query: &EventQuery, event: &Event) -> bool {
    query.service_id.is_none_or(|id| event.service_id == Some(id)) && query.kind.is_none_or(|kind| event.kind == kind)
}

/// Puts `new` events before the others, each once.
fn merge(events: &mut Vec<Event>, new: Vec<Event>, most: usize) {
    for event in new {
        if !events.iter().any(|one| one.seq == event.seq) {
            let place = events.partition_point(|one| one.seq > event.seq);
            events.insert(place, event);
        }
    }
    events.truncate(most);
}

/// The query of the address of these events; that of one service has the service in its path.
fn events_href(query: &EventQuery, of_one: bool, cursor: Option<&str>) -> String {
    let service = query.service_id.filter(|_| !of_one).map(|id| format!("service={id}"));
    let kind = query.kind.map(|kind| format!("kind={}", kind.as_str()));
    let cursor = cursor.map(|cursor| format!("cursor={}", path::escape(cursor)));
    format!("?{}", [service, kind, cursor].into_iter().flatten().collect::<Vec<_>>().join("&"))
}

#[cfg(test)]
mod tests {
    use api::{Event, EventKind, EventQuery, Timestamp};

    use super::{matches, merge};

    fn event(seq: u64, kind: EventKind) -> Event {
        let (at, message) = (Timestamp::default(), String::new());
        Event { seq, at, kind, service_id: None, service_name: None, actor: None, message, data: serde_json::Value::Null }
    }

    #[test]
    fn new_events_come_on_top_each_once() {
        let mut events = vec![event(3, EventKind::ServiceStarted), event(1, EventKind::ServiceStarted)];
        merge(
            &mut events,
            vec![event(4, EventKind::ServiceStopped), event(3, EventKind::ServiceStarted), event(2, EventKind::ServiceStarted)],
            3,
        );
        assert_eq!(events.iter().map(|event| event.seq).collect::<Vec<_>>(), [4, 3, 2]);
    }

    #[test]
    fn only_events_that_are_asked_for_come() {
        let query = EventQuery { kind: Some(EventKind::ServiceCrashed), ..EventQuery::default() };
        assert!(matches(&query, &event(1, EventKind::ServiceCrashed)) && !matches(&query, &event(1, EventKind::ServiceStarted)));
    }
}
