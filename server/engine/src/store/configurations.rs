//! The tables of configurations: which version is the newest, every version sealed, and schemas that were set.

use api::{ServiceId, Timestamp, VersionKind};
use uuid::Uuid;

use super::{Conn, Error, Result, execute, on};

/// A version as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionRow {
    /// The service.
    pub service_id: ServiceId,
    /// Its number, from 1.
    pub version: u64,
    /// How it came to be.
    pub kind: VersionKind,
    /// When.
    pub created_at: Timestamp,
    /// Who saved it.
    pub created_by: Option<String>,
    /// Why.
    pub message: String,
    /// Its values, sealed.
    pub sealed: Vec<u8>,
}

/// Which version of a configuration counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfigurationRow {
    /// The service.
    pub service_id: ServiceId,
    /// The newest version.
    pub version: u64,
    /// The one that the service was started with last.
    pub applied_version: Option<u64>,
    /// While the newest version is watched, how.
    pub watch: Option<Watch>,
}

/// A version that is taken back when its service isn't well with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watch {
    /// The version that is watched; always the newest.
    pub version: u64,
    /// The version whose values are gone back to.
    pub back_to: u64,
    /// Until when.
    pub until: Timestamp,
}

#[derive(sqlx::FromRow)]
struct Raw {
    service_id: Uuid,
    version: i64,
    kind: String,
    created_at: i64,
    created_by: Option<String>,
    message: String,
    sealed: Vec<u8>,
}

/// Every configuration.
pub async fn configuration_list(db: &mut Conn) -> Result<Vec<ConfigurationRow>> {
    type Found = (Uuid, i64, Option<i64>, Option<i64>, Option<i64>);
    let statement = "SELECT service_id, version, applied_version, watch_until, watch_back_to FROM configurations";
    let rows: Vec<Found> = on!(db, |db| sqlx::query_as(statement).fetch_all(db).await)?;
    let row = |(id, version, applied, until, back_to): Found| ConfigurationRow {
        service_id: ServiceId(id),
        version: number(version),
        applied_version: applied.map(number),
        watch: until.zip(back_to).map(|(until, back_to)| Watch {
            version: number(version),
            back_to: number(back_to),
            until: Timestamp::from_micros(until),
        }),
    };
    Ok(rows.into_iter().map(row).collect())
}

/// The newest version of a service, when it has any.
pub async fn configuration_newest(db: &mut Conn, id: ServiceId) -> Result<Option<u64>> {
    let statement = "SELECT version FROM configurations WHERE service_id = $1";
    let found: Option<i64> = on!(db, |db| sqlx::query_scalar(statement).bind(id.0).fetch_optional(db).await)?;
    Ok(found.map(number))
}

/// Says which version is the newest, and with which one the service runs.
pub async fn configuration_put(db: &mut Conn, row: ConfigurationRow) -> Result<()> {
    let statement = "INSERT INTO configurations (service_id, version, applied_version, watch_until, watch_back_to)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (service_id) DO UPDATE SET version = excluded.version, applied_version = excluded.applied_version,
            watch_until = excluded.watch_until, watch_back_to = excluded.watch_back_to";
    let (until, back_to) = (row.watch.map(|watch| watch.until.micros()), row.watch.map(|watch| signed(watch.back_to)));
    execute!(db, statement, row.service_id.0, signed(row.version), row.applied_version.map(signed), until, back_to)?;
    Ok(())
}

/// Keeps with which version a service was started.
pub async fn configuration_set_applied(db: &mut Conn, id: ServiceId, version: u64) -> Result<()> {
    execute!(db, "UPDATE configurations SET applied_version = $2 WHERE service_id = $1", id.0, signed(version))?;
    Ok(())
}

/// Ends the watch of a version; answers whether there was one.
pub async fn watch_forget(db: &mut Conn, id: ServiceId, version: u64) -> Result<bool> {
    let statement = "UPDATE configurations SET watch_until = NULL, watch_back_to = NULL
        WHERE service_id = $1 AND version = $2 AND watch_until IS NOT NULL";
    Ok(execute!(db, statement, id.0, signed(version))? == 1)
}

/// Adds a version, sealed with the data key `key_id`.
pub async fn version_add(db: &mut Conn, row: &VersionRow, key_id: i64) -> Result<()> {
    let statement = "INSERT INTO configuration_versions (service_id, version, kind, created_at, created_by, message, key_id, sealed)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let VersionRow { service_id, version, kind, created_at, created_by, message, sealed } = row;
    execute!(
        db,
        statement,
        service_id.0,
        signed(*version),
        kind.as_str(),
        created_at.micros(),
        created_by.as_deref(),
        message.as_str(),
        key_id,
        sealed.as_slice()
    )?;
    Ok(())
}

