//! Processes as the kernel shows them in `/proc`.

use std::collections::{HashMap, HashSet};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// More than the kernel writes into `/proc/{pid}/stat`: 52 numbers of at most 20 digits and a name of at most 64 bytes.
const STAT_BYTES: usize = 1280;

/// A process for certain: a process id is used again, together with the start time it isn't (within one boot).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ProcessId {
    /// The process id.
    pub pid: u32,
    /// When it started, in clock ticks since the boot.
    pub start: u64,
}

/// One line of `/proc/{pid}/stat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    /// Which process.
    pub id: ProcessId,
    /// Its parent.
    pub parent: u32,
    /// Its process group.
    pub group: u32,
    /// Its session.
    pub session: u32,
    /// Whether it has ended and only waits to be collected.
    pub is_dead: bool,
    /// Clock ticks of CPU that it and its collected children have used.
    pub ticks: u64,
    /// Resident pages.
    pub resident_pages: u64,
}

/// All processes at one moment, found by id, parent, group and session without looking at all of them.
#[derive(Debug, Default)]
pub struct Snapshot {
    processes: HashMap<u32, Process>,
    children: Index,
    groups: Index,
    sessions: Index,
}

/// Process ids by some other number: sorted pairs.
#[derive(Debug, Default)]
struct Index(Vec<(u32, u32)>);

/// How the processes of one service are known.
#[derive(Clone, Debug, Default)]
pub struct Kin {
    /// The process that was started, which leads a group.
    pub root: Option<ProcessId>,
    /// Its supervisors: orphans come to the one that lives, and all of them lead sessions.
    pub supervisors: Vec<ProcessId>,
    /// Others that are known to belong to it.
    pub others: HashSet<ProcessId>,
}

impl ProcessId {
    /// Who has this process id now.
    pub fn of(pid: u32) -> Option<Self> {
        Process::read(pid).map(|process| process.id)
    }

    /// Whether this very process is there and hasn't ended.
    pub fn is_alive(self) -> bool {
        Process::read(self.pid).is_some_and(|process| process.id == self && !process.is_dead)
    }

    /// A descriptor of this very process.
    ///
    /// # Errors
    /// When it is not there any more.
    pub fn open(self) -> io::Result<rustix::fd::OwnedFd> {
        let gone = || io::Error::from(rustix::io::Errno::SRCH);
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw).ok_or_else(gone)?;
        let fd = pidfd_open(pid, PidfdFlags::empty())?;
        // Opened first, looked at second: so the descriptor is of the process that was looked at, or of one that is gone.
        (Self::of(self.pid) == Some(self)).then_some(fd).ok_or_else(gone)
    }

    /// Sends a signal to this very process; never to another one that has its id by now.
    ///
    /// # Errors
    /// When it is not there any more, or may not be signalled.
    pub fn signal(self, signal: Signal) -> io::Result<()> {
        Ok(pidfd_send_signal(self.open()?, signal)?)
    }
}

impl Process {
    /// Reads one process; none when it is gone.
    ///
    /// By one call for all of the line: hundreds of these are read every few seconds, and reading until the end asks three times.
    pub fn read(pid: u32) -> Option<Self> {
        let mut line = [0; STAT_BYTES];
        let length = std::fs::File::open(format!("/proc/{pid}/stat")).ok()?.read(&mut line).ok()?;
        Self::parse(pid, &line[..length])
    }

    fn parse(pid: u32, stat: &[u8]) -> Option<Self> {
        // The name is in brackets and may hold anything, brackets too.
        let end = stat.iter().rposition(|byte| *byte == b')')?;
        let rest = std::str::from_utf8(stat.get(end + 2..)?).ok()?;
        let mut fields = [""; 22];
        for (field, word) in fields.iter_mut().zip(rest.split_ascii_whitespace()) {
            *field = word;
        }
        let number = |n: usize| fields[n].parse::<i64>().ok().map(|value| value.max(0) as u64);
        Some(Self {
            id: ProcessId { pid, start: number(19)? },
            parent: number(1)? as u32,
            group: number(2)? as u32,
            session: number(3)? as u32,
            is_dead: matches!(fields[0], "Z" | "X"),
            ticks: number(11)? + number(12)? + number(13)? + number(14)?,
            resident_pages: number(21)?,
        })
    }
}

