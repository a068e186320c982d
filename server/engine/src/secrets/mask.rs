//! Takes the values of secrets out of what services write, before anybody reads it.
//!
//! A value is known as it is, in JSON, in an address, in hexadecimal digits and in base64, there also in the middle of something longer, such
//! as a user name with its password. Of a value of several lines each is known, because logs are read line by line. What is encrypted,
//! compressed, cut in two or shorter than 6 bytes isn't found: this is a net under services that write too much, no reason to let them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::sync::{Arc, PoisonError, RwLock};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use api::Secret;
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD};

/// What stands in the place of a value.
pub const DOTS: &str = "••••••";
/// Bytes of the shortest value that is looked for: shorter ones would be found everywhere.
const SHORTEST: usize = 6;
/// Bytes of the shortest line of a value of several lines, and characters of the shortest piece of base64.
const SHORTEST_LINE: usize = 16;
const SHORTEST_PIECE: usize = 8;
/// Bytes that a value is found by; what follows them is compared. It keeps the automaton small.
const FOUND_BY: usize = 64;
/// Values that secrets have had before are looked for too, until Pilothouse ends: what runs still has them. At most so many.
const FORMER: usize = 200;
/// Values that were learned one by one are looked for beside the others until there are so many, and with them then.
const FRESH: usize = 64;
/// Values that are learned, at most: the first ones are forgotten.
const LEARNED: usize = 10_000;

/// Takes values out of texts. Costs next to nothing while there are no secrets.
#[derive(Default)]
pub struct Mask {
    known: RwLock<Known>,
}

#[derive(Default)]
struct Known {
    /// By who knows them.
    by: BTreeMap<&'static str, BTreeSet<String>>,
    present: BTreeSet<String>,
    former: Vec<String>,
    /// What services were told that isn't known otherwise, oldest first.
    learned: VecDeque<String>,
    /// Whatever is looked for already.
    all: HashSet<String>,
    /// How many of the newest that were learned `fresh` looks for.
    unmerged: usize,
    main: Option<Arc<Masker>>,
    fresh: Option<Arc<Masker>>,
}

impl Known {
    /// Looks for everything anew.
    fn merge(&mut self) {
        self.all = self.present.iter().chain(&self.former).chain(&self.learned).cloned().collect();
        self.main = Masker::new(self.all.iter()).map(Arc::new);
        (self.fresh, self.unmerged) = (None, 0);
    }
}

/// Finds values.
struct Masker {
    automaton: AhoCorasick,
    /// What may follow each pattern.
    rests: Vec<Vec<Vec<u8>>>,
}

impl Mask {
    /// Takes these values of named secrets out from now on, and those of before.
    pub fn set(&self, values: impl IntoIterator<Item = Secret>) {
        self.set_of("secrets", values);
    }

    /// [`Mask::set`] for the values that another part knows, `of` being its name: the others stay.
    pub fn set_of(&self, of: &'static str, values: impl IntoIterator<Item = Secret>) {
        let own: BTreeSet<String> = values.into_iter().map(|value| value.reveal().to_owned()).collect();
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.by.insert(of, own);
        let present: BTreeSet<String> = known.by.values().flatten().cloned().collect();
        if known.present == present {
            return;
        }
        let mut former = std::mem::take(&mut known.former);
        former.extend(known.present.difference(&present).cloned());
        former.retain(|value| !present.contains(value));
        former.drain(..former.len().saturating_sub(FORMER));
        (known.present, known.former) = (present, former);
        known.merge();
    }

