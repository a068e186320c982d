//! The proxy in front of a service: a process of its own, so that it outlives Pilothouse, told by a file where requests go.
//!
//! Its folder has `routes.json`, which Pilothouse replaces whole, and `control.sock`, an HTTP server for Pilothouse alone: `POST /reload` reads
//! the file, `GET /status` says what has come. Both answer with [`Status`].

mod control;
mod forward;
mod headers;
pub mod judge;
mod program;
mod routing;
mod sent;
mod statistics;
mod stats;
mod upstream;
mod wire;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use api::ServiceId;
use serde::{Deserialize, Serialize};

pub use self::control::{Ask, ask};
pub use self::program::main;

/// The name of the file that says where requests go.
pub const ROUTES: &str = "routes.json";
/// The name of the socket that the proxy answers Pilothouse on.
pub const CONTROL: &str = "control.sock";

/// Where requests go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Routes {
    /// Grows with each change of it.
    pub revision: u64,
    /// The name of the service, for what people are told when it doesn't answer.
    pub service: String,
    /// What answers; none answers with 503.
    pub targets: Vec<Target>,
}

/// What answers requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// What it is counted by.
    pub id: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// How many of the requests it gets, as a part of the sum of all; with 0 none but those for which no other can be reached.
    pub weight: u32,
}

/// What the proxy does, and what has come since it started.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The revision of the routes that it follows.
    pub revision: u64,
    /// When it started, in microseconds: counters begin at 0 then.
    pub started_at: i64,
    /// Requests that no target could be found for.
    pub unrouted: u64,
    /// What has come of those to each target that it had since it started.
    pub targets: Vec<TargetStatus>,
}

/// What has come of the requests to a target.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TargetStatus {
    /// What it is counted by.
    pub id: String,
    /// Requests that were answered, or failed.
    pub requests: u64,
    /// Those with a status from 500 on, or without an answer.
    pub errors: u64,
    /// Requests under way, connections that were upgraded among them.
    pub in_flight: u64,
    /// How many took how long until the head of the answer was there, by [`latency_bucket`]; shorter than [`BUCKETS`] when the rest is 0.
    pub latency: Vec<u64>,
}

/// The folder of the proxy of a service.
pub(crate) fn folder(data_dir: &Path, of: ServiceId) -> PathBuf {
    data_dir.join("proxies").join(of.to_string())
}

/// How many classes of latency there are.
pub const BUCKETS: usize = 80;

/// The class of so many milliseconds: each reaches 20 % further than the one before, the first up to a quarter of a millisecond.
pub fn latency_bucket(milliseconds: f64) -> usize {
    (0..BUCKETS - 1).find(|bucket| milliseconds <= bucket_limit(*bucket)).unwrap_or(BUCKETS - 1)
}

/// The most milliseconds of a class; what took longer than that of the last but one is in the last.
pub fn bucket_limit(bucket: usize) -> f64 {
    0.25 * 1.2_f64.powi(i32::try_from(bucket).unwrap_or(i32::MAX))
}
