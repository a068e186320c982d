//! What can go on where somebody types in the text of a configuration: the names that its schema knows and the text hasn't, and the values of
//! those that may only have some.

use api::{ConfigurationFormat, variable_text};
use serde_json::Value;

use super::schema::Properties;

/// Suggestions that are made at a time.
const MOST: usize = 8;
/// Bytes of a text beyond which nothing is suggested.
const LARGEST: usize = 256 * 1024;

/// A value that the schema knows.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    /// Its name.
    pub name: String,
    /// What it is, in a few words; may be empty.
    pub about: String,
    /// The only values that it may have; empty when there are others.
    pub values: Vec<Value>,
}

/// What may be typed in the place of what is typed there now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The bytes that it takes the place of.
    pub place: std::ops::Range<usize>,
    /// What may stand there.
    pub suggestions: Vec<Suggestion>,
}

/// One of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion {
    /// What it is called.
    pub label: String,
    /// What it is, in a few words; may be empty.
    pub about: String,
    /// What is typed for it.
    pub text: String,
}

/// What a schema knows, in the order of names.
pub fn known(schema: &Value) -> Vec<Known> {
    let properties = Properties::of(schema);
    let known = properties.all().map(|(name, said)| {
        let about = said.text("description").or_else(|| said.text("title")).unwrap_or_default().to_owned();
        let values = match said.choices() {
            Some(choices) => choices.into_iter().cloned().collect(),
            None if said.types() == ["boolean"] => vec![Value::from(true), Value::from(false)],
            None => Vec::new(),
        };
        Known { name: name.clone(), about, values }
    });
    let mut known: Vec<_> = known.collect();
    known.sort_by(|one, other| one.name.cmp(&other.name));
    known
}

/// What can go on at the byte `caret` of `text`; none where nothing is known.
pub fn complete(format: ConfigurationFormat, text: &str, caret: usize, known: &[Known]) -> Option<Completion> {
    let before = text.get(..caret).filter(|_| text.len() <= LARGEST)?;
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let (line, after) = (&before[start..], text[caret..].split('\n').next().unwrap_or_default());
    let is_quoted = format == ConfigurationFormat::Json && after.starts_with('"');
    if !after.trim_start_matches('"').trim_matches([' ', '\r', ',']).is_empty() {
        return None;
    }
    let end = caret + usize::from(is_quoted);
    let suggestions = match value(format, line) {
        Some((name, typed)) => {
            let one = known.iter().find(|one| one.name == name)?;
            let all = one.values.iter().map(|value| Suggestion {
                label: variable_text(value).unwrap_or_else(|| "null".into()),
                about: String::new(),
                text: written(format, value),
            });
            let typed_words = typed.trim_start_matches(['"', '\'']);
            let found: Vec<_> = all.filter(|one| starts(&one.label, typed_words) && one.text != typed).collect();
            (caret - typed.len(), found)
        }
        None => {
            let typed = name(format, before, line)?;
            let words = typed.trim_start_matches('"');
            let rest = [&text[..caret - typed.len()], &text[end..]];
            let is_new = |one: &&Known| starts(&one.name, words) && !rest.iter().any(|part| has(format, part, &one.name));
            let suggestion = |one: &Known| Suggestion {
                label: one.name.clone(),
                about: one.about.clone(),
                text: match format {
                    ConfigurationFormat::Json => format!("\"{}\": ", one.name),
                    ConfigurationFormat::Yaml => format!("{}: ", one.name),
                    ConfigurationFormat::Toml => format!("{} = ", one.name),
                    ConfigurationFormat::Env => format!("{}=", one.name),
                },
            };
            (caret - typed.len(), known.iter().filter(is_new).take(MOST).map(suggestion).collect())
        }
    };
    let (from, suggestions) = suggestions;
    (!suggestions.is_empty()).then_some(Completion { place: from..end, suggestions })
}

/// The name in a line and what is typed of its value, where that is what is typed.
fn value(format: ConfigurationFormat, line: &str) -> Option<(&str, &str)> {
    let (sign, line) = match format {
        ConfigurationFormat::Json | ConfigurationFormat::Yaml => (':', line),
        ConfigurationFormat::Toml => ('=', line),
        ConfigurationFormat::Env => ('=', line.strip_prefix("export ").unwrap_or(line)),
    };
    let (name, typed) = line.split_once(sign)?;
    let is_inner = format == ConfigurationFormat::Yaml && name.starts_with(' ');
    let name = name.trim().trim_matches('"');
    (is_word(name) && !name.is_empty() && !is_inner).then(|| (name, typed.trim_start()))
}

/// What is typed of a name, where a name is what is typed.
fn name<'t>(format: ConfigurationFormat, before: &str, line: &'t str) -> Option<&'t str> {
    let typed = match format {
        ConfigurationFormat::Json => {
            let typed = line.trim_start_matches([' ', '\t', '{']);
            let earlier = before[..before.len() - typed.len()].trim_end();
            let is_name = earlier.ends_with(['{', ',']) && depth(earlier) == 1;
            return (is_name && is_word(typed.strip_prefix('"').unwrap_or(typed))).then_some(typed);
        }
        // What is further in belongs to a value.
        ConfigurationFormat::Yaml => line,
        ConfigurationFormat::Toml => {
            let is_in_table = before[..before.len() - line.len()].lines().any(|line| line.trim_start().starts_with('['));
            if is_in_table {
                return None;
            }
            line.trim_start()
        }
        ConfigurationFormat::Env => line.strip_prefix("export ").unwrap_or(line),
    };
    is_word(typed).then_some(typed)
}

