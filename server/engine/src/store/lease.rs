//! Which of several instances acts. Observing needs no lease.
//!
//! On SQLite it is a lock on a file beside the database: a restart takes over at once, a second instance is refused. On PostgreSQL
//! it is a row that lasts 6 s, renewed every 2, with a fencing token that grows each time it changes hands. The row's times are
//! PostgreSQL's own, so clocks of instances may differ; each instance stops acting by its own steady clock before the row ends.

use std::fs::{File, TryLockError};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::location::{Location, private_file, unusable};
use super::{Conn, Database, Error};

/// How long it lasts without being renewed.
const LASTS: Duration = Duration::from_secs(6);
/// How often it is renewed, and how often one tries to get it.
const RENEW: Duration = Duration::from_secs(2);

/// The right to act on services.
pub struct Lease {
    lock_file: Option<PathBuf>,
    file: Mutex<Option<File>>,
    database: Database,
    holder: Uuid,
    until: watch::Sender<Option<Held>>,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    token: i64,
    until: Option<Instant>,
}

impl Lease {
    pub(super) fn new(location: &Location, database: Database) -> Self {
        let lock_file = match location {
            Location::Sqlite { main, .. } => Some(main.with_extension("lock")),
            Location::Postgres(_) => None,
        };
        let holder = crate::Clock::System.new_uuid();
        Self { lock_file, file: Mutex::default(), database, holder, until: watch::Sender::new(None) }
    }

    /// Takes the lease, or begins to try: on SQLite it fails with `conflict` when another instance has it, on PostgreSQL a task
    /// waits for it and renews it until `shutdown`. Called once, by an instance that serves.
    pub async fn acquire(self: &std::sync::Arc<Self>, tasks: &TaskTracker, shutdown: &CancellationToken) -> api::Result<()> {
        if let Some(path) = &self.lock_file {
            let file = private_file(path).map_err(|error| unusable("the lock file", path, &error))?;
            return match file.try_lock() {
                Ok(()) => {
                    *self.file.lock().unwrap_or_else(PoisonError::into_inner) = Some(file);
                    self.until.send_replace(Some(Held { token: 1, until: None }));
                    Ok(())
                }
                Err(TryLockError::WouldBlock) => Err(api::Error::conflict(format!(
                    "another Pilothouse uses this database ({} is locked); stop it, or give this one another data folder",
                    path.display()
                ))),
                Err(TryLockError::Error(error)) => Err(unusable("the lock file", path, &error)),
            };
        }
        self.renew().await;
        let (lease, shutdown) = (self.clone(), shutdown.clone());
        tasks.spawn(async move {
            while shutdown.run_until_cancelled(tokio::time::sleep(RENEW)).await.is_some() {
                lease.renew().await;
            }
        });
        Ok(())
    }

    /// Whether this instance may act now.
    pub fn is_held(&self) -> bool {
        self.token().is_some()
    }

    /// The fencing token, while it may act: it grows each time that the lease changes hands.
    pub fn token(&self) -> Option<i64> {
        let held = *self.until.borrow();
        held.filter(|held| held.until.is_none_or(|until| Instant::now() < until)).map(|held| held.token)
    }

    /// Fails with `unavailable` unless the lease is still that of `token`, within a write: what is written with it then is written while nobody else acts,
    /// also when this instance was paused since it has looked.
    pub async fn require(&self, db: &mut Conn, token: i64) -> super::Result<()> {
        let is_held = match db {
            Conn::Sqlite(_) => self.token() == Some(token),
            Conn::Postgres(db) => {
                let statement = "SELECT EXISTS (SELECT 1 FROM leases WHERE name = 'engine' AND holder = $1 AND token = $2
                    AND expires_at > CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT))";
                sqlx::query_scalar(statement).bind(self.holder).bind(token).fetch_one(&mut **db).await?
            }
        };
        match is_held {
            true => Ok(()),
            false => Err(Error::Refused(api::Error::unavailable("another Pilothouse acts on these services now").retry_after(5))),
        }
    }

    /// Waits until this instance may act.
    pub async fn held(&self) {
        let mut changes = self.until.subscribe();
        while !self.is_held() {
            if changes.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Gives it back, so that another instance can act at once.
    pub async fn release(&self) {
        let held = self.until.send_replace(None);
        self.file.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let (Some(_), None) = (held, &self.lock_file)
            && let Err(error) = self.give_back().await
        {
            tracing::warn!(%error, "lease_not_given_back");
        }
    }

    async fn renew(&self) {
        let asked = Instant::now();
        let had = self.is_held();
        match tokio::time::timeout(RENEW, self.take()).await {
            Ok(Ok(Some(token))) => {
                let until = Some(asked + LASTS - RENEW / 2);
                self.until.send_replace(Some(Held { token, until }));
                if !had {
                    tracing::info!(token, "lease_acquired");
                }
            }
            Ok(Ok(None)) => {
                self.until.send_replace(None);
                if had {
                    tracing::warn!("lease_lost");
                }
            }
            Ok(Err(error)) => tracing::warn!(%error, had, "lease_not_renewed"),
            Err(_) => tracing::warn!(had, "lease_renewal_timed_out"),
        }
    }

    /// Takes or renews the row; none when somebody else has it.
    async fn take(&self) -> super::Result<Option<i64>> {
        let statement = "INSERT INTO leases AS l (name, holder, token, expires_at)
            VALUES ('engine', $1, 1, CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT) + $2)
            ON CONFLICT (name) DO UPDATE SET
                token = l.token + CASE WHEN l.holder = excluded.holder THEN 0 ELSE 1 END,
                holder = excluded.holder, expires_at = excluded.expires_at
            WHERE l.holder = excluded.holder OR l.expires_at < CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)
            RETURNING token";
        let lasts = i64::try_from(LASTS.as_micros()).unwrap_or(i64::MAX);
        let Conn::Postgres(mut db) = self.database.read().await? else { return Ok(None) };
        sqlx::query_scalar(statement).bind(self.holder).bind(lasts).fetch_optional(&mut *db).await.map_err(Error::from)
    }

    async fn give_back(&self) -> super::Result<()> {
        let statement = "UPDATE leases SET expires_at = 0 WHERE name = 'engine' AND holder = $1";
        if let Conn::Postgres(mut db) = self.database.read().await? {
            sqlx::query(statement).bind(self.holder).execute(&mut *db).await?;
        }
        Ok(())
    }
}
