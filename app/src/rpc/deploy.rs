//! Deploying, going back, cancelling and letting go: what the forms do.
#![allow(missing_docs, reason = "the fields of the types that #[server] makes are the documented functions' arguments")]

#[cfg(feature = "ssr")]
use api::{Canary, Strategy};
use api::{DeploymentId, DeploymentPlan, ServiceId};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
use super::numbers::Numbers;
#[cfg(feature = "ssr")]
use super::*;
use super::{Json, RpcResult};

/// What the form that deploys a service sends. Numbers are texts: what isn't one is refused at its field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeployForm {
    pub message: String,
    /// The release of another environment that is taken along; empty makes one of what the source is now.
    pub release: String,
    /// Another image; empty takes the one that the service has.
    pub image: String,
    /// Another branch, tag or commit; empty takes the one that the service has.
    pub reference: String,
    /// How; empty takes what goes without a break, where that is possible.
    pub strategy: String,
    /// How a canary goes: `5, 25, 50`. Empty takes what is usual, as for the next two; they count for a canary only.
    pub canary_steps: String,
    pub canary_seconds: String,
    pub canary_requests: String,
    pub health_seconds: String,
    pub watch_seconds: String,
    /// Why it can't wait; empty lets it.
    pub urgent: String,
    /// A box that isn't sent when it isn't ticked: whether deployments that wait are cancelled.
    pub replace: bool,
}

/// What a deployment would do.
#[server(prefix = "/rpc", output = Json, endpoint = "plan_deployment")]
pub async fn plan_deployment(
    id: ServiceId,
    #[server(default)] form: DeployForm,
    #[server(default)] form_token: String,
) -> RpcResult<DeploymentPlan> {
    Ok(form.plan(&RequestContext::current(), id, &form_token).await?)
}

/// Deploys a service, and leads to where one sees how far that is.
#[server(prefix = "/rpc", output = Json, endpoint = "deploy_service")]
pub async fn deploy_service(id: ServiceId, #[server(default)] form: DeployForm, #[server(default)] form_token: String) -> RpcResult<()> {
    leptos_axum::redirect(&form.make(&RequestContext::current(), id, &form_token).await?);
    Ok(())
}

/// Asks for an end of a deployment.
#[server(prefix = "/rpc", output = Json, endpoint = "cancel_deployment")]
pub async fn cancel_deployment(id: DeploymentId, #[server(default)] form_token: String) -> RpcResult<()> {
    let context = RequestContext::current();
    context.check_form_token(&form_token)?;
    context.backend.deployments.cancel(context.caller()?, id).await?;
    leptos_axum::redirect(&format!("{}?done=cancel-asked", crate::path::deployment(id)));
    Ok(())
}

/// Goes back to the release that a deployment deployed, and leads to where one sees how far that is.
#[server(prefix = "/rpc", output = Json, endpoint = "roll_back")]
pub async fn roll_back(
    id: DeploymentId,
    #[server(default)] message: String,
    #[server(default)] present_secrets: bool,
    #[server(default)] form_token: String,
) -> RpcResult<()> {
    let context = RequestContext::current();
    context.check_form_token(&form_token)?;
    let new = api::NewRollback { message: message.trim().to_owned(), present_secrets };
    let accepted = context.backend.deployments.rollback(context.caller()?, id, new).await?;
    leptos_axum::redirect(&crate::path::deployment(accepted.deployment_id));
    Ok(())
}

/// Lets a service that is held at a release be deployed again.
#[server(prefix = "/rpc", output = Json, endpoint = "let_go")]
pub async fn let_go(id: ServiceId, #[server(default)] form_token: String) -> RpcResult<()> {
    let context = RequestContext::current();
    context.check_form_token(&form_token)?;
    context.backend.deployments.let_go(context.caller()?, id).await?;
    leptos_axum::redirect(&format!("{}?done=let-go&at={}", crate::path::deployments_of(id), context.now.micros()));
    Ok(())
}

/// A deployment that was posted without JavaScript and not made: the page comes back with what was typed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TriedDeployment {
    pub form: DeployForm,
    /// The plan that was asked for, or why it can't be made.
    pub plan: RpcResult<DeploymentPlan>,
}

/// What the form that deploys a service sends to its own page.
#[cfg(feature = "ssr")]
#[derive(Debug, Deserialize)]
pub struct PostedDeployment {
    id: ServiceId,
    #[serde(default)]
    form: DeployForm,
    /// There when it is to be deployed, and not only planned.
    make: Option<String>,
    #[serde(default)]
    form_token: String,
}

#[cfg(feature = "ssr")]
impl TriedDeployment {
    /// Plans what was posted, or deploys it. Answers where that is seen, or what is shown here.
    pub async fn posted(posted: PostedDeployment, context: &RequestContext) -> Result<String, Self> {
        let PostedDeployment { id, form, make, form_token } = posted;
        let plan = match make {
            Some(_) => match form.make(context, id, &form_token).await {
                Ok(address) => return Ok(address),
                Err(error) => Err(error),
            },
            None => form.plan(context, id, &form_token).await,
        };
        Err(Self { form, plan: plan.map_err(RpcError) })
    }
}

