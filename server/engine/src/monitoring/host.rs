//! What the machine and Pilothouse itself use, read from procfs, and its history of a day.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use api::{SystemPoint, Timestamp};

use super::series::short;

/// Samples of 5 s that are kept: an hour.
const FINE: usize = 720;

/// Samples of a minute that are kept: a day.
const COARSE: usize = 1_440;

/// Seconds between the samples that stay for a day.
const COARSE_SECONDS: i64 = 60;

/// Reads the figures and keeps them.
pub(super) struct Host {
    data_dir: PathBuf,
    before: Option<Counters>,
    fine: VecDeque<Sample>,
    coarse: VecDeque<Sample>,
    memory_total: u64,
    disk_total: u64,
}

/// What grows, at one moment.
#[derive(Clone, Copy)]
struct Counters {
    at: Timestamp,
    host_busy: u64,
    host_all: u64,
    own_seconds: f64,
}

/// One point in 40 bytes.
#[derive(Clone, Copy)]
struct Sample {
    at: Timestamp,
    host_cpu: f32,
    own_cpu: f32,
    load: f32,
    memory_used_kib: u32,
    own_memory_kib: u32,
    disk_used: u64,
}

impl Host {
    /// Without history. The disk is that of `data_dir`.
    pub fn new(data_dir: &Path) -> Self {
        let (fine, coarse) = (VecDeque::new(), VecDeque::new());
        Self { data_dir: data_dir.into(), before: None, fine, coarse, memory_total: 0, disk_total: 0 }
    }

    /// Reads all figures now and keeps them. What can't be read is zero or absent.
    pub fn sample(&mut self, now: Timestamp) -> SystemPoint {
        let (host_busy, host_all) = host_time().unwrap_or_default();
        let counters = Counters { at: now, host_busy, host_all, own_seconds: own_cpu_seconds() };
        let before = self.before.replace(counters);
        let (total, available) = memory().unwrap_or_default();
        let (disk_total, disk_used) = disk(&self.data_dir).unwrap_or_default();
        (self.memory_total, self.disk_total) = (total * 1024, disk_total);
        let sample = Sample {
            at: now,
            host_cpu: before.and_then(|before| share(host_busy, before.host_busy, host_all, before.host_all)).unwrap_or(f32::NAN),
            own_cpu: before.and_then(|before| own_percent(&counters, &before)).unwrap_or(f32::NAN),
            load: load().unwrap_or_default(),
            memory_used_kib: (total - available.min(total)).try_into().unwrap_or(u32::MAX),
            own_memory_kib: own_memory_kib().unwrap_or_default(),
            disk_used,
        };
        self.keep(sample);
        self.point(&sample)
    }

    fn keep(&mut self, sample: Sample) {
        push(&mut self.fine, sample, FINE);
        if self.coarse.back().is_none_or(|last| sample.at.seconds() - last.at.seconds() >= COARSE_SECONDS) {
            push(&mut self.coarse, sample, COARSE);
        }
    }

    /// The newest point.
    pub fn latest(&self) -> Option<SystemPoint> {
        self.fine.back().map(|sample| self.point(sample))
    }

    /// The points after the second of `from` and up to the end of that of `to`, from the finest samples that there are, oldest first.
    pub fn between(&self, from: Timestamp, to: Timestamp) -> Vec<SystemPoint> {
        let fine_from = self.fine.front().map_or(to, |first| first.at);
        let coarse = self.coarse.iter().filter(|sample| sample.at < fine_from);
        let within = coarse.chain(&self.fine).filter(|sample| (from.seconds() + 1..=to.seconds()).contains(&sample.at.seconds()));
        within.map(|sample| self.point(sample)).collect()
    }

    fn point(&self, sample: &Sample) -> SystemPoint {
        let known = |figure: f32| (!figure.is_nan()).then_some(short(figure.into()));
        SystemPoint {
            timestamp: sample.at,
            host_cpu_percent: known(sample.host_cpu),
            host_memory_used_bytes: u64::from(sample.memory_used_kib) * 1024,
            host_memory_total_bytes: self.memory_total,
            disk_used_bytes: sample.disk_used,
            disk_total_bytes: self.disk_total,
            load_1m: short(sample.load.into()),
            pilothouse_cpu_percent: known(sample.own_cpu),
            pilothouse_memory_bytes: u64::from(sample.own_memory_kib) * 1024,
        }
    }
}

