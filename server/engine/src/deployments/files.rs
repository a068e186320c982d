//! The files of a release: taken from a folder into an archive, and unpacked into a folder of their own.
//!
//! An archive is named by what is in it, so equal releases share one. Beside it is a list of its files, so that two releases can be compared without
//! unpacking them. What a service writes in its folder isn't a part of a release: it stays where it is and is linked to.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use api::{FileChange, FileChangeKind};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tar::{Archive, Builder, EntryType, Header};
use walkdir::{DirEntry, WalkDir};

use crate::services::discovery::open_below;

/// Files and folders of a release.
const ENTRIES: usize = 50_000;
/// Bytes of all of its files.
const BYTES: u64 = 1 << 30;
/// Folders that are no part of a release: what is made anew, and what only people need.
const LEFT_OUT: [&str; 13] = [
    ".git",
    ".hg",
    ".svn",
    "__pycache__",
    ".venv",
    "venv",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".tox",
    ".idea",
    ".vscode",
    ".pilothouse",
];
/// Folders of the first level that services write into.
const WRITTEN: [&str; 5] = ["data", "uploads", "media", "instance", "logs"];
/// How the names of files end that services write: databases and logs.
const WRITTEN_FILES: [&str; 13] = [
    ".db",
    ".db-wal",
    ".db-shm",
    ".db-journal",
    ".sqlite",
    ".sqlite-wal",
    ".sqlite-shm",
    ".sqlite-journal",
    ".sqlite3",
    ".sqlite3-wal",
    ".sqlite3-shm",
    ".sqlite3-journal",
    ".log",
];

/// What is in a release, by path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// Files, folders and links.
    entries: BTreeMap<String, Entry>,
    /// What is linked to where it was found, because services write there.
    linked: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    mode: u32,
    #[serde(flatten)]
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Folder,
    File { bytes: u64, sha256: String },
    Link { target: String },
}

impl Manifest {
    /// Names all of it: the same files have the same one.
    pub fn digest(&self) -> String {
        let mut state = Sha256::new();
        for (path, entry) in &self.entries {
            let parts = match &entry.kind {
                Kind::Folder => ["folder".into(), String::new()],
                Kind::File { sha256, .. } => ["file".into(), sha256.clone()],
                Kind::Link { target } => ["link".into(), target.clone()],
            };
            state.update(entry.mode.to_le_bytes());
            for part in [path, &parts[0], &parts[1]] {
                state.update((part.len() as u64).to_le_bytes());
                state.update(part.as_bytes());
            }
        }
        for path in &self.linked {
            state.update([0xff]);
            state.update(path.as_bytes());
        }
        hex(&state.finalize())
    }

    /// How many files it has, and how many bytes these have.
    pub fn size(&self) -> (u64, u64) {
        let lengths = self.entries.values().filter_map(|entry| if let Kind::File { bytes, .. } = entry.kind { Some(bytes) } else { None });
        lengths.fold((0, 0), |(files, all), bytes| (files + 1, all + bytes))
    }

    /// What is linked to where it was found.
    pub fn linked(&self) -> &[String] {
        &self.linked
    }

    /// The same with [`DATA`] linked too, unless it has that.
    pub fn with_data(mut self) -> Self {
        if !self.entries.contains_key(DATA) && !self.linked.iter().any(|path| path == DATA) {
            self.linked.push(DATA.into());
        }
        self
    }

    /// Makes the folders below `origin` that services write into, where links lead. May block.
    pub fn make_shared(&self, origin: &Path) -> io::Result<()> {
        for path in &self.linked {
            let place = origin.join(path);
            match WRITTEN.contains(&path.as_str()) {
                true => fs::create_dir_all(place)?,
                false => place.parent().map_or(Ok(()), fs::create_dir_all)?,
            }
        }
        Ok(())
    }

    /// Each file that is different from `before`, by path; folders aren't told.
    pub fn changes_since(&self, before: &Self) -> Vec<FileChange> {
        let is_told = |entry: &Entry| entry.kind != Kind::Folder;
        let now = self.entries.iter().filter(|(_, entry)| is_told(entry));
        let new = now.filter_map(|(path, entry)| match before.entries.get(path) {
            None => Some((path, FileChangeKind::Added)),
            Some(old) if old != entry => Some((path, FileChangeKind::Changed)),
            Some(_) => None,
        });
        let gone = before.entries.iter().filter(|(path, entry)| is_told(entry) && !self.entries.contains_key(*path));
        let mut all: Vec<_> = new.chain(gone.map(|(path, _)| (path, FileChangeKind::Removed))).collect();
        all.sort_by_key(|(path, _)| *path);
        all.into_iter().map(|(path, change)| FileChange { path: path.clone(), change }).collect()
    }
}

