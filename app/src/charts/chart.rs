//! A chart with its axes, the readout of the newest or the pointed-at values, and the values as a table.

use api::Timestamp;
use leptos::ev::PointerEvent;
use leptos::html::Div;
use leptos::prelude::*;

use super::axis::{time_ticks, write_moment};
use super::mark::{self, Marks};
use super::{Line, Plot, Unit, decimal};
use crate::erase::Erase;

/// The time that the pointer is at, shared by all charts of a page that provides it with [`provide_cursor`].
#[derive(Clone, Copy)]
struct Cursor(RwSignal<Option<Timestamp>>);

/// Makes the charts below share their crosshair.
pub fn provide_cursor() {
    provide_context(Cursor(RwSignal::new(None)));
}

/// Seconds that local time is ahead of UTC: 0 on the server and until the page is hydrated, then the browser's.
pub fn local_offset() -> Signal<i64> {
    let offset = RwSignal::new(0);
    #[cfg(feature = "hydrate")]
    Effect::new(move |_| offset.set(-(web_sys::js_sys::Date::new_0().get_timezone_offset() as i64) * 60));
    offset.into()
}

/// Lines over time. The size comes from CSS: any width, 9 rem high, `data-size="large"` 14 rem.
#[component]
pub fn Chart(
    /// What it shows, in a word or two.
    title: &'static str,
    /// The figures.
    #[prop(into)]
    plot: Signal<Plot>,
    /// Said in place of an empty chart.
    #[prop(into, default = Signal::stored("Nothing was measured in this time".to_owned()))]
    empty: Signal<String>,
    /// Whether it is the higher form.
    #[prop(optional)]
    large: bool,
) -> impl IntoView {
    let cursor = use_context::<Cursor>().unwrap_or_else(|| Cursor(RwSignal::new(None))).0;
    let marks = use_context::<Marks>();
    let offset = local_offset();
    let drawing = Memo::new(move |_| plot.with(Plot::draw));
    let is_empty = Memo::new(move |_| plot.with(Plot::is_empty));
    let pointed = Memo::new(move |_| cursor.get().and_then(|at| plot.with(|plot| plot.nearest(at))));
    let place = NodeRef::<Div>::new();
    let point = move |event: PointerEvent| cursor.set(pointer_fraction(place, &event).map(|x| plot.with(|plot| plot.at(x))));
    view! {
        <figure class="chart" data-size=large.then_some("large") data-empty=move || is_empty.get().then_some("")>
            <figcaption class="chart-head">
                <span class="chart-title">{title}</span>
                <Readout plot pointed offset />
            </figcaption>
            <div class="chart-frame">
                <ValueAxis plot />
                <div
                    class="chart-plot"
                    node_ref=place
                    role="img"
                    aria-label=move || plot.with(|plot| plot.describe(title))
                    on:pointermove=point
                    on:pointerdown=point
                    on:pointerleave=move |_| cursor.set(None)
                >
                    <div class="chart-drawing" inner_html=move || drawing.get()></div>
                    {marks.map(|marks| mark::lines(plot, marks))}
                    <Crosshair plot pointed />
                    <p class="chart-empty" hidden=move || !is_empty.get()>{empty}</p>
                </div>
                <TimeAxis plot offset />
            </div>
            <Values title plot offset />
        </figure>
    }
    .erase()
}

/// The values at the pointer, else the newest ones.
#[component]
fn Readout(plot: Signal<Plot>, pointed: Memo<Option<usize>>, offset: Signal<i64>) -> impl IntoView {
    let rows = move || {
        plot.with(|plot| {
            let n = pointed.get().filter(|n| *n < plot.times.len()).or_else(|| plot.times.len().checked_sub(1));
            let value = |line: &Line| n.and_then(|n| plot.value_at(line, n)).map_or("–".to_owned(), |value| plot.unit.write(value));
            let several = plot.lines.len() > 1;
            plot.lines.iter().enumerate().map(|(n, line)| (n + 1, several.then_some(line.name), value(line))).collect::<Vec<_>>()
        })
    };
    let moment = move || {
        let n = pointed.get()?;
        plot.with(|plot| Some(write_moment(*plot.times.get(n)?, plot.span(), offset.get())))
    };
    view! {
        <span class="chart-readout" aria-hidden="true">
            {move || moment().map(|moment| view! { <span class="chart-moment">{moment}</span> })}
            {move || {
                rows()
                    .into_iter()
                    .map(|(n, name, value)| {
                        view! {
                            <span class="chart-value" data-line=n.to_string()>
                                {name.map(|name| view! { <span class="chart-name">{name}</span> })}
                                {value}
                            </span>
                        }
                    })
                    .collect_view()
            }}
        </span>
    }
    .erase()
}

