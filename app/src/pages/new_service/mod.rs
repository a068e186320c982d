//! Where a service is made from a folder, a command, a Dockerfile, an image or a Git repository.

mod plan;

use api::Permission;
use leptos::prelude::*;

use self::plan::{PlanButtons, PlanView};
use super::service::handover_field::HandoverField;
use super::service::image_form::{ImageFields, OptionsFields, registry_fields};
use super::service::proxy_fields::proxy_fields;
use super::service::repository_fields::RepositoryFields;
use crate::components::{Empty, Field, LiveForm, PageHead, RestartField, RunAsField, Symbol, Takes, faults};
use crate::erase::{Erase, Erased};
use crate::path;
use crate::rpc::{DrawnUp, NewServiceForm as Form, RepositoryForm};
use crate::viewer::Viewer;

/// The form that makes a service.
#[component]
pub fn NewServicePage() -> impl IntoView {
    let viewer = expect_context::<Viewer>();
    let content = if viewer.may(Permission::ServicesCreate) {
        view! {
            <p class="to-compose">"Many at once: " <a href=path::COMPOSE>"from a Compose file"</a>" · From nothing: " <a href=path::TEMPLATES>"of a template"</a></p>
            <NewServiceForm may_command=viewer.may(Permission::ServicesCommand) />
        }
        .erase()
    } else {
        may_not_make()
    };
    view! { <PageHead title="New service" about="The plan says what its first start would do; its page shows it as it happens.".erase() /> {content} }
        .erase()
}

/// What those see who may not make services.
pub(super) fn may_not_make() -> Erased {
    view! {
        <Empty symbol=Symbol::Warning title="Not allowed" text=view! {
            <p>"Your role lets you see services, not make them. Ask somebody who is a Developer or an Admin."</p>
            <p><a href=path::SERVICES>"Back to the services"</a></p>
        }.erase() />
    }
    .erase()
}

#[component]
fn NewServiceForm(
    /// Whether they may name a free command.
    may_command: bool,
) -> impl IntoView {
    let posted = SharedValue::new(use_context::<DrawnUp>).into_inner();
    let (form, plan, refused) = match posted {
        None => (Form::blank(), None, Vec::new()),
        Some(DrawnUp { form, plan: Ok(plan) }) => (form, Some(Ok(plan)), Vec::new()),
        Some(DrawnUp { form, plan: Err(error) }) => (form, None, faults(error.0)),
    };
    let found = RwSignal::new(plan);
    // A plan is of what was typed then.
    let forget = move |_: leptos::ev::Event| found.set(None);
    let folder = if may_command {
        "An absolute path. Without a command the folder is read for how it is run."
    } else {
        "An absolute path below the services folder, with a main.py or app.py. Other folders take an Admin, unless it runs as a user that is open to you."
    };
    let command = if may_command {
        "Empty for a folder with a main.py or app.py. Quotes keep words together; no shell reads it. $PORT is the port."
    } else {
        "Takes an Admin, unless it runs as a user that is open to you. Empty for a folder with a main.py or app.py. Quotes keep words together; no shell reads it."
    };
    let is_of_repository = form.repository != RepositoryForm::default();
    view! {
        <section class="panel settings" aria-label="New service" on:input=forget>
            <LiveForm action="/rpc/create_service" plain=path::NEW_SERVICE refused is_wide=true>
                <Field name="form[name]" label="Name" takes=Takes::Line(63, true) value=form.name hint="Letters, digits and . _ -" />
                <Field name="form[folder]" label="Folder" takes=Takes::Line(4096, false) value=form.folder example="/srv/orders" hint=folder />
                <Field name="form[command]" label="Command" takes=Takes::Line(4096, false) value=form.command example="python -m http.server $PORT" hint=command />
                <RunAsField value=form.user is_free=may_command />
                <Field name="form[dockerfile]" label="Dockerfile" takes=Takes::Line(4096, false) value=form.dockerfile example="Dockerfile" hint="To have Docker build and run that folder, or the repository: the path of its Dockerfile in it. Empty runs it as a process." />
                <ImageFields image=form.image container_port=form.container_port is_required=false label="Or an image, for Docker" hint="In place of a folder. It is pulled when it isn't there; its container gets no privileges and none of this machine's folders." />
                {registry_fields(form.registry, true, true)}
                <details class="form-part" open=is_of_repository>
                    <summary>"Or a Git repository"</summary>
                    <div class="form-part"><RepositoryFields form=form.repository is_required=false place="/source/repository" /></div>
                </details>
                <Field name="form[port]" label="Port" takes=Takes::NumberOrNothing(1, 65_535) value=form.port example="automatic" hint="It is told by the variable PORT. Empty lets Pilothouse read or choose one." />
                {proxy_fields(form.proxy_port, form.replicas)}
                <Field name="form[environment]" label="Variables" takes=Takes::Lines value=form.environment example="NAME=value" hint="One NAME=value a line, over those of its .env." />
                <Field name="form[description]" label="Description" takes=Takes::Line(500, false) value=form.description />
                <RestartField chosen=form.restart />
                <HandoverField chosen=form.handover hint="Only with a folder or a command. " />
                <OptionsFields form=form.options />
                <div class="field form-part"><label><input type="checkbox" name="form[start]" value="true" checked=form.start />" Start it at once; of a repository, deploy it"</label></div>
                <PlanButtons found />
                <PlanView found />
            </LiveForm>
        </section>
    }
    .erase()
}
