//! Undoing a deployment: the service goes back to what it was, and nothing of what was made is left over.

use std::sync::Arc;
use std::time::Duration;

use api::{DeploymentKind, DeploymentStatus, Desired, EventKind, Hold, Result, Stage, StageStatus, Timestamp, VersionKind};

use super::kept::{Before, Record, Undoing, content};
use super::live::{Also, Live};
use super::{Manager, progress};
use crate::events::NewEvent;
use crate::services::{Switch, Switched};
use crate::store::releases::{Placement, placement_put, release_find};
use crate::store::services::{service_set_asked, service_set_spec};

/// How often the service is looked at, besides at each change of it.
const LOOK: Duration = Duration::from_secs(1);
/// Seconds that it may take to run again.
const PATIENCE: i64 = 300;

impl Manager {
    /// Goes back to what was before, and ends the deployment.
    pub(super) async fn undo(&self, live: &Arc<Live>) -> Result<()> {
        let record = live.record();
        let (id, stage) = (record.shown.service_id, record.shown.stage);
        let undoing = record.order.undoing.clone().ok_or_else(api::Error::internal)?;
        let mut more = None;
        if let Some(before) = &record.order.before {
            live.line(&self.core, stage, "going back to what was before", false);
            if self.services.row_of(id).is_ok() {
                let why = format!("as it was before deployment {}", record.shown.id);
                // What somebody else has saved before it was switched isn't ours to take back.
                let is_ours = match &record.order.content {
                    _ if record.order.switched_at.is_some() => true,
                    Some(content) => self.configurations.says(id, &content.configuration).await?,
                    None => false,
                };
                if is_ours {
                    self.configurations.put_released("pilothouse", id, &before.configuration, VersionKind::Reverted, why).await?;
                }
                if record.order.switched_at.is_none() && before.ran {
                    self.services.release_replicas(id).await?;
                }
                if record.order.switched_at.is_some() {
                    let at = match undoing.back_at {
                        Some(at) => at,
                        None => self.switch_back(live, before).await?,
                    };
                    more = self.wait_until_back(live, at).await;
                    let (said, is_error) =
                        more.clone().map_or_else(|| ("what was before is as it was".to_owned(), false), |why| (why, true));
                    live.line(&self.core, stage, said, is_error);
                }
            }
        }
        self.end_beside(live, "its deployment was undone").await?;
        if record.shown.kind == DeploymentKind::Deploy {
            self.remove_made(&record).await;
        }
        self.end(live, &undoing, more).await
    }

    /// Switches the service to what it ran before, in one commit.
    async fn switch_back(&self, live: &Live, before: &Before) -> Result<Timestamp> {
        let id = live.record().shown.service_id;
        let _gate = self.services.hold(id).await;
        let row = self.services.row_of(id)?;
        let kept = match before.release {
            Some(release) => release_find(&mut self.core.store.main.read().await?, release).await?,
            None => None,
        };
        let secrets = self.secrets_back(before, live.record().order.undoing.is_some_and(|undoing| undoing.holds)).await?;
        let pinned = match &kept {
            Some(row) => {
                let content = content(&self.core, row).await?;
                if let Err(why) = self.put_files(&content).await {
                    live.line(&self.core, live.record().shown.stage, why.error, true);
                }
                Some(Arc::new(content.pinned(row.id, row.number, secrets.clone())))
            }
            None => None,
        };
        let mut spec = before.spec.clone();
        (spec.labels, spec.depends_on) = (row.spec.labels.clone(), row.spec.depends_on.clone());
        (spec.proxy_port, spec.replicas, spec.rollout) = (row.spec.proxy_port, row.spec.replicas, row.spec.rollout);
        if self.services.is_configured(id) {
            (spec.environment, spec.environment_files) = Default::default();
        }
        // What somebody has stopped meanwhile stays down.
        let runs = before.ran && row.desired == Desired::Running;
        let at = self.core.clock.now();
        let placement = kept.map(|row| Placement { service_id: id, release_id: row.id, hold: before.hold.clone(), secrets });
        let (written, desired) = (self.services.sealed_spec(id, &spec)?, if runs { Desired::Running } else { Desired::Stopped });
        let also: Also = Box::new(move |db| {
            Box::pin(async move {
                placement_put(db, id, placement.as_ref()).await?;
                service_set_spec(db, id, &written, at).await?;
                service_set_asked(db, id, desired, at).await
            })
        });
        let change = move |record: &mut Record| {
            if let Some(undoing) = &mut record.order.undoing {
                undoing.back_at = Some(at);
            }
        };
        self.save(live, change, Vec::new(), Some(also)).await?;
        self.services.switch(id, Switch { spec, pinned, at, runs }).await;
        self.tell_secrets(live, id).await;
        Ok(at)
    }

