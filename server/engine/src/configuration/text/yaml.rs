//! YAML, read, written and changed in place.

use std::collections::BTreeMap;
use std::ops::Range;

use api::{Error, Result, pointer_part};
use serde_json::{Map, Value};
use serde_saphyr::{Location, Spanned};

use super::{Document, Fault, TEXT_BYTES, VALUE_LEVELS};
use crate::yaml::{self, Limits, Node};

/// Values and names that a text may have once its aliases are written out. How many values a configuration may have is asked later: this bounds
/// memory.
const NODES: usize = 100_000;

/// Reads a text. Aliases and merge keys are written out.
pub(super) fn read(text: &str) -> Result<Document, Fault> {
    let (values, places) = walk(text)?;
    let lines = places.into_iter().map(|(pointer, place)| (pointer, place.line)).collect();
    Ok(Document { values, lines })
}

/// Where a value is written.
struct Place {
    line: u64,
    /// Its bytes, as far as they are known.
    range: Option<Range<usize>>,
    is_scalar: bool,
}

/// Places by the JSON Pointers of their values.
type Places = BTreeMap<String, Place>;

fn walk(text: &str) -> Result<(Map<String, Value>, Places), Fault> {
    let is_empty = text.lines().all(|line| matches!(line.trim_start().as_bytes().first(), None | Some(b'#')));
    if is_empty {
        return Ok(Default::default());
    }
    let limits = Limits { values: NODES, bytes: TEXT_BYTES, depth: VALUE_LEVELS + 4 };
    let node = yaml::read(text, limits).map_err(|yaml::Fault { line, message }| Fault { line, message })?;
    let mut places = BTreeMap::new();
    match value(node, String::new(), &mut places) {
        Value::Object(values) => Ok((values, places)),
        _ => Err(Fault::at(1, "a configuration is a mapping of names to values")),
    }
}

fn value(node: Spanned<Node>, pointer: String, places: &mut Places) -> Value {
    let is_scalar = !matches!(node.value, Node::List(_) | Node::Mapping(_));
    places.insert(pointer.clone(), Place { line: node.referenced.line(), range: range(&node.defined), is_scalar });
    match node.value {
        Node::Null => Value::Null,
        Node::Flag(flag) => Value::Bool(flag),
        Node::Number(number) => Value::Number(number),
        Node::Text(text) => Value::String(text),
        Node::List(list) => list.into_iter().enumerate().map(|(at, item)| value(item, format!("{pointer}/{at}"), places)).collect(),
        Node::Mapping(fields) => {
            let field = |(name, node): (String, Spanned<Node>)| {
                let value = value(node, format!("{pointer}/{}", pointer_part(&name)), places);
                (name, value)
            };
            fields.into_iter().map(field).collect()
        }
    }
}

fn range(place: &Location) -> Option<Range<usize>> {
    let start = usize::try_from(place.span().byte_offset()?).ok()?;
    let length = usize::try_from(place.span().byte_len()?).ok()?;
    Some(start..start.checked_add(length)?)
}

/// Writes values anew.
pub(super) fn write(values: &Map<String, Value>) -> Result<String> {
    if values.is_empty() {
        return Ok(String::new());
    }
    serde_saphyr::to_string(values).map_err(|error| {
        tracing::error!(%error, "yaml_not_written");
        Error::internal()
    })
}

