//! Starting a process of a service.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::runtime::process::folder::{PIPES, RunFolder};
use crate::runtime::process::procfs::ProcessId;

/// A process that was started or found.
pub struct Child {
    /// Which one.
    pub id: ProcessId,
    /// Readable when it has ended.
    pub pidfd: OwnedFd,
}

/// What is to be started.
pub struct Order<'a> {
    /// Program and arguments.
    pub command: &'a [String],
    /// Absolute path.
    pub working_dir: &'a Path,
    /// The whole environment.
    pub environment: &'a BTreeMap<String, String>,
    /// Whether standard error has a pipe of its own.
    pub is_split: bool,
}

impl Child {
    /// A process that runs already; none when it is gone.
    pub fn find(id: ProcessId) -> Option<Self> {
        let pidfd = id.open().ok()?;
        id.is_alive().then_some(Self { id, pidfd })
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
        let pipe = |name: &str| open_pipe(folder, name).map_err(|error| format!("its output can't be captured: {error}"));
        let mut child = Command::new(path)
            .args(args)
            .env_clear()
            .envs(order.environment)
            .current_dir(order.working_dir)
            .stdin(Stdio::null())
            .stdout(pipe(PIPES[0])?)
            .stderr(pipe(PIPES[usize::from(order.is_split)])?)
            .process_group(0)
            .spawn()
            .map_err(|error| explain(program, &error))?;
        // Not collected before it is waited for, so it can be found even when it has ended.
        let found = ProcessId::of(child.id()).and_then(|id| Some(Self { id, pidfd: id.open().ok()? }));
        found.ok_or_else(|| {
            let _ = child.kill();
            "it was started and can't be found in /proc; is that mounted?".into()
        })
    }
}

/// Opens the service's end of a pipe for both ways, so that it can write on while no supervisor is there to read.
fn open_pipe(folder: &RunFolder, name: &str) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(folder.path().join(name))
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