fn push(samples: &mut VecDeque<Sample>, sample: Sample, most: usize) {
    if samples.len() >= most {
        samples.pop_front();
    }
    samples.push_back(sample);
}

fn share(busy: u64, busy_before: u64, all: u64, all_before: u64) -> Option<f32> {
    let all = all.checked_sub(all_before).filter(|all| *all > 0)?;
    Some((busy.saturating_sub(busy_before) as f64 * 100.0 / all as f64) as f32)
}

fn own_percent(now: &Counters, before: &Counters) -> Option<f32> {
    let seconds = now.at.seconds_since(before.at);
    (seconds > 0.0).then(|| ((now.own_seconds - before.own_seconds) * 100.0 / seconds) as f32)
}

/// Ticks that the cores were busy, and all ticks.
fn host_time() -> Option<(u64, u64)> {
    let text = std::fs::read_to_string("/proc/stat").ok()?;
    let ticks: Vec<u64> = text.lines().next()?.split_ascii_whitespace().skip(1).take(8).map_while(|word| word.parse().ok()).collect();
    let all = ticks.iter().sum::<u64>();
    Some((all - ticks.get(3)? - ticks.get(4)?, all))
}

/// KiB of memory, and KiB that programs could have.
fn memory() -> Option<(u64, u64)> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    Some((kib(&text, "MemTotal:")?, kib(&text, "MemAvailable:")?))
}

/// The load average of one minute.
fn load() -> Option<f32> {
    std::fs::read_to_string("/proc/loadavg").ok()?.split(' ').next()?.parse().ok()
}

/// Resident memory of this process.
fn own_memory_kib() -> Option<u32> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    kib(&text, "VmRSS:")?.try_into().ok()
}

fn kib(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

/// Seconds of CPU that this process has used.
fn own_cpu_seconds() -> f64 {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    used.tv_sec as f64 + used.tv_nsec as f64 / 1e9
}

/// Bytes of the file system, and bytes of it that are used.
pub(crate) fn disk(folder: &Path) -> Option<(u64, u64)> {
    let stat = rustix::fs::statvfs(folder).ok()?;
    let total = stat.f_blocks * stat.f_frsize;
    Some((total, total - stat.f_bfree * stat.f_frsize))
}

#[cfg(test)]
mod tests {
    use api::Timestamp;

    use super::{COARSE, FINE, Host, Sample};

    #[test]
    fn the_machine_has_memory_a_disk_and_this_process() {
        let mut host = Host::new(&std::env::temp_dir());
        let at = Timestamp::from_micros(1_000_000_000);
        assert_eq!(host.sample(at).host_cpu_percent, None, "a share needs two looks");
        let began = std::time::Instant::now();
        while began.elapsed().as_millis() < 60 {
            std::hint::spin_loop();
        }
        let point = host.sample(at.plus_seconds(1));
        assert!(point.pilothouse_cpu_percent.is_some_and(|cpu| cpu > 1.0), "{point:?}");
        assert!(point.host_memory_used_bytes > 0 && point.host_memory_used_bytes < point.host_memory_total_bytes);
        assert!(point.disk_used_bytes > 0 && point.disk_used_bytes <= point.disk_total_bytes);
        assert!(point.pilothouse_memory_bytes > 1 << 20);
    }

    #[test]
    fn an_hour_is_kept_fine_and_a_day_coarse() {
        let mut host = Host::new(&std::env::temp_dir());
        let start = Timestamp::from_micros(1_000_000_000);
        let sample = Sample { at: start, host_cpu: 1.0, own_cpu: 1.0, load: 0.5, memory_used_kib: 1, own_memory_kib: 1, disk_used: 1 };
        for n in 0..(86_400 + 7_200) / 5 {
            host.keep(Sample { at: start.plus_seconds(n * 5), ..sample });
        }
        let now = start.plus_seconds(86_400 + 7_200);
        assert!(host.fine.len() == FINE && host.coarse.len() == COARSE);
        assert_eq!(host.between(now.plus_seconds(-900), now).len(), 179);
        let day = host.between(now.plus_seconds(-86_400), now);
        assert!(day.windows(2).all(|pair| pair[0].timestamp < pair[1].timestamp), "in order and without doubles");
        assert_eq!(day.len(), 1_379 + 720);
    }
}
