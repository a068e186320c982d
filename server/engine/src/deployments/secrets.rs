//! Which values of secrets a service is given: the present ones, or, since it was taken back, those of then.

use api::{DeploymentKind, EarlierSecret, ReleaseId, Result, ServiceId};

use super::Manager;
use super::kept::{Before, Record};
use super::live::Live;
use crate::store::Conn;
use crate::store::secret_values::{SecretVersions, release_secrets, secret_value_find, secret_version_at};
use crate::store::secrets::secret_find;

impl Manager {
    /// The versions of secrets that a deployment gives its service: a rollback those that were in force when its release was made, unless the present
    /// ones were asked for.
    pub(super) async fn secrets_for(&self, record: &Record) -> Result<SecretVersions> {
        if record.shown.kind == DeploymentKind::Deploy || record.order.present_secrets {
            return Ok(SecretVersions::new());
        }
        let mut db = self.core.store.main.read().await?;
        let then = release_secrets(&mut db, record.order.release).await?;
        let earlier = earlier(&mut db, &then).await?;
        Ok(then.into_iter().filter(|(name, _)| !earlier.iter().any(|one| one.name == *name && !one.is_kept)).collect())
    }

    /// The versions of secrets that a service runs with now, of those names; without those of which that isn't certain, as where its release can't be read.
    pub(super) async fn secrets_running<'a>(&self, id: ServiceId, names: impl Iterator<Item = &'a String>) -> Result<SecretVersions> {
        let mut running = self.services.pinned(id).ok().flatten().map(|pinned| pinned.secrets.clone()).unwrap_or_default();
        let Some(since) = self.core.catalog.find(id).and_then(|entry| entry.service.started_at) else { return Ok(running) };
        let mut db = self.core.store.main.read().await?;
        for name in names {
            if !running.contains_key(name)
                && let Some(version) = secret_version_at(&mut db, name, since).await?
            {
                running.insert(name.clone(), version);
            }
        }
        Ok(running)
    }

    /// The versions of secrets that a service is given that goes back to what was before. Where it isn't held at it, those are the present ones where
    /// that is the same.
    pub(super) async fn secrets_back(&self, before: &Before, holds: bool) -> Result<SecretVersions> {
        let mut db = self.core.store.main.read().await?;
        let earlier = earlier(&mut db, &before.secrets).await?;
        let is_given = |name: &String| match earlier.iter().find(|one| one.name == *name) {
            Some(one) => one.is_kept,
            None => holds || before.hold.is_some(),
        };
        Ok(before.secrets.clone().into_iter().filter(|(name, _)| is_given(name)).collect())
    }

    /// The secrets that a service is given in another version than the present one.
    pub(super) async fn secrets_held(&self, id: ServiceId) -> Result<Vec<EarlierSecret>> {
        let Some(pinned) = self.services.pinned(id)?.filter(|pinned| !pinned.secrets.is_empty()) else { return Ok(Vec::new()) };
        let mut held = earlier(&mut self.core.store.main.read().await?, &pinned.secrets).await?;
        held.retain(|one| one.is_kept);
        Ok(held)
    }

    /// Says in the deployment's lines which secrets a service that was just switched is given in another version than the present one.
    pub(super) async fn tell_secrets(&self, live: &Live, id: ServiceId) {
        let held = match self.secrets_held(id).await {
            Ok(held) if held.is_empty() => return,
            Ok(held) => held,
            Err(error) => {
                tracing::warn!(error = %error.message, service = %id, "earlier_secrets_not_told");
                return;
            }
        };
        let which: Vec<String> = held.iter().map(EarlierSecret::label).collect();
        live.line(&self.core, live.record().shown.stage, format!("it is given secrets as they were: {}", which.join(", ")), false);
    }

    /// The secrets of a release that have another version by now. `named` are those that it says.
    pub(super) async fn secrets_of(&self, release: ReleaseId, named: &SecretVersions) -> Result<Vec<EarlierSecret>> {
        let mut db = self.core.store.main.read().await?;
        let then = release_secrets(&mut db, release).await?;
        let mut all = earlier(&mut db, named).await?;
        for one in &mut all {
            // One that was deleted and made again counts from 1 again.
            one.is_kept &= then.contains_key(&one.name);
        }
        Ok(all)
    }
}

/// Those of the secrets that have another version now.
async fn earlier(db: &mut Conn, versions: &SecretVersions) -> Result<Vec<EarlierSecret>> {
    let mut all = Vec::new();
    for (name, version) in versions {
        let present = secret_find(db, name).await?.map(|row| row.version.unsigned_abs());
        if present == Some(*version) {
            continue;
        }
        let is_kept = present.is_some() && secret_value_find(db, name, *version).await?.is_some();
        all.push(EarlierSecret { name: name.clone(), version: *version, present, is_kept });
    }
    Ok(all)
}
