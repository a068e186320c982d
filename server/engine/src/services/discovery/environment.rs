//! Reads `.env` files as python-dotenv does, without expanding anything.

use std::collections::BTreeMap;
use std::ops::Range;

/// A variable of a `.env` text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Variable {
    /// Its name.
    pub name: String,
    /// Its value, without quotes.
    pub value: String,
    /// The comment lines directly before it, without their signs.
    pub comment: Vec<String>,
    /// The line that it begins in, from 1.
    pub line: usize,
}

/// The variables of a `.env` text in order. Lines that aren't assignments are passed over; `export` is allowed; quotes are taken
/// off, and a quoted value may go over several lines; a comment ends an unquoted value.
pub(crate) fn variables(text: &str) -> Vec<(String, String)> {
    described(text).into_iter().map(|variable| (variable.name, variable.value)).collect()
}

/// [`variables`] with what is written about them.
pub(crate) fn described(text: &str) -> Vec<Variable> {
    let (mut all, mut comment, mut number) = (Vec::new(), Vec::new(), 1);
    for Line { range, kind } in lines(text) {
        match kind {
            LineKind::Variable { name, value, .. } => {
                all.push(Variable { name: name.to_owned(), value, comment: std::mem::take(&mut comment), line: number });
            }
            LineKind::Comment(text) => comment.push(text.to_owned()),
            LineKind::Blank | LineKind::Other => comment.clear(),
        }
        number += breaks(&text[range]);
    }
    all
}

/// The most faults that are told of a text.
const FAULTS: usize = 20;

/// [`described`] for a text that has to be right: what is wrong with lines, each with its number, when it isn't. It takes a time that grows
/// with the length of the text and not faster.
pub(crate) fn strict(text: &str) -> Result<Vec<Variable>, Vec<(usize, String)>> {
    let (mut faults, mut named, mut number) = (Vec::new(), BTreeMap::new(), 1);
    for Line { range, kind } in lines(text) {
        let end = range.end;
        match kind {
            LineKind::Other => faults.push((number, "is not of the form NAME=value".to_owned())),
            // What follows an open quote may be meant to be in it.
            LineKind::Variable { is_open: true, .. } => {
                faults.push((number, "has a value whose quote doesn't end".to_owned()));
                break;
            }
            LineKind::Variable { name, at, .. } => {
                let after = text[at.end..end].trim();
                if !(after.is_empty() || after.starts_with('#')) {
                    faults.push((number, "has something after the quotes of its value".to_owned()));
                }
                if let Some(before) = named.insert(name, number) {
                    faults.push((number, format!("sets {name} again, which line {before} has set")));
                }
            }
            LineKind::Blank | LineKind::Comment(_) => {}
        }
        if faults.len() >= FAULTS {
            break;
        }
        number += breaks(&text[range]);
    }
    if faults.is_empty() { Ok(described(text)) } else { Err(faults) }
}

fn breaks(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'\n').count()
}

/// A line of a `.env` text, or the lines that a quoted value goes over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// Its bytes in the text, with the end of the line.
    pub range: Range<usize>,
    /// What it is.
    pub kind: LineKind<'a>,
}

/// What a line of a `.env` text is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LineKind<'a> {
    /// Nothing is in it.
    Blank,
    /// A comment, without its sign.
    Comment(&'a str),
    /// A variable.
    Variable {
        /// Its name.
        name: &'a str,
        /// Its value, without quotes.
        value: String,
        /// Where the value is written, with its quotes, in the text.
        at: Range<usize>,
        /// Whether it begins with a quote that doesn't end.
        is_open: bool,
    },
    /// Something else.
    Other,
}

