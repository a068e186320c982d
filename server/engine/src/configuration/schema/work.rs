//! Counts beforehand what checking values by a schema would take, so that it is refused instead of begun.
//!
//! Each step of the validator is taken here without checking anything: where a schema leads to two others that lead to two others for each
//! level of the values, that is found out at a small price.

use std::collections::HashMap;
use std::rc::Rc;

use api::Detail;
use serde_json::{Map, Value};

use super::check::{Weights, bytes};
use super::graph::{Part, Role, address, parts, referred};

/// What may be spent. One is about a byte that a fault could take, or some nanoseconds.
const BUDGET: u64 = 64 * 1024 * 1024;
/// Bytes of names and texts that are matched with patterns, each as often as a pattern has places where it may be at once: 1 MiB for most
/// patterns, 32 KiB for the largest. At the most that is some seconds.
const MATCHED: u64 = 256 * 1024 * 1024;
/// Schemas and values below one another.
const DEPTH: usize = 600;
/// What a keyword costs that is only asked whether a value is right.
const ASKED: u64 = 100;
/// What a keyword costs whose fault is kept, without where it is.
const KEPT: u64 = 250;

/// How a value is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Whether it is right.
    Asked,
    /// What is wrong with it.
    Faults {
        /// Whether it is copied into each fault.
        is_copied: bool,
    },
}

/// What is left to be spent.
pub(super) struct Work<'a> {
    root: &'a Value,
    weights: &'a Weights,
    parts: HashMap<usize, Rc<[Part<'a>]>>,
    budget: u64,
    matched: u64,
}

