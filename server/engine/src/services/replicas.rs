//! Services of which several copies run behind a proxy: the service itself is the first of its replicas, the others are services that Pilothouse
//! makes for it.
//!
//! What there shall be follows from the service: how many, and since when it shall run what it is now. A replica that was asked to run before that is
//! behind, and is taken along when the service itself is well, one at a time as long as it answers; so a release, a restart and a change of settings
//! all go copy by copy, and whatever was interrupted comes right by looking again.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use api::{
    Caller, CheckKind, Desired, Error, EventKind, Health, Replica, ReplicaState, Result, ServiceDetail, ServiceId, ServiceSpec, Status,
    Timestamp,
};

use super::parts::elsewhere;
use super::pinned::{Switch, Switched};
use super::{Services, entry, lock};
use crate::Entry;
use crate::events::NewEvent;
use crate::proxy::Target;
use crate::store::services::{ServiceRow, service_set_asked, service_set_spec};

/// Seconds that requests to a replica may take to end, before it does.
const DRAIN: i64 = 10;
/// Seconds in which a proxy has to send requests elsewhere.
const ANSWER: i64 = 3;
/// Between two questions to a proxy.
const ASK: Duration = Duration::from_millis(if cfg!(test) { 10 } else { 100 });
/// Seconds that one without a health check has to run before the next one is touched.
const STEADY: f64 = 3.0;

impl Services {
    /// The replicas of a service besides itself, by their number; the last are those of a surge.
    pub(crate) fn replicas(&self, of: ServiceId) -> Vec<ServiceRow> {
        let is_its = |row: &&ServiceRow| !row.is_deleted && row.spec.replica.is_some_and(|replica| replica.of == of);
        let mut all: Vec<_> = lock(&self.rows).values().filter(is_its).cloned().collect();
        all.sort_by_key(|row| (row.spec.replica.map(|replica| replica.number), row.id));
        all
    }

    /// A service and its replicas.
    pub(crate) fn instances(&self, of: ServiceId) -> Vec<ServiceId> {
        std::iter::once(of).chain(self.replicas(of).into_iter().map(|row| row.id)).collect()
    }

    /// How the replicas of a service are; none when it has but one.
    pub(super) fn replica_states(&self, detail: &ServiceDetail) -> Option<Vec<ReplicaState>> {
        let state = |id: ServiceId| {
            let entry = self.core.catalog.find(id)?;
            let service = &entry.service;
            let (name, number) = (service.name.clone(), entry.spec.replica.map_or(1, |replica| replica.number));
            let (status, health_status, port) = (service.status, service.health_status, service.port);
            Some(ReplicaState { service_id: id, name, number, status, health_status, port })
        };
        let all = self.instances(detail.service.id);
        let are_some = detail.spec.replicas > 1 || all.len() > 1;
        are_some.then(|| all.into_iter().filter_map(state).collect())
    }

    /// Whose release and configuration a service has: those of what it is a replica of, or its own.
    pub(super) fn told_as(&self, id: ServiceId) -> ServiceId {
        lock(&self.rows).get(&id).and_then(|row| row.spec.replica).map_or(id, |replica| replica.of)
    }

    /// Sees to it that each service has the replicas that it shall have. Answers whether any has some.
    pub(super) async fn see_to_replicas(&self) -> bool {
        let (wholes, replicas): (Vec<ServiceRow>, Vec<ServiceRow>) = {
            let rows = lock(&self.rows);
            let some = rows.values().filter(|row| !row.is_deleted && (row.spec.replicas > 1 || row.spec.replica.is_some()));
            some.cloned().partition(|row| row.spec.replica.is_none())
        };
        let mut wanted = std::collections::HashMap::new();
        let (mut spare, mut surge) = (Vec::new(), Vec::new());
        for row in replicas {
            let Some(replica) = row.spec.replica else { continue };
            let is_its = |whole: &&ServiceRow| whole.id == replica.of && (replica.is_surge() || replica.number <= whole.spec.replicas);
            // Of two with one number, which only another instance can have made, one is enough.
            match wholes.iter().find(is_its).filter(|_| !wanted.contains_key(&(replica.of, replica.number))) {
                Some(_) if replica.is_surge() => surge.push(row),
                Some(_) => drop(wanted.insert((replica.of, replica.number), row)),
                None => spare.push(row.id),
            }
        }
        let are_any = !(wholes.is_empty() && surge.is_empty() && spare.is_empty());
        for id in spare {
            self.remove_replica(id, "it isn't wanted any more").await;
        }
        for whole in &wholes {
            let mut its = Vec::new();
            for number in 2..=whole.spec.replicas {
                match wanted.remove(&(whole.id, number)) {
                    Some(row) => its.push(row),
                    None => {
                        if let Err(error) = self.make_replica(whole, number).await {
                            tracing::warn!(%error, service = %whole.id, number, "replica_not_made");
                        }
                    }
                }
            }
            let surge: Vec<_> = surge.extract_if(.., |row| row.spec.replica.is_some_and(|replica| replica.of == whole.id)).collect();
            if let Err(error) = self.take_along(whole, its, surge).await {
                tracing::warn!(%error, service = %whole.id, "replicas_not_seen_to");
            }
        }
        are_any
    }