    /// Takes these values out too, until Pilothouse ends. Costs little when they are known, and when many are learned one after the other.
    pub fn learn(&self, values: impl IntoIterator<Item = Secret>) {
        let mut new: Vec<String> = {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            let is_new = |value: &Secret| value.reveal().len() >= SHORTEST && !known.all.contains(value.reveal());
            values.into_iter().filter(is_new).map(|value| value.reveal().to_owned()).collect()
        };
        if new.is_empty() {
            return;
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let known = &mut *known;
        new.retain(|value| known.all.insert(value.clone()));
        known.unmerged += new.len();
        known.learned.extend(new);
        if known.unmerged > FRESH || known.learned.len() > LEARNED {
            // Some at once are forgotten, so that it isn't done for each.
            let forgotten = if known.learned.len() > LEARNED { known.learned.len() - LEARNED + FRESH } else { 0 };
            known.learned.drain(..forgotten.min(known.learned.len()));
            known.merge();
        } else {
            known.fresh = Masker::new(known.learned.iter().rev().take(known.unmerged)).map(Arc::new);
        }
    }

    /// Whether the part `of` knows all of these, so that they are taken out already.
    pub fn knows(&self, of: &'static str, values: &[Secret]) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        values.is_empty() || known.by.get(of).is_some_and(|own| values.iter().all(|value| own.contains(value.reveal())))
    }

    /// Whether there is nothing to be taken out.
    pub fn is_empty(&self) -> bool {
        self.maskers().iter().all(Option::is_none)
    }

    /// `text` with dots in the place of each value.
    pub fn hide<'t>(&self, text: &'t [u8]) -> Cow<'t, [u8]> {
        let mut found = Vec::new();
        for masker in self.maskers().iter().flatten() {
            masker.find(text, &mut found);
        }
        without(text, found)
    }

    /// [`Mask::hide`] for what is text already.
    pub fn hide_text(&self, text: String) -> String {
        match self.hide(text.as_bytes()) {
            Cow::Borrowed(_) => text,
            Cow::Owned(hidden) => String::from_utf8_lossy(&hidden).into_owned(),
        }
    }

    fn maskers(&self) -> [Option<Arc<Masker>>; 2] {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        [known.main.clone(), known.fresh.clone()]
    }
}

impl std::fmt::Debug for Mask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mask(••••)")
    }
}

impl Masker {
    /// One for these values; none when all of them are too short.
    fn new<'v>(values: impl Iterator<Item = &'v String>) -> Option<Self> {
        let forms: BTreeSet<Vec<u8>> = values.flat_map(|value| forms(value)).collect();
        let mut found_by: BTreeMap<Vec<u8>, Vec<Vec<u8>>> = BTreeMap::new();
        for form in forms {
            let (head, rest) = form.split_at(form.len().min(FOUND_BY));
            found_by.entry(head.to_vec()).or_default().push(rest.to_vec());
        }
        let (heads, rests): (Vec<_>, Vec<_>) = found_by.into_iter().unzip();
        if heads.is_empty() {
            return None;
        }
        // Overlapping values are all found this way.
        let built = AhoCorasick::builder().match_kind(MatchKind::Standard).kind(Some(AhoCorasickKind::ContiguousNFA)).build(&heads);
        let automaton = built.map_err(|error| tracing::error!(%error, "secrets_not_masked")).ok()?;
        Some(Self { automaton, rests })
    }

    /// Adds where a value begins and ends.
    fn find(&self, text: &[u8], found: &mut Vec<(usize, usize)>) {
        for one in self.automaton.find_overlapping_iter(text) {
            let after = &text[one.end()..];
            let same = |rest: &Vec<u8>| rest.iter().zip(after).take_while(|(one, other)| one == other).count();
            let more = self.rests[one.pattern().as_usize()].iter().map(same).max().unwrap_or_default();
            found.push((one.start(), one.end() + more));
        }
    }
}

/// `text` with dots in each of these places.
fn without(text: &[u8], mut found: Vec<(usize, usize)>) -> Cow<'_, [u8]> {
    if found.is_empty() {
        return Cow::Borrowed(text);
    }
    found.sort_unstable();
    let (mut hidden, mut at) = (Vec::with_capacity(text.len()), 0);
    for (start, end) in found {
        if start >= at {
            hidden.extend_from_slice(&text[at..start]);
            hidden.extend_from_slice(DOTS.as_bytes());
        }
        at = at.max(end);
    }
    hidden.extend_from_slice(&text[at..]);
    Cow::Owned(hidden)
}

