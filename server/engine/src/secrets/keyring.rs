//! Envelope encryption: values are sealed with data keys, and these are wrapped with a key that isn't in the database.
//!
//! A sealed value is a version byte, the number of its data key (8 bytes), a nonce (24 bytes) and what XChaCha20-Poly1305 makes of the
//! value. All before the value, and the context (what it is for), is authenticated with it, so that a value that was changed, or put in the
//! place of another one, isn't opened. A table with sealed values has a column `key_id` that refers to `data_keys`, and an entry in
//! [`super::rotation::SEALED`].

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use api::{Error, ErrorCode, Result};
use chacha20poly1305::XChaCha20Poly1305;
use zeroize::Zeroizing;

use super::aead;
use super::kek::Kek;
use crate::clock::random;
use crate::store::data_keys::{DataKeyRow, data_key_exists, data_key_insert, data_key_list, data_key_retire_others, data_key_set_wrapped};
use crate::store::{Conn, Store};
use crate::{Clock, SecretsKey};

/// The first byte of what is sealed.
const VERSION: u8 = 1;
/// The version byte and the number of the data key.
const HEAD: usize = 9;

/// Seals values and opens them. Cheap to share in an `Arc`.
pub struct Keyring {
    store: Arc<Store>,
    clock: Clock,
    kek: Result<Kek>,
    ring: RwLock<Result<Ring>>,
}

/// The data keys.
struct Ring {
    keys: BTreeMap<i64, XChaCha20Poly1305>,
    /// What new values are sealed with.
    active: i64,
}

impl Keyring {
    /// Opens the data keys, and makes the first one when there is none.
    ///
    /// When the key-encryption key isn't the one that has wrapped them, or can't be read, nothing is changed and this succeeds all the same:
    /// everything that needs a secret fails with `unavailable` then, saying what to do, and the rest of Pilothouse works.
    ///
    /// # Errors
    /// `validation_failed` when what is configured is no key, or its file is open to others; `unavailable` when the database is down.
    pub async fn open(store: Arc<Store>, key: &SecretsKey, clock: Clock) -> Result<Self> {
        let kek = match Kek::of(key, &store.keys) {
            Err(error) if error.code == ErrorCode::ValidationFailed => return Err(error),
            kek => kek,
        };
        let locked = Err(Error::unavailable("the keys of secrets haven't been read yet"));
        let keyring = Self { store, clock, kek, ring: RwLock::new(locked) };
        keyring.make_first().await?;
        keyring.reload().await?;
        if let Err(error) = keyring.ready() {
            tracing::error!(%error, "secrets_locked");
        }
        Ok(keyring)
    }

    /// Seals `plain`. `context` says what it is for (kind, name, version): the same parts are needed to open it.
    ///
    /// # Errors
    /// `unavailable` when the data keys couldn't be opened.
    pub fn seal(&self, context: &[&[u8]], plain: &[u8]) -> Result<Vec<u8>> {
        let ring = self.ring();
        let ring = ring.as_ref().map_err(Error::clone)?;
        let cipher = ring.keys.get(&ring.active).ok_or_else(Error::internal)?;
        let head = head(ring.active);
        aead::seal(cipher, &head, &bound(&head, context), plain)
    }

    /// Opens what [`Keyring::seal`] has sealed with the same context.
    ///
    /// # Errors
    /// `internal`, saying that it was changed outside Pilothouse or belongs elsewhere, when bytes, context or key are others; `unavailable`
    /// when the data keys couldn't be opened.
    pub fn open_sealed(&self, context: &[&[u8]], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let ring = self.ring();
        let ring = ring.as_ref().map_err(Error::clone)?;
        let opened = sealed.split_first_chunk::<HEAD>().and_then(|(head, rest)| {
            let cipher = ring.keys.get(&key_of(sealed)?)?;
            aead::open(cipher, &bound(head, context), rest)
        });
        opened.ok_or_else(|| {
            tracing::error!(key = key_of(sealed), "sealed_value_refused");
            Error::new(
                ErrorCode::Internal,
                "a sealed value was changed outside Pilothouse or belongs elsewhere, so it isn't used; set it again, or restore the database \
                 from a backup",
            )
        })
    }

