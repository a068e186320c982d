//! The services of a long list that have been fetched, each with a signal of its own, and what the dashboard feed does to them.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use api::{Page, Service, ServiceId, ServiceQuery, Timestamp};

use super::slots::Slots;
use crate::pages::rows::Row;

/// The services that are known, and their places.
pub struct List {
    /// Who is where.
    pub slots: Slots,
    query: ServiceQuery,
    search: Option<String>,
    rows: HashMap<ServiceId, Row>,
    /// Those that were removed while the page is open: an answer that has one of them is older than that.
    gone: HashSet<ServiceId>,
    /// When the page was loaded.
    loaded_at: Timestamp,
    /// For which change of a service the list has been asked for again.
    noticed: HashMap<ServiceId, Timestamp>,
}

/// What a frame means for the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// Nothing, or only what a row shows.
    Row,
    /// Somebody may have come or gone: what is on screen has to be asked for again.
    Order,
}

impl List {
    /// A list of `total` services that begins with these.
    pub fn new(query: ServiceQuery, rows: Vec<Row>, total: usize, row: f64, loaded_at: Timestamp) -> Self {
        let mut slots = Slots::new(total.max(rows.len()), row);
        let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
        let total = slots.len();
        slots.put(0..ids.len(), &ids, total);
        Self {
            slots,
            search: query.search(),
            query: ServiceQuery { cursor: None, ..query },
            rows: rows.into_iter().map(|row| (row.id, row)).collect(),
            gone: HashSet::new(),
            loaded_at,
            noticed: HashMap::new(),
        }
    }

    /// What has to be asked for to have the places of a range.
    pub fn ask(&self, range: &Range<usize>) -> ServiceQuery {
        ServiceQuery {
            offset: u32::try_from(range.start).ok(),
            // A range is of whole blocks, and never longer than an answer.
            limit: u32::try_from(range.len()).ok().and_then(|length| api::Limit::new(length).ok()).unwrap_or_default(),
            ..self.query.clone()
        }
    }

    /// The row of a service that is known.
    pub fn row(&self, id: ServiceId) -> Option<&Row> {
        self.rows.get(&id)
    }

    /// Takes in the answer for a range, unless it is older than what the feed has said since.
    pub fn put(&mut self, range: Range<usize>, page: Page<Service>) -> bool {
        if page.items.iter().any(|service| self.gone.contains(&service.id)) {
            return false;
        }
        let ids: Vec<_> = page.items.iter().map(|service| service.id).collect();
        let total = page.total.and_then(|total| usize::try_from(total).ok()).unwrap_or(self.slots.len());
        self.slots.put(range, &ids, total);
        for service in page.items {
            match self.rows.get(&service.id) {
                Some(row) => _ = row.show(service),
                None => _ = self.rows.insert(service.id, Row::new(service)),
            }
        }
        self.forget();
        true
    }

    /// Something of the feed is missing: all that is known may be out of date.
    pub fn doubt(&mut self) {
        self.gone.clear();
        self.slots.doubt();
    }

    /// Takes in a service as the feed says it is.
    pub fn take(&mut self, service: &Service) -> News {
        let matches = self.query.matches(service, self.search.as_deref());
        let may_move = match self.rows.get(&service.id) {
            Some(row) => {
                row.show(service.clone());
                !matches
            }
            None if self.gone.remove(&service.id) => true,
            // What isn't here may have come, or have gone from where nobody looks: the total says so.
            None => {
                let is_since = |at: Timestamp| at.seconds_since(self.loaded_at) > 0.0;
                (matches && is_since(service.created_at)) || (self.query.is_filtered() && is_since(service.last_updated))
            }
        };
        let is_noticed = may_move && self.noticed.insert(service.id, service.last_updated) == Some(service.last_updated);
        if may_move && !is_noticed { News::Order } else { News::Row }
    }

    /// Takes out a service that was removed.
    pub fn remove(&mut self, id: ServiceId) -> News {
        self.gone.insert(id);
        self.noticed.remove(&id);
        self.rows.remove(&id);
        match self.slots.remove(id) {
            Some(_) => News::Row,
            None => News::Order,
        }
    }

    /// Drops what is far from a range.
    pub fn drop_far(&mut self, range: Range<usize>, focus: Option<usize>) {
        if self.slots.drop_far(range, focus) {
            self.forget();
        }
    }

