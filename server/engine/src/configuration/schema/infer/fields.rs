//! The fields of models and settings.

use serde_json::{Map, Value, json};

use super::super::check::bytes;
use super::classes::{Class, Field};
use super::expression::Expression;
use super::kinds::{constrain, of_type, type_of_default};
use super::naming::is_secret_name;
use super::types::{Typed, Types};

/// Fields of the models of a module that are read, all together.
const MODEL_FIELDS: usize = 1_000;
/// Characters of a title or description.
const TEXT: usize = 500;
/// Bytes of a default, and of examples, as JSON; longer ones are left out.
const SAID: usize = 4_096;

/// What a field is.
#[derive(Debug)]
pub(super) struct ReadField {
    /// Its schema.
    pub schema: Map<String, Value>,
    /// Whether it has no default.
    pub is_required: bool,
    /// The names that it is read under instead of its own, the first one that counts first.
    pub aliases: Vec<String>,
    /// The class of this module that it is of.
    pub class: Option<usize>,
}

/// The fields that something changes before they are checked.
#[derive(Debug)]
pub(super) struct Changed {
    names: Vec<String>,
    /// Whether nothing changes all of them, so that those that are missing are missed.
    pub are_whole: bool,
}

impl Changed {
    /// Whether something changes the field `name`.
    pub fn has(&self, name: &str) -> bool {
        self.names.iter().any(|own| own == name || own == "*")
    }
}

/// The fields of `classes` that have a validator which runs before theirs.
pub(super) fn changed<'a>(classes: impl Iterator<Item = &'a Class<'a>>) -> Changed {
    let mut all = Changed { names: Vec::new(), are_whole: true };
    for statement in classes.flat_map(|class| &class.statements) {
        let Some((_, rest)) = statement.tokens.split_first().filter(|(first, _)| first.is_sign('@')) else { continue };
        let call = Expression::read(rest);
        let is_before = call.argument("pre").is_some_and(|pre| pre.is(true))
            || call.argument("mode").and_then(Expression::text).is_some_and(|mode| mode != "after");
        match (&call, call.name()) {
            (Expression::Call(_, names, _), Some("field_validator" | "validator")) if is_before => {
                all.names.extend(names.iter().filter_map(|name| name.text().map(str::to_owned)));
            }
            (_, Some("model_validator" | "root_validator")) if is_before => all.are_whole = false,
            _ => {}
        }
    }
    all
}

