//! The text of a Compose file as values, within bounds of size and depth.

use std::fmt;

use api::{COMPOSE_BYTES, Error, Result};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use serde_saphyr::options::{DuplicateKeyPolicy, NonFiniteFloatPolicy};
use serde_saphyr::{DefaultMessageFormatter, Location, MessageFormatter, Options, Spanned};

use super::value::shown;

/// Values that a file may have once its aliases are written out.
const VALUES: usize = 100_000;
/// Bytes of text that it may have then.
const TEXT_BYTES: usize = 8 * COMPOSE_BYTES;
/// Lists and mappings inside one another.
const DEPTH: usize = 40;

/// Reads a file whose top is a mapping. Aliases and merge keys are written out, and a number is text as it stands in the file: `1.10`
/// isn't `1.1`. Fails with the line when it isn't YAML, has a key twice, or is larger or deeper than a Compose file has reason to be.
pub(super) fn read(text: &str) -> Result<Map<String, Value>> {
    if text.len() > COMPOSE_BYTES {
        return Err(Error::invalid("/compose", format!("a Compose file has at most {} KiB", COMPOSE_BYTES >> 10)));
    }
    let node: Spanned<Node> = serde_saphyr::from_str_with_options(text, options()).map_err(|error| refusal(&error))?;
    match value(node, text) {
        Value::Object(fields) => Ok(fields),
        _ => Err(Error::invalid("/compose", "a Compose file is a mapping with 'services' in it, and this isn't one")),
    }
}

fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: DEPTH,
            // One more than is read, so that a second one is told apart from what is too large.
            max_documents: 2,
            max_nodes: VALUES,
            max_events: 4 * VALUES,
            max_total_scalar_bytes: TEXT_BYTES,
            max_recorded_anchor_events: 4 * VALUES,
            max_recorded_anchor_bytes: TEXT_BYTES,
            enforce_alias_anchor_ratio: false,
        },
        duplicate_keys: DuplicateKeyPolicy::Error,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        // As Compose has it: 'no' and 'on' are text.
        strict_booleans: true,
        with_snippet: false,
    }
}

fn refusal(error: &serde_saphyr::Error) -> Error {
    let line = error.location().map(|place| place.line()).filter(|line| *line > 0);
    let message = line.map_or_else(|| reason(error), |line| format!("line {line}: {}", reason(error)));
    Error::invalid("/compose", message)
}

fn reason(error: &serde_saphyr::Error) -> String {
    use serde_saphyr::Error as Cause;
    match error {
        Cause::WithSnippet { error, .. } | Cause::AliasError { error, .. } => reason(error),
        Cause::DuplicateMappingKey { key: Some(key), .. } => format!("'{}' is there twice", shown(key)),
        Cause::DuplicateMappingKey { .. } => "a key is there twice".into(),
        Cause::Budget { .. }
        | Cause::AliasReplayCounterOverflow { .. }
        | Cause::AliasReplayLimitExceeded { .. }
        | Cause::AliasExpansionLimitExceeded { .. }
        | Cause::AliasReplayStackDepthExceeded { .. } => {
            "with its aliases written out the file is too large, or it is nested too deeply".into()
        }
        Cause::MultipleDocuments { .. } => "a second document begins here; a Compose file is one".into(),
        Cause::UnknownAnchor { .. } => "there is no anchor of the name that this alias has".into(),
        Cause::RecursiveReferencesRequireWeakTypes { .. } => "the alias is inside of what it stands for".into(),
        Cause::NullIntoString { .. } => "a key is empty".into(),
        other => format!("it isn't YAML: {}", shown(&DefaultMessageFormatter.format_message(other))),
    }
}

/// A value as the reader of YAML hands it out.
enum Node {
    Null,
    Flag(bool),
    /// As it was understood, in case that it can't be found in the text.
    Number(String),
    Text(String),
    List(Vec<Spanned<Node>>),
    Mapping(Vec<(String, Spanned<Node>)>),
}

fn value(node: Spanned<Node>, text: &str) -> Value {
    match node.value {
        Node::Null => Value::Null,
        Node::Flag(flag) => Value::Bool(flag),
        Node::Number(number) => Value::String(written(text, &node.defined).map_or(number, String::from)),
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

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("text, a number, a list or a mapping")
    }

    fn visit_unit<E>(self) -> std::result::Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> std::result::Result<Node, E> {
        Ok(Node::Flag(flag))
    }

    fn visit_i64<E>(self, number: i64) -> std::result::Result<Node, E> {
        Ok(Node::Number(number.to_string()))
    }

    fn visit_u64<E>(self, number: u64) -> std::result::Result<Node, E> {
        Ok(Node::Number(number.to_string()))
    }

    fn visit_f64<E>(self, number: f64) -> std::result::Result<Node, E> {
        Ok(Node::Number(number.to_string()))
    }

    fn visit_str<E>(self, text: &str) -> std::result::Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> std::result::Result<Node, E> {
        Ok(Node::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> std::result::Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> std::result::Result<Node, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = entries.next_entry()? {
            fields.push(field);
        }
        Ok(Node::Mapping(fields))
    }
}
