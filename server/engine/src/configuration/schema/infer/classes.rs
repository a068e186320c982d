//! The classes of a Python module, with what is set in them.

use std::cell::Cell;
use std::collections::HashMap;

use serde_json::Value;

use super::expression::{Expression, split};
use crate::services::discovery::python::{Line, Module, Token};

/// Classes of a module that are looked at.
const CLASSES: usize = 500;
/// Statements of a class that are looked at.
const STATEMENTS: usize = 1_000;
/// Names that lead to one another.
const STEPS: usize = 8;
/// Names that are looked up: lists of names of lists of names have no end otherwise.
const LOOKED_UP: usize = 2_000;
/// Tokens of what such a name is set to.
const GLOBAL: usize = 400;

/// A class.
#[derive(Debug)]
pub(super) struct Class<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it derives from.
    pub bases: Vec<Expression>,
    /// What is said beside its bases: `env_prefix="APP_"`.
    pub keywords: Vec<(String, Expression)>,
    /// The class that it is written in.
    pub owner: Option<usize>,
    /// What stands directly in it.
    pub statements: Vec<Statement<'a>>,
}

/// A statement.
#[derive(Clone, Copy, Debug)]
pub(super) struct Statement<'a> {
    /// What it is.
    pub tokens: &'a [Token],
    /// The comment after it.
    pub comment: Option<&'a str>,
}

/// `name: annotation = value` in a class, with what is written about it.
#[derive(Clone, Debug)]
pub(super) struct Field<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its type.
    pub annotation: Option<&'a [Token]>,
    /// What it is by default.
    pub value: Option<&'a [Token]>,
    /// The text or the comment after it.
    pub note: Option<&'a str>,
}

/// What is known of a module.
#[derive(Debug)]
pub(super) struct Classes<'a> {
    /// Its classes in order.
    pub all: Vec<Class<'a>>,
    by_name: HashMap<&'a str, usize>,
    imported: HashMap<&'a str, &'a str>,
    globals: HashMap<&'a str, &'a [Token]>,
    module: &'a Module,
    looked_up: Cell<usize>,
}

impl<'a> Classes<'a> {
    /// The classes of `module`.
    pub fn read(module: &'a Module) -> Self {
        let lines = module.lines();
        let mut all: Vec<Class<'a>> = Vec::new();
        // Those that the line is in, with the indentation of their header.
        let mut open: Vec<(usize, usize, Option<usize>)> = Vec::new();
        for line in lines {
            open.retain(|(_, indent, _)| line.indent > *indent);
            if let Some((class, _, body)) = open.last_mut() {
                let class = &mut all[*class];
                if *body.get_or_insert(line.indent) == line.indent && class.statements.len() < STATEMENTS {
                    class.statements.push(Statement { tokens: &line.tokens, comment: line.comment.as_deref() });
                }
            }
            if all.len() < CLASSES
                && let Some(class) = header(line, open.last().map(|(class, _, _)| *class))
            {
                open.push((all.len(), line.indent, None));
                all.push(class);
            }
        }
        let by_name = all.iter().enumerate().filter(|(_, class)| class.owner.is_none()).map(|(at, class)| (class.name, at)).collect();
        let globals = module.assignments().filter(|set| set.is_global).map(|set| (set.name, set.value)).collect();
        Self { all, by_name, imported: imported(lines), globals, module, looked_up: Cell::new(0) }
    }

    /// The class that `name` names.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// What `name` was called where it is imported from.
    pub fn original<'b>(&'b self, name: &'b str) -> &'b str {
        self.imported.get(name).copied().unwrap_or(name)
    }

    /// What the module sets `name` to; none when too much was looked up already.
    pub fn global(&self, name: &str) -> Option<Expression> {
        let tokens = self.globals.get(name).filter(|tokens| tokens.len() <= GLOBAL)?;
        self.looked_up.set(self.looked_up.get() + 1);
        (self.looked_up.get() <= LOOKED_UP).then(|| Expression::read(tokens))
    }

    /// Whether the module makes one of the class `name`.
    pub fn is_made(&self, name: &str) -> bool {
        self.module.calls(name).next().is_some()
    }

    /// The classes of this module that the class `at` derives from, itself last, so that later ones override; each once.
    pub fn line_of(&self, at: usize) -> Vec<usize> {
        let mut line = Vec::new();
        self.add_line(at, &mut line, 0);
        line
    }

    fn add_line(&self, at: usize, line: &mut Vec<usize>, depth: usize) {
        if depth > STEPS || line.contains(&at) || line.len() > 50 {
            return;
        }
        let bases = self.all[at].bases.iter().rev().filter_map(|base| self.find(base.name()?));
        bases.filter(|base| *base != at).for_each(|base| self.add_line(base, line, depth + 1));
        if !line.contains(&at) {
            line.push(at);
        }
    }

    /// Whether the class `at` derives from `name`, which is not of this module.
    pub fn derives(&self, at: usize, name: impl Fn(&str) -> bool) -> bool {
        self.line_of(at).into_iter().any(|at| {
            let bases = self.all[at].bases.iter().filter_map(Expression::name);
            bases.map(|base| self.original(base)).any(|base| self.find(base).is_none() && name(base))
        })
    }

