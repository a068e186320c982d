//! Named secrets: values that services refer to by `${secret:NAME}` and that nobody has to see.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Detail, Error, Result, Secret, ServiceId, Timestamp};

/// The name of a secret: 1 to 128 of `A-Z a-z 0-9 _ . -`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String))]
#[serde(try_from = "String", into = "String")]
pub struct SecretName(String);

impl SecretName {
    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SecretName {
    type Err = Error;

    /// Fails with `validation_failed` at `name`.
    fn from_str(name: &str) -> Result<Self> {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        if !(1..=128).contains(&name.len()) || !name.bytes().all(is_name) {
            return Err(Error::invalid("name", "the name of a secret has 1 to 128 of the characters A-Z a-z 0-9 _ . -"));
        }
        match name {
            "." | ".." => Err(Error::invalid("name", "a secret can't be named like a folder; choose another name")),
            "rotate" | "import" => {
                Err(Error::invalid("name", format!("a secret can't be named '{name}', which is an operation; choose another name")))
            }
            name => Ok(Self(name.to_owned())),
        }
    }
}

impl TryFrom<String> for SecretName {
    type Error = Error;

    fn try_from(name: String) -> Result<Self> {
        name.parse()
    }
}

impl From<SecretName> for String {
    fn from(name: SecretName) -> Self {
        name.0
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is known of a secret without its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NamedSecret {
    /// Its name: 1 to 128 of `A-Z a-z 0-9 _ . -`.
    pub name: SecretName,
    /// What it is for, when somebody has said so.
    pub description: Option<String>,
    /// Grows by one with each change, from 1.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last, its description too.
    pub updated_at: Timestamp,
    /// When its value was set last.
    pub value_set_at: Timestamp,
    /// The name of who changed it last.
    pub updated_by: String,
    /// The variables that refer to it.
    pub used_by: Vec<SecretUse>,
    /// Whether nothing refers to it.
    pub unused: bool,
    /// Whether its value is older than 180 days.
    pub stale: bool,
    /// Versions of before whose values are kept, oldest first: releases were made with them, or they are the one before the present.
    #[serde(default)]
    pub former_versions: Vec<u64>,
    /// The services that are given one of those, since they were taken back to a release.
    #[serde(default)]
    pub given_earlier: Vec<SecretGivenEarlier>,
}

/// A service that is given a secret in an earlier version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SecretGivenEarlier {
    /// The service.
    pub service_id: ServiceId,
    /// Its name.
    pub service_name: String,
    /// The version.
    pub version: u64,
}

impl NamedSecret {
    /// The age at which a value is stale, in days.
    pub const STALE_DAYS: i64 = 180;

    /// The most bytes of a value: 64 KiB.
    pub const VALUE_MAX: usize = 64 << 10;

    /// The most characters of a description.
    pub const DESCRIPTION_MAX: usize = 500;

    /// Whether a value that was set at `at` is stale.
    pub fn is_stale(at: Timestamp, now: Timestamp) -> bool {
        now.seconds_since(at) > (Self::STALE_DAYS * 24 * 3600) as f64
    }
}

/// A variable that refers to a secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SecretUse {
    /// The service whose variable it is.
    pub service_id: ServiceId,
    /// The service's name.
    pub service_name: String,
    /// The variable.
    pub variable: String,
}

/// A secret to be made or changed: what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct NewSecret {
    /// The value: 1 byte to 64 KiB, without NUL. A new secret needs one.
    pub value: Option<Secret>,
    /// What it is for, at most 500 characters; an empty text takes it away.
    pub description: Option<String>,
    /// The version that is to be changed, 0 for a secret that isn't there yet: any other fails with `conflict`. Absent changes whichever it is.
    pub version: Option<u64>,
}

impl NewSecret {
    /// What is wrong with it, field by field.
    pub fn faults(&self) -> Vec<Detail> {
        let mut faults = Vec::new();
        let mut check = |field: &str, is_right: bool, message: &str| {
            if !is_right {
                faults.push(Detail { field: field.into(), message: message.into() });
            }
        };
        if let Some(value) = &self.value {
            let value = value.reveal();
            check("/value", (1..=NamedSecret::VALUE_MAX).contains(&value.len()), "the value of a secret has 1 byte to 64 KiB");
            check("/value", !value.contains('\0'), "the value of a secret has no zero byte: no variable could have it");
        }
        if let Some(text) = &self.description {
            let fits = text.chars().count() <= NamedSecret::DESCRIPTION_MAX && !text.contains('\0');
            check("/description", fits, "a description has at most 500 characters and no zero byte");
        }
        faults
    }
}