/// The versions of a service that are kept, newest first.
pub async fn version_list(db: &mut Conn, id: ServiceId) -> Result<Vec<VersionRow>> {
    let statement = "SELECT service_id, version, kind, created_at, created_by, message, sealed FROM configuration_versions
        WHERE service_id = $1 ORDER BY version DESC";
    let rows: Vec<Raw> = on!(db, |db| sqlx::query_as(statement).bind(id.0).fetch_all(db).await)?;
    rows.into_iter().map(VersionRow::try_from).collect()
}

/// The numbers of the versions of a service that are kept with how many bytes each has, newest first.
pub async fn version_sizes(db: &mut Conn, id: ServiceId) -> Result<Vec<(u64, u64)>> {
    let statement =
        "SELECT version, CAST(length(sealed) AS BIGINT) FROM configuration_versions WHERE service_id = $1 ORDER BY version DESC";
    let rows: Vec<(i64, i64)> = on!(db, |db| sqlx::query_as(statement).bind(id.0).fetch_all(db).await)?;
    Ok(rows.into_iter().map(|(version, bytes)| (number(version), number(bytes))).collect())
}

/// At most `most` of these, and the version that was found.
pub async fn version_latest(db: &mut Conn, id: ServiceId, most: u32) -> Result<Vec<VersionRow>> {
    let statement = "SELECT service_id, version, kind, created_at, created_by, message, sealed FROM configuration_versions
        WHERE service_id = $1 AND (version = 1 OR version > (SELECT max(version) FROM configuration_versions WHERE service_id = $1) - $2)";
    let rows: Vec<Raw> = on!(db, |db| sqlx::query_as(statement).bind(id.0).bind(i64::from(most)).fetch_all(db).await)?;
    rows.into_iter().map(VersionRow::try_from).collect()
}

/// The newest version of every service that has one.
pub async fn version_newest(db: &mut Conn) -> Result<Vec<VersionRow>> {
    let statement = "SELECT v.service_id, v.version, v.kind, v.created_at, v.created_by, v.message, v.sealed
        FROM configurations c JOIN configuration_versions v ON v.service_id = c.service_id AND v.version = c.version";
    let rows: Vec<Raw> = on!(db, |db| sqlx::query_as(statement).fetch_all(db).await)?;
    rows.into_iter().map(VersionRow::try_from).collect()
}

/// One version of a service.
pub async fn version_find(db: &mut Conn, id: ServiceId, version: u64) -> Result<Option<VersionRow>> {
    let statement = "SELECT service_id, version, kind, created_at, created_by, message, sealed FROM configuration_versions
        WHERE service_id = $1 AND version = $2";
    let row: Option<Raw> = on!(db, |db| sqlx::query_as(statement).bind(id.0).bind(signed(version)).fetch_optional(db).await)?;
    row.map(VersionRow::try_from).transpose()
}

/// Removes the versions of a service up to one, but the first: what was found stays.
pub async fn version_forget(db: &mut Conn, id: ServiceId, up_to: u64) -> Result<u64> {
    let statement = "DELETE FROM configuration_versions WHERE service_id = $1 AND version > 1 AND version <= $2";
    Ok(execute!(db, statement, id.0, signed(up_to))?)
}

/// Every schema that was set.
pub async fn schema_list(db: &mut Conn) -> Result<Vec<(ServiceId, String)>> {
    let statement = "SELECT service_id, schema FROM configuration_schemas";
    let rows: Vec<(Uuid, String)> = on!(db, |db| sqlx::query_as(statement).fetch_all(db).await)?;
    Ok(rows.into_iter().map(|(id, schema)| (ServiceId(id), schema)).collect())
}

/// Sets the schema of a service, or takes it away.
pub async fn schema_set(db: &mut Conn, id: ServiceId, schema: Option<&str>) -> Result<()> {
    let Some(schema) = schema else {
        execute!(db, "DELETE FROM configuration_schemas WHERE service_id = $1", id.0)?;
        return Ok(());
    };
    let statement = "INSERT INTO configuration_schemas (service_id, schema) VALUES ($1, $2)
        ON CONFLICT (service_id) DO UPDATE SET schema = excluded.schema";
    execute!(db, statement, id.0, schema)?;
    Ok(())
}

/// Forgets the configuration of a service with all its versions and its schema.
pub async fn configuration_delete(db: &mut Conn, id: ServiceId) -> Result<()> {
    execute!(db, "DELETE FROM configurations WHERE service_id = $1", id.0)?;
    execute!(db, "DELETE FROM configuration_versions WHERE service_id = $1", id.0)?;
    execute!(db, "DELETE FROM configuration_schemas WHERE service_id = $1", id.0)?;
    Ok(())
}

impl TryFrom<Raw> for VersionRow {
    type Error = Error;

