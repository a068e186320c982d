//! What is made before a service starts: its virtual environment.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};

use rustix::process::WaitStatus;

use super::child::{Child, Order};
use crate::runtime::process::cgroup::Group;
use crate::runtime::process::folder::{NONBLOCK, RunFolder, try_lock};
use crate::runtime::process::state::Phase;
use crate::runtime::{Prepare, ProcessLaunch};
use crate::user::SystemUser;

/// A preparation under way.
pub struct Preparation {
    prepare: Prepare,
    /// Who does it all; none is the user of the supervisor.
    user: Option<SystemUser>,
    lock: Option<File>,
    next: usize,
    /// The step that runs.
    pub child: Option<Child>,
}

/// Where a preparation is.
pub enum Progress {
    /// A step began.
    Began,
    /// It waits for a step, or for another service that makes the same.
    Waiting,
    /// All is made.
    Complete,
}

impl Preparation {
    /// What has to be made for `launch`; none when it is there.
    pub fn of(launch: &ProcessLaunch, user: Option<SystemUser>) -> Option<Self> {
        let preparation = Self { prepare: launch.prepare.clone()?, user, lock: None, next: 0, child: None };
        (!preparation.is_made()).then_some(preparation)
    }

    /// What is done now.
    pub fn phase(&self) -> Phase {
        let steps = self.prepare.steps.len() as u32;
        match self.next.checked_sub(1).and_then(|at| self.prepare.steps.get(at)) {
            Some(step) => Phase::Preparing { label: step.label.clone(), step: self.next as u32, steps },
            None => Phase::Preparing { label: "preparing".into(), step: 1, steps },
        }
    }

    /// Takes the lock, begins the next step, or completes.
    ///
    /// # Errors
    /// With words for people.
    pub fn advance(&mut self, folder: &RunFolder, launch: &ProcessLaunch) -> Result<Progress, String> {
        if self.child.is_some() {
            return Ok(Progress::Waiting);
        }
        if self.lock.is_none() && !self.take_lock().map_err(|error| format!("its environment can't be made: {error}"))? {
            return Ok(Progress::Waiting);
        }
        if self.is_made() {
            return Ok(Progress::Complete);
        }
        let Some(step) = self.prepare.steps.get(self.next) else {
            let marked = self.act(|| {
                OpenOptions::new().write(true).create(true).truncate(true).custom_flags(NONBLOCK).open(&self.prepare.marker).map(drop)
            });
            marked.map_err(|error| format!("its environment can't be marked as complete: {error}"))?;
            return Ok(Progress::Complete);
        };
        let environment = &self.prepare.environment;
        let (command, working_dir) = (&step.command[..], &launch.working_dir);
        // What a service may use says nothing of what it takes to make its environment.
        let (user, group) = (self.user.as_ref(), &Group::default());
        let order = Order { user, command, working_dir, environment, is_split: false, group, each: &[], socket: None };
        let child = Child::start(folder, &order).map_err(|error| format!("{} failed: {error}", step.label))?;
        self.child = Some(child);
        self.next += 1;
        Ok(Progress::Began)
    }

    /// Takes note that the step that runs has ended.
    ///
    /// # Errors
    /// When it failed, with words for people and the last line that it wrote.
    pub fn step_ended(&mut self, status: WaitStatus, last_line: &str) -> Result<(), String> {
        self.child = None;
        if status.exit_status() == Some(0) {
            return Ok(());
        }
        let label = self.prepare.steps.get(self.next.saturating_sub(1)).map_or("preparing", |step| &step.label);
        let how = match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => format!("exit code {code}"),
            (None, Some(signal)) => format!("signal {signal}"),
            (None, None) => "no exit status".into(),
        };
        let said = if last_line.is_empty() { String::new() } else { format!(": {last_line}") };
        Err(format!("{label} failed ({how}){said}"))
    }

    fn is_made(&self) -> bool {
        self.act(|| Ok(self.prepare.marker.exists())).unwrap_or(false)
    }

    fn take_lock(&mut self) -> io::Result<bool> {
        self.lock = self.act(|| {
            for file in [&self.prepare.lock, &self.prepare.marker] {
                if let Some(parent) = file.parent() {
                    DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
                }
            }
            try_lock(&self.prepare.lock)
        })?;
        Ok(self.lock.is_some())
    }

    /// Works on files with the rights of who does it all: where another user may write, nothing is to be opened with more.
    fn act<T: Send>(&self, work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
        match &self.user {
            Some(user) => user.act(work)?,
            None => work(),
        }
    }
}
