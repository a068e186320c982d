//! Saying when services may be deployed, and agreeing to what waits for that.

use api::{
    Caller, Deployment, DeploymentId, DeploymentRules, DeploymentStatus, Error, EventKind, Freeze, FreezeId, NewFreeze, Result, ServiceId,
    Verdict,
};

use super::ask::cancel_waiting;
use super::kept::Record;
use super::live::lock;
use super::{Manager, windows};
use crate::events::NewEvent;
use crate::store::deployment_rules::{freeze_add, freeze_delete, freeze_list, rules_find, rules_put};
use crate::store::deployments::deployment_open;

/// The most freezes that aren't over.
const FREEZES: usize = 100;
/// Seconds that a freeze may last: 366 days.
const LONGEST: i64 = 366 * 86_400;
/// Characters of a reason.
const REASON: usize = 500;

impl Manager {
    /// The rules of a service.
    pub(super) async fn rules_of(&self, id: ServiceId) -> Result<DeploymentRules> {
        self.services.row_of(id)?;
        Ok(rules_find(&mut self.core.store.main.read().await?, id).await?)
    }

    /// Sets the rules of a service.
    pub(super) async fn put_rules(&self, caller: &Caller, id: ServiceId, mut rules: DeploymentRules) -> Result<DeploymentRules> {
        self.services.may_change()?;
        Error::invalid_fields(rules.faults())?;
        windows::zone(&rules.time_zone).map_err(|why| Error::invalid("/time_zone", why))?;
        for window in &mut rules.windows {
            window.days.sort();
            window.days.dedup();
        }
        let row = self.services.row_of(id)?;
        let event = NewEvent::new(EventKind::DeploymentRulesSet, format!("{} said when {} may be deployed", caller.name, row.name));
        let event = event.on(id, &row.name).by(caller).with(serde_json::json!({ "rules": rules }));
        let kept = rules.clone();
        let write = self.core.events.write(move |db| {
            Box::pin(async move {
                rules_put(db, id, &kept).await?;
                Ok(((), vec![event]))
            })
        });
        write.await?;
        self.wake(id);
        Ok(rules)
    }

    /// The freezes that aren't over.
    pub(super) async fn all_freezes(&self) -> Result<Vec<Freeze>> {
        let now = self.core.clock.now();
        Ok(freeze_list(&mut self.core.store.main.read().await?, now).await?)
    }

    /// Sets a freeze.
    pub(super) async fn add_freeze(&self, caller: &Caller, new: NewFreeze) -> Result<Freeze> {
        self.services.may_change()?;
        let now = self.core.clock.now();
        let NewFreeze { service_id, from, to, reason } = new;
        let (from, reason) = (from.unwrap_or(now), reason.trim().to_owned());
        let mut faults = Vec::new();
        let mut check = |field: &str, is_right: bool, message: &str| {
            if !is_right {
                faults.push(api::Detail { field: field.into(), message: message.into() });
            }
        };
        check("/to", to > from && to > now, "a freeze ends after its beginning, and after now");
        check("/to", to <= from.plus_seconds(LONGEST), "a freeze lasts at most 366 days");
        let is_said = !reason.is_empty() && reason.chars().count() <= REASON && !reason.contains(char::is_control);
        check("/reason", is_said, "say why, in 1 to 500 characters: everybody reads it whose deployment waits");
        Error::invalid_fields(faults)?;
        let name = service_id.map(|id| self.services.row_of(id)).transpose()?.map(|row| row.name);
        let freeze = Freeze { id: FreezeId(self.core.clock.new_uuid()), service_id, from, to, reason, created_by: caller.name.clone() };
        let of = name.as_deref().unwrap_or("all services");
        let text = format!("{} froze deployments of {of}: {}", caller.name, freeze.reason);
        let event = NewEvent::new(EventKind::DeploymentFreezeSet, text).by(caller).with(serde_json::json!({ "freeze": freeze }));
        let event = match (service_id, &name) {
            (Some(id), Some(name)) => event.on(id, name),
            _ => event,
        };
        let kept = freeze.clone();
        let write = self.core.events.write(move |db| {
            Box::pin(async move {
                if freeze_list(db, now).await?.len() >= FREEZES {
                    return Err(Error::conflict("there are 100 freezes; end some of them").into());
                }
                freeze_add(db, &kept, now).await?;
                Ok(((), vec![event]))
            })
        });
        write.await?;
        self.wake_waiting().await?;
        Ok(freeze)
    }

