//! What is searched, filtered and sorted, as it stands in the address.

use api::{ServiceQuery, ServiceSort};
use leptos_router::params::ParamsMap;

use crate::path;

/// The sort orders by their text in the address.
const SORTS: [(&str, ServiceSort); 12] = [
    ("name", ServiceSort::Name),
    ("-name", ServiceSort::NameDown),
    ("status", ServiceSort::Status),
    ("-status", ServiceSort::StatusDown),
    ("cpu", ServiceSort::Cpu),
    ("-cpu", ServiceSort::CpuDown),
    ("memory", ServiceSort::Memory),
    ("-memory", ServiceSort::MemoryDown),
    ("created_at", ServiceSort::Created),
    ("-created_at", ServiceSort::CreatedDown),
    ("last_updated", ServiceSort::Updated),
    ("-last_updated", ServiceSort::UpdatedDown),
];

/// The query of the list, read from the address and written to it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListQuery(pub ServiceQuery);

impl ListQuery {
    /// Reads it; what can't be read is left out.
    pub fn read(params: &ParamsMap) -> Self {
        let text = |name: &str| params.get_str(name).map(str::trim).filter(|text| !text.is_empty());
        Self(ServiceQuery {
            status: text("status").and_then(|text| text.parse().ok()),
            health: text("health").and_then(|text| text.parse().ok()),
            label: text("label").map(str::to_owned),
            q: text("q").map(|text| text.chars().take(200).collect()),
            sort: text("sort").and_then(|text| SORTS.iter().find(|(name, _)| *name == text)).map(|(_, sort)| *sort).unwrap_or_default(),
            cursor: text("cursor").map(str::to_owned),
            ..ServiceQuery::default()
        })
    }

    /// The address of the list with it.
    pub fn href(&self) -> String {
        let query = &self.0;
        let sort = (query.sort != ServiceSort::default()).then(|| self.sort_text());
        let pairs = [
            ("q", query.q.as_deref()),
            ("status", query.status.map(|status| status.as_str())),
            ("health", query.health.map(|health| health.as_str())),
            ("label", query.label.as_deref()),
            ("sort", sort),
            ("cursor", query.cursor.as_deref()),
        ];
        let pairs: Vec<_> = pairs.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", path::escape(value?)))).collect();
        if pairs.is_empty() { path::SERVICES.to_owned() } else { format!("{}?{}", path::SERVICES, pairs.join("&")) }
    }

    /// The address of the page of an action on all that it leaves.
    pub fn bulk_href(&self, action: api::Action) -> String {
        let query = Self(ServiceQuery { sort: ServiceSort::default(), cursor: None, ..self.0.clone() }).href();
        let filter = query.split_once('?').map(|(_, pairs)| format!("&{pairs}")).unwrap_or_default();
        format!("{}?action={action}{filter}", path::BULK)
    }

    /// The text of its sort order in the address.
    pub fn sort_text(&self) -> &'static str {
        SORTS.iter().find(|(_, sort)| *sort == self.0.sort).map_or("name", |(name, _)| name)
    }

    /// The same, changed, from the first page on.
    pub fn with(&self, change: impl FnOnce(&mut ServiceQuery)) -> Self {
        let mut query = self.clone();
        query.0.cursor = None;
        change(&mut query.0);
        query
    }

    /// Whether nothing is searched or filtered.
    pub fn is_whole(&self) -> bool {
        let ServiceQuery { q, status, health, label, cursor, .. } = &self.0;
        q.is_none() && status.is_none() && health.is_none() && label.is_none() && cursor.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::ListQuery;
    use leptos_router::params::ParamsMap;

    #[test]
    fn the_address_reads_back_as_it_was_written() {
        let params: ParamsMap = [("q", "pay ments"), ("status", "running"), ("label", "team=shop"), ("sort", "-cpu")].into_iter().collect();
        let query = ListQuery::read(&params);
        assert_eq!(query.href(), "/services?q=pay%20ments&status=running&label=team%3Dshop&sort=-cpu");
        assert_eq!(query.bulk_href(api::Action::Stop), "/services/bulk?action=stop&q=pay%20ments&status=running&label=team%3Dshop");
        assert_eq!(query.with(|query| *query = Default::default()).href(), "/services");
    }

    #[test]
    fn what_cannot_be_read_is_left_out() {
        let params: ParamsMap = [("q", "  "), ("status", "on fire"), ("sort", "colour"), ("health", "")].into_iter().collect();
        assert_eq!(ListQuery::read(&params), ListQuery::default());
    }
}
