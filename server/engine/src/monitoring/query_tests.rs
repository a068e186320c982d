use api::{ErrorCode, MetricsQuery, Range, ServiceId, Timestamp};

use super::{Steps, points};
use crate::monitoring::series::{Requests, Samples, Usage, Whole};

const NOW: i64 = 1_800_000_003;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn between(from: i64, to: i64, step: u32) -> Steps {
    let query = MetricsQuery { from: Some(at(from)), to: Some(at(to)), step: Some(step), ..MetricsQuery::default() };
    Steps::of(&query, at(NOW)).expect("a query that is right")
}

fn id() -> ServiceId {
    ServiceId(uuid::Uuid::nil())
}

#[test]
fn each_range_gives_about_180_points_on_multiples_of_its_step() {
    for range in Range::ALL {
        let steps = Steps::of(&MetricsQuery::last(range), at(NOW)).expect("a range is right");
        assert!((178..=182).contains(&steps.count()), "{range:?}: {}", steps.count());
        assert_eq!((steps.end(0) % i64::from(steps.step), steps.end(steps.count() - 1)), (0, NOW), "{range:?}");
        assert_eq!(steps.to - steps.from, range.seconds());
    }
}

#[test]
fn wrong_queries_name_their_parameter() {
    let query = MetricsQuery::default();
    let table = [
        (MetricsQuery { step: Some(0), ..query }, "step"),
        (MetricsQuery { step: Some(4), ..query }, "step"),
        (MetricsQuery { step: Some(86_401), ..query }, "step"),
        (MetricsQuery { range: Some(Range::Month), step: Some(5), ..query }, "step"),
        (MetricsQuery { from: Some(at(NOW - 10_001)), step: Some(5), ..query }, "step"),
        (MetricsQuery { from: Some(at(NOW + 5)), ..query }, "from"),
        (MetricsQuery { from: Some(at(NOW - 5)), to: Some(at(NOW - 50)), ..query }, "from"),
        (MetricsQuery { from: Some(Timestamp::from_micros(i64::MIN)), ..query }, "from"),
        (MetricsQuery { from: Some(at(0)), to: Some(Timestamp::from_micros(i64::MAX)), ..query }, "from"),
        (MetricsQuery { to: Some(Timestamp::from_micros(i64::MIN)), ..query }, "from"),
    ];
    for (query, field) in table {
        let error = Steps::of(&query, at(NOW)).expect_err(field);
        assert_eq!((error.code, error.details[0].field.as_str()), (ErrorCode::ValidationFailed, field), "{query:?}");
    }
    assert_eq!(between(NOW - 10_000, NOW, 5).count(), 2_000, "2000 points are answered");
}

#[test]
fn usage_is_averaged_and_memory_is_the_last() {
    let usage = |at: u32, cpu, memory| Usage { at, cpu: Some(Whole::new(cpu)), memory: Some(Whole::new(memory)) };
    let one = Samples { usage: [usage(1_005, 100, 1), usage(1_010, 300, 2)].into(), ..Samples::default() };
    let other = Samples { usage: [usage(1_000, 9_900, 9), usage(1_011, 500, 3), usage(1_031, 9_900, 9)].into(), ..Samples::default() };
    let points = points(id(), &between(1_000, 1_030, 10), &[other, one]);
    let found: Vec<_> = points.iter().map(|point| (point.timestamp.seconds(), point.cpu_usage, point.memory_usage)).collect();
    assert_eq!(
        found,
        [(1_010, Some(2.0), Some(2_048)), (1_020, Some(5.0), Some(3_072))],
        "ends belong to a step, beginnings and gaps don't"
    );
}

#[test]
fn requests_are_spread_over_the_span_and_none_is_lost() {
    let requests = |at: u32, count, mean, p95| Requests {
        at,
        span: 15,
        count,
        failed: Some(Whole::new(count / 2)),
        mean: Some(Whole::new(mean)),
        p95: Some(Whole::new(p95)),
        ..Requests::default()
    };
    let samples = Samples { requests: [requests(1_015, 10, 1_000, 5_000), requests(1_030, 30, 3_000, 4_000)].into(), ..Samples::default() };
    let found = points(id(), &between(1_000, 1_030, 5), std::slice::from_ref(&samples));
    assert_eq!(found.iter().filter_map(|point| point.request_count).sum::<u64>(), 40);
    assert_eq!(found.len(), 6, "no step is empty between scrapes");
    assert!(found.iter().all(|point| point.error_rate == Some(0.5)));
    let whole = &points(id(), &between(1_000, 1_030, 30), &[samples])[0];
    assert_eq!((whole.request_count, whole.request_rate), (Some(40), Some(1.333)));
    assert_eq!((whole.response_time, whole.response_time_p95), (Some(2.5), Some(5.0)), "means by weight, the greatest p95");
}

#[test]
fn a_span_that_reaches_over_the_ends_is_cut() {
    let requests = Requests { at: 1_010, span: 20, count: 20, ..Requests::default() };
    let samples = [Samples { requests: [requests].into(), ..Samples::default() }];
    let found = points(id(), &between(1_000, 1_005, 5), &samples);
    assert_eq!(found.iter().map(|point| (point.request_count, point.request_rate)).collect::<Vec<_>>(), [(Some(5), Some(1.0))]);
    assert!(points(id(), &between(1_010, 1_020, 5), &samples).is_empty());
    assert!(points(id(), &between(900, 990, 5), &samples).is_empty());
}
