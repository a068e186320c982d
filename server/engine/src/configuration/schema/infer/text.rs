//! What the text of a variable is as a value of its schema.

use serde_json::{Map, Number, Value};

use super::super::check::levels;
use super::super::graph::in_place;
use super::super::validate::VALUE_LEVELS;

/// The value that `text` is for `property`, a part of the schema `root`: a number, true, false, a list or an object where that is what is
/// wanted and the text reads as it, as pydantic reads it; else the text.
pub(super) fn typed(root: &Value, property: Option<&Value>, text: &str) -> Value {
    let as_text = || Value::String(text.to_owned());
    let Some(property) = property else { return as_text() };
    let schemas = in_place(root, property);
    let kinds: Vec<&str> = schemas.iter().filter_map(|schema| schema.get("type")).flat_map(kinds_of).collect();
    let is_option = schemas.iter().filter_map(|schema| schema.get("enum")?.as_array()).flatten().any(|option| option == text);
    if kinds.contains(&"string") || is_option {
        return as_text();
    }
    kinds.into_iter().find_map(|kind| read(kind, text)).unwrap_or_else(as_text)
}

/// `default` as `keywords` want it; none when it is of another type.
pub(super) fn fitting(keywords: &Map<String, Value>, default: Value) -> Option<Value> {
    if keywords.get("enum").and_then(Value::as_array).is_some_and(|options| !options.contains(&default)) {
        return None;
    }
    let Some(kind) = keywords.get("type").and_then(Value::as_str) else { return Some(default) };
    match (kind, &default) {
        ("string", Value::String(_))
        | ("number", Value::Number(_))
        | ("boolean", Value::Bool(_))
        | ("array", Value::Array(_))
        | ("object", Value::Object(_)) => Some(default),
        ("integer", Value::Number(number)) => (!number.is_f64()).then_some(default),
        ("string", _) => None,
        (_, Value::String(text)) => read(kind, text),
        _ => None,
    }
}

fn kinds_of(kind: &Value) -> Vec<&str> {
    match kind {
        Value::String(kind) => vec![kind],
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn read(kind: &str, text: &str) -> Option<Value> {
    let plain = text.trim();
    match kind {
        "integer" => whole(plain),
        "number" => whole(plain).or_else(|| {
            let is_digits = plain.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'));
            let number = is_digits.then(|| plain.parse().ok()).flatten()?;
            Number::from_f64(number).map(Value::Number)
        }),
        "boolean" => match plain.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" | "t" | "y" => Some(Value::Bool(true)),
            "false" | "0" | "no" | "off" | "f" | "n" => Some(Value::Bool(false)),
            _ => None,
        },
        "array" if plain.starts_with('[') => json(plain),
        "object" if plain.starts_with('{') => json(plain),
        _ => None,
    }
}

fn whole(text: &str) -> Option<Value> {
    text.parse::<i64>().map(Value::from).or_else(|_| text.parse::<u64>().map(Value::from)).ok()
}

fn json(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok().filter(|value| levels(value, VALUE_LEVELS - 1).is_some())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{fitting, typed};

    #[test]
    fn texts_become_what_the_schema_wants_and_stay_texts_otherwise() {
        for (schema, text, expected) in [
            (json!({"type": "integer"}), "8000", json!(8000)),
            (json!({"type": "integer"}), " -5 ", json!(-5)),
            (json!({"type": "integer"}), "eight", json!("eight")),
            (json!({"type": "integer"}), "99999999999999999999", json!("99999999999999999999")),
            (json!({"type": "number"}), "0.5", json!(0.5)),
            (json!({"type": "number"}), "12345678901234567", json!(12345678901234567i64)),
            (json!({"type": "number"}), "1e400", json!("1e400")),
            (json!({"type": "number"}), "nan", json!("nan")),
            (json!({"type": "number"}), "inf", json!("inf")),
            (json!({"type": "boolean"}), "Yes", json!(true)),
            (json!({"type": "boolean"}), "0", json!(false)),
            (json!({"type": "boolean"}), "maybe", json!("maybe")),
            (json!({"type": "array"}), "[\"a\", 1]", json!(["a", 1])),
            (json!({"type": "array"}), "a,b", json!("a,b")),
            (json!({"type": "object"}), "{\"a\": 1}", json!({"a": 1})),
            (json!({"type": "object"}), "{", json!("{")),
            (json!({"type": "string"}), "8000", json!("8000")),
            (json!({"anyOf": [{"type": "integer"}, {"type": "string"}]}), "8000", json!("8000")),
            (json!({"anyOf": [{"type": "integer"}, {"type": "null"}]}), "8000", json!(8000)),
            (json!({"type": ["integer", "null"]}), "8000", json!(8000)),
            (json!({"enum": ["1", "2"]}), "1", json!("1")),
            (json!({}), "8000", json!("8000")),
        ] {
            assert_eq!(typed(&schema, Some(&schema), text), expected, "{schema} {text}");
        }
        assert_eq!(typed(&json!({}), None, "1"), json!("1"));
        let deep = format!("{}{}", "[".repeat(60), "]".repeat(60));
        assert_eq!(typed(&json!({"type": "array"}), Some(&json!({"type": "array"})), &deep), json!(deep));
    }

    #[test]
    fn defaults_of_another_type_are_left_out() {
        for (keywords, default, expected) in [
            (json!({"type": "integer"}), json!(1), Some(json!(1))),
            (json!({"type": "integer"}), json!("1"), Some(json!(1))),
            (json!({"type": "integer"}), json!(1.5), None),
            (json!({"type": "string"}), json!(1), None),
            (json!({"enum": ["a"]}), json!("b"), None),
            (json!({}), json!([1]), Some(json!([1]))),
        ] {
            let Value::Object(map) = keywords else { panic!("an object") };
            assert_eq!(fitting(&map, default.clone()), expected, "{default}");
        }
    }
}
