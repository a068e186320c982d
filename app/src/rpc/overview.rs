//! What the first page shows.

use api::{Error, Event, Service, ServiceCounts, SystemSeries, Timestamp};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
use super::*;
use super::{Json, RpcResult};

/// What the first page shows. A part that can't be read says why and leaves the others as they are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Overview {
    /// How many services are in which state.
    pub counts: ServiceCounts,
    /// What needs attention first; at most [`Overview::SERVICES`].
    pub services: Vec<Service>,
    /// The version of Pilothouse.
    pub version: String,
    /// When Pilothouse started.
    pub started_at: Timestamp,
    /// The newest events.
    pub events: Result<Vec<Event>, Error>,
    /// The machine in the last minutes, at most [`Overview::STEPS`] steps.
    pub system: Result<SystemSeries, Error>,
}

impl Overview {
    /// The most services shown.
    pub const SERVICES: u32 = 24;
    /// The most events shown.
    pub const EVENTS: u32 = 10;
    /// The most steps of the machine's figures shown: five minutes.
    pub const STEPS: usize = 60;
}

/// What the first page shows.
#[server(prefix = "/rpc", output = Json, endpoint = "overview")]
pub async fn get_overview() -> RpcResult<Overview> {
    let context = RequestContext::current();
    let (caller, backend) = (context.caller()?, &context.backend);
    let report = backend.system.report(caller).await?;
    let services = api::ServiceQuery { sort: api::ServiceSort::Status, limit: api::Limit::new(Overview::SERVICES)?, ..Default::default() };
    let services = backend.services.list(caller, services).await?.items;
    let events = api::EventQuery { limit: api::Limit::new(Overview::EVENTS)?, ..Default::default() };
    let events = backend.activity.list(caller, events).await.map(|page| page.items);
    let mut system = backend.monitoring.system(caller, api::MetricsQuery::last(api::Range::Minutes15)).await;
    if let Ok(series) = &mut system {
        let surplus = series.points.len().saturating_sub(Overview::STEPS);
        series.points.drain(..surplus);
    }
    Ok(Overview { counts: report.counts, services, version: report.version, started_at: report.started_at, events, system })
}
