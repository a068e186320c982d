//! The archives of releases, each named by what is in it.

use std::fs::{self, DirBuilder, File};
use std::io::{self, BufReader, BufWriter};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use super::files::Manifest;

/// The archives of this data folder.
#[derive(Clone, Debug)]
pub(super) struct Archives(PathBuf);

impl Archives {
    /// In `folder`, which is made when it is needed.
    pub fn new(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// A file to write an archive into; two at a time have different ones.
    pub fn begin(&self, id: impl std::fmt::Display) -> io::Result<(PathBuf, File)> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.0)?;
        let path = self.0.join(format!("{id}.new"));
        let file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
        Ok((path, file))
    }

    /// Removes what was begun to be written and isn't kept.
    pub fn drop_begun(&self, id: impl std::fmt::Display) {
        for name in [format!("{id}.new"), format!("{id}.list")] {
            let _ = fs::remove_file(self.0.join(name));
        }
    }

    /// Keeps what was written by the name of what is in it; answers that.
    pub fn keep(&self, written: &Path, manifest: &Manifest) -> io::Result<String> {
        let digest = manifest.digest();
        let list = written.with_extension("list");
        let file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&list)?;
        let mut packed = GzEncoder::new(BufWriter::new(file), Compression::fast());
        serde_json::to_writer(&mut packed, manifest)?;
        packed.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        File::open(written)?.sync_all()?;
        // The list comes last: where it is, the archive is too.
        fs::rename(written, self.archive(&digest))?;
        fs::rename(&list, self.list(&digest))?;
        File::open(&self.0)?.sync_all()?;
        Ok(digest)
    }

    /// What is in an archive; none when there is no such archive.
    pub fn manifest(&self, digest: &str) -> io::Result<Option<Manifest>> {
        if !self.archive(digest).exists() {
            return Ok(None);
        }
        match File::open(self.list(digest)) {
            Ok(file) => Ok(Some(serde_json::from_reader(GzDecoder::new(BufReader::new(file)))?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// An archive, to be unpacked.
    pub fn open(&self, digest: &str) -> io::Result<File> {
        File::open(self.archive(digest))
    }

    /// Removes an archive.
    pub fn remove(&self, digest: &str) {
        for path in [self.list(digest), self.archive(digest)] {
            if let Err(error) = fs::remove_file(&path)
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::warn!(%error, path = %path.display(), "archive_not_removed");
            }
        }
    }

    fn archive(&self, digest: &str) -> PathBuf {
        self.0.join(format!("{digest}.tar.gz"))
    }

    fn list(&self, digest: &str) -> PathBuf {
        self.0.join(format!("{digest}.json.gz"))
    }
}
