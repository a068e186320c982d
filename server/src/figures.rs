//! Figures of Pilothouse itself, for Prometheus.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use api::{Status, SystemReport};

/// Counts of what this server answered, since its start.
#[derive(Debug, Default)]
pub struct Figures {
    /// Answers by the first digit of their status: 1xx to 5xx.
    answers: [AtomicU64; 5],
    /// Microseconds that all answers took until their head was ready.
    micros: AtomicU64,
    /// WebSockets that are open.
    sockets: AtomicU64,
}

/// Counts one open WebSocket for as long as it lives.
pub struct OpenSocket<'a>(&'a Figures);

impl Figures {
    /// Counts an answer.
    pub fn answered(&self, status: http::StatusCode, took: Duration) {
        let class = usize::from(status.as_u16() / 100).clamp(1, 5) - 1;
        self.answers[class].fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Counts a WebSocket until the answer is dropped.
    pub fn socket(&self) -> OpenSocket<'_> {
        self.sockets.fetch_add(1, Ordering::Relaxed);
        OpenSocket(self)
    }

    /// All figures in the text format of Prometheus.
    pub fn text(&self, report: &SystemReport, services: &[(Status, usize)], readers: usize) -> String {
        let mut text = String::with_capacity(4096);
        metric(&mut text, "pilothouse_info", "gauge", "The version that runs.", &[(format!("{{version=\"{}\"}}", report.version), 1.0)]);
        let by_status: Vec<_> = services.iter().map(|(status, count)| (format!("{{status=\"{status}\"}}"), *count as f64)).collect();
        metric(&mut text, "pilothouse_services", "gauge", "Services by status.", &by_status);
        let parts: Vec<_> = report
            .parts
            .iter()
            .map(|part| (format!("{{part=\"{}\"}}", part.name), f64::from(u8::from(part.health == api::Health::Healthy))))
            .collect();
        metric(&mut text, "pilothouse_part_up", "gauge", "Whether a part of Pilothouse works.", &parts);
        let answers: Vec<_> = self
            .answers
            .iter()
            .zip(1..)
            .map(|(count, class)| (format!("{{class=\"{class}xx\"}}"), count.load(Ordering::Relaxed) as f64))
            .collect();
        metric(&mut text, "pilothouse_http_requests_total", "counter", "HTTP requests answered, by class of status.", &answers);
        let seconds = self.micros.load(Ordering::Relaxed) as f64 / 1e6;
        metric(
            &mut text,
            "pilothouse_http_request_seconds_total",
            "counter",
            "Seconds spent until the head of the answer.",
            &plain(seconds),
        );
        let sockets = self.sockets.load(Ordering::Relaxed) as f64;
        metric(&mut text, "pilothouse_websockets", "gauge", "Open WebSockets.", &plain(sockets));
        metric(&mut text, "pilothouse_feed_readers", "gauge", "Subscriptions to feeds.", &plain(readers as f64));
        let started = report.started_at.micros() as f64 / 1e6;
        metric(&mut text, "process_start_time_seconds", "gauge", "When the process started, since the epoch.", &plain(started));
        own_process(&mut text);
        text
    }
}

impl Drop for OpenSocket<'_> {
    fn drop(&mut self) {
        self.0.sockets.fetch_sub(1, Ordering::Relaxed);
    }
}

fn plain(value: f64) -> Vec<(String, f64)> {
    vec![(String::new(), value)]
}

fn metric(text: &mut String, name: &str, kind: &str, help: &str, values: &[(String, f64)]) {
    // Writing to a String can't fail.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    for (labels, value) in values {
        let _ = writeln!(text, "{name}{labels} {value}");
    }
}

/// Clock ticks a second in procfs: 100 on every Linux.
const TICKS: f64 = 100.0;

/// What the kernel says of this process.
fn own_process(text: &mut String) {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let number = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok());
    if let (Some(user), Some(system)) = (number(11), number(12)) {
        metric(text, "process_cpu_seconds_total", "counter", "CPU time used.", &plain((user + system) / TICKS));
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse::<f64>().ok());
    if let Some(kilobytes) = resident {
        metric(text, "process_resident_memory_bytes", "gauge", "Resident memory.", &plain(kilobytes * 1024.0));
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        metric(text, "process_open_fds", "gauge", "Open file descriptors.", &plain(open.count() as f64));
    }
}
