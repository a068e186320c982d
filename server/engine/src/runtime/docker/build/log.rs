//! The lines of a build in the log of its service.

use std::sync::{Arc, Weak};
use std::time::Duration;

use api::{Level, LogStream, ServiceId};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::super::{LOOK, Shared, log_folder};
use crate::logs::level::Classifier;
use crate::logs::segment::{KEPT_BYTES, Writer};
use crate::logs::text::strip_ansi;
use crate::runtime::{Said, Tell};

/// Lines that wait to be written.
const LINES: usize = 1000;
/// How long the log of the run before may take to be whole.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where the lines of a build go. Dropped, it is written to the end in the background.
#[derive(Default)]
pub struct BuildLog {
    writing: Option<(mpsc::Sender<Vec<u8>>, JoinHandle<()>)>,
    tell: Option<Tell>,
}

impl BuildLog {
    /// No log: `tell` hears the lines.
    pub fn telling(tell: Tell) -> Self {
        Self { writing: None, tell: Some(tell) }
    }

    /// The log of a service, of which nothing else is taken until this is written. Lines are lost, and that is logged, when the log
    /// can't be had.
    pub async fn open(shared: &Arc<Shared>, id: ServiceId) -> Self {
        let Some(hold) = Hold::take(shared, id).await else {
            tracing::warn!(service = %id, "build_log_not_taken");
            return Self::default();
        };
        let (lines, mut waiting) = mpsc::channel::<Vec<u8>>(LINES);
        let (folder, clock) = (log_folder(&shared.core, id), shared.core.clock.clone());
        let task = tokio::task::spawn_blocking(move || {
            let _hold = hold;
            let done = Writer::open(&folder, KEPT_BYTES).and_then(|mut writer| {
                let mut classifier = Classifier::default();
                while let Some(line) = waiting.blocking_recv() {
                    let text = strip_ansi(&line);
                    let level: Level = classifier.level(LogStream::Prepare, &text);
                    writer.push(clock.now(), level, LogStream::Prepare, &text);
                    // The place in the container's log stays what it was.
                    if waiting.is_empty() || writer.is_full() {
                        writer.commit(writer.position())?;
                    }
                }
                Ok(())
            });
            if let Err(error) = done {
                tracing::error!(%error, service = %id, "build_log_not_written");
            }
        });
        Self { writing: Some((lines, task)), tell: None }
    }

    /// Writes a line; one that is empty isn't.
    pub async fn line(&mut self, line: String) {
        let line = line.trim_end();
        if let Some(tell) = self.tell.as_ref().filter(|_| !line.is_empty()) {
            tell(Said::Line(String::from_utf8_lossy(&strip_ansi(line.as_bytes())).into_owned()));
        }
        if let Some((lines, _)) = self.writing.as_ref().filter(|_| !line.is_empty()) {
            // When nobody writes any more, that is logged.
            let _ = lines.send(line.as_bytes().to_vec()).await;
        }
    }

    /// Waits until all of it is written.
    pub async fn close(self) {
        if let Some((lines, task)) = self.writing {
            drop(lines);
            let _ = task.await;
        }
    }
}

/// Keeps the log of a container from being taken while this is held.
struct Hold {
    shared: Weak<Shared>,
    id: ServiceId,
}

impl Hold {
    async fn take(shared: &Arc<Shared>, id: ServiceId) -> Option<Self> {
        let taken = async {
            loop {
                if let std::collections::hash_map::Entry::Vacant(vacant) = shared.lock().taking.entry(id) {
                    vacant.insert(false);
                    return;
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::time::timeout(PATIENCE, taken).await.ok().map(|()| Self { shared: Arc::downgrade(shared), id })
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let Some(shared) = self.shared.upgrade() else { return };
        let again = shared.lock().taking.remove(&self.id).unwrap_or_default();
        if again {
            shared.take_log(self.id);
        }
    }
}
