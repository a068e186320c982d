//! Templates: what services can be made of. `services/templated.rs` makes them.
//!
//! The files of a template are the same in each service. What is different, its variables, becomes the `.env` of the service: a variable `greeting` is
//! given to it as `GREETING`. So no value is ever put into code.

pub(crate) mod built_in;

use std::sync::Arc;

use api::{Caller, Detail, Error, Page, Permission, Result, Template, TemplateDetail, TemplateFile, TemplateStatus, TemplateUse};
use async_trait::async_trait;
use serde_json::{Map, Value};

pub(crate) use self::built_in::{BuiltIn, find};
use crate::configuration::env_text;
use crate::configuration::schema::{Validator, defaults};
use crate::{Core, Entry};

/// The file of variables.
const ENVIRONMENT: &str = ".env";

/// All templates of this Pilothouse.
pub struct Manager {
    core: Arc<Core>,
}

impl Manager {
    /// Those that Pilothouse brings along.
    pub fn new(core: Arc<Core>) -> Arc<Self> {
        Arc::new(Self { core })
    }

    /// What was made of one, by name. Copies that Pilothouse runs of a service aren't told apart from it.
    fn made_of(&self, template: &BuiltIn) -> Vec<Arc<Entry>> {
        let is_made =
            |entry: &&Arc<Entry>| entry.spec.part_of().is_none() && entry.spec.template.as_ref().is_some_and(|made| made.id == template.id);
        self.core.catalog.by_name().iter().filter(is_made).cloned().collect()
    }

    fn shown(&self, template: &BuiltIn) -> Template {
        Template {
            id: template.id.into(),
            name: template.name.clone(),
            description: template.description.clone(),
            version: template.version,
            status: TemplateStatus::Ready,
            variables_schema: template.variables_schema.clone(),
            services_count: self.made_of(template).len() as u64,
        }
    }
}

#[async_trait]
impl api::ports::Templates for Manager {
    async fn list(&self, caller: &Caller) -> Result<Page<Template>> {
        caller.require(Permission::ServicesRead)?;
        let mut all: Vec<_> = built_in::all().iter().map(|template| self.shown(template)).collect();
        all.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(Page::whole(all))
    }

    async fn get(&self, caller: &Caller, id: String) -> Result<TemplateDetail> {
        caller.require(Permission::ServicesRead)?;
        let template = find(&id).ok_or_else(|| Error::not_found("template", &id))?;
        let made = |entry: Arc<Entry>| {
            let version = entry.spec.template.as_ref()?.version;
            Some(TemplateUse { id: entry.service.id, name: entry.service.name.clone(), version })
        };
        Ok(TemplateDetail {
            template: self.shown(template),
            configuration_schema: template.configuration_schema.clone(),
            files: template.files_with(&Value::Object(Map::new()))?,
            services: self.made_of(template).into_iter().filter_map(made).collect(),
        })
    }
}

impl BuiltIn {
    /// The files of a service with these variables, by name; what is left out has its default. Fails with `validation_failed` at
    /// `/source/variables` and the pointer of each that is wrong. Takes a moment for the validator, so call it where that is allowed.
    pub fn files_with(&self, variables: &Value) -> Result<Vec<TemplateFile>> {
        let Value::Object(given) = variables else {
            return Err(Error::invalid("/source/variables", "the variables of a template are an object: {\"name\": value}"));
        };
        let mut all = defaults(&self.variables_schema);
        all.extend(given.clone());
        let faults = Validator::new(&self.variables_schema)?.faults(&Value::Object(all.clone()));
        // What the validator says is read behind what it is said of.
        let placed = |Detail { field, message }| {
            let of = if field.is_empty() { "the variables".to_owned() } else { format!("the variable {}", &field[1..]) };
            Detail { message: format!("{of} {message}"), field: format!("/source/variables{field}") }
        };
        Error::invalid_fields(faults.into_iter().map(placed).collect())?;
        let settings = all.into_iter().map(|(name, value)| (name.to_ascii_uppercase(), value)).collect();
        let mut files = self.files.clone();
        files.push(TemplateFile { name: ENVIRONMENT.into(), content: env_text(&settings)? });
        files.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(files)
    }
}

#[cfg(test)]
mod tests;
