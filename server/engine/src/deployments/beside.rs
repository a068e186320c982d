//! Blue-green and canary: the release runs in a copy beside the service, the proxy in front of both lets it in, and when it isn't worse the service
//! itself is switched over, and the copy goes.
//!
//! Until that switch nothing of the service is touched, so going back is one change of the proxy's routes. While the service is switched, its copy answers.

use std::sync::Arc;
use std::time::Duration;

use api::{Canary, DeploymentKind, EventKind, Judgement, Result, ServiceId, Stage, Strategy, Timestamp, TrafficStep, VersionKind};
use serde::{Deserialize, Serialize};

use super::Manager;
use super::kept::Record;
use super::live::{Also, Live};
use super::run::{Done, Failure, Stop};
use super::step::too_few;
use super::switch::LOOK;
use crate::events::NewEvent;
use crate::proxy::{Status, TargetStatus};
use crate::services::Switch;
use crate::store::deployments::deployment_open;
use crate::store::releases::{Placement, placement_put};
use crate::store::services::{service_put, service_set_asked, service_set_spec};

/// Seconds in which a proxy has to answer, and to follow its routes.
pub(super) const ANSWER: i64 = 30;
/// Seconds that requests may take to end, before what answers them does.
const DRAIN: i64 = 30;
/// Seconds that a copy may take to stop beyond what its service may.
const STOP: i64 = 60;
/// Between two questions to a proxy.
const ASK: Duration = Duration::from_millis(if cfg!(test) { 10 } else { 250 });

/// A copy that runs the next release.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Copy {
    /// It.
    pub id: ServiceId,
    /// What it is called.
    pub name: String,
    /// When it was asked to run.
    pub started_at: Option<Timestamp>,
    /// Whether it has got requests.
    pub has_answered: bool,
    /// What had come of the requests when it was asked to run.
    pub first: Option<Counted>,
    /// What had come of them when the present step began.
    pub begun: Option<Counted>,
    /// Whether it gets none any more.
    pub is_over: bool,
    /// Whether it has been removed.
    pub is_gone: bool,
}

/// What has come of the requests to both, as the proxy has counted them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Counted {
    /// When the proxy began to count.
    pub since: i64,
    /// To the service.
    pub old: TargetStatus,
    /// To its copy.
    pub new: TargetStatus,
}

impl Counted {
    /// Each side is a service with its replicas.
    pub fn of(status: &Status, old: &[ServiceId], new: &[ServiceId]) -> Self {
        let of = |ids: &[ServiceId]| {
            let names: Vec<_> = ids.iter().map(ServiceId::to_string).collect();
            let its = status.targets.iter().filter(|target| names.contains(&target.id));
            let id = names.first().cloned().unwrap_or_default();
            its.fold(TargetStatus { id, ..TargetStatus::default() }, |sum, target| sum.plus(target))
        };
        Self { since: status.started_at, old: of(old), new: of(new) }
    }

    /// What has come since `before`; all, when the proxy has begun anew since.
    pub fn since(&self, before: Option<&Self>) -> (TargetStatus, TargetStatus) {
        match before.filter(|before| before.since == self.since) {
            Some(before) => (self.old.since(&before.old), self.new.since(&before.new)),
            None => (self.old.clone(), self.new.clone()),
        }
    }
}

/// The steps of a deployment that lets a release in beside another one.
fn steps(strategy: Strategy, canary: &Canary) -> Vec<TrafficStep> {
    let before: &[u8] = if strategy == Strategy::Canary { &canary.steps } else { &[] };
    before.iter().copied().chain([100]).map(TrafficStep::new).collect()
}

impl Manager {
    /// Fails unless there is a proxy in front of a service that answers.
    pub(super) async fn front_answers(&self, id: ServiceId) -> Result<(), Stop> {
        self.counted(id, id).await.map(drop)
    }

    /// What the proxy in front of a service has counted, when it answers in time.
    pub(super) async fn counted(&self, id: ServiceId, copy: ServiceId) -> Result<Counted, Stop> {
        let until = self.core.clock.now().plus_seconds(ANSWER);
        loop {
            if let Some(status) = self.services.front_status(id).await {
                return Ok(Counted::of(&status, &self.services.instances(id), &self.services.instances(copy)));
            }
            if self.core.clock.now() >= until {
                let (error, suggestion) = match self.services.proxy_of(id).map(|proxy| (proxy.id, proxy.name)) {
                    Some((proxy, name)) => {
                        let reason = self.services.shown(proxy).and_then(|shown| shown.status_reason).map(|why| format!(": {why}"));
                        (
                            format!("the proxy '{name}' doesn't answer{}", reason.unwrap_or_default()),
                            format!("start '{name}', or look at its log"),
                        )
                    }
                    None => (
                        "there is no proxy in front of it yet".to_owned(),
                        "set its 'proxy_port', then wait until that is there".to_owned(),
                    ),
                };
                return Err(Failure { error, suggestion: Some(suggestion), lines: Vec::new() }.into());
            }
            tokio::time::sleep(ASK).await;
        }
    }

