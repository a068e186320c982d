//! One database: connections to read with, and one task that writes.

use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use sqlx::{PgPool, SqlitePool};

use super::writer::Writer;
use super::{Conn, Error, Result, on};

/// The pool of either driver.
#[derive(Clone, Debug)]
pub(super) enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// A database that is open. Cheap to clone.
#[derive(Clone)]
pub struct Database {
    readers: Pool,
    writers: Pool,
    writer: Writer,
}

impl Database {
    pub(super) fn new(readers: Pool, writers: Pool, begin: &'static str) -> Self {
        let writer = Writer::spawn(writers.clone(), begin);
        Self { readers, writers, writer }
    }

    /// A connection to read with. Fails with `unavailable` after 5 s without one.
    pub async fn read(&self) -> api::Result<Conn> {
        Ok(self.readers.acquire().await.map_err(Error::from)?)
    }

    /// Runs `body` and commits it, alone or together with other writes; an `Err` undoes all of it and nothing else.
    /// What was asked for is done even when the caller goes away. Fails with `unavailable` when it can't be known to be on disk.
    pub async fn write<T, F>(&self, body: F) -> api::Result<T>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T>> + Send + 'static,
    {
        self.writer.write(body, |_| ()).await
    }

    /// [`Database::write`], and then `after`, once it is on disk. The `after`s of several writes run in the order of the writes:
    /// the place to announce what has happened. It must not block.
    pub async fn write_then<T, F, A>(&self, body: F, after: A) -> api::Result<T>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T>> + Send + 'static,
        A: FnOnce(&T) + Send + 'static,
    {
        self.writer.write(body, after).await
    }

    /// Asks the database for its version and answers how long that took. Fails with `unavailable`.
    pub async fn ping(&self) -> api::Result<(String, Duration)> {
        let asked = Instant::now();
        let mut conn = self.read().await?;
        let statement = match conn {
            Conn::Sqlite(_) => "SELECT sqlite_version()",
            Conn::Postgres(_) => "SELECT current_setting('server_version')",
        };
        let answer = async { on!(&mut conn, |db| sqlx::query_scalar::<_, String>(statement).fetch_one(db).await) };
        let version = match tokio::time::timeout(Duration::from_secs(5), answer).await {
            Ok(answer) => answer.map_err(Error::from)?,
            Err(_) => {
                conn.discard();
                return Err(api::Error::unavailable("the database hasn't answered within 5 s").retry_after(5));
            }
        };
        Ok((format!("{} {version}", self.kind()), asked.elapsed()))
    }

    /// The name of the database for people: `SQLite` or `PostgreSQL`.
    pub fn kind(&self) -> &'static str {
        match self.readers {
            Pool::Sqlite(_) => "SQLite",
            Pool::Postgres(_) => "PostgreSQL",
        }
    }

    /// A connection that may write, outside the task that writes: for migrations and leases.
    pub(super) async fn writing(&self) -> api::Result<Conn> {
        Ok(self.writers.acquire().await.map_err(Error::from)?)
    }

    /// Finishes the writes that were asked for and closes all connections.
    pub async fn close(&self) {
        self.writer.close().await;
        self.readers.close().await;
    }
}

impl Pool {
    pub(super) async fn acquire(&self) -> sqlx::Result<Conn> {
        match self {
            Pool::Sqlite(pool) => pool.acquire().await.map(Conn::Sqlite),
            Pool::Postgres(pool) => pool.acquire().await.map(Conn::Postgres),
        }
    }

    pub(super) async fn close(&self) {
        match self {
            Pool::Sqlite(pool) => pool.close().await,
            Pool::Postgres(pool) => pool.close().await,
        }
    }
}
