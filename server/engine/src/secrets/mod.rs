//! Named secrets: values that services refer to by `${secret:NAME}`, sealed in the store, shown only to who says their password again.
//!
//! The [`Keyring`] seals, the [`Vault`] opens for those who may have a value, the [`Mask`] takes values out of logs, and the [`Manager`]
//! is what people use.

mod aead;
mod backed;
mod import;
mod kek;
pub mod keyring;
mod mask;
mod put;
pub mod rotation;
mod vault;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use api::{
    Caller, Error, EventKind, KeyRotation, NamedSecret, NewSecret, Permission, Result, Secret, SecretGivenEarlier, SecretImport,
    SecretImportReport, SecretName, SecretReveal, SecretUse, SecretValue, Timestamp, secret_references,
};
use async_trait::async_trait;
use serde_json::json;

use crate::events::NewEvent;
use crate::store::secret_values::{placement_secrets, secret_value_list};
use crate::store::secrets::{SecretRow, secret_delete, secret_find, secret_list, secrets_changed, secrets_revision};
use crate::{Core, SecretsKey, auth};
pub(crate) use aead::cipher;
pub(crate) use backed::BackedSecret;
pub use keyring::Keyring;
pub use mask::{DOTS, Mask};
pub use vault::Vault;

/// How often one looks whether another instance has changed a secret.
const POLL: Duration = Duration::from_secs(2);

/// What refers to secrets, by their names.
pub type Uses = BTreeMap<String, Vec<SecretUse>>;

/// What is known of secrets beside their rows, by their names.
struct Known {
    uses: Uses,
    former: BTreeMap<String, Vec<u64>>,
    given: BTreeMap<String, Vec<SecretGivenEarlier>>,
}

type OnUses = Box<dyn Fn() -> Uses + Send + Sync>;

/// Named secrets.
pub struct Manager {
    core: Arc<Core>,
    accounts: Arc<auth::Manager>,
    vault: Vault,
    /// Knows what refers to secrets beside the variables of services.
    uses: OnceLock<OnUses>,
    /// One change or rotation at a time.
    changing: tokio::sync::Mutex<()>,
}

impl Manager {
    /// The secrets of a store; what they are is taken out of logs from now on.
    ///
    /// # Errors
    /// `unavailable` when the database is down.
    pub async fn open(core: Arc<Core>, accounts: Arc<auth::Manager>) -> Result<Arc<Self>> {
        let vault = Vault::of(&core);
        let manager = Arc::new(Self { core, accounts, vault, uses: OnceLock::new(), changing: tokio::sync::Mutex::default() });
        manager.mask().await?;
        Ok(manager)
    }

    /// Lets `known` say what else refers to secrets. Can be said once.
    pub fn on_uses(&self, known: impl Fn() -> Uses + Send + Sync + 'static) {
        if self.uses.set(Box::new(known)).is_err() {
            tracing::error!("second_source_of_uses_ignored");
        }
    }

    /// Finishes a rotation that was interrupted, and follows the changes of other instances, until shutdown.
    pub fn spawn(self: &Arc<Self>) {
        let (finishing, shutdown) = (self.clone(), self.core.shutdown.clone());
        self.core.tasks.spawn(async move { shutdown.run_until_cancelled(finishing.finish()).await });
        if self.core.store.kind() != "SQLite" {
            let (following, shutdown) = (self.clone(), self.core.shutdown.clone());
            self.core.tasks.spawn(async move { shutdown.run_until_cancelled(following.follow()).await });
        }
    }

    /// Makes a new data key and seals everything anew with it.
    ///
    /// # Errors
    /// As [`api::ports::Secrets::rotate`].
    async fn renew(&self, by: &Caller) -> Result<KeyRotation> {
        let busy = |_| Error::conflict("secrets are being changed, or their keys rotated, at this moment; try again when that is done");
        let _alone = self.changing.try_lock().map_err(busy)?;
        let data_key = self.core.keyring.renew().await?;
        let finished = rotation::finish(&self.core, usize::MAX).await;
        let (message, data) = match &finished {
            Ok(done) => (
                format!("{} rotated the keys of secrets: {} values were sealed anew with data key {data_key}", by.name, done.resealed),
                json!({ "data_key": data_key, "resealed": done.resealed, "removed": done.removed }),
            ),
            Err(error) => (
                format!("{} rotated the keys of secrets; data key {data_key} was made, but {}", by.name, error.message),
                json!({ "data_key": data_key }),
            ),
        };
        self.core.events.record(NewEvent::new(EventKind::SecretsRotated, message).by(by).with(data)).await?;
        let done = finished?;
        Ok(KeyRotation { data_key: data_key.unsigned_abs(), resealed: done.resealed, removed: done.removed })
    }

