//! The values of secrets: read from the store and opened, for those who may have them.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::{Error, ErrorCode, Result, Secret, SecretPart};

use super::Keyring;
use super::keyring::key_of;
use crate::Core;
use crate::store::Store;
use crate::store::secret_values::{SecretValueRow, SecretVersions, secret_value_find};
use crate::store::secrets::{SecretRow, secret_find};

/// What a secret's value is sealed for.
pub fn context(name: &str, version: i64) -> [Vec<u8>; 3] {
    [b"secret".to_vec(), name.as_bytes().to_vec(), version.to_be_bytes().to_vec()]
}

/// Reads and opens values. Cheap to make.
#[derive(Clone)]
pub struct Vault {
    store: Arc<Store>,
    keyring: Arc<Keyring>,
}

impl Vault {
    /// The values in the store of `core`.
    pub fn of(core: &Core) -> Self {
        Self { store: core.store.clone(), keyring: core.keyring.clone() }
    }

    /// The value of a row.
    ///
    /// # Errors
    /// `internal` when it was changed outside Pilothouse, `unavailable` when the keys of secrets couldn't be opened.
    pub async fn value(&self, row: &SecretRow) -> Result<Secret> {
        self.open(&row.name, row.version, &row.sealed).await
    }

    /// A value of before.
    ///
    /// # Errors
    /// As [`Vault::value`].
    pub async fn former(&self, row: &SecretValueRow) -> Result<Secret> {
        self.open(&row.name, row.version, &row.sealed).await
    }

    async fn open(&self, name: &str, version: i64, sealed: &[u8]) -> Result<Secret> {
        self.keyring.ready()?;
        if key_of(sealed).is_some_and(|key| !self.keyring.knows(key)) {
            // Another instance has made a new one.
            self.keyring.reload().await?;
        }
        let context = context(name, version);
        let plain = self.keyring.open_sealed(&context.each_ref().map(Vec::as_slice), sealed)?;
        let text = std::str::from_utf8(&plain).map_err(|_| {
            tracing::error!(secret = name, "secret_not_text");
            Error::internal()
        })?;
        Ok(Secret::new(text))
    }

    /// `text` with the present value of each secret in the place of the `${secret:NAME}` that refers to it; `$${secret:` becomes `${secret:`.
    ///
    /// # Errors
    /// `service_failed` when there is no such secret, or a reference can't be read; `unavailable` when the keys of secrets couldn't be opened.
    pub async fn resolve(&self, text: &str) -> Result<String> {
        self.resolve_at(text, &SecretVersions::new()).await
    }

    /// [`Vault::resolve`] with the values of those versions, where they are kept.
    async fn resolve_at(&self, text: &str, versions: &SecretVersions) -> Result<String> {
        let mut resolved = String::with_capacity(text.len());
        for part in api::secret_parts(text) {
            match part {
                SecretPart::Text(text) => resolved.push_str(text),
                SecretPart::Reference(name) => {
                    let mut db = self.store.main.read().await?;
                    let row = secret_find(&mut db, name).await?;
                    let row = row.ok_or_else(|| Error::service(format!("there is no secret '{name}'")))?;
                    let former = match versions.get(name).filter(|version| **version != row.version.unsigned_abs()) {
                        Some(version) => secret_value_find(&mut db, name, *version).await?,
                        None => None,
                    };
                    drop(db);
                    let value = match &former {
                        Some(former) => self.former(former).await?,
                        None => self.value(&row).await?,
                    };
                    resolved.push_str(value.reveal());
                }
                SecretPart::Broken(_) => {
                    return Err(Error::service(api::secret_reference_fault(text).unwrap_or("a secret is referred to in a wrong way")));
                }
            }
        }
        Ok(resolved)
    }

    /// [`Vault::resolve`] for each variable, with the values of `versions` where it names a secret. The message of an error names the variable, and
    /// says what to do.
    ///
    /// # Errors
    /// As [`Vault::resolve`].
    pub async fn environment(&self, variables: &BTreeMap<String, String>, versions: &SecretVersions) -> Result<BTreeMap<String, String>> {
        let mut resolved = BTreeMap::new();
        for (name, text) in variables {
            let value = self.resolve_at(text, versions).await.map_err(|error| explained(name, error))?;
            resolved.insert(name.clone(), value);
        }
        Ok(resolved)
    }
}

fn explained(variable: &str, error: Error) -> Error {
    let what = match error.code {
        ErrorCode::ServiceFailed => "; set that secret, or change the variable, and start it again",
        _ => "",
    };
    Error { message: format!("the variable {variable} has no value: {}{what}", error.message), ..error }
}
