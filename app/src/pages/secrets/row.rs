//! One secret in the table, and what uses it.

use api::{NamedSecret, SecretUse};
use leptos::prelude::*;

use crate::components::Ago;
use crate::erase::{Erase, Erased};
use crate::path;

/// More services than this are only counted in the table.
const SERVICES: usize = 3;

/// The row of a secret.
pub fn row(secret: NamedSecret) -> Erased {
    let href = path::secret(secret.name.as_str());
    let services = by_service(&secret.used_by);
    let more = services.len().saturating_sub(SERVICES);
    let more = (more > 0).then(|| view! { <div><a href=href.clone()>"and "{more}" more"</a></div> }.erase());
    let uses: Vec<_> = services.into_iter().take(SERVICES).map(|uses| view! { <div>{service(uses)}</div> }.erase()).collect();
    let marks = marks(&secret);
    view! {
        <tr>
            <th scope="row" class="wrap"><a href=href>{secret.name.to_string()}</a>{marks} <div class="panel-note">{secret.description}</div></th>
            <td class="wrap">{uses}{more}</td>
            <td><Ago at=secret.value_set_at /></td>
            <td>{secret.updated_by}</td>
        </tr>
    }
    .erase()
}

/// What asks for something to be done, in a word each.
pub fn marks(secret: &NamedSecret) -> Vec<Erased> {
    let marks = [(secret.unused, "unused", "Nothing refers to it"), (secret.stale, "stale", "Its value is older than 180 days")];
    let marks = marks.into_iter().filter(|(is_so, ..)| *is_so);
    marks.map(|(_, word, title)| view! { " " <span class="badge" title=title>{word}</span> }.erase()).collect()
}

/// What refers to a secret, service by service.
pub fn by_service(uses: &[SecretUse]) -> Vec<Vec<SecretUse>> {
    uses.chunk_by(|one, other| one.service_id == other.service_id).map(<[SecretUse]>::to_vec).collect()
}

/// A service with those of its variables that refer to a secret.
pub fn service(uses: Vec<SecretUse>) -> Erased {
    let Some((href, name)) = uses.first().map(|one| (path::service(one.service_id), one.service_name.clone())) else {
        return ().erase();
    };
    let variables: Vec<_> = uses.into_iter().map(|one| view! { " " <samp>{one.variable}</samp> }.erase()).collect();
    view! { <a href=href>{name}</a> {variables} }.erase()
}
