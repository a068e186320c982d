//! Variables of settings in the store, on both: sealed, and what is done while they can't be opened.

use std::collections::BTreeMap;
use std::path::Path;

use api::ports::{Secrets as _, Services as _};
use api::{Caller, ErrorCode, NewService, Secret, ServiceId, ServicePatch, ServiceSpec, Source, Status};

use super::tests::Life;
use crate::runtime::{FakeRuntime, Runtime as _};
use crate::secrets::rotation::finish;
use crate::store::data_keys::data_key_list;
use crate::store::execute;
use crate::store::services::service_list;
use crate::testing::TestStore;
use crate::{Core, SecretsKey, auth, on_each_store, secrets};

const VALUE: &str = "hunter2-of-settings";

fn variables(value: &str) -> BTreeMap<String, String> {
    [("DATABASE_PASSWORD".to_owned(), value.to_owned()), ("GREETING".to_owned(), "hello".to_owned())].into()
}

async fn make(life: &Life, test: &TestStore, name: &str, value: &str) -> ServiceId {
    let source = Source::Command { command: vec!["/bin/serve".into()], working_dir: test.folder().display().to_string() };
    let new = serde_json::json!({ "name": name, "source": source, "environment": variables(value) });
    let new: NewService = serde_json::from_value(new).expect("a service");
    life.services.create(&life.admin, new).await.expect("it is made").service.id
}

fn patch(environment: BTreeMap<String, String>) -> ServicePatch {
    ServicePatch { environment: Some(environment), ..ServicePatch::default() }
}

/// What the newest start of a service was told.
fn told(life: &Life, id: ServiceId) -> Option<String> {
    life.runtime.launches(id).pop()?.environment.remove("DATABASE_PASSWORD")
}

async fn started(life: &Life, id: ServiceId) -> Option<String> {
    life.services.start(&life.admin, id).await.expect("it is started");
    life.until(id, Status::Running).await;
    told(life, id)
}

/// Files of a folder, and of those in it, that have `text`.
fn files_with(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry")) {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files_with(&path, text));
        } else if std::fs::read(&path).expect("a file").windows(text.len()).any(|part| part == text.as_bytes()) {
            found.push(path.display().to_string());
        }
    }
    found
}

/// Where `text` is in what the store has written.
async fn places(test: &TestStore, text: &str) -> Vec<String> {
    let mut found = files_with(test.folder(), text);
    let dump = test.dump().await;
    // Bytes are digits there.
    let digits: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    found.extend(dump.lines().filter(|line| line.contains(text) || line.contains(&digits)).map(String::from));
    found
}

/// Puts the bytes of one service in the place of those of another.
async fn swap(core: &Core, from: ServiceId, to: ServiceId) {
    let statement = "UPDATE services SET sealed = (SELECT sealed FROM services WHERE id = $2) WHERE id = $1";
    let write = core.store.main.write(move |db| Box::pin(async move { Ok(execute!(db, statement, to.0, from.0)?) }));
    write.await.expect("they are swapped");
}

async fn data_keys(core: &Core) -> Vec<i64> {
    data_key_list(&mut core.store.main.read().await.expect("a connection")).await.expect("rows").iter().map(|row| row.id).collect()
}

