//! Carrying deployments out: one at a time for each service, from wherever they are.

use std::sync::Arc;
use std::time::Duration;

use api::{DeploymentStatus, Error, ErrorCode, Result, ServiceId, Stage, StageStatus};

use super::kept::{Record, Undoing};
use super::live::{Live, lock};
use super::{Manager, progress};
use crate::store::deployments::{deployment_find, deployment_open};

/// How long lines are gathered before they are written.
const GATHER: Duration = Duration::from_millis(150);
/// Between attempts when something is down that may come back.
const AGAIN: Duration = Duration::from_secs(2);
/// The most between attempts to undo: each takes twice as long to come as the one before.
const AGAIN_AT_MOST: Duration = Duration::from_secs(60);
/// How often a stage is begun before it fails.
const ATTEMPTS: u32 = 15;

/// Why a stage didn't come to its end.
#[derive(Debug)]
pub(super) enum Stop {
    /// It failed: what has been done is undone.
    Failed(Failure),
    /// Something is down that may come back: it is begun again.
    Again(Error),
}

/// Why a deployment failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Failure {
    /// What happened.
    pub error: String,
    /// What to do.
    pub suggestion: Option<String>,
    /// What the service wrote last.
    pub lines: Vec<String>,
}

impl Failure {
    /// One with nothing more to say.
    pub fn new(error: impl Into<String>) -> Self {
        Self { error: error.into(), ..Self::default() }
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Stop::Failed(failure)
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        match error.code {
            ErrorCode::Unavailable | ErrorCode::TimedOut | ErrorCode::Internal => Stop::Again(error),
            _ => Stop::Failed(Failure::new(error.message)),
        }
    }
}

/// What a stage came to.
pub(super) struct Done {
    pub status: StageStatus,
    pub note: Option<String>,
}

impl Done {
    /// It is done.
    pub fn with(note: impl Into<String>) -> Self {
        Self { status: StageStatus::Succeeded, note: Some(note.into()) }
    }

    /// There was nothing to do.
    pub fn skipped(note: impl Into<String>) -> Self {
        Self { status: StageStatus::Skipped, note: Some(note.into()) }
    }
}

impl Manager {
    /// Goes on with what was begun before, and begins what waits, whenever this instance has the lease; until shutdown.
    pub fn spawn(&self) {
        let Some(manager) = self.me.upgrade() else { return };
        let shutdown = self.core.shutdown.clone();
        self.core.tasks.spawn(async move { shutdown.run_until_cancelled(manager.follow_lease()).await });
    }

