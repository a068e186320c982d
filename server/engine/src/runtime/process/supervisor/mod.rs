//! The supervisor: a small process for each service, which outlives Pilothouse.
//!
//! One thread and one poll loop. It starts the service, takes its output into the log, records how it ended and answers on a
//! socket. When it dies, a new one goes on: the pipes are held by the service itself, the spool and the log say how far the
//! output was taken in, and the service is known by its process id and start time.

mod child;
mod clients;
mod limits;
mod output;
mod prepare;
mod spool;
mod stop;

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use api::{Level, LogStream};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{WaitOptions, WaitStatus, getpid, set_child_subreaper, setsid, wait};

use self::child::{Child, Order};
use self::clients::Clients;
use self::output::Output;
use self::prepare::{Preparation, Progress};
use self::stop::Stopping;
pub(super) use self::stop::kill_all;
use super::folder::{PIPES, RunFolder};
use super::procfs::{Kin, ProcessId, boot_id, holders, oom_kills};
use super::state::{Phase, State, VERSION};
use crate::Clock;
use crate::runtime::ProcessLaunch;
use crate::user::{SystemUser, not_as};

/// What is written to standard output when the socket answers.
pub const READY: &str = "ready";
/// How long output may gather before it is read, unless there is much.
const GATHER: Duration = Duration::from_millis(10);
/// So much at once is read on without gathering.
const MUCH: usize = 32 << 10;
/// How often it looks around when nothing happens.
const IDLE: Duration = Duration::from_secs(30);
/// How often it asks for the lock of a preparation.
const LOCK_RETRY: Duration = Duration::from_millis(200);
/// How long processes that the service left behind may take to end.
const LEFTOVER_GRACE: Duration = Duration::from_secs(5);

