//! What a schema says of a value, in words.

use serde_json::Value;

use super::schema::Resolved;

/// What a number counts.
pub fn unit(said: &Resolved) -> Option<String> {
    said.text("x-unit").map(str::to_owned)
}

/// What the value may be: between which bounds, how long, of which form.
pub fn range(said: &Resolved) -> Option<String> {
    let number = |keyword: &str| said.get(keyword).filter(|value| value.is_number()).map(Value::to_string);
    let parts = [
        bounds(number("minimum"), number("maximum"), ""),
        number("exclusiveMinimum").map(|least| format!("more than {least}")),
        number("exclusiveMaximum").map(|most| format!("less than {most}")),
        number("multipleOf").map(|step| format!("a multiple of {step}")),
        bounds(number("minLength"), number("maxLength"), " characters"),
        bounds(number("minItems"), number("maxItems"), " items"),
        said.text("format").and_then(format_words).map(str::to_owned),
        said.text("pattern").map(|pattern| format!("of the form {pattern}")),
    ];
    let words = parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
    (!words.is_empty()).then_some(words)
}

fn bounds(least: Option<String>, most: Option<String>, what: &str) -> Option<String> {
    match (least, most) {
        (Some(least), Some(most)) if least == most => Some(format!("exactly {least}{what}")),
        (Some(least), Some(most)) => Some(format!("{least} to {most}{what}")),
        (Some(least), None) => Some(format!("at least {least}{what}")),
        (None, Some(most)) => Some(format!("at most {most}{what}")),
        (None, None) => None,
    }
}

fn format_words(format: &str) -> Option<&'static str> {
    Some(match format {
        "date" => "a date such as 2026-11-27",
        "time" => "a time such as 14:30:00Z",
        "date-time" => "a time such as 2026-11-27T14:30:00Z",
        "duration" => "a duration such as PT30S",
        "uri" | "url" | "uri-reference" => "an address such as https://example.org/",
        "email" => "an e-mail address",
        "hostname" => "the name of a machine",
        "ipv4" => "an IPv4 address",
        "ipv6" => "an IPv6 address",
        "uuid" => "a UUID",
        "path" | "file-path" | "directory-path" => "a path",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::schema::Resolved;
    use super::range;

    #[test]
    fn what_a_value_may_be_is_said_in_words() {
        let cases = [
            (json!({"minimum": 1, "maximum": 65535}), "1 to 65535"),
            (json!({"exclusiveMinimum": 0, "multipleOf": 0.5}), "more than 0, a multiple of 0.5"),
            (json!({"minLength": 8}), "at least 8 characters"),
            (json!({"minLength": 2, "maxLength": 2, "pattern": "^[A-Z]+$"}), "exactly 2 characters, of the form ^[A-Z]+$"),
            (json!({"maxItems": 3}), "at most 3 items"),
            (json!({"format": "date"}), "a date such as 2026-11-27"),
        ];
        for (schema, words) in cases {
            assert_eq!(range(&Resolved::of(&schema, &schema)).as_deref(), Some(words));
        }
        assert_eq!(range(&Resolved::default()), None);
    }
}
