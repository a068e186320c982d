use serde_json::{Value, json};

use super::{FAULTS, Validator};

fn faults(schema: Value, values: Value) -> Vec<(String, String)> {
    let validator = Validator::new(&schema).expect("a schema");
    validator.faults(&values).into_iter().map(|fault| (fault.field, fault.message)).collect()
}

fn of(property: Value, value: Value) -> Vec<(String, String)> {
    faults(json!({"properties": {"A": property}}), json!({"A": value}))
}

#[test]
fn each_fault_says_what_is_wanted_at_the_pointer_of_the_value() {
    for (property, value, message) in [
        (json!({"minimum": 1}), json!(0), "is at least 1"),
        (json!({"exclusiveMinimum": 1.5}), json!(1.5), "is more than 1.5"),
        (json!({"maximum": 65535}), json!(70000), "is at most 65535"),
        (json!({"exclusiveMaximum": 3}), json!(3), "is less than 3"),
        (json!({"multipleOf": 5}), json!(7), "is a multiple of 5"),
        (json!({"type": "integer"}), json!("secret"), "is no whole number"),
        (json!({"type": "integer"}), json!(1.5), "is no whole number"),
        (json!({"type": "number"}), json!("secret"), "is no number"),
        (json!({"type": "string"}), json!(4711), "is no text"),
        (json!({"type": "boolean"}), json!("secret"), "is neither true nor false"),
        (json!({"type": "array"}), json!({"secret": 1}), "is no list"),
        (json!({"type": "object"}), json!(["secret"]), "is no object"),
        (json!({"type": ["integer", "array"]}), json!("secret"), "is no whole number and no list"),
        (json!({"enum": ["dev", "staging", "production"]}), json!("secret"), "is one of dev, staging, production"),
        (json!({"enum": [1, null, ""]}), json!("secret"), "is one of 1, null, an empty text"),
        (json!({"const": "x"}), json!("secret"), "is always x"),
        (json!({"pattern": "^[a-z]+$"}), json!("SECRET"), "doesn't match ^[a-z]+$"),
        (json!({"minLength": 1}), json!(""), "has at least 1 character"),
        (json!({"maxLength": 3}), json!("secret"), "has at most 3 characters"),
        (json!({"minItems": 2}), json!(["secret"]), "has at least 2 items"),
        (json!({"maxItems": 0}), json!(["secret"]), "has at most 0 items"),
        (json!({"uniqueItems": true}), json!(["secret", "secret"]), "has each item only once"),
        (json!({"contains": {"type": "integer"}}), json!(["secret"]), "has no item of the kind that it has to have"),
        (json!({"minProperties": 2}), json!({"a": 1}), "has at least 2 entries"),
        (json!({"maxProperties": 1}), json!({"a": 1, "b": 2}), "has at most 1 entry"),
        (json!({"not": {"type": "string"}}), json!("secret"), "is just what isn't allowed here"),
        (json!(false), json!("secret"), "isn't allowed here; leave it out"),
        (json!({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]}), json!(0), "is at least 1"),
        (json!({"anyOf": [{"type": "integer"}, {"type": "null"}]}), json!("secret"), "is no whole number, and is not empty"),
        (
            json!({"oneOf": [{"maxLength": 9}, {"minLength": 1}]}),
            json!("secret"),
            "fits several of the things that are allowed here, and may fit only one",
        ),
    ] {
        assert_eq!(of(property.clone(), value.clone()), [("/A".to_owned(), message.to_owned())], "{property} {value}");
        assert_eq!(of(property.clone(), json!(null)).iter().filter(|(_, message)| message.contains("secret")).count(), 0);
    }
}

