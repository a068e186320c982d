//! Webhooks: a call is believed for its signature, read into a [`push::Push`], and makes at most one deployment however often it is delivered.
//!
//! Nothing of a call is looked at before its signature is right, and nothing in the answer tells a wrong one from a webhook that there isn't.

pub mod push;
mod signature;

use std::borrow::Cow;

use api::{
    Caller, DeployHook, DeployHookId, Error, ErrorCode, EventKind, HookAnswer, HookCall, HookCalled, HookOutcome, MadeDeployHook,
    NewDeployHook, NewDeployment, Page, Permission, Queueing, Result, Secret, ServiceId,
};
use async_trait::async_trait;
use zeroize::Zeroizing;

use super::Manager;
use crate::clock::random;
use crate::events::NewEvent;
use crate::secrets::keyring::{key_of, require_key};
use crate::store::deploy_hooks::{
    Delivery, HookRow, delivery_find, hook_delete, hook_find, hook_insert, hook_list, hook_set_called, hook_set_refused,
};
use push::{Push, Told};
use signature::hex;

/// Seconds in which calls without the secret are noted once.
const NOTED_SECONDS: i64 = 60;

/// A call with its headers at hand.
pub struct Heard<'a> {
    headers: &'a [(String, String)],
    body: &'a [u8],
}

impl<'a> Heard<'a> {
    fn of(call: &'a HookCall) -> Self {
        Self { headers: &call.headers, body: &call.body }
    }

    fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(other, _)| other == name)
    }

    /// A header that is there once.
    fn header(&self, name: &str) -> Option<&'a str> {
        let mut found = self.headers.iter().filter(|(other, _)| other == name);
        found.next().filter(|_| found.next().is_none()).map(|(_, value)| value.as_str())
    }

    /// The JSON document of the body, which may come in a form.
    fn document(&self) -> Result<Cow<'a, [u8]>> {
        let kind = self.header("content-type").unwrap_or_default().split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Ok(Cow::Borrowed(self.body));
        }
        let payload = form_urlencoded::parse(self.body).find(|(name, _)| name == "payload");
        let payload = payload.ok_or_else(|| push::malformed("the form has no field 'payload'".into()))?;
        Ok(Cow::Owned(payload.1.into_owned().into_bytes()))
    }
}

impl Manager {
    fn shown_hook(&self, row: HookRow) -> DeployHook {
        let HookRow { id, service_id, name, branch, created_at, created_by, last_call, refused_at, .. } = row;
        let address = format!("{}/api/deploy/hooks/{id}", self.core.config.site.as_deref().unwrap_or_default());
        DeployHook { id, service_id, name, branch, address, created_at, created_by, last_call, refused_at }
    }

    async fn make_hook(&self, caller: &Caller, id: ServiceId, new: NewDeployHook) -> Result<MadeDeployHook> {
        self.services.may_change()?;
        Error::invalid_fields(new.faults())?;
        let service = self.services.row_of(id)?;
        let secret = Zeroizing::new(hex(&random::<32>()));
        let hook = DeployHookId(self.core.clock.new_uuid());
        let row = HookRow {
            id: hook,
            service_id: id,
            name: new.name.trim().to_owned(),
            branch: new.branch,
            created_at: self.core.clock.now(),
            created_by: caller.name.clone(),
            last_call: None,
            refused_at: None,
            sealed: self.core.keyring.seal(&hook_context(hook).each_ref().map(Vec::as_slice), secret.as_bytes())?,
        };
        let text = format!("{} made the webhook '{}', which deploys {}", caller.name, row.name, service.name);
        let event = NewEvent::new(EventKind::DeployHookMade, text).on(id, &service.name).by(caller).about(hook);
        let made = row.clone();
        let write = self.core.events.write(move |db| {
            Box::pin(async move {
                let there = hook_list(db, id).await?;
                if there.iter().any(|other| other.name == row.name) {
                    return Err(Error::conflict(format!("there is a webhook '{}' already; choose another name", row.name)).into());
                }
                if there.len() >= DeployHook::MOST {
                    let why = format!("a service has at most {} webhooks; remove one that isn't called any more", DeployHook::MOST);
                    return Err(Error::conflict(why).into());
                }
                let key = require_key(db, &row.sealed).await?;
                hook_insert(db, &row, key).await?;
                Ok(((), vec![event]))
            })
        });
        write.await?;
        Ok(MadeDeployHook { hook: self.shown_hook(made), secret: Secret::new(secret.as_str()) })
    }

