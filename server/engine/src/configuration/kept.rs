//! What is kept of configurations: the newest version of each in memory, all of them sealed in the store.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use api::{ConfigurationText, Error, ErrorCode, Result, Secret, SecretUse, ServiceId, Timestamp, VersionKind, secret_references};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::inherit::Heritage;
use super::schema::{looks_secret, passwords};
use super::{Manager, lock};
use crate::secrets::Uses;
use crate::services::{Told, Unreadable};
use crate::store::configurations::{VersionRow, configuration_list, schema_list, version_latest, version_newest};

/// The newest versions of each service whose secrets are looked for in lines of before a start.
const LEARNED: u32 = 20;

/// What the secrets of configurations are known as to what takes them out of logs.
pub(super) const MASKED: &str = "configurations";

/// The newest version of a configuration, or why it can't be read.
pub(super) type Newest = Result<Arc<Kept>, Unreadable>;

/// A version, opened.
#[derive(Clone)]
pub(super) struct Kept {
    pub version: u64,
    pub values: Map<String, Value>,
    /// Pointers of what was secret when it was saved; it stays secret whatever the schema says later.
    pub secrets: BTreeSet<String>,
    /// How it is written, when that has more to it than the values: comments. Its secrets are masked.
    pub source: Option<ConfigurationText>,
    /// Which of the values are inherited; none when it never was.
    pub heritage: Option<Heritage>,
    pub created_at: Timestamp,
    pub created_by: Option<String>,
}

/// What is sealed of a version: its values, and once more what else the store says of it, so that none of that is changed unseen.
#[derive(Serialize, Deserialize)]
struct Content {
    values: Map<String, Value>,
    secrets: BTreeSet<String>,
    kind: VersionKind,
    created_at: Timestamp,
    created_by: Option<String>,
    message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<ConfigurationText>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    heritage: Option<Heritage>,
}

impl Manager {
    /// Reads all that is saved, and lets the services be told it. What can't be opened is kept as that, and nothing is run without it.
    pub(super) async fn read_all(&self) -> Result<()> {
        let mut db = self.core.store.main.read().await?;
        let applied: HashMap<_, _> = configuration_list(&mut db).await?.into_iter().map(|row| (row.service_id, row)).collect();
        let mut newest: HashMap<ServiceId, Newest> = HashMap::new();
        for row in version_newest(&mut db).await? {
            newest.insert(row.service_id, self.open_version(&row).map(Arc::new).map_err(|error| error.message));
        }
        for (id, schema) in schema_list(&mut db).await? {
            match serde_json::from_str(&schema) {
                Ok(schema) => lock(&self.schemas).insert(id, Arc::new(schema)),
                Err(error) => {
                    tracing::error!(%error, service = %id, "schema_not_readable");
                    None
                }
            };
        }
        for (id, row) in applied {
            let kept = newest.remove(&id).unwrap_or_else(|| Err(format!("version {} isn't in the store any more", row.version)));
            if let Err(why) = &kept {
                tracing::error!(service = %id, why, "configuration_not_readable");
            }
            self.remember(id, kept, row.applied_version);
            if let Some(watch) = row.watch {
                lock(&self.watches).insert(id, watch);
            }
        }
        self.mask_all();
        Ok(())
    }

    /// Keeps the newest version of a service in memory, and lets it be told that.
    pub(super) fn remember(&self, id: ServiceId, kept: Newest, applied: Option<u64>) {
        let told = kept.as_ref().map_err(Clone::clone).and_then(|kept| {
            let variables = api::variables_of(&kept.values).map_err(|error| error.message)?;
            Ok(Told { version: kept.version, applied, variables })
        });
        self.services.tell(id, Some(told));
        lock(&self.kept).insert(id, kept);
    }

    /// Takes the secrets of all configurations out of logs from now on.
    pub(super) fn mask_all(&self) {
        self.mask_also(Vec::new());
    }

    /// The same, with those that are about to be saved for many: made anew with each of them, what takes them out would be the most of the work.
    pub(super) fn mask_also(&self, mut values: Vec<Secret>) {
        for kept in lock(&self.kept).values().flatten() {
            values.extend(secret_texts(&kept.values, &kept.secrets));
        }
        self.core.mask.set_of(MASKED, values);
    }

    /// Learns what is hidden in lines of before: the secrets of earlier versions, and of services whose configuration isn't saved, in their
    /// settings and files. A configuration that can't be opened now is told when it is used.
    pub(super) async fn learn_all(&self) {
        let mut values = Vec::new();
        for entry in self.core.catalog.all() {
            let id = entry.service.id;
            if !self.services.is_configured(id) {
                values.extend(secrets_among(&self.services.said(&entry.spec).await.unwrap_or_default()));
                continue;
            }
            let versions = async { Ok::<_, Error>(version_latest(&mut self.core.store.main.read().await?, id, LEARNED).await?) };
            let versions = versions.await.unwrap_or_else(|error| {
                tracing::warn!(%error, service = %id, "earlier_secrets_not_read");
                Vec::new()
            });
            for row in versions {
                if let Ok(kept) = self.open_version(&row) {
                    values.extend(secret_texts(&kept.values, &kept.secrets));
                }
            }
        }
        self.core.mask.learn(values);
    }

