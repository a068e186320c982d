//! The head of a service's page: what it is, how it is, what can be done.

use api::{Action, Dependency, Permission, Restarts, Service, Status, Timestamp};
use leptos::prelude::*;
use leptos_meta::Title;

use super::watch::Watched;
use crate::components::{Clock, HealthMark, Icon, ServiceActions, StatusMark, Symbol};
use crate::erase::{Erase, shown};
use crate::pages::dependencies::States;
use crate::path;
use crate::viewer::Viewer;

/// Name, state, health, reason, uptime, address, process, and the actions.
#[component]
pub fn ServiceHead(
    /// The service.
    watched: Watched,
) -> impl IntoView {
    let service = watched.service;
    let name = Memo::new(move |_| service.with(|service| service.name.clone()));
    let status = Memo::new(move |_| service.with(|service| service.status));
    let health = Memo::new(move |_| service.with(|service| service.health_status));
    // On the server the title is read when all is written, and what was made for this part of the page may have gone by then.
    let first = name.get_untracked();
    view! {
        <Title text=move || if cfg!(feature = "ssr") { first.clone() } else { name.get() } />
        <header class="service-head">
            <nav class="crumbs" aria-label="Breadcrumb"><a href=path::SERVICES>"Services"</a></nav>
            <div class="service-head-line">
                <h1 class="service-head-name">{name}</h1>
                <span class="service-head-states">
                    <StatusMark status />
                    <HealthMark health />
                </span>
                <div class="service-head-actions"><ServiceActions service failure=watched.failure has_words=true /></div>
            </div>
            <HeadFacts watched />
            <Reason watched />
            <NextStart watched />
            <Resting watched />
            <Trouble watched />
        </header>
    }
    .erase()
}

/// Why the last action failed, and whether the service has been deleted while its page was open.
#[component]
pub fn Trouble(
    /// The service.
    watched: Watched,
) -> impl IntoView {
    view! {
        {move || {
            watched
                .failure
                .get()
                .map(|text| view! { <p class="service-head-failure" role="alert"><Icon symbol=Symbol::Warning />{text}</p> })
        }}
        {move || {
            watched
                .is_removed
                .get()
                .then(|| view! { <p class="service-head-failure" role="alert">"This service has been deleted; what you see is from before."</p> })
        }}
    }
    .erase()
}

/// The line of small facts below the name.
#[component]
fn HeadFacts(watched: Watched) -> impl IntoView {
    let clock = expect_context::<Clock>().0;
    let viewer = expect_context::<Viewer>();
    let service = watched.service;
    let up = Memo::new(move |_| {
        let (status, started) = service.with(|service| (service.status, service.started_at));
        let started = started.filter(|_| status == Status::Running)?;
        Some(format!("up {}", duration(clock.get().seconds_since(started))))
    });
    let port = Memo::new(move |_| service.with(|service| (service.port, service.status == Status::Running)));
    let process = Memo::new(move |_| watched.detail.with(|detail| (detail.pids.first().copied(), detail.pids.len())));
    let about = Memo::new(move |_| service.with(about));
    let needed_by = Memo::new(move |_| watched.detail.with(|detail| detail.dependents.as_ref().map_or(0, Vec::len)));
    view! {
        <p class="service-head-facts">
            {move || service.with(|service| service.is_demonstration).then(|| view! { <span class="badge">"Demonstration"</span> })}
            <span>{about}</span>
            {move || up.get().map(|up| view! { <span>{up}</span> })}
            {move || {
                let (port, is_up) = port.get();
                let port = port?;
                let label = format!("port {port}");
                Some(match viewer.service_url(port).filter(|_| is_up) {
                    Some(url) => {
                        view! {
                            <a href=url rel="external noopener noreferrer" target="_blank">
                                {label}<Icon symbol=Symbol::External /><span class="visually-hidden">" (opens in a new tab)"</span>
                            </a>
                        }
                            .erase()
                    }
                    None => view! { <span>{label}</span> }.erase(),
                })
            }}
            {move || {
                let (pid, count) = process.get();
                let others = if count > 1 { format!(" and {} more", count - 1) } else { String::new() };
                pid.map(|pid| view! { <span>{format!("PID {pid}{others}")}</span> })
            }}
            {move || {
                let label = match needed_by.get() {
                    0 => return None,
                    1 => "needed by 1 service".to_owned(),
                    count => format!("needed by {count} services"),
                };
                Some(view! { <a href=path::service_tab(watched.id, "dependencies")>{label}</a> })
            }}
        </p>
    }
    .erase()
}