/// What the files of a release are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A folder in which a service may have run: what it has written isn't a part of the release.
    Folder,
    /// A commit: all of it is. What the service writes goes into [`DATA`], unless the commit has that.
    Commit,
}

/// The folder that releases of commits share.
const DATA: &str = WRITTEN[0];

/// Takes the files of `folder`; `left_out` are names of files of its first level that aren't a part of it. What it has is written to `out` as an
/// archive. May block. Fails with why it can't be taken.
pub(super) fn take(folder: &Path, origin: Origin, left_out: &[String], out: impl Write) -> Result<Manifest, String> {
    let root = File::open(folder).map_err(|error| format!("'{}' can't be read: {error}", folder.display()))?;
    let mut archive = Builder::new(GzEncoder::new(BufWriter::new(out), Compression::fast()));
    let mut manifest = Manifest::default();
    let mut walk = WalkDir::new(folder).min_depth(1).sort_by_file_name().into_iter();
    let mut bytes = 0;
    while let Some(found) = walk.next() {
        let found = found.map_err(|error| format!("'{}' can't be read whole: {error}", folder.display()))?;
        let path = relative(folder, &found)?;
        if is_left_out(&found, left_out) {
            if found.file_type().is_dir() {
                walk.skip_current_dir();
            }
            continue;
        }
        if origin == Origin::Folder && is_written(&found) {
            if found.file_type().is_dir() {
                walk.skip_current_dir();
            }
            manifest.linked.push(path);
            continue;
        }
        let unreadable = |error: &dyn std::fmt::Display| format!("'{path}' can't be read: {error}");
        let metadata = found.metadata().map_err(|error| unreadable(&error))?;
        let mode = match origin {
            Origin::Folder => metadata.mode() & 0o7777,
            // Git knows no other, and how Pilothouse was started has no part in them.
            Origin::Commit if metadata.mode() & 0o100 != 0 => 0o755,
            Origin::Commit => 0o644,
        };
        let mut header = Header::new_gnu();
        header.set_size(0);
        header.set_mode(mode);
        header.set_mtime(u64::try_from(metadata.mtime()).unwrap_or_default());
        let kind = if metadata.is_dir() {
            header.set_entry_type(EntryType::Directory);
            archive.append_data(&mut header, &path, io::empty()).map_err(|error| unwritable(&error))?;
            Kind::Folder
        } else if metadata.is_symlink() {
            let target = fs::read_link(found.path()).map_err(|error| unreadable(&error))?;
            let target = target.to_str().ok_or_else(|| unreadable(&"the target of the link isn't UTF-8"))?.to_owned();
            header.set_entry_type(EntryType::Symlink);
            archive.append_link(&mut header, &path, &target).map_err(|error| unwritable(&error))?;
            Kind::Link { target }
        } else if metadata.is_file() {
            bytes += metadata.len();
            header.set_entry_type(EntryType::Regular);
            header.set_size(metadata.len());
            let file = open_below(&root, &path).map_err(|error| unreadable(&error))?;
            let mut read = Hashed { file: file.take(metadata.len()), state: Sha256::new(), read: 0 };
            let fits = bytes <= BYTES;
            if fits {
                // Padded or cut by what the file became meanwhile, the archive would be none.
                archive.append_data(&mut header, &path, &mut read).map_err(|error| unwritable(&error))?;
                if read.read != metadata.len() {
                    return Err(unreadable(&"it became shorter while it was read; deploy it again"));
                }
            }
            Kind::File { bytes: metadata.len(), sha256: hex(&read.state.finalize()) }
        } else {
            continue;
        };
        if manifest.entries.len() == ENTRIES || bytes > BYTES {
            return Err(format!(
                "'{}' has more than 1 GiB or 50,000 files; put what the service only reads or writes into a folder named 'data', which isn't a part of a release",
                folder.display()
            ));
        }
        manifest.entries.insert(path, Entry { mode, kind });
    }
    if origin == Origin::Commit && !manifest.entries.contains_key(DATA) {
        manifest.linked.push(DATA.into());
    }
    let done = archive.into_inner().and_then(GzEncoder::finish).and_then(|mut out| out.flush());
    done.map_err(|error| unwritable(&error))?;
    Ok(manifest)
}