    async fn remove_hook(&self, caller: &Caller, id: ServiceId, hook: DeployHookId) -> Result<()> {
        self.services.may_change()?;
        let service = self.services.row_of(id)?;
        let found = hook_find(&mut self.core.store.main.read().await?, hook).await?.filter(|row| row.service_id == id);
        let row = found.ok_or_else(|| Error::not_found("webhook", hook))?;
        let text = format!("{} removed the webhook '{}' of {}", caller.name, row.name, service.name);
        let event = NewEvent::new(EventKind::DeployHookRemoved, text).on(id, &service.name).by(caller).about(hook);
        let write = self.core.events.write(move |db| {
            Box::pin(async move {
                match hook_delete(db, hook).await? {
                    true => Ok(((), vec![event])),
                    false => Err(Error::not_found("webhook", hook).into()),
                }
            })
        });
        write.await
    }

    async fn take_call(&self, hook: DeployHookId, call: HookCall) -> Result<HookAnswer> {
        self.core.keyring.ready()?;
        let row = hook_find(&mut self.core.store.main.read().await?, hook).await?;
        let secret = match &row {
            Some(row) => self.secret_of(row).await?,
            // As much is done for a webhook that there isn't.
            None => Zeroizing::new(hex(&random::<32>())),
        };
        let (heard, now) = (Heard::of(&call), self.core.clock.now());
        let (row, sender) = match (row, signature::sender(&heard, &secret, now)) {
            (Some(row), Some(sender)) => (row, sender),
            (row, _) => {
                if let Some(row) = row {
                    self.note_refused(row);
                }
                return Err(Error::new(
                    ErrorCode::NotSignedIn,
                    "there is no such webhook, or the call isn't signed with its secret, or it isn't of the last five minutes",
                ));
            }
        };
        let delivery = Delivery { hook, names: signature::names(sender, &heard), at: now };
        let (answer, message) = match push::told(sender, &heard) {
            Ok(Told::Push(push))
                if push.branch.is_some() && self.wanted(&row).is_some_and(|wanted| push.branch.as_ref() != Some(&wanted)) =>
            {
                let reason = format!("only pushes to '{}' deploy", self.wanted(&row).unwrap_or_default());
                (Ok(HookAnswer::Ignored { reason }), push.reason())
            }
            Ok(Told::Push(push)) => (self.deploy_push(&row, &push, delivery).await, push.reason()),
            Ok(Told::Other(reason)) => (Ok(HookAnswer::Ignored { reason }), String::new()),
            Err(error) => (Err(error), String::new()),
        };
        self.note_called(hook, &answer, message).await;
        answer
    }

    /// The branch that deploys: the one that was chosen, or the one that the service's repository is deployed from.
    fn wanted(&self, row: &HookRow) -> Option<String> {
        row.branch.clone().or_else(|| self.services.row_of(row.service_id).ok()?.spec.source.repository()?.reference.clone())
    }

    /// Deploys what was pushed, unless that delivery has deployed it already.
    async fn deploy_push(&self, row: &HookRow, push: &Push, delivery: Delivery) -> Result<HookAnswer> {
        if let Some(deployment_id) = delivery_find(&mut self.core.store.main.read().await?, &delivery).await? {
            return Ok(HookAnswer::Repeated { deployment_id });
        }
        let caller = Caller::only(format!("webhook {}", row.name), Permission::DeploymentsRun, row.service_id);
        let new = NewDeployment { message: push.reason(), queue: Some(Queueing::Replace), ..NewDeployment::default() };
        caller.require_on(Permission::DeploymentsRun, row.service_id)?;
        let taken = self.take_on_once(&caller, row.service_id, new, Some(delivery)).await;
        let (accepted, is_new) = taken.map_err(|error| match error.code.status() {
            500.. => error,
            _ => Error::conflict(error.message),
        })?;
        let deployment_id = accepted.deployment_id;
        Ok(if is_new { HookAnswer::Deploying { deployment_id } } else { HookAnswer::Repeated { deployment_id } })
    }

