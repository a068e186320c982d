//! What is different between two versions, by what the values are and not by how they are written.

use std::collections::BTreeSet;

use api::{ConfigurationChange, pointer_part};
use serde_json::{Map, Value};

use super::mask::veil;

/// Each value that is different, in the order of names. Objects are compared by their parts, lists as a whole; a secret is only told to
/// be different.
pub(crate) fn difference(before: &Map<String, Value>, after: &Map<String, Value>, secrets: &BTreeSet<String>) -> Vec<ConfigurationChange> {
    let mut changes = Vec::new();
    objects("", before, after, secrets, &mut changes);
    changes
}

fn objects(
    at: &str,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
    secrets: &BTreeSet<String>,
    changes: &mut Vec<ConfigurationChange>,
) {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for name in names {
        let field = format!("{at}/{}", pointer_part(name));
        let is_secret = secrets.contains(&field);
        match (before.get(name), after.get(name)) {
            (before, after) if before == after => {}
            (Some(Value::Object(before)), Some(Value::Object(after))) if !is_secret => objects(&field, before, after, secrets, changes),
            (before, after) => {
                let shown =
                    |value: Option<&Value>| value.map(|value| if is_secret { veil(value) } else { veil_within(&field, value, secrets) });
                changes.push(ConfigurationChange { before: shown(before), after: shown(after), field });
            }
        }
    }
}

/// A value with the secrets in it masked.
fn veil_within(at: &str, value: &Value, secrets: &BTreeSet<String>) -> Value {
    let mut shown = value.clone();
    for pointer in secrets.range(format!("{at}/")..).take_while(|pointer| pointer.starts_with(&format!("{at}/"))) {
        if let Some(inner) = shown.pointer_mut(&pointer[at.len()..]) {
            *inner = veil(inner);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use api::{ConfigurationChange, MASK};
    use serde_json::{Map, Value, json};

    use super::difference;

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(map) = value else { panic!("an object") };
        map
    }

    #[test]
    fn what_is_different_is_told_by_its_place_and_secrets_only_that_they_are() {
        let before =
            object(json!({"A": 1, "B": "x", "C": [1, 2], "D": {"x": 1, "y": {"z": 1}, "key": "old"}, "KEY": "old", "L": [{"key": "old"}]}));
        let after = object(
            json!({"A": 1, "C": [2], "D": {"x": 1, "y": {"z": 2}, "key": "new"}, "E": null, "KEY": "new", "L": [{"key": "new"}, 1]}),
        );
        let secrets = ["/KEY", "/D/key", "/L/0/key"].map(String::from).into();
        let change = |field: &str, before: Option<Value>, after: Option<Value>| ConfigurationChange { field: field.into(), before, after };
        let expected = [
            change("/B", Some(json!("x")), None),
            change("/C", Some(json!([1, 2])), Some(json!([2]))),
            change("/D/key", Some(json!(MASK)), Some(json!(MASK))),
            change("/D/y/z", Some(json!(1)), Some(json!(2))),
            change("/E", None, Some(json!(null))),
            change("/KEY", Some(json!(MASK)), Some(json!(MASK))),
            change("/L", Some(json!([{"key": MASK}])), Some(json!([{"key": MASK}, 1]))),
        ];
        assert_eq!(difference(&before, &after, &secrets), expected);
        assert_eq!(difference(&before, &before, &secrets), []);
    }
}
