//! The table of services.

use api::{Desired, LastExit, ServiceId, ServiceSpec, Timestamp, VariablesProblem};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::configurations::configuration_delete;
use super::releases::placement_put;
use super::{Conn, Error, Result, execute, on};
use crate::secrets::keyring::require_key;
use crate::services::discovery::Found;

/// A service as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceRow {
    /// Its id.
    pub id: ServiceId,
    /// Its name; unique in any case among those that aren't deleted.
    pub name: String,
    /// What it is for, when somebody has said so.
    pub description: Option<String>,
    /// Absolute path of the folder that it is found by; unique. None for what isn't run by reading a folder.
    pub folder: Option<String>,
    /// Whether looking through the services folder has found it.
    pub is_discovered: bool,
    /// Whether its folder is gone.
    pub is_missing: bool,
    /// Whether somebody has deleted it: kept so that it isn't discovered again.
    pub is_deleted: bool,
    /// How it was deleted, while it can be put back.
    pub deletion: Option<Deletion>,
    /// What it is. Without variables while these are in `unopened`.
    pub spec: ServiceSpec,
    /// Its variables as they are in the store, while they aren't opened.
    pub unopened: Option<Unopened>,
    /// What reading its folder has found last.
    pub found: Option<Found>,
    /// What is wanted of it.
    pub desired: Desired,
    /// When that was asked for last.
    pub desired_at: Timestamp,
    /// The port of its last run.
    pub port: Option<u16>,
    /// The boot of the machine at which it was started last; none while a start is wanted that hasn't begun.
    pub boot_id: Option<String>,
    /// How its last run ended.
    pub last_exit: Option<LastExit>,
    /// When it was first seen.
    pub created_at: Timestamp,
    /// When its specification or what is wanted changed last.
    pub last_updated: Timestamp,
}

impl ServiceRow {
    /// One that was made now: at rest, never run, and not found by a folder.
    pub fn new(id: ServiceId, name: String, spec: ServiceSpec, now: Timestamp) -> Self {
        Self {
            id,
            name,
            description: None,
            folder: None,
            is_discovered: false,
            is_missing: false,
            is_deleted: false,
            deletion: None,
            spec,
            unopened: None,
            found: None,
            desired: Desired::Stopped,
            desired_at: now,
            port: None,
            boot_id: None,
            last_exit: None,
            created_at: now,
            last_updated: now,
        }
    }
}

/// Variables of a service's settings that aren't opened. What is written of the service keeps them as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unopened {
    /// Their bytes.
    pub sealed: Vec<u8>,
    /// Why they couldn't be opened, and what to do.
    pub problem: VariablesProblem,
}

/// A specification as it is written, with its variables sealed. Made by [`crate::services::variables::sealed`].
#[derive(Clone, Debug)]
pub struct SealedSpec {
    /// Without variables.
    spec: String,
    sealed: Option<Vec<u8>>,
}

impl SealedSpec {
    /// Of a specification without the variables that are in `sealed`.
    ///
    /// # Errors
    /// `internal` when it can't be written as JSON.
    pub fn new(spec: &ServiceSpec, sealed: Option<Vec<u8>>) -> Result<Self> {
        Ok(Self { spec: json(&ServiceSpec { environment: Default::default(), ..spec.clone() })?, sealed })
    }

    /// The number of the key that its variables are sealed with. Fails with `unavailable` when that is gone meanwhile.
    async fn key(&self, db: &mut Conn) -> Result<Option<i64>> {
        match &self.sealed {
            Some(sealed) => require_key(db, sealed).await.map(Some),
            None => Ok(None),
        }
    }
}

/// How a service was deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deletion {
    /// When.
    pub at: Timestamp,
    /// The name of who did it.
    pub by: String,
}

#[derive(sqlx::FromRow)]
struct Raw {
    id: Uuid,
    name: String,
    description: Option<String>,
    folder: Option<String>,
    is_discovered: bool,
    is_missing: bool,
    is_deleted: bool,
    spec: String,
    sealed: Option<Vec<u8>>,
    found: Option<String>,
    desired: String,
    desired_at: i64,
    port: Option<i64>,
    boot_id: Option<String>,
    last_exit: Option<String>,
    created_at: i64,
    last_updated: i64,
    deleted_at: Option<i64>,
    deleted_by: Option<String>,
}

