//! Looking for lines, from the newest to the oldest.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use api::{Error, Level, LogLine, LogQuery, Page, Result, Timestamp};
use regex::bytes::{Regex, RegexBuilder};

use super::segment::{Block, Record, blocks, list};
use super::text::{line, strip_ansi};
use crate::secrets::Mask;

/// How much is looked through for one page; then there is a cursor to go on, and the page may have fewer lines or none.
const MOST_BYTES: usize = 64 << 20;
/// For how long.
const MOST_TIME: Duration = Duration::from_secs(2);
/// How much text a page may have.
const PAGE_BYTES: usize = 8 << 20;
/// The longest text that is searched for, in characters.
const LONGEST_QUERY: usize = 1000;
/// How large a regular expression may become.
const REGEX_BYTES: usize = 1 << 20;

/// What is looked for.
pub struct Search {
    limit: usize,
    /// Only lines with a smaller number.
    before: u64,
    level: Option<Level>,
    pattern: Option<Regex>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
}

/// What has been found so far, newest first.
struct Found {
    lines: Vec<LogLine>,
    bytes: usize,
    /// The oldest line that was looked at.
    oldest: u64,
}

impl Search {
    /// What `query` asks for.
    ///
    /// # Errors
    /// `validation_failed` at `q` or `cursor`.
    pub fn new(query: &LogQuery) -> Result<Self> {
        let before = match &query.cursor {
            Some(cursor) => read_cursor(cursor)?,
            None => u64::MAX,
        };
        let pattern = match query.q.as_deref() {
            None | Some("") => None,
            Some(q) => Some(pattern(q, query.regex)?),
        };
        Ok(Self { limit: query.limit.get(), before, level: query.level, pattern, from: query.from, to: query.to })
    }

    /// Looks through the log in `folder`, for what can be seen behind `mask`.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn run(&self, folder: &Path, mask: &Mask) -> io::Result<Page<LogLine>> {
        let deadline = Instant::now() + MOST_TIME;
        let segments = list(folder)?;
        let first_seq = segments.first().map_or(1, |segment| segment.first_seq);
        let mut found = Found { lines: Vec::new(), bytes: 0, oldest: self.before };
        let mut looked_at = 0;
        let mut is_complete = true;
        for segment in segments.iter().rev().filter(|segment| segment.first_seq < self.before) {
            let bytes = match std::fs::read(&segment.path) {
                Ok(bytes) => bytes,
                // It has become too old meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => break,
                Err(error) => return Err(error),
            };
            looked_at += bytes.len();
            if !self.look_through(&bytes, deadline, mask, &mut found) {
                is_complete = false;
                break;
            }
            found.oldest = found.oldest.min(segment.first_seq);
            if looked_at >= MOST_BYTES || Instant::now() >= deadline {
                is_complete = false;
                break;
            }
        }
        let is_there_more = !is_complete && found.oldest > first_seq;
        found.lines.reverse();
        Ok(Page { items: found.lines, next_cursor: is_there_more.then(|| write_cursor(found.oldest)), total: None })
    }

    /// Looks through one segment; answers whether to go on with older ones.
    fn look_through(&self, bytes: &[u8], deadline: Instant, mask: &Mask, found: &mut Found) -> bool {
        let blocks: Vec<Block<'_>> = blocks(bytes).take_while(|block| block.header.first_seq < self.before).collect();
        for block in blocks.into_iter().rev() {
            let header = block.header;
            let is_too_new = self.to.is_some_and(|to| header.first_ts >= to);
            let is_too_mild = self.level.is_some_and(|level| !header.has_level(level));
            if header.count > 0 && self.from.is_some_and(|from| header.last_ts < from) {
                // All before is older still: the end.
                found.oldest = 0;
                return false;
            }
            if !is_too_new && !is_too_mild {
                let records: Vec<Record<'_>> = block.records().collect();
                for record in records.into_iter().rev().filter(|record| record.seq < self.before) {
                    found.oldest = record.seq;
                    if self.matches(&record, mask) {
                        found.bytes += record.text.len();
                        found.lines.push(line(record, mask));
                        if found.lines.len() >= self.limit || found.bytes >= PAGE_BYTES {
                            return false;
                        }
                    }
                }
            }
            found.oldest = found.oldest.min(header.first_seq);
            if Instant::now() >= deadline {
                return false;
            }
        }
        true
    }

    fn matches(&self, record: &Record<'_>, mask: &Mask) -> bool {
        self.level.is_none_or(|level| record.level >= level)
            && self.from.is_none_or(|from| record.ts >= from)
            && self.to.is_none_or(|to| record.ts < to)
            && self.pattern.as_ref().is_none_or(|pattern| found_in(pattern, record.text, mask))
    }
}

/// Whether a pattern is in what can be seen of a line: else one could search for a secret letter by letter.
fn found_in(pattern: &Regex, text: &[u8], mask: &Mask) -> bool {
    let plain = strip_ansi(text);
    pattern.is_match(&plain) && pattern.is_match(&mask.hide(&plain))
}

