use std::sync::Arc;
use std::time::Duration;

use api::{CheckKind, HealthCheck, ServiceId};
use tokio::net::{TcpSocket, TcpStream};

use super::{Checked, Job, Outcome, Scraped, Way, run};
use crate::monitoring::RunCommand;
use crate::monitoring::http::tests::{answer, serve};
use crate::runtime::process::{How, Ran};

fn job(port: u16, check: HealthCheck, way: Way) -> Job {
    Job {
        id: ServiceId(uuid::Uuid::nil()),
        run: None,
        user: None,
        port,
        is_forwarded: false,
        check: Some((check, way)),
        scrape: Some("/metrics".into()),
    }
}

async fn round(answers: &[String], check: HealthCheck, way: Way) -> Outcome {
    run(job(serve(answers.to_vec()).await, check, way), None).await
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
    let outcome = run(job(port, configured(), Way::Undecided), None).await;
    assert!(began.elapsed() < Duration::from_secs(3));
    assert_eq!(outcome.check.map(|check| (check.ok, check.message)), Some((false, "GET /alive: no answer within 1 s".into())));
    assert_eq!(outcome.scrape, None, "what fails its check is not scraped");
    drop(listener);
    let checked = run(job(port, HealthCheck::default(), Way::Undecided), None).await.check.expect("a check");
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

fn tcp(port: u16, is_forwarded: bool) -> Job {
    let check = HealthCheck { kind: CheckKind::Tcp, timeout_seconds: 1, ..HealthCheck::default() };
    Job { is_forwarded, scrape: None, ..job(port, check, Way::Undecided) }
}

async fn connects(port: u16, is_forwarded: bool) -> (bool, String) {
    let checked = run(tcp(port, is_forwarded), None).await.check.expect("a check");
    (checked.ok, checked.message)
}

#[tokio::test]
async fn a_connection_is_all_that_a_check_by_tcp_asks() {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    assert_eq!(connects(port, false).await, (true, format!("TCP {port}: connected")));
    assert_eq!(connects(port, true).await, (true, format!("TCP {port}: connected")), "it stays open");
    drop(listener);
    assert_eq!(connects(port, false).await, (false, format!("TCP {port}: connection refused")));
}

#[tokio::test]
async fn who_takes_no_connection_in_time_is_told_from_who_refuses() {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(([127, 0, 0, 1], 0).into()).expect("a free port");
    let listener = socket.listen(1).expect("it listens");
    let address = listener.local_addr().expect("an address");
    // What isn't accepted fills its queue; then the kernel answers nobody any more.
    let mut waiting = Vec::new();
    while let Ok(Ok(stream)) = tokio::time::timeout(Duration::from_millis(300), TcpStream::connect(address)).await {
        waiting.push(stream);
        assert!(waiting.len() < 100, "the queue is never full");
    }
    assert_eq!(connects(address.port(), false).await, (false, format!("TCP {}: no connection within 1 s", address.port())));
}

#[tokio::test]
async fn a_forwarded_port_with_nobody_behind_it_fails() {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    assert_eq!(connects(port, true).await, (false, format!("TCP {port}: the connection was closed without an answer")));
    assert!(connects(port, false).await.0, "a program may close a connection at once");
}

async fn ran(ran: Ran) -> Checked {
    let words = ["/usr/bin/pg_isready", "-q"].map(String::from);
    let check = HealthCheck { kind: CheckKind::Command, command: words.to_vec(), ..HealthCheck::default() };
    let commands: RunCommand = Arc::new(move |asked, limit| {
        assert_eq!((asked.command, limit), (words.to_vec(), Duration::from_secs(5)));
        let ran = ran.clone();
        Box::pin(async move { ran })
    });
    run(Job { scrape: None, ..job(0, check, Way::Undecided) }, Some(&commands)).await.check.expect("a check")
}

#[tokio::test]
async fn a_command_says_how_it_ended_and_its_last_line() {
    let output = vec!["one".to_owned(), "no response".to_owned()];
    let table = [
        (How::Code(0), true, "Command pg_isready: exit code 0: no response"),
        (How::Code(2), false, "Command pg_isready: exit code 2: no response"),
        (How::Signal(9), false, "Command pg_isready: ended by signal 9: no response"),
        (How::TimedOut, false, "Command pg_isready: not done within 5 s: no response"),
    ];
    for (how, ok, message) in table {
        let checked = ran(Ran { how, output: output.clone() }).await;
        assert_eq!((checked.ok, checked.message.as_str()), (ok, message));
        assert_eq!(checked.output.len(), if ok { 0 } else { 2 }, "what failed shows what it wrote");
    }
    let checked = ran(Ran::not("the program 'pg_isready' was not found")).await;
    assert_eq!((checked.ok, checked.message.as_str()), (false, "Command pg_isready: the program 'pg_isready' was not found"));
}
