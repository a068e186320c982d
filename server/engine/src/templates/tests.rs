//! Each template is what it says, and no variable gets out of its place.

use std::collections::BTreeMap;

use api::ErrorCode;
use serde_json::{Value, json};

use super::{built_in, find};
use crate::configuration::schema::{Validator, defaults, typed};
use crate::services::discovery::environment::strict;

#[test]
fn each_template_is_whole_and_its_defaults_are_right() {
    let ids: Vec<_> = built_in::all().iter().map(|template| template.id).collect();
    assert_eq!(ids, ["background-worker", "base-service", "crud-data-service"]);
    for template in built_in::all() {
        let files = template.files_with(&json!({})).expect("everything has a default");
        assert!(files.iter().any(|file| file.name == "main.py") && files.iter().any(|file| file.name == ".env"), "{}", template.id);
        assert!(template.version >= 1 && !template.name.is_empty() && !template.description.is_empty());
        let schema = &template.configuration_schema;
        let configured = Validator::new(schema).expect("a schema");
        assert_eq!(configured.faults(&Value::Object(defaults(schema))), [], "{}", template.id);
        for (name, value) in settings(template.id, &json!({})) {
            let setting = schema["properties"].get(&name).unwrap_or_else(|| panic!("{} doesn't say what {name} is", template.id));
            assert_eq!(setting["default"], typed(schema, &name, &value), "{} {name}", template.id);
        }
        for name in schema["properties"].as_object().expect("properties").keys() {
            let main = files.iter().find(|file| file.name == "main.py").expect("it has one");
            assert!(main.content.contains(&format!("os.environ.get(\"{name}\"")), "{} doesn't read {name}", template.id);
        }
    }
}

#[test]
fn whatever_a_variable_says_stays_its_value() {
    let nasty = ["\"; import os #", "a\" #\\", "'''", "{{title}} ${secret:x} $(ls)", "é\u{202e}✓ = \\n", " #", "=", "\\", " blank "];
    for text in nasty {
        let all = settings("base-service", &json!({"greeting": text}));
        assert_eq!(all, [("GREETING".to_owned(), text.to_owned()), ("TITLE".to_owned(), "Base service".to_owned())].into(), "{text}");
        let files = find("base-service").expect("it is there").files_with(&json!({"greeting": text})).expect("it is right");
        let same = find("base-service").expect("it is there").files_with(&json!({})).expect("it is right");
        let others = |files: Vec<api::TemplateFile>| files.into_iter().filter(|file| file.name != ".env").collect::<Vec<_>>();
        assert_eq!(others(files), others(same), "only the .env has it");
    }
}

#[test]
fn what_is_wrong_with_variables_is_said_at_their_fields() {
    for (id, variables, field) in [
        ("base-service", json!({"greeting": ""}), "/greeting"),
        ("base-service", json!({"greeting": "a\nPATH=/tmp"}), "/greeting"),
        ("base-service", json!({"greeting": "x".repeat(201)}), "/greeting"),
        ("base-service", json!({"title": 7}), "/title"),
        ("base-service", json!({"PATH": "/tmp"}), "/PATH"),
        ("base-service", json!(["a"]), ""),
        ("background-worker", json!({"interval_seconds": 0}), "/interval_seconds"),
        ("background-worker", json!({"interval_seconds": "10"}), "/interval_seconds"),
        ("crud-data-service", json!({"max_page": 1.5}), "/max_page"),
    ] {
        let error = find(id).expect("it is there").files_with(&variables).expect_err("it is wrong");
        let at: Vec<_> = error.details.iter().map(|detail| detail.field.as_str()).collect();
        assert_eq!((error.code, at), (ErrorCode::ValidationFailed, vec![format!("/source/variables{field}").as_str()]), "{variables}");
        assert!(error.message.starts_with(&format!("the variable{}", field.replacen('/', " ", 1))), "{error}");
    }
}

/// What a service that is made with these variables is told, as its `.env` is read.
fn settings(id: &str, variables: &Value) -> BTreeMap<String, String> {
    let files = find(id).expect("it is there").files_with(variables).expect("they are right");
    let text = &files.iter().find(|file| file.name == ".env").expect("it has one").content;
    strict(text).expect("it can be read").into_iter().map(|variable| (variable.name, variable.value)).collect()
}
