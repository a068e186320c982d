//! The file of a backup: what is in it, sealed in pieces with a key that is made of a passphrase.
//!
//! A head of 44 bytes (`PHBACKUP`, the number of the format in 4 bytes, 32 random bytes), then pieces. A piece is 64 KiB, the last one less, sealed
//! with XChaCha20-Poly1305 (16 bytes more). The key is Argon2id of the passphrase and those random bytes (64 MiB, 3 passes, 1 lane). No
//! two files have the same key, so the nonce counts: 19 zero bytes, the number of the piece in 4 bytes, and 1 for the last piece, else 0. The head is
//! authenticated with each. So pieces can't be changed, swapped, left out or cut off unseen. All numbers begin with their highest byte.

use api::{Error, Result, Secret};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use zeroize::Zeroizing;

use super::spool;
use crate::clock::random;
use crate::secrets::cipher;

/// What every backup begins with.
const MAGIC: &[u8; 8] = b"PHBACKUP";
/// The format that is written, and the only one that is read.
const FORMAT: u32 = 1;
/// Bytes of the head.
const HEAD: usize = 44;
/// Bytes of a piece before it is sealed.
const PIECE: usize = 64 << 10;
/// Bytes that sealing adds.
const TAG: usize = 16;
/// Bytes of the longest file.
pub const FILE: u64 = 1 << 30;
/// Bytes of the longest record.
pub const RECORD: usize = 16 << 20;

/// Writes a file, record by record.
pub struct Writer {
    file: File,
    sealing: Sealing,
    held: Zeroizing<Vec<u8>>,
    bytes: u64,
}

impl Writer {
    /// Begins the file.
    pub async fn begin(mut file: File, passphrase: &Secret) -> Result<Self> {
        let mut head = [0; HEAD];
        head[..8].copy_from_slice(MAGIC);
        head[8..12].copy_from_slice(&FORMAT.to_be_bytes());
        head[12..].copy_from_slice(&random::<32>());
        file.write_all(&head).await.map_err(|error| spool::failed(&error))?;
        let sealing = Sealing::of(head, passphrase).await?;
        Ok(Self { file, sealing, held: Zeroizing::new(Vec::with_capacity(2 * PIECE)), bytes: HEAD as u64 })
    }

    /// Adds a record, a line.
    ///
    /// # Errors
    /// `conflict` when the file would be too long.
    pub async fn add(&mut self, record: &[u8]) -> Result<()> {
        for part in record.chunks(PIECE).chain([b"\n".as_slice()]) {
            self.held.extend_from_slice(part);
            // The last piece is never empty: more than one is waited for.
            if self.held.len() > PIECE {
                self.write(PIECE, false).await?;
            }
        }
        Ok(())
    }

    /// Ends the file; answers it, at its beginning, and how long it is.
    pub async fn end(mut self) -> Result<(File, u64)> {
        self.write(self.held.len(), true).await?;
        self.file.flush().await.map_err(|error| spool::failed(&error))?;
        self.file.rewind().await.map_err(|error| spool::failed(&error))?;
        Ok((self.file, self.bytes))
    }

    async fn write(&mut self, length: usize, is_last: bool) -> Result<()> {
        let sealed = self.sealing.seal(&self.held[..length], is_last)?;
        self.held.drain(..length);
        self.bytes += sealed.len() as u64;
        if self.bytes > FILE {
            return Err(Error::conflict("the backup would be larger than 1 GiB; back up the database instead"));
        }
        self.file.write_all(&sealed).await.map_err(|error| spool::failed(&error))
    }
}

/// Reads a file, record by record.
pub struct Reader {
    file: File,
    sealing: Sealing,
    held: Zeroizing<Vec<u8>>,
    /// Where in `held` the next record begins.
    at: usize,
    is_over: bool,
}

impl Reader {
    /// Looks at the head of a file.
    ///
    /// # Errors
    /// `validation_failed` at `/file` for what is no backup, or one of another format.
    pub async fn begin(mut file: File, passphrase: &Secret) -> Result<Self> {
        file.rewind().await.map_err(|error| spool::failed(&error))?;
        let head = fill(&mut file, HEAD).await?;
        let head: [u8; HEAD] = match <[u8; HEAD]>::try_from(head.as_slice()) {
            Ok(head) if head.starts_with(MAGIC) => head,
            _ => return Err(Error::invalid("/file", "this file is no backup of Pilothouse")),
        };
        let format = u32::from_be_bytes([head[8], head[9], head[10], head[11]]);
        if format != FORMAT {
            let message = format!(
                "this backup has format {format}, and this Pilothouse reads {FORMAT}; use the one that has made it, or a newer one"
            );
            return Err(Error::invalid("/file", message));
        }
        let sealing = Sealing::of(head, passphrase).await?;
        Ok(Self { file, sealing, held: Zeroizing::new(Vec::new()), at: 0, is_over: false })
    }

