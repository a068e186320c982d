//! Which values a schema marks as secret (`"writeOnly": true` or `"format": "password"`), and its defaults.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::graph::{Part, Role, address, closure, escaped, in_place, parts, parts_where};

/// Pointers that [`secrets`] and [`secrets_in`] give.
const MOST: usize = 1_000;
/// Levels that [`secrets`] goes down; a schema that contains itself has no end.
const LEVELS: usize = 32;
/// Places that [`secrets`] looks at.
const PLACES: usize = 20_000;

/// The JSON Pointers of values that `schema` marks as secret, at most 1,000 and 32 levels deep; `*` stands for each item, or each property
/// that isn't named. What is below a secret isn't listed. For a certain answer about one value, at any depth, ask [`is_secret`].
pub fn secrets(schema: &Value) -> Vec<String> {
    let mut all = Vec::new();
    let mut waiting = vec![(String::new(), vec![schema], 0)];
    let mut places = 0;
    while let Some((pointer, from, level)) = waiting.pop() {
        places += 1;
        if all.len() == MOST || places > PLACES {
            break;
        }
        let schemas = closure(schema, from);
        if schemas.iter().any(|one| is_marked(one)) {
            all.push(pointer);
            continue;
        }
        if level == LEVELS {
            continue;
        }
        let mut below: Vec<(String, Vec<&Value>, usize)> = Vec::new();
        let mut known: HashMap<String, usize> = HashMap::new();
        for part in schemas.iter().flat_map(|one| parts(one)).filter(|part| part.role == Role::Below && part.keyword != "propertyNames") {
            let step = match (part.keyword, part.name, part.index) {
                ("properties", Some(name), _) => escaped(name),
                (_, _, Some(index)) => index.to_string(),
                _ => "*".into(),
            };
            let place = *known.entry(step).or_insert_with_key(|step| {
                below.push((format!("{pointer}/{step}"), Vec::new(), level + 1));
                below.len() - 1
            });
            below[place].1.push(part.schema);
        }
        waiting.extend(below.into_iter().rev());
    }
    all
}

/// Whether `schema` marks the value at the JSON Pointer `pointer`, or what it is in, as secret.
pub fn is_secret(schema: &Value, pointer: &str) -> bool {
    let mut schemas = in_place(schema, schema);
    if schemas.iter().any(|one| is_marked(one)) {
        return true;
    }
    for step in pointer.split('/').skip(1) {
        let step = step.replace("~1", "/").replace("~0", "~");
        schemas = below(schema, &schemas, &step);
        if schemas.iter().any(|one| is_marked(one)) {
            return true;
        }
    }
    false
}

/// The JSON Pointers of those of `values` that `schema` marks as secret, at most 1,000; when there are more, the whole (``) is one.
pub fn secrets_in(schema: &Value, values: &Value) -> Vec<String> {
    let mut all = Vec::new();
    let mut waiting = vec![(String::new(), values, in_place(schema, schema))];
    while let Some((pointer, value, schemas)) = waiting.pop() {
        if schemas.is_empty() {
            continue;
        }
        if schemas.iter().any(|one| is_marked(one)) {
            if all.len() == MOST {
                return vec![String::new()];
            }
            all.push(pointer);
            continue;
        }
        let steps: Vec<(String, &Value)> = match value {
            Value::Object(own) => own.iter().map(|(name, value)| (name.clone(), value)).collect(),
            Value::Array(own) => own.iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect(),
            _ => continue,
        };
        let further = steps.into_iter().rev();
        waiting.extend(further.map(|(step, value)| (format!("{pointer}/{}", escaped(&step)), value, below(schema, &schemas, &step))));
    }
    all
}

/// The defaults of the properties of `schema`, by name.
pub fn defaults(schema: &Value) -> Map<String, Value> {
    let mut all = Map::new();
    for one in in_place(schema, schema) {
        for (name, property) in one.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let found = in_place(schema, property).into_iter().find_map(|one| one.get("default"));
            if let Some(value) = found.filter(|_| !all.contains_key(name)) {
                all.insert(name.clone(), value.clone());
            }
        }
    }
    all
}

