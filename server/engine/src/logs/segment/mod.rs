//! The files that keep a service's log: written by its supervisor, read by Pilothouse.
//!
//! A log is a folder of segments, each named by the number of its first line. A segment is a magic number and blocks; a block is
//! a header with length and checksum, and lines. A block is written at once and is the unit of truth: what is torn is no block.
//! Its header also says how far the output of the service has been taken in, so that a new supervisor goes on exactly there.

mod block;
mod reader;
mod writer;

use std::io;
use std::path::{Path, PathBuf};

use api::{Level, LogStream};

pub use block::{Block, Header, Record, blocks};
pub use reader::Cursor;
pub use writer::Writer;

/// The longest line in bytes; longer ones are split.
pub const MAX_LINE: usize = 64 * 1024;
/// The size at which a segment is full.
pub const SEGMENT_BYTES: u64 = 8 << 20;
/// How much is kept of one service's log; the oldest segments are deleted beyond it.
pub const KEPT_BYTES: u64 = 256 << 20;
/// The largest block.
const MAX_BLOCK: usize = 1 << 20;
/// What a segment begins with: a name and the version of the format.
const MAGIC: [u8; 8] = *b"PHLOG\0\0\x01";

/// How many bytes of a service's standard output and standard error are in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Of standard output.
    pub stdout: u64,
    /// Of standard error.
    pub stderr: u64,
}

/// A segment in its folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The number of its first line.
    pub first_seq: u64,
    /// Its file.
    pub path: PathBuf,
}

impl Segment {
    fn of(folder: &Path, first_seq: u64) -> Self {
        Self { first_seq, path: folder.join(format!("{first_seq:020}.seg")) }
    }
}

/// Every segment of a log, oldest first; none when there is no log.
///
/// # Errors
/// When the folder can't be read.
pub fn list(folder: &Path) -> io::Result<Vec<Segment>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut segments = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".seg"));
        if let Some(first_seq) = name.and_then(|name| name.parse().ok()) {
            segments.push(Segment { first_seq, path });
        }
    }
    segments.sort_unstable_by_key(|segment| segment.first_seq);
    Ok(segments)
}

