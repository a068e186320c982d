//! What is counted of requests: atomics for each target, so that no request waits for another one or for who asks.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::StatusCode;

use super::{BUCKETS, TargetStatus, latency_bucket};

/// How many targets are remembered that have left the routes, with those that are in them.
const MOST: usize = 1000;

/// The counters of one target, by its id.
pub struct Counters {
    requests: AtomicU64,
    errors: AtomicU64,
    in_flight: AtomicU64,
    latency: [AtomicU64; BUCKETS],
}

impl Counters {
    fn new() -> Self {
        let zero = || AtomicU64::new(0);
        Self { requests: zero(), errors: zero(), in_flight: zero(), latency: std::array::from_fn(|_| zero()) }
    }

    /// Counts a request as under way until the answer of this is dropped.
    pub fn begin(self: &Arc<Self>) -> Flight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        Flight(self.clone())
    }

    /// Counts a request that got no answer.
    pub fn failed(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.errors.fetch_add(1, Ordering::Relaxed);
    }

    fn status(&self, id: &str) -> TargetStatus {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut latency: Vec<u64> = self.latency.iter().map(read).collect();
        latency.truncate(latency.iter().rposition(|count| *count > 0).map_or(0, |last| last + 1));
        let (requests, errors, in_flight) = (read(&self.requests), read(&self.errors), read(&self.in_flight));
        TargetStatus { id: id.into(), requests, errors, in_flight, latency }
    }
}

/// A request that is under way.
pub struct Flight(Arc<Counters>);

impl Flight {
    /// Counts that the head of the answer came after so long.
    pub fn answered(&self, status: StatusCode, took: Duration) {
        self.0.requests.fetch_add(1, Ordering::Relaxed);
        self.0.errors.fetch_add(u64::from(status.is_server_error()), Ordering::Relaxed);
        self.0.latency[latency_bucket(took.as_secs_f64() * 1000.0)].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts that the answer couldn't be passed on.
    pub fn spoiled(&self) {
        self.0.errors.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts that no answer came.
    pub fn failed(&self) {
        self.0.failed();
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The counters of all targets there have been, in the order in which they came.
#[derive(Default)]
pub struct Ledger(Mutex<Vec<(String, Arc<Counters>)>>);

impl Ledger {
    /// The counters of each of these targets, which go on where they were. When there are too many, the oldest that is none of these is forgotten.
    pub fn of(&self, ids: &[&str]) -> Vec<Arc<Counters>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut counters = Vec::with_capacity(ids.len());
        for id in ids {
            let own = known.iter().find(|(other, _)| other == id).map(|(_, counters)| counters.clone());
            counters.push(own.unwrap_or_else(|| {
                let fresh = Arc::new(Counters::new());
                known.push(((*id).to_owned(), fresh.clone()));
                fresh
            }));
        }
        while known.len() > MOST {
            let Some(oldest) = known.iter().position(|(id, _)| !ids.contains(&id.as_str())) else { break };
            known.remove(oldest);
        }
        counters
    }

    /// What has come so far.
    pub fn statuses(&self) -> Vec<TargetStatus> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().map(|(id, counters)| counters.status(id)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_go_on_when_a_target_comes_back_and_the_oldest_are_forgotten() {
        let ledger = Ledger::default();
        let flight = ledger.of(&["a"])[0].begin();
        flight.answered(StatusCode::OK, Duration::from_millis(1));
        flight.answered(StatusCode::BAD_GATEWAY, Duration::from_secs(3600 * 24 * 365));
        let status = ledger.statuses().remove(0);
        assert_eq!((status.requests, status.errors, status.in_flight), (2, 1, 1));
        assert_eq!((status.latency.len(), status.latency.iter().sum::<u64>()), (BUCKETS, 2));
        drop(flight);
        for number in 0..MOST - 2 {
            ledger.of(&["b", &format!("c{number}")]);
        }
        assert_eq!(ledger.statuses().len(), MOST);
        ledger.of(&["a"])[0].failed();
        assert_eq!(ledger.statuses()[0], TargetStatus { requests: 3, errors: 2, in_flight: 0, ..status }, "it was never away");
        ledger.of(&["a", "d"]);
        let ids: Vec<_> = ledger.statuses().into_iter().map(|status| status.id).collect();
        assert_eq!(
            (ids.len(), &*ids[0], &*ids[1], &*ids[MOST - 1]),
            (MOST, "a", "c0", "d"),
            "the oldest that is out of the routes is forgotten"
        );
    }
}