    /// Rotates the keys, then wraps them with another key-encryption key. What this Pilothouse is configured with opens nothing afterwards.
    /// For the command line, by who has the lease.
    ///
    /// # Errors
    /// As [`api::ports::Secrets::rotate`], and `validation_failed` or `unavailable` when the new key is none or can't be read; nothing is
    /// changed then.
    pub async fn take_key(&self, by: &Caller, new: &SecretsKey) -> Result<KeyRotation> {
        by.require(Permission::SecretsRotate)?;
        self.core.keyring.check(new)?;
        let rotation = self.renew(by).await?;
        let keys = self.core.keyring.rewrap(new).await?;
        let message = format!("{} wrapped the keys of secrets with another key", by.name);
        self.core.events.record(NewEvent::new(EventKind::SecretsRotated, message).by(by).with(json!({ "wrapped": keys }))).await?;
        Ok(rotation)
    }

    async fn finish(&self) {
        self.core.store.lease.held().await;
        if self.core.keyring.ready().is_err() {
            return;
        }
        let _alone = self.changing.lock().await;
        let finished = async {
            match rotation::is_unfinished(&self.core).await? {
                true => rotation::finish(&self.core, usize::MAX).await.map(|done| tracing::info!(?done, "key_rotation_finished")),
                false => Ok(()),
            }
        };
        if let Err(error) = finished.await {
            tracing::error!(%error, "key_rotation_not_finished");
        }
    }

    async fn follow(&self) {
        let mut seen = None;
        loop {
            tokio::time::sleep(POLL).await;
            let revision = async { Ok::<_, Error>(secrets_revision(&mut self.core.store.main.read().await?).await?) };
            // What can't be read now is read the next time.
            let Ok(revision) = revision.await else { continue };
            if seen != Some(revision) && self.core.keyring.reload().await.is_ok() && self.mask().await.is_ok() {
                seen = Some(revision);
            }
        }
    }

    /// Takes the present values, and those of before that are kept, out of logs from now on. While the keys of secrets can't be opened nothing is
    /// known of them.
    async fn mask(&self) -> Result<()> {
        let (rows, former) = {
            let mut db = self.core.store.main.read().await?;
            (secret_list(&mut db).await?, secret_value_list(&mut db, None).await?)
        };
        if self.core.keyring.ready().is_err() {
            return Ok(());
        }
        let mut values: Vec<Secret> = Vec::with_capacity(rows.len() + former.len());
        for row in &rows {
            // One that can't be opened is told when it is used.
            values.extend(self.vault.value(row).await.ok());
        }
        for row in &former {
            values.extend(self.vault.former(row).await.ok());
        }
        self.core.mask.set(values);
        Ok(())
    }

    /// After a change that stands, whatever becomes of this.
    async fn mask_anew(&self) {
        if let Err(error) = self.mask().await {
            tracing::error!(%error, "secrets_not_masked");
        }
    }

    /// What refers to secrets now.
    fn all_uses(&self) -> Uses {
        let mut uses = self.uses.get().map(|known| known()).unwrap_or_default();
        for entry in self.core.catalog.all() {
            let mut add = |name: &str, variable: &str| {
                let (service_id, service_name) = (entry.service.id, entry.service.name.clone());
                uses.entry(name.to_owned()).or_default().push(SecretUse { service_id, service_name, variable: variable.to_owned() });
            };
            for (variable, text) in &entry.spec.environment {
                secret_references(text).for_each(|name| add(name, variable));
            }
            let repository = entry.spec.source.repository();
            repository.and_then(|repository| repository.secret.as_ref()).into_iter().for_each(|name| add(name, "its Git repository"));
            entry.spec.source.registry().into_iter().for_each(|account| add(&account.secret, "its registry of images"));
        }
        for uses in uses.values_mut() {
            uses.sort_by(|one, other| {
                (&one.service_name, &one.variable, one.service_id).cmp(&(&other.service_name, &other.variable, other.service_id))
            });
            uses.dedup();
        }
        uses
    }

    /// What is known of all secrets, or of one.
    async fn known(&self, name: Option<&str>) -> Result<Known> {
        let mut known = Known { uses: self.all_uses(), former: BTreeMap::new(), given: BTreeMap::new() };
        let (former, given) = {
            let mut db = self.core.store.main.read().await?;
            (secret_value_list(&mut db, name).await?, placement_secrets(&mut db).await?)
        };
        for row in former {
            known.former.entry(row.name).or_default().push(row.version.unsigned_abs());
        }
        for (service_id, versions) in given {
            let Some(entry) = self.core.catalog.find(service_id) else { continue };
            for (name, version) in versions {
                let given = SecretGivenEarlier { service_id, service_name: entry.service.name.clone(), version };
                known.given.entry(name).or_default().push(given);
            }
        }
        Ok(known)
    }

