//! Says what is wrong with a value in words that never have the value in them.

use api::Detail;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::{JsonType, ValidationError};
use serde_json::Value;

use super::graph::escaped;
use super::validate::{FAULTS, shortened};

/// Values of an `enum` that are said.
const OPTIONS: usize = 20;
/// Alternatives of an `anyOf` that are said.
const ALTERNATIVES: usize = 4;
/// What is said of a property that isn't declared where all are.
const UNKNOWN: &str = "isn't known; leave it out, or add it to the schema";
/// How deep faults of alternatives are looked into.
const DEPTH: usize = 40;

/// The faults of `values` that `error` is, each where it is.
pub(super) fn faults_of(values: &Value, error: &ValidationError<'_>) -> Vec<Detail> {
    faults(values, error, 0)
}

/// What is wrong with a schema that the validator doesn't take.
pub(super) fn of_schema(error: &ValidationError<'_>) -> Detail {
    let field = error.instance_path().as_str().to_owned();
    let is_pattern = |text: &str| text.ends_with("/pattern") || text.contains("/patternProperties");
    let message = match error.kind() {
        _ if is_pattern(&field) => {
            "is no pattern that can be used: it isn't a regular expression, looks around or refers back, which isn't \
             possible here, or is too large, such as by repeating what is repeated"
                .into()
        }
        Kind::Referencing(_) => "has a '$ref' that leads nowhere".into(),
        _ => faults(&Value::Null, error, 0).into_iter().next().map_or_else(|| "can't be used".into(), |fault| fault.message),
    };
    Detail { field, message }
}

fn faults(values: &Value, error: &ValidationError<'_>, depth: usize) -> Vec<Detail> {
    let at = error.instance_path().as_str();
    // Where no name at all is allowed, the fault is at the object, and what it is about is its first property.
    let unwanted = values.pointer(at).and_then(Value::as_object).filter(|_| values.pointer(at) != Some(error.instance()));
    let of_names = |names: &[String], message: &str| {
        names.iter().map(|name| Detail { field: format!("{at}/{}", escaped(name)), message: message.into() }).collect()
    };
    match error.kind() {
        Kind::Required { property } => of_names(&[property.as_str().unwrap_or_default().to_owned()], "is missing"),
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => of_names(unexpected, UNKNOWN),
        Kind::FalseSchema if unwanted.is_some() => {
            let names: Vec<String> = unwanted.into_iter().flat_map(|all| all.keys().cloned()).take(FAULTS).collect();
            of_names(&names, UNKNOWN)
        }
        Kind::PropertyNames { error: inner } => {
            let name = inner.instance().as_str().unwrap_or_default().to_owned();
            of_names(&[name], &format!("has a name that {}", message(values, inner, depth + 1)))
        }
        Kind::AnyOf { context } | Kind::OneOfNotValid { context } => of_alternatives(values, at, context, depth),
        _ => vec![Detail { field: at.to_owned(), message: message(values, error, depth) }],
    }
}

