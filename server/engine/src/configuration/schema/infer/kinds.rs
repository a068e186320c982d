//! The types that are known by their names, and what limits them.

use serde_json::{Map, Value, json};

use super::expression::Expression;

/// Of one type.
pub(super) fn of_type(kind: &str) -> Map<String, Value> {
    Map::from_iter([("type".to_owned(), json!(kind))])
}

/// A list of what `item` is, which may be unknown.
pub(super) fn list_of(item: Map<String, Value>) -> Map<String, Value> {
    let mut keywords = of_type("array");
    if !item.is_empty() {
        keywords.insert("items".into(), Value::Object(item));
    }
    keywords
}

/// One of `values`.
pub(super) fn options(values: Vec<Value>) -> Map<String, Value> {
    let values: Vec<Value> = values.into_iter().filter(|value| !value.is_null()).collect();
    if values.is_empty() {
        return Map::new();
    }
    let mut keywords = match () {
        () if values.iter().all(Value::is_string) => of_type("string"),
        () if values.iter().all(|value| value.is_i64()) => of_type("integer"),
        () => Map::new(),
    };
    keywords.insert("enum".into(), Value::Array(values));
    keywords
}

/// The type that a field without annotation has by its default.
pub(super) fn type_of_default(value: &Value) -> Map<String, Value> {
    match value {
        Value::Bool(_) => of_type("boolean"),
        Value::Number(number) if number.is_f64() => of_type("number"),
        Value::Number(_) => of_type("integer"),
        Value::String(_) => of_type("string"),
        Value::Array(_) => of_type("array"),
        Value::Object(_) => of_type("object"),
        Value::Null => Map::new(),
    }
}

/// A type that is known by its name.
pub(super) fn plain(name: &str) -> Map<String, Value> {
    let formatted = |format: &str| {
        let mut keywords = of_type("string");
        keywords.insert("format".into(), json!(format));
        keywords
    };
    let with = |kind: &str, keyword: &str, value: i64| {
        let mut keywords = of_type(kind);
        keywords.insert(keyword.into(), json!(value));
        keywords
    };
    match name {
        "str" | "StrictStr" | "constr" | "NameEmail" | "IPvAnyAddress" | "IPvAnyNetwork" | "IPvAnyInterface" | "bytes" | "Base64Str" => {
            of_type("string")
        }
        "int" | "StrictInt" | "conint" => of_type("integer"),
        "float" | "StrictFloat" | "confloat" | "FiniteFloat" => of_type("number"),
        "bool" | "StrictBool" => of_type("boolean"),
        "PositiveInt" => with("integer", "exclusiveMinimum", 0),
        "NonNegativeInt" => with("integer", "minimum", 0),
        "NegativeInt" => with("integer", "exclusiveMaximum", 0),
        "NonPositiveInt" => with("integer", "maximum", 0),
        "PositiveFloat" => with("number", "exclusiveMinimum", 0),
        "NonNegativeFloat" => with("number", "minimum", 0),
        "SecretStr" | "SecretBytes" => {
            let mut keywords = formatted("password");
            keywords.insert("writeOnly".into(), json!(true));
            keywords
        }
        "EmailStr" => formatted("email"),
        "Path" | "FilePath" | "DirectoryPath" | "NewPath" | "PurePath" | "PosixPath" => formatted("path"),
        "UUID" | "UUID1" | "UUID3" | "UUID4" | "UUID5" => formatted("uuid"),
        "IPv4Address" => formatted("ipv4"),
        "IPv6Address" => formatted("ipv6"),
        "date" => formatted("date"),
        "time" => formatted("time"),
        "datetime" | "AwareDatetime" | "NaiveDatetime" => formatted("date-time"),
        "timedelta" => formatted("duration"),
        "list" | "List" | "tuple" | "Tuple" | "set" | "Set" | "frozenset" | "FrozenSet" | "Sequence" | "conlist" | "conset" => {
            of_type("array")
        }
        "dict" | "Dict" | "Mapping" => of_type("object"),
        name if name.ends_with("Url") || name.ends_with("Dsn") => formatted("uri"),
        _ => Map::new(),
    }
}

/// Adds what the keyword arguments of `call` allow.
pub(super) fn constrain(keywords: &mut Map<String, Value>, call: &Expression) {
    if let Expression::Call(_, _, arguments) = call {
        arguments.iter().for_each(|(name, value)| limit(keywords, name, value));
    }
}

/// Adds what the argument `name` says, when it goes with the type.
pub(super) fn limit(keywords: &mut Map<String, Value>, name: &str, value: &Expression) {
    let Expression::Literal(value) = value else { return };
    let kind = keywords.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    let keyword = match (name, kind.as_str()) {
        ("ge", "integer" | "number") => "minimum",
        ("gt", "integer" | "number") => "exclusiveMinimum",
        ("le", "integer" | "number") => "maximum",
        ("lt", "integer" | "number") => "exclusiveMaximum",
        ("multiple_of", "integer") => "multipleOf",
        ("min_length", "string") => "minLength",
        ("max_length", "string") => "maxLength",
        ("min_length" | "min_items", "array") => "minItems",
        ("max_length" | "max_items", "array") => "maxItems",
        ("min_length", "object") => "minProperties",
        ("max_length", "object") => "maxProperties",
        ("pattern" | "regex", "string") => "pattern",
        _ => return,
    };
    let fits = match keyword {
        "pattern" => value.is_string(),
        "minimum" | "exclusiveMinimum" | "maximum" | "exclusiveMaximum" => value.is_number(),
        "multipleOf" => value.as_u64().is_some_and(|number| number > 0),
        _ => value.is_u64(),
    };
    if fits {
        keywords.insert(keyword.into(), value.clone());
    }
}
