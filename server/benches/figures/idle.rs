//! What a hundred running services cost Pilothouse and their supervisors while nobody watches.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::Client;
use crate::processes::{self, Process};
use crate::program::Program;
use crate::table::Table;

const SERVICES: usize = 100;

pub async fn measure(table: &mut Table) {
    let data = tempfile::tempdir().unwrap();
    let program = Program::pilothouse(data.path());
    program.ready("/readyz").await;
    let mut client = program.client().await;
    let ids = start(&mut client).await;
    await_all(&mut client, "health=healthy", Duration::from_secs(120)).await;
    let ports = ports(&mut client).await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    let (supervisors, services) = kept_by(&program);
    let bare = Program::watcher(&ports, &services);
    tokio::time::sleep(Duration::from_secs(1)).await;

    let used = || (program.cpu_seconds(), bare.cpu_seconds_of_threads(), cpu_seconds_of(&supervisors));
    let before = used();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let after = used();
    table.compare("idle CPU a minute, 100 running services", after.0 - before.0, after.1 - before.1, "CPU s", "0.3");
    table.figure("idle memory, 100 running services", format!("{:.1} MB", program.resident_bytes() as f64 / 1e6), "25 MB");
    table.figure("idle CPU of their 100 supervisors", format!("{:.3} CPU s a minute", after.2 - before.2), "-");
    weigh(&supervisors, table);
    bare.end();

    let mut client = program.client().await;
    for id in &ids {
        client.post(&format!("/api/services/{id}/stop"), &Value::Null).await.unwrap();
    }
    await_all(&mut client, "status=stopped", Duration::from_secs(60)).await;
}

/// Makes the services and starts them; answers their ids.
async fn start(client: &mut Client) -> Vec<String> {
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
    ids
}

async fn await_all(client: &mut Client, filter: &str, patience: Duration) {
    let deadline = Instant::now() + patience;
    loop {
        let answer = client.plain(&format!("/api/services?{filter}&limit=1")).await.unwrap();
        let list: Value = serde_json::from_slice(&answer.body).unwrap();
        if list["total"] == SERVICES {
            return;
        }
        assert!(Instant::now() < deadline, "only {} of {SERVICES} services came to {filter}", list["total"]);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

async fn ports(client: &mut Client) -> Vec<u16> {
    let list: Value = serde_json::from_slice(&client.plain("/api/services").await.unwrap().body).unwrap();
    let ports = list["items"].as_array().unwrap().iter().map(|service| service["port"].as_u64().unwrap() as u16);
    ports.collect()
}

/// The processes of the supervisors, and those of the services.
fn kept_by(program: &Program) -> (Vec<u32>, Vec<u32>) {
    let is_service = |process: &Process| process.command.ends_with(" role-target");
    let all = processes::descendants(program.pid()).into_iter().filter(|process| !process.is_fork_server());
    let (services, supervisors): (Vec<_>, Vec<_>) = all.partition(is_service);
    assert_eq!((services.len(), supervisors.len()), (SERVICES, SERVICES));
    let pids = |all: Vec<Process>| all.into_iter().map(|process| process.pid).collect();
    (pids(supervisors), pids(services))
}

fn cpu_seconds_of(pids: &[u32]) -> f64 {
    pids.iter().map(|pid| processes::cpu_seconds_of_threads(*pid)).sum()
}

/// The memory that each supervisor has for itself: what it shares with Pilothouse, whose program it is, costs nothing more.
fn weigh(supervisors: &[u32], table: &mut Table) {
    let each: Vec<u64> = supervisors.iter().map(|pid| processes::private_bytes(*pid)).collect();
    let mean = each.iter().sum::<u64>() as f64 / each.len() as f64;
    let most = each.iter().max().copied().unwrap_or_default() as f64;
    table.figure("private memory of a supervisor, mean", format!("{:.2} MB", mean / 1e6), "1 MB");
    table.figure("private memory of a supervisor, most", format!("{:.2} MB", most / 1e6), "1 MB");
}
