//! A folder that is written beside its place and put there whole, so that nobody ever sees half of it.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use api::TemplateFile;
use rustix::fs::{CWD, RenameFlags, renameat_with};

/// What the names of drafts begin with; discovery passes over what begins with a dot.
const PREFIX: &str = ".pilothouse-draft-";

/// A folder in the services folder that isn't in its place. It is removed when it is dropped.
#[derive(Debug)]
pub(super) struct Draft {
    root: PathBuf,
    path: PathBuf,
}

impl Draft {
    /// Writes files into a new folder in `root`, and removes what drafts an earlier Pilothouse has left there: there is one at a time. Writes files, so call
    /// it where blocking is allowed.
    pub fn write(root: &Path, number: &str, files: &[TemplateFile]) -> io::Result<Self> {
        remove_left(root)?;
        let draft = Self { root: root.to_owned(), path: root.join(format!("{PREFIX}{number}")) };
        DirBuilder::new().mode(0o755).create(&draft.path)?;
        for file in files {
            // Others may read it, when the umask says so; discovery takes nothing that others may write.
            let mut made = OpenOptions::new().write(true).create_new(true).mode(0o644).open(draft.path.join(&file.name))?;
            made.write_all(file.content.as_bytes())?;
            made.sync_all()?;
        }
        File::open(&draft.path)?.sync_all()?;
        Ok(draft)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Puts it in its place, which has to be free: fails with [`io::ErrorKind::AlreadyExists`] when it isn't.
    pub fn put(&self, place: &Path) -> io::Result<()> {
        renameat_with(CWD, &self.path, CWD, place, RenameFlags::NOREPLACE)?;
        File::open(&self.root)?.sync_all()
    }

    /// Takes it out of its place again, to be removed.
    pub fn take_back(&self, place: &Path) -> io::Result<()> {
        Ok(renameat_with(CWD, place, CWD, &self.path, RenameFlags::NOREPLACE)?)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, path = %self.path.display(), "draft_not_removed");
        }
    }
}

fn remove_left(root: &Path) -> io::Result<()> {
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        let is_draft = entry.file_name().as_encoded_bytes().starts_with(OsStr::new(PREFIX).as_encoded_bytes());
        if is_draft && entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}
