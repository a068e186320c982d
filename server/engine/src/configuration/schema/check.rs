//! Refuses schemas that could take long or much memory, or that lead out of their document.

use std::collections::HashMap;
use std::rc::Rc;

use api::Detail;
use regex::RegexBuilder;
use serde_json::Value;

use super::graph::{Part, Role, address, parts, resolve};
use super::validate::PATTERN_MEMORY;

/// Bytes of a schema as JSON.
pub const SCHEMA_BYTES: usize = 256 * 1024;
/// Levels of a schema.
pub const SCHEMA_LEVELS: usize = 64;
/// Patterns in a schema: each takes up to a few times [`PATTERN_MEMORY`].
pub const PATTERNS: usize = 64;
/// Bytes of a pattern.
pub const PATTERN_BYTES: usize = 4096;
/// Bytes that one place of a pattern takes at least.
const PLACE_BYTES: u64 = 64;
/// Schemas that may be for one and the same value, counting each as often as it is come to.
pub const SAME_VALUE: u64 = 1_000;
/// [`SAME_VALUE`] of all schemas of a document together.
const SAME_VALUES: u64 = 100_000;
/// Schemas for one value that refer to one another in a row.
const CHAIN: usize = 200;

/// The drafts that are understood, as `$schema` names them.
const DRAFTS: [&str; 3] =
    ["json-schema.org/draft/2020-12/schema", "json-schema.org/draft/2019-09/schema", "json-schema.org/draft-07/schema"];

/// Patterns, with about how many of their places a text may be at, at once.
pub(super) type Weights = HashMap<String, u64>;

/// How heavy the patterns of `schema` are. Fails with where in it something is that isn't taken, and why.
pub(super) fn check(schema: &Value) -> Result<Weights, Detail> {
    if levels(schema, SCHEMA_LEVELS).is_none() {
        return fault("", format!("nests deeper than {SCHEMA_LEVELS} levels; a schema may have that many"));
    }
    let bytes = bytes(schema);
    if bytes > SCHEMA_BYTES {
        return fault("", format!("has {bytes} bytes as JSON; a schema may have {SCHEMA_BYTES}"));
    }
    let Value::Object(own) = schema else {
        return fault("", "is no JSON object; a schema is one, such as {\"type\": \"object\", \"properties\": {..}}");
    };
    match own.get("$schema") {
        None => {}
        Some(Value::String(named)) if is_known(named) => {}
        Some(_) => {
            return fault(
                "/$schema",
                "is no draft that is understood: draft 2020-12, draft 2019-09 and draft 7 are. Leave it out for 2020-12",
            );
        }
    }
    let mut walk = Walk { root: schema, seen: HashMap::new(), same_values: 0, patterns: 0, weights: HashMap::new() };
    let mut waiting = vec![(Trail::Start(""), schema)];
    while let Some((trail, schema)) = waiting.pop() {
        if matches!(walk.seen.get(&address(schema)), Some(Seen::Looked(_))) {
            continue;
        }
        walk.same_value(&trail, schema, 0)?;
        walk.keywords(&trail, schema)?;
        waiting.extend(parts(schema).into_iter().map(|part| (trail.to(part), part.schema)));
        if let Some((place, target)) = walk.target(&trail, schema)? {
            waiting.push((Trail::Start(place), target));
        }
    }
    Ok(walk.weights)
}

/// How many levels `value` has; none when there are more than `most`.
pub(super) fn levels(value: &Value, most: usize) -> Option<usize> {
    let below = |deepest: Option<usize>, value: &Value| Some(deepest?.max(1 + levels(value, most.checked_sub(1)?)?));
    let of_empty = (most > 0).then_some(1);
    match value {
        Value::Array(all) => all.iter().fold(of_empty, below),
        Value::Object(all) => all.values().fold(of_empty, below),
        _ => Some(0),
    }
}

/// The bytes of `value` as JSON.
pub(super) fn bytes(value: &Value) -> usize {
    struct Count(usize);
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    // Counting can't fail, and what can't be written as JSON is too large for it.
    serde_json::to_writer(&mut count, value).map_or(usize::MAX, |()| count.0)
}

fn is_known(named: &str) -> bool {
    let place = named.strip_prefix("https://").or_else(|| named.strip_prefix("http://")).unwrap_or(named);
    DRAFTS.contains(&place.trim_end_matches('#'))
}

/// About how many places of `pattern` a text may be at, at once; none when it takes too much memory. The validator has that limit too, but not
/// for each of its ways to match.
fn weight(pattern: &str) -> Option<u64> {
    let mut plain = String::with_capacity(pattern.len());
    let mut rest = pattern.chars();
    while let Some(c) = rest.next() {
        match (c, if c == '\\' { rest.next() } else { None }) {
            // Only ASCII, as JSON Schema has it.
            (_, Some('w')) => plain.push_str("[0-9A-Za-z_]"),
            (_, Some('d')) => plain.push_str("[0-9]"),
            (_, Some('W')) => plain.push_str("[^0-9A-Za-z_]"),
            (_, Some('D')) => plain.push_str("[^0-9]"),
            (sign, escaped) => plain.extend(std::iter::once(sign).chain(escaped)),
        }
    }
    let fits = |limit: usize| match RegexBuilder::new(&plain).size_limit(limit).build() {
        Ok(_) => true,
        // Of what is spelled in another way, the most is assumed.
        Err(error) => limit == PATTERN_MEMORY && !matches!(error, regex::Error::CompiledTooBig(_)),
    };
    let limit = [PATTERN_MEMORY / 32, PATTERN_MEMORY / 8, PATTERN_MEMORY].into_iter().find(|limit| fits(*limit))?;
    Some(limit as u64 / PLACE_BYTES)
}

