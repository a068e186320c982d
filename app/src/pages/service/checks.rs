//! The last health checks as a strip.

use api::{CheckKind, HealthReport, HealthResult, UptimeHour};
use leptos::prelude::*;

use super::head::duration;
use super::loads::Loads;
use super::watch::Watched;
use crate::charts::Unit;
use crate::components::{Ago, Skeleton};
use crate::erase::Erase;
use crate::pages::wait::wait;

/// Checks in the strip.
const SHOWN: usize = 60;

/// The last health checks: what the newest found, and how the ones before went.
#[component]
pub fn ChecksPanel(
    /// The service.
    watched: Watched,
    /// What is loaded.
    loads: Loads,
) -> impl IntoView {
    view! {
        <section class="panel chart-panel checks" aria-label="Health checks">
            <Transition fallback=|| view! { <Skeleton lines=1 /> }.erase()>
                {move || Suspend::new(async move {
                    if let Some(Ok(report)) = wait(loads.health).await {
                        watched.health.set(Some(report));
                    }
                    view! { <Strip watched /> }
                })}
            </Transition>
        </section>
    }
    .erase()
}

#[component]
fn Strip(watched: Watched) -> impl IntoView {
    let health = watched.health;
    let newest = Memo::new(move |_| health.with(|report| report.as_ref().and_then(|report| report.history.first().cloned())));
    let port = Memo::new(move |_| watched.service.with(|service| service.port));
    let summary = Memo::new(move |_| health.with(|report| report.as_ref().map(|report| summary(report, port.get())).unwrap_or_default()));
    let unchecked = move || match health.with(|report| report.as_ref().is_some_and(|report| report.check.kind == CheckKind::None)) {
        true => "Its health isn't checked: its settings say so.",
        false => "Not checked yet: checks begin when the service runs.",
    };
    let bars = move || {
        health.with(|report| {
            let history = report.as_ref().map_or(&[][..], |report| &report.history);
            history.iter().take(SHOWN).rev().map(|check| (check.at, mark(check), hint(check))).collect::<Vec<_>>()
        })
    };
    view! {
        <div class="chart-head">
            <h2 class="chart-title">"Health checks"</h2>
            <span class="chart-readout">{summary}</span>
        </div>
        <ol class="checks-strip" aria-hidden="true">
            <For each=bars key=|(at, ..)| *at let:bar>
                <li data-check=bar.1 title=bar.2></li>
            </For>
        </ol>
        <p class="checks-newest">
            {move || match newest.get() {
                Some(check) => {
                    view! {
                        <span class="checks-message">{hint(&check)}</span>
                        " "
                        <Ago at=check.at />
                    }
                        .erase()
                }
                None => view! { <span class="checks-message">{unchecked}</span> }.erase(),
            }}
        </p>
        <Uptimes watched />
    }
    .erase()
}

/// For how much of the time it was up: in figures, and hour by hour.
#[component]
fn Uptimes(watched: Watched) -> impl IntoView {
    let uptime = Memo::new(move |_| watched.health.with(|report| report.as_ref().map(|report| report.uptime.clone()).unwrap_or_default()));
    let figures = move || {
        let uptime = uptime.get();
        let spans = [("24 hours", uptime.last_24_hours), ("7 days", uptime.last_7_days), ("30 days", uptime.last_30_days)];
        let figure = |(span, share): (&'static str, Option<f64>)| {
            view! { <div><dt>{span}</dt><dd>{share.map_or_else(|| "–".to_owned(), percent)}</dd></div> }.erase()
        };
        spans.map(figure).into_iter().collect_view()
    };
    let hours = move || {
        let cell = |hour: UptimeHour| view! { <li data-up=up(&hour) title=told(&hour)></li> }.erase();
        uptime.get().hours.into_iter().map(cell).collect_view()
    };
    view! {
        <ol class="uptime-hours" aria-hidden="true">{hours}</ol>
        <dl class="uptimes" aria-label="Uptime">{figures}</dl>
    }
    .erase()
}

