//! Reads `.env` files as python-dotenv does, without expanding anything.

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
}

/// The variables of a `.env` text in order. Lines that aren't assignments are passed over; `export` is allowed; quotes are taken
/// off, and a quoted value may go over several lines; a comment ends an unquoted value.
pub(crate) fn variables(text: &str) -> Vec<(String, String)> {
    described(text).into_iter().map(|variable| (variable.name, variable.value)).collect()
}

/// [`variables`] with what is written about them.
pub(crate) fn described(text: &str) -> Vec<Variable> {
    let (mut all, mut comment) = (Vec::new(), Vec::new());
    for Line { kind, .. } in lines(text) {
        match kind {
            LineKind::Variable { name, value, .. } => {
                all.push(Variable { name: name.to_owned(), value, comment: std::mem::take(&mut comment) });
            }
            LineKind::Comment(text) => comment.push(text.to_owned()),
            LineKind::Blank | LineKind::Other => comment.clear(),
        }
    }
    all
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
                        let at = from..from + plain.len();
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
    use super::{described, lines, variables};

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

    proptest::proptest! {
        #[test]
        fn any_text_is_cut_without_a_gap(text in "[A-C=\"'#\\\\ \n\u{e9}x]{0,60}") {
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
