//! For how long services were up and down, gathered until the next write to the store.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use api::{Desired, ServiceId, Timestamp, UptimeHour, uptime};

use crate::Entry;

/// Seconds of each service and hour that the store doesn't have yet.
#[derive(Default)]
pub(super) struct Uptimes(Mutex<HashMap<(ServiceId, i64), UptimeHour>>);

impl Uptimes {
    /// Takes note that a service was for `seconds` what it is now.
    pub fn note(&self, entry: &Entry, seconds: u32, now: Timestamp) {
        let service = &entry.service;
        let Some(is_up) = uptime::is_up(service.status, service.health_status).filter(|_| service.desired == Desired::Running) else {
            return;
        };
        let hour = uptime::hour(now);
        let mut hours = self.lock();
        let one = hours.entry((service.id, hour)).or_insert(UptimeHour { at: uptime::begin(hour), ..UptimeHour::default() });
        let counted = if is_up { &mut one.up_seconds } else { &mut one.down_seconds };
        *counted = counted.saturating_add(seconds);
    }

    /// Takes out all that is to be stored.
    pub fn take(&self) -> Vec<(ServiceId, UptimeHour)> {
        self.lock().drain().map(|((id, _), hour)| (id, hour)).collect()
    }

    /// Puts back what could not be stored.
    pub fn put_back(&self, unstored: Vec<(ServiceId, UptimeHour)>) {
        let mut hours = self.lock();
        for (id, hour) in unstored {
            let one = hours.entry((id, uptime::hour(hour.at))).or_insert(UptimeHour { at: hour.at, ..UptimeHour::default() });
            one.up_seconds = one.up_seconds.saturating_add(hour.up_seconds);
            one.down_seconds = one.down_seconds.saturating_add(hour.down_seconds);
        }
    }

    /// Forgets a service that is deleted.
    pub fn forget(&self, id: ServiceId) {
        self.lock().retain(|(one, _), _| *one != id);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(ServiceId, i64), UptimeHour>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use api::{Health, ServiceId, Status, Timestamp};

    use super::Uptimes;
    use crate::monitoring::tests::entry;

    #[test]
    fn only_what_is_up_or_down_counts_and_what_could_not_be_stored_is_kept() {
        let uptimes = Uptimes::default();
        let mut entry = entry(ServiceId(uuid::Uuid::from_u128(1)));
        let now = Timestamp::from_micros(3_600_000_000 * 7 + 5);
        let states = [
            (Status::Running, Health::Healthy),
            (Status::Running, Health::Degraded),
            (Status::Running, Health::Unhealthy),
            (Status::Error, Health::Unknown),
            (Status::Running, Health::Unknown),
            (Status::Starting, Health::Unknown),
        ];
        for (status, health) in states {
            (entry.service.status, entry.service.health_status) = (status, health);
            uptimes.note(&entry, 5, now);
        }
        let taken = uptimes.take();
        assert_eq!(taken.iter().map(|(_, hour)| (hour.up_seconds, hour.down_seconds)).collect::<Vec<_>>(), [(10, 10)]);
        (entry.service.status, entry.service.health_status) = (Status::Running, Health::Healthy);
        uptimes.note(&entry, 5, now);
        uptimes.put_back(taken);
        assert_eq!(uptimes.take()[0].1.up_seconds, 15);
        entry.service.desired = api::Desired::Stopped;
        uptimes.note(&entry, 5, now);
        assert!(uptimes.take().is_empty());
    }
}
