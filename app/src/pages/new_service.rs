//! Where a service is made from a folder, a command or an image.

use api::{Permission, RestartPolicy};
use leptos::prelude::*;

use crate::components::{Empty, Field, LiveForm, PageHead, RestartField, RunAsField, Symbol, Takes};
use crate::erase::{Erase, Erased};
use crate::path;
use crate::viewer::Viewer;

/// The form that makes a service.
#[component]
pub fn NewServicePage() -> impl IntoView {
    let viewer = expect_context::<Viewer>();
    let content = if viewer.may(Permission::ServicesCreate) {
        view! {
            <p class="to-compose">"Many at once, or with volumes and a network: " <a href=path::COMPOSE>"from a Compose file"</a></p>
            <NewServiceForm may_command=viewer.may(Permission::ServicesCommand) />
        }
        .erase()
    } else {
        may_not_make()
    };
    view! { <PageHead title="New service" about="It is made at rest; its page starts it and shows its first start.".erase() /> {content} }
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
    view! {
        <section class="panel settings" aria-label="New service">
            <LiveForm action="/rpc/create_service" is_wide=true>
                <Field name="form[name]" label="Name" takes=Takes::Line(63, true) value="" hint="Letters, digits and . _ -" />
                <Field name="form[folder]" label="Folder" takes=Takes::Line(4096, false) value="" example="/srv/orders" hint=folder />
                <Field name="form[command]" label="Command" takes=Takes::Line(4096, false) value="" example="python -m http.server $PORT" hint=command />
                <RunAsField value=String::new() is_free=may_command />
                <Field name="form[image]" label="Or an image, for Docker" takes=Takes::Line(512, false) value="" example="nginx:1.27" hint="In place of a folder. It is pulled when it isn't there; its container gets no privileges and none of this machine's folders." />
                <Field name="form[container_port]" label="Port in the container" takes=Takes::NumberOrNothing(1, 65_535) value="" example="the image's own" hint="For an image only: where it listens inside." />
                <Field name="form[port]" label="Port" takes=Takes::NumberOrNothing(1, 65_535) value="" example="automatic" hint="It is told by the variable PORT. Empty lets Pilothouse read or choose one." />
                <Field name="form[environment]" label="Variables" takes=Takes::Lines value="" example="NAME=value" hint="One NAME=value a line, over those of its .env." />
                <Field name="form[description]" label="Description" takes=Takes::Line(500, false) value="" />
                <RestartField chosen=RestartPolicy::OnFailure />
                <button type="submit" class="button" data-kind="primary">"Make service"</button>
            </LiveForm>
        </section>
    }
    .erase()
}
