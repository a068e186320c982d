//! What the tabs of a service's page load.
//!
//! Everything is asked for here, where the page begins, and side by side. The parts of the page only wait for it: on the server they
//! are rendered more than once, and what they asked for themselves would be asked for as often, and not be found again when
//! the page comes alive.

use api::{
    Event, EventQuery, HealthReport, IncidentSummary, Limit, LogLine, LogQuery, MetricsSeries, Page, Range, ServiceDetail, ServiceId,
};
use leptos::prelude::*;
use leptos_router::hooks::{use_params_map, use_query_map};

use super::logs::Filter;
use super::tab::Tab;
use crate::charts::Mark;
use crate::pages::activity::event_query;
use crate::rpc::{
    RpcError, RpcResult, Tried, get_health, get_logs, get_metrics, get_service, list_events, list_incidents, list_marks, list_names,
};

/// Log lines at a glance.
pub const PEEK: u32 = 12;
/// Events at a glance.
const RECENT: u32 = 8;

/// Something that only some tabs need: none on the others.
pub type Wanted<T> = Resource<Option<RpcResult<T>>>;

/// What the address says, and what was loaded for it.
#[derive(Clone, Copy)]
pub struct Loads {
    /// The tab; none when there is no such tab.
    pub tab: Memo<Option<Tab>>,
    /// The time that the charts show.
    pub range: Memo<Range>,
    /// Which lines the log shows.
    pub filter: Memo<Filter>,
    /// Which events the activity shows.
    pub events_query: Memo<EventQuery>,
    /// A form that was posted to this page, when it was.
    pub tried: StoredValue<Option<Tried>>,
    /// The service.
    pub detail: Resource<RpcResult<ServiceDetail>>,
    /// The figures of the range.
    pub series: Wanted<MetricsSeries>,
    /// What happened in the range.
    pub marks: Wanted<Vec<Mark>>,
    /// The last checks.
    pub health: Wanted<HealthReport>,
    /// The lines of the filter, or the newest few.
    pub lines: Wanted<Page<LogLine>>,
    /// The events of the query, or the newest few.
    pub events: Wanted<Page<Event>>,
    /// The runs that ended by themselves; none where events are filtered.
    pub incidents: Wanted<Page<IncidentSummary>>,
    /// Every service by name, to choose those that it needs from.
    pub names: Wanted<Vec<(ServiceId, String)>>,
}

impl Loads {
    /// Loads what the address asks for. Call it in the body of the page's component.
    pub fn new() -> Self {
        let (params, query) = (use_params_map(), use_query_map());
        let id = Memo::new(move |_| params.with(|params| params.get_str("id").unwrap_or_default().parse::<ServiceId>()));
        let tab = Memo::new(move |_| params.with(|params| Tab::named(params.get_str("tab").unwrap_or_default())));
        let range = Memo::new(move |_| query.with(|query| query.get_str("range").and_then(|range| range.parse().ok()).unwrap_or_default()));
        let filter = Memo::new(move |_| query.with(Filter::of));
        let events_query = Memo::new(move |_| {
            let service_id = id.get().ok();
            let recent = EventQuery { service_id, limit: Limit::new(RECENT).unwrap_or_default(), ..EventQuery::default() };
            if tab.get() == Some(Tab::Overview) { recent } else { query.with(|query| event_query(query, service_id)) }
        });
        let lines_query = move || match tab.get() {
            Some(Tab::Overview) => Some(LogQuery { limit: Limit::new(PEEK).unwrap_or_default(), ..LogQuery::default() }),
            Some(Tab::Logs) => Some(filter.with(Filter::query)),
            _ => None,
        };
        let on = move |tabs: &[Tab]| tab.get().filter(|tab| tabs.contains(tab)).and(id.get().ok());
        Self {
            tab,
            range,
            filter,
            events_query,
            tried: StoredValue::new(SharedValue::new(use_context::<Tried>).into_inner()),
            detail: Resource::new(move || id.get(), |id| async move { get_service(id.map_err(RpcError)?).await }),
            series: Resource::new(
                move || (on(&[Tab::Overview, Tab::Metrics]), range.get()),
                |(id, range)| async move { Some(get_metrics(id?, range).await) },
            ),
            marks: Resource::new(
                move || (on(&[Tab::Overview, Tab::Metrics]), range.get()),
                |(id, range)| async move { Some(list_marks(id?, range).await) },
            ),
            health: Resource::new(move || on(&[Tab::Overview]), |id| async move { Some(get_health(id?).await) }),
            lines: Resource::new(move || (id.get().ok(), lines_query()), |(id, query)| async move { Some(get_logs(id?, query?).await) }),
            events: Resource::new(
                move || (on(&[Tab::Overview, Tab::Activity]), events_query.get()),
                |(id, query)| async move {
                    id?;
                    Some(list_events(query).await)
                },
            ),
            incidents: Resource::new(
                move || {
                    let is_filtered = events_query.with(|query| query.kind.is_some() || query.cursor.is_some());
                    on(&[Tab::Overview, Tab::Activity]).filter(|_| !is_filtered)
                },
                |id| async move { Some(list_incidents(id?).await) },
            ),
            names: Resource::new(
                move || on(&[Tab::Settings]),
                |id| async move {
                    id?;
                    Some(list_names().await)
                },
            ),
        }
    }
}
