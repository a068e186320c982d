//! A run that ended by itself: shown with its causes, recorded, and what comes next.

use api::{
    Event, EventKind, EventQuery, Health, Incident, IncidentId, IncidentSummary, Limit, Restarts, RuntimeKind, ServiceId, Status, Timestamp,
};

use super::diagnosis::{Change, Facts, Log, Neighbour, Probe, diagnose, port_in_use};
use super::launch::{blocking, holder};
use super::outcome::{last_exit, reason};
use super::reconciler::rest;
use super::{Services, lock, restart};
use crate::events::NewEvent;
use crate::runtime::Ended;

/// Lines of a log that are kept of a run that ended.
pub(super) const LAST_LINES: usize = 20;
/// Lines that its causes are looked for in: traces of Python and Java are long.
const SEARCHED_LINES: usize = 150;
/// Lines that are kept of it as an incident.
const INCIDENT_LINES: usize = 500;
/// Lines older than this don't say why a service that runs isn't well.
const EXPLAINED_SECONDS: i64 = 300;

/// Seconds that Docker may need to start a container that runs already.
const DOCKER_SECONDS: i64 = 5;

impl Services {
    /// Shows that a service that should run doesn't, with why, records it once, and lets it be started again as its policy says.
    pub(super) async fn show_failure(&self, id: ServiceId, ended: &Ended, has_run: bool) {
        let Some(before) = self.core.catalog.find(id) else { return };
        let is_known = before.last_exit.as_ref().is_some_and(|known| known.at == ended.at && known.code == ended.code);
        if is_known && before.service.status == Status::Error {
            return;
        }
        let lines = if has_run {
            self.lines(id, ended.began.or(before.service.started_at), Some(ended.at), INCIDENT_LINES).await
        } else {
            Vec::new()
        };
        let found = self.row(id).ok().and_then(|row| row.found);
        let searched = &lines[lines.len().saturating_sub(SEARCHED_LINES)..];
        let taken = match port_in_use(searched) {
            None => None,
            // The one that it was told is its supervisor's, until it has ended.
            Some(named) if before.spec.handover && named.is_none_or(|port| before.service.port == Some(port)) => {
                before.service.port.map(|port| (port, None))
            }
            Some(named) => {
                // A log that names no port means the one that is written in the code, or the one that it was told.
                let ports: Vec<u16> = named.map_or_else(
                    || found.as_ref().and_then(|found| found.port).into_iter().chain(before.service.port).collect(),
                    |port| vec![port],
                );
                let first = ports.first().copied();
                let held = blocking(move || ports.into_iter().find_map(|port| Some((port, holder(port)?)))).await.ok().flatten();
                held.map(|(port, holder)| (port, Some(holder))).or(first.map(|port| (port, None)))
            }
        };
        let has_requirements = found.is_some_and(|found| found.requirements.is_some());
        let why = match &taken {
            Some((port, None)) if before.spec.handover && before.service.port == Some(*port) => format!(
                "it opens port {port} itself, whose listening socket it is handed as descriptor 3: let it take that (uvicorn --fd 3), or switch \
                 restarts without a break off in its settings"
            ),
            Some((port, Some(holder))) => format!("port {port} is taken by {holder}"),
            _ if ended.was_asked => format!("{}, and not by Pilothouse", reason(ended)),
            _ => reason(ended),
        };
        let restarts = self.after_end(id, ended, before.service.started_at);
        let diagnosis = diagnose(Facts {
            ended: Some(ended),
            log: Log::of(searched),
            taken,
            has_requirements,
            is_contained: before.spec.source.runtime() == RuntimeKind::Docker,
            others: &self.neighbours(id),
            needs: &self.bad_needs(id).await,
            changed: self.last_change(id, before.service.started_at, ended.at).await,
            ran_seconds: before.service.started_at.map(|began| ended.at.seconds_since(began)),
            restarts,
            limits: before.spec.limits,
            now: self.core.clock.now(),
            ..Facts::of(id)
        });
        let last = lines[lines.len().saturating_sub(LAST_LINES)..].to_vec();
        let kept = (has_run && !is_known).then(|| last_exit(ended, last));
        if !is_known {
            let summary = IncidentSummary {
                id: IncidentId(self.core.clock.new_uuid()),
                service_id: id,
                at: ended.at,
                code: ended.code,
                signal: ended.signal,
                oom: ended.oom,
                reason: why.clone(),
                cause: diagnosis.first().map(|first| first.cause.clone()),
            };
            let started_at = before.service.started_at.filter(|_| has_run);
            self.keep_incident(Incident { summary, started_at, diagnosis: diagnosis.clone(), lines, figures: Vec::new() });
        }
        lock(&self.notes).remove(&id);
        self.core.catalog.update(id, |entry| {
            rest(entry);
            entry.service.status = Status::Error;
            entry.service.status_reason = Some(why.clone());
            entry.last_exit = kept.clone().or(entry.last_exit.take());
            entry.service.restarts = restarts;
            entry.diagnosis = diagnosis;
        });
        if let Some(at) = restarts.next_at {
            self.start_again(id, at);
        }
        if is_known {
            return;
        }
        let name = &before.service.name;
        let (kind, message) = match &ended.start_failure {
            Some(_) => (EventKind::ServiceStartFailed, format!("{name} couldn't be started: {why}")),
            None => (EventKind::ServiceCrashed, format!("{name} crashed: {why}{}", restart::words(&restarts, self.core.clock.now()))),
        };
        let data = serde_json::json!({ "code": ended.code, "signal": ended.signal, "oom": ended.oom, "at": ended.at, "reason": why });
        self.record(id, kept, Some(NewEvent::new(kind, message).on(id, name).with(data))).await;
        if restarts.in_a_row == Restarts::CRASH_LOOP && restarts.next_at.is_some() {
            let message = format!("{name} is in a crash loop: {} runs in a row have ended by themselves", restarts.in_a_row);
            self.record(id, None, Some(NewEvent::new(EventKind::ServiceCrashLoop, message).on(id, name))).await;
        }
    }

