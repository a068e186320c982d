//! The supervisor: a small process for each service, which outlives Pilothouse.
//!
//! One thread and one poll loop. It starts the service, takes its output into the log, records how it ended and answers on a
//! socket. When it dies, a new one goes on: the pipes are held by the service itself, the spool and the log say how far the
//! output was taken in, and the service is known by its process id and start time.

mod begin;
mod child;
mod clients;
mod ending;
mod fork_server;
mod handover;
mod leaving;
mod limits;
mod output;
mod prepare;
mod quiet;
mod ready;
mod socket;
mod spool;
mod stop;

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use api::Level;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{WaitOptions, WaitStatus, wait};

use self::child::Child;
use self::clients::Clients;
use self::handover::Successor;
use self::leaving::Leaving;
use self::output::Output;
use self::prepare::Preparation;
use self::socket::Socket;
use self::stop::Stopping;
pub(super) use self::stop::kill_all;
use super::folder::{PIPES, RunFolder};
use super::procfs::{ProcessId, holders, oom_kills};
use super::state::{Ask, Phase, State};
use crate::runtime::ProcessLaunch;
use crate::user::{SystemUser, not_as};
use crate::{Clock, mapped};

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

/// The argument before the run folder.
pub(super) const RUN_FOLDER: &str = "--run-folder";
/// The argument of the process that forks supervisors. What follows it is only to be seen.
pub(super) const FORK_SERVER: &str = "--fork-server";

/// Supervises one service to its end, or forks supervisors. The arguments, after the name of the command: `--run-folder DIR`, or
/// `--fork-server` with anything after it.
///
/// Must be called before threads are started. A supervisor leaves the session and the standard streams of who called it: first it writes
/// `ready`, or why it can't begin, to standard output, which it then closes.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut args = args.into_iter();
    let flag = args.next().unwrap_or_default();
    if flag == FORK_SERVER {
        return match fork_server::serve() {
            Ok(None) => ExitCode::SUCCESS,
            Ok(Some(folder)) => supervise(folder),
            Err(error) => {
                complain(&format!("no supervisor can be forked: {error}"));
                ExitCode::FAILURE
            }
        };
    }
    match (args.next(), args.next()) {
        (Some(folder), None) if flag == RUN_FOLDER => supervise(RunFolder::new(PathBuf::from(folder))),
        _ => usage(),
    }
}

fn supervise(folder: RunFolder) -> ExitCode {
    match Supervisor::begin(folder) {
        Ok(None) => {
            answer(READY);
            ExitCode::SUCCESS
        }
        Ok(Some(mut supervisor)) => {
            answer(READY);
            if let Err(error) = leave_stdout() {
                complain(&format!("standard output stays open: {error}"));
            }
            supervisor.run();
            ExitCode::SUCCESS
        }
        Err(error) => {
            answer(&format!("the supervisor can't begin: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Writes to standard output. Who was to read it may have ended, which is no reason to leave the service alone: `println` would panic.
fn answer(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
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
    /// The listening socket that the service was handed.
    socket: Option<Socket>,
    /// The copy that shall take its place.
    successor: Option<Successor>,
    /// Copies that are being ended while the service lives.
    leaving: Vec<Leaving>,
    /// Whether some of it was started by another supervisor.
    is_adopted: bool,
    oom_kills: u64,
    read_from: Instant,
    /// Whether it has let go of the code that only the start needed.
    is_small: bool,
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
        let ended = Self::reap();
        for ask in self.clients.serve(&self.state) {
            match ask {
                Ask::Stop { grace_ms } => self.stop(Duration::from_millis(grace_ms)),
                Ask::HandOver { number, grace_ms } => self.hand_over(number, grace_ms),
                Ask::Status | Ask::Subscribe => {}
            }
        }
        let now = Instant::now();
        if now >= self.read_from {
            let taken = self.output.take_in()?;
            self.read_from = if taken > 0 && taken < MUCH { now + GATHER } else { now };
        }
        // Again for a new copy that has taken the place of one that ended.
        while let Work::Run(child) = &self.work
            && has_ended(child, &ended)
        {
            let status = status_of(child, &ended);
            self.root_ended(status)?;
        }
        self.prepare(&ended)?;
        self.make_successor(&ended)?;
        self.end_copies(&ended);
        self.clear()
    }

    /// Collects what has ended.
    fn reap() -> Vec<(u32, WaitStatus)> {
        let collected = std::iter::from_fn(|| wait(WaitOptions::NOHANG).ok().flatten());
        collected.map(|(pid, status)| (pid.as_raw_nonzero().get() as u32, status)).collect()
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
        if let Some(successor) = &self.successor {
            fds.extend(successor.child().map(|child| PollFd::new(&child.pidfd, PollFlags::IN)));
            until = until.min(successor.next_look(now + LOCK_RETRY));
        }
        for leaving in &self.leaving {
            fds.extend(leaving.child.iter().map(|child| PollFd::new(&child.pidfd, PollFlags::IN)));
            until = until.min(leaving.stopping.next_look());
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
            if !self.is_small {
                self.is_small = true;
                mapped::let_go();
            }
        }
    }
}

/// Whether a process has ended, for all that was collected and seen.
fn has_ended(child: &Child, ended: &[(u32, WaitStatus)]) -> bool {
    status_of(child, ended).is_some() || child.is_adopted && !child.id.is_alive()
}

/// How a child has ended that was collected.
fn status_of(child: &Child, ended: &[(u32, WaitStatus)]) -> Option<WaitStatus> {
    ended.iter().find(|(pid, _)| *pid == child.id.pid && !child.is_adopted).map(|(_, status)| *status)
}
