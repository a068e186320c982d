//! What the list is narrowed to, as it stands in the address.

use api::NamedSecret;
use leptos_router::params::ParamsMap;

use crate::path;

/// Which secrets are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Show {
    /// All of them.
    #[default]
    All,
    /// Those that nothing refers to.
    Unused,
    /// Those whose value is old.
    Stale,
}

impl Show {
    /// All, in the order in which they are offered.
    pub const ALL: [Show; 3] = [Show::All, Show::Unused, Show::Stale];

    /// The text in the address.
    pub const fn as_str(self) -> &'static str {
        match self {
            Show::All => "",
            Show::Unused => "unused",
            Show::Stale => "stale",
        }
    }

    /// The word that people see.
    pub const fn label(self) -> &'static str {
        match self {
            Show::All => "All",
            Show::Unused => "Unused",
            Show::Stale => "Stale",
        }
    }

    /// What to do about those that it leaves.
    pub const fn advice(self) -> Option<&'static str> {
        match self {
            Show::All => None,
            Show::Unused => Some("Nothing refers to these. Delete those that nothing outside of Pilothouse needs either."),
            Show::Stale => Some(
                "The values of these are older than 180 days. Make new ones where they are used, set them here, and restart the services that use them.",
            ),
        }
    }

    /// The one of that text; what can't be read is all.
    pub fn read(text: &str) -> Self {
        Show::ALL.into_iter().find(|show| show.as_str() == text).unwrap_or_default()
    }
}

/// A text and what is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretQuery {
    /// What is looked for; empty finds all.
    pub q: String,
    /// Which are shown.
    pub show: Show,
}

impl SecretQuery {
    /// Reads it from an address.
    pub fn read(params: &ParamsMap) -> Self {
        let text = |name: &str| params.get_str(name).unwrap_or_default().trim();
        Self { q: text("q").chars().take(200).collect(), show: Show::read(text("show")) }
    }

    /// The address of the list with it.
    pub fn href(&self) -> String {
        let pairs = [("q", self.q.as_str()), ("show", self.show.as_str())];
        let pairs = pairs.into_iter().filter(|(_, value)| !value.is_empty());
        let pairs: Vec<_> = pairs.map(|(name, value)| format!("{name}={}", path::escape(value))).collect();
        if pairs.is_empty() { path::SECRETS.to_owned() } else { format!("{}?{}", path::SECRETS, pairs.join("&")) }
    }

    /// Whether a secret is shown: the text is in its name, in what is said of it, or in what refers to it.
    pub fn matches(&self, secret: &NamedSecret) -> bool {
        let is_shown = match self.show {
            Show::All => true,
            Show::Unused => secret.unused,
            Show::Stale => secret.stale,
        };
        let q = self.q.to_ascii_lowercase();
        let has = |text: &str| text.to_ascii_lowercase().contains(&q);
        let uses = || secret.used_by.iter().any(|one| has(&one.service_name) || has(&one.variable));
        is_shown && (q.is_empty() || has(secret.name.as_str()) || secret.description.as_deref().is_some_and(has) || uses())
    }
}

#[cfg(test)]
mod tests {
    use leptos_router::params::ParamsMap;

    use super::{SecretQuery, Show};

    #[test]
    fn the_address_reads_back_as_it_was_written() {
        for (pairs, href) in [
            (vec![("q", "db pass"), ("show", "stale")], "/secrets?q=db%20pass&show=stale"),
            (vec![("show", "unused")], "/secrets?show=unused"),
            (vec![("q", " "), ("show", "nonsense")], "/secrets"),
        ] {
            let query = SecretQuery::read(&pairs.into_iter().collect::<ParamsMap>());
            assert_eq!(query.href(), href);
        }
        assert_eq!(SecretQuery::default().show, Show::All);
    }
}
