//! Reads an annotation or a value of Python as far as it says something by itself.

use serde_json::{Map, Number, Value};

use crate::services::discovery::python::Token;

/// Brackets in one another that are looked into.
const DEPTH: usize = 16;
/// Tokens of one expression that are looked at.
const TOKENS: usize = 4_000;

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expression {
    /// A name, with what it is an attribute of: `SecretStr`, `pydantic.SecretStr`.
    Name(Vec<String>),
    /// A text, a number, true, false or nothing.
    Literal(Value),
    /// A list, a tuple or a set.
    Items(Vec<Expression>),
    /// A dictionary.
    Pairs(Vec<(Expression, Expression)>),
    /// `name(one, two=three)`.
    Call(Vec<String>, Vec<Expression>, Vec<(String, Expression)>),
    /// `name[one, two]`.
    Subscript(Vec<String>, Vec<Expression>),
    /// `one | two`.
    Either(Vec<Expression>),
    /// `...`
    Ellipsis,
    /// Anything else.
    Unknown,
}

impl Expression {
    /// Reads `tokens`.
    pub fn read(tokens: &[Token]) -> Self {
        if tokens.len() > TOKENS { Self::Unknown } else { read(tokens, 0) }
    }

    /// The last part of the name that it is, or calls, or subscribes.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Name(parts) | Self::Call(parts, ..) | Self::Subscript(parts, _) => parts.last().map(String::as_str),
            _ => None,
        }
    }

    /// The argument `name`, when it is a call that has it.
    pub fn argument(&self, name: &str) -> Option<&Expression> {
        let Self::Call(_, _, named) = self else { return None };
        named.iter().find_map(|(own, value)| (own == name).then_some(value))
    }

    /// The text, when it is one.
    pub fn text(&self) -> Option<&str> {
        if let Self::Literal(Value::String(text)) = self { Some(text) } else { None }
    }

    /// Whether it is the value `value`.
    pub fn is(&self, value: impl Into<Value>) -> bool {
        matches!(self, Self::Literal(own) if *own == value.into())
    }

    /// What it is as JSON, where names are what `named` says.
    pub fn value(&self, named: &dyn Fn(&[String]) -> Option<Value>) -> Option<Value> {
        match self {
            Self::Literal(value) => Some(value.clone()),
            Self::Name(parts) => named(parts),
            Self::Items(all) => Some(Value::Array(all.iter().map(|one| one.value(named)).collect::<Option<_>>()?)),
            Self::Pairs(all) => {
                let pair = |(name, value): &(Expression, Expression)| Some((name.text()?.to_owned(), value.value(named)?));
                Some(Value::Object(all.iter().map(pair).collect::<Option<Map<_, _>>>()?))
            }
            // Path("x"), SecretStr("x"), timedelta is another matter.
            Self::Call(name, arguments, keywords) => match (arguments.as_slice(), name.last()?.as_str()) {
                ([], "list" | "set" | "tuple" | "frozenset") if keywords.is_empty() => Some(Value::Array(Vec::new())),
                ([], "dict") if keywords.is_empty() => Some(Value::Object(Map::new())),
                ([one], callee)
                    if keywords.is_empty() && (callee.starts_with("Path") || callee.ends_with("Path") || is_text_type(callee)) =>
                {
                    one.value(named).filter(Value::is_string)
                }
                _ => None,
            },
            _ => None,
        }
    }
}

fn is_text_type(name: &str) -> bool {
    name.ends_with("Url") || name.ends_with("Dsn") || name.starts_with("Secret") || matches!(name, "str" | "UUID" | "EmailStr")
}

