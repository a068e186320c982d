//! Pilothouse's line to the process that forks its supervisors; see `supervisor/fork_server.rs` for the other end.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use rustix::cmsg_space;
use rustix::net::{AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType, sendmsg, socketpair};
use tokio::io::{AsyncReadExt, Interest};
use tokio::net::UnixStream;
use tokio::net::unix::pipe::Receiver;
use tokio::process::{Child, Command};
use tokio::sync::Mutex;

use super::folder::RunFolder;
use super::supervisor::FORK_SERVER;

/// What it is called with after the folder of run folders, for who looks at processes: the arguments of a supervisor have room where they are.
const WHAT: &str = "each service is supervised by a fork of this process";
/// Bytes of the first words of a supervisor; the rest isn't read.
pub const WORDS: u64 = 4096;

/// Starts supervisors by way of one process, which is started when it is first needed, and again when it has ended.
pub struct ForkServer {
    program: PathBuf,
    runs: PathBuf,
    line: Mutex<Option<Line>>,
}

/// While it is held the process lives.
struct Line {
    /// Keeps messages apart, other than its type says.
    socket: UnixStream,
    process: Child,
}

impl ForkServer {
    /// One that will be `program`, called with `supervise`, for the run folders in `runs`.
    pub fn new(program: PathBuf, runs: PathBuf) -> Self {
        Self { program, runs, line: Mutex::default() }
    }

    /// Lets a supervisor of `folder` be forked, and answers its first words; empty when it, or who should have forked it, has ended without any.
    ///
    /// # Errors
    /// When the order can't be given, or nothing is answered within `patience`: then the next one is given to a new process.
    pub async fn supervise(&self, folder: &RunFolder, patience: Duration) -> io::Result<String> {
        let (reader, writer) = io::pipe()?;
        let mut reader = Receiver::from_owned_fd(reader.into())?.take(WORDS);
        let asked = self.order(folder, writer.as_fd()).await?;
        drop(writer);
        let mut said = String::new();
        match tokio::time::timeout(patience, reader.read_to_string(&mut said)).await {
            Ok(read) => read.map(|_| said),
            Err(_) => {
                // It may have been stopped; what it has forked lives on.
                if let Some(mut line) = self.line.lock().await.take_if(|line| line.process.id() == asked) {
                    let _ = line.process.start_kill();
                }
                Err(io::ErrorKind::TimedOut.into())
            }
        }
    }

    /// Gives an order; answers the id of the process that has it.
    async fn order(&self, folder: &RunFolder, answer: BorrowedFd<'_>) -> io::Result<Option<u32>> {
        let mut line = self.line.lock().await;
        if let Some(line) = &*line {
            match line.send(folder, answer).await {
                // It has ended.
                Err(error) if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) => {}
                sent => return sent.map(|()| line.process.id()),
            }
        }
        let line = line.insert(self.begin()?);
        line.send(folder, answer).await?;
        Ok(line.process.id())
    }

    fn begin(&self) -> io::Result<Line> {
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        let ours = StdUnixStream::from(ours);
        ours.set_nonblocking(true)?;
        // It ends with this end of its standard input, which nobody else has.
        let process = Command::new(&self.program)
            .args(["supervise", FORK_SERVER])
            .arg(&self.runs)
            .arg(WHAT)
            .env_clear()
            .current_dir("/")
            .stdin(theirs)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Line { socket: UnixStream::from_std(ours)?, process })
    }
}

impl Line {
    async fn send(&self, folder: &RunFolder, answer: BorrowedFd<'_>) -> io::Result<()> {
        let send = || {
            let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            let fds = [answer];
            control.push(SendAncillaryMessage::ScmRights(&fds));
            sendmsg(&self.socket, &[IoSlice::new(folder.path().as_os_str().as_bytes())], &mut control, SendFlags::NOSIGNAL)?;
            Ok(())
        };
        self.socket.async_io(Interest::WRITABLE, send).await
    }
}
