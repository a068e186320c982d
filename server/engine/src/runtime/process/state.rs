//! What a supervisor records of its service and tells Pilothouse: the same JSON in the run folder and on the socket.

use api::{Limits, Timestamp};
use serde::{Deserialize, Serialize};

use super::cgroup::Group;
use super::procfs::ProcessId;
use crate::runtime::{Ended, HandedSocket, Observation};

/// The version of the state and of the protocol. Additions keep it: readers ignore what they don't know.
pub const VERSION: u32 = 1;

/// All that a new supervisor, or Pilothouse, must know of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// [`VERSION`] of who wrote it.
    pub version: u32,
    /// The boot of the machine that the process ids belong to.
    pub boot_id: String,
    /// What the service is doing.
    pub phase: Phase,
    /// Whether a stop has been asked for.
    #[serde(default)]
    pub stop_asked: bool,
    /// The supervisors so far, the newest last: processes of the service may be of their sessions.
    #[serde(default)]
    pub sessions: Vec<ProcessId>,
    /// The id of the user that it runs as, when that isn't the supervisor's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// What it may use at most, from its start on.
    #[serde(default, skip_serializing_if = "Limits::is_empty")]
    pub limits: Limits,
    /// The control group that holds that.
    #[serde(default, skip_serializing_if = "Group::is_empty")]
    pub group: Group,
    /// The listening socket that it was handed, as long as its supervisor has it too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub socket: Option<Listening>,
    /// The last restart of this run without a break.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handover: Option<Handover>,
}

/// A listening socket of 127.0.0.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listening {
    /// Its port.
    pub port: u16,
    /// Its inode, by which it is found among the descriptors of processes.
    pub inode: u64,
}

/// A restart without a break.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handover {
    /// What Pilothouse calls it.
    pub number: i64,
    /// How long the copy before has to end by itself, in milliseconds.
    pub grace_ms: u64,
    /// When it began, in clock ticks since the boot: a process of the new copy isn't older.
    pub began: u64,
    /// How far it is.
    pub stage: Stage,
}

/// How far a restart without a break is. Until the copy before is ending, [`Phase::Running`] is of that one, then of the new one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Stage {
    /// What the new copy needs is being made.
    Preparing {
        /// What is done now.
        label: String,
        /// Number of the step, from 1.
        step: u32,
        /// How many steps there are.
        steps: u32,
    },
    /// The new copy was started and doesn't listen yet.
    Starting {
        /// The root of its process tree.
        root: ProcessId,
        /// When it was started.
        started_at: Timestamp,
    },
    /// The new copy listens, and the one before has been asked to end.
    Ending {
        /// The root of the process tree of the one before.
        former: ProcessId,
    },
    /// Only the new copy is left.
    Complete,
    /// The new copy couldn't take over.
    Failed {
        /// Why.
        reason: String,
    },
}

impl Stage {
    /// What is being done, in words; none when it is over.
    pub fn words(&self) -> Option<String> {
        match self {
            Self::Preparing { label, step, steps } => Some(format!("a new copy is being prepared: {label} (step {step} of {steps})")),
            Self::Starting { .. } => Some("a new copy was started and doesn't listen yet".into()),
            Self::Ending { .. } => Some("a new copy runs, and the one before is ending".into()),
            Self::Complete | Self::Failed { .. } => None,
        }
    }
}

impl Handover {
    /// Whether more will happen.
    pub fn is_under_way(&self) -> bool {
        self.stage.words().is_some()
    }
}

/// What a service is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Phase {
    /// It is being prepared.
    Preparing {
        /// What is done now.
        label: String,
        /// Number of the step, from 1.
        step: u32,
        /// How many steps there are.
        steps: u32,
    },
    /// It runs.
    Running {
        /// The root of its process tree.
        root: ProcessId,
        /// When it was started.
        started_at: Timestamp,
    },
    /// It has ended.
    Ended {
        /// The exit code; without code and signal it isn't known, because no supervisor was there.
        code: Option<i32>,
        /// The signal.
        signal: Option<i32>,
        /// Whether it was killed for want of memory.
        #[serde(default)]
        oom: bool,
        /// When.
        at: Timestamp,
        /// Why it never ran.
        start_failure: Option<String>,
    },
}

impl State {
    /// What a runtime says of it.
    pub fn observation(&self) -> Observation {
        match &self.phase {
            Phase::Preparing { label, step, steps } => Observation::Preparing { label: label.clone(), step: *step, steps: *steps },
            Phase::Running { root, started_at } => Observation::Running { pid: root.pid, started_at: *started_at },
            Phase::Ended { code, signal, oom, at, start_failure } => Observation::Ended(Ended {
                code: *code,
                signal: *signal,
                began: None,
                oom: *oom,
                at: *at,
                was_asked: self.stop_asked,
                start_failure: start_failure.clone(),
            }),
        }
    }

    /// The listening socket that what runs was handed, as long as it may be handed on.
    pub fn handed(&self) -> Option<HandedSocket> {
        let is_running = matches!(self.phase, Phase::Running { .. }) && !self.stop_asked;
        let port = self.socket.filter(|_| is_running)?.port;
        Some(HandedSocket { port, last: self.handover.as_ref().map(|last| last.number) })
    }

    /// Whether nothing more will happen.
    pub fn is_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended { .. })
    }
}

/// What Pilothouse asks of a supervisor: one line of JSON. Every answer is a line with a [`State`] or an [`Refusal`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// [`VERSION`] of who asks.
    pub version: u32,
    /// What is asked.
    #[serde(flatten)]
    pub ask: Ask,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Ask {
    /// The state, once.
    Status,
    /// The state, now and at each change.
    Subscribe,
    /// To stop the service; the answer is the state as it is now.
    Stop {
        /// How long it may take to end by itself.
        grace_ms: u64,
    },
    /// To start the copy that was ordered, and to end the one that runs when that listens; the answer is the state as it is then. Asked only
    /// of supervisors that have a socket, so none that doesn't know of it is ever asked.
    HandOver {
        /// What Pilothouse calls it.
        number: i64,
        /// How long the copy before may take to end by itself.
        grace_ms: u64,
    },
}

/// The answer to a request that can't be read or isn't known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// [`VERSION`] of who answers.
    pub version: u32,
    /// Why.
    pub error: String,
}
