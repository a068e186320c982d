//! Figures over time.

use serde::{Deserialize, Serialize};

use crate::{Error, Result, ServiceId, Timestamp};

/// What was measured of a service at one moment, or over one step; absent figures were not measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MetricsPoint {
    /// The service.
    pub service_id: ServiceId,
    /// The end of the step.
    pub timestamp: Timestamp,
    /// Per cent of one core, mean over the step.
    pub cpu_usage: Option<f64>,
    /// Resident bytes, the last of the step.
    pub memory_usage: Option<u64>,
    /// Requests answered in the step.
    pub request_count: Option<u64>,
    /// Requests a second over the step.
    pub request_rate: Option<f64>,
    /// Mean milliseconds a response took.
    pub response_time: Option<f64>,
    /// Half of the responses took at most these milliseconds.
    pub response_time_p50: Option<f64>,
    /// 95 of 100 responses took at most these milliseconds.
    pub response_time_p95: Option<f64>,
    /// 99 of 100 responses took at most these milliseconds.
    pub response_time_p99: Option<f64>,
    /// The share of responses with a 5xx status, 0 to 1.
    pub error_rate: Option<f64>,
}

impl MetricsPoint {
    /// A point with nothing measured yet.
    pub fn empty(service_id: ServiceId, timestamp: Timestamp) -> Self {
        Self {
            service_id,
            timestamp,
            cpu_usage: None,
            memory_usage: None,
            request_count: None,
            request_rate: None,
            response_time: None,
            response_time_p50: None,
            response_time_p95: None,
            response_time_p99: None,
            error_rate: None,
        }
    }
}

/// How far back to look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Range {
    /// Fifteen minutes.
    #[default]
    #[serde(rename = "15m")]
    Minutes15,
    /// One hour.
    #[serde(rename = "1h")]
    Hour,
    /// One day.
    #[serde(rename = "24h")]
    Day,
    /// Seven days.
    #[serde(rename = "7d")]
    Week,
    /// Thirty days.
    #[serde(rename = "30d")]
    Month,
}

impl Range {
    /// Every range, from short to long.
    pub const ALL: [Range; 5] = [Range::Minutes15, Range::Hour, Range::Day, Range::Week, Range::Month];

    /// The text on the wire and in URLs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Range::Minutes15 => "15m",
            Range::Hour => "1h",
            Range::Day => "24h",
            Range::Week => "7d",
            Range::Month => "30d",
        }
    }

    /// Its length in seconds.
    pub const fn seconds(self) -> i64 {
        match self {
            Range::Minutes15 => 900,
            Range::Hour => 3_600,
            Range::Day => 86_400,
            Range::Week => 604_800,
            Range::Month => 2_592_000,
        }
    }

    /// The step that gives about 180 points.
    pub const fn step_seconds(self) -> u32 {
        match self {
            Range::Minutes15 => 5,
            Range::Hour => 20,
            Range::Day => 480,
            Range::Week => 3_360,
            Range::Month => 14_400,
        }
    }
}

impl std::str::FromStr for Range {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Range::ALL
            .into_iter()
            .find(|range| range.as_str() == text)
            .ok_or_else(|| Error::invalid("range", "range is one of 15m, 1h, 24h, 7d, 30d"))
    }
}

/// Which figures to answer: a range that ends now, or both ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(default)]
pub struct MetricsQuery {
    /// The range that ends now; ignored when `from` is given.
    pub range: Option<Range>,
    /// The beginning.
    pub from: Option<Timestamp>,
    /// The end; now unless given.
    pub to: Option<Timestamp>,
    /// Seconds between points, 5 to 86400; what gives about 180 points unless given. At most 2000 points are answered.
    pub step: Option<u32>,
}

impl MetricsQuery {
    /// The range that ends now.
    pub fn last(range: Range) -> Self {
        Self { range: Some(range), ..Self::default() }
    }
}

/// Figures of one service over time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MetricsSeries {
    /// The service.
    pub service_id: ServiceId,
    /// The beginning.
    pub from: Timestamp,
    /// The end.
    pub to: Timestamp,
    /// Seconds between points.
    pub step: u32,
    /// The points, oldest first; steps without a measurement have none.
    pub points: Vec<MetricsPoint>,
}

/// Figures of the machine and of Pilothouse itself at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SystemPoint {
    /// When.
    pub timestamp: Timestamp,
    /// Per cent of all cores of the machine.
    pub host_cpu_percent: Option<f64>,
    /// Bytes of memory in use on the machine.
    pub host_memory_used_bytes: u64,
    /// Bytes of memory of the machine.
    pub host_memory_total_bytes: u64,
    /// Bytes used on the file system of the data folder.
    pub disk_used_bytes: u64,
    /// Bytes of the file system of the data folder.
    pub disk_total_bytes: u64,
    /// The load average of one minute.
    pub load_1m: f64,
    /// Per cent of one core that Pilothouse itself uses.
    pub pilothouse_cpu_percent: Option<f64>,
    /// Resident bytes of Pilothouse itself.
    pub pilothouse_memory_bytes: u64,
}

/// Figures of the machine over time, newest last.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SystemSeries {
    /// The beginning.
    pub from: Timestamp,
    /// The end.
    pub to: Timestamp,
    /// Seconds between points.
    pub step: u32,
    /// The number of cores.
    pub cores: u32,
    /// The points, oldest first; at most the last 24 hours are kept.
    pub points: Vec<SystemPoint>,
}
