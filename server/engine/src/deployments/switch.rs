//! Switching a service over to a release, and seeing whether it is well with it.

use std::sync::Arc;
use std::time::Duration;

use api::{
    CheckKind, DeploymentKind, EventKind, Health, Hold, NewDeployment, Result, RuntimeKind, ServiceId, Stage, StageStatus, Status,
    Strategy, Timestamp, VersionKind,
};

use super::baseline::Baseline;
use super::kept::{Before, Content, Record};
use super::live::{Also, Live};
use super::run::{Done, Failure, Stop};
use super::{Manager, progress};
use crate::events::NewEvent;
use crate::services::{Switch, Switched};
use crate::store::releases::{Placement, placement_put, release_set_good, release_set_version};
use crate::store::services::{ServiceRow, service_set_asked, service_set_spec};

/// How often a service is looked at, besides at each change of it.
pub(super) const LOOK: Duration = Duration::from_millis(if cfg!(test) { 20 } else { 1000 });
/// Seconds that a service may take to run, before it has to become healthy.
const START: i64 = 900;
/// Seconds that one without a health check has to run.
const STEADY: i64 = 3;

impl Manager {
    /// Switches the service over, and waits until it runs; or runs the release in a copy beside it.
    pub(super) async fn switch_over(&self, live: &Arc<Live>) -> Result<Done, Stop> {
        let mut record = live.record();
        if record.order.before.is_none() {
            let id = record.shown.service_id;
            let row = self.services.row_of(id)?;
            let (release, hold) = self.placement(id).await?.map(|at| (Some(at.release_id), at.hold)).unwrap_or_default();
            let configuration = self.configurations.released(id, &Default::default()).await?;
            let secrets = self.secrets_running(id, configuration.named.keys()).await?;
            let ran = row.desired == api::Desired::Running;
            let before = Before { release, hold, ran, spec: row.spec, configuration, secrets };
            self.save(live, move |record| record.order.before = Some(before), Vec::new(), None).await?;
            record = live.record();
        }
        let ran = record.order.before.as_ref().is_some_and(|before| before.ran);
        match record.shown.deployment_type.is_side_by_side() && ran {
            true => self.run_beside(live).await,
            false => self.switch_main(live).await,
        }
    }

    /// Switches the service itself over, and waits until it runs.
    pub(super) async fn switch_main(&self, live: &Live) -> Result<Done, Stop> {
        let record = live.record();
        let (id, release) = (record.shown.service_id, record.order.release);
        let content = record.order.content.clone().ok_or_else(api::Error::internal)?;
        let kind = match record.shown.kind {
            DeploymentKind::Rollback => VersionKind::Restored,
            DeploymentKind::Deploy => VersionKind::Saved,
        };
        let is_told = record.shown.kind == DeploymentKind::Rollback || !record.order.new.configuration.values.is_empty();
        let number = self.release(release).await?.map_or(0, |release| release.number);
        let version = match is_told {
            true => {
                let why = format!("as in release {number}");
                self.configurations.put_released(&record.shown.created_by, id, &content.configuration, kind, why).await?
            }
            false => content.configuration.version,
        };
        let at = match record.order.switched_at {
            Some(at) => at,
            None => {
                let baseline = Box::pin(self.baseline(live)).await?;
                self.rest_replicas(live).await?;
                self.surge(live).await?;
                self.switch_to(live, &content, number, version, baseline).await?
            }
        };
        self.until_running(live, id, at).await?;
        Ok(Done::with(format!("it runs release {number}")))
    }

    /// Waits until what was switched at `at` runs.
    pub(super) async fn until_running(&self, live: &Live, id: ServiceId, at: Timestamp) -> Result<(), Stop> {
        let until = at.plus_seconds(START);
        loop {
            let changed = self.core.catalog.changed();
            match self.services.switched(id, at) {
                Switched::Running(_) => return Ok(()),
                Switched::Failed(why) => return Err(self.why(id, format!("it couldn't be run: {why}")).await.into()),
                Switched::Stopped => return Err(Failure::new("somebody has stopped the service meanwhile").into()),
                Switched::Moving(what) => {
                    if let Some(what) = what {
                        live.doing(&self.core, what);
                    }
                }
            }
            if self.core.clock.now() >= until {
                return Err(self.why(id, format!("it didn't run within {} minutes", START / 60)).await.into());
            }
            let _ = tokio::time::timeout(LOOK, changed).await;
        }
    }

