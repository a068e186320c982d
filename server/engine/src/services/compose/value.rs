//! Values of a Compose file as what they have to be, or why they aren't.

use serde_json::{Map, Value};

pub(super) use crate::yaml::shown;

/// A part of a service as it was read, or why the service can't be made.
pub(super) type Reading<T> = Result<T, String>;

const SECOND: u128 = 1_000_000_000;
/// The units of a duration in nanoseconds.
const UNITS: [(&str, u128); 10] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", SECOND),
    ("m", 60 * SECOND),
    ("h", 3600 * SECOND),
    ("d", 86_400 * SECOND),
    ("w", 7 * 86_400 * SECOND),
];

/// Whether a value asks for anything: a field that is empty or says no does not.
pub(super) fn asks(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(_) => true,
        Value::String(text) => !matches!(text.as_str(), "" | "false"),
        Value::Array(list) => !list.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
    }
}

/// Text, a number or a flag as text.
pub(super) fn text(field: &str, value: &Value) -> Reading<String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(flag) => Ok(flag.to_string()),
        _ => Err(format!("'{field}' has to be text")),
    }
}

/// A list.
pub(super) fn list<'a>(field: &str, value: &'a Value) -> Reading<&'a [Value]> {
    value.as_array().map(Vec::as_slice).ok_or_else(|| format!("'{field}' has to be a list"))
}

/// A mapping.
pub(super) fn mapping<'a>(field: &str, value: &'a Value) -> Reading<&'a Map<String, Value>> {
    value.as_object().ok_or_else(|| format!("'{field}' has to be a mapping"))
}

/// A list of texts.
pub(super) fn texts(field: &str, value: &Value) -> Reading<Vec<String>> {
    list(field, value)?.iter().map(|item| text(field, item)).collect()
}

/// A mapping of names to texts, or a list of `NAME=VALUE` and bare names. None stands for what has no value.
pub(super) fn pairs(field: &str, value: &Value) -> Reading<Vec<(String, Option<String>)>> {
    let pair = |item: String| match item.split_once('=') {
        Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
        None => (item, None),
    };
    match value {
        Value::Array(_) => Ok(texts(field, value)?.into_iter().map(pair).collect()),
        Value::Object(fields) => {
            let of = |(name, value): (&String, &Value)| {
                let value = if value.is_null() { None } else { Some(text(&format!("{field}.{}", shown(name)), value)?) };
                Ok((name.clone(), value))
            };
            fields.iter().map(of).collect()
        }
        _ => Err(format!("'{field}' has to be a mapping or a list of NAME=VALUE")),
    }
}

/// Yes or no.
pub(super) fn flag(field: &str, value: &Value) -> Reading<bool> {
    match text(field, value)?.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "y" | "1" => Ok(true),
        "false" | "no" | "off" | "n" | "0" => Ok(false),
        _ => Err(format!("'{field}' has to be true or false")),
    }
}

/// A whole number.
pub(super) fn count(field: &str, value: &Value) -> Reading<i64> {
    let number = text(field, value)?;
    number.trim().parse().map_err(|_| format!("'{field}' has to be a whole number, and '{}' isn't one", shown(&number)))
}

/// The words of a command, which is a list or a line as a shell would split it. No shell reads it.
pub(super) fn words(field: &str, value: &Value) -> Reading<Vec<String>> {
    match value {
        Value::Array(_) => texts(field, value),
        Value::Object(_) => Err(format!("'{field}' has to be text or a list")),
        _ => {
            let line = text(field, value)?;
            shell_words::split(&without_comments(&line)).map_err(|_| format!("'{field}' has a quote that doesn't end"))
        }
    }
}

/// Seconds of a duration like `1m30s`, rounded up; none for 0, which Docker takes for not set.
pub(super) fn seconds(field: &str, value: &Value) -> Reading<Option<u32>> {
    let duration = text(field, value)?;
    let wrong = || format!("'{field}' has to be a duration like 30s or 1m30s, and '{}' isn't one", shown(&duration));
    let nanoseconds = nanoseconds(duration.trim()).ok_or_else(wrong)?;
    let seconds = u32::try_from(nanoseconds.div_ceil(SECOND)).unwrap_or(u32::MAX);
    Ok((seconds > 0).then_some(seconds))
}

fn nanoseconds(duration: &str) -> Option<u128> {
    if duration == "0" {
        return Some(0);
    }
    let (mut total, mut rest) = (0_u128, duration);
    loop {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(digits);
        let end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let factor = UNITS.iter().find(|(name, _)| *name == unit)?.1;
        let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
        // Nanoseconds are the least that counts.
        let part = part.get(..part.len().min(9))?;
        let scale = 10_u128.pow(u32::try_from(part.len()).ok()?);
        let value = u128::from(whole.parse::<u64>().ok()?) * scale + u128::from(part.parse::<u64>().ok()?);
        total = total.checked_add(value.checked_mul(factor)?.div_ceil(scale))?;
        rest = after;
        if rest.is_empty() {
            return Some(total);
        }
    }
}

