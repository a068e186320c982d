//! Environments: what runs where, making environments, and setting services up in them.
#![allow(missing_docs, reason = "the fields of the types that #[server] makes are the documented functions' arguments")]

use api::{Places, PlacesQuery, ServiceId};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
use super::numbers::Numbers;
use super::service_form::limit_texts;
#[cfg(feature = "ssr")]
use super::*;
use super::{Json, RolloutForm, RpcError, RpcResult};

/// What runs where.
#[server(prefix = "/rpc", output = Json, endpoint = "list_places", input = Json)]
pub async fn list_places(query: PlacesQuery) -> RpcResult<Places> {
    let context = RequestContext::current();
    Ok(context.backend.environments.places(context.caller()?, query).await?)
}

/// Makes an environment.
#[server(prefix = "/rpc", output = Json, endpoint = "make_environment")]
pub async fn make_environment(
    #[server(default)] name: String,
    #[server(default)] description: String,
    #[server(default)] before: String,
    #[server(default)] form_token: String,
) -> RpcResult<()> {
    let context = RequestContext::current();
    context.check_form_token(&form_token)?;
    let new = api::NewEnvironment { name: name.trim().to_owned(), description, before: Some(before).filter(|before| !before.is_empty()) };
    context.backend.environments.create(context.caller()?, new).await?;
    leptos_axum::redirect(&format!("{}?at={}", crate::path::ENVIRONMENTS, context.now.micros()));
    Ok(())
}

/// Says what an environment is for, and which one comes after it.
#[server(prefix = "/rpc", output = Json, endpoint = "change_environment")]
pub async fn change_environment(
    name: String,
    #[server(default)] description: String,
    #[server(default)] before: String,
    #[server(default)] form_token: String,
) -> RpcResult<()> {
    let context = RequestContext::current();
    context.check_form_token(&form_token)?;
    let new = api::NewEnvironment { name: name.clone(), description, before: Some(before).filter(|before| !before.is_empty()) };
    context.backend.environments.change(context.caller()?, name, new).await?;
    leptos_axum::redirect(&format!("{}?at={}", crate::path::ENVIRONMENTS, context.now.micros()));
    Ok(())
}

/// Removes an environment in which nothing is set up.
#[server(prefix = "/rpc", output = Json, endpoint = "remove_environment")]
pub async fn remove_environment(name: String, #[server(default)] form_token: String) -> RpcResult<()> {
    let context = RequestContext::current();
    context.check_form_token(&form_token)?;
    context.backend.environments.remove(context.caller()?, name).await?;
    leptos_axum::redirect(&format!("{}?at={}", crate::path::ENVIRONMENTS, context.now.micros()));
    Ok(())
}

/// What the form that sets a service up in an environment sends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TargetForm {
    pub environment: String,
    /// Empty is `SERVICE-ENVIRONMENT`.
    pub name: String,
    /// Empty lets Pilothouse choose.
    pub port: String,
    /// Variables that are different there, as [`api::read_variables`] reads them.
    pub variables: String,
    /// Names of variables that aren't given there, one a line or with commas.
    pub without: String,
    /// The port of a proxy in front of it; empty has none.
    pub proxy_port: String,
    /// Empty is one.
    pub replicas: String,
    pub rollout: RolloutForm,
    /// Limits; an empty one is none.
    pub limit_memory: String,
    pub limit_cpu: String,
    pub limit_processes: String,
    pub limit_files: String,
    /// Another image; empty takes that of development.
    pub image: String,
    /// Another branch or tag; empty takes that of development.
    pub reference: String,
    /// A box that isn't sent when it isn't ticked.
    pub needs_approval: bool,
}

impl TargetForm {
    /// What is in it at first, for a service that is `spec` in development. What takes a proxy isn't chosen, because there is none yet.
    pub fn of(spec: &api::ServiceSpec) -> Self {
        let [limit_memory, limit_cpu, limit_processes, limit_files] = limit_texts(&spec.limits);
        let rollout = RolloutForm::of(&api::Rollout { strategy: None, ..spec.rollout });
        Self { rollout, limit_memory, limit_cpu, limit_processes, limit_files, ..Self::default() }
    }
}

