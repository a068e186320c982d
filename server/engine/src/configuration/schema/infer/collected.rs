//! Puts together what the files of a folder say of its variables.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::super::Validator;
use super::fields::mark;
use super::naming::has_password;
use super::settings::{Setting, Settings};
use crate::services::discovery::environment::Variable;

/// Variables of a folder.
pub(super) const VARIABLES: usize = 1_000;
/// Characters of a description.
const DESCRIPTION: usize = 500;

/// The variables that are known so far.
#[derive(Debug, Default)]
pub(super) struct Collected {
    all: Vec<Setting>,
    by_name: HashMap<String, usize>,
    definitions: Map<String, Value>,
    description: Option<String>,
    /// Whether variables were left out because there are too many.
    pub is_full: bool,
}

impl Collected {
    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Adds what settings classes of the file `file` read.
    pub fn settings(&mut self, settings: Settings) {
        let mut renamed: Vec<(String, String)> = Vec::new();
        for (name, definition) in settings.definitions {
            let mut free = name.clone();
            for number in 2.. {
                match self.definitions.get(&free) {
                    Some(known) if *known != definition => free = format!("{name}-{number}"),
                    _ => break,
                }
            }
            if free != name {
                renamed.push((format!("#/$defs/{name}"), format!("#/$defs/{free}")));
            }
            self.definitions.insert(free, definition);
        }
        let of_this: Vec<String> = renamed.iter().filter_map(|(_, new)| new.strip_prefix("#/$defs/").map(str::to_owned)).collect();
        for name in of_this {
            if let Some(definition) = self.definitions.get_mut(&name) {
                refer(definition, &renamed);
            }
        }
        for mut setting in settings.all {
            let mut schema = Value::Object(std::mem::take(&mut setting.schema));
            refer(&mut schema, &renamed);
            if let Value::Object(schema) = schema {
                self.setting(Setting { schema, ..setting });
            }
        }
        self.description = self.description.take().or(settings.description);
    }

    fn setting(&mut self, setting: Setting) {
        let Some(known) = self.by_name.get(&setting.name).map(|at| &mut self.all[*at]) else {
            self.add(setting);
            return;
        };
        // Two classes read it: only what both say holds.
        known.is_required |= setting.is_required;
        known.ignores_case &= setting.ignores_case;
        known.ignores_empty &= setting.ignores_empty;
        for keyword in ["title", "description", "default", "examples", "writeOnly", "format"] {
            if let Some(value) = setting.schema.get(keyword).filter(|_| !known.schema.contains_key(keyword)) {
                known.schema.insert(keyword.into(), value.clone());
            }
        }
        let is_said = |keyword: &str| ["title", "description", "default", "examples", "writeOnly", "format"].contains(&keyword);
        known.schema.retain(|keyword, value| is_said(keyword) || setting.schema.get(keyword) == Some(value));
    }

    fn add(&mut self, setting: Setting) {
        if self.all.len() == VARIABLES {
            self.is_full = true;
            return;
        }
        self.by_name.insert(setting.name.clone(), self.all.len());
        self.all.push(setting);
    }

    /// Adds the variables of an example of an environment file.
    pub fn examples(&mut self, variables: Vec<Variable>) {
        for variable in variables {
            let description = described(&variable.comment);
            let at = self.place(&variable.name);
            let Some(known) = at.map(|at| &mut self.all[at].schema) else {
                let mut schema = Map::from_iter([("type".to_owned(), json!("string"))]);
                example(&mut schema, &variable.value);
                if let Some(text) = description {
                    schema.insert("description".into(), json!(text));
                }
                self.add(plain(variable.name, schema));
                continue;
            };
            if let Some(text) = description.filter(|_| !known.contains_key("description")) {
                known.insert("description".into(), json!(text));
            }
            let is_text = known.get("type").is_none_or(|kind| kind == "string");
            if is_text && !known.contains_key("examples") && !known.contains_key("default") && !known.contains_key("enum") {
                example(known, &variable.value);
            } else if has_password(&variable.value) {
                secret(known);
            }
        }
    }

    /// Adds the variables of an environment file, and says which of them are which: the name that it goes by, and its text.
    pub fn values(&mut self, variables: Vec<Variable>) -> Vec<(String, String)> {
        let mut values: Vec<(String, String)> = Vec::new();
        for variable in variables {
            let at = match self.place(&variable.name) {
                Some(at) => at,
                None => {
                    let schema = Map::from_iter([("type".to_owned(), json!("string"))]);
                    self.add(plain(variable.name.clone(), schema));
                    let Some(at) = self.by_name.get(&variable.name) else { continue };
                    *at
                }
            };
            let known = &mut self.all[at];
            if known.ignores_empty && variable.value.is_empty() {
                continue;
            }
            if has_password(&variable.value) {
                secret(&mut known.schema);
            }
            let is_exact = variable.name == known.name;
            match values.iter_mut().find(|(name, _)| *name == known.name) {
                // The later line counts, but not before one of just that name.
                Some((_, value)) if is_exact => *value = variable.value,
                Some(_) => {}
                None => values.push((known.name.clone(), variable.value)),
            }
        }
        values
    }

    /// Where the variable `name` is, in another case or under another name too when its class reads it so.
    fn place(&self, name: &str) -> Option<usize> {
        let is_it = |setting: &Setting| {
            let same = |own: &str| if setting.ignores_case { own.eq_ignore_ascii_case(name) } else { own == name };
            same(&setting.name) || setting.others.iter().any(|other| same(other))
        };
        self.by_name.get(name).copied().or_else(|| self.all.iter().position(is_it))
    }

