//! How long a service is away by a deployment: one that is restarted without a break, asked all the time, beside the same one stopped and started.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use super::{deploy, make, stop};
use crate::program::Program;
use crate::table::Table;

/// Deployments of each kind; the longest pause of all of them counts.
const ROUNDS: u32 = 5;

/// What somebody saw who asked all the time.
#[derive(Default)]
struct Seen {
    answers: u64,
    failures: u64,
    pause: Duration,
}

pub async fn measure(table: &mut Table) {
    handed(table).await;
    proxied(table).await;
}

/// Behind a proxy, with all requests switched over at once, beside the same service without one, stopped and started.
async fn proxied(table: &mut Table) {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("source");
    super::write_service(&folder, 0);
    let program = Program::pilothouse(&place.path().join("data"));
    program.ready("/readyz").await;
    let mut client = program.client().await;
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let health = json!({ "kind": "http", "path": "/health", "interval_seconds": 1 });
    let new = json!({ "name": "fronted", "source": { "folder": folder }, "health": health, "proxy_port": port });
    let id = make(&mut client, new).await;
    deploy(&mut client, &id, json!({})).await;
    let mut seen = Vec::new();
    for way in ["blue_green", "recreate"] {
        let own = super::read(&client.plain(&format!("/api/services/{id}")).await.unwrap().body)["port"].as_u64().unwrap();
        let address = if way == "blue_green" { format!("127.0.0.1:{port}") } else { format!("127.0.0.1:{own}") };
        let is_over = Arc::new(AtomicBool::new(false));
        let (told, asked) = (is_over.clone(), address);
        let asking = tokio::task::spawn_blocking(move || ask_until(&told, &asked, get));
        for round in 1..=ROUNDS {
            super::write_service(&folder, round);
            deploy(&mut client, &id, json!({ "deployment_type": way })).await;
        }
        is_over.store(true, Ordering::Relaxed);
        seen.push(asking.await.unwrap());
    }
    stop(&mut client, &id).await;
    // The proxy goes with its port.
    assert_eq!(client.patch(&format!("/api/services/{id}"), &json!({ "proxy_port": 0 })).await.unwrap().status, 200);
    let deadline = Instant::now() + super::PATIENCE;
    while super::read(&client.plain("/api/services").await.unwrap().body)["items"].as_array().unwrap().len() > 1 {
        assert!(Instant::now() < deadline, "its proxy stays");
        tokio::time::sleep(super::LOOK).await;
    }
    told(table, "blue-green deployment behind a proxy; baseline: stop and start without one", &seen);
}

/// A service that is restarted without a break, beside the same one stopped and started.
async fn handed(table: &mut Table) {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("source");
    write(&folder, 0);
    let program = Program::pilothouse(&place.path().join("data"));
    program.ready("/readyz").await;
    let mut client = program.client().await;
    let new = json!({ "name": "handed", "source": { "folder": folder }, "health": { "kind": "none" }, "handover": true });
    let id = make(&mut client, new).await;
    let (first, _) = deploy(&mut client, &id, json!({})).await;
    let address = first["urls"][0].as_str().unwrap().trim_start_matches("http://").to_owned();
    let mut seen = Vec::new();
    for way in ["rolling", "recreate"] {
        let is_over = Arc::new(AtomicBool::new(false));
        let (told, asked) = (is_over.clone(), address.clone());
        let asking = tokio::task::spawn_blocking(move || ask_until(&told, &asked, ask));
        for round in 1..=ROUNDS {
            write(&folder, round);
            deploy(&mut client, &id, json!({ "deployment_type": way })).await;
        }
        is_over.store(true, Ordering::Relaxed);
        seen.push(asking.await.unwrap());
    }
    stop(&mut client, &id).await;
    told(table, "deployment without a break; baseline: with stop and start", &seen);
}

fn told(table: &mut Table, name: &str, seen: &[Seen]) {
    let (ours, theirs) = (&seen[0], &seen[1]);
    println!("asked during {ROUNDS} deployments: {} answers without a break, {} with stop and start", ours.answers, theirs.answers);
    table.compare(&format!("{name}, longest pause"), ours.pause.as_secs_f64() * 1e3, theirs.pause.as_secs_f64() * 1e3, "ms", "-");
    table.compare(
        &format!("{name}, failed requests"),
        ours.failures as f64,
        theirs.failures as f64,
        &format!("of {ROUNDS} deployments"),
        "0",
    );
}

/// Asks one request after the other, each on a connection of its own.
fn ask_until(is_over: &AtomicBool, address: &str, ask: fn(&str) -> std::io::Result<String>) -> Seen {
    let (mut seen, mut last) = (Seen::default(), Instant::now());
    while !is_over.load(Ordering::Relaxed) {
        match ask(address) {
            Ok(said) if said == "ok" => {
                seen.answers += 1;
                seen.pause = seen.pause.max(last.elapsed());
                last = Instant::now();
            }
            _ => seen.failures += 1,
        }
        // Somebody who asks for all of a core would measure what is left of the machine.
        std::thread::sleep(Duration::from_millis(1));
    }
    seen
}

fn ask(address: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    stream.write_all(b"?")?;
    let mut said = String::new();
    stream.read_to_string(&mut said)?;
    Ok(said)
}

fn get(address: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    stream.write_all(b"GET /health HTTP/1.1\r\nhost: fronted\r\nconnection: close\r\n\r\n")?;
    let mut said = String::new();
    stream.read_to_string(&mut said)?;
    Ok(if said.starts_with("HTTP/1.1 200") || said.starts_with("HTTP/1.0 200") { "ok".into() } else { said })
}

/// Takes its socket as systemd hands it over, and ends when it has answered all that it has accepted.
fn write(folder: &Path, round: u32) {
    const MAIN: &str = r#"
import selectors, signal, socket
ends = []
signal.signal(signal.SIGTERM, lambda *_: ends.append(1))
server = socket.socket(fileno=3)
server.setblocking(False)
ready = selectors.EpollSelector()
ready.register(server, selectors.EVENT_READ)
while True:
    if not ready.select(0.1):
        if ends: break
        continue
    try:
        client, _ = server.accept()
    except BlockingIOError:
        continue
    client.settimeout(10)
    client.recv(100)
    client.sendall(b"ok")
    client.close()
"#;
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("main.py"), format!("{MAIN}# {round}\n")).unwrap();
}
