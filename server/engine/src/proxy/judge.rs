//! Whether a new release is worse than the one before, by what the proxy has counted of both, or their own metrics say.
//!
//! Two things are looked at: whether more of its requests fail, by Fisher's exact test, and whether its answers take longer, by the test of Mann,
//! Whitney and Wilcoxon; both one-sided. A difference counts when it is not likely to be chance and is large enough to matter, because with many
//! requests any difference is significant. What is looked at again and again is found to differ some time by chance alone, so before the end of a
//! step only what is ten times less likely counts.

use api::{Judgement, TrafficSide};

use super::TargetStatus;
use super::statistics::{fisher, mann_whitney, quantile};

/// A difference counts at the end of a step when chance makes as large a one less often than this.
const AT_THE_END: f64 = 0.01;
/// The same before its end.
const IN_BETWEEN: f64 = 0.001;
/// How much higher the part of requests that fail must be: half a percentage point.
const ERRORS_MATTER: f64 = 0.005;
/// How many times as long 95 of 100 requests must take, and how many milliseconds longer.
const LATENCY_MATTERS: (f64, f64) = (1.25, 5.0);
/// So many requests are enough when most of them fail.
const FEW: u64 = 10;

/// So many scrapes of each say something about latency.
const SCRAPES: u64 = 3;

/// What the classes of latency count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timed {
    /// Requests, each by the time that it took.
    Requests,
    /// Scrapes of a service's metrics, each by the time that 95 of 100 of its requests took at most.
    Scrapes,
    /// Scrapes of a service's metrics, each by the mean time of its requests.
    Means,
}

/// What was found out about a new release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// In one word.
    pub verdict: Judgement,
    /// The tests with their numbers, as sentences.
    pub reason: String,
}

impl TargetStatus {
    /// What has come since `before`; those under way are those of now. Counters that began anew in between count as nothing, not as less.
    pub fn since(&self, before: &TargetStatus) -> TargetStatus {
        let earlier = before.latency.iter().copied().chain(std::iter::repeat(0));
        TargetStatus {
            id: self.id.clone(),
            requests: self.requests.saturating_sub(before.requests),
            errors: self.errors.saturating_sub(before.errors),
            in_flight: self.in_flight,
            latency: self.latency.iter().zip(earlier).map(|(now, before)| now.saturating_sub(before)).collect(),
        }
    }

    /// What has come to both.
    pub fn plus(self, other: &TargetStatus) -> TargetStatus {
        let of = |latency: &[u64], class: usize| latency.get(class).copied().unwrap_or_default();
        let classes = self.latency.len().max(other.latency.len());
        TargetStatus {
            requests: self.requests + other.requests,
            errors: self.errors + other.errors,
            in_flight: self.in_flight + other.in_flight,
            latency: (0..classes).map(|class| of(&self.latency, class) + of(&other.latency, class)).collect(),
            id: self.id,
        }
    }

    /// The part of requests that failed; 0 without any.
    fn error_rate(&self) -> f64 {
        if self.requests == 0 { 0.0 } else { self.errors as f64 / self.requests as f64 }
    }
}

impl Timed {
    /// The part of what is counted that takes at most as long as what both releases are compared by.
    fn part(self) -> f64 {
        if self == Timed::Requests { 0.95 } else { 0.5 }
    }

    fn name(self) -> &'static str {
        match self {
            Timed::Requests => "p95",
            Timed::Scrapes => "median p95 of scrapes",
            Timed::Means => "median of the means of scrapes",
        }
    }
}

/// A window as people are shown it.
pub fn side(window: &TargetStatus, timed: Timed) -> TrafficSide {
    let median = quantile(&window.latency, 0.5);
    let (p50_ms, p95_ms) = match timed {
        Timed::Requests => (median, quantile(&window.latency, 0.95)),
        Timed::Scrapes => (None, median),
        Timed::Means => (None, None),
    };
    TrafficSide { requests: window.requests, errors: window.errors, p50_ms, p95_ms }
}

