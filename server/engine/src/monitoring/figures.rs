//! The samples of all services in memory, and which of them are not stored yet.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use api::{MetricsPoint, ServiceId, Timestamp};

use super::series::{CPU_SCALE, Requests, Samples, TIME_SCALE, Usage, Whole, short};

/// Seconds of samples that one stored chunk has; it is written anew until it is full.
const CHUNK_SECONDS: u32 = 600;

/// Seconds for which the figures of a scrape stand for the present.
const CURRENT_SECONDS: u32 = 30;

/// Every service's samples of the last hour.
#[derive(Default)]
pub(super) struct Figures {
    series: Mutex<HashMap<ServiceId, Series>>,
}

#[derive(Default)]
struct Series {
    samples: Samples,
    /// The first sample of the chunk that isn't full.
    chunk_from: Option<u32>,
    /// The last sample that is stored.
    stored_to: u32,
}

/// What is to be stored of one service.
#[derive(Debug)]
pub(super) struct Unstored {
    /// The service.
    pub id: ServiceId,
    /// The whole chunk, with what of it is stored already.
    pub samples: Samples,
}

impl Figures {
    /// Adds what a service used.
    pub fn push_usage(&self, id: ServiceId, sample: Usage) {
        self.lock().entry(id).or_default().samples.push_usage(sample);
    }

    /// Adds what a service answered.
    pub fn push_requests(&self, id: ServiceId, sample: Requests) {
        self.lock().entry(id).or_default().samples.push_requests(sample);
    }

    /// The mean CPU of the last `count` samples.
    pub fn mean_cpu(&self, id: ServiceId, count: usize) -> Option<f32> {
        let series = self.lock();
        let usage = series.get(&id)?.samples.usage.iter().rev().take(count);
        let (sum, count) =
            usage.filter_map(|sample| sample.cpu).fold((0.0, 0), |(sum, count), cpu| (sum + cpu.unscaled(CPU_SCALE), count + 1));
        (count > 0).then(|| (sum / f64::from(count)) as f32)
    }

    /// A point of the newest samples. The requests are counted once, at the first point after their scrape; their rate and times
    /// stand until the next.
    pub fn latest(&self, id: ServiceId, now: Timestamp) -> MetricsPoint {
        let mut point = MetricsPoint::empty(id, now);
        let series = self.lock();
        let Some(samples) = series.get(&id).map(|series| &series.samples) else { return point };
        let Some(usage) = samples.usage.back() else { return point };
        point.cpu_usage = usage.cpu.map(|cpu| cpu.unscaled(CPU_SCALE));
        point.memory_usage = usage.memory.map(|kib| u64::from(kib.get()) * 1024);
        if let Some(requests) = samples.requests.back().filter(|requests| requests.at + CURRENT_SECONDS > usage.at) {
            let before = samples.usage.iter().rev().nth(1).map_or(0, |before| before.at);
            let time = |it: Option<Whole>| it.map(|it| it.unscaled(TIME_SCALE));
            point.request_count = (requests.at > before).then_some(requests.count.into());
            point.request_rate = Some(short(f64::from(requests.count) / f64::from(requests.span)));
            point.response_time = time(requests.mean);
            (point.response_time_p50, point.response_time_p95) = (time(requests.p50), time(requests.p95));
            point.response_time_p99 = time(requests.p99);
            let failed = requests.failed.filter(|_| requests.count > 0);
            point.error_rate = failed.map(|failed| short(f64::from(failed.get()) / f64::from(requests.count)));
        }
        point
    }

    /// Those of one service in `from..to` seconds, and the time from which on memory has all of them.
    pub fn between(&self, id: ServiceId, from: u32, to: u32) -> (Samples, u32) {
        let series = self.lock();
        let Some(samples) = series.get(&id).map(|series| &series.samples) else { return (Samples::default(), u32::MAX) };
        (samples.between(from, to), samples.first().unwrap_or(u32::MAX))
    }

    /// The chunks that have samples which are not stored.
    pub fn unstored(&self) -> Vec<Unstored> {
        let mut series = self.lock();
        let open = series.iter_mut().filter_map(|(id, series)| {
            let last = series.samples.last().filter(|last| *last > series.stored_to)?;
            let from = *series.chunk_from.get_or_insert(series.samples.first()?);
            Some(Unstored { id: *id, samples: series.samples.between(from, last + 1) })
        });
        open.collect()
    }

    /// Notes that these are stored.
    pub fn stored(&self, chunks: &[Unstored]) {
        let mut all = self.lock();
        for chunk in chunks {
            if let (Some(series), Some(first), Some(last)) = (all.get_mut(&chunk.id), chunk.samples.first(), chunk.samples.last()) {
                series.stored_to = last;
                series.chunk_from = Some(if last - first >= CHUNK_SECONDS { last + 1 } else { first });
            }
        }
    }

    /// Forgets a service.
    pub fn forget(&self, id: ServiceId) {
        self.lock().remove(&id);
    }

    /// Forgets all that `keep` doesn't say to keep.
    pub fn retain(&self, keep: impl Fn(ServiceId) -> bool) {
        self.lock().retain(|id, _| keep(*id));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ServiceId, Series>> {
        self.series.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
