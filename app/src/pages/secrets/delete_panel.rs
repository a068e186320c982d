//! Deleting a secret: after its name has been typed, and while services use it only when that is said too.

use api::NamedSecret;
use leptos::prelude::*;

use super::row::{by_service, service};
use crate::components::{Field, Icon, LiveForm, Symbol, Takes};
use crate::erase::{Erase, Erased};

/// The form that deletes it.
#[component]
pub fn DeletePanel(
    /// The secret.
    secret: NamedSecret,
) -> impl IntoView {
    let name = secret.name.to_string();
    let uses = if secret.unused { ().erase() } else { uses(&secret) };
    let typed = name.clone();
    view! {
        <section class="panel" aria-labelledby="delete-secret">
            <header class="panel-head"><h2 class="panel-title" id="delete-secret">"Delete"</h2></header>
            <LiveForm action="/rpc/delete_secret">
                <input type="hidden" name="name" value=name />
                {uses}
                <p>"Its value is gone for good then. To go on, type its name: "<strong>{typed}</strong></p>
                <Field name="typed" label="Name of the secret" takes=Takes::Line(128, true) value="" />
                <button type="submit" class="button" data-kind="danger">"Delete this secret"</button>
            </LiveForm>
        </section>
    }
    .erase()
}

/// What can't be started any more without it, and the box that says that one knows.
fn uses(secret: &NamedSecret) -> Erased {
    let services = by_service(&secret.used_by);
    let count =
        if services.len() == 1 { "1 service refers to it and".to_owned() } else { format!("{} services refer to it and", services.len()) };
    let services: Vec<_> = services.into_iter().map(|uses| view! { <li>{service(uses)}</li> }.erase()).collect();
    view! {
        <p class="warning"><Icon symbol=Symbol::Warning />{count}" can't be started without it. What runs goes on until it is stopped."</p>
        <ul>{services}</ul>
        <label><input type="checkbox" name="force" value="true" />" Delete it all the same"</label>
    }
    .erase()
}
