//! The plan of a Compose file: what becomes of each service, and what of the file can't be honoured.

use api::{ComposeItem, ComposeNote, ComposeOutcome, ComposeReport, Source};
use leptos::prelude::*;

#[cfg(feature = "hydrate")]
use crate::components::ask;
use crate::components::{Asked, Icon, Symbol, reason_list};
use crate::erase::{Erase, Erased, shown, text};
use crate::path;

/// How many services would be made.
fn planned(found: Option<&Asked<ComposeReport>>) -> usize {
    let items = found.and_then(|found| found.as_ref().ok()).map(|report| report.services.as_slice()).unwrap_or_default();
    items.iter().filter(|item| item.outcome == ComposeOutcome::Planned).count()
}

/// The buttons of the form: one shows the plan, and once there is one, the other makes what is planned.
#[component]
pub fn PlanButtons(
    /// The plan.
    found: RwSignal<Option<Asked<ComposeReport>>>,
) -> impl IntoView {
    let is_busy = RwSignal::new(false);
    #[cfg(feature = "hydrate")]
    let click = move |event: leptos::ev::MouseEvent| ask::<ComposeReport>(&event, "/rpc/plan_compose", found, is_busy, None);
    #[cfg(not(feature = "hydrate"))]
    let click = |_: leptos::ev::MouseEvent| {};
    let label = text(move || if is_busy.get() { "Reading…" } else { "Show the plan" });
    let make = shown(move || {
        let count = found.with(|found| planned(found.as_ref()));
        let label = if count == 1 { "Make 1 service".to_owned() } else { format!("Make {count} services") };
        (count > 0).then(|| view! { <button type="submit" class="button" data-kind="primary">{label}</button> }.erase())
    });
    // Enter in a field presses the first button, which makes nothing.
    view! {
        <div class="form-actions">
            <button type="submit" class="button" formaction=path::COMPOSE disabled=move || is_busy.get() on:click=click>{label}</button>
            {make}
        </div>
    }
    .erase()
}

/// The plan.
#[component]
pub fn PlanView(
    /// The plan.
    found: RwSignal<Option<Asked<ComposeReport>>>,
) -> impl IntoView {
    let plan = shown(move || {
        found.get().map(|found| match found {
            Ok(report) => show(report),
            Err(reasons) => reason_list(reasons),
        })
    });
    view! { <div class="compose-plan" role="status">{plan}</div> }.erase()
}

fn show(report: ComposeReport) -> Erased {
    let rest = (!report.notes.is_empty()).then(|| view! { <h3>"Of the rest of the file"</h3> {notes(report.notes, "")} }.erase());
    let rows = report.services.into_iter().map(row).collect_view();
    view! {
        <h2>"Plan for " {report.project}</h2>
        <ul class="compose-items">{rows}</ul>
        {rest}
    }
    .erase()
}

fn row(item: ComposeItem) -> Erased {
    let (state, symbol, words) = match item.outcome {
        ComposeOutcome::Planned => ("planned", Symbol::Check, "will be made"),
        ComposeOutcome::Made => ("planned", Symbol::Check, "is made"),
        ComposeOutcome::Present => ("planned", Symbol::Check, "is there already, and stays as it is"),
        ComposeOutcome::LeftOut => ("left-out", Symbol::Stop, "is left out"),
        ComposeOutcome::Impossible => ("impossible", Symbol::Warning, "can't be made"),
        ComposeOutcome::Failed => ("impossible", Symbol::Warning, "couldn't be made"),
    };
    let why = item.message.map(|message| format!("{words}: {message}")).unwrap_or_else(|| words.to_owned());
    let at = format!("services.{}.", item.key);
    let facts = item.service.as_ref().map(facts).unwrap_or_default();
    let name = item.service.map_or(item.key, |service| service.name);
    let needs = (!item.needs.is_empty()).then(|| format!("needs {}", item.needs.join(", ")));
    let facts = facts.into_iter().chain(needs).map(|fact| view! { <li>{fact}</li> }.erase()).collect_view();
    view! {
        <li class="compose-item" data-outcome=state>
            <p class="compose-name"><Icon symbol=symbol /><strong>{name}</strong> <span>{why}</span></p>
            <ul class="compose-facts">{facts}</ul>
            {(!item.notes.is_empty()).then(|| notes(item.notes, &at))}
        </li>
    }
    .erase()
}

/// What a service gets, in a few words each.
fn facts(service: &api::NewService) -> Vec<String> {
    let (made, container_port, options) = match &service.source {
        Source::Image { image, container_port, options, .. } => (format!("image {image}"), container_port, options),
        Source::Build { build, container_port, options } => (format!("built of {}", build.origin()), container_port, options),
        _ => return Vec::new(),
    };
    let port = match (service.port, container_port) {
        (Some(outside), Some(inside)) => Some(format!("port {outside} to {inside} inside")),
        (None, Some(inside)) => Some(format!("a port of its own to {inside} inside")),
        (Some(outside), None) => Some(format!("port {outside}")),
        (None, None) => None,
    };
    let variables = match service.environment.len() {
        0 => None,
        1 => Some("1 variable".to_owned()),
        count => Some(format!("{count} variables")),
    };
    let volumes = options.volumes.iter().map(|mount| format!("volume {}", mount.words()));
    let ports = options.ports.iter().map(|port| format!("port {}", port.words()));
    let check = options.check.as_ref().map(|check| match check.test.first().map(String::as_str) {
        Some("NONE") => "no health check".to_owned(),
        _ => "health check of its own".to_owned(),
    });
    let limits = Some(service.limits.words()).filter(|words| !words.is_empty()).map(|words| format!("at most {words}"));
    let facts = [Some(made), port, variables].into_iter().flatten();
    facts.chain(ports).chain(volumes).chain(check).chain(limits).collect()
}

/// Notes, without the beginning of their place that is said already.
fn notes(notes: Vec<ComposeNote>, at: &str) -> Erased {
    let lines = notes.into_iter().map(|note| {
        let place = note.at.strip_prefix(at).unwrap_or(&note.at).to_owned();
        view! { <li><code>{place}</code> " " {note.message}</li> }.erase()
    });
    view! { <ul class="compose-notes">{lines.collect_view()}</ul> }.erase()
}