/// Unpacks the archive `packed` of `manifest` into the new folder `to`, whose parent is there; what is linked leads to `origin`. Nothing is at `to` before
/// all of it is. May block.
pub(super) fn unpack(packed: File, manifest: &Manifest, origin: &Path, to: &Path) -> io::Result<()> {
    let making = to.with_extension("new");
    remove(&making)?;
    DirBuilder::new().mode(0o755).create(&making)?;
    let mut archive = Archive::new(GzDecoder::new(BufReader::new(packed)));
    archive.set_preserve_permissions(true);
    archive.set_preserve_mtime(true);
    let mut folders = Vec::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        if entry.header().entry_type() == EntryType::Directory {
            // Made writable until all is in it.
            folders.push((making.join(entry.path()?), entry.header().mode()?));
            entry.set_preserve_permissions(false);
        }
        if !entry.unpack_in(&making)? {
            return Err(io::Error::other("the archive leads out of its folder"));
        }
    }
    for (folder, mode) in folders.into_iter().rev() {
        fs::set_permissions(folder, Permissions::from_mode(mode & 0o7777))?;
    }
    for path in &manifest.linked {
        let link = making.join(path);
        if let Some(parent) = link.parent() {
            fs::create_dir_all(parent)?;
        }
        symlink(origin.join(path), link)?;
    }
    fs::rename(&making, to)
}

/// What a service has written into the folder of its release: files that aren't of it, or aren't as they were. Nothing that Python makes for itself.
pub(super) fn written(folder: &Path, manifest: &Manifest) -> io::Result<Vec<String>> {
    let mut all = Vec::new();
    let root = File::open(folder)?;
    let walk = WalkDir::new(folder).min_depth(1).sort_by_file_name().into_iter();
    for found in walk.filter_entry(|entry| !is_left_out(entry, &[])) {
        let found = found?;
        let Ok(path) = relative(folder, &found) else { continue };
        let is_known = match manifest.entries.get(&path).map(|entry| &entry.kind) {
            _ if !found.file_type().is_file() => true,
            Some(Kind::File { bytes, sha256 }) => {
                let is_as_long = found.metadata()?.len() == *bytes;
                is_as_long && {
                    let mut read = Hashed { file: open_below(&root, &path)?.take(*bytes), state: Sha256::new(), read: 0 };
                    io::copy(&mut read, &mut io::sink())?;
                    hex(&read.state.finalize()) == *sha256
                }
            }
            _ => false,
        };
        if !is_known {
            all.push(path);
        }
    }
    Ok(all)
}

/// Removes a folder with all that is in it; one that isn't there is removed.
pub(super) fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn is_left_out(entry: &DirEntry, files: &[String]) -> bool {
    let Some(name) = entry.file_name().to_str() else { return false };
    if entry.file_type().is_dir() {
        return LEFT_OUT.contains(&name) || entry.path().join("pyvenv.cfg").is_file();
    }
    name.ends_with(".pyc") || entry.depth() == 1 && (name == ".env" || files.iter().any(|file| file == name))
}

fn is_written(entry: &DirEntry) -> bool {
    let name = entry.file_name().to_str().unwrap_or_default();
    match entry.file_type() {
        kind if kind.is_dir() => entry.depth() == 1 && WRITTEN.contains(&name),
        kind if kind.is_file() => WRITTEN_FILES.iter().any(|end| name.len() > end.len() && name.ends_with(end)),
        _ => false,
    }
}

fn relative(folder: &Path, entry: &DirEntry) -> Result<String, String> {
    let path = entry.path().strip_prefix(folder).unwrap_or(entry.path());
    let refused = || format!("'{}' has a name that isn't UTF-8, so it can't be a part of a release; rename it", path.display());
    path.to_str().map(String::from).ok_or_else(refused)
}

fn unwritable(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "the disk with the data folder is full, so its files can't be kept: free some space there, then deploy it again".into()
        }
        _ => format!("its files can't be kept: {error}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads a file and names what it has read.
struct Hashed {
    file: io::Take<File>,
    state: Sha256,
    read: u64,
}

impl Read for Hashed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.state.update(&buffer[..count]);
        self.read += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;
