//! What a deployment waits for: somebody who agrees, the end of a freeze, the next window.

use api::{Deployment, DeploymentKind, DeploymentRules, DeploymentWait, Freeze, Result, ServiceId, Timestamp};

use super::kept::Record;
use super::live::lock;
use super::{Manager, windows};
use crate::store::deployment_rules::{freeze_list, rules_find};
use crate::store::deployments::DeploymentRow;

/// When it is looked again at what waits for something that can't be told.
const AGAIN: i64 = 60;

/// What is said of a service at a time.
pub(super) struct Gate {
    pub rules: DeploymentRules,
    pub freezes: Vec<Freeze>,
}

/// A deployment, as far as that counts.
pub(super) struct Asked<'a> {
    pub service_id: ServiceId,
    pub created_by: &'a str,
    /// Whether it waits for nothing.
    pub is_free: bool,
    pub is_approved: bool,
}

impl<'a> From<&'a Deployment> for Asked<'a> {
    fn from(shown: &'a Deployment) -> Self {
        Self {
            service_id: shown.service_id,
            created_by: &shown.created_by,
            // Going back is what one does when things are bad.
            is_free: shown.kind == DeploymentKind::Rollback || shown.urgent.is_some(),
            is_approved: shown.approved_by.is_some(),
        }
    }
}

impl Gate {
    /// Why a deployment can't begin; none when it can.
    pub fn holds(&self, asked: &Asked<'_>, now: Timestamp) -> Option<DeploymentWait> {
        if asked.is_free {
            return None;
        }
        let is_of = |freeze: &&Freeze| freeze.service_id.is_none_or(|id| id == asked.service_id);
        let freeze = self.freezes.iter().filter(|freeze| freeze.from <= now && now < freeze.to).filter(is_of);
        let freeze = freeze.max_by_key(|freeze| freeze.to).map(|freeze| DeploymentWait {
            needs_approval: false,
            until: Some(freeze.to),
            reason: format!("{} has frozen deployments: {}", freeze.created_by, freeze.reason),
        });
        let opens = windows::opens(&self.rules, now);
        let window = match opens {
            Ok(None) => None,
            Ok(Some(opens)) => {
                let zone = if self.rules.time_zone.is_empty() { "UTC" } else { &self.rules.time_zone };
                let all: Vec<_> = self.rules.windows.iter().map(api::DeploymentWindow::write).collect();
                let reason = format!("it is outside of the windows of this service: {} ({zone})", all.join(", "));
                Some(DeploymentWait { needs_approval: false, until: Some(opens), reason })
            }
            // Rather too late than at a time that nobody wants.
            Err(why) => Some(DeploymentWait { needs_approval: false, until: None, reason: why }),
        };
        let time = match (freeze, window) {
            (Some(freeze), Some(window)) if window.until > freeze.until => Some(window),
            (freeze, window) => freeze.or(window),
        };
        if self.rules.needs_approval && !asked.is_approved {
            let reason = format!("somebody else than {} has to agree", asked.created_by);
            let more = time.as_ref().map(|time| format!("; then {}", time.reason)).unwrap_or_default();
            return Some(DeploymentWait {
                needs_approval: true,
                until: time.and_then(|time| time.until),
                reason: format!("{reason}{more}"),
            });
        }
        time
    }
}

impl Manager {
    /// What is said of a service now.
    pub(super) async fn gate(&self, id: ServiceId) -> Result<Gate> {
        let now = self.core.clock.now();
        let mut db = self.core.store.main.read().await?;
        Ok(Gate { rules: rules_find(&mut db, id).await?, freezes: freeze_list(&mut db, now).await? })
    }

    /// The first of the deployments of a service that may begin; the others say what they wait for, and are looked at again when that is over.
    pub(super) async fn first_open(&self, id: ServiceId, rows: Vec<DeploymentRow>) -> Result<Option<DeploymentRow>> {
        if rows.is_empty() {
            return Ok(None);
        }
        let (gate, now) = (self.gate(id).await?, self.core.clock.now());
        let mut again: Option<Timestamp> = None;
        for row in rows {
            let Some(wait) = gate.holds(&(&row.shown).into(), now) else { return Ok(Some(row)) };
            let until = if wait.needs_approval { None } else { Some(wait.until.unwrap_or(now.plus_seconds(AGAIN))) };
            again = again.into_iter().chain(until).min();
            if row.shown.waits_for.as_ref() != Some(&wait) {
                let live = self.live_of(Record::open(&self.core, row)?).await?;
                self.save(&live, move |record| record.shown.waits_for = Some(wait), Vec::new(), None).await?;
                // Nothing is carried out of it yet.
                lock(&self.live).remove(&live.id());
            }
        }
        let mut due = lock(&self.due);
        match again {
            Some(at) => _ = due.insert(id, at),
            None => _ = due.remove(&id),
        }
        Ok(None)
    }

    /// Looks again at what has waited long enough.
    pub(super) fn wake_due(&self) {
        let now = self.core.clock.now();
        let mut due: Vec<ServiceId> = Vec::new();
        lock(&self.due).retain(|id, at| {
            let is_due = *at <= now;
            due.extend(is_due.then_some(*id));
            !is_due
        });
        due.into_iter().for_each(|id| self.wake(id));
    }
}
