//! Which action on which services, as it stands in the address.

use api::{Action, BulkFilter, BulkRequest, Error, Result, ServiceId, Timestamp};
use leptos_router::params::ParamsMap;

/// What the address asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// What is to be done.
    pub action: Action,
    /// The services chosen one by one.
    pub ids: Vec<ServiceId>,
    /// Which services, when none is chosen by itself.
    pub filter: BulkFilter,
    /// Whether what has to be moved with them is, too.
    pub with_dependencies: bool,
    /// When it was asked for, by the server's clock; none while it is only planned.
    pub sent: Option<Timestamp>,
}

impl Asked {
    /// Reads it.
    ///
    /// # Errors
    /// When it names no action, or what can't be a service.
    pub fn read(params: &ParamsMap) -> Result<Self> {
        let text = |name: &str| params.get_str(name).map(str::trim).filter(|text| !text.is_empty());
        let action = text("action").ok_or_else(|| Error::invalid("action", "choose what is to be done: start, stop or restart"))?;
        let ids = params.get_all("id").unwrap_or_default();
        Ok(Self {
            action: action.parse()?,
            ids: ids.iter().map(|id| id.parse()).collect::<Result<_>>()?,
            filter: BulkFilter {
                status: text("status").map(str::parse).transpose()?,
                health: text("health").map(str::parse).transpose()?,
                label: text("label").map(str::to_owned),
                q: text("q").map(str::to_owned),
            },
            with_dependencies: text("with") == Some("dependencies"),
            sent: text("sent").and_then(|text| text.parse().ok()).map(Timestamp::from_micros),
        })
    }

    /// What the server is asked, to know what would become of each.
    pub fn request(self) -> BulkRequest {
        let filter = self.ids.is_empty().then_some(self.filter);
        BulkRequest { action: self.action, ids: self.ids, filter, with_dependencies: self.with_dependencies, dry_run: true }
    }
}

#[cfg(test)]
mod tests {
    use api::{Action, Health, ServiceId, ServiceQuery, Status};
    use leptos_router::params::ParamsMap;

    use super::Asked;
    use crate::pages::services::ListQuery;
    use crate::path;

    const ID: &str = "00000000-0000-7000-8000-000000000001";

    #[test]
    fn the_address_names_an_action_and_services_or_a_filter() {
        let read = |pairs: &[(&'static str, &str)]| {
            let mut params = ParamsMap::new();
            pairs.iter().for_each(|(name, value)| params.insert(*name, (*value).to_owned()));
            Asked::read(&params)
        };
        let id: ServiceId = ID.parse().unwrap();
        let asked = read(&[("action", "stop"), ("id", ID), ("id", ID), ("sent", "7")]).unwrap();
        assert_eq!((asked.action, asked.ids.as_slice(), asked.sent.map(|at| at.micros())), (Action::Stop, [id, id].as_slice(), Some(7)));
        assert_eq!(asked.request().filter, None);
        let all = read(&[("action", "start"), ("status", "stopped"), ("q", " ")]).unwrap().request();
        assert_eq!(all.filter.map(|filter| (filter.status, filter.q)), Some((Some(Status::Stopped), None)));
        for wrong in [&[][..], &[("action", "explode")], &[("action", "stop"), ("id", "x")], &[("action", "stop"), ("status", "on fire")]] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
        let with = path::bulk_with_dependencies(Action::Start, id);
        assert_eq!(with, format!("/services/bulk?action=start&id={ID}&with=dependencies"));
        let asked = read(&[("action", "start"), ("id", ID), ("with", "dependencies")]).unwrap();
        assert!(asked.request().with_dependencies && !read(&[("action", "start"), ("id", ID)]).unwrap().request().with_dependencies);
        assert_eq!(path::bulk(Action::Stop, [id]), format!("/services/bulk?action=stop&id={ID}"));
    }
    #[test]
    fn whatever_narrows_the_list_narrows_what_all_that_match_are() {
        let list = ServiceQuery {
            status: Some(Status::Stopped),
            health: Some(Health::Unknown),
            label: Some("team=shop & co".into()),
            q: Some("50 %".into()),
            ..ServiceQuery::default()
        };
        let href = ListQuery(list.clone()).bulk_href(Action::Stop);
        let url = leptos_router::location::RequestUrl::new(&href).parse().unwrap();
        let asked = Asked::read(url.search_params()).unwrap();
        assert_eq!(asked.request().filter.map(ServiceQuery::from), Some(list));
    }
}