#[cfg(feature = "ssr")]
impl DeployForm {
    fn new_deployment(&self) -> api::Result<api::NewDeployment> {
        let text = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let mut numbers = Numbers::default();
        let release_id = text(&self.release).map(|text| text.parse::<api::ReleaseId>()).transpose();
        let release_id =
            release_id.map_err(|_| api::Error::invalid("/release_id", "choose one of the releases, or what the source is now"))?;
        let new = api::NewDeployment {
            release_id,
            deployment_type: text(&self.strategy),
            canary: self.canary(&mut numbers),
            configuration: api::DeploymentConfiguration {
                image: text(&self.image),
                reference: text(&self.reference),
                ..Default::default()
            },
            message: self.message.trim().to_owned(),
            watch_seconds: numbers.limit("/watch_seconds", "for how long it is watched", &self.watch_seconds),
            health_seconds: numbers.limit("/health_seconds", "how long it has to become healthy", &self.health_seconds),
            urgent: text(&self.urgent),
            queue: self.replace.then_some(api::Queueing::Replace),
            ..api::NewDeployment::default()
        };
        numbers.refuse()?;
        Ok(new)
    }

    /// How a canary goes, when it is one.
    fn canary(&self, numbers: &mut Numbers) -> Option<Canary> {
        if self.strategy.trim() != Strategy::Canary.as_str() {
            return None;
        }
        let Canary { mut steps, step_seconds, min_requests } = Canary::default();
        if !self.canary_steps.trim().is_empty() {
            match Canary::read_steps(&self.canary_steps) {
                Ok(read) => steps = read,
                Err(message) => numbers.fault("/canary/steps", message),
            }
        }
        let seconds = numbers.limit("/canary/step_seconds", "how many seconds a step lasts", &self.canary_seconds);
        let requests = numbers.limit("/canary/min_requests", "how many requests a step is judged by", &self.canary_requests);
        Some(Canary { steps, step_seconds: seconds.unwrap_or(step_seconds), min_requests: requests.unwrap_or(min_requests) })
    }

    async fn plan(&self, context: &RequestContext, id: ServiceId, form_token: &str) -> api::Result<DeploymentPlan> {
        context.check_form_token(form_token)?;
        context.backend.deployments.plan(context.caller()?, id, self.new_deployment()?).await
    }

    async fn make(&self, context: &RequestContext, id: ServiceId, form_token: &str) -> api::Result<String> {
        context.check_form_token(form_token)?;
        let accepted = context.backend.deployments.deploy(context.caller()?, id, self.new_deployment()?).await?;
        Ok(crate::path::deployment(accepted.deployment_id))
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::{Canary, DeployForm};

    #[test]
    fn what_is_left_empty_is_left_to_pilothouse_and_what_is_no_number_is_named() {
        let empty = DeployForm { message: " why ".into(), image: " ".into(), ..DeployForm::default() }.new_deployment().unwrap();
        assert_eq!(empty, api::NewDeployment { message: "why".into(), ..api::NewDeployment::default() });
        let full = DeployForm { strategy: "rolling".into(), health_seconds: " 60 ".into(), replace: true, ..DeployForm::default() };
        let new = full.new_deployment().unwrap();
        assert_eq!((new.strategy(), new.health_seconds, new.watch_seconds), (Some(api::Strategy::Rolling), Some(60), None));
        assert_eq!(new.queue, Some(api::Queueing::Replace));
        let wrong = DeployForm { health_seconds: "soon".into(), watch_seconds: "-1".into(), ..DeployForm::default() };
        let fields: Vec<_> = wrong.new_deployment().unwrap_err().details.into_iter().map(|detail| detail.field).collect();
        assert_eq!(fields, ["/watch_seconds", "/health_seconds"]);
    }
    #[test]
    fn what_is_said_of_a_canary_counts_for_a_canary_only() {
        let form = |strategy: &str, steps: &str, seconds: &str| DeployForm {
            strategy: strategy.into(),
            canary_steps: steps.into(),
            canary_seconds: seconds.into(),
            ..DeployForm::default()
        };
        let canary = |form: DeployForm| form.new_deployment().map(|new| new.canary);
        assert_eq!(canary(form("canary", "", " ")), Ok(Some(Canary::default())));
        let own = Canary { steps: vec![10, 60], step_seconds: 30, ..Canary::default() };
        assert_eq!(canary(form("canary", "10 %, 60", "30")), Ok(Some(own)));
        assert_eq!((canary(form("blue_green", "x", "y")), canary(form("", "x", ""))), (Ok(None), Ok(None)));
        let wrong = canary(DeployForm { canary_requests: "many".into(), ..form("canary", "5, x", "soon") }).unwrap_err();
        let fields: Vec<_> = wrong.details.into_iter().map(|detail| detail.field).collect();
        assert_eq!(fields, ["/canary/steps", "/canary/step_seconds", "/canary/min_requests"]);
    }
}
