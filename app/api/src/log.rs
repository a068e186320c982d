//! Log lines.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Error, Limit, Result, Timestamp};

/// How grave a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    /// For those who wrote the program.
    Debug,
    /// What happens.
    Info,
    /// What may become a failure.
    Warning,
    /// A failure.
    Error,
    /// The program can't go on.
    Critical,
}

impl Level {
    /// Every level, from the least to the most grave.
    pub const ALL: [Level; 5] = [Level::Debug, Level::Info, Level::Warning, Level::Error, Level::Critical];

    /// The text on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Level::Debug => "DEBUG",
            Level::Info => "INFO",
            Level::Warning => "WARNING",
            Level::Error => "ERROR",
            Level::Critical => "CRITICAL",
        }
    }

    /// The level of that name in any case, with the usual short forms (`warn`, `err`, `fatal`, `trace`).
    pub fn named(text: &str) -> Option<Self> {
        let is = |names: &[&str]| names.iter().any(|name| text.eq_ignore_ascii_case(name));
        match () {
            () if is(&["debug", "trace", "verbose"]) => Some(Level::Debug),
            () if is(&["info", "information", "notice"]) => Some(Level::Info),
            () if is(&["warning", "warn"]) => Some(Level::Warning),
            () if is(&["error", "err"]) => Some(Level::Error),
            () if is(&["critical", "fatal", "panic", "alert", "emergency"]) => Some(Level::Critical),
            () => None,
        }
    }
}

impl std::str::FromStr for Level {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Level::named(text).ok_or_else(|| Error::invalid("level", "level is one of DEBUG, INFO, WARNING, ERROR, CRITICAL"))
    }
}

/// Where a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum LogStream {
    /// The standard output of the service.
    Stdout,
    /// The standard error of the service.
    Stderr,
    /// The preparation of a start: making the virtual environment.
    Prepare,
    /// Pilothouse itself: started, ended with code 1.
    Pilothouse,
}

impl LogStream {
    /// The text on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            LogStream::Stdout => "stdout",
            LogStream::Stderr => "stderr",
            LogStream::Prepare => "prepare",
            LogStream::Pilothouse => "pilothouse",
        }
    }
}

/// One line of a service's log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LogLine {
    /// Its number in the log of its service, from 1, without gaps, kept over restarts.
    pub seq: u64,
    /// When the supervisor read it.
    pub ts: Timestamp,
    /// How grave it is, recognised from its text; INFO when it says nothing.
    pub level: Level,
    /// Where it came from.
    pub stream: LogStream,
    /// The text without the line end, at most 64 KiB; longer lines are split. Bytes that aren't UTF-8 are replaced.
    pub message: String,
    /// The fields of a structured line (JSON); empty for plain ones.
    #[serde(default)]
    pub fields: BTreeMap<String, serde_json::Value>,
}

/// Which lines to answer: the newest page unless a cursor or a time says otherwise.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(default)]
pub struct LogQuery {
    /// At most this many.
    #[cfg_attr(feature = "openapi", param(value_type = Option<u32>, minimum = 1, maximum = 10_000))]
    pub limit: Limit<10_000>,
    /// `next_cursor` of the page before: goes on towards older lines.
    pub cursor: Option<String>,
    /// Only lines at least this grave.
    pub level: Option<Level>,
    /// Only lines that contain this, in any case; at most 1000 characters.
    pub q: Option<String>,
    /// Reads `q` as a regular expression (Rust syntax, linear time), in the case given.
    pub regex: bool,
    /// Only lines from here on.
    pub from: Option<Timestamp>,
    /// Only lines before this.
    pub to: Option<Timestamp>,
}
