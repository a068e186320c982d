//! The end of a log as rules search it: each line also in lower case, and without the lines of traces that only quote code.

use std::cell::RefCell;
use std::collections::HashMap;

use regex::Regex;

/// Characters of a line that are shown as evidence.
pub(super) const EVIDENCE: usize = 300;

/// Bytes of a line that are searched.
const LINE: usize = 4_000;

/// Lines before the end that are searched when no trace is among them, those not counted that only quote code.
const TAIL: usize = 40;

thread_local! {
    /// The patterns that a diagnosis has needed so far. Only those of rules whose words a line says are, and seldom again soon.
    static COMPILED: RefCell<HashMap<&'static str, Option<Regex>>> = RefCell::default();
}

/// Forgets what a diagnosis has compiled.
pub(super) fn forget() {
    COMPILED.take();
}

/// The last lines of a run.
#[derive(Debug, Default)]
pub(in crate::services) struct Log<'a> {
    lines: Vec<Line<'a>>,
    /// The first line that has to do with the end.
    from: usize,
}

/// One of them.
#[derive(Debug)]
pub(in crate::services) struct Line<'a> {
    /// Its place, from 0.
    pub at: usize,
    /// What it says.
    pub text: &'a str,
    /// The same in lower case; only ASCII letters change, so that places in it are places in the text.
    lower: String,
    /// Whether it quotes code, as traces do.
    is_code: bool,
    /// Whether it names a place in code, as traces do.
    is_place: bool,
}

impl<'a> Log<'a> {
    /// Of these lines, oldest first.
    pub fn of(lines: &'a [String]) -> Self {
        let mut after_place = false;
        let read = lines.iter().enumerate().map(|(at, text)| {
            let text = &text[..text.floor_char_boundary(LINE)];
            let inner = text.trim_start();
            let is_place = inner.starts_with("File \"") || (inner.len() < text.len() && inner.starts_with("at "));
            let is_marks = !inner.is_empty() && inner.bytes().all(|byte| matches!(byte, b'^' | b'~' | b' '));
            let is_code = is_place || is_marks || (after_place && text.starts_with("    "));
            after_place = is_place;
            Line { at, text, lower: text.to_ascii_lowercase(), is_code, is_place }
        });
        let lines: Vec<_> = read.collect();
        let from = beginning(&lines);
        Self { lines, from }
    }

    /// The last line about the end that contains one of `words`, which are in lower case.
    pub fn find(&self, words: &[&str]) -> Option<&Line<'a>> {
        self.said().rev().find(|line| line.says(words))
    }

    /// Every line about the end that doesn't only quote code.
    pub fn said(&self) -> impl DoubleEndedIterator<Item = &Line<'a>> {
        self.recent().filter(|line| !line.is_code)
    }

    /// Every line about the end, with the code that traces quote.
    pub fn recent(&self) -> impl DoubleEndedIterator<Item = &Line<'a>> {
        self.lines.get(self.from..).unwrap_or_default().iter()
    }

    /// The last line with anything in it.
    pub fn last(&self) -> Option<&Line<'a>> {
        self.lines.iter().rev().find(|line| !line.text.trim().is_empty())
    }

    /// Leaves nothing to be found: what ended the run isn't in its log.
    pub fn silence(&mut self) {
        self.from = self.lines.len();
    }
}

impl<'a> Line<'a> {
    /// Whether it names a place in code, as traces do.
    pub fn is_place(&self) -> bool {
        self.is_place
    }
    /// Whether it contains one of `words`, which are in lower case.
    pub fn says(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.lower.contains(word))
    }

    /// What the first group of `pattern` matches.
    pub fn part(&self, pattern: &'static str) -> Option<&'a str> {
        self.parts(pattern)?.0
    }

    /// What the first two groups of `pattern` match.
    pub fn parts(&self, pattern: &'static str) -> Option<(Option<&'a str>, Option<&'a str>)> {
        COMPILED.with_borrow_mut(|compiled| {
            // That each compiles is tested.
            let regex = compiled.entry(pattern).or_insert_with(|| Regex::new(pattern).ok()).as_ref()?;
            let found = regex.captures(self.text)?;
            Some((found.get(1).map(|part| part.as_str()), found.get(2).map(|part| part.as_str())))
        })
    }

    /// As evidence: without what could hide or reorder text, and cut.
    pub fn shown(&self) -> String {
        clean(self.text, EVIDENCE)
    }
}

/// `text` without control and direction characters and surrounding space, cut to so many characters.
pub(super) fn clean(text: &str, most: usize) -> String {
    let is_hidden = |c: &char| {
        c.is_control()
            || matches!(*c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let mut rest = text.trim().chars().map(|c| if c == '\t' { ' ' } else { c }).filter(|c| !is_hidden(c));
    let mut cut: String = rest.by_ref().take(most).collect();
    if rest.next().is_some() {
        cut.pop();
        cut.push('…');
    }
    cut
}

/// Where what has to do with the end begins: with the last trace and those that led to it, or some lines before the end when that
/// trace is older.
fn beginning(lines: &[Line<'_>]) -> usize {
    let tail = lines.iter().rev().filter(|line| !line.is_code).nth(TAIL).map_or(0, |line| line.at + 1);
    let mut traces = lines.iter().rev().filter(|line| line.says(&["traceback (most recent call last)"]));
    let Some(mut first) = traces.next().map(|line| line.at).filter(|at| *at >= tail) else { return tail };
    for earlier in traces {
        let leads_here = ["during handling of the above exception", "direct cause of the following exception"];
        if !lines[earlier.at..first].iter().rev().take(4).any(|line| line.says(&leads_here)) {
            break;
        }
        first = earlier.at;
    }
    first
}