/// Judges the new release by a window of each. With fewer than `min_requests` of either nothing is said, unless most of ten and more fail
/// that don't fail with the old one. `is_end` says that the step is over.
pub fn judge(old: &TargetStatus, new: &TargetStatus, timed: Timed, min_requests: u64, is_end: bool) -> Verdict {
    let (fine, few) = if is_end { (Judgement::Passed, Judgement::TooFew) } else { (Judgement::Open, Judgement::Open) };
    if old.requests.min(new.requests) < min_requests {
        let counts = format!("{} against {}", requests(new.requests), requests(old.requests));
        if new.requests >= FEW && new.errors * 2 > new.requests && old.error_rate() < 0.1 {
            let reason = format!("errors: {}: most requests fail: worse", rates(old, new));
            return Verdict { verdict: Judgement::Worse, reason };
        }
        return Verdict { verdict: few, reason: format!("{counts}: {min_requests} of each are needed") };
    }
    let (errors_worse, errors) = judge_errors(old, new, is_end);
    let (latency_worse, latency) = judge_latency(old, new, timed, is_end);
    let verdict = if errors_worse || latency_worse { Judgement::Worse } else { fine };
    Verdict { verdict, reason: format!("{errors}; {latency}") }
}

fn judge_errors(old: &TargetStatus, new: &TargetStatus, is_end: bool) -> (bool, String) {
    if old.requests == 0 || new.requests == 0 {
        return (false, format!("errors: {}: nothing to compare", rates(old, new)));
    }
    let p = fisher(new.errors, new.requests, old.errors, old.requests);
    let matters = new.error_rate() - old.error_rate() >= ERRORS_MATTER;
    let (is_worse, found) = conclude(p, matters, is_end);
    (is_worse, format!("errors: {}, Fisher's exact test {found}", rates(old, new)))
}

fn judge_latency(old: &TargetStatus, new: &TargetStatus, timed: Timed, is_end: bool) -> (bool, String) {
    let compared = |side: &TargetStatus| quantile(&side.latency, timed.part());
    let count = |side: &TargetStatus| side.latency.iter().sum::<u64>();
    let (Some(p), Some(before), Some(now)) = (mann_whitney(&old.latency, &new.latency), compared(old), compared(new)) else {
        return (false, "latency: nothing to compare".into());
    };
    if timed != Timed::Requests && count(old).min(count(new)) < SCRAPES {
        return (false, format!("latency: {} against {} scrapes: {SCRAPES} of each are needed", count(new), count(old)));
    }
    let matters = now >= LATENCY_MATTERS.0 * before && now - before >= LATENCY_MATTERS.1;
    let (is_worse, found) = conclude(p, matters, is_end);
    (is_worse, format!("{} {} against {}, Mann-Whitney U {found}", timed.name(), milliseconds(now), milliseconds(before)))
}

/// Whether a difference counts, and why in words.
fn conclude(p: f64, matters: bool, is_end: bool) -> (bool, String) {
    let p_text = probability(p);
    match (p < if is_end { AT_THE_END } else { IN_BETWEEN }, matters) {
        (true, true) => (true, format!("{p_text}: worse")),
        (true, false) => (false, format!("{p_text}, but too small a difference to matter: not worse")),
        (false, true) if p < AT_THE_END => {
            (false, format!("{p_text}: not worse so far, before the end of a step only p < {IN_BETWEEN} counts"))
        }
        (false, _) => (false, format!("{p_text}: not worse")),
    }
}

/// `12 of 240 (5.0 %) against 3 of 4,560 (0.1 %)`.
fn rates(old: &TargetStatus, new: &TargetStatus) -> String {
    let rate = |side: &TargetStatus| {
        let percent = side.error_rate() * 100.0;
        let digits = if percent > 0.0 && percent < 0.05 { 3 } else { 1 };
        format!("{} of {} ({percent:.digits$} %)", grouped(side.errors), grouped(side.requests))
    };
    format!("{} against {}", rate(new), rate(old))
}

fn requests(count: u64) -> String {
    if count == 1 { "1 request".into() } else { format!("{} requests", grouped(count)) }
}

/// `4,560`.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `48 ms`, or with a digit or two more below 10.
fn milliseconds(value: f64) -> String {
    match value {
        10.0.. => format!("{} ms", grouped(value.round() as u64)),
        1.0.. => format!("{value:.1} ms"),
        _ => format!("{value:.2} ms"),
    }
}

/// `p = 0.34`, with two digits that say something, or `p < 0.00001`.
fn probability(p: f64) -> String {
    match p {
        0.1.. => format!("p = {p:.2}"),
        0.01.. => format!("p = {p:.3}"),
        0.001.. => format!("p = {p:.4}"),
        0.00001.. => format!("p = {p:.5}"),
        _ => "p < 0.00001".into(),
    }
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
