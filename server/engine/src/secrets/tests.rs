//! Named secrets on both databases.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use api::ports::{Secrets, Users};
use api::{
    Caller, ErrorCode, EventKind, EventQuery, NamedSecret, NewSecret, NewUser, Role, Secret, SecretName, SecretReveal, SecretUse,
    ServiceId, Timestamp, UserId,
};

use super::rotation::{finish, is_unfinished};
use super::{DOTS, Manager, Vault, vault};
use crate::store::data_keys::data_key_list;
use crate::store::execute;
use crate::store::secrets::{SecretRow, secret_list, secret_put};
use crate::testing::TestStore;
use crate::{Clock, Core, SecretsKey, auth, on_each_store};

const PASSWORD: &str = "correct horse battery";
const VALUE: &str = "hunter2-and-more-Zw3qP9";

fn clock() -> Clock {
    Clock::stopped(Timestamp::from_micros(1_800_000_000_000_000))
}

async fn instance(test: &TestStore) -> (Arc<Core>, Arc<Manager>) {
    let core = test.core(clock()).await;
    let accounts = auth::Manager::new(core.clone());
    let manager = Manager::open(core.clone(), accounts).await.expect("the secrets are read");
    (core, manager)
}

async fn user(manager: &Manager, name: &str, role: Role) -> Caller {
    let new = NewUser { username: name.into(), password: Secret::new(PASSWORD), role };
    let user = manager.accounts.create(&Caller::system(), new).await.expect("the user is made");
    Caller { user_id: Some(user.id), name: name.into(), role, session_id: None, only: None, token: None }
}

fn name(name: &str) -> SecretName {
    name.parse().expect("a name")
}

fn value(value: &str) -> NewSecret {
    NewSecret { value: Some(Secret::new(value)), ..NewSecret::default() }
}

fn again(password: &str) -> SecretReveal {
    SecretReveal { password: Secret::new(password) }
}

fn code<T: std::fmt::Debug>(result: api::Result<T>) -> ErrorCode {
    result.expect_err("it is refused").code
}

async fn put(manager: &Manager, of: &str, text: &str) -> NamedSecret {
    manager.put(&Caller::system(), name(of), value(text)).await.expect("it is set")
}

async fn data_keys(core: &Core) -> Vec<i64> {
    data_key_list(&mut core.store.main.read().await.expect("a connection")).await.expect("rows").iter().map(|row| row.id).collect()
}

