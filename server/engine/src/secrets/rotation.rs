//! A new data key for everything: made, taken by all sealed values in batches, then the one before is removed.
//!
//! Each batch is one commit and each row says its key, so that what was interrupted goes on where it was, whoever goes on.

use api::{DeployHookId, DeploymentId, Error, ReleaseId, Result, ServiceId};

use super::keyring::require_key;
use super::{Keyring, vault};
use crate::store::data_keys::{data_key_delete, data_key_list};
use crate::store::sealed::{KeyColumn, KeyPart, SealedRow, SealedTable, sealed_count, sealed_list_others, sealed_replace};
use crate::store::secrets::secrets_changed;
use crate::{Core, configuration, deployments, services};

/// Rows that are sealed anew in one commit.
const BATCH: i64 = 100;

/// Every table with sealed values. One that isn't here keeps its data keys for ever.
pub const SEALED: &[SealedTable] = &[
    SealedTable {
        name: "secrets",
        keys: &[KeyColumn::Text("name"), KeyColumn::Number("version")],
        context: |keys| match keys {
            [KeyPart::Text(name), KeyPart::Number(version)] => vault::context(name, *version).to_vec(),
            _ => Vec::new(),
        },
    },
    SealedTable {
        name: "secret_values",
        keys: &[KeyColumn::Text("name"), KeyColumn::Number("version")],
        context: |keys| match keys {
            [KeyPart::Text(name), KeyPart::Number(version)] => vault::context(name, *version).to_vec(),
            _ => Vec::new(),
        },
    },
    SealedTable {
        name: "configuration_versions",
        keys: &[KeyColumn::Id("service_id"), KeyColumn::Number("version")],
        context: |keys| match keys {
            [KeyPart::Id(id), KeyPart::Number(version)] => configuration::context(ServiceId(*id), version.unsigned_abs()).to_vec(),
            _ => Vec::new(),
        },
    },
    SealedTable {
        name: "services",
        keys: &[KeyColumn::Id("id")],
        context: |keys| match keys {
            [KeyPart::Id(id)] => services::variables::context(ServiceId(*id)).to_vec(),
            _ => Vec::new(),
        },
    },
    SealedTable {
        name: "releases",
        keys: &[KeyColumn::Id("id")],
        context: |keys| match keys {
            [KeyPart::Id(id)] => deployments::release_context(ReleaseId(*id)).to_vec(),
            _ => Vec::new(),
        },
    },
    SealedTable {
        name: "deployments",
        keys: &[KeyColumn::Id("id")],
        context: |keys| match keys {
            [KeyPart::Id(id)] => deployments::deployment_context(DeploymentId(*id)).to_vec(),
            _ => Vec::new(),
        },
    },
    SealedTable {
        name: "deploy_hooks",
        keys: &[KeyColumn::Id("id")],
        context: |keys| match keys {
            [KeyPart::Id(id)] => deployments::hook_context(DeployHookId(*id)).to_vec(),
            _ => Vec::new(),
        },
    },
];

/// What [`finish`] has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Values that were sealed anew.
    pub resealed: u64,
    /// Data keys that were removed.
    pub removed: u64,
    /// Whether nothing is left to do.
    pub is_complete: bool,
}

/// Whether something was interrupted: there are keys that nothing new is sealed with.
pub async fn is_unfinished(core: &Core) -> Result<bool> {
    Ok(data_key_list(&mut core.store.main.read().await?).await?.iter().any(|row| row.is_retired))
}

/// Seals with the active data key all that isn't, in at most `batches` commits, then removes the keys that nothing is sealed with.
///
/// # Errors
/// `internal` when a value was changed outside Pilothouse: it stays as it is, with its key, and the others are sealed anew. `unavailable` when
/// the keys couldn't be opened, or the database is down.
pub async fn finish(core: &Core, batches: usize) -> Result<Done> {
    core.keyring.reload().await?;
    let active = core.keyring.active()?;
    let mut done = Done::default();
    let (mut left, mut failure) = (batches, None);
    for table in SEALED {
        let mut refused = Vec::new();
        loop {
            let most = BATCH + refused.len() as i64;
            let mut rows = sealed_list_others(&mut core.store.main.read().await?, table, active, most).await?;
            rows.retain(|row| !refused.contains(&row.keys));
            if rows.is_empty() {
                break;
            }
            if left == 0 {
                return Ok(done);
            }
            left -= 1;
            let mut anew = Vec::with_capacity(rows.len());
            for row in rows {
                match resealed(&core.keyring, table, &row) {
                    Ok(sealed) => anew.push((row, sealed)),
                    Err(error) => {
                        refused.push(row.keys);
                        failure = failure.or(Some(error));
                    }
                }
            }
            let table = *table;
            let write = core.store.main.write(move |db| {
                Box::pin(async move {
                    let mut count = 0;
                    for (row, sealed) in &anew {
                        let key = require_key(db, sealed).await?;
                        count += u64::from(sealed_replace(db, &table, row, sealed, key).await?);
                    }
                    Ok(count)
                })
            });
            done.resealed += write.await?;
        }
    }
    let write = core.store.main.write(move |db| {
        Box::pin(async move {
            let mut removed = 0;
            for row in data_key_list(db).await?.into_iter().filter(|row| row.is_retired) {
                let mut rows = 0;
                for table in SEALED {
                    rows += sealed_count(db, table, row.id).await?;
                }
                if rows == 0 {
                    data_key_delete(db, row.id).await?;
                    removed += 1;
                }
            }
            secrets_changed(db).await?;
            Ok(removed)
        })
    });
    done.removed = write.await?;
    core.keyring.reload().await?;
    done.is_complete = !is_unfinished(core).await?;
    failure.map_or(Ok(done), Err)
}

/// The bytes of a row, sealed with the active key.
fn resealed(keyring: &Keyring, table: &SealedTable, row: &SealedRow) -> Result<Vec<u8>> {
    let context = (table.context)(&row.keys);
    let context: Vec<&[u8]> = context.iter().map(Vec::as_slice).collect();
    let plain = keyring.open_sealed(&context, &row.sealed).map_err(|error| Error {
        message: format!("not everything has the new key: in the table {}, row {}, {}", table.name, shown(&row.keys), error.message),
        ..error
    })?;
    keyring.seal(&context, &plain)
}

fn shown(keys: &[KeyPart]) -> String {
    let one = |key: &KeyPart| match key {
        KeyPart::Text(text) => format!("'{text}'"),
        KeyPart::Number(number) => number.to_string(),
        KeyPart::Id(id) => id.to_string(),
    };
    keys.iter().map(one).collect::<Vec<_>>().join(" ")
}
