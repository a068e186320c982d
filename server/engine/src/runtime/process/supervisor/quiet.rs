//! Keeping a copy that is about to end from accepting more connections.
//!
//! A server that is asked to end in the very moment in which it accepts drops what it has just accepted; those of asyncio do. So the listening
//! socket is taken out of what it waits for with epoll before it is asked: it goes on with all that it has, and what comes from then on
//! wakes the new copy alone.

use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

use rustix::event::epoll;
use rustix::io::{dup2, fcntl_dupfd_cloexec};
use rustix::process::{PidfdGetfdFlags, pidfd_getfd};
use rustix::thread::{UnshareFlags, unshare_unsafe};

use super::complain;
use super::ready::epolls;
use super::socket::Socket;
use crate::runtime::process::procfs::ProcessId;

/// Keeps a process from being woken by the socket; answers whether it waited for it with epoll and does no more. When it may not be changed
/// it goes on accepting until it is asked to end.
pub fn quiet(process: ProcessId, socket: &Socket) -> bool {
    let Ok(pidfd) = process.open() else { return false };
    let mut is_quiet = false;
    for (epoll, place) in epolls(process.pid, socket.which.inode) {
        match take_out(&pidfd, epoll, place, socket) {
            Ok(()) => is_quiet = true,
            Err(error) => complain(&format!("process {} goes on accepting until it ends: {error}", process.pid)),
        }
    }
    is_quiet
}

/// Epoll knows what it watches by the file and the number of its descriptor. So the socket must have the same number here as it has there, in
/// a table of descriptors of a thread's own.
#[expect(unsafe_code, reason = "the number of a descriptor can't be chosen otherwise")]
fn take_out(pidfd: &OwnedFd, epoll: RawFd, place: RawFd, socket: &Socket) -> io::Result<()> {
    let take = || -> io::Result<()> {
        // SAFETY: descriptors of this process are closed and replaced in the copy of their table alone, which ends with this thread.
        unsafe { unshare_unsafe(UnshareFlags::FILES)? };
        let fetched = pidfd_getfd(pidfd, epoll, PidfdGetfdFlags::empty())?;
        let watching = fcntl_dupfd_cloexec(&fetched, place + 1)?;
        drop(fetched);
        let own = fcntl_dupfd_cloexec(socket, place + 1)?;
        // SAFETY: as above; it isn't closed before the thread ends.
        let mut there = ManuallyDrop::new(unsafe { OwnedFd::from_raw_fd(place) });
        dup2(&own, &mut there)?;
        Ok(epoll::delete(&watching, &*there)?)
    };
    std::thread::scope(|scope| scope.spawn(take).join().unwrap_or_else(|_| Err(io::Error::other("it was ended by an error of its own"))))
}
