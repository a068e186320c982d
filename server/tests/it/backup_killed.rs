//! Pilothouse is killed in the middle of restoring a backup: each configuration is what it was or what was restored, whole, and doing it again does the rest.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use engine::testing::{StoreKind, TestStore};
use http::Method;
use serde_json::{Value, json};

use crate::app::{Client, TestApp, until};
use crate::backup::{back_up, restore, try_restore};
use crate::survival::Program;

/// Services of the backup, the versions that each has there, and secrets.
const SERVICES: u64 = 48;
const VERSIONS: u64 = 6;
const SECRETS: usize = 30;
/// How many services are restored when Pilothouse is killed.
const MOMENTS: [usize; 5] = [0, 1, 12, 24, 36];

fn name(number: u64) -> String {
    format!("s-{number:02}")
}

/// What a version of the backup says.
fn backed(number: u64, version: u64) -> Value {
    json!({"V": version, "OF": name(number), "API_KEY": format!("key-of-{number}-{version}"), "LONG": "x".repeat(4_000)})
}

/// The same as it is shown.
fn shown(number: u64, version: u64) -> Value {
    let mut values = backed(number, version);
    values["API_KEY"] = "********".into();
    values
}

async fn make(admin: &Client, folder: &Path, name: &str, environment: Value) -> String {
    let source = json!({"command": ["sleep", "600"], "working_dir": folder});
    let new = json!({"name": name, "source": source, "health": {"kind": "none"}, "environment": environment});
    let made = admin.post("/api/services", new).await;
    assert_eq!(made.status, 201, "{made:?}");
    made.json()["id"].as_str().unwrap().to_owned()
}

async fn save(admin: &Client, id: &str, values: Value, version: u64) {
    let body = json!({"values": values, "version": version, "message": format!("made of {version}")});
    let saved = admin.send(Method::PUT, &format!("/api/config/services/{id}"), Some(body)).await;
    assert_eq!(saved.status, 200, "{saved:?}");
}

fn has_schema(number: u64) -> bool {
    number.is_multiple_of(4)
}

/// A backup that another Pilothouse has made.
async fn backup_of_another() -> Vec<u8> {
    let app = TestApp::start().await;
    let admin = app.sign_in("admin").await;
    let folder = tempfile::tempdir().unwrap();
    for number in 0..SERVICES {
        let id = make(&admin, folder.path(), &name(number), json!({})).await;
        for version in 2..=VERSIONS {
            save(&admin, &id, backed(number, version), version - 1).await;
        }
        if has_schema(number) {
            let schema = json!({"schema": {"type": "object", "properties": {"V": {"type": "integer"}}}});
            assert_eq!(admin.send(Method::PUT, &format!("/api/config/services/{id}/schema"), Some(schema)).await.status, 200);
        }
    }
    let lines: Vec<_> = (0..SECRETS).map(|number| format!("S_{number}=value-{number}-of-a-secret")).collect();
    let pick: Vec<_> = (0..SECRETS).map(|number| json!({"variable": format!("S_{number}"), "name": format!("s-{number}")})).collect();
    let import = json!({"env": lines.join("\n"), "pick": pick});
    assert_eq!(admin.post("/api/secrets/import", import).await.status, 200);
    back_up(&admin).await
}

/// A service here that has the name of one of the backup.
struct Here {
    number: u64,
    id: String,
    /// The newest version before anything is restored; 1 says that none was saved.
    saved: u64,
}

impl Here {
    /// Of a third nothing was saved, one third has fewer versions than the backup, and one third more.
    async fn make(admin: &Client, folder: &Path, number: u64) -> Self {
        let saved = [1, 2, VERSIONS + 2][(number % 3) as usize];
        let id = make(admin, folder, &name(number), json!({"OLD": name(number)})).await;
        for version in 2..=saved {
            save(admin, &id, json!({"OLD": name(number), "N": version}), version - 1).await;
        }
        Self { number, id, saved }
    }

    fn old(&self) -> Value {
        match self.saved {
            1 => json!({"OLD": name(self.number)}),
            saved => json!({"OLD": name(self.number), "N": saved}),
        }
    }

    /// The newest version when it is restored: behind what was found, when that was never saved.
    fn restored(&self) -> u64 {
        self.saved.max(VERSIONS) + if self.saved == 1 { 2 } else { 1 }
    }

    /// Whether it is restored, when it is wholly that; panics when it is neither that nor as it was.
    async fn is_restored(&self, admin: &Client) -> bool {
        let now = admin.get(&format!("/api/config/services/{}", self.id)).await.json();
        let is_restored = now["version"] != self.saved;
        let (newest, values) = match is_restored {
            true => (self.restored(), shown(self.number, VERSIONS)),
            false => (self.saved, self.old()),
        };
        assert_eq!((&now["version"], &now["values"]), (&json!(newest), &values), "{}", self.number);
        assert_eq!(now["schema_source"] == "set", is_restored && has_schema(self.number), "{now}");
        let settings = admin.get(&format!("/api/services/{}", self.id)).await.json();
        let is_moved = settings["spec"]["environment"] == json!({});
        assert_eq!(is_moved, is_restored || self.saved > 1, "{settings}");
        let versions = admin.get(&format!("/api/config/services/{}/versions", self.id)).await.json();
        let numbers: Vec<_> = versions["items"].as_array().unwrap().iter().map(|one| one["version"].as_u64().unwrap()).collect();
        assert_eq!(numbers, (1..=newest).rev().collect::<Vec<_>>(), "{}", self.number);
        for version in 1..=newest {
            let one = admin.get(&format!("/api/config/services/{}/versions/{version}", self.id)).await;
            assert_eq!(one.status, 200, "version {version}: {one:?}");
            let is_of_backup = is_restored && version > self.saved.max(1) && version <= VERSIONS;
            if is_of_backup {
                assert_eq!(one.json()["values"], shown(self.number, version), "{}, version {version}", self.number);
            }
        }
        let events = admin.get(&format!("/api/activity?kind=config.restored&service_id={}", self.id)).await.json();
        assert_eq!(events["items"].as_array().unwrap().len(), usize::from(is_restored), "it is told once, with what was done: {events}");
        is_restored
    }
}

