//! What is kept of releases and deployments: what is shown in clear, and all else sealed.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use api::{
    Artifact, Deployment, DeploymentId, DeploymentStatus, Error, Hold, ReleaseId, Result, ServiceId, ServiceSpec, Timestamp, UserId,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::Core;
use crate::configuration::Released;
use crate::secrets::keyring::key_of;
use crate::services::Pinned;
use crate::store::deployments::DeploymentRow;
use crate::store::releases::{Placement, ReleaseRow, placement_list, release_placed};
use crate::store::secret_values::SecretVersions;

/// What a release is made of, secrets in clear: only ever kept sealed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Content {
    /// What the service is.
    pub spec: ServiceSpec,
    /// What the files with variables of its folder said.
    pub of_files: BTreeMap<String, String>,
    /// What it is told.
    pub configuration: Released,
    /// What it runs.
    pub artifact: Artifact,
    /// The folder with its files, when it is of a folder.
    #[serde(default)]
    pub folder: Option<PathBuf>,
}

impl Content {
    /// What the service runs with it.
    pub fn pinned(&self, release: ReleaseId, number: u64, secrets: SecretVersions) -> Pinned {
        let image = match &self.artifact {
            Artifact::Image { digest, .. } => Some(digest.clone()),
            Artifact::Files { .. } | Artifact::Command => None,
        };
        Pinned { release, number, folder: self.folder.clone(), image, of_files: self.of_files.clone(), secrets }
    }

    /// What the service was asked to be, in what it is by now: its labels, what it needs and its description aren't a release's.
    pub fn spec_in(&self, now: &ServiceSpec) -> ServiceSpec {
        // Nor is what is in front of it.
        let (proxy_port, replicas, rollout) = (now.proxy_port, now.replicas, now.rollout);
        let port = if proxy_port.is_some() && self.spec.port == proxy_port { now.port } else { self.spec.port };
        let (labels, depends_on) = (now.labels.clone(), now.depends_on.clone());
        ServiceSpec { labels, depends_on, port, proxy_port, replicas, rollout, ..self.spec.clone() }
    }
}

/// What is to be gone back to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Before {
    /// The release that the service ran.
    pub release: Option<ReleaseId>,
    /// That it was held at it.
    pub hold: Option<Hold>,
    /// What it was.
    pub spec: ServiceSpec,
    /// What it was told.
    pub configuration: Released,
    /// Whether it ran.
    pub ran: bool,
    /// The versions of secrets that it ran with, where that is certain.
    #[serde(default)]
    pub secrets: SecretVersions,
}

/// Why a deployment is undone, and what it ends as.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Undoing {
    /// What it ends as.
    pub status: DeploymentStatus,
    /// Whether it was well for a while, so that it is held at what was before.
    pub holds: bool,
    /// When the service was switched back, once it has been.
    #[serde(default)]
    pub back_at: Option<Timestamp>,
}

/// What was asked for, and how far it is. Each write of it is one step forward: whoever takes over begins from here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Order {
    /// What was asked for.
    pub new: api::NewDeployment,
    /// The release that it will be: made by it, or the one that is gone back to.
    pub release: ReleaseId,
    /// Who has asked for it; none when that wasn't a person.
    #[serde(default)]
    pub asked_by: Option<UserId>,
    /// Whether a rollback leaves secrets as they are now.
    #[serde(default)]
    pub present_secrets: bool,
    /// The commit that is deployed, and the branch or the tag that it was, once that is known.
    #[serde(default)]
    pub commit: Option<(String, Option<String>)>,
    /// What is in it, once that is known.
    pub content: Option<Content>,
    /// What is to be gone back to, once the service is touched.
    pub before: Option<Before>,
    /// When the service was switched to it.
    pub switched_at: Option<Timestamp>,
    /// Until when it has to be healthy.
    pub healthy_until: Option<Timestamp>,
    /// Until when it is watched.
    pub watched_until: Option<Timestamp>,
    /// What it is compared with while it is watched, when it takes the place of what ran.
    #[serde(default)]
    pub baseline: Option<super::baseline::Baseline>,
    /// The copy that runs it, when it is let in beside what runs.
    #[serde(default)]
    pub beside: Option<super::beside::Copy>,
    /// That it is being undone.
    pub undoing: Option<Undoing>,
}

