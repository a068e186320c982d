//! Deployments: what one costs beside what a person would do instead, how long a service is away by it, and a long history of them.

mod container;
mod history;
mod process;
mod rolling;

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::Client;
use crate::table::Table;

/// How often a deployment is measured: the median of the wall times counts, and the mean of the CPU, which is counted in hundredths of a second.
const ROUNDS: u32 = 10;
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// Between two looks, here and by the baselines.
const LOOK: Duration = Duration::from_millis(20);

pub async fn measure(table: &mut Table) {
    process::measure(table).await;
    rolling::measure(table).await;
    container::measure(table).await;
    history::measure(table).await;
}

/// What deployments have cost.
#[derive(Default)]
struct Cost {
    walls: Vec<f64>,
    cpu: f64,
}

impl Cost {
    fn add(&mut self, wall: f64, cpu: f64) {
        self.walls.push(wall);
        self.cpu += cpu;
    }

    /// Seconds of one.
    fn wall(&self) -> f64 {
        let mut walls = self.walls.clone();
        walls.sort_by(f64::total_cmp);
        walls[walls.len() / 2]
    }

    /// CPU seconds of one.
    fn cpu(&self) -> f64 {
        self.cpu / self.walls.len() as f64
    }

    fn compare(&self, name: &str, baseline: &Self, table: &mut Table) {
        table.compare(&format!("{name}, wall"), self.wall(), baseline.wall(), "s", "-");
        table.compare(&format!("{name}, CPU"), self.cpu(), baseline.cpu(), "CPU s", "-");
    }
}

/// Makes a service; answers its id.
async fn make(client: &mut Client, new: Value) -> String {
    let answer = client.post("/api/services", &new).await.unwrap();
    assert_eq!(answer.status, 201, "{:?}", answer.body);
    read(&answer.body)["id"].as_str().unwrap().to_owned()
}

/// Deploys a service and waits until that has succeeded; answers the deployment, and the seconds from the request on.
async fn deploy(client: &mut Client, id: &str, new: Value) -> (Value, f64) {
    let begun = Instant::now();
    let answer = client.post(&format!("/api/deploy/services/{id}"), &new).await.unwrap();
    assert_eq!(answer.status, 202, "{:?}", answer.body);
    let path = format!("/api/deploy/status/{}", read(&answer.body)["deployment_id"].as_str().unwrap());
    loop {
        let now = read(&client.plain(&path).await.unwrap().body);
        match now["status"].as_str().unwrap() {
            "succeeded" => return (now, begun.elapsed().as_secs_f64()),
            "pending" | "running" => assert!(begun.elapsed() < PATIENCE, "{now}"),
            _ => panic!("{now}"),
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Stops a service and waits for that.
async fn stop(client: &mut Client, id: &str) {
    assert_eq!(client.post(&format!("/api/services/{id}/stop"), &json!({})).await.unwrap().status, 202);
    let deadline = Instant::now() + PATIENCE;
    while read(&client.plain(&format!("/api/services/{id}")).await.unwrap().body)["status"] != "stopped" {
        assert!(Instant::now() < deadline, "it doesn't stop");
        tokio::time::sleep(LOOK).await;
    }
}

/// Writes the folder of a small HTTP service; each `round` has other files.
fn write_service(folder: &Path, round: u32) {
    const MAIN: &str = r#"
import os, socketserver
from http.server import BaseHTTPRequestHandler
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()
        self.wfile.write(b"ok")
    def log_message(self, *_): pass
if __name__ == "__main__":
    socketserver.TCPServer.allow_reuse_address = True
    socketserver.TCPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"#;
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("main.py"), format!("{MAIN}# {round}\n")).unwrap();
}

fn read(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap()
}