    /// The schema of all. What the validator wouldn't take is left out of it, with a note.
    pub fn schema(mut self, notes: &mut Vec<String>) -> Value {
        if self.is_full {
            notes.push(format!("it has more than {VARIABLES} variables; only {VARIABLES} are in the schema"));
        }
        for setting in &mut self.all {
            mark(&mut setting.schema, &setting.name);
        }
        let full = self.written(|_| true);
        let Err(error) = Validator::new(&full) else { return full };
        let without_patterns = self.written(|keyword| keyword != "pattern");
        if Validator::new(&without_patterns).is_ok() {
            notes.push(format!("patterns are left out of the schema: {error}"));
            return without_patterns;
        }
        notes.push(format!("only names and types are in the schema: {error}"));
        self.definitions = Map::new();
        for setting in &mut self.all {
            setting.is_required = false;
        }
        self.written(|keyword| matches!(keyword, "type" | "writeOnly" | "format"))
    }

    fn written(&self, keeps: impl Fn(&str) -> bool) -> Value {
        let mut properties = Map::new();
        let mut required = Vec::new();
        for (place, setting) in self.all.iter().enumerate() {
            let mut schema: Map<String, Value> = setting
                .schema
                .iter()
                .filter(|(keyword, _)| keeps(keyword))
                .map(|(keyword, value)| (keyword.clone(), value.clone()))
                .collect();
            schema.insert("x-order".into(), json!(place));
            properties.insert(setting.name.clone(), Value::Object(schema));
            if setting.is_required {
                required.push(json!(setting.name));
            }
        }
        let mut definitions = Value::Object(self.definitions.clone());
        without(&mut definitions, &keeps);
        let mut schema = json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "properties": properties});
        if let Some(text) = &self.description {
            schema["description"] = json!(text);
        }
        if !required.is_empty() {
            schema["required"] = Value::Array(required);
        }
        if let Value::Object(definitions) = used(definitions, &schema["properties"])
            && !definitions.is_empty()
        {
            schema["$defs"] = Value::Object(definitions);
        }
        schema
    }
}

fn plain(name: String, schema: Map<String, Value>) -> Setting {
    Setting { name, others: Vec::new(), schema, is_required: false, ignores_case: false, ignores_empty: false }
}

fn secret(schema: &mut Map<String, Value>) {
    if !schema.contains_key("format") && schema.get("type").is_none_or(|kind| kind == "string") {
        schema.insert("format".into(), json!("password"));
    }
    schema.insert("writeOnly".into(), json!(true));
}

/// Puts `value` in as an example, unless it has a password in it.
fn example(schema: &mut Map<String, Value>, value: &str) {
    if has_password(value) {
        secret(schema);
    } else if !value.is_empty() && value.len() <= DESCRIPTION {
        schema.insert("examples".into(), json!([value]));
    }
}

/// The comment before a variable as a description: without rules, headings between rules, and variables that are only commented out.
fn described(lines: &[String]) -> Option<String> {
    let is_sign = |c: char| matches!(c, '#' | '=' | '-' | '*' | '~' | '_' | ' ');
    let is_heading = |line: &str| line.starts_with(is_sign) && line.ends_with(is_sign);
    let is_assignment = |line: &str| {
        line.split_once('=').is_some_and(|(name, _)| {
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
        })
    };
    let said = lines.iter().map(|line| line.trim_start_matches('#').trim());
    let said: Vec<&str> = said.filter(|line| !line.is_empty() && !is_heading(line) && !is_assignment(line)).collect();
    (!said.is_empty()).then(|| said.join(" ").chars().take(DESCRIPTION).collect())
}

/// Changes references by `renamed`.
fn refer(schema: &mut Value, renamed: &[(String, String)]) {
    match schema {
        Value::Object(own) => {
            if let Some(Value::String(reference)) = own.get_mut("$ref")
                && let Some((_, new)) = renamed.iter().find(|(old, _)| old == reference)
            {
                reference.clone_from(new);
            }
            own.values_mut().for_each(|value| refer(value, renamed));
        }
        Value::Array(all) => all.iter_mut().for_each(|value| refer(value, renamed)),
        _ => {}
    }
}

/// Takes the keywords out of definitions that aren't kept; only patterns are ever left out of them.
fn without(schema: &mut Value, keeps: &impl Fn(&str) -> bool) {
    match schema {
        Value::Object(own) => {
            if !keeps("pattern") && own.get("pattern").is_some_and(Value::is_string) {
                own.remove("pattern");
            }
            own.values_mut().for_each(|value| without(value, keeps));
        }
        Value::Array(all) => all.iter_mut().for_each(|value| without(value, keeps)),
        _ => {}
    }
}

/// Those of `definitions` that `properties` lead to.
fn used(definitions: Value, properties: &Value) -> Value {
    let Value::Object(mut left) = definitions else { return Value::Null };
    let mut used = Map::new();
    let mut texts = vec![properties.to_string()];
    while let Some(text) = texts.pop() {
        let names: Vec<String> = left.keys().filter(|name| text.contains(&format!("\"#/$defs/{name}\""))).cloned().collect();
        for name in names {
            if let Some(definition) = left.remove(&name) {
                texts.push(definition.to_string());
                used.insert(name, definition);
            }
        }
    }
    Value::Object(used)
}
