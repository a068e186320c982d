//! The fields of the form: one for each property of the schema, with what is in it and what may be.

use std::collections::{BTreeMap, BTreeSet};

use api::{MASK, is_variable_name, pointer_part, variable_text};
use serde_json::Value;

use super::schema::{Properties, Resolved};
use super::words::{range, unit};

/// From how many characters on a text gets an input of several lines.
const LONG: u64 = 200;

/// One field.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// The name of the variable.
    pub name: String,
    /// What it is called, when that says more than its name.
    pub title: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// What may be put in.
    pub kind: Kind,
    /// Whether it isn't seen while it is typed.
    pub is_secret: bool,
    /// Whether there is a secret that isn't shown: an empty field keeps it.
    pub is_kept: bool,
    /// Whether there has to be a value.
    pub is_required: bool,
    /// What counts when nothing is set.
    pub default: Option<String>,
    /// What a number counts.
    pub unit: Option<String>,
    /// What it may be, in words.
    pub range: Option<String>,
    /// What is in it at first.
    pub text: String,
    /// Whether an empty text is its value now, which it then stays.
    pub is_empty_text: bool,
    /// The group that the schema puts it into.
    pub group: Option<String>,
}

impl Field {
    /// Whether `text` in it is another value than the default.
    pub fn differs(&self, text: &str) -> bool {
        let is_default = self.default.as_deref() == Some(text);
        self.is_kept || !(text.is_empty() || is_default)
    }
}

/// What may be put into a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A line of text.
    Line,
    /// Text of many lines.
    Lines,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// Yes, no, or not set.
    Boolean,
    /// One of these, or not set.
    Choice(Vec<Choice>),
    /// A list or an object as JSON.
    Json,
}

/// One of the values that may be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// What is sent.
    pub text: String,
    /// Whether the schema has it; else it is only what is set now.
    pub is_allowed: bool,
}

/// The fields of what a schema knows, by its order: `x-order` first, then the names.
pub fn fields(schema: &Value, values: &Value, secrets: &[String]) -> Vec<Field> {
    let properties = Properties::of(schema);
    let required: BTreeSet<&str> = properties.required().into_iter().collect();
    let secrets: BTreeSet<&String> = secrets.iter().collect();
    let mut fields: Vec<(i64, Field)> = properties
        .all()
        .filter(|(name, _)| is_variable_name(name))
        .map(|(name, said)| {
            let order = said.get("x-order").and_then(Value::as_i64).unwrap_or(i64::MAX);
            let is_secret = secrets.contains(&format!("/{}", pointer_part(name)));
            (order, field(name, &said, values.get(name), is_secret, required.contains(name.as_str())))
        })
        .collect();
    fields.sort_by(|(a, one), (b, other)| (a, &one.name).cmp(&(b, &other.name)));
    fields.into_iter().map(|(_, field)| field).collect()
}

/// The values that the schema doesn't know, as texts.
pub fn further(schema: &Value, values: &Value) -> BTreeMap<String, String> {
    let properties = Properties::of(schema);
    let is_known = |name: &str| is_variable_name(name) && properties.has(name);
    let values = values.as_object().into_iter().flatten().filter(|(name, _)| !is_known(name));
    values.filter_map(|(name, value)| Some((name.clone(), variable_text(value)?))).collect()
}

fn field(name: &str, said: &Resolved, value: Option<&Value>, is_secret: bool, is_required: bool) -> Field {
    let value = value.filter(|value| !value.is_null());
    let is_kept = value.and_then(Value::as_str) == Some(MASK);
    let default = said.get("default").filter(|default| !default.is_null());
    let shown = |value: &Value| shown(said, value);
    let text = value.filter(|_| !is_kept).map(shown).unwrap_or_default();
    let default = default.map(shown).filter(|default| !default.is_empty());
    let kind = kind(said, &text, default.as_deref().unwrap_or_default());
    Field {
        name: name.to_owned(),
        title: said.text("title").filter(|title| !is_same_words(title, name)).map(str::to_owned),
        description: said.text("description").map(str::to_owned),
        is_secret: is_secret || is_kept || said.is("writeOnly") || said.text("format") == Some("password"),
        is_kept,
        is_required,
        unit: unit(said),
        range: range(said),
        is_empty_text: value.and_then(Value::as_str) == Some(""),
        group: said.text("x-group").map(str::to_owned),
        default,
        kind,
        text,
    }
}

/// A value as it stands in its field: lists and objects over several lines.
fn shown(said: &Resolved, value: &Value) -> String {
    let is_deep = value.is_array() || value.is_object();
    let is_quoted = !said.takes_text() && said.types().iter().any(|one| ["array", "object"].contains(one));
    match value {
        Value::String(text) if !is_quoted => text.clone(),
        _ if is_deep => serde_json::to_string_pretty(value).unwrap_or_default(),
        // In a field with JSON, text that isn't JSON stays as it was typed.
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

fn kind(said: &Resolved, text: &str, default: &str) -> Kind {
    if let Some(choices) = said.choices() {
        let mut choices: Vec<_> = choices.into_iter().filter_map(variable_text).map(|text| Choice { text, is_allowed: true }).collect();
        if !text.is_empty() && !choices.iter().any(|choice| choice.text == text) {
            choices.push(Choice { text: text.to_owned(), is_allowed: false });
        }
        return Kind::Choice(choices);
    }
    let types = said.types();
    let has = |one: &str| types.contains(&one);
    let is_long = said.get("maxLength").and_then(Value::as_u64).is_some_and(|most| most > LONG);
    match () {
        () if types == ["boolean"] => boolean(text),
        () if types == ["integer"] => Kind::Integer,
        () if !types.is_empty() && types.iter().all(|one| ["integer", "number"].contains(one)) => Kind::Number,
        () if has("array") || has("object") => Kind::Json,
        () if is_long || text.contains('\n') || default.contains('\n') => Kind::Lines,
        () => Kind::Line,
    }
}

/// Yes or no; what is set now and is neither stays to be seen.
fn boolean(text: &str) -> Kind {
    if text.is_empty() || text == "true" || text == "false" {
        return Kind::Boolean;
    }
    let choice = |text: &str, is_allowed| Choice { text: text.to_owned(), is_allowed };
    Kind::Choice(vec![choice("true", true), choice("false", true), choice(text, false)])
}

/// Whether a title is only the name written otherwise, as classes of settings give it.
fn is_same_words(title: &str, name: &str) -> bool {
    let letters = |text: &str| text.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase()).collect::<Vec<_>>();
    letters(title) == letters(name)
}

#[cfg(test)]
#[path = "field_tests.rs"]
mod tests;
