//! What tests of every crate share: a store of each kind that is there for one test.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::bus::Bus;
use crate::events::Events;
use crate::secrets::Keyring;
use crate::store::Store;
use crate::{Catalog, Clock, Core, EngineConfig};

/// Names the server that tests make their databases on.
pub const POSTGRES_URL: &str = "PILOTHOUSE_TEST_POSTGRES_URL";

/// The kinds of store that Pilothouse runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreKind {
    /// Files in a temporary folder.
    Sqlite,
    /// A fresh database on the server of [`POSTGRES_URL`].
    Postgres,
}

/// A place for one test; everything in it is gone when it is dropped.
pub struct TestStore {
    /// A configuration that opens it, with sign-in limits off.
    pub config: EngineConfig,
    folder: TempDir,
    database: Option<String>,
}

impl TestStore {
    /// Makes one.
    ///
    /// # Panics
    /// Without a PostgreSQL server for tests: `cargo xtask test` starts one.
    pub async fn new(kind: StoreKind) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let database = match kind {
            StoreKind::Sqlite => None,
            StoreKind::Postgres => Some(create_database().await),
        };
        let config = EngineConfig {
            data_dir: folder.path().join("data"),
            database_url: database.as_deref().map(database_url),
            services_dir: None,
            service_users: Vec::new(),
            docker: crate::DockerHost::Off,
            registry_limit: EngineConfig::REGISTRY_LIMIT,
            fetch_limit: EngineConfig::FETCH_LIMIT,
            program: "pilothouse".into(),
            demonstration: false,
            admin_password: None,
            login_limit: None,
            retention_days: 14,
            secrets_key: crate::SecretsKey::Derived,
            site: None,
        };
        Self { config, folder, database }
    }

    /// The folder, for more files of the test.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Opens the store; may be called more than once, as several instances would.
    ///
    /// # Panics
    /// When that fails.
    pub async fn open(&self) -> Arc<Store> {
        Arc::new(Store::open(&self.config).await.expect("the store of a test opens"))
    }

    /// All that a PostgreSQL database has, a line for each row; bytes are hexadecimal digits there. Nothing of SQLite, which is in files.
    ///
    /// # Panics
    /// When the database can't be read.
    pub async fn dump(&self) -> String {
        let Some(url) = &self.config.database_url else { return String::new() };
        let mut db = PgConnection::connect(url).await.expect("the test database answers");
        let tables = "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')";
        let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut db).await.expect("its tables can be listed");
        let mut rows = Vec::new();
        for table in tables {
            let all = AssertSqlSafe(format!("SELECT one::text FROM {table} one"));
            rows.extend(sqlx::query_scalar::<_, String>(all).fetch_all(&mut db).await.expect("its rows can be read"));
        }
        rows.join("\n")
    }

    /// Everything that managers share, on this store.
    ///
    /// # Panics
    /// When the store can't be opened.
    pub async fn core(&self, clock: Clock) -> Arc<Core> {
        let bus = Arc::new(Bus::new(clock.clone()));
        let catalog = Arc::new(Catalog::new(bus.clone(), clock.clone()));
        let (tasks, shutdown) = (TaskTracker::new(), CancellationToken::new());
        let store = self.open().await;
        let events = Arc::new(Events::new(store.clone(), bus.clone(), clock.clone()));
        let keyring = Keyring::open(store.clone(), &self.config.secrets_key, clock.clone()).await.expect("the keyring of a test opens");
        let keyring = Arc::new(keyring);
        let (config, mask) = (self.config.clone(), Arc::default());
        Arc::new(Core { config, clock, bus, catalog, store, events, keyring, mask, tasks, shutdown })
    }
}

impl Drop for TestStore {
    fn drop(&mut self) {
        let Some(database) = self.database.take() else { return };
        // The test's own runtime may be on its way out, so another thread with its own does it.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let mut server = PgConnection::connect(&server_url()).await.map_err(std::io::Error::other)?;
                let statement = AssertSqlSafe(format!("DROP DATABASE \"{database}\" WITH (FORCE)"));
                sqlx::raw_sql(statement).execute(&mut server).await.map_err(std::io::Error::other)
            })
        });
        if !matches!(dropped.join(), Ok(Ok(_))) {
            eprintln!("a test database could not be dropped");
        }
    }
}

async fn create_database() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let random = u64::from_be_bytes(crate::clock::random());
    let name = format!("pilothouse_{random:016x}_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let mut server = PgConnection::connect(&server_url()).await.expect("the PostgreSQL server of the tests answers");
    let statement = AssertSqlSafe(format!("CREATE DATABASE \"{name}\""));
    sqlx::raw_sql(statement).execute(&mut server).await.expect("a test database can be made");
    name
}

fn server_url() -> String {
    std::env::var(POSTGRES_URL).unwrap_or_else(|_| panic!("{POSTGRES_URL} is not set: run the tests with `cargo xtask test`"))
}

fn database_url(name: &str) -> String {
    let server = server_url();
    let (base, query) = server.split_once('?').map_or((server.as_str(), String::new()), |(base, query)| (base, format!("?{query}")));
    let host = base.rfind('/').filter(|at| !base[..*at].ends_with('/')).map_or(base, |at| &base[..at]);
    format!("{host}/{name}{query}")
}

/// Stamps each test once for SQLite and once for PostgreSQL. A test is an `async fn name(test: TestStore)`:
///
/// ```text
/// on_each_store! {
///     async fn a_user_is_found_by_any_case_of_the_name(test: TestStore) { .. }
/// }
/// ```
#[macro_export]
macro_rules! on_each_store {
    ($($(#[$attribute:meta])* async fn $name:ident($store:ident: TestStore) $body:block)+) => {
        $(
            mod $name {
                #[allow(unused_imports)]
                use super::*;

                async fn on($store: $crate::testing::TestStore) $body

                $(#[$attribute])*
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn sqlite() {
                    on($crate::testing::TestStore::new($crate::testing::StoreKind::Sqlite).await).await;
                }

                $(#[$attribute])*
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn postgres() {
                    on($crate::testing::TestStore::new($crate::testing::StoreKind::Postgres).await).await;
                }
            }
        )+
    };
}
