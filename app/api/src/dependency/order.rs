//! In which order services that need one another are moved.

use std::collections::{BTreeSet, HashMap};

use super::{DependencyGraph, DependencySource};
use crate::{Action, ServiceId};

/// When the turn of one of many services comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The service.
    pub id: ServiceId,
    /// The step that it is in, from 1: those of one step are moved together.
    pub step: u32,
    /// Those that are moved before it.
    pub after: Vec<ServiceId>,
}

impl DependencyGraph {
    /// In which order these services are moved, the first step first: what others need is started and restarted before them, and stopped after
    /// them. Where they need one another in a circle it is broken where least says so (first what was only seen, then variables, then
    /// Compose, then declarations), and of several at the first in the order given.
    pub fn turns(&self, ids: &[ServiceId], action: Action) -> Vec<Turn> {
        let needs = self.needs_among(ids);
        let begun = steps(&needs);
        let mut before = vec![Vec::new(); ids.len()];
        for (n, all) in needs.iter().enumerate() {
            for (needed, strength) in all.iter().filter(|(needed, _)| begun[*needed] < begun[n]) {
                let (first, later) = if action == Action::Stop { (n, *needed) } else { (*needed, n) };
                before[later].push((first, *strength));
            }
        }
        let steps = steps(&before);
        let turn = |(n, id): (usize, &ServiceId)| {
            let after: BTreeSet<usize> = before[n].iter().map(|(first, _)| *first).collect();
            Turn { id: *id, step: steps[n], after: after.into_iter().map(|n| ids[n]).collect() }
        };
        let mut turns: Vec<Turn> = ids.iter().enumerate().map(turn).collect();
        turns.sort_by_key(|turn| turn.step);
        turns
    }

    /// For each of them which others it needs, and how surely, by their places in `ids`.
    fn needs_among(&self, ids: &[ServiceId]) -> Vec<Vec<(usize, u8)>> {
        let texts: Vec<String> = ids.iter().map(ServiceId::to_string).collect();
        let places: HashMap<&str, usize> = texts.iter().enumerate().map(|(n, id)| (id.as_str(), n)).collect();
        let mut needs = vec![Vec::new(); ids.len()];
        for edge in &self.edges {
            let (Some(from), Some(to)) = (places.get(edge.from.as_str()), places.get(edge.to.as_str())) else { continue };
            let strength = edge.sources.iter().map(DependencySource::strength).max().unwrap_or_default();
            if from != to {
                needs[*from].push((*to, strength));
            }
        }
        needs
    }
}

impl DependencySource {
    /// How much it says, the least first: what was only seen, a variable, Compose, a declaration.
    const fn strength(&self) -> u8 {
        match self {
            Self::Connections { .. } => 0,
            Self::Environment { .. } => 1,
            Self::Compose { .. } => 2,
            Self::Declared => 3,
        }
    }
}

/// The step of each, from 1: one more than that of what it needs.
fn steps(needs: &[Vec<(usize, u8)>]) -> Vec<u32> {
    let mut steps = vec![0; needs.len()];
    let mut left: Vec<usize> = (0..needs.len()).collect();
    for step in 1.. {
        if left.is_empty() {
            break;
        }
        let mut ready: Vec<usize> = left.iter().copied().filter(|n| needs[*n].iter().all(|(needed, _)| steps[*needed] > 0)).collect();
        if ready.is_empty() {
            ready.extend(weakest(needs, &steps, left[0]));
        }
        for n in ready {
            steps[n] = step;
        }
        left.retain(|n| steps[*n] == 0);
    }
    steps
}