/// A deployment as it is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Record {
    /// What is shown of it, without its release.
    pub shown: Deployment,
    /// Its place among all deployments.
    pub seq: u64,
    /// The release, once its row is there.
    pub release_id: Option<ReleaseId>,
    /// The rest.
    pub order: Order,
}

impl Record {
    /// Opens one of the store.
    pub fn open(core: &Core, row: DeploymentRow) -> Result<Self> {
        let order = open(core, &deployment_context(row.shown.id), &row.sealed)?;
        Ok(Self { shown: row.shown, seq: row.seq, release_id: row.release_id, order })
    }

    /// Seals it for the store.
    pub fn row(&self, core: &Core) -> Result<DeploymentRow> {
        let sealed = seal(core, &deployment_context(self.shown.id), &self.order)?;
        Ok(DeploymentRow { shown: self.shown.clone(), release_id: self.release_id, seq: self.seq, sealed })
    }
}

/// What a sealed release is bound to.
pub(crate) fn release_context(id: ReleaseId) -> [Vec<u8>; 2] {
    [b"release".to_vec(), id.0.as_bytes().to_vec()]
}

/// What a sealed deployment is bound to.
pub(crate) fn deployment_context(id: DeploymentId) -> [Vec<u8>; 2] {
    [b"deployment".to_vec(), id.0.as_bytes().to_vec()]
}

/// Seals something for the store.
pub(super) fn seal(core: &Core, context: &[Vec<u8>; 2], what: &impl Serialize) -> Result<Vec<u8>> {
    let plain = zeroize::Zeroizing::new(serde_json::to_vec(what).map_err(|error| {
        tracing::error!(%error, "deployment_not_serialised");
        Error::internal()
    })?);
    core.keyring.seal(&context.each_ref().map(Vec::as_slice), &plain)
}

fn open<T: DeserializeOwned>(core: &Core, context: &[Vec<u8>; 2], sealed: &[u8]) -> Result<T> {
    let plain = core.keyring.open_sealed(&context.each_ref().map(Vec::as_slice), sealed)?;
    serde_json::from_slice(&plain).map_err(|error| {
        tracing::error!(%error, "deployment_not_readable");
        Error::internal()
    })
}

/// Opens a release of the store.
///
/// # Errors
/// `internal` when it was changed outside Pilothouse, `unavailable` while the key of secrets isn't the right one.
pub(super) async fn content(core: &Core, row: &ReleaseRow) -> Result<Content> {
    if key_of(&row.sealed).is_some_and(|key| !core.keyring.knows(key)) {
        // Another instance has made a new one.
        core.keyring.reload().await?;
    }
    let content: Content = open(core, &release_context(row.id), &row.sealed)?;
    if content.artifact != row.artifact {
        return Err(Error::new(
            api::ErrorCode::Internal,
            "what the release runs was changed outside Pilothouse; restore the database from a backup",
        ));
    }
    Ok(content)
}

/// What all services run that have been deployed, or why that can't be read: such a service isn't run without it.
pub(crate) async fn placed(core: &Core) -> Result<HashMap<ServiceId, std::result::Result<Arc<Pinned>, String>>> {
    let (placements, rows) = {
        let mut db = core.store.main.read().await?;
        (placement_list(&mut db).await?, release_placed(&mut db).await?)
    };
    let rows: HashMap<ReleaseId, ReleaseRow> = rows.into_iter().map(|row| (row.id, row)).collect();
    let mut all = HashMap::new();
    for Placement { service_id, release_id, secrets, .. } in placements {
        let pinned = match rows.get(&release_id) {
            Some(row) => {
                content(core, row).await.map(|content| Arc::new(content.pinned(row.id, row.number, secrets))).map_err(|error| error.message)
            }
            None => Err("its release isn't in the store any more".to_owned()),
        };
        if let Err(why) = &pinned {
            tracing::error!(service = %service_id, why, "release_not_readable");
        }
        all.insert(service_id, pinned);
    }
    Ok(all)
}