/// Every value by its name, opened.
async fn opened(core: &Core) -> BTreeMap<String, String> {
    let (vault, mut values) = (Vault::of(core), BTreeMap::new());
    for row in secret_list(&mut core.store.main.read().await.expect("a connection")).await.expect("rows") {
        let value = vault.value(&row).await.expect("it opens").reveal().to_owned();
        values.insert(row.name, value);
    }
    values
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

on_each_store! {
    async fn a_secret_is_set_listed_without_its_value_shown_and_deleted(test: TestStore) {
        let (core, manager) = instance(&test).await;
        let ann = user(&manager, "ann", Role::Developer).await;
        let new = NewSecret { description: Some("of the database".into()), version: Some(0), ..value(VALUE) };
        let made = manager.put(&ann, name("db.password"), new).await.expect("it is set");
        assert_eq!((made.version, made.updated_by.as_str(), made.unused, made.stale), (1, "ann", true, false));
        core.clock.advance(60);
        let said = NewSecret { description: Some("of orders".into()), version: Some(1), ..NewSecret::default() };
        let changed = manager.put(&ann, name("db.password"), said).await.expect("it is changed");
        assert_eq!((changed.version, changed.description.as_deref()), (2, Some("of orders")));
        assert_eq!((changed.value_set_at, changed.created_at), (made.value_set_at, made.created_at));
        assert_eq!(changed.updated_at, made.updated_at.plus_seconds(60));
        core.clock.advance(NamedSecret::STALE_DAYS * 24 * 3600);
        put(&manager, "api-key", "x").await;
        let listed = manager.list(&ann).await.expect("they are listed");
        let shown: Vec<_> = listed.iter().map(|secret| (secret.name.as_str(), secret.version, secret.stale)).collect();
        assert_eq!(shown, [("api-key", 1, false), ("db.password", 2, true)]);
        assert!(!format!("{listed:?}").contains(VALUE));
        let seen = manager.reveal(&ann, name("db.password"), again(PASSWORD)).await.expect("it is shown");
        assert_eq!((seen.value.reveal(), seen.version), (VALUE, 2));
        manager.delete(&ann, name("db.password"), false).await.expect("it is deleted");
        assert_eq!(code(manager.delete(&ann, name("db.password"), true).await), ErrorCode::NotFound);
        let events = core.events.list(&EventQuery::default(), true).await.expect("events").items;
        let kinds: Vec<_> = events.iter().rev().map(|event| event.kind).collect();
        use EventKind::{SecretDeleted, SecretRevealed, SecretSet, UserCreated};
        assert_eq!(kinds, [UserCreated, SecretSet, SecretSet, SecretSet, SecretRevealed, SecretDeleted]);
        assert!(!format!("{events:?}").contains(VALUE));
        assert!(core.events.list(&EventQuery::default(), false).await.expect("events").items.is_empty(), "only the audit has them");
    }

    async fn each_role_may_what_the_table_says_and_who_asks_for_a_value_says_their_password(test: TestStore) {
        let (core, manager) = instance(&test).await;
        put(&manager, "db", VALUE).await;
        let [viewer, developer] = [user(&manager, "vic", Role::Viewer).await, user(&manager, "dev", Role::Developer).await];
        for refused in [
            manager.list(&viewer).await.map(drop),
            manager.put(&viewer, name("x"), value("x")).await.map(drop),
            manager.delete(&viewer, name("db"), false).await,
            manager.reveal(&viewer, name("db"), again(PASSWORD)).await.map(drop),
            manager.rotate(&developer).await.map(drop),
        ] {
            assert_eq!(code(refused), ErrorCode::Forbidden);
        }
        for wrong in ["", "wrong", &"x".repeat(5000)] {
            let error = manager.reveal(&developer, name("db"), again(wrong)).await.expect_err("it isn't the password");
            assert_eq!((error.code, error.details[0].field.as_str()), (ErrorCode::ValidationFailed, "/password"));
        }
        assert_eq!(code(manager.reveal(&Caller::system(), name("db"), again(PASSWORD)).await), ErrorCode::Forbidden);
        let nobody = Caller { user_id: Some(UserId(core.clock.new_uuid())), ..developer.clone() };
        assert_eq!(code(manager.reveal(&nobody, name("db"), again(PASSWORD)).await), ErrorCode::SessionEnded);
        let events = core.events.list(&EventQuery::default(), true).await.expect("events").items;
        assert!(!events.iter().any(|event| event.kind == EventKind::SecretRevealed));
    }

    async fn what_is_wrong_with_a_secret_is_said_and_changes_nothing(test: TestStore) {
        let (_, manager) = instance(&test).await;
        let caller = Caller::system();
        put(&manager, "db", VALUE).await;
        for (new, field) in [(value(""), "/value"), (value("a\0"), "/value")] {
            assert_eq!(manager.put(&caller, name("db"), new).await.expect_err("it is refused").details[0].field, field);
        }
        let without = manager.put(&caller, name("new"), NewSecret::default()).await.expect_err("it has no value");
        assert_eq!(without.details[0].field, "/value");
        for version in [0, 2] {
            let error = manager.put(&caller, name("db"), NewSecret { version: Some(version), ..value("x") }).await.expect_err("another version");
            assert!(error.code == ErrorCode::Conflict && error.message.contains("version 1"), "{error}");
        }
        assert_eq!(code(manager.put(&caller, name("new"), NewSecret { version: Some(1), ..value("x") }).await), ErrorCode::Conflict);
        assert_eq!(manager.list(&caller).await.expect("they are listed").len(), 1);
    }

    async fn a_secret_that_something_refers_to_is_only_deleted_by_force(test: TestStore) {
        let (_, manager) = instance(&test).await;
        let used = SecretUse { service_id: ServiceId(uuid::Uuid::from_u128(1)), service_name: "orders".into(), variable: "URL".into() };
        let known = used.clone();
        manager.on_uses(move || [("db".to_owned(), vec![known.clone(), known.clone()])].into());
        put(&manager, "db", VALUE).await;
        let listed = manager.list(&Caller::system()).await.expect("they are listed");
        assert_eq!((&listed[0].used_by, listed[0].unused), (&vec![used], false));
        let error = manager.delete(&Caller::system(), name("db"), false).await.expect_err("it is used");
        assert!(error.code == ErrorCode::Conflict && error.message.contains("URL of orders"), "{error}");
        manager.delete(&Caller::system(), name("db"), true).await.expect("it is deleted");
    }

    async fn values_are_in_no_file_and_hidden_in_logs_from_the_moment_they_are_set(test: TestStore) {
        let (core, manager) = instance(&test).await;
        assert!(core.mask.is_empty());
        put(&manager, "db", VALUE).await;
        assert_eq!(core.mask.hide_text(format!("a {VALUE}")), format!("a {DOTS}"));
        manager.renew(&Caller::system()).await.expect("they are rotated");
        let (second, _) = instance(&test).await;
        assert_eq!(second.mask.hide_text(VALUE.into()), DOTS, "also after a start");
        put(&manager, "db", "another value").await;
        core.store.close().await;
        second.store.close().await;
        for text in [VALUE, "another value"] {
            assert_eq!(files_with(test.folder(), text), Vec::<String>::new());
        }
    }

    async fn references_become_values_and_what_is_missing_is_named_with_its_variable(test: TestStore) {
        let (core, manager) = instance(&test).await;
        put(&manager, "db", "p$ss${secret:x}").await;
        let vault = Vault::of(&core);
        let resolved = vault.resolve("postgres://u:${secret:db}@h/$${secret:db}/$HOME").await.expect("it is resolved");
        assert_eq!(resolved, "postgres://u:p$ss${secret:x}@h/${secret:db}/$HOME", "a value is taken as it is");
        let variables = [("A".to_owned(), "1".to_owned()), ("URL".to_owned(), "${secret:gone}".to_owned())].into();
        let error = vault.environment(&variables, &Default::default()).await.expect_err("it isn't there");
        assert_eq!(error.code, ErrorCode::ServiceFailed);
        assert!(error.message.contains("URL") && error.message.contains("'gone'") && error.message.contains("set that secret"), "{error}");
        assert_eq!(code(vault.resolve("${secret:}").await), ErrorCode::ServiceFailed);
    }

    async fn sealed_values_that_were_swapped_or_rolled_back_are_noticed(test: TestStore) {
        let (core, manager) = instance(&test).await;
        put(&manager, "one", "first value").await;
        put(&manager, "two", "second value").await;
        let rows = secret_list(&mut core.store.main.read().await.expect("a connection")).await.expect("rows");
        let swap = |name: &'static str, sealed: Vec<u8>| {
            let statement = "UPDATE secrets SET sealed = $2 WHERE name = $1";
            core.store.main.write(move |db| Box::pin(async move { Ok(execute!(db, statement, name, sealed.as_slice())?) }))
        };
        let of = |name: &str| rows.iter().find(|row| row.name == name).expect("a row").sealed.clone();
        swap("one", of("two")).await.expect("it is swapped");
        let vault = Vault::of(&core);
        let error = vault.resolve("${secret:one}").await.expect_err("it belongs elsewhere");
        assert!(error.code == ErrorCode::Internal && error.message.contains("belongs elsewhere"), "{error}");
        assert_eq!(vault.resolve("${secret:two}").await.expect("it opens"), "second value");
        // The others get their new key all the same, and the old key stays for it.
        let error = manager.renew(&Caller::system()).await.expect_err("one can't be sealed anew");
        assert!(error.message.contains("'one' 1"), "{error}");
        assert_eq!(vault.resolve("${secret:two}").await.expect("it opens"), "second value");
        assert_eq!(data_keys(&core).await, [1, 2]);
        put(&manager, "one", "third value").await;
        // What it was before can't be opened, and isn't kept.
        assert_eq!(manager.renew(&Caller::system()).await.expect("all are").resealed, 2);
        assert_eq!(data_keys(&core).await, [3]);
        let old = of("two");
        put(&manager, "two", "fourth value").await;
        swap("two", old).await.expect("it is swapped");
        assert!(vault.resolve("${secret:two}").await.is_err(), "a value of before is of another version");
    }

    async fn a_rotation_that_was_interrupted_goes_on_and_all_values_open_at_each_moment(test: TestStore) {
        let (core, manager) = instance(&test).await;
        let rows: Vec<SecretRow> = (0..250).map(|n| {
            let (name, context) = (format!("s{n}"), vault::context(&format!("s{n}"), 1));
            let sealed = core.keyring.seal(&context.each_ref().map(Vec::as_slice), format!("value {n}").as_bytes()).expect("it is sealed");
            let at = core.clock.now().micros();
            SecretRow {
                name, description: None, sealed, key_id: 1, version: 1, value_set_at: at, created_at: at, updated_at: at,
                updated_by: "ann".into(),
            }
        }).collect();
        let write = core.store.main.write(move |db| Box::pin(async move {
            for row in &rows {
                secret_put(db, row).await?;
            }
            Ok(())
        }));
        write.await.expect("they are written");
        let all = opened(&core).await;
        assert_eq!(core.keyring.renew().await.expect("a new key"), 2);
        let first = finish(&core, 1).await.expect("one batch");
        assert_eq!((first.resealed, first.removed, first.is_complete), (100, 0, false));
        assert_eq!(opened(&core).await, all);
        // As after kill -9: only the store is left.
        let (second, _) = instance(&test).await;
        assert!(is_unfinished(&second).await.expect("it is known"));
        assert_eq!(opened(&second).await, all);
        let rest = finish(&second, usize::MAX).await.expect("the rest");
        assert_eq!((rest.resealed, rest.removed, rest.is_complete), (150, 1, true));
        assert_eq!((opened(&second).await, data_keys(&second).await), (all.clone(), vec![2]));
        // The one that was there before doesn't know the keys of another one's rotation until it needs them.
        let third = manager.renew(&Caller::system()).await.expect("they are rotated once more");
        assert_eq!((third.data_key, third.resealed, third.removed), (3, 250, 1));
        assert_eq!((opened(&core).await, opened(&second).await), (all.clone(), all));
        // What was sealed with a key that is gone isn't kept.
        let late = second.keyring.seal(&[b"x"], b"x").expect("it is sealed");
        assert_eq!(crate::secrets::keyring::key_of(&late), Some(3), "the second has read the keys anew");
    }

    async fn without_the_right_key_secrets_say_what_to_do_and_the_rest_works(test: TestStore) {
        let (core, manager) = instance(&test).await;
        put(&manager, "db", VALUE).await;
        core.store.close().await;
        let mut test = test;
        test.config.secrets_key = SecretsKey::Text(Secret::new("a".repeat(64)));
        let (core, manager) = instance(&test).await;
        let ann = user(&manager, "ann", Role::Admin).await;
        assert_eq!(manager.list(&ann).await.expect("they are listed").len(), 1);
        for refused in [
            manager.put(&ann, name("x"), value("x")).await.map(drop),
            manager.put(&ann, name("db"), NewSecret { description: Some("x".into()), ..NewSecret::default() }).await.map(drop),
            manager.reveal(&ann, name("db"), again(PASSWORD)).await.map(drop),
            manager.renew(&ann).await.map(drop),
            manager.take_key(&ann, &SecretsKey::Derived).await.map(drop),
            Vault::of(&core).resolve("${secret:db}").await.map(drop),
        ] {
            let error = refused.expect_err("it is locked");
            assert!(error.code == ErrorCode::Unavailable && error.message.contains("PILOTHOUSE_SECRETS_KEY_FILE"), "{error}");
        }
        assert_eq!(Vault::of(&core).resolve("plain").await, Ok("plain".into()));
    }

    async fn another_key_encryption_key_takes_over_and_the_one_before_opens_nothing(test: TestStore) {
        let (core, manager) = instance(&test).await;
        put(&manager, "db", VALUE).await;
        let new = SecretsKey::Text(Secret::new("b".repeat(64)));
        assert_eq!(code(manager.take_key(&Caller::system(), &SecretsKey::Text(Secret::new("short"))).await), ErrorCode::ValidationFailed);
        assert_eq!(data_keys(&core).await, [1], "nothing was changed");
        let done = manager.take_key(&Caller::system(), &new).await.expect("it is taken");
        assert_eq!((done.data_key, done.resealed, done.removed), (2, 1, 1));
        core.store.close().await;
        let mut test = test;
        assert!(instance(&test).await.0.keyring.ready().is_err());
        test.config.secrets_key = new;
        let (core, _) = instance(&test).await;
        assert_eq!(opened(&core).await["db"], VALUE);
    }
}
