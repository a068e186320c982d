//! What is planted, and how it is found again.

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// A secret that was planted.
#[derive(Clone)]
pub struct Needle {
    /// Where it was planted.
    what: &'static str,
    /// All of it, with what is written differently in JSON, addresses and markup.
    pub value: String,
    /// The part of it that is the same in all of these, and like nothing else: where that is, the secret is.
    pub core: String,
    /// What [`Needle::core`] is in other forms, itself among them.
    forms: Vec<String>,
}

/// All that is planted, and where it was found.
#[derive(Default)]
pub struct Needles {
    all: Vec<Needle>,
    /// The first place of each secret, and how many there are.
    hits: BTreeMap<&'static str, (String, usize)>,
}

impl Needles {
    /// A new secret, to be planted.
    pub fn plant(&mut self, what: &'static str) -> Needle {
        let core = core();
        self.add(what, format!("p/ä+\"x y=&<{core}>é%"), core)
    }

    /// One that is a number.
    pub fn plant_number(&mut self, what: &'static str) -> Value {
        let number = 100_000_000_000_000 + u64::from_str_radix(&core()[..11], 16).unwrap();
        self.add(what, number.to_string(), number.to_string());
        json!(number)
    }

    /// One that Pilothouse has made itself.
    pub fn plant_told(&mut self, what: &'static str, value: &str) {
        self.add(what, value.to_owned(), value.to_owned());
    }

    /// One as a password of an address, in the form that it has there.
    pub fn plant_password(&mut self, what: &'static str) -> String {
        let core = core();
        self.add(what, format!("p%2F{core}%3F"), core).value
    }

    fn add(&mut self, what: &'static str, value: String, core: String) -> Needle {
        let needle = Needle { what, value, forms: forms(&core), core };
        self.all.push(needle.clone());
        needle
    }

    /// What was planted and is in `text`.
    pub fn found_in(&self, text: &[u8]) -> Vec<&'static str> {
        let text = String::from_utf8_lossy(text);
        let is_in = |needle: &&Needle| needle.forms.iter().any(|form| text.contains(form));
        self.all.iter().filter(is_in).map(|needle| needle.what).collect()
    }

    /// Takes down what is in `text`, which is `place`.
    pub fn search(&mut self, place: &str, text: &[u8]) {
        let text = String::from_utf8_lossy(text);
        for needle in &self.all {
            if let Some((at, form)) = needle.forms.iter().find_map(|form| Some((text.find(form)?, form))) {
                let start = (at.saturating_sub(100)..=at).find(|at| text.is_char_boundary(*at)).unwrap_or(at);
                let around = text[start..at + form.len()].replace('\n', " ⏎ ");
                self.hits.entry(needle.what).or_insert_with(|| (format!("{place}: {around}"), 0)).1 += 1;
            }
        }
    }

    /// Fails with where each was first.
    pub fn report(self) {
        let hits: Vec<_> = self.hits.iter().map(|(what, (first, places))| format!("{what}, in {places} places, first {first}")).collect();
        assert!(hits.is_empty(), "secrets that were planted are there:\n{}", hits.join("\n"));
    }
}

fn core() -> String {
    engine::Clock::System.new_uuid().simple().to_string()[12..].to_owned()
}

/// A core as it is, in hexadecimal digits, and what base64 of anything around it has of it alone.
fn forms(core: &str) -> Vec<String> {
    let digits =
        |upper: bool| -> String { core.bytes().map(|byte| if upper { format!("{byte:02X}") } else { format!("{byte:02x}") }).collect() };
    let mut forms = vec![core.to_owned(), digits(false), digits(true)];
    for offset in 0..3 {
        let padded = [&[0; 2][..offset], core.as_bytes()].concat();
        let (from, until) = ([0, 2, 3][offset], padded.len() / 3 * 4);
        forms.push(BASE64_STANDARD_NO_PAD.encode(&padded)[from..until].to_owned());
        forms.push(BASE64_URL_SAFE_NO_PAD.encode(&padded)[from..until].to_owned());
    }
    forms.sort_unstable();
    forms.dedup();
    forms
}
