//! A process that forks a supervisor for each order that it is given, so that all of them share the memory of the start.
//!
//! A program that is executed relocates its tables for itself: that takes time, and 0.77 MB that are its own. A fork has
//! them from who forked it. So there is one such process for each Pilothouse, with one thread, which has done nothing else; it ends with
//! Pilothouse, and the supervisors, each in a session of its own, don't.
//!
//! An order is one message on standard input, a socket that keeps messages apart: the path of the run folder, and with it the pipe that
//! takes the supervisor's first words.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::{self, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use rustix::cmsg_space;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use rustix::process::{WaitOptions, setsid, wait};
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout, stdin};
use signal_hook::consts::SIGCHLD;
use signal_hook::low_level::{pipe, unregister};

use super::super::folder::RunFolder;

/// Bytes that the path of a run folder may have, as the kernel has it.
const PATH: usize = 4096;

/// What is to be supervised.
struct Order {
    folder: RunFolder,
    /// Takes `ready`, or why it can't begin.
    answer: OwnedFd,
}

/// Forks a supervisor for each order, until nobody can give one any more; then it answers none. In a fork it answers what that is to
/// supervise, with the standard streams that a supervisor has.
///
/// # Errors
/// When it can't take orders; in a fork, when the streams can't be set, which is told to who gave the order.
pub(super) fn serve() -> io::Result<Option<RunFolder>> {
    if std::fs::read_dir("/proc/self/task")?.count() != 1 {
        return Err(io::Error::other("only a process of one thread can be forked safely"));
    }
    // What is typed at Pilothouse's terminal is not for this one.
    let _ = setsid();
    let (mut ends, wake) = UnixStream::pair()?;
    ends.set_nonblocking(true)?;
    let woken_by = pipe::register(SIGCHLD, wake)?;
    loop {
        let mut fds = [PollFd::from_borrowed_fd(stdin(), PollFlags::IN), PollFd::new(&ends, PollFlags::IN)];
        match poll(&mut fds, None) {
            Err(Errno::INTR) => continue,
            polled => polled?,
        };
        if fds.iter().all(|fd| fd.revents().is_empty()) {
            continue;
        }
        let has_order = !fds.first().is_none_or(|fd| fd.revents().is_empty());
        let mut signals = [0; 64];
        while ends.read(&mut signals).is_ok_and(|read| read > 0) {}
        // Those that have ended leave nothing behind.
        while wait(WaitOptions::NOHANG).is_ok_and(|ended| ended.is_some()) {}
        if !has_order {
            continue;
        }
        let Some(order) = receive()? else { return Ok(None) };
        match fork() {
            Ok(true) => {
                unregister(woken_by);
                let mut answer = File::from(order.answer.try_clone()?);
                return order.become_it().map(Some).inspect_err(|error| _ = write!(answer, "the supervisor can't begin: {error}"));
            }
            Ok(false) => {}
            Err(error) => _ = write!(File::from(order.answer), "the supervisor can't be forked: {error}; has the machine reached a limit?"),
        }
    }
}

/// Waits for an order; none when nobody is there any more.
fn receive() -> io::Result<Option<Order>> {
    let mut path = vec![0; PATH];
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = recvmsg(stdin(), &mut [IoSliceMut::new(&mut path)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let answer = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
        _ => None,
    });
    path.truncate(received.bytes);
    match answer {
        Some(answer) => Ok(Some(Order { folder: RunFolder::new(PathBuf::from(OsString::from_vec(path))), answer })),
        None if path.is_empty() => Ok(None),
        None => Err(io::Error::other("an order came without a pipe for its answer")),
    }
}

impl Order {
    /// Has the standard streams of a supervisor, and is called as one that was executed.
    fn become_it(self) -> io::Result<RunFolder> {
        dup2_stdin(File::open("/dev/null")?)?;
        dup2_stdout(&self.answer)?;
        dup2_stderr(OpenOptions::new().create(true).append(true).open(self.folder.errors())?)?;
        // Only who looks at processes sees it.
        let _ = call(&[OsStr::new("supervise"), OsStr::new(super::RUN_FOLDER), self.folder.path().as_os_str()]);
        Ok(self.folder)
    }
}

/// Whether this is the copy.
#[expect(unsafe_code, reason = "no safe function forks")]
fn fork() -> io::Result<bool> {
    // SAFETY: this process has one thread, as was looked at, and starts none: no lock is held by another, so the copy may do whatever this
    // one may.
    match unsafe { libc::fork() } {
        ..0 => Err(io::Error::last_os_error()),
        pid => Ok(pid == 0),
    }
}

/// Writes other arguments over those that this process was called with, as far as there is room.
fn call(args: &[&OsStr]) -> io::Result<()> {
    let unlike = || io::Error::other("/proc/self/stat isn't what it was");
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // Counted from the state, the third: the addresses of the first argument and of the end of the last, the 48th and 49th.
    let mut places = stat.rsplit(')').next().unwrap_or_default().split_ascii_whitespace().skip(45);
    let mut place = || places.next().and_then(|word| word.parse::<u64>().ok()).ok_or_else(unlike);
    let (start, end) = (place()?, place()?);
    let program = std::env::args_os().next().unwrap_or_default();
    let mut text = Vec::new();
    for arg in std::iter::once(program.as_os_str()).chain(args.iter().copied()) {
        text.extend_from_slice(arg.as_bytes());
        text.push(0);
    }
    let room = usize::try_from(end.checked_sub(start).ok_or_else(unlike)?).map_err(|_| unlike())?;
    text.resize(room, 0);
    // Ends with a zero, or the kernel takes what follows for more of it.
    text.last_mut().into_iter().for_each(|last| *last = 0);
    OpenOptions::new().write(true).open("/proc/self/mem")?.write_all_at(&text, start)
}