impl Types<'_> {
    /// The schema of the model `at`.
    pub fn model(&mut self, at: usize, depth: usize) -> Map<String, Value> {
        let mut properties = Map::new();
        let mut required = Vec::new();
        let changed = changed(self.classes.line_of(at).into_iter().map(|at| &self.classes.all[at]));
        for field in self.classes.fields(at) {
            if field.annotation.is_none() || field.name.starts_with('_') || field.name == "model_config" {
                continue;
            }
            self.model_fields += 1;
            if self.model_fields > MODEL_FIELDS {
                break;
            }
            let Some(read) = self.field(&field, &changed, depth + 1) else { continue };
            let name = read.aliases.first().cloned().unwrap_or_else(|| field.name.to_owned());
            if read.is_required && changed.are_whole {
                required.push(json!(name));
            }
            let mut schema = read.schema;
            mark(&mut schema, &name);
            schema.insert("x-order".into(), json!(properties.len()));
            properties.insert(name, Value::Object(schema));
        }
        let mut model = of_type("object");
        model.insert("title".into(), json!(self.classes.all[at].name));
        if let Some(text) = self.classes.docstring(at) {
            model.insert("description".into(), json!(text));
        }
        model.insert("properties".into(), Value::Object(properties));
        if !required.is_empty() {
            model.insert("required".into(), Value::Array(required));
        }
        model
    }

    /// What a field of a model or of settings is; none when it is a constant.
    pub fn field(&mut self, field: &Field<'_>, changed: &Changed, depth: usize) -> Option<ReadField> {
        let mut typed = match field.annotation {
            Some(tokens) => self.typed(&Expression::read(tokens), depth),
            None => Typed::default(),
        };
        if typed.is_constant {
            return None;
        }
        let value = field.value.map(Expression::read);
        let call = value.as_ref().filter(|value| matches!(value, Expression::Call(..)) && value.name() == Some("Field"));
        if let Some(call) = call {
            constrain(&mut typed.keywords, call);
        }
        let described: Vec<&Expression> = call.into_iter().chain(&typed.described).collect();
        let default = match call {
            Some(Expression::Call(_, arguments, _)) => arguments.first().or_else(|| call?.argument("default")).cloned(),
            _ => value.clone(),
        };
        let default = default.or_else(|| typed.described.iter().find_map(|one| one.argument("default").cloned()));
        let makes = described.iter().find_map(|one| one.argument("default_factory"));
        let is_required = makes.is_none() && default.as_ref().is_none_or(|one| *one == Expression::Ellipsis);
        let made = makes.and_then(|maker| Expression::Call(vec![maker.name()?.to_owned()], vec![], vec![]).value(&|_| None));
        let default = default.and_then(|one| self.classes.value(&one)).or(made).filter(|value| !value.is_null() && bytes(value) <= SAID);

        let mut schema = typed.keywords;
        if field.annotation.is_none() {
            schema = default.as_ref().map(type_of_default).unwrap_or_default();
        }
        if typed.is_changed || changed.has(field.name) {
            // Only what it is for stays: anything may be turned into the right thing.
            schema.retain(|keyword, value| keyword == "writeOnly" || (keyword == "format" && *value == "password"));
        }
        let text =
            |names: &[&str]| described.iter().find_map(|one| names.iter().find_map(|name| one.argument(name)?.text().map(str::to_owned)));
        let note = field.note.map(|text| text.split_whitespace().collect::<Vec<_>>().join(" ")).filter(|text| !text.is_empty());
        for (keyword, value) in [("description", text(&["description"]).or(note)), ("title", text(&["title"]))] {
            if let Some(value) = value {
                schema.insert(keyword.into(), json!(value.chars().take(TEXT).collect::<String>()));
            }
        }
        let examples = described.iter().find_map(|one| self.classes.value(one.argument("examples")?));
        if let Some(examples @ Value::Array(_)) = examples.filter(|all| bytes(all) <= SAID) {
            schema.insert("examples".into(), examples);
        }
        if let Some(default) = default.and_then(|value| super::text::fitting(&schema, value)) {
            schema.insert("default".into(), default);
        }
        let aliases = ["validation_alias", "alias", "env"].into_iter().find_map(|name| {
            let aliases = described.iter().find_map(|one| Some(names_of(one.argument(name)?)))?;
            (!aliases.is_empty()).then_some(aliases)
        });
        Some(ReadField { schema, is_required, aliases: aliases.unwrap_or_default(), class: typed.class })
    }
}

/// Marks a property called `name` as secret when it is one, and takes what would tell it out of its schema.
pub(super) fn mark(schema: &mut Map<String, Value>, name: &str) {
    let is_other = ["integer", "number", "boolean"].iter().any(|kind| schema.get("type").is_some_and(|own| own == kind));
    let is_told = ["default", "examples"].iter().any(|keyword| schema.get(*keyword).is_some_and(has_password));
    let is_list = schema.contains_key("$ref") || schema.contains_key("enum");
    if schema.get("writeOnly").is_none() && (is_told || (!is_other && !is_list && is_secret_name(name))) {
        schema.insert("writeOnly".into(), json!(true));
        if !schema.contains_key("format") && schema.get("type").is_none_or(|kind| kind == "string") {
            schema.insert("format".into(), json!("password"));
        }
    }
    if schema.get("writeOnly") == Some(&json!(true)) {
        schema.remove("default");
        schema.remove("examples");
    }
}

fn has_password(value: &Value) -> bool {
    match value {
        Value::String(text) => super::naming::has_password(text),
        Value::Array(all) => all.iter().any(has_password),
        Value::Object(all) => all.values().any(has_password),
        _ => false,
    }
}

/// The names in an alias: a text, a list of them, `AliasChoices("a", "b")`.
fn names_of(alias: &Expression) -> Vec<String> {
    match alias {
        Expression::Literal(Value::String(text)) => vec![text.clone()],
        Expression::Items(all) | Expression::Call(_, all, _) if alias.name() != Some("AliasPath") => {
            all.iter().filter_map(|one| one.text().map(str::to_owned)).collect()
        }
        _ => Vec::new(),
    }
}