    /// Looks into the log of a service that runs and isn't well for causes that its check doesn't show.
    pub async fn explain(&self, id: ServiceId) {
        let Some(before) = self.core.catalog.find(id) else { return };
        let Some(check) = before.checks.last().filter(|check| check.health == Health::Unhealthy) else { return };
        let (now, began) = (self.core.clock.now(), before.service.started_at);
        let since = began.unwrap_or_default().max(now.plus_seconds(-EXPLAINED_SECONDS));
        let lines = self.lines(id, Some(since), None, SEARCHED_LINES).await;
        let changed = self.last_change(id, began, now).await;
        let probe = Probe::of(check, before.service.port, &before.listening_ports);
        let log = Log::of(&lines);
        let needs = self.bad_needs(id).await;
        let facts = Facts { probe: Some(probe), log, others: &self.neighbours(id), needs: &needs, changed, now, ..Facts::of(id) };
        let diagnosis = diagnose(facts);
        self.core.catalog.update(id, |entry| {
            if entry.service.health_status == Health::Unhealthy && entry.service.started_at == began {
                entry.diagnosis = diagnosis;
            }
        });
    }

    /// What the other services are, for a cause may be one of them.
    fn neighbours(&self, except: ServiceId) -> Vec<Neighbour> {
        let others = self.core.catalog.all().into_iter().filter(|entry| entry.service.id != except);
        let neighbour = |entry: std::sync::Arc<crate::Entry>| Neighbour {
            id: entry.service.id,
            name: entry.service.name.clone(),
            port: entry.service.port,
            status: entry.service.status,
            pids: entry.pids.clone(),
        };
        others.map(neighbour).collect()
    }

    /// The last change of a service's settings before the run that ended at `ended`.
    async fn last_change(&self, id: ServiceId, began: Option<Timestamp>, ended: Timestamp) -> Option<Change> {
        let mut last: Option<Event> = None;
        for kind in [EventKind::ServiceChanged, EventKind::ConfigSaved, EventKind::ConfigRestored] {
            let (kind, to) = (Some(kind), began.or(Some(ended)));
            let query = EventQuery { service_id: Some(id), kind, to, limit: Limit::new(1).ok()?, ..EventQuery::default() };
            // It is only good to know: a store that can't be read now hides no cause.
            let found = self.core.events.list(&query, false).await.ok()?.items.into_iter().next();
            last = last.into_iter().chain(found).max_by_key(|event| event.seq);
        }
        let event = last?;
        let fields = event.data.get("fields")?.as_array()?.iter().filter_map(|field| field.as_str().map(String::from)).collect();
        Some(Change { fields, by: event.actor, seconds_before: ended.seconds_since(event.at) })
    }

    /// The last lines of a run, at most so many: since it began, or since it was asked for when it hasn't. `ended` is when it did.
    pub(super) async fn lines(&self, id: ServiceId, began: Option<Timestamp>, ended: Option<Timestamp>, most: usize) -> Vec<String> {
        let read = self.last_lines.clone();
        let row = self.row(id).ok();
        let is_docker = row.as_ref().is_some_and(|row| row.spec.runtime == RuntimeKind::Docker);
        let began = began.map(|began| if is_docker { self.wrote_from(id, began, ended) } else { began });
        let since = began.or_else(|| Some(row?.desired_at)).unwrap_or_default();
        blocking(move || read(id, since, most)).await.unwrap_or_default()
    }

    /// From when on lines are of the run of a container that began at `began`: Docker says that only when it has been started, and what
    /// ends at once has written all before. What was written before the end of the run before isn't of this one.
    fn wrote_from(&self, id: ServiceId, began: Timestamp, ended: Option<Timestamp>) -> Timestamp {
        let before = self.core.catalog.find(id).and_then(|entry| entry.last_exit.as_ref().map(|exit| exit.at));
        let early = began.plus_seconds(-DOCKER_SECONDS);
        before.filter(|before| *before < began && Some(*before) != ended).map_or(early, |before| before.max(early))
    }

    pub(super) fn ended_now(&self) -> Ended {
        Ended { code: None, signal: None, oom: false, began: None, at: self.core.clock.now(), was_asked: false, start_failure: None }
    }
}