/// It takes too much.
struct TooMuch(&'static str);

impl<'a> Work<'a> {
    /// Fails when checking `values` by `schema` takes too much.
    pub fn check(schema: &'a Value, weights: &'a Weights, values: &Value) -> Result<(), Detail> {
        let mut work = Self { root: schema, weights, parts: HashMap::new(), budget: BUDGET, matched: MATCHED };
        work.visit(schema, values, Mode::Faults { is_copied: false }, 0, 0)
            .map_err(|TooMuch(message)| Detail { field: String::new(), message: message.into() })
    }

    fn spend(&mut self, amount: u64) -> Result<(), TooMuch> {
        self.budget = self.budget.checked_sub(amount).ok_or(TooMuch(
            "take too much work to be checked by this schema. Make the schema simpler, such as by fewer 'anyOf' in one another, or the values fewer",
        ))?;
        Ok(())
    }

    fn match_text(&mut self, pattern: &str, bytes: usize) -> Result<(), TooMuch> {
        let places = self.weights.get(pattern).copied().unwrap_or(1);
        self.matched = self.matched.checked_sub((bytes as u64 + 1).saturating_mul(places)).ok_or(TooMuch(
            "are too long to be matched with the patterns of the schema, which takes long for large patterns. Make them shorter, or repeat less in the patterns",
        ))?;
        Ok(())
    }

    /// One schema for one value, whose pointer has `path` bytes.
    fn visit(&mut self, schema: &'a Value, value: &Value, mode: Mode, path: usize, depth: usize) -> Result<(), TooMuch> {
        if depth > DEPTH {
            return Err(TooMuch("go through too many schemas in one another. Make the schema simpler"));
        }
        let Value::Object(own) = schema else { return self.spend(KEPT + path as u64) };
        self.own(own, value, mode, path)?;
        let parts = self.parts.entry(address(schema)).or_insert_with(|| parts(schema).into()).clone();
        let marks = own.contains_key("unevaluatedProperties") || own.contains_key("unevaluatedItems");
        if let Some(target) = referred(self.root, schema) {
            self.same(target, value, mode, marks, path, depth)?;
        }
        for part in parts.iter() {
            match part.role {
                Role::Apart => {}
                Role::InPlace => self.in_place(part, value, mode, marks, path, depth)?,
                Role::Below => self.below(own, part, value, mode, marks, path, depth)?,
            }
        }
        Ok(())
    }

    /// What the keywords of a schema cost that have no schemas.
    fn own(&mut self, own: &Map<String, Value>, value: &Value, mode: Mode, path: usize) -> Result<(), TooMuch> {
        let list = |name: &str| own.get(name).and_then(Value::as_array).map_or(0, Vec::len) as u64;
        let keywords = 1 + own.len() as u64 + list("required");
        self.spend(match mode {
            Mode::Asked => ASKED * keywords,
            Mode::Faults { is_copied: false } => (KEPT + path as u64) * keywords,
            Mode::Faults { is_copied: true } => (KEPT + path as u64 + bytes(value) as u64) * keywords,
        })?;
        self.spend(8 * list("enum"))?;
        match value {
            Value::String(text) => {
                if let Some(Value::String(pattern)) = own.get("pattern") {
                    self.match_text(pattern, text.len())?;
                }
            }
            Value::Array(items) if own.contains_key("uniqueItems") => self.spend((items.len() as u64).pow(2) / 16)?,
            Value::Object(all) if own.contains_key("additionalProperties") || own.contains_key("unevaluatedProperties") => {
                self.spend(all.keys().map(|name| name.len() as u64 + 24).sum())?;
            }
            _ => {}
        }
        Ok(())
    }

    fn in_place(&mut self, part: &Part<'a>, value: &Value, mode: Mode, marks: bool, path: usize, depth: usize) -> Result<(), TooMuch> {
        let inner = match (part.keyword, mode) {
            ("if" | "not", _) | (_, Mode::Asked) => Mode::Asked,
            ("anyOf" | "oneOf", Mode::Faults { .. }) => {
                // Asked first, then once more for what is wrong.
                self.same(part.schema, value, Mode::Asked, marks, path, depth)?;
                Mode::Faults { is_copied: true }
            }
            (_, faults) => faults,
        };
        self.same(part.schema, value, inner, marks, path, depth)
    }

    /// A schema for the same value; again, to know what it `marks` as looked at.
    fn same(&mut self, schema: &'a Value, value: &Value, mode: Mode, marks: bool, path: usize, depth: usize) -> Result<(), TooMuch> {
        self.visit(schema, value, mode, path, depth + 1)?;
        if marks {
            self.visit(schema, value, Mode::Asked, path, depth + 1)?;
            self.visit(schema, value, Mode::Asked, path, depth + 1)?;
        }
        Ok(())
    }

    /// A schema for what is in the value; where it can't be told without matching for which of it, for all.
    #[expect(clippy::too_many_arguments, reason = "what is visited, and how it was come to")]
    fn below(
        &mut self,
        own: &Map<String, Value>,
        part: &Part<'a>,
        value: &Value,
        mode: Mode,
        marks: bool,
        path: usize,
        depth: usize,
    ) -> Result<(), TooMuch> {
        let declared = |name: &str| own.get("properties").and_then(|all| all.get(name)).is_some();
        match value {
            Value::Object(all) => match (part.keyword, part.name) {
                ("properties", Some(name)) => {
                    if let Some(child) = all.get(name) {
                        self.same(part.schema, child, mode, marks, path + name.len() + 1, depth)?;
                    }
                    self.spend(1)?;
                }
                ("patternProperties", Some(pattern)) => {
                    for (name, child) in all {
                        self.match_text(pattern, name.len())?;
                        self.same(part.schema, child, mode, marks, path + name.len() + 1, depth)?;
                    }
                }
                ("additionalProperties" | "unevaluatedProperties", _) => {
                    for (name, child) in all.iter().filter(|(name, _)| !declared(name)) {
                        self.same(part.schema, child, mode, marks, path + name.len() + 1, depth)?;
                    }
                }
                ("propertyNames", _) => {
                    for name in all.keys() {
                        self.visit(part.schema, &Value::String(name.clone()), mode, path, depth + 1)?;
                    }
                }
                _ => {}
            },
            Value::Array(items) => match (part.keyword, part.index) {
                ("prefixItems" | "items", Some(index)) => {
                    if let Some(child) = items.get(index) {
                        self.same(part.schema, child, mode, marks, path + 8, depth)?;
                    }
                }
                ("items" | "additionalItems" | "unevaluatedItems" | "contains", _) => {
                    let mode = if part.keyword == "contains" { Mode::Asked } else { mode };
                    for child in items {
                        self.same(part.schema, child, mode, marks, path + 8, depth)?;
                    }
                }
                _ => {}
            },
            _ => {}
        }
        Ok(())
    }
}