    /// Goes back to the first record.
    pub async fn again(&mut self) -> Result<()> {
        self.file.seek(std::io::SeekFrom::Start(HEAD as u64)).await.map_err(|error| spool::failed(&error))?;
        self.held.clear();
        (self.sealing.count, self.at, self.is_over) = (0, 0, false);
        Ok(())
    }

    /// The next record; none at the end, when all of the file has been seen to be as it was made.
    ///
    /// # Errors
    /// `validation_failed` at `/passphrase` when the first piece doesn't open, at `/file` when a later one doesn't or a record is too long.
    pub async fn next(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>> {
        let mut looked_at = self.at;
        loop {
            if let Some(length) = self.held[looked_at..].iter().position(|byte| *byte == b'\n') {
                let end = looked_at + length;
                let record = Zeroizing::new(self.held[self.at..end].to_vec());
                self.at = end + 1;
                return Ok(Some(record));
            }
            if self.is_over {
                return if self.at == self.held.len() { Ok(None) } else { Err(not_readable()) };
            }
            if self.held.len() - self.at > RECORD {
                return Err(not_readable());
            }
            self.held.drain(..self.at);
            self.at = 0;
            looked_at = self.held.len();
            self.read().await?;
        }
    }

    /// Opens one more piece.
    async fn read(&mut self) -> Result<()> {
        let is_first = self.sealing.count == 0;
        let sealed = fill(&mut self.file, PIECE + TAG).await?;
        let after = self.file.stream_position().await.map_err(|error| spool::failed(&error))?;
        let length = self.file.metadata().await.map_err(|error| spool::failed(&error))?.len();
        self.is_over = after == length;
        let plain = self.sealing.open(&sealed, self.is_over).ok_or_else(|| {
            let message = "this isn't the passphrase of the backup, or the file was changed or cut off; nothing was changed";
            match is_first {
                true => Error::invalid("/passphrase", message),
                false => Error::invalid("/file", "the file was changed or cut off since it was made; nothing was changed"),
            }
        })?;
        self.held.extend_from_slice(&plain);
        Ok(())
    }
}

/// What is wrong with a file whose records aren't those that Pilothouse writes.
pub fn not_readable() -> Error {
    Error::invalid("/file", "what is in this backup can't be read by this Pilothouse; nothing was changed")
}

/// At most so many bytes, fewer only at the end.
async fn fill(file: &mut File, most: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(most);
    file.take(most as u64).read_to_end(&mut bytes).await.map_err(|error| spool::failed(&error))?;
    Ok(bytes)
}

/// The key of a file, and the number of its next piece.
struct Sealing {
    head: [u8; HEAD],
    cipher: XChaCha20Poly1305,
    count: u32,
}

impl Sealing {
    async fn of(head: [u8; HEAD], passphrase: &Secret) -> Result<Self> {
        let passphrase = passphrase.clone();
        let made = tokio::task::spawn_blocking(move || key_of(&passphrase, &head[12..])).await;
        let key = made.map_err(|_| Error::internal())??;
        Ok(Self { head, cipher: cipher(&key), count: 0 })
    }

    fn seal(&mut self, plain: &[u8], is_last: bool) -> Result<Vec<u8>> {
        let nonce = self.nonce(is_last);
        self.cipher.encrypt(&nonce, Payload { msg: plain, aad: &self.head }).map_err(|_| Error::internal())
    }

    fn open(&mut self, sealed: &[u8], is_last: bool) -> Option<Zeroizing<Vec<u8>>> {
        let nonce = self.nonce(is_last);
        self.cipher.decrypt(&nonce, Payload { msg: sealed, aad: &self.head }).ok().map(Zeroizing::new)
    }

    /// The nonce of the next piece. A file has far fewer pieces than it could count.
    fn nonce(&mut self, is_last: bool) -> XNonce {
        let mut nonce = [0; 24];
        nonce[19..23].copy_from_slice(&self.count.to_be_bytes());
        nonce[23] = u8::from(is_last);
        self.count += 1;
        XNonce::from(nonce)
    }
}

/// Takes a quarter of a second and 64 MiB, for whoever guesses.
fn key_of(passphrase: &Secret, salt: &[u8]) -> Result<Zeroizing<[u8; 32]>> {
    let failed = |error: argon2::Error| {
        tracing::error!(%error, "backup_key_failed");
        Error::internal()
    };
    let params = Params::new(65_536, 3, 1, None).map_err(failed)?;
    let (mut key, mut memory) = (Zeroizing::new([0; 32]), vec![Block::new(); params.block_count()]);
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2.hash_password_into_with_memory(passphrase.reveal().as_bytes(), salt, &mut *key, &mut memory).map_err(failed)?;
    Ok(key)
}
