//! Start, stop and restart: recorded and answered at once, then acted on.

use api::{Blocked, Caller, Desired, Error, EventKind, Permission, Result, Service, ServiceId, Status};

use super::Services;
use crate::events::NewEvent;
use crate::store::services::service_set_asked;

/// What is to be done with a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Intent {
    Start,
    Stop,
    Restart,
}

impl Intent {
    fn check(self, status: Status) -> Result<(), Blocked> {
        match self {
            Self::Start => status.can_start(),
            Self::Stop => status.can_stop(),
            Self::Restart => status.can_restart(),
        }
    }

    fn words(self) -> (&'static str, EventKind, Status) {
        match self {
            Self::Start => ("started", EventKind::ServiceStartAsked, Status::Starting),
            Self::Stop => ("stopped", EventKind::ServiceStopAsked, Status::Stopping),
            Self::Restart => ("restarted", EventKind::ServiceRestartAsked, Status::Stopping),
        }
    }

    const fn desired(self) -> Desired {
        match self {
            Self::Stop => Desired::Stopped,
            Self::Start | Self::Restart => Desired::Running,
        }
    }
}

impl Services {
    /// Records what is wanted, with its event, in one commit; shows it, and lets the reconciler act.
    pub(super) async fn ask(&self, caller: &Caller, id: ServiceId, intent: Intent) -> Result<Service> {
        caller.require_on(Permission::ServicesOperate, id)?;
        self.may_act()?;
        let _gate = self.gate(id).await;
        let entry = self.core.catalog.get(id)?;
        let name = entry.service.name.clone();
        let (done, kind, moving) = intent.words();
        intent.check(entry.service.status).map_err(|blocked| Error::conflict(format!("'{name}' can't be {done}: {}", blocked.0)))?;

        let (at, desired) = (self.core.clock.now(), intent.desired());
        let event = NewEvent::new(kind, format!("{} asked for {name} to be {done}", caller.name)).on(id, name).by(caller);
        let write = self.core.events.write(move |db| {
            Box::pin(async move {
                service_set_asked(db, id, desired, at).await?;
                Ok(((), vec![event]))
            })
        });
        write.await?;
        self.set_row(id, |row| {
            (row.desired, row.desired_at, row.last_updated) = (desired, at, at);
            if desired == Desired::Running {
                row.boot_id = None;
            }
        });
        let shown = self.core.catalog.update(id, |entry| {
            entry.service.desired = desired;
            entry.service.status = moving;
            entry.service.status_reason = None;
            entry.service.restarts = Default::default();
            entry.diagnosis.clear();
        });
        self.wake(id, intent);
        shown.map(|entry| entry.service.clone()).ok_or_else(|| Error::not_found("service", id))
    }
}
