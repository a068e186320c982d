//! What a chart shows, and its drawing: the same function on the server and in the browser.

use api::{MetricsPoint, MetricsSeries, Timestamp};
use plotters::prelude::*;

use super::Unit;

/// Width and height of a drawing's own coordinates; CSS stretches it, strokes keep their width.
const SIZE: (u32, u32) = (1600, 400);

/// Seconds that may pass between two values of any line: what services expose is read every 15.
const SCRAPED: f64 = 20.0;

/// The colours of a drawing stand for tokens: `style/chart.css` maps them, so that a change of theme redraws nothing.
const LINES: [RGBColor; 3] = [RGBColor(1, 2, 1), RGBColor(1, 2, 2), RGBColor(1, 2, 3)];
/// The colour of the grid.
const GRID: RGBColor = RGBColor(1, 2, 9);

/// One line of a chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// What it shows, in a word.
    pub name: &'static str,
    /// One value for each of the plot's times; none where nothing was measured.
    pub values: Vec<Option<f64>>,
}

/// What a chart shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Plot {
    /// The beginning of the time axis.
    pub from: Timestamp,
    /// The end of the time axis.
    pub to: Timestamp,
    /// Seconds between points; a longer distance is a gap.
    pub step: u32,
    /// When was measured, oldest first.
    pub times: Vec<Timestamp>,
    /// At most three lines; the first is the main one.
    pub lines: Vec<Line>,
    /// What the values are measured in.
    pub unit: Unit,
}