    async fn secret_of(&self, row: &HookRow) -> Result<Zeroizing<String>> {
        if key_of(&row.sealed).is_some_and(|key| !self.core.keyring.knows(key)) {
            self.core.keyring.reload().await?;
        }
        let plain = self.core.keyring.open_sealed(&hook_context(row.id).each_ref().map(Vec::as_slice), &row.sealed)?;
        Ok(Zeroizing::new(String::from_utf8_lossy(&plain).into_owned()))
    }

    /// Keeps what came of a call, so that people see it; a failure of that changes nothing of the answer.
    async fn note_called(&self, hook: DeployHookId, answer: &Result<HookAnswer>, message: String) {
        let (outcome, deployment_id, why) = match answer {
            Ok(HookAnswer::Deploying { deployment_id }) => (HookOutcome::Deploying, Some(*deployment_id), None),
            Ok(HookAnswer::Repeated { deployment_id }) => (HookOutcome::Repeated, Some(*deployment_id), None),
            Ok(HookAnswer::Ignored { reason }) => (HookOutcome::Ignored, None, Some(reason)),
            Err(error) => (HookOutcome::Refused, None, Some(&error.message)),
        };
        let message = match (why, message.is_empty()) {
            (None, _) => message,
            (Some(why), true) => why.clone(),
            (Some(why), false) => format!("{message}: {why}"),
        };
        let called = HookCalled { at: self.core.clock.now(), outcome, message, deployment_id };
        let write = self.core.store.main.write(move |db| Box::pin(async move { hook_set_called(db, hook, &called).await }));
        if let Err(error) = write.await {
            tracing::warn!(%error, hook = %hook, "webhook_call_not_kept");
        }
    }

    /// Records that somebody without the secret has called a webhook, at most once a minute, and beside the answer, which takes as long as another.
    fn note_refused(&self, row: HookRow) {
        let now = self.core.clock.now();
        let since = now.plus_seconds(-NOTED_SECONDS);
        if row.refused_at.is_some_and(|at| at > since) {
            return;
        }
        let core = self.core.clone();
        let service = self.services.row_of(row.service_id).map(|service| service.name).ok();
        self.core.tasks.spawn(async move {
            let (hook, at) = (row.id, row.service_id);
            let Some(name) = service else { return };
            let text = format!("Somebody called the webhook '{}' of {name} without its secret", row.name);
            let event = NewEvent::new(EventKind::DeployHookRefused, text).on(at, &name).about(hook);
            let write = core.events.write(move |db| {
                Box::pin(async move {
                    let is_noted = hook_set_refused(db, hook, now, since).await?;
                    Ok(((), if is_noted { vec![event] } else { Vec::new() }))
                })
            });
            if let Err(error) = write.await {
                tracing::warn!(%error, hook = %hook, "webhook_refusal_not_kept");
            }
        });
    }
}

#[async_trait]
impl api::ports::DeployHooks for Manager {
    async fn list(&self, caller: &Caller, id: ServiceId) -> Result<Page<DeployHook>> {
        caller.require_on(Permission::DeploymentsRead, id)?;
        self.services.row_of(id)?;
        let rows = hook_list(&mut self.core.store.main.read().await?, id).await?;
        Ok(Page::whole(rows.into_iter().map(|row| self.shown_hook(row)).collect()))
    }

    async fn create(&self, caller: &Caller, id: ServiceId, new: NewDeployHook) -> Result<MadeDeployHook> {
        caller.require_on(Permission::DeploymentsHooks, id)?;
        self.make_hook(caller, id, new).await
    }

    async fn remove(&self, caller: &Caller, id: ServiceId, hook: DeployHookId) -> Result<()> {
        caller.require_on(Permission::DeploymentsHooks, id)?;
        self.remove_hook(caller, id, hook).await
    }

    async fn receive(&self, hook: DeployHookId, call: HookCall) -> Result<HookAnswer> {
        self.take_call(hook, call).await
    }
}

/// What a sealed secret of a webhook is bound to.
pub(crate) fn hook_context(id: DeployHookId) -> [Vec<u8>; 2] {
    [b"deploy hook".to_vec(), id.0.as_bytes().to_vec()]
}

#[cfg(test)]
mod push_tests;
#[cfg(test)]
mod tests;
