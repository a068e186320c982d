//! The schemas that a schema is made of, and the values that each is for.

use serde_json::Value;

/// What a part of a schema is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// For the same value.
    InPlace,
    /// For the properties or items of the value, or their names.
    Below,
    /// For nothing by itself: it is there to be referred to.
    Apart,
}

/// A schema in a schema.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'a> {
    /// The keyword that it stands under.
    pub keyword: &'static str,
    /// What it is called there, where a keyword has several by name.
    pub name: Option<&'a str>,
    /// Its place there, where a keyword has a list.
    pub index: Option<usize>,
    /// What it is for.
    pub role: Role,
    /// The schema.
    pub schema: &'a Value,
}

/// Keywords whose value is a schema, a list of schemas or an object of schemas.
const KEYWORDS: [(&str, Role); 22] = [
    ("$defs", Role::Apart),
    ("additionalItems", Role::Below),
    ("additionalProperties", Role::Below),
    ("allOf", Role::InPlace),
    ("anyOf", Role::InPlace),
    ("contains", Role::Below),
    ("contentSchema", Role::Apart),
    ("definitions", Role::Apart),
    ("dependencies", Role::InPlace),
    ("dependentSchemas", Role::InPlace),
    ("else", Role::InPlace),
    ("if", Role::InPlace),
    ("items", Role::Below),
    ("not", Role::InPlace),
    ("oneOf", Role::InPlace),
    ("patternProperties", Role::Below),
    ("prefixItems", Role::Below),
    ("properties", Role::Below),
    ("propertyNames", Role::Below),
    ("then", Role::InPlace),
    ("unevaluatedItems", Role::Below),
    ("unevaluatedProperties", Role::Below),
];

/// Keywords whose value has schemas by name.
const NAMED: [&str; 6] = ["$defs", "definitions", "dependencies", "dependentSchemas", "patternProperties", "properties"];

impl Part<'_> {
    /// Where it is, below the schema that it is a part of, as a JSON Pointer.
    pub fn pointer(&self) -> String {
        match (self.name, self.index) {
            (Some(name), _) => format!("/{}/{}", self.keyword, escaped(name)),
            (_, Some(index)) => format!("/{}/{index}", self.keyword),
            _ => format!("/{}", self.keyword),
        }
    }
}

/// The schemas directly in `schema`.
pub(super) fn parts(schema: &Value) -> Vec<Part<'_>> {
    parts_where(schema, |_, _| true)
}

/// Those under the keywords that `wanted` says. A schema may have a thousand properties, which most questions aren't about.
pub(super) fn parts_where(schema: &Value, wanted: impl Fn(&str, Role) -> bool) -> Vec<Part<'_>> {
    let mut all = Vec::new();
    let Value::Object(own) = schema else { return all };
    for (keyword, role) in KEYWORDS.into_iter().filter(|(keyword, role)| wanted(keyword, *role)) {
        let part = |name, index, schema| Part { keyword, name, index, role, schema };
        match own.get(keyword) {
            Some(Value::Object(named)) if NAMED.contains(&keyword) => {
                // `dependencies` may also have lists of names.
                let schemas = named.iter().filter(|(_, schema)| !schema.is_array());
                all.extend(schemas.map(|(name, schema)| part(Some(name.as_str()), None, schema)));
            }
            Some(schema @ (Value::Object(_) | Value::Bool(_))) => all.push(part(None, None, schema)),
            Some(Value::Array(list)) => all.extend(list.iter().enumerate().map(|(index, schema)| part(None, Some(index), schema))),
            _ => {}
        }
    }
    all
}

/// The schema that the `$ref` of `schema` names in `root`; none when it has none or that isn't there.
pub(super) fn referred<'a>(root: &'a Value, schema: &Value) -> Option<&'a Value> {
    resolve(root, schema.get("$ref")?.as_str()?)
}

/// What `reference`, which is `#` or `#/..`, names in `root`.
pub(super) fn resolve<'a>(root: &'a Value, reference: &str) -> Option<&'a Value> {
    root.pointer(&decoded(reference.strip_prefix('#')?)?)
}

/// The schemas for the same value as `schema`, itself first, each once; those under `not` don't say anything of a value that is right.
pub(super) fn in_place<'a>(root: &'a Value, schema: &'a Value) -> Vec<&'a Value> {
    closure(root, vec![schema])
}

/// [`in_place`] of several.
pub(super) fn closure<'a>(root: &'a Value, from: Vec<&'a Value>) -> Vec<&'a Value> {
    let mut all: Vec<&Value> = Vec::new();
    let mut known = std::collections::HashSet::new();
    let mut next = from;
    next.reverse();
    while let Some(schema) = next.pop() {
        if !known.insert(address(schema)) {
            continue;
        }
        all.push(schema);
        let parts = parts_where(schema, |keyword, role| role == Role::InPlace && keyword != "not").into_iter();
        let more: Vec<&Value> = referred(root, schema).into_iter().chain(parts.map(|part| part.schema)).collect();
        next.extend(more.into_iter().rev());
    }
    all
}

/// What tells one schema of a document from another.
pub(super) fn address(schema: &Value) -> usize {
    std::ptr::from_ref(schema).addr()
}

/// `name` as a part of a JSON Pointer.
pub(super) fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// `text` without percent encoding; none when it can't be decoded.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = std::str::from_utf8(after.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &after[2..];
    }
    String::from_utf8(bytes).ok()
}
