//! Secrets from a `.env` text: what would become of it, and making them. The text itself never comes back.
#![allow(missing_docs, reason = "the fields of the types that #[server] makes are the documented functions' arguments")]

use std::collections::BTreeMap;

use api::{Secret, SecretImportReport};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
use super::*;
use super::{Json, RpcResult};

/// What the form sends beside the text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImportForm {
    /// What each variable is called as a secret; empty until it has been shown what there is.
    pub names: BTreeMap<String, String>,
    /// The variables that are ticked.
    pub picked: Vec<String>,
    /// Those whose value is put over that of a secret that is there.
    pub over: Vec<String>,
}

/// What would become of each variable.
#[server(prefix = "/rpc", output = Json, endpoint = "preview_secret_import")]
pub async fn preview_secret_import(
    #[server(default)] form: ImportForm,
    env: Secret,
    #[server(default)] form_token: String,
) -> RpcResult<SecretImportReport> {
    Ok(form.import(&RequestContext::current(), env, true, &form_token).await?)
}

/// Makes secrets of what is ticked, and leads to the list of them.
#[server(prefix = "/rpc", output = Json, endpoint = "import_secrets")]
pub async fn import_secrets(#[server(default)] form: ImportForm, env: Secret, #[server(default)] form_token: String) -> RpcResult<()> {
    let context = RequestContext::current();
    leptos_axum::redirect(&form.make(&context, env, &form_token).await?);
    Ok(())
}

/// A text that was posted without JavaScript: the page comes back with what would become of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TriedImport {
    pub report: RpcResult<SecretImportReport>,
}

/// What the form sends to its own page.
#[cfg(feature = "ssr")]
#[derive(Debug, Deserialize)]
pub struct PostedImport {
    #[serde(default)]
    form: ImportForm,
    env: Secret,
    /// There when they are to be made.
    make: Option<String>,
    #[serde(default)]
    form_token: String,
}

#[cfg(feature = "ssr")]
impl TriedImport {
    /// Looks at what was posted, or makes secrets of it. Answers where they are shown, or what is shown here.
    pub async fn posted(posted: PostedImport, context: &RequestContext) -> Result<String, Self> {
        let PostedImport { form, env, make, form_token } = posted;
        let report = match make {
            Some(_) => match form.make(context, env, &form_token).await {
                Ok(address) => return Ok(address),
                Err(error) => Err(error),
            },
            None => form.import(context, env, true, &form_token).await,
        };
        Err(Self { report: report.map_err(RpcError) })
    }
}

#[cfg(feature = "ssr")]
impl ImportForm {
    async fn make(self, context: &RequestContext, env: Secret, form_token: &str) -> api::Result<String> {
        use api::SecretImportOutcome::{Changed, Made, Present};
        let report = self.import(context, env, false, form_token).await?;
        let count = |outcome| report.items.iter().filter(|item| item.outcome == outcome).count();
        let (made, changed, present) = (count(Made), count(Changed), count(Present));
        if made + changed + present == 0 {
            Err(api::Error::invalid("/env", "nothing is ticked that a secret could be made of; tick something"))?;
        }
        Ok(format!("{}?done=imported&made={made}&changed={changed}&present={present}", crate::path::SECRETS))
    }

    async fn import(self, context: &RequestContext, env: Secret, dry_run: bool, form_token: &str) -> api::Result<SecretImportReport> {
        context.check_form_token(form_token)?;
        let ImportForm { mut names, picked, over } = self;
        // Until it has been shown what there is, nothing can have been ticked.
        let pick = (!names.is_empty()).then(|| {
            let pick = |variable: String| {
                let name = names.remove(&variable).map(|name| name.trim().to_owned());
                api::SecretPick { overwrite: over.contains(&variable), name, variable }
            };
            picked.into_iter().map(pick).collect()
        });
        let env = Secret::new(env.reveal().replace("\r\n", "\n"));
        context.backend.secrets.import(context.caller()?, api::SecretImport { env, pick, dry_run }).await
    }
}
