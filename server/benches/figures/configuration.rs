//! A configuration of a thousand values: checking it, saving it, and the page with a field for each. A thousand secrets: opening them at a start.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::Client;
use crate::list;
use crate::program::Program;
use crate::table::Table;

/// Values of the configuration: as many as the page has fields for at most.
const KEYS: usize = 1000;
/// Versions that are saved, one after the other.
const SAVES: u32 = 100;
/// Secrets that are opened, the most that there may be, and how often.
const SECRETS: usize = 1000;
const STARTS: usize = 5;

pub async fn measure(table: &mut Table) {
    let data = tempfile::tempdir().unwrap();
    let program = Program::pilothouse(data.path());
    program.ready("/readyz").await;
    let mut client = program.client().await;
    let service = json!({ "name": "configured", "source": { "command": ["/bin/true"], "working_dir": "/tmp" } });
    let made: Value = serde_json::from_slice(&client.post("/api/services", &service).await.unwrap().body).unwrap();
    let id = made["id"].as_str().unwrap();
    let path = format!("/api/config/services/{id}");
    let (schema, mut values) = thousand();
    assert_eq!(client.put(&format!("{path}/schema"), &json!({ "schema": schema })).await.unwrap().status, 200);

    let bare = Program::baseline();
    bare.ready("/").await;
    let body = json!({ "values": values });
    let ours = posts(&program, &format!("{path}/validate"), &body, client.bearer.clone()).await;
    let theirs = posts(&bare, "/body", &body, None).await;
    table.compare(&format!("checks of {KEYS} values ({} bytes)", body.to_string().len()), ours, theirs, "requests/CPU s", "none");

    let (before, begin) = (program.cpu_seconds(), Instant::now());
    for version in 1..=SAVES {
        values["KEY_0000"] = json!(version);
        let answer = client.put(&path, &json!({ "values": values, "version": version })).await.unwrap();
        assert_eq!(answer.status, 200, "{:?}", answer.body);
    }
    let (cpu, wall) = (program.cpu_seconds() - before, begin.elapsed().as_secs_f64());
    let mut poster = Client::open(&bare.address).await.unwrap();
    let before = bare.cpu_seconds_of_threads();
    for _ in 1..=SAVES {
        assert_eq!(poster.post("/body", &body).await.unwrap().status, 200);
    }
    let theirs = f64::from(SAVES) / (bare.cpu_seconds_of_threads() - before);
    table.compare(&format!("saves of {KEYS} values"), f64::from(SAVES) / cpu, theirs, "requests/CPU s", "none");
    table.figure(&format!("one save of {KEYS} values"), format!("{:.1} ms", wall * 1e3 / f64::from(SAVES)), "none");

    let page = format!("/services/{id}/configuration");
    let answer = client.plain(&page).await.unwrap();
    let fields = String::from_utf8_lossy(&answer.body).matches(" name=\"form[values][").count();
    assert_eq!(fields, KEYS);
    let ours = list::load(&program, &page, client.bearer.clone()).await;
    assert_eq!(poster.post("/body", &Value::String(String::from_utf8_lossy(&answer.body).into_owned())).await.unwrap().status, 200);
    let theirs = list::load(&bare, "/", None).await;
    table.compare(&format!("page with {KEYS} fields ({} bytes)", answer.body.len()), ours, theirs, "requests/CPU s", "none");
    secrets(table).await;
}

/// The CPU seconds of a start with secrets beside one without.
async fn secrets(table: &mut Table) {
    let mut medians = Vec::new();
    for count in [0, SECRETS] {
        let data = tempfile::tempdir().unwrap();
        let program = Program::pilothouse(data.path());
        program.ready("/readyz").await;
        let mut client = program.client().await;
        for n in 0..count {
            let answer = client.put(&format!("/api/secrets/secret-{n:04}"), &json!({ "value": format!("value-of-secret-{n:04}") })).await;
            assert_eq!(answer.unwrap().status, 200);
        }
        drop(client);
        program.end();
        let mut rounds = Vec::new();
        for _ in 0..STARTS {
            let program = Program::pilothouse(data.path());
            program.ready("/readyz").await;
            rounds.push(program.cpu_seconds_of_threads());
            program.end();
        }
        rounds.sort_by(f64::total_cmp);
        medians.push(rounds[STARTS / 2]);
    }
    table.compare(&format!("start that opens {SECRETS} secrets; baseline: opens none"), medians[1], medians[0], "CPU s", "none");
}

/// Posts on four connections for five seconds: requests for each CPU second.
async fn posts(program: &Program, path: &str, body: &Value, bearer: Option<String>) -> f64 {
    let mut tasks = tokio::task::JoinSet::new();
    let (before, end) = (program.cpu_seconds(), Instant::now() + Duration::from_secs(5));
    for _ in 0..4 {
        let mut client = Client::open(&program.address).await.unwrap();
        client.bearer.clone_from(&bearer);
        let (path, body) = (path.to_owned(), body.clone());
        tasks.spawn(async move {
            let mut count = 0_u64;
            while Instant::now() < end {
                assert_eq!(client.post(&path, &body).await.unwrap().status, 200);
                count += 1;
            }
            count
        });
    }
    let count: u64 = tasks.join_all().await.into_iter().sum();
    count as f64 / (program.cpu_seconds() - before)
}

/// A schema of a thousand properties of four kinds, and values that it takes.
fn thousand() -> (Value, Value) {
    let (mut properties, mut values) = (serde_json::Map::new(), serde_json::Map::new());
    for n in 0..KEYS {
        let (property, value) = match n % 4 {
            0 => (json!({ "type": "integer", "minimum": 0, "maximum": 100_000, "default": 1 }), json!(n)),
            1 => (json!({ "type": "string", "maxLength": 200, "description": "What it is for." }), json!(format!("value {n}"))),
            2 => (json!({ "enum": ["debug", "info", "warning", "error"] }), json!("info")),
            _ => (json!({ "type": "boolean" }), json!(n % 8 == 3)),
        };
        let name = format!("KEY_{n:04}");
        properties.insert(name.clone(), property);
        values.insert(name, value);
    }
    (json!({ "type": "object", "properties": properties }), Value::Object(values))
}
