//! Pilothouse is killed; services live on, are found again, and no line of their logs is missing or there twice.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use http::Method;
use serde_json::Value;

use crate::app::{Client, PASSWORD, until};

/// Prints 5,000 numbered lines a second and says in a file how far it is.
const COUNTER: &str = r#"
import sys, time
def main():
    n, start = 0, time.monotonic()
    while True:
        for _ in range(50):
            sys.stdout.write(f"line {n}\n")
            n += 1
        sys.stdout.flush()
        with open("count", "w") as file:
            file.write(str(n))
        time.sleep(max(0, start + n / 5000 - time.monotonic()))
if __name__ == "__main__":
    main()
"#;

/// The program, killed when it is dropped; services live on.
pub struct Program {
    child: Child,
    address: SocketAddr,
}

impl Program {
    pub fn start(folder: &Path) -> Self {
        Self::start_with(folder, |_| {})
    }

    /// With what `change` does to its command.
    pub fn start_with(folder: &Path, change: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pilothouse"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PILOTHOUSE_")) {
            command.env_remove(name);
        }
        let command = command.args(["serve", "--listen", "127.0.0.1:0", "--rate-limit", "0"]);
        let command = command.env("PILOTHOUSE_DATA_DIR", folder.join("data")).env("PILOTHOUSE_SERVICES_DIR", folder.join("services"));
        change(command.env("PILOTHOUSE_ADMIN_PASSWORD", PASSWORD).stdout(Stdio::piped()));
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let listens = lines.find_map(|line| line.strip_prefix("Pilothouse listens on http://").map(str::to_owned));
        Self { child, address: listens.expect("it listens").parse().unwrap() }
    }

    pub async fn admin(&self) -> Client {
        self.nobody().signed_in("admin", PASSWORD).await
    }

    /// Somebody without a token.
    pub fn nobody(&self) -> Client {
        Client { address: self.address, token: None, refresh_token: None }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_line_is_lost_or_doubled_when_pilothouse_is_killed_while_a_service_prints() {
    let folder = tempfile::tempdir().unwrap();
    let service = folder.path().join("services/counter");
    std::fs::create_dir_all(&service).unwrap();
    std::fs::write(service.join("main.py"), COUNTER).unwrap();
    let counted = || std::fs::read_to_string(service.join("count")).ok().and_then(|text| text.parse::<u64>().ok()).unwrap_or_default();

    let program = Program::start(folder.path());
    let admin = program.admin().await;
    let path = until("the service is found", async || {
        let services = admin.get("/api/services").await.json();
        services["items"][0]["id"].as_str().map(|id| format!("/api/services/{id}"))
    })
    .await;
    assert_eq!(admin.send(Method::POST, &format!("{path}/start"), None).await.status, 202);
    until("it has printed 5,000 lines", async || (counted() > 5_000).then_some(())).await;
    let before = until("its process is known", async || pid(&admin, &path).await).await;
    drop(program);
    let at_kill = counted();
    until("it has printed 5,000 more without Pilothouse", async || (counted() > at_kill + 5_000).then_some(())).await;

    let program = Program::start(folder.path());
    let admin = program.admin().await;
    let after = until("it is found again", async || pid(&admin, &path).await).await;
    assert_eq!(before, after, "it is the same process");
    assert_eq!(admin.send(Method::POST, &format!("{path}/stop"), None).await.status, 202);
    until("it has stopped", async || (admin.get(&path).await.json()["status"] == "stopped").then_some(())).await;

    let numbers = numbers(&admin, &path.replace("/api/services/", "/api/logs/services/")).await;
    let last = numbers.last().copied().unwrap();
    assert!(last + 1 >= counted(), "{last} of {}", counted());
    let wrong = numbers.iter().zip(0..).find(|(found, expected)| **found != *expected);
    assert_eq!(wrong, None, "(found, expected) of {} lines", numbers.len());
}

pub async fn pid(admin: &Client, path: &str) -> Option<u64> {
    let service = admin.get(path).await.json();
    service["pids"][0].as_u64().filter(|_| service["status"] == "running")
}

/// The numbers of all lines that the service has printed, in the order of the log.
async fn numbers(admin: &Client, path: &str) -> Vec<u64> {
    let (mut pages, mut cursor): (Vec<Vec<u64>>, String) = (Vec::new(), String::new());
    loop {
        let page = admin.get(&format!("{path}?limit=10000{cursor}")).await.json();
        let lines = page["items"].as_array().unwrap();
        let number = |line: &Value| line["message"].as_str()?.strip_prefix("line ")?.parse().ok();
        pages.push(lines.iter().filter_map(number).collect());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    pages.into_iter().rev().flatten().collect()
}
