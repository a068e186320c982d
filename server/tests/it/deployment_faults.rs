//! Deployments on a full disk, by two instances at once, and of services of another user.

use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use engine::testing::{StoreKind, TestStore};
use serde_json::{Value, json};

use crate::app::{Client, until};
use crate::deployments::{deploy, over, says, service, write};
use crate::full::{SmallDisk, says_full};
use crate::survival::{Program, pid};

/// Where there is no interpreter that only root can run, or that is a script which runs another one.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Every file and folder below a folder.
fn tree(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        found.push(entry.path());
        if entry.file_type().unwrap().is_dir() {
            found.extend(tree(&entry.path()));
        }
    }
    found.sort();
    found
}

async fn stop(admin: &Client, id: &str) {
    assert_eq!(admin.post(&format!("/api/services/{id}/stop"), json!({})).await.status, 202);
    until("it is stopped", async || (admin.get(&format!("/api/services/{id}")).await.json()["status"] == "stopped").then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deployment_that_fills_the_disk_fails_and_leaves_nothing_and_what_ran_runs_on() {
    let place = tempfile::tempdir().unwrap();
    let _disk = SmallDisk::at(place.path().join("data"));
    let folder = place.path().join("services/orders");
    write(&folder, "one");
    let program = Program::start(place.path());
    let admin = program.admin().await;
    let id = service(&admin, "orders").await;
    let first = over(&admin, &deploy(&admin, &id, json!({})).await).await;
    assert_eq!(first["status"], "succeeded", "{first}");
    let path = format!("/api/services/{id}");
    let process = pid(&admin, &path).await.expect("it runs");
    let releases = place.path().join("data/releases");
    let before = tree(&releases);

    // What doesn't fit as an archive, and what only doesn't when it is unpacked.
    for (from, stage) in [("/dev/urandom", "prepare"), ("/dev/zero", "build")] {
        let mut big = File::create(folder.join("big")).unwrap();
        std::io::copy(&mut File::open(from).unwrap().take(60 << 20), &mut big).unwrap();
        write(&folder, "two");
        let failed = over(&admin, &deploy(&admin, &id, json!({})).await).await;
        assert_eq!((&failed["status"], &failed["stage"]), (&json!("failed"), &json!(stage)), "{failed}");
        says_full(&json!({"message": failed["error"]}));
        assert_eq!(tree(&releases), before, "nothing is left over");
        assert_eq!(pid(&admin, &path).await, Some(process), "what ran runs on");
        assert_eq!(says(&first["urls"][0]), "one hello");
        fs::remove_file(folder.join("big")).unwrap();
    }
    let second = over(&admin, &deploy(&admin, &id, json!({})).await).await;
    assert_eq!((&second["status"], &second["release"]["number"]), (&json!("succeeded"), &json!(2)), "{second}");
    assert_eq!(says(&second["urls"][0]), "two hello");
    stop(&admin, &id).await;
}

/// Asks one of two for a deployment until one of them acts; answers its id, or none when too many wait.
async fn ask(admins: [Client; 2], id: String, mut first: usize) -> Option<String> {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let reply = admins[first].post(&format!("/api/deploy/services/{id}"), json!({})).await;
        match reply.status.as_u16() {
            202 => return Some(reply.json()["deployment_id"].as_str().unwrap().to_owned()),
            409 => {
                assert!(reply.text().contains("wait already"), "{reply:?}");
                return None;
            }
            _ => assert!(reply.fails_with(503, "unavailable")["message"].as_str().unwrap().contains("another Pilothouse acts")),
        }
        assert!(Instant::now() < deadline, "neither acts");
        first = 1 - first;
    }
}

/// How many services run in the folders of releases; what is about to become one is none yet.
fn services_in(releases: &Path) -> usize {
    let look = || -> BTreeSet<PathBuf> {
        let all = fs::read_dir("/proc").unwrap().filter_map(|entry| Some(entry.ok()?.path()));
        let runs = |process: &PathBuf| {
            let is_service = fs::read(process.join("cmdline")).is_ok_and(|command| command.ends_with(b"main.py\0"));
            is_service && fs::read_link(process.join("cwd")).is_ok_and(|folder| folder.starts_with(releases))
        };
        all.filter(runs).collect()
    };
    // One look takes a while, in which one may end and the next be begun.
    look().intersection(&look()).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_instances_one_deploys_at_a_time_and_the_other_goes_on_with_all_of_it_when_that_is_killed() {
    let store = TestStore::new(StoreKind::Postgres).await;
    let begin = || {
        Program::start_with(store.folder(), |command| {
            command.env("PILOTHOUSE_DATABASE_URL", store.config.database_url.as_ref().unwrap()).env("PATH", PATH);
        })
    };
    write(&store.folder().join("services/orders"), "one");
    let (holds, other) = (begin(), begin());
    let [first, second] = [holds.admin().await, other.admin().await];
    let id = service(&first, "orders").await;
    second.post(&format!("/api/deploy/services/{id}"), json!({})).await.fails_with(503, "unavailable");

    let mut asking = tokio::task::JoinSet::new();
    for n in 0..50 {
        asking.spawn(ask([first.clone(), second.clone()], id.clone(), n % 2));
    }
    let releases = store.folder().join("data/releases").join(&id);
    let path = format!("/api/deploy?service_id={id}&limit=100");
    let count = async |client: &Client, status: &str| {
        client.get(&format!("{path}&status={status}")).await.json()["items"].as_array().unwrap().len()
    };
    until("some are done", async || {
        assert!(count(&second, "running").await <= 1, "one is under way at a time");
        assert!(services_in(&releases) <= 1, "one runs at a time");
        (count(&second, "succeeded").await >= 3).then_some(())
    })
    .await;
    let accepted: Vec<String> = asking.join_all().await.into_iter().flatten().collect();
    assert!((21..=50).contains(&accepted.len()), "{}", accepted.len());
    until("one is under way", async || (count(&first, "running").await == 1).then_some(())).await;
    let done = count(&second, "succeeded").await;
    drop(holds);
    let killed = Instant::now();
    until("the other goes on", async || (count(&second, "succeeded").await > done).then_some(())).await;
    // The lease lasts 6 s and is asked for every 2; the rest is a deployment.
    assert!(killed.elapsed() < Duration::from_secs(20), "{:?}", killed.elapsed());
    // Where the others are in the queue is not the order in which they were accepted: one after another ends.
    let mut over = 0;
    while over < accepted.len() {
        over = until("one more is over", async || {
            assert!(count(&second, "running").await <= 1, "one is under way at a time");
            assert!(services_in(&releases) <= 1, "one runs at a time");
            let waiting = count(&second, "pending").await + count(&second, "running").await;
            let now = accepted.len().saturating_sub(waiting);
            (now > over).then_some(now)
        })
        .await;
    }
    assert_eq!(count(&second, "succeeded").await, accepted.len());

    // Each is there once, with a release of its own, and none began before the one before was over.
    let mut all = second.get(&path).await.json()["items"].as_array().unwrap().clone();
    all.sort_by_key(|one| one["started_at"].as_str().unwrap().to_owned());
    let mut ids: Vec<_> = all.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect();
    let numbers: Vec<_> = all.iter().filter_map(|one| one["release"]["number"].as_u64()).collect();
    assert!(numbers.is_sorted() && numbers.last() == Some(&(accepted.len() as u64)), "{numbers:?}");
    for pair in all.windows(2) {
        assert!(pair[0]["finished_at"].as_str().unwrap() <= pair[1]["started_at"].as_str().unwrap(), "{pair:#?}");
    }
    let mut accepted = accepted;
    ids.sort();
    accepted.sort();
    assert_eq!(ids, accepted);
    until("the last one runs", async || (services_in(&releases) == 1).then_some(())).await;
    stop(&second, &id).await;
}

/// A user of this system that owns its home, other than root; with that home.
fn user_with_home() -> (String, PathBuf) {
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let found = users.lines().find_map(|line| {
        let fields: Vec<_> = line.split(':').collect();
        let (uid, home) = (fields[2].parse::<u32>().ok().filter(|uid| *uid != 0)?, PathBuf::from(fields[5]));
        fs::metadata(&home).is_ok_and(|folder| folder.is_dir() && folder.uid() == uid).then(|| (fields[0].to_owned(), home))
    });
    found.expect("this test takes a user of the system that owns its home, such as that of PostgreSQL")
}

/// Where the process of a service runs, and whose it is.
fn runs_in(service: &Value) -> (PathBuf, u32) {
    let process = PathBuf::from(format!("/proc/{}", service["pids"][0]));
    (fs::read_link(process.join("cwd")).unwrap(), fs::metadata(&process).unwrap().uid())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_of_another_user_is_deployed_below_the_home_of_that_and_gone_back_to() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let (user, home) = user_with_home();
    let uid = fs::metadata(&home).unwrap().uid();
    let had = home.join(".local").exists();
    let place = tempfile::tempdir().unwrap();
    fs::set_permissions(place.path(), Permissions::from_mode(0o755)).unwrap();
    let folder = place.path().join("services/orders");
    write(&folder, "one");
    let program = Program::start_with(place.path(), |command: &mut Command| {
        command.env("PATH", PATH);
    });
    let admin = program.admin().await;
    let id = service(&admin, "orders").await;
    let path = format!("/api/services/{id}");
    assert_eq!(admin.patch(&path, json!({"user": user})).await.status, 200);
    let first = over(&admin, &deploy(&admin, &id, json!({})).await).await;
    assert_eq!(first["status"], "succeeded", "{first}");
    assert_eq!(says(&first["urls"][0]), "one hello");
    let releases = home.join(".local/share/pilothouse/releases").join(&id);
    let (one, owner) = runs_in(&admin.get(&path).await.json());
    assert!(one.starts_with(&releases), "{one:?}");
    assert_eq!((owner, fs::metadata(&one).unwrap().uid(), fs::metadata(one.join("main.py")).unwrap().uid()), (uid, uid, uid));

    write(&folder, "broken");
    let broken = over(&admin, &deploy(&admin, &id, json!({})).await).await;
    assert_eq!(broken["status"], "rolled_back", "{broken}");
    assert_eq!(fs::read_dir(&releases).unwrap().count(), 1, "nothing of it is left over");
    write(&folder, "two");
    let second = over(&admin, &deploy(&admin, &id, json!({})).await).await;
    assert_eq!(second["status"], "succeeded", "{second}");
    assert_eq!(says(&second["urls"][0]), "two hello");
    let back = admin.post(&format!("/api/deploy/{}/rollback", first["id"].as_str().unwrap()), json!({})).await.json();
    let back = over(&admin, back["deployment_id"].as_str().unwrap()).await;
    assert_eq!((&back["status"], &back["release"]["number"]), (&json!("succeeded"), &json!(1)), "{back}");
    assert_eq!(says(&back["urls"][0]), "one hello");
    assert_eq!(runs_in(&admin.get(&path).await.json()), (one.clone(), uid));

    // A user without a home of its own: it is said, and what runs runs on.
    assert_eq!(admin.post(&format!("/api/deploy/services/{id}/let-go"), json!({})).await.status, 200);
    assert_eq!(admin.patch(&path, json!({"user": "daemon"})).await.status, 200);
    let failed = over(&admin, &deploy(&admin, &id, json!({})).await).await;
    assert_eq!((&failed["status"], &failed["stage"]), (&json!("failed"), &json!("prepare")), "{failed}");
    assert!(failed["error"].as_str().unwrap().contains("for its releases can't be made"), "{failed}");
    assert_eq!(runs_in(&admin.get(&path).await.json()), (one, uid));
    stop(&admin, &id).await;
    assert_eq!(admin.delete(&path).await.status, 204);
    assert!(admin.delete(&format!("/api/services/deleted/{id}")).await.status.is_success());
    until("its releases are removed", async || (!releases.exists()).then_some(())).await;
    if !had {
        fs::remove_dir_all(home.join(".local")).unwrap();
    }
}
