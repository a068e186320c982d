//! Configurations of services with a runtime that a test controls: who may save what, what a start is told, and what the store keeps, on
//! both stores.

use std::sync::Arc;
use std::time::{Duration, Instant};

use api::ports::{Configurations as _, Services as _};
use api::{
    Caller, Configuration, ConfigurationCheck, ConfigurationReset, ConfigurationRestore, DifferenceQuery, Error, ErrorCode, EventKind,
    Health, MASK, NewConfiguration, NewSchema, Result, Role, SchemaSource, ServiceId, ServicePatch, Status, VersionKind,
};
use serde_json::{Value, json};

use super::tests::{Life, MAIN, caller};
use crate::configuration::Manager;
use crate::on_each_store;
use crate::store::execute;
use crate::testing::TestStore;

const ENV: &str = "GREETING=hello\nDATABASE_PASSWORD=hunter2-secret\n";

async fn begin(test: &mut TestStore, env: &str) -> (Life, Arc<Manager>, ServiceId) {
    let life = Life::begin(test, &[("orders/main.py", MAIN), ("orders/.env", env)]).await;
    let manager = manager(&life).await.expect("configurations are read");
    let id = life.named("orders").await.id;
    (life, manager, id)
}

async fn manager(life: &Life) -> Result<Arc<Manager>> {
    Manager::open(life.core.clone(), life.services.clone(), crate::auth::Manager::new(life.core.clone())).await
}

fn values(values: Value, version: u64) -> NewConfiguration {
    NewConfiguration { values, version, message: "a reason".into(), restart: false, watch_seconds: None, inherit: Default::default() }
}

