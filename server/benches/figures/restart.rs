//! A hundred trivial services, all restarted at once: how long it takes, and what it costs who keeps them.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::Client;
use crate::processes::{self, Process, Spent};
use crate::program::Program;
use crate::rival::Rival;
use crate::table::Table;

const SERVICES: usize = 100;
/// Waits, and ends at once when it is told to.
const SERVICE: [&str; 2] = ["/bin/sleep", "86400"];
/// How often it is measured; the medians count.
const ROUNDS: usize = 3;
/// How long all of them may take to run again.
const PATIENCE: Duration = Duration::from_secs(120);

/// Seconds of a restart, from the request until every service runs again.
struct Cost {
    wall: f64,
    /// CPU of the keeper, its helpers and the command that asks it; see [`Spent::of_keeper_since`].
    keeper: f64,
    /// The same with the starts of the services, from their forks on.
    all: f64,
}

pub async fn measure(table: &mut Table) {
    let ours = pilothouse().await;
    let name = format!("restart of {SERVICES} processes");
    table.figure(&format!("{name}, wall"), format!("{:.3} s", ours.wall), "1");
    table.figure(&format!("{name}, CPU"), format!("{:.3} CPU s", ours.keeper), "0.2");
    for start in [Rival::supervisor, Rival::pm2] {
        let Some(rival) = start(&SERVICE, SERVICES) else { continue };
        let theirs = cost_of(&rival).await;
        let name = format!("{name} beside {}", rival.name);
        table.compare(&format!("{name}, wall"), ours.wall, theirs.wall, "s", "-");
        table.compare(&format!("{name}, CPU"), ours.keeper, theirs.keeper, "CPU s", "-");
        table.compare(&format!("{name}, CPU with the starts of the services"), ours.all, theirs.all, "CPU s", "-");
    }
}

async fn pilothouse() -> Cost {
    let data = tempfile::tempdir().unwrap();
    let program = Program::pilothouse(data.path());
    program.ready("/readyz").await;
    let mut client = program.client().await;
    for n in 0..SERVICES {
        let service = json!({ "name": format!("service-{n:04}"), "source": { "command": SERVICE, "working_dir": "/tmp" } });
        assert_eq!(client.post("/api/services", &service).await.unwrap().status, 201);
    }
    bulk(&mut client, "start").await;
    await_runs(&mut client, &HashSet::new()).await;
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        tokio::time::sleep(Duration::from_secs(3)).await;
        let old = await_runs(&mut client, &HashSet::new()).await;
        let (before, begun) = (Spent::by(program.pid(), &SERVICE.join(" ")), Instant::now());
        bulk(&mut client, "restart").await;
        await_runs(&mut client, &old).await;
        let wall = begun.elapsed().as_secs_f64();
        let after = Spent::by(program.pid(), &SERVICE.join(" "));
        rounds.push(Cost { wall, keeper: after.of_keeper_since(&before), all: after.since(&before) });
        tell("Pilothouse", &rounds, &after);
    }
    bulk(&mut client, "stop").await;
    until("are stopped", || processes::descendants(program.pid()).iter().all(Process::is_fork_server)).await;
    median(&rounds)
}

/// Asks for an action on every service by one request.
async fn bulk(client: &mut Client, action: &str) {
    let answer = client.post("/api/services/bulk", &json!({ "action": action, "filter": {} })).await.unwrap();
    let report: Value = serde_json::from_slice(&answer.body).unwrap();
    let accepted = report["items"].as_array().into_iter().flatten().filter(|item| item["outcome"] == "accepted").count();
    assert_eq!(accepted, SERVICES, "{:?}", answer.body);
}

/// Waits until every service runs, and none in a run of `old`; answers their runs, each by service and the time of its start.
async fn await_runs(client: &mut Client, old: &HashSet<String>) -> HashSet<String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = client.plain("/api/services?status=running").await.unwrap();
        let list: Value = serde_json::from_slice(&answer.body).unwrap();
        let run = |service: &Value| Some(format!("{} {}", service["id"], service["started_at"].as_str()?));
        let runs: HashSet<String> = list["items"].as_array().into_iter().flatten().filter_map(run).collect();
        if runs.len() == SERVICES && runs.is_disjoint(old) {
            return runs;
        }
        assert!(Instant::now() < deadline, "only {} of {SERVICES} services run again", runs.difference(old).count());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn cost_of(rival: &Rival) -> Cost {
    let service = SERVICE.join(" ");
    let runs = || processes::descendants(rival.pid).into_iter().filter(|process| process.command == service).map(|process| process.pid);
    until("run", || runs().count() == SERVICES).await;
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        tokio::time::sleep(Duration::from_secs(3)).await;
        let old: HashSet<u32> = runs().collect();
        let (before, asked, begun) = (Spent::by(rival.pid, &service), processes::waited_for(), Instant::now());
        rival.restart();
        let is_new = |pids: HashSet<u32>| pids.len() == SERVICES && pids.is_disjoint(&old);
        until("run again", || is_new(runs().collect())).await;
        let wall = begun.elapsed().as_secs_f64();
        let after = Spent::by(rival.pid, &service);
        let asked = processes::waited_for() - asked;
        rounds.push(Cost { wall, keeper: after.of_keeper_since(&before) + asked, all: after.since(&before) + asked });
        tell(rival.name, &rounds, &after);
    }
    median(&rounds)
}

/// Prints the last round, and what helpers that live have used since their start with all that they have collected.
fn tell(name: &str, rounds: &[Cost], after: &Spent) {
    if let Some(Cost { wall, keeper, all }) = rounds.last() {
        let helpers = after.helpers;
        println!(
            "restart by {name}: {wall:.3} s, {keeper:.3} CPU s ({helpers:.3} of living helpers since their start), {all:.3} with the services"
        );
    }
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "it takes too long until all services {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn median(rounds: &[Cost]) -> Cost {
    let middle = |of: fn(&Cost) -> f64| {
        let mut values: Vec<f64> = rounds.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    Cost { wall: middle(|cost| cost.wall), keeper: middle(|cost| cost.keeper), all: middle(|cost| cost.all) }
}
