use std::time::Duration;

use api::{HealthCheck, ServiceId};

use super::{Job, Outcome, Scraped, Way, run};
use crate::monitoring::http::tests::{answer, serve};

fn job(port: u16, check: HealthCheck, way: Way) -> Job {
    Job { id: ServiceId(uuid::Uuid::nil()), run: None, port, check: Some((check, way)), scrape: Some("/metrics".into()) }
}

async fn round(answers: &[String], check: HealthCheck, way: Way) -> Outcome {
    run(job(serve(answers.to_vec()).await, check, way)).await
}

fn configured() -> HealthCheck {
    HealthCheck { path: Some("/alive".into()), timeout_seconds: 1, ..HealthCheck::default() }
}

#[tokio::test]
async fn the_path_that_answers_is_found_and_kept() {
    let (ok, none, moved) = (answer(200, "ok"), answer(404, ""), answer(307, ""));
    let table: [(&[&String], bool, &str, Way); 6] = [
        (&[&ok], true, "GET /health: 200", Way::Path("/health".into())),
        (&[&moved, &ok], true, "GET /health/: 200", Way::Path("/health/".into())),
        (&[&none, &none, &ok], true, "GET /healthz: 200", Way::Path("/healthz".into())),
        (&[&moved, &none], true, "GET /health: 307", Way::Path("/health".into())),
        (&[&none], true, "TCP ", Way::Tcp),
        (&[&answer(503, "")], false, "GET /health: 503", Way::Undecided),
    ];
    for (answers, is_ok, message, way) in table {
        let answers: Vec<String> = answers.iter().map(|answer| answer.to_string()).collect();
        let checked = round(&answers, HealthCheck::default(), Way::Undecided).await.check.expect("a check");
        assert_eq!((checked.ok, &checked.way), (is_ok, &way), "{}", checked.message);
        assert!(checked.message.starts_with(message), "{} is not {message}", checked.message);
    }
}

#[tokio::test]
async fn a_configured_path_decides_alone() {
    for (answered, ok, message) in [(200, true, "GET /alive: 200"), (404, false, "GET /alive: 404"), (503, false, "GET /alive: 503")] {
        let checked = round(&[answer(answered, "")], configured(), Way::Undecided).await.check.expect("a check");
        assert_eq!((checked.ok, checked.message.as_str()), (ok, message));
    }
    let checked = round(&["nothing that ends".into()], configured(), Way::Undecided).await.check.expect("a check");
    assert_eq!((checked.ok, checked.message.as_str()), (false, "GET /alive: the answer is not HTTP"));
}

#[tokio::test]
async fn a_path_that_is_gone_is_looked_for_again() {
    let answers = [answer(404, ""), answer(404, ""), answer(404, ""), answer(200, "")];
    let checked = round(&answers, HealthCheck::default(), Way::Path("/health".into())).await.check.expect("a check");
    assert_eq!((checked.ok, checked.message.as_str()), (true, "GET /healthz: 200"));
}

#[tokio::test]
async fn a_service_that_accepts_and_never_answers_fails_in_time() {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let began = std::time::Instant::now();
    let outcome = run(job(port, configured(), Way::Undecided)).await;
    assert!(began.elapsed() < Duration::from_secs(3));
    assert_eq!(outcome.check.map(|check| (check.ok, check.message)), Some((false, "GET /alive: no answer within 1 s".into())));
    assert_eq!(outcome.scrape, None, "what fails its check is not scraped");
    drop(listener);
    let checked = run(job(port, HealthCheck::default(), Way::Undecided)).await.check.expect("a check");
    assert_eq!((checked.ok, checked.message), (false, format!("TCP {port}: connection refused")));
}

#[tokio::test]
async fn what_does_not_speak_http_is_judged_by_its_connection() {
    let checked = round(&["-ERR unknown command\r\n".into()], HealthCheck::default(), Way::Undecided).await.check.expect("a check");
    assert_eq!((checked.ok, checked.way), (true, Way::Tcp));
}

#[tokio::test]
async fn the_scrape_shares_the_connection_and_says_what_it_found() {
    let metrics = answer(200, "http_requests_total{status=\"200\",path=\"/\"} 7\nhttp_requests_total{status=\"200\",path=\"/alive\"} 9\n");
    let table = [
        (vec![answer(200, ""), metrics.clone()], "Reading"),
        (vec![answer(200, ""), answer(307, ""), metrics], "Reading"),
        (vec![answer(200, ""), answer(404, "")], "Absent"),
        (vec![answer(200, ""), answer(500, "")], "Failed"),
        (vec![answer(200, ""), answer(200, "<html>")], "Unknown"),
        (vec![answer(200, ""), answer(200, &"x 1\n".repeat(1_200_000))], "Failed"),
    ];
    for (answers, expected) in table {
        let scraped = round(&answers, configured(), Way::Undecided).await.scrape.expect("a scrape");
        assert!(format!("{scraped:?}").starts_with(expected), "{scraped:?} is not {expected}");
        if let Scraped::Reading(reading, _) = scraped {
            assert_eq!(reading.requests, 7.0, "the health path is not traffic");
        }
    }
}