/// Sets a service up in an environment, and leads to where it is deployed.
#[server(prefix = "/rpc", output = Json, endpoint = "set_up_service")]
pub async fn set_up_service(id: ServiceId, #[server(default)] form: TargetForm, #[server(default)] form_token: String) -> RpcResult<()> {
    leptos_axum::redirect(&form.make(&RequestContext::current(), id, &form_token).await?);
    Ok(())
}

/// A service that was to be set up without JavaScript and wasn't: the page comes back with what was typed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TriedTarget {
    pub form: TargetForm,
    /// Why it isn't.
    pub error: RpcError,
}

/// What the form that sets a service up sends to its own page.
#[cfg(feature = "ssr")]
#[derive(Debug, Deserialize)]
pub struct PostedTarget {
    id: ServiceId,
    #[serde(default)]
    form: TargetForm,
    #[serde(default)]
    form_token: String,
}

#[cfg(feature = "ssr")]
impl TriedTarget {
    /// Sets up what was posted. Answers where that is seen, or what is shown here.
    pub async fn posted(posted: PostedTarget, context: &RequestContext) -> Result<String, Self> {
        let PostedTarget { id, form, form_token } = posted;
        form.make(context, id, &form_token).await.map_err(|error| Self { form, error: RpcError(error) })
    }
}

#[cfg(feature = "ssr")]
impl TargetForm {
    fn new_target(&self) -> api::Result<api::NewTarget> {
        let text = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let mut numbers = Numbers::default();
        let mut variables: std::collections::BTreeMap<_, _> =
            numbers.variables(&self.variables).into_iter().map(|(name, text)| (name, Some(text))).collect();
        let without = self.without.split([',', '\n']).map(str::trim).filter(|name| !name.is_empty());
        variables.extend(without.map(|name| (name.to_owned(), None)));
        let new = api::NewTarget {
            environment: self.environment.trim().to_owned(),
            name: text(&self.name),
            port: numbers.port(&self.port),
            variables,
            image: text(&self.image),
            reference: text(&self.reference),
            limits: Some(numbers.limits([&self.limit_memory, &self.limit_cpu, &self.limit_processes, &self.limit_files])),
            proxy_port: numbers.port_at("/proxy_port", &self.proxy_port),
            replicas: Some(numbers.replicas(&self.replicas)),
            rollout: Some(self.rollout.rollout(&mut numbers)),
            needs_approval: self.needs_approval,
        };
        numbers.refuse()?;
        Ok(new)
    }

    async fn make(&self, context: &RequestContext, id: ServiceId, form_token: &str) -> api::Result<String> {
        context.check_form_token(form_token)?;
        let made = context.backend.environments.set_up(context.caller()?, id, self.new_target()?).await?;
        Ok(format!("{}?done=set-up", crate::path::deployments_of(made.service.id)))
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::TargetForm;

    #[test]
    fn what_is_left_empty_is_as_in_development() {
        let limits = api::Limits { open_files: Some(512), ..api::Limits::default() };
        let rollout = api::Rollout { strategy: Some(api::Strategy::Rolling), surge: 2, unavailable: 0 };
        let source = api::Source::Folder { folder: "/srv/orders".into() };
        let spec = api::ServiceSpec { limits, rollout, proxy_port: Some(8101), replicas: 3, ..api::ServiceSpec::new(source) };
        let form = TargetForm { environment: "staging".into(), ..TargetForm::of(&spec) };
        let new = form.new_target().unwrap();
        assert_eq!((new.limits, new.rollout), (Some(limits), Some(api::Rollout { strategy: None, ..rollout })));
        assert_eq!((new.proxy_port, new.replicas, new.port, new.name), (None, Some(1), None, None), "its ports are its own");
        let form = TargetForm { port: "8100".into(), variables: "A=1\nB=x y".into(), without: "C, D\nE".into(), ..form };
        let new = form.new_target().unwrap();
        let variables: Vec<_> = new.variables.iter().map(|(name, text)| (name.as_str(), text.as_deref())).collect();
        assert_eq!(new.port, Some(8100));
        assert_eq!(variables, [("A", Some("1")), ("B", Some("x y")), ("C", None), ("D", None), ("E", None)]);
        let wrong =
            TargetForm { port: "http".into(), variables: "no variable".into(), replicas: "21".into(), limit_cpu: "all".into(), ..form };
        assert_eq!(wrong.new_target().unwrap_err().details.len(), 4);
    }
}
