//! Taking on deployments and rollbacks, and ending them early: recorded and answered at once, then carried out.

use std::collections::BTreeMap;

use api::{
    Artifact, Caller, Deployment, DeploymentAccepted, DeploymentId, DeploymentKind, DeploymentStatus, Error, EventKind, Hold,
    NewDeployment, NewRollback, Permission, Queueing, ReleaseId, Result, RuntimeKind, ServiceId, ServiceSpec, Source, Stage, StageStatus,
    Strategy,
};

use super::kept::{Content, Order, Record, content};
use super::live::{Live, lock};
use super::{Manager, progress};
use crate::events::NewEvent;
use crate::secrets::keyring::require_key;
use crate::store::deploy_hooks::{Delivery, delivery_add, delivery_find};
use crate::store::deployments::{DeploymentFilter, deployment_add, deployment_list, deployment_open, deployment_update, frame_keep};
use crate::store::releases::release_find;
use crate::store::services::ServiceRow;

/// Deployments of one service that may wait.
const WAITING: usize = 20;
/// Deployments of a service of which it is kept what was told.
const TOLD: u32 = 50;
/// Deployments before that say how long this one will take.
const HISTORY: usize = 5;

/// What a deployment would be made of, when there is nothing against it.
pub(super) struct Drawn {
    pub row: ServiceRow,
    pub strategy: Strategy,
    pub content: Content,
}

impl Manager {
    /// Looks whether a deployment can be, and what it would be made of.
    pub(super) async fn drawn_up(&self, caller: &Caller, id: ServiceId, new: &NewDeployment) -> Result<Drawn> {
        Error::invalid_fields(new.faults())?;
        if new.urgent.is_some() {
            caller.require_on(Permission::DeploymentsRules, id)?;
        }
        let row = self.services.row_of(id)?;
        self.services.is_no_part(&row)?;
        deployable(&row)?;
        let strategy = strategy(new, &row.spec)?;
        if !new.configuration.values.is_empty() {
            caller.require_on(Permission::ConfigChange, id)?;
        }
        let changes = [new.configuration.image.is_some(), new.configuration.reference.is_some(), !new.resources.is_empty()];
        if changes.contains(&true) {
            caller.require_on(Permission::ServicesChange, id)?;
        }
        let mut spec = row.spec.clone();
        if let Some(image) = &new.configuration.image {
            spec.source = with_image(&spec.source, image)?;
        }
        if let Some(reference) = &new.configuration.reference {
            spec.source = with_reference(&spec.source, reference)?;
        }
        if !new.resources.is_empty() {
            spec.limits = new.resources;
        }
        let artifact = match new.release_id {
            Some(release) => self.promoted(caller, id, &spec, release).await?.artifact,
            None => Artifact::Command,
        };
        if let (Source::Image { .. }, Artifact::Image { image, .. }) = (&spec.source, &artifact) {
            spec.source = spec.source.with_image(image).map_err(|why| Error::invalid("/release_id", why))?;
        }
        self.services.may_release(caller, &spec, &row.spec).await?;
        let configuration = self.configurations.released(id, &new.configuration.values).await?;
        self.configurations.may_release(caller, id, &configuration).await?;
        let content = Content { spec, of_files: BTreeMap::new(), configuration, artifact, folder: None };
        Ok(Drawn { row, strategy, content })
    }

    pub(super) async fn take_on(&self, caller: &Caller, id: ServiceId, new: NewDeployment) -> Result<DeploymentAccepted> {
        Ok(self.take_on_once(caller, id, new, None).await?.0)
    }

    /// Takes on a deployment, and answers true; or the one that the same delivery has made before.
    pub(super) async fn take_on_once(
        &self,
        caller: &Caller,
        id: ServiceId,
        new: NewDeployment,
        delivery: Option<Delivery>,
    ) -> Result<(DeploymentAccepted, bool)> {
        self.services.may_change()?;
        let Drawn { row, strategy, .. } = self.drawn_up(caller, id, &new).await?;
        if let Some(hold) = self.placement(id).await?.and_then(|placement| placement.hold) {
            return Err(Error::conflict(held(&row.name, &hold)));
        }
        let queue = new.queue.unwrap_or(Queueing::Wait);
        let message = new.message.trim().to_owned();
        let release = ReleaseId(self.core.clock.new_uuid());
        let text = match &new.urgent {
            Some(why) => format!("{} asked for a deployment of {} that can't wait: {}", caller.name, row.name, why.trim()),
            None => format!("{} asked for a deployment of {}", caller.name, row.name),
        };
        let order = Order { new, ..order(release, None) };
        self.add(caller, &row, (DeploymentKind::Deploy, strategy), order, message, queue, text, delivery).await
    }

