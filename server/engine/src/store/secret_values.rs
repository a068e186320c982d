//! Values that secrets had before, and what still needs them: releases that were made with them, and services that were taken back.

use std::collections::BTreeMap;

use api::{ReleaseId, ServiceId, Timestamp};
use uuid::Uuid;

use super::secrets::SecretRow;
use super::{Conn, Result, execute, on};

/// The versions of secrets, by their names.
pub type SecretVersions = BTreeMap<String, u64>;

/// A value that a secret had before.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct SecretValueRow {
    /// The secret.
    pub name: String,
    /// Its version then.
    pub version: i64,
    /// Since when it had that, in microseconds.
    pub set_at: i64,
    /// The value, sealed with name and version as the context.
    pub sealed: Vec<u8>,
}

/// Keeps the present value of a secret as one of before, when it is of another version than `next`.
pub(super) async fn secret_value_keep(db: &mut Conn, next: &SecretRow) -> Result<()> {
    let statement = "INSERT INTO secret_values (name, version, set_at, key_id, sealed)
        SELECT name, version, updated_at, key_id, sealed FROM secrets WHERE name = $1 AND version <> $2 ON CONFLICT (name, version) DO NOTHING";
    execute!(db, statement, next.name.as_str(), next.version)?;
    Ok(())
}

/// Forgets the values of one secret, or of all, that no release was made with, no service runs with, and that aren't the one before the present.
pub async fn secret_value_prune(db: &mut Conn, name: Option<&str>) -> Result<()> {
    let statement = "DELETE FROM secret_values WHERE (CAST($1 AS TEXT) IS NULL OR name = $1)
        AND NOT EXISTS (SELECT 1 FROM secrets s WHERE s.name = secret_values.name AND s.version = secret_values.version + 1)
        AND NOT EXISTS (SELECT 1 FROM release_secrets r WHERE r.name = secret_values.name AND r.version = secret_values.version)
        AND NOT EXISTS (SELECT 1 FROM placement_secrets p WHERE p.name = secret_values.name AND p.version = secret_values.version)";
    execute!(db, statement, name)?;
    Ok(())
}

/// Forgets a value that a secret had before.
pub async fn secret_value_delete(db: &mut Conn, name: &str, version: i64) -> Result<()> {
    execute!(db, "DELETE FROM secret_values WHERE name = $1 AND version = $2", name, version)?;
    Ok(())
}

/// Forgets all that a secret was, which is deleted: another one of its name begins with version 1 again.
pub(super) async fn secret_value_forget(db: &mut Conn, name: &str) -> Result<()> {
    for statement in [
        "DELETE FROM secret_values WHERE name = $1",
        "DELETE FROM release_secrets WHERE name = $1",
        "DELETE FROM placement_secrets WHERE name = $1",
    ] {
        execute!(db, statement, name)?;
    }
    Ok(())
}

/// The values that secrets had before, in the order of names and versions; of all of them, or of one.
pub async fn secret_value_list(db: &mut Conn, name: Option<&str>) -> Result<Vec<SecretValueRow>> {
    let statement =
        "SELECT name, version, set_at, sealed FROM secret_values WHERE CAST($1 AS TEXT) IS NULL OR name = $1 ORDER BY name, version";
    Ok(on!(db, |db| sqlx::query_as(statement).bind(name).fetch_all(db).await)?)
}

/// The value that a secret had in that version before, when it is kept.
pub async fn secret_value_find(db: &mut Conn, name: &str, version: u64) -> Result<Option<SecretValueRow>> {
    let statement = "SELECT name, version, set_at, sealed FROM secret_values WHERE name = $1 AND version = $2";
    Ok(on!(db, |db| sqlx::query_as(statement).bind(name).bind(version.cast_signed()).fetch_optional(db).await)?)
}

/// The version that a secret had at that time, when that can be said for certain: also of the one after it is known since when it was.
pub async fn secret_version_at(db: &mut Conn, name: &str, at: Timestamp) -> Result<Option<u64>> {
    let statement = "SELECT version, set_at FROM secret_values WHERE name = $1
        UNION SELECT version, updated_at FROM secrets WHERE name = $1 ORDER BY version DESC";
    let rows: Vec<(i64, i64)> = on!(db, |db| sqlx::query_as(statement).bind(name).fetch_all(db).await)?;
    let mut after = None;
    for (version, set_at) in rows {
        if after.is_some_and(|after| after != version + 1) {
            return Ok(None);
        }
        if set_at <= at.micros() {
            return Ok(Some(version.unsigned_abs()));
        }
        after = Some(version);
    }
    Ok(None)
}

/// Keeps which versions of secrets were in force when a release was made.
pub(super) async fn release_secrets_put(db: &mut Conn, release: ReleaseId, versions: &SecretVersions) -> Result<()> {
    for (name, version) in versions {
        let statement = "INSERT INTO release_secrets (release_id, name, version) VALUES ($1, $2, $3)";
        execute!(db, statement, release.0, name.as_str(), version.cast_signed())?;
    }
    Ok(())
}

/// The versions of secrets that were in force when a release was made, but for secrets that were deleted since.
pub async fn release_secrets(db: &mut Conn, release: ReleaseId) -> Result<SecretVersions> {
    let statement = "SELECT name, version FROM release_secrets WHERE release_id = $1";
    let rows: Vec<(String, i64)> = on!(db, |db| sqlx::query_as(statement).bind(release.0).fetch_all(db).await)?;
    Ok(rows.into_iter().map(|(name, version)| (name, version.unsigned_abs())).collect())
}

/// Keeps which versions of secrets a service runs with in place of the present ones.
pub(super) async fn placement_secrets_put(db: &mut Conn, id: ServiceId, versions: &SecretVersions) -> Result<()> {
    execute!(db, "DELETE FROM placement_secrets WHERE service_id = $1", id.0)?;
    for (name, version) in versions {
        let statement = "INSERT INTO placement_secrets (service_id, name, version) VALUES ($1, $2, $3)";
        execute!(db, statement, id.0, name.as_str(), version.cast_signed())?;
    }
    Ok(())
}

/// Which versions of secrets services run with in place of the present ones.
pub async fn placement_secrets(db: &mut Conn) -> Result<BTreeMap<ServiceId, SecretVersions>> {
    let statement = "SELECT service_id, name, version FROM placement_secrets";
    let rows: Vec<(Uuid, String, i64)> = on!(db, |db| sqlx::query_as(statement).fetch_all(db).await)?;
    let mut all = BTreeMap::<ServiceId, SecretVersions>::new();
    for (service, name, version) in rows {
        all.entry(ServiceId(service)).or_default().insert(name, version.unsigned_abs());
    }
    Ok(all)
}