/// Why it is in its state: the step of a start, the cause of an error.
#[component]
fn Reason(watched: Watched) -> impl IntoView {
    // The diagnosis says it with more words, when there is one.
    let reason = Memo::new(move |_| {
        let is_diagnosed = watched.detail.with(|detail| !detail.diagnosis.is_empty());
        watched.service.with(|service| service.status_reason.clone().filter(|_| !is_diagnosed).map(|reason| (service.status, reason)))
    });
    view! {
        <div role="status">
            {move || {
                reason
                    .get()
                    .map(|(status, reason)| {
                        view! {
                            <p class="service-head-reason" data-state=status.as_str() data-moving=status.is_moving().then_some("")>
                                {reason}
                            </p>
                        }
                    })
            }}
        </div>
    }
    .erase()
}

/// When it is started again by its policy.
#[component]
fn NextStart(watched: Watched) -> impl IntoView {
    let next = Memo::new(move |_| watched.service.with(|service| service.restarts));
    move || {
        let restarts = next.get();
        restarts.next_at.map(|at| view! { <p class="service-head-reason" data-state="starting">{next_start(restarts, at)}</p> })
    }
}

/// What it needs and that doesn't run, when it could be started.
#[component]
fn Resting(watched: Watched) -> impl IntoView {
    let can_start = Memo::new(move |_| watched.service.with(|service| service.status.can_start().is_ok()));
    let needs = Memo::new(move |_| watched.detail.with(|detail| detail.dependencies.clone().unwrap_or_default()));
    let may_start = expect_context::<Viewer>().may(Permission::ServicesOperate);
    let states = States::default();
    if needs.with_untracked(|needs| !needs.is_empty()) {
        // After a break the whole page is asked for anew.
        states.follow(|| {});
    }
    // Only when what it needs is told anew: what the feed has said since is newer.
    let told = Memo::new(move |_| {
        needs.with(|needs| states.know(needs.iter().filter_map(|one| Some((one.service_id?, one.status, one.health_status)))))
    });
    let is_resting = move |need: &Dependency| states.state(need.service_id).get().is_some_and(|(status, _)| status.can_start().is_ok());
    shown(move || {
        told.get();
        let names: Vec<String> = needs
            .with(|needs| needs.iter().filter(|_| can_start.get()).filter(|need| is_resting(need)).map(|need| need.name.clone()).collect());
        if names.is_empty() {
            return ().erase();
        }
        let verb = if names.len() == 1 { "doesn't" } else { "don't" };
        let text = format!("It needs {}, which {verb} run. ", names.join(", "));
        let href = path::bulk_with_dependencies(Action::Start, watched.id);
        let link = may_start.then(|| view! { <a href=href>"Start it with all that it needs"</a> });
        view! { <p class="field-hint">{text}{link}</p> }.erase()
    })
}

fn next_start(restarts: Restarts, at: Timestamp) -> String {
    let at = at.to_string();
    let time = at.get(11..19).unwrap_or(&at);
    match restarts.in_a_row {
        ..=1 => format!("It starts again at {time} UTC."),
        count if restarts.is_crash_loop() => {
            format!("Crash loop: {count} runs in a row have ended by themselves. It starts again at {time} UTC.")
        }
        count => format!("It starts again at {time} UTC: {count} runs in a row have ended by themselves."),
    }
}

fn about(service: &Service) -> String {
    let kind = match service.template_type.as_str() {
        "fastapi" => "FastAPI",
        "python" => "Python",
        "command" => "Command",
        "demonstration" => "Built in",
        "dockerfile" => "Dockerfile",
        "proxy" => "Proxy",
        other => other,
    };
    let version = service.version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
    match &service.description {
        Some(description) => format!("{kind}{version} · {description}"),
        None => format!("{kind}{version}"),
    }
}

/// A length of time in its two largest units: `3 h 12 min`.
pub fn duration(seconds: f64) -> String {
    let seconds = seconds.max(0.0) as u64;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..86_400 => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use api::{Restarts, Timestamp};

    use super::{duration, next_start};

    #[test]
    fn the_next_start_is_told_with_its_time_and_a_crash_loop_by_its_name() {
        let at = Timestamp::from_micros(1_795_439_047_000_000);
        let text = |in_a_row| next_start(Restarts { in_a_row, next_at: Some(at) }, at);
        assert_eq!(text(1), "It starts again at 13:04:07 UTC.");
        assert!(text(2).contains("2 runs") && !text(2).contains("loop"));
        assert!(text(5).starts_with("Crash loop: 5 runs"));
    }

    #[test]
    fn a_length_of_time_has_two_units_at_most() {
        for (seconds, text) in [(-1.0, "0 s"), (59.9, "59 s"), (60.0, "1 min"), (11_520.0, "3 h 12 min"), (180_000.0, "2 d 2 h")] {
            assert_eq!(duration(seconds), text);
        }
    }
}
