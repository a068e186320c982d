//! What a service's own metrics say of its requests: one reading per scrape, and the change from one to the next.

use super::exposition::{self, Labels, Line};
use super::families::{self, COUNTERS, DURATIONS, MACHINE_PATHS, PATH_LABELS, Part, STATUS_LABELS};

/// The longest line that is read; longer ones are passed over.
const LINE_BYTES: usize = 16 * 1024;

/// The most buckets of one histogram.
const BUCKETS: usize = 128;

/// Takes the body of a scrape as it arrives, in pieces of any size, and keeps only the totals.
pub(super) struct Scrape<'a> {
    own_paths: [Option<&'a str>; 2],
    partial: Vec<u8>,
    skipping: bool,
    counters: [Option<Counted>; COUNTERS.len()],
    durations: [Option<Box<Durations>>; DURATIONS.len()],
}

#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    all: f64,
    failed: f64,
    has_status: bool,
}

#[derive(Debug, Default)]
struct Durations {
    counted: Counted,
    sum: f64,
    /// Upper bounds with what is at most that, in the order they came.
    buckets: Vec<(f64, f64)>,
    next: usize,
}

/// What one scrape found: totals since the service started.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Reading {
    /// Requests answered.
    pub requests: f64,
    /// Of these, answered with a 5xx status; none when the figures have no status.
    pub failed: Option<f64>,
    /// Milliseconds that responses took together, and how many responses that were.
    took: Option<(f64, f64)>,
    /// Upper bounds in milliseconds, growing, with how many responses took at most that.
    buckets: Vec<(f64, f64)>,
}

/// What happened between two scrapes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Change {
    /// Requests answered.
    pub requests: f64,
    /// Of these, answered with a 5xx status.
    pub failed: Option<f64>,
    /// Mean milliseconds.
    pub mean: Option<f64>,
    /// Milliseconds that half of the responses took at most.
    pub p50: Option<f64>,
    /// The same of 95 in 100.
    pub p95: Option<f64>,
    /// The same of 99 in 100.
    pub p99: Option<f64>,
}

