//! Secrets in values: what stands in their place when they leave, and what they are when they come back.

use std::collections::BTreeSet;

use api::{Detail, MASK, pointer_part, secret_references};
use serde_json::{Map, Value};

/// The pointers of all values that a rule takes for secret. Of an object or a list that is secret as a whole only its own pointer.
pub(super) fn find(values: &Map<String, Value>, is_secret: impl Fn(&str, &Value) -> bool) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (name, value) in values {
        walk(format!("/{}", pointer_part(name)), value, &mut |pointer, value| {
            let is = is_secret(pointer, value);
            if is {
                found.insert(pointer.to_owned());
            }
            !is
        });
    }
    found
}

/// The values with [`MASK`] for each secret that isn't empty. What refers to a named secret is shown.
pub(super) fn masked(values: &Map<String, Value>, secrets: &BTreeSet<String>) -> Value {
    let mut shown = Value::Object(values.clone());
    for pointer in secrets {
        if let Some(value) = shown.pointer_mut(pointer) {
            *value = veil(value);
        }
    }
    shown
}

/// What is shown of a secret.
pub(super) fn veil(value: &Value) -> Value {
    match value {
        Value::Null => Value::Null,
        Value::String(text) if text.is_empty() || secret_references(text).next().is_some() => value.clone(),
        _ => MASK.into(),
    }
}

/// Puts the secrets of `kept` where values have [`MASK`]. Answers each place that has it without a secret to keep.
pub(super) fn unmask(values: &mut Map<String, Value>, kept: &Map<String, Value>, secrets: &BTreeSet<String>) -> Vec<Detail> {
    let mut places = Vec::new();
    for (name, value) in &*values {
        walk(format!("/{}", pointer_part(name)), value, &mut |pointer, value| {
            if *value == MASK {
                places.push(pointer.to_owned());
            }
            true
        });
    }
    let kept = Value::Object(kept.clone());
    let mut whole = Value::Object(std::mem::take(values));
    let mut faults = Vec::new();
    for place in places {
        let known = secrets.contains(&place).then(|| kept.pointer(&place)).flatten();
        match (known, whole.pointer_mut(&place)) {
            (Some(known), Some(value)) => *value = known.clone(),
            _ => faults.push(Detail {
                field: place,
                message: format!("is {MASK}, which keeps a secret, and there is none to keep: give the value"),
            }),
        }
    }
    if let Value::Object(unmasked) = whole {
        *values = unmasked;
    }
    faults
}

/// Visits a value and, while `enters` says so, what is in it.
fn walk(pointer: String, value: &Value, enters: &mut impl FnMut(&str, &Value) -> bool) {
    if !enters(&pointer, value) {
        return;
    }
    match value {
        Value::Object(parts) => parts.iter().for_each(|(name, part)| walk(format!("{pointer}/{}", pointer_part(name)), part, enters)),
        Value::Array(items) => items.iter().enumerate().for_each(|(at, item)| walk(format!("{pointer}/{at}"), item, enters)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use api::MASK;
    use serde_json::{Map, Value, json};

    use super::{find, masked, unmask};

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(map) = value else { panic!("an object") };
        map
    }

    #[test]
    fn a_secret_leaves_as_its_mask_and_comes_back_as_itself() {
        let kept = object(
            json!({"KEY": "s3cret", "REF": "${secret:db}", "EMPTY": "", "DB": {"a/b": {"password": "p", "host": "h"}}, "ALL": ["x", 1]}),
        );
        let secrets = find(&kept, |pointer, _| ["/KEY", "/REF", "/EMPTY", "/DB/a~1b/password", "/ALL"].contains(&pointer));
        assert_eq!(secrets.len(), 5);
        let shown = masked(&kept, &secrets);
        let expected =
            json!({"KEY": MASK, "REF": "${secret:db}", "EMPTY": "", "DB": {"a/b": {"password": MASK, "host": "h"}}, "ALL": MASK});
        assert_eq!(shown, expected);
        let mut back = object(shown);
        back.insert("DB".into(), json!({"a/b": {"password": MASK, "host": "other"}}));
        assert_eq!(unmask(&mut back, &kept, &secrets), []);
        let expected = json!({"KEY": "s3cret", "REF": "${secret:db}", "EMPTY": "", "DB": {"a/b": {"password": "p", "host": "other"}}, "ALL": ["x", 1]});
        assert_eq!(Value::Object(back), expected);
    }

    #[test]
    fn a_mask_without_a_secret_to_keep_is_no_value() {
        let kept = object(json!({"KEY": "s", "OPEN": "x"}));
        let secrets = find(&kept, |pointer, _| pointer == "/KEY");
        let mut values = object(json!({"NEW": MASK, "OPEN": MASK, "LIST": ["a", MASK], "KEY": "fresh"}));
        let fields: Vec<_> = unmask(&mut values, &kept, &secrets).into_iter().map(|fault| fault.field).collect();
        assert_eq!(fields, ["/LIST/1", "/NEW", "/OPEN"]);
        assert_eq!(values["KEY"], "fresh");
    }
}
