//! Services that run a release: its files or its image take the place of what their source is now.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use api::{Action, Caller, Desired, Error, NOT_RESTARTED, ReleaseId, Result, ServiceId, ServiceSpec, Status, Timestamp};

use super::failure::LAST_LINES;
use super::launch::Preparing;
use super::told::Unreadable;
use super::{Services, entry, image, lock};
use crate::store::secret_values::SecretVersions;
use crate::user::SystemUser;

/// What a service runs in place of what its source is now.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Pinned {
    /// The release.
    pub release: ReleaseId,
    /// Its number.
    pub number: u64,
    /// The folder with its files, when it is of a folder.
    pub folder: Option<PathBuf>,
    /// The image, pinned, when it is of one.
    pub image: Option<String>,
    /// What the files with variables of its folder said when it was made.
    pub of_files: BTreeMap<String, String>,
    /// The versions of secrets that it runs with since it was taken back, in place of the present ones.
    pub secrets: SecretVersions,
}

impl std::fmt::Debug for Pinned {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Pinned").field("number", &self.number).field("folder", &self.folder).field("image", &self.image).finish()
    }
}

/// A switch of a service to another release, to be shown and acted on when it is written.
#[derive(Clone, Debug)]
pub(crate) struct Switch {
    /// What it is from now on.
    pub spec: ServiceSpec,
    /// What it runs.
    pub pinned: Option<Arc<Pinned>>,
    /// When that was asked for.
    pub at: Timestamp,
    /// Whether it shall run.
    pub runs: bool,
}

/// What has become of a switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Switched {
    /// It isn't done, and what is being done.
    Moving(Option<String>),
    /// The service runs it, since then.
    Running(Timestamp),
    /// It couldn't be run, or has ended, and why.
    Failed(String),
    /// Somebody has asked for a stop meanwhile.
    Stopped,
}

impl Services {
    /// Lets a service run a release from its next start on; nothing lets it run what its source is.
    pub(crate) fn pin(&self, id: ServiceId, pinned: Option<Result<Arc<Pinned>, Unreadable>>) {
        match pinned {
            Some(pinned) => lock(&self.pinned).insert(id, pinned),
            None => lock(&self.pinned).remove(&id),
        };
    }

    /// Takes what the store says of all services.
    pub(super) fn pin_all(&self, all: std::collections::HashMap<ServiceId, Result<Arc<Pinned>, Unreadable>>) {
        *lock(&self.pinned) = all;
    }

    /// The release that a service runs; none when it was never deployed. Fails with `service_failed` when it can't be read.
    pub(crate) fn pinned(&self, id: ServiceId) -> Result<Option<Arc<Pinned>>> {
        let of = self.told_as(id);
        let pinned = lock(&self.pinned).get(&of).cloned().transpose();
        pinned.map_err(|why| Error::service(format!("the release that it runs can't be read, so it isn't run without it: {why}")))
    }

    /// Shows a switch that is written, and lets the reconciler act on it. Whoever calls holds the service.
    pub(crate) async fn switch(&self, id: ServiceId, switch: Switch) {
        let Switch { spec, pinned, at, runs } = switch;
        self.pin(id, pinned.map(Ok));
        let desired = if runs { Desired::Running } else { Desired::Stopped };
        self.set_row(id, |row| {
            (row.spec, row.desired, row.desired_at, row.last_updated) = (spec, desired, at, at);
            if runs {
                row.boot_id = None;
            }
        });
        let Ok(row) = self.row(id) else { return };
        self.runtimes.adopt(id, &row.spec);
        let is_handover = runs && self.can_hand_over(id);
        let is_up = |status| matches!(status, Status::Running | Status::Starting | Status::Stopping | Status::Unknown);
        let mut action = Action::Start;
        self.core.catalog.update(id, |entry| {
            action = match (runs, is_up(entry.service.status)) {
                (true, true) => Action::Restart,
                (true, false) => Action::Start,
                (false, _) => Action::Stop,
            };
            entry::refresh(entry, &row);
            if !is_handover {
                entry.service.status = action.expected();
            }
            entry.service.status_reason = None;
            entry.service.restarts = Default::default();
            entry.service.last_updated = at;
            entry.diagnosis.clear();
        });
        self.wake(id, action);
        self.forget_look().await;
    }

