//! The figures of a service over time.

use api::{MetricsPoint, MetricsSeries, Range, Topic};
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::hooks::use_location;

use super::checks::ChecksPanel;
use super::loads::Loads;
use super::watch::Watched;
use crate::charts::{Chart, Marks, Plot, Unit, local_offset, mark_list, provide_cursor, provide_marks};
use crate::components::{Failure, Icon, Skeleton, Symbol};
use crate::erase::{Erase, Erased};
use crate::live::{Incoming, use_feed};
use crate::pages::wait::wait;
use crate::rpc::{get_metrics, list_marks};

/// The charts of the overview, in panels.
#[component]
pub fn FigurePanels(
    /// The service.
    watched: Watched,
    /// What is loaded.
    loads: Loads,
) -> impl IntoView {
    view! {
        <Loaded watched loads figures=move |series| view! { <SmallCharts watched loads series /> }.erase() />
    }
    .erase()
}

/// The charts of the metrics tab: larger, and with percentiles.
#[component]
pub fn MetricsTab(
    /// The service.
    watched: Watched,
    /// What is loaded.
    loads: Loads,
) -> impl IntoView {
    view! {
        <Loaded watched loads figures=move |series| view! { <LargeCharts watched series /> }.erase() />
    }
    .erase()
}

/// Loads the figures of the range in the address, keeps them up to date, and shows them by `figures`.
#[component]
fn Loaded(
    watched: Watched,
    loads: Loads,
    figures: impl Fn(RwSignal<MetricsSeries>) -> Erased + Copy + Send + Sync + 'static,
) -> impl IntoView {
    provide_cursor();
    let marks = provide_marks();
    let offset = local_offset();
    let Loads { range, series, marks: marked, .. } = loads;
    view! {
        <RangeLinks range />
        <Transition fallback=|| view! { <Skeleton lines=8 /> }.erase()>
            {move || Suspend::new(async move {
                match wait(series).await {
                    Some(Ok(series)) => {
                        // Figures without marks are better than none.
                        if let Some(Ok(marked)) = wait(marked).await {
                            marks.0.set(marked);
                        }
                        let series = keep(watched, range.get_untracked(), series);
                        keep_marks(watched, range.get_untracked(), marks);
                        let ends = Signal::derive(move || series.with(|series| (series.from, series.to)));
                        view! { {figures(series)}{mark_list(ends, marks, offset)} }.erase()
                    }
                    None => ().erase(),
                    Some(Err(error)) => view! { <Failure error=error.0 /> }.erase(),
                }
            })}
        </Transition>
    }
    .erase()
}

/// Keeps the figures up to date: the shortest range by each point that arrives, the others by asking once a step.
fn keep(watched: Watched, range: Range, series: MetricsSeries) -> RwSignal<MetricsSeries> {
    let series = RwSignal::new(series);
    let reload = move || {
        spawn_local(async move {
            // What is shown stays when Pilothouse doesn't answer; the connection chip says so.
            if let Ok(fresh) = get_metrics(watched.id, range).await {
                series.try_set(fresh);
            }
        });
    };
    use_feed(
        || Some(Topic::Metrics),
        move |incoming| match incoming {
            Incoming::Reload | Incoming::Missing(_) => reload(),
            Incoming::Frame(frame) if frame.kind == "point" => {
                let Some(point) = frame.read::<MetricsPoint>().filter(|point| point.service_id == watched.id) else { return };
                if range == Range::Minutes15 {
                    series.update(|series| append(series, point));
                } else if series.with_untracked(|series| point.timestamp.seconds_since(series.to) >= f64::from(series.step)) {
                    series.update_untracked(|series| series.to = point.timestamp);
                    reload();
                }
            }
            Incoming::Frame(_) => {}
        },
    );
    series
}

/// Asks for the marks anew when the service has been started again: what was deployed, crashed or was configured shows then.
fn keep_marks(watched: Watched, range: Range, marks: Marks) {
    let started = Memo::new(move |_| watched.service.with(|service| (service.started_at, service.status)));
    Effect::new(move |before: Option<()>| {
        started.track();
        if before.is_some() {
            spawn_local(async move {
                if let Ok(fresh) = list_marks(watched.id, range).await {
                    marks.0.try_set(fresh);
                }
            });
        }
    });
}

/// Adds a point at the end and moves the window along.
fn append(series: &mut MetricsSeries, point: MetricsPoint) {
    if series.points.last().is_some_and(|last| last.timestamp >= point.timestamp) {
        return;
    }
    let moved = point.timestamp.micros() - series.to.micros();
    if moved > 0 {
        series.to = point.timestamp;
        series.from = api::Timestamp::from_micros(series.from.micros() + moved);
    }
    series.points.push(point);
    let from = series.from;
    series.points.retain(|point| point.timestamp >= from);
}

/// The links to the ranges.
#[component]
fn RangeLinks(range: Memo<Range>) -> impl IntoView {
    let pathname = use_location().pathname;
    let links = Range::ALL.map(|one| {
        let href = move || format!("{}?range={}", pathname.get(), one.as_str());
        let current = move || (range.get() == one).then_some("true");
        view! { <a class="range" href=href aria-current=current>{one.as_str()}</a> }
    });
    view! { <nav class="ranges" aria-label="Time range">{links.into_iter().collect_view()}</nav> }
}

