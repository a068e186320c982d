//! Schemas and values that are made to take long or much memory.

use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::Validator;

/// What the slowest may take; far less in a release build.
const LIMIT: Duration = Duration::from_secs(20);

fn in_time<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let done = work();
    assert!(start.elapsed() < LIMIT, "{what} took {:?}", start.elapsed());
    done
}

fn refused(what: &str, schema: &Value, part: &str) {
    let error = in_time(what, || Validator::new(schema)).expect_err(what);
    assert!(error.message.contains(part), "{what}: {error}");
    assert_eq!(error.code.status(), 422, "{what}");
    assert!(error.details[0].field.starts_with("/schema"), "{what}: {:?}", error.details);
}

fn nested(levels: usize, step: impl Fn(Value) -> Value) -> Value {
    (0..levels).fold(json!({}), |inner, _| step(inner))
}

#[test]
fn a_schema_over_its_limits_is_refused() {
    refused("a deep schema", &nested(100, |inner| json!({"not": inner})), "deeper than 64");
    let mut deepest = json!({});
    for _ in 0..100_000 {
        deepest = Value::Array(vec![deepest]);
    }
    refused("a very deep schema", &deepest, "deeper than 64");
    // Dropping it would go as deep.
    std::mem::forget(deepest);
    refused("a large schema", &json!({"description": "x".repeat(300_000)}), "262144");
    let many: Map<String, Value> = (0..65).map(|n| (format!("A{n}"), json!({"pattern": format!("^{n}$")}))).collect();
    refused("many patterns", &json!({"properties": many}), "one pattern too many");
    refused("a long pattern", &json!({"pattern": "a".repeat(5_000)}), "longer than 4096");
    Validator::new(&nested(60, |inner| json!({"not": inner}))).expect("60 levels are taken");
}

#[test]
fn references_without_end_are_refused_and_those_that_go_down_are_not() {
    for schema in [
        json!({"$ref": "#"}),
        json!({"allOf": [{"$ref": "#"}]}),
        json!({"$ref": "#/$defs/A", "$defs": {"A": {"anyOf": [{"$ref": "#/$defs/B"}]}, "B": {"if": {"$ref": "#/$defs/A"}}}}),
        json!({"properties": {"X": {"$ref": "#/properties/Y"}, "Y": {"not": {"$ref": "#/properties/X"}}}}),
        json!({"properties": {"X": {"$ref": "#/properties/X"}}}),
    ] {
        refused("a loop", &schema, "without end");
    }
    let tree = json!({"properties": {"A": {"$ref": "#"}, "B": {"type": "array", "items": {"$ref": "#"}}, "n": {"type": "integer"}}});
    let validator = Validator::new(&tree).expect("a tree");
    let values = (0..14).fold(json!({"n": "x"}), |inner, _| json!({"A": {"B": [inner]}}).get("A").cloned().expect("just made"));
    assert_eq!(validator.faults(&values).len(), 1);
}

#[test]
fn references_that_fan_out_are_refused() {
    let fan = |keyword: &str, levels: usize, wide: usize| {
        let defs: Map<String, Value> = (0..levels)
            .map(|n| (format!("A{n}"), json!({keyword: vec![json!({"$ref": format!("#/$defs/A{}", n + 1)}); wide]})))
            .chain([(format!("A{levels}"), json!({"type": "string"}))])
            .collect();
        json!({"properties": {"X": {"$ref": "#/$defs/A0"}}, "$defs": defs})
    };
    for keyword in ["allOf", "anyOf", "oneOf"] {
        refused("a fan", &fan(keyword, 40, 2), "too often");
        refused("a wide fan", &fan(keyword, 8, 30), "too often");
        Validator::new(&fan(keyword, 6, 2)).expect("a small fan").faults(&json!({"X": 1}));
    }
    let chain: Map<String, Value> = (0..3_000)
        .map(|n| (format!("A{n}"), json!({"$ref": format!("#/$defs/A{}", n + 1)})))
        .chain([("A3000".into(), json!({}))])
        .collect();
    refused("a chain", &json!({"properties": {"X": {"$ref": "#/$defs/A0"}}, "$defs": chain}), "more than 200");
    let down: Map<String, Value> = (0..2_000)
        .map(|n| {
            (
                format!("A{n}"),
                nested(50, |inner| {
                    if inner == json!({}) { json!({"items": {"$ref": format!("#/$defs/A{}", n + 1)}}) } else { json!({"items": inner}) }
                }),
            )
        })
        .chain([("A2000".into(), json!({}))])
        .take(300)
        .collect();
    let mut down = json!({"properties": {"X": {"$ref": "#/$defs/A0"}}, "$defs": down});
    down["$defs"]["A300"] = json!({});
    in_time("a chain downwards", || Validator::new(&down)).expect("a long chain downwards");
}

