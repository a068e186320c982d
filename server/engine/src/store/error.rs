//! What can go wrong in the store, and what it is to those who asked: mapped and logged here, once.

use sqlx::error::DatabaseError;

/// What statements answer.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure inside the store. `?` turns it into an [`api::Error`] at the store's edge, and logs it there.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database failed or refused.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// A rule of the product refused; undoes the write that it is returned from.
    #[error(transparent)]
    Refused(#[from] api::Error),
}

impl Error {
    /// Whether something of that key is there already.
    pub fn is_taken(&self) -> bool {
        matches!(self, Error::Database(sqlx::Error::Database(error)) if error.is_unique_violation())
    }
}

impl From<Error> for api::Error {
    fn from(error: Error) -> Self {
        let error = match error {
            Error::Refused(error) => return error,
            Error::Database(error) => error,
        };
        let seen = outward(&error);
        if seen.code == api::ErrorCode::Conflict {
            tracing::debug!(%error, "store_conflict");
        } else {
            tracing::error!(%error, "store_failed");
        }
        seen
    }
}

fn outward(error: &sqlx::Error) -> api::Error {
    use sqlx::Error as E;
    match error {
        E::Database(error) => refused(error.as_ref()),
        E::Io(error) => down(&format!("the database can't be reached: {error}")),
        E::Tls(_) => down("the database's certificate or encryption was refused; check the database URL and `sslmode`"),
        E::PoolTimedOut => down("no connection to the database became free within 5 s: it is down, unreachable or overloaded"),
        E::PoolClosed | E::WorkerCrashed => down("the database has been closed"),
        E::Protocol(_) => down("the database broke off in the middle of an answer"),
        E::Configuration(error) => api::Error::unavailable(format!("the database can't be used as configured: {error}")),
        _ => api::Error::internal(),
    }
}

fn refused(error: &dyn DatabaseError) -> api::Error {
    if error.is_unique_violation() {
        return api::Error::conflict("something of that name or key exists already");
    }
    let code = error.code().unwrap_or_default();
    if let Some(full) = full(error, &code) {
        return api::Error::storage_full(full);
    }
    let message = match error.try_downcast_ref::<sqlx::sqlite::SqliteError>() {
        Some(_) => sqlite(code.parse().unwrap_or(0)),
        None => postgres(&code),
    };
    message.map_or_else(api::Error::internal, down)
}

/// What has no room left, when that is what is wrong. SQLite also says so of the memory that its processes share, which is a file beside it.
fn full(error: &dyn DatabaseError, code: &str) -> Option<&'static str> {
    let is_sqlite = error.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some();
    match (is_sqlite, code.parse::<u32>()) {
        (true, Ok(code)) if code == 4874 || code & 0xff == 13 => Some("the disk of the data folder"),
        (false, Ok(53100)) => Some("the disk of PostgreSQL"),
        _ => None,
    }
}

/// The primary result code is in the lowest byte.
fn sqlite(code: u32) -> Option<&'static str> {
    Some(match code & 0xff {
        5 | 6 => "the database is busy with another program's change",
        8 => "the database can't be written: the file or its folder is read-only for Pilothouse's user",
        10 => "the disk failed while the database was read or written; check the disk and the system's log",
        11 => "the database file is damaged; restore it from a backup",
        14 => "the database file can't be opened; check that Pilothouse's user may use the data folder",
        26 => "the database file isn't a SQLite database; check the database URL",
        _ => return None,
    })
}

fn postgres(code: &str) -> Option<&'static str> {
    Some(match code {
        "28000" | "28P01" => "PostgreSQL refused the user or password of the database URL",
        "3D000" => "PostgreSQL has no database of the name in the database URL; create it",
        "42501" => "PostgreSQL's user may not do this; grant it the rights on the database and its schema",
        "25006" => "PostgreSQL is read-only, a standby or out of order; use the primary",
        "53300" => "PostgreSQL has no connection left; raise max_connections or stop other users",
        "57014" | "55P03" => "PostgreSQL took too long; it is overloaded or blocked",
        "40P01" | "40001" => "PostgreSQL undid the change because another one was in its way",
        _ if code.starts_with("08") || code.starts_with("57P") => "PostgreSQL is shutting down, starting or not reachable",
        _ if code.starts_with("53") || code.starts_with("58") => "PostgreSQL is out of a resource or its system failed; see its log",
        _ => return None,
    })
}

fn down(message: &str) -> api::Error {
    api::Error::unavailable(message).retry_after(5)
}