    async fn remove_replica(&self, id: ServiceId, why: &str) {
        if let Err(error) = self.remove_part(id, why).await {
            tracing::warn!(%error, service = %id, "replica_not_removed");
        }
    }

    async fn make_replica(&self, of: &ServiceRow, number: u8) -> Result<ServiceRow> {
        of.has_variables()?;
        let (id, now) = (ServiceId(self.core.clock.new_uuid()), self.core.clock.now());
        let replica = Replica { of: of.id, number };
        let name = self.part_name(&of.name, &replica.suffix());
        let (what, why) = match replica.is_surge() {
            true => {
                (format!("One more of {}", of.name), format!("to be one more of {} while a release goes from one to the next", of.name))
            }
            false => (format!("Replica {number} of {}", of.name), format!("to be replica {number} of {}", of.name)),
        };
        let row = ServiceRow {
            description: Some(what),
            found: of.found.clone(),
            // It is behind whatever the service was asked for.
            desired_at: Timestamp::default(),
            ..ServiceRow::new(id, name.clone(), spec_of(&of.spec, of.id, number), now)
        };
        let text = format!("{name} was made, {why}");
        self.put(row.clone(), NewEvent::new(EventKind::ServiceCreated, text).on(id, name).by(&Caller::system())).await?;
        self.core.catalog.insert(entry::entry(&row));
        self.look_at_fronts();
        Ok(row)
    }

    /// Takes the replicas of a service along to where it is. Those of a surge aren't: they run what was before until all others have come along, as far as
    /// they are well.
    async fn take_along(&self, whole: &ServiceRow, replicas: Vec<ServiceRow>, surge: Vec<ServiceRow>) -> Result<()> {
        let is_spent = |row: &ServiceRow| row.desired_at < whole.desired_at || row.desired == Desired::Stopped;
        let (spent, surge): (Vec<_>, Vec<_>) = surge.into_iter().partition(is_spent);
        surge.iter().for_each(|row| self.start_stuck(row));
        let is_of_use =
            |row: &ServiceRow| whole.desired == Desired::Running && row.desired == Desired::Running && self.shows(row.id, answers);
        let (spent, useless): (Vec<_>, Vec<_>) = spent.into_iter().partition(is_of_use);
        for row in useless {
            self.remove_replica(row.id, "it isn't of use any more").await;
        }
        let (current, behind): (Vec<_>, Vec<_>) = replicas.into_iter().partition(|row| row.desired_at >= whole.desired_at);
        for row in current.iter().filter(|row| row.desired == Desired::Running) {
            self.start_stuck(row);
        }
        if whole.desired == Desired::Stopped {
            for row in behind.iter().filter(|row| row.desired == Desired::Running) {
                self.ask_replica(whole, row, Desired::Stopped).await?;
            }
            return Ok(());
        }
        if !self.is_settled(whole.id, whole.desired_at) {
            return Ok(());
        }
        let (up, down): (Vec<_>, Vec<_>) = behind.into_iter().partition(|row| self.shows(row.id, answers));
        for row in &down {
            self.ask_replica(whole, row, Desired::Running).await?;
        }
        if !down.is_empty() {
            return Ok(());
        }
        let running: Vec<_> = current.iter().filter(|row| row.desired == Desired::Running).collect();
        let settled = running.iter().filter(|row| self.is_settled(row.id, row.desired_at)).count();
        if up.is_empty() && settled == running.len() {
            for row in spent {
                self.remove_replica(row.id, "all others run what it was there for").await;
            }
            return Ok(());
        }
        // With the service itself, which is settled.
        let (all, well) = (1 + running.len() + up.len(), 1 + settled + up.len() + spent.len());
        let may_go = well.saturating_sub(all.saturating_sub(usize::from(whole.spec.rollout.unavailable)));
        // Without a surge at least one has to go, or nothing ever would.
        let least = usize::from(spent.is_empty() && settled == running.len());
        for next in up.iter().take(may_go.max(least)) {
            self.ask_replica(whole, next, Desired::Running).await?;
        }
        Ok(())
    }

