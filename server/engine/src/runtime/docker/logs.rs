//! From the log of a container into the log of its service, without a gap or a repeat.
//!
//! Docker gives every line the time of its writing in nanoseconds, and of one stream they only grow. The times of the last lines
//! taken are kept with them in the same block of the log, so that what is taken and what is known to be taken can't differ.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use api::{Level, LogStream, Timestamp};
use bollard::Docker;
use bollard::container::LogOutput;
use bollard::query_parameters::LogsOptions;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;

use crate::logs::level::Classifier;
use crate::logs::segment::{KEPT_BYTES, MAX_LINE, Position, Writer};

/// Lines that are taken of a container that is seen for the first time.
const FIRST_LINES: &str = "10000";

/// Pieces that are taken at once.
const PIECES: usize = 512;

/// Between tries to write what can't be written.
const PAUSE: Duration = Duration::from_secs(1);

/// Follows the log of a container until it ends or the engine doesn't answer, from where it was left.
///
/// # Errors
/// When the log of the service can't be opened, or Docker's not be read: drivers that send lines elsewhere keep none.
pub async fn follow(docker: &Docker, container: &str, folder: PathBuf) -> Result<(), String> {
    let opened = tokio::task::spawn_blocking(move || Writer::open(&folder, KEPT_BYTES)).await;
    let writer = opened.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    let position = writer.position();
    let newest = position.stdout.max(position.stderr);
    let options = LogsOptions {
        follow: true,
        stdout: true,
        stderr: true,
        timestamps: true,
        // In whole seconds: what comes twice is known by its time.
        since: i32::try_from((newest / 1_000_000_000).saturating_sub(1)).unwrap_or(i32::MAX),
        tail: if newest == 0 { FIRST_LINES.into() } else { "all".into() },
        ..LogsOptions::default()
    };
    let mut pieces = docker.logs(container, Some(options)).ready_chunks(PIECES);
    let mut intake = Some(Intake::new(writer));
    while let Some(chunk) = pieces.next().await {
        let mut broken = None;
        let chunk: Vec<_> = chunk.into_iter().filter_map(|piece| piece.map_err(|error| broken = Some(super::words(&error))).ok()).collect();
        let Some(mut taking) = intake.take() else { break };
        for piece in chunk {
            taking.take(piece);
            if taking.writer.is_full() {
                taking = commit(taking).await?;
            }
        }
        intake = Some(commit(taking).await?);
        if let Some(error) = broken {
            return Err(error);
        }
    }
    if let Some(mut taking) = intake {
        taking.finish();
        commit(taking).await?;
    }
    Ok(())
}

