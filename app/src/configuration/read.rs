//! What was typed into a field as the value that it means.

use api::variable_text;
use serde_json::{Number, Value};

use super::schema::Resolved;

/// The value that `text` means in the field of a value of which the schema says this, and which is `current` now. What can't be read as any
/// of its types stays text, so that the schema says at the field what is wrong. Empty text is a value of its own only here; callers know
/// whether it counts as not set.
pub fn read_value(said: &Resolved, text: &str, current: Option<&Value>) -> Value {
    let is_current = || current.filter(|value| !value.is_null() && variable_text(value).as_deref() == Some(text));
    if let Some(chosen) = said.choices().and_then(|all| all.into_iter().find(|value| variable_text(value).as_deref() == Some(text))) {
        return chosen.clone();
    }
    if said.takes_text()
        && let Some(current) = is_current()
    {
        return current.clone();
    }
    let types = said.types();
    let read = types.iter().find_map(|one| typed(one, text.trim()));
    read.unwrap_or_else(|| Value::String(text.to_owned()))
}

fn typed(one: &str, text: &str) -> Option<Value> {
    match one {
        "integer" => text.parse::<i64>().map(Number::from).or_else(|_| text.parse::<u64>().map(Number::from)).ok().map(Value::Number),
        "number" => typed("integer", text).or_else(|| text.parse().ok().and_then(Number::from_f64).map(Value::Number)),
        "boolean" => text.parse().ok().map(Value::Bool),
        "array" => serde_json::from_str(text).ok().filter(Value::is_array),
        "object" => serde_json::from_str(text).ok().filter(Value::is_object),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::schema::Resolved;
    use super::read_value;

    fn read(schema: Value, text: &str, current: Value) -> Value {
        read_value(&Resolved::of(&schema, &schema), text, Some(&current))
    }

    #[test]
    fn texts_become_values_of_the_type_of_their_field() {
        let cases = [
            (json!({"type": "integer"}), " 8000 ", json!(8000)),
            (json!({"type": "integer"}), "18446744073709551615", json!(u64::MAX)),
            (json!({"type": "integer"}), "8000.5", json!("8000.5")),
            (json!({"type": "integer"}), "soon", json!("soon")),
            (json!({"type": "number"}), "1", json!(1)),
            (json!({"type": "number"}), "0.25", json!(0.25)),
            (json!({"type": "number"}), "NaN", json!("NaN")),
            (json!({"type": "boolean"}), "false", json!(false)),
            (json!({"type": "boolean"}), "no", json!("no")),
            (json!({"type": "array"}), "[1, \"a\"]", json!([1, "a"])),
            (json!({"type": "array"}), "{}", json!("{}")),
            (json!({"type": "object"}), "{\"a\": 1}", json!({"a": 1})),
            (json!({"type": "string"}), "5", json!("5")),
            (json!({"type": "string"}), " x ", json!(" x ")),
            (json!({"type": ["integer", "string"]}), "5", json!(5)),
            (json!({"enum": ["a", 3, true]}), "3", json!(3)),
            (json!({"enum": ["a", 3, true]}), "b", json!("b")),
            (json!({}), "5", json!("5")),
        ];
        for (schema, text, value) in cases {
            assert_eq!(read(schema.clone(), text, Value::Null), value, "{schema} {text}");
        }
    }

    #[test]
    fn what_was_not_changed_keeps_its_type_where_both_are_right() {
        assert_eq!(read(json!({"type": ["integer", "string"]}), "5", json!("5")), json!("5"));
        assert_eq!(read(json!({}), "5", json!(5)), json!(5));
        assert_eq!(read(json!({}), "[1]", json!([1])), json!([1]));
        assert_eq!(read(json!({"type": "integer"}), "5", json!("5")), json!(5), "and where it isn't, it is mended");
    }
}
