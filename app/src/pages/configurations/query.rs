//! What the list is narrowed to and which services are chosen, as it stands in the address.

use api::{ConfigurationsQuery, ConfigurationsShow, Limit, ServiceId};
use leptos_router::params::ParamsMap;

use crate::path;

/// Services on one page of the list.
const PAGE: u32 = 200;

/// Which configurations are shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListQuery {
    /// What is looked for; empty finds all.
    pub q: String,
    /// Which are shown.
    pub show: Option<ConfigurationsShow>,
    /// Whether they are checked against their schemas.
    pub check: bool,
    /// Where the page begins; empty for the first.
    pub cursor: String,
}

/// The choices of what is shown: the text in the address and the words that people see.
pub const SHOWS: [(&str, &str); 4] =
    [("", "All"), ("not_applied", "Not applied"), ("faulty", "With faults"), ("inherited_changed", "Inherited values changed")];

impl ListQuery {
    /// Reads it from an address.
    pub fn read(params: &ParamsMap) -> Self {
        let text = |name: &str| params.get_str(name).unwrap_or_default().trim();
        let q = text("q").chars().take(200).collect();
        Self { q, show: show(text("show")), check: text("check") == "true", cursor: text("cursor").to_owned() }
    }

    /// The text of what is shown, in the address.
    pub fn show_text(&self) -> &'static str {
        match self.show {
            None => "",
            Some(ConfigurationsShow::NotApplied) => "not_applied",
            Some(ConfigurationsShow::Faulty) => "faulty",
            Some(ConfigurationsShow::InheritedChanged) => "inherited_changed",
        }
    }

    /// An address with it: that of the list, or of what is done with those that it leaves.
    pub fn href(&self, at: &str) -> String {
        let check = if self.check { "true" } else { "" };
        let pairs = [("q", self.q.as_str()), ("show", self.show_text()), ("check", check), ("cursor", self.cursor.as_str())];
        let pairs = pairs.into_iter().filter(|(_, value)| !value.is_empty());
        let pairs: Vec<_> = pairs.map(|(name, value)| format!("{name}={}", path::escape(value))).collect();
        if pairs.is_empty() { at.to_owned() } else { format!("{at}?{}", pairs.join("&")) }
    }

    /// Whether all services are shown, page by page.
    pub fn is_whole(&self) -> bool {
        self.q.is_empty() && self.show.is_none()
    }

    /// What the server is asked.
    pub fn request(&self) -> ConfigurationsQuery {
        let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let limit = Limit::new(PAGE).unwrap_or_default();
        ConfigurationsQuery { show: self.show, q: text(&self.q), check: self.check, limit, cursor: text(&self.cursor) }
    }
}

/// What a text in the address, or of the field, stands for; what can't be read is all.
pub fn show(text: &str) -> Option<ConfigurationsShow> {
    match text {
        "not_applied" => Some(ConfigurationsShow::NotApplied),
        "faulty" => Some(ConfigurationsShow::Faulty),
        "inherited_changed" => Some(ConfigurationsShow::InheritedChanged),
        _ => None,
    }
}

/// The services that are chosen one by one; none when all are meant that the list has. What can't be an id is no service.
pub fn ids(params: &ParamsMap) -> Vec<ServiceId> {
    params.get_all("id").unwrap_or_default().iter().filter_map(|id| id.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use leptos_router::params::ParamsMap;

    use super::{ListQuery, SHOWS, ids, show};
    use crate::path;

    #[test]
    fn the_address_reads_back_as_it_was_written() {
        for (pairs, href) in [
            (vec![("q", "shop & co"), ("show", "faulty")], "/configuration?q=shop%20%26%20co&show=faulty"),
            (vec![("check", "true"), ("cursor", "YQ")], "/configuration?check=true&cursor=YQ"),
            (vec![("q", " "), ("show", "nonsense"), ("check", "1")], "/configuration"),
        ] {
            let query = ListQuery::read(&pairs.into_iter().collect::<ParamsMap>());
            assert_eq!(query.href(path::CONFIGURATIONS), href);
        }
        for (text, _) in SHOWS {
            assert_eq!(ListQuery { show: show(text), ..ListQuery::default() }.show_text(), text);
        }
        let params = [("id", "00000000-0000-7000-8000-000000000001"), ("id", "x")].into_iter().collect::<ParamsMap>();
        assert_eq!(ids(&params).len(), 1);
    }
}
