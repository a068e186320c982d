//! The listening socket that a service is handed, as systemd hands sockets to what it activates (see `sd_listen_fds(3)`).

use std::collections::BTreeMap;
use std::ffi::{CString, c_char};
use std::io;
use std::mem::ManuallyDrop;
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::{AtomicPtr, Ordering};

use rustix::fs::fstat;
use rustix::io::{dup2, fcntl_dupfd_cloexec};
use rustix::net::listen;
use rustix::process::{PidfdGetfdFlags, getpid, pidfd_getfd};

use crate::runtime::process::procfs::{Kin, ProcessId, snapshot};
use crate::runtime::process::state::Listening;
use crate::user::SystemUser;

/// The descriptor that a service finds the socket at.
const PLACE: RawFd = 3;
/// From here on are the descriptors of the supervisor's own ends, so that none of them is [`PLACE`].
const APART: RawFd = 10;
/// How many connections wait at most until somebody accepts them; the kernel may allow fewer.
const BACKLOG: i32 = 4096;
/// What the socket is called in `LISTEN_FDNAMES`.
const NAME: &str = "port";

/// A listening socket of 127.0.0.1.
pub struct Socket {
    fd: OwnedFd,
    /// Which one.
    pub which: Listening,
}

impl Socket {
    /// Opens one, with the rights of the user that the service runs as: it is given no port that it couldn't open itself.
    ///
    /// # Errors
    /// With words for people.
    pub fn open(port: u16, user: Option<&SystemUser>) -> Result<Self, String> {
        let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, port));
        let bound = match user {
            Some(user) => user.act(bind).and_then(|bound| bound),
            None => bind(),
        };
        let opened = bound.and_then(|listener| {
            listen(&listener, BACKLOG)?;
            Self::of(&listener, port)
        });
        opened.map_err(|error| format!("its port {port} can't be listened on: {error}; free that port, or give the service another one"))
    }

    /// Gets one back from the service whose root is `root`, which was started by another supervisor; none when that may not be, or it has
    /// none any more.
    pub fn fetch(which: Listening, root: ProcessId) -> Option<Self> {
        let members = Kin { root: Some(root), ..Kin::default() }.members(&snapshot());
        members.into_iter().find_map(|process| {
            let place = places(process.id.pid, which.inode).next()?;
            let fetched = pidfd_getfd(process.id.open().ok()?, place, PidfdGetfdFlags::empty()).ok()?;
            Self::of(&fetched, which.port).ok().filter(|socket| socket.which == which)
        })
    }

    fn of(fd: impl AsFd, port: u16) -> io::Result<Self> {
        let fd = fcntl_dupfd_cloexec(fd, APART)?;
        let which = Listening { port, inode: fstat(&fd)?.st_ino };
        Ok(Self { fd, which })
    }

    /// Lets what `command` starts find it, and have `environment`, which says so. What this answers must be held until it was started: it keeps
    /// the place of the socket from being given to what tells of a failure between fork and exec.
    ///
    /// # Errors
    /// When the environment has a zero byte, or there are too many descriptors.
    #[expect(unsafe_code, reason = "between fork and exec there is no other place: only there is the process id known")]
    pub fn hand_to(&self, command: &mut Command, environment: &BTreeMap<String, String>) -> io::Result<OwnedFd> {
        let held = fcntl_dupfd_cloexec(&self.fd, PLACE)?;
        let socket = fcntl_dupfd_cloexec(&self.fd, APART)?;
        let mut environment = Environment::new(environment)?;
        let take = move || {
            // SAFETY: whatever has this place in the child is replaced, and nobody closes it here.
            let mut place = ManuallyDrop::new(unsafe { OwnedFd::from_raw_fd(PLACE) });
            dup2(&socket, &mut place)?;
            environment.enter();
            Ok(())
        };
        // SAFETY: after the fork only system calls are made: nothing is allocated, no lock is taken.
        unsafe { command.pre_exec(take) };
        Ok(held)
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Where a process has the socket of that inode; nothing when that may not be seen.
pub fn places(pid: u32, inode: u64) -> impl Iterator<Item = RawFd> {
    let target = format!("socket:[{inode}]");
    let entries = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    entries.filter_map(move |entry| {
        let is_it = std::fs::read_link(entry.path()).is_ok_and(|link| link.to_str() == Some(&target));
        entry.file_name().to_str()?.parse().ok().filter(|_| is_it)
    })
}

/// The root of the copy that a process is of, as its environment says; none when that says nothing or may not be seen.
pub fn copy_of(pid: u32) -> Option<u32> {
    let environment = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
    let own = environment.split(|byte| *byte == 0).find_map(|variable| variable.strip_prefix(b"LISTEN_PID="))?;
    std::str::from_utf8(own).ok()?.parse().ok()
}

/// An environment in which the id of the process that enters it is filled in, without allocating.
struct Environment {
    _words: Vec<CString>,
    /// Ends with a null pointer, and before that has the place of `pid`.
    pointers: Vec<AtomicPtr<c_char>>,
    pid: [u8; 24],
}

const PID: &[u8] = b"LISTEN_PID=";

#[expect(unsafe_code, reason = "the variable of the C library that exec takes the environment from")]
unsafe extern "C" {
    static mut environ: *const *const c_char;
}

impl Environment {
    fn new(variables: &BTreeMap<String, String>) -> io::Result<Self> {
        let own = ["LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"];
        let others = variables.iter().filter(|(name, _)| !own.contains(&name.as_str())).map(|(name, value)| format!("{name}={value}"));
        let words = others.chain(["LISTEN_FDS=1".to_owned(), format!("LISTEN_FDNAMES={NAME}")]).map(CString::new);
        let words = words.collect::<Result<Vec<_>, _>>()?;
        let pointers = words.iter().map(|word| word.as_ptr().cast_mut()).chain([std::ptr::null_mut(), std::ptr::null_mut()]);
        let pointers = pointers.map(AtomicPtr::new).collect();
        let mut pid = [0; 24];
        pid[..PID.len()].copy_from_slice(PID);
        Ok(Self { _words: words, pointers, pid })
    }

    /// Makes it that of this process, which has been forked and is about to be another program.
    #[expect(unsafe_code, reason = "there is no safe way to exec with an environment that was made before the fork")]
    fn enter(&mut self) {
        let mut rest = getpid().as_raw_nonzero().get().unsigned_abs();
        let mut digits = [0; 10];
        let mut from = digits.len();
        while rest > 0 {
            from -= 1;
            digits[from] = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        let end = PID.len() + digits.len() - from;
        self.pid[PID.len()..end].copy_from_slice(&digits[from..]);
        self.pid[end] = 0;
        let place = self.pointers.len() - 2;
        self.pointers[place].store(self.pid.as_mut_ptr().cast(), Ordering::Relaxed);
        // SAFETY: there is one thread, and what it points to lives until exec.
        unsafe { environ = self.pointers.as_ptr().cast() };
    }
}
