//! Watching a service that was switched to a release: whether it becomes healthy and stays so, and whether it fails more or is slower than before.

use std::sync::Arc;

use api::{Judgement, ServiceId, Stage, Timestamp, TrafficStep};

use super::Manager;
use super::baseline::{Baseline, By};
use super::beside::Counted;
use super::kept::Record;
use super::live::Live;
use super::run::{Done, Failure, Stop};
use super::switch::{LOOK, Look};
use crate::proxy::TargetStatus;
use crate::proxy::judge::{self, Verdict};

/// Seconds between two writes of what has come; what is found out is written at once.
const WRITE: f64 = 5.0;

impl Manager {
    /// Waits until the service is healthy, and for as long as it is to be watched then.
    pub(super) async fn check_health(&self, live: &Arc<Live>) -> Result<Done, Stop> {
        let record = live.record();
        if record.order.beside.is_some() {
            return self.let_in(live).await;
        }
        let (id, new) = (record.shown.service_id, &record.order.new);
        let at = record.order.switched_at.ok_or_else(api::Error::internal)?;
        let seconds = self.seconds_to_be_well(live);
        let begun = record.shown.stages.iter().find(|stage| stage.name == Stage::HealthCheck).and_then(|stage| stage.started_at);
        let until = begun.unwrap_or(at).plus_seconds(seconds);
        let mut written = None;
        loop {
            let changed = self.core.catalog.changed();
            let now = self.core.clock.now();
            let watched = live.record().order.watched_until;
            match (self.look_at(id, at, now), watched) {
                (Look::Bad(bad, why), None) => return Err(self.why(bad, why).await.into()),
                (Look::Bad(bad, why), Some(_)) => {
                    return Err(self.why(bad, format!("it was well, and then it wasn't: {why}")).await.into());
                }
                (Look::Gone, _) => return Err(Failure::new("somebody has stopped the service meanwhile").into()),
                (Look::Good, None) => match new.watch_seconds.filter(|seconds| *seconds > 0) {
                    None => return Ok(Done::with("it is well")),
                    Some(seconds) => Box::pin(self.begin_watch(live, id, now, seconds)).await?,
                },
                (Look::Open(what), None) => {
                    if now >= until {
                        return Err(self.why(id, format!("it wasn't well within {seconds} s: {what}")).await.into());
                    }
                    live.doing(&self.core, what);
                }
                (look @ (Look::Open(_) | Look::Good), Some(watched)) => {
                    let is_end = now >= watched && matches!(look, Look::Good);
                    let found = Box::pin(self.judge_watched(live, id, at, is_end, &mut written)).await?;
                    if is_end {
                        return Ok(Done::with(format!("it is well, and was for as long as it was watched; {found}")));
                    }
                }
            }
            match live.record().order.baseline.is_some() {
                // Not at each change of any service: its proxy is asked each time.
                true => tokio::time::sleep(LOOK).await,
                false => drop(tokio::time::timeout(LOOK, changed).await),
            }
        }
    }

    /// Begins to watch a service that is well.
    async fn begin_watch(&self, live: &Live, id: ServiceId, now: Timestamp, seconds: u32) -> Result<(), Stop> {
        let mut baseline = live.record().order.baseline;
        if let Some(Baseline { by: By::Proxy(begun), .. }) = &mut baseline {
            // What came until now may have been for the release before.
            *begun = self.services.front_status(id).await.map(|status| Counted::of(&status, &self.services.instances(id), &[]));
            if begun.is_none() {
                live.line(&self.core, Stage::HealthCheck, "the proxy in front of it doesn't answer, so its requests aren't compared", true);
                baseline = None;
            }
        }
        let step = baseline.as_ref().map(|baseline| TrafficStep {
            started_at: Some(now),
            old: judge::side(&baseline.old, baseline.timed()),
            ..TrafficStep::new(100)
        });
        live.line(&self.core, Stage::HealthCheck, format!("it is well; watching it for {seconds} s"), false);
        live.doing(&self.core, format!("watching it for {seconds} s"));
        let watched = now.plus_seconds(i64::from(seconds));
        let change = move |record: &mut Record| {
            (record.order.watched_until, record.order.baseline) = (Some(watched), baseline);
            record.shown.traffic = step.into_iter().collect();
        };
        Ok(self.save(live, change, Vec::new(), None).await?)
    }

    /// Compares what has come since with what was before; answers what was found in the end. Fails when it is worse.
    async fn judge_watched(
        &self,
        live: &Live,
        id: ServiceId,
        switched_at: Timestamp,
        is_end: bool,
        written: &mut Option<Timestamp>,
    ) -> Result<&'static str, Stop> {
        let (record, now) = (live.record(), self.core.clock.now());
        let Some(baseline) = record.order.baseline else {
            return Ok("nothing has counted its requests, so only its health was looked at");
        };
        if let Some(step) = record.shown.traffic.first().filter(|step| step.judgement == Judgement::Worse) {
            // Whoever was ended with that found out goes on with it.
            return Err(self.worse(id, step.reason.as_deref().unwrap_or_default()).await.into());
        }
        let least = u64::from(record.order.new.canary.clone().unwrap_or_default().min_requests);
        let (fresh, judged) = match self.done_since(id, &baseline, switched_at).await? {
            Some((fresh, is_known)) => {
                let judged = judged(&baseline, fresh.clone(), is_known, least, is_end);
                (Some(judge::side(&fresh, baseline.timed())), judged)
            }
            None => {
                let verdict = if is_end { Judgement::TooFew } else { Judgement::Open };
                (None, Verdict { verdict, reason: "the proxy in front of it doesn't answer".into() })
            }
        };
        let Verdict { verdict, reason } = judged;
        let is_over = verdict != Judgement::Open;
        if is_over || written.is_none_or(|written| now.seconds_since(written) >= WRITE) {
            let (said, is_worse) = (reason.clone(), verdict == Judgement::Worse);
            let change = move |record: &mut Record| {
                let Some(step) = record.shown.traffic.first_mut() else { return };
                step.new = fresh.unwrap_or(step.new);
                step.reason = Some(said);
                if is_over {
                    (step.finished_at, step.judgement) = (Some(now), verdict);
                }
            };
            if is_over {
                live.line(&self.core, Stage::HealthCheck, reason.clone(), is_worse);
            }
            self.save(live, change, Vec::new(), None).await?;
            *written = Some(now);
        }
        match verdict {
            Judgement::Worse => Err(self.worse(id, &reason).await.into()),
            Judgement::TooFew => Ok("too few requests came to compare it with the release before"),
            Judgement::Open | Judgement::Passed => Ok("it isn't worse than the release before"),
        }
    }

    /// That a release is worse, with the tests and what that wrote.
    pub(super) async fn worse(&self, id: ServiceId, reason: &str) -> Failure {
        let failure = self.why(id, format!("the release is worse than the one before: {reason}")).await;
        let suggestion = "look at what it wrote, mend that, and deploy it again".to_owned();
        Failure { suggestion: failure.suggestion.or(Some(suggestion)), ..failure }
    }
}

/// What is to be thought of `fresh`; failures that one of both releases doesn't tell say nothing.
fn judged(baseline: &Baseline, mut fresh: TargetStatus, is_known: bool, least: u64, is_end: bool) -> Verdict {
    let mut old = baseline.old.clone();
    if !is_known {
        (old.errors, fresh.errors) = (0, 0);
    }
    let judged = judge::judge(&old, &fresh, baseline.timed(), least, is_end);
    Verdict { reason: format!("{}; {}", judged.reason, baseline.text(is_known)), ..judged }
}
