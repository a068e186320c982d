//! The page of a service's configuration: a form by its schema, the same as JSON, and its versions.

mod change_table;
mod check;
mod clash;
mod editor;
mod extra_field;
mod field_view;
mod further_forms;
mod group_view;
mod heir;
mod import_form;
mod inherited;
mod loads;
mod raw_field;
mod read_only;
mod reveal;
mod standing;
mod suggestions;
mod summary;
mod switch;
mod versions;

use api::{Configuration, ConfigurationFormat, ConfigurationText, Permission, ServiceDetail};
use leptos::prelude::*;

pub use self::change_table::cells as change_cells;
use self::editor::Editor;
use self::import_form::Exports;
#[cfg(feature = "hydrate")]
pub use self::import_form::take_file;
use self::loads::{Loads, Part};
use self::read_only::ReadOnly;
use self::reveal::Reveal;
use self::standing::Standing;
use self::versions::Versions;
use super::diagnosis::DiagnosisPanel;
use super::head::ServiceHead;
use super::part::part_note;
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
        Some(_) if let Some(note) = watched.detail.with_untracked(|detail| part_note(detail, "configured", "configure")) => note,
        Some(Part::Form | Part::Raw(_) | Part::Secret) => values(watched, loads),
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
                let (configuration, text) = (wait(loads.configuration).await, wait(loads.text).await.transpose());
                match (configuration, text) {
                    (None, _) => ().erase(),
                    (Some(Ok(configuration)), _) if loads.part.get_untracked() == Some(Part::Secret) => {
                        view! { <Reveal configuration watched loads /> }.erase()
                    }
                    (Some(Ok(configuration)), Ok(text)) => view! { <Values configuration text watched loads /> }.erase(),
                    (Some(Ok(_)), Err(error)) => {
                        let links = loads.part.get_untracked().map(|part| view! { <PartLinks id=watched.id part /> });
                        view! { {links} <Failure error=error.0 /> }.erase()
                    }
                    (Some(Err(error)), _) => view! { <Failure error=error.0 /> }.erase(),
                }
            })}
        </Transition>
    }
    .erase()
}

#[component]
fn Values(configuration: Configuration, text: Option<ConfigurationText>, watched: Watched, loads: Loads) -> impl IntoView {
    let raw = match loads.part.get_untracked() {
        Some(Part::Raw(format)) => Some(text.unwrap_or_else(|| {
            let text = serde_json::to_string_pretty(&configuration.values).unwrap_or_default();
            ConfigurationText { format, text }
        })),
        _ => None,
    };
    let standing = view! { <Standing configuration=configuration.clone() watched /> };
    let inherited = inherited::panel(&configuration, watched);
    let content = if expect_context::<Viewer>().may(Permission::ConfigChange) {
        view! { <Editor configuration watched loads raw /> }.erase()
    } else {
        let part = raw.as_ref().map_or(Part::Form, |raw| Part::Raw(raw.format));
        view! { <PartLinks id=watched.id part /> <ReadOnly configuration raw /> <Exports id=watched.id /> }.erase()
    };
    view! { {standing} {inherited} {content} }.erase()
}

/// The links to the form, to its text, and to the versions.
#[component]
pub fn PartLinks(
    /// The service.
    id: api::ServiceId,
    /// What is shown.
    part: Part,
) -> impl IntoView {
    let link = |(one, label): (Part, &'static str)| {
        view! { <a class="range" href=one.href(id) aria-current=(one == part).then_some("page")>{label}</a> }.erase()
    };
    let links = values_parts().chain([(Part::Versions, "Versions")]).map(link).collect::<Vec<_>>();
    view! { <div><nav class="ranges" aria-label="View of the configuration">{links}</nav></div> }.erase()
}

/// The ways to look at the values, with their names.
fn values_parts() -> impl Iterator<Item = (Part, &'static str)> {
    let texts = ConfigurationFormat::ALL.into_iter().map(|format| (Part::Raw(format), format.label()));
    [(Part::Form, "Fields")].into_iter().chain(texts)
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