    /// Fails with `unavailable`, saying what to do, when the data keys couldn't be opened.
    pub fn ready(&self) -> Result<()> {
        self.ring().as_ref().map(|_| ()).map_err(Error::clone)
    }

    /// Whether it has the data key of that number.
    pub fn knows(&self, key: i64) -> bool {
        self.ring().as_ref().is_ok_and(|ring| ring.keys.contains_key(&key))
    }

    /// The number of the data key that new values are sealed with.
    pub fn active(&self) -> Result<i64> {
        self.ring().as_ref().map(|ring| ring.active).map_err(Error::clone)
    }

    /// Reads the data keys anew: another instance may have made one.
    ///
    /// # Errors
    /// `unavailable` when the database is down. Keys that don't open are no failure of this: see [`Keyring::ready`].
    pub async fn reload(&self) -> Result<()> {
        let rows = data_key_list(&mut self.store.main.read().await?).await?;
        let ring = self.kek.as_ref().map_err(Error::clone).and_then(|kek| unwrapped(kek, &rows));
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = ring;
        Ok(())
    }

    /// Makes a new data key, which everything is sealed with from now on. Those before it are retired; they stay until nothing is sealed
    /// with them.
    ///
    /// # Errors
    /// `unavailable` when the present ones couldn't be opened, or the database is down.
    pub(super) async fn renew(&self) -> Result<i64> {
        self.ready()?;
        let kek = self.kek.as_ref().map_err(Error::clone)?;
        let next = data_key_list(&mut self.store.main.read().await?).await?.iter().map(|row| row.id).max().unwrap_or_default() + 1;
        let row = self.made(kek, next)?;
        let write = self.store.main.write(move |db| {
            Box::pin(async move {
                if data_key_exists(db, next).await? {
                    return Err(Error::conflict("the keys were changed by somebody else at the same time; try again").into());
                }
                data_key_insert(db, &row).await?;
                data_key_retire_others(db, next).await
            })
        });
        write.await?;
        self.reload().await?;
        Ok(next)
    }

    /// Fails as [`Keyring::rewrap`] with that key would before it changes anything.
    pub fn check(&self, new: &SecretsKey) -> Result<()> {
        self.ready()?;
        Kek::of(new, &self.store.keys).map(drop)
    }

    /// Wraps all data keys with another key-encryption key, in one commit, and answers how many there are. This keyring doesn't know the new
    /// one: it is opened anew with another configuration.
    ///
    /// # Errors
    /// As [`Keyring::open`], also for the new key, and `unavailable` when the present key doesn't open the data keys.
    pub async fn rewrap(&self, new: &SecretsKey) -> Result<usize> {
        self.ready()?;
        let new = Kek::of(new, &self.store.keys)?;
        let old = self.kek.as_ref().map_err(Error::clone)?;
        let rows = data_key_list(&mut self.store.main.read().await?).await?;
        let mut wrapped = Vec::with_capacity(rows.len());
        for row in rows {
            let key = old.unwrap(row.id, &row.wrapped).ok_or_else(|| damaged(row.id))?;
            wrapped.push((row.id, new.wrap(row.id, &key)?, row.wrapped));
        }
        let (count, id) = (wrapped.len(), new.id().to_owned());
        let write = self.store.main.write(move |db| {
            Box::pin(async move {
                let now: Vec<_> = data_key_list(db).await?.into_iter().map(|row| (row.id, row.wrapped)).collect();
                if !now.iter().map(|(id, wrapped)| (id, wrapped)).eq(wrapped.iter().map(|(id, _, before)| (id, before))) {
                    return Err(Error::conflict("the keys were changed by somebody else at the same time; try again").into());
                }
                for (row, wrapped, _) in &wrapped {
                    data_key_set_wrapped(db, *row, wrapped, &id).await?;
                }
                Ok(())
            })
        });
        write.await?;
        Ok(count)
    }

