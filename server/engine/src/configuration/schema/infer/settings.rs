//! The settings classes of a Python module.

use serde_json::{Map, Value};

use super::classes::{Class, Classes};
use super::expression::Expression;
use super::fields::{ReadField, changed};
use super::types::Types;
use crate::services::discovery::python::Module;

/// Settings of a module that are read.
const SETTINGS: usize = 1_000;
/// Models in one another whose fields are variables of their own.
const NESTED: usize = 4;

/// A variable that a settings class reads.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    /// The name of the variable.
    pub name: String,
    /// Other names that it is read under.
    pub others: Vec<String>,
    /// What it may be.
    pub schema: Map<String, Value>,
    /// Whether it has no default.
    pub is_required: bool,
    /// Whether the name may be written in any case.
    pub ignores_case: bool,
    /// Whether an empty text is the same as none.
    pub ignores_empty: bool,
}

/// What the settings classes of a module read.
#[derive(Debug, Default)]
pub(super) struct Settings {
    /// What the first of them is for.
    pub description: Option<String>,
    /// The variables in order.
    pub all: Vec<Setting>,
    /// The schemas that they refer to, by name.
    pub definitions: Map<String, Value>,
}

/// How a settings class names its variables.
#[derive(Clone, Debug, Default)]
struct Naming {
    prefix: String,
    is_case_sensitive: bool,
    delimiter: Option<String>,
    reads_texts: bool,
    ignores_empty: bool,
}

/// The settings classes of `module`: those that derive from `BaseSettings`, but not those that only others derive from.
pub(super) fn settings(module: &Module) -> Settings {
    let classes = Classes::read(module);
    let is_settings = |at: usize| classes.derives(at, |base| base.ends_with("BaseSettings"));
    let own: Vec<usize> = (0..classes.all.len()).filter(|at| classes.all[*at].name != "Config" && is_settings(*at)).collect();
    let is_only_base = |at: usize| {
        let is_base = own.iter().any(|other| *other != at && classes.line_of(*other).contains(&at));
        is_base && !classes.is_made(classes.all[at].name)
    };
    let mut types = Types::new(&classes);
    let mut found = Settings::default();
    for at in own.iter().copied().filter(|at| !is_only_base(*at)) {
        let naming = naming(&classes, at);
        let line = classes.line_of(at);
        let changed = changed(line.iter().map(|at| &classes.all[*at]));
        if found.description.is_none() {
            found.description = classes.docstring(at);
        }
        for field in classes.fields(at) {
            if field.name.starts_with('_') || field.name == "model_config" || found.all.len() >= SETTINGS {
                continue;
            }
            let Some(read) = types.field(&field, &changed, 0) else { continue };
            // Made by its own class, of its own variables.
            if read.class.is_some_and(is_settings) && !read.is_required {
                continue;
            }
            // Without a type only a plain default is a setting, as pydantic 1 has it.
            if field.annotation.is_none() && !read.schema.contains_key("default") {
                continue;
            }
            let is_required = read.is_required && changed.are_whole;
            add(&mut found.all, field.name, ReadField { is_required, ..read }, &naming, &types);
        }
    }
    found.definitions = types.definitions.into_iter().collect();
    found
}

fn add(all: &mut Vec<Setting>, field: &str, read: ReadField, naming: &Naming, types: &Types<'_>) {
    let cased = |name: &str| if naming.is_case_sensitive { name.to_owned() } else { name.to_ascii_uppercase() };
    let mut names: Vec<String> = read.aliases.iter().map(|alias| cased(alias)).collect();
    if names.is_empty() {
        names.push(cased(&format!("{}{field}", naming.prefix)));
    }
    let name = names.remove(0);
    let (ignores_case, ignores_empty) = (!naming.is_case_sensitive, naming.ignores_empty);
    if let Some(delimiter) = &naming.delimiter
        && let Some(model) = model_of(&read.schema, types)
    {
        nested(all, &name, model, &cased(delimiter), ignores_case, types, 0);
        return;
    }
    let mut schema = read.schema;
    if naming.reads_texts && ["array", "object"].iter().any(|kind| schema.get("type").is_some_and(|own| own == kind)) {
        ["type", "items", "default", "minItems", "maxItems", "prefixItems"].iter().for_each(|keyword| drop(schema.remove(*keyword)));
    }
    all.push(Setting { name, others: names, schema, is_required: read.is_required, ignores_case, ignores_empty });
}

