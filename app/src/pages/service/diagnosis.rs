//! Why a service isn't well, and what mends it.

use api::{Action, Diagnosis, Fix, Permission, ServiceId};
use leptos::prelude::*;

use super::watch::Watched;
use crate::components::{Icon, Performer, Symbol, action_url};
use crate::erase::{Erase, Erased, shown};
use crate::path;
use crate::viewer::Viewer;

/// The causes with what shows them and what mends them; nothing while the service is well.
#[component]
pub fn DiagnosisPanel(
    /// The service.
    watched: Watched,
) -> impl IntoView {
    let causes = Memo::new(move |_| watched.detail.with(|detail| detail.diagnosis.clone()));
    shown(move || {
        let causes = causes.get();
        (!causes.is_empty()).then(|| view! { <Causes causes watched=Some(watched) /> })
    })
    .erase()
}

/// Causes with what shows them and what mends them.
#[component]
pub fn Causes(
    /// The causes, the likeliest first.
    causes: Vec<Diagnosis>,
    /// The service; none when it is there no more, so that nothing leads to it.
    watched: Option<Watched>,
) -> impl IntoView {
    let viewer = expect_context::<Viewer>();
    let performer = viewer.may(Permission::ServicesOperate).then(Performer::from_context);
    let list = |class: &'static str, items: Vec<String>| {
        (!items.is_empty()).then(|| {
            let items = items.into_iter().map(|item| view! { <li>{item}</li> }).collect_view();
            view! { <ul class=class>{items}</ul> }
        })
    };
    let causes = causes.into_iter().map(|cause| {
        let fixes = cause.fixes.into_iter().filter_map(|fix| Some(button(fix, watched?, performer.clone(), &viewer.form_token)));
        let fixes = fixes.collect::<Vec<_>>();
        view! {
            <div class="diagnosis-cause" data-rule=cause.rule>
                <p class="diagnosis-title"><Icon symbol=Symbol::Warning />{cause.cause}</p>
                {list("diagnosis-evidence", cause.evidence)}
                {list("diagnosis-actions", cause.actions)}
                {(!fixes.is_empty()).then(|| view! { <div class="diagnosis-fixes">{fixes}</div> })}
            </div>
        }
    });
    view! { <section class="diagnosis" aria-label="Diagnosis">{causes.collect_view()}</section> }.erase()
}

/// A link to a place, or a form that posts; nothing for an action that the viewer may not do.
fn button(fix: Fix, watched: Watched, performer: Option<Performer>, form_token: &str) -> Erased {
    let (label, id, action) = match fix {
        Fix::Logs { label, service_id, at } => {
            let href = at.map_or_else(|| path::service_tab(service_id, "logs"), |at| path::log_until(service_id, at));
            return link(label, href);
        }
        Fix::Settings { label, service_id } => return link(label, path::service_tab(service_id, "settings")),
        Fix::Limits { label, service_id } => return link(label, path::limits(service_id)),
        Fix::HealthCheck { label, service_id } => return link(label, path::health_settings(service_id)),
        Fix::Activity { label, service_id } => return link(label, path::service_tab(service_id, "activity")),
        Fix::Service { label, service_id } => return link(label, path::service(service_id)),
        Fix::Start { label, service_id } => (label, service_id, Action::Start),
        Fix::Stop { label, service_id } => (label, service_id, Action::Stop),
        Fix::Restart { label, service_id } => (label, service_id, Action::Restart),
    };
    match performer {
        Some(performer) => deed(label, id, action, watched, performer, form_token.to_owned()),
        None => ().erase(),
    }
}

fn link(label: String, href: String) -> Erased {
    view! { <a class="button" href=href>{label}</a> }.erase()
}

/// What is done to this service is shown at once; what is done to another one is posted, and the page comes back.
fn deed(label: String, id: ServiceId, action: Action, watched: Watched, performer: Performer, form_token: String) -> Erased {
    let click = move |event: leptos::ev::MouseEvent| {
        if id == watched.id {
            event.prevent_default();
            performer.perform(action, watched.service, watched.failure);
        }
    };
    view! {
        <form method="post" action=action_url(action)>
            <input type="hidden" name="id" value=id.to_string() />
            <input type="hidden" name="form_token" value=form_token />
            <button type="submit" class="button" on:click=click>{label}</button>
        </form>
    }
    .erase()
}
