//! What figures are measured in: how they are written, and where an axis has its ticks.

use super::decimal;

/// What a figure is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Per cent, 100 is all of it (of one core, for CPU).
    Percent,
    /// A share from 0 to 1, written in per cent.
    Share,
    /// Bytes, written in KiB, MiB and so on.
    Bytes,
    /// Milliseconds, written in seconds from 1000 on.
    Millis,
    /// Requests a second.
    Rate,
}

/// The powers of 1024.
const BINARY: [(f64, &str); 5] =
    [(1.0, "B"), (1024.0, "KiB"), (1_048_576.0, "MiB"), (1_073_741_824.0, "GiB"), (1_099_511_627_776.0, "TiB")];

impl Unit {
    /// The figure with its unit, three digits at most behind which nobody looks: `3.2 %`, `512 MiB`, `1.4 s`, `0.25 req/s`.
    pub fn write(self, value: f64) -> String {
        match self {
            Unit::Percent => format!("{} %", digits(value)),
            Unit::Share => format!("{} %", digits(value * 100.0)),
            Unit::Bytes => {
                let (size, name) = binary(value);
                format!("{} {name}", digits(value / size))
            }
            Unit::Millis if value.abs() >= 1000.0 => format!("{} s", digits(value / 1000.0)),
            Unit::Millis => format!("{} ms", digits(value)),
            Unit::Rate => format!("{} req/s", digits(value)),
        }
    }

    /// The least top of an axis, so that noise about nothing looks like nothing.
    const fn least_top(self) -> f64 {
        match self {
            Unit::Percent => 4.0,
            Unit::Share => 0.04,
            Unit::Bytes => 4.0 * 1_048_576.0,
            Unit::Millis => 4.0,
            Unit::Rate => 1.0,
        }
    }

    /// The ticks of an axis from 0 to at least `highest`: three to five round figures at equal distances.
    pub fn ticks(self, highest: f64) -> Vec<f64> {
        let highest = if highest.is_finite() { highest.max(self.least_top()) } else { self.least_top() };
        let step = match self {
            Unit::Bytes => (highest / 4.0).log2().ceil().exp2(),
            Unit::Share => round_step(highest * 25.0) / 100.0,
            _ => round_step(highest / 4.0),
        };
        let count = (highest / step - 1e-9).ceil().max(1.0) as u32;
        (0..=count).map(|n| f64::from(n) * step).collect()
    }
}

/// The least of 1, 2, 2.5 and 5 times a power of ten that is not below `least`.
fn round_step(least: f64) -> f64 {
    let power = 10f64.powf(least.log10().floor());
    [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|factor| factor * power).find(|step| *step >= least * (1.0 - 1e-9)).unwrap_or(10.0 * power)
}

fn binary(value: f64) -> (f64, &'static str) {
    BINARY.into_iter().rev().find(|(size, _)| value.abs() >= *size).unwrap_or(BINARY[0])
}

/// Up to three digits that count, without trailing zeros.
fn digits(value: f64) -> String {
    let places = match value.abs() {
        size if size >= 99.95 => 0,
        size if size >= 9.995 => 1,
        _ => 2,
    };
    let text = decimal(value, places);
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text.as_str() };
    if text == "-0" { "0".into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::Unit;

    #[test]
    fn figures_are_written_with_their_unit_and_no_false_precision() {
        let cases = [
            (Unit::Percent, 2.34567, "2.35 %"),
            (Unit::Percent, 0.0, "0 %"),
            (Unit::Percent, 187.6, "188 %"),
            (Unit::Share, 0.025, "2.5 %"),
            (Unit::Bytes, 0.0, "0 B"),
            (Unit::Bytes, 536_870_912.0, "512 MiB"),
            (Unit::Bytes, 1_610_612_736.0, "1.5 GiB"),
            (Unit::Millis, 12.34, "12.3 ms"),
            (Unit::Millis, 1432.0, "1.43 s"),
            (Unit::Rate, 0.25, "0.25 req/s"),
        ];
        for (unit, value, text) in cases {
            assert_eq!(unit.write(value), text);
        }
    }

    #[test]
    fn an_axis_covers_what_is_measured_with_few_round_ticks() {
        for unit in [Unit::Percent, Unit::Share, Unit::Bytes, Unit::Millis, Unit::Rate] {
            for highest in [0.0, 0.003, 0.9, 1.0, 3.7, 99.0, 100.0, 101.0, 5e7, 7.3e9, f64::NAN, f64::INFINITY] {
                let ticks = unit.ticks(highest);
                assert!((2..=6).contains(&ticks.len()), "{unit:?} {highest}: {ticks:?}");
                assert!(!highest.is_finite() || ticks[ticks.len() - 1] >= highest * 0.999, "{unit:?} {highest}: {ticks:?}");
            }
        }
        assert_eq!(Unit::Percent.ticks(37.0), [0.0, 10.0, 20.0, 30.0, 40.0]);
        assert_eq!(Unit::Bytes.ticks(200.0 * 1_048_576.0).len(), 5);
    }
}
