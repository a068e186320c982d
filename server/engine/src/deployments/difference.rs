//! What is different between two releases, or between one and what a deployment would make now.

use std::collections::BTreeSet;
use std::path::Path;

use api::{
    Artifact, ConfigurationChange, Error, ReleaseChange, ReleaseDifference, ReleaseDifferenceQuery, Result, ServiceId, ServiceSpec, Source,
};
use serde_json::{Map, Value};

use super::Manager;
use super::files::{Manifest, Origin, take};
use super::kept::{Content, content};
use crate::configuration;
use crate::configuration::schema::looks_secret;
use crate::services::{blocking, blocking_as};
use crate::store::releases::{ReleaseRow, release_list};

impl Manager {
    pub(super) async fn difference_between(&self, id: ServiceId, query: ReleaseDifferenceQuery) -> Result<ReleaseDifference> {
        self.services.row_of(id)?;
        let rows = release_list(&mut self.core.store.main.read().await?, id).await?;
        let of = |number: u64, field: &str| {
            let row = rows.iter().find(|row| row.number == number).cloned();
            row.ok_or_else(|| Error::invalid(field, format!("there is no release {number}, or it isn't kept any more")))
        };
        let current = self.services.pinned(id)?;
        let from = match query.from {
            Some(number) => Some(of(number, "from")?),
            None => current.and_then(|pinned| rows.iter().find(|row| row.id == pinned.release).cloned()),
        };
        let to = query.to.map(|number| of(number, "to")).transpose()?;
        let after = match &to {
            Some(row) => content(&self.core, row).await?,
            None => self.content_now(id).await?,
        };
        self.compare(from, to, &after).await
    }

    /// What is different from a release, or from nothing, to what has this content.
    pub(super) async fn compare(&self, from: Option<ReleaseRow>, to: Option<ReleaseRow>, after: &Content) -> Result<ReleaseDifference> {
        let before = match &from {
            Some(row) => Some(content(&self.core, row).await?),
            None => None,
        };
        let mut changes = Vec::new();
        let (mut files, mut images) = (Vec::new(), None);
        if let Some(before) = &before {
            changes = changes_of(before, after);
            match (self.manifest(before, from.is_some()).await?, self.manifest(after, to.is_some()).await?) {
                (Some(before), Some(after)) => files = after.changes_since(&before),
                _ => images = image_of(before).zip(image_of(after)).filter(|(before, after)| before != after),
            }
        }
        let files_total = files.len() as u64;
        files.truncate(ReleaseDifference::FILES);
        let secrets = match &to {
            Some(row) => self.secrets_of(row.id, &after.configuration.named).await?,
            None => Vec::new(),
        };
        let shown = |row: Option<ReleaseRow>| row.map(|row| self.shown_release(row));
        Ok(ReleaseDifference { from: shown(from), to: shown(to), changes, files, files_total, images, secrets })
    }

    /// What a deployment would make now, but for what only making it shows.
    pub(super) async fn content_now(&self, id: ServiceId) -> Result<Content> {
        let row = self.services.row_of(id)?;
        let configuration = self.configurations.released(id, &Default::default()).await?;
        Ok(Content { spec: row.spec, of_files: Default::default(), configuration, artifact: Artifact::Command, folder: None })
    }

    /// Whether settings, configuration or the secrets that its service is given were changed since a release.
    pub(super) async fn is_changed_since(&self, id: ServiceId, row: &ReleaseRow) -> Result<bool> {
        let mut now = self.content_now(id).await?;
        if let Some(pinned) = self.services.pinned(id)? {
            let given = |(name, version): (&String, &mut u64)| *version = pinned.secrets.get(name).copied().unwrap_or(*version);
            now.configuration.named.iter_mut().for_each(given);
        }
        Ok(!changes_of(&content(&self.core, row).await?, &now).is_empty())
    }

    /// The files of a release, or, when it isn't one yet, of the folder that it would be made of. None where nothing is made of a folder's files.
    async fn manifest(&self, of: &Content, is_kept: bool) -> Result<Option<Manifest>> {
        if let Artifact::Files { digest, .. } = &of.artifact {
            let (archives, digest) = (self.archives.clone(), digest.clone());
            return Ok(blocking(move || archives.manifest(&digest)).await?.ok().flatten());
        }
        let Source::Folder { folder } = &of.spec.source else { return Ok(None) };
        if is_kept {
            return Ok(None);
        }
        let (folder, left_out, user) = (folder.clone(), of.spec.environment_files.clone(), Self::user(&of.spec)?);
        let taken = blocking_as(user.as_ref(), move || take(Path::new(&folder), Origin::Folder, &left_out, std::io::sink())).await?;
        taken.map(Some).map_err(Error::service)
    }
}

/// The settings and values that are different, secrets veiled.
fn changes_of(before: &Content, after: &Content) -> Vec<ReleaseChange> {
    let (old, new) = (settings(&before.spec), settings(&after.spec));
    let mut secrets = BTreeSet::new();
    for settings in [&old, &new] {
        settings.iter().for_each(|(name, value)| mark_secrets(&format!("/{name}"), name, value, &mut secrets));
    }
    let below = |what: &'static str| {
        move |ConfigurationChange { field, before, after }: ConfigurationChange| ReleaseChange {
            field: format!("{what}{field}"),
            before,
            after,
        }
    };
    let mut all: Vec<_> = configuration::difference_of(&old, &new, &secrets).into_iter().map(below("settings")).collect();
    all.extend(configuration::Manager::difference_of(&before.configuration, &after.configuration).into_iter().map(below("configuration")));
    let (old, new) = (&before.configuration.named, &after.configuration.named);
    for name in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
        let (before, after) = (old.get(name), new.get(name));
        if before != after {
            let version = |version: Option<&u64>| version.map(|version| Value::from(format!("version {version}")));
            all.push(ReleaseChange { field: format!("secret/{name}"), before: version(before), after: version(after) });
        }
    }
    all
}

/// The settings that belong to a release; what it is told is in its configuration.
fn settings(spec: &ServiceSpec) -> Map<String, Value> {
    let mut map = match serde_json::to_value(spec) {
        Ok(Value::Object(map)) => map,
        _ => Map::new(),
    };
    for other in ["environment", "environment_files", "labels", "depends_on", "runtime", "target"] {
        map.remove(other);
    }
    map
}

/// Takes note of what looks like a secret among settings, such as the argument of a build.
fn mark_secrets(at: &str, name: &str, value: &Value, secrets: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if looks_secret(name, text) => _ = secrets.insert(at.to_owned()),
        Value::Object(map) => {
            map.iter().for_each(|(name, value)| mark_secrets(&format!("{at}/{}", api::pointer_part(name)), name, value, secrets));
        }
        _ => {}
    }
}

fn image_of(content: &Content) -> Option<String> {
    match (&content.artifact, &content.spec.source) {
        (Artifact::Image { image, digest, .. }, _) => {
            let digest = digest.rsplit('@').next().unwrap_or(digest);
            Some(format!("{image} ({})", digest.get(..19).unwrap_or(digest)))
        }
        (_, Source::Image { image, .. }) => Some(image.clone()),
        (_, Source::Build { build, .. }) => Some(format!("what is built of {}", build.origin())),
        _ => None,
    }
}
