//! The list of a hundred services: requests for each CPU second of the server.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::Client;
use crate::program::Program;
use crate::table::Table;

pub async fn measure(table: &mut Table) {
    let data = tempfile::tempdir().unwrap();
    let program = Program::pilothouse(data.path());
    program.ready("/readyz").await;
    let mut client = program.client().await;
    for n in 0..100 {
        let service = json!({ "name": format!("service-{n:04}"), "source": { "command": ["/bin/true"], "working_dir": "/tmp" } });
        assert_eq!(client.post("/api/services", &service).await.unwrap().status, 201);
    }
    let answer = client.plain("/api/services").await.unwrap();
    let bytes = answer.body.len();
    let ours = load(&program, "/api/services", client.bearer.clone()).await;
    let bare = Program::baseline();
    bare.ready("/").await;
    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    Client::open(&bare.address).await.unwrap().post("/body", &body).await.unwrap();
    let theirs = load(&bare, "/", None).await;
    table.compare(&format!("list of 100 services ({bytes} bytes)"), ours, theirs, "requests/CPU s", "10000");
}

/// Asks on eight connections for five seconds.
async fn load(program: &Program, path: &'static str, bearer: Option<String>) -> f64 {
    let mut tasks = tokio::task::JoinSet::new();
    let (before, end) = (program.cpu_seconds(), Instant::now() + Duration::from_secs(5));
    for _ in 0..8 {
        let mut client = Client::open(&program.address).await.unwrap();
        client.bearer.clone_from(&bearer);
        tasks.spawn(async move {
            let mut count = 0_u64;
            while Instant::now() < end {
                assert_eq!(client.plain(path).await.unwrap().status, 200);
                count += 1;
            }
            count
        });
    }
    let count: u64 = tasks.join_all().await.into_iter().sum();
    count as f64 / (program.cpu_seconds() - before)
}
