//! TOML, read, written and changed in place.

use std::collections::BTreeMap;

use api::{Error, Result, pointer_part};
use serde_json::{Map, Number, Value};
use toml_edit::{Array, Document as Parsed, DocumentMut, InlineTable, Item, Table, TableLike, Value as Toml};

use super::{Document, Ends, Fault, without_nulls};

/// Reads a text. Dates and times are text, as they are written.
pub(super) fn read(text: &str) -> Result<Document, Fault> {
    let ends = Ends::of(text);
    let parsed = Parsed::parse(text).map_err(|error| {
        let line = error.span().map(|span| ends.line(span.start));
        // It says what it found, and that is of the syntax: values are in no message of the parser.
        Fault { line, message: error.message().lines().next().unwrap_or("it isn't TOML").to_owned() }
    })?;
    let mut reader = Reader { ends, lines: BTreeMap::new() };
    let values = reader.table(parsed.as_table(), "")?;
    Ok(Document { values, lines: reader.lines })
}

struct Reader {
    ends: Ends,
    lines: BTreeMap<String, u64>,
}

impl Reader {
    fn table(&mut self, table: &dyn TableLike, pointer: &str) -> Result<Map<String, Value>, Fault> {
        let mut values = Map::new();
        for (name, item) in table.iter() {
            let pointer = format!("{pointer}/{}", pointer_part(name));
            let span = table.key(name).and_then(toml_edit::Key::span).or_else(|| item.span());
            if let Some(span) = span {
                self.lines.insert(pointer.clone(), self.ends.line(span.start));
            }
            let value = self.item(item, &pointer)?;
            values.insert(name.to_owned(), value);
        }
        Ok(values)
    }

    fn item(&mut self, item: &Item, pointer: &str) -> Result<Value, Fault> {
        Ok(match item {
            Item::None => Value::Null,
            Item::Value(value) => self.value(value, pointer)?,
            Item::Table(table) => Value::Object(self.table(table, pointer)?),
            Item::ArrayOfTables(tables) => {
                let tables = tables.iter().enumerate();
                let items: Result<Vec<_>, Fault> =
                    tables.map(|(at, table)| Ok(Value::Object(self.table(table, &format!("{pointer}/{at}"))?))).collect();
                Value::Array(items?)
            }
        })
    }

    fn value(&mut self, value: &Toml, pointer: &str) -> Result<Value, Fault> {
        Ok(match value {
            Toml::String(text) => Value::String(text.value().clone()),
            Toml::Integer(number) => Value::Number((*number.value()).into()),
            Toml::Float(number) => Value::Number(Number::from_f64(*number.value()).ok_or_else(|| {
                let line = value.span().map(|span| self.ends.line(span.start));
                Fault { line, message: "a number has to be finite; put it in quotes if it is a text".into() }
            })?),
            Toml::Boolean(flag) => Value::Bool(*flag.value()),
            Toml::Datetime(time) => Value::String(time.value().to_string()),
            Toml::Array(items) => {
                let items = items.iter().enumerate();
                let items: Result<Vec<_>, Fault> = items.map(|(at, item)| self.value(item, &format!("{pointer}/{at}"))).collect();
                Value::Array(items?)
            }
            Toml::InlineTable(table) => Value::Object(self.table(table, pointer)?),
        })
    }
}

/// Writes values anew; objects are tables of their own. Fails for a whole number beyond 64 bits with a sign.
pub(super) fn write(values: &Map<String, Value>) -> Result<String> {
    let mut document = DocumentMut::new();
    put(document.as_table_mut(), &Map::new(), &without_nulls(values))?;
    Ok(document.to_string())
}

/// The text with other values, each in its place.
pub(super) fn follow(text: &str, old: &Map<String, Value>, values: &Map<String, Value>) -> Option<String> {
    let mut document: DocumentMut = text.parse().ok()?;
    put(document.as_table_mut(), old, &without_nulls(values)).ok()?;
    Some(document.to_string())
}

/// Changes a table that says `old` into one that says `new`.
fn put(table: &mut dyn TableLike, old: &Map<String, Value>, new: &Map<String, Value>) -> Result<()> {
    for name in old.keys().filter(|name| !new.contains_key(*name)) {
        table.remove(name);
    }
    for (name, value) in new {
        let before = old.get(name);
        if before == Some(value) {
            continue;
        }
        match (table.get_mut(name), before, value) {
            (Some(item), Some(Value::Object(before)), Value::Object(after)) if item.is_table_like() => {
                item.as_table_like_mut().map_or(Ok(()), |inner| put(inner, before, after))?;
            }
            (Some(Item::Value(there)), ..) => {
                let around = there.decor().clone();
                *there = inline(value)?;
                *there.decor_mut() = around;
            }
            _ => _ = table.insert(name, item(value)?),
        }
    }
    Ok(())
}

/// A value as what stands at a name.
fn item(value: &Value) -> Result<Item> {
    let Value::Object(parts) = value else { return Ok(Item::Value(inline(value)?)) };
    let mut table = Table::new();
    for (name, part) in parts.iter().filter(|(_, part)| !part.is_null()) {
        table.insert(name, item(part)?);
    }
    Ok(Item::Table(table))
}

/// A value as what stands in a line.
fn inline(value: &Value) -> Result<Toml> {
    Ok(match value {
        Value::Null => return Err(Error::invalid("/format", "TOML has no null, and a list has one; use another format")),
        Value::Bool(flag) => (*flag).into(),
        Value::Number(number) => match (number.as_i64(), number.as_f64().filter(|_| number.is_f64())) {
            (Some(whole), _) => whole.into(),
            (None, Some(part)) => part.into(),
            _ => return Err(Error::invalid("/format", format!("{number} is too large for TOML; use another format"))),
        },
        Value::String(text) => text.as_str().into(),
        Value::Array(items) => {
            let mut array = Array::new();
            for item in items {
                array.push(inline(item)?);
            }
            array.into()
        }
        Value::Object(parts) => {
            let mut table = InlineTable::new();
            for (name, part) in parts.iter().filter(|(_, part)| !part.is_null()) {
                table.insert(name, inline(part)?);
            }
            table.into()
        }
    })
}
