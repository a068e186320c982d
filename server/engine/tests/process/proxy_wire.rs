//! What goes over the wire: bodies, headers, other protocols, and clients that mean no good.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

async fn dial(port: u16) -> TcpStream {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap()
}

/// Sends bytes by a new connection; answers all that comes until it is closed, or until `end` has come.
async fn raw(port: u16, bytes: &[u8], end: &str) -> String {
    let mut stream = dial(port).await;
    // A server that refuses may have closed before everything was sent.
    let _ = stream.write_all(bytes).await;
    until_come(&mut stream, end).await
}

async fn until_come(stream: &mut TcpStream, end: &str) -> String {
    let mut come = Vec::new();
    let reading = async {
        while stream.read_buf(&mut come).await.is_ok_and(|read| read > 0) {
            if !end.is_empty() && String::from_utf8_lossy(&come).contains(end) {
                break;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), reading).await.expect("more was to come");
    String::from_utf8_lossy(&come).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn large_bodies_flow_both_ways_through_little_memory() {
    let backend = Backend::new("one").await;
    let proxy = Proxy::with(vec![backend.target(1)]).await;
    let pieces = futures::stream::iter(0..800).map(|number: u32| Ok(Frame::data(Bytes::from(vec![number as u8; 64 << 10]))));
    let request = Request::post("/echo").header("Host", "a").body(StreamBody::new(pieces).boxed_unsync()).unwrap();
    let mut body = connect(proxy.port).await.send_request(request).await.unwrap().into_body();
    // Nobody reads for a moment: what is sent meanwhile has to wait on the other side.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let data = frame.unwrap().into_data().unwrap();
        assert!(data.iter().enumerate().all(|(at, byte)| *byte == ((length + at) >> 16) as u8), "at {length}");
        length += data.len();
    }
    assert_eq!(length, 800 << 16);
    assert!(proxy.memory("VmHWM") < 40 << 10, "{} KiB", proxy.memory("VmHWM"));
    assert_eq!(proxy.counted("one").await.requests, 1);
}

#[tokio::test]
async fn an_event_comes_before_the_next_one_is_there() {
    let backend = Backend::new("one").await;
    let proxy = Proxy::with(vec![backend.target(1)]).await;
    let mut body = connect(proxy.port).await.send_request(request("/events")).await.unwrap().into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "one\n");
    assert_eq!(proxy.counted("one").await.in_flight, 1);
    backend.go.send_replace(true);
    assert_eq!(body.collect().await.unwrap().to_bytes(), "two\n");
}

