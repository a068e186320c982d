//! What must outlive a restart: one statement text for SQLite and PostgreSQL.
//!
//! Two databases, both a [`Database`]: [`Store::main`] has what was acknowledged (an answered write survives a power cut), and
//! [`Store::telemetry`] has figures (the last second may be lost). On SQLite they are two files, on PostgreSQL one database.
//!
//! Writes are serialised per database, across instances too: what a write reads, nobody changes until it is committed. So
//! "look, then insert" is safe inside [`Database::write`], and many writes share one commit.
//!
//! # A new entity
//!
//! 1. A pair of migrations of the same name, `migrations/sqlite/NNNN_noun.sql` and `migrations/postgres/NNNN_noun.sql`
//!    (in `telemetry/` of each for figures). Ids are `BLOB` and `UUID`, times `BIGINT` microseconds, integers `BIGINT`,
//!    truth `BOOLEAN`, JSON and other text `TEXT`, bytes `BLOB` and `BYTEA`. One that has been released never changes.
//! 2. A file `store/noun.rs` with functions that take `db: &mut Conn` first and are named noun first: `noun_insert`,
//!    `noun_find` (answers an `Option`), `noun_list`, `noun_delete`. Each has one statement, its places written `$1`, `$2`, and
//!    its row type derives `sqlx::FromRow`:
//!
//!    ```text
//!    pub async fn noun_find(db: &mut Conn, id: NounId) -> Result<Option<NounRow>> {
//!        let statement = "SELECT id, name, created_at FROM nouns WHERE id = $1";
//!        Ok(on!(db, |db| sqlx::query_as(statement).bind(id.0).fetch_optional(db).await)?)
//!    }
//!
//!    pub async fn noun_delete(db: &mut Conn, id: NounId) -> Result<bool> {
//!        Ok(execute!(db, "DELETE FROM nouns WHERE id = $1", id.0)? == 1)
//!    }
//!    ```
//! 3. A test with `on_each_store!` that runs each statement: SQLite takes a forgotten bind for NULL and says nothing.
//! 4. Callers: `noun_find(&mut store.main.read().await?, id).await?`, and for writes, of any number of statements in one commit,
//!    `store.main.write(move |db| Box::pin(async move { noun_insert(db, &row).await })).await?`. An `Err` undoes the whole closure
//!    and nothing else.
//!
//! Differences to respect: `CAST(sum(x) AS BIGINT)`; `lower(x) LIKE lower($1)`; pages by key, never by offset.

pub mod api_tokens;
pub mod configurations;
mod conn;
pub mod data_keys;
mod database;
pub mod deploy_hooks;
pub mod deployment_rules;
pub mod deployments;
pub mod environments;
mod error;
pub mod events;
pub mod incidents;
mod keys;
mod lease;
mod location;
pub mod metrics;
mod migrations;
pub mod releases;
mod reserve;
pub mod sealed;
pub mod secret_values;
pub mod secrets;
pub mod services;
pub mod sessions;
pub mod uptime;
pub mod users;
mod writer;

use std::sync::Arc;

pub use conn::Conn;
pub(crate) use conn::{execute, on};
pub use database::Database;
pub use error::{Error, Result};
pub use keys::{Keys, mac};
pub use lease::Lease;
pub use reserve::Reserve;

use crate::EngineConfig;
use location::Location;

/// Both databases.
pub struct Store {
    /// What was acknowledged: services, accounts, events.
    pub main: Database,
    /// Figures.
    pub telemetry: Database,
    /// Which of several instances acts.
    pub lease: Arc<Lease>,
    /// What tokens are signed and the audit is chained with.
    pub keys: Keys,
    /// Room for stopping services on a full disk.
    pub reserve: Reserve,
}

impl Store {
    /// Opens both databases, making the data folder and files that are missing, and brings them to the present version.
    ///
    /// Fails with `unavailable`, saying what to do, when the address is wrong, the database is down or may not be used, or it was
    /// made by a newer version of Pilothouse. Several instances may have one store open; only the one with the [`Lease`] acts.
    pub async fn open(config: &EngineConfig) -> api::Result<Self> {
        let location = Location::of(config)?;
        let (main, telemetry) = location.open().await?;
        let lease = Arc::new(Lease::new(&location, main.clone()));
        migrations::run(&main, &telemetry, &location).await?;
        let keys = Keys::open(&config.data_dir, &main).await?;
        let reserve = Reserve::of(&location);
        reserve.keep();
        Ok(Self { main, telemetry, lease, keys, reserve })
    }

    /// The name of the database for people: `SQLite` or `PostgreSQL`.
    pub fn kind(&self) -> &'static str {
        self.main.kind()
    }

    /// Gives the lease back, finishes the writes that were asked for and closes all connections. Later use fails with `unavailable`.
    pub async fn close(&self) {
        self.lease.release().await;
        self.main.close().await;
        self.telemetry.close().await;
    }
}

#[cfg(test)]
mod tests;