/// Waits until a configuration is as `is_so` says.
async fn until(manager: &Manager, id: ServiceId, is_so: impl Fn(&Configuration) -> bool) -> Configuration {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let now = manager.get(&caller(Role::Admin), id).await.expect("it is read");
        if is_so(&now) {
            return now;
        }
        assert!(Instant::now() < deadline, "{now:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn fields(error: &Error) -> Vec<&str> {
    error.details.iter().map(|detail| detail.field.as_str()).collect()
}

fn given(life: &Life, id: ServiceId, name: &str) -> Option<String> {
    life.runtime.launches(id).last().expect("it was started").environment.get(name).cloned()
}

fn schema() -> NewSchema {
    let properties = json!({
        "PORT": {"type": "integer"},
        "WORKERS": {"type": "integer", "minimum": 1, "default": 2},
        "LOG_LEVEL": {"enum": ["debug", "info"], "default": "info"},
        "API_KEY": {"type": "string", "writeOnly": true},
        "DATABASE": {"type": "object", "properties": {"password": {"type": "string", "writeOnly": true}, "host": {"type": "string"}}},
    });
    NewSchema { schema: json!({"type": "object", "properties": properties, "required": ["API_KEY"], "additionalProperties": false}) }
}

on_each_store! {
    async fn what_is_found_is_version_1_and_what_is_saved_takes_its_place(test: TestStore) {
        let mut test = test;
        let (life, manager, id) = begin(&mut test, ENV).await;
        let developer = caller(Role::Developer);
        let patch = ServicePatch { environment: Some([("EXTRA".to_owned(), "1".to_owned())].into()), ..ServicePatch::default() };
        life.services.change(&life.admin, id, patch.clone()).await.expect("a variable is set");

        let found = manager.get(&caller(Role::Viewer), id).await.expect("it is read");
        assert_eq!((found.version, found.applied_version, found.restart_needed, found.updated_by), (1, None, false, None));
        assert_eq!(found.values, json!({"GREETING": "hello", "DATABASE_PASSWORD": MASK, "EXTRA": "1"}));
        assert_eq!((found.schema_source, found.secrets), (SchemaSource::Inferred, vec!["/DATABASE_PASSWORD".to_owned()]));
        assert_eq!(manager.versions(&developer, id).await.expect("they are listed").items.len(), 1);

        life.running("orders").await;
        assert_eq!(given(&life, id, "GREETING").as_deref(), Some("hello"));
        let new = values(json!({"GREETING": "good evening", "DATABASE_PASSWORD": MASK, "WORKERS": 3, "TAGS": ["a"], "NONE": null}), 1);
        let saved = manager.save(&developer, id, new).await.expect("it is saved");
        assert_eq!((saved.version, saved.applied_version, saved.restart_needed), (2, Some(1), true));
        assert_eq!(saved.updated_by.as_deref(), Some("developer"));
        let detail = life.services.get(&life.admin, id).await.expect("it is there");
        assert!(detail.spec.environment.is_empty(), "its variables have moved");
        let refused = life.services.change(&life.admin, id, patch).await.expect_err("they are set in its configuration");
        assert_eq!(fields(&refused), ["/environment"]);

        life.services.restart(&developer, id).await.expect("it is restarted");
        life.until(id, Status::Running).await;
        life.events(id, EventKind::ServiceStarted).await;
        assert_eq!(given(&life, id, "GREETING").as_deref(), Some("good evening"));
        assert_eq!(given(&life, id, "DATABASE_PASSWORD").as_deref(), Some("hunter2-secret"));
        assert_eq!((given(&life, id, "WORKERS").as_deref(), given(&life, id, "TAGS").as_deref()), (Some("3"), Some("[\"a\"]")));
        assert_eq!((given(&life, id, "EXTRA"), given(&life, id, "NONE")), (None, None), "what isn't in it isn't given");
        let now = manager.get(&developer, id).await.expect("it is read");
        assert_eq!((now.applied_version, now.restart_needed), (Some(2), false));

        let listed = manager.versions(&developer, id).await.expect("they are listed").items;
        let seen: Vec<_> = listed.iter().map(|one| (one.version, one.kind, one.is_current, one.is_applied, one.message.as_str())).collect();
        assert_eq!(seen, [(2, VersionKind::Saved, true, true, "a reason"), (1, VersionKind::Found, false, false, "")]);
        let first = manager.version(&developer, id, 1).await.expect("it is kept").values;
        assert_eq!(first, json!({"GREETING": "hello", "DATABASE_PASSWORD": MASK, "EXTRA": "1"}));
        let changes = manager.difference(&developer, id, DifferenceQuery::default()).await.expect("they are compared").changes;
        let changed: Vec<_> = changes.iter().map(|change| change.field.as_str()).collect();
        assert_eq!(changed, ["/EXTRA", "/GREETING", "/NONE", "/TAGS", "/WORKERS"]);

        // The next life reads the same, and deletes it with its service.
        let life = life.again(&test, |_| {}).await;
        let manager = self::manager(&life).await.expect("configurations are read");
        let read = manager.get(&developer, id).await.expect("it is read");
        assert_eq!((read.version, read.applied_version, &read.values), (2, Some(2), &now.values));
        life.end().await;
    }

    async fn a_start_of_the_next_life_is_told_what_was_saved(test: TestStore) {
        let mut test = test;
        let (life, manager, id) = begin(&mut test, ENV).await;
        manager.save(&life.admin, id, values(json!({"GREETING": "kept"}), 1)).await.expect("it is saved");
        let life = life.again(&test, |_| {}).await;
        let _manager = self::manager(&life).await.expect("configurations are read");
        life.running("orders").await;
        assert_eq!((given(&life, id, "GREETING").as_deref(), given(&life, id, "DATABASE_PASSWORD")), (Some("kept"), None));
        life.end().await;
    }

    async fn secrets_among_the_variables_of_settings_are_shown_to_nobody_and_kept(test: TestStore) {
        let mut test = test;
        let (life, _, id) = begin(&mut test, "").await;
        let set = |pairs: &[(&str, &str)]| ServicePatch {
            environment: Some(pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()),
            ..ServicePatch::default()
        };
        let plain = [("API_KEY", "plain-key"), ("MODE", "fast"), ("DB_PASSWORD", "${secret:db}")];
        let shown = life.services.change(&life.admin, id, set(&plain)).await.expect("they are set").spec.environment;
        assert_eq!((shown["API_KEY"].as_str(), shown["MODE"].as_str(), shown["DB_PASSWORD"].as_str()), (MASK, "fast", "${secret:db}"));
        life.services.change(&life.admin, id, set(&[("API_KEY", MASK), ("MODE", "slow")])).await.expect("it is kept");
        life.running("orders").await;
        assert_eq!((given(&life, id, "API_KEY").as_deref(), given(&life, id, "MODE").as_deref()), (Some("plain-key"), Some("slow")));
        let error = life.services.change(&life.admin, id, set(&[("OTHER_KEY", MASK)])).await.expect_err("there is none to keep");
        assert_eq!(fields(&error), ["/environment/OTHER_KEY"]);
        life.end().await;
    }

    async fn nothing_that_the_schema_refuses_is_saved(test: TestStore) {
        let mut test = test;
        let (life, manager, id) = begin(&mut test, "").await;
        let set = manager.set_schema(&life.admin, id, schema()).await.expect("the schema is set");
        assert_eq!((set.schema_source, set.version), (SchemaSource::Set, 1));
        assert_eq!(set.faults.iter().map(|fault| fault.field.as_str()).collect::<Vec<_>>(), ["/values/API_KEY"]);
        let wrong = json!({"WORKERS": 0, "LOG_LEVEL": "loud", "API_KEY": MASK, "UNKNOWN": 1, "DATABASE": {"host": 1}});
        let error = manager.save(&life.admin, id, values(wrong.clone(), 1)).await.expect_err("it is refused");
        assert_eq!(error.code, ErrorCode::ValidationFailed);
        let mut at = fields(&error);
        at.sort_unstable();
        assert_eq!(at, ["/values/API_KEY", "/values/DATABASE/host", "/values/LOG_LEVEL", "/values/UNKNOWN", "/values/WORKERS"]);
        let verdict = manager.validate(&caller(Role::Viewer), id, ConfigurationCheck { values: wrong }).await.expect("it is looked at");
        assert!(!verdict.valid && verdict.details.len() == 5, "{:?}", verdict.details);
        let error = manager.save(&life.admin, id, values(json!({"a-b": 1, "API_KEY": "k"}), 1)).await.expect_err("no variable");
        assert!(fields(&error).contains(&"/values/a-b"), "{error:?}");
        manager.save(&life.admin, id, values(json!([1]), 1)).await.expect_err("no object");
        assert_eq!(manager.get(&life.admin, id).await.expect("it is read").version, 1);
        let bad = manager.set_schema(&life.admin, id, NewSchema { schema: json!({"type": 7}) }).await.expect_err("no schema");
        assert!(fields(&bad)[0].starts_with("/schema"), "{bad:?}");
        let found = manager.set_schema(&life.admin, id, NewSchema { schema: Value::Null }).await.expect("back to what is found");
        assert_ne!(found.schema_source, SchemaSource::Set);
        life.end().await;
    }

    async fn secrets_within_values_leave_by_nothing(test: TestStore) {
        let mut test = test;
        let (life, manager, id) = begin(&mut test, "").await;
        manager.set_schema(&life.admin, id, schema()).await.expect("the schema is set");
        let new = json!({"API_KEY": "key-in-clear", "DATABASE": {"password": "word-in-clear", "host": "db"}, "WORKERS": 1});
        manager.save(&life.admin, id, values(new, 1)).await.expect("it is saved");
        let new = json!({"API_KEY": "key-in-clear-2", "DATABASE": {"password": MASK, "host": "db2"}});
        let saved = manager.save(&life.admin, id, values(new, 2)).await.expect("it is saved");
        assert_eq!(saved.values, json!({"API_KEY": MASK, "DATABASE": {"password": MASK, "host": "db2"}}));
        // Also when the schema stops saying so.
        manager.set_schema(&life.admin, id, NewSchema { schema: json!({"type": "object"}) }).await.expect("the schema is set");
        let said = [
            format!("{:?}", manager.get(&life.admin, id).await.expect("it is read")),
            format!("{:?}", manager.version(&life.admin, id, 2).await.expect("it is read")),
            format!("{:?}", manager.difference(&life.admin, id, DifferenceQuery { from: Some(1), to: Some(3) }).await.expect("they are compared")),
            format!("{:?}", life.core.events.list(&Default::default(), true).await.expect("events")),
            format!("{:?}", life.services.told(id)),
        ];
        for text in said {
            assert!(!text.contains("in-clear"), "{text}");
        }
        assert_eq!(life.services.told(id).expect("it is read").expect("it is told").variables["DATABASE"], "{\"host\":\"db2\",\"password\":\"word-in-clear\"}");
        let mut db = life.core.store.main.read().await.expect("a connection");
        let sealed = crate::store::configurations::version_list(&mut db, id).await.expect("they are listed");
        assert!(sealed.iter().all(|row| !row.sealed.windows(8).any(|part| part == b"in-clear")), "they are sealed");
        drop(db);
        life.end().await;
    }

    async fn of_two_who_save_at_once_one_is_told_of_the_other(test: TestStore) {
        let mut test = test;
        let (life, manager, id) = begin(&mut test, ENV).await;
        let first = manager.save(&life.admin, id, values(json!({"A": "1"}), 1));
        let second = manager.save(&life.admin, id, values(json!({"A": "2"}), 1));
        let (first, second) = tokio::join!(first, second);
        let (won, lost) = if first.is_ok() { (first, second) } else { (second, first) };
        assert_eq!(won.expect("one is saved").version, 2);
        let lost = lost.expect_err("the other one isn't");
        assert_eq!((lost.code, fields(&lost)), (ErrorCode::Conflict, vec!["/version"]));
        assert!(lost.message.contains("version 2 has been saved since"), "{lost}");
        assert_eq!(manager.versions(&life.admin, id).await.expect("they are listed").items.len(), 2);
        life.end().await;
    }

    async fn an_earlier_version_and_defaults_are_gone_back_to(test: TestStore) {
        let mut test = test;
        let (life, manager, id) = begin(&mut test, ENV).await;
        manager.save(&life.admin, id, values(json!({"GREETING": "new", "DATABASE_PASSWORD": "second-secret"}), 1)).await.expect("it is saved");
        let restore = |version, current| ConfigurationRestore { version, current_version: current, message: String::new(), restart: false };
        let stale = manager.restore(&life.admin, id, restore(1, Some(1))).await.expect_err("there is a newer one");
        assert_eq!(stale.code, ErrorCode::Conflict);
        let absent = manager.restore(&life.admin, id, restore(9, None)).await.expect_err("there is none");
        assert_eq!(fields(&absent), ["/version"]);
        let back = manager.restore(&life.admin, id, restore(1, Some(2))).await.expect("it is restored");
        assert_eq!((back.version, back.values), (3, json!({"GREETING": "hello", "DATABASE_PASSWORD": MASK})));
        assert_eq!(life.services.told(id).expect("it is read").expect("it is told").variables["DATABASE_PASSWORD"], "hunter2-secret");
        let listed = manager.versions(&life.admin, id).await.expect("they are listed").items;
        assert_eq!((listed[0].kind, listed[0].message.as_str()), (VersionKind::Restored, "as it was in version 1"));

        manager.set_schema(&life.admin, id, NewSchema { schema: json!({"properties": {"GREETING": {"default": "hi"}, "N": {"default": 1}}}) }).await.expect("the schema is set");
        let reset = |names: &[&str]| ConfigurationReset { version: 0, names: names.iter().map(|name| (*name).to_owned()).collect(), message: String::new() };
        let one = manager.reset(&life.admin, id, ConfigurationReset { version: 3, ..reset(&["GREETING"]) }).await.expect("it is reset");
        assert_eq!(one.values, json!({"GREETING": "hi", "DATABASE_PASSWORD": MASK}));
        let absent = manager.reset(&life.admin, id, ConfigurationReset { version: 4, ..reset(&["NO"]) }).await.expect_err("no such value");
        assert_eq!(fields(&absent), ["/names/0"]);
        let all = manager.reset(&life.admin, id, ConfigurationReset { version: 4, ..reset(&[]) }).await.expect("all are reset");
        assert_eq!(all.values, json!({"GREETING": "hi", "N": 1}));
        life.end().await;
    }

    async fn who_may_not_change_and_what_runs_code_is_refused(test: TestStore) {
        let mut test = test;
        let (life, manager, id) = begin(&mut test, ENV).await;
        let viewer = caller(Role::Viewer);
        let refused = |result: Result<Configuration>| assert_eq!(result.expect_err("it is refused").code, ErrorCode::Forbidden);
        refused(manager.save(&viewer, id, values(json!({}), 1)).await);
        refused(manager.set_schema(&viewer, id, schema()).await);
        refused(manager.restore(&viewer, id, ConfigurationRestore { version: 1, current_version: None, message: String::new(), restart: false }).await);
        refused(manager.reset(&viewer, id, ConfigurationReset { version: 1, names: Vec::new(), message: String::new() }).await);
        let code = values(json!({"LD_PRELOAD": "/tmp/x.so"}), 1);
        refused(manager.save(&caller(Role::Developer), id, code.clone()).await);
        assert_eq!(manager.save(&life.admin, id, code).await.expect("an Admin may").version, 2);
        let kept = values(json!({"LD_PRELOAD": "/tmp/x.so", "MORE": "1"}), 2);
        assert_eq!(manager.save(&caller(Role::Developer), id, kept).await.expect("what an Admin has set stays").version, 3);
        let nobody = Caller { role: Role::Viewer, ..viewer };
        let unknown = manager.get(&nobody, ServiceId(uuid::Uuid::nil())).await.expect_err("there is none");
        assert_eq!(unknown.code, ErrorCode::NotFound);
        life.end().await;
    }

    async fn a_saved_configuration_can_restart_what_runs(test: TestStore) {
        let mut test = test;
        let (life, manager, id) = begin(&mut test, ENV).await;
        let new = NewConfiguration { restart: true, ..values(json!({"GREETING": "first"}), 1) };
        let saved = manager.save(&caller(Role::Developer), id, new).await.expect("what doesn't run isn't started");
        assert_eq!(saved.not_restarted.as_deref(), Some("it doesn't run; it is told this when it is started"));
        assert!(life.runtime.launches(id).is_empty());
        life.running("orders").await;
        let new = NewConfiguration { restart: true, ..values(json!({"GREETING": "second"}), 2) };
        let saved = manager.save(&caller(Role::Developer), id, new).await.expect("it is saved");
        assert_eq!(saved.not_restarted, None);
        let expected = [EventKind::ConfigSaved, EventKind::ServiceRestartAsked, EventKind::ServiceStarted];
        let events = life.events(id, EventKind::ServiceStarted).await;
        assert!(events.ends_with(&expected) || life.events(id, EventKind::ServiceStarted).await.ends_with(&expected), "{events:?}");
        assert_eq!(given(&life, id, "GREETING").as_deref(), Some("second"));
        life.end().await;
    }

    async fn a_watched_version_is_taken_back_when_its_service_isnt_well_with_it(test: TestStore) {
        let mut test = test;
        let (life, manager, id) = begin(&mut test, ENV).await;
        let watched = |text: &str, version| NewConfiguration { restart: true, watch_seconds: Some(60), ..values(json!({"GREETING": text}), version) };
        let refused = manager.save(&life.admin, id, watched("x", 1)).await.expect_err("it doesn't run");
        assert!(refused.code == ErrorCode::Conflict && refused.message.contains("nothing to watch"), "{refused}");
        life.running("orders").await;
        let saved = manager.save(&life.admin, id, watched("bad", 1)).await.expect("it is saved");
        assert_eq!(saved.watch.map(|watch| watch.back_to), Some(1));
        until(&manager, id, |now| now.applied_version == Some(2)).await;
        life.until(id, Status::Running).await;
        life.runtime.crash(id, 3);
        let back = until(&manager, id, |now| now.version == 3 && now.applied_version == Some(3)).await;
        assert_eq!((back.values, back.watch), (json!({"GREETING": "hello", "DATABASE_PASSWORD": MASK}), None));
        let listed = manager.versions(&life.admin, id).await.expect("they are listed").items;
        assert_eq!(listed[0].kind, VersionKind::Reverted);
        assert!(listed[0].message.contains("version 2 was taken back: ") && listed[0].message.contains("code 3"), "{}", listed[0].message);
        assert_eq!(given(&life, id, "GREETING").as_deref(), Some("hello"));

        // Over the end of Pilothouse, and to a good end.
        life.until(id, Status::Running).await;
        let unchecked = ServicePatch { health: Some(api::HealthCheck { kind: api::CheckKind::None, ..Default::default() }), ..ServicePatch::default() };
        life.services.change(&life.admin, id, unchecked).await.expect("it is changed");
        manager.save(&life.admin, id, watched("good", 3)).await.expect("it is saved");
        until(&manager, id, |now| now.applied_version == Some(4)).await;
        life.until(id, Status::Running).await;
        let seen = crate::runtime::Runtime::observe(&*life.runtime, id).await.expect("it is seen");
        let life = life.again(&test, |runtime| runtime.set(id, seen.clone())).await;
        let manager = self::manager(&life).await.expect("configurations are read");
        life.until(id, Status::Running).await;
        assert!(manager.get(&life.admin, id).await.expect("it is read").watch.is_some(), "it is still watched");
        manager.spawn();
        let held = until(&manager, id, |now| {
            life.clock.advance(1);
            now.watch.is_none()
        })
        .await;
        assert_eq!((held.version, held.applied_version), (4, Some(4)));
        life.events(id, EventKind::ConfigHeld).await;
        life.end().await;
    }

    async fn a_watch_that_ran_out_while_nobody_looked_lasts_until_it_is_known_how_its_service_is(test: TestStore) {
        let mut test = test;
        let (life, manager, id) = begin(&mut test, ENV).await;
        life.running("orders").await;
        let watched = NewConfiguration { restart: true, watch_seconds: Some(60), ..values(json!({"GREETING": "new"}), 1) };
        manager.save(&life.admin, id, watched).await.expect("it is saved");
        until(&manager, id, |now| now.applied_version == Some(2)).await;
        life.until(id, Status::Running).await;
        let seen = crate::runtime::Runtime::observe(&*life.runtime, id).await.expect("it is seen");
        let life = life.again(&test, |runtime| runtime.set(id, seen.clone())).await;
        life.clock.advance(600);
        let manager = self::manager(&life).await.expect("configurations are read");
        // It isn't found yet, or found and not checked yet: neither says anything of the version.
        manager.spawn();
        life.until(id, Status::Running).await;
        for health in [Health::Unknown, Health::Healthy] {
            life.core.catalog.update(id, |entry| entry.service.health_status = health);
            life.clock.advance(5);
            // Time for a verdict that would be wrong.
            for _ in 0..50 {
                tokio::task::yield_now().await;
            }
            assert!(manager.get(&life.admin, id).await.expect("it is read").watch.is_some(), "it is still watched");
        }
        let held = until(&manager, id, |now| {
            life.clock.advance(10);
            now.watch.is_none()
        })
        .await;
        assert_eq!((held.version, held.applied_version), (2, Some(2)));
        life.events(id, EventKind::ConfigHeld).await;
        life.end().await;
    }

    async fn a_watched_version_that_cant_be_started_with_is_taken_back_at_once(test: TestStore) {
        let mut test = test;
        let (life, manager, id) = begin(&mut test, ENV).await;
        life.running("orders").await;
        let new = NewConfiguration { restart: true, watch_seconds: Some(3600), ..values(json!({"GREETING": "${secret:gone}"}), 1) };
        manager.save(&life.admin, id, new).await.expect("it is saved");
        let back = until(&manager, id, |now| now.version == 3 && now.applied_version == Some(3)).await;
        assert_eq!(back.values, json!({"GREETING": "hello", "DATABASE_PASSWORD": MASK}));
        life.until(id, Status::Running).await;
        let why = &manager.versions(&life.admin, id).await.expect("they are listed").items[0].message;
        assert!(why.contains("'gone'"), "{why}");
        life.end().await;
    }

    async fn what_was_changed_in_the_store_isnt_run_with(test: TestStore) {
        let mut test = test;
        let (life, manager, id) = begin(&mut test, ENV).await;
        manager.save(&life.admin, id, values(json!({"GREETING": "one"}), 1)).await.expect("it is saved");
        manager.save(&life.admin, id, values(json!({"GREETING": "two"}), 2)).await.expect("it is saved");
        // Somebody puts an older version in the place of the newest.
        let swap = "UPDATE configuration_versions SET sealed = (SELECT sealed FROM configuration_versions WHERE service_id = $1 AND version = 2)
            WHERE service_id = $1 AND version = 3";
        life.core.store.main.write(move |db| Box::pin(async move { execute!(db, swap, id.0)?; Ok(()) })).await.expect("it is swapped");
        let life = life.again(&test, |_| {}).await;
        let manager = self::manager(&life).await.expect("the others are read");
        let error = manager.get(&life.admin, id).await.expect_err("it isn't what was saved");
        assert!(error.message.contains("changed outside Pilothouse"), "{error}");
        life.services.start(&life.admin, id).await.expect("it is asked for");
        let detail = life.until(id, Status::Error).await;
        let reason = detail.service.status_reason.expect("a reason");
        assert!(reason.contains("configuration can't be read"), "{reason}");
        assert!(life.runtime.launches(id).is_empty(), "it isn't run with anything else");
        life.end().await;
    }
}