    /// Waits until what was switched at `at` is healthy.
    pub(super) async fn until_well(&self, live: &Live, id: ServiceId, at: Timestamp) -> Result<(), Stop> {
        let seconds = self.seconds_to_be_well(live);
        let until = self.core.clock.now().plus_seconds(seconds);
        loop {
            let changed = self.core.catalog.changed();
            let now = self.core.clock.now();
            match self.look_at(id, at, now) {
                Look::Good => return Ok(()),
                Look::Bad(bad, why) => return Err(self.why(bad, why).await.into()),
                Look::Gone => return Err(Failure::new("somebody has stopped the service meanwhile").into()),
                Look::Open(what) if now >= until => {
                    return Err(self.why(id, format!("it wasn't well within {seconds} s: {what}")).await.into());
                }
                Look::Open(what) => live.doing(&self.core, what),
            }
            let _ = tokio::time::timeout(LOOK, changed).await;
        }
    }

    async fn switch_to(
        &self,
        live: &Live,
        content: &Content,
        number: u64,
        version: Option<u64>,
        baseline: Option<Baseline>,
    ) -> Result<Timestamp> {
        let record = live.record();
        let (id, release) = (record.shown.service_id, record.order.release);
        let _gate = self.services.hold(id).await;
        let row = self.services.row_of(id)?;
        let mut spec = content.spec_in(&row.spec);
        if self.services.is_configured(id) {
            // What it is told is in its configuration.
            (spec.environment, spec.environment_files) = Default::default();
        }
        let at = self.core.clock.now();
        let seconds = self.seconds_to_be_well(live);
        let (written, is_new) = (self.services.sealed_spec(id, &spec)?, record.shown.kind == DeploymentKind::Deploy);
        let secrets = self.secrets_for(&record).await?;
        let placement = Placement { service_id: id, release_id: release, hold: None, secrets: secrets.clone() };
        let also: Also = Box::new(move |db| {
            Box::pin(async move {
                placement_put(db, id, Some(&placement)).await?;
                if is_new {
                    release_set_version(db, release, version).await?;
                }
                service_set_spec(db, id, &written, at).await?;
                service_set_asked(db, id, api::Desired::Running, at).await
            })
        });
        let change = move |record: &mut Record| {
            (record.order.switched_at, record.order.baseline) = (Some(at), baseline);
            record.order.healthy_until = Some(at.plus_seconds(START + seconds));
        };
        self.save(live, change, Vec::new(), Some(also)).await?;
        let pinned = Some(Arc::new(content.pinned(release, number, secrets)));
        self.services.switch(id, Switch { spec, pinned, at, runs: true }).await;
        self.tell_secrets(live, id).await;
        Ok(at)
    }

    /// What is to be thought of a service that was switched at `at`, with its replicas.
    pub(super) fn look_at(&self, id: ServiceId, at: Timestamp, now: Timestamp) -> Look {
        match self.look_at_one(id, at, now) {
            Look::Good => self.look_at_replicas(id, at, now),
            other => other,
        }
    }

    fn look_at_one(&self, id: ServiceId, at: Timestamp, now: Timestamp) -> Look {
        let since = match self.services.switched(id, at) {
            Switched::Running(since) => since,
            Switched::Failed(why) => return Look::Bad(id, why),
            Switched::Stopped => return Look::Gone,
            Switched::Moving(what) => return Look::Open(what.unwrap_or_else(|| "it is being restarted".into())),
        };
        let Some(entry) = self.core.catalog.find(id) else { return Look::Gone };
        let said = entry.checks.last().map(|check| check.message.clone());
        match (entry.service.health_status, entry.spec.health.kind) {
            (_, CheckKind::None) if now.seconds_since(since) >= STEADY as f64 => Look::Good,
            (_, CheckKind::None) => Look::Open("it has no health check; seeing whether it stays up".into()),
            (Health::Healthy, _) if entry.service.status == Status::Running => Look::Good,
            (Health::Unhealthy, _) => {
                Look::Bad(id, said.map_or_else(|| "its health check fails".into(), |said| format!("its health check fails: {said}")))
            }
            _ => Look::Open(said.unwrap_or_else(|| "waiting for its first health check".into())),
        }
    }

