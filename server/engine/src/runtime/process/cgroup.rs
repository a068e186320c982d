//! Control groups: what holds the limits of all processes of a service together, also of those that would get away.
//!
//! A supervisor makes the group beside its own, starts the service in it, and removes it when nothing of the service is left.
//! Versions 1 and 2 are spoken; see `Documentation/admin-guide/cgroup-v1` and `cgroup-v2.rst` of Linux.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use api::Limits;
use serde::{Deserialize, Serialize};

use super::procfs::ProcessId;

/// The span in which a service may use its share of CPU, in microseconds; the kernel's own default.
const PERIOD: u64 = 100_000;
/// The group that Pilothouse and its supervisors are in where there is version 2: groups with limits can't be below one with processes.
const LEAF: &str = "pilothouse";

/// What a group can limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Controller {
    /// Bytes of memory.
    Memory,
    /// Share of CPU.
    Cpu,
    /// Number of processes and threads.
    Pids,
}

/// A hierarchy of groups as this process sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Hierarchy {
    controllers: Vec<Controller>,
    is_unified: bool,
    /// The group of this process.
    home: PathBuf,
    /// Where groups of services are made.
    parent: PathBuf,
}

/// The group of a service in each hierarchy that one of its limits needs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group(Vec<Seat>);

/// The group of a service in one hierarchy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Seat {
    controllers: Vec<Controller>,
    is_unified: bool,
    home: PathBuf,
    folder: PathBuf,
}

impl Controller {
    const ALL: [Self; 3] = [Self::Memory, Self::Cpu, Self::Pids];

    fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Cpu => "cpu",
            Self::Pids => "pids",
        }
    }

    fn is_needed(self, limits: &Limits) -> bool {
        match self {
            Self::Memory => limits.memory_bytes.is_some(),
            Self::Cpu => limits.cpu_percent.is_some(),
            Self::Pids => limits.processes.is_some(),
        }
    }
}

/// Makes room for groups of services, where there is version 2: limits are passed on to what is beside the group of this process, when that
/// is [`LEAF`]. In a container, where nothing outlives it, it goes into one of that name first. Elsewhere the group is left alone: one with
/// limits below it takes no process any more, and so systemd couldn't start Pilothouse again while services live on. Call it before
/// supervisors are started.
///
/// # Errors
/// When this process may not do that, or shares its group with others.
pub fn make_room() -> io::Result<()> {
    let Some(hierarchy) = hierarchies()?.into_iter().find(|hierarchy| hierarchy.is_unified) else { return Ok(()) };
    let (home, parent) = (&hierarchy.home, &hierarchy.parent);
    let offered = std::fs::read_to_string(parent.join("cgroup.controllers"))?;
    let names = Controller::ALL.map(Controller::name).into_iter();
    let names: Vec<_> = names.filter(|name| offered.split_ascii_whitespace().any(|offer| offer == *name)).collect();
    if home == parent && !names.is_empty() {
        if std::process::id() != 1 {
            return Err(io::Error::other(format!("its group isn't one of its own named '{LEAF}' (DelegateSubgroup={LEAF})")));
        }
        let leaf = home.join(LEAF);
        make_folder(&leaf)?;
        write(&leaf, "cgroup.procs", "0")?;
    }
    names.into_iter().try_for_each(|name| write(parent, "cgroup.subtree_control", &format!("+{name}")))
}

/// What can be limited by groups here: of memory, CPU, processes, in this order.
pub fn available() -> Vec<Controller> {
    let found = hierarchies().unwrap_or_default();
    let is_there = |controller: &Controller| {
        let of = found.iter().find(|hierarchy| hierarchy.controllers.contains(controller));
        of.is_some_and(|hierarchy| rustix::fs::access(&hierarchy.parent, rustix::fs::Access::WRITE_OK).is_ok())
    };
    Controller::ALL.into_iter().filter(is_there).collect()
}

