//! Shows one secret of a configuration to who says their own password again.

use api::{Caller, ConfigurationReveal, Detail, Error, EventKind, Permission, Result, Secret, SecretValue, ServiceId, variable_text};
use serde_json::{Value, json};

use super::{Manager, state};
use crate::events::NewEvent;

impl Manager {
    /// The value at a pointer that is a secret, or within one, as its service is given it.
    pub(super) async fn reveal_one(&self, caller: &Caller, id: ServiceId, asked: ConfigurationReveal) -> Result<SecretValue> {
        caller.require_on(Permission::SecretsReveal, id)?;
        self.services.row_of(id)?;
        let ConfigurationReveal { password, field, version } = asked;
        self.accounts.confirm(caller, password).await?;
        let state = self.state(id).await?;
        let (version, kept) = self.version_of(&state, version.unwrap_or_else(|| state.version())).await?;
        let (version, name) = (version.version, &state.row.name);
        let now = state::secrets(&kept.values, &state.schema.schema);
        let is_within = |secret: &String| field.strip_prefix(secret.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let is_secret = kept.secrets.iter().chain(&now).any(is_within);
        let value = Value::Object(kept.values).pointer(&field).and_then(variable_text);
        let value = match value {
            Some(value) if is_secret => value,
            Some(_) => return Err(Error::invalid("/field", "that value is no secret: it is shown with the configuration")),
            None if field.is_empty() || field.starts_with('/') => {
                let message = format!("version {version} of the configuration of {name} has no value there");
                let details = vec![Detail { field: "/field".into(), message: message.clone() }];
                return Err(Error { details, ..Error::new(api::ErrorCode::NotFound, message) });
            }
            None => return Err(Error::invalid("/field", "a value is named by a JSON Pointer, such as '/DATABASE_PASSWORD'")),
        };
        let field: String = field.chars().take(200).collect();
        let message = format!("the secret {field} of the configuration of {name} (version {version}) was shown to {}", caller.name);
        let event = NewEvent::new(EventKind::SecretRevealed, message).on(id, name).by(caller);
        // Nobody is shown what isn't in the audit.
        self.core.events.record(event.with(json!({ "field": field, "version": version }))).await?;
        Ok(SecretValue { value: Secret::new(value), version })
    }
}
