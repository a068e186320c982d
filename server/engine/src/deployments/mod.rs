//! Deployments: a release is made of what a service is, taken to where it runs, watched, and taken back when the service isn't well with it.
//!
//! Each is a saga in the store. Its state is written before and after each step together with what that step writes, by whoever has the lease and nobody
//! else; so after a crash the next Pilothouse goes on from there, or undoes what was done. Steps can be done twice: files and images are named by what is
//! in them, a switch is one commit, and the reconciler brings the service to what that commit says.

mod archives;
mod ask;
mod baseline;
mod beside;
mod clean;
mod difference;
mod environments;
mod feed;
mod files;
mod gate;
mod git;
mod hooks;
mod kept;
mod list;
mod live;
mod plan;
mod progress;
mod push;
mod rules;
mod run;
mod secrets;
mod stages;
mod step;
mod switch;
mod undo;
mod watch;
mod windows;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Weak};

use api::{
    Caller, Deployment, DeploymentAccepted, DeploymentId, DeploymentLine, DeploymentLinesQuery, DeploymentPlan, DeploymentQuery,
    DeploymentRules, Error, EventKind, Freeze, FreezeId, NewDeployment, NewFreeze, NewRollback, Page, Permission, Release,
    ReleaseDifference, ReleaseDifferenceQuery, ReleaseId, Releases, Result, ServiceId, ServiceSpec, Timestamp, Verdict,
};
use async_trait::async_trait;

use crate::events::NewEvent;
use crate::runtime::Runtimes;
use crate::services::{Pinned, Services, blocking_as};
use crate::store::deployments::{deployment_find, frame_list};
use crate::store::releases::{Placement, ReleaseRow, placement_find, placement_put, release_find, release_list};
use crate::user::SystemUser;
use crate::{Core, configuration, monitoring};
use archives::Archives;
pub use feed::FrameReader;
pub(crate) use feed::Frames;
use git::Git;
pub(crate) use hooks::hook_context;
use kept::Record;
pub(crate) use kept::{deployment_context, placed, release_context};
use live::{Live, lock};

/// All deployments of this Pilothouse.
pub struct Manager {
    me: Weak<Self>,
    core: Arc<Core>,
    services: Arc<Services>,
    configurations: Arc<configuration::Manager>,
    runtimes: Arc<Runtimes>,
    monitoring: Arc<monitoring::Manager>,
    archives: Archives,
    git: Git,
    feeds: Arc<Frames>,
    /// Deployments that aren't over and that this instance has looked at.
    live: Mutex<HashMap<DeploymentId, Arc<Live>>>,
    /// Services whose deployments are being carried out, and whether more has come.
    busy: Mutex<HashMap<ServiceId, bool>>,
    /// Services with deployments that wait for a time, and when that is.
    due: Mutex<HashMap<ServiceId, Timestamp>>,
    /// Held while environments change, or a service is set up in one: what is used isn't removed.
    environments: tokio::sync::Mutex<()>,
    texts: list::Texts,
    pages: list::Pages,
    #[cfg(test)]
    faults: tests::Faults,
}

impl Manager {
    /// Nothing is carried out before [`Manager::spawn`].
    pub(crate) fn new(
        core: Arc<Core>,
        services: Arc<Services>,
        configurations: Arc<configuration::Manager>,
        runtimes: Arc<Runtimes>,
        monitoring: Arc<monitoring::Manager>,
        feeds: Arc<Frames>,
    ) -> Arc<Self> {
        let archives = Archives::new(releases_folder(&core).join("archives"));
        let git = Git::new(&core, releases_folder(&core).join("commits"));
        let (live, busy, due) = (Mutex::default(), Mutex::default(), Mutex::default());
        Arc::new_cyclic(|me| Self {
            me: me.clone(),
            core,
            services,
            configurations,
            runtimes,
            monitoring,
            archives,
            git,
            feeds,
            live,
            busy,
            due,
            environments: tokio::sync::Mutex::default(),
            texts: list::Texts::default(),
            pages: list::Pages::default(),
            #[cfg(test)]
            faults: Default::default(),
        })
    }

