//! The end of a service's log, kept when a run ends.

use std::collections::VecDeque;
use std::io;
use std::path::Path;

use api::{LogStream, Timestamp};

use crate::logs::segment::{Cursor, newest};
use crate::logs::text::line;
use crate::secrets::Mask;

/// Characters of a line that are kept.
const LINE: usize = 1_000;

/// The last lines that a service wrote since a time, at most `most`, oldest first, each cut to 1,000 characters; none when its log
/// can't be read. What Pilothouse itself wrote into it is left out, and secrets behind `mask`.
pub fn last_lines(folder: &Path, since: Timestamp, most: usize, mask: &Mask) -> Vec<String> {
    read(folder, since, most, mask).unwrap_or_else(|error| {
        tracing::warn!(%error, folder = %folder.display(), "log_not_read");
        Vec::new()
    })
}

fn read(folder: &Path, since: Timestamp, most: usize, mask: &Mask) -> io::Result<Vec<String>> {
    let from = newest(folder)?.saturating_sub(2 * most as u64).max(1);
    let mut cursor = Cursor::seek(folder, from)?;
    let mut lines = VecDeque::with_capacity(most);
    let mut keep = |record: crate::logs::segment::Record<'_>| {
        if record.stream == LogStream::Pilothouse || record.ts < since {
            return;
        }
        if lines.len() == most {
            lines.pop_front();
        }
        let message = line(record, mask).message;
        lines.push_back(if message.chars().count() > LINE { message.chars().take(LINE).collect() } else { message });
    };
    while cursor.read(1 << 20, &mut keep)? > 0 {}
    Ok(lines.into())
}

#[cfg(test)]
mod tests {
    use api::{Level, LogStream, Timestamp};

    use super::last_lines;
    use crate::logs::segment::{KEPT_BYTES, Position, Writer};
    use crate::secrets::Mask;

    #[test]
    fn the_last_lines_of_the_service_are_read_and_not_those_of_pilothouse() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut log = Writer::open(folder.path(), KEPT_BYTES).expect("a log");
        let at = Timestamp::from_micros;
        for n in 1..=50 {
            log.push(at(n), Level::Info, LogStream::Stdout, format!("line {n}").as_bytes());
        }
        log.push(at(51), Level::Info, LogStream::Stderr, "é".repeat(3_000).as_bytes());
        log.push(at(52), Level::Info, LogStream::Pilothouse, b"exited with code 1");
        log.commit(Position::default()).expect("it is written");
        let mask = Mask::default();
        let lines = last_lines(folder.path(), at(0), 3, &mask);
        assert_eq!(lines[..2], ["line 49", "line 50"]);
        assert_eq!(lines[2].chars().count(), 1_000);
        assert_eq!(last_lines(folder.path(), at(50), 20, &mask).len(), 2, "the lines of the run before are left out");
        assert!(last_lines(&folder.path().join("none"), at(0), 3, &mask).is_empty());
        mask.set([api::Secret::new("line 49")]);
        assert_eq!(last_lines(folder.path(), at(0), 3, &mask)[0], "••••••");
    }
}
