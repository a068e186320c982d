//! One property of a JSON Schema, with what it refers to taken in.

use serde_json::{Map, Value};

/// How deep references and parts are followed; what is deeper counts as not there.
const DEPTH: usize = 16;

/// What a schema says of one value. References, all of `allOf`, and the only choice beside `null` are taken in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resolved(Map<String, Value>);

impl Resolved {
    /// What `schema` says, which is a part of `root`.
    pub fn of(root: &Value, schema: &Value) -> Self {
        let mut said = Map::new();
        take(root, schema, DEPTH, &mut said);
        Self(said)
    }

    /// What a keyword says.
    pub fn get(&self, keyword: &str) -> Option<&Value> {
        self.0.get(keyword)
    }

    /// What a keyword says in words; empty counts as nothing.
    pub fn text(&self, keyword: &str) -> Option<&str> {
        self.get(keyword).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
    }

    /// Whether a keyword is `true`.
    pub fn is(&self, keyword: &str) -> bool {
        self.get(keyword) == Some(&Value::Bool(true))
    }

    /// The types that a value may have beside `null`; empty for any.
    pub fn types(&self) -> Vec<&str> {
        let named: Vec<&str> = match self.get("type") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(some)) => some.iter().filter_map(Value::as_str).collect(),
            _ if self.0.contains_key("properties") => vec!["object"],
            _ if self.0.contains_key("items") => vec!["array"],
            _ => Vec::new(),
        };
        named.into_iter().filter(|one| *one != "null").collect()
    }

    /// The only values that it may have; none when there are others.
    pub fn choices(&self) -> Option<Vec<&Value>> {
        match (self.get("const"), self.get("enum")) {
            (Some(only), _) => Some(vec![only]),
            (None, Some(Value::Array(some))) => Some(some.iter().filter(|value| !value.is_null()).collect()),
            _ => None,
        }
    }

    /// Whether a text is a value of it.
    pub fn takes_text(&self) -> bool {
        let types = self.types();
        types.is_empty() || types.contains(&"string")
    }
}

/// What a schema of an object says of the values in it.
pub struct Properties<'a> {
    root: &'a Value,
    whole: Resolved,
}

impl<'a> Properties<'a> {
    /// What `schema` says.
    pub fn of(schema: &'a Value) -> Self {
        Self { root: schema, whole: Resolved::of(schema, schema) }
    }

    /// Those that it names, with what it says of each.
    pub fn all(&self) -> impl Iterator<Item = (&String, Resolved)> {
        let properties = self.whole.get("properties").and_then(Value::as_object);
        properties.into_iter().flatten().map(|(name, part)| (name, Resolved::of(self.root, part)))
    }

    /// Whether it names one.
    pub fn has(&self, name: &str) -> bool {
        self.whole.get("properties").is_some_and(|properties| properties.get(name).is_some())
    }

    /// What it says of one: by its property, else by what it says of all others.
    #[cfg(feature = "ssr")]
    pub fn get(&self, name: &str) -> Resolved {
        let own = self.whole.get("properties").and_then(|properties| properties.get(name));
        own.or_else(|| self.whole.get("additionalProperties")).map(|part| Resolved::of(self.root, part)).unwrap_or_default()
    }

    /// The names of those that have to be there.
    pub fn required(&self) -> Vec<&str> {
        self.whole.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
    }
}

fn take(root: &Value, schema: &Value, depth: usize, said: &mut Map<String, Value>) {
    let (Some(depth), Value::Object(schema)) = (depth.checked_sub(1), schema) else { return };
    if let Some(target) = schema.get("$ref").and_then(Value::as_str).and_then(|place| place.strip_prefix('#')) {
        root.pointer(target).into_iter().for_each(|part| take(root, part, depth, said));
    }
    for part in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
        take(root, part, depth, said);
    }
    for keyword in ["anyOf", "oneOf"] {
        let Some(parts) = schema.get(keyword).and_then(Value::as_array) else { continue };
        let parts: Vec<_> = parts.iter().map(|part| Resolved::of_depth(root, part, depth)).filter(|part| !part.is_null()).collect();
        match <[Resolved; 1]>::try_from(parts) {
            Ok([only]) => said.extend(only.0),
            Err(parts) => any_of(parts, said),
        }
    }
    // What stands beside a reference counts over what it refers to.
    let is_own = |keyword: &&String| !["$ref", "allOf", "anyOf", "oneOf"].contains(&keyword.as_str());
    said.extend(schema.iter().filter(|(keyword, _)| is_own(keyword)).map(|(keyword, value)| (keyword.clone(), value.clone())));
}

