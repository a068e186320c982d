//! Moves services from what they do to what is wanted, and shows what their runtime sees.
//!
//! One task for each service that is being started or stopped; it ends when nothing is left to do. It acts only while this
//! instance has the lease. What the runtime sees is shown by all.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use api::{Action, Desired, Error, EventKind, Health, ResourceUsage, Result, ServiceId, Source, Status};

use tokio::time::MissedTickBehavior;

use super::failure::LAST_LINES;
use super::launch::Plan;
use super::outcome::last_exit;
use super::{Services, entry, image, lock};
use crate::Entry;
use crate::events::NewEvent;
use crate::runtime::{Ended, Observation};
use crate::store::configurations::configuration_set_applied;
use crate::store::services::{ServiceRow, service_set_found, service_set_last_exit, service_set_run};

/// How often an instance looks whether the lease has changed hands.
const KEEP_UP: Duration = Duration::from_secs(2);
/// How long an operation waits for an agent that is about to end.
const SETTLE: Duration = Duration::from_secs(2);

/// A service that is being started or stopped.
#[derive(Debug)]
pub(super) struct Agent {
    /// What is to be done next; a newer wish takes the place of an older one.
    next: Option<Action>,
    phase: Phase,
    /// What was seen of the run before, until the runtime has begun the new one.
    former: Option<Observation>,
}

/// What an agent is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing of the new run is there yet: what is seen belongs to the one before.
    Planning,
    /// The runtime has been told to start.
    Launched,
    /// The runtime has been told to stop.
    Stopping,
    /// A second copy is being started; the run before goes on until that listens.
    HandingOver,
}

impl Services {
    /// Lets a task act on a service, or the one that does already.
    pub(super) fn wake(&self, id: ServiceId, action: Action) {
        let mut agents = lock(&self.agents);
        if let Some(agent) = agents.get_mut(&id) {
            agent.next = Some(action);
            // It may wait for its turn.
            self.rested.notify_waiters();
            return;
        }
        let Some(services) = self.me.upgrade() else { return };
        agents.insert(id, Agent { next: Some(action), phase: Phase::Planning, former: None });
        let shutdown = self.core.shutdown.clone();
        self.core.tasks.spawn(async move { shutdown.run_until_cancelled(services.act(id)).await });
    }

