//! What may be declared to be needed.

use std::collections::{HashMap, HashSet};

use api::{DEPENDENCIES_MOST, Detail, Error, Result, ServiceId};

use crate::services::{Services, lock};

impl Services {
    /// What a service is declared to need, each once. `before` is what it was until now: what has been deleted may stay in it. Fails with
    /// `validation_failed`, saying which can't be and why: the service itself, one that isn't there, one that needs it.
    pub(in crate::services) fn declared(
        &self,
        id: Option<ServiceId>,
        wanted: &[ServiceId],
        before: &[ServiceId],
    ) -> Result<Vec<ServiceId>> {
        if wanted.len() > DEPENDENCIES_MOST {
            return Err(Error::invalid("/depends_on", format!("a service has at most {DEPENDENCIES_MOST} declared dependencies")));
        }
        let rows = lock(&self.rows);
        let known: HashMap<ServiceId, (&str, &[ServiceId])> = (rows.values().filter(|row| !row.is_deleted))
            .map(|row| (row.id, (row.name.as_str(), row.spec.depends_on.as_slice())))
            .collect();
        let (mut faults, mut all) = (Vec::new(), Vec::new());
        for (n, needed) in wanted.iter().enumerate() {
            let wrong = match known.get(needed) {
                _ if Some(*needed) == id => Some("a service can't depend on itself".to_owned()),
                None if before.contains(needed) => None,
                None => Some(Error::not_found("service", needed).message),
                Some((name, _)) => id.and_then(|id| way(&known, *needed, id)).map(|way| {
                    let way = way.iter().filter_map(|id| known.get(id)).map(|(name, _)| *name).collect::<Vec<_>>().join(" → ");
                    format!("'{name}' depends on it already, which would be a circle: {way}; take out one of these first")
                }),
            };
            match wrong {
                Some(message) => faults.push(Detail { field: format!("/depends_on/{n}"), message }),
                None if !all.contains(needed) => all.push(*needed),
                None => {}
            }
        }
        Error::invalid_fields(faults)?;
        Ok(all)
    }
}

/// The shortest way of declarations from one service to another, both ends with it.
fn way(known: &HashMap<ServiceId, (&str, &[ServiceId])>, from: ServiceId, to: ServiceId) -> Option<Vec<ServiceId>> {
    let (mut ways, mut seen) = (std::collections::VecDeque::from([vec![from]]), HashSet::from([from]));
    while let Some(way) = ways.pop_front() {
        let at = way[way.len() - 1];
        if at == to {
            return Some(way);
        }
        let next = known.get(&at).map_or(&[][..], |(_, needs)| needs);
        for id in next.iter().filter(|id| seen.insert(**id)) {
            ways.push_back(way.iter().copied().chain([*id]).collect());
        }
    }
    None
}
