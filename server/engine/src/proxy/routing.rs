//! Where requests go: the routes, and whose turn it is.

use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use super::program::say;
use super::stats::Ledger;
use super::upstream::Upstream;
use super::{ROUTES, Routes, Status};
use crate::Clock;

/// The most targets.
const MOST_TARGETS: usize = 100;
/// The longest id of one.
const ID_BYTES: usize = 200;
/// The most bytes of the file.
const FILE_BYTES: u64 = 1 << 20;

/// What the proxy follows, and what it has counted.
pub struct Router {
    table: watch::Sender<Arc<Table>>,
    ledger: Ledger,
    started_at: i64,
    /// Requests that no target could be found for.
    pub unrouted: AtomicU64,
}

/// Routes, with the connections of their targets.
#[derive(Default)]
pub struct Table {
    routes: Routes,
    upstreams: Vec<Arc<Upstream>>,
    /// How far each target is in [smooth weighted round robin](Table::choose).
    turns: Mutex<Vec<i64>>,
}

impl Router {
    /// One without routes.
    pub fn new() -> Self {
        let (ledger, unrouted) = Default::default();
        Self { table: watch::Sender::default(), ledger, started_at: Clock::System.now().micros(), unrouted }
    }

    /// Follows the routes in that folder from now on.
    ///
    /// # Errors
    /// With words for people when they can't be read or make no sense; it follows what it has followed then.
    pub fn reload(&self, folder: &Path) -> Result<(), String> {
        let routes = read(folder)?;
        if routes != self.table.borrow().routes {
            self.follow(routes);
        }
        Ok(())
    }

    /// Follows these.
    pub fn follow(&self, routes: Routes) {
        say(&in_words(&routes));
        let counters = self.ledger.of(&routes.targets.iter().map(|target| target.id.as_str()).collect::<Vec<_>>());
        let former = self.table.borrow().clone();
        let upstreams = routes.targets.iter().zip(counters).map(|(target, counters)| {
            let same = former.upstreams.iter().find(|upstream| upstream.id == target.id && upstream.address == target.address);
            same.cloned().unwrap_or_else(|| Upstream::new(target.id.clone(), target.address, counters))
        });
        let upstreams: Vec<_> = upstreams.collect();
        for upstream in &former.upstreams {
            if !upstreams.iter().any(|other| Arc::ptr_eq(upstream, other)) {
                upstream.retire();
            }
        }
        let turns = Mutex::new(vec![0; upstreams.len()]);
        self.table.send_replace(Arc::new(Table { routes, upstreams, turns }));
    }

    /// The routes, and what they will be.
    pub fn watch(&self) -> watch::Receiver<Arc<Table>> {
        self.table.subscribe()
    }

    /// What it does, and what has come.
    pub fn status(&self) -> Status {
        let unrouted = self.unrouted.load(std::sync::atomic::Ordering::Relaxed);
        let revision = self.table.borrow().routes.revision;
        Status { revision, started_at: self.started_at, unrouted, targets: self.ledger.statuses() }
    }
}

impl Table {
    /// The name of the service.
    pub fn service(&self) -> &str {
        if self.routes.service.is_empty() { "the service" } else { &self.routes.service }
    }

    /// The targets for a request, the one whose turn it is first, then the others that get requests, then those that get none.
    pub fn order(&self) -> impl Iterator<Item = &Arc<Upstream>> {
        let chosen = self.choose();
        let others = |is_weighted: bool| {
            let weighted = self.routes.targets.iter().enumerate();
            weighted.filter(move |(at, target)| Some(*at) != chosen && (target.weight > 0) == is_weighted).map(|(at, _)| at)
        };
        chosen.into_iter().chain(others(true)).chain(others(false)).map(|at| &self.upstreams[at])
    }

    /// Whose turn it is, by smooth weighted round robin: each gains its weight, the one that is furthest is chosen and loses the sum of all. Of any
    /// as many requests in a row as that sum each target gets exactly its weight, and they are spread evenly.
    fn choose(&self) -> Option<usize> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut sum, mut chosen) = (0, None);
        for (at, target) in self.routes.targets.iter().enumerate().filter(|(_, target)| target.weight > 0) {
            let weight = i64::from(target.weight);
            sum += weight;
            turns[at] += weight;
            if chosen.is_none_or(|best: usize| turns[at] > turns[best]) {
                chosen = Some(at);
            }
        }
        if let Some(at) = chosen {
            turns[at] -= sum;
        }
        chosen
    }
}

fn read(folder: &Path) -> Result<Routes, String> {
    let path = folder.join(ROUTES);
    let failed = |error: &dyn std::fmt::Display| format!("{} can't be used: {error}", path.display());
    let length = std::fs::metadata(&path).map_err(|error| failed(&error))?.len();
    if length > FILE_BYTES {
        return Err(failed(&"it is larger than 1 MiB"));
    }
    let routes: Routes = std::fs::read(&path).map_err(|error| failed(&error)).and_then(|json| {
        // An answer to Pilothouse has what is wrong.
        serde_json::from_slice(&json).map_err(|error| failed(&error))
    })?;
    check(&routes).map_err(|fault| failed(&fault))?;
    Ok(routes)
}

