//! Reading a log forwards, as it grows.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::block::HEADER;
use super::{Block, MAGIC, MAX_BLOCK, Record, Segment, blocks, list};

/// A place in a log that is being written.
pub struct Cursor {
    folder: PathBuf,
    file: Option<File>,
    offset: u64,
    /// The number of the next line to be read.
    next_seq: u64,
}

impl Cursor {
    /// The place of line `seq`, or of the oldest line that is kept when it is older, or the end when it isn't there yet.
    ///
    /// # Errors
    /// When the log can't be read.
    pub fn seek(folder: &Path, seq: u64) -> io::Result<Self> {
        let segments = list(folder)?;
        let mut cursor = Self { folder: folder.into(), file: None, offset: MAGIC.len() as u64, next_seq: seq };
        let Some(segment) = segments.iter().rev().find(|segment| segment.first_seq <= seq).or(segments.first()) else {
            return Ok(cursor);
        };
        cursor.next_seq = cursor.next_seq.max(segment.first_seq);
        let bytes = std::fs::read(&segment.path)?;
        for block in blocks(&bytes) {
            if block.header.next_seq() > cursor.next_seq {
                break;
            }
            cursor.offset += block.size() as u64;
        }
        cursor.file = Some(File::open(&segment.path)?);
        Ok(cursor)
    }

    /// The number of the next line.
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// Reads on for about `most` bytes and gives each line to `each`; answers how many there were. None means that this is the
    /// end for now.
    ///
    /// # Errors
    /// When the log can't be read.
    pub fn read(&mut self, most: usize, each: &mut dyn FnMut(Record<'_>)) -> io::Result<usize> {
        let mut count = 0;
        let mut taken = 0;
        loop {
            let (lines, bytes) = self.read_segment(most.saturating_sub(taken).max(1), each)?;
            (count, taken) = (count + lines, taken + bytes);
            if taken >= most {
                return Ok(count);
            }
            // The end of this segment; a next one begins with the line that is missing here.
            if bytes == 0 && !self.next_segment()? {
                return Ok(count);
            }
        }
    }

    /// Whether anything may have been written since the last read came to the end: a cheap look.
    pub fn has_more(&self) -> bool {
        let longer = self.file.as_ref().is_some_and(|file| file.metadata().is_ok_and(|meta| meta.len() > self.offset));
        longer || Segment::of(&self.folder, self.next_seq).path.exists() && !self.at_start_of(self.next_seq)
    }

    fn at_start_of(&self, _seq: u64) -> bool {
        self.file.is_some() && self.offset == MAGIC.len() as u64
    }

    fn next_segment(&mut self) -> io::Result<bool> {
        if self.at_start_of(self.next_seq) {
            return Ok(false);
        }
        let next = Segment::of(&self.folder, self.next_seq);
        match File::open(&next.path) {
            Ok(file) => {
                (self.file, self.offset) = (Some(file), MAGIC.len() as u64);
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.skip_damage(),
            Err(error) => Err(error),
        }
    }

    /// Goes to the next segment there is, when the rest of this one is damaged or gone.
    fn skip_damage(&mut self) -> io::Result<bool> {
        let Some(next) = list(&self.folder)?.into_iter().find(|segment| segment.first_seq > self.next_seq) else { return Ok(false) };
        self.file = Some(File::open(&next.path)?);
        (self.offset, self.next_seq) = (MAGIC.len() as u64, next.first_seq);
        Ok(true)
    }

    fn read_segment(&mut self, most: usize, each: &mut dyn FnMut(Record<'_>)) -> io::Result<(usize, usize)> {
        let Some(file) = &self.file else { return Ok((0, 0)) };
        let mut bytes = read_at(file, self.offset, most.max(16 << 10))?;
        if Block::parse(&bytes).is_none() && bytes.len() >= HEADER {
            bytes = read_at(file, self.offset, HEADER + MAX_BLOCK)?;
        }
        let (mut count, mut taken) = (0, 0);
        while let Some(block) = Block::parse(&bytes[taken..]) {
            for record in block.records().filter(|record| record.seq >= self.next_seq) {
                each(record);
                count += 1;
            }
            taken += block.size();
            self.next_seq = self.next_seq.max(block.header.next_seq());
        }
        self.offset += taken as u64;
        Ok((count, taken))
    }
}

fn read_at(file: &File, offset: u64, most: usize) -> io::Result<Vec<u8>> {
    let len = file.metadata()?.len().saturating_sub(offset);
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(usize::MAX).min(most)];
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(&mut bytes[filled..], offset + filled as u64)? {
            0 => break,
            read => filled += read,
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}
