//! What a hundred running services cost Pilothouse while nobody watches.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::program::Program;
use crate::table::Table;

const SERVICES: usize = 100;

pub async fn measure(table: &mut Table) {
    let data = tempfile::tempdir().unwrap();
    let program = Program::pilothouse(data.path());
    program.ready("/readyz").await;
    let mut client = program.client().await;
    let target = std::env::current_exe().unwrap();
    let mut ids = Vec::new();
    for n in 0..SERVICES {
        let service = json!({ "name": format!("service-{n:04}"), "source": { "command": [target, "role-target"], "working_dir": "/tmp" } });
        let made: Value = serde_json::from_slice(&client.post("/api/services", &service).await.unwrap().body).unwrap();
        ids.push(made["id"].as_str().expect("made").to_string());
    }
    for id in &ids {
        assert_eq!(client.post(&format!("/api/services/{id}/start"), &Value::Null).await.unwrap().status, 202);
    }
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let healthy: Value = serde_json::from_slice(&client.plain("/api/services?health=healthy&limit=1").await.unwrap().body).unwrap();
        if healthy["total"] == SERVICES {
            break;
        }
        assert!(Instant::now() < deadline, "only {} of {SERVICES} services became healthy", healthy["total"]);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    tokio::time::sleep(Duration::from_secs(20)).await;
    let before = program.cpu_seconds();
    tokio::time::sleep(Duration::from_secs(60)).await;
    table.figure("idle CPU, 100 running services", format!("{:.3} CPU s a minute", program.cpu_seconds() - before), "0.3");
    table.figure("idle memory, 100 running services", format!("{:.1} MB", program.resident_bytes() as f64 / 1e6), "25 MB");
    let mut client = program.client().await;
    for id in &ids {
        client.post(&format!("/api/services/{id}/stop"), &Value::Null).await.unwrap();
    }
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let stopped: Value = serde_json::from_slice(&client.plain("/api/services?status=stopped&limit=1").await.unwrap().body).unwrap();
        if stopped["total"] == SERVICES {
            break;
        }
        assert!(Instant::now() < deadline, "the services didn't stop");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