/// Supervises one service to its end. The arguments, after the name of the command: `--run-folder DIR`.
///
/// Must be called before threads are started. It leaves the session and the standard streams of who called it: first it writes
/// `ready`, or why it can't begin, to standard output, which it then closes.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut args = args.into_iter();
    let (Some(flag), Some(folder), None) = (args.next(), args.next(), args.next()) else { return usage() };
    if flag != "--run-folder" {
        return usage();
    }
    match Supervisor::begin(RunFolder::new(PathBuf::from(folder))) {
        Ok(None) => {
            println!("{READY}");
            ExitCode::SUCCESS
        }
        Ok(Some(mut supervisor)) => {
            println!("{READY}");
            if let Err(error) = leave_stdout() {
                complain(&format!("standard output stays open: {error}"));
            }
            supervisor.run();
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("the supervisor can't begin: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The user that a service runs as; none is this one. Fails with words for people: then it runs as nobody.
fn runs_as(launch: &ProcessLaunch) -> Result<Option<SystemUser>, String> {
    let Some(name) = &launch.user else { return Ok(None) };
    SystemUser::choose(name).map(Some).map_err(|why| not_as(name, &why))
}

fn usage() -> ExitCode {
    eprintln!("usage: supervise --run-folder DIR (Pilothouse calls this; it is of no use by hand)");
    ExitCode::from(2)
}

/// Writes to standard error, a file of the run folder. Where that can't be, on a full disk above all, nothing may come of it: `eprintln`
/// would panic, and the service would lose its supervisor.
fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "{}: {text}", Clock::System.now());
}

fn leave_stdout() -> io::Result<()> {
    let null = File::options().read(true).write(true).open("/dev/null")?;
    Ok(rustix::stdio::dup2_stdout(&null)?)
}

struct Supervisor {
    folder: RunFolder,
    _lock: File,
    state: State,
    output: Output,
    clients: Clients,
    launch: Option<ProcessLaunch>,
    work: Work,
    stopping: Option<Stopping>,
    /// Whether the service was started by another supervisor.
    is_adopted: bool,
    oom_kills: u64,
    read_from: Instant,
}

/// What is being done.
enum Work {
    Prepare(Preparation),
    Run(Child),
    /// Nothing of the service but leftovers runs any more; when they are gone, this is how it ended.
    Clear(Phase),
    Done,
}

impl Supervisor {
    /// Takes over the run folder; none when another supervisor has it.
    fn begin(folder: RunFolder) -> io::Result<Option<Self>> {
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
        let (uid, limits, group) = former.map(|state| (state.uid, state.limits, state.group)).unwrap_or_default();
        let mut supervisor = Self {
            state: State { version: VERSION, boot_id, phase, stop_asked, sessions, uid, limits, group },
            output: Output::open(&folder)?,
            clients: Clients::listen()?,
            launch: folder.launch()?,
            work: Work::Done,
            stopping: None,
            is_adopted: false,
            oom_kills: oom_kills(),
            read_from: Instant::now(),
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
        match Child::find(root) {
            Some(child) => {
                self.work = Work::Run(child);
                if self.state.stop_asked {
                    self.stopping = Some(Stopping::new(LEFTOVER_GRACE));
                }
                self.output.say(Level::Warning, "its supervisor had ended; a new one has taken over")
            }
            None => self.root_ended(None),
        }
    }

    fn run(&mut self) {
        loop {
            if let Err(error) = self.turn() {
                complain(&error.to_string());
                self.read_from = Instant::now() + Duration::from_secs(1);
            }
            if matches!(self.work, Work::Done) {
                return;
            }
            self.wait();
        }
    }

    /// Does all that can be done without waiting.
    fn turn(&mut self) -> io::Result<()> {
        let ended = self.reap();
        for grace in self.clients.serve(&self.state) {
            self.stop(Duration::from_millis(grace));
        }
        let now = Instant::now();
        if now >= self.read_from {
            let taken = self.output.take_in()?;
            self.read_from = if taken > 0 && taken < MUCH { now + GATHER } else { now };
        }
        match &mut self.work {
            Work::Prepare(_) => self.prepare(ended)?,
            Work::Run(child) => {
                let is_over = ended.is_some_and(|(pid, _)| pid == child.id.pid) || self.is_adopted && !child.id.is_alive();
                if is_over {
                    self.root_ended(ended.map(|(_, status)| status))?;
                }
            }
            Work::Clear(_) | Work::Done => {}
        }
        self.clear()
    }

    /// Collects what has ended; answers what ended of the process that matters.
    fn reap(&self) -> Option<(u32, WaitStatus)> {
        let current = match &self.work {
            Work::Run(child) => Some(child.id.pid),
            Work::Prepare(preparation) => preparation.child.as_ref().map(|child| child.id.pid),
            _ => None,
        };
        let mut ended = None;
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            let pid = pid.as_raw_nonzero().get() as u32;
            if Some(pid) == current {
                ended = Some((pid, status));
            }
        }
        ended
    }

    fn prepare(&mut self, ended: Option<(u32, WaitStatus)>) -> io::Result<()> {
        let Work::Prepare(preparation) = &mut self.work else { return Ok(()) };
        if let Some((_, status)) = ended {
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
        let ProcessLaunch { command, working_dir, environment, .. } = &launch;
        let order = Order { user, command, working_dir, environment, is_split: true, group: &self.state.group, each: &each };
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

    /// The process itself has ended; its exit status is known if it was a child.
    fn root_ended(&mut self, status: Option<WaitStatus>) -> io::Result<()> {
        self.output.take_in()?;
        let code = status.and_then(WaitStatus::exit_status);
        let signal = status.and_then(WaitStatus::terminating_signal);
        // A worker that was killed long ago is no reason for an end with success.
        let of_group = code != Some(0) && self.state.group.oom_kills() > 0;
        let oom = !self.state.stop_asked && (of_group || signal == Some(9) && oom_kills() > self.oom_kills);
        let (level, text) = match (code, signal) {
            (Some(0), _) => (Level::Info, "ended with exit code 0".into()),
            (_, _) if oom && of_group => {
                let limit = self.state.limits.memory_bytes.map(api::write_bytes).unwrap_or_default();
                (Level::Error, format!("ended: the kernel killed what needed more than its limit of {limit} of memory"))
            }
            (Some(code), _) => (Level::Error, format!("ended with exit code {code}")),
            (None, Some(signal)) if self.state.stop_asked => (Level::Info, format!("ended by signal {signal}, as asked")),
            (None, Some(_)) if oom => (Level::Error, "was killed by the kernel: the machine was out of memory".into()),
            (None, Some(signal)) => (Level::Error, format!("was killed by signal {signal}")),
            (None, None) => (Level::Warning, "ended while it was not our child: its exit status isn't known".into()),
        };
        self.say(level, &text);
        self.end(code, signal, None);
        if let Work::Clear(Phase::Ended { oom: told, .. }) = &mut self.work {
            *told = oom;
        }
        Ok(())
    }

    /// Nothing of the service but leftovers runs any more.
    fn end(&mut self, code: Option<i32>, signal: Option<i32>, start_failure: Option<String>) {
        let root = match &self.work {
            Work::Run(child) => Some(child.id),
            _ => None,
        };
        self.output.mark(None);
        let stopping = self.stopping.get_or_insert_with(|| Stopping::new(LEFTOVER_GRACE));
        stopping.root_is_gone(root);
        self.work = Work::Clear(Phase::Ended { code, signal, oom: false, at: Clock::System.now(), start_failure });
    }

    fn stop(&mut self, grace: Duration) {
        if matches!(self.work, Work::Clear(_) | Work::Done) {
            return;
        }
        match &mut self.stopping {
            Some(stopping) => stopping.hurry(grace),
            None => {
                self.stopping = Some(Stopping::new(grace));
                self.state.stop_asked = true;
                self.record();
                self.say(Level::Info, "is asked to stop");
            }
        }
    }

    /// Ends what is to be ended, and the supervisor with it when nothing is left.
    fn clear(&mut self) -> io::Result<()> {
        let others =
            if self.is_adopted && self.stopping.as_ref().is_some_and(Stopping::is_due) { self.holders() } else { Default::default() };
        let Some(stopping) = &mut self.stopping else { return Ok(()) };
        let living = match &self.work {
            Work::Run(child) => Some(child.id),
            Work::Prepare(preparation) => preparation.child.as_ref().map(|child| child.id),
            Work::Clear(_) | Work::Done => None,
        };
        let mut kin = Kin { root: living.or(stopping.root()), supervisors: self.state.sessions.clone(), ..Kin::default() };
        if stopping.is_due() {
            kin.others = &self.state.group.members() | &others;
            if stopping.is_kill() && !self.state.group.is_empty() {
                // What starts others faster than they are killed starts no more.
                let _ = self.state.group.limit_processes(0);
            }
        }
        let is_clear = stopping.advance(&kin, living.is_none(), self.is_adopted);
        if let (true, Work::Clear(phase)) = (is_clear, &self.work) {
            self.state.phase = phase.clone();
            self.output.finish()?;
            self.forget_launch();
            self.leave_group();
            self.record();
            self.work = Work::Done;
        }
        Ok(())
    }

    /// Who has the pipes of the service open. Another user could hand them to a process of somebody else, which is none of the service's.
    fn holders(&self) -> HashSet<ProcessId> {
        holders(&PIPES.map(|name| self.folder.path().join(name)), std::process::id(), self.state.uid)
    }

    /// Records the state and tells it.
    fn record(&mut self) {
        if let Err(error) = self.folder.set_state(&self.state) {
            complain(&format!("the state can't be recorded: {error}"));
        }
        self.clients.tell(&self.state);
    }

    fn forget_launch(&mut self) {
        self.launch = None;
        if let Err(error) = self.folder.clear_launch() {
            complain(&format!("launch.json can't be deleted: {error}"));
        }
    }

    fn say(&mut self, level: Level, text: &str) {
        if let Err(error) = self.output.say(level, text) {
            complain(&format!("'{text}' can't be logged: {error}"));
        }
    }

    /// Waits until something is to be done.
    fn wait(&mut self) {
        let now = Instant::now();
        let mut until = now + IDLE;
        let mut fds: Vec<PollFd<'_>> = self.clients.polled().map(|(fd, flags)| PollFd::from_borrowed_fd(fd, flags)).collect();
        match &self.work {
            Work::Run(child) => fds.push(PollFd::new(&child.pidfd, PollFlags::IN)),
            Work::Prepare(preparation) => match &preparation.child {
                Some(child) => fds.push(PollFd::new(&child.pidfd, PollFlags::IN)),
                None => until = now + LOCK_RETRY,
            },
            Work::Clear(_) | Work::Done => {}
        }
        if now >= self.read_from {
            fds.extend(self.output.pipes().map(|pipe| PollFd::new(pipe, PollFlags::IN)));
        } else {
            until = until.min(self.read_from);
        }
        if let Some(stopping) = &self.stopping {
            until = until.min(stopping.next_look());
        }
        let timeout = until.saturating_duration_since(now);
        let timeout = Timespec { tv_sec: timeout.as_secs() as i64, tv_nsec: i64::from(timeout.subsec_nanos()) };
        // An interruption only makes the next turn earlier.
        let woken = poll(&mut fds, Some(&timeout));
        if woken == Ok(0) && self.stopping.is_none() && timeout.tv_sec > 0 {
            self.oom_kills = oom_kills();
        }
    }
}
