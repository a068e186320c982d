//! YAML of people, within bounds: aliases and merge keys are written out, and nothing is larger or deeper than the reader allows.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Number;
use serde_saphyr::options::{DuplicateKeyPolicy, NonFiniteFloatPolicy};
use serde_saphyr::{DefaultMessageFormatter, MessageFormatter, Options, Spanned};

/// Characters of the text that a message repeats.
const SHOWN: usize = 80;

/// How much a text may come to once its aliases are written out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Values.
    pub values: usize,
    /// Bytes of text.
    pub bytes: usize,
    /// Lists and mappings inside one another.
    pub depth: usize,
}

/// Why a text isn't read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The line, from 1, where it is known.
    pub line: Option<u64>,
    /// What is wrong there.
    pub message: String,
}

/// Reads one document. Fails when it isn't YAML, has a key twice, or is larger or deeper than allowed.
pub(crate) fn read(text: &str, limits: Limits) -> Result<Spanned<Node>, Fault> {
    serde_saphyr::from_str_with_options(text, options(limits)).map_err(|error| {
        let line = error.location().map(|place| place.line()).filter(|line| *line > 0);
        Fault { line, message: reason(&error) }
    })
}

/// Text of people as a message repeats it.
pub(crate) fn shown(text: &str) -> String {
    text.chars().take(SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn options(limits: Limits) -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: limits.depth,
            // One more than is read, so that a second one is told apart from what is too large.
            max_documents: 2,
            max_nodes: limits.values,
            max_events: limits.values.saturating_mul(4),
            max_total_scalar_bytes: limits.bytes,
            max_recorded_anchor_events: limits.values.saturating_mul(4),
            max_recorded_anchor_bytes: limits.bytes,
            enforce_alias_anchor_ratio: false,
        },
        duplicate_keys: DuplicateKeyPolicy::Error,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        // As Compose and YAML 1.2 have it: 'no' and 'on' are text.
        strict_booleans: true,
        with_snippet: false,
    }
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
        Cause::MultipleDocuments { .. } => "a second document begins here, and only one is read".into(),
        Cause::UnknownAnchor { .. } => "there is no anchor of the name that this alias has".into(),
        Cause::RecursiveReferencesRequireWeakTypes { .. } => "the alias is inside of what it stands for".into(),
        Cause::NullIntoString { .. } => "a key is empty".into(),
        other => format!("it isn't YAML: {}", shown(&DefaultMessageFormatter.format_message(other))),
    }
}

/// A value as the reader of YAML hands it out.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Flag(bool),
    /// A number, as it was understood.
    Number(Number),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Spanned<Node>>),
    /// A mapping, in order; no key is there twice.
    Mapping(Vec<(String, Spanned<Node>)>),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("text, a number, a list or a mapping")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Node, E> {
        Ok(Node::Flag(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Node, E> {
        Ok(Node::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Node, E> {
        Ok(Node::Number(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Node, E> {
        // What isn't finite comes as text.
        Ok(Number::from_f64(number).map_or_else(|| Node::Text(number.to_string()), Node::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Node, E> {
        Ok(Node::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = entries.next_entry()? {
            fields.push(field);
        }
        Ok(Node::Mapping(fields))
    }
}
