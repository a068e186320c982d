//! Processes and what they have used, as `/proc` shows it.

use std::collections::HashMap;
use std::fs;

/// A living process.
pub struct Process {
    pub pid: u32,
    /// Its command line, with blanks between the words.
    pub command: String,
    parent: u32,
}

impl Process {
    /// Whether it is the one that forks supervisors, which lives as long as Pilothouse.
    pub fn is_fork_server(&self) -> bool {
        self.command.contains(" supervise --fork-server ")
    }
}

/// CPU seconds of a program with all that it has started.
pub struct Spent {
    /// Of the program, of all that descends from it, and of what has ended and was waited for.
    all: f64,
    /// Of the living services alone, from their forks on.
    services: f64,
    /// Of the living descendants that aren't services, and of what those have waited for.
    pub helpers: f64,
}

impl Spent {
    /// Reads it; the services are the processes with the command line `service`.
    pub fn by(program: u32, service: &str) -> Self {
        Self::by_those(program, |command| command == service)
    }

    /// Reads it; the services are the processes with such a command line.
    ///
    /// Of living descendants it is read to the nanosecond, because many of them live shorter than a hundredth of a second; of
    /// the program itself and of what it has waited for in steps of a hundredth.
    pub fn by_those(program: u32, is_service: impl Fn(&str) -> bool) -> Self {
        let (services, helpers): (Vec<_>, Vec<_>) = descendants(program).into_iter().partition(|process| is_service(&process.command));
        let sum = |processes: Vec<Process>| 0.0 + processes.iter().map(|process| cpu_seconds_of_threads(process.pid)).sum::<f64>();
        // Who forks supervisors collects them.
        let collected: f64 = helpers.iter().filter_map(|process| stat(process.pid)).map(|fields| waited(&fields)).sum();
        let (services, helpers): (f64, f64) = (sum(services), sum(helpers) + collected);
        Self { all: own_and_waited_for(program) + services + helpers, services, helpers }
    }

    /// What keeper and services have used since `before`, those that have ended meanwhile included.
    ///
    /// A process that ends hands its time on to the one that waits for it, so nothing is lost between two readings.
    pub fn since(&self, before: &Self) -> f64 {
        self.all - before.all
    }

    /// The same without what the services that run now have used; the last moments of those that ended are in.
    ///
    /// What a keeper does between its fork and the service's program is left out by that, too.
    pub fn of_keeper_since(&self, before: &Self) -> f64 {
        self.since(before) - self.services
    }
}

/// All that a process has started, and what those have, as far as they live.
pub fn descendants(root: u32) -> Vec<Process> {
    let mut children: HashMap<u32, Vec<Process>> = HashMap::new();
    for process in fs::read_dir("/proc").unwrap().filter_map(|entry| read(entry.ok()?.file_name().to_str()?.parse().ok()?)) {
        children.entry(process.parent).or_default().push(process);
    }
    let (mut found, mut parents) = (Vec::new(), vec![root]);
    while let Some(parent) = parents.pop() {
        let born = children.remove(&parent).unwrap_or_default();
        parents.extend(born.iter().map(|process| process.pid));
        found.extend(born);
    }
    found
}

/// Whether there is such a process, be it that nobody has waited for it.
pub fn is_there(pid: u32) -> bool {
    fs::exists(format!("/proc/{pid}")).unwrap()
}

/// CPU seconds of the threads that there are, to the nanosecond; those of a process that is gone are none.
pub fn cpu_seconds_of_threads(pid: u32) -> f64 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten();
    let nanos: u64 = tasks
        .filter_map(|task| fs::read_to_string(task.ok()?.path().join("schedstat")).ok())
        .filter_map(|text| text.split(' ').next()?.parse::<u64>().ok())
        .sum();
    nanos as f64 / 1e9
}

/// CPU seconds of the processes that this one has waited for, in steps of a hundredth.
pub fn waited_for() -> f64 {
    waited(&stat(std::process::id()).unwrap())
}

fn waited(fields: &[String]) -> f64 {
    ticks(fields, 13) + ticks(fields, 14)
}

/// Bytes of memory that the process shares with nobody.
pub fn private_bytes(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    let private = text.lines().filter(|line| line.starts_with("Private_Clean:") || line.starts_with("Private_Dirty:"));
    private.map(|line| line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024).sum()
}

fn own_and_waited_for(pid: u32) -> f64 {
    let fields = stat(pid).unwrap();
    (11..=14).map(|field| ticks(&fields, field)).sum()
}

fn read(pid: u32) -> Option<Process> {
    let parent = stat(pid)?.get(1)?.parse().ok()?;
    let command = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let command = String::from_utf8_lossy(&command).trim_end_matches('\0').replace('\0', " ");
    Some(Process { pid, command, parent })
}

/// What follows the name in `/proc/PID/stat`: the state, the parent and so on.
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(text.rsplit(')').next()?.split_whitespace().map(String::from).collect())
}

/// A field of it in seconds: 11 and 12 are its own in user and kernel, 13 and 14 those of what it has waited for.
fn ticks(fields: &[String], field: usize) -> f64 {
    fields[field].parse::<f64>().unwrap() / 100.0
}
