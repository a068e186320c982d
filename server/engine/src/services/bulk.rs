//! One action on many services: each is asked for by itself, with its own event and its own outcome.

use std::collections::HashSet;

use api::{
    Action, BULK_MOST, BulkItem, BulkOutcome, BulkReport, BulkRequest, Caller, Error, ErrorCode, Limit, Permission, Result, Service,
    ServiceId, ServiceQuery, Status,
};
use futures::StreamExt;

use super::{Services, list};
use crate::catalog::name_order;

/// Requests of one bulk that are written at once; the store commits them together.
const AT_ONCE: usize = 16;

impl Services {
    pub(super) async fn act_on_many(&self, caller: &Caller, request: BulkRequest) -> Result<BulkReport> {
        caller.require(Permission::ServicesOperate)?;
        let (action, dry_run) = (request.action, request.dry_run);
        let (chosen, absent) = self.chosen(request)?;
        let mut items: Vec<BulkItem> = if dry_run {
            chosen.iter().map(|service| plan(caller, action, service)).collect()
        } else {
            self.may_act()?;
            futures::stream::iter(chosen).map(|service| self.act_on(caller, action, service)).buffered(AT_ONCE).collect().await
        };
        items.extend(absent.into_iter().map(missing));
        Ok(BulkReport { action, dry_run, items })
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

    async fn act_on(&self, caller: &Caller, action: Action, service: Service) -> BulkItem {
        match self.ask(caller, service.id, action).await {
            Ok(service) => BulkItem::new(&service, BulkOutcome::Accepted, None),
            Err(error) if error.code == ErrorCode::Conflict => BulkItem::new(&service, BulkOutcome::Skipped, Some(error.message)),
            Err(error) => BulkItem::new(&service, BulkOutcome::Failed, Some(error.message)),
        }
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
    }
}
