//! A folder with a Dockerfile, beside Compose (`up -d --build`) and the `docker` command (build, stop, remove, run), each asked until it is well. The work
//! of the Docker Engine is in the wall times of all and in the CPU of none.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};

use super::{Cost, LOOK, PATIENCE, ROUNDS, deploy, make, stop};
use crate::client::Client;
use crate::processes::{self, Spent};
use crate::program::Program;
use crate::table::Table;

/// The address of a Docker Engine that has the image [`BASE`].
const ENGINE: &str = "PILOTHOUSE_BENCH_DOCKER_HOST";
/// A small image, made without a network.
const BASE: &str = "pilothouse-test:1";
/// The program: version 1, which is what Debian has.
const COMPOSE: &str = "docker-compose";
/// What the command line calls its own.
const BASELINE: &str = "pilothouse-bench-baseline";

pub async fn measure(table: &mut Table) {
    let Ok(host) = std::env::var(ENGINE) else {
        println!(
            "deployments of containers are not measured: `cargo xtask bench` starts a Docker Engine where that can be, and names it by {ENGINE}"
        );
        return;
    };
    let ours = pilothouse(&host).await;
    let theirs = by_hand(&host).await;
    ours.compare("deployment of a container; baseline: docker build, stop, rm, run", &theirs, table);
    match compose(&host).await {
        Some(theirs) => ours.compare("deployment of a container; baseline: docker-compose up -d --build", &theirs, table),
        None => println!("deployments by Compose are not measured: `cargo xtask bench` installs {COMPOSE} on Debian"),
    }
}

async fn pilothouse(host: &str) -> Cost {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("source");
    write(&folder, "ours", 0);
    let told = host.to_owned();
    let program = Program::pilothouse_with(&place.path().join("data"), |command| {
        command.env("PILOTHOUSE_DOCKER_HOST", told);
    });
    program.ready("/readyz").await;
    let mut client = program.client().await;
    let source = json!({ "build": { "folder": folder }, "container_port": 80 });
    let id = make(&mut client, json!({ "name": "contained", "source": source, "health": { "path": "/health" } })).await;
    deploy(&mut client, &id, json!({})).await;
    let spent = || Spent::by_those(program.pid(), |_| false);
    let mut cost = Cost::default();
    for round in 1..=ROUNDS {
        write(&folder, "ours", round);
        let before = spent();
        let (_, wall) = deploy(&mut client, &id, json!({})).await;
        cost.add(wall, spent().since(&before));
    }
    stop(&mut client, &id).await;
    assert_eq!(client.delete(&format!("/api/services/{id}")).await.unwrap().status, 204);
    assert!(client.delete(&format!("/api/services/deleted/{id}")).await.unwrap().status < 300);
    let deadline = Instant::now() + PATIENCE;
    while !docker(host, &["images", "--quiet", &format!("pilothouse-{id}")]).is_empty() {
        assert!(Instant::now() < deadline, "its images aren't removed");
        tokio::time::sleep(LOOK).await;
    }
    cost
}

/// By Compose; none where it isn't installed.
async fn compose(host: &str) -> Option<Cost> {
    Command::new(COMPOSE).arg("version").output().ok()?;
    let place = tempfile::tempdir().unwrap();
    let port = free_port();
    let file = place.path().join("docker-compose.yml");
    let service = json!({ "build": ".", "image": BASELINE, "ports": [format!("127.0.0.1:{port}:80")] });
    fs::write(&file, json!({ "version": "3", "services": { "contained": service } }).to_string()).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(COMPOSE);
        command.args(["--project-name", BASELINE, "--file"]).arg(&file).args(arguments).env("DOCKER_HOST", host);
        let done = command.output().unwrap();
        assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    };
    let mut cost = Cost::default();
    for round in 0..=ROUNDS {
        write(place.path(), "theirs", round);
        let (before, begun) = (processes::waited_for(), Instant::now());
        run(&["up", "--detach", "--build"]);
        await_well(port).await;
        if round > 0 {
            cost.add(begun.elapsed().as_secs_f64(), processes::waited_for() - before);
        }
    }
    run(&["down", "--rmi", "all"]);
    prune(host);
    Some(cost)
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Removes the images of rounds before the last.
fn prune(host: &str) {
    docker(host, &["image", "prune", "--force", "--filter", &format!("label={BASELINE}")]);
}

async fn by_hand(host: &str) -> Cost {
    let place = tempfile::tempdir().unwrap();
    let port = free_port();
    let published = format!("127.0.0.1:{port}:80");
    let folder = place.path().to_str().unwrap();
    let mut cost = Cost::default();
    for round in 0..=ROUNDS {
        write(place.path(), "theirs", round);
        let (before, begun) = (processes::waited_for(), Instant::now());
        docker(host, &["build", "--quiet", "--tag", BASELINE, folder]);
        if round > 0 {
            docker(host, &["stop", BASELINE]);
            docker(host, &["rm", BASELINE]);
        }
        docker(host, &["run", "--detach", "--name", BASELINE, "--publish", &published, BASELINE]);
        await_well(port).await;
        if round > 0 {
            cost.add(begun.elapsed().as_secs_f64(), processes::waited_for() - before);
        }
    }
    docker(host, &["rm", "--force", BASELINE]);
    docker(host, &["rmi", BASELINE]);
    prune(host);
    cost
}

async fn await_well(port: u16) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Ok(mut client) = Client::open(&format!("127.0.0.1:{port}")).await
            && client.plain("/health").await.is_ok_and(|answer| answer.status == 200)
        {
            return;
        }
        assert!(Instant::now() < deadline, "the container doesn't answer");
        tokio::time::sleep(LOOK).await;
    }
}

/// Runs the `docker` command; answers what it printed.
fn docker(host: &str, arguments: &[&str]) -> String {
    let done = Command::new("docker").args(["--host", host]).args(arguments).output().unwrap();
    assert!(done.status.success(), "docker {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

/// Answers at `/health`, and ends at once when it is asked to; each round is another image.
fn write(folder: &Path, whose: &str, round: u32) {
    fs::create_dir_all(folder).unwrap();
    let run = "echo ok > /tmp/health; httpd -p 80 -h /tmp; trap 'exit 0' TERM; sleep 86400 & wait";
    let command = Value::from(vec!["sh", "-c", run]);
    fs::write(folder.join("Dockerfile"), format!("FROM {BASE}\nLABEL {BASELINE}={whose}\nCOPY said /said\nCMD {command}\n")).unwrap();
    fs::write(folder.join("said"), format!("{whose} {round}")).unwrap();
}
