//! Writing a log: the side of the supervisor.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use api::{Level, LogStream, Timestamp};

use super::block::{self, HEADER, Header, RECORD};
use super::{MAGIC, MAX_BLOCK, MAX_LINE, Position, SEGMENT_BYTES, Segment, blocks, epoch, list};

/// Appends to a log. There is one per log, under the lock of the run folder.
pub struct Writer {
    folder: PathBuf,
    file: File,
    segment: Segment,
    len: u64,
    next_seq: u64,
    position: Position,
    kept_bytes: u64,
    block: Vec<u8>,
    pending: Header,
}

impl Writer {
    /// Opens the log in `folder` (made with 0700 when it isn't there), cuts a torn tail, and goes on after the last whole block.
    /// At most about `kept_bytes` are kept.
    ///
    /// # Errors
    /// When the folder can't be read or written.
    pub fn open(folder: &Path, kept_bytes: u64) -> io::Result<Self> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        epoch(folder)?;
        let mut segments = list(folder)?;
        let segment = segments.pop().unwrap_or_else(|| Segment::of(folder, 1));
        let bytes = match std::fs::read(&segment.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let (mut len, mut next_seq, mut position) = (MAGIC.len(), segment.first_seq, None);
        for block in blocks(&bytes) {
            len += block.size();
            next_seq = block.header.next_seq();
            position = Some(block.header.position);
        }
        if position.is_none() {
            position = last_position(segments.last())?;
        }
        let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(&segment.path)?;
        let mut len = len as u64;
        if bytes.starts_with(&MAGIC) {
            file.set_len(len)?;
        } else {
            file.set_len(0)?;
            file.write_all(&MAGIC)?;
            len = MAGIC.len() as u64;
        }
        let position = position.unwrap_or_default();
        let mut writer =
            Self { folder: folder.into(), file, segment, len, next_seq, position, kept_bytes, block: Vec::new(), pending: empty() };
        writer.discard();
        Ok(writer)
    }

    /// The number that the next line will have.
    pub fn next_seq(&self) -> u64 {
        self.next_seq + u64::from(self.pending.count)
    }

    /// How far the service's output is in the log, by the last committed block.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Bytes that wait to be committed.
    pub fn pending_bytes(&self) -> usize {
        self.block.len() - HEADER
    }

    /// Adds a line, of which at most [`MAX_LINE`] bytes are taken; it is nowhere but in memory until the next commit.
    pub fn push(&mut self, ts: Timestamp, level: Level, stream: LogStream, text: &[u8]) {
        let text = &text[..text.len().min(MAX_LINE)];
        if self.pending.count == 0 {
            self.pending.first_ts = ts;
        }
        let delta = ts.micros() - self.pending.first_ts.micros();
        block::push(&mut self.block, u32::try_from(delta.max(0)).unwrap_or(u32::MAX), level, stream, text);
        self.pending.count += 1;
        self.pending.levels |= 1 << (level as u32);
        self.pending.last_ts = ts.max(self.pending.first_ts);
    }

    /// Whether what waits should be committed before more is added.
    pub fn is_full(&self) -> bool {
        self.block.len() + RECORD + MAX_LINE > MAX_BLOCK / 2
    }

    /// Writes what waits, with the position that is reached by it. Does nothing when neither is new.
    ///
    /// # Errors
    /// When it can't be written: then the file is as before, and what waits still waits.
    pub fn commit(&mut self, position: Position) -> io::Result<()> {
        if self.pending.count == 0 && position == self.position {
            return Ok(());
        }
        if self.len >= SEGMENT_BYTES && self.pending.count > 0 {
            self.roll()?;
        }
        self.pending.first_seq = self.next_seq;
        self.pending.len = self.pending_bytes() as u32;
        self.pending.position = position;
        let header = self.pending;
        header.seal(&mut self.block);
        if let Err(error) = self.file.write_all(&self.block) {
            self.file.set_len(self.len)?;
            return Err(error);
        }
        self.len += self.block.len() as u64;
        self.next_seq = header.next_seq();
        self.position = position;
        self.discard();
        Ok(())
    }

    /// Forgets what waits.
    pub fn discard(&mut self) {
        self.block.clear();
        self.block.shrink_to(MAX_LINE);
        self.block.resize(HEADER, 0);
        self.pending = empty();
    }

    /// Deletes the oldest segment to make room; whether there was one.
    ///
    /// # Errors
    /// When it can't be deleted.
    pub fn drop_oldest(&mut self) -> io::Result<bool> {
        match list(&self.folder)?.first() {
            Some(oldest) if *oldest != self.segment => std::fs::remove_file(&oldest.path).map(|()| true),
            _ => Ok(false),
        }
    }

    fn roll(&mut self) -> io::Result<()> {
        let segment = Segment::of(&self.folder, self.next_seq);
        let mut file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(&segment.path)?;
        if let Err(error) = file.write_all(&MAGIC) {
            std::fs::remove_file(&segment.path)?;
            return Err(error);
        }
        (self.file, self.segment, self.len) = (file, segment, MAGIC.len() as u64);
        let mut kept = SEGMENT_BYTES;
        for old in list(&self.folder)?.into_iter().rev().skip(1) {
            kept += std::fs::metadata(&old.path)?.len();
            if kept > self.kept_bytes {
                std::fs::remove_file(&old.path)?;
            }
        }
        Ok(())
    }
}

/// The position in the newest block of a segment.
fn last_position(segment: Option<&Segment>) -> io::Result<Option<Position>> {
    let Some(segment) = segment else { return Ok(None) };
    let bytes = std::fs::read(&segment.path)?;
    Ok(blocks(&bytes).last().map(|block| block.header.position))
}

fn empty() -> Header {
    let at = Timestamp::default();
    Header { len: 0, first_seq: 0, count: 0, levels: 0, first_ts: at, last_ts: at, position: Position::default() }
}