on_each_store! {
    async fn variables_are_nowhere_in_clear_and_told_again_after_a_restart(test: TestStore) {
        let mut test = test;
        let life = Life::begin(&mut test, &[]).await;
        let id = make(&life, &test, "worker", VALUE).await;
        life.services.change(&life.admin, id, patch(variables(&format!("{VALUE}-2")))).await.expect("they are changed");
        let life = life.again(&test, |_| {}).await;
        assert_eq!(started(&life, id).await.as_deref(), Some("hunter2-of-settings-2"));
        // So are those of a service that was deleted, and put back.
        life.services.stop(&life.admin, id).await.expect("it is stopped");
        life.until(id, Status::Stopped).await;
        life.services.delete(&life.admin, id).await.expect("it is deleted");
        let life = life.again(&test, |_| {}).await;
        life.services.restore(&life.admin, id, api::Restoration::default()).await.expect("it is put back");
        assert_eq!(started(&life, id).await.as_deref(), Some("hunter2-of-settings-2"));
        life.end().await;
        assert_eq!(places(&test, VALUE).await, Vec::<String>::new());
        assert_eq!(places(&test, "DATABASE_PASSWORD").await, Vec::<String>::new(), "not even which there are");
    }

    async fn variables_that_were_kept_in_clear_are_sealed_at_the_next_start_and_erased(test: TestStore) {
        let mut test = test;
        let life = Life::begin(&mut test, &[]).await;
        let id = make(&life, &test, "worker", VALUE).await;
        let spec = life.services.row_of(id).expect("a row").spec;
        let old = serde_json::to_string(&spec).expect("as they were kept");
        let statement = "UPDATE services SET spec = $2, sealed = NULL, key_id = NULL WHERE id = $1";
        let write = life.core.store.main.write(move |db| Box::pin(async move { Ok(execute!(db, statement, id.0, old.as_str())?) }));
        write.await.expect("as an earlier version has written it");
        life.end().await;
        assert_ne!(places(&test, VALUE).await, Vec::<String>::new(), "it was in clear");
        let life = Life::on(&test, life.runtime, life.clock).await;
        assert_eq!(started(&life, id).await.as_deref(), Some(VALUE));
        life.end().await;
        assert_eq!(places(&test, VALUE).await, Vec::<String>::new());
    }

    async fn without_the_right_key_a_service_is_seen_changed_and_stopped_but_not_started_and_loses_nothing(test: TestStore) {
        let mut test = test;
        let life = Life::begin(&mut test, &[]).await;
        let (runs, rests) = (make(&life, &test, "runs", VALUE).await, make(&life, &test, "rests", VALUE).await);
        started(&life, runs).await;
        let (right, wrong) = (test.config.secrets_key.clone(), SecretsKey::Text(Secret::new("a".repeat(64))));
        let seen = life.runtime.observe(runs).await.expect("it runs");
        test.config.secrets_key = wrong;
        let keep = move |runtime: &FakeRuntime| runtime.set(runs, seen.clone());
        let life = life.again(&test, keep).await;
        life.until(runs, Status::Running).await;
        let detail = life.services.get(&life.admin, rests).await.expect("it is seen");
        let problem = detail.variables_problem.expect("it is said");
        assert!(problem.why.contains("PILOTHOUSE_SECRETS_KEY_FILE") && !problem.can_be_set, "{problem:?}");
        assert_eq!(detail.spec.environment, BTreeMap::new());
        // No start without them, and none of them is lost by what else is done.
        life.services.start(&life.admin, rests).await.expect("it is taken on");
        let failed = life.until(rests, Status::Error).await.service.status_reason.expect("a reason");
        assert!(failed.contains("PILOTHOUSE_SECRETS_KEY_FILE"), "{failed}");
        assert_eq!(life.runtime.launches(rests).len(), 0);
        for environment in [BTreeMap::new(), variables("x")] {
            let refused = life.services.change(&life.admin, rests, patch(environment)).await.expect_err("they can't be set");
            assert!(refused.message.contains("PILOTHOUSE_SECRETS_KEY_FILE"), "{refused}");
        }
        let name = ServicePatch { name: Some("renamed".into()), ..ServicePatch::default() };
        life.services.change(&life.admin, rests, name).await.expect("all else can be changed");
        life.services.stop(&life.admin, runs).await.expect("it is stopped");
        life.until(runs, Status::Stopped).await;
        let source = Source::Command { command: vec!["/bin/serve".into()], working_dir: test.folder().display().to_string() };
        let new = serde_json::json!({ "name": "third", "source": source, "environment": variables("x") });
        let new = serde_json::from_value(new).expect("a service");
        let refused = life.services.create(&life.admin, new).await.expect_err("they can't be sealed");
        assert_eq!(refused.code, ErrorCode::Unavailable, "{refused}");
        test.config.secrets_key = right;
        let life = life.again(&test, |_| {}).await;
        let detail = life.services.get(&life.admin, rests).await.expect("it is seen");
        assert_eq!((detail.service.name.as_str(), detail.variables_problem), ("renamed", None));
        assert_eq!(started(&life, runs).await.as_deref(), Some(VALUE));
        // What was asked for is done now.
        life.until(rests, Status::Running).await;
        assert_eq!(told(&life, rests).as_deref(), Some(VALUE));
    }

    async fn variables_of_another_service_are_not_told_and_can_be_set_anew(test: TestStore) {
        let mut test = test;
        let life = Life::begin(&mut test, &[]).await;
        let (one, two) = (make(&life, &test, "one", VALUE).await, make(&life, &test, "two", "of the other").await);
        swap(&life.core, one, two).await;
        let life = life.again(&test, |_| {}).await;
        let problem = life.services.get(&life.admin, two).await.expect("it is seen").variables_problem.expect("it is said");
        assert!(problem.why.contains("belongs elsewhere") && problem.can_be_set, "{problem:?}");
        life.services.start(&life.admin, two).await.expect("it is taken on");
        life.until(two, Status::Error).await;
        assert_eq!((life.runtime.launches(two).len(), started(&life, one).await.as_deref()), (0, Some(VALUE)));
        life.services.change(&life.admin, two, patch(variables("new"))).await.expect("they are set anew");
        assert_eq!(life.services.get(&life.admin, two).await.expect("it is seen").variables_problem, None);
        assert_eq!(started(&life, two).await.as_deref(), Some("new"));
        let life = life.again(&test, |_| {}).await;
        life.until(two, Status::Running).await;
        assert_eq!(told(&life, two).as_deref(), Some("new"));
    }

    async fn a_rotation_takes_them_along_and_a_key_that_is_gone_seals_nothing(test: TestStore) {
        let mut test = test;
        let life = Life::begin(&mut test, &[]).await;
        let id = make(&life, &test, "worker", VALUE).await;
        let spec = life.services.row_of(id).expect("a row").spec;
        let late = life.services.sealed_spec(id, &ServiceSpec { port: Some(7), ..spec }).expect("it is sealed");
        let accounts = auth::Manager::new(life.core.clone());
        let manager = secrets::Manager::open(life.core.clone(), accounts).await.expect("they open");
        let done = manager.rotate(&Caller::system()).await.expect("they are rotated");
        assert_eq!((done.resealed, data_keys(&life.core).await), (1, vec![2]));
        assert!(finish(&life.core, 1).await.expect("nothing is left").is_complete);
        let at = life.clock.now();
        let write = life.core.store.main.write(move |db| Box::pin(async move {
            crate::store::services::service_set_spec(db, id, &late, at).await
        }));
        let refused = write.await.expect_err("its key is gone");
        assert_eq!(refused.code, ErrorCode::Unavailable);
        let life = life.again(&test, |_| {}).await;
        assert_eq!(started(&life, id).await.as_deref(), Some(VALUE));
        let rows = service_list(&mut life.core.store.main.read().await.expect("a connection")).await.expect("rows");
        assert_eq!(rows.iter().filter(|row| row.unopened.is_some()).count(), 1, "what is read is sealed");
    }
}