    pub(super) async fn go_back(&self, caller: &Caller, id: DeploymentId, new: NewRollback) -> Result<DeploymentAccepted> {
        self.services.may_change()?;
        let record = self.record(id).await?;
        let service = record.shown.service_id;
        caller.require_on(Permission::DeploymentsRun, service)?;
        let asked = NewDeployment { message: new.message.clone(), ..NewDeployment::default() };
        Error::invalid_fields(asked.faults())?;
        let row = self.services.row_of(service)?;
        deployable(&row)?;
        let shown = self.complete(&record).await?;
        let blocked = |why: &str| Error::conflict(format!("'{}' can't be rolled back to that: {why}", row.name));
        shown.can_roll_back().map_err(|why| blocked(why.0))?;
        let release = shown.release.ok_or_else(|| blocked("its release isn't kept any more"))?;
        let kept = release_find(&mut self.core.store.main.read().await?, release.id).await?;
        let kept = kept.ok_or_else(|| blocked("its release isn't kept any more"))?;
        let content = content(&self.core, &kept).await?;
        self.services.may_release(caller, &content.spec_in(&row.spec), &row.spec).await?;
        self.configurations.may_release(caller, service, &content.configuration).await?;
        let strategy = strategy(&asked, &content.spec_in(&row.spec))?;
        let text = format!("{} asked for a rollback of {} to {}", caller.name, row.name, release.label());
        let message = new.message.trim().to_owned();
        let order = Order { new: asked, present_secrets: new.present_secrets, ..order(release.id, Some(content)) };
        let (accepted, _) =
            self.add(caller, &row, (DeploymentKind::Rollback, strategy), order, message, Queueing::Replace, text, None).await?;
        Ok(accepted)
    }

    #[expect(clippy::too_many_arguments, reason = "each is what the deployment is made of")]
    async fn add(
        &self,
        caller: &Caller,
        row: &ServiceRow,
        (kind, strategy): (DeploymentKind, Strategy),
        mut order: Order,
        message: String,
        queue: Queueing,
        text: String,
        delivery: Option<Delivery>,
    ) -> Result<(DeploymentAccepted, bool)> {
        let (service, now) = (row.id, self.core.clock.now());
        order.asked_by = caller.user_id;
        let deployment_id = DeploymentId(self.core.clock.new_uuid());
        let mut shown = Deployment {
            id: deployment_id,
            service_id: service,
            service_name: row.name.clone(),
            target_environment: row.spec.in_environment().to_owned(),
            deployment_type: strategy,
            kind,
            release: None,
            previous_release: self.services.pinned(service).ok().flatten().map(|pinned| pinned.number),
            status: DeploymentStatus::Pending,
            stage: Stage::Validate,
            progress: 0,
            stages: progress::stages(),
            traffic: Vec::new(),
            urls: Vec::new(),
            error: None,
            suggestion: None,
            failing_lines: Vec::new(),
            waits_for: None,
            approved_by: None,
            urgent: order.new.urgent.as_deref().map(|why| why.trim().to_owned()),
            is_undoing: false,
            cancelled_by: None,
            created_by: caller.name.clone(),
            created_at: now,
            started_at: None,
            finished_at: None,
            expected_seconds: None,
            message,
            revision: 1,
        };
        let is_canary = strategy == Strategy::Canary && row.desired == api::Desired::Running;
        progress::expect(&mut shown, &self.history(service, kind).await?, progress::watches(&order.new, is_canary));
        let release_id = (kind == DeploymentKind::Rollback).then_some(order.release);
        let record = Record { shown, seq: 0, release_id, order };
        let new = record.row(&self.core)?;
        let replaced = match queue {
            Queueing::Wait => Vec::new(),
            Queueing::Replace => self.waiting(service).await?,
        };
        let mut updates = Vec::new();
        for mut old in replaced {
            let revision = old.shown.revision;
            cancel_waiting(&mut old, &caller.name, now, Some("a newer one took its place"));
            updates.push((old.row(&self.core)?, revision));
        }
        let event = NewEvent::new(EventKind::DeploymentAsked, text).on(service, &row.name).by(caller).about(deployment_id);
        let event = event.with(serde_json::json!({ "deployment_id": deployment_id }));
        let name = row.name.clone();
        let ended: Vec<DeploymentId> = updates.iter().map(|(row, _)| row.shown.id).collect();
        let write = self.core.events.write(move |db| {
            Box::pin(async move {
                if let Some(delivery) = &delivery {
                    if let Some(made) = delivery_find(db, delivery).await? {
                        return Ok((Some(made), Vec::new()));
                    }
                    delivery_add(db, delivery, deployment_id).await?;
                }
                let mut events = vec![event];
                let mut count = deployment_open(db).await?.iter().filter(|row| row.shown.service_id == service).count();
                for (old, revision) in updates {
                    let key = require_key(db, &old.sealed).await?;
                    // One that has begun meanwhile goes on.
                    if deployment_update(db, &old, revision, key).await? {
                        count -= 1;
                        let text = format!("A deployment of {name} that waited was cancelled: a newer one took its place");
                        events.push(NewEvent::new(EventKind::DeploymentCancelled, text).on(service, &name).about(old.shown.id));
                    }
                }
                if count > WAITING {
                    let why = format!(
                        "{WAITING} deployments of '{name}' wait already; cancel some, or let this one take their place (queue: replace)"
                    );
                    return Err(Error::conflict(why).into());
                }
                let key = require_key(db, &new.sealed).await?;
                deployment_add(db, &new, key).await?;
                frame_keep(db, service, TOLD).await?;
                Ok((None, events))
            })
        });
        if let Some(deployment_id) = write.await? {
            return Ok((DeploymentAccepted { deployment_id }, false));
        }
        ended.iter().for_each(|id| drop(lock(&self.live).remove(id)));
        self.wake(service);
        Ok((DeploymentAccepted { deployment_id }, true))
    }