impl Plot {
    /// The lines that `pick` takes out of each point of `series`.
    pub fn of(series: &MetricsSeries, unit: Unit, names: &[&'static str], pick: impl Fn(&MetricsPoint, usize) -> Option<f64>) -> Self {
        let lines = names.iter().enumerate().map(|(n, name)| {
            let value = |point| pick(point, n).filter(|value: &f64| value.is_finite());
            Line { name, values: series.points.iter().map(value).collect() }
        });
        Self {
            from: series.from,
            to: series.to,
            step: series.step,
            times: series.points.iter().map(|point| point.timestamp).collect(),
            lines: lines.collect(),
            unit,
        }
    }

    /// Whether no line has any value.
    pub fn is_empty(&self) -> bool {
        self.lines.iter().all(|line| line.values.iter().all(Option::is_none))
    }

    /// The ticks of the value axis, from 0.
    pub fn ticks(&self) -> Vec<f64> {
        let values = self.lines.iter().flat_map(|line| line.values.iter().flatten().copied());
        self.unit.ticks(values.fold(0.0, f64::max))
    }

    /// The value of a line at the point `n`, or the last one before it that is no further away than a gap.
    pub fn value_at(&self, line: &Line, n: usize) -> Option<f64> {
        let limit = self.gap(line);
        let measured = (0..=n).rev().take_while(|m| self.times[n].seconds_since(self.times[*m]) <= limit);
        measured.filter_map(|m| line.values.get(m).copied().flatten()).next()
    }

    /// The newest value of a line, unless it is older than a gap.
    pub fn newest(&self, line: &Line) -> Option<f64> {
        self.value_at(line, self.times.len().checked_sub(1)?)
    }

    /// Seconds between two values of a line above which nothing is drawn between them. Not everything is measured at every
    /// step, so it follows what is usual for the line.
    fn gap(&self, line: &Line) -> f64 {
        let measured = self.times.iter().zip(&line.values).filter_map(|(at, value)| value.map(|_| *at)).collect::<Vec<_>>();
        let mut distances = measured.windows(2).map(|pair| pair[1].seconds_since(pair[0])).collect::<Vec<_>>();
        distances.sort_by(f64::total_cmp);
        let usual = distances.get(distances.len() / 2).copied().unwrap_or_default();
        (usual.clamp(f64::from(self.step), f64::from(self.step) * 6.0) * 2.5).max(SCRAPED)
    }

    /// The index of the point nearest to `at`, unless it is more than two steps away.
    pub fn nearest(&self, at: Timestamp) -> Option<usize> {
        let after = self.times.partition_point(|time| *time < at);
        let distance = |n: &usize| self.times[*n].seconds_since(at).abs();
        let candidates = [after.checked_sub(1), Some(after).filter(|n| *n < self.times.len())];
        let nearest = candidates.into_iter().flatten().min_by(|a, b| distance(a).total_cmp(&distance(b)))?;
        (distance(&nearest) <= f64::from(self.step) * 2.0).then_some(nearest)
    }

    /// Where `at` is on the time axis, 0 to 1.
    pub fn fraction(&self, at: Timestamp) -> f64 {
        (at.seconds_since(self.from) / self.span()).clamp(0.0, 1.0)
    }

    /// The time at `fraction` of the axis.
    pub fn at(&self, fraction: f64) -> Timestamp {
        Timestamp::from_micros(self.from.micros() + (fraction.clamp(0.0, 1.0) * self.span() * 1e6) as i64)
    }

    /// The length of the time axis in seconds.
    pub fn span(&self) -> f64 {
        self.to.seconds_since(self.from).max(1.0)
    }

    /// Draws it as an SVG without text: grid, area below the main line, lines. Empty when there is nothing to draw.
    pub fn draw(&self) -> String {
        let mut svg = String::new();
        // Writing into a string can't fail; what plotters can refuse (an empty axis) is excluded by `span` and `ticks`.
        if self.paint(&mut svg).is_none() {
            return String::new();
        }
        // The size comes from CSS, and the drawing is stretched to it.
        let inside = svg.split_once('>').map_or("", |(_, inside)| inside);
        format!(r#"<svg viewBox="0 0 {} {}" preserveAspectRatio="none" aria-hidden="true">{inside}"#, SIZE.0, SIZE.1)
    }

    fn paint(&self, svg: &mut String) -> Option<()> {
        let ticks = self.ticks();
        let top = *ticks.last()?;
        let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
        let mut chart = ChartBuilder::on(&root).build_cartesian_2d(0.0..self.span(), 0.0..top).ok()?;
        for tick in &ticks {
            chart.draw_series([PathElement::new([(0.0, *tick), (self.span(), *tick)], GRID)]).ok()?;
        }
        for (n, line) in self.lines.iter().enumerate().rev() {
            let colour = LINES[n.min(LINES.len() - 1)];
            for run in self.runs(line) {
                if n == 0 {
                    chart.draw_series(AreaSeries::new(run.iter().copied(), 0.0, colour.mix(0.12))).ok()?;
                }
                chart.draw_series(LineSeries::new(run, colour)).ok()?;
            }
        }
        root.present().ok()
    }

    /// The stretches of a line without a gap, as seconds from the beginning and value. One lone point becomes a step long.
    fn runs(&self, line: &Line) -> Vec<Vec<(f64, f64)>> {
        let mut runs: Vec<Vec<(f64, f64)>> = Vec::new();
        let (mut last, gap) = (f64::NEG_INFINITY, self.gap(line));
        for (at, value) in self.times.iter().zip(&line.values) {
            let (Some(value), second) = (value, at.seconds_since(self.from)) else { continue };
            if second < 0.0 || second > self.span() {
                continue;
            }
            match runs.last_mut() {
                Some(run) if second - last <= gap => run.push((second, *value)),
                _ => runs.push(vec![(second, *value)]),
            }
            last = second;
        }
        for run in runs.iter_mut().filter(|run| run.len() == 1) {
            run.insert(0, ((run[0].0 - f64::from(self.step)).max(0.0), run[0].1));
        }
        runs
    }

    /// The whole chart in a sentence, for those who don't see it.
    pub fn describe(&self, title: &str) -> String {
        let Some(line) = self.lines.first() else { return title.into() };
        let values = || line.values.iter().flatten().copied();
        if self.is_empty() {
            return format!("{title}: nothing measured in this time");
        }
        let (low, high) = values().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        let unit = self.unit;
        let newest = self.newest(line).map_or("not measured".to_owned(), |value| unit.write(value));
        format!("{title}: now {newest}, between {} and {}", unit.write(low), unit.write(high))
    }
}

#[cfg(test)]
mod tests {
    use api::Timestamp;

    use super::{Line, Plot};
    use crate::charts::Unit;

    fn plot(values: &[Option<f64>]) -> Plot {
        let times = (0..values.len()).map(|n| Timestamp::from_micros(0).plus_seconds(n as i64 * 5)).collect();
        let lines = vec![Line { name: "CPU", values: values.to_vec() }];
        let to = Timestamp::from_micros(0).plus_seconds(values.len() as i64 * 5);
        Plot { from: Timestamp::from_micros(0), to, step: 5, times, lines, unit: Unit::Percent }
    }

    #[test]
    fn a_gap_breaks_the_line_and_no_style_attribute_is_written() {
        let whole = plot(&[Some(1.0); 10]).draw();
        let broken = plot(&[Some(1.0), Some(2.0), Some(1.0), None, None, None, None, None, Some(1.0), Some(3.0)]).draw();
        let lines = |svg: &str| svg.matches("<polyline").count();
        assert_eq!(lines(&broken), lines(&whole) + 1, "{broken}");
        assert!(broken.ends_with("</svg>\n") && !broken.contains("style="), "{broken}");
    }

    #[test]
    fn nothing_measured_draws_a_grid_and_says_so() {
        for values in [vec![], vec![None; 3]] {
            let plot = plot(&values);
            assert!(plot.is_empty() && plot.draw().contains("<polyline"), "{}", plot.draw());
            assert_eq!(plot.describe("CPU"), "CPU: nothing measured in this time");
        }
    }

    #[test]
    fn what_is_measured_at_every_third_step_is_one_line() {
        let values: Vec<_> = (0..30).map(|n| (n % 3 == 0).then_some(2.0)).collect();
        let plot = plot(&values);
        assert_eq!(plot.draw().matches("<polygon").count(), 1);
        assert_eq!(plot.newest(&plot.lines[0]), Some(2.0));
    }

    #[test]
    fn the_nearest_point_is_found_and_none_across_a_gap() {
        let plot = plot(&[Some(1.0); 8]);
        assert_eq!(plot.nearest(Timestamp::from_micros(11_000_000)), Some(2));
        assert_eq!(plot.nearest(Timestamp::from_micros(900_000_000)), None);
        assert_eq!(plot.describe("CPU"), "CPU: now 1 %, between 1 % and 1 %");
    }
}