    /// What is to be thought of the replicas of a service that is well since it was switched at `at`. Those that somebody has stopped since don't count.
    fn look_at_replicas(&self, id: ServiceId, at: Timestamp, now: Timestamp) -> Look {
        let replicas = self.numbered(id);
        let wanted = self.services.row_of(id).map_or(0, |row| usize::from(row.spec.replicas));
        let (mut done, mut open) = (1, None);
        for row in &replicas {
            let look = match row.desired_at >= at {
                true => self.look_at_one(row.id, row.desired_at, now),
                false => Look::Open("its turn comes".into()),
            };
            match look {
                Look::Good | Look::Gone => done += 1,
                Look::Bad(bad, why) => return Look::Bad(bad, format!("{}: {why}", row.name)),
                Look::Open(what) => open = open.or(Some(format!("{}: {what}", row.name))),
            }
        }
        match open {
            Some(what) => Look::Open(format!("{done} of {wanted} replicas run it; {what}")),
            None if replicas.len() + 1 < wanted => Look::Open(format!("{done} of {wanted} replicas run it; others are being made")),
            None => Look::Good,
        }
    }

    /// The replicas of a service that stay.
    fn numbered(&self, id: ServiceId) -> Vec<ServiceRow> {
        let mut all = self.services.replicas(id);
        all.retain(|row| row.spec.replica.is_some_and(|replica| !replica.is_surge()));
        all
    }

    /// The replicas of a service that haven't come along since it was switched at `at`.
    pub(super) fn behind(&self, id: ServiceId, at: Timestamp) -> Vec<String> {
        let is_behind =
            |row: &ServiceRow| row.desired_at < at || matches!(self.services.switched(row.id, row.desired_at), Switched::Moving(_));
        self.numbered(id).into_iter().filter(is_behind).map(|row| row.name).collect()
    }

    /// Lets the replicas of a service end that is deployed as a whole: none of them answers with the old release when one does with the new one.
    async fn rest_replicas(&self, live: &Live) -> Result<(), Stop> {
        let record = live.record();
        let id = record.shown.service_id;
        let row = self.services.row_of(id)?;
        if record.shown.deployment_type != Strategy::Recreate || row.spec.replicas <= 1 || row.desired == api::Desired::Stopped {
            return Ok(());
        }
        live.doing(&self.core, "waiting for its replicas to end");
        let until = self.core.clock.now().plus_seconds(START + i64::from(row.spec.stop_grace_seconds));
        loop {
            let changed = self.core.catalog.changed();
            if self.services.rest_replicas(id).await? {
                return Ok(());
            }
            if self.core.clock.now() >= until {
                return Err(Failure::new("its replicas don't end").into());
            }
            let _ = tokio::time::timeout(LOOK, changed).await;
        }
    }

    /// Starts as many more of what runs as there shall be while the release goes from replica to replica.
    async fn surge(&self, live: &Live) -> Result<(), Stop> {
        let record = live.record();
        let id = record.shown.service_id;
        let row = self.services.row_of(id)?;
        let is_wanted = record.shown.deployment_type == Strategy::Rolling && row.spec.replicas > 1 && row.spec.rollout.surge > 0;
        if !is_wanted || row.desired == api::Desired::Stopped {
            return Ok(());
        }
        live.doing(&self.core, format!("starting {} more of what runs", row.spec.rollout.surge));
        let until = self.core.clock.now().plus_seconds(START);
        loop {
            let changed = self.core.catalog.changed();
            if self.services.row_of(id)?.desired == api::Desired::Stopped {
                return Err(Failure::new("somebody has stopped the service meanwhile").into());
            }
            let is_there = self
                .services
                .surge(id)
                .await
                .map_err(|error| Failure::new(format!("one more of what runs can't be started: {}", error.message)))?;
            if is_there {
                return Ok(());
            }
            if self.core.clock.now() >= until {
                return Err(Failure::new(format!("one more of what runs wasn't well within {} minutes", START / 60)).into());
            }
            let _ = tokio::time::timeout(LOOK, changed).await;
        }
    }

