//! The health check that Docker runs in the container of a service.

use api::ContainerCheck;
use serde_json::Value;

use super::scope::Scope;
use super::value::{Reading, count, flag, mapping, seconds, shown, text, texts};

/// Reads `healthcheck`; none leaves the check of the image.
pub(super) fn read(scope: &mut Scope<'_>) -> Reading<Option<ContainerCheck>> {
    let Some(value) = scope.get("healthcheck") else { return Ok(None) };
    let fields = mapping("healthcheck", value)?;
    let get = |name: &str| fields.get(name).filter(|value| !value.is_null());
    let duration = |name: &str| get(name).map_or(Ok(None), |value| seconds(&format!("healthcheck.{name}"), value));
    let mut check = ContainerCheck {
        test: get("test").map_or(Ok(Vec::new()), test)?,
        interval_seconds: duration("interval")?,
        timeout_seconds: duration("timeout")?,
        retries: get("retries").map_or(Ok(None), retries)?,
        start_seconds: duration("start_period")?,
    };
    if duration("start_interval")?.is_some() {
        scope.note("healthcheck.start_interval", "isn't honoured yet");
    }
    let known = ["test", "interval", "timeout", "retries", "start_period", "start_interval", "disable"];
    for name in fields.keys().filter(|name| !known.contains(&name.as_str()) && !name.starts_with("x-")) {
        scope.note(&format!("healthcheck.{}", shown(name)), "isn't known to Compose, or not to Pilothouse");
    }
    if get("disable").map_or(Ok(false), |value| flag("healthcheck.disable", value))? || check.test == ["NONE"] {
        let test = vec!["NONE".into()];
        return Ok(Some(ContainerCheck { test, interval_seconds: None, timeout_seconds: None, retries: None, start_seconds: None }));
    }
    if check.test.is_empty() {
        scope.note("healthcheck", "it has no test, so the check of the image stays as it is");
        return Ok(None);
    }
    // Docker takes what it isn't told from the image.
    check.retries = check.retries.filter(|retries| *retries > 0);
    Ok(Some(check))
}

fn test(value: &Value) -> Reading<Vec<String>> {
    match value {
        Value::Array(_) => texts("healthcheck.test", value),
        _ => Ok(vec!["CMD-SHELL".into(), text("healthcheck.test", value)?]),
    }
}

fn retries(value: &Value) -> Reading<Option<u32>> {
    let number = count("healthcheck.retries", value)?;
    u32::try_from(number).map(Some).map_err(|_| format!("'healthcheck.retries' is 0 or more, and {number} isn't"))
}
