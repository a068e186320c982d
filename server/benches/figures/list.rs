//! The list of a hundred services and of a thousand: requests for each CPU second of the server.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::Client;
use crate::program::Program;
use crate::table::Table;

pub async fn measure(table: &mut Table) {
    for (services, aim) in [(100, "10000"), (1000, "2000")] {
        of(services, aim, table).await;
    }
}

/// All services on one page.
async fn of(services: usize, aim: &str, table: &mut Table) {
    let data = tempfile::tempdir().unwrap();
    let program = Program::pilothouse(data.path());
    program.ready("/readyz").await;
    let mut client = program.client().await;
    for n in 0..services {
        let service = json!({ "name": format!("service-{n:04}"), "source": { "command": ["/bin/true"], "working_dir": "/tmp" } });
        assert_eq!(client.post("/api/services", &service).await.unwrap().status, 201);
    }
    let path = format!("/api/services?limit={services}");
    let answer = client.plain(&path).await.unwrap();
    let bytes = answer.body.len();
    let ours = load(&program, &path, client.bearer.clone()).await;
    let bare = Program::baseline();
    bare.ready("/").await;
    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(body["items"].as_array().map(Vec::len), Some(services));
    assert_eq!(Client::open(&bare.address).await.unwrap().post("/body", &body).await.unwrap().status, 200);
    let theirs = load(&bare, "/", None).await;
    table.compare(&format!("list of {services} services ({bytes} bytes)"), ours, theirs, "requests/CPU s", aim);
}

/// Asks on eight connections for five seconds.
pub async fn load(program: &Program, path: &str, bearer: Option<String>) -> f64 {
    let mut tasks = tokio::task::JoinSet::new();
    let (before, end) = (program.cpu_seconds(), Instant::now() + Duration::from_secs(5));
    for _ in 0..8 {
        let mut client = Client::open(&program.address).await.unwrap();
        client.bearer.clone_from(&bearer);
        let path = path.to_owned();
        tasks.spawn(async move {
            let mut count = 0_u64;
            while Instant::now() < end {
                assert_eq!(client.plain(&path).await.unwrap().status, 200);
                count += 1;
            }
            count
        });
    }
    let count: u64 = tasks.join_all().await.into_iter().sum();
    count as f64 / (program.cpu_seconds() - before)
}
