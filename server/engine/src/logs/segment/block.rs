//! Blocks of lines: how they are laid out in bytes.

use api::{Level, LogStream, Timestamp};

use super::{MAGIC, MAX_BLOCK, Position, level_of, stream_code, stream_of};

/// Bytes of a header.
pub(super) const HEADER: usize = 56;
/// Bytes before the text of a line: length, stream and level, microseconds since the first line of the block.
pub(super) const RECORD: usize = 9;

/// What a block says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Bytes of its lines.
    pub len: u32,
    /// The number of its first line.
    pub first_seq: u64,
    /// How many lines it has.
    pub count: u32,
    /// A bit for each level that occurs, the least grave lowest.
    pub levels: u32,
    /// The time of its first line.
    pub first_ts: Timestamp,
    /// The time of its last line.
    pub last_ts: Timestamp,
    /// How far the service's output is in the log after this block.
    pub position: Position,
}

/// One line as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its number.
    pub seq: u64,
    /// When it was read.
    pub ts: Timestamp,
    /// How grave it is.
    pub level: Level,
    /// Where it came from.
    pub stream: LogStream,
    /// Its bytes, without the line end.
    pub text: &'a [u8],
}

/// A whole block in memory, its checksum not looked at unless it came from [`Block::parse`].
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    /// What it says of itself.
    pub header: Header,
    lines: &'a [u8],
}

impl Header {
    /// The number of the first line after this block.
    pub fn next_seq(&self) -> u64 {
        self.first_seq + u64::from(self.count)
    }

    /// Whether any line is at least this grave.
    pub fn has_level(&self, level: Level) -> bool {
        self.levels >> (level as u32) != 0
    }

    fn read(bytes: &[u8]) -> Option<(Self, u32)> {
        let bytes: &[u8; HEADER] = bytes.get(..HEADER)?.try_into().ok()?;
        let u32_at = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let u64_at = |at: usize| u64::from(u32_at(at)) | u64::from(u32_at(at + 4)) << 32;
        let header = Self {
            len: u32_at(0),
            first_seq: u64_at(8),
            count: u32_at(16),
            levels: u32_at(20),
            first_ts: Timestamp::from_micros(u64_at(24) as i64),
            last_ts: Timestamp::from_micros(u64_at(32) as i64),
            position: Position { stdout: u64_at(40), stderr: u64_at(48) },
        };
        Some((header, u32_at(4)))
    }

    /// Writes the header of `block`, whose lines are there, into its first bytes.
    pub(super) fn seal(&self, block: &mut [u8]) {
        block[0..4].copy_from_slice(&self.len.to_le_bytes());
        block[8..16].copy_from_slice(&self.first_seq.to_le_bytes());
        block[16..20].copy_from_slice(&self.count.to_le_bytes());
        block[20..24].copy_from_slice(&self.levels.to_le_bytes());
        block[24..32].copy_from_slice(&self.first_ts.micros().to_le_bytes());
        block[32..40].copy_from_slice(&self.last_ts.micros().to_le_bytes());
        block[40..48].copy_from_slice(&self.position.stdout.to_le_bytes());
        block[48..56].copy_from_slice(&self.position.stderr.to_le_bytes());
        let crc = crc32fast::hash(&block[8..]);
        block[4..8].copy_from_slice(&crc.to_le_bytes());
    }
}

impl<'a> Block<'a> {
    /// The block at the beginning of `bytes`: none when it is torn, damaged or not all there yet.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (header, crc) = Header::read(bytes)?;
        let len = header.len as usize;
        if header.count == 0 && len != 0 || len > MAX_BLOCK || header.first_seq == 0 {
            return None;
        }
        let whole = bytes.get(..HEADER + len)?;
        (crc32fast::hash(&whole[8..]) == crc).then(|| Self { header, lines: &whole[HEADER..] })
    }

    /// Bytes of the whole block.
    pub fn size(&self) -> usize {
        HEADER + self.lines.len()
    }

    /// Its lines, oldest first.
    pub fn records(&self) -> impl Iterator<Item = Record<'a>> + use<'a> {
        let (mut rest, mut seq, first) = (self.lines, self.header.first_seq, self.header.first_ts.micros());
        std::iter::from_fn(move || {
            let (head, tail) = rest.split_at_checked(RECORD)?;
            let len = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
            let delta = u32::from_le_bytes([head[5], head[6], head[7], head[8]]);
            let (text, tail) = tail.split_at_checked(len)?;
            rest = tail;
            seq += 1;
            let ts = Timestamp::from_micros(first + i64::from(delta));
            Some(Record { seq: seq - 1, ts, level: level_of(head[4] >> 4), stream: stream_of(head[4] & 15), text })
        })
    }
}

/// The blocks of a segment, given the whole of its bytes; ends at the first that is torn.
pub fn blocks(segment: &[u8]) -> impl Iterator<Item = Block<'_>> {
    let mut rest = segment.strip_prefix(&MAGIC).unwrap_or_default();
    std::iter::from_fn(move || {
        let block = Block::parse(rest)?;
        rest = &rest[block.size()..];
        Some(block)
    })
}

/// Appends one line to the lines of a block.
pub(super) fn push(block: &mut Vec<u8>, delta: u32, level: Level, stream: LogStream, text: &[u8]) {
    block.extend_from_slice(&(text.len() as u32).to_le_bytes());
    block.push((level as u8) << 4 | stream_code(stream));
    block.extend_from_slice(&delta.to_le_bytes());
    block.extend_from_slice(text);
}
