//! Backups of configurations and secrets, made and restored on both stores: what comes back and what stays, and what is refused.

use std::sync::Arc;

use api::ports::{Backups as _, Configurations as _, Pieces, Secrets as _, Services as _, Users as _};
use api::{
    ByToken, Caller, ErrorCode, EventKind, EventQuery, NewBackup, NewConfiguration, NewRestore, NewSecret, NewUser, RestoreReport,
    RestoredSecretOutcome, RestoredService, Result, Role, Secret, ServiceId, TokenScope, VersionKind,
};
use async_trait::async_trait;
use serde_json::{Value, json};

use super::tests::{Life, MAIN, command};
use crate::backup::Manager;
use crate::store::{Conn, execute};
use crate::testing::TestStore;
use crate::{auth, configuration, on_each_store, secrets};

const PASSWORD: &str = "correct horse battery";
const PASSPHRASE: &str = "a passphrase of many words";
const ENV: &str = "GREETING=hello\nDATABASE_PASSWORD=hunter2-secret\n";

struct Place {
    life: Life,
    configurations: Arc<configuration::Manager>,
    secrets: Arc<secrets::Manager>,
    backups: Manager,
    admin: Caller,
    id: ServiceId,
}

impl Place {
    /// A Pilothouse with the service `orders` and somebody who may do this.
    async fn begin(test: &mut TestStore) -> Self {
        let life = Life::begin(test, &[("orders/main.py", MAIN), ("orders/.env", ENV)]).await;
        let accounts = auth::Manager::new(life.core.clone());
        let new = NewUser { username: "ann".into(), password: Secret::new(PASSWORD), role: Role::Admin };
        let user = accounts.create(&Caller::system(), new).await.expect("a user is made");
        let admin = Caller { user_id: Some(user.id), name: "ann".into(), ..Caller::system() };
        let configurations =
            configuration::Manager::open(life.core.clone(), life.services.clone(), accounts.clone()).await.expect("they open");
        let secrets = secrets::Manager::open(life.core.clone(), accounts.clone()).await.expect("they open");
        let backups = Manager::new(life.core.clone(), accounts, configurations.clone(), secrets.clone());
        let id = life.named("orders").await.id;
        Self { life, configurations, secrets, backups, admin, id }
    }

    async fn save(&self, by: &str, values: Value) -> u64 {
        let version = self.configurations.get(&self.admin, self.id).await.expect("it is read").version;
        let new = NewConfiguration {
            values,
            version,
            message: format!("by {by}"),
            restart: false,
            watch_seconds: None,
            inherit: Default::default(),
        };
        let caller = Caller { name: by.into(), ..self.admin.clone() };
        self.configurations.save(&caller, self.id, new).await.expect("it is saved").version
    }

    async fn back_up(&self) -> Vec<u8> {
        let new = NewBackup { password: Secret::new(PASSWORD), passphrase: Secret::new(PASSPHRASE) };
        let mut backup = self.backups.back_up(&self.admin, new).await.expect("it is made");
        let mut bytes = Vec::new();
        while let Some(piece) = backup.content.next().await.expect("it is read") {
            bytes.extend(piece);
        }
        assert_eq!(bytes.len() as u64, backup.bytes);
        assert!(backup.file_name.ends_with(".backup"), "{}", backup.file_name);
        bytes
    }

    async fn restore(&self, how: NewRestore, file: &[u8]) -> Result<RestoreReport> {
        self.backups.restore(&self.admin, how, Box::new(Bytes(file.chunks(100_000).map(<[u8]>::to_vec).collect()))).await
    }

    async fn restored(&self, how: NewRestore, file: &[u8]) -> (RestoredService, Vec<RestoredSecretOutcome>) {
        let mut report = self.restore(how, file).await.expect("it is restored");
        (report.services.remove(0), report.secrets.into_iter().map(|secret| secret.outcome).collect())
    }

    /// Every version as people see it, the earliest first.
    async fn history(&self) -> Vec<(u64, VersionKind, Option<String>, String)> {
        let listed = self.configurations.versions(&self.admin, self.id).await.expect("they are listed").items;
        listed.into_iter().rev().map(|one| (one.version, one.kind, one.created_by, one.message)).collect()
    }

    async fn greeting(&self) -> Value {
        self.configurations.get(&self.admin, self.id).await.expect("it is read").values["GREETING"].clone()
    }
}

/// A file that is in memory.
struct Bytes(std::collections::VecDeque<Vec<u8>>);