#[test]
fn what_is_missing_or_unknown_is_at_its_own_pointer() {
    let schema = json!({
        "properties": {"A": {"type": "object", "properties": {"b/c": {"type": "integer"}}, "required": ["b/c"], "unevaluatedProperties": false}},
        "required": ["A", "B"],
        "additionalProperties": false,
    });
    let found = faults(schema, json!({"A": {"x": "secret"}, "OTHER": 1}));
    for (field, message) in [
        ("/A/b~1c", "is missing"),
        ("/B", "is missing"),
        ("/OTHER", "isn't known; leave it out, or add it to the schema"),
        ("/A/x", "isn't known; leave it out, or add it to the schema"),
    ] {
        assert!(found.contains(&(field.to_owned(), message.to_owned())), "{field}: {found:?}");
    }
    assert_eq!(found.len(), 4, "{found:?}");
    let named = faults(json!({"propertyNames": {"pattern": "^[A-Z]+$"}}), json!({"a": 1}));
    assert_eq!(named, [("/a".to_owned(), "has a name that doesn't match ^[A-Z]+$".to_owned())]);
}

#[test]
fn faults_in_lists_and_referred_schemas_have_their_own_place() {
    let schema = json!({
        "properties": {"DB": {"$ref": "#/$defs/Db"}, "ALL": {"type": "array", "items": {"$ref": "#/%24defs/Db"}}},
        "$defs": {"Db": {"properties": {"port": {"type": "integer", "maximum": 65535}}, "required": ["port"]}},
    });
    let found = faults(schema, json!({"DB": {"port": "x"}, "ALL": [{"port": 1}, {}, {"port": 99999}]}));
    let expected = [("/ALL/1/port", "is missing"), ("/ALL/2/port", "is at most 65535"), ("/DB/port", "is no whole number")];
    assert_eq!(found.len(), 3, "{found:?}");
    for (field, message) in expected {
        assert!(found.contains(&(field.to_owned(), message.to_owned())), "{found:?}");
    }
}

#[test]
fn a_schema_of_pydantic_takes_what_the_service_would() {
    let schema = json!({
        "$defs": {"Level": {"enum": ["debug", "info"], "title": "Level", "type": "string"}},
        "additionalProperties": false,
        "properties": {
            "PORT": {"default": 8000, "exclusiveMinimum": 0, "title": "Port", "type": "integer"},
            "LEVEL": {"$ref": "#/$defs/Level", "default": "info"},
            "TOKEN": {"format": "password", "title": "Token", "type": "string", "writeOnly": true},
            "SENTRY": {"anyOf": [{"format": "uri", "maxLength": 2083, "minLength": 1, "type": "string"}, {"type": "null"}], "default": null},
        },
        "required": ["TOKEN"],
        "title": "Settings",
        "type": "object",
    });
    assert_eq!(faults(schema.clone(), json!({"TOKEN": "x", "PORT": 1, "LEVEL": "debug", "SENTRY": "https://x"})), []);
    let found = faults(schema, json!({"PORT": 0, "LEVEL": "trace", "SENTRY": ""}));
    assert_eq!(found.len(), 4, "{found:?}");
    assert!(found.contains(&("/SENTRY".to_owned(), "has at least 1 character".to_owned())), "{found:?}");
    assert!(found.contains(&("/LEVEL".to_owned(), "is one of debug, info".to_owned())), "{found:?}");
}

#[test]
fn the_drafts_that_are_understood_are_and_others_are_not() {
    for (draft, items) in [
        ("https://json-schema.org/draft/2020-12/schema", "prefixItems"),
        ("https://json-schema.org/draft/2019-09/schema", "items"),
        ("http://json-schema.org/draft-07/schema#", "items"),
    ] {
        let schema = json!({"$schema": draft, "properties": {"A": {items: [{"type": "integer"}]}}});
        assert_eq!(faults(schema, json!({"A": ["x"]})), [("/A/0".to_owned(), "is no whole number".to_owned())], "{draft}");
    }
    for draft in [json!("http://json-schema.org/draft-04/schema#"), json!("https://example.com/my"), json!(7)] {
        let error = Validator::new(&json!({"$schema": draft})).expect_err("another draft");
        assert_eq!(error.details[0].field, "/schema/$schema", "{draft}");
        assert_eq!(error.code.status(), 422);
    }
}