impl Group {
    /// Makes the group `name` with as many of `limits` as groups can hold here, and answers which they can't, with why. The number of
    /// processes is not limited before [`Group::limit_processes`].
    pub fn make(name: &str, limits: &Limits) -> (Self, Vec<(Controller, String)>) {
        let found = hierarchies();
        let mut group = Self::default();
        let mut missing = Vec::new();
        for controller in Controller::ALL.into_iter().filter(|controller| controller.is_needed(limits)) {
            let made = match &found {
                Ok(found) => group.seat(name, controller, found).and_then(|seat| seat.limit(controller, limits)),
                Err(error) => Err(format!("control groups can't be found: {error}")),
            };
            if let Err(why) = made {
                missing.push((controller, why));
            }
        }
        (group, missing)
    }

    fn seat(&mut self, name: &str, controller: Controller, found: &[Hierarchy]) -> Result<&Seat, String> {
        if let Some(at) = self.0.iter().position(|seat| seat.controllers.contains(&controller)) {
            return Ok(&self.0[at]);
        }
        let is_of = |hierarchy: &&Hierarchy| hierarchy.controllers.contains(&controller);
        let Hierarchy { controllers, is_unified, home, parent } =
            found.iter().find(is_of).ok_or_else(|| format!("there is no control group for {}", controller.name()))?.clone();
        let folder = parent.join(name);
        // One that was left behind may have limits that stand in the way of the new ones.
        let _ = std::fs::remove_dir(&folder);
        make_folder(&folder).map_err(|error| format!("the control group {} can't be made: {error}", folder.display()))?;
        self.0.push(Seat { controllers, is_unified, home, folder });
        self.0.last().ok_or_else(String::new)
    }

    /// Whether nothing is limited by it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Does `work` with this process in the group, so that what it starts is born there. Of threads there must be one.
    ///
    /// # Errors
    /// When it can't enter, or can't come back.
    pub fn within<T>(&self, work: impl FnOnce() -> T) -> io::Result<T> {
        for seat in &self.0 {
            if let Err(error) = write(&seat.folder, "cgroup.procs", "0") {
                self.leave()?;
                return Err(error);
            }
        }
        let done = work();
        self.leave()?;
        Ok(done)
    }

    fn leave(&self) -> io::Result<()> {
        self.0.iter().try_for_each(|seat| write(&seat.home, "cgroup.procs", "0"))
    }

    /// Limits the number of its processes and threads.
    ///
    /// # Errors
    /// When the kernel refuses it.
    pub fn limit_processes(&self, count: u32) -> io::Result<()> {
        self.of(Controller::Pids).map_or(Ok(()), |seat| write(&seat.folder, "pids.max", &count.to_string()))
    }

    /// The processes that are in it now.
    pub fn members(&self) -> HashSet<ProcessId> {
        let Some(seat) = self.0.first() else { return HashSet::new() };
        let listed = std::fs::read_to_string(seat.folder.join("cgroup.procs")).unwrap_or_default();
        let pids = listed.lines().filter_map(|line| line.parse().ok()).filter(|pid| *pid != std::process::id());
        pids.filter_map(ProcessId::of).collect()
    }

    /// How often the kernel has killed one of them because the group reached its limit of memory.
    pub fn oom_kills(&self) -> u64 {
        let Some(seat) = self.of(Controller::Memory) else { return 0 };
        let file = if seat.is_unified { "memory.events" } else { "memory.oom_control" };
        number(&seat.folder.join(file), "oom_kill")
    }

    /// How often a process or thread was refused because there were as many as there may be.
    pub fn refused_processes(&self) -> u64 {
        self.of(Controller::Pids).map_or(0, |seat| number(&seat.folder.join("pids.events"), "max"))
    }

    /// Removes it.
    ///
    /// # Errors
    /// When something is still in it.
    pub fn remove(&self) -> io::Result<()> {
        self.0.iter().try_for_each(|seat| match std::fs::remove_dir(&seat.folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        })
    }

    fn of(&self, controller: Controller) -> Option<&Seat> {
        self.0.iter().find(|seat| seat.controllers.contains(&controller))
    }
}