const COLUMNS: &str =
    "id, name, description, folder, is_discovered, is_missing, is_deleted, spec, found, desired, desired_at, port, boot_id,
    last_exit, created_at, last_updated, deleted_at, deleted_by, sealed";

/// Every service, deleted ones too, with variables that aren't opened. Fails with `internal` when one can't be read: it was written by a newer version.
pub async fn service_list(db: &mut Conn) -> Result<Vec<ServiceRow>> {
    let statement = format!("SELECT {COLUMNS} FROM services ORDER BY created_at, id");
    let rows: Vec<Raw> = on!(db, |db| sqlx::query_as(AssertSqlSafe(statement)).fetch_all(db).await)?;
    rows.into_iter().map(ServiceRow::try_from).collect()
}

/// Adds a service, or puts it in place of the one of the same id. Its specification is `spec`. Fails with `unavailable` when the key of its variables is
/// gone meanwhile.
pub async fn service_put(db: &mut Conn, row: &ServiceRow, spec: &SealedSpec) -> Result<()> {
    let key = spec.key(db).await?;
    let statement = format!(
        "INSERT INTO services ({COLUMNS}, key_id)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)
        ON CONFLICT (id) DO UPDATE SET name = excluded.name, description = excluded.description, folder = excluded.folder,
            is_discovered = excluded.is_discovered, is_missing = excluded.is_missing, is_deleted = excluded.is_deleted,
            spec = excluded.spec, found = excluded.found, desired = excluded.desired, desired_at = excluded.desired_at,
            port = excluded.port, boot_id = excluded.boot_id, last_exit = excluded.last_exit, last_updated = excluded.last_updated,
            deleted_at = excluded.deleted_at, deleted_by = excluded.deleted_by, sealed = excluded.sealed, key_id = excluded.key_id"
    );
    execute!(
        db,
        AssertSqlSafe(statement.as_str()),
        row.id.0,
        row.name.as_str(),
        row.description.as_deref(),
        row.folder.as_deref(),
        row.is_discovered,
        row.is_missing,
        row.is_deleted,
        spec.spec.as_str(),
        row.found.as_ref().map(json).transpose()?,
        row.desired.as_str(),
        row.desired_at.micros(),
        row.port.map(i64::from),
        row.boot_id.as_deref(),
        row.last_exit.as_ref().map(json).transpose()?,
        row.created_at.micros(),
        row.last_updated.micros(),
        row.deletion.as_ref().map(|deletion| deletion.at.micros()),
        row.deletion.as_ref().map(|deletion| deletion.by.as_str()),
        spec.sealed.as_deref(),
        key,
    )?;
    Ok(())
}

/// Keeps another specification of a service. Fails with `unavailable` when the key of its variables is gone meanwhile.
pub async fn service_set_spec(db: &mut Conn, id: ServiceId, spec: &SealedSpec, at: Timestamp) -> Result<()> {
    let key = spec.key(db).await?;
    let statement = "UPDATE services SET spec = $2, sealed = $3, key_id = $4, last_updated = $5 WHERE id = $1";
    execute!(db, statement, id.0, spec.spec.as_str(), spec.sealed.as_deref(), key, at.micros())?;
    Ok(())
}

/// Seals the variables of a service that were kept in clear, unless somebody has done so.
pub async fn service_seal(db: &mut Conn, id: ServiceId, spec: &SealedSpec) -> Result<()> {
    let key = spec.key(db).await?;
    let statement = "UPDATE services SET spec = $2, sealed = $3, key_id = $4 WHERE id = $1 AND sealed IS NULL";
    execute!(db, statement, id.0, spec.spec.as_str(), spec.sealed.as_deref(), key)?;
    Ok(())
}

/// Says what is wanted of a service. A run that is wanted has no boot of the machine until it begins.
pub async fn service_set_asked(db: &mut Conn, id: ServiceId, desired: Desired, at: Timestamp) -> Result<()> {
    let statement = "UPDATE services SET desired = $2, desired_at = $3, last_updated = $3,
        boot_id = CASE WHEN $2 = 'running' THEN NULL ELSE boot_id END WHERE id = $1";
    execute!(db, statement, id.0, desired.as_str(), at.micros())?;
    Ok(())
}

