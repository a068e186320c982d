//! The file of a backup: written whole or not at all, and read piece by piece.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use api::ports::Pieces;
use api::{Error, Result};
use async_trait::async_trait;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

/// Bytes that are read at a time.
const PIECE: u64 = 256 << 10;

/// A file that isn't there under its name before all of it is on the disk.
pub struct Target {
    path: PathBuf,
    overwrites: bool,
    part: Part,
    file: File,
}

/// The name that it has until then; what is under it is removed when that is dropped.
struct Part(PathBuf);

impl Drop for Part {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

impl Target {
    /// Begins one, which only its owner may read.
    ///
    /// # Errors
    /// `conflict` when there is one and it isn't to be overwritten, or something that is no file; `validation_failed` when none can be made there.
    pub fn begin(path: &Path, overwrites: bool) -> Result<Self> {
        match fs::symlink_metadata(path) {
            Ok(there) if !there.is_file() => return Err(Error::conflict(format!("{} is no file; name another one", path.display()))),
            Ok(_) if !overwrites => return Err(is_there(path)),
            _ => {}
        }
        let mut name = path.file_name().map(ToOwned::to_owned).ok_or_else(|| Error::invalid("file", "a file has to be named"))?;
        name.push(format!(".part-{}", std::process::id()));
        let part = path.with_file_name(name);
        let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part);
        let file = opened.map_err(|error| Error::invalid("file", format!("{} can't be written: {error}", part.display())))?;
        Ok(Self { path: path.to_owned(), overwrites, part: Part(part), file })
    }

    /// Writes all of it, and gives it its name.
    ///
    /// # Errors
    /// As [`Target::begin`], and what the pieces fail with. Nothing is there then but what was.
    pub async fn write(mut self, mut pieces: Box<dyn Pieces>) -> Result<()> {
        let failed =
            |error: std::io::Error| Error::unavailable(format!("{} can't be written, and isn't there: {error}", self.path.display()));
        while let Some(piece) = pieces.next().await? {
            self.file.write_all(&piece).map_err(failed)?;
        }
        self.file.sync_all().map_err(failed)?;
        match self.overwrites {
            true => fs::rename(&self.part.0, &self.path).map_err(failed)?,
            false => name_new(&self.part.0, &self.path).map_err(|error| match error.kind() {
                ErrorKind::AlreadyExists => is_there(&self.path),
                _ => failed(error),
            })?,
        }
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| {
            let message =
                format!("{} is there, but it isn't sure that its name would be after a power failure: {error}", self.path.display());
            Error::unavailable(message)
        })
    }
}

/// Gives a file another name, which nothing has.
fn name_new(from: &Path, to: &Path) -> std::io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Some file systems can't, and have a second name for a file instead; the first is removed later.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => fs::hard_link(from, to),
        done => done.map_err(Into::into),
    }
}

fn is_there(path: &Path) -> Error {
    Error::conflict(format!("{} is there already; name another file, or give --overwrite", path.display()))
}

/// A file that is read.
pub struct Content(File);

impl Content {
    /// Opens it.
    ///
    /// # Errors
    /// `validation_failed` when that can't be done.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|error| Error::invalid("file", format!("{} can't be read: {error}", path.display())))?;
        Ok(Self(file))
    }
}

#[async_trait]
impl Pieces for Content {
    async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        let mut piece = Vec::new();
        let read = (&mut self.0).take(PIECE).read_to_end(&mut piece);
        read.map_err(|error| Error::invalid("file", format!("the backup can't be read: {error}")))?;
        Ok(Some(piece).filter(|piece| !piece.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use api::ports::Pieces;
    use api::{Error, Result};
    use async_trait::async_trait;

    use super::{Content, Target};

    struct Told(VecDeque<Result<Vec<u8>>>);

    #[async_trait]
    impl Pieces for Told {
        async fn next(&mut self) -> Result<Option<Vec<u8>>> {
            self.0.pop_front().transpose()
        }
    }

    fn told(pieces: impl IntoIterator<Item = Result<&'static str>>) -> Box<dyn Pieces> {
        Box::new(Told(pieces.into_iter().map(|piece| piece.map(|text| text.as_bytes().to_vec())).collect()))
    }

    fn names(folder: &std::path::Path) -> Vec<String> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[tokio::test]
    async fn a_file_is_there_whole_or_not_at_all_and_only_overwritten_when_asked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.backup");
        let broken = Target::begin(&path, false).unwrap().write(told([Ok("one"), Err(Error::internal())])).await;
        assert!(broken.is_err() && names(folder.path()).is_empty(), "{:?}", names(folder.path()));

        Target::begin(&path, false).unwrap().write(told([Ok("one"), Ok("two")])).await.unwrap();
        assert_eq!((fs::read_to_string(&path).unwrap(), names(folder.path())), ("onetwo".into(), vec!["a.backup".into()]));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

        let refused = Target::begin(&path, false).err().unwrap();
        assert!(refused.message.contains("is there already"), "{refused:?}");
        let broken = Target::begin(&path, true).unwrap().write(told([Ok("three"), Err(Error::internal())])).await;
        assert!(broken.is_err());
        assert_eq!((fs::read_to_string(&path).unwrap(), names(folder.path()).len()), ("onetwo".into(), 1));
        Target::begin(&path, true).unwrap().write(told([Ok("three")])).await.unwrap();
        assert_eq!((fs::read_to_string(&path).unwrap(), names(folder.path()).len()), ("three".into(), 1));
    }

    #[tokio::test]
    async fn what_somebody_else_has_put_there_meanwhile_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.backup");
        let target = Target::begin(&path, false).unwrap();
        fs::write(&path, "theirs").unwrap();
        let refused = target.write(told([Ok("ours")])).await.err().unwrap();
        assert!(refused.message.contains("is there already"), "{refused:?}");
        assert_eq!((fs::read_to_string(&path).unwrap(), names(folder.path()).len()), ("theirs".into(), 1));
    }

    #[test]
    fn what_is_no_file_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("elsewhere", &link).unwrap();
        for path in [folder.path(), &link, "/dev/null".as_ref()] {
            assert!(Target::begin(path, true).err().unwrap().message.contains("is no file"), "{path:?}");
        }
        assert!(Target::begin(&folder.path().join("none/a.backup"), false).err().unwrap().message.contains("can't be written"));
        assert!(Content::open(&folder.path().join("none")).is_err());
    }
}