fn pattern(q: &str, is_regex: bool) -> Result<Regex> {
    if q.chars().count() > LONGEST_QUERY {
        return Err(Error::invalid("q", format!("q has at most {LONGEST_QUERY} characters")));
    }
    let escaped = if is_regex { q.to_owned() } else { regex::escape(q) };
    RegexBuilder::new(&escaped).case_insensitive(!is_regex).size_limit(REGEX_BYTES).dfa_size_limit(REGEX_BYTES).build().map_err(|error| {
        match error {
            regex::Error::CompiledTooBig(_) => Error::invalid("q", "q is too large a regular expression; use smaller repetitions"),
            error => Error::invalid("q", format!("q is not a regular expression: {}", reason(&error.to_string()))),
        }
    })
}

/// The last line of the crate's message, which draws the place in several.
fn reason(message: &str) -> String {
    let last = message.lines().last().unwrap_or_default().trim();
    last.strip_prefix("error: ").unwrap_or(last).chars().take(200).collect()
}

fn write_cursor(before: u64) -> String {
    format!("before-{before}")
}

fn read_cursor(cursor: &str) -> Result<u64> {
    let before = cursor.strip_prefix("before-").and_then(|number| number.parse().ok());
    before.ok_or_else(|| Error::invalid("cursor", "cursor is the next_cursor of a page of this log"))
}

#[cfg(test)]
mod tests {
    use api::{Level, Limit, LogQuery, LogStream, Timestamp};

    use super::Search;
    use crate::logs::segment::{Position, Writer};
    use crate::secrets::Mask;

    /// 1,000 lines, one a second, every tenth an error; ten in a block.
    fn log(folder: &std::path::Path) {
        let mut writer = Writer::open(folder, u64::MAX).unwrap();
        for n in 1..=1000 {
            let level = if n % 10 == 0 { Level::Error } else { Level::Info };
            let ts = Timestamp::from_micros(n * 1_000_000);
            writer.push(ts, level, LogStream::Stdout, format!("\x1b[32mOrder\x1b[0m {n}").as_bytes());
            if n % 10 == 5 {
                writer.commit(Position::default()).unwrap();
            }
        }
        writer.commit(Position::default()).unwrap();
    }

    fn seqs(folder: &std::path::Path, query: &LogQuery) -> (Vec<u64>, Option<String>) {
        let page = Search::new(query).unwrap().run(folder, &Mask::default()).unwrap();
        (page.items.iter().map(|line| line.seq).collect(), page.next_cursor)
    }

    fn limit<const MAX: u32>(limit: u32) -> Limit<MAX> {
        Limit::new(limit).unwrap()
    }

    #[test]
    fn pages_go_from_the_newest_to_the_oldest_without_gap_or_repetition() {
        let folder = tempfile::tempdir().unwrap();
        log(folder.path());
        let mut query = LogQuery { limit: limit(300), ..LogQuery::default() };
        let mut all = Vec::new();
        loop {
            let (seqs, cursor) = seqs(folder.path(), &query);
            all.splice(0..0, seqs);
            query.cursor = cursor;
            if query.cursor.is_none() {
                break;
            }
        }
        assert_eq!(all, (1..=1000).collect::<Vec<_>>());
    }

    #[test]
    fn lines_are_found_by_level_text_expression_and_time() {
        let folder = tempfile::tempdir().unwrap();
        log(folder.path());
        let find = |query: LogQuery| seqs(folder.path(), &query).0;
        let all = LogQuery { limit: limit(10_000), ..LogQuery::default() };
        assert_eq!(find(LogQuery { level: Some(Level::Warning), ..all.clone() }).len(), 100);
        assert_eq!(find(LogQuery { q: Some("ORDER 77".into()), ..all.clone() }), [77, 770, 771, 772, 773, 774, 775, 776, 777, 778, 779]);
        assert_eq!(
            find(LogQuery { q: Some("r 9.9$".into()), regex: true, ..all.clone() }),
            [909, 919, 929, 939, 949, 959, 969, 979, 989, 999]
        );
        assert_eq!(
            find(LogQuery { q: Some("order".into()), regex: true, ..all.clone() }),
            [0_u64; 0],
            "an expression is in the case given"
        );
        assert_eq!(find(LogQuery { q: Some("r 9.9$".into()), ..all.clone() }), [0_u64; 0], "a text is no expression");
        let at = |seconds: i64| Some(Timestamp::from_micros(seconds * 1_000_000));
        assert_eq!(find(LogQuery { from: at(17), to: at(20), ..all.clone() }), [17, 18, 19]);
        let (errors, cursor) = seqs(folder.path(), &LogQuery { level: Some(Level::Error), limit: limit(2), ..all });
        assert_eq!(errors, [990, 1000]);
        assert!(cursor.is_some());
    }

    #[test]
    fn hostile_queries_are_refused_with_the_field_at_fault() {
        for (q, regex) in [("x".repeat(1001), false), ("(".into(), true), ("(a{1000}){1000}".into(), true)] {
            let error = Search::new(&LogQuery { q: Some(q), regex, ..LogQuery::default() }).err().unwrap();
            assert_eq!((error.code.status(), error.details[0].field.as_str()), (422, "q"));
        }
        let error = Search::new(&LogQuery { cursor: Some("x".into()), ..LogQuery::default() }).err().unwrap();
        assert_eq!(error.details[0].field, "cursor");
    }

    #[test]
    fn no_log_is_an_empty_page() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(seqs(&folder.path().join("none"), &LogQuery::default()), (Vec::new(), None));
    }
}