    /// A release, when it is still kept.
    async fn release(&self, id: ReleaseId) -> Result<Option<Release>> {
        let row = release_find(&mut self.core.store.main.read().await?, id).await?;
        Ok(row.map(|row| self.shown_release(row)))
    }

    /// Whether a service runs that release, or would at its next start.
    fn is_current(&self, service: ServiceId, release: ReleaseId) -> bool {
        self.services.pinned(service).ok().flatten().is_some_and(|pinned| pinned.release == release)
    }

    fn shown_release(&self, row: ReleaseRow) -> Release {
        let is_current = self.is_current(row.service_id, row.id);
        let ReleaseRow { id, service_id, number, deployment_id, artifact, configuration_version, created_at, created_by, .. } = row;
        Release { id, service_id, number, artifact, configuration_version, created_at, created_by, deployment_id, is_current }
    }

    async fn record(&self, id: DeploymentId) -> Result<Record> {
        let live = lock(&self.live).get(&id).cloned();
        if let Some(live) = live {
            return Ok(live.record());
        }
        let row = deployment_find(&mut self.core.store.main.read().await?, id).await?;
        let row = row.ok_or_else(|| Error::not_found("deployment", id))?;
        if crate::secrets::keyring::key_of(&row.sealed).is_some_and(|key| !self.core.keyring.knows(key)) {
            self.core.keyring.reload().await?;
        }
        Record::open(&self.core, row)
    }

    /// Which release a service runs, with its hold.
    async fn placement(&self, id: ServiceId) -> Result<Option<Placement>> {
        Ok(placement_find(&mut self.core.store.main.read().await?, id).await?)
    }

    /// Where a service answers.
    fn urls(&self, id: ServiceId) -> Vec<String> {
        self.core.catalog.find(id).and_then(|entry| entry.service.url.clone()).into_iter().collect()
    }

    /// The user that a service runs as, looked up anew; none is that of Pilothouse.
    fn user(spec: &ServiceSpec) -> Result<Option<SystemUser>> {
        let choose = |name: &str| SystemUser::choose(name).map_err(|why| Error::service(crate::user::not_as(name, &why)));
        spec.user.as_deref().map(choose).transpose()
    }

    /// The folder with the files of each release of a service: below the data folder, or in the home of its user, who can't reach that.
    async fn versions(&self, id: ServiceId, user: Option<&SystemUser>) -> Result<PathBuf> {
        let folder = match user {
            None => releases_folder(&self.core).join(id.to_string()),
            Some(user) => user.home.join(".local/share/pilothouse/releases").join(id.to_string()),
        };
        let wanted = folder.clone();
        let make = move || {
            use std::os::unix::fs::DirBuilderExt;
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(wanted)
        };
        blocking_as(user, make)
            .await?
            .map_err(|error| Error::service(format!("the folder {} for its releases can't be made: {error}", folder.display())))?;
        Ok(folder)
    }

    /// The service that a deployment goes to, when the caller may deploy that.
    async fn going_to(&self, caller: &Caller, id: ServiceId, new: &NewDeployment) -> Result<ServiceId> {
        caller.require_on(Permission::DeploymentsRun, id)?;
        Error::invalid_fields(new.faults())?;
        if new.service_id.is_some_and(|other| other != id) {
            return Err(Error::invalid("/service_id", "this is another service than the one of the address; leave it out"));
        }
        let there = self.destination(id, new).await?;
        caller.require_on(Permission::DeploymentsRun, there)?;
        Ok(there)
    }

    fn may_list(&self, caller: &Caller, query: &DeploymentQuery) -> Result<()> {
        caller.require(Permission::DeploymentsRead)?;
        if let Some(id) = query.service_id {
            caller.require_on(Permission::DeploymentsRead, id)?;
            self.core.catalog.get(id)?;
        }
        Ok(())
    }