    /// Sees to it that there are as many more of a service as it shall have while a release goes from one to the next, running what it runs now. Answers
    /// whether all of them are well; fails with `service_failed` when one can't be started.
    pub(crate) async fn surge(&self, of: ServiceId) -> Result<bool> {
        let whole = self.row(of)?;
        let is_there = |row: &ServiceRow| row.desired == Desired::Running && row.desired_at >= whole.desired_at;
        let surge: Vec<_> = self.replicas(of).into_iter().filter(|row| row.spec.replica.is_some_and(Replica::is_surge)).collect();
        let mut are_well = true;
        for number in (1..=whole.spec.rollout.surge).map(|number| ServiceSpec::REPLICAS + number) {
            match surge.iter().find(|row| row.spec.replica.is_some_and(|replica| replica.number == number)) {
                Some(row) if is_there(row) => are_well &= self.is_settled(row.id, row.desired_at),
                // One of an earlier deployment that is on its way out.
                Some(_) => are_well = false,
                None => {
                    let row = self.make_replica(&whole, number).await?;
                    self.ask_replica(&whole, &row, Desired::Running).await?;
                    are_well = false;
                }
            }
        }
        surge.iter().filter(|row| is_there(row)).try_for_each(|row| self.is_no_failure(row))?;
        Ok(are_well)
    }

    /// Fails with `service_failed` when nothing is going on with a replica that couldn't be started or stopped.
    fn is_no_failure(&self, row: &ServiceRow) -> Result<()> {
        let is_moving = lock(&self.agents).contains_key(&row.id);
        match self.core.catalog.find(row.id).filter(|entry| !is_moving && entry.service.status == Status::Error) {
            Some(entry) => Err(Error::service(format!("{}: {}", row.name, entry.service.status_reason.clone().unwrap_or_default()))),
            None => Ok(()),
        }
    }

    /// Asks a replica to be what its service is now.
    async fn ask_replica(&self, whole: &ServiceRow, replica: &ServiceRow, desired: Desired) -> Result<()> {
        let _gate = self.gate(replica.id).await;
        let (id, number) = (replica.id, replica.spec.replica.map_or(0, |replica| replica.number));
        // As old as what it follows: when that was asked for something else meanwhile, it is behind again.
        let at = whole.desired_at;
        let spec = spec_of(&whole.spec, whole.id, number);
        let written = self.sealed_spec(id, &spec)?;
        let write = self.core.store.main.write(move |db| {
            Box::pin(async move {
                service_set_spec(db, id, &written, at).await?;
                service_set_asked(db, id, desired, at).await
            })
        });
        write.await?;
        self.switch(id, Switch { spec, pinned: None, at, runs: desired == Desired::Running }).await;
        Ok(())
    }

    /// Asks the replicas of a service to end, until it is asked for something itself. Answers whether all are at rest; fails with `service_failed` when
    /// one can't be stopped.
    pub(crate) async fn rest_replicas(&self, of: ServiceId) -> Result<bool> {
        let whole = self.row(of)?;
        let replicas = self.replicas(of);
        for row in &replicas {
            if row.desired == Desired::Running || row.desired_at < whole.desired_at {
                self.ask_replica(&whole, row, Desired::Stopped).await?;
            }
        }
        for row in &replicas {
            let is_moving = lock(&self.agents).contains_key(&row.id);
            let is_stuck = |service: &api::Service| service.status == Status::Error && service.started_at.is_some();
            if let Some(entry) = self.core.catalog.find(row.id).filter(|entry| !is_moving && is_stuck(&entry.service)) {
                let why = entry.service.status_reason.clone().unwrap_or_default();
                return Err(Error::service(format!("{}: {why}", row.name)));
            }
        }
        Ok(replicas.iter().all(|row| self.is_at_rest(row.id)))
    }

    /// Lets replicas run again that were asked to end, when their service does; and those of a surge go.
    pub(crate) async fn release_replicas(&self, of: ServiceId) -> Result<()> {
        let is_held = |row: &ServiceRow| row.desired == Desired::Stopped || row.spec.replica.is_some_and(Replica::is_surge);
        for row in self.replicas(of).into_iter().filter(is_held) {
            let (id, desired, at) = (row.id, row.desired, Timestamp::default());
            self.core.store.main.write(move |db| Box::pin(service_set_asked(db, id, desired, at))).await?;
            self.set_row(id, |row| row.desired_at = at);
        }
        self.look_at_fronts();
        Ok(())
    }

    /// Whether a service that was asked to run at `at` does, and is well.
    fn is_settled(&self, id: ServiceId, at: Timestamp) -> bool {
        let now = self.core.clock.now();
        let Switched::Running(since) = self.switched(id, at) else { return false };
        self.shows(id, |entry| answers(entry) && (entry.spec.health.kind != CheckKind::None || now.seconds_since(since) >= STEADY))
    }

