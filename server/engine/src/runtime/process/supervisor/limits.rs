//! What a service may use at most: by a control group where there is one, else by what each process may have.

use api::{Level, Limits};
use rustix::process::{Resource, Uid, geteuid};

use super::{Supervisor, complain};
use crate::runtime::process::cgroup::{Controller, Group};
use crate::runtime::process::procfs::tasks_of;
use crate::user::SystemUser;

impl Supervisor {
    /// Makes the control group for the service, and answers what each of its processes is limited to. What can't be held is said in its log.
    pub(super) fn prepare_limits(&mut self, limits: &Limits, user: Option<&SystemUser>) -> Vec<(Resource, u64)> {
        let mut each: Vec<_> = limits.open_files.map(|count| (Resource::Nofile, u64::from(count))).into_iter().collect();
        if limits.is_empty() {
            return each;
        }
        let name = self.folder.path().file_name().unwrap_or_default().to_string_lossy();
        let (group, missing) = Group::make(&format!("pilothouse-{name}"), limits);
        (self.state.limits, self.state.group) = (*limits, group);
        // Before anything is in it: who takes over must know of it.
        self.record();
        for (controller, why) in missing {
            let owner = user.map_or_else(geteuid, |user| Uid::from_raw(user.uid));
            let text = match controller {
                Controller::Memory => {
                    each.extend(limits.memory_bytes.map(|bytes| (Resource::Data, bytes)));
                    "its limit of memory holds for each of its processes, not for all together"
                }
                Controller::Cpu => "its limit of CPU isn't held",
                Controller::Pids if owner.is_root() => "its limit of processes isn't held",
                Controller::Pids => {
                    let there = tasks_of(owner.as_raw());
                    each.extend(limits.processes.map(|count| (Resource::Nproc, there + u64::from(count))));
                    "its limit of processes holds for all of its user: that many more than there were"
                }
            };
            self.say(Level::Warning, &format!("{text}: {why}"));
        }
        each
    }

    /// Limits the number of its processes, now that the first one is there.
    pub(super) fn limit_processes(&mut self) {
        let Some(count) = self.state.limits.processes else { return };
        if let Err(error) = self.state.group.limit_processes(count) {
            self.say(Level::Warning, &format!("its limit of processes isn't held: {error}"));
        }
    }

    /// Removes the control group, in which nothing is left.
    pub(super) fn leave_group(&mut self) {
        let group = std::mem::take(&mut self.state.group);
        let refused = group.refused_processes();
        // A stop that has to kill lets it start none at all.
        if let (Some(count), true, false) = (self.state.limits.processes, refused > 0, self.state.stop_asked) {
            self.say(Level::Warning, &format!("was refused a process or thread {refused} times: {count} is its limit"));
        }
        if let Err(error) = group.remove() {
            complain(&format!("its control group can't be removed: {error}"));
        }
    }
}