fn fault<T>(pointer: &str, message: impl Into<String>) -> Result<T, Detail> {
    Err(Detail { field: pointer.to_owned(), message: message.into() })
}

/// Where a schema is. It is spelled out only for a fault: names may be long and schemas many.
#[derive(Clone)]
enum Trail<'a> {
    /// At a JSON Pointer.
    Start(&'a str),
    /// Further on.
    Step(Rc<(Trail<'a>, Part<'a>)>),
}

impl<'a> Trail<'a> {
    fn to(&self, part: Part<'a>) -> Self {
        Self::Step(Rc::new((self.clone(), part)))
    }

    fn pointer(&self) -> String {
        match self {
            Self::Start(pointer) => (*pointer).to_owned(),
            Self::Step(step) => format!("{}{}", step.0.pointer(), step.1.pointer()),
        }
    }

    fn fault<T>(&self, keyword: &str, message: impl Into<String>) -> Result<T, Detail> {
        fault(&format!("{}{keyword}", self.pointer()), message)
    }
}

/// How far a schema has been looked at.
enum Seen {
    /// Those for the same value are being counted: coming here again is a loop.
    Counting,
    /// They are counted.
    Counted(u64),
    /// Its keywords are looked at too.
    Looked(u64),
}

struct Walk<'a> {
    root: &'a Value,
    seen: HashMap<usize, Seen>,
    same_values: u64,
    patterns: usize,
    weights: Weights,
}

impl<'a> Walk<'a> {
    /// How many schemas are for the value that `schema` is for, each counted as often as it is come to.
    fn same_value(&mut self, trail: &Trail<'a>, schema: &'a Value, chain: usize) -> Result<u64, Detail> {
        match self.seen.get(&address(schema)) {
            Some(Seen::Counted(count) | Seen::Looked(count)) => return Ok(*count),
            Some(Seen::Counting) => {
                return trail.fault("", "refers to itself without end; a '$ref' may come back only for a property or an item");
            }
            None => {}
        }
        if chain > CHAIN {
            return trail.fault("", format!("is at the end of more than {CHAIN} schemas that lead to one another for one value"));
        }
        self.seen.insert(address(schema), Seen::Counting);
        let mut count = 1u64;
        if let Some((place, target)) = self.target(trail, schema)? {
            count = count.saturating_add(self.same_value(&Trail::Start(place), target, chain + 1)?);
        }
        for part in parts(schema).into_iter().filter(|part| part.role == Role::InPlace) {
            count = count.saturating_add(self.same_value(&trail.to(part), part.schema, chain + 1)?);
        }
        self.same_values = self.same_values.saturating_add(count);
        if count > SAME_VALUE || self.same_values > SAME_VALUES {
            let limits = format!("at most {SAME_VALUE} times, and {SAME_VALUES} for all together");
            return trail.fault("", format!("makes one value be checked too often, by 'allOf', 'anyOf', '$ref' and their like; {limits}"));
        }
        self.seen.insert(address(schema), Seen::Counted(count));
        Ok(count)
    }

    /// Where the `$ref` of `schema` leads to, and the schema there; none when it has none. Fails when that isn't in the document.
    fn target(&self, trail: &Trail<'a>, schema: &'a Value) -> Result<Option<(&'a str, &'a Value)>, Detail> {
        let Some(reference) = schema.get("$ref") else { return Ok(None) };
        let Some(place) = reference.as_str().and_then(|text| text.strip_prefix('#')).filter(|at| at.is_empty() || at.starts_with('/'))
        else {
            return trail.fault("/$ref", "leads out of this document; only '#' and '#/..', places in the document itself, are followed");
        };
        match resolve(self.root, reference.as_str().unwrap_or_default()) {
            Some(target @ (Value::Object(_) | Value::Bool(_))) => Ok(Some((place, target))),
            _ => trail.fault("/$ref", "names no schema in this document"),
        }
    }

    fn keywords(&mut self, trail: &Trail<'a>, schema: &Value) -> Result<(), Detail> {
        let count = if let Some(Seen::Counted(count)) = self.seen.get(&address(schema)) { *count } else { 1 };
        self.seen.insert(address(schema), Seen::Looked(count));
        let Value::Object(own) = schema else { return Ok(()) };
        for keyword in ["$dynamicRef", "$recursiveRef"] {
            if own.contains_key(keyword) {
                return trail.fault(&format!("/{keyword}"), "isn't followed; use '$ref' with '#/..'");
            }
        }
        let is_root = std::ptr::eq(schema, self.root);
        for keyword in ["$id", "$schema", "$vocabulary"] {
            if own.contains_key(keyword) && (!is_root || keyword == "$vocabulary") {
                let message = "isn't taken here: the whole schema is one document of one draft. Leave it out";
                return trail.fault(&format!("/{keyword}"), message);
            }
        }
        let of_values = own.get("pattern").and_then(Value::as_str).map(|pattern| ("/pattern", pattern));
        let of_names = own.get("patternProperties").and_then(Value::as_object).into_iter().flat_map(serde_json::Map::keys);
        for (at, pattern) in of_values.into_iter().chain(of_names.map(|pattern| ("/patternProperties", pattern.as_str()))) {
            self.patterns += 1;
            if self.patterns > PATTERNS {
                return trail.fault(at, format!("has one pattern too many; a schema may have {PATTERNS}"));
            }
            if pattern.len() > PATTERN_BYTES {
                return trail.fault(at, format!("is longer than {PATTERN_BYTES} bytes; a pattern may have that many"));
            }
            let Some(weight) = weight(pattern) else {
                return trail.fault(at, format!("has a pattern that takes more than {PATTERN_MEMORY} bytes of memory; repeat less in it"));
            };
            self.weights.insert(pattern.to_owned(), weight);
        }
        Ok(())
    }
}