/// All that a value may be written as.
fn forms(value: &str) -> BTreeSet<Vec<u8>> {
    let mut forms = BTreeSet::new();
    if value.len() < SHORTEST {
        return forms;
    }
    let bytes = value.as_bytes();
    let mut add = |form: String| forms.insert(form.into_bytes());
    for text in [value, value.trim_end()].into_iter().filter(|text| text.len() >= SHORTEST) {
        add(text.to_owned());
        add(json(text, false));
        add(json(text, true));
        for kept in ["-._~", "-._~/", "-._~!*'()", "-._*"] {
            add(in_address(text, kept, |byte| format!("%{byte:02X}")));
            add(in_address(text, kept, |byte| format!("%{byte:02x}")));
            add(in_address(text, kept, |byte| if byte == b' ' { "+".into() } else { format!("%{byte:02X}") }));
        }
    }
    add(bytes.iter().map(|byte| format!("{byte:02x}")).collect());
    add(bytes.iter().map(|byte| format!("{byte:02X}")).collect());
    add(BASE64_STANDARD.encode(bytes));
    add(BASE64_URL_SAFE.encode(bytes));
    for offset in 0..3 {
        for encode in [|bytes: &[u8]| BASE64_STANDARD_NO_PAD.encode(bytes), |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes)] {
            add(encode(bytes));
            add(piece(&encode(&[&[0; 2][..offset], bytes].concat()), offset, bytes.len()).to_owned());
        }
    }
    forms.retain(|form| form.len() >= SHORTEST);
    for line in value.lines().map(str::trim).filter(|line| value.contains('\n') && line.len() >= SHORTEST_LINE) {
        // The first and last line of a key are in every key.
        if !line.starts_with("-----") {
            forms.insert(line.as_bytes().to_vec());
        }
    }
    forms
}

/// What base64 of a longer text has of a value that begins `offset` bytes into a group: all but the characters that it shares with what
/// is beside it.
fn piece(encoded: &str, offset: usize, bytes: usize) -> &str {
    let from = [0, 2, 3][offset];
    let until = encoded.len() - usize::from(!(offset + bytes).is_multiple_of(3));
    let piece = encoded.get(from..until).unwrap_or_default();
    if piece.len() < SHORTEST_PIECE { "" } else { piece }
}

/// `text` between the quotes of JSON; `is_ascii` as programs write it that escape all other letters.
fn json(text: &str, is_ascii: bool) -> String {
    let quoted = serde_json::to_string(text).unwrap_or_default();
    let inner = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
    if !is_ascii {
        return inner.to_owned();
    }
    let mut units = [0; 2];
    let escape = |letter: char| match letter.is_ascii() {
        true => letter.to_string(),
        false => letter.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")).collect(),
    };
    inner.chars().map(escape).collect()
}

/// `text` as a part of an address, in which letters, digits and `kept` stay.
fn in_address(text: &str, kept: &str, escape: impl Fn(u8) -> String) -> String {
    let one = |byte: u8| match byte.is_ascii_alphanumeric() || kept.as_bytes().contains(&byte) {
        true => char::from(byte).to_string(),
        false => escape(byte),
    };
    text.bytes().map(one).collect()
}

#[cfg(test)]
mod tests {
    use api::Secret;
    use base64::Engine;
    use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
    use proptest::prelude::*;

    use super::{DOTS, Mask};

    fn mask(values: &[&str]) -> Mask {
        let mask = Mask::default();
        mask.set(values.iter().map(|value| Secret::new(*value)));
        mask
    }

    fn hidden(mask: &Mask, text: &str) -> String {
        mask.hide_text(text.to_owned())
    }

