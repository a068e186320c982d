//! Variables in the values of a Compose file: `$NAME`, `${NAME:-default}` and the like.

use std::collections::{BTreeMap, BTreeSet};

use api::{COMPOSE_BYTES, ComposeNote, Error, Result};
use serde_json::Value;

use super::value::shown;

/// Bytes that values with variables in them may have together: a variable may be long, and named often.
const FILLED_BYTES: usize = 8 * COMPOSE_BYTES;
/// Defaults inside one another.
const DEPTH: usize = 16;
/// What is noted of a part of the file at most: more would only fill the memory.
const NOTES: usize = 200;
/// The variable that Compose itself sets.
const PROJECT: &str = "COMPOSE_PROJECT_NAME";

/// Puts variables into values, and keeps what is to be said of it.
pub(super) struct Interpolation<'a> {
    variables: &'a BTreeMap<String, String>,
    project: Option<String>,
    left: usize,
    notes: BTreeSet<ComposeNote>,
}

impl<'a> Interpolation<'a> {
    /// Takes variables from `variables` and nowhere else.
    pub fn new(variables: &'a BTreeMap<String, String>) -> Self {
        Self { variables, project: None, left: FILLED_BYTES, notes: BTreeSet::new() }
    }

    /// Lets values name the project, unless the variables say otherwise.
    pub fn name_project(&mut self, project: &str) {
        self.project = Some(project.to_owned());
    }

