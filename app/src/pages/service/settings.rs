//! The settings of a service: what it is told, how it is checked, what is done when it ends, and its deletion.

use api::{Permission, RuntimeKind, ServiceDetail, Source, depended_on};
use leptos::prelude::*;

use super::check_form::CheckForm;
use super::check_test::CheckTest;
use super::handover_field::HandoverField;
use super::image_form::{ImageFields, OptionsFields, container_port_field, registry_fields};
use super::limits_form::LimitsForm;
use super::loads::Loads;
use super::needs_field::NeedsField;
use super::part::part_note;
use super::proxy_fields::proxy_fields;
use super::repository_fields::RepositoryFields;
use super::rollout_fields::rollout_fields;
use super::watch::Watched;
use crate::components::{Field, Icon, LiveForm, RestartField, RunAsField, Symbol, Takes, faults};
use crate::erase::{Erase, shown};
use crate::path;
use crate::rpc::{Outcome, ServiceForm, Tried};
use crate::viewer::Viewer;

/// The settings, for those who may change them; others read that they may not.
#[component]
pub fn SettingsTab(
    /// The service.
    watched: Watched,
    /// What is loaded, and a form that was posted to this page.
    loads: Loads,
) -> impl IntoView {
    let viewer = expect_context::<Viewer>();
    let tried = loads.tried.get_value().filter(|tried| tried.id == watched.id);
    let detail = watched.detail.get_untracked();
    if let Some(note) = part_note(&detail, "changed or deleted", "change") {
        return view! { <div class="settings">{note}</div> }.erase();
    }
    let settings = if viewer.may(Permission::ServicesChange) {
        view! { <SettingsForm detail tried loads /> }.erase()
    } else {
        view! { <p class="panel panel-empty">"Your role lets you see this service, not change it. Ask somebody who is a Developer or an Admin."</p> }.erase()
    };
    view! {
        <div class="settings">{settings} {viewer.may(Permission::ServicesDelete).then(|| view! { <DeletePanel watched /> })}</div>
    }
    .erase()
}

#[component]
fn SettingsForm(detail: ServiceDetail, tried: Option<Tried>, loads: Loads) -> impl IntoView {
    let ServiceDetail { service, spec, .. } = &detail;
    let (id, runtime) = (service.id, service.runtime);
    let is_foreign = matches!(spec.source, Source::Container { .. });
    let (form, found, refused) = match tried.map(|tried| (tried.form, tried.outcome)) {
        None => (ServiceForm::of(&detail), None, Vec::new()),
        Some((form, Outcome::Tested(found))) => (form, Some(found), Vec::new()),
        Some((form, Outcome::Refused(error))) => (form, None, faults(error.0)),
    };
    let check = form.clone();
    let limits = [form.limit_memory.clone(), form.limit_cpu.clone(), form.limit_processes.clone(), form.limit_files.clone()];
    let (is_image, is_built) = (matches!(spec.source, Source::Image { .. }), matches!(spec.source, Source::Build { .. }));
    let (image, container_port) = (form.image, form.container_port);
    let image = match (is_image, is_built) {
        (true, _) => {
            view! { <ImageFields image container_port is_required=true label="Image" hint="As docker run takes it. It is pulled when it isn't there." /> }.erase()
        }
        (_, true) => container_port_field(container_port),
        _ => ().erase(),
    };
    let repository = form.repository.map(|form| view! { <RepositoryFields form is_required=true place="/repository" /> });
    let registry = form.registry.map(|form| registry_fields(form, is_image, is_built));
    let options = form.options.filter(|_| is_image || is_built).map(|form| view! { <OptionsFields form /> });
    let problem = detail.variables_problem.as_ref().map(|problem| {
        let then = if problem.can_be_set { " What is saved here replaces them." } else { "" };
        let text = format!("Its variables can't be read, so it isn't started without them: {}.{then}", problem.why);
        view! { <p class="warning"><Icon symbol=Symbol::Warning />{text}</p> }.erase()
    });
    let environment = if is_foreign {
        view! { <input type="hidden" name="form[environment]" value="" /> }.erase()
    } else if detail.variables_problem.as_ref().is_some_and(|problem| !problem.can_be_set) {
        problem.erase()
    } else {
        view! {
            {problem}
            <Field name="form[environment]" label="Variables" takes=Takes::Lines value=form.environment.unwrap_or_default() example="NAME=value" hint="One NAME=value a line, over those of its .env or image. They are read when it starts." />
            <div class="form-part"><p class="field-hint">"With versions, and by what its code asks for, they are set in its "<a href=path::configuration(id)>"configuration"</a>"."</p></div>
        }
        .erase()
    };
    let files = (spec.source.folder().is_some() || repository.is_some()).then(|| {
        view! { <Field name="form[environment_files]" label="Environment files" takes=Takes::Line(2600, false) value=form.environment_files example=".env.production" hint="In its folder, besides .env; of two the later counts, and the variables above over both." /> }
    });
    let user = spec.source.can_run_as().is_ok().then(|| {
        let is_free = expect_context::<Viewer>().may(Permission::ServicesCommand);
        view! { <RunAsField value=form.user.unwrap_or_default() is_free /> }
    });
    let replicas = form.replicas.unwrap_or_default();
    let rollout = form.rollout.clone().map(rollout_fields);
    let proxy = form.proxy_port.map(|port| proxy_fields(port, replicas));
    let handover = form.handover.map(|chosen| view! { <HandoverField chosen /> });
    view! {
        <section class="panel" aria-labelledby="service-settings">
            <header class="panel-head"><h2 class="panel-title" id="service-settings">"Settings"</h2></header>
            <LiveForm action="/rpc/change_service" plain=path::service_tab(id, "settings") refused is_wide=true>
                <input type="hidden" name="id" value=id.to_string() />
                <Field name="form[name]" label="Name" takes=Takes::Line(63, true) value=form.name hint="Letters, digits and . _ -" />
                <Field name="form[description]" label="Description" takes=Takes::Line(500, false) value=form.description />
                <Field name="form[labels]" label="Labels" takes=Takes::Line(2600, false) value=form.labels example="team=shop tier=web" hint="Services of a label are found, and started or stopped, together." />
                {image}
                {registry}
                {repository}
                <Field name="form[port]" label="Port" takes=Takes::NumberOrNothing(1, 65_535) value=form.port example="automatic" hint="It is told by the variable PORT. Empty lets Pilothouse read or choose one." />
                {proxy}
                <Field name="form[metrics_path]" label="Path of its Prometheus metrics" takes=Takes::Line(1024, true) value=form.metrics_path />
                {user}
                {environment}
                {files}
                <NeedsField id chosen=form.depends_on loads />
                <RestartField chosen=form.restart />
                {handover}
                <Field name="form[stop_grace]" label="Seconds it has to stop" takes=Takes::Number(0, 600) value=form.stop_grace hint="After that it is killed, with all that it has started." />
                {(!is_foreign).then(|| view! { <LimitsForm texts=limits /> })}
                {rollout}
                {options}
                <CheckForm form=check runtime />
                <CheckTest id found />
            </LiveForm>
        </section>
    }
    .erase()
}