    /// Waits until the proxy sends requests where they shall go.
    pub(super) async fn routed(&self, id: ServiceId, seconds: i64) -> Result<bool> {
        let until = self.core.clock.now().plus_seconds(seconds);
        while !self.services.route(id).await? {
            if self.core.clock.now() >= until {
                return Ok(false);
            }
            tokio::time::sleep(ASK).await;
        }
        Ok(true)
    }

    /// Makes the copy and runs the release in it.
    pub(super) async fn run_beside(&self, live: &Arc<Live>) -> Result<Done, Stop> {
        let record = live.record();
        let (id, release) = (record.shown.service_id, record.order.release);
        let content = record.order.content.clone().ok_or_else(api::Error::internal)?;
        let number = self.release(release).await?.map_or(0, |release| release.number);
        let copy = match record.order.beside.clone() {
            Some(copy) => copy,
            None => {
                self.front_answers(id).await?;
                self.make_copy(live, &record, &content, number).await?
            }
        };
        self.services.recall(copy.id).await?;
        let kind = match record.shown.kind {
            DeploymentKind::Rollback => VersionKind::Restored,
            DeploymentKind::Deploy => VersionKind::Saved,
        };
        let why = format!("as in release {number} of {}", record.shown.service_name);
        self.configurations.put_released(&record.shown.created_by, copy.id, &content.configuration, kind, why).await?;
        let at = match copy.started_at {
            Some(at) => at,
            None => {
                let first = self.counted(id, copy.id).await?;
                let _gate = self.services.hold(copy.id).await;
                let (at, row) = (self.core.clock.now(), self.services.row_of(copy.id)?);
                let secrets = self.secrets_for(&record).await?;
                let placement = Placement { service_id: copy.id, release_id: release, hold: None, secrets: secrets.clone() };
                let asked = copy.id;
                let also: Also = Box::new(move |db| {
                    Box::pin(async move {
                        placement_put(db, asked, Some(&placement)).await?;
                        service_set_asked(db, asked, api::Desired::Running, at).await
                    })
                });
                let change = move |record: &mut Record| {
                    if let Some(copy) = &mut record.order.beside {
                        (copy.started_at, copy.first) = (Some(at), Some(first));
                    }
                };
                self.save(live, change, Vec::new(), Some(also)).await?;
                let pinned = Some(Arc::new(content.pinned(release, number, secrets)));
                self.services.switch(copy.id, Switch { spec: row.spec, pinned, at, runs: true }).await;
                self.tell_secrets(live, copy.id).await;
                at
            }
        };
        self.until_running(live, copy.id, at).await?;
        let port = self.services.shown(copy.id).and_then(|shown| shown.port).map(|port| format!(", on port {port}"));
        Ok(Done::with(format!("release {number} runs beside it, as {}{}", copy.name, port.unwrap_or_default())))
    }

    async fn make_copy(&self, live: &Live, record: &Record, content: &super::kept::Content, number: u64) -> Result<Copy> {
        let (id, name) = (record.shown.service_id, record.shown.service_name.clone());
        let copy_id = ServiceId(self.core.clock.new_uuid());
        let row = self.services.drawn_copy(id, copy_id, content.spec_in(&self.services.row_of(id)?.spec))?;
        let copy = Copy {
            id: copy_id,
            name: row.name.clone(),
            started_at: None,
            has_answered: false,
            first: None,
            begun: None,
            is_over: false,
            is_gone: false,
        };
        let text = format!("{} was made, to run release {number} beside {name}", row.name);
        let event = NewEvent::new(EventKind::ServiceCreated, text).on(copy_id, &row.name).about(record.shown.id);
        let (put, spec, kept) = (row.clone(), self.services.sealed_row(&row)?, copy.clone());
        let also: Also = Box::new(move |db| Box::pin(async move { service_put(db, &put, &spec).await }));
        let traffic = steps(record.shown.deployment_type, &record.order.new.canary.clone().unwrap_or_default());
        let change = move |record: &mut Record| (record.order.beside, record.shown.traffic) = (Some(kept), traffic);
        self.save(live, change, vec![event], Some(also)).await?;
        self.services.take_in(row).await;
        Ok(copy)
    }

