//! The samples of a service, as they are kept in memory: small, and only the last hour.

use std::collections::VecDeque;
use std::num::NonZeroU32;

/// Seconds that samples stay in memory.
pub(super) const KEPT_SECONDS: u32 = 3_600;

/// A whole number from 0 to 4294967294, stored one higher, so that a figure that may be absent takes four bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Whole(NonZeroU32);

impl Whole {
    /// `value` times `scale`, rounded; cut off at the ends.
    pub fn scaled(value: f64, scale: f64) -> Self {
        Self::new((value * scale).round() as u32)
    }

    /// That number; the last one is cut off.
    pub fn new(value: u32) -> Self {
        Self(NonZeroU32::MIN.saturating_add(value))
    }

    /// The number.
    pub fn get(self) -> u32 {
        self.0.get() - 1
    }

    /// The number divided by `scale`.
    pub fn unscaled(self, scale: f64) -> f64 {
        f64::from(self.get()) / scale
    }
}

/// Of CPU: hundredths of a per cent.
pub(super) const CPU_SCALE: f64 = 100.0;

/// Of times: microseconds in a millisecond.
pub(super) const TIME_SCALE: f64 = 1_000.0;

/// A figure with three decimals: what more there is is noise, and costs bytes wherever it is sent.
pub(super) fn short(figure: f64) -> f64 {
    (figure * 1e3).round() / 1e3
}

/// What a service used at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Usage {
    /// Seconds since 1970.
    pub at: u32,
    /// Hundredths of a per cent of one core, since the sample before.
    pub cpu: Option<Whole>,
    /// Resident memory in KiB.
    pub memory: Option<Whole>,
}

/// What requests a service answered in a span of time. Times are microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Requests {
    /// The end, in seconds since 1970.
    pub at: u32,
    /// Seconds it covers, at least 1.
    pub span: u32,
    /// Requests answered.
    pub count: u32,
    /// Of these, with a 5xx status.
    pub failed: Option<Whole>,
    /// The mean time.
    pub mean: Option<Whole>,
    /// Half took at most this.
    pub p50: Option<Whole>,
    /// 95 of 100 took at most this.
    pub p95: Option<Whole>,
    /// 99 of 100 took at most this.
    pub p99: Option<Whole>,
}

/// Samples of one service, each list oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Samples {
    /// What it used.
    pub usage: VecDeque<Usage>,
    /// What it answered.
    pub requests: VecDeque<Requests>,
}

impl Samples {
    /// Adds what was used; samples that go back in time are passed over.
    pub fn push_usage(&mut self, sample: Usage) {
        if self.usage.back().is_none_or(|last| last.at < sample.at) {
            while self.usage.front().is_some_and(|first| first.at + KEPT_SECONDS < sample.at) {
                self.usage.pop_front();
            }
            self.usage.push_back(sample);
        }
    }

    /// Adds what was answered; samples that go back in time are passed over.
    pub fn push_requests(&mut self, sample: Requests) {
        if self.requests.back().is_none_or(|last| last.at < sample.at) {
            while self.requests.front().is_some_and(|first| first.at + KEPT_SECONDS < sample.at) {
                self.requests.pop_front();
            }
            self.requests.push_back(sample);
        }
    }

    /// The time of the first sample.
    pub fn first(&self) -> Option<u32> {
        let firsts = [self.usage.front().map(|first| first.at), self.requests.front().map(|first| first.at)];
        firsts.into_iter().flatten().min()
    }

    /// The time of the last sample.
    pub fn last(&self) -> Option<u32> {
        let lasts = [self.usage.back().map(|last| last.at), self.requests.back().map(|last| last.at)];
        lasts.into_iter().flatten().max()
    }

    /// Those in `from..to`.
    pub fn between(&self, from: u32, to: u32) -> Samples {
        let usage = self.usage.iter().skip(self.usage.partition_point(|one| one.at < from)).take_while(|one| one.at < to);
        let requests = self.requests.iter().skip(self.requests.partition_point(|one| one.at < from)).take_while(|one| one.at < to);
        Samples { usage: usage.copied().collect(), requests: requests.copied().collect() }
    }
}
