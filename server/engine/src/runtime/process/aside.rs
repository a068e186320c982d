//! A command that is run beside a service, as its health check, and ended with all that it has started.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::fs::fchown;
use rustix::process::{Pid, Signal, Uid, test_kill_process_group};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tokio::process::{Child, Command};

use super::procfs::{Kin, ProcessId, snapshot};
use super::supervisor::kill_all;
use crate::logs::text::strip_ansi;
use crate::user::SystemUser;

/// Bytes that are kept of what it writes: the last.
const OUTPUT: usize = 4 << 10;
/// Lines of them.
const LINES: usize = 10;
/// Characters of a line.
const LINE: usize = 300;
/// How long the rest of its output is waited for when it has ended.
const REST: Duration = Duration::from_millis(200);

/// What is to be run.
#[derive(Clone, Debug)]
pub struct Aside {
    /// The user that it runs as; none is the one that Pilothouse runs as.
    pub user: Option<SystemUser>,
    /// Program and arguments.
    pub command: Vec<String>,
    /// Absolute path.
    pub working_dir: PathBuf,
    /// The whole environment.
    pub environment: BTreeMap<String, String>,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// How it ended.
    pub how: How,
    /// The last lines that it wrote.
    pub output: Vec<String>,
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum How {
    /// With this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// It was killed because it took too long.
    TimedOut,
    /// It was never run, and why: words that follow its name.
    NotStarted(String),
}

impl Ran {
    /// One that was never run.
    pub fn not(why: impl Into<String>) -> Self {
        Self { how: How::NotStarted(why.into()), output: Vec::new() }
    }
}

impl Aside {
    /// Runs it for at most `limit`. When this answers, or is dropped, nothing of its process group and no descendant of it lives on.
    pub async fn run(self, limit: Duration) -> Ran {
        self.run_told(limit, &mut |_| {}).await
    }

    /// [`Aside::run`], where `told` hears each line as it is written.
    pub async fn run_told(self, limit: Duration, told: &mut (dyn FnMut(String) + Send)) -> Ran {
        let (mut child, group, mut output) = match self.start() {
            Ok(started) => started,
            Err(why) => return Ran::not(why),
        };
        let mut tail = Tail { bytes: Vec::new(), is_cut: false, unfinished: Vec::new(), told };
        let ended = tokio::time::timeout(limit, tail.read_until_ended(&mut child, &mut output)).await;
        if ended.is_err() || group.is_there() {
            group.end().await;
        } else {
            group.disarm();
        }
        // What is left in the pipe; somebody who has left the group may still hold it open.
        let _ = tokio::time::timeout(REST, tail.read_to_end(&mut output)).await;
        tail.tell_rest();
        let how = match ended {
            Err(_) => How::TimedOut,
            Ok(Ok(status)) => how(status),
            Ok(Err(error)) => How::NotStarted(format!("its end was not seen: {error}")),
        };
        Ran { how, output: tail.lines() }
    }

    fn start(&self) -> Result<(Child, Group, Receiver), String> {
        let (program, args) = self.command.split_first().ok_or("there is no command")?;
        if !self.working_dir.is_dir() {
            return Err(format!("the folder {} is not there", self.working_dir.display()));
        }
        let path = if program.contains('/') { self.working_dir.join(program) } else { Path::new(program).into() };
        if let Some(why) = self.user.as_ref().and_then(|user| user.hindrance(&self.working_dir)) {
            return Err(why);
        }
        let captured = |error: io::Error| format!("its output can't be captured: {error}");
        let (reader, writer) = io::pipe().map_err(captured)?;
        let mut command = std::process::Command::new(path);
        command.args(args).env_clear().envs(&self.environment).stdin(Stdio::null());
        match &self.user {
            None => _ = command.current_dir(&self.working_dir).process_group(0),
            Some(user) => {
                // So it can open `/dev/stdout` too.
                fchown(&reader, Some(Uid::from_raw(user.uid)), None).map_err(|error| captured(error.into()))?;
                user.take_on(&mut command, &self.working_dir, true).map_err(|error| error.to_string())?;
            }
        }
        command.stdout(writer.try_clone().map_err(captured)?).stderr(writer);
        let mut command = Command::from(command);
        let child = command.kill_on_drop(true).spawn().map_err(|error| explain(program, &error))?;
        let group = Group::of(&child).ok_or("it was started and can't be found in /proc")?;
        let output = Receiver::from_owned_fd(OwnedFd::from(reader)).map_err(captured)?;
        Ok((child, group, output))
    }
}

fn explain(program: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => format!("the program '{program}', or the interpreter that it names, was not found"),
        io::ErrorKind::PermissionDenied => format!("the program '{program}' may not be executed"),
        _ => format!("the program '{program}' could not be started: {error}"),
    }
}

