//! Which version there is, which one the service runs with, and what else is to be known.

use api::{Action, Configuration, Permission, SchemaSource, Timestamp};
use leptos::prelude::*;

use super::super::watch::Watched;
use crate::components::{Ago, Icon, Performer, Symbol, action_url};
use crate::erase::{Erase, Erased, shown};
use crate::path;
use crate::rpc::get_configuration;
use crate::viewer::Viewer;

/// What changes while a form is open.
#[derive(Clone, Debug, PartialEq)]
struct State {
    version: u64,
    applied: Option<u64>,
    restart_needed: bool,
    at: Option<Timestamp>,
    by: Option<String>,
    /// The version that takes its place again if the service isn't well with it.
    back_to: Option<u64>,
}

impl State {
    fn of(configuration: &Configuration) -> Self {
        let Configuration { version, applied_version: applied, restart_needed, updated_at: at, updated_by: by, .. } = configuration.clone();
        let back_to = configuration.watch.map(|watch| watch.back_to);
        Self { version, applied, restart_needed, at, by, back_to }
    }
}

/// The lines above the values. They follow the service: what was typed below stays.
#[component]
pub fn Standing(
    /// The configuration that the page was made from.
    configuration: Configuration,
    /// The service.
    watched: Watched,
) -> impl IntoView {
    let made_from = configuration.version;
    let state = RwSignal::new(State::of(&configuration));
    let run = Memo::new(move |_| watched.service.with(|service| (service.status, service.started_at)));
    Effect::new(move |before: Option<()>| {
        run.track();
        if before.is_some() {
            leptos::task::spawn_local(async move {
                if let Ok(newest) = get_configuration(watched.id).await {
                    state.try_set(State::of(&newest));
                }
            });
        }
    });
    let which = shown(move || state.with(version_line));
    let newer = shown(move || {
        let version = state.with(|state| state.version);
        let href = path::configuration_difference(watched.id, made_from, version);
        let text = format!("Somebody has saved version {version} since this page was made. ");
        (version != made_from).then(|| warning(view! { {text}<a href=href>"See what they changed"</a> }.erase()))
    });
    let watch = shown(move || {
        let back_to = state.with(|state| state.back_to);
        let text = |version| {
            format!("The service is being watched: if it isn't well with this version, version {version} takes its place again by itself.")
        };
        back_to.map(|version| view! { <p class="panel-note">{text(version)}</p> })
    });
    let performer = Performer::from_context();
    let restart = shown(move || {
        let performer = performer.clone();
        state.with(|state| state.restart_needed.then(|| restart(watched, state.applied, performer)))
    });
    let notes = configuration.notes.iter().map(|note| view! { <li>{note.clone()}</li> }.erase()).collect::<Vec<_>>();
    let notes = (!notes.is_empty()).then(|| view! { <ul class="compose-notes" aria-label="Notes">{notes}</ul> });
    let schema = match configuration.schema_source {
        SchemaSource::None => "There is no schema: any variable may be set.".to_owned(),
        SchemaSource::Inherited => {
            let environment = configuration.schema_environment.as_deref().unwrap_or("an environment before");
            format!("The schema is the one that is set in {environment}.")
        }
        source => format!("The schema is {}.", source.label()),
    };
    view! {
        <div class="check-result">
            <p>{which} " " <span class="panel-note">{schema}</span></p>
            {newer}
            {watch}
            {restart}
            {notes}
        </div>
    }
    .erase()
}

fn version_line(state: &State) -> Erased {
    let version = view! { <strong>{format!("Version {}", state.version)}</strong> };
    match (state.at, state.by.clone()) {
        (Some(at), by) => {
            let by = by.map(|by| format!(" by {by}")).unwrap_or_default();
            view! { {version} ", saved"{by}" "<Ago at />"." }.erase()
        }
        (None, _) => view! { {version} ", as it was found." }.erase(),
    }
}

fn warning(text: Erased) -> Erased {
    view! { <p class="warning"><Icon symbol=Symbol::Warning /><span>{text}</span></p> }.erase()
}

/// The service runs with another version; whoever may restarts it here.
fn restart(watched: Watched, applied: Option<u64>, performer: Performer) -> Erased {
    let text = match applied {
        Some(applied) => format!("Saved, but the service still runs with version {applied}."),
        None => "Saved, but the service still runs with what it was told before.".to_owned(),
    };
    let viewer = expect_context::<Viewer>();
    let form = viewer.may(Permission::ServicesOperate).then(|| {
        let click = move |event: leptos::ev::MouseEvent| {
            event.prevent_default();
            performer.perform(Action::Restart, watched.service, watched.failure);
        };
        view! {
            <form method="post" action=action_url(Action::Restart)>
                <input type="hidden" name="id" value=watched.id.to_string() />
                <input type="hidden" name="form_token" value=viewer.form_token.clone() />
                <button type="submit" class="button" data-size="small" on:click=click><Icon symbol=Symbol::Restart />"Restart with it"</button>
            </form>
        }
    });
    view! { <div class="form-actions">{warning(text.erase())} {form}</div> }.erase()
}
