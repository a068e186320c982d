//! Every table with sealed values, for what has to go through all of them.

use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

use super::{Conn, Result, on};

/// A table with the columns `sealed` and `key_id`.
#[derive(Clone, Copy, Debug)]
pub struct SealedTable {
    /// Its name.
    pub name: &'static str,
    /// The columns that its context is made of; together they name a row.
    pub keys: &'static [KeyColumn],
    /// Makes the context of a row of these, in their order.
    pub context: fn(&[KeyPart]) -> Vec<Vec<u8>>,
}

/// A column that names rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyColumn {
    /// `TEXT`.
    Text(&'static str),
    /// `BIGINT`.
    Number(&'static str),
    /// `BLOB` and `UUID`.
    Id(&'static str),
}

/// What such a column has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyPart {
    /// Of [`KeyColumn::Text`].
    Text(String),
    /// Of [`KeyColumn::Number`].
    Number(i64),
    /// Of [`KeyColumn::Id`].
    Id(Uuid),
}

/// A row with a sealed value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedRow {
    /// What names it.
    pub keys: Vec<KeyPart>,
    /// The value.
    pub sealed: Vec<u8>,
}

impl KeyColumn {
    fn name(self) -> &'static str {
        match self {
            Self::Text(name) | Self::Number(name) | Self::Id(name) => name,
        }
    }
}

/// At most `most` rows that aren't sealed with the key `active`.
pub async fn sealed_list_others(db: &mut Conn, table: &SealedTable, active: i64, most: i64) -> Result<Vec<SealedRow>> {
    let names: Vec<_> = table.keys.iter().map(|key| key.name()).collect();
    let statement = format!("SELECT sealed, {} FROM {} WHERE key_id <> $1 LIMIT $2", names.join(", "), table.name);
    let rows: sqlx::Result<Vec<SealedRow>> = on!(db, |db| {
        let rows = sqlx::query(AssertSqlSafe(statement)).bind(active).bind(most).fetch_all(db).await?;
        rows.iter().map(|row| read_row(table.keys, row)).collect()
    });
    Ok(rows?)
}

/// Puts other bytes, sealed with the key `key_id`, in place of those of a row, unless that has been changed since.
pub async fn sealed_replace(db: &mut Conn, table: &SealedTable, row: &SealedRow, sealed: &[u8], key_id: i64) -> Result<bool> {
    let places = (4..).zip(table.keys).map(|(place, key)| format!(" AND {} = ${place}", key.name()));
    let statement = format!("UPDATE {} SET sealed = $1, key_id = $2 WHERE sealed = $3{}", table.name, places.collect::<String>());
    let done = on!(db, |db| {
        let mut query = sqlx::query(AssertSqlSafe(statement)).bind(sealed).bind(key_id).bind(row.sealed.as_slice());
        for key in &row.keys {
            query = match key {
                KeyPart::Text(text) => query.bind(text.as_str()),
                KeyPart::Number(number) => query.bind(*number),
                KeyPart::Id(id) => query.bind(*id),
            };
        }
        query.execute(db).await.map(|done| done.rows_affected())
    });
    Ok(done? == 1)
}

/// How many rows are sealed with a key.
pub async fn sealed_count(db: &mut Conn, table: &SealedTable, key_id: i64) -> Result<i64> {
    let statement = format!("SELECT CAST(count(*) AS BIGINT) FROM {} WHERE key_id = $1", table.name);
    Ok(on!(db, |db| sqlx::query_scalar(AssertSqlSafe(statement)).bind(key_id).fetch_one(db).await)?)
}

/// The columns of a row, after the sealed value.
fn read_row<'r, R: Row>(keys: &[KeyColumn], row: &'r R) -> sqlx::Result<SealedRow>
where
    usize: sqlx::ColumnIndex<R>,
    Vec<u8>: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
    String: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
    i64: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
    Uuid: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
{
    let part = |(at, key): (usize, &KeyColumn)| {
        Ok(match key {
            KeyColumn::Text(_) => KeyPart::Text(row.try_get(at)?),
            KeyColumn::Number(_) => KeyPart::Number(row.try_get(at)?),
            KeyColumn::Id(_) => KeyPart::Id(row.try_get(at)?),
        })
    };
    Ok(SealedRow { sealed: row.try_get(0)?, keys: (1..).zip(keys).map(part).collect::<sqlx::Result<_>>()? })
}
