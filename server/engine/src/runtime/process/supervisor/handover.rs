//! A restart without a break: a second copy is started with the listening socket of the first, which ends when the second listens.
//!
//! Until then nothing of the first is touched, so whatever goes wrong with the second leaves the service as it was.

use std::io;
use std::time::{Duration, Instant};

use api::{Level, Timestamp};
use rustix::process::WaitStatus;

use super::child::{Child, Order};
use super::leaving::Leaving;
use super::prepare::{Preparation, Progress};
use super::quiet::quiet;
use super::ready::watches;
use super::socket::Socket;
use super::stop::kill_all;
use super::{LEFTOVER_GRACE, Supervisor, Work, complain, runs_as, status_of};
use crate::Clock;
use crate::runtime::ProcessLaunch;
use crate::runtime::process::procfs::{Kin, ProcessId, now_ticks, snapshot};
use crate::runtime::process::state::{Handover, Phase, Stage};
use crate::user::SystemUser;

/// A new copy that lives so long without being seen to listen is taken for ready.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a copy that accepts nothing any more has for what it has accepted, before it is asked to end.
const QUIET: Duration = Duration::from_millis(500);
/// The shortest and the longest time between two looks whether it listens.
const LOOKS: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(200));

/// A copy that shall take the place of the one that runs.
pub struct Successor {
    launch: ProcessLaunch,
    user: Option<SystemUser>,
    /// The socket that it is handed when that isn't the one of the copy that runs, because its port is another.
    socket: Option<Socket>,
    stage: Making,
}

/// How far a new copy is.
enum Making {
    Prepare(Preparation),
    Wait(Waiting),
}

/// A new copy that was started.
struct Waiting {
    child: Child,
    started_at: Timestamp,
    since: Instant,
    next_look: Instant,
    pause: Duration,
    oom_kills: u64,
}

impl Successor {
    /// What runs of it: a step of its preparation, or it itself.
    pub fn child(&self) -> Option<&Child> {
        match &self.stage {
            Making::Prepare(preparation) => preparation.child.as_ref(),
            Making::Wait(waiting) => Some(&waiting.child),
        }
    }

    /// When it is to be looked at again; `soon` when that is only known by trying.
    pub fn next_look(&self, soon: Instant) -> Instant {
        match &self.stage {
            Making::Prepare(Preparation { child: Some(_), .. }) => soon + PATIENCE,
            Making::Prepare(_) => soon,
            Making::Wait(waiting) => waiting.next_look,
        }
    }
}

impl Supervisor {
    /// Begins with a restart without a break, unless it is the last one or another is under way.
    pub(super) fn hand_over(&mut self, number: i64, grace_ms: u64) {
        if self.state.handover.as_ref().is_some_and(|last| last.number == number || last.is_under_way()) {
            return;
        }
        let stage = Stage::Preparing { label: "starting".into(), step: 1, steps: 1 };
        self.state.handover = Some(Handover { number, grace_ms, began: now_ticks(), stage });
        self.record();
        self.say(Level::Info, "is restarted without a break: a new copy is started");
        let begun = match self.folder.take_successor() {
            Ok(Some(launch)) => self.begin_successor(launch),
            Ok(None) => Err("the order to start the new copy was lost; restart it again".into()),
            Err(error) => Err(format!("the order to start the new copy can't be read: {error}")),
        };
        match begun {
            Ok(successor) => self.successor = Some(successor),
            Err(why) => self.give_up(&why),
        }
    }

    fn begin_successor(&mut self, launch: ProcessLaunch) -> Result<Successor, String> {
        let own = match (&self.work, &self.socket, &self.stopping) {
            (Work::Run(_), Some(socket), None) => socket.which.port,
            _ => return Err("what runs has no listening socket that could be handed on".into()),
        };
        let port = launch.socket.ok_or("the new copy isn't to be handed a listening socket")?;
        let user = runs_as(&launch)?;
        let socket = if port == own { None } else { Some(Socket::open(port, user.as_ref())?) };
        match Preparation::of(&launch, user.clone()) {
            Some(preparation) => {
                self.output.watch();
                self.enter(stage_of(&preparation.phase()));
                Ok(Successor { launch, user, socket, stage: Making::Prepare(preparation) })
            }
            None => {
                let waiting = self.start_successor(&launch, user.as_ref(), socket.as_ref())?;
                Ok(Successor { launch, user, socket, stage: Making::Wait(waiting) })
            }
        }
    }

