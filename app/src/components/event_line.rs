//! Something that happened, in a line.

use api::{Event, EventKind};
use leptos::prelude::*;

use super::{Ago, Icon, Symbol};
use crate::erase::Erase;
use crate::path;

/// What happened to what, by whom and when.
#[component]
pub fn EventLine(
    /// What happened.
    event: Event,
) -> impl IntoView {
    let (symbol, tone) = picture(event.kind);
    let service = event.service_name.zip(event.service_id).map(|(name, id)| {
        view! { <a class="event-service" href=path::service(id)>{name}</a> }
    });
    let actor = event.actor.map(|actor| view! { <span class="event-actor">{actor}</span> });
    view! {
        <div class="event-line" data-tone=tone>
            <span class="event-picture"><Icon symbol=symbol /></span>
            <div class="event-text">
                <p class="event-message">{event.message}</p>
                <p class="event-about">{service} {actor} <Ago at=event.at /></p>
            </div>
        </div>
    }
    .erase()
}

/// The icon of a kind of event, and whether it is good or bad news.
fn picture(kind: EventKind) -> (Symbol, &'static str) {
    use EventKind as K;
    match kind {
        K::ServiceStarted => (Symbol::Start, "good"),
        K::ServiceStartAsked => (Symbol::Start, "plain"),
        K::ServiceStopAsked | K::ServiceStopped => (Symbol::Stop, "plain"),
        K::ServiceRestartAsked => (Symbol::Restart, "plain"),
        K::ServiceCrashed | K::ServiceCrashLoop | K::ServiceStartFailed | K::RefreshReused => (Symbol::Warning, "bad"),
        K::ServiceMissing | K::SignInFailed => (Symbol::Warning, "warning"),
        K::ServiceDiscovered => (Symbol::Search, "plain"),
        K::ServiceCreated | K::ServiceChanged | K::ServiceDeleted | K::ServiceRestored | K::ServicePurged => (Symbol::Services, "plain"),
        K::HealthChanged => (Symbol::Health, "plain"),
        K::SystemStarted => (Symbol::Info, "plain"),
        _ => (Symbol::User, "plain"),
    }
}
