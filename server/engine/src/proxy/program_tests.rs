use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::super::{Routes, Target};
use super::*;

/// A proxy in this process with limits of its own; answers its port.
async fn proxy(limits: Limits, targets: Vec<Target>) -> (Arc<Proxy>, u16) {
    let proxy = Proxy::new(PathBuf::from("/nowhere"), limits);
    proxy.router.follow(Routes { revision: 1, service: "shop".into(), targets });
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let own = proxy.clone();
    tokio::spawn(async move { own.accept(&listener).await });
    (proxy, port)
}

fn short() -> Limits {
    let milliseconds = Duration::from_millis;
    Limits { head: milliseconds(200), wait: milliseconds(300), linger: milliseconds(10), drain: milliseconds(400), ..Limits::default() }
}

async fn free_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap().local_addr().unwrap()
}

async fn exchange(port: u16, said: &str) -> String {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
    stream.write_all(said.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn a_client_that_is_slow_with_the_head_is_left() {
    let (_proxy, port) = proxy(short(), vec![]).await;
    let begun = Instant::now();
    exchange(port, "GET / HTTP/1.1\r\nHost: a\r\nX-Slow").await;
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn what_has_nowhere_to_go_is_told_so_when_the_time_is_over() {
    let (proxy_of_none, port) = proxy(short(), vec![]).await;
    let answer = exchange(port, GET).await;
    assert!(answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n") && answer.contains("retry-after: 5\r\n"), "{answer}");
    assert!(answer.ends_with("shop has nothing that answers at the moment\n"), "{answer}");
    assert_eq!(proxy_of_none.router.status().unrouted, 1);

    let address = free_address().await;
    let (proxy, port) = proxy(short(), vec![Target { id: "one".into(), address, weight: 1 }]).await;
    let answer = exchange(port, GET).await;
    assert!(answer.starts_with("HTTP/1.1 502 Bad Gateway\r\n") && answer.contains("shop doesn't answer since 2"), "{answer}");
    assert!(answer.ends_with(&format!(": {address}: Connection refused (os error 111)\n")), "{answer}");
    let status = proxy.router.status().targets.remove(0);
    assert_eq!((status.requests, status.errors, status.in_flight, status.latency.len()), (1, 1, 0, 0));
}

#[tokio::test]
async fn an_answer_that_cannot_be_passed_on_counts_as_a_failure() {
    for answer in ["200 OK\r\nTransfer-Encoding: gzip, chunked", "101 Switching Protocols\r\nUpgrade: echo\r\nConnection: upgrade"] {
        let service = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = service.local_addr().unwrap();
        let (proxy, port) = proxy(short(), vec![Target { id: "one".into(), address, weight: 1 }]).await;
        let asking = tokio::spawn(exchange(port, GET));
        let (mut stream, _) = service.accept().await.unwrap();
        stream.write_all(format!("HTTP/1.1 {answer}\r\n\r\n").as_bytes()).await.unwrap();
        let told = asking.await.unwrap();
        assert!(told.starts_with("HTTP/1.1 502 Bad Gateway\r\n") && told.contains("shop can't be understood: it "), "{told}");
        let status = proxy.router.status().targets.remove(0);
        assert_eq!((status.requests, status.errors), (1, 1));
    }
}

#[tokio::test]
async fn connections_above_the_most_wait_until_others_end() {
    let (_proxy, port) = proxy(Limits { connections: 1, ..short() }, vec![]).await;
    let first = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
    let second = tokio::spawn(exchange(port, GET));
    let mut first_closed = [0; 64];
    let mut first = first;
    // The head of the first one never comes, so it is closed, and the second one has its place.
    let _ = first.read(&mut first_closed).await;
    assert!(second.await.unwrap().starts_with("HTTP/1.1 503 "));
}

#[tokio::test]
async fn what_does_not_end_is_cut_when_the_time_is_over() {
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = silent.local_addr().unwrap();
    let (proxy, port) = proxy(short(), vec![Target { id: "one".into(), address, weight: 1 }]).await;
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
    stream.write_all(GET.as_bytes()).await.unwrap();
    let _accepted = silent.accept().await.unwrap();
    assert_eq!(proxy.drain().await, 1);
}

#[test]
fn arguments_are_read_in_any_order() {
    let read = |words: &[&str]| parse(words.iter().map(OsString::from));
    assert_eq!(read(&["--port", "80", "--folder", "/a"]), Some((PathBuf::from("/a"), 80)));
    for wrong in [
        &["--port", "80"][..],
        &["--folder", "/a", "--port"],
        &["--folder", "/a", "--port", "x"],
        &["--folder", "/a", "--port", "1", "--x", "1"],
    ] {
        assert_eq!(read(wrong), None);
    }
}
