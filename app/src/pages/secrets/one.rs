//! One secret: what is known of it, what uses it, and what can be done with it.

use api::{NamedSecret, Permission};
use leptos::prelude::*;

use super::change_form::ChangeForm;
use super::delete_panel::DeletePanel;
use super::loads::Loads;
use super::reveal::RevealPanel;
use super::row::{by_service, marks, service};
use crate::components::Ago;
use crate::erase::{Erase, Erased};
use crate::path;
use crate::viewer::Viewer;

/// The secret once it is loaded.
#[component]
pub fn OneSecret(
    /// The secret.
    secret: NamedSecret,
    /// What is loaded, and a form that was posted to this page.
    loads: Loads,
) -> impl IntoView {
    let viewer = expect_context::<Viewer>();
    loads.forget_with_part();
    let name = secret.name.to_string();
    let change =
        if viewer.may(Permission::SecretsWrite) { view! { <ChangeForm secret=secret.clone() loads /> }.erase() } else { ().erase() };
    let reveal = if viewer.may(Permission::SecretsReveal) { view! { <RevealPanel name loads /> }.erase() } else { ().erase() };
    let delete = if viewer.may(Permission::SecretsWrite) { view! { <DeletePanel secret=secret.clone() /> }.erase() } else { ().erase() };
    view! {
        {facts(&secret)}
        <div class="settings">{advice(&secret)} {uses(&secret)} {reveal} {change} {delete}</div>
    }
    .erase()
}

fn facts(secret: &NamedSecret) -> Erased {
    let description = secret.description.clone().map(|text| view! { <div><dt>"Description"</dt><dd>{text}</dd></div> }.erase());
    view! {
        <dl class="facts-line">
            {description}
            <div><dt>"Value set"</dt><dd><Ago at=secret.value_set_at />{marks(secret)}</dd></div>
            <div><dt>"Changed"</dt><dd><Ago at=secret.updated_at />" by "{secret.updated_by.clone()}</dd></div>
            <div><dt>"Version"</dt><dd>{secret.version}</dd></div>
        </dl>
    }
    .erase()
}

/// What to do about one that is old or that nothing uses.
fn advice(secret: &NamedSecret) -> Erased {
    let stale = "Its value is older than 180 days. Make a new one where it is used (the database, the provider), set it here, and restart the services below.";
    let unused = "Nothing refers to it. Delete it unless something outside of Pilothouse, or a configuration of before that may be restored, needs it.";
    let lines = [(secret.stale, stale), (secret.unused, unused)].into_iter().filter(|(is_so, _)| *is_so);
    lines.map(|(_, text)| view! { <p class="hint">{text}</p> }.erase()).collect::<Vec<_>>().erase()
}

fn uses(secret: &NamedSecret) -> Erased {
    let reference = format!("${{secret:{}}}", secret.name);
    let services = by_service(&secret.used_by);
    let list = if services.is_empty() {
        view! { <p>"No variable of a service refers to it."</p> }.erase()
    } else {
        let services: Vec<_> = services.into_iter().map(|uses| view! { <li>{service(uses)}</li> }.erase()).collect();
        view! { <ul>{services}</ul> }.erase()
    };
    let given: Vec<_> = secret
        .given_earlier
        .iter()
        .map(|one| {
            let text = format!(" is given version {} of it, since it was taken back to a release of before.", one.version);
            view! { <p class="hint"><span><a href=path::deployments_of(one.service_id)>{one.service_name.clone()}</a>{text}</span></p> }
                .erase()
        })
        .collect();
    let former = (!secret.former_versions.is_empty()).then(|| {
        let versions: Vec<_> = secret.former_versions.iter().map(u64::to_string).collect();
        let (s, are) = if versions.len() == 1 { ("", "is") } else { ("s", "are") };
        let text = format!(
            "Its value{s} of version{s} {} {are} kept sealed too, so that a service can be taken back to what it ran with. They go with the releases that \
             were made with them, and with the secret.",
            versions.join(", ")
        );
        view! { <p class="field-hint">{text}</p> }.erase()
    });
    view! {
        <section class="panel" aria-labelledby="secret-uses">
            <header class="panel-head"><h2 class="panel-title" id="secret-uses">"Used by"</h2></header>
            <div class="settings-form">
                {list}
                {given}
                {former}
                <p class="field-hint">"A variable of a service gets it by "<samp>{reference}</samp>", also in the middle of other text."</p>
            </div>
        </section>
    }
    .erase()
}
