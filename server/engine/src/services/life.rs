//! Start, stop and restart: recorded and answered at once, then acted on.

use std::time::Duration;

use api::{Action, Caller, Desired, Error, ErrorCode, EventKind, Permission, Result, Service, ServiceId};

use super::{Services, handover};
use crate::events::NewEvent;
use crate::store::services::service_set_asked;

/// How often it is looked whether there is room again.
const RESERVE: Duration = Duration::from_secs(10);

impl Services {
    /// Records what is wanted, with its event, in one commit; shows it, and lets the reconciler act.
    pub(super) async fn ask(&self, caller: &Caller, id: ServiceId, action: Action) -> Result<Service> {
        self.ask_after(caller, id, action, &[]).await
    }

    /// [`Services::ask`], to be acted on when `others` have been moved.
    pub(super) async fn ask_after(&self, caller: &Caller, id: ServiceId, action: Action, others: &[ServiceId]) -> Result<Service> {
        caller.require_on(Permission::ServicesOperate, id)?;
        self.may_act()?;
        let _gate = self.gate(id).await;
        let entry = self.core.catalog.get(id)?;
        let name = entry.service.name.clone();
        let done = action.done();
        action.allowed(entry.service.status).map_err(|blocked| Error::conflict(format!("'{name}' can't be {done}: {}", blocked.0)))?;

        if action == Action::Restart && self.is_handing_over(id) {
            return Err(Error::conflict(format!("'{name}' can't be {done}: a new copy of it is being started already")));
        }
        let is_handover = action == Action::Restart && self.can_hand_over(id);
        let (at, desired) = (self.core.clock.now(), desired(action));
        let event = NewEvent::new(asked(action), format!("{} asked for {name} to be {done}", caller.name)).on(id, name).by(caller);
        let write = || {
            let event = event.clone();
            self.core.events.write(move |db| {
                Box::pin(async move {
                    service_set_asked(db, id, desired, at).await?;
                    Ok(((), vec![event]))
                })
            })
        };
        let mut written = write().await;
        let is_full = written.as_ref().is_err_and(|error| error.code == ErrorCode::StorageFull);
        if is_full && action == Action::Stop && self.give_room() {
            // What fills the disk may be the service itself.
            written = write().await;
        }
        written?;
        self.set_row(id, |row| {
            (row.desired, row.desired_at, row.last_updated) = (desired, at, at);
            if desired == Desired::Running {
                row.boot_id = None;
            }
        });
        let shown = self.core.catalog.update(id, |entry| {
            entry.service.desired = desired;
            if !is_handover {
                entry.service.status = action.expected();
            }
            entry.service.status_reason = is_handover.then(|| handover::BEGUN.into());
            entry.service.restarts = Default::default();
            entry.diagnosis.clear();
        });
        self.wait_for(id, others);
        self.wake(id, action);
        shown.map(|entry| entry.service.clone()).ok_or_else(|| Error::not_found("service", id))
    }

    /// Gives up the room that is kept for a full disk, and takes it again as soon as there is some; answers whether there was any.
    pub(crate) fn give_room(&self) -> bool {
        let is_given = self.core.store.reserve.release();
        if is_given {
            self.keep_reserve();
        }
        is_given
    }

    fn keep_reserve(&self) {
        let (store, shutdown) = (self.core.store.clone(), self.core.shutdown.clone());
        self.core.tasks.spawn(async move {
            let kept = async {
                while !store.reserve.keep() {
                    tokio::time::sleep(RESERVE).await;
                }
            };
            shutdown.run_until_cancelled(kept).await
        });
    }
}

const fn desired(action: Action) -> Desired {
    match action {
        Action::Stop => Desired::Stopped,
        Action::Start | Action::Restart => Desired::Running,
    }
}

const fn asked(action: Action) -> EventKind {
    match action {
        Action::Start => EventKind::ServiceStartAsked,
        Action::Stop => EventKind::ServiceStopAsked,
        Action::Restart => EventKind::ServiceRestartAsked,
    }
}
