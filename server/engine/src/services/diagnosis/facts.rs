//! What is known when a run has ended, a start has failed, or a service that runs isn't well.

use api::{Dependency, Limits, Restarts, ServiceId, Status, Timestamp};

use super::log::Log;
use crate::runtime::Ended;
use crate::services::launch::Holder;

/// What rules look at. What isn't known is left out.
#[derive(Debug)]
pub(in crate::services) struct Facts<'a> {
    /// The service.
    pub id: ServiceId,
    /// How its run ended; none while it runs.
    pub ended: Option<&'a Ended>,
    /// What its health check found.
    pub probe: Option<Probe<'a>>,
    /// The last lines of the run's log.
    pub log: Log<'a>,
    /// The port that its log complains of, with who has it.
    pub taken: Option<(u16, Option<Holder>)>,
    /// Whether its folder says what it requires.
    pub has_requirements: bool,
    /// Whether it runs in a container, which has what was installed when its image was made.
    pub is_contained: bool,
    /// The other services.
    pub others: &'a [Neighbour],
    /// What it needs that doesn't run, isn't well or isn't there any more.
    pub needs: &'a [Dependency],
    /// The last change of its settings before the run.
    pub changed: Option<Change>,
    /// Seconds that the run lasted.
    pub ran_seconds: Option<f64>,
    /// Its starts by its restart policy.
    pub restarts: Restarts,
    /// What it may use at most.
    pub limits: Limits,
    /// The time.
    pub now: Timestamp,
}

/// A check that failed.
#[derive(Clone, Copy, Debug)]
pub(in crate::services) struct Probe<'a> {
    /// The port that the service was told.
    pub port: Option<u16>,
    /// What was asked and what came back.
    pub message: &'a str,
    /// The last lines that the command wrote, when it was one.
    pub output: &'a [String],
    /// The ports that it listens on.
    pub listening: &'a [u16],
}

/// Another service of this Pilothouse.
#[derive(Clone, Debug)]
pub(in crate::services) struct Neighbour {
    /// Its id.
    pub id: ServiceId,
    /// Its name.
    pub name: String,
    /// Its port, or the one that it had.
    pub port: Option<u16>,
    /// What it is doing.
    pub status: Status,
    /// The process ids of its tree.
    pub pids: Vec<u32>,
}

/// A change of a service's settings.
#[derive(Clone, Debug)]
pub(in crate::services) struct Change {
    /// The fields that were changed.
    pub fields: Vec<String>,
    /// Who did it.
    pub by: Option<String>,
    /// Seconds from the change to the end of the run.
    pub seconds_before: f64,
}

impl<'a> Facts<'a> {
    /// Nothing but which service it is.
    pub fn of(id: ServiceId) -> Self {
        let (log, restarts, limits) = (Log::default(), Restarts::default(), Limits::default());
        let (others, needs): (&'a [Neighbour], &'a [Dependency]) = (&[], &[]);
        let (has_requirements, is_contained, now) = (false, false, Timestamp::default());
        Self {
            id,
            ended: None,
            probe: None,
            log,
            taken: None,
            has_requirements,
            is_contained,
            others,
            needs,
            changed: None,
            ran_seconds: None,
            restarts,
            now,
            limits,
        }
    }

    /// Why it never ran, if that is what happened.
    pub fn start_failure(&self) -> Option<&str> {
        self.ended?.start_failure.as_deref()
    }

    /// The exit code; also the one that a shell or a container makes of a signal.
    pub fn code(&self) -> Option<i32> {
        self.ended?.code
    }

    /// The signal that ended it, also when the exit code is all that says so.
    pub fn signal(&self) -> Option<i32> {
        let ended = self.ended?;
        ended.signal.or_else(|| ended.code.filter(|code| (129..=159).contains(code)).map(|code| code - 128))
    }

    /// Whether somebody has ended it, so that what its log says isn't why.
    pub fn was_ended_from_outside(&self) -> bool {
        let is_oom = self.ended.is_some_and(|ended| ended.oom);
        !is_oom && matches!(self.signal(), Some(1 | 2 | 9 | 15))
    }

    /// The service that has a port of this machine.
    pub fn service_on(&self, host: &str, port: u16) -> Option<&Neighbour> {
        let host = host.trim_matches(['[', ']']);
        let is_here = host.starts_with("127.") || matches!(host, "localhost" | "::1" | "0.0.0.0" | "::" | "");
        self.others.iter().find(|other| is_here && other.port == Some(port))
    }
}
