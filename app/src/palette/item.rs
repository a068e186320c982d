//! What the palette offers.

use api::{Action, Service};

use super::fuzzy::fit;
use crate::components::{Symbol, action_symbol};
use crate::path;

/// Items that are shown at once.
const SHOWN: usize = 12;

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// What it says.
    pub label: String,
    /// A word about it.
    pub note: &'static str,
    /// Its picture.
    pub symbol: Symbol,
    /// What it does.
    pub deed: Deed,
}

/// What an item does.
#[derive(Clone, Debug, PartialEq)]
pub enum Deed {
    /// Goes to a page of the app.
    Go(String),
    /// Goes to a page outside of the app.
    Leave(&'static str),
    /// Acts on a service.
    Act(Action, Box<Service>),
    /// Shows the list of shortcuts.
    ShowShortcuts,
}

/// The pages.
pub fn pages() -> Vec<Item> {
    let go = |label: &str, symbol, href: &str| Item { label: label.into(), note: "page", symbol, deed: Deed::Go(href.into()) };
    vec![
        go("Overview", Symbol::Overview, path::OVERVIEW),
        go("Services", Symbol::Services, path::SERVICES),
        go("Dependencies", Symbol::Dependencies, path::DEPENDENCIES),
        go("Deployments", Symbol::Up, path::DEPLOYMENTS),
        go("Configuration", Symbol::Logs, path::CONFIGURATIONS),
        go("Templates", Symbol::Copy, path::TEMPLATES),
        go("Activity", Symbol::Activity, path::ACTIVITY),
        go("System health", Symbol::Health, path::HEALTH),
        go("Settings", Symbol::Settings, path::SETTINGS),
        go("API tokens", Symbol::Key, path::API_TOKENS),
        Item { label: "API documentation".into(), note: "page", symbol: Symbol::Docs, deed: Deed::Leave(path::API_DOCS) },
        Item { label: "Keyboard shortcuts".into(), note: "help", symbol: Symbol::Info, deed: Deed::ShowShortcuts },
    ]
}

/// Where a service is made, for those who may.
pub fn new_service(may_create: bool) -> Option<Item> {
    let item = || Item { label: "New service".into(), note: "action", symbol: Symbol::Add, deed: Deed::Go(path::NEW_SERVICE.into()) };
    may_create.then(item)
}

/// Where deleted services are put back, for those who may.
pub fn deleted_services(may_delete: bool) -> Option<Item> {
    let item = || Item { label: "Deleted services".into(), note: "page", symbol: Symbol::Services, deed: Deed::Go(path::DELETED.into()) };
    may_delete.then(item)
}

/// Where secrets are, for those who may see which there are.
pub fn secrets(may_read: bool) -> Option<Item> {
    let item = || Item { label: "Secrets".into(), note: "page", symbol: Symbol::Key, deed: Deed::Go(path::SECRETS.into()) };
    may_read.then(item)
}

/// What can be done with a service: go to it, and, for those who may, the actions that would do something now.
pub fn of_service(service: &Service, may_operate: bool) -> Vec<Item> {
    let (id, name) = (service.id, &service.name);
    let go = |label: String, symbol, href| Item { label, note: service.status.label(), symbol, deed: Deed::Go(href) };
    let mut items = vec![
        go(name.clone(), Symbol::Services, path::service(id)),
        go(format!("{name} logs"), Symbol::Logs, path::service_tab(id, "logs")),
        go(format!("{name} metrics"), Symbol::Activity, path::service_tab(id, "metrics")),
        go(format!("{name} dependencies"), Symbol::Dependencies, path::service_tab(id, "dependencies")),
        go(format!("{name} deployments"), Symbol::Up, path::deployments_of(id)),
    ];
    let possible = Action::ALL.iter().copied().filter(|action| may_operate && action.allowed(service.status).is_ok());
    items.extend(possible.map(|action| Item {
        label: format!("{} {name}", action.label()),
        note: "action",
        symbol: action_symbol(action),
        deed: Deed::Act(action, Box::new(service.clone())),
    }));
    items
}

/// The items that fit best, best first; without words the first ones: pages, then services.
pub fn find(words: &str, items: &[Item]) -> Vec<Item> {
    let mut found: Vec<_> = items.iter().filter_map(|item| Some((fit(words, &item.label)?, item))).collect();
    if words.trim().is_empty() {
        found.retain(|(_, item)| item.note != "action" && !item.label.contains(' '));
    } else {
        found.sort_by_key(|(score, _)| -score);
    }
    found.into_iter().take(SHOWN).map(|(_, item)| item.clone()).collect()
}

#[cfg(test)]
mod tests {
    use api::{Action, Service, Status};

    use super::{Deed, find, of_service, pages};

    fn service(name: &str, status: Status) -> Service {
        let json = serde_json::json!({
            "id": "00000000-0000-7000-8000-000000000000", "name": name, "template_type": "fastapi", "runtime": "process", "status": status,
            "status_reason": null, "desired": "running", "health_status": "healthy", "port": 8001, "url": null, "description": null,
            "version": null, "created_at": "2026-11-23T13:00:00Z", "last_updated": "2026-11-23T13:00:00Z", "started_at": null,
            "resource_usage": {}, "restarts": {}, "traffic": null, "trend": {"cpu_percent": [], "request_rate": []}, "is_demonstration": false, "revision": 1,
        });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn only_actions_that_would_do_something_are_offered_and_only_to_those_who_may() {
        let actions = |status, may| {
            let items = of_service(&service("orders", status), may);
            items.into_iter().filter_map(|item| if let Deed::Act(action, _) = item.deed { Some(action) } else { None }).collect::<Vec<_>>()
        };
        assert_eq!(actions(Status::Running, true), [Action::Stop, Action::Restart]);
        assert_eq!(actions(Status::Stopped, true), [Action::Start]);
        assert_eq!(actions(Status::Running, false), []);
    }

    #[test]
    fn words_find_an_action_on_a_service() {
        let items: Vec<_> = pages().into_iter().chain(of_service(&service("orders", Status::Running), true)).collect();
        assert_eq!(find("restart ord", &items)[0].label, "Restart orders");
        assert_eq!(find("ord", &items)[0].label, "orders");
        assert!(find("", &items).iter().all(|item| item.note != "action"));
    }
}
