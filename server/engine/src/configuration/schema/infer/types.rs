//! What annotations of pydantic allow, as JSON Schema.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::classes::Classes;
use super::expression::Expression;
use super::kinds::{constrain, limit, list_of, of_type, options, plain};
use crate::services::discovery::python::Module;

/// Types in one another that are looked into.
const DEPTH: usize = 12;
/// Types of a module that are read; the further ones are unknown.
const TYPES: usize = 20_000;

/// What an annotation says.
#[derive(Clone, Debug, Default)]
pub(super) struct Typed {
    /// The keywords of its schema; empty when nothing is known.
    pub keywords: Map<String, Value>,
    /// The `Field(..)` and its like that are in it.
    pub described: Vec<Expression>,
    /// The class of this module that it is.
    pub class: Option<usize>,
    /// Whether it is no setting at all: a constant of the class.
    pub is_constant: bool,
    /// Whether something changes the value before it is checked, so that other things are taken too.
    pub is_changed: bool,
}

/// Turns annotations into schemas; models become definitions.
#[derive(Debug)]
pub(super) struct Types<'a> {
    /// The module.
    pub classes: &'a Classes<'a>,
    /// The schemas of the models that were come to, by name.
    pub definitions: BTreeMap<String, Value>,
    /// Fields of models that were read.
    pub model_fields: usize,
    read: usize,
}

impl<'a> Types<'a> {
    /// Nothing is defined yet.
    pub fn new(classes: &'a Classes<'a>) -> Self {
        Self { classes, definitions: BTreeMap::new(), model_fields: 0, read: 0 }
    }

    /// What `annotation` allows, which is in `depth` others.
    pub fn typed(&mut self, annotation: &Expression, depth: usize) -> Typed {
        self.read += 1;
        if depth > DEPTH || self.read > TYPES {
            return Typed::default();
        }
        let Some(name) = annotation.name().map(|name| self.classes.original(name).to_owned()) else {
            return match annotation {
                Expression::Either(all) => self.either(all, depth),
                // An annotation may be written as a text.
                Expression::Literal(Value::String(text)) if text.len() < 500 => {
                    let module = Module::read(text);
                    module.lines().first().map_or_else(Typed::default, |line| self.typed(&Expression::read(&line.tokens), depth + 1))
                }
                _ => Typed::default(),
            };
        };
        match annotation {
            Expression::Subscript(_, inner) => self.generic(&name, inner, depth),
            Expression::Call(..) if name.starts_with("con") => {
                let mut typed = plain_of(&name);
                constrain(&mut typed.keywords, annotation);
                typed
            }
            Expression::Call(..) => Typed::default(),
            _ => self.named(&name, depth),
        }
    }

    fn named(&mut self, name: &str, depth: usize) -> Typed {
        if let Some(at) = self.classes.find(name) {
            let reference = self.class(at, depth);
            return Typed { keywords: reference, class: Some(at), ..Typed::default() };
        }
        if let Some(alias) = self.classes.global(name) {
            return self.typed(&alias, depth + 1);
        }
        plain_of(name)
    }

