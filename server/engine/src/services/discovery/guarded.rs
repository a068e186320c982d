//! Reads files of folders that somebody else fills: no links, no devices, no more than is needed.

use std::ffi::OsStr;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, fstat, openat, statat};

/// Bytes that are read of one file; the rest is not looked at.
pub(crate) const FILE_BYTES: u64 = 1 << 20;

/// A folder, held open so that what is read is of the folder that was checked.
pub(crate) struct Guarded {
    fd: OwnedFd,
    path: PathBuf,
    owner: u32,
    modified: (i64, i64),
}

/// What a file or folder was when it was read, to see cheaply whether it has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fingerprint(Vec<(String, i64, i64, i64)>);

impl Guarded {
    /// Opens a folder that may itself be reached by links: the services folder, which the operator has named.
    pub fn root(path: &Path) -> Result<Self, String> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = openat(CWD, path, flags, Mode::empty()).map_err(|error| why_closed(error, "the folder"))?;
        Self::checked(fd, path.to_owned(), None)
    }

    /// Opens the folder `name` in this one; a link is refused.
    pub fn folder(&self, name: &OsStr) -> Result<Self, String> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = openat(&self.fd, name, flags, Mode::empty()).map_err(|error| why_closed(error, "the folder"))?;
        Self::checked(fd, self.path.join(name), Some(self.owner))
    }

    fn checked(fd: OwnedFd, path: PathBuf, parent_owner: Option<u32>) -> Result<Self, String> {
        let stat = fstat(&fd).map_err(|error| format!("it can't be examined ({error})"))?;
        if stat.st_mode & 0o022 != 0 {
            return Err(others_may_write(&path));
        }
        let (own, owner) = (rustix::process::geteuid().as_raw(), stat.st_uid);
        if parent_owner.is_some_and(|parent| ![own, 0, parent].contains(&owner)) {
            return Err(format!(
                "it belongs to another user (id {owner}), who could change what runs; chown it if you trust what is in it"
            ));
        }
        Ok(Self { fd, path, owner, modified: modified(&stat) })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The names of the folders and links in it, sorted, without those that start with a dot; at most `most`, and whether there are more.
    pub fn folders(&self, most: usize) -> Result<(Vec<std::ffi::OsString>, bool), String> {
        self.names(most, |kind, name| {
            let may_be_folder = matches!(kind, FileType::Directory | FileType::Symlink | FileType::Unknown);
            may_be_folder && !matches!(name, b"__pycache__" | b"node_modules" | b"venv")
        })
    }

    /// The names of the files in it that end in `suffix`, sorted like its folders; at most `most`, and whether there are more.
    pub fn files(&self, suffix: &str, most: usize) -> Result<(Vec<std::ffi::OsString>, bool), String> {
        self.names(most, |kind, name| matches!(kind, FileType::RegularFile | FileType::Unknown) && name.ends_with(suffix.as_bytes()))
    }

    fn names(&self, most: usize, is_meant: impl Fn(FileType, &[u8]) -> bool) -> Result<(Vec<std::ffi::OsString>, bool), String> {
        let unreadable = |error| format!("it can't be listed ({error})");
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.fd).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let name = entry.file_name().to_bytes();
            if name.starts_with(b".") || !is_meant(entry.file_type(), name) {
                continue;
            }
            if names.len() == most {
                return Ok((names, true));
            }
            names.push(OsStr::from_bytes(name).to_owned());
        }
        names.sort();
        Ok((names, false))
    }

    /// The text of the file `name`, at most [`FILE_BYTES`]; none when there is none, or it is a link, a device or not readable.
    pub fn read(&self, name: &str) -> Option<String> {
        self.read_up_to(name, FILE_BYTES)
    }

    /// [`Guarded::read`] of at most `most` bytes.
    pub fn read_up_to(&self, name: &str, most: u64) -> Option<String> {
        text(&self.fd, name, OFlags::NOFOLLOW, most)
    }

    /// Whether `name`, when it is there, is of somebody who may own a folder here and written by nobody else. Fails with why not.
    pub fn is_ours(&self, name: &OsStr) -> Result<(), String> {
        let Ok(stat) = statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) else { return Ok(()) };
        let is_ours = [rustix::process::geteuid().as_raw(), 0, self.owner].contains(&stat.st_uid);
        match is_ours && (stat.st_mode & 0o022 == 0 || FileType::from_raw_mode(stat.st_mode) == FileType::Symlink) {
            true => Ok(()),
            false => Err(format!("others may change {}", self.path.join(name).display())),
        }
    }

    /// [`Guarded::is_ours`] of all that is in it, at most `most`.
    pub fn is_all_ours(&self, most: usize) -> Result<(), String> {
        let unreadable = |error| format!("it can't be listed ({error})");
        for (place, entry) in Dir::read_from(&self.fd).map_err(unreadable)?.enumerate() {
            let entry = entry.map_err(unreadable)?;
            match entry.file_name().to_bytes() {
                _ if place > most => return Err(format!("it has more than {most} files and folders")),
                b"." | b".." => {}
                name => self.is_ours(OsStr::from_bytes(name))?,
            }
        }
        Ok(())
    }

    /// What `name` is, without following a link.
    pub fn stat(&self, name: &str) -> Option<Stat> {
        statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW).ok()
    }

    /// Whether `name` is a regular file.
    pub fn has_file(&self, name: &str) -> bool {
        self.stat(name).is_some_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile)
    }

    /// What this folder and those of `names` that are there are now.
    pub fn fingerprint(&self, names: &[&str]) -> Fingerprint {
        let (seconds, nanos) = self.modified;
        let mut all = vec![(String::new(), seconds, nanos, 0)];
        for name in names {
            if let Some(stat) = self.stat(name) {
                let (seconds, nanos) = modified(&stat);
                all.push(((*name).to_owned(), seconds, nanos, stat.st_size));
            }
        }
        Fingerprint(all)
    }
}

/// The text of the regular file `name` of `folder`, at most `most` bytes; `more` says how it is opened.
pub(super) fn text(folder: impl AsFd, name: impl rustix::path::Arg, more: OFlags, most: u64) -> Option<String> {
    // NONBLOCK: opening a FIFO would wait for ever.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | more;
    let fd = openat(folder, name, flags, Mode::empty()).ok()?;
    let stat = fstat(&fd).ok()?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return None;
    }
    let mut bytes = Vec::with_capacity(usize::try_from(stat.st_size).unwrap_or(0).min(most as usize));
    std::fs::File::from(fd).take(most).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// The reason and remedy for a folder or file that group or others may write.
pub(super) fn others_may_write(path: &Path) -> String {
    format!("others may write to it, so they could change what runs; run: chmod go-w '{}'", path.display())
}

fn modified(stat: &Stat) -> (i64, i64) {
    (stat.st_mtime, stat.st_mtime_nsec.cast_signed())
}

fn why_closed(error: rustix::io::Errno, what: &str) -> String {
    use rustix::io::Errno;
    match error {
        Errno::LOOP | Errno::NOTDIR => "it is a link; links are not followed. Give its target to 'Add service', or move it here".into(),
        Errno::NOENT => format!("{what} isn't there"),
        Errno::ACCESS | Errno::PERM if rustix::process::geteuid() != rustix::process::getuid() => {
            format!("{what} may not be read by the user that the service runs as")
        }
        Errno::ACCESS | Errno::PERM => format!("{what} may not be read by the user that Pilothouse runs as"),
        other => format!("{what} can't be opened ({other})"),
    }
}
