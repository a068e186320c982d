//! A thousand services in the list: what each change of one costs for each tab that shows them.

use std::time::{Duration, Instant};

use futures::StreamExt;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::client::Client;
use crate::fanout::{Socket, connect};
use crate::program::Program;
use crate::table::Table;

const SERVICES: usize = 1000;
const UPDATES: usize = 1000;
/// Tabs beside the first one. What they add is what a tab costs.
const TABS: usize = 100;

pub async fn measure(table: &mut Table) {
    let data = tempfile::tempdir().unwrap();
    let program = Program::pilothouse(data.path());
    program.ready("/readyz").await;
    let mut client = program.client().await;
    let mut ids = Vec::with_capacity(SERVICES);
    for n in 0..SERVICES {
        let service = json!({ "name": format!("service-{n:04}"), "source": { "command": ["/bin/true"], "working_dir": "/tmp" } });
        let made: Value = serde_json::from_slice(&client.post("/api/services", &service).await.unwrap().body).unwrap();
        ids.push(made["id"].as_str().expect("made").to_string());
    }
    let (one, few) = run(&program, &mut client, &ids, 1).await;
    let (all, many) = run(&program, &mut client, &ids, 1 + TABS).await;
    let each = (all - one).max(0.0) / (UPDATES * TABS) as f64;
    let frames = |seen: &Seen| seen.frames as f64 / (UPDATES * seen.tabs) as f64;
    table.figure(
        "a change of one of 1,000 services, bytes to each tab",
        format!("{:.0}", many.bytes as f64 / many.frames.max(1) as f64),
        "-",
    );
    table.figure("the same, frames to each tab", format!("{:.2} with one tab, {:.2} with {}", frames(&few), frames(&many), 1 + TABS), "1");
    table.figure("the same, CPU for each tab", format!("{:.1} µs", each * 1e6), "-");
}

struct Seen {
    tabs: usize,
    frames: usize,
    bytes: usize,
}

/// Changes services one after the other while so many tabs look; answers the CPU seconds of the server, and what the tabs saw.
async fn run(program: &Program, client: &mut Client, ids: &[String], tabs: usize) -> (f64, Seen) {
    let sockets = connect(program, "/ws/dashboard", client.bearer.as_deref(), tabs).await;
    let readers: Vec<_> = sockets.into_iter().map(|socket| tokio::spawn(read(socket))).collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = program.cpu_seconds();
    for n in 0..UPDATES {
        let patch = json!({ "description": format!("change {n} with {tabs} tabs") });
        let answer = client.patch(&format!("/api/services/{}", ids[n % ids.len()]), &patch).await.unwrap();
        assert_eq!(answer.status, 200);
    }
    let mut seen = Seen { tabs, frames: 0, bytes: 0 };
    for reader in readers {
        let (frames, bytes) = reader.await.unwrap();
        seen.frames += frames;
        seen.bytes += bytes;
    }
    (program.cpu_seconds() - before, seen)
}

/// Reads until nothing has come for two seconds since the first change.
async fn read(mut socket: Socket) -> (usize, usize) {
    let (mut frames, mut bytes, began) = (0, 0, Instant::now());
    loop {
        let pause = if frames == 0 { Duration::from_secs(30).saturating_sub(began.elapsed()) } else { Duration::from_secs(2) };
        let Ok(Some(Ok(message))) = tokio::time::timeout(pause, socket.next()).await else { return (frames, bytes) };
        if let Message::Text(text) = message
            && text.contains(r#""type":"service""#)
        {
            frames += 1;
            bytes += text.len();
        }
    }
}