/// Keeps with which port, and at which boot of the machine, a run began.
pub async fn service_set_run(db: &mut Conn, id: ServiceId, port: Option<u16>, boot_id: Option<&str>) -> Result<()> {
    execute!(db, "UPDATE services SET port = $2, boot_id = $3 WHERE id = $1", id.0, port.map(i64::from), boot_id)?;
    Ok(())
}

/// Keeps how a run ended.
pub async fn service_set_last_exit(db: &mut Conn, id: ServiceId, exit: &LastExit) -> Result<()> {
    execute!(db, "UPDATE services SET last_exit = $2 WHERE id = $1", id.0, json(exit)?)?;
    Ok(())
}

/// Keeps what reading its folder has found, or that it is gone.
pub async fn service_set_found(db: &mut Conn, id: ServiceId, found: Option<&Found>, is_missing: bool) -> Result<()> {
    let found = found.map(json).transpose()?;
    execute!(db, "UPDATE services SET found = COALESCE($2, found), is_missing = $3 WHERE id = $1", id.0, found, is_missing)?;
    Ok(())
}

/// Forgets a service wholly, with its configuration and which release it ran.
pub async fn service_delete(db: &mut Conn, id: ServiceId) -> Result<()> {
    execute!(db, "DELETE FROM services WHERE id = $1", id.0)?;
    placement_put(db, id, None).await?;
    configuration_delete(db, id).await
}

impl TryFrom<Raw> for ServiceRow {
    type Error = Error;

    fn try_from(raw: Raw) -> Result<Self> {
        let id = ServiceId(raw.id);
        Ok(Self {
            id,
            name: raw.name,
            description: raw.description,
            folder: raw.folder,
            is_discovered: raw.is_discovered,
            is_missing: raw.is_missing,
            is_deleted: raw.is_deleted,
            deletion: raw.deleted_at.map(|at| Deletion { at: Timestamp::from_micros(at), by: raw.deleted_by.unwrap_or_default() }),
            spec: parse(id, &raw.spec)?,
            unopened: raw.sealed.map(|sealed| Unopened { sealed, problem: VariablesProblem::default() }),
            found: raw.found.map(|text| parse(id, &text)).transpose()?,
            desired: raw.desired.parse().map_err(Error::Refused)?,
            desired_at: Timestamp::from_micros(raw.desired_at),
            port: raw.port.and_then(|port| u16::try_from(port).ok()),
            boot_id: raw.boot_id,
            last_exit: raw.last_exit.map(|text| parse(id, &text)).transpose()?,
            created_at: Timestamp::from_micros(raw.created_at),
            last_updated: Timestamp::from_micros(raw.last_updated),
        })
    }
}

fn json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| {
        tracing::error!(%error, "service_not_serialised");
        Error::Refused(api::Error::internal())
    })
}

fn parse<T: serde::de::DeserializeOwned>(id: ServiceId, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| {
        tracing::error!(%error, service = %id, "service_not_readable");
        Error::Refused(api::Error::internal())
    })
}

#[cfg(test)]
mod tests {
    use api::{Desired, LastExit, ServiceId, ServiceSpec, Source, Timestamp};

    use super::{
        Deletion, SealedSpec, ServiceRow, service_delete, service_list, service_put, service_set_asked, service_set_found,
        service_set_last_exit, service_set_run, service_set_spec,
    };
    use crate::on_each_store;
    use crate::services::discovery::Found;
    use crate::store::execute;

    fn row(id: u128, name: &str, folder: Option<&str>) -> ServiceRow {
        let at = Timestamp::from_micros(7);
        let spec = ServiceSpec::new(Source::Folder { folder: folder.unwrap_or("/none").into() });
        ServiceRow {
            id: ServiceId(uuid::Uuid::from_u128(id)),
            name: name.into(),
            description: None,
            folder: folder.map(String::from),
            is_discovered: true,
            is_missing: false,
            is_deleted: false,
            deletion: None,
            spec,
            unopened: None,
            found: None,
            desired: Desired::Stopped,
            desired_at: at,
            port: None,
            boot_id: None,
            last_exit: None,
            created_at: at,
            last_updated: at,
        }
    }

    /// Of one without variables.
    fn plain(spec: &ServiceSpec) -> SealedSpec {
        SealedSpec::new(spec, None).expect("it is JSON")
    }

