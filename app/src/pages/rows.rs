//! Services on a page, each with a signal of its own, so that a frame of the live feed changes one row and nothing else.

use std::collections::HashSet;
use std::time::Duration;

use api::{Service, ServiceId, Timestamp, Topic};
use leptos::prelude::*;
use serde::Deserialize;

use crate::live::{Incoming, use_feed};
use crate::viewer::Viewer;

/// How long changes that need a reload are gathered before it.
const PAUSE: Duration = Duration::from_millis(800);

/// One service.
#[derive(Clone)]
pub struct Row {
    /// Its id.
    pub id: ServiceId,
    /// What is shown of it.
    pub service: ArcRwSignal<Service>,
}

/// The services of a page, in their order.
#[derive(Clone, Copy)]
pub struct Rows(RwSignal<Vec<Row>>);

#[derive(Deserialize)]
struct Removed {
    id: ServiceId,
}

impl Rows {
    /// The services that the page was loaded with.
    pub fn new(services: Vec<Service>) -> Self {
        Self(RwSignal::new(services.into_iter().map(Row::new).collect()))
    }

    /// The rows, for a `For`.
    pub fn get(self) -> Vec<Row> {
        self.0.get()
    }

    /// Shows these services instead; those that are shown already keep their rows. Does nothing when the page has been left meanwhile.
    pub fn replace(self, services: Vec<Service>) {
        let Some(shown) = self.0.try_get_untracked() else { return };
        let rows: Vec<_> = services
            .into_iter()
            .map(|service| match shown.iter().find(|row| row.id == service.id) {
                Some(row) => {
                    row.show(service);
                    row.clone()
                }
                None => Row::new(service),
            })
            .collect();
        if rows.iter().map(|row| row.id).ne(shown.iter().map(|row| row.id)) {
            self.0.set(rows);
        }
    }

    /// Shows what the dashboard feed says while the component lives. `reload` is called when that isn't enough: after a break, for a
    /// new service, and for one that `belongs` here now and isn't shown. `changed` hears of every change of a state.
    pub fn follow(
        self,
        belongs: impl Fn(&Service) -> bool + 'static,
        changed: impl Fn() + 'static,
        reload: impl Fn() + Send + Sync + 'static,
    ) {
        let loaded_at = expect_context::<Viewer>().now;
        let asked = StoredValue::new(HashSet::new());
        let reload = Soon::new(reload);
        use_feed(
            || Some(Topic::Dashboard),
            move |incoming| match incoming {
                Incoming::Frame(frame) => match frame.kind.as_str() {
                    "service" => {
                        let Some(service) = frame.read::<Service>() else { return };
                        match self.take(&service) {
                            Taken::Same => {}
                            Taken::Changed => changed(),
                            Taken::Unknown => {
                                let is_new = is_after(service.created_at, loaded_at) || belongs(&service);
                                if is_new && asked.try_update_value(|asked| asked.insert(service.id)).unwrap_or_default() {
                                    reload.ask();
                                    changed();
                                }
                            }
                        }
                    }
                    "removed" => {
                        let Some(Removed { id }) = frame.read() else { return };
                        self.0.update(|rows| rows.retain(|row| row.id != id));
                        changed();
                    }
                    _ => {}
                },
                Incoming::Reload | Incoming::Missing(_) => reload.ask(),
            },
        );
    }

    fn take(self, service: &Service) -> Taken {
        let row = self.0.try_with_untracked(|rows| rows.iter().find(|row| row.id == service.id).cloned());
        match row {
            Some(Some(row)) => row.show(service.clone()),
            Some(None) => Taken::Unknown,
            None => Taken::Same,
        }
    }
}

/// What became of a service that a frame brought.
pub enum Taken {
    /// It looks as before, perhaps with other figures.
    Same,
    /// Its status or health is another.
    Changed,
    /// It isn't on the page.
    Unknown,
}

impl Row {
    /// A row that shows this.
    pub fn new(service: Service) -> Self {
        Self { id: service.id, service: ArcRwSignal::new(service) }
    }

    /// Shows this, unless what is shown is newer.
    pub fn show(&self, service: Service) -> Taken {
        if !self.service.with_untracked(|shown| service.supersedes(shown)) {
            return Taken::Same;
        }
        let state = |service: &Service| (service.status, service.health_status);
        let (is_same, is_changed) = self.service.with_untracked(|shown| (*shown == service, state(shown) != state(&service)));
        if !is_same {
            self.service.set(service);
        }
        if is_changed { Taken::Changed } else { Taken::Same }
    }
}

/// Does something once, a moment after it was asked for, however often it is asked for until then.
#[derive(Clone)]
pub struct Soon {
    pending: StoredValue<Option<TimeoutHandle>>,
    act: StoredValue<Box<dyn Fn() + Send + Sync>>,
}

impl Soon {
    /// Does `act`, while the component lives.
    pub fn new(act: impl Fn() + Send + Sync + 'static) -> Self {
        let pending = StoredValue::new(None::<TimeoutHandle>);
        on_cleanup(move || {
            if let Some(Some(handle)) = pending.try_get_value() {
                handle.clear();
            }
        });
        Self { pending, act: StoredValue::new(Box::new(act)) }
    }

    /// Asks for it.
    pub fn ask(&self) {
        let Self { pending, act } = *self;
        if pending.try_get_value().is_some_and(|pending| pending.is_none()) {
            let run = move || {
                pending.try_set_value(None);
                act.try_with_value(|act| act());
            };
            pending.set_value(set_timeout_with_handle(run, PAUSE).ok());
        }
    }
}

fn is_after(at: Timestamp, other: Timestamp) -> bool {
    at.seconds_since(other) > 0.0
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use leptos::prelude::{Owner, Set, WithUntracked};

    use super::Rows;
    use crate::fake::service;

    #[test]
    fn a_service_that_is_shown_keeps_its_row_when_the_list_is_replaced() {
        Owner::new().with(|| {
            let (first, second) = (service(1, "a"), service(2, "b"));
            let rows = Rows::new(vec![first.clone(), second.clone()]);
            let kept = rows.0.with_untracked(|rows| rows[1].service.clone());
            let renamed = api::Service { name: "b2".into(), ..second };
            rows.replace(vec![renamed]);
            assert_eq!(rows.0.with_untracked(Vec::len), 1);
            assert_eq!(kept.with_untracked(|service| service.name.clone()), "b2");
            kept.set(first);
        });
    }

    #[test]
    fn an_answer_that_comes_after_newer_news_changes_nothing() {
        Owner::new().with(|| {
            let asked = api::Service { revision: 7, status: api::Status::Stopping, ..service(1, "a") };
            let ended = api::Service { revision: 8, status: api::Status::Stopped, ..asked.clone() };
            let rows = Rows::new(vec![ended.clone()]);
            rows.take(&asked);
            rows.replace(vec![asked]);
            assert_eq!(rows.0.with_untracked(|rows| rows[0].service.with_untracked(|service| service.status)), ended.status);
            let begun = api::Service { revision: 9, status: api::Status::Starting, ..ended };
            rows.take(&begun);
            assert_eq!(rows.0.with_untracked(|rows| rows[0].service.with_untracked(|service| service.status)), begun.status);
        });
    }
}
