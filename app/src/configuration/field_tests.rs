//! Fields of schemas as they are met.

use serde_json::{Value, json};

use super::{Choice, Field, Kind, fields, further};

fn one(property: Value, value: Value) -> Field {
    let schema = json!({"properties": {"A": property}});
    let values = if value.is_null() { json!({}) } else { json!({"A": value}) };
    fields(&schema, &values, &[]).remove(0)
}

#[test]
fn each_type_has_its_kind_of_field_and_its_text() {
    let cases = [
        (json!({"type": "string"}), json!("x"), Kind::Line, "x"),
        (json!({"type": "string", "maxLength": 201}), json!("x"), Kind::Lines, "x"),
        (json!({"type": "string"}), json!("a\nb"), Kind::Lines, "a\nb"),
        (json!({"type": "integer"}), json!(5), Kind::Integer, "5"),
        (json!({"type": "number"}), json!(0.5), Kind::Number, "0.5"),
        (json!({"type": ["integer", "number"]}), json!(2), Kind::Number, "2"),
        (json!({"type": "boolean"}), json!(false), Kind::Boolean, "false"),
        (json!({"anyOf": [{"type": "boolean"}, {"type": "null"}]}), Value::Null, Kind::Boolean, ""),
        (json!({"type": "array"}), json!(["a"]), Kind::Json, "[\n  \"a\"\n]"),
        (json!({"type": "array"}), json!("a,b"), Kind::Json, "a,b"),
        (json!(true), json!("x"), Kind::Line, "x"),
    ];
    for (property, value, kind, text) in cases {
        let field = one(property.clone(), value);
        assert_eq!((field.kind, field.text.as_str()), (kind, text), "{property}");
    }
}

#[test]
fn a_choice_keeps_what_is_set_though_the_schema_does_not_have_it() {
    let choice = |text: &str, is_allowed| Choice { text: text.into(), is_allowed };
    let levels = json!({"enum": ["INFO", 3, null]});
    assert_eq!(one(levels.clone(), json!("INFO")).kind, Kind::Choice(vec![choice("INFO", true), choice("3", true)]));
    let kind = one(levels, json!("LOUD")).kind;
    assert_eq!(kind, Kind::Choice(vec![choice("INFO", true), choice("3", true), choice("LOUD", false)]));
    let kind = one(json!({"type": "boolean"}), json!("maybe")).kind;
    assert_eq!(kind, Kind::Choice(vec![choice("true", true), choice("false", true), choice("maybe", false)]));
}

#[test]
fn a_secret_is_kept_and_not_shown_and_a_reference_to_one_is_shown() {
    let secret = json!({"type": "string", "writeOnly": true});
    let kept = one(secret.clone(), json!(api::MASK));
    assert_eq!((kept.is_secret, kept.is_kept, kept.text.as_str()), (true, true, ""));
    assert!(kept.differs(""), "what is kept isn't the default");
    let unset = one(secret.clone(), Value::Null);
    assert_eq!((unset.is_secret, unset.is_kept), (true, false));
    assert_eq!(one(secret, json!("${secret:key}")).text, "${secret:key}");
    let schema = json!({"properties": {"A": {}, "B": {}}});
    let listed = fields(&schema, &json!({}), &["/A".into()]);
    assert_eq!(listed.iter().map(|field| field.is_secret).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn fields_stand_in_the_order_of_the_schema_and_then_of_their_names() {
    let schema = json!({
        "required": ["B"],
        "properties": {"C": {}, "B": {"title": "b"}, "A": {"x-order": 2, "title": "The first"}, "Z": {"x-order": 1}, "no-variable": {}}
    });
    let fields = fields(&schema, &json!({}), &[]);
    assert_eq!(fields.iter().map(|field| field.name.as_str()).collect::<Vec<_>>(), ["Z", "A", "B", "C"]);
    assert_eq!((fields[1].title.as_deref(), fields[2].title.as_deref(), fields[2].is_required), (Some("The first"), None, true));
}

#[test]
fn what_differs_from_the_default_is_known() {
    let field = one(json!({"type": "integer", "default": 80}), json!(80));
    assert_eq!((field.default.as_deref(), field.differs("80"), field.differs(""), field.differs("81")), (Some("80"), false, false, true));
}

#[test]
fn what_the_schema_does_not_know_is_text_of_its_own() {
    let schema = json!({"properties": {"A": {}, "no-variable": {}}});
    let values = json!({"A": 1, "B": [1], "C": null, "no-variable": "x"});
    let expected = [("B", "[1]"), ("no-variable", "x")].map(|(name, text)| (name.to_owned(), text.to_owned()));
    assert_eq!(further(&schema, &values), expected.into());
}