fn how(status: ExitStatus) -> How {
    match (status.code(), status.signal()) {
        (Some(code), _) => How::Code(code),
        (None, signal) => How::Signal(signal.unwrap_or_default()),
    }
}

/// The processes of a command: killed when this is dropped, unless it was disarmed.
struct Group {
    root: ProcessId,
    is_armed: bool,
}

impl Group {
    /// Before the child has been waited for: so it is found even when it has ended.
    fn of(child: &Child) -> Option<Self> {
        Some(Self { root: ProcessId::of(child.id()?)?, is_armed: true })
    }

    /// Whether anybody is in the group of a root that has ended.
    fn is_there(&self) -> bool {
        let group = i32::try_from(self.root.pid).ok().and_then(Pid::from_raw);
        group.is_some_and(|group| test_kill_process_group(group).is_ok())
    }

    fn disarm(mut self) {
        self.is_armed = false;
    }

    async fn end(self) {
        let root = self.root;
        let killed = tokio::task::spawn_blocking(move || kill_all(|| members(root).collect())).await;
        if killed.is_ok() {
            self.disarm();
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if self.is_armed {
            members(self.root).for_each(|process| _ = process.signal(Signal::KILL));
        }
    }
}

fn members(root: ProcessId) -> impl Iterator<Item = ProcessId> {
    let kin = Kin { root: Some(root), ..Kin::default() };
    kin.members(&snapshot()).into_iter().map(|process| process.id)
}

/// The end of what a command writes.
struct Tail<'t> {
    bytes: Vec<u8>,
    is_cut: bool,
    /// The beginning of a line.
    unfinished: Vec<u8>,
    told: &'t mut (dyn FnMut(String) + Send),
}

impl Tail<'_> {
    async fn read_until_ended(&mut self, child: &mut Child, output: &mut Receiver) -> io::Result<ExitStatus> {
        tokio::select! {
            biased;
            status = child.wait() => return status,
            () = self.read_to_end(output) => {}
        }
        child.wait().await
    }

    async fn read_to_end(&mut self, output: &mut Receiver) {
        let mut piece = [0; 1024];
        while let Ok(read @ 1..) = output.read(&mut piece).await {
            self.bytes.extend_from_slice(&piece[..read]);
            self.tell(&piece[..read]);
            if self.bytes.len() > OUTPUT {
                self.is_cut = true;
                self.bytes.drain(..self.bytes.len() - OUTPUT);
            }
        }
    }

    fn tell(&mut self, piece: &[u8]) {
        for byte in piece {
            match byte {
                b'\n' | b'\r' => self.tell_rest(),
                byte if self.unfinished.len() < OUTPUT => self.unfinished.push(*byte),
                _ => {}
            }
        }
    }

    fn tell_rest(&mut self) {
        let unfinished = std::mem::take(&mut self.unfinished);
        let plain = strip_ansi(&unfinished);
        let line: String = String::from_utf8_lossy(&plain).chars().filter(|c| !c.is_control()).collect();
        if !line.trim().is_empty() {
            (self.told)(line.trim_end().to_owned());
        }
    }

    fn lines(&self) -> Vec<String> {
        let plain = strip_ansi(&self.bytes);
        let text = String::from_utf8_lossy(&plain);
        // The first line lacks its beginning.
        let lines = text.split(['\n', '\r']).skip(usize::from(self.is_cut));
        let shown = lines.map(|line| line.chars().filter(|c| !c.is_control()).take(LINE).collect::<String>().trim().to_owned());
        let all: Vec<_> = shown.filter(|line| !line.is_empty()).collect();
        all[all.len().saturating_sub(LINES)..].to_vec()
    }
}

#[cfg(test)]
#[path = "aside_tests.rs"]
mod tests;
