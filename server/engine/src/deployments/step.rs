//! A step of a deployment that lets a release in beside another one: so many requests, for a while, and what becomes of them.

use api::{Canary, Judgement, Stage};

use super::Manager;
use super::beside::{ANSWER, Copy};
use super::kept::Record;
use super::live::{Also, Live};
use super::run::{Failure, Stop};
use super::switch::{LOOK, Look};
use crate::proxy::judge::{self, Timed};
use crate::store::services::service_set_spec;

impl Manager {
    /// One step: so many requests go to the copy, for a while.
    pub(super) async fn step(&self, live: &Live, at: usize, copy: &Copy) -> Result<(), Stop> {
        let record = live.record();
        let (id, step) = (record.shown.service_id, record.shown.traffic[at].clone());
        if step.started_at.is_none() {
            let (mut spec, now) = (self.services.row_of(copy.id)?.spec, self.core.clock.now());
            spec.beside = Some(api::Beside { of: id, weight: step.weight });
            let (written, asked) = (self.services.sealed_spec(copy.id, &spec)?, copy.id);
            let also: Also = Box::new(move |db| Box::pin(async move { service_set_spec(db, asked, &written, now).await }));
            let change = move |record: &mut Record| {
                record.shown.traffic[at].started_at = Some(now);
                if let Some(copy) = &mut record.order.beside {
                    (copy.has_answered, copy.begun) = (true, None);
                }
            };
            self.save(live, change, Vec::new(), Some(also)).await?;
            self.services.set_spec(copy.id, spec);
        }
        if !self.routed(id, ANSWER).await? {
            return Err(Failure::new("the proxy in front of it doesn't send requests where they shall go").into());
        }
        if live.record().order.beside.is_none_or(|copy| copy.begun.is_none()) {
            let begun = self.counted(id, copy.id).await?;
            let change = move |record: &mut Record| {
                if let Some(copy) = &mut record.order.beside {
                    copy.begun = Some(begun);
                }
            };
            let line = match step.weight {
                100 => format!("all requests go to {}", copy.name),
                weight => format!("{weight} of 100 requests go to {}", copy.name),
            };
            live.line(&self.core, Stage::HealthCheck, line, false);
            self.save(live, change, Vec::new(), None).await?;
        }
        self.watch_step(live, at, copy).await
    }

    async fn watch_step(&self, live: &Live, at: usize, copy: &Copy) -> Result<(), Stop> {
        let record = live.record();
        let (id, step, new) = (record.shown.service_id, record.shown.traffic[at].clone(), &record.order.new);
        let canary = new.canary.clone().unwrap_or_default();
        let is_last = step.weight == 100;
        let seconds = if is_last { new.watch_seconds.unwrap_or_default() } else { canary.step_seconds };
        let (started_at, copy_at) = (step.started_at.unwrap_or_default(), copy.started_at.unwrap_or_default());
        if is_last && seconds == 0 {
            let now = self.core.clock.now();
            let change = move |record: &mut Record| {
                let step = &mut record.shown.traffic[at];
                (step.finished_at, step.reason) = (Some(now), Some("it wasn't watched, so nothing was compared".into()));
            };
            return Ok(self.save(live, change, Vec::new(), None).await?);
        }
        live.doing(&self.core, format!("watching {} for {seconds} s", copy.name));
        loop {
            let now = self.core.clock.now();
            match self.look_at(copy.id, copy_at, now) {
                Look::Bad(bad, why) => {
                    return Err(self.why(bad, format!("{} was well, and then it wasn't: {why}", copy.name)).await.into());
                }
                Look::Gone => return Err(Failure::new(format!("somebody has stopped {} meanwhile", copy.name)).into()),
                Look::Good | Look::Open(_) => {}
            }
            let order = live.record().order.beside.ok_or_else(api::Error::internal)?;
            // Without a proxy nothing is judged: it is taken back then, and doesn't wait for ever.
            let counted = self.counted(id, copy.id).await?;
            let (mut old, fresh) = counted.since(order.begun.as_ref());
            if is_last {
                // Nothing goes there any more: what it did until then.
                old = order.begun.as_ref().map(|begun| begun.since(order.first.as_ref()).0).unwrap_or_default();
            }
            let passed = now.seconds_since(started_at);
            let is_end = passed >= f64::from(seconds);
            let judged = judge::judge(&old, &fresh, Timed::Requests, canary.min_requests.into(), is_end);
            let is_patient = !is_last && passed < f64::from(seconds) * f64::from(Canary::PATIENCE);
            let is_over = match judged.verdict {
                Judgement::Open => false,
                Judgement::Worse => true,
                Judgement::Passed => is_end,
                Judgement::TooFew => is_end && !is_patient,
            };
            let sides = (judge::side(&old, Timed::Requests), judge::side(&fresh, Timed::Requests));
            let (verdict, reason) = (judged.verdict, judged.reason);
            let said = reason.clone();
            let change = move |record: &mut Record| {
                let step = &mut record.shown.traffic[at];
                (step.old, step.new) = sides;
                step.reason = Some(said);
                if is_over {
                    (step.finished_at, step.judgement) = (Some(now), verdict);
                }
            };
            if is_over {
                live.line(&self.core, Stage::HealthCheck, reason.clone(), verdict == Judgement::Worse);
            }
            self.save(live, change, Vec::new(), None).await?;
            match verdict {
                _ if !is_over => {}
                Judgement::Worse => return Err(self.worse(copy.id, &reason).await.into()),
                Judgement::TooFew if !is_last => return Err(too_few(&canary, &reason).into()),
                _ => return Ok(()),
            }
            // Not at each change of any service: what is seen is written each time.
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// That too few requests came in a step of a canary to say anything of the release.
pub(super) fn too_few(canary: &Canary, reason: &str) -> Failure {
    let seconds = u64::from(canary.step_seconds) * u64::from(Canary::PATIENCE);
    let suggestion = "deploy it when more requests come, with fewer as the least ('min_requests'), or as 'blue_green'".to_owned();
    let error = format!("too few requests came within {seconds} s to judge the release: {reason}");
    Failure { error, suggestion: Some(suggestion), lines: Vec::new() }
}
