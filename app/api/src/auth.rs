//! Users, sign-in and sessions.

use std::fmt;

use serde::de::{self, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::{Detail, Role, SessionId, Timestamp, UserId};

/// Text that must not be shown: prints dots, is never logged, and what isn't text isn't repeated in an error.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String))]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps it.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself; call it only where it is used.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("••••")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = Secret;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Secret, E> {
                Ok(Secret::new(text))
            }

            fn visit_string<E: de::Error>(self, text: String) -> Result<Secret, E> {
                Ok(Secret(text))
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Secret, E> {
                std::str::from_utf8(bytes).map(Secret::new).map_err(|_| E::custom("it isn't UTF-8"))
            }

            fn visit_i64<E: de::Error>(self, _: i64) -> Result<Secret, E> {
                Err(E::invalid_type(Unexpected::Other("number"), &self))
            }

            fn visit_u64<E: de::Error>(self, _: u64) -> Result<Secret, E> {
                Err(E::invalid_type(Unexpected::Other("number"), &self))
            }

            fn visit_f64<E: de::Error>(self, _: f64) -> Result<Secret, E> {
                Err(E::invalid_type(Unexpected::Other("number"), &self))
            }
        }

        // Asked for a string, a format would repeat what else it has found.
        deserializer.deserialize_any(Text)
    }
}

/// What one signs in with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// The user's name.
    pub username: String,
    /// The password.
    pub password: Secret,
}

/// The answer to a sign-in or a refresh.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Tokens {
    /// A JWT for `Authorization: Bearer`.
    pub access_token: Secret,
    /// Always `Bearer`.
    pub token_type: String,
    /// Seconds until the access token expires.
    pub expires_in: u32,
    /// For one `POST /api/auth/refresh`.
    pub refresh_token: Secret,
}

/// Where a sign-in comes from, as the server sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The address of the client.
    pub address: String,
    /// Its `User-Agent`, cut to 300 characters.
    pub user_agent: String,
}

/// Who is signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Me {
    /// The user.
    pub user: User,
    /// The sign-in that asks.
    pub session_id: Option<SessionId>,
    /// What they may do: texts such as `services:operate`.
    pub permissions: Vec<String>,
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct User {
    /// Their id.
    pub id: UserId,
    /// Their name, unique in any case: 1 to 63 of `a-z A-Z 0-9 . _ - @`.
    pub username: String,
    /// What they may do.
    pub role: Role,
    /// Whether they may sign in.
    pub is_active: bool,
    /// When they were made.
    pub created_at: Timestamp,
    /// When they signed in last.
    pub last_sign_in: Option<Timestamp>,
}

/// A user to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// Their name.
    pub username: String,
    /// Their first password: 12 to 1024 characters.
    pub password: Secret,
    /// What they may do.
    pub role: Role,
}

/// A change of a user: what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct UserPatch {
    /// The new role.
    pub role: Option<Role>,
    /// Whether they may sign in; `false` ends their sessions at once.
    pub is_active: Option<bool>,
    /// A new password; ends their sessions at once.
    pub password: Option<Secret>,
}

/// The first user, made with the one-time link that the console shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Setup {
    /// The secret of the link.
    pub token: Secret,
    /// The name of the first user.
    pub username: String,
    /// Their password: 12 to 1024 characters.
    pub password: Secret,
}

/// A sign-in that hasn't ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was used last (to the minute).
    pub last_used_at: Timestamp,
    /// When it ends unless it is used.
    pub expires_at: Timestamp,
    /// Where it was begun from.
    pub address: String,
    /// What it was begun with.
    pub user_agent: String,
    /// Whether it is the one that asks.
    pub is_current: bool,
}

/// The least number of characters of a password.
pub const PASSWORD_MIN: usize = 12;

/// The greatest number of characters of a password.
pub const PASSWORD_MAX: usize = 1024;

/// What is wrong with a user name and password to be set, field by field.
pub fn credential_faults(username: &str, password: &Secret) -> Vec<Detail> {
    let mut faults = Vec::new();
    if !is_username(username) {
        let message = "a user name has 1 to 63 of the characters a-z A-Z 0-9 . _ - @";
        faults.push(Detail { field: "/username".into(), message: message.into() });
    }
    faults.extend(password_fault(password));
    faults
}

/// What is wrong with a password to be set.
pub fn password_fault(password: &Secret) -> Option<Detail> {
    let length = password.reveal().chars().count();
    let message = format!("a password has {PASSWORD_MIN} to {PASSWORD_MAX} characters; this one has {length}");
    (!(PASSWORD_MIN..=PASSWORD_MAX).contains(&length)).then(|| Detail { field: "/password".into(), message })
}

/// Whether `name` can name a user.
pub fn is_username(name: &str) -> bool {
    (1..=63).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-@".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::{Secret, credential_faults};

    #[test]
    fn a_secret_prints_dots() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "••••");
        assert_eq!(serde_json::from_str::<Secret>("\"hunt\\ner2\"").unwrap().reveal(), "hunt\ner2");
        for number in ["123456", "-123456", "1234.56"] {
            let error = serde_json::from_str::<Secret>(number).unwrap_err().to_string();
            assert!(error.contains("invalid type: number, expected a string") && !error.contains("1234"), "{error}");
        }
    }

    #[test]
    fn both_wrong_fields_are_named() {
        let fields: Vec<_> = credential_faults("a b", &Secret::new("short")).into_iter().map(|fault| fault.field).collect();
        assert_eq!(fields, ["/username", "/password"]);
    }
}
