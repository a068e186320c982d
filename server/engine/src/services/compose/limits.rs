//! What a service may use, and when it is started again.

use api::{Limits, RestartPolicy};
use serde_json::{Map, Value};

use super::scope::Scope;
use super::value::{Reading, asks, count, mapping, shown, text};

/// Reads the limits: those of `deploy` before the older fields that say the same.
pub(super) fn read(scope: &mut Scope<'_>) -> Reading<Limits> {
    let deploy = inside(scope, &["deploy", "resources", "limits"])?;
    let field = |name: &str, older: &'static str| match deploy.and_then(|limits| limits.get(name)).filter(|value| !value.is_null()) {
        Some(value) => Some((format!("deploy.resources.limits.{name}"), value)),
        None => scope.get(older).map(|value| (older.to_owned(), value)),
    };
    let limits = Limits {
        memory_bytes: field("memory", "mem_limit").map_or(Ok(None), |(name, value)| bytes(&name, value))?,
        cpu_percent: field("cpus", "cpus").map_or(Ok(None), |(name, value)| percent(&name, value))?,
        processes: field("pids", "pids_limit").map_or(Ok(None), |(name, value)| amount(&name, value))?,
        open_files: open_files(scope)?,
    };
    let unknown = deploy.into_iter().flat_map(Map::keys).filter(|name| !matches!(name.as_str(), "memory" | "cpus" | "pids"));
    for name in unknown {
        scope.note(&format!("deploy.resources.limits.{}", shown(name)), "isn't honoured yet");
    }
    Ok(limits)
}

/// Reads `restart`, else the policy of `deploy`, and notes the parts of `deploy` that count for nothing here.
pub(super) fn restart(scope: &mut Scope<'_>) -> Reading<RestartPolicy> {
    note_deploy(scope)?;
    let Some(value) = scope.get("restart") else { return of_deploy(scope) };
    let policy = text("restart", value)?;
    let (name, times) = policy.split_once(':').map_or((policy.as_str(), None), |(name, times)| (name, Some(times)));
    match (name, times) {
        ("no" | "false" | "", None) => Ok(RestartPolicy::Never),
        ("always" | "unless-stopped", None) => Ok(RestartPolicy::Always),
        ("on-failure", None) => Ok(RestartPolicy::OnFailure),
        ("on-failure", Some(times)) if times.parse::<u32>().is_ok() => {
            scope.note("restart", format!("it is started again however often it fails: {times} times aren't counted"));
            Ok(RestartPolicy::OnFailure)
        }
        _ => Err(format!("'restart' has to be no, always, on-failure or unless-stopped, and '{}' isn't one", shown(&policy))),
    }
}

fn of_deploy(scope: &mut Scope<'_>) -> Reading<RestartPolicy> {
    let Some(policy) = inside(scope, &["deploy", "restart_policy"])? else { return Ok(RestartPolicy::Never) };
    for name in policy.iter().filter(|(name, value)| name.as_str() != "condition" && asks(value)).map(|(name, _)| name) {
        scope.note(
            &format!("deploy.restart_policy.{}", shown(name)),
            "isn't honoured: Pilothouse waits longer each time, and doesn't count",
        );
    }
    let condition = policy.get("condition").filter(|value| !value.is_null());
    let condition = condition.map_or(Ok("any".into()), |value| text("deploy.restart_policy.condition", value))?;
    match condition.as_str() {
        "none" => Ok(RestartPolicy::Never),
        "on-failure" => Ok(RestartPolicy::OnFailure),
        "any" => Ok(RestartPolicy::Always),
        other => Err(format!("'deploy.restart_policy.condition' has to be none, on-failure or any, and '{}' isn't one", shown(other))),
    }
}

