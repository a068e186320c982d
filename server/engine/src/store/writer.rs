//! The one task that writes to a database: what waits is committed together.
//!
//! Each write runs in a savepoint of its own, so that one that fails doesn't undo its neighbours, and is answered after the
//! commit that has it on disk.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::database::Pool;
use super::{Conn, Error, Result};

/// Writes that share one commit.
const GROUP: usize = 128;
/// Writes that may wait.
const QUEUE: usize = 4096;
/// How long a group may take before the database is taken for hung.
const PATIENCE: Duration = Duration::from_secs(20);

type Job = Box<dyn for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Done> + Send>;

/// A write that has run and isn't committed yet.
struct Done {
    failed: bool,
    answer: Box<dyn FnOnce(api::Result<()>) + Send>,
}

#[derive(Clone)]
pub(super) struct Writer {
    queue: Arc<Mutex<Option<mpsc::Sender<Job>>>>,
    task: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Writer {
    /// Starts the task. `begin` opens a transaction that no other writer has.
    pub(super) fn spawn(pool: Pool, begin: &'static str) -> Self {
        let (queue, mut waiting) = mpsc::channel(QUEUE);
        let task = tokio::spawn(async move {
            let mut jobs = Vec::new();
            while waiting.recv_many(&mut jobs, GROUP).await > 0 {
                let group = std::mem::take(&mut jobs);
                if tokio::time::timeout(PATIENCE, commit(&pool, begin, group)).await.is_err() {
                    tracing::error!(seconds = PATIENCE.as_secs(), "store_write_timed_out");
                }
            }
            pool.close().await;
        });
        Self { queue: Arc::new(Mutex::new(Some(queue))), task: Arc::new(Mutex::new(Some(task))) }
    }

    pub(super) async fn write<T, F, A>(&self, body: F, after: A) -> api::Result<T>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T>> + Send + 'static,
        A: FnOnce(&T) + Send + 'static,
    {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let queue = queue.ok_or_else(|| api::Error::unavailable("Pilothouse is shutting down"))?;
        let (sender, receiver) = oneshot::channel();
        let sent = queue.send(job(body, after, sender)).await;
        drop(queue);
        match sent {
            Ok(()) => receiver.await.unwrap_or_else(|_| Err(lost())),
            Err(_) => Err(lost()),
        }
    }

    pub(super) async fn close(&self) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Err(error)) = match task {
            Some(task) => Some(task.await),
            None => None,
        } {
            tracing::error!(%error, "store_writer_failed");
        }
    }
}

fn job<T, F, A>(body: F, after: A, sender: oneshot::Sender<api::Result<T>>) -> Job
where
    T: Send + 'static,
    F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T>> + Send + 'static,
    A: FnOnce(&T) + Send + 'static,
{
    Box::new(move |conn| {
        Box::pin(async move {
            let outcome = AssertUnwindSafe(async { body(conn).await }).catch_unwind().await;
            let outcome: Result<T> = outcome.unwrap_or_else(|_| {
                tracing::error!("store_write_panicked");
                Err(Error::Refused(api::Error::internal()))
            });
            let failed = outcome.is_err();
            let answer = move |committed: api::Result<()>| {
                let answer = match (outcome, committed) {
                    (Ok(value), Ok(())) => {
                        after(&value);
                        Ok(value)
                    }
                    (Err(error), _) => Err(error.into()),
                    (Ok(_), Err(error)) => Err(error),
                };
                // Nobody waits any more: the write stands all the same.
                let _ = sender.send(answer);
            };
            Done { failed, answer: Box::new(answer) }
        })
    })
}

/// Runs a group of writes in one transaction and answers all of them.
async fn commit(pool: &Pool, begin: &'static str, jobs: Vec<Job>) {
    let mut done = Vec::with_capacity(jobs.len());
    let committed = match pool.acquire().await {
        Ok(mut conn) => {
            let committed = transaction(&mut conn, begin, jobs, &mut done).await;
            if committed.is_err() {
                conn.discard();
            }
            committed
        }
        Err(error) => Err(error),
    };
    let committed = committed.map_err(|error| match api::Error::from(Error::from(error)) {
        // The database gave the transaction up because of one of the writes: the others are not to blame and may try again.
        error if error.code == api::ErrorCode::Internal => {
            api::Error::unavailable("the change was undone with another one that failed; try again").retry_after(1)
        }
        error => error,
    });
    for Done { answer, .. } in done {
        answer(committed.clone());
    }
}

async fn transaction(conn: &mut Conn, begin: &'static str, jobs: Vec<Job>, done: &mut Vec<Done>) -> sqlx::Result<()> {
    let mut guard = Guard { conn, armed: true };
    let conn = &mut *guard.conn;
    conn.run(begin).await?;
    let alone = jobs.len() == 1;
    for job in jobs {
        if !alone {
            conn.run("SAVEPOINT one").await?;
        }
        let outcome = job(conn).await;
        let failed = outcome.failed;
        done.push(outcome);
        match (alone, failed) {
            (true, true) => {
                conn.run("ROLLBACK").await?;
                guard.armed = false;
                return Ok(());
            }
            (true, false) => {}
            (false, true) => conn.run("ROLLBACK TO SAVEPOINT one; RELEASE SAVEPOINT one").await?,
            (false, false) => conn.run("RELEASE SAVEPOINT one").await?,
        }
    }
    conn.run("COMMIT").await?;
    guard.armed = false;
    Ok(())
}

/// A connection in a transaction: dropped half-way, it must not go back to the pool.
struct Guard<'c> {
    conn: &'c mut Conn,
    armed: bool,
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if self.armed {
            self.conn.discard();
        }
    }
}

fn lost() -> api::Error {
    api::Error::unavailable("the database didn't confirm the change in time; look whether it has happened, then try again").retry_after(5)
}
