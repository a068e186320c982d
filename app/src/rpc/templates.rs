//! Templates, and the form that makes a service of one. It has texts, as all forms: its schema says on the server which values they are.
#![allow(missing_docs, reason = "the fields of the types that #[server] makes are the documented functions' arguments")]

use std::collections::BTreeMap;

use api::{Page, Template, TemplateDetail};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
use super::*;
use super::{Json, RpcError, RpcResult};
#[cfg(feature = "ssr")]
use crate::configuration::{Kind, Properties, fields, read_value};

/// A template as its page shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TemplatePage {
    pub template: TemplateDetail,
    /// A field for each of its variables, in their order.
    pub fields: Vec<VariableField>,
}

/// The field of a variable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VariableField {
    pub name: String,
    pub label: String,
    pub hint: String,
    /// What counts when nothing is typed.
    pub default: String,
    pub is_number: bool,
    /// The only texts that it may have; empty when there are others.
    pub choices: Vec<String>,
}

/// What the form that makes a service of a template sends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateForm {
    pub name: String,
    #[serde(default)]
    pub description: String,
    /// By their names; what is empty has its default.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
    /// A box that isn't sent when it isn't ticked: whether it is started at once.
    #[serde(default)]
    pub start: bool,
}

/// The templates that there are.
#[server(prefix = "/rpc", output = Json, endpoint = "list_templates", input = Json)]
pub async fn list_templates() -> RpcResult<Page<Template>> {
    let context = RequestContext::current();
    Ok(context.backend.templates.list(context.caller()?).await?)
}

/// One of them.
#[server(prefix = "/rpc", output = Json, endpoint = "get_template", input = Json)]
pub async fn get_template(id: String) -> RpcResult<TemplatePage> {
    let context = RequestContext::current();
    Ok(TemplatePage::of(context.backend.templates.get(context.caller()?, id).await?))
}

/// Makes a service of a template, and leads to its page.
#[server(prefix = "/rpc", output = Json, endpoint = "make_from_template")]
pub async fn make_from_template(template: String, form: TemplateForm, #[server(default)] form_token: String) -> RpcResult<()> {
    let context = RequestContext::current();
    leptos_axum::redirect(&form.make(&context, template, &form_token).await?);
    Ok(())
}

/// A service of a template that was posted without JavaScript and not made: the page comes back with what was typed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TriedTemplate {
    pub template: String,
    pub form: TemplateForm,
    /// Why it isn't made.
    pub error: RpcError,
}

/// What the form sends to the page of its template.
#[cfg(feature = "ssr")]
#[derive(Debug, Deserialize)]
pub struct PostedTemplate {
    template: String,
    form: TemplateForm,
    #[serde(default)]
    form_token: String,
}

#[cfg(feature = "ssr")]
impl TriedTemplate {
    /// Makes what was posted. Answers where it is, or what is shown again.
    pub async fn posted(posted: PostedTemplate, context: &RequestContext) -> Result<String, Self> {
        let PostedTemplate { template, form, form_token } = posted;
        let made = form.clone().make(context, template.clone(), &form_token).await;
        made.map_err(|error| Self { template, form, error: RpcError(error) })
    }
}

#[cfg(feature = "ssr")]
impl TemplatePage {
    fn of(template: TemplateDetail) -> Self {
        let nothing = serde_json::json!({});
        let of_schema = fields(&template.template.variables_schema, &nothing, &[]).into_iter().map(|field| {
            let choices = match field.kind {
                Kind::Boolean => vec!["true".to_owned(), "false".to_owned()],
                Kind::Choice(ref choices) => choices.iter().map(|choice| choice.text.clone()).collect(),
                _ => Vec::new(),
            };
            VariableField {
                label: field.title.unwrap_or_else(|| capital(&field.name)),
                hint: field.description.map(|text| format!("{}.", text.trim_end_matches('.'))).unwrap_or_default(),
                default: field.default.unwrap_or_default(),
                is_number: matches!(field.kind, Kind::Integer | Kind::Number),
                name: field.name,
                choices,
            }
        });
        Self { fields: of_schema.collect(), template }
    }
}

/// A name as a label: `max_page` is "Max page".
#[cfg(feature = "ssr")]
fn capital(name: &str) -> String {
    let mut words = name.replace('_', " ");
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    words
}

#[cfg(feature = "ssr")]
impl TemplateForm {
    /// Makes the service; answers the address of its page.
    async fn make(self, context: &RequestContext, template: String, form_token: &str) -> api::Result<String> {
        context.check_form_token(form_token)?;
        let (caller, services) = (context.caller()?, &context.backend.services);
        let detail = context.backend.templates.get(caller, template.clone()).await?;
        let said = Properties::of(&detail.template.variables_schema);
        let typed = self.variables.iter().filter(|(_, text)| !text.is_empty());
        let variables = typed.map(|(name, text)| (name.clone(), read_value(&said.get(name), text, None))).collect();
        let new = api::NewService {
            name: self.name.trim().to_owned(),
            runtime: None,
            source: api::NewSource::Template(api::FromTemplate { template, variables: serde_json::Value::Object(variables) }),
            user: None,
            port: None,
            proxy_port: None,
            replicas: 1,
            rollout: api::Rollout::default(),
            environment: BTreeMap::new(),
            environment_files: Vec::new(),
            depends_on: Vec::new(),
            health: api::HealthCheck::default(),
            description: Some(self.description).filter(|text| !text.trim().is_empty()),
            restart: api::RestartPolicy::OnFailure,
            handover: false,
            limits: api::Limits::default(),
            labels: BTreeMap::new(),
        };
        let id = services.create_from(caller, new).await?.service.id;
        if !self.start {
            return Ok(format!("{}?done=made", crate::path::service(id)));
        }
        let started = services.start(caller, id).await;
        started.map_err(|error| api::Error { message: format!("the service is made, but isn't started: {}", error.message), ..error })?;
        Ok(format!("{}?done=begun", crate::path::service(id)))
    }
}