impl Seat {
    fn limit(&self, controller: Controller, limits: &Limits) -> Result<(), String> {
        let set = |file: &str, value: String| {
            write(&self.folder, file, &value).map_err(|error| format!("{} can't be set: {error}", self.folder.join(file).display()))
        };
        match (controller, limits.memory_bytes, limits.cpu_percent.map(|percent| u64::from(percent) * PERIOD / 100)) {
            (Controller::Memory, Some(bytes), _) => {
                let (memory, swap, of_swap) = match self.is_unified {
                    true => ("memory.max", "memory.swap.max", 0),
                    false => ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes", bytes),
                };
                set(memory, bytes.to_string())?;
                // Without accounting of swap there is no such file, and without swap no need of one.
                if self.folder.join(swap).exists() { set(swap, of_swap.to_string()) } else { Ok(()) }
            }
            (Controller::Cpu, _, Some(quota)) if self.is_unified => set("cpu.max", format!("{quota} {PERIOD}")),
            (Controller::Cpu, _, Some(quota)) => {
                set("cpu.cfs_period_us", PERIOD.to_string())?;
                set("cpu.cfs_quota_us", quota.to_string())
            }
            _ => Ok(()),
        }
    }
}

fn hierarchies() -> io::Result<Vec<Hierarchy>> {
    let groups = std::fs::read_to_string("/proc/self/cgroup")?;
    let mounts = std::fs::read_to_string("/proc/self/mountinfo")?;
    Ok(find(&groups, &mounts))
}

/// The hierarchies of `/proc/self/cgroup` that are mounted according to `/proc/self/mountinfo`.
fn find(groups: &str, mounts: &str) -> Vec<Hierarchy> {
    let mounts: Vec<Mount<'_>> = mounts.lines().filter_map(Mount::read).collect();
    let one = |line: &str| {
        let mut fields = line.splitn(3, ':');
        let (names, path) = (fields.nth(1)?, fields.next()?);
        let is_unified = names.is_empty();
        let mut controllers: Vec<_> =
            Controller::ALL.into_iter().filter(|controller| names.split(',').any(|name| name == controller.name())).collect();
        let is_of = |mount: &&Mount<'_>| match controllers.first() {
            Some(first) => !mount.is_unified && mount.options.split(',').any(|option| option == first.name()),
            None => is_unified && mount.is_unified,
        };
        let home = mounts.iter().find(is_of)?.at(path);
        let mut parent = home.clone();
        if is_unified {
            if home.file_name().is_some_and(|name| name == LEAF) {
                parent.pop();
            }
            let passed_on = std::fs::read_to_string(parent.join("cgroup.subtree_control")).unwrap_or_default();
            controllers.extend(Controller::ALL.into_iter().filter(|one| passed_on.split_ascii_whitespace().any(|name| name == one.name())));
        }
        (is_unified || !controllers.is_empty()).then_some(Hierarchy { controllers, is_unified, home, parent })
    };
    groups.lines().filter_map(one).collect()
}

/// One line of `/proc/self/mountinfo` that is about control groups.
struct Mount<'a> {
    root: &'a str,
    point: PathBuf,
    is_unified: bool,
    options: &'a str,
}

impl<'a> Mount<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let (before, after) = line.split_once(" - ")?;
        let mut before = before.split(' ').skip(3);
        let (root, point) = (before.next()?, before.next()?);
        let mut after = after.split(' ');
        let is_unified = match after.next()? {
            "cgroup" => false,
            "cgroup2" => true,
            _ => return None,
        };
        // A blank is written as octal digits.
        Some(Self { root, point: point.replace("\\040", " ").into(), is_unified, options: after.nth(1)? })
    }

    /// Where a group is found; the mount point, when it is outside of what is mounted.
    fn at(&self, path: &str) -> PathBuf {
        let below = if self.root == "/" { Some(path) } else { path.strip_prefix(self.root) };
        match below.map(|below| below.trim_matches('/')) {
            Some(below) if !below.split('/').any(|part| part == "..") && !below.is_empty() => self.point.join(below),
            _ => self.point.clone(),
        }
    }
}