fn note_deploy(scope: &mut Scope<'_>) -> Reading<()> {
    for (field, value) in
        [("scale", scope.get("scale")), ("deploy.replicas", inside(scope, &["deploy"])?.and_then(|deploy| deploy.get("replicas")))]
    {
        let Some(value) = value.filter(|value| !value.is_null()) else { continue };
        let replicas = count(field, value)?;
        if replicas != 1 {
            scope.note(field, format!("one container is made of it, not {replicas}"));
        }
    }
    for (name, value) in inside(scope, &["deploy"])?.into_iter().flatten().filter(|(_, value)| asks(value)) {
        let is_honoured = match name.as_str() {
            "resources" | "replicas" | "restart_policy" => true,
            "mode" => value == "replicated",
            name => name.starts_with("x-"),
        };
        if !is_honoured {
            scope.note(&format!("deploy.{}", shown(name)), "isn't honoured yet");
        }
    }
    let reservations = inside(scope, &["deploy", "resources", "reservations"])?;
    if reservations.and_then(|reservations| reservations.get("devices")).is_some_and(asks) {
        scope.note("deploy.resources.reservations.devices", "isn't given: containers of Pilothouse get no devices of the machine");
    }
    Ok(())
}

/// The mapping at a path of fields; none when one of them isn't there.
fn inside<'a>(scope: &Scope<'a>, path: &[&str]) -> Reading<Option<&'a Map<String, Value>>> {
    let [first, rest @ ..] = path else { return Ok(None) };
    let Some(value) = scope.get(first) else { return Ok(None) };
    let (mut name, mut fields) = ((*first).to_owned(), mapping(first, value)?);
    for part in rest {
        name = format!("{name}.{part}");
        match fields.get(*part).filter(|value| !value.is_null()) {
            Some(value) => fields = mapping(&name, value)?,
            None => return Ok(None),
        }
    }
    Ok(Some(fields))
}

/// Bytes; none for 0 and -1, which set no limit.
fn bytes(field: &str, value: &Value) -> Reading<Option<u64>> {
    let written = text(field, value)?;
    let amount = written.trim().to_ascii_lowercase();
    if matches!(amount.as_str(), "" | "0" | "-1") {
        return Ok(None);
    }
    // Compose takes kb, mb and gb for the powers of 1024 too.
    let has_both = ["kb", "mb", "gb"].iter().any(|unit| amount.ends_with(unit));
    let amount = if has_both { &amount[..amount.len() - 1] } else { &amount };
    match api::read_bytes(amount) {
        Some(bytes) => Ok((bytes > 0).then_some(bytes)),
        None => Err(format!("'{field}' has to be an amount of memory like 512m, and '{}' isn't one", shown(&written))),
    }
}

/// Per cent of one core; none for 0, which sets no limit.
fn percent(field: &str, value: &Value) -> Reading<Option<u32>> {
    let written = text(field, value)?;
    let cores = written.trim().parse::<f64>().ok().filter(|cores| cores.is_finite() && *cores >= 0.0);
    let cores = cores.ok_or_else(|| format!("'{field}' has to be a number of cores like 0.5, and '{}' isn't one", shown(&written)))?;
    // So that 1.1 is 110 and not 111, as it isn't quite 1.1 in binary.
    let percent = (cores * 100.0 - 1e-6).ceil() as u32;
    Ok((cores > 0.0).then_some(percent.max(1)))
}

/// A number of things; none for 0 and -1, which set no limit.
fn amount(field: &str, value: &Value) -> Reading<Option<u32>> {
    let number = count(field, value)?;
    Ok((number > 0).then(|| u32::try_from(number).unwrap_or(u32::MAX)))
}

fn open_files(scope: &mut Scope<'_>) -> Reading<Option<u32>> {
    let Some(value) = scope.get("ulimits") else { return Ok(None) };
    let ulimits = mapping("ulimits", value)?;
    for name in ulimits.keys().filter(|name| *name != "nofile") {
        scope.note(&format!("ulimits.{}", shown(name)), "isn't honoured yet");
    }
    match ulimits.get("nofile").filter(|value| !value.is_null()) {
        None => Ok(None),
        Some(Value::Object(both)) => {
            let hard = both.get("hard").or_else(|| both.get("soft")).ok_or("'ulimits.nofile' has neither 'hard' nor 'soft'")?;
            amount("ulimits.nofile", hard)
        }
        Some(one) => amount("ulimits.nofile", one),
    }
}
