//! What a supervisor records of its service and tells Pilothouse: the same JSON in the run folder and on the socket.

use api::{Limits, Timestamp};
use serde::{Deserialize, Serialize};

use super::cgroup::Group;
use super::procfs::ProcessId;
use crate::runtime::{Ended, Observation};

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
}

/// The answer to a request that can't be read or isn't known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// [`VERSION`] of who answers.
    pub version: u32,
    /// Why.
    pub error: String,
}