    /// Lets the release in, step by step, and when it isn't worse switches the service over.
    pub(super) async fn let_in(&self, live: &Arc<Live>) -> Result<Done, Stop> {
        let record = live.record();
        let copy = record.order.beside.clone().ok_or_else(api::Error::internal)?;
        let started_at = copy.started_at.ok_or_else(api::Error::internal)?;
        self.services.recall(copy.id).await?;
        if !copy.has_answered {
            self.until_well(live, copy.id, started_at).await?;
            live.line(&self.core, Stage::HealthCheck, format!("{} is well", copy.name), false);
        }
        // Whoever was ended with that found out goes on with it.
        let is_bad = |step: &&TrafficStep| step.judgement == Judgement::Worse || step.judgement == Judgement::TooFew && step.weight < 100;
        if let Some(step) = record.shown.traffic.iter().find(is_bad) {
            let reason = step.reason.clone().unwrap_or_default();
            return Err(match step.judgement {
                Judgement::Worse => self.worse(copy.id, &reason).await,
                _ => too_few(&record.order.new.canary.clone().unwrap_or_default(), &reason),
            }
            .into());
        }
        while let Some(at) = live.record().shown.traffic.iter().position(|step| step.finished_at.is_none()) {
            self.step(live, at, &copy).await?;
        }
        live.doing(&self.core, "switching the service itself over; its copy answers meanwhile");
        let done = self.switch_main(live).await?;
        let switched_at = live.record().order.switched_at.ok_or_else(api::Error::internal)?;
        self.until_well(live, record.shown.service_id, switched_at).await?;
        Ok(Done { note: done.note.map(|note| format!("{note}, and is well")), ..done })
    }

    /// Lets no more requests go to the copy, waits for those that are under way, and removes it. Can be done again.
    pub(super) async fn end_beside(&self, live: &Live, why: &str) -> Result<()> {
        let record = live.record();
        let id = record.shown.service_id;
        let Some(copy) = record.order.beside.clone().filter(|copy| !copy.is_gone) else { return Ok(()) };
        self.services.recall(copy.id).await?;
        if let Ok(row) = self.services.row_of(copy.id) {
            let gets_some = row.spec.beside.is_some_and(|beside| beside.weight > 0);
            if gets_some || !copy.is_over {
                let (mut spec, now) = (row.spec, self.core.clock.now());
                spec.beside = Some(api::Beside { of: id, weight: 0 });
                let (written, asked) = (self.services.sealed_spec(copy.id, &spec)?, copy.id);
                let also: Also = Box::new(move |db| Box::pin(async move { service_set_spec(db, asked, &written, now).await }));
                let change = |record: &mut Record| {
                    if let Some(copy) = &mut record.order.beside {
                        copy.is_over = true;
                    }
                };
                self.save(live, change, Vec::new(), Some(also)).await?;
                self.services.set_spec(copy.id, spec);
            }
            if copy.has_answered && self.services.row_of(id).is_ok() {
                self.drain(live, id, copy.id).await?;
            }
            let until = self.core.clock.now().plus_seconds(STOP + i64::from(self.services.row_of(copy.id)?.spec.stop_grace_seconds));
            loop {
                let changed = self.core.catalog.changed();
                if self.services.remove_part(copy.id, why).await? {
                    break;
                }
                if self.core.clock.now() >= until {
                    return Err(api::Error::unavailable(format!("{} doesn't end", copy.name)));
                }
                let _ = tokio::time::timeout(LOOK, changed).await;
            }
        }
        let change = |record: &mut Record| {
            if let Some(copy) = &mut record.order.beside {
                copy.is_gone = true;
            }
        };
        self.save(live, change, Vec::new(), None).await
    }

    /// Waits until no request to a copy is under way any more. A proxy that doesn't answer is no reason to stay: it reads its routes when it starts.
    async fn drain(&self, live: &Live, id: ServiceId, copy: ServiceId) -> Result<()> {
        if !self.routed(id, ANSWER / 3).await? {
            live.line(&self.core, live.record().shown.stage, "the proxy in front of it doesn't answer", true);
            return Ok(());
        }
        let until = self.core.clock.now().plus_seconds(DRAIN);
        while let Some(status) = self.services.front_status(id).await {
            let left = Counted::of(&status, &[], &self.services.instances(copy)).new.in_flight;
            if left == 0 {
                break;
            }
            if self.core.clock.now() >= until {
                let line = format!("{left} requests to the copy were still under way after {DRAIN} s, and are cut");
                live.line(&self.core, live.record().shown.stage, line, true);
                break;
            }
            live.doing(&self.core, format!("waiting for {left} requests to the copy"));
            tokio::time::sleep(ASK).await;
        }
        Ok(())
    }

    /// Removes copies that no deployment under way has made.
    pub(super) async fn clear_copies(&self) -> Result<()> {
        let copies = self.services.copies();
        if copies.is_empty() {
            return Ok(());
        }
        let rows = deployment_open(&mut self.core.store.main.read().await?).await?;
        let mut wanted = Vec::new();
        for row in rows {
            wanted.extend(Record::open(&self.core, row)?.order.beside.map(|copy| copy.id));
        }
        for copy in copies.into_iter().filter(|copy| !wanted.contains(copy)) {
            self.services.remove_part(copy, "the deployment that it was made for is over").await?;
        }
        Ok(())
    }
}