    fn start_successor(&mut self, launch: &ProcessLaunch, user: Option<&SystemUser>, socket: Option<&Socket>) -> Result<Waiting, String> {
        self.output.watch();
        let each = self.prepare_limits(&launch.limits, user);
        let oom_kills = self.state.group.oom_kills();
        let ProcessLaunch { command, working_dir, environment, .. } = launch;
        let (group, socket) = (&self.state.group, socket.or(self.socket.as_ref()));
        let order = Order { user, command, working_dir, environment, is_split: true, group, each: &each, socket };
        let child = Child::start(&self.folder, &order)?;
        let (started_at, now) = (Clock::System.now(), Instant::now());
        self.enter(Stage::Starting { root: child.id, started_at });
        self.say(Level::Info, &format!("the new copy is process {}: {}", child.id.pid, command.join(" ")));
        Ok(Waiting { child, started_at, since: now, next_look: now + LOOKS.0, pause: LOOKS.0, oom_kills })
    }

    /// Goes on with the new copy.
    pub(super) fn make_successor(&mut self, ended: &[(u32, WaitStatus)]) -> io::Result<()> {
        let Some(mut successor) = self.successor.take() else { return Ok(()) };
        match self.further(&mut successor, ended) {
            Ok(false) => self.successor = Some(successor),
            Ok(true) => self.take_over(successor),
            Err(why) => {
                self.leave(successor, LEFTOVER_GRACE);
                self.give_up(&why);
            }
        }
        Ok(())
    }

    /// Does with the new copy what can be done now; answers whether it is ready.
    fn further(&mut self, successor: &mut Successor, ended: &[(u32, WaitStatus)]) -> Result<bool, String> {
        match &mut successor.stage {
            Making::Prepare(preparation) => {
                if let Some(status) = preparation.child.as_ref().and_then(|child| status_of(child, ended)) {
                    self.output.take_in().map_err(|error| format!("its output can't be read: {error}"))?;
                    preparation.step_ended(status, self.output.watched())?;
                }
                match preparation.advance(&self.folder, &successor.launch)? {
                    Progress::Waiting => {}
                    Progress::Began => self.enter(stage_of(&preparation.phase())),
                    Progress::Complete => {
                        let waiting = self.start_successor(&successor.launch, successor.user.as_ref(), successor.socket.as_ref())?;
                        successor.stage = Making::Wait(waiting);
                    }
                }
                Ok(false)
            }
            Making::Wait(waiting) => {
                if let Some(status) = status_of(&waiting.child, ended) {
                    self.output.take_in().map_err(|error| format!("its output can't be read: {error}"))?;
                    return Err(self.why_ended(waiting, status));
                }
                let Some(socket) = successor.socket.as_ref().or(self.socket.as_ref()) else { return Ok(false) };
                Ok(waiting.is_ready(socket.which.inode))
            }
        }
    }

    fn why_ended(&self, waiting: &Waiting, status: WaitStatus) -> String {
        let is_oom = self.state.group.oom_kills() > waiting.oom_kills;
        let how = match (status.exit_status(), status.terminating_signal()) {
            _ if is_oom => "was killed because both copies together needed more than the limit of memory".into(),
            (Some(code), _) => format!("exited with code {code}"),
            (None, Some(signal)) => format!("was killed by signal {signal}"),
            (None, None) => "ended".into(),
        };
        let said = Some(self.output.watched()).filter(|line| !line.is_empty()).map(|line| format!(": {line}")).unwrap_or_default();
        format!("the new copy {how} before it listened{said}")
    }

    /// Makes the new copy the service, and asks the one before to end.
    fn take_over(&mut self, successor: Successor) {
        let Successor { user, socket, stage: Making::Wait(waiting), .. } = successor else { return };
        let Work::Run(former) = std::mem::replace(&mut self.work, Work::Done) else { return };
        let (id, grace) = (former.id, self.grace());
        let (root, started_at) = (waiting.child.id, waiting.started_at);
        self.work = Work::Run(waiting.child);
        let is_quiet = match (socket, &self.socket) {
            (None, Some(own)) => {
                let members = Kin { root: Some(id), ..Kin::default() }.members(&snapshot());
                members.into_iter().filter(|process| quiet(process.id, own)).count() > 0
            }
            (socket, _) => {
                self.socket = socket;
                false
            }
        };
        self.state.socket = self.socket.as_ref().map(|socket| socket.which);
        self.state.uid = user.map(|user| user.uid);
        self.state.phase = Phase::Running { root, started_at };
        self.output.unwatch();
        // Before the other is asked: who takes over from here must know which of them stays.
        self.enter(Stage::Ending { former: id });
        self.leaving.push(Leaving::soon(former, if is_quiet { QUIET } else { Duration::ZERO }, grace));
        self.say(Level::Info, &format!("the new copy, process {}, has taken over; process {} is to end", root.pid, id.pid));
    }

