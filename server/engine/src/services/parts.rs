//! Services that Pilothouse makes for others: the proxy in front of one, and the copy that a deployment runs beside it; `replicas.rs` has its replicas.
//!
//! All are rows like any other, so they are started, watched and shown like any other. Whether a proxy is there, and where it sends
//! requests, follows from what its service is and from the weights of its copies: whatever was interrupted comes right by looking again.

use std::collections::HashMap;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use api::{
    Action, Beside, Caller, CheckKind, Desired, Error, EventKind, HealthCheck, RestartPolicy, Result, ServiceId, ServiceSpec, Source,
    Status, Timestamp,
};

use super::counted::Notes;
use super::pinned::Switch;
use super::replicas::shared;
use super::{Services, blocking, entry, lock};
use crate::events::NewEvent;
use crate::proxy::{self, Ask, ROUTES, Routes, Target};
use crate::store::services::{ServiceRow, service_set_asked};

/// How often proxies are looked at, besides at changes of services.
const LOOK: Duration = Duration::from_millis(if cfg!(test) { 50 } else { 5000 });
/// The least time between two looks.
const PAUSE: Duration = Duration::from_millis(if cfg!(test) { 10 } else { 200 });
/// Seconds between attempts to start a proxy that can't be: each takes twice as long to come as the one before.
const AGAIN: (i64, i64) = (5, 300);
/// The most characters of a name.
const NAME: usize = 63;

/// What is known of proxies.
#[derive(Default)]
pub(super) struct Fronts {
    /// Told when what there shall be may have changed.
    asked: tokio::sync::Notify,
    /// One change of routes at a time.
    turn: tokio::sync::Mutex<()>,
    /// What each was told last, and whether it follows that.
    told: Mutex<HashMap<ServiceId, (Routes, bool)>>,
    /// When those that can't be started are tried again, and after how many seconds then.
    again: Mutex<HashMap<ServiceId, (Timestamp, i64)>>,
    /// What they had counted.
    pub(super) notes: Notes,
}

