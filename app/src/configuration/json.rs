//! JSON while it is typed: what is wrong with it, where its values stand, and how its parts are told apart.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::Value;

/// A text of more bytes is shown in one colour: marking it at each stroke would be felt.
pub(super) const MARKED: usize = 200_000;

/// Where a text isn't a JSON object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonFault {
    /// From 1.
    pub line: usize,
    /// In bytes, from 1.
    pub column: usize,
    /// What is wrong there.
    pub message: String,
}

/// What keeps a text from being a JSON object; none when it is one.
pub fn json_fault(text: &str) -> Option<JsonFault> {
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(_)) => None,
        Ok(_) => Some(JsonFault { line: 1, column: 1, message: "a configuration is an object: { \"NAME\": value }".into() }),
        Err(error) => {
            let said = error.to_string();
            let message = said.split(" at line ").next().unwrap_or_default().to_owned();
            Some(JsonFault { line: error.line().max(1), column: error.column().max(1), message })
        }
    }
}

/// The lines that values begin in, from 1, by their JSON Pointers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place(BTreeMap<String, usize>);

impl Place {
    /// The line of the value at a pointer, or of the nearest that it would be in.
    pub fn line(&self, pointer: &str) -> usize {
        let mut pointer = pointer;
        loop {
            if let Some(line) = self.0.get(pointer) {
                return *line;
            }
            match pointer.rsplit_once('/') {
                Some((outer, _)) => pointer = outer,
                None => return 1,
            }
        }
    }
}

/// Finds the values of a text, as far as it is JSON.
pub fn places(text: &str) -> Place {
    /// What a value is in: its pointer, and the name or the number of the next one.
    struct Around {
        pointer: String,
        next: String,
        index: Option<usize>,
    }
    let (mut places, mut around, mut line): (_, Vec<Around>, _) = (BTreeMap::new(), Vec::new(), 1);
    for (kind, range) in tokens(text) {
        let token = &text[range];
        let pointer = || match around.last() {
            None => String::new(),
            Some(Around { pointer, index: Some(index), .. }) => format!("{pointer}/{index}"),
            Some(Around { pointer, next, .. }) => format!("{pointer}/{next}"),
        };
        match (kind, token) {
            (Token::Blank, blank) => line += blank.bytes().filter(|byte| *byte == b'\n').count(),
            (Token::Key, key) => {
                let name: String = serde_json::from_str(key).unwrap_or_default();
                around.last_mut().into_iter().for_each(|around| around.next = api::pointer_part(&name));
            }
            (Token::Mark, "{" | "[") => {
                let pointer = pointer();
                places.insert(pointer.clone(), line);
                around.push(Around { pointer, next: String::new(), index: (token == "[").then_some(0) });
            }
            (Token::Mark, "}" | "]") => _ = around.pop(),
            (Token::Mark, ",") => {
                around.last_mut().and_then(|around| around.index.as_mut()).into_iter().for_each(|index| *index += 1);
            }
            (Token::Mark, _) => {}
            (Token::Text | Token::Word, _) => _ = places.insert(pointer(), line),
        }
    }
    Place(places)
}

/// The text as HTML: names in `b`, other values in `i`.
pub fn marked(text: &str) -> String {
    let mut html = String::with_capacity(text.len() * 2);
    if text.len() > MARKED {
        escape(text, &mut html);
    } else {
        for (kind, range) in tokens(text) {
            let tag = match kind {
                Token::Key => "b",
                Token::Text | Token::Word => "i",
                Token::Mark | Token::Blank => {
                    escape(&text[range], &mut html);
                    continue;
                }
            };
            html.extend(["<", tag, ">"]);
            escape(&text[range], &mut html);
            html.extend(["</", tag, ">"]);
        }
    }
    // The last line has its height though nothing is in it.
    html.push('\n');
    html
}

pub(super) fn escape(text: &str, html: &mut String) {
    for letter in text.chars() {
        match letter {
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '&' => html.push_str("&amp;"),
            letter => html.push(letter),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Key,
    Text,
    Word,
    Mark,
    Blank,
}

/// The parts of a text, one after the other; every byte is in one of them.
fn tokens(text: &str) -> Vec<(Token, Range<usize>)> {
    let bytes = text.as_bytes();
    let (mut tokens, mut at) = (Vec::new(), 0);
    while let Some(first) = bytes.get(at) {
        let rest = &bytes[at..];
        let run = |is_in: fn(&u8) -> bool| rest.iter().position(|byte| !is_in(byte)).unwrap_or(rest.len());
        let (kind, length) = match first {
            b'"' => (Token::Text, text_length(rest)),
            byte if is_mark(byte) => (Token::Mark, 1),
            byte if byte.is_ascii_whitespace() => (Token::Blank, run(u8::is_ascii_whitespace)),
            _ => (Token::Word, run(|byte| *byte != b'"' && !is_mark(byte) && !byte.is_ascii_whitespace())),
        };
        let is_key = kind == Token::Text && bytes[at + length..].iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b':');
        tokens.push((if is_key { Token::Key } else { kind }, at..at + length));
        at += length;
    }
    tokens
}

const fn is_mark(byte: &u8) -> bool {
    matches!(byte, b'{' | b'}' | b'[' | b']' | b':' | b',')
}

/// How long a text in quotes is; one without an end goes to the end of its line.
fn text_length(bytes: &[u8]) -> usize {
    let mut is_escaped = false;
    for (at, byte) in bytes.iter().enumerate().skip(1) {
        match byte {
            b'\n' => return at,
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{JsonFault, json_fault, marked, places, tokens};

    const TEXT: &str = "{\n  \"PORT\": 8000,\n  \"HOSTS\": [\n    \"a\",\n    {\"b/c\": true}\n  ],\n  \"A\": \"x:\\\"y\"\n}";

    #[test]
    fn what_is_wrong_is_said_with_its_line_and_column() {
        assert_eq!(json_fault(TEXT), None);
        let fault = json_fault("{\n  \"A\": 1,\n}").unwrap();
        assert_eq!((fault.line, fault.message.as_str()), (3, "trailing comma"));
        assert_eq!(json_fault("").unwrap().line, 1);
        assert!(matches!(json_fault("[1]"), Some(JsonFault { line: 1, column: 1, .. })));
    }

    #[test]
    fn values_are_found_by_their_pointers() {
        let places = places(TEXT);
        let cases =
            [("", 1), ("/PORT", 2), ("/HOSTS", 3), ("/HOSTS/0", 4), ("/HOSTS/1/b~1c", 5), ("/A", 7), ("/MISSING", 1), ("/HOSTS/9", 3)];
        for (pointer, line) in cases {
            assert_eq!(places.line(pointer), line, "{pointer}");
        }
    }

    #[test]
    fn parts_are_marked_and_nothing_of_the_text_becomes_html() {
        let html = marked("{\"<b>\": \"&\", \"n\": -1.5, \"t\": nul");
        assert_eq!(html, "{<b>\"&lt;b&gt;\"</b>: <i>\"&amp;\"</i>, <b>\"n\"</b>: <i>-1.5</i>, <b>\"t\"</b>: <i>nul</i>\n");
    }

    proptest! {
        #[test]
        fn any_text_is_cut_without_a_gap(text in "\\PC*|[ \n\\[\\]{}:,\"\\\\a1]*") {
            let mut at = 0;
            for (_, range) in tokens(&text) {
                prop_assert_eq!(range.start, at);
                prop_assert!(text.is_char_boundary(range.end) && range.end > range.start);
                at = range.end;
            }
            prop_assert_eq!(at, text.len());
            places(&text);
        }
    }
}
