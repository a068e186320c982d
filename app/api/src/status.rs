//! The states of a service, and what each of them allows.

use serde::Serialize;

use crate::{Error, NodeKind, Result};

/// Declares an enum of states once: variant, text on the wire, word that people see.
macro_rules! states {
    ($(#[$doc:meta])* $name:ident, $noun:literal { $($(#[$variant_doc:meta])* $variant:ident = $text:literal, $label:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $text)] $variant,)+
        }

        $crate::read_as_word!($name);

        impl $name {
            /// Every one of them.
            pub const ALL: &[$name] = &[$($name::$variant),+];

            /// The text on the wire and in `data-state`.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text),+ }
            }

            /// The word that people see.
            pub const fn label(self) -> &'static str {
                match self { $($name::$variant => $label),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                $name::ALL.iter().copied().find(|one| one.as_str() == text).ok_or_else(|| {
                    let all: Vec<_> = $name::ALL.iter().map(|one| one.as_str()).collect();
                    Error::invalid($noun, format!("{} is one of {}", $noun, all.join(", ")))
                })
            }
        }
    };
}

states! {
    /// What can be done to a service.
    Action, "action" {
        /// Start it.
        Start = "start", "Start";
        /// Stop it.
        Stop = "stop", "Stop";
        /// Stop and start it.
        Restart = "restart", "Restart";
    }
}

impl Action {
    /// Whether it would do something now, or why not.
    pub const fn allowed(self, status: Status) -> Result<(), Blocked> {
        match self {
            Self::Start => status.can_start(),
            Self::Stop => status.can_stop(),
            Self::Restart => status.can_restart(),
        }
    }

    /// What has been done then: `started`.
    pub const fn done(self) -> &'static str {
        match self {
            Self::Start => "started",
            Self::Stop => "stopped",
            Self::Restart => "restarted",
        }
    }

    /// What is being done, at the start of a sentence: `Starting`.
    pub const fn doing(self) -> &'static str {
        match self {
            Self::Start => "Starting",
            Self::Stop => "Stopping",
            Self::Restart => "Restarting",
        }
    }

    /// What is shown until the runtime says more.
    pub const fn expected(self) -> Status {
        match self {
            Self::Start => Status::Starting,
            Self::Stop | Self::Restart => Status::Stopping,
        }
    }
}

states! {
    /// What a service is doing, as its runtime sees it.
    Status, "status" {
        /// Its processes run.
        Running = "running", "Running";
        /// It doesn't run, as wanted.
        Stopped = "stopped", "Stopped";
        /// It is being prepared or started.
        Starting = "starting", "Starting";
        /// It has been asked to end and hasn't yet.
        Stopping = "stopping", "Stopping";
        /// It should run and doesn't, or can't be started.
        Error = "error", "Error";
        /// Its runtime doesn't answer.
        Unknown = "unknown", "Unknown";
    }
}

states! {
    /// Whether a running service answers its health check.
    Health, "health" {
        /// It answers.
        Healthy = "healthy", "Healthy";
        /// It answers sometimes, or has failed fewer times in a row than the threshold.
        Degraded = "degraded", "Degraded";
        /// It has failed as many times in a row as the threshold says.
        Unhealthy = "unhealthy", "Unhealthy";
        /// It doesn't run, or hasn't been checked yet.
        Unknown = "unknown", "Unknown";
    }
}

states! {
    /// How what a service depends on is.
    DependencyHealth, "health" {
        /// It runs and answers its health check.
        Healthy = "healthy", "Healthy";
        /// Connections to it are open; more isn't known, for it isn't checked.
        Connected = "connected", "Connected";
        /// It runs and doesn't always answer its health check.
        Degraded = "degraded", "Degraded";
        /// It runs and doesn't answer its health check.
        Unhealthy = "unhealthy", "Unhealthy";
        /// It doesn't run, or isn't there any more.
        Down = "down", "Down";
        /// It is being started, hasn't been checked, or isn't a service of this Pilothouse.
        Unknown = "unknown", "Unknown";
    }
}

impl DependencyHealth {
    /// How it is for those that need it: by what it is, by its state when it is a service, and by whether connections to it are open.
    pub const fn of(kind: NodeKind, state: Option<(Status, Health)>, is_connected: bool) -> Self {
        match (kind, state) {
            (NodeKind::Missing, _) | (_, Some((Status::Stopped | Status::Stopping | Status::Error, _))) => Self::Down,
            (_, Some((Status::Running, Health::Healthy))) => Self::Healthy,
            (_, Some((Status::Running, Health::Degraded))) => Self::Degraded,
            (_, Some((Status::Running, Health::Unhealthy))) => Self::Unhealthy,
            (_, Some((Status::Starting, _))) => Self::Unknown,
            _ if is_connected => Self::Connected,
            _ => Self::Unknown,
        }
    }

