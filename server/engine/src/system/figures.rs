//! Pilothouse's own figures in the Prometheus text format.

use std::fmt::{Display, Write};

use api::{Health, Status, Timestamp};

use crate::Core;
use crate::monitoring::host;

/// All figures of the engine.
pub(super) fn prometheus(core: &Core, started_at: Timestamp) -> String {
    let mut text = String::with_capacity(2_048);
    family(&mut text, "pilothouse_build_info", "gauge", "The version that runs; always 1.");
    sample(&mut text, "pilothouse_build_info", Some(("version", env!("CARGO_PKG_VERSION"))), 1);
    let services = core.catalog.all();
    family(&mut text, "pilothouse_services", "gauge", "Services by status.");
    for status in Status::ALL {
        let count = services.iter().filter(|entry| entry.service.status == *status).count();
        sample(&mut text, "pilothouse_services", Some(("status", status.as_str())), count);
    }
    family(&mut text, "pilothouse_running_services", "gauge", "Running services by health.");
    for health in Health::ALL {
        let is_it = |service: &api::Service| service.status == Status::Running && service.health_status == *health;
        let count = services.iter().filter(|entry| is_it(&entry.service)).count();
        sample(&mut text, "pilothouse_running_services", Some(("health", health.as_str())), count);
    }
    single(&mut text, "pilothouse_feed_readers", "gauge", "Subscriptions to feeds.", core.bus.readers());
    single(&mut text, "process_cpu_seconds_total", "counter", "Seconds of CPU used.", host::own_cpu_seconds());
    if let Some(kib) = host::own_memory_kib() {
        single(&mut text, "process_resident_memory_bytes", "gauge", "Resident memory.", u64::from(kib) * 1_024);
    }
    let started_at = started_at.micros() as f64 / 1e6;
    single(&mut text, "process_start_time_seconds", "gauge", "When it started, in seconds since 1970.", started_at);
    text
}

fn single(text: &mut String, name: &str, kind: &str, help: &str, value: impl Display) {
    family(text, name, kind, help);
    sample(text, name, None, value);
}

// Writing to a string can't fail.
fn family(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn sample(text: &mut String, name: &str, label: Option<(&str, &str)>, value: impl Display) {
    let _ = match label {
        Some((label, of)) => writeln!(text, "{name}{{{label}=\"{of}\"}} {value}"),
        None => writeln!(text, "{name} {value}"),
    };
}
