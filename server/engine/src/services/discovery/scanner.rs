//! Splits Python into logical lines of tokens. It knows strings, comments, brackets, continuation and indentation, and nothing of grammar.

use super::python::{Line, Token};

/// Bytes of a comment that are kept.
const COMMENT: usize = 500;

/// Reads one source text.
pub(super) struct Scanner<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    lines: Vec<Line>,
    line: Line,
    depth: usize,
}

impl<'a> Scanner<'a> {
    /// Begins at the start of `source`.
    pub fn new(source: &'a str) -> Self {
        let source = source.strip_prefix('\u{feff}').unwrap_or(source);
        Self { rest: source.chars().peekable(), lines: Vec::new(), line: Line::default(), depth: 0 }
    }

    /// The logical lines of the whole text; a line that ends in a broken literal is one too.
    pub fn lines(mut self) -> Vec<Line> {
        self.indent();
        while let Some(next) = self.rest.next() {
            match next {
                '\n' if self.depth == 0 => {
                    self.end_line();
                    self.indent();
                }
                ';' if self.depth == 0 => {
                    let indent = self.line.indent;
                    self.end_line();
                    self.line.indent = indent;
                }
                '#' => self.comment(),
                '\\' => {
                    self.rest.next_if_eq(&'\r');
                    self.rest.next_if_eq(&'\n');
                }
                '"' | '\'' => self.string(next, false),
                c if c.is_whitespace() => {}
                c if c.is_ascii_digit() => self.number(c),
                c if c == '_' || c.is_alphabetic() => self.word(c),
                c => self.sign(c),
            }
        }
        self.end_line();
        self.lines
    }

    fn indent(&mut self) {
        let mut indent = 0;
        while let Some(space) = self.rest.next_if(|c| matches!(c, ' ' | '\t' | '\u{c}')) {
            indent += if space == '\t' { 8 } else { 1 };
        }
        self.line.indent = indent;
    }

    fn end_line(&mut self) {
        let tokens = std::mem::take(&mut self.line.tokens);
        if !tokens.is_empty() {
            self.lines.push(Line { indent: self.line.indent, tokens, comment: self.line.comment.take() });
        }
    }

    fn comment(&mut self) {
        let mut text = String::new();
        while let Some(c) = self.rest.next_if(|c| *c != '\n') {
            if text.len() < COMMENT {
                text.push(c);
            }
        }
        let text = text.trim();
        if self.depth == 0 && !self.line.tokens.is_empty() && !text.is_empty() {
            self.line.comment = Some(text.to_owned());
        }
    }

    fn sign(&mut self, sign: char) {
        match sign {
            '(' | '[' | '{' => self.depth += 1,
            ')' | ']' | '}' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        self.line.tokens.push(Token::Sign(sign));
    }

    fn number(&mut self, first: char) {
        let mut number = String::from(first);
        while let Some(c) = self.rest.next_if(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.')) {
            number.push(c);
        }
        self.line.tokens.push(Token::Number(number));
    }

    fn word(&mut self, first: char) {
        let mut word = String::from(first);
        while let Some(c) = self.rest.next_if(|c| *c == '_' || c.is_alphanumeric()) {
            word.push(c);
        }
        let is_prefix = word.len() <= 2 && word.chars().all(|c| "rRbBuUfFtT".contains(c));
        if is_prefix && let Some(quote) = self.rest.next_if(|c| matches!(c, '"' | '\'')) {
            let is_formatted = word.contains(['f', 'F', 't', 'T']);
            let last = self.line.tokens.len();
            self.string(quote, word.contains(['r', 'R']));
            if is_formatted && let Some(Token::Text(text)) = self.line.tokens.get_mut(last) {
                let text = std::mem::take(text);
                self.line.tokens[last] = Token::Formatted(text);
            }
            return;
        }
        self.line.tokens.push(Token::Name(word));
    }

    fn string(&mut self, quote: char, is_raw: bool) {
        let mut text = String::new();
        let mut is_long = false;
        if self.rest.next_if_eq(&quote).is_some() {
            if self.rest.next_if_eq(&quote).is_none() {
                return self.line.tokens.push(Token::Text(text));
            }
            is_long = true;
        }
        while let Some(c) = self.rest.next() {
            match c {
                '\\' if is_raw => {
                    text.push('\\');
                    text.extend(self.rest.next());
                }
                '\\' => match self.rest.next() {
                    Some('n') => text.push('\n'),
                    Some('t') => text.push('\t'),
                    Some('\n') | None => {}
                    Some(c @ ('\\' | '\'' | '"')) => text.push(c),
                    Some(c) => text.extend(['\\', c]),
                },
                '\n' if !is_long => {
                    // The literal isn't closed: the line ends here, so that one broken line doesn't hide the rest.
                    self.line.tokens.push(Token::Text(text));
                    self.end_line();
                    return self.indent();
                }
                c if c == quote && !is_long => break,
                c if c == quote => {
                    if self.rest.next_if_eq(&quote).is_some() {
                        if self.rest.next_if_eq(&quote).is_some() {
                            break;
                        }
                        text.push(quote);
                    }
                    text.push(quote);
                }
                c => text.push(c),
            }
        }
        self.line.tokens.push(Token::Text(text));
    }
}
