//! Reads Python without running it: a scanner that splits a module into logical lines of tokens.
//!
//! It knows strings, comments, brackets, continuation and indentation, and nothing of grammar, so that no input, however broken or
//! hostile, makes it fail: what it doesn't understand it doesn't find.

/// Calls of one name that are looked at.
const CALLS: usize = 100;
/// Tokens of one call that are looked at.
const CALL_TOKENS: usize = 4_000;

/// A module as logical lines.
#[derive(Clone, Debug, Default)]
pub(super) struct Module {
    lines: Vec<Line>,
}

/// One logical line: brackets and continuations are joined.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    /// Columns before the first token; 0 is the module's level.
    pub indent: usize,
    /// What stands on it.
    pub tokens: Vec<Token>,
}

/// A token.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A name or keyword.
    Name(String),
    /// A number as written.
    Number(String),
    /// The text of a string literal; of an f-string with its braces.
    Text(String),
    /// One character of anything else.
    Sign(char),
}

impl Token {
    /// Whether it is the name `name`.
    pub fn is_name(&self, name: &str) -> bool {
        matches!(self, Token::Name(own) if own == name)
    }

    /// Whether it is the sign `sign`.
    pub fn is_sign(&self, sign: char) -> bool {
        *self == Token::Sign(sign)
    }

    /// The name, when it is one.
    pub fn name(&self) -> Option<&str> {
        if let Token::Name(name) = self { Some(name) } else { None }
    }

    /// The text, when it is a string literal.
    pub fn text(&self) -> Option<&str> {
        if let Token::Text(text) = self { Some(text) } else { None }
    }
}

/// An assignment: `name = value` or `name: annotation = value`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Assignment<'a> {
    /// What is set.
    pub name: &'a str,
    /// To what.
    pub value: &'a [Token],
    /// Whether it stands at the module's level.
    pub is_global: bool,
}

impl Module {
    /// Reads `source`.
    pub fn read(source: &str) -> Self {
        Self { lines: Scanner::new(source).lines() }
    }

    /// The text of its first statement, when that is a string.
    pub fn docstring(&self) -> Option<&str> {
        match self.lines.first()?.tokens.as_slice() {
            [Token::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Whether it has `if __name__ == "__main__":` at its level.
    pub fn has_main_part(&self) -> bool {
        self.lines.iter().any(|line| {
            line.indent == 0
                && line.tokens.first().is_some_and(|token| token.is_name("if"))
                && line.tokens.iter().any(|token| token.is_name("__name__"))
                && line.tokens.iter().any(|token| token.text() == Some("__main__"))
        })
    }

    /// Whether it imports the package `package` or something of it, anywhere.
    pub fn imports(&self, package: &str) -> bool {
        self.lines.iter().any(|line| match line.tokens.as_slice() {
            [from, Token::Name(name), ..] if from.is_name("from") => name == package,
            [import, rest @ ..] if import.is_name("import") => {
                rest.split(|token| token.is_sign(',')).any(|part| part.first().is_some_and(|token| token.is_name(package)))
            }
            _ => false,
        })
    }

    /// The names under which `name` is imported (`from x import name as other`), itself included.
    pub fn aliases<'a>(&'a self, name: &'a str) -> Vec<&'a str> {
        let mut aliases = vec![name];
        for line in &self.lines {
            for four in line.tokens.windows(3) {
                if let [Token::Name(own), was, Token::Name(alias)] = four
                    && own == name
                    && was.is_name("as")
                {
                    aliases.push(alias);
                }
            }
        }
        aliases
    }

    /// Every assignment to one plain name, in order, in functions and classes too.
    pub fn assignments(&self) -> impl Iterator<Item = Assignment<'_>> {
        self.lines.iter().filter_map(|line| {
            let [Token::Name(name), rest @ ..] = line.tokens.as_slice() else { return None };
            let value = match rest {
                [Token::Sign('='), Token::Sign('='), ..] => return None,
                [Token::Sign('='), value @ ..] => value,
                [Token::Sign(':'), annotated @ ..] => {
                    let at = at_depth_zero(annotated).find(|(_, token)| token.is_sign('='))?.0;
                    &annotated[at + 1..]
                }
                _ => return None,
            };
            (!value.is_empty()).then_some(Assignment { name, value, is_global: line.indent == 0 })
        })
    }

    /// The arguments of the calls of `name` (also as `x.name(..)`), each split at its commas. Of a hostile module only so many calls,
    /// and so much of each, are looked at that the time stays short.
    pub fn calls<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Vec<&'a [Token]>> {
        self.lines
            .iter()
            .flat_map(move |line| {
                let tokens = line.tokens.as_slice();
                (0..tokens.len().saturating_sub(1)).filter_map(move |at| {
                    let called = tokens[at].is_name(name) && tokens[at + 1].is_sign('(');
                    let defined = at > 0 && (tokens[at - 1].is_name("def") || tokens[at - 1].is_name("class"));
                    (called && !defined).then(|| arguments(&tokens[at + 2..tokens.len().min(at + 2 + CALL_TOKENS)]))
                })
            })
            .take(CALLS)
    }
}

/// The value of the keyword argument `name`.
pub(super) fn keyword<'a>(arguments: &[&'a [Token]], name: &str) -> Option<&'a [Token]> {
    arguments.iter().find_map(|argument| match argument {
        [Token::Name(own), Token::Sign('='), value @ ..] if own == name && !value.is_empty() => Some(value),
        _ => None,
    })
}

