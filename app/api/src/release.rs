//! Releases: what was deployed, whole and unchangeable, so that it can be gone back to.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Commit, DeploymentId, ReleaseId, ServiceId, Timestamp};

/// A release of a service: what it runs, with the settings and the configuration that were in force when it was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Release {
    /// Its id.
    pub id: ReleaseId,
    /// The service.
    pub service_id: ServiceId,
    /// Its number among those of its service, from 1.
    pub number: u64,
    /// What is run.
    pub artifact: Artifact,
    /// The version of the service's configuration that belongs to it; none when its configuration wasn't saved, and its settings say all.
    pub configuration_version: Option<u64>,
    /// When it was made.
    pub created_at: Timestamp,
    /// The name of who had it made.
    pub created_by: String,
    /// The deployment that made it.
    pub deployment_id: DeploymentId,
    /// Whether the service runs it, or would at its next start.
    pub is_current: bool,
}

impl Release {
    /// Releases of a service that are kept, besides the one that it runs; older ones go, with their files.
    pub const KEPT: u64 = 10;

    /// `release 3`.
    pub fn label(&self) -> String {
        format!("release {}", self.number)
    }
}

/// What a release runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Artifact {
    /// The files of a folder as they were, kept as an archive.
    Files {
        /// SHA-256 of their paths, modes and contents, as 64 hexadecimal digits: the same files have the same one.
        digest: String,
        /// How many there are.
        files: u64,
        /// Bytes of all of them.
        bytes: u64,
        /// The commit that they are of, when they are of a repository.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        commit: Option<Box<Commit>>,
    },
    /// An image, pinned.
    Image {
        /// The name that it was asked for by; of one that Pilothouse builds, what it was built of.
        image: String,
        /// The commit that it was built of, when it was of a repository.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        commit: Option<Box<Commit>>,
        /// What it is pinned by: the digest that its registry has it by (`name@sha256:..`), so that it can be pulled again, or its id (`sha256:..`)
        /// when it is in no registry.
        digest: String,
    },
    /// A command whose files aren't Pilothouse's to keep: only settings and configuration are gone back to.
    Command,
}

impl Artifact {
    /// The commit that it is of, when it is of a repository.
    pub fn commit(&self) -> Option<&Commit> {
        match self {
            Artifact::Files { commit, .. } | Artifact::Image { commit, .. } => commit.as_deref(),
            Artifact::Command => None,
        }
    }

    /// What names it, in short: the first seven digits of its commit, or the first twelve of its digest.
    pub fn short(&self) -> Option<&str> {
        let digest = match self {
            Artifact::Files { commit: Some(commit), .. } | Artifact::Image { commit: Some(commit), .. } => return Some(commit.short()),
            Artifact::Files { digest, .. } => digest,
            Artifact::Image { digest, .. } => digest.rsplit("sha256:").next()?,
            Artifact::Command => return None,
        };
        digest.get(..12)
    }
}

/// Which two releases to compare.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(default)]
pub struct ReleaseDifferenceQuery {
    /// The number of the one before; none is what runs now.
    pub from: Option<u64>,
    /// The number of the one after; none is what a deployment would make now.
    pub to: Option<u64>,
}

/// What is different between two releases.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReleaseDifference {
    /// The one before; none when there is none, and all is new.
    pub from: Option<Release>,
    /// The one after; none is what a deployment would make now.
    pub to: Option<Release>,
    /// What is different in the settings and the configuration, by name. A secret is only told to be different.
    pub changes: Vec<ReleaseChange>,
    /// Files that are different, by path, at most [`ReleaseDifference::FILES`]; of images none.
    pub files: Vec<FileChange>,
    /// How many files are different.
    pub files_total: u64,
    /// The image before and after, when it is another.
    pub images: Option<(String, String)>,
    /// The secrets of the one after, when that is a release, that have another version now: going back to it gives the service those that are kept.
    #[serde(default)]
    pub secrets: Vec<EarlierSecret>,
}

/// A secret in a version that isn't the present one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EarlierSecret {
    /// Its name.
    pub name: String,
    /// The version that is meant.
    pub version: u64,
    /// The version that it has now; none when it was deleted.
    pub present: Option<u64>,
    /// Whether the value of that version is kept.
    pub is_kept: bool,
}

impl EarlierSecret {
    /// `orders.db (version 3, now 5)`.
    pub fn label(&self) -> String {
        let Self { name, version, present, .. } = self;
        match present {
            Some(present) => format!("{name} (version {version}, now {present})"),
            None => format!("{name} (version {version}, deleted since)"),
        }
    }
}

impl ReleaseDifference {
    /// The most files that are named.
    pub const FILES: usize = 200;

    /// Whether nothing is different.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.files_total == 0 && self.images.is_none()
    }
}

/// A value that is different.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReleaseChange {
    /// What: `settings/port`, `configuration/LOG_LEVEL`.
    pub field: String,
    /// What it was; none when it wasn't there.
    pub before: Option<Value>,
    /// What it is; none when it isn't there any more.
    pub after: Option<Value>,
}

/// A file that is different.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FileChange {
    /// Its path within the folder.
    pub path: String,
    /// What became of it.
    pub change: FileChangeKind,
}

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum FileChangeKind {
    /// It is new.
    Added,
    /// It has another content or mode.
    Changed,
    /// It is gone.
    Removed,
}

impl FileChangeKind {
    /// The word that people see.
    pub const fn label(self) -> &'static str {
        match self {
            FileChangeKind::Added => "added",
            FileChangeKind::Changed => "changed",
            FileChangeKind::Removed => "removed",
        }
    }
}