    pub(super) async fn end_early(&self, caller: &Caller, id: DeploymentId) -> Result<Deployment> {
        self.services.may_change()?;
        let record = self.record(id).await?;
        let service = record.shown.service_id;
        caller.require_on(Permission::DeploymentsRun, service)?;
        let name = record.shown.service_name.clone();
        let blocked = |why: api::Blocked| Error::conflict(format!("the deployment of '{name}' can't be cancelled: {}", why.0));
        record.shown.can_cancel().map_err(blocked)?;
        let text = format!("{} asked for an end of a deployment of {name}", caller.name);
        let event = NewEvent::new(EventKind::DeploymentCancelAsked, text).on(service, &name).by(caller).about(id);
        let live = self.live_of(record).await?;
        let (by, now) = (caller.name.clone(), self.core.clock.now());
        let mut refused = None;
        let change = |record: &mut Record| {
            refused = record.shown.can_cancel().err();
            match record.shown.status {
                _ if refused.is_some() => {}
                DeploymentStatus::Pending => cancel_waiting(record, &by, now, None),
                _ => record.shown.cancelled_by = Some(by),
            }
        };
        self.save(&live, change, vec![event], None).await?;
        if let Some(why) = refused {
            return Err(blocked(why));
        }
        live.cancel.cancel();
        if live.record().shown.status.is_over() {
            // Nobody carries it out.
            lock(&self.live).remove(&id);
        }
        self.wake(service);
        self.complete(&live.record()).await
    }

    /// Deployments of a service that wait.
    async fn waiting(&self, service: ServiceId) -> Result<Vec<Record>> {
        let rows = deployment_open(&mut self.core.store.main.read().await?).await?;
        let waiting = rows.into_iter().filter(|row| row.shown.service_id == service && row.shown.status == DeploymentStatus::Pending);
        waiting.map(|row| Record::open(&self.core, row)).collect()
    }

