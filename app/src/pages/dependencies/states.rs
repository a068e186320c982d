//! What services do that a page names, as the dashboard feed says.

use std::collections::BTreeMap;

use api::{DependencyHealth, Health, NodeKind, Service, ServiceId, Status, Topic};
use leptos::prelude::*;

use crate::live::{Incoming, use_feed};
use crate::pages::rows::Soon;

/// Status and health of services.
#[derive(Clone, Copy, Default)]
pub struct States(StoredValue<BTreeMap<ServiceId, ArcRwSignal<(Status, Health)>>>);

impl States {
    /// Takes in what these services do.
    pub fn know(self, services: impl Iterator<Item = (ServiceId, Option<Status>, Option<Health>)>) {
        for (id, status, health) in services {
            let Some(now) = status.map(|status| (status, health.unwrap_or(Health::Unknown))) else { continue };
            self.0.update_value(|known| match known.get(&id) {
                Some(shown) if shown.get_untracked() == now => {}
                Some(shown) => shown.set(now),
                None => _ = known.insert(id, ArcRwSignal::new(now)),
            });
        }
    }

    /// Follows the feed while the component lives; `reload` is called when that isn't enough: after a break, and when a service has gone.
    pub fn follow(self, reload: impl Fn() + Send + Sync + 'static) {
        let reload = Soon::new(reload);
        use_feed(
            || Some(Topic::Dashboard),
            move |incoming| match incoming {
                Incoming::Frame(frame) if frame.kind == "service" => {
                    let Some(service) = frame.read::<Service>() else { return };
                    let shown = self.0.try_with_value(|known| known.get(&service.id).cloned()).flatten();
                    let now = (service.status, service.health_status);
                    if let Some(shown) = shown.filter(|shown| shown.get_untracked() != now) {
                        shown.set(now);
                    }
                }
                Incoming::Frame(frame) if frame.kind == "removed" => reload.ask(),
                Incoming::Frame(_) => {}
                Incoming::Reload | Incoming::Missing(_) => reload.ask(),
            },
        );
    }

    /// What a service does now; none when it isn't one.
    pub fn state(self, id: Option<ServiceId>) -> Signal<Option<(Status, Health)>> {
        let shown = id.and_then(|id| self.0.with_value(|known| known.get(&id).cloned()));
        Signal::derive(move || shown.as_ref().map(|shown| shown.get()))
    }

    /// How it is for those that need it.
    pub fn health(self, kind: NodeKind, id: Option<ServiceId>, is_connected: bool) -> Signal<DependencyHealth> {
        let state = self.state(id);
        Signal::derive(move || DependencyHealth::of(kind, state.get(), is_connected))
    }
}
