//! The webhooks of the fake.

use api::ports::DeployHooks;
use api::*;
use async_trait::async_trait;

use super::{Fake, NOW};

/// A webhook of the first service, called once.
pub fn hook(number: u128, outcome: HookOutcome) -> DeployHook {
    let id = DeployHookId(uuid::Uuid::from_u128(number + 300));
    let deployment_id = (outcome == HookOutcome::Deploying).then_some(DeploymentId(uuid::Uuid::from_u128(103)));
    DeployHook {
        id,
        service_id: ServiceId(uuid::Uuid::from_u128(1)),
        name: format!("forge <{number}>"),
        branch: (number > 1).then(|| "main".into()),
        address: format!("https://pilot.example/api/deploy/hooks/{id}"),
        created_at: NOW.plus_seconds(-86_400),
        created_by: "anna <b>".into(),
        last_call: Some(HookCalled { at: NOW.plus_seconds(-600), outcome, message: "push of 1a2b3c4 to <main>".into(), deployment_id }),
        refused_at: (outcome == HookOutcome::Refused).then(|| NOW.plus_seconds(-120)),
    }
}

#[async_trait]
impl DeployHooks for Fake {
    async fn list(&self, caller: &Caller, id: ServiceId) -> Result<Page<DeployHook>> {
        caller.require_on(Permission::DeploymentsRead, id)?;
        self.find(id)?;
        Ok(Page::whole(self.hooks.clone()))
    }

    async fn create(&self, caller: &Caller, id: ServiceId, new: NewDeployHook) -> Result<MadeDeployHook> {
        caller.require_on(Permission::DeploymentsHooks, id)?;
        Error::invalid_fields(new.faults())?;
        let hook = DeployHook { name: new.name, branch: new.branch, last_call: None, ..hook(9, HookOutcome::Ignored) };
        Ok(MadeDeployHook { hook, secret: Secret::new("planted-hook-secret") })
    }

    async fn remove(&self, caller: &Caller, id: ServiceId, hook: DeployHookId) -> Result<()> {
        caller.require_on(Permission::DeploymentsHooks, id)?;
        self.hooks.iter().any(|one| one.id == hook).then_some(()).ok_or_else(|| Error::not_found("webhook", hook))
    }

    async fn receive(&self, _: DeployHookId, _: HookCall) -> Result<HookAnswer> {
        Err(Error::unavailable("the fake is called by nobody"))
    }
}
