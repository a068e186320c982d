//! Named secrets in a backup, and how they come back.

use api::{Caller, Error, EventKind, NewSecret, RestoredSecret, RestoredSecretOutcome, Result, Secret, SecretName};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::keyring::require_key;
use super::put::MOST;
use super::{Manager, vault};
use crate::events::NewEvent;
use crate::store::secrets::{SecretRow, secret_count, secret_find, secret_list, secret_put, secrets_changed};

/// A secret with its value in clear: only to be kept sealed.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct BackedSecret {
    name: String,
    description: Option<String>,
    value: String,
    version: i64,
    /// Microseconds, as the others.
    value_set_at: i64,
    created_at: i64,
    updated_at: i64,
    updated_by: String,
}

impl Manager {
    /// Every secret, by name.
    ///
    /// # Errors
    /// `internal` when one was changed outside Pilothouse, `unavailable` when the keys of secrets can't be opened.
    pub(crate) async fn backed(&self) -> Result<Vec<BackedSecret>> {
        let mut rows = secret_list(&mut self.core.store.main.read().await?).await?;
        rows.sort_by(|one, other| one.name.cmp(&other.name));
        let mut all = Vec::with_capacity(rows.len());
        for row in rows {
            let value = self
                .vault
                .value(&row)
                .await
                .map_err(|error| Error { message: format!("the secret '{}' can't be backed up: {}", row.name, error.message), ..error })?;
            let SecretRow { name, description, version, value_set_at, created_at, updated_at, updated_by, .. } = row;
            let value = value.reveal().to_owned();
            all.push(BackedSecret { name, description, value, version, value_set_at, created_at, updated_at, updated_by });
        }
        Ok(all)
    }

    /// Brings back the secrets of a backup that aren't here, in one commit; with `replace`, those with another value get that as a new version.
    ///
    /// # Errors
    /// `validation_failed` at `/file` for what can't be a secret, `conflict` when there would be too many or one is changed at the same time.
    pub(crate) async fn restore_backed(
        &self,
        caller: &Caller,
        secrets: Vec<BackedSecret>,
        replace: bool,
        dry_run: bool,
    ) -> Result<Vec<RestoredSecret>> {
        let _alone = self.changing.lock().await;
        let (mut report, mut changes, now) = (Vec::with_capacity(secrets.len()), Vec::new(), self.core.clock.now().micros());
        for secret in secrets {
            secret.check()?;
            let before = secret_find(&mut self.core.store.main.read().await?, &secret.name).await?;
            let is_same = match &before {
                Some(row) => self.vault.value(row).await?.reveal() == secret.value,
                None => false,
            };
            let outcome = match &before {
                None => RestoredSecretOutcome::Added,
                Some(_) if is_same => RestoredSecretOutcome::Present,
                Some(_) if replace => RestoredSecretOutcome::Replaced,
                Some(_) => RestoredSecretOutcome::Kept,
            };
            report.push(RestoredSecret { name: secret.name.clone(), outcome });
            if matches!(outcome, RestoredSecretOutcome::Present | RestoredSecretOutcome::Kept) {
                continue;
            }
            let version = before.as_ref().map_or(secret.version, |row| row.version + 1);
            let context = vault::context(&secret.name, version);
            let sealed = self.core.keyring.seal(&context.each_ref().map(Vec::as_slice), secret.value.as_bytes())?;
            let BackedSecret { name, description, value_set_at, created_at, updated_at, updated_by, .. } = secret;
            let row = match &before {
                None => SecretRow { name, description, sealed, key_id: 0, version, value_set_at, created_at, updated_at, updated_by },
                // What is said of it stays.
                Some(row) => {
                    SecretRow { sealed, version, value_set_at: now, updated_at: now, updated_by: caller.name.clone(), ..row.clone() }
                }
            };
            changes.push((before.map_or(0, |row| row.version), row));
        }
        if !dry_run && !changes.is_empty() {
            let by = caller.clone();
            let write = self.core.events.write(move |db| {
                Box::pin(async move {
                    let mut events = Vec::with_capacity(changes.len());
                    for (before, mut row) in changes {
                        if secret_find(db, &row.name).await?.map_or(0, |row| row.version) != before {
                            return Err(
                                Error::conflict(format!("the secret '{}' was changed at the same time; restore again", row.name)).into()
                            );
                        }
                        row.key_id = require_key(db, &row.sealed).await?;
                        secret_put(db, &row).await?;
                        let message = format!("{} restored the secret '{}' (version {}) from a backup", by.name, row.name, row.version);
                        let event = NewEvent::new(EventKind::SecretSet, message).by(&by).about(&row.name);
                        events.push(event.with(json!({ "name": row.name, "version": row.version })));
                    }
                    if secret_count(db).await? > MOST {
                        return Err(Error::conflict(format!(
                            "there would be more than {MOST} secrets; delete some that nothing refers to"
                        ))
                        .into());
                    }
                    secrets_changed(db).await?;
                    Ok(((), events))
                })
            });
            write.await?;
            self.mask_anew().await;
        }
        Ok(report)
    }
}

impl BackedSecret {
    /// Fails for what can't be one: what a backup says is looked at like what anybody says.
    fn check(&self) -> Result<()> {
        let wrong = || Error::invalid("/file", "a secret of this backup can't be one; nothing was changed");
        let name: SecretName = self.name.parse().map_err(|_| wrong())?;
        let new = NewSecret { value: Some(Secret::new(self.value.as_str())), description: self.description.clone(), version: None };
        let is_sound = new.faults().is_empty() && name.as_str() == self.name;
        let is_by = self.updated_by.len() <= 1000 && !self.updated_by.contains('\0');
        if is_sound && is_by && (1..1 << 52).contains(&self.version) { Ok(()) } else { Err(wrong()) }
    }
}
