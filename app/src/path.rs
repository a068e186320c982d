//! Every address of the interface is spelled here, once.

use api::{Action, DeploymentId, IncidentId, ServiceId, Timestamp};

/// The first page: services at a glance.
pub const OVERVIEW: &str = "/";
/// The list of services.
pub const SERVICES: &str = "/services";
/// Where a service is made.
pub const NEW_SERVICE: &str = "/services/new";
/// Where services are made from a Compose file.
pub const COMPOSE: &str = "/services/compose";
/// One action on many services; takes `action`, and `id` for each of them or a filter as the list does.
pub const BULK: &str = "/services/bulk";
/// Deleted services that can be put back.
pub const DELETED: &str = "/services/deleted";
/// The tab of a service with its configuration.
pub const CONFIGURATION: &str = "configuration";
/// The deployments of all services, each with a page of its own below it; takes `status`, `service` and `cursor`.
pub const DEPLOYMENTS: &str = "/deployments";
/// What runs where: services by environments; takes `q` and `cursor`.
pub const ENVIRONMENTS: &str = "/deployments/environments";
/// The name of the tab of a service with its releases.
pub const DEPLOYMENTS_TAB: &str = "deployments";
/// What services can be made of, each with a page of its own below it.
pub const TEMPLATES: &str = "/templates";
/// Which services need which; takes `service`, to show only the part of that one.
pub const DEPENDENCIES: &str = "/dependencies";
/// Named secrets, each with a page of its own below it; takes `q` and `show` (`unused`, `stale`).
pub const SECRETS: &str = "/secrets";
/// Where secrets are made of a `.env` text.
pub const IMPORT_SECRETS: &str = "/secrets/import";
/// The configurations of all services; takes `q`, `show` (`not_applied`, `faulty`), `check` and `cursor`.
pub const CONFIGURATIONS: &str = "/configuration";
/// Where one value of many services is changed; takes `id` for each of them, or narrows as the list does.
pub const CHANGE_CONFIGURATIONS: &str = "/configuration/change";
/// Where it is asked whether what isn't applied shall be; takes the same.
pub const APPLY_CONFIGURATIONS: &str = "/configuration/apply";
/// Where the configurations of many services are saved from one text.
pub const IMPORT_CONFIGURATIONS: &str = "/configuration/import";
/// Where backups are made.
pub const BACK_UP: &str = "/configuration/backup";
/// Where they are restored.
pub const RESTORE: &str = "/configuration/restore";
/// What happened.
pub const ACTIVITY: &str = "/activity";
/// Runs that ended by themselves are below it, each at its id.
pub const INCIDENTS: &str = "/incidents";
/// The health of Pilothouse itself.
pub const HEALTH: &str = "/health";
/// Own sessions, API tokens and, for an Admin, users.
pub const SETTINGS: &str = "/settings";
/// API tokens, in the settings.
pub const API_TOKENS: &str = "/settings#settings-tokens";
/// Where one signs in; takes `next`, the page to go on to.
pub const SIGN_IN: &str = "/sign-in";
/// Where the first user is made; takes `token`.
pub const SETUP: &str = "/setup";
/// The documentation of the REST API, served outside of the app.
pub const API_DOCS: &str = "/api/docs";

/// The overview tab of one service.
pub fn service(id: ServiceId) -> String {
    format!("{SERVICES}/{id}")
}

/// A named tab of one service: `logs`, `activity`.
pub fn service_tab(id: ServiceId, tab: &str) -> String {
    format!("{SERVICES}/{id}/{tab}")
}

/// The configuration of one service; takes `view`, which may be `raw`.
pub fn configuration(id: ServiceId) -> String {
    service_tab(id, CONFIGURATION)
}

/// Its versions; takes `from` and `to`, to show what is different between two, and `restore`, to be asked whether one is restored.
pub fn configuration_versions(id: ServiceId) -> String {
    format!("{}/versions", configuration(id))
}

/// Where a secret of a configuration is shown to who says their password again; takes `field`, its JSON Pointer.
pub fn configuration_secret(id: ServiceId) -> String {
    format!("{}/secret", configuration(id))
}

/// What is different between two of them.
pub fn configuration_difference(id: ServiceId, from: u64, to: u64) -> String {
    format!("{}?from={from}&to={to}", configuration_versions(id))
}

/// One deployment; takes `after`, the number of the line that its log begins after.
pub fn deployment(id: DeploymentId) -> String {
    format!("{DEPLOYMENTS}/{id}")
}

/// The releases and deployments of one service, and where it is deployed.
pub fn deployments_of(id: ServiceId) -> String {
    service_tab(id, DEPLOYMENTS_TAB)
}

/// What is different between two of its releases: without `from` from what it runs, without `to` to what a deployment would make.
pub fn release_difference(id: ServiceId, from: Option<u64>, to: Option<u64>) -> String {
    let pairs = [("from", from), ("to", to)].into_iter().filter_map(|(name, number)| number.map(|number| format!("{name}={number}")));
    let query = pairs.collect::<Vec<_>>().join("&");
    format!("{}/difference{}{query}", deployments_of(id), if query.is_empty() { "" } else { "?" })
}

