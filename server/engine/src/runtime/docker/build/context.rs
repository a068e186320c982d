//! What an image is built of: the files of a folder, as the archive that the engine reads.

use std::fs::{self, File, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use api::ImageBuild;
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};
use walkdir::WalkDir;

use super::ignore::Ignored;
use crate::services::discovery::{guard, open_below, read_below};

/// What says which files stay out.
const IGNORE: &str = ".dockerignore";
/// Files and folders of a context.
const ENTRIES: usize = 100_000;
/// Bytes of all of its files.
const BYTES: u64 = 1 << 30;

/// The files that an image is built of.
#[derive(Debug)]
pub(super) struct Context {
    root: PathBuf,
    entries: Vec<Entry>,
    /// Names the state of all of it: differs when a file has been changed, made or removed, or the build is another.
    pub fingerprint: String,
}

#[derive(Debug)]
struct Entry {
    path: PathBuf,
    mode: u32,
    modified: i64,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Folder,
    File(u64),
    Link(PathBuf),
}

impl Context {
    /// Looks at the folder, without reading the files in it; links aren't followed, and what is neither file, folder nor link is
    /// passed over. May block. Fails with why it can't be taken.
    pub fn read(build: &ImageBuild) -> Result<Self, String> {
        let (root, dockerfile) = (PathBuf::from(&build.folder), build.dockerfile());
        guard(&root)?;
        read_below(&root, dockerfile).map_err(|why| format!("its {dockerfile} can't be read: {why}"))?;
        let ignored = match fs::symlink_metadata(root.join(IGNORE)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            // What it keeps out may be secret: it isn't built without it.
            _ => read_below(&root, IGNORE).map_err(|why| format!("its {IGNORE} can't be read: {why}"))?,
        };
        let ignored = Ignored::read(&ignored, dockerfile)?;
        let relative = |path: &Path| path.strip_prefix(&root).unwrap_or(path).to_owned();
        let walk = WalkDir::new(&root).min_depth(1).sort_by_file_name().into_iter();
        let walk = walk.filter_entry(|entry| !(entry.file_type().is_dir() && ignored.has_all_of(&relative(entry.path()))));
        let (mut entries, mut bytes) = (Vec::new(), 0_u64);
        let mut state = Sha256::new();
        state.update(serde_json::to_vec(build).unwrap_or_default());
        for found in walk {
            let found = found.map_err(|error| unreadable(&error.path().map(relative).unwrap_or_default(), &error))?;
            let path = relative(found.path());
            if ignored.has(&path) {
                continue;
            }
            let metadata = found.metadata().map_err(|error| unreadable(&path, &error))?;
            let Some(kind) = kind(found.path(), &metadata).map_err(|error| unreadable(&path, &error))? else { continue };
            if let Kind::File(length) = kind {
                bytes += length;
            }
            if entries.len() == ENTRIES || bytes > BYTES {
                return Err(too_large(&root));
            }
            let entry = Entry { path, mode: metadata.mode() & 0o7777, modified: metadata.mtime(), kind };
            entry.note(&metadata, &mut state);
            entries.push(entry);
        }
        let fingerprint = state.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { root, entries, fingerprint })
    }

    /// How many files there are, and how many bytes they have.
    pub fn size(&self) -> (usize, u64) {
        let lengths = self.entries.iter().filter_map(|entry| if let Kind::File(length) = entry.kind { Some(length) } else { None });
        lengths.fold((0, 0), |(files, bytes), length| (files + 1, bytes + length))
    }

    /// Writes the archive. May block. Fails when a file can't be read, or has become shorter in the meantime.
    pub fn archive(self, out: impl Write) -> io::Result<()> {
        let mut archive = Builder::new(out);
        let root = File::open(&self.root)?;
        for entry in &self.entries {
            let named = |error: io::Error| io::Error::new(error.kind(), format!("'{}' can't be read: {error}", entry.path.display()));
            let mut header = Header::new_gnu();
            header.set_size(0);
            header.set_mode(entry.mode);
            header.set_mtime(u64::try_from(entry.modified).unwrap_or_default());
            match &entry.kind {
                Kind::Folder => {
                    header.set_entry_type(EntryType::Directory);
                    archive.append_data(&mut header, &entry.path, io::empty())?;
                }
                Kind::Link(target) => {
                    header.set_entry_type(EntryType::Symlink);
                    archive.append_link(&mut header, &entry.path, target)?;
                }
                Kind::File(length) => {
                    header.set_entry_type(EntryType::Regular);
                    header.set_size(*length);
                    let file = open_below(&root, &entry.path).map_err(named)?;
                    archive.append_data(&mut header, &entry.path, Exactly { file, left: *length })?;
                }
            }
        }
        archive.into_inner()?.flush()
    }
}

