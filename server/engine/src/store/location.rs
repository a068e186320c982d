//! Where the databases are, and with which durability they are opened.

use std::fs::{DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::Database;
use super::database::Pool;
use crate::EngineConfig;

/// How long one waits for a connection.
const ACQUIRE: Duration = Duration::from_secs(5);
/// Nobody else writes the main database of PostgreSQL from here to the end of the transaction. The number is arbitrary.
const BEGIN_ALONE: &str = "BEGIN; SELECT pg_advisory_xact_lock(7700202611)";

/// Where the databases are.
pub(super) enum Location {
    Sqlite { main: PathBuf, telemetry: PathBuf },
    Postgres(Box<PgConnectOptions>),
}

impl Location {
    /// Reads the database URL and makes the data folder.
    pub(super) fn of(config: &EngineConfig) -> api::Result<Self> {
        let data = &config.data_dir;
        let made = DirBuilder::new().recursive(true).mode(0o700).create(data);
        made.map_err(|error| unusable("the data folder", data, &error))?;
        match config.database_url.as_deref() {
            None => Ok(Self::Sqlite { main: data.join("pilothouse.db"), telemetry: data.join("telemetry.db") }),
            Some(url) if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
                let options = PgConnectOptions::from_str(url).map_err(|error| bad_url(&error.to_string()))?;
                Ok(Self::Postgres(Box::new(options.application_name("pilothouse"))))
            }
            Some(url) => {
                let path = url.strip_prefix("sqlite:").map(|path| path.strip_prefix("//").unwrap_or(path));
                let path = path.filter(|path| !path.is_empty() && !path.contains(['?', ':']));
                let main = PathBuf::from(path.ok_or_else(|| bad_url("it is neither sqlite:PATH nor postgres://.."))?);
                let stem = main.file_stem().ok_or_else(|| bad_url("it names no file"))?;
                let telemetry = main.with_file_name(format!("{}-telemetry.db", stem.to_string_lossy()));
                Ok(Self::Sqlite { main, telemetry })
            }
        }
    }

    pub(super) async fn open(&self) -> api::Result<(Database, Database)> {
        match self {
            Self::Sqlite { main, telemetry } => {
                if let Some(folder) = main.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
                    return Err(bad_url(&format!("the folder {} isn't there", folder.display())));
                }
                for file in [main, telemetry] {
                    private_file(file).map_err(|error| unusable("the database file", file, &error))?;
                }
                Ok((open_sqlite(main, SqliteSynchronous::Full), open_sqlite(telemetry, SqliteSynchronous::Normal)))
            }
            Self::Postgres(options) => {
                let timeouts = [("statement_timeout", "15s"), ("lock_timeout", "10s"), ("idle_in_transaction_session_timeout", "30s")];
                let options = options.as_ref().clone().options(timeouts).disable_statement_logging();
                let unhurried = options.clone().options([("synchronous_commit", "off")]);
                let main = Database::new(postgres(&options, 8), postgres(&options, 1), BEGIN_ALONE);
                Ok((main, Database::new(postgres(&unhurried, 4), postgres(&unhurried, 1), "BEGIN")))
            }
        }
    }

    /// Held while the tables are made. PostgreSQL does that itself.
    pub(super) async fn lock_for_migration(&self) -> api::Result<Option<File>> {
        let Self::Sqlite { main, .. } = self else { return Ok(None) };
        let path = main.with_extension("migrate.lock");
        let file = private_file(&path).map_err(|error| unusable("the lock file", &path, &error))?;
        for _ in 0..300 {
            match file.try_lock() {
                Ok(()) => return Ok(Some(file)),
                Err(TryLockError::WouldBlock) => tokio::time::sleep(Duration::from_millis(100)).await,
                Err(TryLockError::Error(error)) => return Err(unusable("the lock file", &path, &error)),
            }
        }
        Err(api::Error::unavailable(format!("another Pilothouse has been migrating {} for 30 s", main.display())))
    }
}

/// Opens a file for reading and writing, made with mode 0600 if it isn't there.
pub(super) fn private_file(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    File::options().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// An error about a file that Pilothouse needs.
pub(super) fn unusable(what: &str, path: &Path, error: &io::Error) -> api::Error {
    api::Error::unavailable(format!("{what} {} can't be used: {error}", path.display()))
}

fn bad_url(why: &str) -> api::Error {
    api::Error::unavailable(format!("the database URL can't be used: {why}; it is sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME"))
}

fn open_sqlite(file: &Path, synchronous: SqliteSynchronous) -> Database {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(synchronous)
        .foreign_keys(true)
        .busy_timeout(ACQUIRE)
        .disable_statement_logging();
    let readers = options.clone().pragma("query_only", "ON");
    Database::new(sqlite(readers, 4), sqlite(options, 1), "BEGIN IMMEDIATE")
}

fn sqlite(options: SqliteConnectOptions, most: u32) -> Pool {
    let pool = SqlitePoolOptions::new().max_connections(most).acquire_timeout(ACQUIRE).max_lifetime(None).test_before_acquire(false);
    Pool::Sqlite(pool.connect_lazy_with(options))
}

fn postgres(options: &PgConnectOptions, most: u32) -> Pool {
    let pool = PgPoolOptions::new().max_connections(most).acquire_timeout(ACQUIRE);
    Pool::Postgres(pool.connect_lazy_with(options.clone()))
}