    /// What has become of the switch at `at`.
    pub(crate) fn switched(&self, id: ServiceId, at: Timestamp) -> Switched {
        let (Ok(row), Some(entry)) = (self.row(id), self.core.catalog.find(id)) else {
            return Switched::Failed("the service has been deleted".into());
        };
        if row.desired == Desired::Stopped {
            return Switched::Stopped;
        }
        let (status, reason) = (entry.service.status, entry.service.status_reason.clone());
        let is_moving = lock(&self.agents).contains_key(&id);
        let words = |fallback: &str| reason.clone().unwrap_or_else(|| fallback.into());
        match status {
            Status::Error if !is_moving => Switched::Failed(words("it couldn't be started")),
            _ if entry.service.restarts.in_a_row > 0 || entry.service.restarts.next_at.is_some() => {
                Switched::Failed(words("it has ended by itself"))
            }
            _ if is_moving || row.boot_id.is_none() && row.desired_at >= at => Switched::Moving(reason),
            Status::Running if reason.as_deref().is_some_and(|reason| reason.starts_with(NOT_RESTARTED)) => {
                Switched::Failed(words("it wasn't restarted"))
            }
            Status::Running => Switched::Running(entry.service.started_at.unwrap_or(at)),
            Status::Stopped => Switched::Failed(words("it has ended by itself")),
            Status::Error | Status::Starting | Status::Stopping | Status::Unknown => Switched::Moving(reason),
        }
    }

    /// Whether nothing of a service runs, and nothing is being done about it.
    pub(crate) fn is_at_rest(&self, id: ServiceId) -> bool {
        let is_moving = lock(&self.agents).contains_key(&id);
        // What couldn't be stopped has the time of its start still.
        let is_down = |service: &api::Service| matches!(service.status, Status::Stopped | Status::Error) && service.started_at.is_none();
        !is_moving && self.core.catalog.find(id).is_none_or(|entry| is_down(&entry.service))
    }
}

/// What deployments ask of services.
impl Services {
    /// Fails unless the caller may let a service be `spec` in place of what it was `before`.
    pub(crate) async fn may_release(&self, caller: &Caller, spec: &ServiceSpec, before: &ServiceSpec) -> Result<()> {
        image::may_open(caller, &spec.source, Some(&before.source))?;
        self.may_run(caller, spec, Some(before))?;
        self.may_run_from(caller, spec, Some(before)).await
    }

    /// What must be made before a release can run.
    pub(crate) async fn preparing(&self, spec: &ServiceSpec, folder: &Path) -> Result<Preparing> {
        self.planner.preparing(spec, folder).await
    }

    /// What the files with variables of a service say that are in `folder`, as `user` sees it when there is one.
    pub(crate) async fn said_by_files(
        &self,
        spec: &ServiceSpec,
        folder: &Path,
        user: Option<&SystemUser>,
    ) -> Result<BTreeMap<String, String>> {
        self.planner.said_by_files(spec, folder, user).await
    }

    /// The last lines that a service wrote since then.
    pub(crate) async fn newest_lines(&self, id: ServiceId, since: Option<Timestamp>) -> Vec<String> {
        self.lines(id, since, None, LAST_LINES).await
    }

    /// The names of the services that need one.
    pub(crate) async fn dependents_of(&self, id: ServiceId) -> Vec<String> {
        let Ok(entry) = self.core.catalog.get(id) else { return Vec::new() };
        let detail = self.with_dependencies(entry.detail()).await;
        detail.ok().and_then(|detail| detail.dependents).unwrap_or_default().into_iter().map(|one| one.name).collect()
    }
}

#[cfg(test)]
impl Services {
    /// What runs services, for tests.
    pub(crate) fn runtimes(&self) -> Arc<crate::runtime::Runtimes> {
        self.runtimes.clone()
    }
}
