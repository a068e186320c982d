//! The lines that are shown, those that wait, and what is missing between them. Knows nothing of the page.

use std::sync::Arc;

use api::{LogLine, Timestamp};

/// Lines that are shown at most while new ones come; older ones are loaded again when they are wanted.
const SHOWN: usize = 2_000;
/// Lines that wait at most while the reader is elsewhere.
const HELD: usize = 5_000;

/// A row of the log.
#[derive(Clone, Debug, PartialEq)]
pub enum Row {
    /// A line.
    Line(Arc<LogLine>),
    /// Lines that are not here.
    Gap(Gap),
}

/// Lines that are not here: `missing` of them after the number `after`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The number of the last line before it.
    pub after: u64,
    /// How many are missing.
    pub missing: u64,
    /// Between these times, as far as it is known.
    pub from: Option<Timestamp>,
    /// The time of the first line after it.
    pub to: Timestamp,
}

impl Row {
    /// Tells the row from all others.
    pub fn key(&self) -> (u64, bool) {
        match self {
            Row::Line(line) => (line.seq, false),
            Row::Gap(gap) => (gap.after, true),
        }
    }

    /// The line, when it is one.
    pub fn line(&self) -> Option<&Arc<LogLine>> {
        match self {
            Row::Line(line) => Some(line),
            Row::Gap(_) => None,
        }
    }
}

/// The lines that are shown and those that wait.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    rows: Vec<Row>,
    held: Vec<Row>,
    last: Option<(u64, Timestamp)>,
    most: usize,
}

impl Lines {
    /// The first page. With every line in it, what is missing behind it is noticed.
    pub fn new(page: Vec<LogLine>, is_all: bool) -> Self {
        let last = if is_all { page.last().map(|line| (line.seq, line.ts)) } else { None };
        Self { rows: page.into_iter().map(row).collect(), held: Vec::new(), last, most: SHOWN }
    }

    /// The same, showing at most so many.
    pub fn at_most(mut self, most: usize) -> Self {
        self.most = most;
        self
    }

    /// What is shown.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// How many lines wait.
    pub fn held(&self) -> usize {
        self.held.iter().filter(|row| row.line().is_some()).count()
    }

    /// The number of the newest line that has arrived, whether it is wanted or not.
    pub fn last(&self) -> Option<u64> {
        self.last.map(|(seq, _)| seq)
    }

    /// Takes a line that has arrived: notices what is missing before it, and keeps it, waiting, when it is wanted. A line that has been
    /// there before is passed over.
    pub fn arrive(&mut self, line: LogLine, is_wanted: bool) {
        if let Some((last, at)) = self.last {
            if line.seq <= last {
                return;
            }
            let missing = line.seq - last - 1;
            if missing > 0 {
                self.held.push(Row::Gap(Gap { after: last, missing, from: Some(at), to: line.ts }));
            }
        }
        self.last = Some((line.seq, line.ts));
        if is_wanted && self.newest() < Some(line.seq) {
            self.held.push(row(line));
        }
        if self.held.len() > HELD {
            self.shed();
        }
    }

    /// Takes what a reload found, for lines that don't arrive one by one: those that are newer than what is here.
    pub fn catch_up(&mut self, page: Vec<LogLine>, is_all: bool) {
        let newest = self.newest();
        for line in page.into_iter().filter(|line| newest < Some(line.seq)) {
            if is_all {
                self.arrive(line, true);
            } else {
                self.held.push(row(line));
            }
        }
    }

    /// Shows what waits, and lets go of the oldest when there are too many. Answers whether something was let go.
    pub fn release(&mut self) -> bool {
        self.rows.append(&mut self.held);
        let surplus = self.rows.len().saturating_sub(self.most);
        self.rows.drain(..surplus);
        surplus > 0
    }

    /// Puts older lines before the others. Those that are here already are passed over.
    pub fn prepend(&mut self, page: Vec<LogLine>) {
        let oldest = self.rows.iter().find_map(|row| row.line().map(|line| line.seq)).unwrap_or(u64::MAX);
        let older = page.into_iter().filter(|line| line.seq < oldest).map(row);
        self.rows.splice(0..0, older);
    }

