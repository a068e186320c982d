//! From the pipe of a service into a file, exactly once.
//!
//! Bytes that are read from a pipe are gone: a supervisor that is killed between reading and writing would lose them. So they
//! never pass through it: the kernel moves them from the pipe to a file in one call (`splice`), which no kill tears. What of
//! the file is in the log, the log itself says.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::pipe::{SpliceFlags, splice};

/// The size at which a file that is all in the log is left for a new one.
const FILE_BYTES: u64 = 1 << 20;
/// How much is moved in one call.
const MOVED: usize = 256 << 10;

/// The bytes of one stream that have left the pipe; positions count from the first byte that the service ever wrote.
pub struct Spool {
    folder: PathBuf,
    name: &'static str,
    file: File,
    base: u64,
    end: u64,
}

impl Spool {
    /// Opens what is there of stream `name`, of which `done` bytes are in the log.
    ///
    /// # Errors
    /// When the folder can't be read or written.
    pub fn open(folder: &Path, name: &'static str, done: u64) -> io::Result<Self> {
        let bases = bases(folder, name)?;
        if let Some(base) = bases.last().copied() {
            let file = open(folder, name, base)?;
            let end = base + file.metadata()?.len();
            if base <= done && done <= end {
                return Ok(Self { folder: folder.into(), name, file, base, end });
            }
        }
        // Nothing there, or not what the log says (a power cut): begin where the log ends.
        for base in bases {
            std::fs::remove_file(path(folder, name, base))?;
        }
        Ok(Self { folder: folder.into(), name, file: open(folder, name, done)?, base: done, end: done })
    }

    /// The position of the newest byte.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Moves what is in the pipe here; answers how many bytes. None is [`io::ErrorKind::WouldBlock`].
    ///
    /// # Errors
    /// When the pipe is empty, or the file can't be written.
    pub fn take_in(&mut self, pipe: &File) -> io::Result<usize> {
        let mut offset = self.end - self.base;
        let moved = splice(pipe, None, &self.file, Some(&mut offset), MOVED, SpliceFlags::NONBLOCK)?;
        self.end += moved as u64;
        if moved == 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(moved) }
    }

    /// Reads from `position` on; answers how many bytes there were.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn read(&self, position: u64, into: &mut [u8]) -> io::Result<usize> {
        let there = usize::try_from(self.end - position).unwrap_or(usize::MAX).min(into.len());
        self.file.read_exact_at(&mut into[..there], position - self.base)?;
        Ok(there)
    }

    /// Begins a new file when all of a large one is in the log.
    ///
    /// # Errors
    /// When the folder can't be written.
    pub fn shrink(&mut self, done: u64) -> io::Result<()> {
        if done < self.end || self.end - self.base < FILE_BYTES {
            return Ok(());
        }
        self.file = open(&self.folder, self.name, self.end)?;
        let old = std::mem::replace(&mut self.base, self.end);
        std::fs::remove_file(path(&self.folder, self.name, old))
    }
}

fn path(folder: &Path, name: &str, base: u64) -> PathBuf {
    folder.join(format!("{name}.{base:020}.spool"))
}

fn open(folder: &Path, name: &str, base: u64) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path(folder, name, base))
}

fn bases(folder: &Path, name: &str) -> io::Result<Vec<u64>> {
    let mut bases = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let file = entry?.file_name();
        let base: Option<u64> =
            file.to_str().and_then(|file| file.strip_prefix(name)?.strip_prefix('.')?.strip_suffix(".spool")?.parse().ok());
        bases.extend(base);
    }
    bases.sort_unstable();
    Ok(bases)
}
