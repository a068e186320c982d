use super::super::{BUCKETS, latency_bucket};
use super::*;

/// A window of requests of which so many failed, which took so many milliseconds each.
fn window(errors: u64, milliseconds: &[f64]) -> TargetStatus {
    let mut latency = vec![0; BUCKETS];
    for value in milliseconds {
        latency[latency_bucket(*value)] += 1;
    }
    TargetStatus { id: "one".into(), requests: milliseconds.len() as u64, errors, in_flight: 0, latency }
}

/// As many requests as `count`, all of which took the same.
fn even(errors: u64, count: usize) -> TargetStatus {
    window(errors, &vec![20.0; count])
}

/// xorshift64*: the same numbers in every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A log-normal time around `median`, as those of services are.
    fn milliseconds(&mut self, median: f64) -> f64 {
        let (one, other) = (self.next().max(1e-12), self.next());
        median * (0.6 * (-2.0 * one.ln()).sqrt() * (2.0 * std::f64::consts::PI * other).cos()).exp()
    }

    fn more(&mut self, to: &mut TargetStatus, count: usize, error_rate: f64, median: f64) {
        for _ in 0..count {
            to.requests += 1;
            to.errors += u64::from(self.next() < error_rate);
            to.latency[latency_bucket(self.milliseconds(median))] += 1;
        }
    }
}

/// How many of 400 new releases that are like the old one are called worse in a step that is looked at so often.
fn called_worse(numbers: &mut Numbers, looks: usize, new_count: usize, old_count: usize, error_rate: f64) -> usize {
    let is_called_worse = |_: &usize| {
        let (mut old, mut new) = (even(0, 0), even(0, 0));
        (1..=looks).any(|look| {
            numbers.more(&mut new, new_count / looks, error_rate, 20.0);
            numbers.more(&mut old, old_count / looks, error_rate, 20.0);
            judge(&old, &new, Timed::Requests, 50, look == looks).verdict == Judgement::Worse
        })
    };
    (0..400).filter(is_called_worse).count()
}

#[test]
fn what_is_alike_is_seldom_called_worse_also_when_it_is_looked_at_often() {
    let mut numbers = Numbers(2_026_112_801);
    for (new, old, error_rate) in [(120, 2280, 0.01), (600, 1800, 0.002), (1200, 1200, 0.05), (72, 72, 0.3)] {
        let once = called_worse(&mut numbers, 1, new, old, error_rate);
        assert!(once < 8, "{once} of 400 with {new} and {old} requests and errors of {error_rate}");
        // Two tests with one in a hundred each, and eleven times two with one in a thousand.
        let often = called_worse(&mut numbers, 12, new, old, error_rate);
        assert!(often < 12, "{often} of 400 with {new} and {old} requests and errors of {error_rate}, looked at twelve times");
    }
}

#[test]
fn what_is_clearly_worse_is_found() {
    let mut numbers = Numbers(2_026_112_802);
    for (error_rate, median) in [(0.06, 20.0), (0.005, 40.0)] {
        for _ in 0..200 {
            let (mut old, mut new) = (even(0, 0), even(0, 0));
            numbers.more(&mut new, 400, error_rate, median);
            numbers.more(&mut old, 4000, 0.005, 20.0);
            let found = judge(&old, &new, Timed::Requests, 50, true);
            assert_eq!(found.verdict, Judgement::Worse, "{}", found.reason);
        }
    }
}

#[test]
fn it_is_said_in_numbers() {
    let found = judge(&even(3, 4560), &even(12, 240), Timed::Requests, 50, false);
    let errors = "errors: 12 of 240 (5.0 %) against 3 of 4,560 (0.1 %), Fisher's exact test p < 0.00001: worse";
    let latency = "p95 24 ms against 24 ms, Mann-Whitney U p = 0.50: not worse";
    assert_eq!(found, Verdict { verdict: Judgement::Worse, reason: format!("{errors}; {latency}") });
    let found = judge(&even(0, 100), &even(5, 100), Timed::Requests, 50, true);
    assert_eq!(found.verdict, Judgement::Passed);
    assert!(
        found.reason.contains("5 of 100 (5.0 %) against 0 of 100 (0.0 %), Fisher's exact test p = 0.030: not worse"),
        "{}",
        found.reason
    );
}