fn is_marked(schema: &Value) -> bool {
    schema.get("writeOnly") == Some(&Value::Bool(true)) || schema.get("format").is_some_and(|format| format == "password")
}

/// The schemas for what is at `step` of a value that `schemas` are for. A name that matches a pattern isn't told from one that doesn't.
fn below<'a>(root: &'a Value, schemas: &[&'a Value], step: &str) -> Vec<&'a Value> {
    let leads = |own: &Value, part: &Part<'_>| match part.keyword {
        "patternProperties" => true,
        "additionalProperties" | "unevaluatedProperties" => own.get("properties").is_none_or(|all| all.get(step).is_none()),
        "items" | "prefixItems" | "additionalItems" | "unevaluatedItems" | "contains" => {
            part.index.is_none_or(|index| step.parse() == Ok(index))
        }
        _ => false,
    };
    let mut known = HashSet::new();
    let mut from: Vec<&Value> = Vec::new();
    for own in schemas {
        let property = own.get("properties").and_then(|all| all.get(step));
        let others = parts_where(own, |keyword, role| role == Role::Below && keyword != "properties").into_iter();
        let others = others.filter(|part| leads(own, part)).map(|part| part.schema);
        from.extend(property.into_iter().chain(others).filter(|schema| known.insert(address(schema))));
    }
    closure(root, from)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{defaults, is_secret, secrets, secrets_in};

    fn schema() -> serde_json::Value {
        json!({
            "type": "object",
            "properties": {
                "PORT": {"type": "integer", "default": 8000},
                "TOKEN": {"type": "string", "writeOnly": true},
                "DB": {"$ref": "#/$defs/Db"},
                "PEERS": {"type": "array", "items": {"anyOf": [{"$ref": "#/$defs/Db"}, {"type": "null"}]}},
                "KEYS": {"type": "object", "additionalProperties": {"type": "string", "format": "password"}},
                "a/b": {"const": 1, "writeOnly": true},
            },
            "$defs": {"Db": {
                "default": {},
                "properties": {"host": {"type": "string"}, "password": {"writeOnly": true}, "replica": {"$ref": "#/$defs/Db"}},
            }},
        })
    }

    #[test]
    fn secrets_are_found_through_references_lists_and_names_that_are_not_declared() {
        let all = secrets(&schema());
        for pointer in ["/TOKEN", "/DB/password", "/PEERS/*/password", "/KEYS/*", "/a~1b", "/DB/replica/replica/password"] {
            assert!(all.iter().any(|one| one == pointer), "{pointer} in {all:?}");
        }
        assert!(all.len() < 200 && !all.iter().any(|one| one.ends_with("/host") || one == "/PORT"));
    }

    #[test]
    fn a_value_is_secret_when_it_or_what_it_is_in_is_marked() {
        for (pointer, expected) in [
            ("/TOKEN", true),
            ("/TOKEN/below", true),
            ("/PORT", false),
            ("/DB", false),
            ("/DB/password", true),
            ("/DB/host", false),
            ("/PEERS/17/password", true),
            ("/PEERS/17/host", false),
            ("/KEYS/any", true),
            ("/a~1b", true),
            ("/UNKNOWN", false),
            ("", false),
        ] {
            assert_eq!(is_secret(&schema(), pointer), expected, "{pointer}");
        }
        let deep = format!("/DB{}/password", "/replica".repeat(500));
        assert!(is_secret(&schema(), &deep));
    }

    #[test]
    fn the_secrets_among_values_are_those_that_are_there() {
        let values = json!({"TOKEN": "t", "DB": {"host": "h", "password": "p"}, "PEERS": [{"host": "x"}, {"password": "q"}], "OTHER": {"password": 1}});
        assert_eq!(secrets_in(&schema(), &values), ["/DB/password", "/PEERS/1/password", "/TOKEN"]);
    }

    #[test]
    fn defaults_are_read_through_references() {
        assert_eq!(serde_json::Value::Object(defaults(&schema())), json!({"PORT": 8000, "DB": {}}));
    }
}
