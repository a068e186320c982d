//! Ending a service with all that it has started.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use crate::runtime::process::procfs::{Process, ProcessId, now_ticks};

/// The shortest and longest time between two looks at what is left.
const LOOKS: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));
/// How long after the kill it goes on trying; what lives then may not be killed by us.
const GIVE_UP: Duration = Duration::from_secs(20);

/// A stop under way.
pub struct Stopping {
    root: Option<ProcessId>,
    deadline: Instant,
    next_look: Instant,
    pause: Duration,
    asked: HashSet<ProcessId>,
    /// The moment that its group was asked as a whole, in clock ticks since the boot.
    group_asked: Option<u64>,
}

/// The process that all the others of a copy come from.
#[derive(Clone, Copy, Debug)]
pub enum Root {
    /// It lives, or isn't collected: a child.
    Child(ProcessId),
    /// It lives, and was started by another supervisor.
    Adopted(ProcessId),
    /// It has ended, or never was.
    Gone {
        /// Which it was.
        id: Option<ProcessId>,
        /// Whether all that it may have left are our descendants.
        is_all_ours: bool,
    },
}

impl Root {
    /// Which one it is, or was.
    pub fn id(self) -> Option<ProcessId> {
        match self {
            Self::Child(id) | Self::Adopted(id) => Some(id),
            Self::Gone { id, .. } => id,
        }
    }
}

impl Stopping {
    /// One that kills after `grace`.
    pub fn new(grace: Duration) -> Self {
        let now = Instant::now();
        let deadline = now + grace.min(Duration::from_secs(86_400));
        Self { root: None, deadline, next_look: now, pause: LOOKS.0, asked: HashSet::new(), group_asked: None }
    }

    /// The same, but nobody is asked before so much time has passed.
    pub fn after(wait: Duration, grace: Duration) -> Self {
        let new = Self::new(grace);
        Self { deadline: new.deadline + wait, next_look: new.next_look + wait, ..new }
    }

    /// Kills after `grace` at the latest.
    pub fn hurry(&mut self, grace: Duration) {
        self.deadline = self.deadline.min(Instant::now() + grace);
        self.next_look = self.next_look.min(self.deadline);
    }

    /// When [`Stopping::advance`] wants to be called again.
    pub fn next_look(&self) -> Instant {
        self.next_look
    }

    /// Whether it wants to be called now.
    pub fn is_due(&self) -> bool {
        Instant::now() >= self.next_look
    }

    /// Whether what is left is killed now.
    pub fn is_kill(&self) -> bool {
        Instant::now() >= self.deadline
    }

    /// The root of the processes, when it is gone.
    pub fn root(&self) -> Option<ProcessId> {
        self.root
    }

    /// Takes note that `root` has ended: what it left behind is looked for now.
    pub fn root_is_gone(&mut self, root: Option<ProcessId>) {
        self.root = root;
        self.next_look = Instant::now();
    }

    /// Sends the signals that are due to `root` and those that `members` finds; answers whether nothing is left.
    pub fn advance(&mut self, root: Root, members: impl FnOnce() -> Vec<Process>) -> bool {
        let now = Instant::now();
        let is_root_gone = !matches!(root, Root::Child(_) | Root::Adopted(_));
        if matches!(root, Root::Gone { is_all_ours: true, .. }) && has_no_children() {
            return true;
        }
        if now < self.next_look {
            return false;
        }
        let is_kill = now >= self.deadline;
        if let (Root::Child(id), false) = (root, is_kill) {
            self.ask_group(id);
            self.next_look = self.deadline;
            return false;
        }
        let members = members();
        if is_root_gone && (members.is_empty() || now > self.deadline + GIVE_UP) {
            return true;
        }
        for process in members {
            let is_of_group = root.id().is_some_and(|root| process.group == root.pid);
            let was_asked = is_of_group && self.group_asked.is_some_and(|at| process.id.start <= at);
            // While the root lives it is asked with its group; it is its part to end the others.
            let is_asked = is_root_gone || is_of_group;
            if is_kill {
                let _ = process.id.signal(Signal::KILL);
            } else if is_asked && !was_asked && self.asked.insert(process.id) {
                let _ = process.id.signal(Signal::TERM);
            }
        }
        self.next_look = if is_kill || is_root_gone {
            self.pause = (self.pause * 2).min(LOOKS.1);
            now + self.pause
        } else {
            self.deadline
        };
        if !is_kill {
            self.next_look = self.next_look.min(self.deadline);
        }
        false
    }

    /// Asks the root with its group, without looking at all processes of the machine. The root is our child and not collected yet, so
    /// nobody else can have its id, nor a group of that id.
    fn ask_group(&mut self, root: ProcessId) {
        let Some(group) = i32::try_from(root.pid).ok().and_then(Pid::from_raw) else { return };
        if self.group_asked.is_none() && kill_process_group(group, Signal::TERM).is_ok() {
            self.group_asked = Some(now_ticks());
        }
    }
}

/// Whether there is no child at all: then, for a subreaper, no descendant either.
fn has_no_children() -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    matches!(waitid(WaitId::All, options), Err(Errno::CHILD))
}

/// Kills what `find` finds until it finds nothing, for a few seconds.
pub fn kill_all(find: impl Fn() -> HashSet<ProcessId>) {
    let deadline = Instant::now() + Duration::from_secs(5);
    while Instant::now() < deadline {
        let found = find();
        if found.is_empty() {
            return;
        }
        for process in found {
            let _ = process.signal(Signal::KILL);
        }
        std::thread::sleep(LOOKS.0);
    }
}