/// The text with other values: single values in their place, what else is different with all of its entry at the top, new ones at the end.
pub(super) fn follow(text: &str, old: &Map<String, Value>, values: &Map<String, Value>) -> Option<String> {
    let (_, places) = walk(text).ok()?;
    let entries = entries(text, old)?;
    // From the end on, so that what was found before stays where it is.
    let mut changes: Vec<(Range<usize>, String)> = Vec::new();
    for (name, whole) in entries {
        let (before, pointer) = (&old[&name], format!("/{}", pointer_part(&name)));
        match values.get(&name) {
            None => changes.push((whole, String::new())),
            Some(after) if after == before => {}
            Some(after) => {
                let mut inner = Vec::new();
                match in_place(text, &places, &pointer, before, after, &mut inner) {
                    Some(()) => changes.append(&mut inner),
                    None => changes.push((whole, entry(&name, after)?)),
                }
            }
        }
    }
    changes.sort_by_key(|(range, _)| range.start);
    let mut followed = text.to_owned();
    for (range, wanted) in changes.into_iter().rev() {
        followed.replace_range(range, &wanted);
    }
    for (name, value) in values.iter().filter(|(name, _)| !old.contains_key(*name)) {
        if !(followed.is_empty() || followed.ends_with('\n')) {
            followed.push('\n');
        }
        followed.push_str(&entry(name, value)?);
    }
    Some(followed)
}

/// One entry as lines.
fn entry(name: &str, value: &Value) -> Option<String> {
    let only: Map<_, _> = [(name.to_owned(), value.clone())].into_iter().collect();
    write(&only).ok()
}

/// The bytes of each entry at the top: from its key to the end of its last line that isn't empty or a comment at the margin. None when the
/// top isn't a mapping in lines.
fn entries(text: &str, old: &Map<String, Value>) -> Option<Vec<(String, Range<usize>)>> {
    let mut found: Vec<(String, Range<usize>)> = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let range = at..at + line.len();
        at = range.end;
        match line.as_bytes()[0] {
            b'#' | b'\n' | b'\r' | b'%' => continue,
            _ if line.starts_with("---") || line.starts_with("...") => continue,
            b' ' | b'\t' | b'-' => {
                if !line.trim().is_empty() {
                    found.last_mut()?.1.end = range.end;
                }
            }
            _ => found.push((key(line)?, range)),
        }
    }
    let names: Vec<&String> = found.iter().map(|(name, _)| name).collect();
    let is_whole = names.len() == old.len() && names.iter().all(|name| old.contains_key(*name));
    is_whole.then_some(found)
}

/// The key that a line begins with.
fn key(line: &str) -> Option<String> {
    let end = match line.as_bytes()[0] {
        quote @ (b'"' | b'\'') => 2 + line.as_bytes()[1..].iter().position(|byte| *byte == quote)?,
        _ => line.find(": ").or_else(|| line.find(":\n")).or_else(|| line.find(":\r"))?,
    };
    line[end..].trim_start().starts_with(':').then_some(())?;
    serde_saphyr::from_str::<String>(&line[..end]).ok()
}

/// Changes single values where they are written. None when what is different isn't only single values.
fn in_place(
    text: &str,
    places: &Places,
    pointer: &str,
    before: &Value,
    after: &Value,
    changes: &mut Vec<(Range<usize>, String)>,
) -> Option<()> {
    if before == after {
        return Some(());
    }
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            let is_alike = before.len() == after.len() && before.keys().all(|name| after.contains_key(name));
            is_alike.then_some(())?;
            before.iter().try_for_each(|(name, value)| {
                let pointer = format!("{pointer}/{}", pointer_part(name));
                in_place(text, places, &pointer, value, &after[name], changes)
            })
        }
        (Value::Array(before), Value::Array(after)) if before.len() == after.len() => {
            let mut pairs = before.iter().zip(after).enumerate();
            pairs.try_for_each(|(at, (before, after))| in_place(text, places, &format!("{pointer}/{at}"), before, after, changes))
        }
        (_, Value::Object(_) | Value::Array(_)) => None,
        _ => {
            let place = places.get(pointer).filter(|place| place.is_scalar)?;
            let range = place.range.clone()?;
            let written = text.get(range.clone())?;
            let kept = written.trim_end();
            // Only what is surely the value, whole and in one line.
            let is_it = !kept.is_empty() && !kept.contains('\n') && serde_saphyr::from_str::<Value>(kept).ok()? == *before;
            let wanted = serde_saphyr::to_string(after).ok()?;
            let wanted = wanted.trim_end();
            (is_it && !wanted.contains('\n')).then(|| changes.push((range.start..range.start + kept.len(), wanted.to_owned())))
        }
    }
}