/// Of a circle that needs nothing outside of itself, and that `start` leads to, the one that is begun with.
fn weakest(needs: &[Vec<(usize, u8)>], steps: &[u32], start: usize) -> Option<usize> {
    let reach = |from: usize| {
        let (mut reached, mut waiting) = (BTreeSet::new(), vec![from]);
        while let Some(n) = waiting.pop() {
            for (needed, _) in &needs[n] {
                if steps[*needed] == 0 && reached.insert(*needed) {
                    waiting.push(*needed);
                }
            }
        }
        reached
    };
    let mut at = start;
    let circle = loop {
        let reached = reach(at);
        match reached.iter().copied().find(|other| !reach(*other).contains(&at)) {
            Some(deeper) => at = deeper,
            None => break reached,
        }
    };
    let sureness = |n: &usize| needs[*n].iter().filter(|(needed, _)| steps[*needed] == 0).map(|(_, strength)| *strength).max();
    circle.into_iter().min_by_key(|n| (sureness(n), *n))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::steps;
    use crate::{Action, DependencyEdge, DependencyGraph, DependencyHealth, DependencySource, ServiceId};

    fn id(n: usize) -> ServiceId {
        ServiceId(uuid::Uuid::from_u128(n as u128 + 1))
    }

    fn graph(edges: &[(usize, usize, DependencySource)]) -> DependencyGraph {
        let edge = |(from, to, source): &(usize, usize, DependencySource)| DependencyEdge {
            from: id(*from).to_string(),
            to: id(*to).to_string(),
            health: DependencyHealth::Unknown,
            sources: vec![source.clone()],
        };
        DependencyGraph { edges: edges.iter().map(edge).collect(), ..DependencyGraph::default() }
    }

    fn variable() -> DependencySource {
        DependencySource::Environment { variable: "URL".into(), scheme: None }
    }

    fn turns(graph: &DependencyGraph, count: usize, action: Action) -> Vec<(usize, u32, Vec<usize>)> {
        let ids: Vec<_> = (0..count).map(id).collect();
        let place = |id: ServiceId| ids.iter().position(|one| *one == id).unwrap();
        let turns = graph.turns(&ids, action).into_iter();
        turns.map(|turn| (place(turn.id), turn.step, turn.after.into_iter().map(place).collect())).collect()
    }

    #[test]
    fn what_is_needed_is_started_first_and_stopped_last() {
        // 0 needs 1 and 2, 1 needs 2, 3 needs nothing, 4 isn't among them.
        let graph = graph(&[(0, 1, DependencySource::Declared), (1, 2, variable()), (0, 2, variable()), (0, 4, variable())]);
        let started = turns(&graph, 4, Action::Start);
        assert_eq!(started, [(2, 1, vec![]), (3, 1, vec![]), (1, 2, vec![2]), (0, 3, vec![1, 2])]);
        assert_eq!(turns(&graph, 4, Action::Restart), started);
        assert_eq!(turns(&graph, 4, Action::Stop), [(0, 1, vec![]), (3, 1, vec![]), (1, 2, vec![0]), (2, 3, vec![0, 1])]);
    }

    #[test]
    fn a_circle_is_broken_where_least_says_so() {
        let seen = DependencySource::Connections { open: 1, last_seen: Default::default() };
        // 0 → 1 → 2 → 0, of which 1 → 2 was only seen; 3 needs the circle and isn't in it.
        let circle = graph(&[(0, 1, DependencySource::Declared), (1, 2, seen.clone()), (2, 0, variable()), (3, 0, seen)]);
        assert_eq!(turns(&circle, 4, Action::Start), [(1, 1, vec![]), (0, 2, vec![1]), (2, 3, vec![0]), (3, 3, vec![0])]);
        let equal = graph(&[(0, 1, variable()), (1, 0, variable()), (1, 1, variable())]);
        assert_eq!(turns(&equal, 2, Action::Start), [(0, 1, vec![]), (1, 2, vec![0])]);
    }

    proptest! {
        #[test]
        fn every_service_has_a_turn_and_only_a_circle_lets_one_be_before_what_it_needs(
            edges in proptest::collection::vec((0_usize..12, 0_usize..12, 0_u8..4), 0..40)
        ) {
            let mut needs = vec![Vec::new(); 12];
            for (from, to, strength) in edges.into_iter().filter(|(from, to, _)| from != to) {
                needs[from].push((to, strength));
            }
            let steps = steps(&needs);
            prop_assert!(steps.iter().all(|step| *step > 0));
            let acyclic: Vec<Vec<(usize, u8)>> =
                needs.iter().enumerate().map(|(n, all)| all.iter().copied().filter(|(to, _)| *to < n).collect()).collect();
            let steps = super::steps(&acyclic);
            for (n, all) in acyclic.iter().enumerate() {
                prop_assert!(all.iter().all(|(to, _)| steps[*to] < steps[n]));
            }
        }
    }
}