/// The text that an expression is, when it is one or several string literals after another.
pub(super) fn text_of(value: &[Token]) -> Option<String> {
    let inner = match value {
        [Token::Sign('('), inner @ .., Token::Sign(')')] => inner,
        all => all,
    };
    let parts: Vec<_> = inner.iter().map(Token::text).collect::<Option<_>>()?;
    (!parts.is_empty()).then(|| parts.concat())
}

/// The arguments of a call whose opening bracket has been read, up to its closing one.
fn arguments(tokens: &[Token]) -> Vec<&[Token]> {
    let mut all = Vec::new();
    let mut from = 0;
    for (at, token) in at_depth_zero(tokens) {
        let ends = token.is_sign(')');
        if (ends || token.is_sign(',')) && at > from {
            all.push(&tokens[from..at]);
        }
        if ends {
            return all;
        }
        if token.is_sign(',') {
            from = at + 1;
        }
    }
    all
}

/// The tokens outside inner brackets, with where they stand; ends with the bracket that closes the outer one.
fn at_depth_zero(tokens: &[Token]) -> impl Iterator<Item = (usize, &Token)> {
    let mut depth = 0usize;
    let mut over = false;
    tokens.iter().enumerate().filter(move |(_, token)| {
        if over {
            return false;
        }
        match token {
            Token::Sign('(' | '[' | '{') => {
                depth += 1;
                false
            }
            Token::Sign(')' | ']' | '}') if depth > 0 => {
                depth -= 1;
                false
            }
            Token::Sign(')' | ']' | '}') => {
                over = true;
                true
            }
            _ => depth == 0,
        }
    })
}

struct Scanner<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    lines: Vec<Line>,
    line: Line,
    depth: usize,
}

impl<'a> Scanner<'a> {
    fn new(source: &'a str) -> Self {
        let source = source.strip_prefix('\u{feff}').unwrap_or(source);
        Self { rest: source.chars().peekable(), lines: Vec::new(), line: Line { indent: 0, tokens: Vec::new() }, depth: 0 }
    }

    fn lines(mut self) -> Vec<Line> {
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
                '#' => while self.rest.next_if(|c| *c != '\n').is_some() {},
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
            self.lines.push(Line { indent: self.line.indent, tokens });
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
            let is_raw = word.contains(['r', 'R']);
            return self.string(quote, is_raw);
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

#[cfg(test)]
mod tests {
    use super::{Module, keyword, text_of};

    #[test]
    fn what_stands_in_strings_and_comments_is_not_code() {
        let module = Module::read(
            "'''\nif __name__ == \"__main__\":\n    pass\nimport fastapi\n'''\n# import fastapi\nx = 'import fastapi'\nif x:\n    if __name__ == '__main__': pass\n",
        );
        assert!(!module.has_main_part() && !module.imports("fastapi"));
        assert!(module.docstring().is_some());
    }

    #[test]
    fn the_main_part_is_found_in_each_spelling() {
        for source in ["if __name__ == \"__main__\":\n  x()", "if '__main__' == __name__ : x()", "if (\n __name__ == '__main__'\n):\n x()"]
        {
            assert!(Module::read(source).has_main_part(), "{source}");
        }
    }

    #[test]
    fn imports_are_found_in_each_spelling() {
        for source in [
            "import fastapi",
            "import os, fastapi as f",
            "from fastapi import FastAPI",
            "from fastapi.routing import x",
            "x = 1; import fastapi",
        ] {
            assert!(Module::read(source).imports("fastapi"), "{source}");
        }
        assert!(!Module::read("import fastapi_utils\nfrom .fastapi import x").imports("fastapi"));
        assert_eq!(Module::read("from fastapi import (\n  FastAPI as F,\n)").aliases("FastAPI"), ["FastAPI", "F"]);
    }

    #[test]
    fn calls_and_their_keywords_are_read_over_lines_and_brackets() {
        let module = Module::read("app = FastAPI(\n    title='a' \"b\",  # c, (\n    tags=[1, (2)],\n    version=f'1',\n)\n");
        let call = module.calls("FastAPI").next().expect("a call");
        assert_eq!(call.len(), 3);
        assert_eq!(text_of(keyword(&call, "title").expect("a title")).as_deref(), Some("ab"));
        assert_eq!(text_of(keyword(&call, "version").expect("a version")).as_deref(), Some("1"));
    }

    #[test]
    fn annotated_and_plain_assignments_are_found_and_comparisons_are_not() {
        let module = Module::read("PORT = 8001\nclass S(B):\n    port: Annotated[int, Field(gt=0)] = 8002\nx == 3\ny: int\n");
        let found: Vec<_> = module.assignments().map(|set| (set.name, set.is_global, set.value.len())).collect();
        assert_eq!(found, [("PORT", true, 1), ("port", false, 1)]);
    }

    #[test]
    fn a_broken_line_does_not_hide_the_rest() {
        assert!(Module::read("x = 'open\nimport fastapi\n").imports("fastapi"));
    }

    proptest::proptest! {
        #[test]
        fn nothing_makes_the_scanner_fail(source in "([a-z_='\"#(){}\\[\\]:;\\\\ \n\t0-9.,]|if|__name__|\"\"\"|é){0,200}") {
            let module = Module::read(&source);
            let _ = (module.has_main_part(), module.docstring(), module.assignments().count(), module.calls("a").count());
        }
    }
}
