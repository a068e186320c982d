//! What the proxies in front of services have counted lately of the release that each runs, so that the next release can be compared with it.
//!
//! A proxy counts since it was started, whatever release runs behind it. Its counters are noted each half-hour, and anew with each release; so what
//! has come since the older of the last two notes is of that release alone, and of the last half-hour to hour.

use std::collections::HashMap;
use std::sync::Mutex;

use api::{ReleaseId, ServiceId, Timestamp};

use super::{Services, lock};
use crate::proxy::Status;

/// Seconds between two notes.
const EVERY: i64 = 1800;

/// The notes of each service with a proxy in front of it, at most two, older first.
#[derive(Default)]
pub(super) struct Notes(Mutex<HashMap<ServiceId, Vec<Note>>>);

/// What a proxy had counted.
#[derive(Clone, Debug)]
struct Note {
    at: Timestamp,
    /// What the service ran.
    release: Option<ReleaseId>,
    status: Status,
}

impl Notes {
    /// Forgets all that `keep` doesn't say to keep.
    pub fn retain(&self, keep: impl Fn(ServiceId) -> bool) {
        lock(&self.0).retain(|id, _| keep(*id));
    }
}

/// What a proxy has counted while a service has run the release that it runs, of the last hour at most.
#[derive(Clone, Debug)]
pub(crate) struct Lately {
    /// From when on.
    pub since: Timestamp,
    /// The counters then.
    pub then: Status,
    /// The counters now.
    pub now: Status,
}

impl Services {
    /// Notes what the proxy of a service has counted, when that is due.
    pub(super) async fn note_counted(&self, id: ServiceId) {
        let (now, release) = (self.core.clock.now(), self.runs(id));
        let is_due = {
            let mut notes = lock(&self.fronts.notes.0);
            let own = notes.entry(id).or_default();
            own.retain(|note| note.release == release);
            own.last().is_none_or(|last| now >= last.at.plus_seconds(EVERY))
        };
        if !is_due {
            return;
        }
        let Some(mut status) = self.front_status(id).await else { return };
        let own: Vec<_> = self.instances(id).iter().map(ServiceId::to_string).collect();
        // It remembers every copy that there ever was.
        status.targets.retain(|target| own.contains(&target.id));
        let mut notes = lock(&self.fronts.notes.0);
        let own = notes.entry(id).or_default();
        own.push(Note { at: now, release, status });
        if own.len() > 2 {
            own.remove(0);
        }
    }

    /// What the proxy in front of a service has counted of the release that it runs; none when it doesn't answer, or nothing has been noted yet.
    pub(crate) async fn counted_lately(&self, id: ServiceId) -> Option<Lately> {
        let release = self.runs(id);
        let first = lock(&self.fronts.notes.0).get(&id)?.first().filter(|note| note.release == release)?.clone();
        let now = self.front_status(id).await?;
        let since = if now.started_at == first.status.started_at { first.at } else { Timestamp::from_micros(now.started_at) };
        Some(Lately { since, then: first.status, now })
    }

    fn runs(&self, id: ServiceId) -> Option<ReleaseId> {
        self.pinned(id).ok().flatten().map(|pinned| pinned.release)
    }
}
