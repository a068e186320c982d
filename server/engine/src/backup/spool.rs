//! A file without a name, for what is on its way: it is gone with whoever has it open, however that ends. Only sealed bytes are written to it.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;

use api::ports::Pieces;
use api::{Error, ErrorCode, Result};
use async_trait::async_trait;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

use super::sealed::FILE;
use crate::Core;
use crate::clock::random;

/// Bytes that are answered at a time.
const PIECE: usize = 256 << 10;

/// A new one, in the data folder.
pub fn made(core: &Core) -> Result<File> {
    let name = format!("backup-{:016x}", u64::from_be_bytes(random()));
    let path = core.config.data_dir.join(name);
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path).map_err(|error| failed(&error))?;
    std::fs::remove_file(&path).map_err(|error| failed(&error))?;
    Ok(File::from_std(file))
}

/// A file that comes in pieces.
///
/// # Errors
/// `payload_too_large`, and what the pieces fail with.
pub async fn taken(core: &Core, mut pieces: Box<dyn Pieces>) -> Result<File> {
    let (mut file, mut bytes) = (made(core)?, 0);
    while let Some(piece) = pieces.next().await? {
        bytes += piece.len() as u64;
        if bytes > FILE {
            return Err(Error::new(ErrorCode::PayloadTooLarge, "a backup is at most 1 GiB long"));
        }
        file.write_all(&piece).await.map_err(|error| failed(&error))?;
    }
    file.flush().await.map_err(|error| failed(&error))?;
    file.rewind().await.map_err(|error| failed(&error))?;
    Ok(file)
}

/// The error of a file that can't be written or read.
pub fn failed(error: &std::io::Error) -> Error {
    tracing::error!(%error, "backup_file_failed");
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
            Error::new(ErrorCode::StorageFull, "there is no room for the backup in the data folder; make some, and try again")
        }
        _ => Error::internal(),
    }
}

/// A file that is given away in pieces.
pub struct Content(pub File);

#[async_trait]
impl Pieces for Content {
    async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        let mut piece = Vec::with_capacity(PIECE);
        (&mut self.0).take(PIECE as u64).read_to_end(&mut piece).await.map_err(|error| failed(&error))?;
        Ok(Some(piece).filter(|piece| !piece.is_empty()))
    }
}
