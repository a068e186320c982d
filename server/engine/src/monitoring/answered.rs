//! What services have answered by their own metrics, scrape by scrape: releases without a proxy in front of them are compared by it.

use api::{Result, ServiceId, Timestamp};

use super::Manager;
use super::series::{TIME_SCALE, Whole};

/// What a service answered between two scrapes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Answered {
    /// Requests.
    pub requests: u64,
    /// Those with a 5xx status; none when its metrics don't say.
    pub failed: Option<u64>,
    /// The mean, in milliseconds.
    pub mean_ms: Option<f64>,
    /// 95 of 100 took at most so many milliseconds.
    pub p95_ms: Option<f64>,
}

impl Manager {
    /// What these have answered between scrapes that were both taken in that time, but for the second that times are exact to.
    pub(crate) async fn answered(&self, ids: &[ServiceId], from: Timestamp, to: Timestamp) -> Result<Vec<Answered>> {
        let second = |at: Timestamp| u32::try_from(at.seconds().max(0)).unwrap_or(u32::MAX);
        let (from, to) = (second(from), second(to));
        let mut all = Vec::new();
        for id in ids {
            let parts = self.samples(*id, from, to.saturating_add(1)).await?;
            let whole = parts.iter().flat_map(|part| &part.requests).filter(|sample| sample.at.saturating_sub(sample.span) + 1 >= from);
            let time = |it: Option<Whole>| it.map(|it| it.unscaled(TIME_SCALE));
            all.extend(whole.map(|sample| Answered {
                requests: sample.count.into(),
                failed: sample.failed.map(|failed| failed.get().into()),
                mean_ms: time(sample.mean),
                p95_ms: time(sample.p95),
            }));
        }
        Ok(all)
    }

    /// Lets a test say what a service has answered.
    #[cfg(test)]
    pub(crate) fn push_answered(&self, id: ServiceId, at: Timestamp, span: u32, answered: Answered) {
        let Answered { requests, failed, mean_ms, p95_ms } = answered;
        let count = |count: u64| u32::try_from(count).expect("few");
        let time = |millis: Option<f64>| millis.map(|millis| Whole::scaled(millis, TIME_SCALE));
        let (at, failed) = (u32::try_from(at.seconds()).expect("a time"), failed.map(|failed| Whole::new(count(failed))));
        let (mean, p95, count) = (time(mean_ms), time(p95_ms), count(requests));
        self.figures.push_requests(id, super::series::Requests { at, span, count, failed, mean, p95, ..Default::default() });
    }
}
