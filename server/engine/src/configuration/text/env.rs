//! `NAME=value` lines, read and written as `.env` files are.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use api::{Result, variables_of};
use serde_json::{Map, Value};

use super::{Document, Fault};
use crate::configuration::schema::typed;
use crate::services::discovery::environment::{LineKind, Variable, lines, strict};

/// Reads a text. What isn't an assignment, a comment or empty is a fault: nobody's variable is passed over unseen.
pub(super) fn read(text: &str, schema: &Value) -> Result<Document, Fault> {
    let variables = strict(text).map_err(|faults| match faults.into_iter().next() {
        Some((line, message)) => Fault::at(line as u64, message),
        None => Fault::whole("can't be read"),
    })?;
    let (mut values, mut lines) = (Map::new(), BTreeMap::new());
    for Variable { name, value, line, .. } in variables {
        lines.insert(format!("/{name}"), line as u64);
        let value = typed(schema, &name, &value);
        values.insert(name, value);
    }
    Ok(Document { values, lines })
}

/// Writes values anew, by name.
pub(super) fn write(values: &Map<String, Value>) -> Result<String> {
    let mut text = String::new();
    for (name, value) in variables_of(values)? {
        let _ = writeln!(text, "{name}={}", quoted(&value));
    }
    Ok(text)
}

/// The text with other values: changed ones in their place, new ones at its end.
pub(super) fn follow(text: &str, values: &Map<String, Value>) -> Option<String> {
    let variables = variables_of(values).ok()?;
    let (mut followed, mut seen) = (String::with_capacity(text.len()), BTreeSet::new());
    for line in lines(text) {
        let LineKind::Variable { name, value, at, .. } = line.kind else {
            followed.push_str(&text[line.range]);
            continue;
        };
        let Some(wanted) = variables.get(name) else { continue };
        seen.insert(name);
        if *wanted == value {
            followed.push_str(&text[line.range]);
        } else {
            followed.extend([&text[line.range.start..at.start], &quoted(wanted), &text[at.end..line.range.end]]);
        }
    }
    for (name, value) in variables.iter().filter(|(name, _)| !seen.contains(name.as_str())) {
        if !(followed.is_empty() || followed.ends_with('\n')) {
            followed.push('\n');
        }
        let _ = writeln!(followed, "{name}={}", quoted(value));
    }
    Some(followed)
}

/// A value as a line has it: in quotes only where it has to be, for there are readers that don't take them off.
fn quoted(value: &str) -> String {
    let is_plain =
        value.trim() == value && !value.starts_with(['"', '\'', '#']) && !value.contains(['\n', '\r', '\t']) && !value.contains(" #");
    if is_plain {
        return value.to_owned();
    }
    let mut text = String::with_capacity(value.len() + 2);
    text.push('"');
    for letter in value.chars() {
        match letter {
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            letter => text.push(letter),
        }
    }
    text.push('"');
    text
}
