//! Which connections were seen, and when last. In memory: after a restart of Pilothouse it is learnt anew.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use api::{DependencySource, PLACES_MOST, SEEN_SECONDS, ServiceId, Timestamp};

use super::directory::Need;

/// Connections by who has opened them and where they lead.
#[derive(Debug, Default)]
pub(super) struct Seen(BTreeMap<(ServiceId, Need), Sight>);

#[derive(Clone, Copy, Debug)]
struct Sight {
    open: u32,
    last: Timestamp,
}

impl Seen {
    /// Notes what one look has found. What services had that aren't known any more is forgotten, and so is what was last seen a day ago, and
    /// of the places that aren't services all but the most used.
    pub fn note(&mut self, open: impl IntoIterator<Item = (ServiceId, Need)>, now: Timestamp, is_known: impl Fn(ServiceId) -> bool) {
        for sight in self.0.values_mut() {
            sight.open = 0;
        }
        for key in open {
            let sight = self.0.entry(key).or_insert(Sight { open: 0, last: now });
            sight.open += 1;
            sight.last = now;
        }
        self.0.retain(|(from, need), sight| {
            let is_there = is_known(*from) && !matches!(need, Need::Service(id) if !is_known(*id));
            is_there && now.seconds_since(sight.last) < SEEN_SECONDS as f64
        });
        let mut places: BTreeMap<ServiceId, Vec<_>> = BTreeMap::new();
        for ((from, need), sight) in self.0.iter().filter(|((_, need), _)| matches!(need, Need::Place(_))) {
            let used = Reverse((sight.open, sight.last.micros()));
            places.entry(*from).or_default().push((used, need.clone()));
        }
        for (from, mut all) in places {
            all.sort();
            for (_, need) in all.into_iter().skip(PLACES_MOST) {
                self.0.remove(&(from, need));
            }
        }
    }

    /// What was seen of one service.
    pub fn of(&self, from: ServiceId) -> Vec<(Need, DependencySource)> {
        let of_it = self.0.iter().filter(|((one, _), _)| *one == from);
        of_it.map(|((_, need), sight)| (need.clone(), DependencySource::Connections { open: sight.open, last_seen: sight.last })).collect()
    }
}

#[cfg(test)]
mod tests {
    use api::{DependencySource, PLACES_MOST, ServiceId, Timestamp};

    use super::{Need, Seen};

    const NOW: Timestamp = Timestamp::from_micros(1_000_000_000);

    fn id(n: u128) -> ServiceId {
        ServiceId(uuid::Uuid::from_u128(n))
    }

    fn open(seen: &Seen) -> Vec<(String, u32, i64)> {
        let told = seen.of(id(1)).into_iter().filter_map(|(need, source)| match source {
            DependencySource::Connections { open, last_seen } => Some((need.id(), open, NOW.seconds() - last_seen.seconds())),
            _ => None,
        });
        told.collect()
    }

    #[test]
    fn what_is_closed_is_remembered_with_its_time_for_a_day() {
        let (mut seen, db) = (Seen::default(), || Need::Service(id(2)));
        seen.note([(id(1), db()), (id(1), db()), (id(3), db())], NOW, |_| true);
        assert_eq!(open(&seen), [(id(2).to_string(), 2, 0)]);
        seen.note([], NOW.plus_seconds(86_000), |_| true);
        assert_eq!(open(&seen), [(id(2).to_string(), 0, 0)]);
        seen.note([], NOW.plus_seconds(86_400), |_| true);
        assert_eq!(open(&seen), []);
    }

    #[test]
    fn what_is_deleted_is_forgotten_at_both_ends() {
        let mut seen = Seen::default();
        seen.note([(id(1), Need::Service(id(2))), (id(3), Need::Service(id(1)))], NOW, |_| true);
        seen.note([], NOW, |one| one != id(2));
        assert_eq!(open(&seen), []);
        assert_eq!(seen.of(id(3)).len(), 1);
        seen.note([], NOW, |one| one != id(3));
        assert_eq!(seen.of(id(3)).len(), 0);
    }

    #[test]
    fn of_many_places_the_most_used_are_kept_and_no_service_is_lost_to_them() {
        let (mut seen, place) = (Seen::default(), |n: usize| (id(1), Need::Place(format!("10.0.0.{n}:443"))));
        seen.note((0..90).map(place).chain([(id(1), Need::Service(id(2))), place(89), place(89)]), NOW, |_| true);
        let told = open(&seen);
        assert_eq!(told.len(), PLACES_MOST + 1);
        assert!(told.contains(&("10.0.0.89:443".into(), 3, 0)) && told.contains(&(id(2).to_string(), 1, 0)));
    }
}
