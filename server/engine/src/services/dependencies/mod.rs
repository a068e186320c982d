//! Which services need which: put together when somebody asks, from what is declared, what Compose and variables say, and which
//! connections are open.
//!
//! Nothing of it is computed while nobody asks. When connections were seen last is kept in memory.

mod declared;
mod directory;
mod seen;

use std::collections::{BTreeMap, HashMap};
use std::iter;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use api::{
    Caller, Dependency, DependencyEdge, DependencyGraph, DependencyNode, DependencyQuery, DependencySource, Error, NodeKind, Permission,
    Result, RuntimeKind, ServiceDetail, ServiceId, ServiceSpec, Status, Timestamp,
};

use self::directory::{Directory, Need};
use self::seen::Seen;
use super::discovery::{environment, read_environment};
use super::launch::blocking;
use super::told::Told;
use super::{Services, lock};
use crate::Entry;
use crate::references::{Reference, references};
use crate::runtime::Wiring;
use crate::user::SystemUser;

/// How old a look at variables and connections may be.
const FRESH: Duration = Duration::from_secs(2);

/// What is remembered between questions.
#[derive(Default)]
pub(super) struct Wires {
    look: tokio::sync::Mutex<Option<Arc<Look>>>,
    seen: Mutex<Seen>,
    /// Held while declarations are changed, so that two changes don't close a circle together.
    pub declaring: tokio::sync::Mutex<()>,
}

/// What one look has found.
struct Look {
    since: Instant,
    at: Timestamp,
    /// The places that the variables of processes name.
    references: HashMap<ServiceId, Vec<Reference>>,
    /// What this machine is called.
    host: String,
}

impl Services {
    pub(super) async fn list_dependencies(&self, caller: &Caller, query: DependencyQuery) -> Result<DependencyGraph> {
        caller.require(Permission::ServicesRead)?;
        let graph = self.graph().await?;
        match query.service {
            None => Ok(graph),
            Some(id) if self.core.catalog.find(id).is_some() => Ok(graph.around(id)),
            Some(id) => Err(Error::not_found("service", id)),
        }
    }

    /// A service with what it needs and what needs it, and its replicas.
    pub(super) async fn with_dependencies(&self, detail: ServiceDetail) -> Result<ServiceDetail> {
        let (id, graph) = (detail.service.id, self.graph().await?);
        let (dependencies, dependents) = (Some(graph.needs(id)), Some(graph.needed_by(id)));
        Ok(ServiceDetail { dependencies, dependents, replicas: self.replica_states(&detail), ..detail })
    }

    /// All services with what they need.
    pub(super) async fn graph(&self) -> Result<DependencyGraph> {
        let look = self.look().await?;
        let entries = self.core.catalog.by_name();
        let members = self.members(&entries);
        let directory = Directory::of(&members, &look.host);
        let mut edges: BTreeMap<(usize, Need), Vec<DependencySource>> = BTreeMap::new();
        for (n, (entry, wiring)) in members.iter().enumerate() {
            let mut add = |need: Need, source: DependencySource| {
                if need != Need::Service(entry.service.id) {
                    edges.entry((n, need)).or_default().push(source);
                }
            };
            for id in &entry.spec.depends_on {
                add(Need::Service(*id), DependencySource::Declared);
            }
            if let Some(wiring) = wiring {
                for (need, condition) in directory.composed(wiring) {
                    add(need, DependencySource::Compose { condition });
                }
            }
            let own = look.references.get(&entry.service.id);
            for reference in wiring.as_ref().map(|wiring| &wiring.references).or(own).into_iter().flatten() {
                for need in directory.named(entry, wiring.as_ref(), reference) {
                    let (variable, scheme) = (reference.variable.clone(), reference.scheme.clone());
                    add(need, DependencySource::Environment { variable, scheme });
                }
            }
            for (need, source) in lock(&self.wires.seen).of(entry.service.id) {
                add(need, source);
            }
        }
        Ok(self.drawn(&entries, edges, look.at))
    }

    /// The nodes and edges of what was found.
    fn drawn(
        &self,
        entries: &[Arc<Entry>],
        found: BTreeMap<(usize, Need), Vec<DependencySource>>,
        looked_at: Timestamp,
    ) -> DependencyGraph {
        let mut nodes: Vec<DependencyNode> = entries.iter().map(|entry| node_of(entry)).collect();
        let known: HashMap<String, usize> = nodes.iter().enumerate().map(|(n, node)| (node.id.clone(), n)).collect();
        let mut others: BTreeMap<(NodeKind, String), DependencyNode> = BTreeMap::new();
        let mut edges = Vec::with_capacity(found.len());
        for ((from, need), sources) in found {
            let is_connected = sources.iter().any(DependencySource::is_connected);
            let (to, health) = match known.get(&need.id()) {
                Some(n) => (need.id(), nodes[*n].health(is_connected)),
                None => {
                    let node = self.node_of_need(&need);
                    let health = node.health(is_connected);
                    others.entry((node.kind, node.id.clone())).or_insert(node);
                    (need.id(), health)
                }
            };
            edges.push(DependencyEdge { from: nodes[from].id.clone(), to, health, sources });
        }
        nodes.extend(others.into_values());
        let places: HashMap<&str, usize> = nodes.iter().enumerate().map(|(n, node)| (node.id.as_str(), n)).collect();
        edges.sort_by_key(|edge| (places.get(edge.from.as_str()).copied(), places.get(edge.to.as_str()).copied()));
        DependencyGraph { nodes, edges, looked_at }
    }