    /// What is set in the class `at` itself.
    pub fn own_fields(&self, at: usize) -> Vec<Field<'a>> {
        own_fields(&self.all[at].statements)
    }

    /// The fields of the class `at` and those it derives from, in order; a later one of the same name takes the place of an earlier.
    pub fn fields(&self, at: usize) -> Vec<Field<'a>> {
        let mut all: Vec<Field<'a>> = Vec::new();
        for class in self.line_of(at) {
            for field in own_fields(&self.all[class].statements) {
                match all.iter_mut().find(|own| own.name == field.name) {
                    Some(own) => *own = field,
                    None => all.push(field),
                }
            }
        }
        all
    }

    /// What an expression is as JSON, with the constants and enumerations of the module.
    pub fn value(&self, expression: &Expression) -> Option<Value> {
        self.value_of(expression, 0)
    }

    fn value_of(&self, expression: &Expression, steps: usize) -> Option<Value> {
        if steps > STEPS {
            return None;
        }
        expression.value(&|name| match name {
            [one] => self.value_of(&self.global(one)?, steps + 1),
            [class, member] | [class, member, ..] if name.len() == 2 || name[2] == "value" => {
                self.members(self.find(class)?)?.into_iter().find_map(|(own, value)| (own == *member).then_some(value))
            }
            _ => None,
        })
    }

    /// The members of the enumeration `at`; none when it isn't one, or not all of them are plain.
    pub fn members(&self, at: usize) -> Option<Vec<(String, Value)>> {
        let is_enumeration = self.derives(at, |base| matches!(base, "Enum" | "StrEnum" | "IntEnum"));
        let lower = self.derives(at, |base| base == "StrEnum");
        let fields = is_enumeration.then(|| own_fields(&self.all[at].statements))?;
        let members = fields.into_iter().filter(|field| field.annotation.is_none() && !field.name.starts_with('_')).map(|field| {
            let value = Expression::read(field.value?);
            let is_auto = lower && value.name() == Some("auto");
            let value = if is_auto { Value::String(field.name.to_lowercase()) } else { value.value(&|_| None)? };
            (value.is_string() || value.is_number()).then(|| (field.name.to_owned(), value))
        });
        members.collect::<Option<Vec<_>>>().filter(|all| !all.is_empty())
    }

    /// The first paragraph of the text that the class begins with.
    pub fn docstring(&self, at: usize) -> Option<String> {
        let [Token::Text(text)] = self.all[at].statements.first()?.tokens else { return None };
        let paragraph = text.trim().split("\n\n").next()?;
        let words: Vec<&str> = paragraph.split_whitespace().collect();
        (!words.is_empty()).then(|| words.join(" ").chars().take(500).collect())
    }
}

fn header<'a>(line: &'a Line, owner: Option<usize>) -> Option<Class<'a>> {
    let [first, Token::Name(name), rest @ ..] = line.tokens.as_slice() else { return None };
    if !first.is_name("class") {
        return None;
    }
    let parts = split(rest, ':');
    let head = parts.first().copied().unwrap_or_default();
    let (bases, keywords) = match Expression::read(&line.tokens[1..2 + head.len()]) {
        Expression::Call(_, bases, keywords) => (bases, keywords),
        _ => (Vec::new(), Vec::new()),
    };
    // `class A(B): x = 1`
    let inline = rest.get(head.len() + 1..).filter(|tokens| !tokens.is_empty());
    let statements = inline.map(|tokens| Statement { tokens, comment: line.comment.as_deref() }).into_iter().collect();
    Some(Class { name, bases, keywords, owner, statements })
}

fn own_fields<'a>(statements: &[Statement<'a>]) -> Vec<Field<'a>> {
    let mut all = Vec::new();
    for (at, statement) in statements.iter().enumerate() {
        let [Token::Name(name), rest @ ..] = statement.tokens else { continue };
        let (annotation, value) = match rest {
            [Token::Sign('='), Token::Sign('='), ..] => continue,
            [Token::Sign('='), value @ ..] => (None, Some(value)),
            [Token::Sign(':'), annotated @ ..] if !annotated.is_empty() => match split(annotated, '=').as_slice() {
                [annotation] => (Some(*annotation), None),
                [annotation, _, ..] => (Some(*annotation), annotated.get(annotation.len() + 1..)),
                [] => continue,
            },
            _ => continue,
        };
        let text = statements.get(at + 1).and_then(|next| if let [Token::Text(text)] = next.tokens { Some(text.as_str()) } else { None });
        let comment = statement.comment.filter(|text| !is_for_tools(text));
        all.push(Field { name, annotation, value, note: text.or(comment) });
    }
    all
}

/// Whether a comment is for a checker instead of people.
fn is_for_tools(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    ["noqa", "type:", "pragma", "pylint", "fmt:", "nosec", "mypy", "pyright", "ruff", "todo", "fixme"]
        .iter()
        .any(|word| lower.starts_with(word))
}

/// The names that are imported as another, with what they are there.
fn imported(lines: &[Line]) -> HashMap<&str, &str> {
    let is_import = |line: &&Line| line.tokens.first().is_some_and(|token| token.is_name("from") || token.is_name("import"));
    let mut all = HashMap::new();
    for three in lines.iter().filter(is_import).flat_map(|line| line.tokens.windows(3)) {
        if let [Token::Name(own), was, Token::Name(other)] = three
            && was.is_name("as")
        {
            all.insert(other.as_str(), own.as_str());
        }
    }
    all
}
