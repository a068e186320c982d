//! What the fake's services are told.

use api::ports::{Configurations, Services};
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
        schema_environment: None,
        values: json!({}),
        secrets: Vec::new(),
        faults: Vec::new(),
        notes: Vec::new(),
        not_restarted: None,
        format: None,
        watch: None,
        origins: Origins::new(),
        inheritance: None,
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
        let not_restarted = new.restart.then(|| self.not_restarted.clone()).flatten();
        Ok(Configuration { version: now.version + 1, values: new.values, not_restarted, ..now })
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
        Ok(ConfigurationDifference { from: query.from.unwrap_or(to - 1), to, changes, origins: Default::default() })
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

    async fn inherit(&self, caller: &Caller, id: ServiceId, inherit: ConfigurationInherit) -> Result<Configuration> {
        caller.require_on(Permission::ConfigChange, id)?;
        let now = Configurations::get(self, caller, id).await?;
        if inherit.version != now.version {
            return Err(changed_since(inherit.version, now.version));
        }
        match inherit.base_version {
            Some(7) | None => Ok(Configuration { version: now.version + 1, ..now }),
            Some(_) => Err(Error::conflict("this was decided on version 6 of 'accounts', and version 7 is the newest")),
        }
    }

    async fn text(&self, caller: &Caller, id: ServiceId, query: ConfigurationTextQuery) -> Result<ConfigurationText> {
        let now = Configurations::get(self, caller, id).await?;
        let values = now.values.as_object().cloned().unwrap_or_default();
        let lines = values.iter().map(|(name, value)| format!("{name}: {value}\n"));
        let text = match query.format {
            ConfigurationFormat::Json => serde_json::to_string_pretty(&values).unwrap_or_default(),
            _ => format!("# as {}\n{}", query.format, lines.collect::<String>()),
        };
        Ok(ConfigurationText { format: query.format, text })
    }

    async fn write(&self, _: &Caller, _: ServiceId, draft: ConfigurationDraft) -> Result<ConfigurationText> {
        Ok(ConfigurationText { format: draft.format, text: draft.values.to_string() })
    }

    async fn read(&self, _: &Caller, _: ServiceId, text: ConfigurationText) -> Result<ConfigurationReading> {
        let value = |line: &str| {
            let (name, value) = line.split_once(": ")?;
            Some((name.to_owned(), serde_json::from_str(value).unwrap_or_else(|_| Value::from(value))))
        };
        let values = Value::Object(text.text.lines().filter(|line| !line.starts_with('#')).filter_map(value).collect());
        let details = faults(&values);
        let at = text.text.lines().position(|line| line.starts_with("PORT")).map_or(1, |at| at as u64 + 1);
        let lines = details.iter().map(|detail| (detail.field.clone(), at)).collect();
        Ok(ConfigurationReading { values: Some(values), details, lines })
    }

    async fn import(&self, caller: &Caller, id: ServiceId, import: ConfigurationImport) -> Result<ConfigurationImported> {
        caller.require_on(Permission::ConfigChange, id)?;
        let now = Configurations::get(self, caller, id).await?;
        if let Some(seen) = import.version.filter(|seen| *seen != now.version) {
            return Err(changed_since(seen, now.version));
        }
        let read = Configurations::read(self, caller, id, ConfigurationText { format: import.format, text: import.text }).await?;
        Error::invalid_fields(read.details)?;
        let service_name = self.find(id)?.name.clone();
        Ok(ConfigurationImported {
            service_id: id,
            service_name,
            version: now.version + 1,
            saved: true,
            changes: Vec::new(),
            notes: Vec::new(),
            not_restarted: None,
            faults: Vec::new(),
        })
    }

    async fn export_all(&self, _: &Caller, format: ConfigurationFormat) -> Result<ConfigurationText> {
        Ok(ConfigurationText { format, text: String::new() })
    }

    async fn import_all(&self, caller: &Caller, import: ConfigurationsImport) -> Result<Page<ConfigurationImported>> {
        caller.require(Permission::ConfigChange)?;
        let read: Value = serde_json::from_str(&import.text).map_err(|error| Error::invalid("/text", error.to_string()))?;
        let mut items = Vec::new();
        for service in &self.services {
            let Some(values) = read["services"][&service.name].as_object() else { continue };
            let change = |(name, value): (&String, &Value)| ConfigurationChange {
                field: format!("/{name}"),
                before: None,
                after: Some(value.clone()),
            };
            items.push(ConfigurationImported {
                service_id: service.id,
                service_name: service.name.clone(),
                version: 1,
                saved: !import.dry_run,
                changes: values.iter().map(change).collect(),
                notes: Vec::new(),
                not_restarted: None,
                faults: Vec::new(),
            });
        }
        Ok(Page::whole(items))
    }

    async fn list(&self, caller: &Caller, query: ConfigurationsQuery) -> Result<Page<ConfigurationSummary>> {
        caller.require(Permission::ConfigRead)?;
        let shown = self.configuration.clone();
        let summary = |service: &Service| {
            let now = shown.clone().unwrap_or_else(|| nothing(service.id));
            let is_checked = query.check || query.show == Some(ConfigurationsShow::Faulty);
            ConfigurationSummary {
                service_id: service.id,
                service_name: service.name.clone(),
                version: Some(now.version),
                applied_version: now.applied_version,
                restart_needed: now.restart_needed,
                schema_source: None,
                fault_count: is_checked.then_some(now.faults.len() as u32),
                faults: if is_checked { now.faults } else { Vec::new() },
                problem: None,
                inherited_changes: now.inheritance.map(|inheritance| inheritance.changed.len() as u32),
                updated_at: now.updated_at,
                updated_by: now.updated_by,
            }
        };
        let items = self.services.iter().map(summary).filter(|one| match query.show {
            Some(ConfigurationsShow::NotApplied) => one.restart_needed,
            Some(ConfigurationsShow::Faulty) => one.is_faulty(),
            Some(ConfigurationsShow::InheritedChanged) => one.inherited_changes.is_some_and(|count| count > 0),
            None => query.q.as_ref().is_none_or(|q| one.service_name.contains(q)),
        });
        Ok(Page::whole(items.collect()))
    }

    async fn change(&self, caller: &Caller, change: ConfigurationsChange) -> Result<ConfigurationsChanged> {
        caller.require(Permission::ConfigChange)?;
        let of = |id: &ServiceId| -> Result<ConfigurationImported> {
            // As a service whose schema takes each name that ends so for a secret.
            let veil = |name: &String, text: &String| Value::from(if name.ends_with("_KEY") { MASK } else { text });
            let set = change.texts.iter().map(|(name, text)| (name, Some(veil(name, text))));
            let all = set.chain(change.unset.iter().map(|name| (name, None)));
            let changed = |(name, after): (&String, Option<Value>)| ConfigurationChange {
                field: format!("/{name}"),
                before: after.is_none().then(|| MASK.into()),
                after,
            };
            let faults = faults(&json!(change.texts));
            Ok(ConfigurationImported {
                service_id: *id,
                service_name: self.find(*id)?.name,
                version: 1,
                saved: !change.dry_run,
                changes: if faults.is_empty() { all.map(changed).collect() } else { Vec::new() },
                notes: Vec::new(),
                not_restarted: None,
                faults,
            })
        };
        let items: Vec<_> = change.services.iter().map(of).collect::<Result<_>>()?;
        if !change.dry_run {
            Error::invalid_fields(items.iter().flat_map(|one| one.faults.clone()).collect())?;
        }
        let restart = match change.restart {
            true => Some(self.apply(caller, ConfigurationsApply { services: Some(change.services), dry_run: change.dry_run }).await?),
            false => None,
        };
        Ok(ConfigurationsChanged { items, restart })
    }

    async fn apply(&self, caller: &Caller, apply: ConfigurationsApply) -> Result<BulkReport> {
        caller.require(Permission::ServicesOperate)?;
        let is_needed = self.configuration.as_ref().is_some_and(|now| now.restart_needed);
        let ids = apply.services.unwrap_or_else(|| self.services.iter().filter(|_| is_needed).map(|service| service.id).collect());
        let request = BulkRequest { action: Action::Restart, ids, filter: None, with_dependencies: false, dry_run: apply.dry_run };
        Services::act(self, caller, request).await
    }

    async fn reveal(&self, caller: &Caller, id: ServiceId, asked: ConfigurationReveal) -> Result<SecretValue> {
        caller.require_on(Permission::SecretsReveal, id)?;
        let now = Configurations::get(self, caller, id).await?;
        if !now.secrets.contains(&asked.field) {
            return Err(Error::invalid("/field", "that value is no secret: it is shown with the configuration"));
        }
        Ok(SecretValue { value: Secret::new("hunter2"), version: now.version })
    }

    async fn set_schema(&self, caller: &Caller, id: ServiceId, new: NewSchema) -> Result<Configuration> {
        caller.require_on(Permission::ConfigChange, id)?;
        let now = Configurations::get(self, caller, id).await?;
        let schema_source = if new.schema.is_null() { SchemaSource::Inferred } else { SchemaSource::Set };
        Ok(Configuration { schema: new.schema, schema_source, ..now })
    }
}
