//! One action on many services: each is asked for by itself, with its own event and its own outcome, and moved when its turn comes.

use std::collections::{HashMap, HashSet};

use api::{
    Action, BULK_MOST, BulkItem, BulkOutcome, BulkReport, BulkRequest, Caller, DependencyGraph, Error, ErrorCode, Limit, Permission,
    Result, Service, ServiceId, ServiceQuery, Status, Timestamp, Turn, depended_on,
};
use futures::StreamExt;

use super::{Services, list};
use crate::catalog::name_order;

/// Requests of one bulk that are written at once; the store commits them together.
const AT_ONCE: usize = 16;

impl Services {
    pub(super) async fn act_on_many(&self, caller: &Caller, request: BulkRequest) -> Result<BulkReport> {
        caller.require(Permission::ServicesOperate)?;
        let (action, with_dependencies, dry_run) = (request.action, request.with_dependencies, request.dry_run);
        let (mut chosen, absent) = self.chosen(request)?;
        if !dry_run {
            self.may_act()?;
        }
        let graph = self.graph().await?;
        if with_dependencies {
            self.draw_in(&graph, action, &mut chosen)?;
        }
        // Only those that are moved are waited for, and depend on one another.
        let moved: Vec<ServiceId> =
            chosen.iter().filter(|service| action.allowed(service.status).is_ok()).map(|service| service.id).collect();
        let mut turns = graph.turns(&moved, action);
        let mut items: Vec<BulkItem> = if dry_run {
            chosen.iter().map(|service| plan(caller, action, service)).collect()
        } else {
            let rest = chosen.iter().filter(|service| !moved.contains(&service.id));
            turns.extend(rest.map(|service| Turn { id: service.id, step: 1, after: Vec::new() }));
            self.act_in_turn(caller, action, &chosen, &turns).await
        };
        let places: HashMap<ServiceId, &Turn> = turns.iter().map(|turn| (turn.id, turn)).collect();
        let staying = Staying::of(&graph, &moved, action, self.core.clock.now());
        for item in &mut items {
            item.step = places.get(&item.service_id).map_or(1, |turn| turn.step);
            item.warning = staying.warning(item);
        }
        items.sort_by(|a, b| name_order(&a.name, &b.name));
        items.extend(absent.into_iter().map(missing));
        Ok(BulkReport { action, dry_run, items })
    }

    /// Asks for each when those before it have been asked for, so that it finds what it waits for under way.
    async fn act_in_turn(&self, caller: &Caller, action: Action, chosen: &[Service], turns: &[Turn]) -> Vec<BulkItem> {
        let services: HashMap<ServiceId, &Service> = chosen.iter().map(|service| (service.id, service)).collect();
        let mut items = Vec::with_capacity(turns.len());
        for step in turns.chunk_by(|a, b| a.step == b.step) {
            let asked = step.iter().filter_map(|turn| Some(self.act_on(caller, action, services.get(&turn.id)?, &turn.after)));
            let asked: Vec<_> = asked.collect();
            items.extend(futures::stream::iter(asked).buffered(AT_ONCE).collect::<Vec<_>>().await);
        }
        items
    }

    /// The services by name, and the ids that are none.
    fn chosen(&self, request: BulkRequest) -> Result<(Vec<Service>, Vec<ServiceId>)> {
        let catalog = &self.core.catalog;
        match (request.ids.is_empty(), request.filter) {
            (true, Some(filter)) => {
                let query = ServiceQuery { limit: Limit::new(BULK_MOST as u32)?, ..filter.into() };
                let page = list::page(catalog, &query)?;
                if let Some(total) = page.total.filter(|total| *total > BULK_MOST as u64) {
                    let message = format!("{total} services match, and at most {BULK_MOST} are moved at once; narrow the filter");
                    return Err(Error::invalid("/filter", message));
                }
                Ok((page.items, Vec::new()))
            }
            (false, None) if request.ids.len() > BULK_MOST => {
                Err(Error::invalid("/ids", format!("at most {BULK_MOST} services are moved at once")))
            }
            (false, None) => {
                let ids: HashSet<ServiceId> = request.ids.iter().copied().collect();
                let (mut found, mut absent) = (Vec::new(), Vec::new());
                for id in ids {
                    match catalog.find(id) {
                        Some(entry) => found.push(entry.service.clone()),
                        None => absent.push(id),
                    }
                }
                found.sort_by(|a, b| name_order(&a.name, &b.name));
                absent.sort();
                Ok((found, absent))
            }
            _ => Err(Error::invalid("/ids", "say which services: by ids, or by a filter, and not by both")),
        }
    }

