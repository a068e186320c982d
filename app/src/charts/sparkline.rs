//! A line as small as a word.

use leptos::prelude::*;

use crate::erase::text;

use super::decimal;

/// The width of the drawing's own coordinates.
const WIDTH: u8 = 100;
/// Their height.
const HEIGHT: u8 = 20;

/// The last minutes as a small line; the figure itself belongs beside it, so that it is hidden from screen readers.
/// Steps that weren't measured are left out of the line. The scale goes from 0 to the highest value, at least `floor`.
#[component]
pub fn Sparkline(
    /// Oldest first; none where nothing was measured.
    #[prop(into)]
    values: Signal<Vec<Option<f32>>>,
    /// The least top of the scale, so that noise about nothing looks flat.
    #[prop(default = 1.0)]
    floor: f32,
) -> impl IntoView {
    let shape = Memo::new(move |_| values.with(|values| sparkline_paths(values, floor)));
    view! {
        <svg class="sparkline" viewBox="0 0 100 20" preserveAspectRatio="none" aria-hidden="true">
            <path class="sparkline-area" d=text(move || shape.with(|(area, _)| area.clone()))></path>
            <path class="sparkline-line" d=text(move || shape.with(|(_, line)| line.clone()))></path>
        </svg>
    }
}

/// The `d` of the area below the line and of the line itself.
fn sparkline_paths(values: &[Option<f32>], floor: f32) -> (String, String) {
    use std::fmt::Write;
    let (mut area, mut line) = (String::new(), String::new());
    let top = values.iter().flatten().copied().filter(|value| value.is_finite()).fold(floor, f32::max);
    let (width, height) = (f32::from(WIDTH), f32::from(HEIGHT));
    let tenth = |value: f32| decimal(f64::from(value), 1);
    let step = width / (values.len().max(2) - 1) as f32;
    let point = |(n, value): (usize, f32)| (n as f32 * step, height - 1.0 - (value.max(0.0) / top) * (height - 2.0));
    let measured: Vec<_> =
        values.iter().enumerate().map(|(n, value)| value.filter(|value| value.is_finite()).map(|value| point((n, value)))).collect();
    for run in measured.split(Option::is_none).filter(|run| !run.is_empty()) {
        let run: Vec<_> = run.iter().flatten().collect();
        let (first, last) = (run[0].0, run[run.len() - 1].0.max(run[0].0 + 0.8));
        for (n, (x, y)) in run.iter().enumerate() {
            let _ = write!(line, "{}{} {}", if n == 0 { "M" } else { "L" }, tenth(*x), tenth(*y));
        }
        let _ = write!(line, "L{} {}", tenth(last), tenth(run[run.len() - 1].1));
        let _ = write!(area, "M{} {HEIGHT}", tenth(first));
        for (x, y) in &run {
            let _ = write!(area, "L{} {}", tenth(*x), tenth(*y));
        }
        let _ = write!(area, "L{} {HEIGHT}Z", tenth(last));
    }
    (area, line)
}

#[cfg(test)]
mod tests {
    use super::sparkline_paths;

    #[test]
    fn what_was_not_measured_is_left_out_of_the_line() {
        let (_, line) = sparkline_paths(&[Some(1.0), Some(2.0), None, Some(2.0), Some(f32::NAN)], 1.0);
        assert_eq!(line.matches('M').count(), 2, "{line}");
        assert!(!line.contains("NaN"), "{line}");
    }

    #[test]
    fn nothing_draws_nothing() {
        assert_eq!(sparkline_paths(&[], 1.0), (String::new(), String::new()));
        assert_eq!(sparkline_paths(&[None, None], 1.0), (String::new(), String::new()));
    }
}