/// Who asks for a value says their password again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SecretReveal {
    /// The caller's own password.
    pub password: Secret,
}

/// The value of a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SecretValue {
    /// The value.
    pub value: Secret,
    /// The version that has it.
    pub version: u64,
}

/// What a rotation of the data keys has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KeyRotation {
    /// The number of the data key that everything is sealed with now.
    pub data_key: u64,
    /// How many values were sealed anew.
    pub resealed: u64,
    /// How many data keys were removed, because nothing is sealed with them any more.
    pub removed: u64,
}

/// Secrets to be made of the variables of a `.env` text, all or none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SecretImport {
    /// The text: `NAME=value` a line, comments, quotes, `export`; at most 512 KiB and 500 variables.
    pub env: Secret,
    /// What becomes secrets. Absent, it is every variable that looks like one, under its own name, unless there is a secret of that name.
    #[serde(default)]
    pub pick: Option<Vec<SecretPick>>,
    /// Whether it is only said what would be done.
    #[serde(default)]
    pub dry_run: bool,
}

impl SecretImport {
    /// The most bytes of a text: 512 KiB.
    pub const TEXT_MAX: usize = 512 << 10;

    /// The most variables of a text.
    pub const VARIABLES_MAX: usize = 500;
}

/// A variable that is to become a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SecretPick {
    /// The variable.
    pub variable: String,
    /// What the secret is called; absent, as the variable.
    #[serde(default)]
    pub name: Option<String>,
    /// Whether its value is put over that of a secret of that name; else such a one stays as it is.
    #[serde(default)]
    pub overwrite: bool,
}

/// What became of a `.env` text, or would; without values.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SecretImportReport {
    /// Whether nothing was done.
    pub dry_run: bool,
    /// Every variable, in the order of the text.
    pub items: Vec<SecretImportItem>,
}

/// What became of one variable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SecretImportItem {
    /// The line that it begins in, from 1.
    pub line: u64,
    /// The variable.
    pub variable: String,
    /// What the secret is called, or would be.
    pub name: String,
    /// Whether it looks like a secret, by its name or its value.
    pub looks_secret: bool,
    /// Whether there was a secret of that name already.
    pub is_present: bool,
    /// What was done with it.
    pub outcome: SecretImportOutcome,
}

/// What was done with a variable of a `.env` text, or would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SecretImportOutcome {
    /// A secret was made of it.
    Made,
    /// The secret of that name has its value now.
    Changed,
    /// There is a secret of that name, which stays as it is.
    Present,
    /// It wasn't picked.
    LeftOut,
}

