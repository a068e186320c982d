//! The disk of the data folder is full: it is said, nothing that was saved is lost, services can be stopped, and it goes on when there is room.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use http::Method;
use serde_json::{Value, json};

use crate::app::{Client, Reply, until};
use crate::survival::{Program, pid};

/// A small disk; goes with the test.
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    pub fn at(path: PathBuf) -> Self {
        fs::create_dir_all(&path).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=24m,mode=0700", "tmpfs"]).arg(&path).status();
        assert!(mounted.is_ok_and(|status| status.success()), "this test mounts a small file system, which takes root");
        Self(path)
    }

    /// Takes all the room that is left.
    fn fill(&self) {
        let mut filler = File::options().create(true).append(true).open(self.0.join("filler")).unwrap();
        while filler.write(&[0; 512]).is_ok_and(|written| written > 0) {}
    }

    fn clear(&self) {
        fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

async fn save(admin: &Client, path: &str, version: u64) -> Reply {
    // Large enough that it doesn't fit into what files have left over; a variable has at most 128 KiB.
    let pad = || -> String { (0..10_000).map(|_| engine::Clock::System.new_uuid().simple().to_string()[24..].to_owned()).collect() };
    let values = json!({"MARK": format!("version {}", version + 1), "PAD": pad(), "MORE": pad()});
    let body = json!({"values": values, "version": version});
    admin.send(Method::PUT, path, Some(body)).await
}

/// That the disk is full is said, in words that help.
pub fn says_full(error: &Value) {
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("is full") && message.contains("free some space"), "{error}");
    for inner in ["os error", "No space left", "database or disk", "SQL", "code"] {
        assert!(!message.contains(inner), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_said_and_loses_nothing_and_keeps_nothing_from_being_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let disk = SmallDisk::at(folder.path().join("data"));
    let program = Program::start(folder.path());
    let admin = program.admin().await;
    let source = json!({"command": ["sh", "-c", "while :; do sleep 0.2; done"], "working_dir": folder.path()});
    let mut services = Vec::new();
    for name in ["orders", "payments"] {
        let made = admin.post("/api/services", json!({"name": name, "source": source, "health": {"kind": "none"}})).await.json();
        let service = format!("/api/services/{}", made["id"].as_str().unwrap());
        assert_eq!(admin.post(&format!("{service}/start"), json!({})).await.status, 202);
        until("it runs", async || pid(&admin, &service).await).await;
        services.push(service);
    }
    let path = services[0].replace("/api/", "/api/config/");
    assert_eq!(save(&admin, &path, 1).await.status, 200);

    disk.fill();
    let (mut version, mut refused) = (2, None);
    while refused.is_none() {
        assert!(version < 100, "it doesn't become full");
        let reply = save(&admin, &path, version).await;
        match reply.status.as_u16() {
            200 => version += 1,
            _ => refused = Some(reply.fails_with(507, "storage_full")),
        }
        disk.fill();
    }
    says_full(&refused.unwrap());
    let is_whole = async |admin: &Client| {
        let kept = admin.get(&path).await.json();
        assert_eq!([&kept["version"], &kept["values"]["MARK"]], [&json!(version), &json!(format!("version {version}"))]);
        assert_eq!(kept["values"]["PAD"].as_str().map(str::len), Some(80_000));
        for version in 1..=version {
            assert_eq!(admin.get(&format!("{path}/versions/{version}")).await.status, 200, "version {version}");
        }
    };
    is_whole(&admin).await;

    disk.fill();
    for service in &services {
        let stopped = admin.post(&format!("{service}/stop"), json!({})).await;
        assert_eq!(stopped.status, 202, "{stopped:?}");
        until("it has stopped", async || (admin.get(service).await.json()["status"] == "stopped").then_some(())).await;
    }
    disk.fill();
    let started = admin.post(&format!("{}/start", services[0]), json!({})).await;
    match started.status.as_u16() {
        202 => {
            let failed =
                until("it isn't started", async || Some(admin.get(&services[0]).await.json()).filter(|one| one["status"] == "error"));
            says_full(&json!({"message": failed.await["status_reason"]}));
        }
        _ => says_full(&started.fails_with(507, "storage_full")),
    }
    is_whole(&admin).await;

    disk.clear();
    let saved = until("it can be saved again", async || Some(save(&admin, &path, version).await).filter(|reply| reply.status == 200)).await;
    assert_eq!(saved.json()["version"], version + 1);
    assert_eq!(admin.post(&format!("{}/start", services[0]), json!({})).await.status, 202);
    until("it runs", async || pid(&admin, &services[0]).await).await;
    drop(program);

    let program = Program::start(folder.path());
    let admin = program.admin().await;
    let kept = admin.get(&path).await.json();
    assert_eq!([&kept["version"], &kept["values"]["MARK"]], [&json!(version + 1), &json!(format!("version {}", version + 1))]);
    assert_eq!(admin.get(&services[1]).await.json()["status"], "stopped", "what was stopped stays so");
    assert_eq!(admin.post(&format!("{}/stop", services[0]), json!({})).await.status, 202);
    until("it has stopped", async || (admin.get(&services[0]).await.json()["status"] == "stopped").then_some(())).await;
}