    /// Makes the first data key, unless there is one, or nothing to wrap it with.
    async fn make_first(&self) -> Result<()> {
        let Ok(kek) = &self.kek else { return Ok(()) };
        if !data_key_list(&mut self.store.main.read().await?).await?.is_empty() {
            return Ok(());
        }
        let row = self.made(kek, 1)?;
        let write = self.store.main.write(move |db| {
            Box::pin(async move {
                // Another instance may have been faster.
                match data_key_list(db).await?.is_empty() {
                    true => data_key_insert(db, &row).await,
                    false => Ok(()),
                }
            })
        });
        write.await
    }

    fn made(&self, kek: &Kek, id: i64) -> Result<DataKeyRow> {
        let wrapped = kek.wrap(id, &Zeroizing::new(random::<32>()))?;
        Ok(DataKeyRow { id, wrapped, kek_id: kek.id().to_owned(), created_at: self.clock.now().micros(), is_retired: false })
    }

    fn ring(&self) -> RwLockReadGuard<'_, Result<Ring>> {
        self.ring.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keyring(••••)")
    }
}

/// The number of the data key that bytes are sealed with, for the column `key_id`; none when they aren't sealed.
pub fn key_of(sealed: &[u8]) -> Option<i64> {
    let (version, rest) = sealed.split_first()?;
    let number = rest.first_chunk::<8>()?;
    (*version == VERSION).then(|| i64::from_be_bytes(*number))
}

/// To be called in each write of sealed bytes, before they are kept: fails with `unavailable` when the key that they are sealed with is gone
/// meanwhile, because all was sealed anew.
pub async fn require_key(db: &mut Conn, sealed: &[u8]) -> crate::store::Result<i64> {
    let id = key_of(sealed).ok_or_else(Error::internal)?;
    if !data_key_exists(db, id).await? {
        return Err(Error::unavailable("the keys of secrets were changed at the same time; try again").retry_after(1).into());
    }
    Ok(id)
}

fn unwrapped(kek: &Kek, rows: &[DataKeyRow]) -> Result<Ring> {
    let mut keys = BTreeMap::new();
    for row in rows {
        if row.kek_id != kek.id() {
            return Err(Error::unavailable(format!(
                "secrets can't be used: they are sealed under another key (fingerprint {}) than {} (fingerprint {}); set \
                 PILOTHOUSE_SECRETS_KEY_FILE or PILOTHOUSE_SECRETS_KEY to that other key, or restore pilothouse.key when neither was set, and start \
                 Pilothouse again; nothing was changed",
                row.kek_id,
                kek.source(),
                kek.id()
            )));
        }
        let key = kek.unwrap(row.id, &row.wrapped).ok_or_else(|| damaged(row.id))?;
        keys.insert(row.id, aead::cipher(&key));
    }
    let active = rows.iter().filter(|row| !row.is_retired).map(|row| row.id).max();
    let active = active.ok_or_else(|| {
        Error::unavailable(
            "secrets can't be used: no data key is in use; restore the table data_keys from a backup, and start Pilothouse again",
        )
    })?;
    Ok(Ring { keys, active })
}

fn damaged(id: i64) -> Error {
    Error::unavailable(format!(
        "secrets can't be used: data key {id} was changed outside Pilothouse; restore the table data_keys from a backup, and start Pilothouse again"
    ))
}

fn head(key: i64) -> [u8; HEAD] {
    let mut head = [VERSION; HEAD];
    head[1..].copy_from_slice(&key.to_be_bytes());
    head
}

/// What is authenticated beside the value. Each part goes with its length, so that no two contexts are the same bytes.
fn bound(head: &[u8; HEAD], context: &[&[u8]]) -> Vec<u8> {
    let mut bound = b"pilothouse sealed:".to_vec();
    bound.extend_from_slice(head);
    bound.extend_from_slice(&(context.len() as u64).to_be_bytes());
    for part in context {
        bound.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bound.extend_from_slice(part);
    }
    bound
}

#[cfg(test)]
#[path = "keyring_tests.rs"]
mod tests;
