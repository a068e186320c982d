//! Which figures are asked for, and how samples become points at steps.

use api::{Error, MetricsPoint, MetricsQuery, Result, ServiceId, SystemPoint, Timestamp};

use super::series::{CPU_SCALE, Samples, TIME_SCALE, Whole, short};

/// The most points of one answer.
const POINTS: i64 = 2_000;

/// The longest span that can be asked for.
const LONGEST_SECONDS: i64 = 366 * 86_400;

/// How many points there are unless the step says otherwise.
const USUAL_POINTS: i64 = 180;

/// Steps in time: the n-th ends at `first + n * step`, the last at `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Steps {
    /// The beginning, in seconds.
    pub from: i64,
    /// The end, in seconds.
    pub to: i64,
    /// Seconds of each.
    pub step: u32,
    /// The end of the first step.
    first: i64,
}

impl Steps {
    /// The last `count` steps, up to `now`.
    pub fn last(count: u32, step: u32, now: Timestamp) -> Self {
        let to = now.seconds();
        let from = to - i64::from(count * step);
        Self { from, to, step, first: from + i64::from(step) }
    }

    /// What a query asks for. Fails with `validation_failed` and the parameter at fault.
    ///
    /// The steps of a range lie on multiples of the step, so that a page that asks again gets the same points; those between
    /// given ends begin at `from`.
    pub fn of(query: &MetricsQuery, now: Timestamp) -> Result<Self> {
        let to = query.to.unwrap_or(now).min(now).seconds().max(0);
        let from = match (query.from, query.range) {
            (Some(from), _) => from.seconds(),
            (None, range) => to - range.unwrap_or_default().seconds(),
        }
        .max(0);
        if from >= to {
            return Err(Error::invalid("from", "'from' must be earlier than 'to' and than now"));
        }
        if to - from > LONGEST_SECONDS {
            return Err(Error::invalid("from", "at most 366 days can be asked for at once: move 'from' and 'to' closer together"));
        }
        let usual = match (query.from, query.range) {
            (None, range) => range.unwrap_or_default().step_seconds(),
            (Some(_), _) => usual_step(to - from),
        };
        let step = query.step.unwrap_or(usual);
        if !(5..=86_400).contains(&step) {
            return Err(Error::invalid("step", "step is 5 to 86400 seconds"));
        }
        let points = (to - from).div_euclid(step.into()) + i64::from((to - from) % i64::from(step) > 0);
        if points > POINTS {
            let least = (to - from + POINTS - 1) / POINTS;
            let message =
                format!("that would be {points} points and at most {POINTS} are answered: take a step of at least {least} seconds");
            return Err(Error::invalid("step", message));
        }
        let is_on_multiples = query.from.is_none() && points < POINTS;
        let first = if is_on_multiples { (from / i64::from(step) + 1) * i64::from(step) } else { from + i64::from(step) };
        Ok(Self { from, to, step, first })
    }

    /// The ends as times.
    pub fn ends(&self) -> (Timestamp, Timestamp) {
        (Timestamp::from_micros(self.from * 1_000_000), Timestamp::from_micros(self.to * 1_000_000))
    }

    /// The seconds, from and to before, that a sample of these steps may have: one that ends a little later may reach into them.
    pub fn bounds(&self) -> (u32, u32) {
        let second = |at: i64| u32::try_from(at).unwrap_or(u32::MAX);
        (second(self.from), second(self.to + 120))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        let rest = self.to - self.first;
        if rest <= 0 { 1 } else { (1 + (rest + i64::from(self.step) - 1) / i64::from(self.step)) as usize }
    }

    /// The step that the second `at` belongs to: steps have their end and not their beginning.
    pub fn index(&self, at: i64) -> Option<usize> {
        if at <= self.from || at > self.to {
            return None;
        }
        let beyond = at - self.first;
        Some(if beyond <= 0 { 0 } else { ((beyond + i64::from(self.step) - 1) / i64::from(self.step)) as usize })
    }

    fn end(&self, index: usize) -> i64 {
        (self.first + index as i64 * i64::from(self.step)).min(self.to)
    }

    fn start(&self, index: usize) -> i64 {
        if index == 0 { self.from } else { self.end(index - 1) }
    }

    fn timestamp(&self, index: usize) -> Timestamp {
        Timestamp::from_micros(self.end(index) * 1_000_000)
    }
}

/// About 180 points, in a step that people use.
fn usual_step(seconds: i64) -> u32 {
    const NICE: [u32; 15] = [5, 10, 15, 20, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600, 7_200, 14_400, 43_200];
    NICE.into_iter().find(|step| seconds / i64::from(*step) <= USUAL_POINTS).unwrap_or(86_400)
}

/// What is gathered for one step.
#[derive(Clone, Default)]
struct Gathered {
    cpu: Mean,
    memory: Option<(u32, u64)>,
    seconds: f64,
    requests: f64,
    failed: Option<f64>,
    mean: Mean,
    p50: Mean,
    p95: Option<f64>,
    p99: Option<f64>,
}

#[derive(Clone, Copy, Default)]
struct Mean {
    sum: f64,
    weight: f64,
}

