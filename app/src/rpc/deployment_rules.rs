//! When services may be deployed, and who agrees: what pages show of it, and what their forms do.
#![allow(missing_docs, reason = "the fields of the types that #[server] makes are the documented functions' arguments")]

use api::{DeploymentId, DeploymentRules, Freeze, FreezeId, ServiceId};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
use super::*;
use super::{Json, RpcResult};

/// A freeze with the name of its service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NamedFreeze {
    pub freeze: Freeze,
    /// None is all services.
    pub service: Option<String>,
}

/// When a service may be deployed.
#[server(prefix = "/rpc", output = Json, endpoint = "get_deployment_rules", input = Json)]
pub async fn get_deployment_rules(id: ServiceId) -> RpcResult<DeploymentRules> {
    let context = RequestContext::current();
    Ok(context.backend.deployments.rules(context.caller()?, id).await?)
}

/// Sets when a service may be deployed; the windows are written one a line.
#[server(prefix = "/rpc", output = Json, endpoint = "set_deployment_rules")]
pub async fn set_deployment_rules(
    id: ServiceId,
    #[server(default)] windows: String,
    #[server(default)] time_zone: String,
    #[server(default)] needs_approval: bool,
    #[server(default)] form_token: String,
) -> RpcResult<()> {
    let context = RequestContext::current();
    context.check_form_token(&form_token)?;
    let windows = api::read_windows(&windows).map_err(|why| api::Error::invalid("/windows", why))?;
    let rules = DeploymentRules { windows, time_zone: time_zone.trim().to_owned(), needs_approval };
    context.backend.deployments.set_rules(context.caller()?, id, rules).await?;
    leptos_axum::redirect(&format!("{}?done=rules-set&at={}", crate::path::deployments_of(id), context.now.micros()));
    Ok(())
}

/// The freezes that aren't over.
#[server(prefix = "/rpc", output = Json, endpoint = "list_freezes", input = Json)]
pub async fn list_freezes() -> RpcResult<Vec<NamedFreeze>> {
    let context = RequestContext::current();
    let (caller, backend) = (context.caller()?, &context.backend);
    let mut all = Vec::new();
    for freeze in backend.deployments.freezes(caller).await? {
        let service = match freeze.service_id {
            Some(id) => backend.services.get(caller, id).await.ok().map(|detail| detail.service.name).or(Some("a deleted service".into())),
            None => None,
        };
        all.push(NamedFreeze { freeze, service });
    }
    Ok(all)
}

/// Sets a freeze. `service` is a name, and empty all services; times are of UTC, and an empty beginning is now.
#[server(prefix = "/rpc", output = Json, endpoint = "freeze_deployments")]
pub async fn freeze_deployments(
    #[server(default)] service: String,
    #[server(default)] from: String,
    #[server(default)] to: String,
    #[server(default)] reason: String,
    #[server(default)] form_token: String,
) -> RpcResult<()> {
    let context = RequestContext::current();
    context.check_form_token(&form_token)?;
    let (caller, backend) = (context.caller()?, &context.backend);
    let service_id = match service.trim() {
        "" => None,
        name => {
            let query = api::ServiceQuery { q: Some(name.to_owned()), limit: api::Limit::new(1_000)?, ..api::ServiceQuery::default() };
            let found = backend.services.list(caller, query).await?.items.into_iter().find(|one| one.name == name);
            Some(found.ok_or_else(|| api::Error::invalid("/service", format!("there is no service '{name}'; leave it empty for all")))?.id)
        }
    };
    let from = if from.trim().is_empty() { None } else { Some(moment("/from", &from)?) };
    let new = api::NewFreeze { service_id, from, to: moment("/to", &to)?, reason };
    backend.deployments.freeze(caller, new).await?;
    leptos_axum::redirect(&format!("{}?at={}", crate::path::DEPLOYMENTS, context.now.micros()));
    Ok(())
}

/// Ends a freeze.
#[server(prefix = "/rpc", output = Json, endpoint = "end_freeze")]
pub async fn end_freeze(id: FreezeId, #[server(default)] form_token: String) -> RpcResult<()> {
    let context = RequestContext::current();
    context.check_form_token(&form_token)?;
    context.backend.deployments.end_freeze(context.caller()?, id).await?;
    leptos_axum::redirect(&format!("{}?at={}", crate::path::DEPLOYMENTS, context.now.micros()));
    Ok(())
}

/// Agrees to a deployment, or ends it: the form says which.
#[server(prefix = "/rpc", output = Json, endpoint = "judge_deployment")]
pub async fn judge_deployment(
    id: DeploymentId,
    agrees: bool,
    #[server(default)] message: String,
    #[server(default)] form_token: String,
) -> RpcResult<()> {
    let context = RequestContext::current();
    context.check_form_token(&form_token)?;
    let (caller, deployments, verdict) = (context.caller()?, &context.backend.deployments, api::Verdict { message });
    match agrees {
        true => deployments.approve(caller, id, verdict).await?,
        false => deployments.reject(caller, id, verdict).await?,
    };
    leptos_axum::redirect(&crate::path::deployment(id));
    Ok(())
}

/// A time as people write it: `2026-12-20 18:00`, of UTC.
#[cfg(feature = "ssr")]
fn moment(field: &'static str, text: &str) -> api::Result<api::Timestamp> {
    let plain = text.trim().trim_end_matches(['Z', 'z']).replace(' ', "T");
    let whole = if plain.len() == 16 { format!("{plain}:00Z") } else { format!("{plain}Z") };
    whole.parse().map_err(|_| api::Error::invalid(field, "a time is like 2026-12-20 18:00, of UTC"))
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::moment;

    #[test]
    fn times_are_read_as_people_write_them() {
        let expected = "2026-12-20T18:00:00Z".parse().unwrap();
        for text in ["2026-12-20 18:00", " 2026-12-20T18:00 ", "2026-12-20 18:00:00", "2026-12-20T18:00:00Z"] {
            assert_eq!(moment("/to", text).unwrap(), expected, "{text}");
        }
        for text in ["", "tomorrow", "2026-12-20", "18:00", "2026-13-20 18:00"] {
            assert_eq!(moment("/to", text).unwrap_err().details[0].field, "/to", "{text}");
        }
    }
}
