//! The end of a service, by itself or because it was asked for.

use std::io;
use std::time::Duration;

use api::Level;
use rustix::process::WaitStatus;

use super::prepare::Preparation;
use super::stop::{Root, Stopping};
use super::{LEFTOVER_GRACE, Supervisor, Work};
use crate::Clock;
use crate::runtime::process::procfs::oom_kills;
use crate::runtime::process::state::Phase;

impl Supervisor {
    /// The process itself has ended; its exit status is known if it was a child.
    pub(super) fn root_ended(&mut self, status: Option<WaitStatus>) -> io::Result<()> {
        self.output.take_in()?;
        if self.stopping.is_none() && self.replace_ended() {
            return Ok(());
        }
        let code = status.and_then(WaitStatus::exit_status);
        let signal = status.and_then(WaitStatus::terminating_signal);
        // A worker that was killed long ago is no reason for an end with success.
        let of_group = code != Some(0) && self.state.group.oom_kills() > 0;
        let oom = !self.state.stop_asked && (of_group || signal == Some(9) && oom_kills() > self.oom_kills);
        let (level, text) = match (code, signal) {
            (Some(0), _) => (Level::Info, "ended with exit code 0".into()),
            (_, _) if oom && of_group => {
                let limit = self.state.limits.memory_bytes.map(api::write_bytes).unwrap_or_default();
                (Level::Error, format!("ended: the kernel killed what needed more than its limit of {limit} of memory"))
            }
            (Some(code), _) => (Level::Error, format!("ended with exit code {code}")),
            (None, Some(signal)) if self.state.stop_asked => (Level::Info, format!("ended by signal {signal}, as asked")),
            (None, Some(_)) if oom => (Level::Error, "was killed by the kernel: the machine was out of memory".into()),
            (None, Some(signal)) => (Level::Error, format!("was killed by signal {signal}")),
            (None, None) => (Level::Warning, "ended while it was not our child: its exit status isn't known".into()),
        };
        self.say(level, &text);
        self.end(code, signal, None);
        if let Work::Clear(Phase::Ended { oom: told, .. }) = &mut self.work {
            *told = oom;
        }
        Ok(())
    }

    /// Nothing of the service but leftovers runs any more.
    pub(super) fn end(&mut self, code: Option<i32>, signal: Option<i32>, start_failure: Option<String>) {
        let root = match &self.work {
            Work::Run(child) => Some(child.id),
            _ => None,
        };
        self.output.mark(None);
        let stopping = self.stopping.get_or_insert_with(|| Stopping::new(LEFTOVER_GRACE));
        stopping.root_is_gone(root);
        self.work = Work::Clear(Phase::Ended { code, signal, oom: false, at: Clock::System.now(), start_failure });
    }

    pub(super) fn stop(&mut self, grace: Duration) {
        if matches!(self.work, Work::Clear(_) | Work::Done) {
            return;
        }
        self.abandon(grace);
        match &mut self.stopping {
            Some(stopping) => stopping.hurry(grace),
            None => {
                self.stopping = Some(Stopping::new(grace));
                self.state.stop_asked = true;
                self.record();
                self.say(Level::Info, "is asked to stop");
            }
        }
    }

    /// Ends what is to be ended, and the supervisor with it when nothing is left.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        let Some(mut stopping) = self.stopping.take() else { return Ok(()) };
        let root = match &self.work {
            Work::Run(child) => child.root(),
            Work::Prepare(Preparation { child: Some(child), .. }) => child.root(),
            Work::Prepare(_) | Work::Clear(_) | Work::Done => Root::Gone { id: stopping.root(), is_all_ours: !self.is_adopted },
        };
        if stopping.is_kill() && stopping.is_due() && !self.state.group.is_empty() {
            // What starts others faster than they are killed starts no more.
            let _ = self.state.group.limit_processes(0);
        }
        let is_clear = stopping.advance(root, || self.members_but_leaving(root.id()));
        self.stopping = Some(stopping);
        if let (true, true, Work::Clear(phase)) = (is_clear, self.leaving.is_empty(), &self.work) {
            self.state.phase = phase.clone();
            // Whoever starts it anew must find its port free.
            (self.socket, self.state.socket) = (None, None);
            self.output.finish()?;
            self.forget_launch();
            // One that was ordered and not heard of.
            let _ = self.folder.take_successor();
            self.leave_group();
            self.record();
            self.work = Work::Done;
        }
        Ok(())
    }
}
