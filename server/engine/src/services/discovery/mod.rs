//! Discovery: finds services in the folders of the services folder, by reading only.
//!
//! Nothing is imported or run, no link is followed, folders that others may write are passed over. Limits, each reported when it is
//! met: 5,000 folders are looked at, and 1 MiB is read of each file. A `uv.lock` is read at a launch, up to 16 MiB.

pub(crate) mod environment;
mod folder;
pub(crate) mod guarded;
mod port;
pub(crate) mod python;
mod scanner;

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use api::SkippedFolder;
use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};

pub use folder::{Found, Requirements};
use guarded::{Fingerprint, Guarded};

use crate::user::{SystemUser, not_as};

/// Folders that are looked at.
const FOLDERS: usize = 5_000;
/// Bytes of a `uv.lock`. Those of projects with several hundred packages have a few million.
const LOCK_BYTES: u64 = 16 << 20;

/// What a look through the services folder has found.
#[derive(Clone, Debug, Default)]
pub struct Scan {
    /// Each folder with a service, in order, with what it says.
    pub found: Vec<(PathBuf, Found)>,
    /// Folders that were passed over.
    pub skipped: Vec<SkippedFolder>,
    /// Whether the services folder itself could be read; when not, nothing is known of any service in it.
    pub is_complete: bool,
}

/// Remembers what was read, so that looking again reads only what has changed.
#[derive(Debug, Default)]
pub struct Discovery {
    known: HashMap<PathBuf, (Fingerprint, Found)>,
}

impl Discovery {
    /// Looks through `root`. Reads files: call it where blocking is allowed.
    /// A folder of `users` is looked at with the rights of the user that its service runs as, whose it may be.
    pub fn scan(&mut self, root: &Path, users: &HashMap<PathBuf, SystemUser>) -> Scan {
        let mut scan = Scan { is_complete: true, ..Scan::default() };
        let listed = Guarded::root(root).and_then(|guarded| Ok((guarded.folders(FOLDERS)?, guarded)));
        let ((names, is_cut), guarded) = match listed {
            Ok(listed) => listed,
            Err(reason) => {
                let skipped = vec![SkippedFolder { folder: root.display().to_string(), reason }];
                return Scan { skipped, ..Scan::default() };
            }
        };
        if is_cut {
            let reason = format!("it has more than {FOLDERS} folders; only {FOLDERS} were looked at. Move some elsewhere");
            scan.skipped.push(SkippedFolder { folder: root.display().to_string(), reason });
            scan.is_complete = false;
        }
        let mut known = HashMap::with_capacity(names.len());
        for name in names {
            let path = root.join(&name);
            let looked = match users.get(&path) {
                None => self.look(&guarded, &name, &path),
                Some(user) => {
                    let looked = user.act(|| Guarded::root(root).and_then(|root| self.look(&root, &name, &path)));
                    looked.unwrap_or_else(|error| Err(not_as(&user.name, &error.to_string())))
                }
            };
            match looked {
                Ok(None) => {}
                Ok(Some((fingerprint, found))) => {
                    known.insert(path.clone(), (fingerprint, found.clone()));
                    scan.found.push((path, found));
                }
                Err(reason) => scan.skipped.push(SkippedFolder { folder: path.display().to_string(), reason }),
            }
        }
        self.known = known;
        scan
    }

    fn look(&self, root: &Guarded, name: &OsStr, path: &Path) -> Result<Option<(Fingerprint, Found)>, String> {
        if name.to_str().is_none() {
            return Err("its name isn't UTF-8; rename it".into());
        }
        let folder = root.folder(name)?;
        let Some(entry) = folder::entry(&folder) else { return Ok(None) };
        let fingerprint = folder::fingerprint(&folder);
        if let Some((same, found)) = self.known.get(path).filter(|(known, _)| *known == fingerprint) {
            return Ok(Some((same.clone(), found.clone())));
        }
        Ok(Some((fingerprint, folder::read(&folder, entry)?)))
    }
}

/// Reads the one folder `path`; none when it holds no service. Fails with why it is passed over.
pub fn read_folder(path: &Path) -> Result<Option<Found>, String> {
    let folder = Guarded::root(path)?;
    folder::entry(&folder).map(|entry| folder::read(&folder, entry)).transpose()
}