#[test]
fn before_the_end_only_what_is_ten_times_less_likely_counts() {
    let (old, new) = (even(0, 100), even(8, 100));
    let (now, later) = (judge(&old, &new, Timed::Requests, 50, false), judge(&old, &new, Timed::Requests, 50, true));
    assert_eq!((now.verdict, later.verdict), (Judgement::Open, Judgement::Worse));
    assert!(now.reason.contains("p = 0.0034: not worse so far, before the end of a step only p < 0.001 counts"), "{}", now.reason);
}

#[test]
fn a_difference_has_to_matter() {
    let found = judge(&even(100, 1_000_000), &even(300, 1_000_000), Timed::Requests, 50, true);
    assert_eq!(found.verdict, Judgement::Passed);
    assert!(found.reason.contains("p < 0.00001, but too small a difference to matter: not worse"), "{}", found.reason);
    let (fast, slower) = (vec![2.0; 500], vec![4.0; 500]);
    assert_eq!(judge(&window(0, &fast), &window(0, &slower), Timed::Requests, 50, true).verdict, Judgement::Passed, "by less than 5 ms");
    let (slow, slower) = (vec![200.0; 500], vec![230.0; 500]);
    assert_eq!(
        judge(&window(0, &slow), &window(0, &slower), Timed::Requests, 50, true).verdict,
        Judgement::Passed,
        "by less than a quarter"
    );
    assert_eq!(judge(&window(0, &slow), &window(0, &[400.0; 500]), Timed::Requests, 50, true).verdict, Judgement::Worse);
}

#[test]
fn few_requests_say_nothing_unless_most_fail() {
    let verdicts =
        |old: &TargetStatus, new: &TargetStatus, least| [false, true].map(|is_end| judge(old, new, Timed::Requests, least, is_end).verdict);
    assert_eq!(verdicts(&even(0, 500), &even(9, 9), 50), [Judgement::Open, Judgement::TooFew]);
    assert_eq!(verdicts(&even(0, 500), &even(5, 10), 50), [Judgement::Open, Judgement::TooFew]);
    assert_eq!(verdicts(&even(0, 500), &even(6, 10), 50), [Judgement::Worse, Judgement::Worse]);
    assert_eq!(verdicts(&even(50, 500), &even(10, 10), 50), [Judgement::Open, Judgement::TooFew], "the old one fails too");
    assert_eq!(verdicts(&even(0, 0), &even(0, 0), 0), [Judgement::Open, Judgement::Passed]);
    assert_eq!(verdicts(&even(0, 0), &even(0, 3), 0), [Judgement::Open, Judgement::Passed]);
    let said = judge(&even(0, 1), &even(0, 1), Timed::Requests, 50, true).reason;
    assert_eq!(said, "1 request against 1 request: 50 of each are needed");
}

#[test]
fn a_window_is_the_difference_of_two_and_never_less_than_nothing() {
    let (mut before, mut now) = (even(1, 10), even(3, 25));
    before.latency.truncate(5);
    now.in_flight = 4;
    let between = now.since(&before);
    assert_eq!((between.requests, between.errors, between.in_flight), (15, 2, 4));
    assert_eq!(between.latency.iter().sum::<u64>(), 25, "what was 0 before isn't sent");
    let restarted = before.since(&now);
    assert_eq!((restarted.requests, restarted.errors), (0, 0));
    let shown = side(&even(1, 10), Timed::Requests);
    assert_eq!((shown.requests, shown.errors), (10, 1));
    assert!(shown.p50_ms.is_some_and(|p50| (19.8..23.9).contains(&p50)) && shown.p95_ms > shown.p50_ms);
    assert_eq!(side(&even(0, 0), Timed::Requests).p50_ms, None);
}