    /// What comes when the copy that runs has ended by itself: answers whether the new one takes its place.
    pub(super) fn replace_ended(&mut self) -> bool {
        let Some(successor) = self.successor.take() else { return false };
        if matches!(successor.stage, Making::Wait(_)) {
            self.say(Level::Warning, "the copy before has ended by itself; the new one takes its place");
            self.take_over(successor);
            return true;
        }
        self.leave(successor, LEFTOVER_GRACE);
        self.give_up("the copy that ran has ended by itself");
        false
    }

    /// Ends the new copy because the service is stopped.
    pub(super) fn abandon(&mut self, grace: Duration) {
        for leaving in &mut self.leaving {
            leaving.stopping.hurry(grace);
        }
        if let Some(successor) = self.successor.take() {
            self.leave(successor, grace);
            self.output.unwatch();
            self.enter(Stage::Failed { reason: "the service was stopped".into() });
        }
    }

    /// Has what runs of a new copy ended; that it has ended already is noticed in the same turn.
    fn leave(&mut self, successor: Successor, grace: Duration) {
        let child = match successor.stage {
            Making::Prepare(preparation) => preparation.child,
            Making::Wait(waiting) => Some(waiting.child),
        };
        self.leaving.extend(child.map(|child| Leaving::living(child, grace)));
    }

    fn give_up(&mut self, why: &str) {
        self.output.unwatch();
        self.enter(Stage::Failed { reason: why.into() });
        self.say(Level::Warning, &format!("isn't restarted: {why}; the copy before goes on"));
    }

    fn enter(&mut self, stage: Stage) {
        if let Some(handover) = &mut self.state.handover {
            handover.stage = stage;
        }
        self.record();
    }

    fn grace(&self) -> Duration {
        self.state.handover.as_ref().map_or(LEFTOVER_GRACE, |handover| Duration::from_millis(handover.grace_ms))
    }

    /// Which copy is the service for a supervisor that takes over: `root`, unless that has ended and left the new one alone.
    pub(super) fn survivor(&mut self, root: ProcessId) -> ProcessId {
        let Some(Stage::Starting { root: new, started_at }) = self.state.handover.as_ref().map(|handover| &handover.stage) else {
            return root;
        };
        let (new, started_at) = (*new, *started_at);
        if root.is_alive() || !new.is_alive() {
            return root;
        }
        self.state.phase = Phase::Running { root: new, started_at };
        self.enter(Stage::Complete);
        new
    }

    /// Goes on where a supervisor was that has ended in the middle of a restart without a break: what is left of a new copy that didn't listen
    /// yet is killed, what was asked to end is ended. `root` is the copy that stays.
    pub(super) fn adopt_handover(&mut self, root: ProcessId) {
        let Some(handover) = self.state.handover.clone().filter(Handover::is_under_way) else { return };
        if let Stage::Ending { former } = handover.stage {
            match Child::find(former) {
                Some(child) => self.leaving.push(Leaving::living(child, self.grace())),
                None => self.leaving.push(Leaving::left_by(former, LEFTOVER_GRACE)),
            }
            return;
        }
        if let Err(error) = self.folder.take_successor() {
            complain(&format!("successor.json can't be deleted: {error}"));
        }
        let new = if let Stage::Starting { root, .. } = handover.stage { Some(root) } else { None };
        // It may have been started and not recorded: what is as young as that, and none of the copy that stays, is of the new one.
        kill_all(|| {
            let now = snapshot();
            let staying = Kin { root: Some(root), ..Kin::default() }.members(&now);
            let others = &self.holders() | &self.state.group.members();
            let mut members = Kin { root: new, supervisors: self.state.sessions.clone(), others }.members(&now);
            members.retain(|process| process.id.start >= handover.began && staying.iter().all(|other| other.id != process.id));
            members.into_iter().map(|process| process.id).collect()
        });
        self.give_up("its supervisor was ended in the middle of it");
    }
}

impl Waiting {
    /// Looks whether it waits for connections, when it is time to.
    fn is_ready(&mut self, inode: u64) -> bool {
        let now = Instant::now();
        if now < self.next_look {
            return false;
        }
        if now >= self.since + PATIENCE {
            return true;
        }
        let members = Kin { root: Some(self.child.id), ..Kin::default() }.members(&snapshot());
        if members.iter().any(|process| watches(process.id.pid, inode)) {
            return true;
        }
        self.pause = (self.pause * 2).min(LOOKS.1);
        self.next_look = now + self.pause;
        false
    }
}

fn stage_of(phase: &Phase) -> Stage {
    match phase {
        Phase::Preparing { label, step, steps } => Stage::Preparing { label: label.clone(), step: *step, steps: *steps },
        Phase::Running { .. } | Phase::Ended { .. } => Stage::Preparing { label: "starting".into(), step: 1, steps: 1 },
    }
}
