//! How a supervisor begins: with a run that is ordered, or where another one was.

use std::io;
use std::time::Instant;

use api::{Level, LogStream};
use rustix::process::{WaitStatus, getpid, set_child_subreaper, setsid};

use super::child::{Child, Order};
use super::clients::Clients;
use super::output::Output;
use super::prepare::{Preparation, Progress};
use super::socket::Socket;
use super::stop::{Stopping, kill_all};
use super::{LEFTOVER_GRACE, Supervisor, Work, runs_as, status_of};
use crate::Clock;
use crate::runtime::ProcessLaunch;
use crate::runtime::process::folder::RunFolder;
use crate::runtime::process::procfs::{ProcessId, boot_id, oom_kills};
use crate::runtime::process::state::{Phase, State, VERSION};

impl Supervisor {
    /// Takes over the run folder; none when another supervisor has it.
    pub(super) fn begin(folder: RunFolder) -> io::Result<Option<Self>> {
        let folder = RunFolder::new(std::fs::canonicalize(folder.path())?);
        std::env::set_current_dir(folder.path())?;
        let Some(lock) = folder.lock()? else { return Ok(None) };
        // Fails when it leads a session already, which is as well.
        let _ = setsid();
        set_child_subreaper(Some(getpid()))?;
        let me = ProcessId::of(std::process::id()).ok_or_else(|| io::Error::other("it isn't in /proc"))?;
        let boot_id = boot_id()?;
        let former = folder.state()?.filter(|state| state.boot_id == boot_id && !state.is_ended());
        let mut sessions = former.as_ref().map(|state| state.sessions.clone()).unwrap_or_default();
        sessions.push(me);
        let preparing = Phase::Preparing { label: "starting".into(), step: 1, steps: 1 };
        let phase = former.as_ref().map_or(preparing, |state| state.phase.clone());
        let stop_asked = former.as_ref().is_some_and(|state| state.stop_asked);
        let (uid, limits, group) = former.as_ref().map(|state| (state.uid, state.limits, state.group.clone())).unwrap_or_default();
        let (socket, handover) = former.map(|state| (state.socket, state.handover)).unwrap_or_default();
        let mut supervisor = Self {
            state: State { version: VERSION, boot_id, phase, stop_asked, sessions, uid, limits, group, socket, handover },
            output: Output::open(&folder)?,
            clients: Clients::listen()?,
            launch: folder.launch()?,
            work: Work::Done,
            stopping: None,
            socket: None,
            successor: None,
            leaving: Vec::new(),
            is_adopted: false,
            oom_kills: oom_kills(),
            read_from: Instant::now(),
            is_small: false,
            _lock: lock,
            folder,
        };
        supervisor.record();
        supervisor.choose_work()?;
        supervisor.record();
        Ok(Some(supervisor))
    }

    /// Goes on where a former supervisor was, or begins.
    fn choose_work(&mut self) -> io::Result<()> {
        if let Phase::Running { root, .. } = self.state.phase {
            return self.adopt(root);
        }
        if self.state.sessions.len() > 1 {
            // What a supervisor left behind that was killed before it could record what it had started.
            kill_all(|| &self.holders() | &self.state.group.members());
        }
        self.output.finish()?;
        let Some(launch) = self.launch.as_ref() else {
            self.fail("the order to start it was lost; start it again".into());
            return Ok(());
        };
        let preparation = match runs_as(launch) {
            Ok(user) => {
                self.state.uid = user.as_ref().map(|user| user.uid);
                Preparation::of(launch, user)
            }
            Err(why) => {
                self.fail(why);
                return Ok(());
            }
        };
        match preparation {
            Some(preparation) => {
                self.output.mark(Some(LogStream::Prepare));
                self.state.phase = preparation.phase();
                self.work = Work::Prepare(preparation);
            }
            None => self.start_root(),
        }
        Ok(())
    }

    fn adopt(&mut self, root: ProcessId) -> io::Result<()> {
        self.is_adopted = true;
        let root = self.survivor(root);
        let Some(child) = Child::find(root) else { return self.root_ended(None) };
        self.work = Work::Run(child);
        if self.state.stop_asked {
            self.stopping = Some(Stopping::new(LEFTOVER_GRACE));
        }
        self.output.say(Level::Warning, "its supervisor had ended; a new one has taken over")?;
        if let Some(which) = self.state.socket {
            self.socket = Socket::fetch(which, root);
            self.state.socket = self.socket.as_ref().map(|socket| socket.which);
            if self.socket.is_none() {
                self.say(Level::Warning, "its listening socket can't be had back from it: its next restart is one with a break");
            }
        }
        self.adopt_handover(root);
        Ok(())
    }

    pub(super) fn prepare(&mut self, ended: &[(u32, WaitStatus)]) -> io::Result<()> {
        let Work::Prepare(preparation) = &mut self.work else { return Ok(()) };
        if let Some(status) = preparation.child.as_ref().and_then(|child| status_of(child, ended)) {
            self.output.finish()?;
            let step = preparation.step_ended(status, self.output.last_line());
            if let (Err(failure), None) = (step, &self.stopping) {
                self.fail(failure);
                return Ok(());
            }
        }
        if self.stopping.is_some() {
            if preparation.child.is_none() {
                self.say(Level::Info, "was stopped before it ran");
                self.end(None, None, None);
            }
            return Ok(());
        }
        let Some(launch) = &self.launch else { return Ok(()) };
        match preparation.advance(&self.folder, launch) {
            Ok(Progress::Waiting) => {}
            Ok(Progress::Began) => {
                self.state.phase = preparation.phase();
                self.record();
            }
            Ok(Progress::Complete) => {
                self.output.finish()?;
                self.output.mark(None);
                self.start_root();
            }
            Err(failure) => self.fail(failure),
        }
        Ok(())
    }

    fn start_root(&mut self) {
        let Some(launch) = self.launch.take() else { return };
        let user = match runs_as(&launch) {
            Ok(user) => user,
            Err(why) => return self.fail(why),
        };
        let user = user.as_ref();
        self.state.uid = user.map(|user| user.uid);
        let each = self.prepare_limits(&launch.limits, user);
        match launch.socket.map(|port| Socket::open(port, user)).transpose() {
            Ok(socket) => self.socket = socket,
            Err(why) => return self.fail(why),
        }
        self.state.socket = self.socket.as_ref().map(|socket| socket.which);
        let ProcessLaunch { command, working_dir, environment, .. } = &launch;
        let (group, socket) = (&self.state.group, self.socket.as_ref());
        let order = Order { user, command, working_dir, environment, is_split: true, group, each: &each, socket };
        match Child::start(&self.folder, &order) {
            Ok(child) => {
                self.limit_processes();
                self.state.phase = Phase::Running { root: child.id, started_at: Clock::System.now() };
                let as_whom = user.map(|user| format!(" of the user {}", user.name)).unwrap_or_default();
                let text = format!("started as process {}{as_whom}: {}", child.id.pid, launch.command.join(" "));
                self.work = Work::Run(child);
                self.record();
                self.forget_launch();
                self.say(Level::Info, &text);
            }
            Err(failure) => self.fail(failure),
        }
    }

    /// It could not be started.
    fn fail(&mut self, failure: String) {
        self.say(Level::Error, &format!("could not be started: {failure}"));
        self.end(None, None, Some(failure));
    }
}