fn make_folder(folder: &Path) -> io::Result<()> {
    match std::fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Writes a value, all at once as the kernel wants it.
fn write(folder: &Path, file: &str, value: &str) -> io::Result<()> {
    use std::io::Write as _;
    std::fs::OpenOptions::new().write(true).open(folder.join(file))?.write_all(value.as_bytes())
}

/// The number after `name` at the beginning of a line of `file`; 0 when it can't be read.
fn number(file: &Path, name: &str) -> u64 {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use api::Limits;

    use super::{Controller, Group, Seat, find};

    const VERSION_1: &str = "9:name=systemd:/\n8:pids:/\n4:memory:/process/7e\n3:cpuset:/\n2:cpu,cpuacct:/../x\n0::/\n";

    #[test]
    fn the_groups_of_version_1_are_found_where_they_are_mounted() {
        let mounts = "33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n\
                      35 31 0:32 /process /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory\n\
                      39 31 0:36 / /sys/fs/cgroup/my\\040pids rw,relatime - cgroup cgroup rw,pids\n\
                      24 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n";
        let found: Vec<_> = find(VERSION_1, mounts).into_iter().map(|one| (one.controllers, one.home, one.is_unified)).collect();
        let at = |controller, path: &str| (vec![controller], path.into(), false);
        assert_eq!(
            found,
            [
                at(Controller::Pids, "/sys/fs/cgroup/my pids"),
                at(Controller::Memory, "/sys/fs/cgroup/memory/7e"),
                at(Controller::Cpu, "/sys/fs/cgroup/cpu,cpuacct"),
            ]
        );
    }

    /// A hierarchy of version 2 as files of a folder.
    fn unified(folder: &Path, passed_on: &str) -> String {
        let leaf = folder.join("unit").join("pilothouse");
        std::fs::create_dir_all(&leaf).expect("a folder");
        std::fs::write(folder.join("unit").join("cgroup.subtree_control"), passed_on).expect("a file");
        format!("24 31 0:38 / {} rw - cgroup2 cgroup2 rw,nsdelegate\n", folder.display())
    }

    #[test]
    fn groups_of_version_2_are_made_beside_the_one_of_pilothouse() {
        let folder = tempfile::tempdir().expect("a folder");
        let mounts = unified(folder.path(), "cpu memory pids\n");
        let found = find("0::/unit/pilothouse\n", &mounts);
        assert_eq!((found.len(), &found[0].controllers[..]), (1, &Controller::ALL[..]));
        assert_eq!(found[0].parent, folder.path().join("unit"));
        let mut group = Group::default();
        let seat = group.seat("orders", Controller::Memory, &found).expect("a seat").clone();
        assert_eq!(seat.folder, folder.path().join("unit").join("orders"));
        assert_eq!(group.seat("orders", Controller::Cpu, &found).expect("the same"), &seat);
        assert!(find("0::/unit/pilothouse\n", &unified(folder.path(), ""))[0].controllers.is_empty(), "nothing is passed on");
    }

    #[test]
    fn each_version_is_told_its_limits_in_its_own_words() {
        let folder = tempfile::tempdir().expect("a folder");
        let limits = Limits { memory_bytes: Some(64 << 20), cpu_percent: Some(150), ..Limits::default() };
        let files = ["memory.max", "memory.swap.max", "cpu.max", "memory.limit_in_bytes", "cpu.cfs_period_us", "cpu.cfs_quota_us"];
        for file in files {
            std::fs::write(folder.path().join(file), "").expect("a file");
        }
        for is_unified in [true, false] {
            let (home, folder) = (folder.path().into(), folder.path().into());
            let seat = Seat { controllers: Controller::ALL.into(), is_unified, home, folder };
            seat.limit(Controller::Memory, &limits).expect("memory");
            seat.limit(Controller::Cpu, &limits).expect("CPU");
        }
        let said = files.map(|file| std::fs::read_to_string(folder.path().join(file)).expect("a value"));
        assert_eq!(said, ["67108864", "0", "150000 100000", "67108864", "100000", "150000"]);
    }

    #[test]
    fn what_can_not_be_limited_is_said_with_why() {
        let nowhere = Group::default().seat("orders", Controller::Cpu, &[]).map(drop);
        assert_eq!(nowhere.unwrap_err(), "there is no control group for cpu");
        let (group, missing) = Group::make("orders", &Limits { open_files: Some(100), ..Limits::default() });
        assert!(group.is_empty() && missing.is_empty(), "open files need no group");
    }
}
