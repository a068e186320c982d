//! How the health of a service is found out: the part of its settings.

use api::{CheckKind, Permission, RuntimeKind};
use leptos::prelude::*;

use crate::components::{Field, Takes};
use crate::erase::Erase;
use crate::rpc::ServiceForm;
use crate::viewer::Viewer;

/// The kind of the check with its fields. The style shows those that the chosen kind has.
#[component]
pub fn CheckForm(
    /// What is in its fields at first.
    form: ServiceForm,
    /// What runs the service.
    runtime: RuntimeKind,
) -> impl IntoView {
    let is_free = expect_context::<Viewer>().may(Permission::ServicesCommand);
    let runs_commands = runtime.can_run_checks().is_ok();
    let command_hint = if is_free {
        "It runs in the folder of the service with its variables; exit code 0 means that it is well. $PORT is its port. No shell reads it."
    } else {
        "Another command takes an Admin, unless the service runs as a user that is open to you."
    };
    let options = [
        (CheckKind::Http, "HTTP: a path of its port answers"),
        (CheckKind::Tcp, "TCP: its port takes connections"),
        (CheckKind::Command, "Command: a program says that it is well"),
        (CheckKind::None, "Not at all"),
    ];
    let options = options.into_iter().filter(|(kind, _)| *kind != CheckKind::Command || runs_commands);
    let options = options
        .map(|(kind, words)| view! { <option value=kind.as_str() selected=kind == form.health_kind>{words}</option> })
        .collect_view();
    let command = runs_commands.then(|| {
        view! {
            <div class="check-command">
                <Field name="form[health_command]" label="Command" takes=Takes::Line(4096, false) value=form.health_command example="pg_isready -q -p $PORT" hint=command_hint />
            </div>
        }
        .erase()
    });
    view! {
        <fieldset class="form-part check-form" id="health-check">
            <legend>"Health check"</legend>
            <div class="field">
                <label for="form[health_kind]">"Checked by"</label>
                <select id="form[health_kind]" name="form[health_kind]" class="plain-select check-kind">{options}</select>
            </div>
            <div class="check-path">
                <Field name="form[health_path]" label="Path" takes=Takes::Line(1024, false) value=form.health_path example="/health, /health/ or /healthz" hint="When no path answers, a TCP connection decides." />
            </div>
            {command}
            <div class="form-row check-times">
                <Field name="form[health_interval]" label="Every, in seconds" takes=Takes::Number(1, 3600) value=form.health_interval />
                <Field name="form[health_timeout]" label="Timeout, in seconds" takes=Takes::Number(1, 60) value=form.health_timeout />
                <Field name="form[unhealthy_threshold]" label="Unhealthy after failures" takes=Takes::Number(1, 20) value=form.unhealthy_threshold />
                <Field name="form[healthy_threshold]" label="Healthy after successes" takes=Takes::Number(1, 20) value=form.healthy_threshold />
            </div>
        </fieldset>
    }
    .erase()
}
