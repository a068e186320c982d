//! The text of a Compose file as values, within bounds of size and depth.

use api::{COMPOSE_BYTES, Error, Result};
use serde_json::{Map, Value};
use serde_saphyr::{Location, Spanned};

use crate::yaml::{self, Limits, Node};

/// Values that a file may have once its aliases are written out, bytes of text then, and lists and mappings inside one another.
const LIMITS: Limits = Limits { values: 100_000, bytes: 8 * COMPOSE_BYTES, depth: 40 };

/// Reads a file whose top is a mapping. Aliases and merge keys are written out, and a number is text as it stands in the file: `1.10`
/// isn't `1.1`. Fails with the line when it isn't YAML, has a key twice, or is larger or deeper than a Compose file has reason to be.
pub(super) fn read(text: &str) -> Result<Map<String, Value>> {
    if text.len() > COMPOSE_BYTES {
        return Err(Error::invalid("/compose", format!("a Compose file has at most {} KiB", COMPOSE_BYTES >> 10)));
    }
    let node = yaml::read(text, LIMITS).map_err(|fault| {
        let message = fault.line.map_or_else(|| fault.message.clone(), |line| format!("line {line}: {}", fault.message));
        Error::invalid("/compose", message)
    })?;
    match value(node, text) {
        Value::Object(fields) => Ok(fields),
        _ => Err(Error::invalid("/compose", "a Compose file is a mapping with 'services' in it, and this isn't one")),
    }
}

fn value(node: Spanned<Node>, text: &str) -> Value {
    match node.value {
        Node::Null => Value::Null,
        Node::Flag(flag) => Value::Bool(flag),
        Node::Number(number) => Value::String(written(text, &node.defined).map_or_else(|| number.to_string(), String::from)),
        Node::Text(text) => Value::String(text),
        Node::List(list) => list.into_iter().map(|item| value(item, text)).collect(),
        Node::Mapping(fields) => fields.into_iter().map(|(key, field)| (key, value(field, text))).collect(),
    }
}

/// The number that stands at a place of the text.
fn written<'a>(text: &'a str, place: &Location) -> Option<&'a str> {
    let start = usize::try_from(place.span().byte_offset()?).ok()?;
    let length = usize::try_from(place.span().byte_len()?).ok()?;
    let number = text.get(start..start.checked_add(length)?)?.trim();
    let is_number = number.bytes().any(|byte| byte.is_ascii_digit());
    let is_whole = number.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-._".contains(&byte));
    (is_number && is_whole).then_some(number)
}