#[component]
fn SmallCharts(watched: Watched, loads: Loads, series: RwSignal<MetricsSeries>) -> impl IntoView {
    let cpu = plot(series, Unit::Percent, &["CPU"], |point, _| point.cpu_usage);
    let memory = plot(series, Unit::Bytes, &["Memory"], |point, _| point.memory_usage.map(|bytes| bytes as f64));
    let rate = plot(series, Unit::Rate, &["Requests"], |point, _| point.request_rate);
    let time = plot(series, Unit::Millis, &["Mean"], |point, _| point.response_time);
    let errors = plot(series, Unit::Share, &["Errors"], |point, _| point.error_rate);
    view! {
        <div class="figures">
            <div class="panel chart-panel"><Chart title="CPU" plot=cpu empty="CPU was not measured: the service didn't run in this time" /></div>
            <div class="panel chart-panel"><Chart title="Memory" plot=memory empty="Memory was not measured: the service didn't run in this time" /></div>
            <ChecksPanel watched loads />
            <Traffic watched rate>
                <div class="panel chart-panel"><Chart title="Requests" plot=rate /></div>
                <div class="panel chart-panel"><Chart title="Response time" plot=time empty="No request was answered in this time" /></div>
                <div class="panel chart-panel"><Chart title="Error rate" plot=errors empty="No request was answered in this time" /></div>
            </Traffic>
        </div>
    }
    .erase()
}

#[component]
fn LargeCharts(watched: Watched, series: RwSignal<MetricsSeries>) -> impl IntoView {
    let cpu = plot(series, Unit::Percent, &["CPU"], |point, _| point.cpu_usage);
    let memory = plot(series, Unit::Bytes, &["Memory"], |point, _| point.memory_usage.map(|bytes| bytes as f64));
    let rate = plot(series, Unit::Rate, &["Requests"], |point, _| point.request_rate);
    let errors = plot(series, Unit::Share, &["Errors"], |point, _| point.error_rate);
    let time = plot(series, Unit::Millis, &["p50", "p95", "p99"], |point, n| {
        [point.response_time_p50.or(point.response_time), point.response_time_p95, point.response_time_p99][n]
    });
    view! {
        <div class="figures" data-size="large">
            <div class="panel chart-panel"><Chart large=true title="CPU, per cent of one core" plot=cpu empty="CPU was not measured: the service didn't run in this time" /></div>
            <div class="panel chart-panel"><Chart large=true title="Memory" plot=memory empty="Memory was not measured: the service didn't run in this time" /></div>
            <Traffic watched rate>
                <div class="panel chart-panel chart-wide"><Chart large=true title="Response time" plot=time empty="No request was answered in this time" /></div>
                <div class="panel chart-panel"><Chart large=true title="Requests" plot=rate /></div>
                <div class="panel chart-panel"><Chart large=true title="Error rate (5xx)" plot=errors empty="No request was answered in this time" /></div>
            </Traffic>
        </div>
    }
    .erase()
}

/// The charts of requests, or why there are none and how to have them.
#[component]
fn Traffic(watched: Watched, rate: Memo<Plot>, children: ChildrenFn) -> impl IntoView {
    let hint = Memo::new(move |_| {
        let is_measured = !rate.with(Plot::is_empty) || watched.service.with(|service| service.traffic.is_some());
        if is_measured { None } else { watched.detail.with(|detail| detail.metrics_hint.clone()) }
    });
    move || {
        match hint.get() {
        None => children().erase(),
        Some(hint) => view! {
            <section class="panel chart-panel not-exposed" aria-labelledby="not-exposed-title">
                <h2 class="chart-title" id="not-exposed-title"><Icon symbol=Symbol::Info />"Requests, response time, error rate: not exposed"</h2>
                <p>{hint}</p>
            </section>
        }
        .erase(),
    }
    }
}

/// One chart of the figures.
pub fn plot(
    series: RwSignal<MetricsSeries>,
    unit: Unit,
    names: &'static [&'static str],
    pick: impl Fn(&MetricsPoint, usize) -> Option<f64> + Copy + Send + Sync + 'static,
) -> Memo<Plot> {
    Memo::new(move |_| series.with(|series| Plot::of(series, unit, names, pick)))
}

#[cfg(test)]
mod tests {
    use api::{MetricsPoint, MetricsSeries, Timestamp};

    use super::append;

    #[test]
    fn a_new_point_moves_the_window_and_an_old_one_is_passed_over() {
        let service_id: api::ServiceId = "00000000-0000-7000-8000-000000000000".parse().unwrap();
        let at = |seconds| Timestamp::from_micros(0).plus_seconds(seconds);
        let point = |seconds| MetricsPoint::empty(service_id, at(seconds));
        let mut series = MetricsSeries { service_id, from: at(0), to: at(10), step: 5, points: vec![point(5), point(10)] };
        append(&mut series, point(10));
        append(&mut series, point(16));
        assert_eq!((series.from, series.to), (at(6), at(16)));
        assert_eq!(series.points.iter().map(|point| point.timestamp.seconds()).collect::<Vec<_>>(), [10, 16]);
    }
}