    #[test]
    fn a_value_is_hidden_as_it_is_and_in_the_forms_that_programs_write() {
        let mask = mask(&["p\"ss w/rd ä+1"]);
        let cases = [
            ("x p\"ss w/rd ä+1 y", "x •••••• y"),
            (r#"{"a":"p\"ss w/rd ä+1"}"#, r#"{"a":"••••••"}"#),
            (r#"{"a":"p\"ss w/rd \u00e4+1"}"#, r#"{"a":"••••••"}"#),
            ("u:p%22ss%20w%2Frd%20%C3%A4%2B1@h", "u:••••••@h"),
            ("u:p%22ss%20w%2frd%20%c3%a4%2b1@h", "u:••••••@h"),
            ("u:p%22ss%20w/rd%20%C3%A4%2B1@h", "u:••••••@h"),
            ("u=p%22ss+w%2Frd+%C3%A4%2B1&b", "u=••••••&b"),
            ("707373", "707373"),
        ];
        for (text, expected) in cases {
            assert_eq!(hidden(&mask, text), expected, "{text}");
        }
        let hex: String = "p\"ss w/rd ä+1".bytes().map(|byte| format!("{byte:02X}")).collect();
        assert_eq!(hidden(&mask, &hex), DOTS);
        assert_eq!(hidden(&mask, &hex.to_lowercase()), DOTS);
    }

    #[test]
    fn a_value_is_hidden_in_base64_also_in_the_middle_of_something_longer() {
        let value = "correct horse battery";
        let mask = mask(&[value]);
        assert_eq!(hidden(&mask, &BASE64_STANDARD.encode(value)), DOTS);
        for before in ["", "u:", "us:", "use:"] {
            for after in ["", "!", "!!", "!!!"] {
                let whole = format!("{before}{value}{after}");
                for encoded in [BASE64_STANDARD.encode(&whole), BASE64_URL_SAFE_NO_PAD.encode(&whole)] {
                    let shown = hidden(&mask, &format!("Authorization: Basic {encoded}"));
                    assert!(shown.contains(DOTS) && shown.chars().count() < 45, "{whole}: {shown}");
                }
            }
        }
    }

    #[test]
    fn long_values_are_hidden_whole_and_as_far_as_they_are_there() {
        let value: String = (0..5000).map(|n| format!("{n}.")).collect();
        let mask = mask(&[&value]);
        assert_eq!(hidden(&mask, &format!("a {value} b")), "a •••••• b");
        assert_eq!(hidden(&mask, &format!("a {}", &value[..900])), "a ••••••");
        assert_eq!(hidden(&mask, &BASE64_STANDARD.encode(&value)), DOTS);
        assert_eq!(hidden(&mask, &value[..40]), value[..40], "it is found by its first 64 bytes");
    }

    #[test]
    fn of_a_value_of_several_lines_each_is_hidden_and_what_all_keys_have_is_not() {
        let mask = mask(&["-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG\r\nshort\n-----END PRIVATE KEY-----\n"]);
        assert_eq!(hidden(&mask, "key MIIEvQIBADANBgkqhkiG!"), "key ••••••!");
        assert_eq!(hidden(&mask, "-----BEGIN PRIVATE KEY-----"), "-----BEGIN PRIVATE KEY-----");
        assert_eq!(hidden(&mask, "short"), "short");
    }

    #[test]
    fn overlapping_values_are_all_hidden_and_short_ones_are_left_out() {
        let mask = mask(&["abcdefgh", "fghijklm", "cdefgh", "12345", ""]);
        assert_eq!(hidden(&mask, "<abcdefghijklm>abcdefghabcdefgh 12345"), "<••••••>•••••••••••• 12345");
    }

    #[test]
    fn values_of_before_stay_hidden_and_nothing_is_done_without_values() {
        let mask = mask(&[]);
        assert!(mask.is_empty() && matches!(mask.hide(b"first value"), std::borrow::Cow::Borrowed(_)));
        mask.set([Secret::new("first value")]);
        mask.set([Secret::new("second value")]);
        assert_eq!(hidden(&mask, "first value, second value"), "••••••, ••••••");
        mask.set([]);
        assert_eq!(hidden(&mask, "first value, second value"), "••••••, ••••••");
        assert_eq!(format!("{mask:?}"), "Mask(••••)");
    }

    #[test]
    fn what_is_learned_is_hidden_with_the_rest_however_much_it_is() {
        let mask = mask(&["abcdefgh"]);
        for number in 0..200 {
            mask.learn([Secret::new(format!("ghi-learned-{number:03}"))]);
        }
        mask.learn([Secret::new("short"), Secret::new("ghi-learned-199")]);
        assert_eq!(hidden(&mask, "abcdefghi-learned-199 and ghi-learned-000, short"), "•••••• and ••••••, short");
        mask.set([Secret::new("another value")]);
        assert_eq!(hidden(&mask, "abcdefgh, another value, ghi-learned-131"), "••••••, ••••••, ••••••");
    }

    proptest! {
        #[test]
        fn no_value_is_left_in_any_text(value in "[ -~]{6,90}", before in "[ -~]{0,20}", after in "[ -~]{0,20}") {
            let shown = hidden(&mask(&[&value]), &format!("{before}{value}{after}"));
            prop_assert!(!shown.contains(&value) && shown.contains(DOTS), "{shown}");
        }
    }
}