    /// The last deployments of that kind that succeeded, each with the seconds for which it watched its release.
    async fn history(&self, service: ServiceId, kind: DeploymentKind) -> Result<Vec<(Deployment, u32)>> {
        let filter = DeploymentFilter { service_id: Some(service), status: Some(DeploymentStatus::Succeeded), before: None, limit: 20 };
        let rows = deployment_list(&mut self.core.store.main.read().await?, &filter).await?;
        let mut before = Vec::new();
        for row in rows.into_iter().filter(|row| row.shown.kind == kind).take(HISTORY) {
            // One that can't be read says nothing.
            let Ok(Record { shown, order, .. }) = self.record(row.shown.id).await else { continue };
            // One that nothing ran before has no steps.
            let is_canary = shown.deployment_type == Strategy::Canary && shown.traffic.len() > 1;
            let watched = progress::watches(&order.new, is_canary);
            before.push((shown, watched));
        }
        Ok(before)
    }

    /// What this instance has of a deployment that isn't over.
    pub(super) async fn live_of(&self, record: Record) -> Result<std::sync::Arc<Live>> {
        let id = record.shown.id;
        let told = crate::store::deployments::frame_newest(&mut self.core.store.main.read().await?, id).await?;
        Ok(lock(&self.live).entry(id).or_insert_with(|| Live::new(record, told)).clone())
    }
}

fn order(release: ReleaseId, content: Option<Content>) -> Order {
    Order {
        new: NewDeployment::default(),
        release,
        asked_by: None,
        present_secrets: false,
        commit: None,
        content,
        before: None,
        switched_at: None,
        healthy_until: None,
        watched_until: None,
        baseline: None,
        beside: None,
        undoing: None,
    }
}

/// Ends one that hasn't begun.
pub(super) fn cancel_waiting(record: &mut Record, by: &str, now: api::Timestamp, why: Option<&str>) {
    let shown = &mut record.shown;
    shown.waits_for = None;
    (shown.status, shown.cancelled_by, shown.finished_at) = (DeploymentStatus::Cancelled, Some(by.to_owned()), Some(now));
    shown.error =
        Some(why.map_or_else(|| format!("{by} cancelled it before it began"), |why| format!("it was cancelled before it began: {why}")));
    for stage in &mut shown.stages {
        stage.status = StageStatus::Cancelled;
    }
    shown.revision += u64::from(why.is_some());
}

/// Fails with `conflict` for what can't be deployed.
fn deployable(row: &ServiceRow) -> Result<()> {
    let why = match &row.spec.source {
        Source::Folder { .. } | Source::Command { .. } | Source::Image { .. } | Source::Build { .. } => return Ok(()),
        Source::Repository { .. } => return Ok(()),
        Source::Container { .. } => "others have made its container; deploy it where that is made, or make a service of its image",
        Source::Demonstration { .. } => "the demonstration is a part of Pilothouse, and changes with it",
        Source::Proxy { .. } => "a proxy is a part of Pilothouse; restart it to let it run the newest",
    };
    Err(Error::conflict(format!("'{}' can't be deployed: {why}", row.name)))
}

fn strategy(new: &NewDeployment, spec: &ServiceSpec) -> Result<Strategy> {
    let asked = new.deployment_type.as_deref().unwrap_or_default();
    if let Some(strategy) = new.strategy() {
        return match strategy.possible(spec) {
            Ok(()) => Ok(strategy),
            Err(blocked) => Err(Error::invalid("/deployment_type", blocked.0)),
        };
    }
    let is_other = |runtime: &RuntimeKind| runtime.as_str() == asked && *runtime != spec.runtime;
    if let Some(other) = RuntimeKind::ALL.iter().find(|runtime| is_other(runtime)) {
        let message =
            format!("it is run by {}, not by {}; leave this out to take what is best for it", spec.runtime.label(), other.label());
        return Err(Error::invalid("/deployment_type", message));
    }
    Ok(Strategy::of(spec))
}

/// That source with another image, which its secret mustn't leave its registry for.
pub(super) fn with_image(source: &Source, image: &str) -> Result<Source> {
    source.with_image(image.trim()).map_err(|why| Error::invalid("/configuration/image", why))
}

/// That source with another branch, tag or commit.
pub(super) fn with_reference(source: &Source, reference: &str) -> Result<Source> {
    source.with_reference(reference.trim()).map_err(|why| Error::invalid("/configuration/reference", why))
}

/// Why a service that is held can't be deployed.
pub(super) fn held(name: &str, hold: &Hold) -> String {
    let who = hold.by.as_deref().map_or_else(|| "Pilothouse".to_owned(), |by| by.to_owned());
    format!("'{name}' is held at release {} since {who} went back to it: {}. Let it go first, then deploy it", hold.release, hold.reason)
}
