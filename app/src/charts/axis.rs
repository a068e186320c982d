//! The time axis: round times at a few places.

use api::Timestamp;

/// Steps of a time axis in seconds: what people read at a glance.
const STEPS: [i64; 12] = [10, 30, 60, 180, 300, 600, 1_800, 3_600, 14_400, 86_400, 432_000, 864_000];

/// Round times between `from` and `to`, at most eight, with how each is written. `offset` is the seconds that local time is ahead of UTC.
pub fn time_ticks(from: Timestamp, to: Timestamp, offset: i64) -> Vec<(Timestamp, String)> {
    let span = to.seconds_since(from) as i64;
    let step = STEPS.into_iter().find(|step| span / step <= 7).unwrap_or(span.max(1));
    let first = (from.seconds() + offset).div_euclid(step) + 1;
    (first..)
        .map(|n| Timestamp::from_micros(0).plus_seconds(n * step - offset))
        .take_while(|at| *at <= to)
        .map(|at| (at, write_tick(at, step, offset)))
        .collect()
}

fn write_tick(at: Timestamp, step: i64, offset: i64) -> String {
    let Some(local) = at.plus_seconds(offset).utc() else { return String::new() };
    match step {
        86_400.. => format!("{} {}", local.day(), &local.month().to_string()[..3]),
        60.. => format!("{:02}:{:02}", local.hour(), local.minute()),
        _ => format!("{:02}:{:02}:{:02}", local.hour(), local.minute(), local.second()),
    }
}

/// A time for a readout beside a chart that spans `span` seconds: with the date when that is more than a day.
pub fn write_moment(at: Timestamp, span: f64, offset: i64) -> String {
    let Some(local) = at.plus_seconds(offset).utc() else { return String::new() };
    let clock = format!("{:02}:{:02}:{:02}", local.hour(), local.minute(), local.second());
    if span <= 86_400.0 { clock } else { format!("{} {} {}", local.day(), &local.month().to_string()[..3], &clock[..5]) }
}

#[cfg(test)]
mod tests {
    use api::{Range, Timestamp};

    use super::{time_ticks, write_moment};

    #[test]
    fn each_range_has_a_few_round_times() {
        let to: Timestamp = "2026-11-23T13:37:25Z".parse().unwrap();
        for range in Range::ALL {
            let ticks = time_ticks(to.plus_seconds(-range.seconds()), to, 0);
            assert!((3..=8).contains(&ticks.len()), "{}: {ticks:?}", range.as_str());
        }
        let labels: Vec<_> = time_ticks(to.plus_seconds(-900), to, 0).into_iter().map(|(_, label)| label).collect();
        assert_eq!(labels, ["13:24", "13:27", "13:30", "13:33", "13:36"]);
    }

    #[test]
    fn days_begin_at_local_midnight() {
        let to: Timestamp = "2026-11-23T13:37:25Z".parse().unwrap();
        let (at, label) = time_ticks(to.plus_seconds(-604_800), to, 3_600).pop().unwrap();
        assert_eq!((at.to_string().as_str(), label.as_str()), ("2026-11-22T23:00:00.000000Z", "23 Nov"));
        assert_eq!(write_moment(at, 604_800.0, 3_600), "23 Nov 00:00");
    }
}
