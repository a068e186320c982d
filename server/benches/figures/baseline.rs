//! What the benchmark itself runs as: the bare program to compare with, and the services that are watched.

use std::io::Write;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::sync::broadcast;

type Shared = std::sync::Arc<(std::sync::Mutex<Bytes>, broadcast::Sender<axum::extract::ws::Utf8Bytes>)>;

/// A bare axum program: keeps the bytes posted to `/body` and answers them at `/`, and sends frames to all sockets at `/ws`.
pub async fn serve() {
    let shared: Shared = std::sync::Arc::new((std::sync::Mutex::default(), broadcast::Sender::new(2048)));
    let app = Router::new()
        .route(
            "/",
            get(|State(shared): State<Shared>| async move { ([("content-type", "application/json")], shared.0.lock().unwrap().clone()) }),
        )
        .route("/body", post(|State(shared): State<Shared>, body: Bytes| async move { *shared.0.lock().unwrap() = body }))
        .route("/ws", get(upgrade))
        .route("/broadcast", post(send))
        .layer(DefaultBodyLimit::disable())
        .with_state(shared);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("http://{}", listener.local_addr().unwrap());
    axum::serve(axum::serve::ListenerExt::tap_io(listener, |io| drop(io.set_nodelay(true))), app).await.unwrap();
}

async fn upgrade(State(shared): State<Shared>, upgrade: WebSocketUpgrade) -> impl IntoResponse {
    upgrade.read_buffer_size(4096).write_buffer_size(0).on_upgrade(move |socket| forward(socket, shared.1.subscribe()))
}

async fn forward(mut socket: WebSocket, mut frames: broadcast::Receiver<axum::extract::ws::Utf8Bytes>) {
    loop {
        tokio::select! {
            frame = frames.recv() => {
                let Ok(frame) = frame else { return };
                if socket.send(Message::Text(frame)).await.is_err() {
                    return;
                }
            }
            message = socket.recv() => if message.is_none_or(|message| message.is_err()) { return },
        }
    }
}

#[derive(Deserialize)]
struct Load {
    frames: u64,
    rate: u64,
    bytes: usize,
}

/// Sends numbered frames at a rate, each with the time it was made.
async fn send(State(shared): State<Shared>, Query(load): Query<Load>) {
    let mut ticks = tokio::time::interval(Duration::from_micros(1_000_000 / load.rate.max(1)));
    let filler = "x".repeat(load.bytes);
    for seq in 1..=load.frames {
        ticks.tick().await;
        let ts = engine::Clock::System.now();
        let frame = format!(r#"{{"topic":"bench","seq":{seq},"ts":"{ts}","type":"line","data":{{"message":"{filler}"}}}}"#);
        let _ = shared.1.send(frame.into());
    }
}

/// A service to be watched: health and metrics on `PORT`.
pub async fn target() {
    const METRICS: &str = "# TYPE http_requests_total counter\nhttp_requests_total{handler=\"/\",method=\"GET\",status=\"2xx\"} 1042\n\
        # TYPE http_request_duration_seconds histogram\nhttp_request_duration_seconds_bucket{handler=\"/\",le=\"0.1\"} 1000\n\
        http_request_duration_seconds_bucket{handler=\"/\",le=\"+Inf\"} 1042\nhttp_request_duration_seconds_count{handler=\"/\"} 1042\n\
        http_request_duration_seconds_sum{handler=\"/\"} 31.5\n";
    let app = Router::new().route("/health", get(|| async { "ok" })).route("/metrics", get(|| async { METRICS }));
    let port = std::env::var("PORT").unwrap();
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await.unwrap();
    axum::serve(listener, app).await.unwrap();
}

/// A service that prints numbered lines of about 150 bytes at `rate` a second, for ever, and listens nowhere.
pub fn lines(rate: u64) {
    let (start, filler) = (Instant::now(), "x".repeat(120));
    for n in 1.. {
        let due = Duration::from_micros(n * 1_000_000 / rate);
        std::thread::sleep(due.saturating_sub(start.elapsed()));
        if writeln!(std::io::stdout(), "line {n} {filler}").is_err() {
            return;
        }
    }
}