/// The ticks of the value axis; CSS places them at equal distances, top first.
#[component]
fn ValueAxis(plot: Signal<Plot>) -> impl IntoView {
    let ticks = Memo::new(move |_| plot.with(|plot| (plot.ticks(), plot.unit)));
    view! {
        <div class="chart-values-axis" aria-hidden="true">
            {move || {
                let (ticks, unit): (Vec<f64>, Unit) = ticks.get();
                ticks.into_iter().rev().map(|tick| view! { <span>{unit.write(tick)}</span> }).collect_view()
            }}
        </div>
    }
    .erase()
}

/// The ticks of the time axis, as text in an SVG that isn't stretched.
#[component]
fn TimeAxis(plot: Signal<Plot>, offset: Signal<i64>) -> impl IntoView {
    let ticks = Memo::new(move |_| {
        plot.with(|plot| {
            let ticks = time_ticks(plot.from, plot.to, offset.get());
            ticks.into_iter().map(|(at, label)| (format!("{}%", decimal(plot.fraction(at) * 100.0, 2)), label)).collect::<Vec<_>>()
        })
    });
    view! {
        <svg class="chart-time-axis" aria-hidden="true">
            {move || {
                ticks.get().into_iter().map(|(x, label)| view! { <text x=x y="1em" text-anchor="middle">{label}</text> }).collect_view()
            }}
        </svg>
    }
    .erase()
}

/// The line at the pointer, with a dot on each value.
#[component]
fn Crosshair(plot: Signal<Plot>, pointed: Memo<Option<usize>>) -> impl IntoView {
    let marks = move || {
        let n = pointed.get()?;
        plot.with(|plot| {
            let top = plot.ticks().last().copied().unwrap_or(1.0);
            let x = format!("{}%", decimal(plot.fraction(*plot.times.get(n)?) * 100.0, 2));
            let height = |value: f64| format!("{}%", decimal((1.0 - value / top) * 100.0, 2));
            let dots = plot.lines.iter().map(|line| plot.value_at(line, n).map(height)).collect::<Vec<_>>();
            Some((x, dots))
        })
    };
    view! {
        <svg class="chart-crosshair" aria-hidden="true">
            {move || {
                marks()
                    .map(|(x, dots)| {
                        let dots = dots
                            .into_iter()
                            .enumerate()
                            .filter_map(|(n, y)| {
                                let (x, y) = (x.clone(), y?);
                                Some(view! { <circle cx=x cy=y r="3" data-line=(n + 1).to_string()></circle> })
                            })
                            .collect_view();
                        view! {
                            <line x1=x.clone() x2=x.clone() y1="0" y2="100%"></line>
                            {dots}
                        }
                    })
            }}
        </svg>
    }
    .erase()
}

/// At most twelve of the values as a table, newest first, for keyboard, screen reader and copying.
#[component]
fn Values(title: &'static str, plot: Signal<Plot>, offset: Signal<i64>) -> impl IntoView {
    let rows = move || {
        plot.with(|plot| {
            let every = plot.times.len().div_ceil(12).max(1);
            let row = |n: usize| {
                let values = plot.lines.iter().map(|line| plot.value_at(line, n).map_or("–".to_owned(), |value| plot.unit.write(value)));
                (write_moment(plot.times[n], plot.span(), offset.get()), values.collect::<Vec<_>>())
            };
            (0..plot.times.len()).rev().step_by(every).map(row).collect::<Vec<_>>()
        })
    };
    view! {
        <details class="chart-data">
            <summary>"Values"<span class="visually-hidden">{format!(" of {title}")}</span></summary>
            <table>
                <thead>
                    <tr>
                        <th scope="col">{move || if offset.get() == 0 { "Time (UTC)" } else { "Time" }}</th>
                        {move || {
                            let names = plot.with(|plot| plot.lines.iter().map(|line| line.name).collect::<Vec<_>>());
                            names.into_iter().map(|name| view! { <th scope="col">{name}</th> }).collect_view()
                        }}
                    </tr>
                </thead>
                <tbody>
                    {move || {
                        rows()
                            .into_iter()
                            .map(|(moment, values)| {
                                let values = values.into_iter().map(|value| view! { <td>{value}</td> }).collect_view();
                                view! { <tr><th scope="row">{moment}</th>{values}</tr> }
                            })
                            .collect_view()
                    }}
                </tbody>
            </table>
        </details>
    }
    .erase()
}

/// How far the pointer is over the plot, 0 to 1.
#[cfg(feature = "hydrate")]
fn pointer_fraction(place: NodeRef<Div>, event: &PointerEvent) -> Option<f64> {
    let frame = place.get_untracked()?.get_bounding_client_rect();
    (frame.width() > 0.0).then(|| (f64::from(event.client_x()) - frame.left()) / frame.width())
}

/// There is no pointer on the server.
#[cfg(not(feature = "hydrate"))]
fn pointer_fraction(_: NodeRef<Div>, _: &PointerEvent) -> Option<f64> {
    None
}
