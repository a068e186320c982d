use std::sync::Arc;
use std::time::Duration;

use api::{CheckKind, Health, ServiceId, Status, Timestamp};
use tokio::time::Instant;

use super::{Places, Schedule, TrafficNews};
use crate::Entry;
use crate::monitoring::exposed::{Reading, Scrape};
use crate::monitoring::round::{Checked, Job, Outcome, Scraped, Way};
use crate::monitoring::tests::entry;

const PLACES: Places = Places { rounds: 64, commands: 8 };

/// A schedule with a clock that a test moves.
struct Stage {
    schedule: Schedule,
    start: Instant,
    elapsed: f64,
    entries: Vec<Arc<Entry>>,
}

impl Stage {
    fn new(entries: Vec<Entry>) -> Self {
        let entries = entries.into_iter().map(Arc::new).collect();
        Self { schedule: Schedule::default(), start: Instant::now(), elapsed: 0.0, entries }
    }

    fn now(&self) -> (Instant, Timestamp) {
        (self.start + Duration::from_secs_f64(self.elapsed), Timestamp::from_micros((self.elapsed * 1e6) as i64 + T0))
    }

    /// Passes time in ticks of half a second; each due round ends at once as `answer` says. Answers when rounds were made.
    fn pass(&mut self, seconds: f64, mut answer: impl FnMut(&Job) -> (bool, Option<Scraped>)) -> Vec<(f64, Job, super::Settled)> {
        let (mut made, end) = (Vec::new(), self.elapsed + seconds);
        while self.elapsed < end {
            let (now, at) = self.now();
            for job in self.schedule.tick(now, at, &self.entries, PLACES) {
                let (ok, scraped) = answer(&job);
                let entry = self.entries.iter().find(|entry| entry.service.id == job.id).expect("a known service").clone();
                let check = job.check.is_some().then(|| Checked {
                    ok,
                    latency_ms: 1.0,
                    message: "GET /health: 200".into(),
                    way: Way::Tcp,
                    output: Vec::new(),
                    verdict: None,
                });
                let scrape = if job.scrape.is_some() && ok { scraped } else { None };
                let outcome = Outcome { id: job.id, run: job.run, check, scrape };
                let settled = self.schedule.settle(outcome, &entry, now, at).expect("the same run");
                made.push((self.elapsed, job, settled));
            }
            self.elapsed += 0.5;
        }
        made
    }
}

const T0: i64 = 1_800_000_000_000_000;

fn running(n: u128, age: i64) -> Entry {
    let mut entry = entry(ServiceId(uuid::Uuid::from_u128(n)));
    entry.service.status = Status::Running;
    entry.service.port = Some(8000);
    entry.service.started_at = Some(Timestamp::from_micros(T0).plus_seconds(-age));
    entry
}

fn reading(requests: u32) -> Scraped {
    let mut scrape = Scrape::new([None, None]);
    scrape.feed(format!("http_requests_total{{status=\"200\"}} {requests}\n").as_bytes());
    let reading: Reading = scrape.finish().expect("figures");
    Scraped::Reading(Box::new(reading), "/metrics".into())
}

#[test]
fn a_hundred_services_are_spread_over_the_interval_and_asked_every_fifteen_seconds() {
    let mut stage = Stage::new((0..100).map(|n| running(n * 7_919, 3_600)).collect());
    stage.pass(60.0, |_| (true, Some(reading(1))));
    let rounds = stage.pass(60.0, |_| (true, Some(reading(1))));
    let (checks, scrapes) = (rounds.iter().filter(|it| it.1.check.is_some()), rounds.iter().filter(|it| it.1.scrape.is_some()));
    assert!((395..=405).contains(&checks.count()) && (395..=405).contains(&scrapes.count()));
    assert!(rounds.len() <= 410, "the scrape goes with the check: {}", rounds.len());
    let most = (0..120).map(|tick| rounds.iter().filter(|it| it.0 == 60.0 + f64::from(tick) / 2.0).count()).max();
    assert!(most.is_some_and(|most| most <= 12), "{most:?} at once");
}

