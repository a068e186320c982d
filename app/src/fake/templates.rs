//! The one template of the fake.

use api::ports::Templates;
use api::*;
use async_trait::async_trait;
use serde_json::json;

use super::Fake;

/// It has a variable of each kind.
pub fn template(services_count: u64) -> Template {
    Template {
        id: "greeter".into(),
        name: "Greeter".into(),
        description: "Greets <everybody>.".into(),
        version: 3,
        status: TemplateStatus::Ready,
        variables_schema: json!({
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "greeting": {"type": "string", "title": "Greeting", "description": "What it says", "default": "Hello", "x-order": 0},
                "times": {"type": "integer", "title": "Times", "minimum": 1, "maximum": 9, "default": 2, "x-order": 1},
            },
        }),
        services_count,
    }
}

/// What becomes of a service of it: nothing, but what is wrong is said.
pub fn make(new: &NewService<NewSource>) -> Result<ServiceDetail> {
    let NewSource::Template(from) = &new.source else { return Err(Error::unavailable("the fake makes nothing")) };
    if from.variables["times"].as_u64().is_none_or(|times| times > 9) {
        return Err(Error::invalid("/source/variables/times", "has to be a whole number of at most 9"));
    }
    Err(Error::unavailable(format!("the fake makes nothing of {}", from.variables)))
}

#[async_trait]
impl Templates for Fake {
    async fn list(&self, caller: &Caller) -> Result<Page<Template>> {
        caller.require(Permission::ServicesRead)?;
        Ok(Page::whole(vec![template(self.services.len() as u64)]))
    }

    async fn get(&self, caller: &Caller, id: String) -> Result<TemplateDetail> {
        caller.require(Permission::ServicesRead)?;
        if id != "greeter" {
            return Err(Error::not_found("template", id));
        }
        let used = |service: &Service| TemplateUse { id: service.id, name: service.name.clone(), version: 2 };
        Ok(TemplateDetail {
            template: template(self.services.len() as u64),
            configuration_schema: json!({"type": "object"}),
            files: vec![TemplateFile { name: "main.py".into(), content: "print('<hello>')\n".into() }],
            services: self.services.iter().map(used).collect(),
        })
    }
}
