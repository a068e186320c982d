//! The tables of releases, and of which one each service runs.

use std::collections::HashSet;

use api::{Artifact, DeploymentId, Hold, ReleaseId, ServiceId, Timestamp};
use uuid::Uuid;

use super::secret_values::{SecretVersions, placement_secrets, placement_secrets_put, release_secrets_put, secret_value_prune};
use super::{Conn, Error, Result, execute, on};

/// A release as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseRow {
    /// Its id.
    pub id: ReleaseId,
    /// The service.
    pub service_id: ServiceId,
    /// Its number among those of its service, from 1.
    pub number: u64,
    /// The deployment that made it.
    pub deployment_id: DeploymentId,
    /// What is run; also in `sealed`, which counts.
    pub artifact: Artifact,
    /// The version of the configuration that belongs to it.
    pub configuration_version: Option<u64>,
    /// When it was made.
    pub created_at: Timestamp,
    /// The name of who had it made.
    pub created_by: String,
    /// Whether its service was well with it: only then it can be gone back to.
    pub is_good: bool,
    /// Its settings and configuration, sealed.
    pub sealed: Vec<u8>,
}

/// Which release a service runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The service.
    pub service_id: ServiceId,
    /// The release.
    pub release_id: ReleaseId,
    /// That it is held at it.
    pub hold: Option<Hold>,
    /// The versions of secrets that it runs with since it was taken back, in place of the present ones.
    pub secrets: SecretVersions,
}

#[derive(sqlx::FromRow)]
struct Raw {
    id: Uuid,
    service_id: Uuid,
    number: i64,
    deployment_id: Uuid,
    artifact: String,
    configuration_version: Option<i64>,
    created_at: i64,
    created_by: String,
    is_good: bool,
    sealed: Vec<u8>,
}

/// Adds a release with the next number of its service, and answers that; when it is there already, the number that it has. `key_id` is the data key
/// that it is sealed with, `secrets` the versions of those that are in force.
pub async fn release_add(db: &mut Conn, row: &ReleaseRow, key_id: i64, secrets: &SecretVersions) -> Result<u64> {
    if let Some(there) = release_find(db, row.id).await? {
        return Ok(there.number);
    }
    let statement = "INSERT INTO releases
        (id, service_id, number, deployment_id, artifact, configuration_version, created_at, created_by, is_good, key_id, sealed)
        SELECT $1, $2, CAST(COALESCE(max(number), 0) + 1 AS BIGINT), $3, $4, $5, $6, $7, $8, $9, $10 FROM releases WHERE service_id = $2";
    let version = row.configuration_version.map(u64::cast_signed);
    execute!(
        db,
        statement,
        row.id.0,
        row.service_id.0,
        row.deployment_id.0,
        json(&row.artifact)?,
        version,
        row.created_at.micros(),
        row.created_by.as_str(),
        row.is_good,
        key_id,
        row.sealed.as_slice()
    )?;
    release_secrets_put(db, row.id, secrets).await?;
    let number: i64 = on!(db, |db| sqlx::query_scalar("SELECT number FROM releases WHERE id = $1").bind(row.id.0).fetch_one(db).await)?;
    Ok(number.unsigned_abs())
}

/// The release of that id.
pub async fn release_find(db: &mut Conn, id: ReleaseId) -> Result<Option<ReleaseRow>> {
    let statement = "SELECT * FROM releases WHERE id = $1";
    let raw: Option<Raw> = on!(db, |db| sqlx::query_as(statement).bind(id.0).fetch_optional(db).await)?;
    raw.map(ReleaseRow::try_from).transpose()
}

/// All releases of a service, newest first.
pub async fn release_list(db: &mut Conn, id: ServiceId) -> Result<Vec<ReleaseRow>> {
    let statement = "SELECT * FROM releases WHERE service_id = $1 ORDER BY number DESC";
    let rows: Vec<Raw> = on!(db, |db| sqlx::query_as(statement).bind(id.0).fetch_all(db).await)?;
    rows.into_iter().map(ReleaseRow::try_from).collect()
}

/// The releases that services run.
pub async fn release_placed(db: &mut Conn) -> Result<Vec<ReleaseRow>> {
    let statement = "SELECT r.* FROM releases r JOIN placements p ON p.release_id = r.id";
    let rows: Vec<Raw> = on!(db, |db| sqlx::query_as(statement).fetch_all(db).await)?;
    rows.into_iter().map(ReleaseRow::try_from).collect()
}

