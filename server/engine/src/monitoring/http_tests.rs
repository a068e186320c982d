use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::{BODY_BYTES, Connection, Failure};

const LIMIT: Duration = Duration::from_secs(5);

/// A server on a free port that answers the n-th request of a connection with the n-th text (the last one again and again); an
/// empty text closes the connection instead.
pub(in crate::monitoring) async fn serve(answers: Vec<String>) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answers = answers.clone();
            tokio::spawn(async move {
                let mut answers = answers.iter();
                let mut answer = answers.next();
                let mut seen = Vec::new();
                while let Ok(1..) = stream.read_buf(&mut seen).await {
                    if !seen.ends_with(b"\r\n\r\n") {
                        continue;
                    }
                    seen.clear();
                    match answer {
                        Some(text) if !text.is_empty() => stream.write_all(text.as_bytes()).await.unwrap_or_default(),
                        _ => return,
                    }
                    answer = answers.next().or(answer);
                }
            });
        }
    });
    port
}

/// An HTTP answer.
pub(in crate::monitoring) fn answer(status: u16, body: &str) -> String {
    format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

async fn get(port: u16, limit: Duration) -> Result<(u16, String), Failure> {
    let mut body = Vec::new();
    let status = Connection::open(port, limit).await?.get("/health", limit, |piece| body.extend_from_slice(piece)).await?;
    Ok((status.as_u16(), String::from_utf8_lossy(&body).into_owned()))
}

#[tokio::test]
async fn two_requests_go_over_one_connection() {
    let port = serve(vec![answer(200, "one"), answer(200, "two"), String::new()]).await;
    let mut connection = Connection::open(port, LIMIT).await.expect("a connection");
    for expected in ["one", "two"] {
        let mut body = String::new();
        let status = connection.get("/", LIMIT, |piece| body.push_str(&String::from_utf8_lossy(piece))).await;
        assert_eq!((status.map(|status| status.as_u16()), body.as_str()), (Ok(200), expected));
    }
    assert_eq!(connection.get("/", LIMIT, |_| {}).await, Err(Failure::Closed));
    assert!(connection.is_closed());
}

#[tokio::test]
async fn an_answer_that_ends_with_the_connection_is_whole() {
    let port = serve(vec!["HTTP/1.0 200 OK\r\n\r\nall of it".into()]).await;
    let (sender, receiver) = tokio::sync::oneshot::channel();
    tokio::spawn(async move { sender.send(get(port, Duration::from_millis(300)).await) });
    assert_eq!(receiver.await.expect("an end"), Err(Failure::TimedOut(1)), "the server keeps it open");
    let port = serve(vec!["HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\nall".into()]).await;
    assert_eq!(get(port, LIMIT).await, Ok((200, "all".into())));
}

#[tokio::test]
async fn each_way_to_fail_has_its_words() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let closed = listener.local_addr().expect("an address").port();
    let silent = listener;
    assert_eq!(get(closed, Duration::from_millis(200)).await, Err(Failure::TimedOut(1)));
    drop(silent);
    assert_eq!(get(closed, LIMIT).await, Err(Failure::Refused));
    let table = [
        (vec![String::new()], Failure::Closed),
        (vec!["\u{1}\u{2} what is this\r\n\r\n".into()], Failure::NotHttp),
        (vec!["SSH-2.0-OpenSSH_9.2\r\n".into()], Failure::NotHttp),
        (vec![answer(200, &"x".repeat(BODY_BYTES + 1))], Failure::TooLarge),
        (vec![format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(100_000))], Failure::NotHttp),
    ];
    for (answers, failure) in table {
        let words = answers[0].chars().take(20).collect::<String>();
        assert_eq!(get(serve(answers).await, LIMIT).await, Err(failure), "{words}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_its_body_not_given() {
    let port = serve(vec!["HTTP/1.1 307 X\r\nLocation: http://example.com/\r\nContent-Length: 2\r\n\r\nno".into()]).await;
    assert_eq!(get(port, LIMIT).await, Ok((307, String::new())));
}