    /// Ends a freeze.
    pub(super) async fn remove_freeze(&self, caller: &Caller, id: FreezeId) -> Result<()> {
        self.services.may_change()?;
        let freeze = self.all_freezes().await?.into_iter().find(|freeze| freeze.id == id);
        let freeze = freeze.ok_or_else(|| Error::not_found("freeze", id))?;
        let text = format!("{} ended the freeze of deployments: {}", caller.name, freeze.reason);
        let event = NewEvent::new(EventKind::DeploymentFreezeEnded, text).by(caller);
        let row = freeze.service_id.and_then(|id| self.services.row_of(id).ok());
        let event = if let Some(row) = row { event.on(row.id, &row.name) } else { event };
        let write = self.core.events.write(move |db| {
            Box::pin(async move {
                if !freeze_delete(db, id).await? {
                    return Err(Error::not_found("freeze", id).into());
                }
                Ok(((), vec![event]))
            })
        });
        write.await?;
        self.wake_waiting().await
    }

    /// Looks again at all that waits.
    async fn wake_waiting(&self) -> Result<()> {
        let rows = deployment_open(&mut self.core.store.main.read().await?).await?;
        rows.iter().filter(|row| row.shown.status == DeploymentStatus::Pending).for_each(|row| self.wake(row.shown.service_id));
        Ok(())
    }

    /// Lets a deployment that waits for it begin, or ends it.
    pub(super) async fn judge(&self, caller: &Caller, id: DeploymentId, verdict: Verdict, agrees: bool) -> Result<Deployment> {
        self.services.may_change()?;
        let record = self.record(id).await?;
        let service = record.shown.service_id;
        caller.require_on(api::Permission::DeploymentsApprove, service)?;
        let asked = api::NewDeployment { message: verdict.message.clone(), ..api::NewDeployment::default() };
        Error::invalid_fields(asked.faults())?;
        let message = verdict.message.trim().to_owned();
        let name = record.shown.service_name.clone();
        let gate = self.gate(service).await?;
        let now = self.core.clock.now();
        let waits = move |record: &Record| {
            record.shown.status == DeploymentStatus::Pending
                && gate.holds(&(&record.shown).into(), now).is_some_and(|wait| wait.needs_approval)
        };
        if agrees && record.order.asked_by.is_some() && record.order.asked_by == caller.user_id {
            return Err(Error::conflict(format!(
                "you have asked for this deployment of '{name}' yourself: somebody else has to agree to it"
            )));
        }
        let more = if message.is_empty() { String::new() } else { format!(": {message}") };
        let (kind, text) = match agrees {
            true => (EventKind::DeploymentApproved, format!("{} agreed to a deployment of {name}{more}", caller.name)),
            false => (EventKind::DeploymentCancelled, format!("{} rejected a deployment of {name}{more}", caller.name)),
        };
        let event = NewEvent::new(kind, text).on(service, &name).by(caller).about(id);
        let refused = || Error::conflict(format!("this deployment of '{name}' doesn't wait for anybody to agree"));
        if !waits(&record) {
            return Err(refused());
        }
        let live = self.live_of(record).await?;
        let by = caller.name.clone();
        let mut is_done = false;
        let change = |record: &mut Record| {
            is_done = waits(record);
            match agrees {
                _ if !is_done => {}
                true => (record.shown.approved_by, record.shown.waits_for) = (Some(by), None),
                false => {
                    cancel_waiting(record, &by, now, None);
                    record.shown.error = Some(format!("{by} rejected it{more}"));
                }
            }
        };
        self.save(&live, change, vec![event], None).await?;
        if !is_done {
            return Err(refused());
        }
        if !agrees {
            lock(&self.live).remove(&id);
        }
        self.wake(service);
        self.complete(&live.record()).await
    }
}
