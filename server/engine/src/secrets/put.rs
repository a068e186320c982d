//! Writing secrets: one that somebody sets, or those of a `.env` text.

use api::{Caller, Error, ErrorCode, EventKind, NewSecret, Result, SecretName};
use serde_json::json;

use super::keyring::require_key;
use super::{Manager, vault};
use crate::events::NewEvent;
use crate::store::secret_values::{secret_value_delete, secret_value_list};
use crate::store::secrets::{SecretRow, secret_count, secret_find, secret_put, secrets_changed};

/// The most secrets that there may be.
pub(super) const MOST: i64 = 1000;

/// A secret as it is to be written.
pub(super) struct Change {
    name: SecretName,
    row: SecretRow,
    /// The version that it takes the place of; 0 for none.
    before: i64,
    /// Versions up to that one whose values can't be opened, and so aren't kept.
    broken: Vec<i64>,
    /// What is done, for the audit.
    what: &'static str,
}

impl Manager {
    /// What becomes of `name`, which is `before` now. Hold `changing` from before that was read until it is written.
    ///
    /// # Errors
    /// `conflict` when that isn't the version that `new` names, `validation_failed` when a new secret has no value, `unavailable` when the keys
    /// of secrets can't be opened.
    pub(super) async fn change(&self, caller: &Caller, name: SecretName, new: NewSecret, before: Option<SecretRow>) -> Result<Change> {
        let version = before.as_ref().map_or(0, |row| row.version);
        if let Some(wanted) = new.version.filter(|wanted| *wanted != version.unsigned_abs()) {
            return Err(changed(&name, wanted, before.as_ref()));
        }
        let value = match (&new.value, &before) {
            (Some(value), _) => value.clone(),
            (None, Some(row)) => self.vault.value(row).await?,
            (None, None) => return Err(Error::invalid("/value", format!("'{name}' is a new secret; give it a value"))),
        };
        let context = vault::context(name.as_str(), version + 1);
        let sealed = self.core.keyring.seal(&context.each_ref().map(Vec::as_slice), value.reveal().as_bytes())?;
        let now = self.core.clock.now().micros();
        let kept = |time: fn(&SecretRow) -> i64| before.as_ref().map_or(now, time);
        let description = match new.description {
            Some(text) => Some(text).filter(|text| !text.trim().is_empty()),
            None => before.as_ref().and_then(|row| row.description.clone()),
        };
        let row = SecretRow {
            name: name.to_string(),
            description,
            sealed,
            key_id: 0,
            version: version + 1,
            value_set_at: if new.value.is_some() { now } else { kept(|row| row.value_set_at) },
            created_at: kept(|row| row.created_at),
            updated_at: now,
            updated_by: caller.name.clone(),
        };
        let broken = self.broken(name.as_str(), before.as_ref()).await?;
        Ok(Change { name, row, before: version, broken, what: if new.value.is_some() { "set" } else { "changed what is said of" } })
    }

    /// The versions of a secret up to this one whose values can't be opened: kept, they would be in the way of each rotation of keys.
    async fn broken(&self, name: &str, present: Option<&SecretRow>) -> Result<Vec<i64>> {
        let former = secret_value_list(&mut self.core.store.main.read().await?, Some(name)).await?;
        let mut broken = Vec::new();
        for row in &former {
            broken.extend(self.vault.former(row).await.is_err_and(|error| error.code == ErrorCode::Internal).then_some(row.version));
        }
        if let Some(row) = present {
            broken.extend(self.vault.value(row).await.is_err_and(|error| error.code == ErrorCode::Internal).then_some(row.version));
        }
        Ok(broken)
    }

    /// Writes all of these with an event each, or none; what they are is taken out of logs then. Answers their rows.
    ///
    /// # Errors
    /// `conflict` when one of them has been changed since it was read, or there would be too many; `unavailable`.
    pub(super) async fn write(&self, caller: &Caller, changes: Vec<Change>) -> Result<Vec<SecretRow>> {
        let by = caller.clone();
        let write = self.core.events.write(move |db| {
            Box::pin(async move {
                let (mut rows, mut events) = (Vec::with_capacity(changes.len()), Vec::with_capacity(changes.len()));
                for Change { name, mut row, before, broken, what } in changes {
                    let present = secret_find(db, &row.name).await?;
                    if present.as_ref().map_or(0, |row| row.version) != before {
                        return Err(changed(&name, before.unsigned_abs(), present.as_ref()).into());
                    }
                    row.key_id = require_key(db, &row.sealed).await?;
                    secret_put(db, &row).await?;
                    for version in broken {
                        secret_value_delete(db, &row.name, version).await?;
                    }
                    let message = format!("{} {what} the secret '{}' (version {})", by.name, row.name, row.version);
                    let event = NewEvent::new(EventKind::SecretSet, message).by(&by).about(&row.name);
                    events.push(event.with(json!({ "name": row.name, "version": row.version })));
                    rows.push(row);
                }
                let has_new = rows.iter().any(|row: &SecretRow| row.version == 1);
                if has_new && secret_count(db).await? > MOST {
                    return Err(
                        Error::conflict(format!("there would be more than {MOST} secrets; delete some that nothing refers to")).into()
                    );
                }
                secrets_changed(db).await?;
                Ok((rows, events))
            })
        });
        let rows = write.await?;
        self.mask_anew().await;
        Ok(rows)
    }
}

fn changed(name: &SecretName, wanted: u64, present: Option<&SecretRow>) -> Error {
    Error::conflict(match present {
        None => format!("there is no secret '{name}' any more, and not its version {wanted}; read it again"),
        Some(SecretRow { version, updated_by, .. }) if wanted == 0 => {
            format!("there is a secret '{name}' already (version {version}, by {updated_by}); choose another name, or change that one")
        }
        Some(SecretRow { version, updated_by, .. }) => {
            format!("the secret '{name}' was changed by {updated_by} meanwhile: it has version {version}, not {wanted}; read it again")
        }
    })
}
