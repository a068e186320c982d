//! Samples of seconds made into samples of minutes, for long ranges.

use super::series::{Requests, Samples, Usage, Whole};

const MINUTE: u32 = 60;

/// One sample for each minute that has any: means by time or by requests, the greatest p95 and p99, the last amount.
pub(super) fn minutes(samples: &Samples) -> Samples {
    let mut rolled = Samples::default();
    let usage: Vec<Usage> = samples.usage.iter().copied().collect();
    for minute in usage.chunk_by(|one, other| one.at.div_ceil(MINUTE) == other.at.div_ceil(MINUTE)) {
        let cpu =
            minute.iter().filter_map(|sample| sample.cpu).fold((0_u64, 0_u64), |(sum, count), cpu| (sum + u64::from(cpu.get()), count + 1));
        let cpu = (cpu.1 > 0).then(|| Whole::scaled(cpu.0 as f64 / cpu.1 as f64, 1.0));
        let memory = minute.iter().rev().find_map(|sample| sample.memory);
        rolled.usage.extend(minute.last().map(|last| Usage { at: last.at, cpu, memory }));
    }
    let requests: Vec<Requests> = samples.requests.iter().copied().collect();
    for minute in requests.chunk_by(|one, other| one.at.div_ceil(MINUTE) == other.at.div_ceil(MINUTE)) {
        let sum = |of: fn(&Requests) -> Option<u32>| {
            let known = minute.iter().filter_map(of);
            known.fold(None, |sum: Option<u32>, one| Some(sum.unwrap_or(0).saturating_add(one)))
        };
        let mean = |of: fn(&Requests) -> Option<Whole>| {
            let known = minute.iter().filter_map(|sample| Some((f64::from(of(sample)?.get()), f64::from(sample.count))));
            let (sum, weight) = known.fold((0.0, 0.0), |(sum, weight), (value, count)| (sum + value * count, weight + count));
            (weight > 0.0).then(|| Whole::scaled(sum / weight, 1.0))
        };
        rolled.requests.extend(minute.last().map(|last| Requests {
            at: last.at,
            span: sum(|sample| Some(sample.span)).unwrap_or(1),
            count: sum(|sample| Some(sample.count)).unwrap_or(0),
            failed: sum(|sample| sample.failed.map(Whole::get)).map(Whole::new),
            mean: mean(|sample| sample.mean),
            p50: mean(|sample| sample.p50),
            p95: minute.iter().filter_map(|sample| sample.p95).max(),
            p99: minute.iter().filter_map(|sample| sample.p99).max(),
        }));
    }
    rolled
}

#[cfg(test)]
mod tests {
    use super::minutes;
    use crate::monitoring::series::{Requests, Samples, Usage, Whole};

    #[test]
    fn a_minute_has_the_means_sums_and_greatest_of_its_samples() {
        let usage = |at, cpu, memory| Usage { at, cpu: Some(Whole::new(cpu)), memory: Some(Whole::new(memory)) };
        let requests = |at, count, mean, p95| Requests {
            at,
            span: 15,
            count,
            failed: Some(Whole::new(1)),
            mean: Some(Whole::new(mean)),
            p95: Some(Whole::new(p95)),
            ..Requests::default()
        };
        let samples = Samples {
            usage: [usage(65, 100, 1), usage(120, 300, 2), usage(121, 7, 9)].into(),
            requests: [requests(75, 10, 100, 900), requests(90, 30, 300, 500)].into(),
        };
        let rolled = minutes(&samples);
        assert_eq!(rolled.usage, [usage(120, 200, 2), usage(121, 7, 9)]);
        let whole = Requests { span: 30, failed: Some(Whole::new(2)), ..requests(90, 40, 250, 900) };
        assert_eq!(rolled.requests, [whole]);
    }
}
