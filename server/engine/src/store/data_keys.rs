//! The keys that values are sealed with, each wrapped with the key-encryption key.

use super::{Conn, Result, execute, on};

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct DataKeyRow {
    /// Its number, from 1.
    pub id: i64,
    /// The key, wrapped.
    pub wrapped: Vec<u8>,
    /// The fingerprint of the key-encryption key that has wrapped it.
    pub kek_id: String,
    /// Microseconds.
    pub created_at: i64,
    /// Whether nothing new is sealed with it: it goes when no row is sealed with it any more.
    pub is_retired: bool,
}

/// Every data key, the oldest first.
pub async fn data_key_list(db: &mut Conn) -> Result<Vec<DataKeyRow>> {
    let statement = "SELECT id, wrapped, kek_id, created_at, is_retired FROM data_keys ORDER BY id";
    Ok(on!(db, |db| sqlx::query_as(statement).fetch_all(db).await)?)
}

/// Whether there is a data key of that number.
pub async fn data_key_exists(db: &mut Conn, id: i64) -> Result<bool> {
    let statement = "SELECT id FROM data_keys WHERE id = $1";
    let found: Option<i64> = on!(db, |db| sqlx::query_scalar(statement).bind(id).fetch_optional(db).await)?;
    Ok(found.is_some())
}

/// Adds a data key.
pub async fn data_key_insert(db: &mut Conn, row: &DataKeyRow) -> Result<()> {
    let statement = "INSERT INTO data_keys (id, wrapped, kek_id, created_at, is_retired) VALUES ($1, $2, $3, $4, $5)";
    execute!(db, statement, row.id, row.wrapped.as_slice(), row.kek_id.as_str(), row.created_at, row.is_retired)?;
    Ok(())
}

/// Retires all data keys but one.
pub async fn data_key_retire_others(db: &mut Conn, id: i64) -> Result<()> {
    execute!(db, "UPDATE data_keys SET is_retired = $2 WHERE id <> $1", id, true)?;
    Ok(())
}

/// Keeps a data key as another key-encryption key has wrapped it.
pub async fn data_key_set_wrapped(db: &mut Conn, id: i64, wrapped: &[u8], kek_id: &str) -> Result<()> {
    execute!(db, "UPDATE data_keys SET wrapped = $2, kek_id = $3 WHERE id = $1", id, wrapped, kek_id)?;
    Ok(())
}

/// Deletes a data key. Fails when a row is sealed with it.
pub async fn data_key_delete(db: &mut Conn, id: i64) -> Result<()> {
    execute!(db, "DELETE FROM data_keys WHERE id = $1", id)?;
    Ok(())
}
