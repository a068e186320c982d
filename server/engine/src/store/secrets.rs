//! Named secrets; values are sealed.

use super::secret_values::{secret_value_forget, secret_value_keep, secret_value_prune};
use super::{Conn, Result, execute, on};

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct SecretRow {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// The value, sealed with its name and version as the context.
    pub sealed: Vec<u8>,
    /// The data key that it is sealed with.
    pub key_id: i64,
    /// From 1, growing by one.
    pub version: i64,
    /// Microseconds.
    pub value_set_at: i64,
    /// Microseconds.
    pub created_at: i64,
    /// Microseconds.
    pub updated_at: i64,
    /// The name of who changed it last.
    pub updated_by: String,
}

/// Every secret, in no order: databases don't agree on one.
pub async fn secret_list(db: &mut Conn) -> Result<Vec<SecretRow>> {
    let statement = "SELECT name, description, sealed, key_id, version, value_set_at, created_at, updated_at, updated_by FROM secrets";
    Ok(on!(db, |db| sqlx::query_as(statement).fetch_all(db).await)?)
}

/// The secret of that name.
pub async fn secret_find(db: &mut Conn, name: &str) -> Result<Option<SecretRow>> {
    let statement =
        "SELECT name, description, sealed, key_id, version, value_set_at, created_at, updated_at, updated_by FROM secrets WHERE name = $1";
    Ok(on!(db, |db| sqlx::query_as(statement).bind(name).fetch_optional(db).await)?)
}

/// How many there are.
pub async fn secret_count(db: &mut Conn) -> Result<i64> {
    Ok(on!(db, |db| sqlx::query_scalar("SELECT CAST(count(*) AS BIGINT) FROM secrets").fetch_one(db).await)?)
}

/// Adds a secret, or puts it in place of the one of the same name, whose value is kept as long as something needs it.
pub async fn secret_put(db: &mut Conn, row: &SecretRow) -> Result<()> {
    secret_value_keep(db, row).await?;
    let statement = "INSERT INTO secrets (name, description, sealed, key_id, version, value_set_at, created_at, updated_at, updated_by)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        ON CONFLICT (name) DO UPDATE SET description = excluded.description, sealed = excluded.sealed, key_id = excluded.key_id,
            version = excluded.version, value_set_at = excluded.value_set_at, updated_at = excluded.updated_at,
            updated_by = excluded.updated_by";
    execute!(
        db,
        statement,
        row.name.as_str(),
        row.description.as_deref(),
        row.sealed.as_slice(),
        row.key_id,
        row.version,
        row.value_set_at,
        row.created_at,
        row.updated_at,
        row.updated_by.as_str(),
    )?;
    secret_value_prune(db, Some(&row.name)).await
}

/// Deletes a secret with all that it was before; answers whether it was there.
pub async fn secret_delete(db: &mut Conn, name: &str) -> Result<bool> {
    secret_value_forget(db, name).await?;
    Ok(execute!(db, "DELETE FROM secrets WHERE name = $1", name)? == 1)
}

/// The number that grows whenever a secret or a data key changes.
pub async fn secrets_revision(db: &mut Conn) -> Result<i64> {
    Ok(on!(db, |db| sqlx::query_scalar("SELECT revision FROM revisions WHERE name = 'secrets'").fetch_one(db).await)?)
}

/// Tells all instances that a secret or a data key has changed.
pub async fn secrets_changed(db: &mut Conn) -> Result<()> {
    execute!(db, "UPDATE revisions SET revision = revision + 1 WHERE name = 'secrets'")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{SecretRow, secret_count, secret_delete, secret_find, secret_list, secret_put, secrets_changed, secrets_revision};
    use crate::on_each_store;
    use crate::store::data_keys::{DataKeyRow, data_key_delete, data_key_insert};

    on_each_store! {
        async fn a_secret_is_read_as_it_was_written_and_keeps_its_data_key(test: TestStore) {
            let store = test.open().await;
            let key = DataKeyRow { id: 1, wrapped: vec![1], kek_id: "k".into(), created_at: 5, is_retired: false };
            let mut row = SecretRow {
                name: "db".into(), description: None, sealed: vec![0, 255], key_id: 1, version: 1, value_set_at: 6, created_at: 7,
                updated_at: 8, updated_by: "anna".into(),
            };
            let put = row.clone();
            let alone = put.clone();
            store.main.write(move |db| Box::pin(async move { secret_put(db, &alone).await })).await.expect_err("it has no key");
            store.main.write(move |db| Box::pin(async move {
                data_key_insert(db, &key).await?;
                secret_put(db, &put).await?;
                secrets_changed(db).await
            })).await.expect("it is written");
            let mut db = store.main.read().await.expect("a connection");
            assert_eq!(secret_list(&mut db).await.expect("rows"), [row.clone()]);
            assert_eq!((secret_count(&mut db).await.expect("a count"), secrets_revision(&mut db).await.expect("a number")), (1, 1));
            store.main.write(|db| Box::pin(data_key_delete(db, 1))).await.expect_err("something is sealed with it");
            (row.description, row.sealed, row.version) = (Some("x".into()), vec![3], 2);
            (row.value_set_at, row.updated_at, row.updated_by) = (9, 10, "bert".into());
            let put = row.clone();
            store.main.write(move |db| Box::pin(async move { secret_put(db, &put).await })).await.expect("it is written");
            assert_eq!(secret_find(&mut db, "db").await.expect("a row"), Some(row));
            assert_eq!(secret_find(&mut db, "DB").await.expect("no row"), None);
            assert!(store.main.write(|db| Box::pin(secret_delete(db, "db"))).await.expect("it is deleted"));
            store.main.write(|db| Box::pin(data_key_delete(db, 1))).await.expect("nothing is sealed with it");
        }
    }
}
