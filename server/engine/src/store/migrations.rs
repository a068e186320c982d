//! The tables, embedded in the program and brought up to date at each start.

use sqlx::migrate::{MigrateError, Migrator};

use super::location::Location;
use super::{Conn, Database, Error, on};

static SQLITE: Migrator = sqlx::migrate!("../../migrations/sqlite");
static SQLITE_TELEMETRY: Migrator = sqlx::migrate!("../../migrations/sqlite/telemetry");
static POSTGRES: Migrator = sqlx::migrate!("../../migrations/postgres");
static POSTGRES_TELEMETRY: Migrator = sqlx::migrate!("../../migrations/postgres/telemetry");

/// Both live in one database on PostgreSQL, so each has its own list of what has been done.
const TELEMETRY_TABLE: &str = "_sqlx_telemetry_migrations";

/// Brings both databases to the version of this program; almost free when they are there already.
pub(super) async fn run(main: &Database, telemetry: &Database, location: &Location) -> api::Result<()> {
    // SQLite has no lock for this, and `user add` may run beside `serve`.
    let _alone = location.lock_for_migration().await?;
    let mut main = main.writing().await?;
    let set = if matches!(main, Conn::Sqlite(_)) { (&SQLITE, &SQLITE_TELEMETRY) } else { (&POSTGRES, &POSTGRES_TELEMETRY) };
    on!(&mut main, |db| set.0.run_direct(None, db, false).await).map_err(outward)?;
    drop(main);
    let mut telemetry = telemetry.writing().await?;
    let migrator = Migrator { migrations: set.1.migrations.clone(), table_name: TELEMETRY_TABLE.into(), ..Migrator::DEFAULT };
    on!(&mut telemetry, |db| migrator.run_direct(None, db, false).await).map_err(outward)
}

fn outward(error: MigrateError) -> api::Error {
    match error {
        MigrateError::VersionMissing(version) => api::Error::unavailable(format!(
            "the database was made by a newer Pilothouse (it has migration {version}, which this version doesn't know); \
             start that version or restore the backup made before it"
        )),
        MigrateError::VersionMismatch(version) => api::Error::unavailable(format!(
            "migration {version} of the database differs from this program's: it was made by an unreleased version; start with a new database"
        )),
        MigrateError::Execute(error) => Error::from(error).into(),
        MigrateError::ExecuteMigration(error, version) => {
            tracing::error!(version, "store_migration_failed");
            Error::from(error).into()
        }
        error => {
            tracing::error!(%error, "store_migration_failed");
            api::Error::internal()
        }
    }
}

#[cfg(test)]
mod tests {
    use sqlx::migrate::Migrator;

    use super::{POSTGRES, POSTGRES_TELEMETRY, SQLITE, SQLITE_TELEMETRY};

    #[test]
    fn both_databases_have_the_same_migrations() {
        let names = |set: &Migrator| set.iter().map(|one| (one.version, one.description.to_string())).collect::<Vec<_>>();
        assert_eq!(names(&SQLITE), names(&POSTGRES));
        assert_eq!(names(&SQLITE_TELEMETRY), names(&POSTGRES_TELEMETRY));
        assert!(!names(&SQLITE).is_empty());
    }
}
