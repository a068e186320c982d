//! The Prometheus text format, read line by line without copying. What can't be read is passed over: it is somebody else's text.

/// One line of figures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sample<'a> {
    /// The name before the labels.
    pub name: &'a str,
    /// What is between the braces; empty without labels.
    pub labels: Labels<'a>,
    /// The figure; may be infinite or not a number.
    pub value: f64,
}

/// What one line says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Line<'a> {
    /// A figure.
    Sample(Sample<'a>),
    /// `# TYPE name ..`: there is such a family, with or without figures yet.
    Type(&'a str),
}

/// Reads one line; none when it has nothing to say.
pub(super) fn read(line: &[u8]) -> Option<Line<'_>> {
    let line = std::str::from_utf8(line).ok()?.trim();
    if let Some(comment) = line.strip_prefix('#') {
        let mut words = comment.split_ascii_whitespace();
        return (words.next() == Some("TYPE")).then(|| words.next().map(Line::Type)).flatten();
    }
    let end = line.find(|c: char| c == '{' || c.is_ascii_whitespace())?;
    let (name, rest) = line.split_at(end);
    let (labels, rest) = match rest.trim_start().strip_prefix('{') {
        Some(rest) => {
            let end = end_of_labels(rest)?;
            (&rest[..end], &rest[end + 1..])
        }
        None => ("", rest),
    };
    let value = rest.split_ascii_whitespace().next()?.parse().ok()?;
    (!name.is_empty()).then_some(Line::Sample(Sample { name, labels: Labels(labels), value }))
}

/// Where the closing brace is: outside of quotes.
fn end_of_labels(text: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'}' if !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

/// The labels of a sample: names with their values, as they are written (escapes stay).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Labels<'a>(&'a str);

impl<'a> Iterator for Labels<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, rest) = self.0.trim_start_matches([' ', ',']).split_once('=')?;
        let rest = rest.trim_start().strip_prefix('"')?;
        let mut escaped = false;
        let end = rest.bytes().position(|byte| match byte {
            _ if escaped => {
                escaped = false;
                false
            }
            b'\\' => {
                escaped = true;
                false
            }
            byte => byte == b'"',
        })?;
        self.0 = &rest[end + 1..];
        Some((name.trim(), &rest[..end]))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Line, Sample, read};

    fn sample(line: &str) -> Option<Sample<'_>> {
        match read(line.as_bytes()) {
            Some(Line::Sample(sample)) => Some(sample),
            _ => None,
        }
    }

    #[test]
    fn a_line_gives_its_name_labels_and_value() {
        let found = sample(r#"http_requests_total{handler="/a,b={c}",method="GET",status="2xx"} 12.0 1700000000"#).expect("a sample");
        assert_eq!((found.name, found.value), ("http_requests_total", 12.0));
        let labels: Vec<_> = found.labels.collect();
        assert_eq!(labels, [("handler", "/a,b={c}"), ("method", "GET"), ("status", "2xx")]);
    }

    #[test]
    fn escapes_spaces_and_exemplars_are_read_over() {
        let found = sample("x_bucket { path=\"a\\\"}\\\\\" , le=\"+Inf\", } 7 # {trace_id=\"t\"} 0.5\r").expect("a sample");
        assert_eq!(found.labels.collect::<Vec<_>>(), [("path", r#"a\"}\\"#), ("le", "+Inf")]);
        assert!(sample("up +Inf").is_some_and(|found| found.value.is_infinite()));
    }

    #[test]
    fn a_type_is_told_and_everything_else_passed_over() {
        assert_eq!(read(b"# TYPE http_requests_total counter"), Some(Line::Type("http_requests_total")));
        for line in ["", "# HELP x y", "#", "# TYPE", "x", "x{", "x{a=\"b\" 1", "x y", "{} 1", "<html>", "x{a=\"\\"] {
            assert_eq!(read(line.as_bytes()), None, "{line}");
        }
        assert_eq!(read(b"\xff 1"), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(line in any::<Vec<u8>>(), text in r#"[a{}="\\, #1-]{0,40}"#) {
            for line in [line.as_slice(), text.as_bytes()] {
                if let Some(Line::Sample(sample)) = read(line) {
                    sample.labels.for_each(drop);
                }
            }
        }
    }
}