impl Resolved {
    fn of_depth(root: &Value, schema: &Value, depth: usize) -> Self {
        let mut said = Map::new();
        take(root, schema, depth, &mut said);
        Self(said)
    }

    fn is_null(&self) -> bool {
        self.get("type").and_then(Value::as_str) == Some("null") || self.get("const") == Some(&Value::Null)
    }
}

/// Of several choices only what can be said of all: their types, and their values when each has some.
fn any_of(parts: Vec<Resolved>, said: &mut Map<String, Value>) {
    let choices: Option<Vec<Value>> = parts
        .iter()
        .map(|part| Some(part.choices()?.into_iter().cloned().collect::<Vec<_>>()))
        .collect::<Option<Vec<_>>>()
        .map(|all| all.concat());
    if let Some(choices) = choices.filter(|choices| !choices.is_empty()) {
        said.insert("enum".into(), Value::Array(choices));
    }
    let mut types: Vec<Value> = Vec::new();
    for part in &parts {
        let named = part.types();
        if named.is_empty() {
            return;
        }
        types.extend(named.into_iter().map(Value::from));
    }
    types.dedup();
    said.insert("type".into(), Value::Array(types));
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use serde_json::{Value, json};

    use super::Properties;

    fn schema() -> Value {
        json!({
            "$defs": {
                "Port": {"type": "integer", "minimum": 1, "description": "of the port"},
                "Loop": {"$ref": "#/$defs/Loop"},
                "Level": {"enum": ["INFO", "DEBUG"], "type": "string"}
            },
            "properties": {
                "PORT": {"$ref": "#/$defs/Port", "description": "its own", "default": 80},
                "ALL": {"allOf": [{"$ref": "#/$defs/Level"}], "default": "INFO"},
                "MAYBE": {"anyOf": [{"type": "string", "maxLength": 3}, {"type": "null"}], "title": "Maybe"},
                "EITHER": {"anyOf": [{"type": "integer"}, {"type": "string"}, {"type": "null"}]},
                "LITERALS": {"oneOf": [{"const": "a"}, {"const": "b"}]},
                "LOOP": {"$ref": "#/$defs/Loop"},
                "LOST": {"$ref": "#/$defs/Nothing", "type": "boolean"},
                "ANY": true
            },
            "additionalProperties": {"type": "number"}
        })
    }

    #[test]
    fn references_parts_and_the_only_choice_beside_null_are_taken_in() {
        let schema = schema();
        let of = |name: &str| Properties::of(&schema).get(name);
        assert_eq!((of("PORT").types(), of("PORT").text("description")), (vec!["integer"], Some("its own")));
        assert_eq!((of("PORT").get("minimum"), of("ALL").choices().unwrap().len()), (Some(&json!(1)), 2));
        assert_eq!(
            (of("MAYBE").types(), of("MAYBE").get("maxLength"), of("MAYBE").text("title")),
            (vec!["string"], Some(&json!(3)), Some("Maybe"))
        );
        assert_eq!(of("EITHER").types(), ["integer", "string"]);
        assert_eq!(of("LITERALS").choices().unwrap(), [&json!("a"), &json!("b")]);
        assert!(of("LOOP").types().is_empty() && of("ANY").types().is_empty(), "what leads in a circle says nothing");
        assert_eq!((of("LOST").types(), of("OTHER").types()), (vec!["boolean"], vec!["number"]));
    }
}
