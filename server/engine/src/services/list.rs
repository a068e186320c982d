//! Lists of services: filtered, searched, sorted, in pages.

use std::cmp::Ordering;
use std::sync::Arc;

use api::{Error, Health, Page, Result, Service, ServiceQuery, ServiceSort, Status};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::{Catalog, Entry};

/// Characters of a search.
const SEARCH: usize = 200;

/// One page of the services that match.
pub(super) fn page(catalog: &Catalog, query: &ServiceQuery) -> Result<Page<Service>> {
    let (entries, next_cursor, total) = select(catalog, query)?;
    Ok(Page { items: entries.iter().map(|entry| entry.service.clone()).collect(), next_cursor, total: Some(total) })
}

/// [`page`] as JSON, put together from what is written already.
pub(super) fn page_json(catalog: &Catalog, query: &ServiceQuery) -> Result<String> {
    let (entries, next_cursor, total) = select(catalog, query)?;
    let mut json = String::with_capacity(64 + entries.iter().map(|entry| entry.json().len() + 1).sum::<usize>());
    json.push_str(r#"{"items":["#);
    for (n, entry) in entries.iter().enumerate() {
        if n > 0 {
            json.push(',');
        }
        json.push_str(entry.json());
    }
    let next = next_cursor.map_or("null".into(), |cursor| format!("\"{cursor}\""));
    json.push_str(&format!(r#"],"next_cursor":{next},"total":{total}}}"#));
    Ok(json)
}

/// The entries of a page, where the next one begins, and how many match in all.
pub(super) fn select(catalog: &Catalog, query: &ServiceQuery) -> Result<(Vec<Arc<Entry>>, Option<String>, u64)> {
    let search = query.search();
    if search.as_ref().is_some_and(|text| text.chars().count() > SEARCH) {
        return Err(Error::invalid("q", "q has at most 200 characters"));
    }
    if query.cursor.is_some() && query.offset.is_some() {
        return Err(Error::invalid("offset", "cursor and offset both say where the page begins; give one of them"));
    }
    let after = query.cursor.as_deref().map(|cursor| Place::read(cursor, query.sort)).transpose()?;
    let mut found = catalog.by_name().iter().filter(|entry| query.matches(&entry.service, search.as_deref())).cloned().collect::<Vec<_>>();
    let total = found.len() as u64;
    let (field, is_down) = direction(query.sort);
    match (field, is_down) {
        (Field::Name, false) => {}
        (Field::Name, true) => found.reverse(),
        _ => found.sort_by(|a, b| order(key(&a.service, field), key(&b.service, field), is_down)),
    }
    let from = match after {
        Some(after) => found.partition_point(|entry| !after.is_before(&entry.service)),
        None => found.len().min(query.offset.unwrap_or(0) as usize),
    };
    let until = (from + query.limit.get()).min(found.len());
    let next = (until < found.len()).then(|| Place::of(&found[until - 1].service, query.sort).write());
    found.truncate(until);
    found.drain(..from);
    Ok((found, next, total))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Name,
    Status,
    Cpu,
    Memory,
    Created,
    Updated,
}

fn direction(sort: ServiceSort) -> (Field, bool) {
    match sort {
        ServiceSort::Name => (Field::Name, false),
        ServiceSort::NameDown => (Field::Name, true),
        ServiceSort::Status => (Field::Status, false),
        ServiceSort::StatusDown => (Field::Status, true),
        ServiceSort::Cpu => (Field::Cpu, false),
        ServiceSort::CpuDown => (Field::Cpu, true),
        ServiceSort::Memory => (Field::Memory, false),
        ServiceSort::MemoryDown => (Field::Memory, true),
        ServiceSort::Created => (Field::Created, false),
        ServiceSort::CreatedDown => (Field::Created, true),
        ServiceSort::Updated => (Field::Updated, false),
        ServiceSort::UpdatedDown => (Field::Updated, true),
    }
}

/// What a service is sorted by; none is last in both directions.
fn key(service: &Service, field: Field) -> Option<f64> {
    match field {
        Field::Name => None,
        Field::Status => Some(f64::from(attention(service))),
        Field::Cpu => service.resource_usage.cpu_percent,
        Field::Memory => service.resource_usage.memory_bytes.map(|bytes| bytes as f64),
        Field::Created => Some(service.created_at.micros() as f64),
        Field::Updated => Some(service.last_updated.micros() as f64),
    }
}

/// What needs attention comes first.
fn attention(service: &Service) -> u8 {
    match (service.status, service.health_status) {
        (Status::Error, _) => 0,
        (Status::Unknown, _) => 1,
        (Status::Running, Health::Unhealthy) => 2,
        (Status::Running, Health::Degraded) => 3,
        (Status::Stopping, _) => 4,
        (Status::Starting, _) => 5,
        (Status::Running, _) => 6,
        (Status::Stopped, _) => 7,
    }
}

fn order(a: Option<f64>, b: Option<f64>, is_down: bool) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) if is_down => b.total_cmp(&a),
        (Some(a), Some(b)) => a.total_cmp(&b),
        (a, b) => b.is_some().cmp(&a.is_some()),
    }
}

/// Where a page ends: after the service of this key and name.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Place {
    sort: ServiceSort,
    key: Option<f64>,
    name: String,
}

impl Place {
    fn of(service: &Service, sort: ServiceSort) -> Self {
        Self { sort, key: key(service, direction(sort).0), name: service.name.clone() }
    }

    fn write(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    fn read(cursor: &str, sort: ServiceSort) -> Result<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok();
        let place: Option<Self> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let message = "cursor isn't one that a page in this order has given";
        place.filter(|place| place.sort == sort).ok_or_else(|| Error::invalid("cursor", message))
    }

    /// Whether `service` comes after this place.
    fn is_before(&self, service: &Service) -> bool {
        let (field, is_down) = direction(self.sort);
        let by_name = crate::catalog::name_order(&self.name, &service.name);
        let by_key = order(self.key, key(service, field), is_down);
        match (field, is_down) {
            (Field::Name, true) => by_name.is_gt(),
            _ => by_key.then(by_name).is_lt(),
        }
    }
}