#[test]
fn a_service_that_starts_is_asked_every_second_until_it_answers() {
    let mut stage = Stage::new(vec![running(5, 0)]);
    let rounds = stage.pass(10.0, |_| (false, None));
    assert!((9..=10).contains(&rounds.len()), "{}", rounds.len());
    assert!(rounds.iter().all(|it| it.2.changed_from.is_none()), "it is still starting");
    let rounds = stage.pass(40.0, |_| (true, Some(reading(3))));
    assert_eq!(rounds[0].2.changed_from, Some(Health::Unknown));
    assert!((3..=5).contains(&rounds.len()), "{}", rounds.len());
    assert!(
        matches!(rounds[0].2.traffic, Some(TrafficNews::Figures(traffic, ..)) if traffic.request_count == 3 && traffic.request_rate > 0.2)
    );
}

#[test]
fn what_never_answers_is_unhealthy_after_a_minute_and_asked_at_the_interval() {
    let mut stage = Stage::new(vec![running(5, 0)]);
    let changes: Vec<_> = stage.pass(120.0, |_| (false, None)).into_iter().filter(|it| it.2.changed_from.is_some()).collect();
    assert_eq!(changes.len(), 1);
    assert!((60.0..62.0).contains(&changes[0].0));
    assert_eq!(changes[0].2.check.as_ref().map(|check| check.health), Some(Health::Unhealthy));
    let later = stage.pass(60.0, |_| (false, None));
    assert!((3..=5).contains(&later.len()), "{}", later.len());
}

#[test]
fn a_service_that_ran_before_pilothouse_has_no_event_for_being_well_and_no_rate_from_nowhere() {
    let mut stage = Stage::new(vec![running(5, 3_600)]);
    let mut total = 1_000;
    let rounds = stage.pass(60.0, |job| {
        total += if job.scrape.is_some() { 10 } else { 0 };
        (true, Some(reading(total)))
    });
    assert!(rounds.iter().all(|it| it.2.changed_from.is_none()));
    assert!(rounds[0].2.traffic.is_none(), "one reading is no rate");
    let rates = rounds.iter().filter_map(|it| match &it.2.traffic {
        Some(TrafficNews::Figures(traffic, change, _)) => Some((traffic.request_rate, change.requests)),
        _ => None,
    });
    let rates: Vec<_> = rates.collect();
    assert!(rates.len() >= 3 && rates.iter().all(|(rate, requests)| *requests == 10.0 && (0.3..3.0).contains(rate)), "{rates:?}");
}

#[test]
fn what_exposes_nothing_is_seldom_asked_and_the_hint_says_how() {
    let mut entry = running(5, 3_600);
    entry.service.template_type = "fastapi".into();
    let mut stage = Stage::new(vec![entry]);
    let rounds = stage.pass(600.0, |_| (true, Some(Scraped::Absent("GET /metrics: 404".into()))));
    let news: Vec<_> = rounds.into_iter().filter_map(|it| it.2.traffic).collect();
    assert!((2..=3).contains(&news.len()), "{}", news.len());
    assert!(
        matches!(&news[0], TrafficNews::None(hint) if hint.starts_with("GET /metrics: 404. ") && hint.contains("Instrumentator().instrument(app)"))
    );
}

#[test]
fn a_new_run_begins_anew_and_a_stopped_service_is_left_alone() {
    let mut stage = Stage::new(vec![running(5, 3_600)]);
    stage.pass(20.0, |_| (true, Some(reading(1_000))));
    let (now, at) = stage.now();
    stage.entries = vec![Arc::new(Entry {
        service: api::Service { started_at: Some(at), ..stage.entries[0].service.clone() },
        ..Entry::clone(&stage.entries[0])
    })];
    let stale = Outcome { id: stage.entries[0].service.id, run: None, check: None, scrape: None };
    let entry = stage.entries[0].clone();
    stage.schedule.tick(now, at, &stage.entries, PLACES);
    assert!(stage.schedule.settle(stale, &entry, now, at).is_none(), "what comes from the run before doesn't count");
    let rounds = stage.pass(5.0, |_| (true, Some(reading(2))));
    assert_eq!(rounds[0].2.changed_from, Some(Health::Unknown));
    let mut stopped = Entry::clone(&stage.entries[0]);
    stopped.service.status = Status::Stopped;
    stage.entries = vec![Arc::new(stopped)];
    assert!(stage.pass(60.0, |_| (true, None)).is_empty());
    assert!(stage.schedule.watches.is_empty());
}

