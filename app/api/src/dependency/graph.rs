//! All services with what they need.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::{Dependency, DependencySource, NodeKind};
use crate::{DependencyHealth, Health, ServiceId, Status, Timestamp};

/// Which part of the graph is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(default)]
pub struct DependencyQuery {
    /// Only this service, what it needs and what needs it, directly or by others.
    pub service: Option<ServiceId>,
}

/// All services with what they need.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DependencyGraph {
    /// Services by name, then what else they need.
    pub nodes: Vec<DependencyNode>,
    /// Who needs what, in the order of the nodes.
    pub edges: Vec<DependencyEdge>,
    /// When connections were looked at.
    pub looked_at: Timestamp,
}

/// A service, or something else that one needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DependencyNode {
    /// What edges call it: the id of a service, or `host:port`.
    pub id: String,
    /// What it is.
    pub kind: NodeKind,
    /// The service; none for what isn't one.
    pub service_id: Option<ServiceId>,
    /// Its name; `host:port` of what isn't a service.
    pub name: String,
    /// What it is doing, when it is a service.
    pub status: Option<Status>,
    /// Whether it answers its health check, when it is a service.
    pub health_status: Option<Health>,
}

/// That a service needs something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DependencyEdge {
    /// The node that needs the other.
    pub from: String,
    /// The node that is needed.
    pub to: String,
    /// How what is needed is.
    pub health: DependencyHealth,
    /// What says so: what was meant before what was seen.
    pub sources: Vec<DependencySource>,
}

impl DependencyNode {
    /// How it is for those that need it; `is_connected` when they have connections to it.
    pub fn health(&self, is_connected: bool) -> DependencyHealth {
        let state = self.status.map(|status| (status, self.health_status.unwrap_or(Health::Unknown)));
        DependencyHealth::of(self.kind, state, is_connected)
    }
}

impl DependencyEdge {
    /// Whether connections are open now.
    pub fn is_connected(&self) -> bool {
        self.sources.iter().any(DependencySource::is_connected)
    }
}

impl DependencyGraph {
    /// What a service needs.
    pub fn needs(&self, id: ServiceId) -> Vec<Dependency> {
        let id = id.to_string();
        self.listed(self.edges.iter().filter(|edge| edge.from == id).map(|edge| (edge, &edge.to)))
    }

    /// What needs a service.
    pub fn needed_by(&self, id: ServiceId) -> Vec<Dependency> {
        let id = id.to_string();
        self.listed(self.edges.iter().filter(|edge| edge.to == id).map(|edge| (edge, &edge.from)))
    }

    /// What its services do.
    pub fn states(&self) -> impl Iterator<Item = (ServiceId, Option<Status>, Option<Health>)> {
        self.nodes.iter().filter_map(|node| Some((node.service_id?, node.status, node.health_status)))
    }

    /// What there is of nodes and edges, whatever they do and whenever they were seen: drawings with the same outline look the same.
    pub fn outline(&self) -> Vec<(String, Vec<DependencySource>)> {
        let plain = |source: &DependencySource| match source {
            DependencySource::Connections { open, .. } => {
                DependencySource::Connections { open: (*open).min(1), last_seen: Timestamp::default() }
            }
            source => source.clone(),
        };
        let nodes = self.nodes.iter().map(|node| (format!("{} {}", node.id, node.name), Vec::new()));
        let edges = self.edges.iter().map(|edge| (format!("{} {}", edge.from, edge.to), edge.sources.iter().map(plain).collect()));
        nodes.chain(edges).collect()
    }

    /// The part of one service: what it needs and what needs it, directly or by others. Empty when there is no such service.
    pub fn around(&self, id: ServiceId) -> Self {
        let id = id.to_string();
        let mut kept: HashSet<&str> = self.nodes.iter().filter(|node| node.id == id).map(|node| node.id.as_str()).collect();
        let start = kept.clone();
        let (mut needs, mut needed_by) = (HashMap::<&str, Vec<&str>>::new(), HashMap::<&str, Vec<&str>>::new());
        for edge in &self.edges {
            needs.entry(&edge.from).or_default().push(&edge.to);
            needed_by.entry(&edge.to).or_default().push(&edge.from);
        }
        for next in [needs, needed_by] {
            let (mut reached, mut waiting) = (start.clone(), Vec::from_iter(start.iter().copied()));
            while let Some(node) = waiting.pop() {
                waiting.extend(next.get(node).into_iter().flatten().copied().filter(|other| reached.insert(*other)));
            }
            kept.extend(reached);
        }
        let nodes = self.nodes.iter().filter(|node| kept.contains(node.id.as_str())).cloned().collect();
        let is_kept = |edge: &&DependencyEdge| kept.contains(edge.from.as_str()) && kept.contains(edge.to.as_str());
        Self { nodes, edges: self.edges.iter().filter(is_kept).cloned().collect(), looked_at: self.looked_at }
    }

    fn listed<'a>(&'a self, ends: impl Iterator<Item = (&'a DependencyEdge, &'a String)>) -> Vec<Dependency> {
        let listed = ends.filter_map(|(edge, other)| {
            let node = self.nodes.iter().find(|node| node.id == *other)?;
            Some(Dependency {
                kind: node.kind,
                service_id: node.service_id,
                name: node.name.clone(),
                status: node.status,
                health_status: node.health_status,
                health: edge.health,
                sources: edge.sources.clone(),
            })
        });
        listed.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{DependencyEdge, DependencyGraph, DependencyNode};
    use crate::{DependencyHealth, DependencySource, Health, NodeKind, ServiceId, Status};

    fn id(n: u128) -> ServiceId {
        ServiceId(uuid::Uuid::from_u128(n))
    }

    fn graph(count: u128, edges: &[(u128, u128)]) -> DependencyGraph {
        let node = |n: u128| DependencyNode {
            id: id(n).to_string(),
            kind: NodeKind::Service,
            service_id: Some(id(n)),
            name: format!("s{n}"),
            status: Some(Status::Running),
            health_status: Some(Health::Healthy),
        };
        let edge = |(from, to): &(u128, u128)| DependencyEdge {
            from: id(*from).to_string(),
            to: id(*to).to_string(),
            health: DependencyHealth::Healthy,
            sources: vec![DependencySource::Declared],
        };
        DependencyGraph { nodes: (0..count).map(node).collect(), edges: edges.iter().map(edge).collect(), ..Default::default() }
    }

    fn names(graph: &DependencyGraph) -> Vec<&str> {
        graph.nodes.iter().map(|node| node.name.as_str()).collect()
    }

    #[test]
    fn the_part_of_a_service_is_what_it_needs_and_what_needs_it_and_not_what_else_needs_that() {
        // 0 → 1 → 2 → 3 in a circle to 2; 4 → 2; 5 alone.
        let whole = graph(6, &[(0, 1), (1, 2), (2, 3), (3, 2), (4, 2)]);
        let part = whole.around(id(1));
        assert_eq!((names(&part), part.edges.len()), (vec!["s0", "s1", "s2", "s3"], 4));
        assert_eq!(names(&whole.around(id(5))), ["s5"]);
        assert!(whole.around(id(9)).nodes.is_empty());
        let needs: Vec<_> = whole.needs(id(1)).into_iter().map(|one| one.name).collect();
        let needed_by: Vec<_> = whole.needed_by(id(2)).into_iter().map(|one| one.name).collect();
        assert_eq!((needs, needed_by), (vec!["s2".to_owned()], ["s1", "s3", "s4"].map(String::from).to_vec()));
    }
}
