//! Environment variables as text that people edit: one `NAME=value` a line.

use std::collections::BTreeMap;

use crate::{Detail, Error, Result};

/// Writes variables, one a line. A value that a line can't hold as it is stands in double quotes, with `\n`, `\r`, `\"` and `\\`.
pub fn write_variables(variables: &BTreeMap<String, String>) -> String {
    let line = |(name, value): (&String, &String)| format!("{name}={}", quoted(value));
    variables.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Reads what [`write_variables`] writes, and what people do: empty lines and lines that begin with `#` are passed over. Fails with the
/// number of each line that isn't `NAME=value`, or has a name that another line has.
pub fn read_variables(text: &str) -> Result<BTreeMap<String, String>> {
    let (mut variables, mut faults) = (BTreeMap::new(), Vec::new());
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let fault = match line.split_once('=').map(|(name, value)| (name.trim(), unquoted(value.trim()))) {
            None => "is not of the form NAME=value",
            Some((_, None)) => "has a value whose quotes don't end, or are followed by something",
            Some((name, Some(value))) => match variables.insert(name.to_owned(), value) {
                None => continue,
                Some(_) => "has a name that another line has",
            },
        };
        faults.push(Detail { field: "/environment".into(), message: format!("line {number} of the variables {fault}") });
    }
    Error::invalid_fields(faults)?;
    Ok(variables)
}

fn quoted(value: &str) -> String {
    let is_plain = !value.starts_with('"') && value.trim() == value && !value.contains(['\n', '\r']);
    if is_plain {
        return value.to_owned();
    }
    let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").replace('\r', "\\r");
    format!("\"{escaped}\"")
}

fn unquoted(value: &str) -> Option<String> {
    let Some(rest) = value.strip_prefix('"') else { return Some(value.to_owned()) };
    let (mut read, mut letters) = (String::with_capacity(rest.len()), rest.chars());
    loop {
        match letters.next()? {
            '"' => return letters.as_str().is_empty().then_some(read),
            '\\' => match letters.next()? {
                'n' => read.push('\n'),
                'r' => read.push('\r'),
                other => read.push(other),
            },
            other => read.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{read_variables, write_variables};

    #[test]
    fn what_people_write_is_read() {
        let read = read_variables("# where\nURL=postgres://a:b=c@d/e?f\n\n NAME = two words \nKEY=\"a\\nb\\\\c\\\"\"\nEMPTY=").unwrap();
        let text = |name: &str| read[name].as_str();
        assert_eq!((text("URL"), text("NAME")), ("postgres://a:b=c@d/e?f", "two words"));
        assert_eq!((text("KEY"), text("EMPTY"), read.len()), ("a\nb\\c\"", "", 4));
    }

    #[test]
    fn each_line_that_is_none_is_named() {
        let error = read_variables("A=1\nB\nA=2\nC=\"x\nD=\"x\" y").unwrap_err();
        let lines: Vec<_> = error.details.iter().map(|detail| detail.message.split(' ').nth(1).unwrap().to_owned()).collect();
        assert_eq!(lines, ["2", "3", "4", "5"]);
        assert!(error.details.iter().all(|detail| detail.field == "/environment"));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(variables in proptest::collection::btree_map("[A-Z_][A-Z0-9_]{0,8}", "\\PC*|[ -~\n\r\"\\\\]*", 0..6)) {
            prop_assert_eq!(read_variables(&write_variables(&variables)).unwrap(), variables);
        }
    }
}
