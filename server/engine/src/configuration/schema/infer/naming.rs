//! Which variables hold secrets, as far as their names and values tell.

/// Words of which one in a name says that it is a secret.
const WORDS: [&str; 11] = [
    "SECRET",
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "TOKEN",
    "API_KEY",
    "APIKEY",
    "PRIVATE_KEY",
    "ACCESS_KEY",
    "CREDENTIAL",
    "ENCRYPTION_KEY",
];
/// Ends of a name that say that it is a secret.
const ENDS: [&str; 4] = ["_KEY", "_PASS", "_PWD", "_DSN_PASSWORD"];
/// Ends of a name that say that it is only about a secret.
const ABOUT: [&str; 34] = [
    "_URL",
    "_URI",
    "_MINUTES",
    "_SECONDS",
    "_HOURS",
    "_DAYS",
    "_EXPIRE",
    "_EXPIRES",
    "_EXPIRY",
    "_EXPIRATION",
    "_EXPIRES_IN",
    "_TTL",
    "_LIFETIME",
    "_MAX_AGE",
    "_ALGORITHM",
    "_TYPE",
    "_NAME",
    "_HEADER",
    "_PATH",
    "_FILE",
    "_DIR",
    "_ENABLED",
    "_REQUIRED",
    "_LENGTH",
    "_MIN_LENGTH",
    "_LIMIT",
    "_COUNT",
    "_ISSUER",
    "_AUDIENCE",
    "_SCHEME",
    "_BACKEND",
    "_ID",
    "_ROUNDS",
    "_TIMEOUT",
];

/// Whether what is called `name` is probably a secret.
pub(super) fn is_secret_name(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    if upper.contains("PUBLIC_KEY")
        || upper.contains("PUBLISHABLE_KEY")
        || ["MAX_", "MIN_", "NUM_"].iter().any(|start| upper.starts_with(start))
    {
        return false;
    }
    // AWS_ACCESS_KEY_ID is half of a pair, and kept with it.
    if ABOUT.iter().any(|end| upper.ends_with(end)) && !upper.ends_with("ACCESS_KEY_ID") {
        return false;
    }
    WORDS.iter().any(|word| upper.contains(word)) || ENDS.iter().any(|end| upper.ends_with(end))
}

/// Whether `text` has a password in it: `scheme://user:password@host`, `password=..`, or a private key.
pub(super) fn has_password(text: &str) -> bool {
    let in_address = text.match_indices("://").any(|(at, _)| {
        let authority = text[at + 3..].split(['/', '?', '#', ' ', '\n']).next().unwrap_or_default();
        let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
        user.split_once(':').is_some_and(|(_, password)| !password.is_empty())
    });
    // A password may have those signs in it, so that its address ends early.
    let in_broken_address = text
        .split_once("://")
        .is_some_and(|(_, rest)| rest.split_once(':').is_some_and(|(user, after)| !user.contains(['/', '@', ' ']) && after.contains('@')));
    let lower = text.to_ascii_lowercase();
    let is_set = |word: &str| lower.split_once(word).is_some_and(|(_, value)| !value.trim_start().is_empty());
    in_address
        || in_broken_address
        || ["password=", "pwd=", "accountkey=", "sharedaccesskey="].into_iter().any(is_set)
        || text.contains("PRIVATE KEY-----")
}

/// The passwords that `text` has in addresses and in `password=..`, as they are there and as they are meant.
pub(super) fn passwords(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("://") {
        let rest = text[at + 3..].split([' ', '\n', '"', '\'']).next().unwrap_or_default();
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        // A password may have those signs in it.
        let user = authority.rsplit_once('@').or_else(|| rest.rsplit_once('@')).map_or("", |(user, _)| user);
        found.extend(user.split_once(':').map(|(_, password)| password.to_owned()));
    }
    let lower = text.to_ascii_lowercase();
    for word in ["password=", "pwd=", "accountkey=", "sharedaccesskey="] {
        let values = lower.match_indices(word).filter_map(|(at, _)| text.get(at + word.len()..));
        found
            .extend(values.map(|value| value.split([' ', ';', '&', '\n']).next().unwrap_or_default().trim_matches(['"', '\'']).to_owned()));
    }
    let meant: Vec<_> = found.iter().filter_map(|password| unescaped(password)).collect();
    found.extend(meant);
    found
}

/// `text` with the bytes of its `%41`; none when it has none, or isn't text then.
fn unescaped(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        match part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => bytes.extend(std::iter::once(byte).chain(part[2..].bytes())),
            None => bytes.extend(std::iter::once(b'%').chain(part.bytes())),
        }
    }
    String::from_utf8(bytes).ok().filter(|meant| meant != text)
}

#[cfg(test)]
mod tests {
    use super::{has_password, is_secret_name, passwords};

    #[test]
    fn a_password_is_found_in_an_address_as_it_is_written_and_meant() {
        for (text, expected) in [
            ("postgres://u:pa%2Fss%3F@h:5432/db", &["pa%2Fss%3F", "pa/ss?"][..]),
            ("a postgres://u:one@h, redis://:two@h/0", &["one", "two"]),
            ("postgres://u:p/w#1@h/db", &["p/w#1"]),
            ("Host=h;Password=s3cret;Timeout=1", &["s3cret"]),
            ("https://h/path?q=a:b", &[]),
            ("100%", &[]),
        ] {
            assert_eq!(passwords(text), expected, "{text}");
        }
    }

    #[test]
    fn names_of_secrets_are_told_from_names_about_them() {
        for name in [
            "SECRET_KEY",
            "DB_PASSWORD",
            "MYSQL_PASSWD",
            "GITHUB_TOKEN",
            "openai_api_key",
            "STRIPE_APIKEY",
            "JWT_PRIVATE_KEY",
            "GOOGLE_CREDENTIALS",
            "SIGNING_KEY",
            "TOKEN",
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "SMTP_PASS",
            "client_secret",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in [
            "PORT",
            "JWT_PUBLIC_KEY",
            "STRIPE_PUBLISHABLE_KEY",
            "ACCESS_TOKEN_EXPIRE_MINUTES",
            "TOKEN_URL",
            "MAX_TOKENS",
            "KEYBOARD",
            "MONKEY",
            "SECRET_NAME",
            "PASSWORD_MIN_LENGTH",
            "TOKEN_ALGORITHM",
            "API_KEY_HEADER",
            "DATABASE_URL",
            "KEY_PREFIX",
        ] {
            assert!(!is_secret_name(name), "{name}");
        }
    }

    #[test]
    fn passwords_in_values_are_found() {
        for text in [
            "postgres://app:hunter2@db:5432/shop",
            "postgresql+asyncpg://app:a/b@db/x",
            "redis://:hunter2@cache:6379/0",
            "host=db user=x password=hunter2",
            "Server=x;Pwd=hunter2",
            "-----BEGIN RSA PRIVATE KEY-----\nabc",
        ] {
            assert!(has_password(text), "{text}");
        }
        for text in ["postgres://db:5432/shop", "postgres://app@db/shop", "sqlite:///x.db", "password=", "a:b@c", ""] {
            assert!(!has_password(text), "{text}");
        }
    }
}