#[tokio::test]
async fn another_protocol_is_spoken_through_it_and_cut_when_it_ends() {
    let backend = Backend::new("one").await;
    let proxy = Proxy::with(vec![backend.target(1)]).await;
    let mut stream = dial(proxy.port).await;
    stream.write_all(b"GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nearly").await.unwrap();
    let head = until_come(&mut stream, "early").await;
    assert!(head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{head}");
    assert!(head.contains("connection: upgrade\r\n") && head.contains("upgrade: echo\r\n"), "{head}");
    assert_eq!(proxy.counted("one").await.in_flight, 1);
    stream.write_all(&[0, 255, 10]).await.unwrap();
    let mut back = [0; 3];
    stream.read_exact(&mut back).await.unwrap();
    assert_eq!(back, [0, 255, 10]);
    stream.shutdown().await.unwrap();
    assert_eq!(stream.read(&mut back).await.unwrap(), 0, "the end goes through too");
    let mut in_flight = 1;
    while in_flight > 0 {
        in_flight = proxy.counted("one").await.in_flight;
    }
}

#[tokio::test]
async fn headers_for_one_connection_stay_on_it_and_the_others_go_through() {
    let backend = Backend::new("one").await;
    let proxy = Proxy::with(vec![backend.target(1)]).await;
    let sent = "GET http://shop.example/hops?x=%20 HTTP/1.1\r\nHost: other\r\nConnection: keep-alive, X-Secret\r\nX-Secret: 1\r\n\
        Keep-Alive: 5\r\nTE: trailers\r\nCookie: a=1\r\nX-Forwarded-For: 10.0.0.1\r\n\r\n";
    let answer = raw(proxy.port, sent.as_bytes(), "hops").await.to_lowercase();
    for gone in ["keep-alive:", "x-own", "connection: x-own", "date: x"] {
        assert!(!answer.contains(gone), "{answer}");
    }
    assert!(answer.contains("set-cookie: a=1\r\n") && answer.contains("set-cookie: b=2\r\n"), "{answer}");
    let seen = backend.seen.lock().unwrap()[0].clone();
    assert!(seen.starts_with("GET /hops?x=%20\n"), "{seen}");
    let has = |name: &str, value: &str| seen.contains(&format!("\"{name}\": \"{value}\""));
    assert!(has("host", "shop.example") && has("cookie", "a=1") && has("te", "trailers"), "{seen}");
    assert!(has("x-forwarded-for", "10.0.0.1, 127.0.0.1") && has("x-forwarded-proto", "http"), "{seen}");
    assert!(has("x-forwarded-host", "shop.example") && !seen.contains("x-secret") && !seen.contains("keep-alive"), "{seen}");

    // HTTP/1.0 has no host, and its connection is closed.
    let answer = raw(proxy.port, b"GET / HTTP/1.0\r\n\r\n", "").await;
    assert!(answer.starts_with("HTTP/1.0 200 OK\r\n") && answer.ends_with("\r\n\r\none"), "{answer}");
    let answer = raw(proxy.port, b"HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "").await.to_lowercase();
    assert!(answer.contains("content-length: 3\r\n") && answer.ends_with("\r\n\r\n"), "{answer}");
    // Two that are sent at once are answered in their order.
    let answer =
        raw(proxy.port, b"GET /failing HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "").await;
    assert!(answer.find("500 Internal").unwrap() < answer.find("200 OK").unwrap() && answer.ends_with("one"), "{answer}");
}

#[tokio::test]
async fn a_client_that_leaves_ends_its_request_at_the_service() {
    let backend = Backend::new("one").await;
    let proxy = Proxy::with(vec![backend.target(1)]).await;
    let mut stream = dial(proxy.port).await;
    stream.write_all(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    backend.came.notified().await;
    drop(stream);
    until_so("the service goes on", || backend.given_up.load(Ordering::Relaxed) == 1).await;
    let status = proxy.counted("one").await;
    assert_eq!((status.requests, status.errors, status.in_flight), (0, 0, 0), "it was neither answered nor did it fail");
    let mut stream = dial(proxy.port).await;
    stream.write_all(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf").await.unwrap();
    until_come(&mut stream, "half").await;
    drop(stream);
    let mut in_flight = 1;
    while in_flight > 0 {
        in_flight = proxy.counted("one").await.in_flight;
    }
    assert_eq!(proxy.counted("one").await.errors, 0);
}

#[tokio::test]
async fn nobody_gets_a_request_through_that_is_hidden_in_another_one() {
    let backend = Backend::new("one").await;
    let proxy = Proxy::with(vec![backend.target(1)]).await;
    let hidden = "GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n";
    let length = hidden.len();
    let shapes = [
        // The length says that it belongs to the first one, the chunks that it doesn't, in both orders.
        format!(
            "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n{hidden}",
            length + 5
        ),
        format!(
            "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: {}\r\nConnection: close\r\n\r\n0\r\n\r\n{hidden}",
            length + 5
        ),
        format!("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\nContent-Length: {length}\r\n\r\n{hidden}"),
        format!("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\nContent-Length: {length}\r\n\r\n{hidden}"),
        format!("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\nContent-Length: {length}\r\n\r\n{hidden}"),
        format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\nContent-Length: 0\r\n\r\n{hidden}"),
        format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: +{length}\r\n\r\n{hidden}"),
        format!("POST /echo HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: {length}\r\n\r\n{hidden}"),
        format!("GET / HTTP/1.1\r\nHost: a\r\nX: a\n b\r\nTransfer-Encoding:\r\n chunked\r\n\r\n{hidden}"),
        format!("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n{hidden}"),
        format!("CONNECT a:80 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n{hidden}"),
    ];
    for shape in shapes {
        let answer = raw(proxy.port, shape.as_bytes(), "").await;
        assert!(answer.starts_with("HTTP/1.1 ") || answer.starts_with("HTTP/1.0 "), "{shape}: {answer}");
        let seen = backend.seen.lock().unwrap();
        assert!(!seen.iter().any(|head| head.contains("/hidden")), "{shape}: {seen:?}");
        assert!(!seen.iter().any(|head| head.contains("transfer-encoding") && head.contains("content-length")), "{shape}: {seen:?}");
    }
    let refused = raw(proxy.port, b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "").await;
    assert!(refused.starts_with("HTTP/1.1 405 "), "{refused}");
    let large = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(200_000));
    let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(500));
    let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(200_000));
    for (shape, statuses) in [(large, [431, 400]), (many, [431, 400]), (long, [414, 431]), ("\0\r\n\r\n".into(), [400, 400])] {
        let answer = raw(proxy.port, shape.as_bytes(), "").await;
        // It may be closed while the client still sends, which takes the answer along.
        let is_right = answer.is_empty() || statuses.iter().any(|status| answer.starts_with(&format!("HTTP/1.1 {status} ")));
        assert!(is_right, "{answer}");
    }
    assert_eq!(get(proxy.port, "/").await.1, "one", "it lives");
}
