//! Copies of a service that are ended while another one lives: the one before a restart without a break, or a new one that couldn't take over.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use api::Level;
use rustix::process::WaitStatus;

use super::child::Child;
use super::socket::copy_of;
use super::stop::{Root, Stopping};
use super::{GATHER, Supervisor, Work, has_ended};
use crate::runtime::process::procfs::{Kin, Process, ProcessId, Snapshot, snapshot};
use crate::runtime::process::state::Stage;

/// A copy that is being ended.
pub struct Leaving {
    id: ProcessId,
    /// Its root; none when that has ended.
    pub child: Option<Child>,
    /// How far its end is.
    pub stopping: Stopping,
}

impl Leaving {
    /// One that is asked to end, and killed after `grace`.
    pub fn living(child: Child, grace: Duration) -> Self {
        Self { id: child.id, child: Some(child), stopping: Stopping::new(grace) }
    }

    /// The same, asked only after `wait`.
    pub fn soon(child: Child, wait: Duration, grace: Duration) -> Self {
        Self { stopping: Stopping::after(wait, grace), ..Self::living(child, grace) }
    }

    /// One whose root has ended: what that has left is ended.
    pub fn left_by(id: ProcessId, grace: Duration) -> Self {
        let mut stopping = Stopping::new(grace);
        stopping.root_is_gone(Some(id));
        Self { id, child: None, stopping }
    }

    /// The same, when its root has turned out to have ended.
    fn whose_root_is_gone(mut self) -> Self {
        self.child = None;
        self.stopping.root_is_gone(Some(self.id));
        self
    }
}

impl Supervisor {
    /// Goes on ending copies.
    pub(super) fn end_copies(&mut self, ended: &[(u32, WaitStatus)]) {
        for mut leaving in std::mem::take(&mut self.leaving) {
            if leaving.child.as_ref().is_some_and(|child| has_ended(child, ended)) {
                leaving = leaving.whose_root_is_gone();
            }
            let root = match &leaving.child {
                Some(child) => child.root(),
                None => Root::Gone { id: Some(leaving.id), is_all_ours: !self.is_adopted },
            };
            if leaving.stopping.advance(root, || self.members_of(leaving.id)) {
                self.copy_ended(leaving.id);
                // The last of it may not be collected yet, and nothing else would wake us for that.
                self.read_from = self.read_from.max(Instant::now() + GATHER);
            } else {
                self.leaving.push(leaving);
            }
        }
    }

    fn copy_ended(&mut self, id: ProcessId) {
        let Some(handover) = self.state.handover.as_mut().filter(|last| last.stage == Stage::Ending { former: id }) else { return };
        handover.stage = Stage::Complete;
        self.record();
        self.say(Level::Info, &format!("the copy before, process {}, has ended", id.pid));
    }

    /// What is to be ended with the service: all but the copies that are ended by themselves.
    pub(super) fn members_but_leaving(&self, root: Option<ProcessId>) -> Vec<Process> {
        let now = snapshot();
        let apart: HashSet<u32> = self.leaving.iter().flat_map(|leaving| tree(leaving.id, &now)).collect();
        let mut members = self.kin(root).members(&now);
        members.retain(|process| !apart.contains(&process.id.pid));
        members
    }

    /// The processes of one of several copies. Those that have left its tree and its group are known by their environment, or by being older
    /// than the copy that stays.
    fn members_of(&self, copy: ProcessId) -> Vec<Process> {
        let now = snapshot();
        let own: HashSet<u32> = tree(copy, &now).collect();
        let staying = match &self.work {
            Work::Run(child) => Some(child.id),
            _ => None,
        };
        let making = self.successor.as_ref().and_then(|successor| successor.child()).map(|child| child.id);
        let ending = self.leaving.iter().map(|leaving| leaving.id).filter(|id| *id != copy);
        let others: HashSet<u32> = staying.into_iter().chain(making).chain(ending).flat_map(|id| tree(id, &now)).collect();
        let is_left = |process: &Process| match copy_of(process.id.pid) {
            Some(root) => root == copy.pid,
            None => staying.is_some_and(|staying| copy.start < staying.start && process.id.start < staying.start),
        };
        let mut members = self.kin(Some(copy)).members(&now);
        members.retain(|process| own.contains(&process.id.pid) || !others.contains(&process.id.pid) && is_left(process));
        members
    }

    /// All that is known to be of the service.
    fn kin(&self, root: Option<ProcessId>) -> Kin {
        let holders = if self.is_adopted { self.holders() } else { HashSet::new() };
        Kin { root, supervisors: self.state.sessions.clone(), others: &self.state.group.members() | &holders }
    }
}

/// The processes of a root: its descendants and its group.
fn tree(root: ProcessId, now: &Snapshot) -> impl Iterator<Item = u32> + use<> {
    let kin = Kin { root: Some(root), ..Kin::default() };
    kin.members(now).into_iter().map(|process| process.id.pid)
}