    fn node_of_need(&self, need: &Need) -> DependencyNode {
        let (kind, service_id, name) = match need {
            Need::Place(place) => (NodeKind::External, None, place.clone()),
            Need::Service(id) => {
                let name = lock(&self.rows).get(id).map_or_else(|| id.to_string(), |row| row.name.clone());
                (NodeKind::Missing, Some(*id), name)
            }
        };
        DependencyNode { id: need.id(), kind, service_id, name, status: None, health_status: None }
    }

    fn members<'a>(&self, entries: &'a [Arc<Entry>]) -> Vec<(&'a Entry, Option<Wiring>)> {
        let wiring = |entry: &Entry| match entry.service.runtime {
            RuntimeKind::Process => None,
            RuntimeKind::Docker => self.runtimes.wiring(entry.service.id),
        };
        entries.iter().map(|entry| (&**entry, wiring(entry))).collect()
    }

    /// Reads variables and looks at connections, unless somebody has just done so.
    async fn look(&self) -> Result<Arc<Look>> {
        let mut kept = self.wires.look.lock().await;
        if let Some(look) = kept.as_ref().filter(|look| look.since.elapsed() < FRESH) {
            return Ok(look.clone());
        }
        let entries = self.core.catalog.by_name();
        let told: Vec<_> =
            entries.iter().map(|entry| (entry.service.id, self.told(entry.service.id).ok().flatten(), entry.spec.clone())).collect();
        let (references, host) = blocking(move || (told.into_iter().map(of_variables).collect(), host_name())).await?;
        let trees = entries.iter().filter(|entry| entry.service.status == Status::Running);
        let open = self.runtimes.connections(trees.map(|entry| (entry.service.id, entry.pids.clone())).collect()).await;
        let at = self.core.clock.now();
        let look = Look { since: Instant::now(), at, references, host };
        let members = self.members(&entries);
        let directory = Directory::of(&members, &look.host);
        let to = |one: crate::runtime::Connection| (one.from, directory.connected(one.to, one.is_here));
        let is_known = |id: ServiceId| self.core.catalog.find(id).is_some();
        lock(&self.wires.seen).note(open.into_iter().map(to), at, is_known);
        Ok(kept.insert(Arc::new(look)).clone())
    }

    /// Lets the next question look anew.
    pub(super) async fn forget_look(&self) {
        *self.wires.look.lock().await = None;
    }

    /// What a service needs that doesn't run or isn't well, for a diagnosis; nothing when it can't be found out now.
    pub(super) async fn bad_needs(&self, id: ServiceId) -> Vec<Dependency> {
        let graph = self.graph().await.unwrap_or_default();
        graph.needs(id).into_iter().filter(|need| need.health.is_bad()).collect()
    }
}

fn node_of(entry: &Entry) -> DependencyNode {
    let service = &entry.service;
    DependencyNode {
        id: service.id.to_string(),
        kind: NodeKind::Service,
        service_id: Some(service.id),
        name: service.name.clone(),
        status: Some(service.status),
        health_status: Some(service.health_status),
    }
}

/// What the variables of a service name. May block.
fn of_variables((id, told, spec): (ServiceId, Option<Arc<Told>>, ServiceSpec)) -> (ServiceId, Vec<Reference>) {
    if let Some(told) = told {
        let variables = told.variables.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        return (id, references(variables));
    }
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    if let Some(folder) = spec.source.folder().map(Path::new) {
        let files = spec.environment_files.iter().map(String::as_str);
        let texts = || iter::once(".env").chain(files).filter_map(|name| read_environment(folder, name)).collect::<Vec<_>>();
        let texts = match spec.user.as_deref().map(SystemUser::choose) {
            None => texts(),
            Some(user) => user.ok().and_then(|user| user.act(texts).ok()).unwrap_or_default(),
        };
        texts.iter().for_each(|text| all.extend(environment::variables(text)));
    }
    all.extend(spec.environment);
    (id, references(all.iter().map(|(name, value)| (name.as_str(), value.as_str()))))
}

fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_ascii_lowercase()
}
