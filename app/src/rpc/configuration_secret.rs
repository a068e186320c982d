//! Showing a secret of a configuration to who says their password again: in the answer of that form, and in no other page.
#![allow(missing_docs, reason = "the fields of the types that #[server] makes are the documented functions' arguments")]

use api::{Secret, SecretValue, ServiceId};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
use super::*;
use super::{Json, RpcResult};

/// The secret at a JSON Pointer, as its service is given it.
#[server(prefix = "/rpc", output = Json, endpoint = "reveal_configuration_secret")]
pub async fn reveal_configuration_secret(
    id: ServiceId,
    field: String,
    password: Secret,
    #[server(default)] form_token: String,
) -> RpcResult<SecretValue> {
    Ok(reveal(&RequestContext::current(), id, field, password, &form_token).await?)
}

/// A form that was posted without JavaScript: its page comes back with the value, or why it isn't shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TriedReveal {
    pub id: ServiceId,
    pub field: String,
    pub found: RpcResult<SecretValue>,
}

/// What that form sends to its own page.
#[cfg(feature = "ssr")]
#[derive(Debug, Deserialize)]
pub struct PostedReveal {
    id: ServiceId,
    field: String,
    password: Secret,
    #[serde(default)]
    form_token: String,
}

#[cfg(feature = "ssr")]
impl TriedReveal {
    /// Looks at what was posted. Answers what is shown.
    pub async fn posted(posted: PostedReveal, context: &RequestContext) -> Self {
        let PostedReveal { id, field, password, form_token } = posted;
        let found = reveal(context, id, field.clone(), password, &form_token).await.map_err(RpcError);
        Self { id, field, found }
    }
}

#[cfg(feature = "ssr")]
async fn reveal(context: &RequestContext, id: ServiceId, field: String, password: Secret, form_token: &str) -> api::Result<SecretValue> {
    context.check_form_token(form_token)?;
    let asked = api::ConfigurationReveal { password, field, version: None };
    context.backend.configurations.reveal(context.caller()?, id, asked).await
}
