//! A deployment under way: its state, and what is told of it, written in that order.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use api::{Deployment, DeploymentId, DeploymentLine, DeploymentStatus, Error, Result, Stage};
use futures::future::BoxFuture;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::kept::Record;
use super::{Manager, progress};
use crate::events::NewEvent;
use crate::runtime::{Said, Tell};
use crate::secrets::keyring::require_key;
use crate::store::Conn;
use crate::store::deployments::{FrameRow, deployment_update, frame_add};

/// Characters of a line.
const LINE: usize = 2000;
/// Lines that are written in one commit.
const TOGETHER: usize = 500;

/// A deployment that this instance carries out.
pub(super) struct Live {
    record: Mutex<Record>,
    told: Mutex<Told>,
    /// One write at a time.
    writing: tokio::sync::Mutex<()>,
    /// There is something to be written.
    pub waiting: Notify,
    /// Somebody has asked for its end.
    pub cancel: CancellationToken,
}

/// What is told and not written yet.
struct Told {
    lines: Vec<DeploymentLine>,
    /// What is being done, when that isn't written.
    note: Option<String>,
    /// The number of what was written last.
    seq: u64,
    /// How many lines there are, and how many were left out.
    count: u64,
    left_out: u64,
}

/// What is written in the same commit.
pub(super) type Also = Box<dyn for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, crate::store::Result<()>> + Send>;

impl Live {
    /// One of the store, of which so much was told.
    pub fn new(record: Record, (seq, count): (u64, u64)) -> Arc<Self> {
        let cancel = CancellationToken::new();
        if record.shown.cancelled_by.is_some() {
            cancel.cancel();
        }
        let told = Told { lines: Vec::new(), note: None, seq, count, left_out: 0 };
        let (record, told) = (Mutex::new(record), Mutex::new(told));
        Arc::new(Self { record, told, writing: tokio::sync::Mutex::default(), waiting: Notify::new(), cancel })
    }

    /// Its state as it is written.
    pub fn record(&self) -> Record {
        lock(&self.record).clone()
    }

    /// Its id.
    pub fn id(&self) -> DeploymentId {
        lock(&self.record).shown.id
    }

    /// Tells a line of a stage.
    pub fn line(&self, core: &crate::Core, stage: Stage, message: impl Into<String>, is_error: bool) {
        let message: String = core.mask.hide_text(message.into()).chars().filter(|c| !c.is_control()).take(LINE).collect();
        if message.trim().is_empty() {
            return;
        }
        let mut told = lock(&self.told);
        if told.count >= DeploymentLine::MOST && !is_error {
            told.left_out += 1;
            return;
        }
        told.count += 1;
        told.lines.push(DeploymentLine { seq: 0, ts: core.clock.now(), stage, is_error, message });
        drop(told);
        self.waiting.notify_one();
    }

    /// Says what is being done in the stage that is under way.
    pub fn doing(&self, core: &crate::Core, what: impl Into<String>) {
        let what: String = core.mask.hide_text(what.into()).chars().filter(|c| !c.is_control()).take(300).collect();
        lock(&self.told).note = Some(what);
        self.waiting.notify_one();
    }

    /// Hears what a runtime says while it makes something.
    pub fn tell(self: &Arc<Self>, core: &Arc<crate::Core>, stage: Stage) -> Tell {
        let (live, core) = (self.clone(), core.clone());
        Arc::new(move |said| match said {
            Said::Doing(what) => live.doing(&core, what),
            Said::Line(line) => live.line(&core, stage, line, false),
        })
    }

    /// Whether something isn't written.
    pub fn is_waiting(&self) -> bool {
        let told = lock(&self.told);
        !told.lines.is_empty() || told.note.is_some()
    }
}

impl Manager {
    /// Writes what was told.
    pub(super) async fn flush(&self, live: &Live) -> Result<()> {
        if !live.is_waiting() {
            return Ok(());
        }
        self.save(live, |_| {}, Vec::new(), None).await
    }

