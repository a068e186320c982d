//! Removing what no release needs any more.

use std::collections::HashSet;
use std::path::PathBuf;

use api::{Artifact, Release, ReleaseId, Result, ServiceId, Stage};

use super::Manager;
use super::files::{remove, written};
use super::kept::{Record, content};
use super::live::{Live, lock};
use crate::services::{blocking, blocking_as};
use crate::store::deployments::deployment_forget;
use crate::store::releases::{ReleaseRow, release_delete, release_digests, release_list};

/// Releases that their service wasn't well with, of which it is still known what they were.
const FAILED: usize = 20;

impl Manager {
    /// Removes what a deployment has begun to fetch, to take or to unpack: whatever goes on with it begins anew.
    pub(super) async fn remove_begun(&self, record: &Record) {
        let release = record.order.release;
        self.git.remove(release).await;
        let archives = self.archives.clone();
        let _ = blocking(move || archives.drop_begun(release)).await;
        if let Some(content) = &record.order.content
            && let Some(folder) = &content.folder
        {
            self.remove_folder(&content.spec, folder.with_extension("new")).await;
        }
    }

    /// Removes what a deployment has made that was undone: nobody can go back to its release. Also of one that was ended before its release was there.
    pub(super) async fn remove_made(&self, record: &Record) {
        let (id, release) = (record.shown.service_id, record.order.release);
        self.forget_pushed(record).await;
        self.runtimes.forget_image(id, release).await;
        self.remove_begun(record).await;
        let Some(content) = &record.order.content else { return };
        if let Some(folder) = &content.folder {
            self.remove_folder(&content.spec, folder.clone()).await;
        }
        self.remove_archive(&content.artifact, release).await;
    }

    /// Keeps the newest releases of a service and the one that it runs, and removes the files and images of the others.
    pub(super) async fn keep_releases(&self, live: &Live, id: ServiceId, current: ReleaseId) -> Result<()> {
        let rows = release_list(&mut self.core.store.main.read().await?, id).await?;
        let kept = usize::try_from(Release::KEPT).unwrap_or(usize::MAX);
        let (mut good, mut failed, mut old) = (0, 0, Vec::new());
        for row in &rows {
            let count = if row.is_good { &mut good } else { &mut failed };
            *count += 1;
            if row.id != current && *count > if row.is_good { kept } else { FAILED } {
                old.push(row.clone());
            }
        }
        for row in &rows {
            // One that was gone away from has its archive; its folder is made again when it is gone back to.
            if row.id != current
                && let Ok(content) = content(&self.core, row).await
                && let Some(folder) = content.folder.clone()
            {
                self.clear(live, &content.spec, &row.artifact, folder).await;
            }
        }
        for row in old {
            self.forget_release(&row).await?;
        }
        Ok(())
    }

    async fn forget_release(&self, row: &ReleaseRow) -> Result<()> {
        let release = row.id;
        self.runtimes.forget_image(row.service_id, release).await;
        self.core.store.main.write(move |db| Box::pin(release_delete(db, release))).await?;
        self.remove_archive(&row.artifact, release).await;
        Ok(())
    }

    /// Removes an archive that no release has any more.
    async fn remove_archive(&self, artifact: &Artifact, except: ReleaseId) {
        let Artifact::Files { digest, .. } = artifact else { return };
        let used = async { Ok::<_, api::Error>(release_digests(&mut self.core.store.main.read().await?, except).await?) };
        match used.await {
            Ok(used) if !used.contains(digest) && !self.is_being_deployed(digest, except) => {
                let (archives, digest) = (self.archives.clone(), digest.clone());
                let _ = blocking(move || archives.remove(&digest)).await;
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "archive_not_removed"),
        }
    }

    /// Whether the release of another deployment will have these files, and isn't there yet.
    fn is_being_deployed(&self, digest: &str, except: ReleaseId) -> bool {
        lock(&self.live).values().map(|live| live.record()).any(|record| {
            let artifact = record.order.content.map(|content| content.artifact);
            record.order.release != except && matches!(artifact, Some(Artifact::Files { digest: other, .. }) if other == digest)
        })
    }

    /// Removes the folder of a release, unless its service has written into it.
    async fn clear(&self, live: &Live, spec: &api::ServiceSpec, artifact: &Artifact, folder: PathBuf) {
        let Artifact::Files { digest, .. } = artifact else { return };
        let Ok(user) = Self::user(spec) else { return };
        let (archives, digest, looked) = (self.archives.clone(), digest.clone(), folder.clone());
        let looked = blocking_as(user.as_ref(), move || looked.is_dir()).await;
        if looked != Ok(true) {
            return;
        }
        let manifest = blocking(move || archives.manifest(&digest)).await;
        let Ok(Ok(Some(manifest))) = manifest else { return };
        let path = folder.clone();
        match blocking_as(user.as_ref(), move || written(&path, &manifest)).await {
            Ok(Ok(files)) if files.is_empty() => self.remove_folder(spec, folder).await,
            Ok(Ok(files)) => {
                let names = files.iter().take(10).cloned().collect::<Vec<_>>().join(", ");
                let line = format!(
                    "the service has written into the folder of a release before, so that stays: {names} in {}. Let it write into 'data' instead, \
                     which all releases share",
                    folder.display()
                );
                live.line(&self.core, Stage::Finalise, line, false);
            }
            Ok(Err(error)) => tracing::warn!(%error, folder = %folder.display(), "release_not_looked_at"),
            Err(error) => tracing::warn!(%error, folder = %folder.display(), "release_not_looked_at"),
        }
    }

    async fn remove_folder(&self, spec: &api::ServiceSpec, folder: PathBuf) {
        let Ok(user) = Self::user(spec) else { return };
        let path = folder.clone();
        let removed = blocking_as(user.as_ref(), move || remove(&path.with_extension("new")).and_then(|()| remove(&path))).await;
        if let Ok(Err(error)) = removed {
            tracing::warn!(%error, folder = %folder.display(), "release_not_removed");
        }
    }

    /// Forgets all deployments and releases of a service that is gone for good.
    pub(crate) fn forget(&self, id: ServiceId) {
        let Some(manager) = self.me.upgrade() else { return };
        self.core.tasks.spawn(async move {
            manager.services.pin(id, None);
            if let Err(error) = manager.forget_all(id).await {
                tracing::error!(%error, service = %id, "deployments_not_forgotten");
            }
        });
    }

    pub(super) async fn forget_all(&self, id: ServiceId) -> Result<()> {
        let rows = release_list(&mut self.core.store.main.read().await?, id).await?;
        let mut folders = HashSet::new();
        for row in &rows {
            self.runtimes.forget_image(id, row.id).await;
            if let Ok(content) = content(&self.core, row).await
                && let Some(folder) = content.folder
                && let Some(parent) = folder.parent()
                && folders.insert(parent.to_owned())
            {
                self.remove_folder(&content.spec, parent.to_owned()).await;
            }
        }
        self.core.store.main.write(move |db| Box::pin(deployment_forget(db, id))).await?;
        for row in rows {
            self.remove_archive(&row.artifact, row.id).await;
        }
        Ok(())
    }
}
