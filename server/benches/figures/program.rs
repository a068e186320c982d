//! A program under measurement: started on a port of the system's choosing, ended when dropped.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::client::Client;
use crate::processes;

/// The name and password of the user that the benchmark signs in as.
const PASSWORD: &str = "benchmark-password";

/// A running program with the address it answers at.
pub struct Program {
    child: Child,
    /// `127.0.0.1:PORT`; nothing when it doesn't listen.
    pub address: String,
}

impl Program {
    /// Pilothouse with its data in `data`; limits of requests are off.
    pub fn pilothouse(data: &Path) -> Self {
        Self::pilothouse_with(data, |_| {})
    }

    /// The same with what `change` does to its command.
    pub fn pilothouse_with(data: &Path, change: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new(pilothouse_path());
        command.args(["serve", "--listen", "127.0.0.1:0"]).arg("--data-dir").arg(data);
        command.env("PILOTHOUSE_ADMIN_PASSWORD", PASSWORD).env("PILOTHOUSE_RATE_LIMIT", "0").env("PILOTHOUSE_LOGIN_LIMIT", "0");
        command.env("PILOTHOUSE_DEMONSTRATION", "false");
        change(&mut command);
        Self::start(command)
    }

    /// The bare axum program.
    pub fn baseline() -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg("role-baseline");
        Self::start(command)
    }

    /// The proxy of that folder.
    pub fn proxy(folder: &Path) -> Self {
        let mut command = Command::new(pilothouse_path());
        command.arg("proxy").arg("--folder").arg(folder).args(["--port", "0"]);
        Self::start(command)
    }

    /// The bare loop that does what watching services comes to, for services at these ports and with these processes.
    pub fn watcher(ports: &[u16], pids: &[u32]) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["role-watcher", &words(ports), &words(pids)]);
        let child = command.spawn().unwrap();
        Self { child, address: String::new() }
    }

    /// Starts a command that prints a line with `http://ADDRESS` once it listens.
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.split_once("http://").map(|(_, rest)| rest.trim_end_matches('/').to_string()))
            .expect("the program ended before it listened");
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Self { child, address: address.split(['/', ' ']).next().unwrap().into() }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until `path` is answered with 200.
    pub async fn ready(&self, path: &str) {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if let Ok(mut client) = Client::open(&self.address).await
                && client.get(path).await.is_ok_and(|answer| answer.status == 200)
            {
                return;
            }
            assert!(Instant::now() < deadline, "{path} wasn't ready within a minute");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// A client that is signed in.
    pub async fn client(&self) -> Client {
        let mut client = Client::open(&self.address).await.unwrap();
        let body = serde_json::json!({ "username": "admin", "password": PASSWORD });
        let tokens: serde_json::Value = serde_json::from_slice(&client.post("/api/auth/login", &body).await.unwrap().body).unwrap();
        client.bearer = Some(tokens["access_token"].as_str().expect("signed in").into());
        client
    }

    /// CPU seconds used so far, of all threads that there are and were, in user and kernel; in steps of a hundredth (USER_HZ).
    pub fn cpu_seconds(&self) -> f64 {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = text.rsplit(')').next().unwrap().split_whitespace().collect();
        let ticks = |field: &str| field.parse::<f64>().unwrap();
        (ticks(fields[11]) + ticks(fields[12])) / 100.0
    }

    /// CPU seconds of the threads that there are, to the nanosecond: for short lives, and for programs of one thread.
    pub fn cpu_seconds_of_threads(&self) -> f64 {
        processes::cpu_seconds_of_threads(self.pid())
    }

    /// Resident bytes.
    pub fn resident_bytes(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = text.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }

    /// Ends it as an operator would, and waits.
    pub fn end(mut self) {
        self.terminate();
    }

    /// What it has left running would outlive it, and nobody would end that: a scenario that failed hasn't stopped its services.
    fn terminate(&mut self) {
        let left = processes::descendants(self.pid());
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
        for pid in left.iter().filter_map(|process| Pid::from_raw(process.pid as i32)) {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            self.terminate();
        }
    }
}

fn words<T: ToString>(values: &[T]) -> String {
    values.iter().map(T::to_string).collect::<Vec<_>>().join(" ")
}

/// The program that is measured.
fn pilothouse_path() -> PathBuf {
    std::env::var_os("PILOTHOUSE_BENCH_PROGRAM").map_or_else(|| env!("CARGO_BIN_EXE_pilothouse").into(), PathBuf::from)
}
