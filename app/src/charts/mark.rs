//! What happened, marked on the time axis of charts: a line in each of them, and all of it as a list.

use api::{DeploymentId, Timestamp};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::axis::write_moment;
use super::{Plot, decimal};
use crate::erase::{Erase, Erased, shown};
use crate::path;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// When.
    pub at: Timestamp,
    /// What, in a few words: `release 4 deployed`.
    pub text: String,
    /// Whether it is bad news.
    pub is_bad: bool,
    /// The deployment that it belongs to.
    pub deployment: Option<DeploymentId>,
}

/// What all charts of a page mark, oldest first.
#[derive(Clone, Copy)]
pub struct Marks(pub RwSignal<Vec<Mark>>);

/// Lets the charts below show marks.
pub fn provide_marks() -> Marks {
    let marks = Marks(RwSignal::new(Vec::new()));
    provide_context(marks);
    marks
}

impl Plot {
    /// Where on the time axis those are that lie on it, 0 to 1.
    pub fn marked(&self, marks: &[Mark]) -> Vec<(f64, Mark)> {
        let on_axis = marks.iter().filter(|mark| self.from <= mark.at && mark.at <= self.to);
        on_axis.map(|mark| (self.fraction(mark.at), mark.clone())).collect()
    }
}

/// A line for each mark.
pub fn lines(plot: Signal<Plot>, marks: Marks) -> Erased {
    let lines = Memo::new(move |_| plot.with(|plot| marks.0.with(|marks| plot.marked(marks))));
    let line = |(x, mark): (f64, Mark)| {
        let x = format!("{}%", decimal(x * 100.0, 2));
        view! { <line x1=x.clone() x2=x y1="0" y2="100%" data-tone=mark.is_bad.then_some("bad")><title>{mark.text}</title></line> }
    };
    view! {
        <svg class="chart-crosshair chart-marks" aria-hidden="true">
            {move || lines.get().into_iter().map(line).collect_view()}
        </svg>
    }
    .erase()
}

/// What is marked between these times, as text; nothing when nothing is.
pub fn list(ends: Signal<(Timestamp, Timestamp)>, marks: Marks, offset: Signal<i64>) -> Erased {
    let within = Memo::new(move |_| {
        let (from, to) = ends.get();
        marks.0.with(|marks| marks.iter().filter(|mark| from <= mark.at && mark.at <= to).cloned().collect::<Vec<_>>())
    });
    let item = move |mark: Mark| {
        let at = mark.at;
        let moment = move || {
            let (from, to) = ends.get_untracked();
            write_moment(at, to.seconds_since(from), offset.get())
        };
        let text = match mark.deployment {
            Some(id) => view! { <a href=path::deployment(id)>{mark.text}</a> }.erase(),
            None => mark.text.erase(),
        };
        view! { <li data-tone=mark.is_bad.then_some("bad")><time datetime=at.to_string()>{moment}</time>" "{text}</li> }
    };
    shown(move || {
        let marks = within.get();
        (!marks.is_empty()).then(|| {
            let utc = move || if offset.get() == 0 { " (UTC)" } else { "" };
            view! {
                <section class="panel chart-panel" aria-labelledby="marks-title">
                    <h2 class="chart-title" id="marks-title">"Marked in the charts"{utc}</h2>
                    <ul class="chart-list">{marks.into_iter().rev().map(item).collect_view()}</ul>
                </section>
            }
            .erase()
        })
    })
    .erase()
}

#[cfg(test)]
mod tests {
    use api::Timestamp;

    use super::{Mark, Plot};
    use crate::charts::Unit;

    #[test]
    fn marks_are_where_their_time_is_and_only_on_the_axis() {
        let at = |seconds| Timestamp::from_micros(0).plus_seconds(seconds);
        let mark = |seconds| Mark { at: at(seconds), text: "restart asked".into(), is_bad: false, deployment: None };
        let plot = Plot { from: at(100), to: at(300), step: 5, times: Vec::new(), lines: Vec::new(), unit: Unit::Percent };
        let marked: Vec<f64> = plot.marked(&[99, 100, 150, 300, 301].map(mark)).into_iter().map(|(x, _)| x).collect();
        assert_eq!(marked, [0.0, 0.25, 1.0]);
    }
}