impl<'a> Scrape<'a> {
    /// An empty one. Requests for `own_paths` (health and metrics) are Pilothouse's own and not counted.
    pub fn new(own_paths: [Option<&'a str>; 2]) -> Self {
        Self { own_paths, partial: Vec::new(), skipping: false, counters: Default::default(), durations: Default::default() }
    }

    /// Takes the next piece.
    pub fn feed(&mut self, mut piece: &[u8]) {
        while let Some(end) = piece.iter().position(|byte| *byte == b'\n') {
            if self.skipping {
                self.skipping = false;
            } else if self.partial.is_empty() {
                self.line(&piece[..end]);
            } else {
                let mut line = std::mem::take(&mut self.partial);
                line.extend_from_slice(&piece[..end]);
                self.line(&line);
                line.clear();
                self.partial = line;
            }
            piece = &piece[end + 1..];
        }
        if self.partial.len() + piece.len() > LINE_BYTES {
            self.partial.clear();
            self.skipping = true;
        } else if !self.skipping {
            self.partial.extend_from_slice(piece);
        }
    }

    /// What was found; none when there were no figures of requests.
    pub fn finish(mut self) -> Option<Reading> {
        let line = std::mem::take(&mut self.partial);
        self.line(&line);
        let counted = self.best_count()?;
        let took = self.durations.iter().zip(DURATIONS).find_map(|(found, (_, unit))| {
            let found = found.as_ref()?;
            Some((found.sum * unit, found.counted.all))
        });
        let finest = self.durations.iter().zip(DURATIONS).rev().max_by_key(|(found, _)| found.as_ref().map(|found| found.buckets.len()));
        let mut buckets: Vec<_> = finest
            .and_then(|(found, (_, unit))| Some((found.as_ref()?, unit)))
            .map(|(found, unit)| found.buckets.iter().map(|(bound, count)| (bound * unit, *count)).collect())
            .unwrap_or_default();
        buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
        Some(Reading { requests: counted.all, failed: counted.has_status.then_some(counted.failed), took, buckets })
    }

    /// The first count with a status, else the first.
    fn best_count(&self) -> Option<Counted> {
        let all = || self.counters.iter().flatten().chain(self.durations.iter().flatten().map(|found| &found.counted));
        all().find(|counted| counted.has_status).or_else(|| all().next()).copied()
    }

    fn line(&mut self, line: &[u8]) {
        match exposition::read(line) {
            Some(Line::Type(name)) => match families::declared(name) {
                Some(Part::Counter(at)) => _ = self.counters[at].get_or_insert_default(),
                Some(Part::Count(at)) => _ = self.durations[at].get_or_insert_default(),
                _ => {}
            },
            Some(Line::Sample(sample)) if sample.value.is_finite() && sample.value >= 0.0 => {
                let Some(part) = families::part(sample.name) else { return };
                let found = self.labelled(sample.labels);
                match part {
                    Part::Counter(at) => self.counters[at].get_or_insert_default().add(&found, sample.value),
                    Part::Count(at) => self.durations[at].get_or_insert_default().counted.add(&found, sample.value),
                    Part::Sum(at) if !found.is_own => self.durations[at].get_or_insert_default().sum += sample.value,
                    Part::Bucket(at) if !found.is_own => {
                        if let Some(bound) = found.bound {
                            self.durations[at].get_or_insert_default().add_bucket(bound, sample.value);
                        }
                    }
                    Part::Sum(_) | Part::Bucket(_) => {}
                }
            }
            _ => {}
        }
    }

    fn labelled(&self, labels: Labels<'_>) -> Labelled {
        let mut found = Labelled::default();
        for (name, value) in labels {
            if name == "le" {
                found.bound = value.parse().ok().filter(|bound: &f64| !bound.is_nan());
            } else if STATUS_LABELS.contains(&name) {
                found.has_status = true;
                found.is_failure = value.len() == 3 && value.starts_with('5');
            } else if PATH_LABELS.contains(&name) {
                found.is_own = MACHINE_PATHS.contains(&value) || self.own_paths.contains(&Some(value));
            }
        }
        found
    }
}

#[derive(Default)]
struct Labelled {
    bound: Option<f64>,
    has_status: bool,
    is_failure: bool,
    is_own: bool,
}

impl Counted {
    fn add(&mut self, labels: &Labelled, value: f64) {
        self.has_status |= labels.has_status;
        if !labels.is_own {
            self.all += value;
            self.failed += if labels.is_failure { value } else { 0.0 };
        }
    }
}

impl Durations {
    /// Bounds come in the same order for each set of labels, so the next one is usually the next one.
    fn add_bucket(&mut self, bound: f64, value: f64) {
        let at = match self.buckets.get(self.next) {
            Some((known, _)) if *known == bound => Some(self.next),
            _ => self.buckets.iter().position(|(known, _)| *known == bound),
        };
        match at {
            Some(at) => {
                self.buckets[at].1 += value;
                self.next = at + 1;
            }
            None if self.buckets.len() < BUCKETS => {
                self.buckets.push((bound, value));
                self.next = self.buckets.len();
            }
            None => {}
        }
        if self.next >= self.buckets.len() {
            self.next = 0;
        }
    }
}

impl Reading {
    /// What happened since `before`; all of it when there is none, or when the counters began anew.
    pub fn since(&self, before: Option<&Reading>) -> Change {
        let before = before.filter(|before| before.requests <= self.requests && before.took.map(|it| it.1) <= self.took.map(|it| it.1));
        let requests = self.requests - before.map_or(0.0, |before| before.requests);
        let failed = self.failed.map(|failed| (failed - before.and_then(|before| before.failed).unwrap_or(0.0)).clamp(0.0, requests));
        let mean = self.took.and_then(|(sum, count)| {
            let (sum_before, count_before) = before.and_then(|before| before.took).unwrap_or_default();
            let count = count - count_before;
            (count > 0.0 && sum >= sum_before).then(|| (sum - sum_before) / count)
        });
        let buckets = if requests > 0.0 { self.buckets_since(before) } else { Default::default() };
        let quantile = |share| quantile(&buckets, share);
        Change { requests, failed, mean, p50: quantile(0.5), p95: quantile(0.95), p99: quantile(0.99) }
    }

    fn buckets_since(&self, before: Option<&Reading>) -> Vec<(f64, f64)> {
        let Some(before) = before else { return self.buckets.clone() };
        let same = before.buckets.len() == self.buckets.len();
        let pairs = self.buckets.iter().zip(&before.buckets);
        if !same || pairs.clone().any(|(now, then)| now.0 != then.0 || now.1 < then.1) {
            return Vec::new();
        }
        pairs.map(|(now, then)| (now.0, now.1 - then.1)).collect()
    }
}

/// The bound that `share` of what was counted doesn't pass, by linear interpolation within its bucket; in the last, open bucket
/// its lower bound. None without counts.
fn quantile(buckets: &[(f64, f64)], share: f64) -> Option<f64> {
    let total = buckets.last().filter(|(_, count)| *count > 0.0)?.1;
    let rank = share * total;
    let (mut lower, mut below) = (0.0, 0.0);
    for (bound, count) in buckets {
        if *count >= rank {
            return match bound.is_finite() {
                true if *count > below => Some(lower + (bound - lower) * (rank - below) / (count - below)),
                true => Some(*bound),
                false => (lower > 0.0).then_some(lower),
            };
        }
        (lower, below) = (*bound, count.max(below));
    }
    None
}

#[cfg(test)]
#[path = "exposed_tests.rs"]
mod tests;