impl Services {
    /// Sees to it that each service that shall have a proxy has one that knows where it is, until shutdown.
    pub(super) async fn keep_fronts(&self) {
        loop {
            let changed = self.core.catalog.changed();
            let is_any = self.may_act().is_ok() && (self.see_to_replicas().await | self.see_to_fronts().await);
            let again = async {
                tokio::time::sleep(PAUSE).await;
                match is_any {
                    true => changed.await,
                    // Nobody is interrupted by changes of services without one.
                    false => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = tokio::time::timeout(LOOK, again) => {}
                () = self.fronts.asked.notified() => {}
            }
        }
    }

    /// Answers whether there is any.
    async fn see_to_fronts(&self) -> bool {
        let (fronted, proxies): (Vec<ServiceRow>, Vec<ServiceRow>) = {
            let rows = lock(&self.rows);
            let of = |is_it: fn(&ServiceRow) -> bool| rows.values().filter(|row| !row.is_deleted && is_it(row)).cloned().collect();
            (of(|row| row.spec.proxy_port.is_some()), of(|row| matches!(row.spec.source, Source::Proxy { .. })))
        };
        for proxy in &proxies {
            let is_of = |row: &&ServiceRow| proxy.spec.part_of() == Some(row.id) && row.spec.proxy_port == proxy.spec.port;
            if !fronted.iter().any(|row| is_of(&row))
                && let Err(error) = self.remove_part(proxy.id, "it isn't wanted any more").await
            {
                tracing::warn!(%error, service = %proxy.id, "proxy_not_removed");
            }
        }
        for row in &fronted {
            let is_its = |proxy: &&ServiceRow| proxy.spec.part_of() == Some(row.id) && row.spec.proxy_port == proxy.spec.port;
            let done = match proxies.iter().find(is_its) {
                Some(proxy) => {
                    self.start_front(row, proxy);
                    let routed = self.route(row.id).await.map(drop);
                    self.note_counted(row.id).await;
                    routed
                }
                // First where it sends requests, then it.
                None => match self.route(row.id).await {
                    Ok(_) => self.make_proxy(row).await,
                    Err(error) => Err(error),
                },
            };
            if let Err(error) = done {
                tracing::warn!(%error, service = %row.id, "proxy_not_seen_to");
            }
        }
        self.fronts.notes.retain(|id| fronted.iter().any(|row| row.id == id));
        !(fronted.is_empty() && proxies.is_empty())
    }

    /// Lets proxies be seen to now: which there shall be may have changed.
    pub(super) fn look_at_fronts(&self) {
        self.fronts.asked.notify_one();
    }

    async fn make_proxy(&self, of: &ServiceRow) -> Result<()> {
        let mut spec = ServiceSpec::new(Source::Proxy { proxy_of: of.id });
        (spec.port, spec.handover, spec.restart) = (of.spec.proxy_port, true, RestartPolicy::Always);
        spec.health = HealthCheck { kind: CheckKind::Tcp, ..HealthCheck::default() };
        let (id, now) = (ServiceId(self.core.clock.new_uuid()), self.core.clock.now());
        let name = self.part_name(&of.name, "proxy");
        let row = ServiceRow {
            description: Some(format!("In front of {}", of.name)),
            desired: Desired::Running,
            ..ServiceRow::new(id, name.clone(), spec, now)
        };
        let text = format!("{name} was made, to be in front of {}", of.name);
        self.put(row.clone(), NewEvent::new(EventKind::ServiceCreated, text).on(id, name).by(&Caller::system())).await?;
        let mut shown = entry::entry(&row);
        (shown.service.status, shown.service.status_reason) = (Status::Starting, None);
        self.core.catalog.insert(shown);
        self.wake(id, Action::Start);
        Ok(())
    }

    /// Starts a proxy that couldn't be started, when that may be different by now.
    fn start_front(&self, of: &ServiceRow, proxy: &ServiceRow) {
        let is_held =
            self.core.catalog.find(of.id).is_some_and(|entry| {
                entry.service.port == proxy.spec.port && !matches!(entry.service.status, Status::Stopped | Status::Error)
            });
        if is_held && self.is_stuck(proxy) {
            let why = format!("{} has its port still: restart that, and it gets another one", of.name);
            self.core.catalog.update(proxy.id, |entry| entry.service.status_reason = Some(why));
            lock(&self.fronts.again).remove(&proxy.id);
            return;
        }
        self.start_stuck(proxy);
    }

    /// Whether a part shall run, and nothing is going to start it.
    fn is_stuck(&self, part: &ServiceRow) -> bool {
        let is_down = |entry: &crate::Entry| entry.service.status == Status::Error && entry.service.restarts.next_at.is_none();
        let is_moving = lock(&self.agents).contains_key(&part.id);
        part.desired == Desired::Running && !is_moving && self.core.catalog.find(part.id).is_some_and(|entry| is_down(&entry))
    }

    /// Starts a part that couldn't be started, after a while that grows.
    pub(super) fn start_stuck(&self, part: &ServiceRow) {
        let is_stuck = self.is_stuck(part);
        let mut again = lock(&self.fronts.again);
        if !is_stuck {
            if self.core.catalog.find(part.id).is_some_and(|entry| entry.service.status == Status::Running) {
                again.remove(&part.id);
            }
            return;
        }
        let now = self.core.clock.now();
        let (at, seconds) = again.get(&part.id).copied().unwrap_or((now, AGAIN.0));
        if now < at {
            return;
        }
        again.insert(part.id, (now.plus_seconds(seconds), (seconds * 2).min(AGAIN.1)));
        drop(again);
        self.core.catalog.update(part.id, |entry| (entry.service.status, entry.service.status_reason) = (Status::Starting, None));
        self.wake(part.id, Action::Start);
    }

    /// Tells the proxy of a service where requests go; answers whether it follows that. What it can't be told now it reads when it starts.
    pub(crate) async fn route(&self, id: ServiceId) -> Result<bool> {
        let _turn = self.fronts.turn.lock().await;
        let row = self.row(id)?;
        let folder = proxy::folder(self.planner.data_dir(), id);
        let told = lock(&self.fronts.told).get(&id).cloned();
        let before = match told {
            Some(told) => Some(told),
            None => {
                let path = folder.join(ROUTES);
                let read = blocking(move || std::fs::read(path).ok()).await?;
                read.and_then(|bytes| serde_json::from_slice::<Routes>(&bytes).ok()).map(|routes| (routes, false))
            }
        };
        let targets = self.targets(&row);
        let (routes, follows) = match before {
            Some((routes, follows)) if routes.targets == targets && routes.service == row.name => (routes, follows),
            before => {
                let last = before.map_or(0, |(routes, _)| routes.revision);
                let now = u64::try_from(self.core.clock.now().micros()).unwrap_or_default();
                let routes = Routes { revision: now.max(last + 1), service: row.name.clone(), targets };
                let (written, to) = (routes.clone(), folder.clone());
                let failed =
                    |error: std::io::Error| Error::service(format!("its proxy can't be told where it is: {}: {error}", folder.display()));
                blocking(move || write(&to, &written)).await?.map_err(failed)?;
                (routes, false)
            }
        };
        let follows = follows || proxy::ask(&folder, Ask::Reload).await.is_ok_and(|status| status.revision == routes.revision);
        lock(&self.fronts.told).insert(id, (routes, follows));
        Ok(follows)
    }

    /// What the proxy of a service does; none when it doesn't answer.
    pub(crate) async fn front_status(&self, id: ServiceId) -> Option<proxy::Status> {
        proxy::ask(&proxy::folder(self.planner.data_dir(), id), Ask::Status).await.ok()
    }

    /// The proxy in front of a service, when it is there.
    pub(crate) fn proxy_of(&self, id: ServiceId) -> Option<ServiceRow> {
        let is_it = |row: &&ServiceRow| !row.is_deleted && matches!(row.spec.source, Source::Proxy { proxy_of } if proxy_of == id);
        lock(&self.rows).values().find(is_it).cloned()
    }

    /// What answers for a service: itself and its replicas, and its copies with a weight and theirs. A copy without one never does, itself when none of them can be reached.
    pub(super) fn targets(&self, row: &ServiceRow) -> Vec<Target> {
        let mut copies: Vec<(ServiceId, u8)> = lock(&self.rows)
            .values()
            .filter(|copy| !copy.is_deleted)
            .filter_map(|copy| {
                copy.spec.beside.filter(|beside| beside.of == row.id && beside.weight > 0).map(|beside| (copy.id, beside.weight))
            })
            .collect();
        copies.sort();
        let rest = copies.iter().fold(100_u8, |rest, (_, weight)| rest.saturating_sub(*weight));
        let groups = std::iter::once((row.id, rest)).chain(copies);
        shared(groups.map(|(id, share)| (self.answering(id, row.spec.proxy_port), share)).collect())
    }

    /// `NAME-WHAT`, cut where it would be too long, with a number when that is taken.
    pub(super) fn part_name(&self, name: &str, what: &str) -> String {
        let named = |end: String| format!("{}-{end}", name.get(..name.len().min(NAME - end.len() - 1)).unwrap_or(name));
        let mut all = std::iter::once(named(what.to_owned())).chain((2..).map(|n| named(format!("{what}-{n}"))));
        all.find(|name| !self.is_name_taken(name, None)).unwrap_or_default()
    }

    /// A copy of a service that is `spec`, to run beside it: at rest, without requests. It isn't kept.
    pub(crate) fn drawn_copy(&self, of: ServiceId, id: ServiceId, spec: ServiceSpec) -> Result<ServiceRow> {
        let row = self.row(of)?;
        let source = elsewhere(spec.source.clone());
        let spec = ServiceSpec { source, port: None, proxy_port: None, beside: Some(Beside { of, weight: 0 }), ..spec };
        let description = Some(format!("Runs the next release of {} beside it", row.name));
        Ok(ServiceRow {
            description,
            found: row.found,
            ..ServiceRow::new(id, self.part_name(&row.name, "next"), spec, self.core.clock.now())
        })
    }

    /// Shows a service that was written.
    pub(crate) async fn take_in(&self, row: ServiceRow) {
        self.runtimes.adopt(row.id, &row.spec);
        let shown = entry::entry(&row);
        lock(&self.rows).insert(row.id, row);
        self.core.catalog.insert(shown);
        self.forget_look().await;
    }

    /// Remembers the specification of a service that was written, which changes nothing that runs.
    pub(crate) fn set_spec(&self, id: ServiceId, spec: ServiceSpec) {
        self.set_row(id, |row| row.spec = spec);
        let Ok(row) = self.row(id) else { return };
        self.core.catalog.update(id, |entry| entry::refresh(entry, &row));
    }

    /// All copies.
    pub(crate) fn copies(&self) -> Vec<ServiceId> {
        lock(&self.rows).values().filter(|row| !row.is_deleted && row.spec.beside.is_some()).map(|row| row.id).collect()
    }

    /// Shows a service that is only in the store: whoever wrote it was interrupted before it could.
    pub(crate) async fn recall(&self, id: ServiceId) -> Result<()> {
        if self.row(id).is_err() {
            let rows = super::variables::read(&self.core).await?;
            if let Some(row) = rows.into_iter().find(|row| row.id == id && !row.is_deleted) {
                self.take_in(row).await;
            }
        }
        Ok(())
    }

    /// Takes what was made for another service a step further on its way out: it is stopped, and once it is at rest removed. Answers whether it is gone.
    pub(crate) async fn remove_part(&self, id: ServiceId, why: &str) -> Result<bool> {
        let Ok(row) = self.row(id) else { return Ok(true) };
        // Those of a copy go with it.
        let mut are_gone = true;
        for replica in self.replicas(id) {
            are_gone &= Box::pin(self.remove_part(replica.id, why)).await?;
        }
        let gate = self.gate(id).await;
        if row.desired == Desired::Running {
            let at = self.core.clock.now();
            self.core.store.main.write(move |db| Box::pin(service_set_asked(db, id, Desired::Stopped, at))).await?;
            self.switch(id, Switch { spec: row.spec, pinned: self.pinned(id).ok().flatten(), at, runs: false }).await;
            return Ok(false);
        }
        if !are_gone || !self.is_at_rest(id) {
            return Ok(false);
        }
        if let Source::Proxy { proxy_of } = row.spec.source {
            let folder = proxy::folder(self.planner.data_dir(), proxy_of);
            lock(&self.fronts.told).remove(&proxy_of);
            blocking(move || std::fs::remove_dir_all(folder)).await?.or_else(|error| match error.kind() {
                std::io::ErrorKind::NotFound => Ok(()),
                _ => Err(Error::service(format!("what its proxy was told can't be removed: {error}"))),
            })?;
        }
        let event = NewEvent::new(EventKind::ServicePurged, format!("{} was removed: {why}", row.name)).on(id, &row.name);
        self.remove(row, event).await?;
        self.core.catalog.remove(id);
        self.pin(id, None);
        lock(&self.notes).remove(&id);
        lock(&self.fronts.again).remove(&id);
        drop(gate);
        lock(&self.gates).remove(&id);
        Ok(true)
    }

    /// Fails with `conflict` for what was made for another service that is there: it goes with that.
    pub(crate) fn is_no_part(&self, row: &ServiceRow) -> Result<()> {
        let Some(of) = row.spec.part_of().and_then(|of| self.row(of).ok()) else { return Ok(()) };
        let (what, instead) = match row.spec.source {
            Source::Proxy { .. } => ("the proxy in front of", "change the 'proxy_port' of that"),
            _ if row.spec.replica.is_some() => ("a replica of", "change or deploy that, or its 'replicas'"),
            _ => ("a copy that a deployment has made of", "it goes with that deployment; change or deploy that service"),
        };
        Err(Error::conflict(format!("'{}' is {what} '{}': {instead}", row.name, of.name)))
    }
}

/// A source for one more that runs beside a service: ports of this machine that it publishes are that one's, so others are taken for it.
pub(super) fn elsewhere(mut source: Source) -> Source {
    if let Source::Image { options, .. } | Source::Build { options, .. } = &mut source {
        options.ports.iter_mut().for_each(|port| port.host_port = None);
    }
    source
}

/// Puts the routes in place of what was there.
fn write(folder: &Path, routes: &Routes) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let new = folder.join("routes.new");
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    serde_json::to_writer(&mut file, routes)?;
    std::fs::rename(new, folder.join(ROUTES))
}
