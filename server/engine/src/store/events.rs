//! The table of what happened. Only [`crate::events`] writes it.

use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::{Conn, Result, execute, on};

/// One row, as it is chained.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct EventRow {
    /// From 1, without holes.
    pub seq: i64,
    /// Microseconds.
    pub at: i64,
    /// Text of an `EventKind`.
    pub kind: String,
    /// Whether only the audit shows it.
    pub is_account: bool,
    /// The service.
    pub service_id: Option<Uuid>,
    /// Its name then.
    pub service_name: Option<String>,
    /// Who.
    pub actor: Option<String>,
    /// What it belongs to.
    pub reference: Option<String>,
    /// A sentence.
    pub message: String,
    /// JSON.
    pub data: String,
    /// Only with an actor.
    pub mac: Option<Vec<u8>>,
}

/// The end of the table and of the chain.
#[derive(Clone, Debug, Default, PartialEq, sqlx::FromRow)]
pub struct HeadRow {
    /// The last number.
    pub seq: i64,
    /// The MAC of the last entry that has one; empty before the first.
    pub chain: Vec<u8>,
    /// Over both.
    pub mac: Vec<u8>,
}

/// Which rows to list, newest first.
#[derive(Clone, Debug, Default)]
pub struct EventFilter {
    /// Only those of this service.
    pub service_id: Option<Uuid>,
    /// Only this kind.
    pub kind: Option<&'static str>,
    /// Only from here on, microseconds.
    pub from: Option<i64>,
    /// Only before this, microseconds.
    pub to: Option<i64>,
    /// Only smaller numbers.
    pub before: Option<i64>,
    /// Whether those of accounts are there.
    pub with_accounts: bool,
    /// At most so many.
    pub limit: i64,
}

/// The end of the table; none before the first event.
pub async fn event_head_find(db: &mut Conn) -> Result<Option<HeadRow>> {
    Ok(on!(db, |db| sqlx::query_as("SELECT seq, chain, mac FROM event_head WHERE id = 1").fetch_optional(db).await)?)
}

/// Moves the end of the table.
pub async fn event_head_set(db: &mut Conn, head: &HeadRow) -> Result<()> {
    let statement = "INSERT INTO event_head (id, seq, chain, mac) VALUES (1, $1, $2, $3)
        ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, chain = excluded.chain, mac = excluded.mac";
    execute!(db, statement, head.seq, head.chain.as_slice(), head.mac.as_slice())?;
    Ok(())
}

/// Adds a row.
pub async fn event_insert(db: &mut Conn, row: &EventRow) -> Result<()> {
    let statement = "INSERT INTO events
        (seq, at, kind, is_account, service_id, service_name, actor, reference, message, data, mac)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    execute!(
        db,
        statement,
        row.seq,
        row.at,
        row.kind.as_str(),
        row.is_account,
        row.service_id,
        row.service_name.as_deref(),
        row.actor.as_deref(),
        row.reference.as_deref(),
        row.message.as_str(),
        row.data.as_str(),
        row.mac.as_deref(),
    )?;
    Ok(())
}

/// Rows of a filter, newest first.
pub async fn event_list(db: &mut Conn, filter: &EventFilter) -> Result<Vec<EventRow>> {
    let mut statement = format!("SELECT {COLUMNS} FROM events WHERE seq < $1");
    let mut place = 1;
    let mut add = |wanted: bool, condition: &str| {
        if wanted {
            place += 1;
            statement.push_str(&format!(" AND {condition} ${place}"));
        }
    };
    add(filter.service_id.is_some(), "service_id =");
    add(filter.kind.is_some(), "kind =");
    add(filter.from.is_some(), "at >=");
    add(filter.to.is_some(), "at <");
    add(!filter.with_accounts, "is_account =");
    statement.push_str(&format!(" ORDER BY seq DESC LIMIT ${}", place + 1));
    Ok(on!(db, |db| {
        let mut query = sqlx::query_as(AssertSqlSafe(statement)).bind(filter.before.unwrap_or(i64::MAX));
        if let Some(service_id) = filter.service_id {
            query = query.bind(service_id);
        }
        if let Some(kind) = filter.kind {
            query = query.bind(kind);
        }
        if let Some(from) = filter.from {
            query = query.bind(from);
        }
        if let Some(to) = filter.to {
            query = query.bind(to);
        }
        if !filter.with_accounts {
            query = query.bind(false);
        }
        query.bind(filter.limit).fetch_all(db).await
    })?)
}

/// Rows after a number, oldest first.
pub async fn event_walk(db: &mut Conn, after: i64, limit: i64) -> Result<Vec<EventRow>> {
    let statement = format!("SELECT {COLUMNS} FROM events WHERE seq > $1 ORDER BY seq LIMIT $2");
    Ok(on!(db, |db| sqlx::query_as(AssertSqlSafe(statement)).bind(after).bind(limit).fetch_all(db).await)?)
}

const COLUMNS: &str = "seq, at, kind, is_account, service_id, service_name, actor, reference, message, data, mac";