/// The parts of `tokens` between `sign` outside brackets; an empty last one is left out.
pub(super) fn split(tokens: &[Token], sign: char) -> Vec<&[Token]> {
    let mut all = Vec::new();
    let (mut from, mut depth) = (0, 0usize);
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Sign('(' | '[' | '{') => depth += 1,
            Token::Sign(')' | ']' | '}') => depth = depth.saturating_sub(1),
            token if depth == 0 && token.is_sign(sign) => {
                all.push(&tokens[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    if from < tokens.len() {
        all.push(&tokens[from..]);
    }
    all
}

fn read(tokens: &[Token], depth: usize) -> Expression {
    use Expression::{Call, Either, Ellipsis, Items, Literal, Name, Pairs, Subscript, Unknown};
    if depth > DEPTH {
        return Unknown;
    }
    let all = |parts: Vec<&[Token]>| -> Vec<Expression> { parts.into_iter().map(|part| read(part, depth + 1)).collect() };
    let either = split(tokens, '|');
    if either.len() > 1 {
        return Either(all(either));
    }
    if let Some(number) = number(tokens) {
        return Literal(Value::Number(number));
    }
    match tokens {
        [Token::Sign('.'), Token::Sign('.'), Token::Sign('.')] => return Ellipsis,
        [Token::Text(_), ..] if tokens.iter().all(|token| matches!(token, Token::Text(_))) => {
            return Literal(Value::String(tokens.iter().filter_map(Token::text).collect()));
        }
        [Token::Name(word)] => match word.as_str() {
            "True" => return Literal(Value::Bool(true)),
            "False" => return Literal(Value::Bool(false)),
            "None" => return Literal(Value::Null),
            _ => {}
        },
        _ => {}
    }
    if let Some((open, inner)) = enclosed(tokens) {
        let parts = split(inner, ',');
        return match open {
            '(' if parts.len() == 1 && !inner.last().is_some_and(|token| token.is_sign(',')) => read(inner, depth + 1),
            '{' if parts.is_empty() || parts.iter().any(|part| split(part, ':').len() > 1) => Pairs(
                parts
                    .into_iter()
                    .map(|part| match split(part, ':').as_slice() {
                        [name, value] => (read(name, depth + 1), read(value, depth + 1)),
                        _ => (Unknown, Unknown),
                    })
                    .collect(),
            ),
            _ => Items(all(parts)),
        };
    }
    let Some((name, rest)) = dotted(tokens) else { return Unknown };
    match (rest, enclosed(rest)) {
        ([], _) => Name(name),
        (_, Some(('[', inner))) => Subscript(name, all(split(inner, ','))),
        (_, Some(('(', inner))) => {
            let (mut arguments, mut keywords) = (Vec::new(), Vec::new());
            for part in split(inner, ',') {
                match part {
                    [Token::Name(own), Token::Sign('='), value @ ..] if !value.first().is_some_and(|token| token.is_sign('=')) => {
                        keywords.push((own.clone(), read(value, depth + 1)));
                    }
                    other => arguments.push(read(other, depth + 1)),
                }
            }
            Call(name, arguments, keywords)
        }
        _ => Unknown,
    }
}

/// What is in the brackets that `tokens` begin and end with, and which they are; none when those aren't one pair.
fn enclosed(tokens: &[Token]) -> Option<(char, &[Token])> {
    let [Token::Sign(open @ ('(' | '[' | '{')), inner @ .., Token::Sign(')' | ']' | '}')] = tokens else { return None };
    let mut depth = 0usize;
    for token in inner {
        match token {
            Token::Sign('(' | '[' | '{') => depth += 1,
            Token::Sign(')' | ']' | '}') => depth = depth.checked_sub(1)?,
            _ => {}
        }
    }
    (depth == 0).then_some((*open, inner))
}

/// The name that `tokens` begin with, and what is after it.
fn dotted(tokens: &[Token]) -> Option<(Vec<String>, &[Token])> {
    let [Token::Name(first), rest @ ..] = tokens else { return None };
    let (mut name, mut rest) = (vec![first.clone()], rest);
    while let [Token::Sign('.'), Token::Name(next), after @ ..] = rest {
        name.push(next.clone());
        rest = after;
    }
    Some((name, rest))
}

/// The number that is written, also as a sum or product of whole numbers: `60 * 24`.
fn number(tokens: &[Token]) -> Option<Number> {
    match tokens {
        [Token::Number(digits)] => one_number(digits),
        [Token::Sign('-'), Token::Number(digits)] => one_number(&format!("-{digits}")),
        // 1e-3
        [Token::Number(digits), Token::Sign('-'), Token::Number(exponent)] if digits.ends_with(['e', 'E']) => {
            Number::from_f64(format!("{digits}-{exponent}").replace('_', "").parse().ok()?)
        }
        _ if tokens.len() < 20 => whole(tokens).map(Number::from),
        _ => None,
    }
}

fn one_number(text: &str) -> Option<Number> {
    let plain = text.replace('_', "");
    let (sign, digits) = plain.strip_prefix('-').map_or((1, plain.as_str()), |digits| (-1, digits));
    let radix = [("0x", 16), ("0o", 8), ("0b", 2)].into_iter().find_map(|(prefix, radix)| Some((digits.strip_prefix(prefix)?, radix)));
    if let Some((digits, radix)) = radix {
        return i64::from_str_radix(digits, radix).ok().map(|number| Number::from(sign * number));
    }
    match plain.parse::<i64>() {
        Ok(number) => Some(Number::from(number)),
        Err(_) if plain.contains(['.', 'e', 'E']) => Number::from_f64(plain.parse().ok()?),
        Err(_) => None,
    }
}

fn whole(tokens: &[Token]) -> Option<i64> {
    let sums = split(tokens, '+');
    if sums.len() > 1 {
        return sums.into_iter().try_fold(0i64, |sum, part| sum.checked_add(whole(part)?));
    }
    let products = split(tokens, '*');
    if products.len() > 1 {
        // A power has an empty part in between.
        return products.into_iter().try_fold(1i64, |product, part| product.checked_mul(whole(part)?));
    }
    match tokens {
        [Token::Number(digits)] => one_number(digits)?.as_i64(),
        _ => enclosed(tokens).filter(|(open, _)| *open == '(').and_then(|(_, inner)| whole(inner)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Expression;
    use crate::services::discovery::python::Module;

    fn value(text: &str) -> Option<Value> {
        let module = Module::read(text);
        Expression::read(&module.lines()[0].tokens).value(&|_| None)
    }

    #[test]
    fn literals_are_read_as_python_writes_them() {
        for (text, expected) in [
            ("8_000", json!(8000)),
            ("-1", json!(-1)),
            ("0x1F", json!(31)),
            ("1.5", json!(1.5)),
            ("1e3", json!(1000.0)),
            ("1e-3", json!(0.001)),
            ("60 * 24 * 8", json!(11520)),
            ("(1 + 2) * 3", json!(9)),
            ("'a' \"b\"", json!("ab")),
            ("(\n'a'\n'b'\n)", json!("ab")),
            ("b'x'", json!("x")),
            ("True", json!(true)),
            ("None", json!(null)),
            ("['a', 'b',]", json!(["a", "b"])),
            ("('a',)", json!(["a"])),
            ("{'a': 1, 'b': [2]}", json!({"a": 1, "b": [2]})),
            ("{1, 2}", json!([1, 2])),
            ("{}", json!({})),
            ("list()", json!([])),
            ("pathlib.Path('x/y')", json!("x/y")),
        ] {
            assert_eq!(value(text), Some(expected), "{text}");
        }
        for text in [
            "f'{x}'",
            "2 ** 8",
            "f(x)",
            "x if y else z",
            "[x for x in y]",
            "a.b",
            "timedelta(minutes=3)",
            "9223372036854775807 * 2",
            "(",
            "lambda: 1",
        ] {
            assert_eq!(value(text), None, "{text}");
        }
    }
}