/// The numbers of those that are restored, by a list that costs little.
async fn restored(admin: &Client, here: &[Here]) -> BTreeSet<u64> {
    let listed = admin.get("/api/config/services?limit=1000").await.json();
    let versions: Vec<_> =
        listed["items"].as_array().unwrap().iter().map(|one| (one["service_id"].clone(), one["version"].clone())).collect();
    let is_restored = |one: &&Here| versions.contains(&(json!(one.id), json!(one.restored())));
    here.iter().filter(is_restored).map(|one| one.number).collect()
}

/// Looks at everything; answers the numbers of those that are restored.
async fn whole(admin: &Client, here: &[Here]) -> BTreeSet<u64> {
    let mut found = BTreeSet::new();
    for one in here {
        if one.is_restored(admin).await {
            found.insert(one.number);
        }
    }
    let secrets = admin.get("/api/secrets").await.json()["items"].as_array().unwrap().len();
    assert!(secrets == SECRETS || secrets == 0 && found.is_empty(), "{secrets} secrets, {} services", found.len());
    found
}

async fn restoring_goes_on_after_a_kill(kind: StoreKind) {
    let file = backup_of_another().await;
    let store = TestStore::new(kind).await;
    let start = || {
        Program::start_with(store.folder(), |command| {
            if let Some(url) = &store.config.database_url {
                command.env("PILOTHOUSE_DATABASE_URL", url);
            }
        })
    };
    let mut program = start();
    let admin = program.admin().await;
    let folder = tempfile::tempdir().unwrap();
    let mut here = Vec::new();
    for number in 0..SERVICES {
        here.push(Here::make(&admin, folder.path(), number).await);
    }
    // Somebody saves all the time.
    let own = make(&admin, folder.path(), "own", json!({})).await;
    let path = format!("/api/config/services/{own}");
    let (mut before, mut in_the_middle) = (whole(&admin, &here).await, 0);
    assert!(before.is_empty());
    let asked = [("newest", "true")];

    for moment in MOMENTS {
        let admin = program.admin().await;
        let saved = AtomicU64::new(admin.get(&path).await.json()["version"].as_u64().unwrap());
        let saving = async {
            loop {
                let version = saved.load(Ordering::Relaxed);
                let Ok(reply) = admin.try_put(&path, &json!({"values": {"N": version + 1}, "version": version})).await else { return };
                assert_eq!(reply.status, 200, "{reply:?}");
                saved.store(version + 1, Ordering::Relaxed);
            }
        };
        let killed = async {
            until("some are restored", async || (restored(&admin, &here).await.len() >= moment).then_some(())).await;
            drop(program);
        };
        let (answered, (), ()) = tokio::join!(try_restore(&admin, &asked, &file), saving, killed);

        program = start();
        let admin = program.admin().await;
        let after = whole(&admin, &here).await;
        assert!(after.is_superset(&before), "{before:?} {after:?}");
        if let Ok(reply) = answered {
            assert_eq!((reply.status.as_u16(), after.len() as u64), (200, SERVICES), "what was answered is there: {reply:?}");
        }
        in_the_middle += usize::from((1..here.len()).contains(&after.len()));
        before = after;
        let (now, saved) = (admin.get(&path).await.json(), saved.into_inner());
        let version = now["version"].as_u64().unwrap();
        assert!((saved..=saved + 1).contains(&version) && (version == 1 || now["values"]["N"] == version), "{saved}: {now}");
        until("it acts on services", async || {
            let reply = admin.send(Method::PUT, &path, Some(json!({"values": {"N": version + 1}, "version": version}))).await;
            assert!(matches!(reply.status.as_u16(), 200 | 503), "{reply:?}");
            (reply.status == 200).then_some(())
        })
        .await;
    }
    assert!(in_the_middle > 1, "only {in_the_middle} of the moments were in the middle");

    let admin = program.admin().await;
    let done = restore(&admin, &asked, &file).await;
    assert_eq!(done.status, 200, "{done:?}");
    // As soon as it has answered.
    drop(program);
    let report = done.json();
    assert!(report["services"].as_array().unwrap().iter().all(|one| one["problem"].is_null()), "{report}");
    let program = start();
    let admin = program.admin().await;
    assert_eq!(whole(&admin, &here).await.len() as u64, SERVICES);
    let again = until("it acts on services", async || {
        let reply = restore(&admin, &asked, &file).await;
        assert!(matches!(reply.status.as_u16(), 200 | 503), "{reply:?}");
        (reply.status == 200).then(|| reply.json())
    })
    .await;
    let is_nothing = |one: &Value| one["added"] == 0 && one["saved"].is_null() && one["problem"].is_null();
    assert!(again["services"].as_array().unwrap().iter().all(is_nothing), "{again}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_configuration_is_old_or_restored_after_a_kill_and_the_next_restore_does_the_rest_on_sqlite() {
    restoring_goes_on_after_a_kill(StoreKind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_configuration_is_old_or_restored_after_a_kill_and_the_next_restore_does_the_rest_on_postgres() {
    restoring_goes_on_after_a_kill(StoreKind::Postgres).await;
}