/// The line with each `#` that would begin a comment escaped: in a command of Compose it is a letter like others.
fn without_comments(line: &str) -> String {
    let (mut escaped, mut quote, mut before) = (String::with_capacity(line.len()), None, ' ');
    let mut is_escaped = false;
    for c in line.chars() {
        if c == '#' && quote.is_none() && !is_escaped && before.is_whitespace() {
            escaped.push('\\');
        }
        match (c, quote) {
            _ if is_escaped => is_escaped = false,
            ('\\', None | Some('"')) => is_escaped = true,
            ('\'' | '"', None) => quote = Some(c),
            (_, Some(open)) if open == c => quote = None,
            _ => {}
        }
        escaped.push(c);
        before = c;
    }
    escaped
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{asks, count, flag, pairs, seconds, shown, words};

    #[test]
    fn durations_are_rounded_up_to_seconds() {
        let table = [
            ("1m30s", Some(90)),
            ("500ms", Some(1)),
            ("2h", Some(7200)),
            ("1.5s", Some(2)),
            ("1h1m1s1ms", Some(3662)),
            ("100us", Some(1)),
            ("1µs", Some(1)),
            ("1d", Some(86_400)),
            ("0s", None),
            ("0", None),
            ("99999999999h", Some(u32::MAX)),
        ];
        for (text, read) in table {
            assert_eq!(seconds("interval", &json!(text)), Ok(read), "{text}");
        }
        for wrong in ["30", "", "s", "1", "-5s", "5 s", "1m30", "1x", ".s", "1.2.3s", "1.s", "ü", "1ü", "99999999999999999999999s"] {
            let message = seconds("interval", &json!(wrong)).expect_err(wrong);
            assert!(message.starts_with("'interval' has to be a duration"), "{wrong}: {message}");
        }
    }

    #[test]
    fn commands_are_split_as_a_shell_does_without_its_comments() {
        let table: [(Value, &[&str]); 9] = [
            (json!("redis-server --save 60 1"), &["redis-server", "--save", "60", "1"]),
            (json!("sh -c 'echo \"a b\" $X'"), &["sh", "-c", "echo \"a b\" $X"]),
            (json!("a\\ b \"c d\"e"), &["a b", "c de"]),
            (json!("--requirepass #1 a#b '# c' \\#"), &["--requirepass", "#1", "a#b", "# c", "#"]),
            (json!(["a b", 1, true]), &["a b", "1", "true"]),
            (json!("'a\\' #b"), &["a\\", "#b"]),
            (json!(""), &[]),
            (json!("\"\""), &[""]),
            (json!("#"), &["#"]),
        ];
        for (value, read) in table {
            assert_eq!(words("command", &value).expect("read"), read, "{value}");
        }
        for (wrong, message) in [
            (json!("a 'b"), "'command' has a quote that doesn't end"),
            (json!({"a": 1}), "'command' has to be text or a list"),
            (json!([["a"]]), "'command' has to be text"),
        ] {
            assert_eq!(words("command", &wrong), Err(message.into()));
        }
    }

    #[test]
    fn mappings_and_lists_of_pairs_are_the_same() {
        let pair = |name: &str, value: Option<&str>| (name.to_owned(), value.map(String::from));
        let read = vec![pair("A", Some("1")), pair("B", None), pair("C", Some("")), pair("D", Some("x=y"))];
        assert_eq!(pairs("e", &json!({"A": "1", "B": null, "C": "", "D": "x=y"})), Ok(read.clone()));
        assert_eq!(pairs("e", &json!(["A=1", "B", "C=", "D=x=y"])), Ok(read));
        assert_eq!(pairs("e", &json!({"A": ["1"]})), Err("'e.A' has to be text".into()));
        assert_eq!(pairs("e", &json!("A")), Err("'e' has to be a mapping or a list of NAME=VALUE".into()));
    }

    #[test]
    fn numbers_and_flags_may_be_text() {
        assert_eq!((flag("f", &json!(true)), flag("f", &json!("false"))), (Ok(true), Ok(false)));
        assert_eq!(flag("f", &json!("maybe")), Err("'f' has to be true or false".into()));
        assert_eq!((count("n", &json!("3")), count("n", &json!(-1))), (Ok(3), Ok(-1)));
        assert_eq!(count("n", &json!("3.5")), Err("'n' has to be a whole number, and '3.5' isn't one".into()));
    }

    #[test]
    fn what_says_no_asks_for_nothing() {
        for value in [json!(null), json!(false), json!("false"), json!(""), json!([]), json!({})] {
            assert!(!asks(&value), "{value}");
        }
        for value in [json!(true), json!("host"), json!(["a"]), json!({"a": null}), json!(0)] {
            assert!(asks(&value), "{value}");
        }
        assert_eq!(shown(&format!("a\n{}", "x".repeat(500))).len(), 80);
    }
}
