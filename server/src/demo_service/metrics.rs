//! The service's own figures in the Prometheus text format, under the names that FastAPI services use.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Upper bounds of the durations, in seconds.
const BOUNDS: [f64; 10] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

/// Methods that are counted by their name; others are counted together.
const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

/// Requests by handler, method and status, and what they took.
#[derive(Default)]
pub(super) struct Metrics(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    requests: BTreeMap<(&'static str, &'static str, u16), u64>,
    durations: BTreeMap<(&'static str, &'static str), Durations>,
}

#[derive(Default)]
struct Durations {
    buckets: [u64; BOUNDS.len()],
    count: u64,
    sum: f64,
}

impl Metrics {
    /// Counts a request.
    pub fn count(&self, handler: &'static str, method: &str, status: u16, took: Duration) {
        let method = METHODS.into_iter().find(|known| *known == method).unwrap_or("other");
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.requests.entry((handler, method, status)).or_default() += 1;
        let durations = counts.durations.entry((handler, method)).or_default();
        let seconds = took.as_secs_f64();
        durations.count += 1;
        durations.sum += seconds;
        for (bucket, bound) in durations.buckets.iter_mut().zip(BOUNDS) {
            *bucket += u64::from(seconds <= bound);
        }
    }

    /// All figures.
    pub fn text(&self) -> String {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::with_capacity(4_096);
        write(&mut text, &counts).unwrap_or_default();
        text
    }
}

fn write(text: &mut String, counts: &Counts) -> std::fmt::Result {
    writeln!(text, "# HELP http_requests_total Requests by handler, method and status.\n# TYPE http_requests_total counter")?;
    for ((handler, method, status), count) in &counts.requests {
        writeln!(text, "http_requests_total{{handler=\"{handler}\",method=\"{method}\",status=\"{status}\"}} {count}")?;
    }
    writeln!(text, "# HELP http_request_duration_seconds What requests took.\n# TYPE http_request_duration_seconds histogram")?;
    for ((handler, method), durations) in &counts.durations {
        let labels = format!("handler=\"{handler}\",method=\"{method}\"");
        for (bound, count) in BOUNDS.iter().zip(durations.buckets) {
            writeln!(text, "http_request_duration_seconds_bucket{{{labels},le=\"{bound}\"}} {count}")?;
        }
        writeln!(text, "http_request_duration_seconds_bucket{{{labels},le=\"+Inf\"}} {}", durations.count)?;
        writeln!(text, "http_request_duration_seconds_sum{{{labels}}} {}", durations.sum)?;
        writeln!(text, "http_request_duration_seconds_count{{{labels}}} {}", durations.count)?;
    }
    if let Some(bytes) = resident_bytes() {
        writeln!(text, "# HELP process_resident_memory_bytes Resident memory.\n# TYPE process_resident_memory_bytes gauge")?;
        writeln!(text, "process_resident_memory_bytes {bytes}")?;
    }
    Ok(())
}

fn resident_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_ascii_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1_024)
}
