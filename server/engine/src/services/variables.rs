//! The variables of services' settings. They are sealed in the store, because people put passwords there, and clear in memory.
//!
//! Those that can't be opened stay as they are, whatever else is written of their service: it isn't started without them, and the rest of it can be seen and
//! changed. Nothing else is sealed that is needed for a service to be found, seen and stopped.

use std::collections::BTreeMap;

use api::{Result, ServiceId, ServiceSpec, VariablesProblem};
use zeroize::Zeroizing;

use super::{Services, lock};
use crate::Core;
use crate::secrets::Keyring;
use crate::secrets::keyring::key_of;
use crate::store::services::{SealedSpec, ServiceRow, Unopened, service_list, service_seal};

/// What the variables of a service are sealed for.
pub(crate) fn context(id: ServiceId) -> [Vec<u8>; 2] {
    [b"variables of a service".to_vec(), id.0.as_bytes().to_vec()]
}

/// A specification as it is written. When it has no variables, those that aren't opened stay.
///
/// # Errors
/// `unavailable` when it has variables and the data keys couldn't be opened.
pub(crate) fn sealed(keyring: &Keyring, id: ServiceId, spec: &ServiceSpec, unopened: Option<&Unopened>) -> Result<SealedSpec> {
    let sealed = match unopened {
        Some(unopened) if spec.environment.is_empty() => Some(unopened.sealed.clone()),
        _ if spec.environment.is_empty() => None,
        _ => {
            let plain = serde_json::to_vec(&spec.environment).map(Zeroizing::new).map_err(|_| api::Error::internal())?;
            let [what, id] = context(id);
            Some(keyring.seal(&[&what, &id], &plain)?)
        }
    };
    Ok(SealedSpec::new(spec, sealed)?)
}

/// Opens the variables of a row that was read.
fn open(keyring: &Keyring, row: &mut ServiceRow) {
    let Some(unopened) = row.unopened.take() else { return };
    let [what, id] = context(row.id);
    let opened = keyring.open_sealed(&[&what, &id], &unopened.sealed);
    let read = opened.and_then(|plain| serde_json::from_slice::<BTreeMap<String, String>>(&plain).map_err(|_| api::Error::internal()));
    match read {
        Ok(variables) => row.spec.environment = variables,
        Err(error) => {
            let problem = VariablesProblem { why: error.message, can_be_set: keyring.ready().is_ok() };
            row.unopened = Some(Unopened { problem, ..unopened });
        }
    }
}

/// Every service of the store, deleted ones too, with its variables opened where that is possible.
pub(crate) async fn read(core: &Core) -> Result<Vec<ServiceRow>> {
    let mut rows = service_list(&mut core.store.main.read().await?).await?;
    let is_strange = |row: &ServiceRow| {
        let key = row.unopened.as_ref().and_then(|unopened| key_of(&unopened.sealed));
        key.is_some_and(|key| !core.keyring.knows(key))
    };
    // Another instance may have made a key.
    if core.keyring.ready().is_ok() && rows.iter().any(is_strange) {
        core.keyring.reload().await?;
    }
    rows.iter_mut().for_each(|row| open(&core.keyring, row));
    Ok(rows)
}

/// Seals variables that an earlier version has kept in clear. While the keys can't be opened they stay as they are.
pub(super) async fn seal_clear(core: &Core) -> Result<()> {
    let rows = service_list(&mut core.store.main.read().await?).await?;
    let clear: Vec<_> = rows.into_iter().filter(|row| row.unopened.is_none() && !row.spec.environment.is_empty()).collect();
    if clear.is_empty() || core.keyring.ready().is_err() {
        return Ok(());
    }
    let count = clear.len();
    let all = clear.iter().map(|row| Ok((row.id, sealed(&core.keyring, row.id, &row.spec, None)?))).collect::<Result<Vec<_>>>()?;
    let write = core.store.main.write(move |db| {
        Box::pin(async move {
            db.erase_what_is_overwritten(true).await?;
            for (id, spec) in &all {
                service_seal(db, *id, spec).await?;
            }
            db.erase_what_is_overwritten(false).await
        })
    });
    write.await?;
    tracing::info!(services = count, "variables_sealed");
    Ok(())
}

impl ServiceRow {
    /// Fails with `service_failed`, saying why, while its variables can't be read.
    pub(crate) fn has_variables(&self) -> Result<()> {
        match &self.unopened {
            Some(unopened) => Err(api::Error::service(format!("the variables of its settings can't be read: {}", unopened.problem.why))),
            None => Ok(()),
        }
    }
}

impl Services {
    /// The specification of a service as it is written. When it has no variables, those that aren't opened stay.
    ///
    /// # Errors
    /// As [`sealed`].
    pub(crate) fn sealed_spec(&self, id: ServiceId, spec: &ServiceSpec) -> Result<SealedSpec> {
        let unopened = lock(&self.rows).get(&id).and_then(|row| row.unopened.clone());
        sealed(&self.core.keyring, id, spec, unopened.as_ref())
    }

    /// A service as it is written.
    ///
    /// # Errors
    /// As [`sealed`].
    pub(crate) fn sealed_row(&self, row: &ServiceRow) -> Result<SealedSpec> {
        sealed(&self.core.keyring, row.id, &row.spec, row.unopened.as_ref())
    }
}