impl Entry {
    /// Takes it into what names the state of the folder. What is in a file counts by its length and the time of its last change.
    fn note(&self, metadata: &Metadata, state: &mut Sha256) {
        let path = self.path.as_os_str().as_bytes();
        let (target, length) = match &self.kind {
            Kind::Folder => (None, 0),
            Kind::File(length) => (None, *length),
            Kind::Link(target) => (Some(target.as_os_str().as_bytes()), 0),
        };
        // A folder changes its time with what is left out of it.
        let changed = if matches!(self.kind, Kind::Folder) { (0, 0) } else { (metadata.mtime(), metadata.mtime_nsec()) };
        for part in [path, target.unwrap_or_default()] {
            state.update((part.len() as u64).to_le_bytes());
            state.update(part);
        }
        state.update(self.mode.to_le_bytes());
        state.update(length.to_le_bytes());
        state.update(changed.0.to_le_bytes());
        state.update(changed.1.to_le_bytes());
        state.update([u8::from(target.is_some())]);
    }
}

fn kind(path: &Path, metadata: &Metadata) -> io::Result<Option<Kind>> {
    let kind = metadata.file_type();
    Ok(if kind.is_dir() {
        Some(Kind::Folder)
    } else if kind.is_file() {
        Some(Kind::File(metadata.len()))
    } else if kind.is_symlink() {
        Some(Kind::Link(fs::read_link(path)?))
    } else {
        None
    })
}

/// So many bytes of a file: an archive has said how many come.
struct Exactly {
    file: File,
    left: u64,
}

impl Read for Exactly {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.file.read(&mut buffer[..most])?;
        if count == 0 && most > 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a file became shorter while it was read; start it again"));
        }
        self.left -= count as u64;
        Ok(count)
    }
}

fn unreadable(path: &Path, error: &dyn std::fmt::Display) -> String {
    format!("'{}' in it can't be read ({error}); let Pilothouse read it, or name it in the .dockerignore", path.display())
}

