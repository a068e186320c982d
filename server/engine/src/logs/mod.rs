//! The logs of services: kept by their supervisors, read, searched and followed here.

mod follow;
pub mod level;
mod search;
pub mod segment;
pub(crate) mod text;

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use api::{Caller, Error, LogLine, LogQuery, Page, Permission, Result, Resume, ServiceId};
use async_trait::async_trait;
use tokio::sync::Semaphore;

pub use self::follow::LogReader;
use self::follow::Tail;
use self::search::Search;
use crate::Core;
use crate::runtime::process::log_folder;

/// How many files are read at the same time.
const READS: usize = 4;

/// Reads, searches and follows the logs of services.
pub struct Manager {
    core: Arc<Core>,
    reads: Arc<Semaphore>,
    tails: Mutex<HashMap<ServiceId, Weak<Tail>>>,
}

impl Manager {
    /// One for the logs in the data folder.
    pub fn new(core: Arc<Core>) -> Self {
        Self { core, reads: Arc::new(Semaphore::new(READS)), tails: Mutex::default() }
    }

    /// Reads the log of a service from now on, or from where `resume` says: every line once, or a `gap` frame for what is not
    /// kept any more. The sequence is that of the lines, and its epoch is kept with the log. Permission is asked before.
    ///
    /// # Errors
    /// `service_failed` when the log can't be read.
    pub async fn follow(&self, id: ServiceId, resume: &Resume) -> Result<LogReader> {
        let tail = match self.tail(id) {
            Some(tail) => tail,
            None => self.insert(id, Tail::open(id, log_folder(&self.core, id), self.reads.clone(), self.core.mask.clone()).await?),
        };
        LogReader::new(tail, resume, self.core.clock.clone()).await
    }

    fn tail(&self, id: ServiceId) -> Option<Arc<Tail>> {
        self.tails.lock().unwrap_or_else(PoisonError::into_inner).get(&id)?.upgrade()
    }

    /// Shares a tail, unless somebody else was faster.
    fn insert(&self, id: ServiceId, tail: Arc<Tail>) -> Arc<Tail> {
        let mut tails = self.tails.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tail) = tails.get(&id).and_then(Weak::upgrade) {
            return tail;
        }
        tails.retain(|_, tail| tail.strong_count() > 0);
        tails.insert(id, Arc::downgrade(&tail));
        drop(tails);
        Tail::watch(&tail, &self.core);
        tail
    }
}

#[async_trait]
impl api::ports::Logs for Manager {
    async fn page(&self, caller: &Caller, id: ServiceId, query: LogQuery) -> Result<Page<LogLine>> {
        caller.require_on(Permission::LogsRead, id)?;
        self.core.catalog.get(id)?;
        let search = Search::new(&query)?;
        let (folder, mask) = (log_folder(&self.core, id), self.core.mask.clone());
        read(&self.reads, move || search.run(&folder, &mask)).await
    }
}

/// Does file work off the async threads, a few at a time. A failure is logged here.
async fn read<T: Send + 'static>(reads: &Semaphore, work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T> {
    let _place = reads.acquire().await;
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => {
            tracing::error!(%error, "log_not_read");
            Err(Error::service(format!("the log can't be read: {error}")))
        }
        Err(error) => {
            tracing::error!(%error, "log_not_read");
            Err(Error::internal())
        }
    }
}