    async fn all_releases(&self, id: ServiceId) -> Result<Releases> {
        self.services.row_of(id)?;
        let rows = release_list(&mut self.core.store.main.read().await?, id).await?;
        let current = self.services.pinned(id).ok().flatten();
        let is_shown = |row: &ReleaseRow| row.is_good || current.as_ref().is_some_and(|pinned| pinned.release == row.id);
        let running = rows.iter().find(|row| current.as_ref().is_some_and(|pinned| pinned.release == row.id)).cloned();
        let held = self.placement(id).await?.and_then(|placement| placement.hold);
        let is_changed = match running {
            Some(row) => self.is_changed_since(id, &row).await.unwrap_or_default(),
            None => false,
        };
        let items = rows.into_iter().filter(is_shown).map(|row| self.shown_release(row)).collect();
        // What can't be read is told when it is started.
        let secrets = self.secrets_held(id).await.unwrap_or_default();
        Ok(Releases { items, held, is_changed, secrets })
    }

    async fn end_hold(&self, caller: &Caller, id: ServiceId) -> Result<Releases> {
        self.services.may_change()?;
        let row = self.services.row_of(id)?;
        let _gate = self.services.hold(id).await;
        let placement = self.placement(id).await?.filter(|placement| placement.hold.is_some() || !placement.secrets.is_empty());
        let placement = placement.ok_or_else(|| Error::conflict(format!("'{}' isn't held at a release", row.name)))?;
        let text = match (&placement.hold, placement.secrets.is_empty()) {
            (Some(_), true) => format!("{} let {} be deployed again", caller.name, row.name),
            (Some(_), false) => {
                format!(
                    "{} let {} be deployed again, and be given the present values of its secrets at its next start",
                    caller.name, row.name
                )
            }
            (None, _) => format!("{} let {} be given the present values of its secrets at its next start", caller.name, row.name),
        };
        let event = NewEvent::new(EventKind::DeploymentHoldEnded, text).on(id, &row.name).by(caller);
        let write = self.core.events.write(move |db| {
            Box::pin(async move {
                let let_go = Placement { hold: None, secrets: Default::default(), ..placement };
                placement_put(db, id, Some(&let_go)).await?;
                Ok(((), vec![event]))
            })
        });
        write.await?;
        // One that can't be read is read anew when Pilothouse starts.
        if let Some(pinned) = self.services.pinned(id).ok().flatten().filter(|pinned| !pinned.secrets.is_empty()) {
            let present = Pinned { secrets: Default::default(), ..(*pinned).clone() };
            self.services.pin(id, Some(Ok(Arc::new(present))));
        }
        self.all_releases(id).await
    }
}

/// Where the service of a repository writes what all of its releases share, beside these.
fn shared(release: &Path) -> PathBuf {
    release.with_file_name("shared")
}

/// The folder with all releases.
fn releases_folder(core: &Core) -> PathBuf {
    let data = std::path::absolute(&core.config.data_dir).unwrap_or_else(|_| core.config.data_dir.clone());
    data.join("releases")
}

#[async_trait]
impl api::ports::Deployments for Manager {
    async fn list(&self, caller: &Caller, query: DeploymentQuery) -> Result<Page<Deployment>> {
        self.may_list(caller, &query)?;
        self.page(&query).await
    }

    async fn list_json(&self, caller: &Caller, query: DeploymentQuery) -> Result<Arc<str>> {
        self.may_list(caller, &query)?;
        self.page_json(&query).await
    }

    async fn get(&self, caller: &Caller, id: DeploymentId) -> Result<Deployment> {
        caller.require(Permission::DeploymentsRead)?;
        let record = self.record(id).await?;
        caller.require_on(Permission::DeploymentsRead, record.shown.service_id)?;
        self.complete(&record).await
    }