    /// Adds what has to be moved with the chosen services, and with what is added.
    fn draw_in(&self, graph: &DependencyGraph, action: Action, chosen: &mut Vec<Service>) -> Result<()> {
        let mut known: HashSet<ServiceId> = chosen.iter().map(|service| service.id).collect();
        let mut next = 0;
        while let Some(service) = chosen.get(next) {
            next += 1;
            // What isn't moved itself draws nothing in.
            let moved = Some(service.id).filter(|_| action.allowed(service.status).is_ok());
            let drawn = match (moved, action) {
                (None, _) | (_, Action::Restart) => Vec::new(),
                (Some(id), Action::Start) => graph.needs(id),
                (Some(id), Action::Stop) => graph.needed_by(id),
            };
            let ids = drawn.into_iter().filter_map(|one| one.service_id).filter(|id| known.insert(*id)).collect::<Vec<_>>();
            let entries = ids.into_iter().filter_map(|id| self.core.catalog.find(id));
            chosen.extend(entries.map(|entry| entry.service.clone()).filter(|service| action.allowed(service.status).is_ok()));
        }
        if chosen.len() > BULK_MOST {
            let message = format!("with what has to be moved too they are {}, and at most {BULK_MOST} are moved at once", chosen.len());
            return Err(Error::invalid("/with_dependencies", message));
        }
        Ok(())
    }

    async fn act_on(&self, caller: &Caller, action: Action, service: &Service, after: &[ServiceId]) -> BulkItem {
        match self.ask_after(caller, service.id, action, after).await {
            Ok(service) => BulkItem::new(&service, BulkOutcome::Accepted, None),
            Err(error) if error.code == ErrorCode::Conflict => BulkItem::new(service, BulkOutcome::Skipped, Some(error.message)),
            Err(error) => BulkItem::new(service, BulkOutcome::Failed, Some(error.message)),
        }
    }
}

/// What stays as it is and depends on what is stopped or restarted.
struct Staying<'a> {
    graph: &'a DependencyGraph,
    moved: HashSet<ServiceId>,
    is_start: bool,
    now: Timestamp,
}

impl<'a> Staying<'a> {
    fn of(graph: &'a DependencyGraph, moved: &[ServiceId], action: Action, now: Timestamp) -> Self {
        Self { graph, moved: moved.iter().copied().collect(), is_start: action == Action::Start, now }
    }

    fn warning(&self, item: &BulkItem) -> Option<String> {
        let is_moved = matches!(item.outcome, BulkOutcome::Planned | BulkOutcome::Accepted);
        if self.is_start || !is_moved {
            return None;
        }
        let mut dependents = self.graph.needed_by(item.service_id);
        dependents.retain(|one| one.service_id.is_some_and(|id| !self.moved.contains(&id)));
        depended_on(&dependents, self.now)
    }
}

fn plan(caller: &Caller, action: Action, service: &Service) -> BulkItem {
    if let Err(error) = caller.require_on(Permission::ServicesOperate, service.id) {
        return BulkItem::new(service, BulkOutcome::Failed, Some(error.message));
    }
    match action.allowed(service.status) {
        Ok(()) => BulkItem::new(service, BulkOutcome::Planned, None),
        Err(blocked) => BulkItem::new(service, BulkOutcome::Skipped, Some(blocked.0.to_owned())),
    }
}

fn missing(id: ServiceId) -> BulkItem {
    BulkItem {
        service_id: id,
        name: id.to_string(),
        status: Status::Unknown,
        status_reason: None,
        started_at: None,
        outcome: BulkOutcome::Failed,
        message: Some(Error::not_found("service", id).message),
        step: 1,
        warning: None,
    }
}
