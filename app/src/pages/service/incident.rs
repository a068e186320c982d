//! The page of one run that ended by itself, with what was known then.

use api::{
    ErrorCode, EventKind, EventQuery, Incident, IncidentId, IncidentSummary, Limit, MetricsPoint, MetricsSeries, ServiceDetail, Timestamp,
};
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use serde::{Deserialize, Serialize};

use super::diagnosis::Causes;
use super::facts::describe_end;
use super::figures::plot;
use super::head::{Trouble, duration};
use super::watch::Watched;
use crate::charts::{Chart, Unit, provide_cursor};
use crate::components::{Ago, Empty, Failure, Icon, PageHead, Skeleton, StatusMark, Symbol, whole};
use crate::erase::{Erase, Erased};
use crate::pages::wait::wait;
use crate::path;
use crate::rpc::{RpcError, RpcResult, get_incident, get_service, list_events};

/// Seconds of figures that an incident has.
const FIGURES_SECONDS: i64 = 600;

/// An incident with what became of its service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Found {
    incident: Incident,
    /// None when it has been deleted since.
    service: Option<ServiceDetail>,
    /// When its settings were last changed since.
    changed_at: Option<Timestamp>,
}

impl Found {
    async fn load(id: IncidentId) -> RpcResult<Self> {
        let incident = get_incident(id).await?;
        let service = match get_service(incident.summary.service_id).await {
            Err(error) if error.0.code == ErrorCode::NotFound => None,
            found => Some(found?),
        };
        let changes = EventQuery {
            service_id: Some(incident.summary.service_id),
            kind: Some(EventKind::ServiceChanged),
            from: Some(incident.summary.at),
            limit: Limit::new(1)?,
            ..EventQuery::default()
        };
        let changed_at = list_events(changes).await?.items.first().map(|event| event.at);
        Ok(Self { incident, service, changed_at })
    }
}

/// The page of one incident: how the run ended, why, its figures and its last lines.
#[component]
pub fn IncidentPage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| params.with(|params| params.get_str("id").unwrap_or_default().parse::<IncidentId>()));
    let found = Resource::new(move || id.get(), |id| async move { Found::load(id.map_err(RpcError)?).await });
    view! {
        <Transition fallback=|| view! { <Skeleton lines=12 /> }.erase()>
            {move || Suspend::new(async move {
                match wait(found).await {
                    Ok(found) => view! { <IncidentView found /> }.erase(),
                    Err(error) if error.0.code == ErrorCode::NotFound => view! { <NoIncident /> }.erase(),
                    Err(error) => view! { <PageHead title="Incident" /><Failure error=error.0 /> }.erase(),
                }
            })}
        </Transition>
    }
    .erase()
}

/// Says that there is none of that id, with the status 404, and leads on.
#[component]
fn NoIncident() -> impl IntoView {
    #[cfg(feature = "ssr")]
    crate::rpc::set_status(ErrorCode::NotFound);
    view! {
        <PageHead title="No such incident" />
        <Empty symbol=Symbol::Search title="This incident isn't kept" text=view! {
            <p>"Its service has been deleted, or newer incidents have taken its place, or the link is cut off. "</p>
            <p>
                "The activity still says when it ended: "<a href=path::ACTIVITY>"see the activity"</a>" or "
                <a href=path::SERVICES>"all services"</a>"."
            </p>
        }.erase() />
    }
    .erase()
}

#[component]
fn IncidentView(found: Found) -> impl IntoView {
    let Found { incident: Incident { summary, started_at, diagnosis, lines, figures }, service, changed_at } = found;
    let watched = service.map(Watched::new);
    let name =
        watched.map_or_else(|| "A deleted service".to_owned(), |watched| watched.service.with_untracked(|service| service.name.clone()));
    let crumb = watched.map(|watched| view! { " / "<a href=path::service(watched.id)>{name.clone()}</a> });
    let causes = if diagnosis.is_empty() {
        view! { <p class="incident-unexplained">"No cause was recognised in what it wrote. Its last lines, below, may say more."</p> }
            .erase()
    } else {
        view! { <Causes causes=diagnosis watched /> }.erase()
    };
    view! {
        <nav class="crumbs" aria-label="Breadcrumb"><a href=path::SERVICES>"Services"</a>{crumb}</nav>
        <PageHead title=format!("{name}: {}", summary.reason) about=view! { "Ended "<Ago at=summary.at />", with what was known then." }.erase() />
        {watched.map(|watched| view! { <Trouble watched /> })}
        {facts(&summary, started_at, changed_at, watched, name)}
        {causes}
        {charts(&summary, figures)}
        {log(&summary, lines, watched.is_some())}
    }
    .erase()
}