/// The text of the regular file at `path`, which may be a link; at most 1 MiB.
pub(crate) fn read_text(path: &Path) -> Option<String> {
    guarded::text(rustix::fs::CWD, path, OFlags::empty(), guarded::FILE_BYTES)
}

/// The text of the `uv.lock` of the folder `path`, read with the care of its other files. Fails, with words for people, when it has more than 16 MiB,
/// isn't there any more, is a link or is closed to who reads.
pub(crate) fn read_lock(path: &Path) -> Result<String, String> {
    let folder = Guarded::root(path)?;
    if folder.stat("uv.lock").is_some_and(|stat| u64::try_from(stat.st_size).is_ok_and(|size| size > LOCK_BYTES)) {
        return Err(format!(
            "its uv.lock has more than {} MiB, which aren't read; write a requirements.txt of it (uv export --no-dev --no-emit-project -o \
             requirements.txt), which counts more, or make an environment in its folder: .venv",
            LOCK_BYTES >> 20
        ));
    }
    folder.read_up_to("uv.lock", LOCK_BYTES).ok_or_else(|| {
        "its uv.lock can't be read: it is a link, no file, or closed to the user that it would run as; put the file itself there".into()
    })
}

/// Whether nobody but the owner of the services folder `root`, Pilothouse and root can change what is at `path` in it, or lead it elsewhere:
/// then what runs from there is theirs. Looked at are the folders on the way, the files that are read of it and the virtual environment, or
/// all that is directly in it, when it `is_suspect` because another user has run there. Fails with why not.
pub(crate) fn is_only_ours(root: &Path, path: &Path, is_suspect: bool) -> Result<(), String> {
    let below = path.strip_prefix(root).map_err(|_| "it isn't in the services folder".to_owned())?;
    let mut folder = Guarded::root(root)?;
    for name in below.iter() {
        folder = folder.folder(name)?;
    }
    if is_suspect {
        return folder.is_all_ours(FOLDERS);
    }
    folder::FILES.into_iter().try_for_each(|name| folder.is_ours(OsStr::new(name)))?;
    [".venv", "venv"].into_iter().filter(|name| folder.stat(name).is_some()).try_for_each(|name| folder.folder(OsStr::new(name)).map(drop))
}

/// The text of the file `name` of the folder `path`, such as its `.env`, read with the same care.
pub(crate) fn read_environment(path: &Path, name: &str) -> Option<String> {
    Guarded::root(path).ok()?.read(name)
}

/// The text of the file at `relative` below the folder `path`, read with the same care all the way. Fails with why it isn't read.
pub(crate) fn read_below(path: &Path, relative: &str) -> Result<String, String> {
    let mut parts: Vec<_> = relative.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    let Some(name) = parts.pop().filter(|_| !relative.starts_with('/') && !relative.contains("..") && !relative.contains('\0')) else {
        return Err("it isn't below that folder".into());
    };
    let mut folder = Guarded::root(path)?;
    for part in parts {
        folder = folder.folder(OsStr::new(part))?;
    }
    folder.read(name).ok_or_else(|| "it isn't there, is a link, or is closed to Pilothouse".into())
}

/// Opens a file below `root`, and nothing that a link leads to which has taken the place of it or of a folder on the way since.
pub(crate) fn open_below(root: &File, path: impl AsRef<Path>) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file: File = openat2(root, path.as_ref(), flags, Mode::empty(), ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS)?.into();
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it isn't a file any more")) }
}

/// Whether what is in the folder `path` is of those who may say what runs: nobody else may write to it. Fails with why it isn't taken.
pub(crate) fn guard(path: &Path) -> Result<(), String> {
    Guarded::root(path).map(drop)
}

/// A valid service name made of `name`, and different from all that `is_taken` knows.
pub fn free_name(name: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let cleaned: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' }).collect();
    let trimmed = cleaned.trim_start_matches(|c: char| !c.is_ascii_alphanumeric()).trim_end_matches('-');
    let base: String = if trimmed.is_empty() { "service".into() } else { trimmed.chars().take(63).collect() };
    if !is_taken(&base) {
        return base;
    }
    let numbered = (2u32..).map(|n| {
        let suffix = format!("-{n}");
        format!("{}{suffix}", &base[..base.len().min(63 - suffix.len())])
    });
    numbered.into_iter().find(|name| !is_taken(name)).unwrap_or(base)
}

#[cfg(test)]
mod tests;