/// The moment, in clock ticks since the boot.
pub fn now_ticks() -> u64 {
    let since_boot = clock_gettime(ClockId::Boottime);
    let ticks = rustix::param::clock_ticks_per_second();
    since_boot.tv_sec as u64 * ticks + since_boot.tv_nsec as u64 * ticks / 1_000_000_000
}

/// The name of this boot of the machine.
///
/// # Errors
/// When the kernel doesn't tell.
pub fn boot_id() -> io::Result<String> {
    Ok(std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

/// Looks at all processes.
pub fn snapshot() -> Snapshot {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Snapshot::default() };
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter_map(Process::read).collect()
}

impl FromIterator<Process> for Snapshot {
    fn from_iter<T: IntoIterator<Item = Process>>(processes: T) -> Self {
        let processes: HashMap<u32, Process> = processes.into_iter().map(|process| (process.id.pid, process)).collect();
        let index = |key: fn(&Process) -> u32| {
            let mut pairs: Vec<_> = processes.values().map(|process| (key(process), process.id.pid)).collect();
            pairs.sort_unstable();
            Index(pairs)
        };
        let (children, groups, sessions) =
            (index(|process| process.parent), index(|process| process.group), index(|process| process.session));
        Self { children, groups, sessions, processes }
    }
}

impl Index {
    fn get(&self, key: u32) -> impl Iterator<Item = u32> + use<'_> {
        let from = self.0.partition_point(|(one, _)| *one < key);
        self.0[from..].iter().take_while(move |(one, _)| *one == key).map(|(_, pid)| *pid)
    }
}

impl Snapshot {
    /// Whether this very process is there.
    fn has(&self, id: ProcessId) -> bool {
        self.processes.get(&id.pid).is_some_and(|process| process.id == id)
    }

    /// Who is in a group or session that `leader` made. Its id isn't given to a new process while somebody is in it; so if a
    /// stranger has the id now, those in it are the stranger's.
    fn led_by(&self, leader: ProcessId, index: &Index) -> Vec<u32> {
        if self.processes.get(&leader.pid).is_some_and(|now| now.id != leader) {
            return Vec::new();
        }
        let is_younger = |pid: &u32| self.processes.get(pid).is_some_and(|process| process.id.start >= leader.start);
        index.get(leader.pid).filter(is_younger).collect()
    }
}

impl Kin {
    /// The living processes of the service, its root first; its supervisors are not among them.
    pub fn members(&self, now: &Snapshot) -> Vec<Process> {
        let mut waiting: Vec<u32> = self.root.iter().chain(&self.others).filter(|id| now.has(**id)).map(|id| id.pid).collect();
        if let Some(root) = self.root {
            waiting.extend(now.led_by(root, &now.groups));
        }
        for supervisor in &self.supervisors {
            waiting.extend(now.led_by(*supervisor, &now.sessions));
            if now.has(*supervisor) {
                waiting.extend(now.children.get(supervisor.pid));
            }
        }
        let mut seen = HashSet::new();
        let mut members = Vec::new();
        while let Some(pid) = waiting.pop() {
            let Some(process) = now.processes.get(&pid) else { continue };
            if self.supervisors.contains(&process.id) || !seen.insert(pid) {
                continue;
            }
            waiting.extend(now.children.get(pid));
            if !process.is_dead {
                members.push(*process);
            }
        }
        members.sort_by_key(|process| (Some(process.id) != self.root, process.id));
        members
    }
}

/// The processes that have one of `files` open, apart from `except`; only those of the user `uid`, when there is one.
pub fn holders(files: &[PathBuf], except: u32, uid: Option<u32>) -> HashSet<ProcessId> {
    let is_of = |pid: u32| uid.is_none_or(|uid| real_user(pid) == Some(uid));
    snapshot()
        .processes
        .into_values()
        .filter(|process| process.id.pid != except && !process.is_dead && is_of(process.id.pid) && has_open(process.id.pid, files))
        .map(|process| process.id)
        .collect()
}

