//! What a container uses.

use std::time::Instant;

use api::ResourceUsage;
use bollard::models::{ContainerMemoryStats, ContainerStatsResponse};

/// Nanoseconds of CPU that a container had used when it was looked at.
#[derive(Clone, Copy, Debug)]
pub struct Cpu {
    at: Instant,
    used: u64,
}

/// Reads one answer of the engine; `cpu_percent` is over the time since `before`.
pub fn usage(stats: &ContainerStatsResponse, before: Option<Cpu>, now: Instant) -> (ResourceUsage, Option<Cpu>) {
    let used = stats.cpu_stats.as_ref().and_then(|cpu| cpu.cpu_usage.as_ref()?.total_usage);
    let cpu = used.map(|used| Cpu { at: now, used });
    let cpu_percent = cpu.zip(before).and_then(|(now, before)| {
        let seconds = now.at.duration_since(before.at).as_secs_f64();
        // A container that was started anew counts from nothing.
        let spent = now.used.checked_sub(before.used)? as f64 / 1e9;
        (seconds > 0.0).then(|| 100.0 * spent / seconds)
    });
    let networks = stats.networks.as_ref();
    let sum = |read: fn(&bollard::models::ContainerNetworkStats) -> Option<u64>| {
        networks.map(|networks| networks.values().filter_map(read).sum::<u64>())
    };
    let usage = ResourceUsage {
        cpu_percent,
        memory_bytes: stats.memory_stats.as_ref().and_then(memory),
        disk_bytes: None,
        network_in_bytes: sum(|network| network.rx_bytes),
        network_out_bytes: sum(|network| network.tx_bytes),
    };
    (usage, cpu)
}

/// What is used without the files that could be dropped at once, as `docker stats` counts it: cgroup v1 and v2 name them differently.
fn memory(memory: &ContainerMemoryStats) -> Option<u64> {
    let stats = memory.stats.as_ref();
    let of = |name: &str| stats.and_then(|stats| stats.get(name).copied());
    let droppable = of("total_inactive_file").or_else(|| of("inactive_file")).unwrap_or_default();
    memory.usage.map(|usage| usage.saturating_sub(droppable))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::usage;

    fn answer(cpu: u64, memory: serde_json::Value) -> bollard::models::ContainerStatsResponse {
        let networks = serde_json::json!({ "eth0": { "rx_bytes": 5, "tx_bytes": 7 }, "eth1": { "rx_bytes": 1, "tx_bytes": 0 } });
        let whole =
            serde_json::json!({ "cpu_stats": { "cpu_usage": { "total_usage": cpu } }, "memory_stats": memory, "networks": networks });
        serde_json::from_value(whole).expect("as Docker writes it")
    }

    #[test]
    fn memory_is_without_what_can_be_dropped_on_either_kind_of_cgroup() {
        let now = Instant::now();
        for name in ["total_inactive_file", "inactive_file"] {
            let (used, _) = usage(&answer(0, serde_json::json!({ "usage": 100, "stats": { name: 30 } })), None, now);
            assert_eq!(used.memory_bytes, Some(70));
            assert_eq!((used.network_in_bytes, used.network_out_bytes, used.cpu_percent), (Some(6), Some(7), None));
        }
    }

    #[test]
    fn cpu_is_over_the_time_since_the_last_look_and_a_new_run_counts_from_nothing() {
        let (start, none) = (Instant::now(), serde_json::Value::Null);
        let (_, first) = usage(&answer(1_000_000_000, none.clone()), None, start);
        let (used, second) = usage(&answer(2_000_000_000, none.clone()), first, start + Duration::from_secs(2));
        assert_eq!(used.cpu_percent, Some(50.0));
        let (anew, _) = usage(&answer(5, none), second, start + Duration::from_secs(4));
        assert_eq!(anew.cpu_percent, None);
    }
}