#[test]
fn values_that_multiply_the_work_of_a_schema_are_refused_in_time() {
    // Two ways down for each level.
    let twice = json!({
        "properties": {"X": {"$ref": "#/$defs/N"}},
        "$defs": {"N": {"allOf": [{"properties": {"n": {"$ref": "#/$defs/N"}}}, {"properties": {"n": {"$ref": "#/$defs/N"}}}]}},
    });
    let validator = Validator::new(&twice).expect("a schema");
    let deep = |levels: usize| json!({"X": (0..levels).fold(json!(1), |inner, _| json!({"n": inner}))});
    assert_eq!(validator.faults(&deep(6)), []);
    let faults = in_time("two ways down", || validator.faults(&deep(30)));
    assert!(faults.len() == 1 && faults[0].message.contains("too much work"), "{faults:?}");

    let marks = json!({"$defs": {"N": {"unevaluatedProperties": false, "allOf": [{"unevaluatedProperties": {"$ref": "#/$defs/N"}, "anyOf": [{"properties": {"n": {"$ref": "#/$defs/N"}}}]}]}},
        "properties": {"X": {"$ref": "#/$defs/N"}}});
    let validator = Validator::new(&marks).expect("a schema");
    in_time("marks in one another", || validator.faults(&deep(30)));

    // A large value in each fault of each alternative.
    let alternatives: Vec<Value> = (0..900).map(|n| json!({"type": "integer", "minimum": n})).collect();
    let validator = Validator::new(&json!({"properties": {"X": {"anyOf": alternatives}}})).expect("a schema");
    let faults = in_time("alternatives", || validator.faults(&json!({"X": "x".repeat(900_000)})));
    assert!(faults.len() == 1 && faults[0].message.contains("too much work"), "{faults:?}");

    let options: Vec<String> = (0..20_000).map(|n| format!("o{n}")).collect();
    let validator = Validator::new(&json!({"items": {"enum": options}})).expect("a schema");
    let items: Vec<String> = (0..9_000).map(|n| format!("i{n}")).collect();
    in_time("options", || validator.faults(&json!(items)));

    let validator = Validator::new(&json!({"uniqueItems": true})).expect("a schema");
    let items: Vec<Value> = (0..9_990).map(|n| if n % 2 == 0 { json!(n) } else { json!(format!("{n}")) }).collect();
    assert_eq!(in_time("unique items", || validator.faults(&json!(items))), []);
}

#[test]
fn patterns_stay_small_and_fast() {
    for pattern in ["(a{1000}){1000}", "((a{100}){100}){100}", "^(?:\\p{L}+x){2,1000}$", "^\\p{L}{1,24}x$", "(?:x{900}|y{900}){900}"] {
        refused(pattern, &json!({"properties": {"A": {"pattern": pattern}}}), "repeat less");
        refused(pattern, &json!({"patternProperties": {pattern: {}}}), "repeat less");
    }
    for pattern in ["^\\w{1,255}$", "^[\\w.+-]{1,255}@\\d{1,100}$", "^.{0,255}$", "^\\p{Lu}\\p{L}*$", "^\\\\w$"] {
        Validator::new(&json!({"properties": {"A": {"pattern": pattern}}})).expect(pattern);
    }
    for pattern in [
        "^(a+)+$",
        "^(a|a)*$",
        "(a*)*b",
        "[ab]*a[ab]{200}c",
        "[ab]*a[ab]{999}c",
        "(?:[ab]*a(?:[ab]|é){900}){2}c",
        "^(([a-z])+.)+[A-Z]([a-z])+$",
    ] {
        let validator = in_time(pattern, || Validator::new(&json!({"properties": {"A": {"pattern": pattern}}}))).expect(pattern);
        for bytes in [1_000, 4_000] {
            let text: String = (0..bytes).map(|n: u32| if n.wrapping_mul(2_654_435_761) >> 16 & 1 == 0 { 'a' } else { 'b' }).collect();
            in_time(pattern, || validator.faults(&json!({"A": text})));
            in_time(pattern, || validator.faults(&json!({"A": format!("{}!", "a".repeat(text.len()))})));
        }
    }
    let validator = Validator::new(&json!({"properties": {"A": {"pattern": "[ab]*a[ab]{999}c"}}})).expect("a schema");
    let faults = validator.faults(&json!({"A": "a".repeat(400_000)}));
    assert!(faults[0].message.contains("too long to be matched") && faults[0].field.is_empty(), "{faults:?}");
}