fn too_large(root: &Path) -> String {
    format!("'{}' has more than 1 GiB or 100,000 files to build of; name what isn't needed in its .dockerignore", root.display())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::io::Read;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::Path;

    use api::ImageBuild;

    use super::Context;

    fn build(folder: &Path) -> ImageBuild {
        ImageBuild { folder: folder.display().to_string(), ..ImageBuild::default() }
    }

    fn write(folder: &Path, files: &[(&str, &str)]) {
        for (name, text) in files {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().expect("it is in the folder")).expect("a folder");
            fs::write(path, text).expect("a file");
        }
    }

    fn archived(build: &ImageBuild) -> BTreeMap<String, (u32, String)> {
        let mut bytes = Vec::new();
        Context::read(build).expect("it can be taken").archive(&mut bytes).expect("it can be read");
        let mut archive = tar::Archive::new(bytes.as_slice());
        let entry = |entry: std::io::Result<tar::Entry<'_, &[u8]>>| {
            let mut entry = entry.expect("an entry");
            let mut text = entry.link_name().expect("a path").map(|target| format!("-> {}", target.display())).unwrap_or_default();
            entry.read_to_string(&mut text).expect("text");
            (entry.path().expect("a path").display().to_string(), (entry.header().mode().expect("a mode"), text))
        };
        archive.entries().expect("an archive").map(entry).collect()
    }

    #[test]
    fn the_archive_has_what_the_folder_has_and_not_what_is_kept_out() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let long = format!("deep/{}/a.txt", "x".repeat(150));
        write(
            folder.path(),
            &[("Dockerfile", "FROM a"), (".dockerignore", "*.log\n.env\nDockerfile"), ("app/run.sh", "#!/bin/sh"), (&long, "a")],
        );
        write(folder.path(), &[("a.log", "no"), (".env", "SECRET=1")]);
        fs::set_permissions(folder.path().join("app/run.sh"), fs::Permissions::from_mode(0o755)).expect("it is ours");
        symlink("/etc/shadow", folder.path().join("link")).expect("a link");
        rustix::fs::mknodat(rustix::fs::CWD, folder.path().join("fifo"), rustix::fs::FileType::Fifo, 0o600.into(), 0).expect("a FIFO");
        let archived = archived(&build(folder.path()));
        let names: Vec<_> = archived.keys().map(|name| name.trim_end_matches('/')).collect();
        let deep = format!("deep/{}", "x".repeat(150));
        assert_eq!(names, [".dockerignore", "Dockerfile", "app", "app/run.sh", "deep", &deep, &long, "link"]);
        assert_eq!(archived["app/run.sh"], (0o755, "#!/bin/sh".into()));
        assert_eq!(archived["link"].1, "-> /etc/shadow", "what it leads to isn't read");
    }

    #[test]
    fn a_change_of_what_counts_shows_and_one_of_what_is_kept_out_does_not() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        write(folder.path(), &[("Dockerfile", "FROM a"), (".dockerignore", "logs"), ("app.py", "1"), ("logs/a.log", "1")]);
        let build = build(folder.path());
        let name = |build: &ImageBuild| Context::read(build).expect("it can be taken").fingerprint;
        let first = name(&build);
        write(folder.path(), &[("logs/b.log", "2")]);
        assert_eq!(name(&build), first);
        write(folder.path(), &[("app.py", "22")]);
        let changed = name(&build);
        assert_ne!(changed, first);
        fs::set_permissions(folder.path().join("app.py"), fs::Permissions::from_mode(0o700)).expect("it is ours");
        assert_ne!(name(&build), changed);
        assert_ne!(name(&ImageBuild { target: Some("b".into()), ..build.clone() }), name(&build));
    }

    #[test]
    fn a_folder_that_can_t_be_taken_says_why() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let why = |build: &ImageBuild| Context::read(build).expect_err("it can't be taken");
        assert!(why(&build(folder.path())).starts_with("its Dockerfile can't be read"));
        write(folder.path(), &[("Dockerfile", "FROM a"), (".dockerignore", "[")]);
        assert!(why(&build(folder.path())).contains(".dockerignore can't be read"));
        fs::remove_file(folder.path().join(".dockerignore")).expect("it is ours");
        symlink("/dev/null", folder.path().join(".dockerignore")).expect("a link");
        assert!(why(&build(folder.path())).starts_with("its .dockerignore can't be read"), "it isn't built as if there were none");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).expect("it is ours");
        assert!(why(&build(folder.path())).starts_with("others may write to it"));
        assert!(why(&build(Path::new("/nowhere/at/all"))).contains("isn't there"));
    }

    #[test]
    fn a_link_that_has_taken_the_place_of_a_folder_is_not_followed() {
        let (folder, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        write(folder.path(), &[("Dockerfile", "FROM a"), ("data/a.txt", "ours")]);
        write(other.path(), &[("a.txt", "theirs")]);
        let context = Context::read(&build(folder.path())).expect("it can be taken");
        fs::remove_dir_all(folder.path().join("data")).expect("it is ours");
        symlink(other.path(), folder.path().join("data")).expect("a link");
        let error = context.archive(Vec::new()).expect_err("it leads elsewhere");
        assert!(error.to_string().starts_with("'data/a.txt' can't be read"), "{error}");
    }

    #[test]
    fn a_file_that_becomes_shorter_breaks_the_archive_off() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        write(folder.path(), &[("Dockerfile", "FROM a"), ("data", "0123456789")]);
        let context = Context::read(&build(folder.path())).expect("it can be taken");
        write(folder.path(), &[("data", "01")]);
        let error = context.archive(Vec::new()).expect_err("it isn't whole");
        assert!(error.to_string().contains("shorter"), "{error}");
    }
}
