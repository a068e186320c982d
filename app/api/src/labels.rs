//! Labels: names with values that services are grouped by.

use std::collections::BTreeMap;

use crate::Detail;

/// The labels of a service: a name has 1 to 63 of `a-z A-Z 0-9 . _ - /` and starts with a letter or digit, a value 0 to 63 of the same.
pub type Labels = BTreeMap<String, String>;

/// Labels of a service.
const MOST: usize = 20;
/// Characters of a name and of a value.
const LONGEST: usize = 63;

/// What is wrong with labels, below the JSON Pointer `at`.
pub fn label_faults(labels: &Labels, at: &str) -> Vec<Detail> {
    let mut faults = Vec::new();
    if labels.len() > MOST {
        faults.push(Detail { field: at.into(), message: format!("a service has at most {MOST} labels") });
    }
    let is_right = |text: &str| text.len() <= LONGEST && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte));
    let is_named = |name: &str| is_right(name) && name.starts_with(|c: char| c.is_ascii_alphanumeric());
    let wrong = labels.iter().take(MOST).filter(|(name, value)| !is_named(name) || !is_right(value));
    faults.extend(wrong.map(|(name, _)| Detail {
        field: format!("{at}/{}", name.chars().take(LONGEST).collect::<String>().replace('~', "~0").replace('/', "~1")),
        message: "a label is NAME=VALUE, each at most 63 of a-z A-Z 0-9 . _ - /, and a name starts with a letter or digit".into(),
    }));
    faults
}

/// Labels as people type them: `team=shop tier=web`, with blanks or commas between them. A name without `=` has an empty value.
pub fn read_labels(text: &str) -> Labels {
    let words = text.split(|c: char| c.is_whitespace() || c == ',').filter(|word| !word.is_empty());
    words.map(|word| word.split_once('=').unwrap_or((word, ""))).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Labels as [`read_labels`] reads them back.
pub fn write_labels(labels: &Labels) -> String {
    labels.iter().map(|(name, value)| write_label(name, value)).collect::<Vec<_>>().join(" ")
}

/// One label as it is shown and looked for: `team=shop`, or only its name when its value is empty.
pub fn write_label(name: &str, value: &str) -> String {
    if value.is_empty() { name.to_owned() } else { format!("{name}={value}") }
}

/// Whether one of `labels` is the one looked for: `team=shop`, or `team` with any value.
pub fn has_label(labels: &Labels, wanted: &str) -> bool {
    match wanted.split_once('=') {
        Some((name, value)) => labels.get(name).is_some_and(|has| has == value),
        None => labels.contains_key(wanted),
    }
}

#[cfg(test)]
mod tests {
    use super::{has_label, label_faults, read_labels, write_labels};

    #[test]
    fn labels_are_read_as_they_were_written_and_as_people_type_them() {
        let labels = read_labels(" team=shop,tier=web\n canary ");
        assert_eq!(write_labels(&labels), "canary team=shop tier=web");
        assert_eq!(read_labels(&write_labels(&labels)), labels);
        assert!(has_label(&labels, "team") && has_label(&labels, "team=shop") && has_label(&labels, "canary"));
        assert!(!has_label(&labels, "team=shops") && !has_label(&labels, "tea") && !has_label(&labels, ""));
    }

    #[test]
    fn what_can_not_be_a_label_is_named() {
        let fields = |text: &str| label_faults(&read_labels(text), "/labels").into_iter().map(|fault| fault.field).collect::<Vec<_>>();
        assert_eq!(fields("team=shop example.org/tier=web-1"), [""; 0]);
        assert_eq!(fields("-x=1 a/ü b=ö"), ["/labels/-x", "/labels/a~1ü", "/labels/b"]);
        let many = (0..21).map(|n| format!("l{n}=1 ")).collect::<String>();
        assert_eq!(fields(&many), ["/labels"]);
    }
}
