//! Live data over WebSockets and server-sent events.

use std::time::Duration;

use engine::testing::StoreKind;
use futures::{SinkExt, StreamExt};
use http::Method;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::app::{Client, TestApp};

const NO_ID: &str = "0192f0c4-0000-7000-8000-000000000000";

/// One open WebSocket.
pub struct Socket(WebSocketStream<TcpStream>);

impl Socket {
    /// Opens one as `client`, or answers the status of the refusal.
    pub async fn open(client: &Client, path: &str, headers: &[(&str, &str)]) -> Result<Self, u16> {
        let mut request = format!("ws://{}{path}", client.address).into_client_request().unwrap();
        if let Some(token) = &client.token {
            request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        for (name, value) in headers {
            request.headers_mut().insert(http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        let stream = TcpStream::connect(client.address).await.unwrap();
        match client_async(request, stream).await {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    pub async fn say(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    /// The text of each message from now on, for as long as it is open.
    pub async fn all(mut self, mut heard: impl FnMut(&str)) {
        while let Some(Ok(message)) = self.0.next().await {
            if let Message::Text(text) = message {
                heard(&text);
            }
        }
    }

    /// The next message, or none at the end; at most 10 seconds.
    pub async fn hear(&mut self) -> Option<Value> {
        loop {
            match tokio::time::timeout(Duration::from_secs(10), self.0.next()).await.expect("a message within 10 seconds") {
                Some(Ok(Message::Text(text))) => return Some(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(_) | Err(_)) | None => return None,
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_carries_many_feeds_each_with_its_own_sequence() {
    let app = TestApp::start().await;
    let mut socket = Socket::open(&app.sign_in("viewer").await, "/ws", &[]).await.ok().unwrap();
    for topic in ["dashboard", "metrics", "events"] {
        socket.say(json!({"type": "subscribe", "topic": topic})).await;
        let hello = loop {
            let frame = socket.hear().await.unwrap();
            if frame["topic"] == topic && frame["type"] == "hello" {
                break frame;
            }
        };
        assert!(hello["data"]["epoch"].is_string() && hello["seq"].is_u64() && hello["ts"].is_string(), "{hello}");
    }
    socket.say(json!({"type": "subscribe", "topic": "events"})).await;
    let refused = error(&mut socket).await;
    assert_eq!((&refused["topic"], &refused["data"]["error_code"]), (&json!("events"), &json!("conflict")));
    socket.say(json!({"type": "unsubscribe", "topic": "events"})).await;
    socket.say(json!({"type": "subscribe", "topic": "nothing"})).await;
    assert_eq!(error(&mut socket).await["data"]["error_code"], "validation_failed");
    socket.say(json!({"type": "subscribe", "topic": format!("services/{NO_ID}")})).await;
    assert_eq!(error(&mut socket).await["data"]["error_code"], "not_found");
    socket.say(json!({"nonsense": true})).await;
    assert_eq!(error(&mut socket).await["type"], "error");
    socket.say(json!({"type": "ping"})).await;
    while socket.hear().await.unwrap()["type"] != "pong" {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happens_arrives_and_a_break_is_bridged() {
    let app = TestApp::start().await;
    let developer = app.sign_in("developer").await;
    let mut socket = Socket::open(&developer, "/ws/dashboard", &[]).await.ok().unwrap();
    let hello = socket.hear().await.unwrap();
    assert_eq!(hello["type"], "hello");
    add_service(&app, &developer, "orders").await;
    let first = socket.hear().await.unwrap();
    assert_eq!((&first["type"], &first["data"]["name"]), (&json!("service"), &json!("orders")));
    assert_eq!(first["seq"].as_u64(), hello["seq"].as_u64().map(|seq| seq + 1));
    drop(socket);
    add_service(&app, &developer, "payments").await;
    let path = format!("/ws/dashboard?since={}&epoch={}", first["seq"], hello["data"]["epoch"].as_str().unwrap());
    let mut again = Socket::open(&developer, &path, &[]).await.ok().unwrap();
    assert_eq!(again.hear().await.unwrap()["type"], "hello");
    let next = loop {
        let frame = again.hear().await.unwrap();
        assert_ne!(frame["type"], "gap", "{frame}");
        if frame["data"]["name"] == "payments" {
            break frame;
        }
    };
    assert!(next["seq"].as_u64() > first["seq"].as_u64());
    let mut stranger = Socket::open(&developer, "/ws/dashboard?since=1&epoch=other", &[]).await.ok().unwrap();
    assert_eq!(stranger.hear().await.unwrap()["type"], "hello");
    let gap = stranger.hear().await.unwrap();
    assert_eq!((&gap["type"], &gap["data"]["reason"]), (&json!("gap"), &json!("new_epoch")));
    let mut batched = Socket::open(&developer, "/ws/dashboard?batch=true", &[]).await.ok().unwrap();
    assert_eq!(batched.hear().await.unwrap()[0]["type"], "hello");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_says_too_much_is_told_so_and_sent_away() {
    let app = TestApp::start_with(StoreKind::Sqlite, |settings| (settings.rate_limit, settings.rate_burst) = (1, 20)).await;
    let mut socket = Socket::open(&app.sign_in("admin").await, "/ws", &[]).await.ok().unwrap();
    for _ in 0..30 {
        // The last ones may find the socket closed.
        let _ = socket.0.send(Message::text(json!({"type": "ping"}).to_string())).await;
    }
    let mut pongs = 0;
    let refused = loop {
        let message = socket.hear().await.unwrap();
        match message["type"].as_str() {
            Some("pong") => pongs += 1,
            _ => break message,
        }
    };
    assert_eq!(refused["data"]["error_code"], "rate_limited");
    assert!((20..=22).contains(&pongs), "{pongs}");
    assert_eq!(socket.hear().await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_ends_within_a_second_of_its_session() {
    let app = TestApp::start().await;
    let viewer = app.sign_in("viewer").await;
    let mut socket = Socket::open(&viewer, "/ws/metrics", &[]).await.ok().unwrap();
    assert_eq!(socket.hear().await.unwrap()["type"], "hello");
    assert_eq!(viewer.send(Method::POST, "/api/auth/logout", None).await.status, 204);
    let ended = tokio::time::timeout(Duration::from_millis(1500), async {
        while let Some(frame) = socket.hear().await {
            if frame["type"] == "error" {
                return Some(frame);
            }
        }
        None
    });
    let frame = ended.await.expect("it ends within a second").expect("it says why");
    assert_eq!(frame["data"]["error_code"], "session_ended");
    assert!(socket.hear().await.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_our_own_pages_and_those_who_show_a_token_are_let_in() {
    let app = TestApp::start().await;
    let viewer = app.sign_in("viewer").await;
    let cookie = format!("__Host-pilothouse-access={}", viewer.token.as_deref().unwrap());
    let origin = format!("http://{}", app.address);
    for path in ["/ws", "/ws/dashboard"] {
        let open = async |headers: &[(&str, &str)]| Socket::open(&app.nobody(), path, headers).await.err();
        assert_eq!(open(&[("cookie", &cookie), ("origin", &origin)]).await, None);
        assert_eq!(open(&[("cookie", &cookie), ("origin", "https://evil.example")]).await, Some(403));
        assert_eq!(open(&[("cookie", &cookie), ("origin", "http://127.0.0.1:1")]).await, Some(403));
        assert_eq!(open(&[("cookie", &cookie)]).await, Some(403));
        assert_eq!(open(&[("origin", "https://evil.example")]).await, Some(403));
        assert_eq!(open(&[("authorization", "Bearer wrong")]).await, Some(401));
    }
    assert_eq!(Socket::open(&viewer, &format!("/ws/logs/{NO_ID}"), &[]).await.err(), Some(404));
    assert_eq!(Socket::open(&viewer, "/ws/services/x", &[]).await.err(), Some(404));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_opens_one_socket() {
    let app = TestApp::start().await;
    let viewer = app.sign_in("viewer").await;
    let ticket = viewer.post("/api/ws/ticket", json!({})).await.json()["ticket"].clone();
    let mut first = Socket::open(&app.nobody(), "/ws/dashboard", &[]).await.ok().unwrap();
    first.say(json!({"type": "ticket", "ticket": ticket})).await;
    assert_eq!(first.hear().await.unwrap()["type"], "hello");
    let mut second = Socket::open(&app.nobody(), "/ws", &[]).await.ok().unwrap();
    second.say(json!({"type": "ticket", "ticket": ticket})).await;
    assert_eq!(second.hear().await.unwrap()["data"]["error_code"], "not_signed_in");
    assert!(second.hear().await.is_none());
    let mut rude = Socket::open(&app.nobody(), "/ws", &[]).await.ok().unwrap();
    rude.say(json!({"type": "subscribe", "topic": "dashboard"})).await;
    assert_eq!(rude.hear().await.unwrap()["data"]["error_code"], "not_signed_in");
    assert!(rude.hear().await.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_is_too_large_ends_the_socket() {
    let app = TestApp::start().await;
    let mut socket = Socket::open(&app.sign_in("viewer").await, "/ws", &[]).await.ok().unwrap();
    // The server may close before all of it has been sent.
    let _ = socket.0.send(Message::text("x".repeat(100_000))).await;
    assert!(socket.hear().await.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_socket_carries_at_most_64_feeds() {
    let app = TestApp::start().await;
    let developer = app.sign_in("developer").await;
    let mut socket = Socket::open(&developer, "/ws", &[]).await.ok().unwrap();
    for n in 0..65 {
        let folder = app.store.folder().join(format!("services/s{n}"));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("main.py"), "print('hello')\n").unwrap();
    }
    developer.post("/api/services/discover", json!({})).await;
    let services = developer.get("/api/services").await.json();
    for service in services["items"].as_array().unwrap() {
        socket.say(json!({"type": "subscribe", "topic": format!("services/{}", service["id"].as_str().unwrap())})).await;
    }
    assert_eq!(error(&mut socket).await["data"]["error_code"], "conflict");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_is_followed_as_server_sent_events() {
    let app = TestApp::start().await;
    let developer = app.sign_in("developer").await;
    let id = add_service(&app, &developer, "orders").await;
    let stream = TcpStream::connect(app.address).await.unwrap();
    let (mut read, mut write) = stream.into_split();
    let request = format!(
        "GET /api/logs/services/{id}/stream HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\r\n",
        app.address,
        developer.token.as_deref().unwrap()
    );
    tokio::io::AsyncWriteExt::write_all(&mut write, request.as_bytes()).await.unwrap();
    let mut heard = String::new();
    while !heard.contains("event: hello") {
        let mut buffer = [0; 4096];
        let read = tokio::io::AsyncReadExt::read(&mut read, &mut buffer);
        let count = tokio::time::timeout(Duration::from_secs(10), read).await.expect("an event within 10 seconds").unwrap();
        assert!(count > 0, "it ended: {heard}");
        heard.push_str(&String::from_utf8_lossy(&buffer[..count]));
    }
    assert!(heard.contains("content-type: text/event-stream"), "{heard}");
}

/// Puts a service into the services folder, has it found, and answers its id.
async fn add_service(app: &TestApp, client: &Client, name: &str) -> String {
    let folder = app.store.folder().join("services").join(name);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("main.py"), "print('hello')\n").unwrap();
    let found = client.post("/api/services/discover", json!({})).await;
    assert_eq!(found.status, 200, "{found:?}");
    let services = client.get(&format!("/api/services?q={name}")).await.json();
    services["items"][0]["id"].as_str().unwrap_or_else(|| panic!("{name} was not found: {services}")).to_owned()
}

/// The next message of type `error`.
async fn error(socket: &mut Socket) -> Value {
    loop {
        let message = socket.hear().await.expect("an error");
        if message["type"] == "error" {
            return message;
        }
    }
}