#[async_trait]
impl Pieces for Bytes {
    async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        Ok(self.0.pop_front())
    }
}

fn how() -> NewRestore {
    let (password, passphrase) = (Secret::new(PASSWORD), Secret::new(PASSPHRASE));
    NewRestore { password, passphrase, newest: false, replace_secrets: false, dry_run: false }
}

fn newest() -> NewRestore {
    NewRestore { newest: true, ..how() }
}

fn secret(value: &str) -> NewSecret {
    NewSecret { value: Some(Secret::new(value)), description: None, version: None }
}

/// Three versions with a secret, one of them longer than a piece of the file.
async fn fill(place: &Place) {
    let long = "x".repeat(200_000);
    place.save("ben", json!({"GREETING": "good morning", "DATABASE_PASSWORD": "planted-word", "LONG": long})).await;
    place.save("cleo", json!({"GREETING": "good evening", "DATABASE_PASSWORD": "planted-word"})).await;
    place.secrets.put(&place.admin, "db".parse().expect("a name"), secret("planted-word")).await.expect("it is set");
}

async fn forget(db: &mut Conn, id: ServiceId) -> crate::store::Result<()> {
    execute!(db, "DELETE FROM configuration_versions WHERE service_id = $1 AND version = 2", id.0)?;
    Ok(())
}

