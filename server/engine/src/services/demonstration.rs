//! The demonstration service: there, and started, when no other service is, so that a first look shows life.

use api::{Action, Caller, Desired, EventKind, ServiceId, ServiceSpec, Source, Status};

use super::{Services, entry, lock};
use crate::events::NewEvent;
use crate::store::services::{ServiceRow, service_put};

impl Services {
    /// Makes the demonstration when it is wanted and no service has ever been there, and starts it.
    pub(super) async fn demonstrate(&self) {
        let is_first = lock(&self.rows).is_empty();
        if !self.core.config.demonstration || !is_first || self.may_act().is_err() {
            return;
        }
        let now = self.core.clock.now();
        let mut spec = ServiceSpec::new(Source::Demonstration { demonstration: true });
        spec.health.path = Some("/health".into());
        let row = ServiceRow {
            description: Some("A small real service that Pilothouse brings along, so that a first look shows life".into()),
            desired: Desired::Running,
            ..ServiceRow::new(ServiceId(self.core.clock.new_uuid()), "demo".into(), spec, now)
        };
        let event = NewEvent::new(EventKind::ServiceCreated, "demo was made, because there was no service").on(row.id, "demo");
        let put = row.clone();
        let spec = match self.sealed_row(&row) {
            Ok(spec) => spec,
            Err(error) => {
                tracing::warn!(%error, "demonstration_not_made");
                return;
            }
        };
        let written = self.core.events.write(move |db| {
            Box::pin(async move {
                service_put(db, &put, &spec).await?;
                Ok(((), vec![event.by(&Caller::system())]))
            })
        });
        if let Err(error) = written.await {
            tracing::warn!(%error, "demonstration_not_made");
            return;
        }
        let id = row.id;
        let mut shown = entry::entry(&row);
        (shown.service.status, shown.service.status_reason) = (Status::Starting, None);
        self.core.catalog.insert(shown);
        lock(&self.rows).insert(id, row);
        self.wake(id, Action::Start);
    }
}