    on_each_store! {
        async fn a_service_is_read_as_it_was_written_and_changed(test: TestStore) {
            let store = test.open().await;
            let mut expected = row(1, "orders", Some("/s/orders"));
            expected.description = Some("Orders".into());
            let (id, put) = (expected.id, expected.clone());
            let found = Found { port: Some(8001), ..Found::default() };
            let exit = LastExit { code: Some(1), signal: None, oom: false, at: Timestamp::from_micros(9), last_lines: vec!["x".into()] };
            let changed_spec = ServiceSpec { port: Some(8001), ..expected.spec.clone() };
            let (first, written) = (plain(&expected.spec), plain(&changed_spec));
            expected.spec = changed_spec.clone();
            let (kept_found, kept_exit) = (found.clone(), exit.clone());
            store.main.write(move |db| Box::pin(async move {
                service_put(db, &put, &first).await?;
                service_set_asked(db, id, Desired::Running, Timestamp::from_micros(8)).await?;
                service_set_run(db, id, Some(8001), Some("boot")).await?;
                service_set_spec(db, id, &written, Timestamp::from_micros(8)).await?;
                service_set_found(db, id, Some(&kept_found), false).await?;
                service_set_found(db, id, None, true).await?;
                service_set_last_exit(db, id, &kept_exit).await
            })).await.expect("it is written");
            expected.desired = Desired::Running;
            (expected.desired_at, expected.last_updated) = (Timestamp::from_micros(8), Timestamp::from_micros(8));
            (expected.port, expected.boot_id, expected.found, expected.is_missing) = (Some(8001), Some("boot".into()), Some(found), true);
            expected.last_exit = Some(exit);
            let mut db = store.main.read().await.expect("a connection");
            assert_eq!(service_list(&mut db).await.expect("they are listed"), [expected.clone()]);

            expected.name = "renamed".into();
            (expected.is_deleted, expected.deletion) = (true, Some(Deletion { at: Timestamp::from_micros(11), by: "anna".into() }));
            let (put, spec) = (expected.clone(), plain(&expected.spec));
            store.main.write(move |db| Box::pin(async move { service_put(db, &put, &spec).await })).await.expect("it is written");
            assert_eq!(service_list(&mut db).await.expect("they are listed"), [expected]);
            store.main.write(move |db| Box::pin(service_delete(db, id))).await.expect("it is deleted");
            assert_eq!(service_list(&mut db).await.expect("they are listed"), []);
        }

        async fn a_specification_from_before_there_were_kinds_of_checks_is_read(test: TestStore) {
            let store = test.open().await;
            let mut kept = row(1, "orders", Some("/s/orders"));
            kept.spec.health.path = Some("/up".into());
            let (id, put, spec) = (kept.id, kept.clone(), plain(&kept.spec));
            let old = r#"{"source":{"folder":"/s/orders"},"runtime":"process","command":null,"port":8001,"environment":{"A":"1"},
                "health":{"path":"/up","interval_seconds":15,"timeout_seconds":5,"unhealthy_threshold":3,"healthy_threshold":1},
                "metrics_path":"/metrics","openapi_path":"/openapi.json","stop_grace_seconds":10,"restart":"on_failure"}"#;
            store.main.write(move |db| Box::pin(async move {
                service_put(db, &put, &spec).await?;
                execute!(db, "UPDATE services SET spec = $2 WHERE id = $1", id.0, old)?;
                Ok(())
            })).await.expect("it is written");
            (kept.spec.port, kept.spec.environment) = (Some(8001), [("A".to_owned(), "1".to_owned())].into());
            let mut db = store.main.read().await.expect("a connection");
            assert_eq!(service_list(&mut db).await.expect("they are listed"), [kept]);
        }

        async fn a_name_in_any_case_and_a_folder_are_taken_once(test: TestStore) {
            let store = test.open().await;
            let put = |row: ServiceRow| {
                let spec = plain(&row.spec);
                store.main.write(move |db| Box::pin(async move { service_put(db, &row, &spec).await }))
            };
            put(row(1, "orders", Some("/s/orders"))).await.expect("it is written");
            put(row(2, "Orders", None)).await.expect_err("the name is taken");
            put(row(2, "other", Some("/s/orders"))).await.expect_err("the folder is taken");
            put(ServiceRow { is_deleted: true, ..row(2, "ORDERS", None) }).await.expect("a deleted one has given its name free");
            put(row(3, "third", None)).await.expect("it is written");
        }
    }
}