/// The digests of the files of all releases but one that can be gone back to, are run, or are being deployed.
pub async fn release_digests(db: &mut Conn, except: ReleaseId) -> Result<HashSet<String>> {
    let statement = "SELECT artifact FROM releases WHERE id <> $1 AND (is_good = $2 OR id IN (SELECT release_id FROM placements)
        OR deployment_id IN (SELECT id FROM deployments WHERE status = 'running'))";
    let rows: Vec<(String,)> = on!(db, |db| sqlx::query_as(statement).bind(except.0).bind(true).fetch_all(db).await)?;
    let artifacts: Result<Vec<Artifact>> = rows.iter().map(|(text,)| parse(text)).collect();
    let digest = |artifact: Artifact| if let Artifact::Files { digest, .. } = artifact { Some(digest) } else { None };
    Ok(artifacts?.into_iter().filter_map(digest).collect())
}

/// Keeps which version of the configuration belongs to it.
pub async fn release_set_version(db: &mut Conn, id: ReleaseId, version: Option<u64>) -> Result<()> {
    execute!(db, "UPDATE releases SET configuration_version = $2 WHERE id = $1", id.0, version.map(u64::cast_signed))?;
    Ok(())
}

/// Keeps what it runs, which is pinned otherwise since it was pushed. `key_id` is the data key that it is sealed with.
pub async fn release_set_artifact(db: &mut Conn, id: ReleaseId, artifact: &Artifact, key_id: i64, sealed: &[u8]) -> Result<()> {
    let statement = "UPDATE releases SET artifact = $2, key_id = $3, sealed = $4 WHERE id = $1";
    execute!(db, statement, id.0, json(artifact)?, key_id, sealed)?;
    Ok(())
}

/// Keeps that its service was well with it.
pub async fn release_set_good(db: &mut Conn, id: ReleaseId) -> Result<()> {
    execute!(db, "UPDATE releases SET is_good = $2 WHERE id = $1", id.0, true)?;
    Ok(())
}

/// Forgets a release, with the values of secrets that only it needed.
pub async fn release_delete(db: &mut Conn, id: ReleaseId) -> Result<()> {
    execute!(db, "DELETE FROM releases WHERE id = $1", id.0)?;
    secret_value_prune(db, None).await
}

/// Which release each service runs.
pub async fn placement_list(db: &mut Conn) -> Result<Vec<Placement>> {
    let statement = "SELECT service_id, release_id, hold FROM placements";
    let rows: Vec<(Uuid, Uuid, Option<String>)> = on!(db, |db| sqlx::query_as(statement).fetch_all(db).await)?;
    let mut secrets = placement_secrets(db).await?;
    let placement = |(service_id, release_id, hold): (Uuid, Uuid, Option<String>)| {
        let (service_id, hold) = (ServiceId(service_id), hold.as_deref().map(parse).transpose()?);
        let secrets = secrets.remove(&service_id).unwrap_or_default();
        Ok(Placement { service_id, release_id: ReleaseId(release_id), hold, secrets })
    };
    rows.into_iter().map(placement).collect()
}

/// Which release a service runs; none when it was never deployed.
pub async fn placement_find(db: &mut Conn, id: ServiceId) -> Result<Option<Placement>> {
    Ok(placement_list(db).await?.into_iter().find(|placement| placement.service_id == id))
}

/// Says which release a service runs; none lets it run what its source is again.
pub async fn placement_put(db: &mut Conn, id: ServiceId, placement: Option<&Placement>) -> Result<()> {
    let Some(Placement { release_id, hold, secrets, .. }) = placement else {
        execute!(db, "DELETE FROM placements WHERE service_id = $1", id.0)?;
        return secret_value_prune(db, None).await;
    };
    let statement = "INSERT INTO placements (service_id, release_id, hold) VALUES ($1, $2, $3)
        ON CONFLICT (service_id) DO UPDATE SET release_id = excluded.release_id, hold = excluded.hold";
    execute!(db, statement, id.0, release_id.0, hold.as_ref().map(json).transpose()?)?;
    placement_secrets_put(db, id, secrets).await?;
    secret_value_prune(db, None).await
}

impl TryFrom<Raw> for ReleaseRow {
    type Error = Error;

    fn try_from(raw: Raw) -> Result<Self> {
        Ok(Self {
            id: ReleaseId(raw.id),
            service_id: ServiceId(raw.service_id),
            number: raw.number.unsigned_abs(),
            deployment_id: DeploymentId(raw.deployment_id),
            artifact: parse(&raw.artifact)?,
            configuration_version: raw.configuration_version.map(i64::unsigned_abs),
            created_at: Timestamp::from_micros(raw.created_at),
            created_by: raw.created_by,
            is_good: raw.is_good,
            sealed: raw.sealed,
        })
    }
}

pub(super) fn json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| {
        tracing::error!(%error, "deployment_not_serialised");
        Error::Refused(api::Error::internal())
    })
}

pub(super) fn parse<T: serde::de::DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| {
        tracing::error!(%error, "deployment_not_readable");
        Error::Refused(api::Error::internal())
    })
}