/// What is wrong where one of several schemas would do: the faults of the one that is meant, when that can be told.
fn of_alternatives(values: &Value, at: &str, context: &[Vec<ValidationError<'static>>], depth: usize) -> Vec<Detail> {
    let is_other_type = |errors: &[ValidationError<'_>]| {
        errors.iter().any(|error| matches!(error.kind(), Kind::Type { .. }) && error.instance_path().as_str() == at)
    };
    let meant: Vec<&Vec<_>> = context.iter().filter(|errors| !is_other_type(errors)).collect();
    if let ([one], true) = (meant.as_slice(), depth < DEPTH) {
        return one.iter().flat_map(|error| faults(values, error, depth + 1)).collect();
    }
    let said = if meant.is_empty() { context.iter().collect() } else { meant };
    let mut messages: Vec<String> = Vec::new();
    for error in said.iter().filter_map(|errors| errors.first()) {
        let here = error.instance_path().as_str();
        let below = here.strip_prefix(at).unwrap_or(here);
        let text = match faults(values, error, depth + 1).first().filter(|_| depth < DEPTH) {
            Some(fault) if fault.field == at => fault.message.clone(),
            Some(fault) => format!("{} {}", shortened(fault.field.strip_prefix(at).unwrap_or(below)), fault.message),
            None => continue,
        };
        if !messages.contains(&text) {
            messages.push(text);
        }
    }
    let more = messages.len().saturating_sub(ALTERNATIVES);
    messages.truncate(ALTERNATIVES);
    let mut message = if messages.is_empty() { "fits nothing that is allowed here".into() } else { messages.join(", and ") };
    if more > 0 {
        message.push_str(&format!(", and {more} more"));
    }
    vec![Detail { field: at.to_owned(), message }]
}

/// What is wanted of a value.
fn message(values: &Value, error: &ValidationError<'_>, depth: usize) -> String {
    match error.kind() {
        Kind::AdditionalItems { limit } => format!("has at most {}", counted(*limit as u64, "item")),
        Kind::Constant { expected_value } => format!("is always {}", said(expected_value)),
        Kind::Contains => "has no item of the kind that it has to have".into(),
        Kind::ContentEncoding { content_encoding } => format!("is no text in {}", shortened(content_encoding)),
        Kind::ContentMediaType { content_media_type } => format!("is no text of the type {}", shortened(content_media_type)),
        Kind::Enum { options } => one_of(options),
        Kind::ExclusiveMaximum { limit } => format!("is less than {limit}"),
        Kind::ExclusiveMinimum { limit } => format!("is more than {limit}"),
        Kind::FalseSchema => "isn't allowed here; leave it out".into(),
        Kind::Format { format } => format!("is no {}", shortened(format)),
        Kind::MaxItems { limit } => format!("has at most {}", counted(*limit, "item")),
        Kind::Maximum { limit } => format!("is at most {limit}"),
        Kind::MaxLength { limit } => format!("has at most {}", counted(*limit, "character")),
        Kind::MaxProperties { limit } => format!("has at most {}", counted(*limit, "entry")),
        Kind::MinItems { limit } => format!("has at least {}", counted(*limit, "item")),
        Kind::Minimum { limit } => format!("is at least {limit}"),
        Kind::MinLength { limit } => format!("has at least {}", counted(*limit, "character")),
        Kind::MinProperties { limit } => format!("has at least {}", counted(*limit, "entry")),
        Kind::MultipleOf { multiple_of } => format!("is a multiple of {multiple_of}"),
        Kind::Not { .. } => "is just what isn't allowed here".into(),
        Kind::OneOfMultipleValid { .. } => "fits several of the things that are allowed here, and may fit only one".into(),
        Kind::Pattern { pattern } => format!("doesn't match {}", shortened(pattern)),
        Kind::Type { kind: TypeKind::Single(kind) } => format!("is {}", no_type(*kind)),
        Kind::Type { kind: TypeKind::Multiple(kinds) } => {
            let kinds: Vec<&str> = kinds.iter().map(no_type).collect();
            format!("is {}", kinds.join(" and "))
        }
        Kind::UnevaluatedItems { .. } => "has items that aren't known".into(),
        Kind::UniqueItems => "has each item only once".into(),
        // Those that have a place of their own.
        Kind::AdditionalProperties { .. }
        | Kind::AnyOf { .. }
        | Kind::OneOfNotValid { .. }
        | Kind::PropertyNames { .. }
        | Kind::Required { .. }
        | Kind::UnevaluatedProperties { .. }
            if depth < DEPTH =>
        {
            faults(values, error, depth + 1).into_iter().next().map_or_else(|| "can't be used".into(), |fault| fault.message)
        }
        _ => "can't be checked".into(),
    }
}

fn no_type(kind: JsonType) -> &'static str {
    match kind {
        JsonType::Array => "no list",
        JsonType::Boolean => "neither true nor false",
        JsonType::Integer => "no whole number",
        JsonType::Null => "not empty",
        JsonType::Number => "no number",
        JsonType::Object => "no object",
        JsonType::String => "no text",
    }
}

fn one_of(options: &Value) -> String {
    let all = options.as_array().map(Vec::as_slice).unwrap_or_default();
    let mut words: Vec<String> = all.iter().take(OPTIONS).map(said).collect();
    if all.len() > OPTIONS {
        words.push(format!("and {} more", all.len() - OPTIONS));
    }
    format!("is one of {}", words.join(", "))
}

/// A value of the schema: texts as they are, all else as JSON.
fn said(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() => "an empty text".into(),
        Value::String(text) => shortened(text),
        other => shortened(&other.to_string()),
    }
}

fn counted(count: u64, noun: &str) -> String {
    match (count, noun) {
        (1, _) => format!("1 {noun}"),
        (_, "entry") => format!("{count} entries"),
        _ => format!("{count} {noun}s"),
    }
}