/// The lines of a `.env` text; every byte but a mark of byte order is in one of them.
pub(crate) fn lines(text: &str) -> Vec<Line<'_>> {
    let mut all = Vec::new();
    let mut start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    while let Some(rest) = text.get(start..).filter(|rest| !rest.is_empty()) {
        let line = rest.split_inclusive('\n').next().unwrap_or(rest);
        let assignment = line.trim_start();
        let assignment = assignment.strip_prefix("export ").unwrap_or(assignment);
        let (kind, length) = match assignment.split_once('=').filter(|(name, _)| is_name(name.trim())) {
            Some((name, value)) => {
                let value = value.trim_start_matches([' ', '\t', '\r']);
                let body = line.len() - value.len();
                let (name, from) = (name.trim(), start + body);
                match quoted(&rest[body..]) {
                    Some((value, end)) => {
                        let after = &rest[body + end..];
                        let length = body + end + after.find('\n').map_or(after.len(), |at| at + 1);
                        (LineKind::Variable { name, value, at: from..from + end, is_open: false }, length)
                    }
                    None => {
                        let plain = plain(value);
                        let is_open = value.starts_with(['"', '\'']);
                        // What is empty stands directly behind the sign, not behind the end of its line.
                        let start = if plain.is_empty() { from } else { from + value.len() - value.trim_start().len() };
                        let at = start..start + plain.len();
                        (LineKind::Variable { name, value: plain.to_owned(), at, is_open }, line.len())
                    }
                }
            }
            None => match (assignment.trim_end(), assignment.strip_prefix('#')) {
                ("", _) => (LineKind::Blank, line.len()),
                (_, Some(text)) => (LineKind::Comment(text.trim()), line.len()),
                _ => (LineKind::Other, line.len()),
            },
        };
        all.push(Line { range: start..start + length, kind });
        start += length;
    }
    all
}

/// The value that `text` begins with when it is quoted and closed, and where that ends.
fn quoted(text: &str) -> Option<(String, usize)> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let mut value = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            c if c == quote => return Some((value, at + 1)),
            '\\' => match chars.next()?.1 {
                'n' if quote == '"' => value.push('\n'),
                'r' if quote == '"' => value.push('\r'),
                't' if quote == '"' => value.push('\t'),
                c @ ('\\' | '\'' | '"') => value.push(c),
                c => value.extend(['\\', c]),
            },
            c => value.push(c),
        }
    }
    None
}

fn plain(value: &str) -> &str {
    let end = if value.starts_with('#') { 0 } else { value.find(" #").or_else(|| value.find("\t#")).unwrap_or(value.len()) };
    value[..end].trim()
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::{described, lines, strict, variables};

    #[test]
    fn values_are_read_as_people_write_them() {
        let text = "# a comment\nA=1\nexport B = two # comment\nC=\"x # y\\n\\\"z\\\"\" # c\nD='single $X'\nE=\nF=a=b#c\nnot an assignment\n1G=x\nH=\"two\nlines\"\r\nI=last\r\n";
        let expected = [
            ("A", "1"),
            ("B", "two"),
            ("C", "x # y\n\"z\""),
            ("D", "single $X"),
            ("E", ""),
            ("F", "a=b#c"),
            ("H", "two\nlines"),
            ("I", "last"),
        ];
        assert_eq!(variables(text), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn the_comment_lines_directly_before_a_variable_are_of_it() {
        let all = described("# far\n\n# one\n#two\nA=1 # x\nB=2\n# of C\nexport C=3\n# end\n");
        let comments: Vec<_> = all.iter().map(|one| (one.name.as_str(), one.comment.join("|"))).collect();
        assert_eq!(comments, [("A", "one|two".to_owned()), ("B", String::new()), ("C", "of C".to_owned())]);
    }

    #[test]
    fn an_open_quote_hides_no_other_line() {
        assert_eq!(variables("A=\"open\nB=2"), [("A".to_owned(), "\"open".to_owned()), ("B".to_owned(), "2".to_owned())]);
    }

    #[test]
    fn a_text_that_has_to_be_right_names_each_line_that_is_not() {
        let lines = |text: &str| strict(text).map(|all| all.iter().map(|one| one.line).collect::<Vec<_>>());
        assert_eq!(lines("\u{feff}# x\nA=1\r\n\n B=\"two\nlines\"\nexport C=3"), Ok(vec![2, 4, 6]));
        let faults = strict("A=1\nnonsense\nA=2\n=x\nB='open\n=x").expect_err("it isn't right");
        let at: Vec<_> = faults.iter().map(|(line, fault)| (*line, fault.split(' ').next().unwrap_or_default())).collect();
        assert_eq!(at, [(2, "is"), (3, "sets"), (4, "is"), (5, "has")]);
        assert!(!format!("{faults:?}").contains("open") && faults[1].1.contains("line 1"), "{faults:?}");
        assert_eq!(strict(&"x\n".repeat(1000)).expect_err("it isn't right").len(), 20);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_cut_without_a_gap(text in "[A-C=\"'#\\\\ \n\u{a0}\u{e9}x]{0,60}") {
            let _ = strict(&text);
            let _ = variables(&text);
            let mut end = 0;
            for line in lines(&text) {
                proptest::prop_assert_eq!(line.range.start, end);
                end = line.range.end;
            }
            proptest::prop_assert_eq!(end, text.len());
        }
    }
}
