//! A log feed to a thousand clients, and to five thousand: what arrives, how late, and at what cost.

use std::time::{Duration, Instant};

use futures::StreamExt;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::client::Client;
use crate::program::Program;
use crate::table::Table;

const SECONDS: u64 = 15;

#[derive(Deserialize)]
struct Frame {
    seq: u64,
    ts: api::Timestamp,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Default)]
struct Seen {
    frames: u64,
    missing: u64,
    late_ms: Vec<f64>,
}

pub async fn measure(table: &mut Table) {
    // Clients, and lines a second: as many frames as a machine with two cores sends and reads at the same time.
    for (clients, rate) in [(1000, 10), (5000, 2)] {
        of(clients, rate, table).await;
    }
}

async fn of(clients: usize, rate: u64, table: &mut Table) {
    let data = tempfile::tempdir().unwrap();
    let program = Program::pilothouse(data.path());
    program.ready("/readyz").await;
    let mut client = program.client().await;
    let command = json!([std::env::current_exe().unwrap(), "role-lines", rate.to_string()]);
    let service = json!({ "name": "lines", "source": { "command": command, "working_dir": "/tmp" } });
    let made: Value = serde_json::from_slice(&client.post("/api/services", &service).await.unwrap().body).unwrap();
    let id = made["id"].as_str().expect("made").to_string();

    let path = format!("/ws/logs/{id}");
    let before = program.resident_bytes();
    let sockets = connect(&program, &path, client.bearer.as_deref(), clients).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let each = (program.resident_bytes().saturating_sub(before)) as f64 / clients as f64;
    client.post(&format!("/api/services/{id}/start"), &Value::Null).await.unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (ours, our_cpu) = listen(&program, sockets).await;
    program.client().await.post(&format!("/api/services/{id}/stop"), &Value::Null).await.unwrap();

    let bare = Program::baseline();
    bare.ready("/").await;
    let before = bare.resident_bytes();
    let sockets = connect(&bare, "/ws", None, clients).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let bare_each = (bare.resident_bytes().saturating_sub(before)) as f64 / clients as f64;
    let mut sender = Client::open(&bare.address).await.unwrap();
    let load = format!("/broadcast?frames={}&rate={rate}&bytes=240", rate * (SECONDS + 10));
    tokio::spawn(async move { sender.post(&load, &Value::Null).await.map(|_| ()) });
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (theirs, their_cpu) = listen(&bare, sockets).await;

    let share = 100.0 * ours.frames as f64 / (ours.frames + ours.missing).max(1) as f64;
    let to = format!("fan-out to {clients} clients");
    table.figure(&format!("{to}, delivered without unreported gaps"), format!("{share:.3} %"), "99.9 %");
    table.compare(
        &format!("{to}, frames"),
        ours.frames as f64 / our_cpu,
        theirs.frames as f64 / their_cpu,
        "frames/CPU s",
        "75 % of the bare one",
    );
    table.compare(&format!("{to}, p99 from the line's time to its arrival"), p99(ours.late_ms), p99(theirs.late_ms), "ms", "-");
    table.compare(&format!("memory of an idle connection, of {clients}"), each / 1e3, bare_each / 1e3, "kB", "8");
}

pub type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

pub async fn connect(program: &Program, path: &str, bearer: Option<&str>, clients: usize) -> Vec<Socket> {
    let mut sockets = Vec::with_capacity(clients);
    for _ in 0..clients {
        let mut request = format!("ws://{}{path}", program.address).into_client_request().unwrap();
        if let Some(bearer) = bearer {
            request.headers_mut().insert("authorization", format!("Bearer {bearer}").parse().unwrap());
        }
        sockets.push(tokio_tungstenite::connect_async(request).await.unwrap().0);
    }
    sockets
}

/// Reads all sockets for a while; answers what they saw and the CPU seconds that the server took for it.
async fn listen(program: &Program, sockets: Vec<Socket>) -> (Seen, f64) {
    let (before, end) = (program.cpu_seconds(), Instant::now() + Duration::from_secs(SECONDS));
    // What was sent before anybody read is late by no fault of the server.
    let begun = engine::Clock::System.now();
    let mut tasks = tokio::task::JoinSet::new();
    for (n, mut socket) in sockets.into_iter().enumerate() {
        tasks.spawn(async move {
            let (mut seen, mut last) = (Seen::default(), None::<u64>);
            while let Ok(Some(Ok(message))) = tokio::time::timeout_at(end.into(), socket.next()).await {
                let Message::Text(text) = message else { continue };
                let frame: Frame = serde_json::from_str(&text).unwrap();
                if frame.kind != "line" {
                    last = Some(frame.seq);
                    continue;
                }
                seen.missing += last.map_or(0, |last| frame.seq - last - 1);
                last = Some(frame.seq);
                seen.frames += 1;
                // A sample of the clients is enough for a quantile.
                if n % 10 == 0 && frame.ts >= begun {
                    seen.late_ms.push(engine::Clock::System.now().seconds_since(frame.ts) * 1e3);
                }
            }
            seen
        });
    }
    let mut all = Seen::default();
    for seen in tasks.join_all().await {
        all.frames += seen.frames;
        all.missing += seen.missing;
        all.late_ms.extend(seen.late_ms);
    }
    (all, program.cpu_seconds() - before)
}

fn p99(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() * 99 / 100).copied().unwrap_or_default()
}