    /// Fills in all text of a value that stands at `at`; keys stay.
    pub fn fill(&mut self, value: &mut Value, at: &str) -> Result<()> {
        match value {
            Value::String(text) if text.contains('$') => *text = self.text(text, at)?,
            Value::Array(list) => {
                for item in list {
                    self.fill(item, at)?;
                }
            }
            Value::Object(fields) => {
                for (key, field) in fields {
                    self.fill(field, &format!("{at}.{}", shown(key)))?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The text with its variables filled in. Fails at `/compose` when it is malformed, or needs a variable that isn't set.
    pub fn text(&mut self, text: &str, at: &str) -> Result<String> {
        self.nested(text, at, 0)
    }

    /// What has been noted since the last time.
    pub fn take_notes(&mut self) -> Vec<ComposeNote> {
        std::mem::take(&mut self.notes).into_iter().collect()
    }

    fn nested(&mut self, text: &str, at: &str, depth: usize) -> Result<String> {
        let malformed = || {
            let message = format!("{at}: '{}' has a '$' that begins no variable; write '$$' for a plain one", shown(text));
            Error::invalid("/compose", message)
        };
        if depth > DEPTH {
            return Err(malformed());
        }
        let (mut filled, mut rest) = (String::new(), text);
        while let Some((before, after)) = rest.split_once('$') {
            self.push(&mut filled, before)?;
            if let Some(after) = after.strip_prefix('$') {
                self.push(&mut filled, "$")?;
                rest = after;
            } else if let Some(braced) = after.strip_prefix('{') {
                let end = closing_brace(braced).ok_or_else(malformed)?;
                let (name, operator) = split_name(&braced[..end]).ok_or_else(malformed)?;
                let value = self.braced(name, operator, at, depth)?.ok_or_else(malformed)?;
                self.push(&mut filled, &value)?;
                rest = &braced[end + 1..];
            } else {
                let (name, after) = split_name(after).ok_or_else(malformed)?;
                let value = self.plain(name, at);
                self.push(&mut filled, &value)?;
                rest = after;
            }
        }
        self.push(&mut filled, rest)?;
        Ok(filled)
    }

    /// The value of `${NAME..}`; none when what follows the name is no operator. Only the part that is used is looked at.
    fn braced(&mut self, name: &str, operator: &str, at: &str, depth: usize) -> Result<Option<String>> {
        if operator.is_empty() {
            return Ok(Some(self.plain(name, at)));
        }
        let (operator, skips_empty) = operator.strip_prefix(':').map_or((operator, false), |operator| (operator, true));
        let set = self.find(name).filter(|value| !(skips_empty && value.is_empty())).map(String::from);
        let (Some(sign), argument) = (operator.chars().next(), operator.get(1..).unwrap_or_default()) else { return Ok(None) };
        let value = match (sign, set) {
            ('-' | '?', Some(value)) => value,
            ('-', None) | ('+', Some(_)) => self.nested(argument, at, depth + 1)?,
            ('+', None) => String::new(),
            ('?', None) => {
                let why = self.nested(argument, at, depth + 1)?;
                let needed = format!("{at}: the variable {} has to be set", shown(name));
                let message = if why.trim().is_empty() { needed } else { format!("{needed}: {}", shown(why.trim())) };
                return Err(Error::invalid("/compose", message));
            }
            _ => return Ok(None),
        };
        Ok(Some(value))
    }

    fn plain(&mut self, name: &str, at: &str) -> String {
        if let Some(value) = self.find(name) {
            return value.to_owned();
        }
        if self.notes.len() < NOTES {
            let message = format!("the variable {} isn't set, so it is empty", shown(name));
            self.notes.insert(ComposeNote { at: at.to_owned(), message });
        }
        String::new()
    }

    fn find(&self, name: &str) -> Option<&str> {
        let of_project = self.project.as_deref().filter(|_| name == PROJECT);
        self.variables.get(name).map(String::as_str).or(of_project)
    }

    fn push(&mut self, filled: &mut String, part: &str) -> Result<()> {
        let too_large = || Error::invalid("/compose", "with its variables filled in the file is too large");
        self.left = self.left.checked_sub(part.len()).ok_or_else(too_large)?;
        filled.push_str(part);
        Ok(())
    }
}

/// The name that a text begins with, and what follows it.
fn split_name(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    name.starts_with(|c: char| !c.is_ascii_digit()).then_some((name, rest))
}

/// Where the brace closes that was opened just before `text`. As Compose has it, each brace counts, so that a default may be JSON.
fn closing_brace(text: &str) -> Option<usize> {
    let mut open = 1_usize;
    for (place, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => open += 1,
            b'}' => open -= 1,
            _ => continue,
        }
        if open == 0 {
            return Some(place);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::Interpolation;

    fn variables() -> BTreeMap<String, String> {
        [("TAG", "1.27"), ("EMPTY", ""), ("_x", "under")].map(|(name, value)| (name.into(), value.into())).into()
    }

    #[test]
    fn variables_are_filled_in_as_compose_does() {
        let table = [
            ("nginx:$TAG", "nginx:1.27"),
            ("$TAG-$_x/${TAG}", "1.27-under/1.27"),
            ("a$$b $${TAG} $$$TAG", "a$b ${TAG} $1.27"),
            ("${NONE:-d} ${EMPTY:-d} ${TAG:-d}", "d d 1.27"),
            ("${NONE-d} ${EMPTY-d} ${TAG-d}", "d  1.27"),
            ("${NONE:+r} ${EMPTY:+r} ${TAG:+r}", "  r"),
            ("${NONE+r} ${EMPTY+r} ${TAG+r}", " r r"),
            ("${TAG:?needed} ${TAG?needed} ${EMPTY?needed}", "1.27 1.27 "),
            ("${NONE:-${ALSO:-deep $TAG}}!", "deep 1.27!"),
            ("${NONE:-{\"a\":{}}}", "{\"a\":{}}"),
            ("${NONE:-} ${NONE-}", " "),
            ("${NONE:-a:-b?c+d}", "a:-b?c+d"),
            ("ünïcode ${TAG} 🦀", "ünïcode 1.27 🦀"),
            ("$COMPOSE_PROJECT_NAME", "shop"),
            ("${TAG:-${}}", "1.27"),
        ];
        let variables = variables();
        for (text, filled) in table {
            let mut interpolation = Interpolation::new(&variables);
            interpolation.name_project("shop");
            assert_eq!(interpolation.text(text, "here").expect(text), filled, "{text}");
            assert_eq!(interpolation.take_notes(), [], "{text}");
        }
    }

    #[test]
    fn a_variable_that_is_not_set_is_empty_and_noted_once() {
        let variables = variables();
        let mut interpolation = Interpolation::new(&variables);
        assert_eq!(interpolation.text("$NONE${NONE}", "services.web.image").unwrap(), "");
        let notes = interpolation.take_notes();
        assert_eq!(notes.len(), 1);
        assert_eq!(
            (notes[0].at.as_str(), notes[0].message.as_str()),
            ("services.web.image", "the variable NONE isn't set, so it is empty")
        );
        assert_eq!(interpolation.take_notes(), []);
    }

    #[test]
    fn what_is_malformed_or_needed_is_refused() {
        let deep = format!("{}x{}", "${A:-".repeat(5_000), "}".repeat(5_000));
        let table = [
            ("$", "begins no variable"),
            ("a $ b", "begins no variable"),
            ("$1", "begins no variable"),
            ("${}", "begins no variable"),
            ("${TAG", "begins no variable"),
            ("${TAG:-{}", "begins no variable"),
            ("${TAG!}", "begins no variable"),
            ("${TAG:}", "begins no variable"),
            ("${TAG:ü}", "begins no variable"),
            ("${1A}", "begins no variable"),
            ("${ TAG }", "begins no variable"),
            ("${NONE:-$}", "begins no variable"),
            (deep.as_str(), "begins no variable"),
            ("${NONE:?say which}", "here: the variable NONE has to be set: say which"),
            ("${EMPTY:?}", "here: the variable EMPTY has to be set"),
            ("${NONE?give $TAG}", "has to be set: give 1.27"),
        ];
        let variables = variables();
        for (text, message) in table {
            let error = Interpolation::new(&variables).text(text, "here").expect_err(text);
            assert!(error.message.contains(message), "{text}: {}", error.message);
            assert_eq!(error.details[0].field, "/compose");
        }
    }

    #[test]
    fn long_variables_can_not_fill_the_memory() {
        let long = BTreeMap::from([("A".to_owned(), "x".repeat(100_000))]);
        let error = Interpolation::new(&long).text(&"$A".repeat(100_000), "here").unwrap_err();
        assert!(error.message.contains("too large"), "{}", error.message);
    }
}
