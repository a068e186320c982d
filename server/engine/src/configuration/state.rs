//! What a configuration is now: its values, saved or found, with the schema that they have to satisfy.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use api::{
    Configuration, ConfigurationText, ConfigurationWatch, Detail, Error, Result, SchemaSource, ServiceId, Source, Status, variables_of,
};
use serde_json::{Map, Value, json};

use super::inherit::{Above, Heritage};
use super::kept::{Kept, secret_texts};
use super::schema::{Inferred, Recent, is_secret, looks_secret, read_folder, typed};
use super::{Manager, lock, mask};
use crate::services::blocking_as;
use crate::store::services::ServiceRow;
use crate::templates;
use crate::user::SystemUser;

/// The schema of a service, and what was found with it.
pub(super) struct Schema {
    pub schema: Value,
    pub source: SchemaSource,
    /// Where one was set that is inherited.
    pub environment: Option<String>,
    pub notes: Vec<String>,
}

/// What a service is told now, secrets in clear.
pub(super) struct State {
    pub row: ServiceRow,
    /// The version that was saved last; none when the values were found.
    pub saved: Option<Arc<Kept>>,
    pub values: Map<String, Value>,
    pub secrets: BTreeSet<String>,
    pub schema: Schema,
    /// Which values are inherited.
    pub heritage: Option<Heritage>,
    /// What is before it in the order of environments; none unless that was looked at, and of what isn't of an environment.
    pub above: Option<Above>,
    validators: Arc<Recent>,
}

impl State {
    pub fn version(&self) -> u64 {
        self.saved.as_ref().map_or(1, |kept| kept.version)
    }

    /// What was found, as the version that is kept of it.
    pub fn as_found(&self) -> Kept {
        let (values, secrets, created_at) = (self.values.clone(), self.secrets.clone(), self.row.created_at);
        Kept { version: 1, values, secrets, source: None, heritage: None, created_at, created_by: None }
    }

    /// How the newest version is written, when that has comments.
    pub fn source(&self) -> Option<&ConfigurationText> {
        self.saved.as_ref().and_then(|kept| kept.source.as_ref())
    }

    /// The pointers of what would be secret in these values: what is now, and what the schema takes for it.
    pub fn secrets_of(&self, values: &Map<String, Value>) -> BTreeSet<String> {
        let mut all = self.secrets.clone();
        all.extend(secrets(values, &self.schema.schema));
        all
    }

    /// What is wrong with values, secrets in clear: at most [`FAULTS`](super::schema::validate::FAULTS). The fields are pointers into a body with `values`.
    pub fn faults(&self, values: &Map<String, Value>) -> Result<Vec<Detail>> {
        let mut faults = match variables_of(values) {
            Ok(_) => Vec::new(),
            Err(error) => error.details,
        };
        let by_schema = self.validators.of(&self.schema.schema)?.faults(&Value::Object(values.clone()));
        faults.extend(by_schema);
        Ok(in_body(faults))
    }
}

/// Faults of values as faults of a body that has them in `values`.
pub(super) fn in_body(faults: Vec<Detail>) -> Vec<Detail> {
    faults.into_iter().map(|Detail { field, message }| Detail { field: format!("/values{field}"), message }).collect()
}

impl Manager {
    /// What a service is told now. Reads its folder.
    pub(super) async fn state(&self, id: ServiceId) -> Result<State> {
        let row = self.services.row_of(id)?;
        let saved = self.newest(id)?;
        let mut schema = self.schema(&row).await?;
        if saved.is_none() {
            row.has_variables()?;
        }
        if let Some(kept) = saved {
            let now = secrets(&kept.values, &schema.schema);
            let secrets = kept.secrets.union(&now).cloned().collect();
            let (values, validators) = (kept.values.clone(), self.validators.clone());
            let heritage = kept.heritage.clone();
            return Ok(State { row, values, saved: Some(kept), secrets, schema, heritage, above: None, validators });
        }
        let texts = match self.services.said(&row.spec).await {
            Ok(texts) => texts,
            Err(error) => {
                schema.notes.push(format!("its files with variables weren't read: {}", error.message));
                row.spec.environment.clone()
            }
        };
        let values: Map<_, _> = texts.into_iter().map(|(name, text)| (name.clone(), typed(&schema.schema, &name, &text))).collect();
        let secrets = secrets(&values, &schema.schema);
        // Its schema may know of more than was seen at its start.
        self.core.mask.learn(secret_texts(&values, &secrets));
        Ok(State { row, saved: None, values, secrets, schema, heritage: None, above: None, validators: self.validators.clone() })
    }

