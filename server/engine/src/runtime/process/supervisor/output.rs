//! What a service writes: from its pipes by way of the spool into the log.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;

use api::{Level, LogStream};
use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;

use super::spool::Spool;
use crate::Clock;
use crate::logs::level::Classifier;
use crate::logs::segment::{KEPT_BYTES, MAX_LINE, Position, Writer};
use crate::runtime::process::folder::{PIPES, RunFolder};

/// What the pipes hold while nobody reads.
const PIPE_BYTES: usize = 256 << 10;
/// How much is taken from a pipe before the other one has its turn.
const TURN_BYTES: usize = 1 << 20;

/// The output of one service.
pub struct Output {
    writer: Writer,
    sources: [Source; 2],
    classifier: Classifier,
    /// The stream that lines are marked with instead of their own.
    marked: Option<LogStream>,
    last_line: String,
    /// What was written since somebody began to watch: the last line, and the last that tells of an error.
    watched: [String; 2],
    is_watched: bool,
    lost: u64,
}

struct Source {
    stream: LogStream,
    pipe: File,
    spool: Spool,
    done: u64,
}

impl Output {
    /// Makes or opens pipes, spools and log, and takes into the log what a former supervisor has left.
    ///
    /// # Errors
    /// When any of them can't be made or opened.
    pub fn open(folder: &RunFolder) -> io::Result<Self> {
        let writer = Writer::open(&folder.log(), KEPT_BYTES)?;
        let Position { stdout, stderr } = writer.position();
        let source = |name: &'static str, stream, done| -> io::Result<Source> {
            let spool = Spool::open(folder.path(), name, done)?;
            Ok(Source { stream, pipe: open_pipe(folder, name)?, spool, done })
        };
        let sources = [source(PIPES[0], LogStream::Stdout, stdout)?, source(PIPES[1], LogStream::Stderr, stderr)?];
        let mut output = Self {
            writer,
            sources,
            classifier: Classifier::default(),
            marked: None,
            last_line: String::new(),
            watched: Default::default(),
            is_watched: false,
            lost: 0,
        };
        output.take_in()?;
        Ok(output)
    }

    /// The pipes to be polled.
    pub fn pipes(&self) -> [&File; 2] {
        [&self.sources[0].pipe, &self.sources[1].pipe]
    }

    /// Marks the lines to come with `stream`, or again with their own.
    pub fn mark(&mut self, stream: Option<LogStream>) {
        self.marked = stream;
    }

    /// The last line that is not empty.
    pub fn last_line(&self) -> &str {
        &self.last_line
    }

    /// Forgets what was written so far, for [`Output::watched`].
    pub fn watch(&mut self) {
        (self.watched, self.is_watched) = (Default::default(), true);
    }

    /// Ends that.
    pub fn unwatch(&mut self) {
        (self.watched, self.is_watched) = (Default::default(), false);
    }

    /// The last line since [`Output::watch`] that tells of an error, else the last one. Of two copies it isn't known which of them wrote it.
    pub fn watched(&self) -> &str {
        let [last, last_error] = &self.watched;
        if last_error.is_empty() { last } else { last_error }
    }

    /// Takes what is in the pipes into the log; answers how many bytes that was.
    ///
    /// # Errors
    /// When the spool can't be read or the log not be written for another reason than a full disk.
    pub fn take_in(&mut self) -> io::Result<usize> {
        let mut taken = 0;
        for at in 0..self.sources.len() {
            taken += self.drain(at)?;
            self.digest(at, false)?;
        }
        self.commit()?;
        for source in &mut self.sources {
            source.spool.shrink(source.done)?;
        }
        Ok(taken)
    }

    /// Takes in all that is left, the end of an unfinished line too.
    ///
    /// # Errors
    /// As [`Output::take_in`].
    pub fn finish(&mut self) -> io::Result<()> {
        while self.take_in()? > 0 {}
        for at in 0..self.sources.len() {
            self.digest(at, true)?;
        }
        self.commit()?;
        for source in &mut self.sources {
            source.spool.shrink(source.done)?;
        }
        Ok(())
    }

    /// Writes a line of Pilothouse's own.
    ///
    /// # Errors
    /// As [`Output::take_in`].
    pub fn say(&mut self, level: Level, text: &str) -> io::Result<()> {
        self.writer.push(Clock::System.now(), level, LogStream::Pilothouse, text.as_bytes());
        self.commit()
    }

    /// Empties a pipe into its spool, up to one turn.
    fn drain(&mut self, at: usize) -> io::Result<usize> {
        let mut taken = 0;
        while taken < TURN_BYTES {
            let source = &mut self.sources[at];
            match source.spool.take_in(&source.pipe) {
                Ok(moved) => taken += moved,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_full(&error) => {
                    if !self.writer.drop_oldest()? {
                        taken += self.throw_away(at)?;
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(taken)
    }

    /// The disk is full and nothing can be deleted: better the service lives than its log.
    fn throw_away(&mut self, at: usize) -> io::Result<usize> {
        let mut buffer = vec![0; 64 << 10];
        match self.sources[at].pipe.read(&mut buffer) {
            Ok(read) => {
                self.lost += read as u64;
                Ok(read)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// Makes lines of what is in the spool; `to_the_end` takes an unfinished one too.
    fn digest(&mut self, at: usize, to_the_end: bool) -> io::Result<()> {
        if self.sources[at].done == self.sources[at].spool.end() {
            return Ok(());
        }
        let mut buffer = vec![0; 2 * MAX_LINE];
        loop {
            let source = &self.sources[at];
            let there = source.spool.read(source.done, &mut buffer)?;
            let mut used = 0;
            while let Some((line, size)) = next_line(&buffer[used..there], to_the_end) {
                self.line(at, line);
                used += size;
                self.sources[at].done += size as u64;
                if self.writer.is_full() {
                    self.commit()?;
                }
            }
            if used == 0 || there < buffer.len() && !to_the_end {
                return Ok(());
            }
        }
    }

    fn line(&mut self, at: usize, text: &[u8]) {
        let stream = self.marked.unwrap_or(self.sources[at].stream);
        let level = self.classifier.level(self.sources[at].stream, text);
        if !text.trim_ascii().is_empty() {
            let short = || String::from_utf8_lossy(&text[..text.len().min(500)]).trim().to_owned();
            if self.marked.is_some() {
                self.last_line = short();
            }
            if self.is_watched {
                self.watched[usize::from(level == Level::Error)] = short();
            }
        }
        self.writer.push(Clock::System.now(), level, stream, text);
    }

    fn commit(&mut self) -> io::Result<()> {
        loop {
            let position = Position { stdout: self.sources[0].done, stderr: self.sources[1].done };
            match self.writer.commit(position) {
                Ok(()) if self.lost == 0 => return Ok(()),
                Ok(()) => {
                    let text = format!("{} bytes of output were lost because the disk was full", std::mem::take(&mut self.lost));
                    self.writer.push(Clock::System.now(), Level::Error, LogStream::Pilothouse, text.as_bytes());
                }
                Err(error) if is_full(&error) => {
                    if !self.writer.drop_oldest()? {
                        self.lost += self.writer.pending_bytes() as u64;
                        self.writer.discard();
                        return Ok(());
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// The first line of `bytes` without its end, and its size with it; none when it isn't finished.
fn next_line(bytes: &[u8], to_the_end: bool) -> Option<(&[u8], usize)> {
    let head = &bytes[..bytes.len().min(MAX_LINE + 1)];
    match head.iter().position(|byte| *byte == b'\n') {
        Some(end) => Some((&head[..end], end + 1)),
        None if head.len() > MAX_LINE => Some((&head[..MAX_LINE], MAX_LINE)),
        None if to_the_end && !head.is_empty() => Some((head, head.len())),
        None => None,
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Opens the supervisor's end of a pipe, for both ways: so it never sees an end, and none of it is lost while nobody else has it.
fn open_pipe(folder: &RunFolder, name: &str) -> io::Result<File> {
    let path = folder.path().join(name);
    match rustix::fs::mkfifoat(CWD, &path, Mode::from_raw_mode(0o600)) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(error) => return Err(error.into()),
    }
    let pipe = OpenOptions::new().read(true).write(true).custom_flags(OFlags::NONBLOCK.bits() as i32).open(&path)?;
    // A limit per user may forbid it: then it stays as small as it is.
    let _ = rustix::pipe::fcntl_setpipe_size(&pipe, PIPE_BYTES);
    Ok(pipe)
}
