//! A service that its feed keeps up to date.

use api::{HealthReport, HealthResult, Service, ServiceDetail, ServiceId, Topic};
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::live::{Incoming, use_feed};
use crate::rpc::{get_health, get_service};

/// Checks that a page keeps; as many as a report has.
const CHECKS: usize = 100;

/// A service that its feed keeps up to date.
#[derive(Clone, Copy)]
pub struct Watched {
    /// Its id.
    pub id: ServiceId,
    /// What lists show of it too; actions change it in advance.
    pub service: RwSignal<Service>,
    /// What only its page shows. Its `service` is as old as the page: read [`Watched::service`].
    pub detail: RwSignal<ServiceDetail>,
    /// Its last checks, once something has asked for them.
    pub health: RwSignal<Option<HealthReport>>,
    /// Whether it has been deleted while the page was open.
    pub is_removed: RwSignal<bool>,
    /// Why the last action failed.
    pub failure: RwSignal<Option<String>>,
}

impl Watched {
    /// Keeps `detail` up to date while the component lives.
    pub fn new(detail: ServiceDetail) -> Self {
        let watched = Self {
            id: detail.service.id,
            service: RwSignal::new(detail.service.clone()),
            detail: RwSignal::new(detail),
            health: RwSignal::new(None),
            is_removed: RwSignal::new(false),
            failure: RwSignal::new(None),
        };
        use_feed(move || Some(Topic::Service(watched.id)), move |incoming| watched.take(incoming));
        watched
    }

    fn take(self, incoming: &Incoming) {
        match incoming {
            Incoming::Reload | Incoming::Missing(_) => self.reload(),
            Incoming::Frame(frame) => match frame.kind.as_str() {
                "service" => frame.read().into_iter().for_each(|detail| self.show(detail)),
                "health" => frame.read().into_iter().for_each(|check| self.add_check(check)),
                "removed" => self.is_removed.set(true),
                _ => {}
            },
        }
    }

    /// Asks the server for what it is now.
    pub fn reload(self) {
        spawn_local(async move {
            match get_service(self.id).await {
                Ok(detail) => self.show(detail),
                Err(error) if error.0.code == api::ErrorCode::NotFound => self.is_removed.set(true),
                // The connection chip says that Pilothouse doesn't answer; what is shown stays.
                Err(_) => return,
            }
            if self.health.try_with_untracked(Option::is_some) == Some(true)
                && let Ok(report) = get_health(self.id).await
            {
                self.health.set(Some(report));
            }
        });
    }

    /// Shows it, unless the page has been left meanwhile or shows something newer.
    fn show(self, detail: ServiceDetail) {
        if self.service.try_with_untracked(|shown| detail.service.supersedes(shown)) != Some(true) {
            return;
        }
        if self.service.try_with_untracked(|service| *service != detail.service) == Some(true) {
            self.service.set(detail.service.clone());
        }
        // Frames of the feed leave out what it needs, what needs it, and its replicas.
        let with_ends = self.detail.try_with_untracked(|shown| ServiceDetail {
            dependencies: detail.dependencies.clone().or_else(|| shown.dependencies.clone()),
            dependents: detail.dependents.clone().or_else(|| shown.dependents.clone()),
            replicas: detail.replicas.clone().or_else(|| shown.replicas.clone()),
            ..detail
        });
        let Some(detail) = with_ends else { return };
        if self.detail.try_with_untracked(|shown| *shown != detail) == Some(true) {
            self.detail.set(detail);
        }
    }

    fn add_check(self, check: HealthResult) {
        self.detail.update(|detail| detail.last_check = Some(check.clone()));
        self.health.update(|report| {
            let Some(report) = report else { return };
            if report.history.first().is_none_or(|newest| newest.at < check.at) {
                report.health_status = check.health;
                report.history.insert(0, check);
                report.history.truncate(CHECKS);
                let good = report.history.iter().filter(|check| check.ok).count();
                report.uptime_percent = Some(100.0 * good as f64 / report.history.len() as f64);
            }
        });
    }
}
