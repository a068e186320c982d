//! CPU seconds from the start to the first answer, with no and with a thousand services.

use serde_json::json;

use crate::program::Program;
use crate::table::Table;

/// How often each start is measured; the median counts.
const ROUNDS: usize = 5;

pub async fn measure(table: &mut Table) {
    let mut bare = Vec::new();
    for _ in 0..ROUNDS {
        let program = Program::baseline();
        program.ready("/").await;
        bare.push(program.cpu_seconds_of_threads());
    }
    let bare = median(bare);
    for services in [0, 1000] {
        let data = tempfile::tempdir().unwrap();
        let program = Program::pilothouse(data.path());
        program.ready("/readyz").await;
        let mut client = program.client().await;
        for n in 0..services {
            let service = json!({ "name": format!("service-{n:04}"), "source": { "command": ["/bin/true"], "working_dir": "/tmp" } });
            let answer = client.post("/api/services", &service).await.unwrap();
            assert_eq!(answer.status, 201, "{:?}", answer.body);
        }
        drop(client);
        program.end();
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            let program = Program::pilothouse(data.path());
            program.ready("/readyz").await;
            rounds.push(program.cpu_seconds_of_threads());
            program.end();
        }
        table.compare(&format!("start to first answer, {services} services"), median(rounds), bare, "CPU s", "0.05");
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