fn check(routes: &Routes) -> Result<(), String> {
    let mut ids = HashSet::new();
    if routes.targets.len() > MOST_TARGETS {
        return Err(format!("it has more than {MOST_TARGETS} targets"));
    }
    for target in &routes.targets {
        if target.id.is_empty() || target.id.len() > ID_BYTES {
            return Err(format!("the id of a target has 1 to {ID_BYTES} bytes"));
        }
        if !ids.insert(&target.id) {
            return Err(format!("two targets are called '{}'", target.id));
        }
        if target.address.port() == 0 {
            return Err(format!("the target '{}' has no port", target.id));
        }
    }
    Ok(())
}

/// `revision 7: 127.0.0.1:8001 gets 95 of 100, 127.0.0.1:8002 5`.
fn in_words(routes: &Routes) -> String {
    let sum: u64 = routes.targets.iter().map(|target| u64::from(target.weight)).sum();
    let targets = routes.targets.iter().enumerate().map(|(at, target)| match at {
        0 => format!("{} gets {} of {sum}", target.address, target.weight),
        _ => format!("{} {}", target.address, target.weight),
    });
    let targets = targets.collect::<Vec<_>>().join(", ");
    format!("revision {}: {}", routes.revision, if targets.is_empty() { "nothing answers" } else { &targets })
}

#[cfg(test)]
mod tests {
    use super::super::Target;
    use super::*;

    fn routes(weights: &[u32]) -> Routes {
        let target = |(at, weight): (usize, &u32)| {
            let address = std::net::SocketAddr::from(([127, 0, 0, 1], 8001 + at as u16));
            Target { id: at.to_string(), address, weight: *weight }
        };
        Routes { revision: 7, service: "shop".into(), targets: weights.iter().enumerate().map(target).collect() }
    }

    fn table(weights: &[u32]) -> Arc<Table> {
        let router = Router::new();
        router.follow(routes(weights));
        router.table.borrow().clone()
    }

    #[test]
    fn of_any_hundred_requests_in_a_row_each_target_gets_its_weight() {
        let table = table(&[95, 5, 0]);
        let chosen: Vec<_> = (0..1000).map(|_| table.choose().unwrap()).collect();
        for window in chosen.windows(100) {
            assert_eq!([0, 1, 2].map(|target| window.iter().filter(|chosen| **chosen == target).count()), [95, 5, 0]);
        }
        for window in chosen.windows(15) {
            assert!(window.iter().filter(|chosen| **chosen == 1).count() <= 1, "they are spread");
        }
    }

    #[test]
    fn turns_are_exact_with_many_threads() {
        let table = table(&[70, 20, 10]);
        let counts: [AtomicU64; 3] = Default::default();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..1000 {
                        counts[table.choose().unwrap()].fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(counts.map(AtomicU64::into_inner), [5600, 1600, 800]);
    }

    #[test]
    fn others_are_tried_in_order_of_whether_they_get_requests() {
        let order = |weights: &[u32]| table(weights).order().map(|upstream| upstream.id.clone()).collect::<Vec<_>>();
        assert_eq!(order(&[0, 1, 5]), ["2", "1", "0"]);
        assert_eq!(order(&[0, 0]), ["0", "1"]);
        assert_eq!(order(&[]), [""; 0]);
        assert_eq!(order(&[u32::MAX, u32::MAX, 1]).len(), 3, "sums don't overflow");
    }

    #[test]
    fn routes_are_told_in_words_and_nonsense_is_refused() {
        assert_eq!(in_words(&routes(&[95, 5])), "revision 7: 127.0.0.1:8001 gets 95 of 100, 127.0.0.1:8002 5");
        assert_eq!(in_words(&routes(&[])), "revision 7: nothing answers");
        assert!(check(&routes(&[1, 0])).is_ok());
        let mut twice = routes(&[1, 0]);
        twice.targets[1].id = "0".into();
        assert_eq!(check(&twice), Err("two targets are called '0'".into()));
        let mut portless = routes(&[1]);
        portless.targets[0].address.set_port(0);
        assert!(check(&portless).is_err() && check(&routes(&[1; 101])).is_err());
    }

    #[tokio::test]
    async fn a_target_that_stays_keeps_its_connections_and_counters() {
        let router = Router::new();
        router.follow(routes(&[1, 1]));
        let former = router.table.borrow().clone();
        let mut changed = routes(&[0, 2]);
        changed.targets[1].address.set_port(9000);
        router.follow(changed);
        let now = router.table.borrow().clone();
        assert!(Arc::ptr_eq(&former.upstreams[0], &now.upstreams[0]) && !Arc::ptr_eq(&former.upstreams[1], &now.upstreams[1]));
        assert!(Arc::ptr_eq(&former.upstreams[1].counters, &now.upstreams[1].counters));
    }
}