on_each_store! {
    async fn a_backup_comes_back_elsewhere_with_its_authors_and_doing_it_again_changes_nothing(test: TestStore) {
        let mut test = test;
        let mut other = TestStore::new(if test.config.database_url.is_some() { crate::testing::StoreKind::Postgres } else { crate::testing::StoreKind::Sqlite }).await;
        let place = Place::begin(&mut test).await;
        fill(&place).await;
        let file = place.back_up().await;
        assert!(file.len() > 200_000 && !file.windows(12).any(|part| part == b"planted-word"));
        let before = place.history().await;

        let there = Place::begin(&mut other).await;
        let (planned, secrets) = there.restored(NewRestore { dry_run: true, ..newest() }, &file).await;
        assert_eq!((planned.by_name, planned.added, planned.saved, planned.problem.clone()), (true, 3, Some(4), None));
        assert_eq!(secrets, [RestoredSecretOutcome::Added]);
        assert_eq!((there.history().await.len(), there.secrets.list(&there.admin).await.expect("a list").len()), (1, 0), "that was a plan");

        let (left, _) = there.restored(how(), &file).await;
        assert_eq!((left.added, left.left_out, left.saved), (0, 3, None), "what was never saved stays as it is found");
        let listed = there.secrets.list(&there.admin).await.expect("a list");
        assert_eq!((listed[0].version, listed[0].updated_by.as_str()), (1, "ann"));

        let (done, _) = there.restored(newest(), &file).await;
        assert_eq!(RestoredService { service_id: planned.service_id, ..done.clone() }, planned, "the plan is what is done");
        let after = there.history().await;
        assert_eq!(after[..3], before[..]);
        assert_eq!((after[3].0, after[3].1, after[3].2.as_deref()), (4, VersionKind::Restored, Some("ann")));
        assert!(after[3].3.starts_with("Restored from the backup of "), "{after:?}");
        assert_eq!(there.greeting().await, "good evening");
        let (again, secrets) = there.restored(newest(), &file).await;
        assert_eq!((again.present, again.added, again.saved), (3, 0, None));
        assert_eq!(secrets, [RestoredSecretOutcome::Present]);
        assert_eq!(there.history().await, after);

        // The same as after a new start.
        let read = configuration::Manager::open(there.life.core.clone(), there.life.services.clone(), auth::Manager::new(there.life.core.clone())).await;
        let now = read.expect("they are read").get(&there.admin, there.id).await.expect("it is read");
        assert_eq!((now.version, now.values["GREETING"].clone()), (4, json!("good evening")));
        let events = there.life.core.events.list(&EventQuery { kind: Some(EventKind::ConfigRestored), ..EventQuery::default() }, true).await;
        assert_eq!(events.expect("a list").items.len(), 1);
        place.life.end().await;
        there.life.end().await;
    }

    async fn what_is_here_stays_and_only_gaps_are_filled_unless_the_newest_is_asked_for(test: TestStore) {
        let mut test = test;
        let place = Place::begin(&mut test).await;
        fill(&place).await;
        let file = place.back_up().await;
        place.save("dora", json!({"GREETING": "good night"})).await;
        place.secrets.put(&place.admin, "db".parse().expect("a name"), secret("another")).await.expect("it is set");
        let id = place.id;
        place.life.core.store.main.write(move |db| Box::pin(forget(db, id))).await.expect("a version is lost");

        let (done, secrets) = place.restored(how(), &file).await;
        assert_eq!((done.by_name, done.present, done.added, done.saved, done.problem), (false, 2, 1, None, None));
        assert_eq!(secrets, [RestoredSecretOutcome::Kept]);
        let history = place.history().await;
        assert_eq!(history.iter().map(|one| (one.0, one.2.as_deref())).collect::<Vec<_>>(), [(1, None), (2, Some("ben")), (3, Some("cleo")), (4, Some("dora"))]);
        assert_eq!(place.greeting().await, "good night");

        let (done, secrets) = place.restored(NewRestore { replace_secrets: true, ..newest() }, &file).await;
        assert_eq!((done.present, done.added, done.saved), (3, 0, Some(5)));
        assert_eq!(secrets, [RestoredSecretOutcome::Replaced]);
        assert_eq!((place.greeting().await, place.history().await[3].2.as_deref()), (json!("good evening"), Some("dora")));
        assert_eq!(place.secrets.list(&place.admin).await.expect("a list")[0].version, 3);

        // What its schema refuses now isn't saved, and says so; another history under the same numbers stays.
        let there = json!({"type": "object", "properties": {"GREETING": {"enum": ["good night"]}}});
        place.configurations.set_schema(&place.admin, id, api::NewSchema { schema: there }).await.expect("it is set");
        place.save("eve", json!({"GREETING": "good night"})).await;
        let (refused, _) = place.restored(newest(), &file).await;
        let problem = refused.problem.expect("it is refused");
        assert!(problem.contains("/values/GREETING") && !problem.contains("planted"), "{problem}");
        assert_eq!((refused.saved, place.history().await.len()), (None, 6));
        place.life.end().await;
    }

    async fn a_deleted_service_that_can_be_put_back_is_in_a_backup_too(test: TestStore) {
        let mut test = test;
        let mut other = TestStore::new(if test.config.database_url.is_some() { crate::testing::StoreKind::Postgres } else { crate::testing::StoreKind::Sqlite }).await;
        let place = Place::begin(&mut test).await;
        fill(&place).await;
        let before = place.history().await;
        place.life.services.delete(&place.admin, place.id).await.expect("it is deleted");
        let file = place.back_up().await;

        // Here it is put back with all of it; until then it is left out, which is no failure.
        let (left_out, _) = place.restored(newest(), &file).await;
        let problem = left_out.problem.clone().expect("a reason");
        assert!(left_out.deleted && !left_out.is_left_out() && problem.starts_with("it is deleted here"), "{left_out:?}");
        place.life.services.restore(&place.admin, place.id, api::Restoration::default()).await.expect("it is put back");
        let (there, _) = place.restored(newest(), &file).await;
        assert_eq!((there.deleted, there.present, there.added, there.saved, there.problem), (true, 3, 0, None, None));
        assert_eq!(place.history().await, before);

        // Elsewhere it is found by its name.
        let there = Place::begin(&mut other).await;
        let (done, _) = there.restored(newest(), &file).await;
        assert_eq!((done.deleted, done.by_name, done.added, done.saved), (true, true, 3, Some(4)));
        assert_eq!(there.history().await[..3], before[..]);

        // When another one has its name meanwhile, that has it.
        place.life.services.delete(&place.admin, place.id).await.expect("it is deleted");
        let new = command("Orders", test.folder().into());
        let id = place.life.services.create(&place.admin, new).await.expect("it is made").service.id;
        let new = NewConfiguration { values: json!({"NEW": "one"}), version: 1, message: String::new(), restart: false, watch_seconds: None, inherit: Default::default() };
        place.configurations.save(&place.admin, id, new).await.expect("it is saved");
        let file = place.back_up().await;
        let report = there.restore(newest(), &file).await.expect("it is restored");
        let [new, deleted] = &report.services[..] else { panic!("two: {report:?}") };
        assert_eq!((new.name.as_str(), new.deleted, new.by_name, new.saved), ("Orders", false, true, Some(5)));
        assert_eq!((deleted.name.as_str(), deleted.deleted, deleted.service_id), ("orders", true, None));
        assert!(deleted.problem.as_deref().is_some_and(|why| why.contains("another service of this backup")), "{deleted:?}");
        place.life.end().await;
        there.life.end().await;
    }

    async fn a_file_that_isnt_as_it_was_made_changes_nothing(test: TestStore) {
        let mut test = test;
        let place = Place::begin(&mut test).await;
        fill(&place).await;
        let file = place.back_up().await;
        place.save("dora", json!({"GREETING": "good night"})).await;
        let before = place.history().await;
        let mut wrong: Vec<(String, Vec<u8>, &str)> = vec![
            ("nothing".into(), Vec::new(), "/file"),
            ("foreign".into(), b"PK\x03\x04 some archive that is longer than a head of a backup".to_vec(), "/file"),
            ("the head alone".into(), file[..44].to_vec(), "/passphrase"),
            ("longer".into(), [&file[..], b"x"].concat(), "/file"),
        ];
        for cut in [20, 43] {
            wrong.push((format!("cut at {cut}"), file[..cut].to_vec(), "/file"));
        }
        let piece = 65_536 + 16;
        // Also where a piece ends, and one left out or swapped.
        for cut in [44 + piece, 44 + 2 * piece, file.len() - 1] {
            wrong.push((format!("cut at {cut}"), file[..cut].to_vec(), if cut == 44 + piece { "/passphrase" } else { "/file" }));
        }
        wrong.push(("one piece left out".into(), [&file[..44 + piece], &file[44 + 2 * piece..]].concat(), "/file"));
        for (at, field) in [(0, "/file"), (11, "/file"), (12, "/passphrase"), (50, "/passphrase"), (44 + piece, "/file"), (file.len() - 1, "/file")] {
            let mut flipped = file.clone();
            flipped[at] ^= 1;
            wrong.push((format!("flipped at {at}"), flipped, field));
        }
        for (what, bytes, field) in wrong {
            let error = place.restore(newest(), &bytes).await.expect_err(&what);
            assert_eq!((error.code, error.details[0].field.as_str()), (ErrorCode::ValidationFailed, field), "{what}: {error:?}");
        }
        let error = place.restore(NewRestore { passphrase: Secret::new("another passphrase"), ..newest() }, &file).await.expect_err("another passphrase");
        assert_eq!(error.details[0].field, "/passphrase");
        assert_eq!(place.history().await, before);
        let left: Vec<_> = std::fs::read_dir(&place.life.core.config.data_dir).expect("a folder").flatten().map(|entry| entry.file_name()).collect();
        assert!(!left.iter().any(|name| name.to_string_lossy().starts_with("backup")), "{left:?}");
        place.life.end().await;
    }

    async fn it_takes_an_admin_who_says_their_password_again(test: TestStore) {
        let mut test = test;
        let place = Place::begin(&mut test).await;
        fill(&place).await;
        let new = |password: &str, passphrase: &str| NewBackup { password: Secret::new(password), passphrase: Secret::new(passphrase) };
        let code = async |caller: &Caller, new| place.backups.back_up(caller, new).await.err().map(|error| (error.code, error.details.first().map(|one| one.field.clone())));
        let invalid = |field: &str| Some((ErrorCode::ValidationFailed, Some(field.to_owned())));
        assert_eq!(code(&place.admin, new("wrong", PASSPHRASE)).await, invalid("/password"));
        assert_eq!(code(&place.admin, new(PASSWORD, "short")).await, invalid("/passphrase"));
        let developer = Caller { role: Role::Developer, ..place.admin.clone() };
        let token = ByToken { id: api::ApiTokenId(uuid::Uuid::nil()), scopes: TokenScope::ALL.to_vec() };
        let by_token = Caller { token: Some(token), ..place.admin.clone() };
        for caller in [&developer, &by_token] {
            assert_eq!(code(caller, new(PASSWORD, PASSPHRASE)).await, Some((ErrorCode::Forbidden, None)));
            let refused = place.backups.restore(caller, how(), Box::new(Bytes(Default::default()))).await;
            assert_eq!(refused.expect_err("it is refused").code, ErrorCode::Forbidden);
        }
        let wrong = NewRestore { password: Secret::new("wrong"), ..how() };
        assert_eq!(place.restore(wrong, b"").await.expect_err("it is refused").details[0].field, "/password");
        place.back_up().await;
        let events = place.life.core.events.list(&EventQuery { kind: Some(EventKind::ConfigBackedUp), ..EventQuery::default() }, true).await;
        let events = events.expect("a list").items;
        assert_eq!(events.len(), 1, "{events:?}");
        assert!(events[0].message.starts_with("ann made a backup of 3 versions of the configurations of 1 services"), "{events:?}");
        place.life.end().await;
    }
}