    /// Waits until the service is what it was; answers why it isn't, when it isn't.
    async fn wait_until_back(&self, live: &Live, at: Timestamp) -> Option<String> {
        let id = live.record().shown.service_id;
        let until = self.core.clock.now().plus_seconds(PATIENCE);
        loop {
            let changed = self.core.catalog.changed();
            match self.services.switched(id, at) {
                Switched::Running(_) if self.behind(id, at).is_empty() => return None,
                Switched::Running(_) => live.doing(&self.core, format!("waiting for {}", self.behind(id, at).join(", "))),
                Switched::Stopped if self.services.is_at_rest(id) => return None,
                Switched::Failed(why) => return Some(format!("what was before couldn't be started again: {why}")),
                Switched::Stopped | Switched::Moving(_) => {}
            }
            if self.core.clock.now() >= until {
                let behind = self.behind(id, at);
                let what = if behind.is_empty() { "what was before".to_owned() } else { behind.join(", ") };
                return Some(format!("{what} didn't run again within {} minutes", PATIENCE / 60));
            }
            let _ = tokio::time::timeout(LOOK, changed).await;
        }
    }

    /// Ends a deployment that was undone.
    async fn end(&self, live: &Live, undoing: &Undoing, more: Option<String>) -> Result<()> {
        let record = live.record();
        let (id, now, status) = (record.shown.service_id, self.core.clock.now(), undoing.status);
        let name = record.shown.service_name.clone();
        let error = record.shown.error.clone().unwrap_or_default();
        let error = match more {
            Some(more) => format!("{error}; {more}"),
            None => error,
        };
        let (kind, text) = match status {
            DeploymentStatus::Cancelled => (EventKind::DeploymentCancelled, format!("A deployment of {name} was cancelled: {error}")),
            DeploymentStatus::RolledBack => {
                (EventKind::DeploymentRolledBack, format!("A deployment of {name} was rolled back by itself: {error}"))
            }
            _ => (EventKind::DeploymentFailed, format!("A deployment of {name} failed: {error}")),
        };
        let data = serde_json::json!({ "deployment_id": record.shown.id, "stage": record.shown.stage, "reason": error });
        let event = NewEvent::new(kind, text).on(id, &name).about(record.shown.id).with(data);
        let placement = if undoing.holds { self.placement(id).await? } else { None };
        let number = match &placement {
            Some(placement) => self.release(placement.release_id).await?.map_or(0, |release| release.number),
            None => 0,
        };
        let also: Option<Also> = placement.map(|placement| -> Also {
            let hold = Hold { release: number, since: now, by: None, reason: error.clone() };
            Box::new(move |db| Box::pin(async move { placement_put(db, id, Some(&Placement { hold: Some(hold), ..placement })).await }))
        });
        let change = move |record: &mut Record| {
            if (record.order.switched_at.is_some() || record.order.beside.is_some())
                && let Some(deploy) = record.shown.stages.iter_mut().find(|stage| stage.name == Stage::Deploy)
                && deploy.status == StageStatus::Succeeded
            {
                deploy.status = StageStatus::Undone;
            }
            for stage in record.shown.stages.iter_mut().filter(|stage| stage.status == StageStatus::Pending) {
                stage.status = StageStatus::Cancelled;
            }
            (record.shown.status, record.shown.finished_at, record.shown.is_undoing) = (status, Some(now), false);
            record.shown.error = Some(error);
            (record.order.before, record.order.content) = (None, None);
            (record.order.baseline, record.order.beside) = (None, None);
            record.order.new.configuration.values.clear();
            progress::count(&mut record.shown, now);
        };
        self.save(live, change, vec![event], also).await
    }
}
