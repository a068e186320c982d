//! Services that go together: the proxy in front of one, a copy of it that a deployment has made, its replicas.

use api::{ReplicaState, ServiceDetail, ServiceId, Source, Topic};
use leptos::prelude::*;

use super::watch::Watched;
use crate::components::{HealthMark, StatusMark};
use crate::erase::{Erase, Erased, shown};
use crate::live::{Incoming, use_feed};
use crate::path;

/// A fact with a link: its name, where it leads, and what the link says.
pub type LinkFact = (&'static str, String, String);

/// What goes together with it: the proxy in front of it, or the service that it is a part of.
pub fn link_fact(detail: &ServiceDetail) -> Option<LinkFact> {
    let spec = &detail.spec;
    if let Some((id, name)) = whole_of(detail) {
        let fact = match spec.source {
            Source::Proxy { .. } => "In front of",
            _ if spec.replica.is_some() => "Replica of",
            _ => "Copy of",
        };
        return Some((fact, path::service(id), name));
    }
    // The list is searched for it: its id isn't known here.
    let href = format!("{}?q={}", path::SERVICES, path::escape(&format!("{}{PROXY}", detail.service.name)));
    spec.proxy_port.map(|port| ("Proxy", href, format!("127.0.0.1:{port}")))
}

/// In place of what can't be done to a part by itself: `done` and `verb` are "changed" and "change".
pub fn part_note(detail: &ServiceDetail, done: &'static str, verb: &'static str) -> Option<Erased> {
    let (id, name) = whole_of(detail)?;
    let note = view! {
        <p class="panel panel-empty">"It goes with "<a href=path::service(id)>{name}</a>" and can't be "{done}" by itself: "{verb}" that."</p>
    };
    Some(note.erase())
}

/// What the name of a proxy, and of a copy, has behind that of its service.
const PROXY: &str = "-proxy";
const COPY: &str = "-next";

/// How often it is looked whether replicas have come or gone that shall.
const SOON: std::time::Duration = std::time::Duration::from_secs(1);

/// The service that it is a part of, named as the name of the part says.
fn whole_of(detail: &ServiceDetail) -> Option<(ServiceId, String)> {
    let name = &detail.service.name;
    let numbered = detail.spec.replica.and_then(|replica| name.strip_suffix(&format!("-{}", replica.suffix())));
    let whole = numbered.or_else(|| name.strip_suffix(PROXY)).or_else(|| name.strip_suffix(COPY)).unwrap_or("its service");
    detail.spec.part_of().map(|id| (id, whole.to_owned()))
}

/// The replicas of a service with how each is; nothing when it has but one.
#[component]
pub fn ReplicasPanel(
    /// The service.
    watched: Watched,
) -> impl IntoView {
    let replicas = Memo::new(move |_| watched.detail.with(|detail| detail.replicas.clone().unwrap_or_default()));
    let wanted = Memo::new(move |_| watched.detail.with(|detail| usize::from(detail.spec.replicas)));
    // They come and go a while after the number has changed.
    let are_coming = Memo::new(move |_| replicas.with(Vec::len).max(1) != wanted.get());
    Effect::new(move |_| {
        if let Ok(handle) = set_interval_with_handle(
            move || {
                if are_coming.get_untracked() {
                    watched.reload()
                }
            },
            SOON,
        ) {
            on_cleanup(move || handle.clear());
        }
    });
    shown(move || replicas.with(|all| (!all.is_empty()).then(|| table(all))).into_view()).erase()
}

fn table(all: &[ReplicaState]) -> Erased {
    let rows = all.iter().map(|one| row(one.clone())).collect_view();
    view! {
        <section class="panel" aria-labelledby="replicas-title">
            <header class="panel-head"><h2 class="panel-title" id="replicas-title">"Replicas"</h2></header>
            <table class="table">
                <thead><tr><th scope="col">"Replica"</th><th scope="col">"State"</th><th scope="col">"Health"</th><th scope="col">"Port"</th></tr></thead>
                <tbody>{rows}</tbody>
            </table>
        </section>
    }
    .erase()
}

fn row(one: ReplicaState) -> Erased {
    let id = one.service_id;
    let (href, name) = (path::service(id), one.name.clone());
    let state = RwSignal::new(one);
    use_feed(
        move || Some(Topic::Service(id)),
        move |incoming| {
            let Incoming::Frame(frame) = incoming else { return };
            let Some(service) = frame.read::<ServiceDetail>().filter(|_| frame.kind == "service").map(|detail| detail.service) else {
                return;
            };
            let (status, health_status, port) = (service.status, service.health_status, service.port);
            let now = state.with_untracked(|one| ReplicaState { status, health_status, port, ..one.clone() });
            if state.with_untracked(|one| *one != now) {
                state.set(now);
            }
        },
    );
    view! {
        <tr>
            <th scope="row"><a href=href>{name}</a></th>
            <td><StatusMark status=Signal::derive(move || state.with(|one| one.status)) /></td>
            <td><HealthMark health=Signal::derive(move || state.with(|one| one.health_status)) /></td>
            <td>{crate::erase::text(move || state.with(|one| one.port.map_or_else(|| "–".to_owned(), |port| port.to_string())))}</td>
        </tr>
    }
    .erase()
}