    /// Puts lines into a gap; what is still missing stays a gap.
    pub fn fill(&mut self, gap: Gap, found: Vec<LogLine>) {
        let Some(place) = self.rows.iter().position(|row| *row == Row::Gap(gap)) else { return };
        let inside = |line: &LogLine| line.seq > gap.after && line.seq <= gap.after + gap.missing;
        let found: Vec<_> = found.into_iter().filter(inside).collect();
        let Some(first) = found.first() else { return };
        let rest = first.seq - gap.after - 1;
        let rest = (rest > 0).then_some(Row::Gap(Gap { missing: rest, to: first.ts, ..gap }));
        self.rows.splice(place..=place, rest.into_iter().chain(found.into_iter().map(row)));
    }

    /// The number of the newest line that is kept.
    fn newest(&self) -> Option<u64> {
        self.held.iter().rev().chain(self.rows.iter().rev()).find_map(|row| row.line().map(|line| line.seq))
    }

    /// Lets go of the older half of what waits, leaving a gap in its place.
    fn shed(&mut self) {
        let shed: Vec<_> = self.held.drain(..HELD / 2).collect();
        let missing = shed.iter().map(|row| if let Row::Gap(gap) = row { gap.missing } else { 1 }).sum();
        let ends = |row: &Row| match row {
            Row::Line(line) => (line.seq.saturating_sub(1), Some(line.ts), line.ts),
            Row::Gap(gap) => (gap.after, gap.from, gap.to),
        };
        if let (Some(first), Some(last)) = (shed.first().map(ends), shed.last().map(ends)) {
            self.held.insert(0, Row::Gap(Gap { after: first.0, missing, from: first.1, to: last.2 }));
        }
    }
}

fn row(line: LogLine) -> Row {
    Row::Line(Arc::new(line))
}

#[cfg(test)]
mod tests {
    use api::{Level, LogLine, LogStream, Timestamp};

    use super::{HELD, Lines, Row, SHOWN};

    fn line(seq: u64) -> LogLine {
        let ts = Timestamp::from_micros(seq as i64);
        LogLine { seq, ts, level: Level::Info, stream: LogStream::Stdout, message: seq.to_string(), fields: Default::default() }
    }

    fn shown(lines: &Lines) -> Vec<String> {
        let word = |row: &Row| match row {
            Row::Line(line) => line.seq.to_string(),
            Row::Gap(gap) => format!("-{}", gap.missing),
        };
        lines.rows().iter().map(word).collect()
    }

    #[test]
    fn what_is_missing_between_lines_is_shown_and_can_be_filled() {
        let mut lines = Lines::new(vec![line(1), line(2)], true);
        [2, 3, 7, 8].into_iter().for_each(|seq| lines.arrive(line(seq), true));
        lines.release();
        assert_eq!(shown(&lines), ["1", "2", "3", "-3", "7", "8"]);
        let Row::Gap(gap) = lines.rows()[3] else { panic!("a gap") };
        lines.fill(gap, (3..=7).skip(2).map(line).collect());
        assert_eq!(shown(&lines), ["1", "2", "3", "-1", "5", "6", "7", "8"]);
    }

    #[test]
    fn lines_that_are_not_wanted_are_no_gap() {
        let mut lines = Lines::new(vec![line(1)], true);
        lines.arrive(line(2), false);
        lines.arrive(line(3), true);
        lines.release();
        assert_eq!(shown(&lines), ["1", "3"]);
        assert_eq!(lines.last(), Some(3));
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many_and_come_back_when_loaded() {
        let mut lines = Lines::new(vec![line(1)], true);
        (2..=SHOWN as u64 + 10).for_each(|seq| lines.arrive(line(seq), true));
        assert!(lines.release());
        assert_eq!(shown(&lines).first().map(String::as_str), Some("11"));
        lines.prepend((5..=12).map(line).collect());
        assert_eq!(shown(&lines)[..7], ["5", "6", "7", "8", "9", "10", "11"]);
    }

    #[test]
    fn what_waits_too_long_becomes_a_gap_that_counts_it() {
        let mut lines = Lines::new(vec![line(1)], true);
        (2..=HELD as u64 + 2).for_each(|seq| lines.arrive(line(seq), true));
        lines.most = usize::MAX;
        lines.release();
        assert_eq!(shown(&lines)[..3], ["1".to_owned(), format!("-{}", HELD / 2), (HELD / 2 + 2).to_string()]);
    }

    #[test]
    fn a_reload_adds_what_is_newer() {
        let mut lines = Lines::new(vec![line(1), line(2)], true);
        lines.catch_up(vec![line(2), line(3)], true);
        lines.catch_up(vec![line(9)], true);
        lines.release();
        assert_eq!(shown(&lines), ["1", "2", "3", "-5", "9"]);
    }
}