/// Deleting it: only when it is at rest, and after its name has been typed.
#[component]
fn DeletePanel(watched: Watched) -> impl IntoView {
    let name = watched.service.with_untracked(|service| service.name.clone());
    let is_foreign = watched.detail.with_untracked(|detail| matches!(detail.spec.source, Source::Container { .. }));
    let what_goes = match watched.service.with_untracked(|service| service.runtime) {
        _ if is_foreign => {
            "Its container, with what was written inside it, its logs, figures and settings go now and for good; volumes and the image stay."
        }
        RuntimeKind::Process => "For seven days it can be put back with its settings, logs and figures; its folder stays.",
        RuntimeKind::Docker => {
            "For seven days it can be put back with its settings, logs, figures and container; volumes and the image stay."
        }
    };
    let now = expect_context::<Viewer>().now;
    let warning = move || {
        let dependents = watched.detail.with(|detail| depended_on(detail.dependents.as_deref().unwrap_or_default(), now));
        dependents.map(|text| view! { <p class="warning"><Icon symbol=Symbol::Warning />{text}</p> }.erase())
    };
    let blocked = Memo::new(move |_| watched.service.with(|service| service.status.can_delete().err().map(|blocked| blocked.0)));
    view! {
        <section class="panel" aria-labelledby="service-delete">
            <header class="panel-head"><h2 class="panel-title" id="service-delete">"Delete"</h2></header>
            <LiveForm action="/rpc/delete_service">
                <input type="hidden" name="id" value=watched.id.to_string() />
                {shown(warning)}
                <p>
                    {what_goes} " What happened stays in the activity. To go on, type its name: "
                    <strong>{name}</strong>
                </p>
                <Field name="typed" label="Name of the service" takes=Takes::Line(63, true) value="" />
                <p class="field-hint">{move || blocked.get().map(|why| format!("Not now: {why}."))}</p>
                <button type="submit" class="button" data-kind="danger" disabled=move || blocked.get().is_some()>"Delete this service"</button>
            </LiveForm>
        </section>
    }
    .erase()
}
