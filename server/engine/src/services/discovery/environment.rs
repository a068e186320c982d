//! Reads `.env` files as python-dotenv does, without expanding anything.

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
    let mut all = Vec::new();
    let mut comment = Vec::new();
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    while !rest.is_empty() {
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        let assignment = line.trim_start();
        let assignment = assignment.strip_prefix("export ").unwrap_or(assignment);
        let Some((name, value)) = assignment.split_once('=').filter(|(name, _)| is_name(name.trim())) else {
            match assignment.strip_prefix('#') {
                Some(text) => comment.push(text.trim().to_owned()),
                None => comment.clear(),
            }
            rest = after;
            continue;
        };
        let value = value.trim_start();
        let body = &rest[line.len() - value.len()..];
        let (value, next) = quoted(body).unwrap_or_else(|| (plain(value), after));
        all.push(Variable { name: name.trim().to_owned(), value, comment: std::mem::take(&mut comment) });
        rest = next;
    }
    all
}

/// The value that `text` begins with when it is quoted and closed, and the lines after it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let mut value = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            c if c == quote => return Some((value, text[at + 1..].split_once('\n').map_or("", |(_, next)| next))),
            '\\' => match chars.next()?.1 {
                'n' if quote == '"' => value.push('\n'),
                't' if quote == '"' => value.push('\t'),
                c @ ('\\' | '\'' | '"') => value.push(c),
                c => value.extend(['\\', c]),
            },
            c => value.push(c),
        }
    }
    None
}

fn plain(value: &str) -> String {
    let end = if value.starts_with('#') { 0 } else { value.find(" #").or_else(|| value.find("\t#")).unwrap_or(value.len()) };
    value[..end].trim().to_owned()
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::{described, variables};

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
        fn nothing_makes_it_fail(text in "[A-C=\"'#\\\\ \n\u{e9}x]{0,60}") {
            let _ = variables(&text);
        }
    }
}