    fn forget(&mut self) {
        let known = self.slots.ids();
        self.rows.retain(|id, _| known.contains(id));
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use api::{Page, Service, ServiceQuery, Status};
    use leptos::prelude::{Owner, WithUntracked};

    use super::{List, News};
    use crate::fake::{NOW, service};
    use crate::pages::rows::Row;

    /// A list of 250, of which the first 100 are here.
    fn list(query: ServiceQuery) -> List {
        List::new(query, (0..100).map(|n| Row::new(one(n))).collect(), 250, 52.0, NOW)
    }

    fn one(number: u128) -> Service {
        service(number + 1, &format!("svc-{number:03}"))
    }

    fn page(numbers: std::ops::Range<u128>, total: u64) -> Page<Service> {
        Page { items: numbers.map(one).collect(), next_cursor: None, total: Some(total) }
    }

    fn later(service: Service) -> Service {
        Service { last_updated: NOW.plus_seconds(5), revision: service.revision + 1, ..service }
    }

    #[test]
    fn a_range_is_asked_for_by_its_place_in_the_same_order() {
        let list = list(ServiceQuery { q: Some("svc".into()), cursor: Some("x".into()), ..Default::default() });
        let query = list.ask(&(200..400));
        assert_eq!((query.offset, query.limit.get(), query.cursor, query.q.as_deref()), (Some(200), 200, None, Some("svc")));
    }

    #[test]
    fn a_change_of_a_service_changes_its_row_and_nothing_else_wherever_it_is() {
        Owner::new().with(|| {
            let mut list = list(ServiceQuery::default());
            assert!(list.put(200..300, page(200..250, 250)));
            let row = list.row(one(230).id).expect("it is known").clone();
            let renamed = Service { name: "renamed".into(), ..later(one(230)) };
            assert_eq!(list.take(&renamed), News::Row);
            assert_eq!(row.service.with_untracked(|service| service.name.clone()), "renamed");
            assert_eq!((list.slots.len(), list.slots.index_of(renamed.id)), (250, Some(230)));
            assert_eq!(list.take(&later(one(150))), News::Row, "one that hasn't been fetched, and can't have come or gone");
            assert!(list.put(200..300, page(200..250, 250)));
            assert_eq!(row.service.with_untracked(|service| service.name.clone()), "renamed", "the answer is older");
        });
    }

    #[test]
    fn the_list_is_asked_for_again_once_for_each_change_that_may_bring_or_take_somebody() {
        Owner::new().with(|| {
            let new = Service { created_at: NOW.plus_seconds(3), ..later(one(700)) };
            let mut whole = list(ServiceQuery::default());
            assert_eq!((whole.take(&new), whole.take(&new)), (News::Order, News::Row));

            let running = || list(ServiceQuery { status: Some(Status::Running), ..Default::default() });
            let stopped = Service { status: Status::Stopped, ..later(one(7)) };
            let mut shown = running();
            assert_eq!((shown.take(&stopped), shown.take(&stopped)), (News::Order, News::Row), "one that doesn't match any more");
            let again = Service { last_updated: NOW.plus_seconds(9), ..stopped };
            assert_eq!(shown.take(&again), News::Order, "a further change");
            let far = running().take(&later(one(170)));
            assert_eq!(far, News::Order, "one that may have come to match, or ceased to, where nobody looks");
            assert_eq!(running().take(&one(170)), News::Row, "only its figures are new");
            let other = Service { created_at: NOW.plus_seconds(3), ..one(700) };
            let mut searched = list(ServiceQuery { q: Some("svc-0".into()), ..Default::default() });
            assert_eq!(searched.take(&other), News::Row, "it is new and doesn't match");
        });
    }

    #[test]
    fn who_was_removed_does_not_come_back_by_an_older_answer_but_when_put_back() {
        Owner::new().with(|| {
            let mut list = list(ServiceQuery::default());
            assert_eq!(list.remove(one(10).id), News::Row);
            assert_eq!((list.slots.len(), list.slots.index_of(one(11).id)), (249, Some(10)));
            assert!(!list.put(0..100, page(0..100, 250)), "the answer is older than the removal");
            assert_eq!(list.slots.len(), 249);
            assert_eq!(list.remove(one(200).id), News::Order, "nobody knows where it was");
            assert_eq!(list.take(&one(11)), News::Row);
            assert_eq!(list.take(&later(one(10))), News::Order);
            assert!(list.put(0..100, page(0..100, 250)));
            assert_eq!((list.slots.len(), list.slots.index_of(one(10).id)), (250, Some(10)));
            list.remove(one(10).id);
            list.doubt();
            assert!(list.put(0..100, page(0..100, 250)), "after a break nobody knows what was put back meanwhile");
        });
    }
}
