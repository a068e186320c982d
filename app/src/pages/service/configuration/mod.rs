//! The page of a service's configuration: a form by its schema, the same as JSON, and its versions.

mod change_table;
mod check;
mod clash;
mod editor;
mod extra_field;
mod field_view;
mod further_forms;
mod group_view;
mod loads;
mod raw_field;
mod read_only;
mod standing;
mod summary;
mod switch;
mod versions;

use api::{Configuration, Permission, ServiceDetail};
use leptos::prelude::*;

use self::editor::Editor;
use self::loads::{Loads, Part};
use self::read_only::ReadOnly;
use self::standing::Standing;
use self::versions::Versions;
use super::diagnosis::DiagnosisPanel;
use super::head::ServiceHead;
use super::tab::{Tab, TabLinks};
use super::watch::Watched;
use crate::components::{Failure, Icon, Skeleton, Symbol};
use crate::erase::{Erase, Erased, shown};
use crate::pages::NotFoundPage;
use crate::pages::wait::wait;
use crate::viewer::Viewer;

/// The page: `/services/{id}/configuration` has the values, `/services/{id}/configuration/versions` what they were.
#[component]
pub fn ConfigurationPage() -> impl IntoView {
    let loads = Loads::new();
    view! {
        <Transition fallback=|| view! { <Skeleton lines=12 /> }.erase()>
            {move || Suspend::new(async move {
                match wait(loads.detail).await {
                    Ok(detail) => view! { <Frame detail loads /> }.erase(),
                    Err(error) => view! { <Failure error=error.0 /> }.erase(),
                }
            })}
        </Transition>
    }
    .erase()
}

/// The head that all tabs of a service have, and below it what the address asks for.
#[component]
fn Frame(detail: ServiceDetail, loads: Loads) -> impl IntoView {
    let id = detail.service.id;
    let watched = Watched::new(detail);
    let content = shown(move || match loads.part.get() {
        Some(Part::Form | Part::Raw) => values(watched, loads),
        Some(Part::Versions) => view! { <Versions watched loads /> }.erase(),
        None => view! { <NotFoundPage /> }.erase(),
    });
    view! {
        <ServiceHead watched />
        <DiagnosisPanel watched />
        <TabLinks id tab=Memo::new(|_| Some(Tab::Configuration)) />
        {shown(move || loads.done.get().map(done))}
        <div class="settings configuration">{content}</div>
    }
    .erase()
}

/// The values, for those who may change them or only read them.
fn values(watched: Watched, loads: Loads) -> Erased {
    view! {
        <Transition fallback=|| view! { <Skeleton lines=8 /> }.erase()>
            {move || Suspend::new(async move {
                match wait(loads.configuration).await {
                    None => ().erase(),
                    Some(Ok(configuration)) => view! { <Values configuration watched loads /> }.erase(),
                    Some(Err(error)) => view! { <Failure error=error.0 /> }.erase(),
                }
            })}
        </Transition>
    }
    .erase()
}

#[component]
fn Values(configuration: Configuration, watched: Watched, loads: Loads) -> impl IntoView {
    let is_raw = loads.part.get_untracked() == Some(Part::Raw);
    let standing = view! { <Standing configuration=configuration.clone() watched /> };
    let content = if expect_context::<Viewer>().may(Permission::ConfigChange) {
        view! { <Editor configuration watched loads is_raw /> }.erase()
    } else {
        let links = view! { <PartLinks id=watched.id part=if is_raw { Part::Raw } else { Part::Form } /> };
        view! { {links} <ReadOnly configuration is_raw /> }.erase()
    };
    view! { {standing} {content} }.erase()
}

/// The links to the form, to its text, and to the versions.
#[component]
pub fn PartLinks(
    /// The service.
    id: api::ServiceId,
    /// What is shown.
    part: Part,
) -> impl IntoView {
    let hrefs = [(Part::Form, "Fields"), (Part::Raw, "JSON"), (Part::Versions, "Versions")];
    let links =
        hrefs.map(|(one, label)| view! { <a class="range" href=one.href(id) aria-current=(one == part).then_some("page")>{label}</a> });
    view! { <div><nav class="ranges" aria-label="View of the configuration">{links.into_iter().collect_view()}</nav></div> }.erase()
}

/// What the form that led here did.
fn done(text: &'static str) -> Erased {
    view! { <p class="done" role="status"><Icon symbol=Symbol::Check />{text}</p> }.erase()
}

/// What a value is shown as.
fn value_text(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) if text == api::MASK => "a secret that isn't shown".into(),
        serde_json::Value::String(text) if text.is_empty() => "an empty text".into(),
        value => api::variable_text(value).unwrap_or_else(|| "nothing".into()),
    }
}
