//! What happened, newest first.

use api::{Event, EventKind, EventQuery, Page, ServiceId, Topic};
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::components::Form;
use leptos_router::hooks::{use_location, use_query_map};

use super::submit::submit_form;
use crate::components::{Ago, Empty, Failure, PageHead, Skeleton, Symbol};
use crate::live::{Incoming, use_feed};
use crate::path;
use crate::rpc::list_events;

/// The page of everything that happened. The address says of which kind and service; older events are pages of their own.
#[component]
pub fn ActivityPage() -> impl IntoView {
    view! {
        <PageHead title="Activity" about=|| "What happened to services, and who did it." />
        <EventsPanel />
    }
}

/// The events with their filter: of one service, or of all.
#[component]
pub fn EventsPanel(
    /// Only those of this service.
    #[prop(optional, into)]
    service: Option<ServiceId>,
) -> impl IntoView {
    let params = use_query_map();
    let pathname = use_location().pathname;
    let query = Memo::new(move |_| {
        params.with(|params| EventQuery {
            service_id: service.or_else(|| params.get_str("service")?.parse().ok()),
            kind: params.get_str("kind").and_then(EventKind::named),
            cursor: params.get_str("cursor").filter(|cursor| !cursor.is_empty()).map(str::to_owned),
            ..EventQuery::default()
        })
    });
    let kinds = move || {
        let chosen = query.with(|query| query.kind);
        let kinds = EventKind::ALL.iter().filter(|kind| !kind.is_account());
        kinds.map(|kind| view! { <option value=kind.as_str() selected=chosen == Some(*kind)>{kind.label()}</option> }).collect_view()
    };
    let kept = move || query.with(|query| query.service_id.filter(|_| service.is_none()));
    view! {
        <div class="events-toolbar">
            <Form method="GET" action=pathname.get_untracked() attr:class="logs-filter">
                {move || kept().map(|id| view! { <input type="hidden" name="service" value=id.to_string() /> })}
                <label class="visually-hidden" for="event-kind">"Kind"</label>
                <select class="input" id="event-kind" name="kind" on:change=|event| submit_form(&event)>
                    <option value="" selected=move || query.with(|query| query.kind.is_none())>"Everything"</option>
                    {kinds}
                </select>
                <button type="submit" class="button">"Show"</button>
                {move || {
                    query
                        .with(|query| query.cursor.is_some() || query.kind.is_some() || kept().is_some())
                        .then(|| view! { <a class="logs-clear" href=pathname.get()>"Everything, newest first"</a> })
                }}
            </Form>
        </div>
        <EventRows query=Signal::derive(move || query.get()) with_service=service.is_none() pages=true />
    }
}

/// Events as rows; new ones come on top.
#[component]
pub fn EventRows(
    /// Which.
    query: Signal<EventQuery>,
    /// Whether each row names its service.
    with_service: bool,
    /// Whether older pages are linked.
    pages: bool,
) -> impl IntoView {
    let page = Resource::new(move || query.get(), list_events);
    view! {
        <Transition fallback=|| view! { <Skeleton lines=6 /> }>
            {move || Suspend::new(async move {
                match page.await {
                    Ok(page) => view! { <Rows page query=query.get_untracked() with_service pages /> }.into_any(),
                    Err(error) => view! { <Failure error=error.0 /> }.into_any(),
                }
            })}
        </Transition>
    }
}

#[component]
fn Rows(page: Page<Event>, query: EventQuery, with_service: bool, pages: bool) -> impl IntoView {
    let older = page.next_cursor.clone().filter(|_| pages).map(|cursor| older_href(&query, &cursor));
    let most = query.limit.get();
    let events = RwSignal::new(page.items);
    if query.cursor.is_none() {
        follow(query, events, most);
    }
    let is_empty = Memo::new(move |_| events.with(Vec::is_empty));
    view! {
        <ol class="events">
            <For each=move || events.get() key=|event| event.seq let:event>
                <EventRow event with_service />
            </For>
        </ol>
        {move || {
            is_empty
                .get()
                .then(|| view! { <Empty symbol=Symbol::Activity title="Nothing has happened yet">"Starts, stops, crashes and changes of health appear here."</Empty> })
        }}
        {older.map(|href| view! { <p class="events-older"><a class="button" href=href>"Older"</a></p> })}
    }
}

#[component]
fn EventRow(event: Event, with_service: bool) -> impl IntoView {
    let service = event.service_name.clone().filter(|_| with_service).map(|name| match event.service_id {
        Some(id) => view! { <a class="event-service" href=path::service(id)>{name}</a> }.into_any(),
        None => view! { <span class="event-service">{name}</span> }.into_any(),
    });
    let tone = tone(&event);
    view! {
        <li class="event" data-tone=tone>
            <span class="event-mark" aria-hidden="true"></span>
            <span class="event-kind">{event.kind.label()}</span>
            <span class="event-text">{service}" "<span>{event.message}</span></span>
            <span class="event-actor">{event.actor.map(|actor| format!("by {actor}"))}</span>
            <span class="event-time"><Ago at=event.at /></span>
        </li>
    }
}

/// Puts what happens on top, while the component lives.
fn follow(query: EventQuery, events: RwSignal<Vec<Event>>, most: usize) {
    use_feed(
        || Some(Topic::Events),
        move |incoming| match incoming {
            Incoming::Frame(frame) => {
                let event = serde_json::from_value::<Event>(frame.data.clone()).ok().filter(|event| matches(&query, event));
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

/// How grave an event is, for its mark.
fn tone(event: &Event) -> &'static str {
    let says = |word: &str| event.data.get("health").or_else(|| event.data.get("to")).and_then(|value| value.as_str()) == Some(word);
    match event.kind {
        EventKind::ServiceCrashed | EventKind::ServiceStartFailed | EventKind::ServiceMissing => "bad",
        EventKind::HealthChanged if says("unhealthy") => "bad",
        EventKind::HealthChanged if says("degraded") => "warn",
        EventKind::HealthChanged if says("healthy") => "good",
        EventKind::ServiceStarted => "good",
        _ => "plain",
    }
}

fn older_href(query: &EventQuery, cursor: &str) -> String {
    let kind = query.kind.map(|kind| format!("kind={}&", kind.as_str())).unwrap_or_default();
    let service = query.service_id.map(|id| format!("service={id}&")).unwrap_or_default();
    format!("?{service}{kind}cursor={}", path::escape(cursor))
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