    /// Which variables of configurations refer to which named secrets.
    pub(crate) fn uses(&self) -> Uses {
        let mut uses = Uses::new();
        for entry in self.core.catalog.all().into_iter().filter(|entry| entry.spec.replica.is_none()) {
            let Ok(Some(told)) = self.services.told(entry.service.id) else { continue };
            for (variable, text) in &told.variables {
                for name in secret_references(text) {
                    let (service_id, service_name) = (entry.service.id, entry.service.name.clone());
                    uses.entry(name.to_owned()).or_default().push(SecretUse { service_id, service_name, variable: variable.clone() });
                }
            }
        }
        uses
    }

    /// The newest version of a service; none when nothing was saved. Fails with `service_failed` when it can't be read.
    pub(super) fn newest(&self, id: ServiceId) -> Result<Option<Arc<Kept>>> {
        // What is forgotten with its service is forgotten here too.
        if !self.services.is_configured(id) {
            lock(&self.kept).remove(&id);
            return Ok(None);
        }
        lock(&self.kept).get(&id).cloned().transpose().map_err(unreadable)
    }

    /// Opens a version of the store.
    pub(super) fn open_version(&self, row: &VersionRow) -> Result<Kept> {
        let context = context(row.service_id, row.version);
        let opened = self.core.keyring.open_sealed(&context.each_ref().map(Vec::as_slice), &row.sealed)?;
        let Content { values, secrets, kind, created_at, created_by, message, source, heritage } = serde_json::from_slice(&opened)
            .map_err(|error| {
                tracing::error!(%error, service = %row.service_id, version = row.version, "configuration_not_readable");
                Error::internal()
            })?;
        let is_as_sealed = (kind, created_at, &created_by, &message) == (row.kind, row.created_at, &row.created_by, &row.message);
        if !is_as_sealed {
            let what = format!(
                "when, why or by whom version {} was saved was changed outside Pilothouse; restore the database from a backup",
                row.version
            );
            return Err(Error::new(ErrorCode::Internal, what));
        }
        let (version, created_by) = (row.version, row.created_by.clone());
        Ok(Kept { version, values, secrets, source, heritage, created_at: row.created_at, created_by })
    }

    /// Seals values into a version whose other parts are known: none of them can be changed, nor put in the place of another one, unseen.
    pub(super) fn seal_version(&self, row: VersionRow, kept: &Kept) -> Result<VersionRow> {
        let VersionRow { kind, created_at, created_by, message, .. } = row.clone();
        let Kept { values, secrets, source, heritage, .. } = kept.clone();
        let content = Content { values, secrets, kind, created_at, created_by, message, source, heritage };
        let plain = zeroize::Zeroizing::new(serde_json::to_vec(&content).map_err(|_| Error::internal())?);
        let context = context(row.service_id, row.version);
        let sealed = self.core.keyring.seal(&context.each_ref().map(Vec::as_slice), &plain)?;
        Ok(VersionRow { sealed, ..row })
    }
}

/// What a sealed version is bound to.
pub(crate) fn context(id: ServiceId, version: u64) -> [Vec<u8>; 3] {
    [b"configuration".to_vec(), id.0.as_bytes().to_vec(), version.to_be_bytes().to_vec()]
}

/// The texts of all secrets of values.
pub(super) fn secret_texts(values: &Map<String, Value>, secrets: &BTreeSet<String>) -> Vec<Secret> {
    let (whole, mut all) = (Value::Object(values.clone()), Vec::new());
    for pointer in secrets {
        match whole.pointer(pointer) {
            Some(value) if pointer.matches('/').count() > 1 => parts(value, &mut all),
            Some(value) => texts(value, &mut all),
            None => {}
        }
    }
    all
}

/// The texts that a secret is made of.
fn texts(value: &Value, all: &mut Vec<Secret>) {
    match value {
        Value::String(text) => all.extend(secret_parts(text)),
        Value::Number(number) => all.push(Secret::new(number.to_string())),
        Value::Array(_) | Value::Object(_) => parts(value, all),
        Value::Null | Value::Bool(_) => {}
    }
}

/// The texts within a list or an object, also as they are in the JSON that its variable has: that may be in another form as a whole.
fn parts(value: &Value, all: &mut Vec<Secret>) {
    match value {
        Value::String(text) => {
            all.extend(secret_parts(text));
            all.push(in_json(text));
        }
        Value::Array(items) => items.iter().for_each(|item| parts(item, all)),
        Value::Object(fields) => fields.values().for_each(|field| parts(field, all)),
        value => texts(value, all),
    }
}

/// What a text is between the quotes of JSON.
fn in_json(text: &str) -> Secret {
    let quoted = Value::from(text).to_string();
    Secret::new(&quoted[1..quoted.len() - 1])
}

/// What is to be hidden of a text that is a secret: itself, and a password in it that may be given alone. Nothing of what refers to a named secret, which is hidden itself.
fn secret_parts(text: &str) -> Vec<Secret> {
    if secret_references(text).next().is_some() {
        return Vec::new();
    }
    std::iter::once(Secret::new(text)).chain(passwords(text).into_iter().map(Secret::new)).collect()
}

/// What is to be hidden of variables that nobody has described: what looks like a secret.
pub(crate) fn secrets_among<'v>(variables: impl IntoIterator<Item = (&'v String, &'v String)>) -> Vec<Secret> {
    let are_secret = variables.into_iter().filter(|(name, text)| looks_secret(name, text));
    are_secret.flat_map(|(_, text)| secret_parts(text)).collect()
}

fn unreadable(why: Unreadable) -> Error {
    Error::service(format!("the configuration of this service can't be read: {why}"))
}
