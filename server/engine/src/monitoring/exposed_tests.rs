use proptest::prelude::*;

use super::{Change, Reading, Scrape, quantile};

fn scrape(text: &str) -> Option<Reading> {
    let mut scrape = Scrape::new([Some("/metrics/"), Some("/alive")]);
    scrape.feed(text.as_bytes());
    scrape.finish()
}

#[test]
fn the_usual_libraries_are_understood_and_machines_not_counted() {
    let table = [
        ("prometheus-fastapi-instrumentator", include_str!("testdata/instrumentator.txt"), 20.0, 1.0, 20.0),
        ("starlette_exporter", include_str!("testdata/starlette_exporter.txt"), 20.0, 1.0, 20.0),
        ("prometheus_client", include_str!("testdata/prometheus_client.txt"), 6.0, 1.0, 6.0),
    ];
    for (library, text, requests, failed, timed) in table {
        let found = scrape(text).expect(library);
        assert_eq!((found.requests, found.failed), (requests, Some(failed)), "{library}");
        assert_eq!(found.took.map(|took| took.1), Some(timed), "{library}");
        let change = found.since(None);
        assert!(change.mean.is_some_and(|mean| (0.1..100.0).contains(&mean)), "{library}: {change:?}");
        assert!(change.p50 <= change.p95 && change.p95 <= change.p99 && change.p99.is_some_and(|p99| p99 <= 10.0), "{library}: {change:?}");
    }
}

#[test]
fn a_service_that_has_answered_nothing_yet_has_no_requests_rather_than_no_figures() {
    let found = scrape(include_str!("testdata/instrumentator_idle.txt")).expect("figures");
    assert_eq!(found.since(None), Change { requests: 0.0, ..Change::default() });
}

#[test]
fn what_comes_in_small_pieces_is_the_same() {
    let text = include_str!("testdata/starlette_exporter.txt");
    for size in [1, 7, 100, 4096] {
        let mut small = Scrape::new([Some("/metrics/"), Some("/alive")]);
        text.as_bytes().chunks(size).for_each(|piece| small.feed(piece));
        assert_eq!(small.finish(), scrape(text), "{size}");
    }
}

#[test]
fn other_families_and_pages_are_no_figures_of_requests() {
    for text in
        ["", "<!doctype html><title>x</title>", "process_cpu_seconds_total 1\nredis_requests_total 5\n", "{\"detail\":\"Not Found\"}"]
    {
        assert_eq!(scrape(text), None, "{text}");
    }
}

#[test]
fn other_dialects_are_understood() {
    let table = [
        (
            "Micrometer",
            "http_server_requests_seconds_count{status=\"500\",uri=\"/a\"} 2\nhttp_server_requests_seconds_sum{uri=\"/a\"} 3\n",
            2.0,
            Some(2.0),
            Some(1500.0),
        ),
        (
            "OpenTelemetry",
            "http_server_duration_milliseconds_count{http_status_code=\"200\"} 4\nhttp_server_duration_milliseconds_sum 8\n",
            4.0,
            Some(0.0),
            Some(2.0),
        ),
        ("no status", "requests_total 9", 9.0, None, None),
        ("status elsewhere", "http_requests_total 9\nrequest_duration_seconds_count{code=\"200\"} 8\n", 8.0, Some(0.0), Some(0.0)),
        (
            "one's own path",
            "http_requests_total{path=\"/alive\",code=\"200\"} 9\nhttp_requests_total{path=\"/b\",code=\"5xx\"} 1\n",
            1.0,
            Some(1.0),
            None,
        ),
    ];
    for (dialect, text, requests, failed, mean) in table {
        let change = scrape(text).expect(dialect).since(None);
        assert_eq!((change.requests, change.failed, change.mean), (requests, failed, mean), "{dialect}");
    }
}

#[test]
fn a_change_is_what_was_added_and_a_counter_that_began_anew_counts_from_zero() {
    let reading = |requests: f64, failed, seconds: f64, fast: f64| {
        scrape(&format!(
            "http_requests_total{{status=\"200\"}} {}\nhttp_requests_total{{status=\"500\"}} {failed}\n\
             http_request_duration_seconds_count {requests}\nhttp_request_duration_seconds_sum {seconds}\n\
             http_request_duration_seconds_bucket{{le=\"0.1\"}} {fast}\nhttp_request_duration_seconds_bucket{{le=\"0.2\"}} {requests}\n\
             http_request_duration_seconds_bucket{{le=\"+Inf\"}} {requests}\n",
            requests - failed
        ))
        .expect("figures")
    };
    let (first, second, anew) = (reading(100.0, 10.0, 10.0, 100.0), reading(110.0, 15.0, 12.0, 105.0), reading(4.0, 1.0, 0.2, 4.0));
    let change = second.since(Some(&first));
    assert_eq!((change.requests, change.failed), (10.0, Some(5.0)));
    assert_eq!(change.mean.map(f64::round), Some(200.0));
    assert_eq!(change.p50.map(f64::round), Some(100.0));
    assert_eq!(change.p95.map(f64::round), Some(190.0));
    let change = anew.since(Some(&second));
    assert_eq!((change.requests, change.failed, change.mean.map(f64::round)), (4.0, Some(1.0), Some(50.0)));
    let quiet = second.since(Some(&second));
    assert_eq!(quiet, Change { requests: 0.0, failed: Some(0.0), ..Change::default() });
}

#[test]
fn quantiles_are_interpolated_and_never_beyond_the_last_bound() {
    let inf = f64::INFINITY;
    type Row<'a> = (&'a [(f64, f64)], f64, Option<f64>);
    let table: [Row<'_>; 7] = [
        (&[], 0.5, None),
        (&[(10.0, 0.0), (inf, 0.0)], 0.5, None),
        (&[(10.0, 100.0), (inf, 100.0)], 0.5, Some(5.0)),
        (&[(10.0, 50.0), (20.0, 100.0), (inf, 100.0)], 0.75, Some(15.0)),
        (&[(10.0, 50.0), (20.0, 100.0), (inf, 100.0)], 0.5, Some(10.0)),
        (&[(10.0, 50.0), (inf, 100.0)], 0.99, Some(10.0)),
        (&[(inf, 100.0)], 0.99, None),
    ];
    for (buckets, share, expected) in table {
        assert_eq!(quantile(buckets, share), expected, "{buckets:?} {share}");
    }
}

#[test]
fn an_endless_line_is_passed_over_and_holds_no_memory() {
    let mut scrape = Scrape::new([None, None]);
    for _ in 0..1000 {
        scrape.feed(&[b'x'; 4096]);
        assert!(scrape.partial.capacity() <= 4 * super::LINE_BYTES);
    }
    scrape.feed(b"\nhttp_requests_total 3\n");
    assert_eq!(scrape.finish().map(|found| found.requests), Some(3.0));
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(
        lines in prop::collection::vec((prop::sample::select(vec!["http_requests_total", "http_request_duration_seconds_bucket",
            "http_request_duration_seconds_sum", "http_request_duration_seconds_count"]), r#"(\{[a-z=",.0-9}{]{0,20})?"#, any::<f64>()), 0..20),
        noise in any::<Vec<u8>>(),
    ) {
        let text: String = lines.iter().map(|(name, labels, value)| format!("{name}{labels} {value}\n")).collect();
        let readings = [scrape(&text), scrape(&String::from_utf8_lossy(&noise))];
        for (one, other) in [(&readings[0], &readings[1]), (&readings[1], &readings[0])] {
            if let Some(one) = one {
                let change = one.since(other.as_ref());
                prop_assert!(change.requests >= 0.0);
            }
        }
    }
}