/// The fields of a model as variables of their own: `DB__HOST`. None is required, since the whole may be set as `DB` too.
fn nested(all: &mut Vec<Setting>, name: &str, model: &Value, delimiter: &str, ignores_case: bool, types: &Types<'_>, depth: usize) {
    let properties = model.get("properties").and_then(Value::as_object).into_iter().flatten();
    let mut properties: Vec<(&String, &Value)> = properties.collect();
    properties.sort_by_key(|(_, schema)| schema.get("x-order").and_then(Value::as_u64));
    for (field, schema) in properties {
        let Value::Object(schema) = schema else { continue };
        if all.len() >= SETTINGS {
            return;
        }
        let field = if ignores_case { field.to_ascii_uppercase() } else { field.clone() };
        let name = format!("{name}{delimiter}{field}");
        match model_of(schema, types).filter(|_| depth < NESTED) {
            Some(model) => nested(all, &name, model, delimiter, ignores_case, types, depth + 1),
            None => all.push(Setting {
                name,
                others: Vec::new(),
                schema: schema.clone(),
                is_required: false,
                ignores_case,
                ignores_empty: false,
            }),
        }
    }
}

/// The definition that `schema` refers to.
fn model_of<'a>(schema: &Map<String, Value>, types: &'a Types<'_>) -> Option<&'a Value> {
    types.definitions.get(schema.get("$ref")?.as_str()?.strip_prefix("#/$defs/")?)
}

fn naming(classes: &Classes<'_>, at: usize) -> Naming {
    let mut naming = Naming::default();
    for at in classes.line_of(at) {
        let class = &classes.all[at];
        naming.take(classes, &class.keywords);
        for field in classes.own_fields(at).into_iter().filter(|field| field.name == "model_config") {
            match field.value.map(Expression::read) {
                Some(Expression::Call(_, _, keywords)) => naming.take(classes, &keywords),
                Some(Expression::Pairs(pairs)) => {
                    let named = pairs.into_iter().filter_map(|(name, value)| Some((name.text()?.to_owned(), value)));
                    naming.take(classes, &named.collect::<Vec<_>>());
                }
                _ => {}
            }
        }
        let is_configuration = |class: &Class<'_>| class.owner == Some(at) && class.name == "Config";
        for (inner, _) in classes.all.iter().enumerate().filter(|(_, class)| is_configuration(class)) {
            let fields = classes.own_fields(inner).into_iter();
            let set: Vec<_> = fields.filter_map(|field| Some((field.name.to_owned(), Expression::read(field.value?)))).collect();
            naming.take(classes, &set);
        }
    }
    naming
}

impl Naming {
    fn take(&mut self, classes: &Classes<'_>, keywords: &[(String, Expression)]) {
        for (name, value) in keywords {
            match (name.as_str(), classes.value(value)) {
                ("env_prefix", Some(Value::String(prefix))) => self.prefix = prefix,
                ("case_sensitive", Some(Value::Bool(is))) => self.is_case_sensitive = is,
                ("env_nested_delimiter", Some(Value::String(delimiter))) if !delimiter.is_empty() => self.delimiter = Some(delimiter),
                ("env_ignore_empty", Some(Value::Bool(is))) => self.ignores_empty = is,
                ("enable_decoding", Some(Value::Bool(is))) => self.reads_texts = !is,
                _ => {}
            }
        }
    }
}
