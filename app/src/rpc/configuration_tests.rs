//! What the texts of a form come to.

use api::{Configuration, SchemaSource};
use serde_json::{Value, json};

use super::ConfigurationForm;

fn now() -> Configuration {
    Configuration {
        service_id: crate::fake::service(1, "accounts").id,
        version: 7,
        applied_version: None,
        restart_needed: false,
        schema: json!({"properties": {
            "PORT": {"type": "integer"},
            "TAGS": {"type": "array"},
            "KEY": {"type": "string", "writeOnly": true},
            "NOTE": {"type": "string"},
            "DEBUG": {"type": "boolean"}
        }}),
        schema_source: SchemaSource::Inferred,
        schema_environment: None,
        values: json!({"PORT": 8000, "KEY": api::MASK, "NOTE": "", "COUNT": 5, "TOKEN": api::MASK, "DEBUG": true}),
        secrets: vec!["/KEY".into(), "/TOKEN".into()],
        faults: Vec::new(),
        notes: Vec::new(),
        not_restarted: None,
        format: None,
        watch: None,
        origins: Default::default(),
        inheritance: None,
        updated_at: None,
        updated_by: None,
    }
}

fn read(values: &[(&str, &str)], without: &[&str], extra: &str) -> api::Result<Value> {
    let values = values.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    let without = without.iter().map(|name| (*name).to_owned()).collect();
    ConfigurationForm { version: 7, values, without, extra: extra.into(), ..Default::default() }.read(&now())
}

#[test]
fn texts_are_read_by_the_schema_and_what_is_empty_is_not_set() {
    let typed = [("PORT", "9000"), ("TAGS", "[\r\n  \"a\"\r\n]"), ("NOTE", "a\r\nb"), ("DEBUG", ""), ("KEY", "new")];
    let values = read(&typed, &[], "COUNT=5\r\nNEW=\"a\\nb\"").unwrap();
    assert_eq!(values, json!({"PORT": 9000, "TAGS": ["a"], "NOTE": "a\nb", "KEY": "new", "COUNT": 5, "NEW": "a\nb"}));
    assert_eq!(read(&[("PORT", "soon")], &[], "").unwrap(), json!({"PORT": "soon"}), "the schema says what is wrong with it");
}

#[test]
fn an_empty_field_keeps_a_secret_and_an_empty_text_unless_they_are_taken_out() {
    let typed = [("KEY", ""), ("NOTE", ""), ("PORT", "")];
    assert_eq!(read(&typed, &[], "TOKEN=********").unwrap(), json!({"KEY": api::MASK, "NOTE": "", "TOKEN": api::MASK}));
    assert_eq!(read(&typed, &["KEY", "NOTE"], "").unwrap(), json!({}));
}

#[test]
fn what_can_not_be_read_is_named_at_its_place() {
    let error = read(&[("PORT", "1")], &[], "PORT=2\nX=1").unwrap_err();
    assert_eq!((error.details.len(), error.details[0].field.as_str()), (1, "/extra"));
    assert_eq!(read(&[], &[], "nonsense").unwrap_err().details[0].field, "/extra");
    let raw = |text: &str| ConfigurationForm { raw: Some(text.into()), ..Default::default() }.read(&now());
    assert_eq!(raw("{\"A\": [1]}").unwrap(), json!({"A": [1]}));
    let error = raw("{\n  \"A\" 1}").unwrap_err();
    assert_eq!((error.details[0].field.as_str(), error.details[0].message.starts_with("line 2, column ")), ("/values", true));
    assert!(raw("[]").is_err());
}

#[test]
fn what_is_inherited_from_now_on_is_not_what_is_in_its_line() {
    let form = |inherit: &[&str]| {
        let inherit = inherit.iter().map(|name| (*name).to_owned()).collect();
        ConfigurationForm { version: 7, extra: "COUNT=6\nNEW=1".into(), inherit, ..Default::default() }
    };
    assert_eq!(form(&[]).read(&now()).unwrap(), json!({"COUNT": "6", "NEW": "1"}));
    assert_eq!(form(&["COUNT", "NEW"]).read(&now()).unwrap(), json!({"COUNT": 5}), "the engine puts what the base has");
}
