//! Templates: what services can be made of.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{NewService, ServiceId, Source};

/// A template, as lists show it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Template {
    /// What it is called in `{"template": id}`: `base-service`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What is made of it.
    pub description: String,
    /// Its version, from 1; what is made of it remembers which one it was.
    pub version: u32,
    /// Whether services can be made of it.
    pub status: TemplateStatus,
    /// The JSON Schema (2020-12) of the variables that a service is made with. What has a default can be left out.
    pub variables_schema: Value,
    /// How many services there are that were made of it, in any version.
    pub services_count: u64,
}

/// Whether services can be made of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum TemplateStatus {
    /// They can.
    Ready,
}

/// A template with all that it has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TemplateDetail {
    /// What lists show.
    #[serde(flatten)]
    pub template: Template,
    /// The JSON Schema of the configuration of what is made of it, unless there is a `schema.json` in its folder.
    pub configuration_schema: Value,
    /// The files that are made, with the `.env` that the defaults of its variables make.
    pub files: Vec<TemplateFile>,
    /// The services that were made of it, by name.
    pub services: Vec<TemplateUse>,
}

/// A file of a template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TemplateFile {
    /// Its name in the folder of the service.
    pub name: String,
    /// What is in it.
    pub content: String,
}

/// A service that was made of a template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TemplateUse {
    /// The service.
    pub id: ServiceId,
    /// Its name.
    pub name: String,
    /// The version of the template that it was made of.
    pub version: u32,
}

/// The template that a service was made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TemplateRef {
    /// The template.
    pub id: String,
    /// Which version of it.
    pub version: u32,
}

/// What a new service is made of: of a template, or of what is there already.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(
    untagged,
    expecting = "a source is {\"template\": id, \"variables\": {..}}, {\"folder\": path}, {\"command\": [program, ..], \"working_dir\": path}, {\"image\": name}, {\"build\": {\"folder\": path}} or {\"repository\": {\"url\": address}}"
)]
pub enum NewSource {
    /// A template, of which a folder is made in the services folder, named as the service.
    Template(FromTemplate),
    /// What is there already.
    There(Source),
}

/// A template with its variables.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct FromTemplate {
    /// Which one.
    pub template: String,
    /// Its variables, an object; what is left out has its default.
    #[serde(default = "nothing")]
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub variables: Value,
}

fn nothing() -> Value {
    Value::Object(Map::new())
}

impl<S> NewService<S> {
    /// The same of another source.
    pub fn with_source<T>(self, source: T) -> NewService<T> {
        NewService {
            source,
            name: self.name,
            runtime: self.runtime,
            user: self.user,
            port: self.port,
            proxy_port: self.proxy_port,
            replicas: self.replicas,
            rollout: self.rollout,
            environment: self.environment,
            environment_files: self.environment_files,
            depends_on: self.depends_on,
            health: self.health,
            description: self.description,
            restart: self.restart,
            handover: self.handover,
            limits: self.limits,
            labels: self.labels,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{FromTemplate, NewSource};
    use crate::Source;

    #[test]
    fn a_source_is_a_template_or_what_is_there() {
        let read = |value: Value| serde_json::from_value::<NewSource>(value);
        let made = read(json!({"template": "base-service"})).expect("variables can be left out");
        assert_eq!(made, NewSource::Template(FromTemplate { template: "base-service".into(), variables: json!({}) }));
        let there = read(json!({"folder": "/srv/orders"})).expect("a folder");
        assert_eq!(there, NewSource::There(Source::Folder { folder: "/srv/orders".into() }));
        for wrong in [json!({"template": "base-service", "varables": {}}), json!({"template": 7}), json!({}), json!("base-service")] {
            let error = read(wrong.clone()).expect_err("it is none").to_string();
            assert!(error.contains("\"template\": id"), "{wrong}: {error}");
        }
    }
}