#[test]
fn what_is_wrong_with_a_schema_is_said_where_it_is() {
    for (schema, field, part) in [
        (json!([]), "/schema", "is no JSON object"),
        (json!(true), "/schema", "is no JSON object"),
        (json!({"type": "text"}), "/schema/type", "is one of"),
        (json!({"properties": {"A": {"minimum": "1"}}}), "/schema/properties/A/minimum", "is no number"),
        (json!({"properties": {"A": {"pattern": "("}}}), "/schema/properties/A/pattern", "no pattern"),
        (json!({"properties": {"A": {"pattern": "(a)\\1"}}}), "/schema/properties/A/pattern", "no pattern"),
        (json!({"properties": {"A": {"pattern": "^(?=.*x)[a-z]+$"}}}), "/schema/properties/A/pattern", "looks around"),
        (json!({"properties": {"a/b": {"$ref": "#/$defs/Nothing"}}}), "/schema/properties/a~1b/$ref", "names no schema"),
        (json!({"properties": {"A": {"$ref": "https://example.com/x.json"}}}), "/schema/properties/A/$ref", "leads out"),
        (json!({"properties": {"A": {"$ref": "file:///etc/passwd"}}}), "/schema/properties/A/$ref", "leads out"),
        (json!({"properties": {"A": {"$ref": 1}}}), "/schema/properties/A/$ref", "leads out"),
        (json!({"properties": {"A": {"$dynamicRef": "#a"}}}), "/schema/properties/A/$dynamicRef", "isn't followed"),
        (json!({"properties": {"A": {"$id": "https://example.com/x"}}}), "/schema/properties/A/$id", "isn't taken here"),
    ] {
        let error = Validator::new(&schema).expect_err("a wrong schema");
        assert_eq!(error.details[0].field, field, "{schema}: {error}");
        assert!(error.message.contains(part), "{schema}: {error}");
    }
}

#[test]
fn at_most_so_many_faults_are_said() {
    let schema = json!({"additionalProperties": {"type": "integer"}, "required": ["A"]});
    let values: serde_json::Map<String, Value> = (0..5_000).map(|n| (format!("V{n}"), json!("x"))).collect();
    assert_eq!(faults(schema, Value::Object(values.clone())).len(), FAULTS);
    assert_eq!(faults(json!({"additionalProperties": false}), Value::Object(values)).len(), FAULTS);
}

#[test]
fn a_message_never_has_a_value_in_it() {
    let secret = "hunter2-5f3c";
    let parts = [
        json!({"type": "integer"}),
        json!({"enum": ["a", "b"]}),
        json!({"const": 1}),
        json!({"pattern": "^x$"}),
        json!({"maxLength": 1}),
        json!({"format": "uri"}),
        json!({"contentEncoding": "base64", "contentMediaType": "application/json"}),
        json!({"not": {}}),
        json!({"allOf": [{"type": "null"}, {"anyOf": [{"type": "object"}, {"maxLength": 1}, {"pattern": "^y"}]}]}),
        json!({"oneOf": [{"minLength": 1}, {"maxLength": 100}]}),
        json!({"if": {"type": "string"}, "then": {"type": "integer"}}),
        json!(false),
    ];
    for part in parts {
        for (property, value) in [
            (part.clone(), json!(secret)),
            (json!({"items": part}), json!([secret])),
            (json!({"additionalProperties": part}), json!({"k": secret})),
        ] {
            for (field, message) in of(property.clone(), value) {
                assert!(!message.contains("hunter2") && !field.contains("hunter2"), "{property}: {field} {message}");
            }
        }
    }
    let dependent =
        json!({"properties": {"A": {"dependentRequired": {"k": ["other"]}, "unevaluatedProperties": false, "minProperties": 2}}});
    for (_, message) in faults(dependent, json!({"A": {"k": secret}})) {
        assert!(!message.contains("hunter2"), "{message}");
    }
}
