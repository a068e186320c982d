//! Room that is kept for a full disk: a file that is given up so that services can still be stopped.

use std::fs;
use std::io;
use std::path::PathBuf;

use rustix::fs::{FallocateFlags, fallocate, statvfs};

use super::location::{Location, private_file};

/// Bytes that are kept: a stop takes some pages of the log of the database, and nothing gives them back while the disk is full.
const BYTES: u64 = 1 << 20;
/// How many times as much has to be free before they are taken.
const SPARE: u64 = 4;

/// Room on the disk of a SQLite database. The disk of PostgreSQL is its own business.
pub struct Reserve(Option<PathBuf>);

impl Reserve {
    pub(super) fn of(location: &Location) -> Self {
        match location {
            Location::Sqlite { main, .. } => Self(Some(main.with_extension("reserve"))),
            Location::Postgres(_) => Self(None),
        }
    }

    /// Takes the room, unless it is taken or too little is free. Answers whether it is taken now.
    pub fn keep(&self) -> bool {
        let Some(path) = &self.0 else { return true };
        let keep = || -> io::Result<bool> {
            if fs::metadata(path).is_ok_and(|file| file.len() >= BYTES) {
                return Ok(true);
            }
            let free = statvfs(path.parent().unwrap_or(path)).map(|disk| disk.f_bavail * disk.f_frsize)?;
            if free < BYTES * SPARE {
                return Ok(false);
            }
            fallocate(private_file(path)?, FallocateFlags::empty(), 0, BYTES)?;
            Ok(true)
        };
        keep().unwrap_or_else(|error| {
            tracing::warn!(%error, "reserve_not_kept");
            // What was taken in part is no reserve.
            let _ = fs::remove_file(path);
            false
        })
    }

    /// Gives the room up. Answers whether there was any.
    pub fn release(&self) -> bool {
        let is_released = self.0.as_ref().is_some_and(|path| fs::remove_file(path).is_ok());
        if is_released {
            tracing::warn!("reserve_released");
        }
        is_released
    }
}

#[cfg(test)]
mod tests {
    use super::{BYTES, Reserve};

    #[test]
    fn room_is_kept_given_up_once_and_kept_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("pilothouse.reserve");
        let reserve = Reserve(Some(path.clone()));
        assert!(!reserve.release(), "there is none yet");
        for _ in 0..2 {
            assert!(reserve.keep() && reserve.keep());
            assert_eq!(std::fs::metadata(&path).expect("it is there").len(), BYTES);
            assert!(reserve.release() && !reserve.release());
        }
        assert!(Reserve(None).keep() && !Reserve(None).release(), "of a database that is elsewhere");
    }
}