    fn shown(&self, row: SecretRow, known: &mut Known) -> Result<NamedSecret> {
        let used_by = known.uses.remove(&row.name).unwrap_or_default();
        let mut given_earlier = known.given.remove(&row.name).unwrap_or_default();
        given_earlier.retain(|one| one.version != row.version.unsigned_abs());
        given_earlier.sort_by(|one, other| (&one.service_name, one.service_id).cmp(&(&other.service_name, other.service_id)));
        let value_set_at = Timestamp::from_micros(row.value_set_at);
        let name: SecretName = row.name.parse().map_err(|_| Error::internal())?;
        Ok(NamedSecret {
            name: name.clone(),
            description: row.description,
            version: row.version.unsigned_abs(),
            created_at: Timestamp::from_micros(row.created_at),
            updated_at: Timestamp::from_micros(row.updated_at),
            value_set_at,
            updated_by: row.updated_by,
            unused: used_by.is_empty(),
            used_by,
            stale: NamedSecret::is_stale(value_set_at, self.core.clock.now()),
            former_versions: known.former.remove(name.as_str()).unwrap_or_default(),
            given_earlier,
        })
    }

    async fn find(&self, name: &SecretName) -> Result<Option<SecretRow>> {
        Ok(secret_find(&mut self.core.store.main.read().await?, name.as_str()).await?)
    }
}

#[async_trait]
impl api::ports::Secrets for Manager {
    async fn list(&self, caller: &Caller) -> Result<Vec<NamedSecret>> {
        caller.require(Permission::SecretsRead)?;
        let mut rows = secret_list(&mut self.core.store.main.read().await?).await?;
        rows.sort_by(|one, other| one.name.cmp(&other.name));
        let mut known = self.known(None).await?;
        rows.into_iter().map(|row| self.shown(row, &mut known)).collect()
    }

    async fn put(&self, caller: &Caller, name: SecretName, new: NewSecret) -> Result<NamedSecret> {
        caller.require(Permission::SecretsWrite)?;
        Error::invalid_fields(new.faults())?;
        let _alone = self.changing.lock().await;
        let before = self.find(&name).await?;
        let change = self.change(caller, name, new, before).await?;
        let row = self.write(caller, vec![change]).await?.pop().ok_or_else(Error::internal)?;
        let mut known = self.known(Some(&row.name)).await?;
        self.shown(row, &mut known)
    }

    async fn delete(&self, caller: &Caller, name: SecretName, force: bool) -> Result<()> {
        caller.require(Permission::SecretsWrite)?;
        let _alone = self.changing.lock().await;
        self.find(&name).await?.ok_or_else(|| absent(&name))?;
        let uses = self.all_uses().remove(name.as_str()).unwrap_or_default();
        if let (Some(first), false) = (uses.first(), force) {
            let more = if uses.len() > 1 { format!(" and {} more", uses.len() - 1) } else { String::new() };
            return Err(Error::conflict(format!(
                "the variable {} of {}{more} refers to '{name}', and wouldn't have a value at the next start; change that first, or delete it all the same",
                first.variable, first.service_name
            )));
        }
        let by = caller.clone();
        let write = self.core.events.write(move |db| {
            Box::pin(async move {
                if !secret_delete(db, name.as_str()).await? {
                    return Err(absent(&name).into());
                }
                secrets_changed(db).await?;
                let message = format!("{} deleted the secret '{name}'", by.name);
                let event = NewEvent::new(EventKind::SecretDeleted, message).by(&by).about(&name);
                Ok(((), vec![event.with(json!({ "name": name, "uses": uses.len() }))]))
            })
        });
        write.await?;
        self.mask_anew().await;
        Ok(())
    }

    async fn reveal(&self, caller: &Caller, name: SecretName, again: SecretReveal) -> Result<SecretValue> {
        caller.require(Permission::SecretsReveal)?;
        self.accounts.confirm(caller, again.password).await?;
        let row = self.find(&name).await?.ok_or_else(|| absent(&name))?;
        let value = self.vault.value(&row).await?;
        let message = format!("the value of the secret '{name}' (version {}) was shown to {}", row.version, caller.name);
        let event = NewEvent::new(EventKind::SecretRevealed, message).by(caller).about(&name);
        // Nobody is shown what isn't in the audit.
        self.core.events.record(event.with(json!({ "name": name, "version": row.version }))).await?;
        Ok(SecretValue { value, version: row.version.unsigned_abs() })
    }

    async fn import(&self, caller: &Caller, import: SecretImport) -> Result<SecretImportReport> {
        caller.require(Permission::SecretsWrite)?;
        self.take_in(caller, import).await
    }

    async fn rotate(&self, caller: &Caller) -> Result<KeyRotation> {
        caller.require(Permission::SecretsRotate)?;
        if !self.core.store.lease.is_held() {
            return Err(Error::unavailable("another Pilothouse acts now; use that one, or wait until it has ended").retry_after(5));
        }
        self.renew(caller).await
    }
}

fn absent(name: &SecretName) -> Error {
    Error::not_found("secret", name)
}

#[cfg(test)]
mod import_tests;
#[cfg(test)]
mod tests;