/// Writes what was taken; tries again until it can be written, and makes room where there is none.
async fn commit(mut intake: Intake) -> Result<Intake, String> {
    loop {
        let (returned, written) = tokio::task::spawn_blocking(move || {
            let position = intake.position;
            let written = match intake.writer.commit(position) {
                Err(error) if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => {
                    intake.writer.drop_oldest().and_then(|is_gone| if is_gone { intake.writer.commit(position) } else { Err(error) })
                }
                written => written,
            };
            (intake, written)
        })
        .await
        .map_err(|error| error.to_string())?;
        intake = returned;
        match written {
            Ok(()) => return Ok(intake),
            Err(error) => {
                tracing::error!(%error, "container_log_not_written");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Makes lines of what Docker sends.
struct Intake {
    writer: Writer,
    classifier: Classifier,
    position: Position,
    /// Lines whose end hasn't come, of each stream: Docker splits what is longer than 16 KiB.
    unfinished: [Option<Line>; 2],
    /// What a terminal has written since the last end of a line: its pieces end anywhere.
    terminal: BytesMut,
}

struct Line {
    nanos: u64,
    text: Vec<u8>,
}

impl Intake {
    fn new(writer: Writer) -> Self {
        let position = writer.position();
        Self { writer, classifier: Classifier::default(), position, unfinished: [None, None], terminal: BytesMut::new() }
    }

    fn take(&mut self, piece: LogOutput) {
        match piece {
            LogOutput::StdOut { message } => self.entry(LogStream::Stdout, &message),
            LogOutput::StdErr { message } => self.entry(LogStream::Stderr, &message),
            LogOutput::Console { message } => self.terminal(&message),
            LogOutput::StdIn { .. } => {}
        }
    }

    /// What a terminal has written: lines begin with their time, whatever the pieces are.
    fn terminal(&mut self, message: &Bytes) {
        self.terminal.extend_from_slice(message);
        while let Some(end) = self.terminal.iter().position(|byte| *byte == b'\n') {
            let line = self.terminal.split_to(end + 1);
            self.entry(LogStream::Stdout, &line);
        }
        if self.terminal.len() > 2 * MAX_LINE {
            let line = self.terminal.split();
            self.entry(LogStream::Stdout, &line);
        }
    }

    /// One entry: its time, a space, and a line or a piece of one.
    fn entry(&mut self, stream: LogStream, entry: &[u8]) {
        let at = usize::from(stream == LogStream::Stderr);
        let (nanos, text) = match split_time(entry) {
            Some(split) => split,
            // Not Docker's own words: kept with the time of the line before.
            None => (self.unfinished[at].as_ref().map_or(0, |line| line.nanos), entry),
        };
        let is_whole = text.last() == Some(&b'\n');
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let line = self.unfinished[at].get_or_insert_with(|| Line { nanos, text: Vec::new() });
        line.text.extend_from_slice(text);
        line.nanos = line.nanos.max(nanos);
        if is_whole || line.text.len() >= MAX_LINE {
            self.end_line(stream);
        }
    }

    fn end_line(&mut self, stream: LogStream) {
        let at = usize::from(stream == LogStream::Stderr);
        let Some(Line { nanos, text }) = self.unfinished[at].take() else { return };
        let taken = if at == 0 { &mut self.position.stdout } else { &mut self.position.stderr };
        if nanos <= *taken {
            return;
        }
        *taken = nanos;
        let level: Level = self.classifier.level(stream, &text);
        let ts = Timestamp::from_micros(i64::try_from(nanos / 1000).unwrap_or(i64::MAX));
        self.writer.push(ts, level, stream, &text);
    }

    /// Takes the ends of lines that will have none.
    fn finish(&mut self) {
        let rest = self.terminal.split();
        if !rest.is_empty() {
            self.entry(LogStream::Stdout, &rest);
        }
        for stream in [LogStream::Stdout, LogStream::Stderr] {
            self.end_line(stream);
        }
    }
}

/// The time at the beginning of an entry in nanoseconds since 1970, and what follows it.
fn split_time(entry: &[u8]) -> Option<(u64, &[u8])> {
    let space = entry.iter().take(40).position(|byte| *byte == b' ')?;
    let text = std::str::from_utf8(&entry[..space]).ok()?;
    let at: Timestamp = text.parse().ok()?;
    let fraction = text.split_once('.').map_or("", |(_, rest)| rest.trim_end_matches('Z'));
    let nanos = format!("{fraction:0<9}").get(..9)?.parse::<u64>().ok()?;
    let seconds = u64::try_from(at.micros().div_euclid(1_000_000)).ok()?;
    Some((seconds.checked_mul(1_000_000_000)? + nanos, &entry[space + 1..]))
}

#[cfg(test)]
mod tests {
    use bollard::container::LogOutput;

    use super::{Intake, split_time};
    use crate::logs::segment::{Writer, blocks, list};

    fn out(text: &str) -> LogOutput {
        LogOutput::StdOut { message: text.to_owned().into() }
    }

    fn err(text: &str) -> LogOutput {
        LogOutput::StdErr { message: text.to_owned().into() }
    }

    fn console(text: &str) -> LogOutput {
        LogOutput::Console { message: text.to_owned().into() }
    }

    /// What is in a log after these pieces, each list of which is taken by a Pilothouse of its own.
    fn lines(lives: Vec<Vec<LogOutput>>) -> Vec<String> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for pieces in lives {
            let mut intake = Intake::new(Writer::open(folder.path(), 1 << 20).expect("a log"));
            pieces.into_iter().for_each(|piece| intake.take(piece));
            intake.finish();
            intake.writer.commit(intake.position).expect("it can be written");
        }
        let mut lines = Vec::new();
        for segment in list(folder.path()).expect("a log") {
            let bytes = std::fs::read(segment.path).expect("a segment");
            lines.extend(
                blocks(&bytes)
                    .flat_map(|block| block.records().map(|line| String::from_utf8_lossy(line.text).into_owned()).collect::<Vec<_>>()),
            );
        }
        lines
    }

    #[test]
    fn the_time_is_read_to_the_nanosecond() {
        let (nanos, text) = split_time(b"2026-11-26T04:19:42.878994909Z GET / 200").expect("a time");
        assert_eq!((nanos % 1_000_000_000, text), (878_994_909, &b"GET / 200"[..]));
        assert_eq!(split_time(b"2026-11-26T04:19:42.5Z x").expect("a time").0 % 1_000_000_000, 500_000_000);
        assert!(split_time(b"no time here").is_none() && split_time(b"").is_none());
    }

    #[test]
    fn what_was_taken_is_not_taken_again_and_streams_do_not_hide_one_another() {
        let first = || vec![out("2026-01-01T00:00:00.000000005Z one\n"), err("2026-01-01T00:00:00.000000004Z late\n")];
        let mut again = first();
        again.extend([err("2026-01-01T00:00:00.000000006Z two\n"), out("2026-01-01T00:00:00.000000006Z three\n")]);
        assert_eq!(lines(vec![first(), again]), ["one", "late", "two", "three"]);
    }

    #[test]
    fn pieces_of_a_long_line_are_one_line_and_a_terminal_may_split_anywhere() {
        let long = vec![out("2026-01-01T00:00:00.1Z half"), err("2026-01-01T00:00:00.2Z other\n"), out("2026-01-01T00:00:00.3Z  whole\n")];
        assert_eq!(lines(vec![long]), ["other", "half whole"]);
        let terminal = vec![console("2026-01-01T00:00:00.1Z a\r\n2026-01-01T00:0"), console("0:00.2Z b\r\n2026-01-01T00:00:00.3Z c")];
        assert_eq!(lines(vec![terminal]), ["a", "b", "c"]);
    }
}
