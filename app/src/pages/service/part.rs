//! A service that goes with another one: the proxy in front of it, or a copy of it that a deployment has made.

use api::{ServiceDetail, ServiceId, Source};
use leptos::prelude::*;

use crate::erase::{Erase, Erased};
use crate::path;

/// A fact with a link: its name, where it leads, and what the link says.
pub type LinkFact = (&'static str, String, String);

/// What goes together with it: the proxy in front of it, or the service that it is a part of.
pub fn link_fact(detail: &ServiceDetail) -> Option<LinkFact> {
    let spec = &detail.spec;
    if let Some((id, name)) = whole_of(detail) {
        let fact = if matches!(spec.source, Source::Proxy { .. }) { "In front of" } else { "Copy of" };
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

/// The service that it is a part of, named as the name of the part says.
fn whole_of(detail: &ServiceDetail) -> Option<(ServiceId, String)> {
    let name = &detail.service.name;
    let whole = name.strip_suffix(PROXY).or_else(|| name.strip_suffix(COPY)).unwrap_or("its service");
    detail.spec.part_of().map(|id| (id, whole.to_owned()))
}