    fn generic(&mut self, name: &str, inner: &[Expression], depth: usize) -> Typed {
        let first = |types: &mut Self| inner.first().map(|one| types.typed(one, depth + 1)).unwrap_or_default();
        match name {
            "Optional" | "Final" | "SkipValidation" | "Required" | "NotRequired" => first(self),
            "ClassVar" | "InitVar" => Typed { is_constant: true, ..Typed::default() },
            "Union" => self.either(inner, depth),
            "Annotated" => {
                let mut typed = first(self);
                for one in inner.iter().skip(1) {
                    match one.name() {
                        Some("Field" | "StringConstraints" | "Interval" | "Len") => {
                            constrain(&mut typed.keywords, one);
                            typed.described.push(one.clone());
                        }
                        Some(name @ ("Ge" | "Gt" | "Le" | "Lt" | "MultipleOf" | "MinLen" | "MaxLen")) => {
                            let Expression::Call(_, arguments, _) = one else { continue };
                            let keyword = match name {
                                "MultipleOf" => "multiple_of".to_owned(),
                                "MinLen" => "min_length".into(),
                                "MaxLen" => "max_length".into(),
                                other => other.to_lowercase(),
                            };
                            arguments.first().into_iter().for_each(|value| limit(&mut typed.keywords, &keyword, value));
                        }
                        Some("NoDecode" | "BeforeValidator" | "PlainValidator" | "WrapValidator") => typed.is_changed = true,
                        _ => {}
                    }
                }
                typed
            }
            "Literal" => {
                let values: Option<Vec<Value>> = inner.iter().map(|one| self.classes.value(one)).collect();
                Typed { keywords: values.map(options).unwrap_or_default(), ..Typed::default() }
            }
            "list" | "List" | "Sequence" | "MutableSequence" | "set" | "Set" | "frozenset" | "FrozenSet" | "Iterable" | "Collection"
            | "deque" | "conlist" => {
                let item = first(self);
                Typed { keywords: list_of(item.keywords), ..Typed::default() }
            }
            "tuple" | "Tuple" => Typed { keywords: self.tuple(inner, depth), ..Typed::default() },
            "dict" | "Dict" | "Mapping" | "MutableMapping" | "defaultdict" | "OrderedDict" => {
                let value = inner.get(1).map(|one| self.typed(one, depth + 1)).unwrap_or_default();
                let mut keywords = of_type("object");
                if !value.keywords.is_empty() {
                    keywords.insert("additionalProperties".into(), Value::Object(value.keywords));
                }
                Typed { keywords, ..Typed::default() }
            }
            "Secret" => plain_of("SecretStr"),
            _ => Typed::default(),
        }
    }

    fn tuple(&mut self, inner: &[Expression], depth: usize) -> Map<String, Value> {
        if let [item, Expression::Ellipsis] = inner {
            return list_of(self.typed(item, depth + 1).keywords);
        }
        let items: Vec<Value> = inner.iter().map(|one| Value::Object(self.typed(one, depth + 1).keywords)).collect();
        let mut keywords = of_type("array");
        keywords.insert("minItems".into(), json!(items.len()));
        keywords.insert("maxItems".into(), json!(items.len()));
        keywords.insert("prefixItems".into(), Value::Array(items));
        keywords
    }

    /// One of several. That nothing is one of them is left out: a variable that isn't set isn't there.
    fn either(&mut self, all: &[Expression], depth: usize) -> Typed {
        let some: Vec<&Expression> = all.iter().filter(|one| !one.is(Value::Null) && one.name() != Some("NoneType")).collect();
        let mut typed: Vec<Typed> = some.into_iter().map(|one| self.typed(one, depth + 1)).collect();
        if typed.len() == 1 {
            return typed.remove(0);
        }
        let is_changed = typed.iter().any(|one| one.is_changed);
        if typed.iter().any(|one| one.keywords.is_empty()) {
            return Typed { is_changed, ..Typed::default() };
        }
        let mut schemas: Vec<Value> = Vec::new();
        for one in typed {
            let schema = Value::Object(one.keywords);
            if !schemas.contains(&schema) {
                schemas.push(schema);
            }
        }
        let keywords = match schemas.as_slice() {
            [Value::Object(one)] => one.clone(),
            _ => Map::from_iter([("anyOf".to_owned(), Value::Array(schemas))]),
        };
        Typed { keywords, is_changed, ..Typed::default() }
    }

    /// A class of the module: an enumeration as what it may be, a model as a reference to its definition.
    fn class(&mut self, at: usize, depth: usize) -> Map<String, Value> {
        if let Some(members) = self.classes.members(at) {
            return options(members.into_iter().map(|(_, value)| value).collect());
        }
        let is_model = |base: &str| base.ends_with("BaseModel") || base.ends_with("BaseSettings");
        if !self.classes.derives(at, is_model) {
            return Map::new();
        }
        let name = self.classes.all[at].name.to_owned();
        if !self.definitions.contains_key(&name) {
            // It may contain itself.
            self.definitions.insert(name.clone(), json!({}));
            let model = self.model(at, depth);
            self.definitions.insert(name.clone(), Value::Object(model));
        }
        Map::from_iter([("$ref".to_owned(), json!(format!("#/$defs/{name}")))])
    }
}

/// A type that is known by its name.
fn plain_of(name: &str) -> Typed {
    Typed { keywords: plain(name), ..Typed::default() }
}
