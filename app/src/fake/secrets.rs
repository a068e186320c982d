//! The secrets of the fake.

use api::ports::Secrets;
use api::*;
use async_trait::async_trait;

use super::{Fake, NOW};

#[async_trait]
impl Secrets for Fake {
    async fn list(&self, caller: &Caller) -> Result<Vec<NamedSecret>> {
        caller.require(Permission::SecretsRead)?;
        Ok(self.secrets.clone())
    }

    async fn put(&self, caller: &Caller, name: SecretName, new: NewSecret) -> Result<NamedSecret> {
        caller.require(Permission::SecretsWrite)?;
        put(&self.secrets, name, new)
    }

    async fn delete(&self, caller: &Caller, name: SecretName, force: bool) -> Result<()> {
        caller.require(Permission::SecretsWrite)?;
        let secret = find(&self.secrets, &name)?;
        if secret.unused || force { Ok(()) } else { Err(Error::conflict("the variable URL of orders refers to it")) }
    }

    async fn reveal(&self, caller: &Caller, name: SecretName, again: SecretReveal) -> Result<SecretValue> {
        caller.require(Permission::SecretsReveal)?;
        let secret = find(&self.secrets, &name)?;
        match again.password.reveal() {
            "right" => Ok(SecretValue { value: Secret::new("hunter2 <b>"), version: secret.version }),
            _ => Err(Error::invalid("/password", "that isn't your password")),
        }
    }

    async fn import(&self, caller: &Caller, import: SecretImport) -> Result<SecretImportReport> {
        caller.require(Permission::SecretsWrite)?;
        import_of(&self.secrets, import)
    }

    async fn rotate(&self, caller: &Caller) -> Result<KeyRotation> {
        caller.require(Permission::SecretsRotate)?;
        Ok(KeyRotation { data_key: 2, resealed: self.secrets.len() as u64, removed: 1 })
    }
}

/// The secret of that name.
fn find<'s>(secrets: &'s [NamedSecret], name: &SecretName) -> Result<&'s NamedSecret> {
    secrets.iter().find(|secret| secret.name == *name).ok_or_else(|| Error::not_found("secret", name))
}

/// A secret as it would be then; nothing is kept.
fn put(secrets: &[NamedSecret], name: SecretName, new: NewSecret) -> Result<NamedSecret> {
    Error::invalid_fields(new.faults())?;
    let before = secrets.iter().find(|secret| secret.name == name);
    let version = before.map_or(0, |secret| secret.version);
    if new.version.is_some_and(|wanted| wanted != version) {
        return Err(Error::conflict(format!("the secret '{name}' was changed by ben meanwhile")));
    }
    match (before, new.value) {
        (Some(before), _) => Ok(NamedSecret { version: version + 1, ..before.clone() }),
        (None, Some(_)) => Ok(secret(name.as_str(), 1)),
        (None, None) => Err(Error::invalid("/value", "give it a value")),
    }
}

/// A secret that nothing refers to, set two hours ago.
pub fn secret(name: &str, version: u64) -> NamedSecret {
    let at = NOW.plus_seconds(-7_200);
    NamedSecret {
        name: name.parse().unwrap(),
        description: None,
        version,
        created_at: at,
        updated_at: at,
        value_set_at: at,
        updated_by: "anna <b>".into(),
        used_by: Vec::new(),
        unused: true,
        stale: false,
        former_versions: Vec::new(),
        given_earlier: Vec::new(),
    }
}

/// What becomes of a text whose variables with `KEY` in their names look like secrets.
fn import_of(secrets: &[NamedSecret], import: SecretImport) -> Result<SecretImportReport> {
    let lines = import.env.reveal().lines().zip(1..);
    let item = |(text, line): (&str, u64)| {
        let variable = text.split_once('=').ok_or_else(|| Error::invalid("/env", format!("line {line} is not of the form NAME=value")))?.0;
        let looks_secret = variable.contains("KEY");
        let own = import.pick.as_ref().and_then(|pick| pick.iter().find(|one| one.variable == variable));
        let name = own.and_then(|own| own.name.clone()).unwrap_or_else(|| variable.to_owned());
        let is_present = secrets.iter().any(|secret| secret.name.as_str() == name);
        let outcome = match (own.is_some() || import.pick.is_none() && looks_secret, is_present) {
            (false, _) => SecretImportOutcome::LeftOut,
            (true, false) => SecretImportOutcome::Made,
            (true, true) if own.is_some_and(|own| own.overwrite) => SecretImportOutcome::Changed,
            (true, true) => SecretImportOutcome::Present,
        };
        Ok(SecretImportItem { line, variable: variable.to_owned(), name, looks_secret, is_present, outcome })
    };
    Ok(SecretImportReport { dry_run: import.dry_run, items: lines.map(item).collect::<Result<_>>()? })
}