    /// Seconds in which a service has to be well with its replicas, which come one after the other.
    pub(super) fn seconds_to_be_well(&self, live: &Live) -> i64 {
        let record = live.record();
        let replicas = self.services.row_of(record.shown.service_id).map_or(1, |row| i64::from(row.spec.replicas));
        i64::from(record.order.new.health_seconds.unwrap_or(NewDeployment::HEALTH_SECONDS)) * replicas
    }

    /// Why a service isn't well, with what it wrote and what to do.
    pub(super) async fn why(&self, id: ServiceId, error: String) -> Failure {
        self.services.explain(id).await;
        let Some(entry) = self.core.catalog.find(id) else { return Failure::new(error) };
        let cause = entry.diagnosis.first();
        let advice = cause.map(|cause| match cause.actions.first() {
            Some(action) => format!("{}: {action}", cause.cause),
            None => cause.cause.clone(),
        });
        let lines = match entry.service.status {
            Status::Running => self.services.newest_lines(id, entry.service.started_at).await,
            _ => entry.last_exit.as_ref().map(|exit| exit.last_lines.clone()).unwrap_or_default(),
        };
        Failure { error, suggestion: advice, lines }
    }

    /// Removes what isn't needed any more.
    pub(super) async fn finalise(&self, live: &Live) -> Result<Done, Stop> {
        let record = live.record();
        let id = record.shown.service_id;
        self.end_beside(live, "the service runs the release itself").await?;
        self.keep_releases(live, id, record.order.release).await?;
        Ok(Done::with(match self.runtime_of(id) {
            Some(RuntimeKind::Docker) => "the images of old releases are removed",
            _ => "the files of old releases are removed",
        }))
    }

    fn runtime_of(&self, id: ServiceId) -> Option<RuntimeKind> {
        self.core.catalog.find(id).map(|entry| entry.service.runtime)
    }

    /// Ends a deployment that went well.
    pub(super) async fn finish(&self, live: &Live, note: Option<String>) -> Result<()> {
        let record = live.record();
        let (id, release, now) = (record.shown.service_id, record.order.release, self.core.clock.now());
        let (name, kind) = (record.shown.service_name.clone(), record.shown.kind);
        let number = self.release(release).await?.map_or(0, |release| release.number);
        let hold = (kind == DeploymentKind::Rollback).then(|| Hold {
            release: number,
            since: now,
            by: Some(record.shown.created_by.clone()),
            reason: if record.shown.message.is_empty() { "no reason was given".into() } else { record.shown.message.clone() },
        });
        let (text, event) = match kind {
            DeploymentKind::Deploy => (format!("{name} was deployed as release {number}"), EventKind::DeploymentSucceeded),
            DeploymentKind::Rollback => {
                (format!("{name} was rolled back to release {number}, and is held at it"), EventKind::DeploymentSucceeded)
            }
        };
        let data = serde_json::json!({ "deployment_id": record.shown.id, "release": number });
        let event = NewEvent::new(event, text).on(id, &name).about(record.shown.id).with(data);
        let secrets = self.placement(id).await?.map(|placement| placement.secrets).unwrap_or_default();
        let also: Also = Box::new(move |db| {
            Box::pin(async move {
                release_set_good(db, release).await?;
                placement_put(db, id, Some(&Placement { service_id: id, release_id: release, hold, secrets })).await
            })
        });
        let change = move |record: &mut Record| {
            progress::end(&mut record.shown, Stage::Finalise, StageStatus::Succeeded, note, now);
            record.shown.status = api::DeploymentStatus::Succeeded;
            record.shown.finished_at = Some(now);
            // What was asked for and what was before isn't needed any more; a release has what it needs.
            (record.order.before, record.order.content) = (None, None);
            (record.order.baseline, record.order.beside) = (None, None);
            record.order.new.configuration.values.clear();
        };
        self.save(live, change, vec![event], Some(also)).await
    }
}

/// What is to be thought of a service.
pub(super) enum Look {
    /// It can't be said yet, and what is waited for.
    Open(String),
    /// It is well.
    Good,
    /// It isn't, or one of its replicas, which one and why.
    Bad(ServiceId, String),
    /// Somebody has stopped it.
    Gone,
}