/// The name of the life of a log's numbers: made with the log, and kept as long as it. Makes the folder (0700) when it isn't there.
///
/// # Errors
/// When the folder can't be written.
pub fn epoch(folder: &Path) -> io::Result<String> {
    use std::io::Write;
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};

    let path = folder.join("epoch");
    for _ in 0..3 {
        match std::fs::read_to_string(&path) {
            Ok(epoch) if !epoch.trim().is_empty() => return Ok(epoch.trim().to_owned()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let epoch = format!("{:016x}", u64::from_be_bytes(crate::clock::random()));
        let draft = folder.join(format!("epoch.{epoch}"));
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        file.write_all(epoch.as_bytes())?;
        file.sync_all()?;
        // A link, not a rename: of two who make it at the same time, the first one's stays.
        let linked = std::fs::hard_link(&draft, &path);
        std::fs::remove_file(&draft)?;
        match linked {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
    }
    Err(io::Error::other(format!("{} can't be made", path.display())))
}

/// The number of the newest line; 0 when there is none.
///
/// # Errors
/// When the log can't be read.
pub fn newest(folder: &Path) -> io::Result<u64> {
    let Some(last) = list(folder)?.pop() else { return Ok(0) };
    let bytes = std::fs::read(&last.path)?;
    Ok(blocks(&bytes).last().map_or(last.first_seq, |block| block.header.next_seq()) - 1)
}

fn stream_code(stream: LogStream) -> u8 {
    match stream {
        LogStream::Stdout => 0,
        LogStream::Stderr => 1,
        LogStream::Prepare => 2,
        LogStream::Pilothouse => 3,
    }
}

fn stream_of(code: u8) -> LogStream {
    match code {
        0 => LogStream::Stdout,
        1 => LogStream::Stderr,
        2 => LogStream::Prepare,
        _ => LogStream::Pilothouse,
    }
}

fn level_of(code: u8) -> Level {
    Level::ALL.get(usize::from(code)).copied().unwrap_or(Level::Info)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use api::{Level, LogStream, Timestamp};

    use super::{Cursor, Position, Writer, blocks, epoch, list, newest};

    fn lines(folder: &std::path::Path) -> Vec<(u64, String)> {
        let mut lines = Vec::new();
        for segment in list(folder).unwrap() {
            let bytes = std::fs::read(segment.path).unwrap();
            for block in blocks(&bytes) {
                lines.extend(block.records().map(|line| (line.seq, String::from_utf8(line.text.to_vec()).unwrap())));
            }
        }
        lines
    }

    fn write(writer: &mut Writer, from: u64, to: u64) {
        for n in from..to {
            writer.push(Timestamp::from_micros(n as i64), Level::Info, LogStream::Stdout, format!("line {n}").as_bytes());
        }
        writer.commit(Position { stdout: to, stderr: 0 }).unwrap();
    }

    #[test]
    fn a_log_reads_back_and_goes_on_with_its_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = Writer::open(folder.path(), u64::MAX).unwrap();
        write(&mut writer, 0, 3);
        drop(writer);
        let mut writer = Writer::open(folder.path(), u64::MAX).unwrap();
        assert_eq!(writer.position(), Position { stdout: 3, stderr: 0 });
        write(&mut writer, 3, 5);
        let expected: Vec<_> = (0..5).map(|n| (n + 1, format!("line {n}"))).collect();
        assert_eq!(lines(folder.path()), expected);
        assert_eq!(newest(folder.path()).unwrap(), 5);
        assert_eq!(epoch(folder.path()).unwrap(), epoch(folder.path()).unwrap());
    }

    #[test]
    fn a_torn_tail_is_cut_and_written_anew() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = Writer::open(folder.path(), u64::MAX).unwrap();
        write(&mut writer, 0, 10);
        let path = list(folder.path()).unwrap()[0].path.clone();
        let whole = std::fs::metadata(&path).unwrap().len();
        write(&mut writer, 10, 20);
        let torn = std::fs::metadata(&path).unwrap().len();
        for len in [whole + 1, whole + 60, torn - 1] {
            std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(len).unwrap();
            assert_eq!(lines(folder.path()).len(), 10, "readers don't see a torn block");
            let mut writer = Writer::open(folder.path(), u64::MAX).unwrap();
            assert_eq!(writer.position().stdout, 10);
            write(&mut writer, 10, 20);
            assert_eq!(lines(folder.path()).len(), 20);
        }
        std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(&[0; 500]).unwrap();
        assert_eq!(Writer::open(folder.path(), u64::MAX).unwrap().next_seq(), 21);
        assert_eq!(std::fs::metadata(&path).unwrap().len(), torn);
    }

    #[test]
    fn full_segments_roll_and_the_oldest_are_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = Writer::open(folder.path(), 20 << 20).unwrap();
        let text = vec![b'x'; 60_000];
        for n in 0..600 {
            writer.push(Timestamp::from_micros(n), Level::Info, LogStream::Stdout, &text);
            writer.commit(Position::default()).unwrap();
        }
        let segments = list(folder.path()).unwrap();
        assert!((2..=3).contains(&segments.len()), "{segments:?}");
        assert!(segments[0].first_seq > 1);
        drop(writer);
        assert_eq!(Writer::open(folder.path(), 20 << 20).unwrap().next_seq(), 601);
    }

    #[test]
    fn a_cursor_reads_on_from_any_line_over_segments_and_waits_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = Writer::open(folder.path(), u64::MAX).unwrap();
        let text = vec![b'x'; 60_000];
        for n in 0..300 {
            writer.push(Timestamp::from_micros(n), Level::Info, LogStream::Stdout, &text);
            writer.commit(Position::default()).unwrap();
        }
        for from in [1, 2, 150, 299, 300] {
            let mut cursor = Cursor::seek(folder.path(), from).unwrap();
            let mut seen = Vec::new();
            while cursor.read(1 << 20, &mut |line| seen.push(line.seq)).unwrap() > 0 {}
            assert_eq!(seen, (from..=300).collect::<Vec<_>>());
            writer.push(Timestamp::from_micros(0), Level::Info, LogStream::Stdout, b"more");
            assert_eq!(cursor.read(1 << 20, &mut |_| ()).unwrap(), 0, "nothing is there before it is committed");
            writer.discard();
        }
    }
}
