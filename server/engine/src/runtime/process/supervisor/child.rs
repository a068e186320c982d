//! Starting a process of a service.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::fs::{fchown, fstat};
use rustix::io::Errno;
use rustix::process::{Pid, Resource, Rlimit, Uid, geteuid, getrlimit, prlimit, setrlimit};

use super::socket::Socket;
use super::stop::Root;
use crate::runtime::process::cgroup::Group;
use crate::runtime::process::folder::{PIPES, RunFolder};
use crate::runtime::process::procfs::ProcessId;
use crate::user::SystemUser;

/// A process that was started or found.
pub struct Child {
    /// Which one.
    pub id: ProcessId,
    /// Readable when it has ended.
    pub pidfd: OwnedFd,
    /// Whether another supervisor has started it, so that it is none of our children.
    pub is_adopted: bool,
}

/// What is to be started.
pub struct Order<'a> {
    /// The user that it runs as; none is the supervisor's.
    pub user: Option<&'a SystemUser>,
    /// Program and arguments.
    pub command: &'a [String],
    /// Absolute path.
    pub working_dir: &'a Path,
    /// The whole environment.
    pub environment: &'a BTreeMap<String, String>,
    /// Whether standard error has a pipe of its own.
    pub is_split: bool,
    /// The control group that it starts in.
    pub group: &'a Group,
    /// What each of its processes is limited to.
    pub each: &'a [(Resource, u64)],
    /// The listening socket that it is handed.
    pub socket: Option<&'a Socket>,
}

impl Child {
    /// A process that runs already; none when it is gone.
    pub fn find(id: ProcessId) -> Option<Self> {
        let pidfd = id.open().ok()?;
        id.is_alive().then_some(Self { id, pidfd, is_adopted: true })
    }

    /// What the others of its copy come from, while it isn't collected.
    pub fn root(&self) -> Root {
        if self.is_adopted { Root::Adopted(self.id) } else { Root::Child(self.id) }
    }

    /// Starts a process in a group of its own, writing to the pipes of `folder`.
    ///
    /// # Errors
    /// With words for people.
    pub fn start(folder: &RunFolder, order: &Order<'_>) -> Result<Self, String> {
        let Some((program, args)) = order.command.split_first() else {
            return Err("there is no command to run; set one in the service's settings".into());
        };
        if !order.working_dir.is_dir() {
            return Err(format!("the folder {} is not there; restore it or change the service", order.working_dir.display()));
        }
        let path = if program.contains('/') { order.working_dir.join(program) } else { Path::new(program).into() };
        if let Some(why) = order.user.and_then(|user| user.hindrance(order.working_dir)) {
            return Err(why);
        }
        let pipe = |name: &str| open_pipe(folder, name, order.user).map_err(|error| format!("its output can't be captured: {error}"));
        let mut command = Command::new(path);
        command.args(args).stdin(Stdio::null()).stdout(pipe(PIPES[0])?).stderr(pipe(PIPES[usize::from(order.is_split)])?).process_group(0);
        // Held until it runs: see there.
        let _held = match order.socket {
            None => {
                command.env_clear().envs(order.environment);
                None
            }
            Some(socket) => {
                let held = socket.hand_to(&mut command, order.environment);
                Some(held.map_err(|error| format!("its listening socket can't be handed to it: {error}"))?)
            }
        };
        match order.user {
            None => _ = command.current_dir(order.working_dir),
            Some(user) => user.take_on(&mut command, order.working_dir, false).map_err(|error| unlike(user, &error))?,
        }
        let held = |error: io::Error| format!("its limits can't be held: {error}; take them off in its settings to start it without");
        let spawned = order.group.within(|| lowered(order.each, || command.spawn())).map_err(held)?.map_err(held)?;
        let mut child = spawned.map_err(|error| match order.user {
            Some(user) if error.raw_os_error() == Some(Errno::PERM.raw_os_error()) => unlike(user, &error),
            Some(user) if error.kind() == io::ErrorKind::PermissionDenied => {
                format!("the user '{}' may not run the program '{program}'; give it the right to (chmod, chown)", user.name)
            }
            _ => explain(program, &error),
        })?;
        // Born with them, and from here on it can't raise them again.
        for (resource, limit) in order.each {
            let limit = Rlimit { current: Some(*limit), maximum: Some(*limit) };
            let _ = prlimit(Pid::from_raw(child.id() as i32), *resource, limit);
        }
        // Not collected before it is waited for, so it can be found even when it has ended.
        let found = ProcessId::of(child.id()).and_then(|id| Some(Self { id, pidfd: id.open().ok()?, is_adopted: false }));
        found.ok_or_else(|| {
            let _ = child.kill();
            "it was started and can't be found in /proc; is that mounted?".into()
        })
    }
}

/// Does `work` with these limits on this process, which what it starts inherits.
fn lowered<T>(limits: &[(Resource, u64)], work: impl FnOnce() -> T) -> io::Result<T> {
    let before: Vec<_> = limits.iter().map(|(resource, _)| (*resource, getrlimit(*resource))).collect();
    for ((resource, limit), (_, before)) in limits.iter().zip(&before) {
        let current = Some(before.maximum.map_or(*limit, |maximum| maximum.min(*limit)));
        setrlimit(*resource, Rlimit { current, ..*before })?;
    }
    let done = work();
    for (resource, before) in before {
        setrlimit(resource, before)?;
    }
    Ok(done)
}

/// Opens the service's end of a pipe for both ways, so that it can write on while no supervisor is there to read. It belongs to the user of
/// the service, which so can open `/dev/stdout`; the folder that it is in stays closed to it.
fn open_pipe(folder: &RunFolder, name: &str, user: Option<&SystemUser>) -> io::Result<File> {
    let pipe = OpenOptions::new().read(true).write(true).open(folder.path().join(name))?;
    let owner = user.map_or_else(geteuid, |user| Uid::from_raw(user.uid));
    if fstat(&pipe)?.st_uid != owner.as_raw() {
        fchown(&pipe, Some(owner), None)?;
    }
    Ok(pipe)
}

fn unlike(user: &SystemUser, error: &io::Error) -> String {
    format!("it can't be run as the user '{}': {error}; may Pilothouse still change users?", user.name)
}

fn explain(program: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => {
            format!("the program '{program}', or the interpreter that it names, was not found; install it or change the command")
        }
        io::ErrorKind::PermissionDenied => format!("the program '{program}' may not be executed; check its permissions"),
        _ => format!("the program '{program}' could not be started: {error}"),
    }
}