/// Which service, when, how long, how, and what became of it.
fn facts(
    summary: &IncidentSummary,
    started_at: Option<Timestamp>,
    changed_at: Option<Timestamp>,
    watched: Option<Watched>,
    name: String,
) -> Erased {
    let IncidentSummary { service_id, at, code, signal, oom, .. } = *summary;
    let service = match watched {
        Some(watched) => {
            let status = Memo::new(move |_| watched.service.with(|service| service.status));
            view! { <a href=path::service(service_id)>{name}</a>", now "<StatusMark status /> }.erase()
        }
        None => "It has been deleted since; nothing of it can be started or changed any more.".erase(),
    };
    let ran = started_at.map_or_else(|| "It didn't get as far as running".to_owned(), |began| duration(at.seconds_since(began)));
    let has_status = oom || signal.is_some() || code.is_some();
    let end = (has_status || started_at.is_some()).then(|| fact("How", format!("It {}", describe_end(code, signal, oom)).erase()));
    let changed = changed_at.map(|at| {
        let text = view! { "Its settings were changed "<Ago at />"; what is said here is of before. " };
        let link = view! { <a href=path::service_tab(service_id, "activity")>"See what was changed"</a> };
        fact("Since then", view! { {text}{link} }.erase())
    });
    view! {
        <section class="panel incident-facts" aria-label="Facts">
            <dl class="fact-list">
                {fact("Service", service)}
                {fact("Ended", view! { {whole(at)}", "<Ago at /> }.erase())}
                {fact("Had run for", ran.erase())}
                {end}
                {changed}
            </dl>
        </section>
    }
    .erase()
}

fn fact(name: &'static str, value: Erased) -> Erased {
    view! { <div class="fact"><dt>{name}</dt><dd>{value}</dd></div> }.erase()
}

/// CPU and memory of the minutes before the end.
fn charts(summary: &IncidentSummary, points: Vec<MetricsPoint>) -> Erased {
    if points.is_empty() {
        return view! { <p class="incident-unmeasured">"Nothing was measured in the ten minutes before it ended."</p> }.erase();
    }
    let (service_id, to) = (summary.service_id, summary.at);
    let series = RwSignal::new(MetricsSeries { service_id, from: to.plus_seconds(-FIGURES_SECONDS), to, step: 5, points });
    let cpu = plot(series, Unit::Percent, &["CPU"], |point, _| point.cpu_usage);
    let memory = plot(series, Unit::Bytes, &["Memory"], |point, _| point.memory_usage.map(|bytes| bytes as f64));
    provide_cursor();
    view! {
        <section class="figures" aria-label="The ten minutes before it ended">
            <div class="panel chart-panel"><Chart title="CPU before the end" plot=cpu empty="CPU was not measured before it ended".to_owned() /></div>
            <div class="panel chart-panel"><Chart title="Memory before the end" plot=memory empty="Memory was not measured before it ended".to_owned() /></div>
        </section>
    }
    .erase()
}

/// The last lines it wrote, and the way to those before and after.
fn log(summary: &IncidentSummary, lines: Vec<String>, is_there: bool) -> Erased {
    let IncidentSummary { service_id, at, .. } = *summary;
    let title = match lines.len() {
        0 => "Its last lines".to_owned(),
        1 => "Its last line".to_owned(),
        count => format!("Its last {count} lines"),
    };
    let text = if lines.is_empty() {
        view! { <p class="panel-empty">"It had written nothing in that run."</p> }.erase()
    } else {
        view! { <pre class="incident-lines" tabindex="0">{lines.join("\n")}</pre> }.erase()
    };
    let link = |href: String, label: &'static str| view! { <a class="panel-link" href=href>{label}<Icon symbol=Symbol::Right /></a> };
    let links = is_there.then(|| {
        view! {
            <span class="incident-links">
                {link(path::log_until(service_id, at), "Its log up to then")}
                {link(path::service_tab(service_id, "activity"), "Its activity")}
            </span>
        }
    });
    view! {
        <section class="panel incident-log" aria-labelledby="incident-log-title">
            <div class="panel-head"><h2 class="panel-title" id="incident-log-title">{title}</h2>{links}</div>
            {text}
        </section>
    }
    .erase()
}