    /// Whether it may be why something that needs it isn't well.
    pub const fn is_bad(self) -> bool {
        matches!(self, Self::Unhealthy | Self::Down)
    }
}

states! {
    /// What is wanted of a service.
    Desired, "desired" {
        /// It shall run.
        Running = "running", "Running";
        /// It shall not run.
        Stopped = "stopped", "Stopped";
    }
}

states! {
    /// Whether a service that has ended by itself is started again.
    RestartPolicy, "restart" {
        /// No: it stays down until somebody starts it.
        Never = "never", "Never";
        /// When it has crashed: it ended with another code than 0, by a signal, or unseen.
        OnFailure = "on_failure", "On failure";
        /// However it ended.
        Always = "always", "Always";
    }
}

states! {
    /// What runs a service. A closed set: adding a runtime touches this table and one driver.
    RuntimeKind, "runtime" {
        /// A process on this machine.
        Process = "process", "Process";
        /// A container of a Docker Engine.
        Docker = "docker", "Docker";
    }
}

states! {
    /// What a health check asks.
    #[derive(Default)]
    CheckKind, "kind" {
        /// A path of its port by HTTP; a TCP connection decides when none is set and no usual one answers.
        #[default]
        Http = "http", "HTTP";
        /// A connection to its port.
        Tcp = "tcp", "TCP";
        /// A command that ends with exit code 0 when it is well.
        Command = "command", "Command";
        /// Nothing: its health is not known.
        None = "none", "None";
    }
}

impl RuntimeKind {
    /// Whether a command can be run beside a service as a check of it.
    pub const fn can_run_checks(self) -> Result<(), Blocked> {
        match self {
            RuntimeKind::Process => Ok(()),
            RuntimeKind::Docker => Err(Blocked(
                "Docker can't end a command that hangs in a container; let its image bring a HEALTHCHECK, which Docker runs and Pilothouse \
                 shows, or check it by HTTP or TCP",
            )),
        }
    }
}

/// Why an action is not possible now: a sentence for a tooltip or an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocked(pub &'static str);

impl From<Blocked> for Error {
    fn from(blocked: Blocked) -> Self {
        Error::conflict(blocked.0)
    }
}

impl Status {
    /// Whether `start` would do something.
    pub const fn can_start(self) -> Result<(), Blocked> {
        match self {
            Status::Stopped | Status::Error => Ok(()),
            Status::Running => Err(Blocked("it is running already")),
            Status::Starting => Err(Blocked("it is being started already")),
            Status::Stopping => Err(Blocked("it is being stopped; wait for it, then start it")),
            Status::Unknown => Err(Blocked("its runtime doesn't answer; see the system health page")),
        }
    }

    /// Whether `stop` would do something.
    pub const fn can_stop(self) -> Result<(), Blocked> {
        match self {
            Status::Running | Status::Starting | Status::Error => Ok(()),
            Status::Stopped => Err(Blocked("it is stopped already")),
            Status::Stopping => Err(Blocked("it is being stopped already")),
            Status::Unknown => Err(Blocked("its runtime doesn't answer; see the system health page")),
        }
    }

    /// Whether `restart` would do something.
    pub const fn can_restart(self) -> Result<(), Blocked> {
        match self {
            Status::Running | Status::Error => Ok(()),
            Status::Stopped => Err(Blocked("it is stopped; start it")),
            Status::Starting => Err(Blocked("it is being started already")),
            Status::Stopping => Err(Blocked("it is being stopped; wait for it, then start it")),
            Status::Unknown => Err(Blocked("its runtime doesn't answer; see the system health page")),
        }
    }

    /// Whether the service may be deleted: only when nothing of it runs.
    pub const fn can_delete(self) -> Result<(), Blocked> {
        match self {
            Status::Stopped | Status::Error => Ok(()),
            _ => Err(Blocked("it runs or may run; stop it first")),
        }
    }

    /// Whether it changes by itself soon, so that a page shows it as moving.
    pub const fn is_moving(self) -> bool {
        matches!(self, Status::Starting | Status::Stopping)
    }
}

#[cfg(test)]
mod tests {
    use super::Status;

    #[test]
    fn in_each_state_but_unknown_something_can_be_done_or_waited_for() {
        for status in Status::ALL {
            let acts = status.can_start().is_ok() || status.can_stop().is_ok();
            assert!(acts || status.is_moving() || *status == Status::Unknown, "{status}");
        }
    }

    #[test]
    fn what_moves_is_not_restarted() {
        assert!(Status::Starting.can_restart().is_err() && Status::Stopping.can_restart().is_err());
    }
}
