//! Named secrets: what their pages show, and what their forms do. No value is in what comes back with a page, but one that was asked for with
//! a password.
#![allow(missing_docs, reason = "the fields of the types that #[server] makes are the documented functions' arguments")]

use api::{KeyRotation, NamedSecret, Page, Secret, SecretName, SecretValue};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
use super::*;
use super::{Json, RpcError, RpcResult};

/// What the forms that make and change a secret send beside its value, and what comes back of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SecretForm {
    pub name: String,
    /// The version that the form was made from; 0 for a new secret.
    pub version: u64,
    pub description: String,
}

/// Every secret by name, without values.
#[server(prefix = "/rpc", output = Json, endpoint = "list_secrets", input = Json)]
pub async fn list_secrets() -> RpcResult<Page<NamedSecret>> {
    let context = RequestContext::current();
    Ok(Page::whole(context.backend.secrets.list(context.caller()?).await?))
}

/// One secret, without its value.
#[server(prefix = "/rpc", output = Json, endpoint = "get_secret", input = Json)]
pub async fn get_secret(name: String) -> RpcResult<NamedSecret> {
    let context = RequestContext::current();
    let all = context.backend.secrets.list(context.caller()?).await?;
    let found = all.into_iter().find(|secret| secret.name.as_str() == name);
    Ok(found.ok_or_else(|| api::Error::not_found("secret", name))?)
}

/// Makes or changes a secret, and leads to its page. Without a value only what is said of it is changed.
#[server(prefix = "/rpc", output = Json, endpoint = "put_secret")]
pub async fn put_secret(
    form: SecretForm,
    #[server(default)] value: Option<Secret>,
    #[server(default)] form_token: String,
) -> RpcResult<()> {
    let context = RequestContext::current();
    leptos_axum::redirect(&form.put(&context, value, &form_token).await?);
    Ok(())
}

/// The value of a secret, for who says their password again.
#[server(prefix = "/rpc", output = Json, endpoint = "reveal_secret")]
pub async fn reveal_secret(form: SecretForm, password: Secret, #[server(default)] form_token: String) -> RpcResult<SecretValue> {
    Ok(form.reveal(&RequestContext::current(), password, &form_token).await?)
}

/// Deletes a secret whose name has been typed; `force` also when something refers to it.
#[server(prefix = "/rpc", output = Json, endpoint = "delete_secret")]
pub async fn delete_secret(
    name: SecretName,
    typed: String,
    #[server(default)] force: bool,
    #[server(default)] form_token: String,
) -> RpcResult<()> {
    let context = RequestContext::current();
    context.check_form_token(&form_token)?;
    if typed.trim() != name.as_str() {
        Err(api::Error::invalid("/typed", format!("to delete it, type its name as it is: {name}")))?;
    }
    context.backend.secrets.delete(context.caller()?, name, force).await?;
    leptos_axum::redirect(&format!("{}?done=deleted", crate::path::SECRETS));
    Ok(())
}

/// Rotates the keys that all secrets are sealed with.
#[server(prefix = "/rpc", output = Json, endpoint = "rotate_secrets")]
pub async fn rotate_secrets(#[server(default)] form_token: String) -> RpcResult<KeyRotation> {
    Ok(rotate(&RequestContext::current(), &form_token).await?)
}

/// A form of secrets that was posted without JavaScript: the page comes back with what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TriedSecret {
    pub form: SecretForm,
    pub outcome: SecretOutcome,
}

/// What became of a form that leads nowhere else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum SecretOutcome {
    /// The secret wasn't made or changed.
    Refused(RpcError),
    /// Its value was asked for.
    Revealed(RpcResult<SecretValue>),
    /// The keys were to be rotated.
    Rotated(RpcResult<KeyRotation>),
}

/// What the forms of secrets send to their own pages.
#[cfg(feature = "ssr")]
#[derive(Debug, Deserialize)]
pub struct PostedSecret {
    #[serde(default)]
    form: SecretForm,
    deed: Deed,
    value: Option<Secret>,
    password: Option<Secret>,
    #[serde(default)]
    form_token: String,
}

/// What a form asks for.
#[cfg(feature = "ssr")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Deed {
    Put,
    Reveal,
    Rotate,
}

#[cfg(feature = "ssr")]
impl TriedSecret {
    /// Does what was posted. Answers where it is shown, or what is shown here.
    pub async fn posted(posted: PostedSecret, context: &RequestContext) -> Result<String, Self> {
        let PostedSecret { form, deed, value, password, form_token } = posted;
        let outcome = match deed {
            Deed::Put => match form.clone().put(context, value, &form_token).await {
                Ok(address) => return Ok(address),
                Err(error) => SecretOutcome::Refused(RpcError(error)),
            },
            Deed::Reveal => {
                let password = password.unwrap_or_else(|| Secret::new(""));
                SecretOutcome::Revealed(form.clone().reveal(context, password, &form_token).await.map_err(RpcError))
            }
            Deed::Rotate => SecretOutcome::Rotated(rotate(context, &form_token).await.map_err(RpcError)),
        };
        Err(Self { form, outcome })
    }
}

#[cfg(feature = "ssr")]
async fn rotate(context: &RequestContext, form_token: &str) -> api::Result<KeyRotation> {
    context.check_form_token(form_token)?;
    context.backend.secrets.rotate(context.caller()?).await
}

#[cfg(feature = "ssr")]
impl SecretForm {
    async fn put(self, context: &RequestContext, value: Option<Secret>, form_token: &str) -> api::Result<String> {
        context.check_form_token(form_token)?;
        let name: SecretName = self.name.trim().parse()?;
        // An empty field keeps the value that is there.
        let value = value.map(|value| typed(value.reveal())).filter(|value| !value.is_empty()).map(Secret::new);
        let what = match (self.version, &value) {
            (0, _) => "made",
            (_, Some(_)) => "set",
            (_, None) => "said",
        };
        let new = api::NewSecret { value, description: Some(self.description.trim().to_owned()), version: Some(self.version) };
        let secret = context.backend.secrets.put(context.caller()?, name, new).await?;
        Ok(format!("{}?done={what}&version={}", crate::path::secret(secret.name.as_str()), secret.version))
    }

    async fn reveal(self, context: &RequestContext, password: Secret, form_token: &str) -> api::Result<SecretValue> {
        context.check_form_token(form_token)?;
        context.backend.secrets.reveal(context.caller()?, self.name.parse()?, api::SecretReveal { password }).await
    }
}

/// What was typed into a field of several lines. Browsers send `\r\n` for a line break, and what is copied often has one at its end that
/// isn't meant: of a single line it is left out.
#[cfg(feature = "ssr")]
fn typed(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    match text.strip_suffix('\n') {
        Some(line) if !line.contains('\n') => line.to_owned(),
        _ => text,
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::typed;

    #[test]
    fn a_value_is_what_was_typed_but_for_the_line_break_that_a_copied_line_has() {
        for (text, value) in [("a b ", "a b "), ("token\r\n", "token"), ("a\r\nb\r\n", "a\nb\n"), ("\r\n", ""), ("a\n\n", "a\n\n")] {
            assert_eq!(typed(text), value);
        }
    }
}