    /// The schema of a service: the one that was set, else the one that was set in an environment before, else the `schema.json` of its folder, else that of
    /// the template that it was made of, else what reading its folder finds, without running anything of it.
    pub(super) async fn schema(&self, row: &ServiceRow) -> Result<Schema> {
        let set = lock(&self.schemas).get(&row.id).cloned();
        if let Some(schema) = set {
            return Ok(Schema { schema: (*schema).clone(), source: SchemaSource::Set, environment: None, notes: Vec::new() });
        }
        if let Some((schema, environment)) = self.schema_above(row).await? {
            let (schema, environment) = ((*schema).clone(), Some(environment));
            return Ok(Schema { schema, source: SchemaSource::Inherited, environment, notes: Vec::new() });
        }
        let nothing = |notes| Schema { schema: json!({ "type": "object" }), source: SchemaSource::None, environment: None, notes };
        if matches!(row.spec.source, Source::Container { .. }) {
            return Ok(nothing(vec!["the variables of a container that others have made are set where it is made".into()]));
        }
        // What is deployed of a repository says what it takes.
        let released = || self.services.pinned(row.id).ok().flatten().and_then(|pinned| pinned.folder.clone());
        let Some(folder) = folder(&row.spec.source).or_else(released) else { return Ok(nothing(Vec::new())) };
        let user = row.spec.user.as_deref().map(SystemUser::choose).transpose();
        let user = match user {
            Ok(user) => user,
            Err(why) => return Ok(nothing(vec![format!("its folder isn't read: {why}")])),
        };
        match blocking_as(user.as_ref(), move || read_folder(&folder)).await? {
            Ok(Inferred { schema, source, notes, .. }) => {
                let of_template =
                    row.spec.template.as_ref().filter(|_| source != SchemaSource::File).and_then(|made| templates::find(&made.id));
                let (schema, source) =
                    of_template.map_or((schema, source), |template| (template.configuration_schema.clone(), SchemaSource::Template));
                Ok(Schema { schema, source, environment: None, notes })
            }
            Err(why) => Ok(nothing(vec![format!("its folder isn't read: {why}")])),
        }
    }

    /// The version that a service was started with last.
    pub(super) fn applied(&self, row: &ServiceRow) -> Result<Option<u64>> {
        Ok(match self.services.told(row.id)? {
            Some(told) => told.applied,
            None => row.boot_id.is_some().then_some(1),
        })
    }

    /// What is shown of a state.
    pub(super) fn shown(&self, state: &State) -> Result<Configuration> {
        let id = state.row.id;
        let status = self.core.catalog.get(id)?.service.status;
        let is_up = matches!(status, Status::Running | Status::Starting);
        let applied = self.applied(&state.row)?;
        Ok(Configuration {
            service_id: id,
            version: state.version(),
            applied_version: applied,
            restart_needed: is_up && applied.is_some_and(|applied| applied != state.version()),
            values: mask::masked(&state.values, &state.secrets),
            secrets: state.secrets.iter().cloned().collect(),
            faults: state.faults(&state.values).unwrap_or_else(|error| error.details),
            schema: state.schema.schema.clone(),
            schema_source: state.schema.source,
            schema_environment: state.schema.environment.clone(),
            notes: state.schema.notes.clone(),
            not_restarted: None,
            format: state.source().map(|source| source.format),
            watch: lock(&self.watches).get(&id).map(|watch| ConfigurationWatch { until: watch.until, back_to: watch.back_to }),
            origins: state.origins(),
            inheritance: state.inheritance(),
            updated_at: state.saved.as_ref().map(|kept| kept.created_at),
            updated_by: state.saved.as_ref().and_then(|kept| kept.created_by.clone()),
        })
    }

    /// Fails with `conflict` for what is configured elsewhere.
    pub(super) fn is_ours(state: &State) -> Result<()> {
        match state.row.spec.source {
            Source::Container { .. } => Err(Error::conflict(format!(
                "the variables of '{}' are set where its container is made: in its Compose file, or by who runs it",
                state.row.name
            ))),
            Source::Proxy { .. } => Err(Error::conflict(format!("'{}' is a proxy of Pilothouse, and told by it", state.row.name))),
            _ if state.row.spec.replica.is_some() => {
                Err(Error::conflict(format!("'{}' is told what the service is told that it is a replica of; change that", state.row.name)))
            }
            _ if state.row.spec.beside.is_some() => Err(Error::conflict(format!(
                "'{}' is a copy that a deployment has made, and goes with it; change the service that it is a copy of",
                state.row.name
            ))),
            _ => Ok(()),
        }
    }
}

/// The pointers of all values that a schema takes for secret.
pub(super) fn secrets(values: &Map<String, Value>, schema: &Value) -> BTreeSet<String> {
    mask::find(values, |pointer, value| is_secret(schema, pointer) || is_secret_unsaid(schema, pointer, value))
}

/// Whether a variable is a secret by its name or text, and the schema doesn't say that it is none.
fn is_secret_unsaid(schema: &Value, pointer: &str, value: &Value) -> bool {
    let (Value::String(text), Some(name)) = (value, pointer.strip_prefix('/').filter(|name| !name.contains('/'))) else { return false };
    let says = schema.get("properties").and_then(|all| all.get(name)?.get("writeOnly")).is_some();
    !says && looks_secret(name, text)
}

fn folder(source: &Source) -> Option<PathBuf> {
    match source {
        Source::Build { build, .. } => Some(PathBuf::from(&build.folder)).filter(|_| build.repository.is_none()),
        source => source.folder().map(PathBuf::from),
    }
}
