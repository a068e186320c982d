//! Backups of configurations and secrets.

use async_trait::async_trait;

use crate::{Caller, NewBackup, NewRestore, RestoreReport, Result};

/// A file, piece by piece, so that nobody needs all of it in memory.
#[async_trait]
pub trait Pieces: Send {
    /// The next piece, at most 1 MiB; none at the end.
    async fn next(&mut self) -> Result<Option<Vec<u8>>>;
}

/// A backup that was made.
pub struct Backup {
    /// What the file is called: letters, digits, `-` and `.`.
    pub file_name: String,
    /// How long it is.
    pub bytes: u64,
    /// What it has.
    pub content: Box<dyn Pieces>,
}

/// Backups of all configurations with all their versions, and of the named secrets.
#[async_trait]
pub trait Backups: Send + Sync {
    /// Makes a backup, sealed with a passphrase, for who says their own password again. Needs `config:backup`. Fails with `validation_failed` when that isn't
    /// the password, `rate_limited`, `internal` when a version was changed outside Pilothouse, or `conflict` while another one is made or restored.
    async fn back_up(&self, caller: &Caller, new: NewBackup) -> Result<Backup>;

    /// Restores a backup, or says what that would do. All of the file is read and checked before anything is done; then each service is one commit, so that doing
    /// it again after a break is the same. Versions that are there stay. Needs `config:backup`. Fails as [`Backups::back_up`] does, and with `validation_failed` at
    /// `/file` or `/passphrase` for what is no backup, was changed or cut off, or can't be opened; with `unavailable` at an instance that doesn't act on services.
    async fn restore(&self, caller: &Caller, how: NewRestore, file: Box<dyn Pieces>) -> Result<RestoreReport>;
}