    fn shows(&self, id: ServiceId, what: impl Fn(&Entry) -> bool) -> bool {
        self.core.catalog.find(id).is_some_and(|entry| what(&entry))
    }

    /// Where a service and its replicas answer: those that are well, when any is; otherwise all that shall run.
    pub(super) fn answering(&self, of: ServiceId, proxy_port: Option<u16>) -> Vec<(ServiceId, SocketAddr)> {
        let place = |id: ServiceId| {
            let entry = self.core.catalog.find(id).filter(|entry| entry.service.desired == Desired::Running)?;
            let port = entry.service.port.filter(|port| Some(*port) != proxy_port)?;
            Some((answers(&entry), (id, SocketAddr::from((Ipv4Addr::LOCALHOST, port)))))
        };
        let all: Vec<_> = self.instances(of).into_iter().filter_map(place).collect();
        let are_some_well = all.iter().any(|(is_well, _)| *is_well);
        all.into_iter().filter(|(is_well, _)| *is_well || !are_some_well).map(|(_, place)| place).collect()
    }

    /// Lets no more requests come to one of several replicas, and those that are under way end, before it does.
    pub(super) async fn take_off(&self, id: ServiceId) {
        let whole = self.told_as(id);
        let Ok(row) = self.row(whole) else { return };
        let front = row.spec.beside.map_or(whole, |beside| beside.of);
        let Ok(front) = self.row(front) else { return };
        if row.spec.replicas <= 1 || front.spec.proxy_port.is_none() {
            return;
        }
        let begun = self.core.clock.now();
        let name = id.to_string();
        while !self.is_overtaken(id) && !self.targets(&front).iter().any(|target| target.id == name) {
            let passed = self.core.clock.now().seconds_since(begun);
            let follows = self.route(front.id).await.unwrap_or_default();
            let under_way = match self.front_status(front.id).await.filter(|_| follows) {
                Some(status) => status.targets.iter().find(|target| target.id == name).map_or(0, |target| target.in_flight),
                None if passed >= ANSWER as f64 => return,
                None => 1,
            };
            if under_way == 0 {
                return;
            }
            if passed >= DRAIN as f64 {
                tracing::info!(service = %id, under_way, "requests_cut");
                return;
            }
            tokio::time::sleep(ASK).await;
        }
    }
}

/// Whether requests can be sent to it.
fn answers(entry: &Entry) -> bool {
    let is_well = entry.spec.health.kind == CheckKind::None || entry.service.health_status == Health::Healthy;
    entry.service.status == Status::Running && is_well
}

/// The targets of groups of replicas, each with how many of 100 requests it gets: equally many for each in a group.
pub(super) fn shared(groups: Vec<(Vec<(ServiceId, SocketAddr)>, u8)>) -> Vec<Target> {
    let size = |group: &[_]| u32::try_from(group.len().max(1)).unwrap_or(u32::MAX);
    let all = groups.iter().fold(1_u32, |all, (group, _)| all.saturating_mul(size(group)));
    let of_group = |(group, share): (Vec<(ServiceId, SocketAddr)>, u8)| {
        let weight = u32::from(share).saturating_mul(all / size(&group));
        group.into_iter().map(move |(id, address)| Target { id: id.to_string(), address, weight })
    };
    groups.into_iter().flat_map(of_group).collect()
}

/// What a replica of a service is.
fn spec_of(spec: &ServiceSpec, of: ServiceId, number: u8) -> ServiceSpec {
    let source = elsewhere(spec.source.clone());
    let replica = Some(Replica { of, number });
    ServiceSpec { source, port: None, proxy_port: None, replicas: 1, beside: None, replica, ..spec.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_replica_of_a_group_gets_the_same_part_of_its_requests() {
        let at = |ports: &[u16]| -> Vec<_> {
            ports
                .iter()
                .map(|port| (ServiceId(uuid::Uuid::from_u128((*port).into())), SocketAddr::from((Ipv4Addr::LOCALHOST, *port))))
                .collect()
        };
        let weights = |groups| shared(groups).into_iter().map(|target| target.weight).collect::<Vec<_>>();
        assert_eq!(weights(vec![(at(&[1]), 100)]), [100]);
        assert_eq!(weights(vec![(at(&[1]), 95), (at(&[2]), 5)]), [95, 5]);
        assert_eq!(weights(vec![(at(&[1, 2, 3]), 100)]), [100, 100, 100]);
        assert_eq!(weights(vec![(at(&[1, 2, 3]), 90), (at(&[4, 5]), 10)]), [180, 180, 180, 30, 30]);
        assert_eq!(weights(vec![(at(&[]), 90), (at(&[4]), 10)]), [10]);
    }
}
