//! What services use: one look at `/proc` for all of them.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use api::{ResourceUsage, ServiceId};

use super::procfs::{Kin, Snapshot, snapshot};
use super::sockets::{listening, of_process};
use crate::runtime::Stats;

/// How old a look may be.
const FRESH: Duration = Duration::from_secs(1);
/// How often the ports of a tree are looked for when it stays the same.
const PORTS_EVERY: Duration = Duration::from_secs(60);
/// How often, while none is known and the tree is younger than [`PORTS_EVERY`].
const PORTS_SOON: Duration = Duration::from_secs(2);

/// Measures services. All calls within a second share one look.
pub struct Sampler {
    since: Instant,
    look: tokio::sync::Mutex<Option<Arc<Look>>>,
    trees: Mutex<HashMap<ServiceId, Tree>>,
}

struct Look {
    at: Instant,
    processes: Snapshot,
    /// Listening sockets: inode and port.
    listening: OnceLock<HashMap<u64, u16>>,
}

/// What was seen of a service before.
struct Tree {
    at: Instant,
    ticks: u64,
    cpu_percent: Option<f64>,
    pids: Vec<u32>,
    ports: Vec<u16>,
    pids_since: Instant,
    ports_at: Instant,
}

impl Default for Sampler {
    fn default() -> Self {
        Self { since: Instant::now(), look: tokio::sync::Mutex::default(), trees: Mutex::default() }
    }
}

impl Sampler {
    /// What the processes of a service use; none when there are none.
    pub async fn stats(self: &Arc<Self>, id: ServiceId, kin: Kin) -> api::Result<Option<Stats>> {
        let look = self.look().await?;
        let processes = kin.members(&look.processes);
        if processes.is_empty() {
            self.forget(id);
            return Ok(None);
        }
        let pids: Vec<u32> = processes.iter().map(|process| process.id.pid).collect();
        let resident: u64 = processes.iter().map(|process| process.resident_pages).sum();
        let ticks = processes.iter().map(|process| process.ticks).sum();
        let ports = if self.wants_ports(id, &pids, look.at) {
            let (look, pids) = (look.clone(), pids.clone());
            Some(super::blocking(move || Ok(ports(&look, &pids))).await?)
        } else {
            None
        };
        let (cpu_percent, listening_ports) = self.note(id, look.at, ticks, &pids, ports);
        let memory_bytes = Some(resident * rustix::param::page_size() as u64);
        Ok(Some(Stats { usage: ResourceUsage { cpu_percent, memory_bytes, ..ResourceUsage::default() }, pids, listening_ports }))
    }

    /// Forgets what was seen of a service.
    pub fn forget(&self, id: ServiceId) {
        self.trees().remove(&id);
    }

    async fn look(&self) -> api::Result<Arc<Look>> {
        let mut look = self.look.lock().await;
        if let Some(look) = look.as_ref().filter(|look| look.at.elapsed() < FRESH) {
            return Ok(look.clone());
        }
        let new = super::blocking(|| Ok(Look { at: Instant::now(), processes: snapshot(), listening: OnceLock::new() })).await?;
        Ok(look.insert(Arc::new(new)).clone())
    }

    fn wants_ports(&self, id: ServiceId, pids: &[u32], now: Instant) -> bool {
        self.trees().get(&id).is_none_or(|tree| {
            let age = now.saturating_duration_since(tree.ports_at);
            let is_young = now.saturating_duration_since(tree.pids_since) < PORTS_EVERY;
            // In the same look for all trees that stay the same: it is the kernel's table of all sockets that costs.
            let is_old = self.ports_round(now) != self.ports_round(tree.ports_at);
            tree.pids != pids || is_old || tree.ports.is_empty() && is_young && age >= PORTS_SOON
        })
    }

    fn ports_round(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.since).as_secs() / PORTS_EVERY.as_secs()
    }

    fn note(&self, id: ServiceId, at: Instant, ticks: u64, pids: &[u32], ports: Option<Vec<u16>>) -> (Option<f64>, Vec<u16>) {
        let mut trees = self.trees();
        let tree = trees.entry(id).or_insert_with(|| Tree {
            at,
            ticks,
            cpu_percent: None,
            pids: Vec::new(),
            ports: Vec::new(),
            pids_since: at,
            ports_at: at,
        });
        let seconds = at.saturating_duration_since(tree.at).as_secs_f64();
        if seconds > 0.0 {
            // Children that were collected by others take their ticks with them.
            let used = ticks.saturating_sub(tree.ticks) as f64 / rustix::param::clock_ticks_per_second() as f64;
            tree.cpu_percent = Some(used / seconds * 100.0);
            (tree.at, tree.ticks) = (at, ticks);
        }
        if tree.pids != pids {
            (tree.pids, tree.pids_since) = (pids.to_vec(), at);
        }
        if let Some(ports) = ports {
            (tree.ports, tree.ports_at) = (ports, at);
        }
        (tree.cpu_percent, tree.ports.clone())
    }

    fn trees(&self) -> std::sync::MutexGuard<'_, HashMap<ServiceId, Tree>> {
        self.trees.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The TCP ports that these processes listen on.
fn ports(look: &Look, pids: &[u32]) -> Vec<u16> {
    let listening = look.listening.get_or_init(listening);
    let ports: BTreeSet<u16> = pids.iter().flat_map(|pid| of_process(*pid, listening)).map(|(_, port)| port).collect();
    ports.into_iter().collect()
}