    /// Follows what the runtime sees: all that it knows at first, then each change. Whenever this instance gets the lease, it does
    /// what was asked for and not done; while another has it, it keeps up with what that one writes.
    pub(super) async fn follow(&self) {
        let mut events = self.runtimes.take_events();
        let mut token = self.core.store.lease.token();
        self.take_stock(token.is_some()).await;
        let mut ticks = tokio::time::interval(KEEP_UP);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                Some((id, seen)) = events.recv() => self.show(id, seen).await,
                _ = ticks.tick() => {
                    let now = self.core.store.lease.token();
                    if now == token && now.is_some() {
                        continue;
                    }
                    if let Err(error) = self.read_again().await {
                        tracing::warn!(%error, "services_not_read");
                    } else if now.is_some() {
                        self.take_stock(true).await;
                    }
                    token = now;
                }
            }
        }
    }

    /// Reads what another instance has left in the store.
    pub(super) async fn read_again(&self) -> Result<()> {
        let rows = super::variables::read(&self.core).await?;
        self.pin_all(crate::deployments::placed(&self.core).await?);
        for row in &rows {
            if !row.is_deleted {
                self.runtimes.adopt(row.id, &row.spec);
            }
            match self.core.catalog.find(row.id) {
                _ if row.is_deleted => self.core.catalog.remove(row.id),
                Some(_) => {
                    self.core.catalog.update(row.id, |entry| entry::refresh(entry, row));
                }
                None => self.core.catalog.insert(entry::entry(row)),
            }
        }
        let rows: HashMap<ServiceId, ServiceRow> = rows.into_iter().map(|row| (row.id, row)).collect();
        // What was made for a deployment goes with it, without having been deleted by anybody.
        let gone = self.core.catalog.all().into_iter().filter(|entry| !rows.contains_key(&entry.service.id));
        gone.for_each(|entry| self.core.catalog.remove(entry.service.id));
        *lock(&self.rows) = rows;
        Ok(())
    }

    /// Shows what runs, and when it `acts` does what was asked for and not done before Pilothouse ended.
    async fn take_stock(&self, acts: bool) {
        let known = self.runtimes.observe_all().await;
        for entry in self.core.catalog.all() {
            let id = entry.service.id;
            let Ok(row) = self.row(id) else { continue };
            let seen = known.get(&id).cloned().unwrap_or(Observation::Absent);
            if seen == Observation::Absent && row.desired == Desired::Stopped {
                continue;
            }
            if !(acts && self.resume(&row, &seen)) {
                self.show(id, seen).await;
            }
        }
    }

    /// Does what was asked for and isn't so; answers whether there was something.
    fn resume(&self, row: &ServiceRow, seen: &Observation) -> bool {
        let Some(action) = self.left_undone(row, seen) else { return false };
        let status = match action {
            Action::Start => Status::Starting,
            Action::Restart if self.can_hand_over(row.id) => Status::Running,
            Action::Stop | Action::Restart => Status::Stopping,
        };
        self.core.catalog.update(row.id, |entry| (entry.service.status, entry.service.status_reason) = (status, None));
        self.wake(row.id, action);
        true
    }

    /// What was asked for and isn't so.
    fn left_undone(&self, row: &ServiceRow, seen: &Observation) -> Option<Action> {
        let is_up = matches!(seen, Observation::Running { .. } | Observation::Preparing { .. });
        let is_begun = row.boot_id.is_some();
        let is_this_boot = is_begun && row.boot_id == self.boot_id;
        match (row.desired, &row.spec.source, seen) {
            // Nobody knows yet; it is done when it comes to light.
            (.., Observation::Unknown(_)) => None,
            // Others move found containers too: what they did last stands, and Docker starts again what it shall.
            (Desired::Stopped, Source::Container { .. }, Observation::Running { started_at, .. }) if *started_at > row.desired_at => None,
            (Desired::Running, Source::Container { .. }, _) if is_begun => None,
            (Desired::Stopped, ..) => is_up.then_some(Action::Stop),
            // Asked for and not begun: a run that is there is the one before.
            (Desired::Running, ..) if !is_begun => Some(if is_up { Action::Restart } else { Action::Start }),
            // The machine was started anew, or nothing is left of the run.
            (Desired::Running, ..) if !is_up && (!is_this_boot || *seen == Observation::Absent) => Some(Action::Start),
            (Desired::Running, ..) => None,
        }
    }

    /// Does one thing after the other until nothing is left to do.
    async fn act(&self, id: ServiceId) {
        self.core.store.lease.held().await;
        while let Some(action) = self.next(id) {
            let said = self.wait_for_turn(id, action).await;
            if self.is_overtaken(id) {
                continue;
            }
            if action == Action::Restart && self.hand_over(id, said.as_deref()).await {
                continue;
            }
            if matches!(action, Action::Stop | Action::Restart) {
                self.take_off(id).await;
            }
            if matches!(action, Action::Stop | Action::Restart) && !self.end(id, action == Action::Restart, said.as_deref()).await {
                continue;
            }
            if matches!(action, Action::Start | Action::Restart) && !self.is_overtaken(id) {
                self.begin(id, said).await;
            }
        }
        // What others did with it meanwhile was not looked at.
        let is_shared = self.row(id).is_ok_and(|row| matches!(row.spec.source, Source::Container { .. }));
        if is_shared && let Ok(seen) = self.runtimes.observe(id).await {
            self.show(id, seen).await;
        }
    }

    /// What is to be done next; none ends the agent.
    fn next(&self, id: ServiceId) -> Option<Action> {
        let mut agents = lock(&self.agents);
        let action = agents.get_mut(&id).and_then(|agent| agent.next.take());
        if action.is_none() {
            agents.remove(&id);
            self.rested.notify_waiters();
        }
        action
    }

    /// Waits until nothing moves a service, for at most [`SETTLE`]: its state is shown a moment before its agent has ended.
    pub(super) async fn settle(&self, id: ServiceId) {
        let rest = async {
            loop {
                let mut rested = std::pin::pin!(self.rested.notified());
                rested.as_mut().enable();
                if !lock(&self.agents).contains_key(&id) {
                    return;
                }
                rested.await;
            }
        };
        // What still moves then is refused by the caller.
        let _ = tokio::time::timeout(SETTLE, rest).await;
    }

    pub(super) fn is_overtaken(&self, id: ServiceId) -> bool {
        lock(&self.agents).get(&id).is_some_and(|agent| agent.next.is_some())
    }

    /// Waits until something else is asked for.
    pub(super) async fn overtaken(&self, id: ServiceId) {
        loop {
            let mut rested = std::pin::pin!(self.rested.notified());
            rested.as_mut().enable();
            if self.is_overtaken(id) {
                return;
            }
            rested.await;
        }
    }

    /// Whether a restart without a break is under way, or is about to be.
    pub(super) fn is_handing_over(&self, id: ServiceId) -> bool {
        let is_about_to = self.can_hand_over(id);
        let agents = lock(&self.agents);
        agents.get(&id).is_some_and(|agent| agent.phase == Phase::HandingOver || is_about_to && agent.next == Some(Action::Restart))
    }

    pub(super) fn enter(&self, id: ServiceId, phase: Phase) {
        if let Some(agent) = lock(&self.agents).get_mut(&id) {
            agent.phase = phase;
        }
    }

    fn phase(&self, id: ServiceId) -> Option<Phase> {
        lock(&self.agents).get(&id).map(|agent| agent.phase)
    }

    /// Begins a run. `said` is what people are told of it.
    async fn begin(&self, id: ServiceId, said: Option<String>) {
        self.enter(id, Phase::Planning);
        self.core.catalog.update(id, |entry| (entry.service.status, entry.service.status_reason) = (Status::Starting, None));
        match self.launch(id, said).await {
            Ok(true) => match self.runtimes.observe(id).await {
                Ok(seen) => self.show(id, seen).await,
                Err(error) => tracing::warn!(%error, service = %id, "service_not_observed"),
            },
            Ok(false) => {}
            Err(error) => {
                let ended = Ended { start_failure: Some(error.message), ..self.ended_now() };
                let _gate = self.gate(id).await;
                self.show_failure(id, &ended, false).await;
            }
        }
    }

    /// Plans a run and lets the runtime begin it. Answers whether it did: not when something else has been asked for meanwhile.
    async fn launch(&self, id: ServiceId, said: Option<String>) -> Result<bool> {
        let row = self.row(id)?;
        let (told, pinned) = (self.told(id)?, self.pinned(id)?);
        let planned = {
            let _choosing = self.choosing.lock().await;
            let reserved = self.reserved(id);
            let (told, pinned) = (told.as_deref(), pinned.as_deref());
            let plan = Plan { name: &row.name, spec: &row.spec, told, pinned, last_port: row.port, reserved: &reserved, held: None };
            let planned = self.planner.plan(plan).await?;
            self.core.catalog.update(id, |entry| entry.service.port = planned.port.or(entry.service.port));
            planned
        };
        if self.is_overtaken(id) {
            return Ok(false);
        }
        let (port, boot_id, found) =
            (planned.port, self.boot_id.clone(), planned.found.clone().filter(|found| row.found.as_ref() != Some(found)));
        self.set_row(id, |row| {
            (row.port, row.boot_id) = (port, boot_id.clone());
            row.is_missing = false;
            if found.is_some() {
                row.found.clone_from(&found);
            }
        });
        let version = planned.version;
        let write = self.core.store.main.write(move |db| {
            Box::pin(async move {
                service_set_run(db, id, port, boot_id.as_deref()).await?;
                if let Some(version) = version {
                    configuration_set_applied(db, id, version).await?;
                }
                if found.is_some() || row.is_missing {
                    service_set_found(db, id, found.as_ref(), false).await?;
                }
                Ok(())
            })
        });
        write.await?;
        self.is_told(id, version);
        let note: Vec<String> = planned.note.into_iter().chain(said).collect();
        match note.is_empty() {
            false => lock(&self.notes).insert(id, note.join("; ")),
            true => lock(&self.notes).remove(&id),
        };
        if let Ok(row) = self.row(id) {
            self.core.catalog.update(id, |entry| entry::refresh(entry, &row));
        }
        self.set_former(id, self.runtimes.observe(id).await.ok());
        self.enter(id, Phase::Launched);
        let begun = self.runtimes.start(id, planned.launch).await;
        self.set_former(id, None);
        begun.map(|()| true)
    }

    fn set_former(&self, id: ServiceId, former: Option<Observation>) {
        if let Some(agent) = lock(&self.agents).get_mut(&id) {
            agent.former = former;
        }
    }

    /// Whether that was seen of the run before, while the new one isn't begun: how the old one has ended is often told late.
    fn is_former(&self, id: ServiceId, seen: &Observation) -> bool {
        lock(&self.agents).get(&id).is_some_and(|agent| agent.former.as_ref() == Some(seen))
    }

    /// Ends what runs. Answers whether nothing of it is left. `said` goes into what is recorded of it.
    async fn end(&self, id: ServiceId, is_restart: bool, said: Option<&str>) -> bool {
        self.enter(id, Phase::Stopping);
        self.core.catalog.update(id, |entry| (entry.service.status, entry.service.status_reason) = (Status::Stopping, None));
        let was_up = matches!(self.runtimes.observe(id).await, Ok(Observation::Running { .. } | Observation::Preparing { .. }));
        let before = self.core.catalog.find(id);
        let began = before.as_ref().and_then(|entry| entry.service.started_at);
        let grace = before.map_or(10, |entry| entry.spec.stop_grace_seconds);
        if let Err(error) = self.runtimes.stop(id, Duration::from_secs(grace.into())).await {
            tracing::error!(%error, service = %id, "service_not_stopped");
            let why = format!("it couldn't be stopped: {}", error.message);
            // It stays to be read also when it is seen once more that it runs.
            lock(&self.notes).insert(id, why.clone());
            self.core.catalog.update(id, |entry| (entry.service.status, entry.service.status_reason) = (Status::Error, Some(why)));
            return false;
        }
        lock(&self.notes).remove(&id);
        let ended = match self.runtimes.observe(id).await {
            Ok(Observation::Ended(ended)) if was_up => Some(ended),
            _ => None,
        };
        let kept = match &ended {
            Some(ended) => Some(last_exit(ended, self.lines(id, ended.began.or(began), Some(ended.at), LAST_LINES).await)),
            None => None,
        };
        self.core.catalog.update(id, |entry| {
            rest(entry);
            entry.last_exit = kept.clone().or(entry.last_exit.take());
            if !is_restart {
                (entry.service.status, entry.service.status_reason) =
                    self.row(id).map_or((Status::Stopped, None), |row| entry::at_rest(&row));
            }
        });
        let name = self.row(id).map(|row| row.name).unwrap_or_default();
        let said = said.map(|said| format!("; {said}")).unwrap_or_default();
        let event = NewEvent::new(EventKind::ServiceStopped, format!("{name} stopped{said}")).on(id, name);
        self.record(id, kept, (was_up && !is_restart).then_some(event)).await;
        true
    }

    /// Shows what the runtime sees, one thing at a time for each service, so that nothing is recorded twice. `seen` is what it saw
    /// when this was asked for; what it sees when its turn has come is the truth.
    pub(super) async fn show(&self, id: ServiceId, seen: Observation) {
        let _gate = self.gate(id).await;
        let seen = self.runtimes.observe(id).await.unwrap_or(seen);
        let phase = self.phase(id);
        let Some(before) = self.core.catalog.find(id) else { return };
        let container = self.runtimes.container(id);
        if container != before.container {
            self.core.catalog.update(id, |entry| entry.container = container);
        }
        if phase.is_none() && before.service.status == Status::Unknown && self.core.store.lease.is_held() {
            // It has come to light.
            let row = self.row(id).ok();
            if row.is_some_and(|row| self.resume(&row, &seen)) {
                return;
            }
        }
        if matches!(seen, Observation::Ended(_)) {
            self.runtimes.drain(id).await;
        }
        let desired = if phase.is_none() { self.follow_others(&before, &seen).await } else { before.service.desired };
        match seen {
            _ if matches!(phase, Some(Phase::Planning | Phase::Stopping)) || self.is_former(id, &seen) => {}
            // What comes then is up to who has asked for the new copy.
            Observation::Ended(_) | Observation::Absent if phase == Some(Phase::HandingOver) => {}
            Observation::Unknown(why) => {
                self.core.catalog.update(id, |entry| {
                    entry.service.status = Status::Unknown;
                    entry.service.status_reason = Some(why);
                    entry.service.health_status = Health::Unknown;
                });
            }
            Observation::Preparing { label, step, steps } => {
                self.core.catalog.update(id, |entry| {
                    entry.service.status = Status::Starting;
                    entry.service.status_reason = Some(format!("{label} (step {step} of {steps})"));
                });
            }
            Observation::Running { pid, started_at } => {
                let is_new =
                    matches!(before.service.status, Status::Starting | Status::Error) && before.service.started_at != Some(started_at);
                let note = lock(&self.notes).get(&id).cloned();
                self.core.catalog.update(id, |entry| {
                    if entry.service.started_at != Some(started_at) {
                        rest(entry);
                    }
                    entry.service.status = Status::Running;
                    entry.service.status_reason = note;
                    entry.service.started_at = Some(started_at);
                    entry.service.url = entry.address();
                    if !entry.pids.contains(&pid) {
                        entry.pids = vec![pid];
                    }
                });
                if is_new {
                    let service = &before.service;
                    let on = self.core.catalog.find(id).and_then(|entry| entry.service.port);
                    let message = format!("{} started{}", service.name, on.map(|port| format!(" on port {port}")).unwrap_or_default());
                    let data = serde_json::json!({ "pid": pid, "port": on });
                    let event = NewEvent::new(EventKind::ServiceStarted, message).on(id, &service.name).with(data);
                    self.record(id, None, Some(event)).await;
                }
            }
            Observation::Ended(ended) if desired == Desired::Running => self.show_failure(id, &ended, true).await,
            Observation::Absent if desired == Desired::Running => self.show_failure(id, &self.ended_now(), true).await,
            Observation::Ended(_) | Observation::Absent => {
                let rested = self.row(id).map_or((Status::Stopped, None), |row| entry::at_rest(&row));
                self.core.catalog.update(id, |entry| {
                    rest(entry);
                    (entry.service.status, entry.service.status_reason) = rested;
                });
            }
        }
    }

    /// The ports of other services that run or are about to, with their names.
    pub(super) fn reserved(&self, except: ServiceId) -> BTreeMap<u16, String> {
        let others = self.core.catalog.all().into_iter().filter(|entry| {
            entry.service.id != except && matches!(entry.service.status, Status::Running | Status::Starting | Status::Stopping)
        });
        let ports = others.flat_map(|entry| {
            let ports: Vec<u16> = image::further_tcp(&entry.spec.source).chain(entry.service.port).collect();
            ports.into_iter().map(move |port| (port, entry.service.name.clone()))
        });
        let rows = lock(&self.rows);
        let proxied = rows.values().filter(|row| !row.is_deleted && rows.get(&except).is_none_or(|one| one.spec.part_of() != Some(row.id)));
        let of_proxies = proxied.filter_map(|row| Some((row.spec.proxy_port?, format!("{}-proxy", row.name))));
        ports.chain(of_proxies).collect()
    }

    /// Keeps how a run ended, and what happened. What is shown stands even when it can't be kept.
    pub(super) async fn record(&self, id: ServiceId, exit: Option<api::LastExit>, event: Option<NewEvent>) {
        if exit.is_none() && event.is_none() {
            return;
        }
        self.set_row(id, |row| row.last_exit = exit.clone().or(row.last_exit.take()));
        if !self.core.store.lease.is_held() {
            return;
        }
        let write = self.core.events.write(move |db| {
            Box::pin(async move {
                if let Some(exit) = &exit {
                    service_set_last_exit(db, id, exit).await?;
                }
                Ok(((), event.into_iter().collect()))
            })
        });
        if let Err(error) = write.await {
            let Error { message, .. } = error;
            tracing::error!(error = message, service = %id, "service_change_not_recorded");
        }
    }
}

/// Takes off what only a running service has.
pub(super) fn rest(entry: &mut Entry) {
    entry.pids.clear();
    entry.listening_ports.clear();
    entry.diagnosis.clear();
    entry.service.started_at = None;
    entry.service.url = None;
    entry.service.health_status = Health::Unknown;
    entry.service.resource_usage = ResourceUsage::default();
    entry.service.traffic = None;
}