/// Rounded down, so that only what was never down has 100 %.
fn percent(share: f64) -> String {
    let hundredths = (share * 100.0).floor() as u32;
    if hundredths.is_multiple_of(100) {
        format!("{} %", hundredths / 100)
    } else {
        format!("{}.{:02} %", hundredths / 100, hundredths % 100)
    }
}

fn up(hour: &UptimeHour) -> &'static str {
    match (hour.up_seconds, hour.down_seconds) {
        (0, 0) => "none",
        (_, 0) => "good",
        (0, _) => "bad",
        _ => "part",
    }
}

fn told(hour: &UptimeHour) -> String {
    let at = hour.at.to_string();
    let time = at.get(11..16).unwrap_or_default();
    match up(hour) {
        "none" => format!("{time} UTC: it wasn't to run"),
        _ => format!("{time} UTC: up for {}, down for {}", duration(hour.up_seconds.into()), duration(hour.down_seconds.into())),
    }
}

fn mark(check: &HealthResult) -> &'static str {
    if check.ok { "good" } else { "bad" }
}

fn hint(check: &HealthResult) -> String {
    // Docker doesn't say how long its own checks take.
    if check.latency_ms > 0.0 { format!("{} · {}", check.message, Unit::Millis.write(check.latency_ms)) } else { check.message.clone() }
}

fn summary(report: &HealthReport, port: Option<u16>) -> String {
    let (all, good) = (report.history.len(), report.history.iter().filter(|check| check.ok).count());
    let (asked, every) = (report.check.asked(port), report.check.interval_seconds);
    match (report.check.kind, all) {
        (CheckKind::None, _) => asked,
        (_, 0) => format!("{asked}, every {every} s"),
        _ => format!("{asked}: {good} of {all} good, every {every} s"),
    }
}

#[cfg(test)]
mod tests {
    use api::{CheckKind, Health, HealthCheck, HealthReport, HealthResult, ServiceId, Timestamp, UptimeHour};

    use super::{percent, summary, told};

    #[test]
    fn only_what_was_never_down_has_the_whole_hundred() {
        for (share, text) in [(100.0, "100 %"), (99.9999, "99.99 %"), (99.05, "99.05 %"), (0.0, "0 %"), (50.0, "50 %")] {
            assert_eq!(percent(share), text);
        }
    }

    #[test]
    fn what_is_asked_and_how_it_went_is_told() {
        let result = |ok| HealthResult {
            at: Timestamp::default(),
            ok,
            health: Health::Healthy,
            latency_ms: 0.0,
            message: String::new(),
            output: Vec::new(),
        };
        let report = |check: HealthCheck, history| HealthReport {
            service_id: ServiceId(uuid::Uuid::nil()),
            health_status: Health::Healthy,
            check,
            history,
            uptime_percent: None,
            uptime: Default::default(),
        };
        let tcp = HealthCheck { kind: CheckKind::Tcp, ..HealthCheck::default() };
        let command = HealthCheck { kind: CheckKind::Command, command: vec!["/usr/bin/pg_isready".into()], ..HealthCheck::default() };
        let none = HealthCheck { kind: CheckKind::None, ..HealthCheck::default() };
        let history = vec![result(true), result(false)];
        assert_eq!(summary(&report(tcp, history.clone()), Some(5432)), "TCP port 5432: 1 of 2 good, every 15 s");
        assert_eq!(summary(&report(command, Vec::new()), None), "Command pg_isready, every 15 s");
        assert_eq!(summary(&report(none, history), Some(1)), "Not checked");
    }

    #[test]
    fn an_hour_is_told_in_words() {
        let hour = |up_seconds, down_seconds| UptimeHour { at: Timestamp::from_micros(36_000_000_000), up_seconds, down_seconds };
        assert_eq!(told(&hour(3_540, 60)), "10:00 UTC: up for 59 min, down for 1 min");
        assert!(told(&hour(0, 0)).contains("wasn't to run"));
    }
}