/// Where it is asked whether one of its releases is gone back to.
pub fn roll_back(id: ServiceId, to: u64) -> String {
    format!("{}/roll-back?to={to}", deployments_of(id))
}

/// The webhooks that deploy it.
pub fn webhooks_of(id: ServiceId) -> String {
    format!("{}/webhooks", deployments_of(id))
}

/// Where it is set up in an environment; takes `environment`.
pub fn set_up(id: ServiceId, environment: &str) -> String {
    format!("{}/set-up?environment={environment}", deployments_of(id))
}

/// Where a release is taken to it from another environment.
pub fn promote(id: ServiceId, release: api::ReleaseId) -> String {
    format!("{}?release={release}#deploy", deployments_of(id))
}

/// What one service needs and what needs it, in the graph.
pub fn dependencies_of(id: ServiceId) -> String {
    format!("{DEPENDENCIES}?service={id}")
}

/// Where the health check of one service is set.
pub fn health_settings(id: ServiceId) -> String {
    format!("{}#health-check", service_tab(id, "settings"))
}

/// What one service may use at most, in its settings.
pub fn limits(id: ServiceId) -> String {
    format!("{}#limits", service_tab(id, "settings"))
}

/// The log of one service, up to the lines of `at`.
pub fn log_until(id: ServiceId, at: Timestamp) -> String {
    // The page of lines ends there; no line has the number 0, so none is marked.
    format!("{}?seq=0&at={}", service_tab(id, "logs"), at.micros())
}

/// The page of a secret, whose name needs no escapes.
pub fn secret(name: &str) -> String {
    format!("{SECRETS}/{name}")
}

/// The page of a template, whose id needs no escapes.
pub fn template(id: &str) -> String {
    format!("{TEMPLATES}/{id}")
}

/// One run that ended by itself.
pub fn incident(id: IncidentId) -> String {
    format!("{INCIDENTS}/{id}")
}

/// The page of one action on these services.
pub fn bulk(action: Action, ids: impl IntoIterator<Item = ServiceId>) -> String {
    let mut href = format!("{BULK}?action={action}");
    for id in ids {
        href.push_str("&id=");
        href.push_str(&id.to_string());
    }
    href
}

/// The page of one action on a service and all that has to be moved with it.
pub fn bulk_with_dependencies(action: Action, id: ServiceId) -> String {
    format!("{}&with=dependencies", bulk(action, [id]))
}

/// The sign-in page that leads on to `next`, a local path with its query.
pub fn sign_in(next: &str) -> String {
    match local(next) {
        OVERVIEW => SIGN_IN.to_owned(),
        next => format!("{SIGN_IN}?next={}", escape(next)),
    }
}

/// `next` when it is a path of this site, else the overview: nothing that a link says leads elsewhere.
pub fn local(next: &str) -> &str {
    let is_local = next.starts_with('/') && !next.starts_with("//") && next.bytes().all(|byte| byte > b' ' && byte < 0x7f && byte != b'\\');
    let is_entry = next.starts_with(SIGN_IN) || next.starts_with(SETUP) || next.starts_with("/rpc/");
    if is_local && !is_entry { next } else { OVERVIEW }
}

/// `text` as the value of a query parameter.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => escaped.push(char::from(byte)),
            _ => {
                escaped.push('%');
                escaped.extend([byte >> 4, byte & 15].map(|nibble| char::from(b"0123456789ABCDEF"[usize::from(nibble)])));
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use api::{IncidentId, ServiceId, Timestamp};

    use super::{escape, incident, local, log_until, release_difference, sign_in};

    #[test]
    fn a_next_page_elsewhere_is_not_followed() {
        for wrong in ["//evil.example", "https://evil.example", "/\\evil.example", "", "services", "/\tx", "/sign-in", "/rpc/sign_out"] {
            assert_eq!(local(wrong), "/", "{wrong}");
        }
        assert_eq!(local("/services?q=a"), "/services?q=a");
    }

    #[test]
    fn an_incident_and_the_log_up_to_it_have_addresses() {
        let id: IncidentId = "00000000-0000-7000-8000-00000000000a".parse().unwrap();
        assert_eq!(incident(id), "/incidents/00000000-0000-7000-8000-00000000000a");
        let service: ServiceId = "00000000-0000-7000-8000-000000000001".parse().unwrap();
        let log = log_until(service, Timestamp::from_micros(1_500));
        assert_eq!(log, "/services/00000000-0000-7000-8000-000000000001/logs?seq=0&at=1500");
    }

    #[test]
    fn a_difference_names_only_the_releases_that_are_given() {
        let service: ServiceId = "00000000-0000-7000-8000-000000000001".parse().unwrap();
        let part = |from, to| release_difference(service, from, to).rsplit('/').next().unwrap().to_owned();
        let parts = [part(Some(1), Some(2)), part(None, Some(2)), part(None, None)];
        assert_eq!(parts, ["difference?from=1&to=2", "difference?to=2", "difference"]);
    }

    #[test]
    fn a_query_value_is_escaped() {
        assert_eq!(escape("a b&c=ü"), "a%20b%26c%3D%C3%BC");
        assert_eq!(sign_in("/services?q=a&sort=-cpu"), "/sign-in?next=/services%3Fq%3Da%26sort%3D-cpu");
    }
}
