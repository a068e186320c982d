//! A connection to either database, and the macro that says one thing to both.

use sqlx::pool::PoolConnection;
use sqlx::{Postgres, Sqlite};

/// A connection, taken from a pool and given back when dropped.
#[derive(Debug)]
pub enum Conn {
    /// To a file.
    Sqlite(PoolConnection<Sqlite>),
    /// To a server.
    Postgres(PoolConnection<Postgres>),
}

/// Expands one body for both native drivers: `on!(conn, |db| sqlx::query(statement).bind(id).execute(db).await)`.
/// In the body `db` is a `&mut` of the driver's connection; a body that uses it twice reborrows it (`&mut *db`).
macro_rules! on {
    ($conn:expr, |$db:ident| $body:expr) => {
        match $conn {
            $crate::store::Conn::Sqlite(conn) => {
                let $db: &mut sqlx::SqliteConnection = conn;
                $body
            }
            $crate::store::Conn::Postgres(conn) => {
                let $db: &mut sqlx::PgConnection = conn;
                $body
            }
        }
    };
}
pub(crate) use on;

/// Runs a statement that answers no rows, with its parameters in order, and answers how many rows it has touched:
/// `execute!(conn, "DELETE FROM nouns WHERE id = $1", id.0)?`.
macro_rules! execute {
    ($conn:expr, $statement:expr $(, $bind:expr)* $(,)?) => {
        $crate::store::on!($conn, |db| {
            sqlx::query($statement)$(.bind($bind))*.execute(db).await.map(|done| done.rows_affected())
        })
    };
}
pub(crate) use execute;

impl Conn {
    /// Runs statements without parameters; several are separated by semicolons.
    pub(super) async fn run(&mut self, statements: &'static str) -> sqlx::Result<()> {
        on!(self, |db| sqlx::raw_sql(statements).execute(db).await.map(|_| ()))
    }

    /// Whether what is overwritten or deleted from now on is overwritten in the file, too. PostgreSQL decides that by itself: what was there goes with its
    /// next vacuum.
    pub(crate) async fn erase_what_is_overwritten(&mut self, is_erased: bool) -> super::Result<()> {
        if let Conn::Sqlite(_) = self {
            self.run(if is_erased { "PRAGMA secure_delete = ON" } else { "PRAGMA secure_delete = OFF" }).await?;
        }
        Ok(())
    }

    /// Closes the connection when it is dropped, because nobody knows what state it is in.
    pub(super) fn discard(&mut self) {
        match self {
            Conn::Sqlite(conn) => conn.close_on_drop(),
            Conn::Postgres(conn) => conn.close_on_drop(),
        }
    }
}
