//! The settings of a service: what it is told, how it is checked, what is done when it ends, and its deletion.

use api::{Permission, RuntimeKind, ServiceDetail, Source, write_variables};
use leptos::prelude::*;

use super::watch::Watched;
use crate::components::{Field, LiveForm, RestartField, Takes};
use crate::erase::Erase;
use crate::viewer::Viewer;

/// The settings, for those who may change them; others read that they may not.
#[component]
pub fn SettingsTab(
    /// The service.
    watched: Watched,
) -> impl IntoView {
    let viewer = expect_context::<Viewer>();
    let detail = watched.detail.get_untracked();
    let settings = if viewer.may(Permission::ServicesChange) {
        view! { <SettingsForm detail=detail /> }.erase()
    } else {
        view! { <p class="panel panel-empty">"Your role lets you see this service, not change it. Ask somebody who is a Developer or an Admin."</p> }.erase()
    };
    view! {
        <div class="settings">{settings} {viewer.may(Permission::ServicesDelete).then(|| view! { <DeletePanel watched /> })}</div>
    }
    .erase()
}

#[component]
fn SettingsForm(detail: ServiceDetail) -> impl IntoView {
    let ServiceDetail { service, spec, .. } = detail;
    let health = spec.health;
    let environment = if matches!(spec.source, Source::Container { .. }) {
        view! { <input type="hidden" name="form[environment]" value="" /> }.erase()
    } else {
        view! { <Field name="form[environment]" label="Variables" takes=Takes::Lines value=write_variables(&spec.environment) example="NAME=value" hint="One NAME=value a line, over those of its .env or image. They are read when it starts." /> }
        .erase()
    };
    view! {
        <section class="panel" aria-labelledby="service-settings">
            <header class="panel-head"><h2 class="panel-title" id="service-settings">"Settings"</h2></header>
            <LiveForm action="/rpc/change_service" is_wide=true>
                <input type="hidden" name="id" value=service.id.to_string() />
                <Field name="form[name]" label="Name" takes=Takes::Line(63, true) value=service.name hint="Letters, digits and . _ -" />
                <Field name="form[description]" label="Description" takes=Takes::Line(500, false) value=service.description.unwrap_or_default() />
                <Field name="form[port]" label="Port" takes=Takes::NumberOrNothing(1, 65_535) value=text(spec.port) example="automatic" hint="It is told by the variable PORT. Empty lets Pilothouse read or choose one." />
                <Field name="form[metrics_path]" label="Path of its Prometheus metrics" takes=Takes::Line(1024, true) value=spec.metrics_path />
                {environment}
                <RestartField chosen=spec.restart />
                <Field name="form[stop_grace]" label="Seconds it has to stop" takes=Takes::Number(0, 600) value=spec.stop_grace_seconds.to_string() hint="After that it is killed, with all that it has started." />
                <fieldset class="form-part">
                    <legend>"Health check"</legend>
                    <Field name="form[health_path]" label="Path" takes=Takes::Line(1024, false) value=health.path.unwrap_or_default() example="/health, /health/ or /healthz" hint="When no path answers, a TCP connection decides." />
                    <div class="form-row">
                        <Field name="form[health_interval]" label="Every, in seconds" takes=Takes::Number(1, 3600) value=health.interval_seconds.to_string() />
                        <Field name="form[health_timeout]" label="Timeout, in seconds" takes=Takes::Number(1, 60) value=health.timeout_seconds.to_string() />
                        <Field name="form[unhealthy_threshold]" label="Unhealthy after failures" takes=Takes::Number(1, 20) value=health.unhealthy_threshold.to_string() />
                        <Field name="form[healthy_threshold]" label="Healthy after successes" takes=Takes::Number(1, 20) value=health.healthy_threshold.to_string() />
                    </div>
                </fieldset>
                <button type="submit" class="button" data-kind="primary">"Save"</button>
            </LiveForm>
        </section>
    }
    .erase()
}

/// Deleting it: only when it is at rest, and after its name has been typed.
#[component]
fn DeletePanel(watched: Watched) -> impl IntoView {
    let name = watched.service.with_untracked(|service| service.name.clone());
    let what_goes = match watched.service.with_untracked(|service| service.runtime) {
        RuntimeKind::Process => "Its logs, figures and settings go with it; its folder stays.",
        RuntimeKind::Docker => {
            "Its container, with what was written inside it, its logs, figures and settings go with it; volumes and the image stay."
        }
    };
    let blocked = Memo::new(move |_| watched.service.with(|service| service.status.can_delete().err().map(|blocked| blocked.0)));
    view! {
        <section class="panel" aria-labelledby="service-delete">
            <header class="panel-head"><h2 class="panel-title" id="service-delete">"Delete"</h2></header>
            <LiveForm action="/rpc/delete_service">
                <input type="hidden" name="id" value=watched.id.to_string() />
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

fn text(port: Option<u16>) -> String {
    port.map(|port| port.to_string()).unwrap_or_default()
}