fn is_word(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// In how many objects and lists the end of a JSON text is; in a text it is in none.
fn depth(text: &str) -> usize {
    let (mut depth, mut is_text, mut is_escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_text => is_escaped = true,
            b'"' => is_text = !is_text,
            b'{' | b'[' if !is_text => depth += 1,
            b'}' | b']' if !is_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    if is_text { 0 } else { depth }
}

/// Whether a text has a value of that name.
fn has(format: ConfigurationFormat, text: &str, name: &str) -> bool {
    text.lines().any(|line| {
        let line = line.trim_start_matches([' ', '\t', '{']);
        let line = line.strip_prefix("export ").unwrap_or(line);
        let (line, is_quoted) = line.strip_prefix('"').map_or((line, false), |line| (line, true));
        let Some(rest) = line.strip_prefix(name) else { return false };
        let rest = if is_quoted { rest.strip_prefix('"').unwrap_or("x") } else { rest };
        let sign = if matches!(format, ConfigurationFormat::Json | ConfigurationFormat::Yaml) { ':' } else { '=' };
        rest.trim_start().starts_with(sign)
    })
}

fn starts(label: &str, typed: &str) -> bool {
    label.get(..typed.len()).is_some_and(|start| start.eq_ignore_ascii_case(typed))
}

/// A value as it is written in that format.
fn written(format: ConfigurationFormat, value: &Value) -> String {
    let is_plain = |text: &str| is_word(text) && text.starts_with(|first: char| first.is_ascii_alphabetic()) && !is_said_otherwise(text);
    match (format, value) {
        (ConfigurationFormat::Env, value) => variable_text(value).unwrap_or_default(),
        (ConfigurationFormat::Yaml, Value::String(text)) if is_plain(text) => text.clone(),
        _ => value.to_string(),
    }
}

/// Whether YAML may take a word for something else than a text.
fn is_said_otherwise(word: &str) -> bool {
    ["true", "false", "null", "yes", "no", "on", "off", "y", "n"].iter().any(|one| word.eq_ignore_ascii_case(one))
}

#[cfg(test)]
mod tests {
    use api::ConfigurationFormat::{self, *};
    use serde_json::json;

    use super::{complete, known};

    /// What is suggested at the `|` of a text, and the text with the first suggestion in it.
    fn at(format: ConfigurationFormat, text: &str) -> (Vec<String>, String) {
        let schema = json!({"properties": {
            "PORT": {"type": "integer", "description": "Where it listens."},
            "POOL": {"type": "integer"},
            "LEVEL": {"enum": ["info", "debug", "on"]},
            "DEBUG": {"anyOf": [{"type": "boolean"}, {"type": "null"}]},
        }});
        let caret = text.find('|').unwrap();
        let text = text.replace('|', "");
        let Some(found) = complete(format, &text, caret, &known(&schema)) else { return (Vec::new(), text) };
        let mut changed = text.clone();
        changed.replace_range(found.place, &found.suggestions[0].text);
        (found.suggestions.into_iter().map(|one| one.label).collect(), changed)
    }

    #[test]
    fn names_that_arent_there_yet_are_suggested_in_every_format() {
        for (format, text, expected, changed) in [
            (Env, "PORT=1\nexport p|", "POOL", "PORT=1\nexport POOL="),
            (Env, "po|\nPORT=1", "POOL", "POOL=\nPORT=1"),
            (Yaml, "PORT: 1\nPO|", "POOL", "PORT: 1\nPOOL: "),
            (Toml, "PORT = 1\nPO|\n[A]\n", "POOL", "PORT = 1\nPOOL = \n[A]\n"),
            (Json, "{\n  \"PORT\": 1,\n  \"PO|\"\n}", "POOL", "{\n  \"PORT\": 1,\n  \"POOL\": \n}"),
            (Json, "{ PO|", "POOL", "{ \"POOL\": "),
        ] {
            let (labels, text) = at(format, text);
            assert!(labels.iter().any(|label| label == expected), "{text}: {labels:?}");
            if labels.len() == 1 {
                assert_eq!(text, changed);
            }
        }
        assert_eq!(at(Env, "|").0, ["DEBUG", "LEVEL", "POOL", "PORT"]);
    }

    #[test]
    fn the_values_of_what_has_few_are_suggested_as_they_are_written() {
        for (format, text, changed) in [
            (Env, "LEVEL=i|", "LEVEL=info"),
            (Yaml, "LEVEL: i|", "LEVEL: info"),
            (Yaml, "LEVEL: o|", "LEVEL: \"on\""),
            (Toml, "LEVEL = d|", "LEVEL = \"debug\""),
            (Json, "{\n  \"LEVEL\": \"in|\"\n}", "{\n  \"LEVEL\": \"info\"\n}"),
            (Json, "{\n  \"DEBUG\": |,\n}", "{\n  \"DEBUG\": true,\n}"),
        ] {
            assert_eq!(at(format, text).1, changed);
        }
    }

    #[test]
    fn nothing_is_suggested_where_no_name_and_no_known_value_stands() {
        for (format, text) in [
            (Yaml, "A:\n  PO|"),
            (Toml, "[A]\nPO|"),
            (Json, "{\n  \"A\": {\n  \"PO|\"\n}}"),
            (Json, "{\n  \"A\": \"x, \nPO|\"}"),
            (Env, "PORT=8|"),
            (Env, "LEVEL=info|"),
            (Env, "# PO|"),
            (Env, "PO| more"),
            (Yaml, "POä|"),
            (Env, "PORT=1\nPOOL=2\nPO|"),
        ] {
            assert!(at(format, text).0.is_empty(), "{text}");
        }
    }
}
