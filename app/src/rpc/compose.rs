//! Services from a Compose file: the plan of it, and making them.
#![allow(missing_docs, reason = "the fields of the types that #[server] makes are the documented functions' arguments")]

use api::ComposeReport;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
use super::*;
use super::{Json, RpcResult};

/// What the form of a Compose file sends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ComposeForm {
    /// What the project is called; empty takes the name that the file or its folder has.
    pub project: String,
    /// Names of profiles, with spaces or commas between them.
    pub profiles: String,
    /// The folder that the file is in, in place of the file.
    pub folder: String,
    /// Lines of the form NAME=value.
    pub variables: String,
    /// The file.
    pub compose: String,
}

/// What would become of a Compose file.
#[server(prefix = "/rpc", output = Json, endpoint = "plan_compose")]
pub async fn plan_compose(form: ComposeForm, #[server(default)] form_token: String) -> RpcResult<ComposeReport> {
    Ok(form.plan(&RequestContext::current(), &form_token).await?)
}

/// Makes the services of a Compose file, and leads to where they are started.
#[server(prefix = "/rpc", output = Json, endpoint = "make_compose")]
pub async fn make_compose(form: ComposeForm, #[server(default)] form_token: String) -> RpcResult<()> {
    let context = RequestContext::current();
    context.check_form_token(&form_token)?;
    let report = context.backend.services.compose(context.caller()?, form.request(false)).await?;
    let failed = report.services.iter().filter(|item| item.outcome == api::ComposeOutcome::Failed);
    let failed: Vec<_> = failed.map(|item| format!("{}: {}", item.key, item.message.as_deref().unwrap_or_default())).collect();
    if !failed.is_empty() {
        let message = format!("not all of it could be made, and what was made stays (the plan says what that is): {}", failed.join("; "));
        Err(api::Error::conflict(message))?;
    }
    let made: Vec<_> = report.services.iter().filter_map(|item| item.service_id).collect();
    if made.is_empty() {
        let why = report.services.iter().find_map(|item| Some(format!("{}: {}", item.key, item.message.as_ref()?)));
        Err(api::Error::conflict(why.unwrap_or_else(|| "none of its services can be made".into())))?;
    }
    leptos_axum::redirect(&crate::path::bulk(api::Action::Start, made));
    Ok(())
}

/// A Compose file that was posted without JavaScript: the page comes back with what was typed, and the plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedCompose {
    pub form: ComposeForm,
    pub plan: RpcResult<ComposeReport>,
}

#[cfg(feature = "ssr")]
impl PlannedCompose {
    /// Plans what was posted.
    pub async fn posted(posted: PlanCompose, context: &RequestContext) -> Self {
        let PlanCompose { form, form_token } = posted;
        let plan = form.clone().plan(context, &form_token).await.map_err(RpcError);
        Self { form, plan }
    }
}

#[cfg(feature = "ssr")]
impl ComposeForm {
    async fn plan(self, context: &RequestContext, form_token: &str) -> api::Result<ComposeReport> {
        context.check_form_token(form_token)?;
        context.backend.services.compose(context.caller()?, self.request(true)).await
    }

    fn request(self, dry_run: bool) -> api::ComposeRequest {
        let some = |text: String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let profiles = self.profiles.split([',', ' ']).filter(|name| !name.is_empty()).map(str::to_owned).collect();
        api::ComposeRequest {
            compose: self.compose,
            folder: some(self.folder),
            variables: self.variables,
            project: some(self.project),
            profiles,
            dry_run,
        }
    }
}