#[test]
fn values_over_their_limits_are_one_fault_at_the_whole() {
    let validator = Validator::new(&json!({"type": "object"})).expect("a schema");
    let deep = (0..40).fold(json!({}), |inner, _| json!({"a": inner}));
    let many: Map<String, Value> = (0..10_000).map(|n| (format!("V{n}"), json!(1))).collect();
    for (what, values, part) in [
        ("deep", deep, "32 levels"),
        ("many", Value::Object(many), "10000"),
        ("large", json!({"A": "x".repeat(1_100_000)}), "1048576"),
        ("escaped", json!({"A": "\u{1}".repeat(300_000)}), "1048576"),
    ] {
        let faults = validator.faults(&values);
        assert!(faults.len() == 1 && faults[0].field.is_empty() && faults[0].message.contains(part), "{what}: {faults:?}");
    }
    let mut deepest = json!(1);
    for _ in 0..100_000 {
        deepest = Value::Array(vec![deepest]);
    }
    assert_eq!(validator.faults(&deepest).len(), 1);
    std::mem::forget(deepest);
}

#[test]
fn huge_numbers_and_ten_thousand_properties_are_checked() {
    serde_json::from_str::<Value>("{\"A\": 1e400}").expect_err("no number is that large");
    let schema = json!({"properties": {"A": {"type": "number", "multipleOf": 1e-300, "maximum": 1e308}}});
    let validator = in_time("a small step", || Validator::new(&schema)).expect("a schema");
    for number in [json!(1e308), json!(-1e308), json!(5e-324), json!(u64::MAX), json!(i64::MIN), json!(0.1)] {
        in_time("a huge number", || validator.faults(&json!({"A": number})));
    }
    let properties: Map<String, Value> = (0..8_000).map(|n| (format!("V{n}"), json!({"minimum": 1}))).collect();
    let names: Vec<&String> = properties.keys().collect();
    let schema = json!({"required": names, "properties": properties});
    let validator = in_time("many properties", || Validator::new(&schema)).expect("a schema");
    assert_eq!(in_time("nothing", || validator.faults(&json!({}))).len(), 100);
    let values: Map<String, Value> = (0..8_000).map(|n| (format!("V{n}"), json!(0))).collect();
    assert_eq!(in_time("many faults", || validator.faults(&Value::Object(values))).len(), 100);
    // What any fault would name is long, and there are many of them.
    let validator = Validator::new(&json!({"additionalProperties": {"additionalProperties": {"type": "integer"}}})).expect("a schema");
    let inner: Map<String, Value> = (0..9_000).map(|n| (format!("{n}"), json!("x"))).collect();
    let faults = in_time("a long name", || validator.faults(&json!({"k".repeat(500_000): inner})));
    assert!(faults[0].message.contains("too much work"), "{:?}", faults[0].message);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(200))]
    #[test]
    fn nothing_makes_it_fail(schema in json_text(), values in json_text()) {
        if let (Ok(schema), Ok(values)) = (serde_json::from_str::<Value>(&schema), serde_json::from_str::<Value>(&values)) {
            let _ = (super::secrets(&schema), super::defaults(&schema), super::secrets_in(&schema, &values), super::is_secret(&schema, "/a/b/0"));
            if let Ok(validator) = Validator::new(&schema) {
                let _ = validator.faults(&values);
            }
        }
    }
}

/// JSON that is mostly of keywords.
fn json_text() -> impl proptest::strategy::Strategy<Value = String> {
    use proptest::prelude::*;
    let leaf = prop_oneof![
        Just("true".to_owned()),
        Just("1".to_owned()),
        Just("\"string\"".to_owned()),
        Just("\"integer\"".to_owned()),
        Just("\"#\"".to_owned()),
        Just("\"#/properties/a\"".to_owned()),
        Just("[\"a\"]".to_owned()),
    ];
    let keyword = prop::sample::select(vec![
        "type",
        "properties",
        "a",
        "b",
        "items",
        "allOf",
        "anyOf",
        "oneOf",
        "not",
        "if",
        "then",
        "$ref",
        "required",
        "enum",
        "const",
        "pattern",
        "patternProperties",
        "additionalProperties",
        "unevaluatedProperties",
        "contains",
        "$defs",
        "minimum",
        "writeOnly",
        "default",
    ]);
    leaf.prop_recursive(5, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|all| format!("[{}]", all.join(","))),
            prop::collection::vec((keyword.clone(), inner), 0..5).prop_map(|all| {
                let all: Vec<String> = all.into_iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
                format!("{{{}}}", all.join(","))
            }),
        ]
    })
}