/// A part of a text that may refer to secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretPart<'a> {
    /// Text as it is.
    Text(&'a str),
    /// The name in `${secret:NAME}`.
    Reference(&'a str),
    /// A `${secret:` that no name and no `}` follow, as far as it goes.
    Broken(&'a str),
}

/// The parts of a text, in order. `$${secret:` is the text `${secret:`; any other `$` is itself.
pub fn secret_parts(text: &str) -> Vec<SecretPart<'_>> {
    const START: &str = "${secret:";
    let (mut parts, mut rest) = (Vec::new(), text);
    let mut push = |part| match part {
        SecretPart::Text("") => {}
        part => parts.push(part),
    };
    while let Some(at) = rest.find(START) {
        let (before, found) = rest.split_at(at);
        if let Some(before) = before.strip_suffix('$') {
            push(SecretPart::Text(before));
            push(SecretPart::Text(START));
            rest = &found[START.len()..];
            continue;
        }
        push(SecretPart::Text(before));
        let name = found[START.len()..].split_once('}').filter(|(name, _)| name.parse::<SecretName>().is_ok());
        match name {
            Some((name, after)) => {
                push(SecretPart::Reference(name));
                rest = after;
            }
            None => {
                push(SecretPart::Broken(START));
                rest = &found[START.len()..];
            }
        }
    }
    push(SecretPart::Text(rest));
    parts
}

/// The names of the secrets that a text refers to, each as often as it does.
pub fn secret_references(text: &str) -> impl Iterator<Item = &str> {
    secret_parts(text).into_iter().filter_map(|part| match part {
        SecretPart::Reference(name) => Some(name),
        _ => None,
    })
}

/// What is wrong with how a text refers to secrets.
pub fn secret_reference_fault(text: &str) -> Option<&'static str> {
    let is_broken = secret_parts(text).iter().any(|part| matches!(part, SecretPart::Broken(_)));
    is_broken.then_some(
        "a secret is referred to by ${secret:NAME}, whose name has 1 to 128 of A-Z a-z 0-9 _ . -; write $${secret: for the text itself",
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::SecretPart::{Broken, Reference, Text};
    use super::{NamedSecret, NewSecret, SecretName, secret_parts, secret_reference_fault, secret_references};
    use crate::{Secret, Timestamp};

    #[test]
    fn a_name_is_one_of_few_characters_and_no_operation() {
        for name in ["a", "DB_PASSWORD", "orders.db-1", &"x".repeat(128)] {
            assert!(name.parse::<SecretName>().is_ok(), "{name}");
        }
        for name in ["", "a b", "ä", "a/b", "a}", ".", "..", "rotate", "import", &"x".repeat(129)] {
            assert_eq!(name.parse::<SecretName>().unwrap_err().details[0].field, "name", "{name}");
        }
        assert!(serde_json::from_str::<SecretName>("\"a/b\"").is_err());
    }

    #[test]
    fn references_are_found_and_escaped_ones_are_text() {
        assert_eq!(secret_parts("plain $HOME ${HOME} $$"), [Text("plain $HOME ${HOME} $$")]);
        assert_eq!(secret_parts("${secret:a}"), [Reference("a")]);
        assert_eq!(
            secret_parts("postgres://u:${secret:db.pw}@h/${secret:x}?"),
            [Text("postgres://u:"), Reference("db.pw"), Text("@h/"), Reference("x"), Text("?")]
        );
        assert_eq!(secret_parts("a$${secret:b}"), [Text("a"), Text("${secret:"), Text("b}")]);
        assert_eq!(secret_parts("$${secret:${secret:a}"), [Text("${secret:"), Reference("a")]);
        assert_eq!(secret_references("${secret:a}${secret:b}$${secret:c}${secret:a}").collect::<Vec<_>>(), ["a", "b", "a"]);
    }

    #[test]
    fn a_reference_without_a_name_or_an_end_is_told() {
        for text in ["${secret:}", "${secret:a b}", "${secret:a", "x${secret:${secret:a}}", "${secret:rotate}"] {
            assert!(secret_reference_fault(text).is_some(), "{text}");
            assert!(secret_parts(text).contains(&Broken("${secret:")), "{text}");
        }
        for text in ["", "${SECRET:a}", "$${secret:", "${secret:a}"] {
            assert_eq!(secret_reference_fault(text), None, "{text}");
        }
    }

    #[test]
    fn a_value_has_a_byte_and_not_too_many_and_prints_dots() {
        let fields = |value: &str| {
            let new = NewSecret { value: Some(Secret::new(value)), ..NewSecret::default() };
            assert!(value.len() < 5 || !format!("{new:?}").contains(value));
            new.faults().into_iter().map(|fault| fault.field).collect::<Vec<_>>()
        };
        assert!(fields("x").is_empty() && fields(&"x".repeat(64 << 10)).is_empty());
        for value in ["", "a\0b", &"x".repeat((64 << 10) + 1)] {
            assert_eq!(fields(value), ["/value"]);
        }
        let long = NewSecret { description: Some("x".repeat(501)), ..NewSecret::default() };
        assert_eq!(long.faults()[0].field, "/description");
    }

    #[test]
    fn a_value_is_stale_after_180_days() {
        let at = Timestamp::from_micros(7);
        assert!(!NamedSecret::is_stale(at, at.plus_seconds(180 * 24 * 3600)));
        assert!(NamedSecret::is_stale(at, at.plus_seconds(180 * 24 * 3600 + 1)));
    }

    proptest! {
        #[test]
        fn what_refers_to_nothing_is_text_as_it_is(text in "([$ {}a-z:]|secret)*") {
            prop_assume!(!text.contains("${secret:"));
            let whole: String = secret_parts(&text).into_iter().map(|part| match part { Text(text) => text, _ => "?" }).collect();
            prop_assert_eq!(whole, text);
        }
    }
}