impl Mean {
    fn add(&mut self, value: Option<f64>, weight: f64) {
        if let Some(value) = value {
            self.sum += value * weight;
            self.weight += weight;
        }
    }

    fn get(self) -> Option<f64> {
        (self.weight > 0.0).then(|| self.sum / self.weight)
    }
}

/// Turns samples, in any order, into points; steps without a sample have none. Requests belong to the steps that their span
/// covers, in proportion. p95 and p99 of a step are the greatest of its samples, so that what they promise stays true.
pub(super) fn points(id: ServiceId, steps: &Steps, parts: &[Samples]) -> Vec<MetricsPoint> {
    let mut gathered = vec![None::<Gathered>; steps.count()];
    for sample in parts.iter().flat_map(|part| &part.usage) {
        let Some(index) = steps.index(sample.at.into()) else { continue };
        let step = gathered[index].get_or_insert_default();
        step.cpu.add(sample.cpu.map(|cpu| cpu.unscaled(CPU_SCALE)), 1.0);
        if let Some(kib) = sample.memory.filter(|_| step.memory.is_none_or(|(at, _)| at <= sample.at)) {
            step.memory = Some((sample.at, u64::from(kib.get()) * 1024));
        }
    }
    for sample in parts.iter().flat_map(|part| &part.requests) {
        let (start, end) = (i64::from(sample.at) - i64::from(sample.span), i64::from(sample.at));
        let Some(last) = steps.index(end.min(steps.to)).filter(|_| start < steps.to) else { continue };
        let first = steps.index((start + 1).max(steps.from + 1)).unwrap_or(last);
        for (index, slot) in gathered.iter_mut().enumerate().take(last + 1).skip(first) {
            let seconds = (steps.end(index).min(end) - steps.start(index).max(start)) as f64;
            if seconds <= 0.0 {
                continue;
            }
            let step = slot.get_or_insert_default();
            let (share, time) = (seconds / f64::from(sample.span), |it: Option<Whole>| it.map(|it| it.unscaled(TIME_SCALE)));
            let requests = f64::from(sample.count) * share;
            step.seconds += seconds;
            step.requests += requests;
            if let Some(failed) = sample.failed {
                *step.failed.get_or_insert(0.0) += f64::from(failed.get()) * share;
            }
            step.mean.add(time(sample.mean), requests);
            step.p50.add(time(sample.p50), requests);
            step.p95 = greater(step.p95, time(sample.p95));
            step.p99 = greater(step.p99, time(sample.p99));
        }
    }
    let mut counted = Counted::default();
    let found = gathered.into_iter().enumerate().filter_map(|(index, step)| Some((index, step?)));
    found.map(|(index, step)| step.point(MetricsPoint::empty(id, steps.timestamp(index)), &mut counted)).collect()
}

fn greater(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.max(other)),
        (one, other) => one.or(other),
    }
}

/// Rounds parts of requests so that whole ones come out and none is lost.
#[derive(Default)]
struct Counted {
    exact: f64,
    told: u64,
}

impl Counted {
    fn tell(&mut self, requests: f64) -> u64 {
        self.exact += requests;
        let count = (self.exact.round() as u64).saturating_sub(self.told);
        self.told += count;
        count
    }
}

impl Gathered {
    fn point(self, empty: MetricsPoint, counted: &mut Counted) -> MetricsPoint {
        let has_requests = self.seconds > 0.0;
        MetricsPoint {
            cpu_usage: self.cpu.get().map(short),
            memory_usage: self.memory.map(|(_, bytes)| bytes),
            request_count: has_requests.then(|| counted.tell(self.requests)),
            request_rate: has_requests.then(|| short(self.requests / self.seconds)),
            response_time: self.mean.get().map(short),
            response_time_p50: self.p50.get().map(short),
            response_time_p95: self.p95,
            response_time_p99: self.p99,
            error_rate: self.failed.filter(|_| self.requests > 0.0).map(|failed| short(failed / self.requests)),
            ..empty
        }
    }
}

/// Thins points of the machine out to steps: means of what is a share, the last of what is an amount.
pub(super) fn system_points(steps: &Steps, samples: &[SystemPoint]) -> Vec<SystemPoint> {
    let mut points: Vec<(usize, SystemPoint, Mean, Mean)> = Vec::new();
    for sample in samples {
        let Some(index) = steps.index(sample.timestamp.seconds()) else { continue };
        if points.last().is_none_or(|last| last.0 != index) {
            points.push((index, SystemPoint::default(), Mean::default(), Mean::default()));
        }
        if let Some((_, point, host, own)) = points.last_mut() {
            host.add(sample.host_cpu_percent, 1.0);
            own.add(sample.pilothouse_cpu_percent, 1.0);
            *point = sample.clone();
        }
    }
    let finish = |(index, point, host, own): (usize, SystemPoint, Mean, Mean)| SystemPoint {
        timestamp: steps.timestamp(index),
        host_cpu_percent: host.get().map(short),
        pilothouse_cpu_percent: own.get().map(short),
        ..point
    };
    points.into_iter().map(finish).collect()
}

#[cfg(test)]
#[path = "query_tests.rs"]
mod tests;
