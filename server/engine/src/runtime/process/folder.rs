//! The run folder of a service: what its supervisor and Pilothouse share.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, OFlags, flock};
use serde::{Serialize, de::DeserializeOwned};

use super::state::State;
use crate::runtime::ProcessLaunch;

/// What keeps the opening of a pipe from waiting for its other end.
pub const NONBLOCK: i32 = OFlags::NONBLOCK.bits() as i32;

/// The name of the socket in the folder.
pub const SOCKET: &str = "socket";
/// The names of the pipes in the folder.
pub const PIPES: [&str; 2] = ["stdout", "stderr"];

/// Beside `launch.json`, which a supervisor takes for a run that is to be begun.
const SUCCESSOR: &str = "successor.json";

/// The run folder of one service; mode 0700.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFolder(PathBuf);

impl RunFolder {
    /// The one at `path`, which need not be there.
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Where its log is.
    pub fn log(&self) -> PathBuf {
        self.0.join("log")
    }

    /// Where its supervisor writes what fails of its own.
    pub fn errors(&self) -> PathBuf {
        self.0.join("supervisor.err")
    }

    /// Makes it.
    ///
    /// # Errors
    /// When it can't be made.
    pub fn create(&self) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.0)
    }

    /// Takes the lock that one supervisor holds all its life; none when another one has it.
    ///
    /// # Errors
    /// When the file can't be opened.
    pub fn lock(&self) -> io::Result<Option<File>> {
        try_lock(&self.0.join("lock"))
    }

    /// What the supervisor has recorded last; none when the service has never run.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn state(&self) -> io::Result<Option<State>> {
        self.read("state.json")
    }

    /// Records the state, durably. On a full disk it is written over the one before, for which there is room: a power cut may tear that.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn set_state(&self, state: &State) -> io::Result<()> {
        match self.write("state.json", state) {
            Err(error) if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => {
                let _ = self.delete("state.json.new");
                let json = serde_json::to_vec(state)?;
                let mut file = OpenOptions::new().write(true).open(self.0.join("state.json"))?;
                file.write_all(&json)?;
                file.set_len(json.len() as u64)?;
                file.sync_data()
            }
            written => written,
        }
    }

    /// What is to be run; none when that has been done.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn launch(&self) -> io::Result<Option<ProcessLaunch>> {
        self.read("launch.json")
    }

    /// Orders a run in place of the one before.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn set_launch(&self, launch: &ProcessLaunch) -> io::Result<()> {
        self.write("launch.json", launch)?;
        self.delete("state.json")
    }

    /// Forgets what was to be run: it holds the environment, which may have secrets.
    ///
    /// # Errors
    /// When it can't be deleted.
    pub fn clear_launch(&self) -> io::Result<()> {
        self.delete("launch.json")
    }

    /// Orders a copy that shall take the place of what runs.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn set_successor(&self, launch: &ProcessLaunch) -> io::Result<()> {
        self.write(SUCCESSOR, launch)
    }

    /// Reads what was ordered by [`RunFolder::set_successor`], and deletes it.
    ///
    /// # Errors
    /// When it can't be read or deleted.
    pub fn take_successor(&self) -> io::Result<Option<ProcessLaunch>> {
        let launch = self.read(SUCCESSOR);
        self.delete(SUCCESSOR)?;
        launch
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> io::Result<Option<T>> {
        match std::fs::read(self.0.join(name)) {
            Ok(json) => Ok(Some(serde_json::from_slice(&json)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn write(&self, name: &str, value: &impl Serialize) -> io::Result<()> {
        let draft = self.0.join(format!("{name}.new"));
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        file.write_all(&serde_json::to_vec(value)?)?;
        file.sync_data()?;
        std::fs::rename(&draft, self.0.join(name))?;
        File::open(&self.0)?.sync_all()
    }

    fn delete(&self, name: &str) -> io::Result<()> {
        match std::fs::remove_file(self.0.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// Locks the file at `path`, made when it isn't there; none when it is locked already. The lock ends with the file.
///
/// # Errors
/// When it can't be opened.
pub fn try_lock(path: &Path) -> io::Result<Option<File>> {
    // NONBLOCK: where another user may write there could be a pipe, whose opening would wait for ever.
    let file = OpenOptions::new().create(true).append(true).mode(0o600).custom_flags(NONBLOCK).open(path)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
