//! Requests through the proxy in front of a service, beside what the bare program behind it answers by itself.

use std::time::Instant;

use engine::proxy::{ROUTES, Routes, Target};
use serde_json::json;

use crate::client::Client;
use crate::list::load;
use crate::program::Program;
use crate::table::Table;

/// How many requests one after the other the time of one is taken from.
const IN_TURN: usize = 3000;

pub async fn measure(table: &mut Table) {
    let bare = Program::baseline();
    bare.ready("/").await;
    let body = json!({ "text": "x".repeat(1000) });
    assert_eq!(Client::open(&bare.address).await.unwrap().post("/body", &body).await.unwrap().status, 200);
    let folder = tempfile::tempdir().unwrap();
    let target = Target { id: "bare".into(), address: bare.address.parse().unwrap(), weight: 1 };
    let routes = Routes { revision: 1, service: "bare".into(), targets: vec![target] };
    std::fs::write(folder.path().join(ROUTES), serde_json::to_vec(&routes).unwrap()).unwrap();
    let proxy = Program::proxy(folder.path());
    proxy.ready("/").await;
    let mib = |program: &Program| format!("{:.1} MiB", program.resident_bytes() as f64 / f64::from(1 << 20));
    table.figure("proxy, resident after its first request", mib(&proxy), "8 MiB");
    let (through, direct) = (median_ms(&proxy).await, median_ms(&bare).await);
    table.compare("request of 1 kB through the proxy, median", through, direct, "ms", "-");
    let (through, direct) = (load(&proxy, "/", None).await, load(&bare, "/", None).await);
    table.compare("requests of 1 kB through the proxy", through, direct, "requests/CPU s", "-");
    table.figure("proxy, resident after a load", mib(&proxy), "-");
}

async fn median_ms(program: &Program) -> f64 {
    let mut client = Client::open(&program.address).await.unwrap();
    let mut times = Vec::with_capacity(IN_TURN);
    for _ in 0..IN_TURN {
        let begun = Instant::now();
        assert_eq!(client.plain("/").await.unwrap().status, 200);
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    times[IN_TURN / 2]
}