#[test]
fn a_program_that_serves_nothing_is_not_asked() {
    let mut worker = running(5, 3_600);
    worker.service.template_type = "command".into();
    let mut stage = Stage::new(vec![worker.clone()]);
    assert!(stage.pass(30.0, |_| (true, None)).is_empty());
    worker.listening_ports = vec![8000];
    stage.entries = vec![Arc::new(worker)];
    assert!(!stage.pass(30.0, |_| (true, None)).is_empty(), "until it listens");
}

/// A worker that listens nowhere and is checked by a command.
fn worker(n: u128) -> Entry {
    let mut worker = running(n, 3_600);
    worker.service.template_type = "command".into();
    worker.service.port = None;
    (worker.spec.health.kind, worker.spec.health.command) = (CheckKind::Command, vec!["check".into()]);
    worker
}

#[test]
fn a_worker_without_a_port_is_checked_by_its_command_and_never_scraped() {
    let mut stage = Stage::new(vec![worker(5)]);
    let rounds = stage.pass(120.0, |_| (true, None));
    assert!((7..=9).contains(&rounds.len()), "{}", rounds.len());
    assert!(rounds.iter().all(|(_, job, _)| job.runs_command() && job.scrape.is_none()));
}

#[test]
fn a_check_of_the_connection_asks_a_program_that_isnt_known_to_serve() {
    let mut entry = running(5, 3_600);
    entry.service.template_type = "command".into();
    entry.spec.health.kind = CheckKind::Tcp;
    let mut stage = Stage::new(vec![entry]);
    assert!(!stage.pass(30.0, |_| (true, None)).is_empty());
}

#[test]
fn what_is_not_to_be_checked_is_only_scraped() {
    let mut entry = running(5, 3_600);
    entry.spec.health.kind = CheckKind::None;
    let mut stage = Stage::new(vec![entry]);
    let rounds = stage.pass(120.0, |_| (true, Some(reading(1))));
    assert!(rounds.iter().all(|(_, job, _)| job.check.is_none() && job.scrape.is_some()));
    // Nothing is expected of `answer` here: no check was asked for, so no scrape came back either.
    assert!(!rounds.is_empty());
}

#[test]
fn commands_wait_for_places_of_their_own_and_the_longest_waiting_comes_first() {
    let mut stage = Stage::new((1..=20).map(|n| worker(n * 7_919)).collect());
    let (now, at) = stage.now();
    let places = Places { rounds: 64, commands: 3 };
    assert!(stage.schedule.tick(now, at, &stage.entries, places).is_empty(), "they are taken up");
    let later = now + Duration::from_secs(10);
    let mut due: Vec<_> = stage.schedule.watches.iter().map(|(id, watch)| (watch.check_due, *id)).collect();
    due.sort();
    let mut begun = Vec::new();
    for _ in 0..6 {
        let jobs = stage.schedule.tick(later, at, &stage.entries, places);
        assert!(jobs.len() <= 3, "{}", jobs.len());
        begun.extend(jobs.into_iter().map(|job| job.id));
    }
    assert_eq!(begun, due.into_iter().map(|(_, id)| id).take(18).collect::<Vec<_>>());
}

#[test]
fn settings_that_are_changed_are_asked_at_once_and_what_was_asked_before_does_not_count() {
    let mut stage = Stage::new(vec![running(5, 3_600)]);
    stage.pass(60.0, |_| (true, None));
    let (now, at) = stage.now();
    let due = stage.schedule.watches.values().next().expect("a watch").check_due;
    let jobs = stage.schedule.tick(due.max(now), at, &stage.entries, PLACES);
    let [job] = &jobs[..] else { panic!("a round: {jobs:?}") };
    let mut changed = Entry::clone(&stage.entries[0]);
    changed.spec.health.kind = CheckKind::Tcp;
    stage.entries = vec![Arc::new(changed)];
    assert!(stage.schedule.tick(due.max(now), at, &stage.entries, PLACES).is_empty(), "one round at a time");
    let failed = Checked { ok: false, latency_ms: 1.0, message: "old".into(), way: Way::Undecided, output: Vec::new(), verdict: None };
    let outcome = Outcome { id: job.id, run: job.run, check: Some(failed), scrape: None };
    let settled = stage.schedule.settle(outcome, &stage.entries[0], now, at).expect("the same run");
    assert!(settled.check.is_none(), "{settled:?}");
    let jobs = stage.schedule.tick(due.max(now), at, &stage.entries, PLACES);
    assert_eq!(jobs[0].check.as_ref().map(|(check, way)| (check.kind, way)), Some((CheckKind::Tcp, &Way::Undecided)));
}