    fn try_from(raw: Raw) -> Result<Self> {
        let kind = VersionKind::ALL.into_iter().find(|kind| kind.as_str() == raw.kind);
        let kind = kind.ok_or_else(|| {
            tracing::error!(kind = raw.kind, "configuration_not_readable");
            Error::Refused(api::Error::internal())
        })?;
        Ok(Self {
            service_id: ServiceId(raw.service_id),
            version: number(raw.version),
            kind,
            created_at: Timestamp::from_micros(raw.created_at),
            created_by: raw.created_by,
            message: raw.message,
            sealed: raw.sealed,
        })
    }
}

fn number(stored: i64) -> u64 {
    u64::try_from(stored).unwrap_or_default()
}

fn signed(version: u64) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use api::{ServiceId, Timestamp, VersionKind};

    use super::{
        ConfigurationRow, VersionRow, Watch, configuration_delete, configuration_list, configuration_newest, configuration_put,
        configuration_set_applied, schema_list, schema_set, version_add, version_find, version_forget, version_list, version_newest,
        version_sizes, watch_forget,
    };
    use crate::on_each_store;
    use crate::store::data_keys::{DataKeyRow, data_key_insert};

    on_each_store! {
        async fn versions_are_read_as_they_were_written_and_the_first_stays(test: TestStore) {
            let store = test.open().await;
            let id = ServiceId(uuid::Uuid::from_u128(1));
            let watch = Watch { version: 4, back_to: 3, until: Timestamp::from_micros(9) };
            let row = move |version: u64| VersionRow {
                service_id: id,
                version,
                kind: if version == 1 { VersionKind::Found } else { VersionKind::Saved },
                created_at: Timestamp::from_micros(7),
                created_by: (version > 1).then(|| "anna".to_owned()),
                message: "why".into(),
                sealed: vec![0, 255, 7],
            };
            store.main.write(move |db| Box::pin(async move {
                let key = DataKeyRow { id: 1, wrapped: vec![1], kek_id: "k".into(), created_at: 1, is_retired: false };
                data_key_insert(db, &key).await?;
                for version in 1..=4 {
                    version_add(db, &row(version), 1).await?;
                }
                configuration_put(db, ConfigurationRow { service_id: id, version: 3, applied_version: None, watch: None }).await?;
                configuration_put(db, ConfigurationRow { service_id: id, version: 4, applied_version: Some(1), watch: Some(watch) }).await?;
                configuration_set_applied(db, id, 4).await?;
                assert!(!watch_forget(db, id, 3).await?, "another one is watched");
                schema_set(db, id, Some("{}")).await?;
                schema_set(db, id, Some("{\"type\":\"object\"}")).await
            })).await.expect("it is written");
            let mut db = store.main.read().await.expect("a connection");
            let expected = ConfigurationRow { service_id: id, version: 4, applied_version: Some(4), watch: Some(watch) };
            assert_eq!(configuration_list(&mut db).await.expect("they are listed"), [expected]);
            assert_eq!(configuration_newest(&mut db, id).await.expect("it is read"), Some(4));
            drop(db);
            assert!(store.main.write(move |db| Box::pin(watch_forget(db, id, 4))).await.expect("it is ended"));
            assert!(!store.main.write(move |db| Box::pin(watch_forget(db, id, 4))).await.expect("there is none"));
            let mut db = store.main.read().await.expect("a connection");
            assert_eq!(version_list(&mut db, id).await.expect("they are listed"), [4, 3, 2, 1].map(row));
            assert_eq!(version_sizes(&mut db, id).await.expect("they are listed"), [(4, 3), (3, 3), (2, 3), (1, 3)]);
            assert_eq!(version_newest(&mut db).await.expect("it is read"), [row(4)]);
            assert_eq!(version_find(&mut db, id, 2).await.expect("it is read"), Some(row(2)));
            assert_eq!(schema_list(&mut db).await.expect("they are listed"), [(id, "{\"type\":\"object\"}".to_owned())]);
            drop(db);
            store.main.write(move |db| Box::pin(async move { version_add(db, &row(4), 1).await })).await.expect_err("that one is there");
            assert_eq!(store.main.write(move |db| Box::pin(version_forget(db, id, 2))).await.expect("it is forgotten"), 1);
            let mut db = store.main.read().await.expect("a connection");
            assert_eq!(version_list(&mut db, id).await.expect("they are listed"), [4, 3, 1].map(row));
            drop(db);
            store.main.write(move |db| Box::pin(async move { schema_set(db, id, None).await?; configuration_delete(db, id).await })).await.expect("it is deleted");
            let mut db = store.main.read().await.expect("a connection");
            assert_eq!(version_list(&mut db, id).await.expect("none"), []);
            assert_eq!(configuration_newest(&mut db, id).await.expect("none"), None);
            assert_eq!(schema_list(&mut db).await.expect("none"), []);
        }
    }
}
