//! The one secret that tokens are signed and the audit is chained with.
//!
//! With SQLite it is the file `pilothouse.key` of the data folder (mode 0600), away from the database that it protects. With
//! PostgreSQL it is a row of the table `keys`, not encrypted yet, because all instances need the same one: who can read that table
//! can sign in as anybody and rewrite the audit, so give the database user to Pilothouse alone.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::location::unusable;
use super::{Conn, Database, Result, execute, on};
use crate::clock::random;

/// 256 random bits, made once and kept.
pub struct Keys {
    master: [u8; 32],
}

impl Keys {
    pub(super) async fn open(data: &Path, main: &Database) -> api::Result<Self> {
        let found = match main.kind() {
            "SQLite" => None,
            _ => key_find(&mut main.read().await?).await?,
        };
        let bytes = match (main.kind(), found) {
            (_, Some(found)) => found,
            ("SQLite", None) => {
                let path = data.join("pilothouse.key");
                key_file(&path).map_err(|error| unusable("the key file", &path, &error))?
            }
            _ => main.write(|db| Box::pin(key_make(db))).await?,
        };
        let master = bytes.try_into().map_err(|_| {
            api::Error::unavailable(
                "the key of this Pilothouse isn't 32 bytes long; restore pilothouse.key or the table keys from a backup",
            )
        })?;
        Ok(Self { master })
    }

    /// A key for one purpose; each purpose has another one.
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        mac(&self.master, &[b"pilothouse key 1:", purpose.as_bytes()])
    }
}

/// HMAC-SHA256 over the parts, one after the other.
pub fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    // A key that is shorter than the block is padded with zeros, by definition.
    let mut block = [0; 64];
    block[..32].copy_from_slice(key);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// Reads the file, or makes it: whole or not at all, and of two processes that make it one wins.
fn key_file(path: &Path) -> io::Result<Vec<u8>> {
    match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        read => return read,
    }
    let draft = path.with_extension(format!("{:016x}", u64::from_be_bytes(random())));
    let mut file = fs::File::options().write(true).create_new(true).mode(0o600).open(&draft)?;
    file.write_all(&random::<32>())?;
    file.sync_all()?;
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => fs::read(path),
    }
}

async fn key_find(db: &mut Conn) -> Result<Option<Vec<u8>>> {
    Ok(on!(db, |db| sqlx::query_scalar("SELECT secret FROM keys WHERE name = 'master'").fetch_optional(db).await)?)
}

async fn key_make(db: &mut Conn) -> Result<Vec<u8>> {
    if let Some(made) = key_find(db).await? {
        return Ok(made);
    }
    let secret = random::<32>().to_vec();
    let now = crate::Clock::System.now().micros();
    execute!(db, "INSERT INTO keys (name, secret, created_at) VALUES ('master', $1, $2)", secret.as_slice(), now)?;
    Ok(secret)
}