    async fn follow_lease(&self) {
        let mut token = None;
        loop {
            self.core.store.lease.held().await;
            let now = self.core.store.lease.token();
            if now.is_some() && now != token {
                match self.resume_all().await {
                    Ok(()) => token = now,
                    Err(error) => tracing::warn!(%error, "deployments_not_resumed"),
                }
            }
            self.wake_due();
            if let Err(error) = self.clear_copies().await {
                tracing::warn!(%error, "copies_not_cleared");
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    async fn resume_all(&self) -> Result<()> {
        let rows = deployment_open(&mut self.core.store.main.read().await?).await?;
        rows.iter().for_each(|row| self.wake(row.shown.service_id));
        Ok(())
    }

    /// Lets a task see to the deployments of a service, or the one that does already.
    pub(super) fn wake(&self, service: ServiceId) {
        let mut busy = lock(&self.busy);
        if let Some(again) = busy.get_mut(&service) {
            *again = true;
            return;
        }
        let Some(manager) = self.me.upgrade() else { return };
        busy.insert(service, false);
        let shutdown = self.core.shutdown.clone();
        self.core.tasks.spawn(async move { shutdown.run_until_cancelled(manager.see_to(service)).await });
    }

    /// Carries out one deployment after the other until none is left.
    async fn see_to(self: Arc<Self>, service: ServiceId) {
        loop {
            self.core.store.lease.held().await;
            match self.next(service).await {
                Ok(Some(live)) => self.carry_out(&live).await,
                Ok(None) => {
                    let mut busy = lock(&self.busy);
                    if busy.insert(service, false) != Some(true) {
                        busy.remove(&service);
                        return;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, %service, "deployments_not_read");
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }

    /// The one that is under way, or else the one that has waited longest of those that may begin.
    async fn next(&self, service: ServiceId) -> Result<Option<Arc<Live>>> {
        let rows = deployment_open(&mut self.core.store.main.read().await?).await?;
        let mut rows: Vec<_> = rows.into_iter().filter(|row| row.shown.service_id == service).collect();
        rows.sort_by_key(|row| row.seq);
        let running = rows.iter().position(|row| row.shown.status == DeploymentStatus::Running);
        let row = match running {
            Some(at) => Some(rows.swap_remove(at)),
            None => self.first_open(service, rows).await?,
        };
        let Some(row) = row else { return Ok(None) };
        let id = row.shown.id;
        let known = lock(&self.live).get(&id).cloned();
        match known {
            // What this instance has of it may be of before another one had it.
            Some(live) if live.record().shown.revision >= row.shown.revision => Ok(Some(live)),
            _ => {
                lock(&self.live).remove(&id);
                self.live_of(Record::open(&self.core, row)?).await.map(Some)
            }
        }
    }

    /// Carries a deployment out until it is over, or isn't this instance's any more.
    async fn carry_out(&self, live: &Arc<Live>) {
        let telling = async {
            loop {
                live.waiting.notified().await;
                tokio::time::sleep(GATHER).await;
                while live.is_waiting() {
                    if let Err(error) = self.flush(live).await {
                        tracing::warn!(%error, "deployment_lines_not_written");
                        tokio::time::sleep(AGAIN).await;
                    }
                }
            }
        };
        tokio::select! {
            () = self.go_on(live) => {}
            () = telling => {}
        }
        lock(&self.live).remove(&live.id());
    }

    async fn go_on(&self, live: &Arc<Live>) {
        let mut is_begun = false;
        let mut pause = AGAIN;
        loop {
            let record = live.record();
            if record.shown.status.is_over() {
                return;
            }
            let is_undoing = record.order.undoing.is_some();
            let step = match (is_undoing, is_begun) {
                (true, _) => self.undo(live).await,
                (false, false) => self.begin(live).await,
                (false, true) => self.advance(live).await,
            };
            let Err(error) = step else {
                (is_begun, pause) = (true, AGAIN);
                continue;
            };
            tracing::warn!(%error, deployment = %live.id(), "deployment_step_failed");
            if !self.core.store.lease.is_held() || self.is_of_another(live).await {
                return;
            }
            if is_undoing {
                let line = format!("it can't be undone yet: {}; trying again in {} s", error.message, pause.as_secs());
                live.line(&self.core, record.shown.stage, line, true);
            }
            tokio::time::sleep(pause).await;
            // Whatever was begun is begun again.
            is_begun = false;
            pause = if is_undoing { (pause * 2).min(AGAIN_AT_MOST) } else { AGAIN };
        }
    }

    /// Whether the store has another state of a deployment than this instance: another one has gone on with it, or a commit was done of which that
    /// couldn't be told. It is begun anew then from what the store says.
    async fn is_of_another(&self, live: &Live) -> bool {
        let id = live.id();
        let row = async { Ok::<_, Error>(deployment_find(&mut self.core.store.main.read().await?, id).await?) };
        row.await.is_ok_and(|row| row.is_none_or(|row| row.shown.revision != live.record().shown.revision))
    }

    /// Begins a deployment, or the stage that it was in.
    async fn begin(&self, live: &Live) -> Result<()> {
        let now = self.core.clock.now();
        let attempts = live.record();
        let attempts = attempts.shown.stages.iter().find(|stage| stage.name == attempts.shown.stage).map_or(0, |stage| stage.attempts);
        if attempts >= ATTEMPTS {
            let why = format!("it was begun {attempts} times and never came to its end; see the log of Pilothouse for why");
            return self.give_up(live, Failure::new(why)).await;
        }
        let change = |record: &mut Record| {
            record.shown.status = DeploymentStatus::Running;
            record.shown.started_at.get_or_insert(now);
            record.shown.waits_for = None;
            let stage = record.shown.stage;
            progress::begin(&mut record.shown, stage, now);
        };
        self.save(live, change, Vec::new(), None).await
    }

    /// Does the stage that it is in.
    async fn advance(&self, live: &Arc<Live>) -> Result<()> {
        let stage = live.record().shown.stage;
        // What is only left to be removed isn't cancelled any more.
        let is_open = stage != Stage::Finalise;
        let done = tokio::select! {
            biased;
            () = live.cancel.cancelled(), if is_open => {
                let by = live.record().shown.cancelled_by.unwrap_or_default();
                return self.fail(live, Failure::new(format!("{by} cancelled it")), true).await;
            }
            done = self.stage(live, stage) => done,
        };
        match done {
            Ok(Done { status, note }) => {
                if let Some(note) = &note {
                    live.line(&self.core, stage, note.clone(), false);
                }
                let next = Stage::ALL.iter().copied().find(|next| *next > stage);
                let Some(next) = next else { return self.finish(live, note).await };
                let now = self.core.clock.now();
                let change = move |record: &mut Record| {
                    progress::end(&mut record.shown, stage, status, note, now);
                    progress::begin(&mut record.shown, next, now);
                };
                self.save(live, change, Vec::new(), None).await
            }
            Err(Stop::Failed(failure)) => self.give_up(live, failure).await,
            Err(Stop::Again(error)) => {
                live.line(&self.core, stage, format!("{}; trying again", error.message), true);
                Err(error)
            }
        }
    }

    /// Ends the stage that a deployment is in, which can't be done: it is undone. Where only what isn't needed any more is left to be removed, that
    /// stays: the service is well with the release.
    async fn give_up(&self, live: &Live, failure: Failure) -> Result<()> {
        let stage = live.record().shown.stage;
        if stage != Stage::Finalise {
            return self.fail(live, failure, false).await;
        }
        live.line(&self.core, stage, failure.error, true);
        self.finish(live, Some("not all that isn't needed any more could be removed".into())).await
    }

    /// Begins to undo what has been done.
    async fn fail(&self, live: &Live, failure: Failure, is_cancelled: bool) -> Result<()> {
        let record = live.record();
        let (stage, now) = (record.shown.stage, self.core.clock.now());
        let Failure { error, suggestion, lines } = failure;
        let hide = |text: String| self.core.mask.hide_text(text);
        let (error, suggestion) = (hide(error), suggestion.map(hide));
        let lines: Vec<String> = lines.into_iter().map(hide).collect();
        for line in &lines {
            live.line(&self.core, stage, line.clone(), true);
        }
        live.line(&self.core, stage, error.clone(), true);
        let ran = record.order.before.as_ref().is_some_and(|before| before.ran);
        let was_let_in = record.order.beside.as_ref().is_some_and(|copy| copy.has_answered);
        let status = match (is_cancelled, was_let_in || record.order.switched_at.is_some() && ran) {
            (true, _) => DeploymentStatus::Cancelled,
            (false, true) => DeploymentStatus::RolledBack,
            (false, false) => DeploymentStatus::Failed,
        };
        let holds = (was_let_in || record.order.watched_until.is_some()) && status == DeploymentStatus::RolledBack;
        let ended = if is_cancelled { StageStatus::Cancelled } else { StageStatus::Failed };
        let change = move |record: &mut Record| {
            progress::end(&mut record.shown, stage, ended, Some(error.clone()), now);
            (record.shown.error, record.shown.suggestion, record.shown.failing_lines) = (Some(error), suggestion, lines);
            record.shown.is_undoing = true;
            record.order.undoing = Some(Undoing { status, holds, back_at: None });
        };
        // What was begun may be what has filled the disk; nothing could be written as long as it is there.
        self.remove_begun(&record).await;
        let written = self.save(live, change.clone(), Vec::new(), None).await;
        match written {
            Err(error) if error.code == ErrorCode::StorageFull && self.services.give_room() => {
                self.save(live, change, Vec::new(), None).await
            }
            written => written,
        }
    }
}