    async fn lines(&self, caller: &Caller, id: DeploymentId, query: DeploymentLinesQuery) -> Result<Page<DeploymentLine>> {
        caller.require(Permission::DeploymentsRead)?;
        let record = self.record(id).await?;
        caller.require_on(Permission::DeploymentsRead, record.shown.service_id)?;
        let limit = query.limit.get();
        let most = i64::try_from(limit).unwrap_or(i64::MAX - 1) + 1;
        let mut rows = frame_list(&mut self.core.store.main.read().await?, id, query.after.unwrap_or_default(), Some("line"), most).await?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = rows.last().filter(|_| more).map(|row| row.seq.to_string());
        let lines: std::result::Result<Vec<DeploymentLine>, _> = rows.iter().map(|row| serde_json::from_str(&row.data)).collect();
        let mut items = lines.map_err(|error| {
            tracing::error!(%error, deployment = %id, "deployment_line_not_readable");
            Error::internal()
        })?;
        for line in &mut items {
            line.message = self.core.mask.hide_text(std::mem::take(&mut line.message));
        }
        Ok(Page { items, next_cursor, total: None })
    }

    async fn plan(&self, caller: &Caller, id: ServiceId, new: NewDeployment) -> Result<DeploymentPlan> {
        let id = self.going_to(caller, id, &new).await?;
        self.plan_one(caller, id, new).await
    }

    async fn deploy(&self, caller: &Caller, id: ServiceId, new: NewDeployment) -> Result<DeploymentAccepted> {
        let id = self.going_to(caller, id, &new).await?;
        self.take_on(caller, id, new).await
    }

    async fn cancel(&self, caller: &Caller, id: DeploymentId) -> Result<Deployment> {
        caller.require(Permission::DeploymentsRun)?;
        self.end_early(caller, id).await
    }

    async fn rollback(&self, caller: &Caller, id: DeploymentId, new: NewRollback) -> Result<DeploymentAccepted> {
        caller.require(Permission::DeploymentsRun)?;
        self.go_back(caller, id, new).await
    }

    async fn releases(&self, caller: &Caller, id: ServiceId) -> Result<Releases> {
        caller.require_on(Permission::DeploymentsRead, id)?;
        self.all_releases(id).await
    }

    async fn difference(&self, caller: &Caller, id: ServiceId, query: ReleaseDifferenceQuery) -> Result<ReleaseDifference> {
        caller.require_on(Permission::DeploymentsRead, id)?;
        self.difference_between(id, query).await
    }

    async fn let_go(&self, caller: &Caller, id: ServiceId) -> Result<Releases> {
        caller.require_on(Permission::DeploymentsRun, id)?;
        self.end_hold(caller, id).await
    }

    async fn rules(&self, caller: &Caller, id: ServiceId) -> Result<DeploymentRules> {
        caller.require_on(Permission::DeploymentsRead, id)?;
        self.rules_of(id).await
    }

    async fn set_rules(&self, caller: &Caller, id: ServiceId, rules: DeploymentRules) -> Result<DeploymentRules> {
        caller.require_on(Permission::DeploymentsRules, id)?;
        self.put_rules(caller, id, rules).await
    }

    async fn freezes(&self, caller: &Caller) -> Result<Vec<Freeze>> {
        caller.require(Permission::DeploymentsRead)?;
        self.all_freezes().await
    }

    async fn freeze(&self, caller: &Caller, new: NewFreeze) -> Result<Freeze> {
        caller.require(Permission::DeploymentsRules)?;
        self.add_freeze(caller, new).await
    }

    async fn end_freeze(&self, caller: &Caller, id: FreezeId) -> Result<()> {
        caller.require(Permission::DeploymentsRules)?;
        self.remove_freeze(caller, id).await
    }

    async fn approve(&self, caller: &Caller, id: DeploymentId, verdict: Verdict) -> Result<Deployment> {
        caller.require(Permission::DeploymentsApprove)?;
        self.judge(caller, id, verdict, true).await
    }

    async fn reject(&self, caller: &Caller, id: DeploymentId, verdict: Verdict) -> Result<Deployment> {
        caller.require(Permission::DeploymentsApprove)?;
        self.judge(caller, id, verdict, false).await
    }
}

#[cfg(test)]
pub(crate) mod tests;