/// The user that a process really is of.
fn real_user(pid: u32) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("Uid:")?.split_ascii_whitespace().next()?.parse().ok())
}

fn has_open(pid: u32, files: &[PathBuf]) -> bool {
    descriptors(pid).any(|target| files.contains(&target))
}

/// What the descriptors of a process lead to; nothing when that may not be seen.
pub fn descriptors(pid: u32) -> impl Iterator<Item = PathBuf> {
    let entries = std::fs::read_dir(Path::new("/proc").join(pid.to_string()).join("fd"));
    entries.into_iter().flatten().filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
}

/// How many processes and threads a user has.
pub fn tasks_of(user: u32) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let own = entries.filter(|entry| entry.metadata().is_ok_and(|meta| meta.is_dir() && meta.uid() == user));
    own.map(|entry| std::fs::read_dir(entry.path().join("task")).map_or(0, |tasks| tasks.count() as u64)).sum()
}

/// How often the kernel has killed a process for want of memory since the boot.
pub fn oom_kills() -> u64 {
    let text = std::fs::read_to_string("/proc/vmstat").unwrap_or_default();
    text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use rustix::process::Signal;

    use super::{Kin, Process, ProcessId, Snapshot, snapshot};

    fn process(pid: u32, start: u64, parent: u32, group: u32, session: u32) -> Process {
        let id = ProcessId { pid, start };
        Process { id, parent, group, session, is_dead: false, ticks: 0, resident_pages: 0 }
    }

    fn table(processes: &[Process]) -> Snapshot {
        processes.iter().copied().collect()
    }

    fn pids(kin: &Kin, processes: &Snapshot) -> Vec<u32> {
        kin.members(processes).iter().map(|process| process.id.pid).collect()
    }

    #[test]
    fn a_name_with_brackets_and_blanks_does_not_confuse() {
        let stat = b"77 (a) b (c) S 1 77 70 0 -1 4194560 100 0 0 0 5 6 7 8 20 0 1 0 4242 1000 25 0";
        let read = Process::parse(77, stat).unwrap();
        assert_eq!((read.id.start, read.parent, read.group, read.session), (4242, 1, 77, 70));
        assert_eq!((read.ticks, read.resident_pages), (26, 25));
    }

    #[test]
    fn grandchildren_orphans_and_groups_belong_to_a_service_and_strangers_do_not() {
        let kin = Kin { root: Some(ProcessId { pid: 20, start: 5 }), supervisors: vec![ProcessId { pid: 10, start: 4 }], ..Kin::default() };
        let processes = table(&[
            process(1, 0, 0, 1, 1),
            process(10, 4, 1, 10, 10),
            process(20, 5, 10, 20, 10),
            process(21, 6, 20, 20, 10),
            process(22, 7, 10, 22, 22), // left its session, came to the supervisor
            process(23, 8, 22, 22, 22),
            process(24, 9, 1, 20, 10), // of the group, adopted by init
            process(30, 9, 1, 30, 30),
        ]);
        assert_eq!(pids(&kin, &processes), [20, 21, 22, 23, 24]);
    }

    #[test]
    fn a_process_id_that_was_given_to_a_stranger_is_left_alone() {
        let kin = Kin { root: Some(ProcessId { pid: 20, start: 5 }), supervisors: vec![ProcessId { pid: 10, start: 4 }], ..Kin::default() };
        let processes = table(&[
            process(10, 900, 1, 10, 10), // a stranger has the supervisor's id, and leads a session
            process(11, 901, 10, 11, 10),
            process(20, 902, 1, 20, 20), // a stranger has the root's id, and leads a group
            process(21, 903, 20, 20, 20),
        ]);
        assert_eq!(pids(&kin, &processes), [0_u32; 0]);
        let me = ProcessId::of(std::process::id()).unwrap();
        assert!(me.is_alive() && snapshot().has(me));
        let stranger = ProcessId { start: me.start + 1, ..me };
        assert!(!stranger.is_alive());
        stranger.signal(Signal::KILL).expect_err("this test is still here, because it has another start time");
    }
}
