//! What the fake's services are told.

use api::ports::Configurations;
use api::*;
use async_trait::async_trait;
use serde_json::{Value, json};

use super::{Fake, NOW};

/// A configuration of which nothing is known.
fn nothing(id: ServiceId) -> Configuration {
    Configuration {
        service_id: id,
        version: 1,
        applied_version: None,
        restart_needed: false,
        schema: json!({}),
        schema_source: SchemaSource::None,
        values: json!({}),
        secrets: Vec::new(),
        faults: Vec::new(),
        notes: Vec::new(),
        watch: None,
        updated_at: None,
        updated_by: None,
    }
}

fn faults(values: &Value) -> Vec<Detail> {
    let is_wrong = values.get("PORT").is_some_and(|port| !port.is_u64());
    let fault = || Detail { field: "/values/PORT".into(), message: "is a whole number from 1 to 65535".into() };
    is_wrong.then(fault).into_iter().collect()
}

#[async_trait]
impl Configurations for Fake {
    async fn get(&self, caller: &Caller, id: ServiceId) -> Result<Configuration> {
        caller.require_on(Permission::ConfigRead, id)?;
        self.find(id)?;
        Ok(self.configuration.clone().unwrap_or_else(|| nothing(id)))
    }

    async fn save(&self, caller: &Caller, id: ServiceId, new: NewConfiguration) -> Result<Configuration> {
        caller.require_on(Permission::ConfigChange, id)?;
        let now = Configurations::get(self, caller, id).await?;
        if new.version != now.version {
            return Err(changed_since(new.version, now.version));
        }
        Error::invalid_fields(faults(&new.values))?;
        Ok(Configuration { version: now.version + 1, values: new.values, ..now })
    }

    async fn validate(&self, caller: &Caller, id: ServiceId, check: ConfigurationCheck) -> Result<ConfigurationVerdict> {
        caller.require_on(Permission::ConfigRead, id)?;
        let details = faults(&check.values);
        Ok(ConfigurationVerdict { valid: details.is_empty(), details })
    }

    async fn versions(&self, caller: &Caller, id: ServiceId) -> Result<Page<ConfigurationVersion>> {
        let now = Configurations::get(self, caller, id).await?;
        let version = |version| ConfigurationVersion {
            version,
            kind: if version == 1 { VersionKind::Found } else { VersionKind::Saved },
            created_at: NOW.plus_seconds(-3_600),
            created_by: (version > 1).then(|| "anna".into()),
            message: if version > 1 { format!("reason <{version}>") } else { String::new() },
            is_current: version == now.version,
            is_applied: Some(version) == now.applied_version,
        };
        Ok(Page::whole((1..=now.version).rev().map(version).collect()))
    }

    async fn version(&self, _: &Caller, id: ServiceId, version: u64) -> Result<ConfigurationSnapshot> {
        Err(Error::not_found("version", format!("{version} of {id}")))
    }

    async fn difference(&self, caller: &Caller, id: ServiceId, query: DifferenceQuery) -> Result<ConfigurationDifference> {
        let now = Configurations::get(self, caller, id).await?;
        let to = query.to.unwrap_or(now.version);
        let change = |field: &str, before, after| ConfigurationChange { field: field.into(), before, after };
        let changes = vec![
            change("/PORT", Some(json!(8000)), Some(json!(9000))),
            change("/KEY", Some(json!(MASK)), Some(json!(MASK))),
            change("/NEW", None, Some(json!("<b>"))),
            change("/OLD", Some(json!("")), None),
        ];
        Ok(ConfigurationDifference { from: query.from.unwrap_or(to - 1), to, changes })
    }

    async fn restore(&self, caller: &Caller, id: ServiceId, restore: ConfigurationRestore) -> Result<Configuration> {
        caller.require_on(Permission::ConfigChange, id)?;
        let now = Configurations::get(self, caller, id).await?;
        match restore.current_version {
            Some(seen) if seen != now.version => Err(changed_since(seen, now.version)),
            _ => Ok(Configuration { version: now.version + 1, ..now }),
        }
    }

    async fn reset(&self, caller: &Caller, id: ServiceId, reset: ConfigurationReset) -> Result<Configuration> {
        caller.require_on(Permission::ConfigChange, id)?;
        let now = Configurations::get(self, caller, id).await?;
        if reset.version != now.version {
            Err(changed_since(reset.version, now.version))
        } else {
            Ok(Configuration { version: now.version + 1, ..now })
        }
    }

    async fn set_schema(&self, caller: &Caller, id: ServiceId, new: NewSchema) -> Result<Configuration> {
        caller.require_on(Permission::ConfigChange, id)?;
        let now = Configurations::get(self, caller, id).await?;
        let schema_source = if new.schema.is_null() { SchemaSource::Inferred } else { SchemaSource::Set };
        Ok(Configuration { schema: new.schema, schema_source, ..now })
    }
}
