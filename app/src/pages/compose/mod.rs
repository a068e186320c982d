//! Where services are made from a Compose file: what was given, and the plan of it.

mod plan;

use api::Permission;
use leptos::prelude::*;

use self::plan::{PlanButtons, PlanView};
use super::new_service::may_not_make;
use crate::components::{Field, LiveForm, PageHead, Takes, reasons};
use crate::erase::Erase;
use crate::rpc::PlannedCompose;
use crate::viewer::Viewer;

/// The page of a Compose file.
#[component]
pub fn ComposePage() -> impl IntoView {
    let content =
        if expect_context::<Viewer>().may(Permission::ServicesCreate) { view! { <ComposeForm /> }.erase() } else { may_not_make() };
    view! { <PageHead title="Services from Compose" about="Each service of the file becomes one here, made at rest. First you see what becomes of it.".erase() /> {content} }
        .erase()
}

/// The form. It is posted to its own page for the plan, which comes back with what was typed; what is planned is then made of the same form.
#[component]
fn ComposeForm() -> impl IntoView {
    let posted = SharedValue::new(use_context::<PlannedCompose>).into_inner();
    let (form, plan) = posted.map_or_else(Default::default, |posted| (posted.form, Some(posted.plan)));
    let found = RwSignal::new(plan.map(|plan| plan.map_err(|error| reasons(error.0))));
    // A plan is of what was typed then.
    let forget = move |_: leptos::ev::Event| found.set(None);
    view! {
        <section class="panel settings compose" aria-label="What services are made from" on:input=forget>
            <LiveForm action="/rpc/make_compose" is_wide=true>
                <Field name="form[compose]" label="Compose file" takes=Takes::Lines value=form.compose example="services:\n  web:\n    image: nginx:1.27\n    ports: [\"8080:80\"]" hint="Its text, or leave it empty and name its folder below." />
                <Field name="form[folder]" label="Or its folder" takes=Takes::Line(4096, false) value=form.folder example="/srv/shop" hint="An absolute path on this machine, below the services folder unless you are an Admin. Its .env and the files that it names are read too." />
                <Field name="form[project]" label="Project" takes=Takes::Line(40, false) value=form.project example="the name in the file" hint="Services are called PROJECT-NAME. Small letters, digits, _ and -." />
                <Field name="form[profiles]" label="Profiles" takes=Takes::Line(1000, false) value=form.profiles example="debug" hint="Those that count, with commas between them." />
                <Field name="form[variables]" label="Variables" takes=Takes::Lines value=form.variables example="TAG=1.27" hint="What ${NAME} in the file is taken from, one NAME=value a line." />
                <PlanButtons found />
                <PlanView found />
            </LiveForm>
        </section>
    }
    .erase()
}
