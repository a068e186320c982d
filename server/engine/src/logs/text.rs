//! From the bytes of a line to what people read.

use std::borrow::Cow;
use std::collections::BTreeMap;

use api::LogLine;
use serde_json::Value;

use super::segment::Record;
use crate::secrets::Mask;

/// The keys under which structured lines keep their message and their level.
const MESSAGE_KEYS: [&str; 3] = ["message", "msg", "event"];
const LEVEL_KEYS: [&str; 5] = ["level", "severity", "levelname", "log.level", "lvl"];

/// A line as the API gives it: without colours and secrets, with the fields of a JSON object taken apart.
pub fn line(record: Record<'_>, mask: &Mask) -> LogLine {
    let text = strip_ansi(record.text);
    let text = mask.hide(text.strip_suffix(b"\r").unwrap_or(&text));
    let (message, fields) = structured(&text, mask).unwrap_or_else(|| (String::from_utf8_lossy(&text).into_owned(), BTreeMap::new()));
    LogLine { seq: record.seq, ts: record.ts, level: record.level, stream: record.stream, message, fields }
}

fn structured(text: &[u8], mask: &Mask) -> Option<(String, BTreeMap<String, Value>)> {
    if text.first() != Some(&b'{') {
        return None;
    }
    let mut fields: BTreeMap<String, Value> = serde_json::from_slice(text).ok()?;
    let key = MESSAGE_KEYS.into_iter().find(|key| fields.get(*key).is_some_and(Value::is_string));
    let message = match key.and_then(|key| fields.remove(key)) {
        Some(Value::String(message)) => message,
        _ => String::from_utf8_lossy(text).into_owned(),
    };
    fields.retain(|key, _| !LEVEL_KEYS.contains(&key.as_str()));
    if mask.is_empty() {
        return Some((message, fields));
    }
    // What JSON wrote in another way is plain only now.
    fields.values_mut().for_each(|value| hide_in(value, mask));
    Some((mask.hide_text(message), fields))
}

fn hide_in(value: &mut Value, mask: &Mask) {
    match value {
        Value::String(text) => *text = mask.hide_text(std::mem::take(text)),
        Value::Array(items) => items.iter_mut().for_each(|item| hide_in(item, mask)),
        Value::Object(fields) => fields.values_mut().for_each(|field| hide_in(field, mask)),
        _ => {}
    }
}

/// `text` without terminal escape sequences.
pub fn strip_ansi(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.contains(&0x1b) {
        return Cow::Borrowed(text);
    }
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| *byte == 0x1b) {
        plain.extend_from_slice(&rest[..at]);
        rest = after_escape(&rest[at + 1..]);
    }
    plain.extend_from_slice(rest);
    Cow::Owned(plain)
}

/// What follows an escape sequence whose ESC has been read.
fn after_escape(rest: &[u8]) -> &[u8] {
    match rest.first() {
        // CSI: parameters, then one final byte.
        Some(b'[') => rest[1..].iter().position(|byte| (0x40..=0x7e).contains(byte)).map_or(&[], |end| &rest[end + 2..]),
        // OSC: to BEL or ESC \.
        Some(b']') => match rest.iter().position(|byte| matches!(byte, 0x07 | 0x1b)) {
            Some(end) if rest[end] == 0x07 => &rest[end + 1..],
            Some(end) => rest.get(end + 2..).unwrap_or_default(),
            None => &[],
        },
        Some(_) => &rest[1..],
        None => rest,
    }
}

#[cfg(test)]
mod tests {
    use api::{Level, LogStream, Timestamp};

    use super::{line, strip_ansi};
    use crate::logs::segment::Record;
    use crate::secrets::Mask;

    fn record(text: &[u8]) -> Record<'_> {
        Record { seq: 1, ts: Timestamp::default(), level: Level::Info, stream: LogStream::Stdout, text }
    }

    #[test]
    fn colours_and_titles_are_taken_out_and_torn_ones_do_no_harm() {
        for (text, plain) in [
            (&b"\x1b[1;31mred\x1b[0m x"[..], &b"red x"[..]),
            (b"\x1b]0;title\x07text", b"text"),
            (b"\x1b]8;;http://x\x1b\\link", b"link"),
            (b"end\x1b", b"end"),
            (b"end\x1b[", b"end"),
            (b"\x1b[31", b""),
        ] {
            assert_eq!(&*strip_ansi(text), plain);
        }
    }

    #[test]
    fn a_json_line_shows_its_message_and_keeps_its_fields() {
        let line = line(record(br#"{"level":"info","msg":"paid","order":7}"#), &Mask::default());
        assert_eq!((line.message.as_str(), line.fields.len()), ("paid", 1));
        assert_eq!(line.fields["order"], 7);
    }

    #[test]
    fn broken_text_is_replaced_and_broken_json_kept() {
        assert_eq!(line(record(b"a\xffb\r"), &Mask::default()).message, "a\u{fffd}b");
        assert_eq!(line(record(b"{not json"), &Mask::default()).message, "{not json");
    }

    #[test]
    fn secrets_are_hidden_in_messages_and_fields_however_they_are_written() {
        let mask = Mask::default();
        mask.set([api::Secret::new("pa/ss\u{e4}word")]);
        let hidden = line(record(r#"{"msg":"with pa\/ss\u00E4word","a":{"b":["pa/ss\u00e4word", 7]},"n":8}"#.as_bytes()), &mask);
        assert_eq!(hidden.message, "with ••••••");
        assert_eq!(
            (&hidden.fields["a"]["b"][0], &hidden.fields["a"]["b"][1], &hidden.fields["n"]),
            (&"••••••".into(), &7.into(), &8.into())
        );
        assert_eq!(line(record("\x1b[1mpa/ss\u{e4}\x1b[0mword".as_bytes()), &mask).message, "••••••");
        mask.set([api::Secret::new("12345678")]);
        assert_eq!(line(record(br#"{"pin":12345678}"#), &mask).message, r#"{"pin":••••••}"#);
    }
}
