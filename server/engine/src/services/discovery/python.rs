//! Reads Python without running it, by its logical lines of tokens.
//!
//! No input, however broken or hostile, makes it fail: what it doesn't understand it doesn't find.

use super::scanner::Scanner;

/// Calls of one name that are looked at.
const CALLS: usize = 100;
/// Tokens of one call that are looked at.
const CALL_TOKENS: usize = 4_000;

/// A module as logical lines.
#[derive(Clone, Debug, Default)]
pub(crate) struct Module {
    lines: Vec<Line>,
}

/// One logical line: brackets and continuations are joined.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Line {
    /// Columns before the first token; 0 is the module's level.
    pub indent: usize,
    /// What stands on it.
    pub tokens: Vec<Token>,
    /// The comment after it, without its sign.
    pub comment: Option<String>,
}

/// A token.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    /// A name or keyword.
    Name(String),
    /// A number as written.
    Number(String),
    /// The text of a string literal.
    Text(String),
    /// The text of an f-string, with its braces.
    Formatted(String),
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

    /// The text, when it is a string literal; of an f-string with its braces.
    pub fn text(&self) -> Option<&str> {
        if let Token::Text(text) | Token::Formatted(text) = self { Some(text) } else { None }
    }
}

/// An assignment: `name = value` or `name: annotation = value`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Assignment<'a> {
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

    /// Its logical lines in order.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// The text of its first statement, when that is a string.
    pub fn docstring(&self) -> Option<&str> {
        match self.lines.first()?.tokens.as_slice() {
            [Token::Text(text) | Token::Formatted(text)] => Some(text),
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
pub(crate) fn keyword<'a>(arguments: &[&'a [Token]], name: &str) -> Option<&'a [Token]> {
    arguments.iter().find_map(|argument| match argument {
        [Token::Name(own), Token::Sign('='), value @ ..] if own == name && !value.is_empty() => Some(value),
        _ => None,
    })
}

/// The text that an expression is, when it is one or several string literals after another.
pub(crate) fn text_of(value: &[Token]) -> Option<String> {
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

#[cfg(test)]
mod tests {
    use super::{Module, Token, keyword, text_of};

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
    fn the_comment_after_a_line_is_kept_and_f_strings_are_told_apart() {
        let module = Module::read("# above\nx = 1  # of x \ny = f(  # inside\n  f'{x}',\n)  # of y\nz = '#'\n");
        let comments: Vec<_> = module.lines().iter().map(|line| line.comment.as_deref()).collect();
        assert_eq!(comments, [Some("of x"), Some("of y"), None]);
        assert_eq!(module.lines()[1].tokens[4], Token::Formatted("{x}".into()));
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