    /// Writes the next state of a deployment, after what was told before, with events and whatever else belongs to it, in one commit; then tells the feed.
    ///
    /// # Errors
    /// `unavailable` when another instance acts, or goes on with this deployment: nothing is written then.
    pub(super) async fn save(
        &self,
        live: &Live,
        change: impl FnOnce(&mut Record) + Send,
        events: Vec<NewEvent>,
        also: Option<Also>,
    ) -> Result<()> {
        let _turn = live.writing.lock().await;
        let token = self.core.store.lease.token();
        let token = token.ok_or_else(|| Error::unavailable("another Pilothouse acts on these services now").retry_after(5))?;
        let before = live.record();
        let (revision, was_over) = (before.shown.revision, before.shown.status.is_over());
        let mut next = before.clone();
        change(&mut next);
        let (lines, note, mut seq) = {
            let mut told = lock(&live.told);
            let count = told.lines.len().min(TOGETHER);
            let mut lines: Vec<_> = told.lines.drain(..count).collect();
            if told.left_out > 0 && next.shown.status.is_over() {
                let message = format!("{} more lines were left out: only the first {} are kept", told.left_out, DeploymentLine::MOST);
                lines.push(DeploymentLine { seq: 0, ts: self.core.clock.now(), stage: next.shown.stage, is_error: false, message });
                told.left_out = 0;
            }
            (lines, told.note.take(), told.seq)
        };
        if let Some(note) = &note {
            progress::note(&mut next.shown, note);
        }
        let is_changed = next != before;
        if is_changed {
            next.shown.revision += 1;
            progress::count(&mut next.shown, self.core.clock.now());
        }
        let now = self.core.clock.now().micros();
        let mut frames = Vec::new();
        for line in &lines {
            seq += 1;
            let line = DeploymentLine { seq, ..line.clone() };
            frames.push(frame(seq, line.ts.micros(), "line", &line)?);
        }
        if is_changed {
            seq += 1;
            frames.push(frame(seq, now, "deployment", &self.complete(&next).await?)?);
        }
        let written = async {
            let row = next.row(&self.core)?;
            let (id, lease) = (next.shown.id, self.core.store.lease.clone());
            let write = self.core.events.write(move |db| {
                Box::pin(async move {
                    lease.require(db, token).await?;
                    if is_changed {
                        let key = require_key(db, &row.sealed).await?;
                        if !deployment_update(db, &row, revision, key).await? {
                            return Err(Error::unavailable("another Pilothouse goes on with this deployment").into());
                        }
                    }
                    for frame in &frames {
                        frame_add(db, id, frame).await?;
                    }
                    if let Some(also) = also {
                        also(db).await?;
                    }
                    Ok(((), events))
                })
            });
            write.await
        };
        if let Err(error) = written.await {
            let mut told = lock(&live.told);
            told.lines.splice(0..0, lines);
            told.note = told.note.take().or(note);
            return Err(error);
        }
        lock(&live.told).seq = seq;
        #[cfg(test)]
        self.faults.die(is_changed).await;
        let is_over = !was_over && next.shown.status.is_over();
        *lock(&live.record) = next;
        self.feeds.told(live.id(), seq);
        if is_over {
            tracing::info!(deployment = %live.id(), "deployment_over");
        }
        Ok(())
    }

    /// What is shown of a deployment, with its release.
    pub(super) async fn complete(&self, record: &Record) -> Result<Deployment> {
        let mut shown = record.shown.clone();
        if let Some(id) = record.release_id {
            shown.release = self.release(id).await?;
        }
        if shown.status == DeploymentStatus::Succeeded {
            shown.urls = self.urls(shown.service_id);
        }
        Ok(shown)
    }
}

fn frame(seq: u64, at: i64, kind: &str, data: &impl serde::Serialize) -> Result<FrameRow> {
    let data = serde_json::to_string(data).map_err(|error| {
        tracing::error!(%error, "deployment_not_serialised");
        Error::internal()
    })?;
    Ok(FrameRow { seq: seq.cast_signed(), at, kind: kind.into(), data })
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
