//! The configurations of many services: what is wrong with them and what isn't applied yet, one change to many, and applying it.

use std::collections::{BTreeSet, HashSet};

use api::{
    Action, BULK_MOST, BulkItem, BulkOutcome, BulkReport, BulkRequest, Caller, ConfigurationImported, ConfigurationSummary,
    ConfigurationsApply, ConfigurationsChange, ConfigurationsChanged, ConfigurationsQuery, ConfigurationsShow, Detail, Error, ErrorCode,
    Page, Permission, Result, SchemaSource, Secret, ServiceId, ServiceQuery, Source, Status, VersionKind, pointer_part, variables_of,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::StreamExt;
use serde_json::{Map, Value};

use super::inherit::Inherits;
use super::kept::{MASKED, secret_texts};
use super::save::{Draft, MESSAGE};
use super::schema::typed;
use super::state::State;
use super::{Manager, import, lock};
use crate::Entry;
use crate::catalog::name_order;

/// Services whose folders are read, or whose configurations are saved, at once.
const AT_ONCE: usize = 16;
/// Characters of a search.
const SEARCH: usize = 200;
/// Faults that are told of many services together.
const FAULTS: usize = 100;

/// What becomes of one service, before anything is saved.
struct Plan {
    of: ConfigurationImported,
    /// The place of the service in the request.
    at: usize,
    /// The secrets that it has then.
    hides: Vec<Secret>,
    /// Why it may not be told that by the caller.
    forbidden: Option<Error>,
}

impl Manager {
    pub(super) async fn list_all(&self, caller: &Caller, query: ConfigurationsQuery) -> Result<Page<ConfigurationSummary>> {
        caller.require(Permission::ConfigRead)?;
        let ConfigurationsQuery { show, q, check, limit, cursor } = query;
        let query = ServiceQuery { q, ..ServiceQuery::default() };
        let search = query.search();
        if search.as_ref().is_some_and(|text| text.chars().count() > SEARCH) {
            return Err(Error::invalid("q", format!("q has at most {SEARCH} characters")));
        }
        let after = cursor.as_deref().map(read_cursor).transpose()?;
        let entries = self.core.catalog.by_name();
        let matching = entries.iter().filter(|entry| is_kept(entry) && query.matches(&entry.service, search.as_deref()));
        let order = self.order().await?;
        let mut found: Vec<_> = matching.filter_map(|entry| self.summary(entry, &order)).collect();
        match show {
            Some(ConfigurationsShow::NotApplied) => found.retain(|one| one.restart_needed),
            Some(ConfigurationsShow::Faulty) => {
                found = self.checked(caller, found).await;
                found.retain(ConfigurationSummary::is_faulty);
            }
            Some(ConfigurationsShow::InheritedChanged) => {
                found.retain(|one| one.inherited_changes.is_none_or(|changes| changes > 0) && self.is_heir(one.service_id));
                found = self.checked(caller, found).await;
                found.retain(|one| one.inherited_changes.is_some_and(|changes| changes > 0));
            }
            None => {}
        }
        let total = found.len() as u64;
        let from = after.map_or(0, |after| found.partition_point(|one| !name_order(&after, &one.service_name).is_lt()));
        let mut items = found.split_off(from);
        let next_cursor = (items.len() > limit.get()).then(|| URL_SAFE_NO_PAD.encode(&items[limit.get() - 1].service_name));
        items.truncate(limit.get());
        if check && !matches!(show, Some(ConfigurationsShow::Faulty | ConfigurationsShow::InheritedChanged)) {
            items = self.checked(caller, items).await;
        }
        Ok(Page { items, next_cursor, total: Some(total) })
    }

    /// What is known of a configuration without reading anything; none when its service has gone meanwhile.
    fn summary(&self, entry: &Entry, order: &[String]) -> Option<ConfigurationSummary> {
        let service = &entry.service;
        let row = self.services.row_of(service.id).ok()?;
        let (saved, problem) = match self.newest(service.id) {
            Ok(saved) => (saved, None),
            Err(error) => (None, Some(error.message)),
        };
        let version = problem.is_none().then(|| saved.as_ref().map_or(1, |kept| kept.version));
        let applied_version = self.applied(&row).ok().flatten();
        let is_set = lock(&self.schemas).contains_key(&service.id);
        let schema_source = match is_set {
            true => Some(SchemaSource::Set),
            false => self.schema_in(&row, order).map(|_| SchemaSource::Inherited),
        };
        Some(ConfigurationSummary {
            service_id: service.id,
            service_name: service.name.clone(),
            version,
            applied_version,
            restart_needed: is_up(service.status) && applied_version.is_some() && version.is_some() && applied_version != version,
            schema_source,
            fault_count: None,
            faults: Vec::new(),
            problem,
            inherited_changes: self.changes_kept(&row, saved.as_deref(), order),
            updated_at: saved.as_ref().map(|kept| kept.created_at),
            updated_by: saved.as_ref().and_then(|kept| kept.created_by.clone()),
        })
    }

    /// The same, each checked against its schema. One such look at a time: it reads the folder of every service.
    async fn checked(&self, caller: &Caller, found: Vec<ConfigurationSummary>) -> Vec<ConfigurationSummary> {
        let _turn = self.checks.lock().await;
        let asked: Vec<_> = found.into_iter().map(|one| self.with_faults(caller, one)).collect();
        futures::stream::iter(asked).buffered(AT_ONCE).collect().await
    }

    async fn with_faults(&self, caller: &Caller, one: ConfigurationSummary) -> ConfigurationSummary {
        if one.problem.is_some() {
            return one;
        }
        let traced = async {
            let mut state = self.state(one.service_id).await?;
            self.trace(caller, &mut state).await?;
            Ok::<_, Error>(state)
        };
        let state = match traced.await {
            Ok(state) => state,
            Err(error) => return ConfigurationSummary { problem: Some(error.message), ..one },
        };
        let faults = match state.faults(&state.values) {
            Ok(faults) => faults,
            Err(error) if error.details.is_empty() => vec![Detail { field: "/values".into(), message: error.message }],
            Err(error) => error.details,
        };
        ConfigurationSummary {
            schema_source: Some(state.schema.source),
            fault_count: Some(faults.len() as u32),
            faults: faults.into_iter().take(ConfigurationSummary::FAULTS).collect(),
            inherited_changes: state.heritage.is_some().then(|| state.inherited_changes().len() as u32),
            ..one
        }
    }

    pub(super) async fn change_many(&self, caller: &Caller, change: ConfigurationsChange) -> Result<ConfigurationsChanged> {
        caller.require(Permission::ConfigChange)?;
        if change.restart {
            caller.require(Permission::ServicesOperate)?;
        }
        check(&change)?;
        if !change.dry_run {
            self.services.may_change()?;
        }
        let (mut plans, mut faults) = self.plans(caller, &change).await;
        let ids = |plans: &[Plan]| plans.iter().map(|plan| plan.of.service_id).collect::<Vec<_>>();
        if change.dry_run && faults.is_empty() {
            let restart = match change.restart {
                true => {
                    let changed = plans.iter().filter(|plan| !plan.of.changes.is_empty()).map(|plan| plan.of.service_id).collect();
                    Some(self.restart(caller, &ids(&plans), &changed, true).await?)
                }
                false => None,
            };
            return Ok(ConfigurationsChanged { items: plans.into_iter().map(|plan| plan.of).collect(), restart });
        }
        if let Some(forbidden) = plans.iter_mut().find_map(|plan| plan.forbidden.take()) {
            return Err(forbidden);
        }
        let inside = |plan: &Plan| {
            let (at, name) = (plan.at, plan.of.service_name.clone());
            let fault = move |fault: Detail| {
                let field = fault.field.strip_prefix("/values").unwrap_or(&fault.field).to_owned();
                Detail { field: format!("/services/{at}{field}"), message: format!("'{name}': {}", fault.message) }
            };
            plan.of.faults.clone().into_iter().map(fault).collect::<Vec<_>>()
        };
        faults.extend(plans.iter().flat_map(inside));
        faults.truncate(FAULTS);
        Error::invalid_fields(faults)?;
        let hides: Vec<_> = plans.iter_mut().flat_map(|plan| std::mem::take(&mut plan.hides)).collect();
        if !self.core.mask.knows(MASKED, &hides) {
            self.mask_also(hides);
        }
        let all = ids(&plans);
        let asked: Vec<_> = plans.into_iter().map(|plan| self.save_one(caller, &change, plan.of)).collect();
        let items = futures::stream::iter(asked).buffered(AT_ONCE).collect().await;
        let restart = match change.restart {
            true => Some(self.restart(caller, &all, &HashSet::new(), false).await?),
            false => None,
        };
        Ok(ConfigurationsChanged { items, restart })
    }

    /// What would become of each service by name, and which places in the request have none that could be changed.
    async fn plans(&self, caller: &Caller, change: &ConfigurationsChange) -> (Vec<Plan>, Vec<Detail>) {
        let mut seen = HashSet::new();
        let places = change.services.iter().enumerate().filter(|(_, id)| seen.insert(**id));
        let asked: Vec<_> = places.map(|(at, id)| self.plan(caller, change, at, *id)).collect();
        let found: Vec<Result<Plan, Detail>> = futures::stream::iter(asked).buffered(AT_ONCE).collect().await;
        let (mut plans, mut faults) = (Vec::new(), Vec::new());
        for one in found {
            match one {
                Ok(plan) => plans.push(plan),
                Err(fault) => faults.push(fault),
            }
        }
        plans.sort_by(|a, b| name_order(&a.of.service_name, &b.of.service_name));
        (plans, faults)
    }

    async fn plan(&self, caller: &Caller, change: &ConfigurationsChange, at: usize, id: ServiceId) -> Result<Plan, Detail> {
        let here = |error: Error| Detail { field: format!("/services/{at}"), message: error.message };
        let state = self.state(id).await.map_err(here)?;
        Self::is_ours(&state).map_err(here)?;
        let mut of = ConfigurationImported {
            service_id: id,
            service_name: state.row.name.clone(),
            version: state.version(),
            saved: false,
            changes: Vec::new(),
            not_restarted: None,
            notes: Vec::new(),
            faults: Vec::new(),
        };
        let mut hides = Vec::new();
        let tried = import::outcome(&state, &wanted(&state, change)).and_then(|(clear, changes)| {
            of.changes = changes;
            hides = secret_texts(&clear, &state.secrets_of(&clear));
            let (variables, before) = (variables_of(&clear)?, variables_of(&state.values).unwrap_or_default());
            self.services.may_tell(caller, &state.row.spec, &variables, &before)
        });
        let mut forbidden = None;
        if let Err(error) = tried {
            of.faults = match error.details.is_empty() {
                true => vec![Detail { field: "/values".into(), message: error.message.clone() }],
                false => error.details.clone(),
            };
            forbidden = Some(error).filter(|error| error.code == ErrorCode::Forbidden);
        }
        Ok(Plan { of, at, hides, forbidden })
    }

    /// Saves the change of one service, unless nothing is different with it.
    async fn save_one(&self, caller: &Caller, change: &ConfigurationsChange, mut of: ConfigurationImported) -> ConfigurationImported {
        if of.changes.is_empty() {
            return of;
        }
        let draft = |now: &State| {
            let (values, source) = (wanted(now, change), now.source().cloned());
            let (kind, secrets, message, inherits) = (VersionKind::Saved, BTreeSet::new(), change.message.clone(), Inherits::followed());
            Ok(Draft { kind, made_from: None, values, secrets, source, inherits, message, restart: false, watch_seconds: None })
        };
        match self.save_draft(caller, of.service_id, draft).await {
            Ok(now) => (of.version, of.saved) = (now.version, true),
            Err(error) => of.notes.push(format!("it wasn't saved: {}", error.message)),
        }
        of
    }

    /// Restarts those that run with another version than the newest; in a dry run also those that would.
    async fn restart(&self, caller: &Caller, of: &[ServiceId], changed: &HashSet<ServiceId>, dry_run: bool) -> Result<BulkReport> {
        let needs = |id: &&ServiceId| match self.core.catalog.find(**id) {
            Some(entry) if changed.contains(*id) => is_up(entry.service.status),
            Some(entry) => self.summary(&entry, &[]).is_some_and(|one| one.restart_needed),
            None => false,
        };
        let ids = of.iter().filter(needs).copied().collect();
        self.restart_these(caller, ids, dry_run).await
    }

    async fn restart_these(&self, caller: &Caller, ids: Vec<ServiceId>, dry_run: bool) -> Result<BulkReport> {
        let action = Action::Restart;
        if ids.is_empty() {
            return Ok(BulkReport { action, dry_run, items: Vec::new() });
        }
        let request = BulkRequest { action, ids, filter: None, with_dependencies: false, dry_run };
        self.services.ask_for_many(caller, request).await
    }

    pub(super) async fn apply_many(&self, caller: &Caller, apply: ConfigurationsApply) -> Result<BulkReport> {
        caller.require(Permission::ServicesOperate)?;
        let ConfigurationsApply { services, dry_run } = apply;
        let Some(ids) = services else {
            let all = self.core.catalog.by_name();
            let found = all.iter().filter(|entry| is_kept(entry)).filter_map(|entry| self.summary(entry, &[]));
            let ids = found.filter(|one| one.restart_needed).map(|one| one.service_id).collect();
            return self.restart_these(caller, ids, dry_run).await;
        };
        is_a_number("/services", ids.len())?;
        let (mut restarted, mut left) = (Vec::new(), Vec::new());
        for id in ids.into_iter().collect::<BTreeSet<_>>() {
            let Some(entry) = self.core.catalog.find(id) else {
                restarted.push(id); // That there is none is said there.
                continue;
            };
            match self.summary(&entry, &[]) {
                Some(one) if one.restart_needed => restarted.push(id),
                _ => {
                    let why = if is_up(entry.service.status) { "it runs with the newest version" } else { "it doesn't run" };
                    left.push(BulkItem::new(&entry.service, BulkOutcome::Skipped, Some(why.into())));
                }
            }
        }
        let mut report = self.restart_these(caller, restarted, dry_run).await?;
        report.items.extend(left);
        report.items.sort_by(|a, b| name_order(&a.name, &b.name));
        Ok(report)
    }
}

/// The values of a service with a change, with masks where secrets stay.
fn wanted(state: &State, change: &ConfigurationsChange) -> Map<String, Value> {
    let mut set = change.set.clone();
    set.extend(change.texts.iter().map(|(name, text)| (name.clone(), typed(&state.schema.schema, name, text))));
    let mut values = import::imported(state, api::ImportMode::Merge, set);
    change.unset.iter().for_each(|name| _ = values.remove(name));
    values
}

/// Fails for a change that is none, or too large.
fn check(change: &ConfigurationsChange) -> Result<()> {
    let ConfigurationsChange { services, set, texts, unset, message, .. } = change;
    is_a_number("/services", services.len())?;
    if set.is_empty() && texts.is_empty() && unset.is_empty() {
        return Err(Error::invalid("/set", "say what is to be changed: a value that is set, or a name that is taken out"));
    }
    if unset.len() > BULK_MOST {
        return Err(Error::invalid("/unset", format!("at most {BULK_MOST} values are taken out at once")));
    }
    if let Some(at) = unset.iter().position(|name| set.contains_key(name) || texts.contains_key(name)) {
        return Err(Error::invalid(format!("/unset/{at}"), "a value is either set or taken out, and not both"));
    }
    if let Some(name) = texts.keys().find(|name| set.contains_key(*name)) {
        return Err(Error::invalid(format!("/texts/{}", pointer_part(name)), "a value is set either as it is or as a text, and not twice"));
    }
    if message.chars().count() > MESSAGE {
        return Err(Error::invalid("/message", format!("the reason is at most {MESSAGE} characters long")));
    }
    Ok(())
}

/// Fails for no services, and for too many.
fn is_a_number(field: &str, count: usize) -> Result<()> {
    match count {
        1..=BULK_MOST => Ok(()),
        0 => Err(Error::invalid(field, "say which services, by their ids")),
        _ => Err(Error::invalid(field, format!("at most {BULK_MOST} services are changed at once"))),
    }
}

fn is_kept(entry: &Entry) -> bool {
    !matches!(entry.spec.source, Source::Container { .. }) && entry.spec.part_of().is_none()
}

fn is_up(status: Status) -> bool {
    matches!(status, Status::Running | Status::Starting)
}

fn read_cursor(cursor: &str) -> Result<String> {
    let name = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    name.ok_or_else(|| Error::invalid("cursor", "cursor isn't one that a page of this list has given"))
}
