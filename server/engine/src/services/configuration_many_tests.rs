//! Configurations of many services, on both stores: all of a change is checked before any of it is saved, and what isn't applied yet is known.

use std::sync::Arc;
use std::time::Duration;

use api::ports::{Configurations as _, Services as _};
use api::{
    Action, BulkOutcome, ConfigurationsApply, ConfigurationsChange, ConfigurationsQuery, ConfigurationsShow, Error, ErrorCode, EventKind,
    Health, Limit, MASK, NewConfiguration, NewSchema, Role, SchemaSource, ServiceId, ServicePatch, Status,
};
use serde_json::{Value, json};

use super::tests::{Life, MAIN, caller};
use crate::configuration::Manager;
use crate::on_each_store;
use crate::testing::{StoreKind, TestStore};

const ENV: &str = "LOG_LEVEL=info\nAPI_TOKEN=hunter2-secret\n";

/// `web` needs `cart`; `cart` has a token.
async fn begin(test: &mut TestStore) -> (Life, Arc<Manager>, [ServiceId; 3]) {
    let files = [("cart/main.py", MAIN), ("cart/.env", ENV), ("stock/main.py", MAIN), ("web/main.py", MAIN)];
    let life = Life::begin(test, &files).await;
    let manager = Manager::open(life.core.clone(), life.services.clone(), crate::auth::Manager::new(life.core.clone()))
        .await
        .expect("configurations are read");
    let [cart, stock, web] = [life.named("cart").await.id, life.named("stock").await.id, life.named("web").await.id];
    let needs = ServicePatch { depends_on: Some(vec![cart]), ..ServicePatch::default() };
    life.services.change(&life.admin, web, needs).await.expect("it is changed");
    (life, manager, [cart, stock, web])
}

fn change(services: &[ServiceId], set: Value, unset: &[&str]) -> ConfigurationsChange {
    let Value::Object(set) = set else { panic!("an object") };
    let unset = unset.iter().map(|name| (*name).to_owned()).collect();
    ConfigurationsChange { services: services.to_vec(), set, unset, message: "a reason".into(), ..ConfigurationsChange::default() }
}

fn fields(error: &Error) -> Vec<&str> {
    error.details.iter().map(|detail| detail.field.as_str()).collect()
}

async fn shown(manager: &Manager, show: ConfigurationsShow) -> Vec<String> {
    let query = ConfigurationsQuery { show: Some(show), ..ConfigurationsQuery::default() };
    let page = manager.list(&caller(Role::Viewer), query).await.expect("they are listed");
    assert_eq!(page.total, Some(page.items.len() as u64));
    page.items.into_iter().map(|one| one.service_name).collect()
}

on_each_store! {
    async fn one_change_is_saved_for_many_and_applied_in_the_order_of_dependencies(test: TestStore) {
        let mut test = test;
        let (life, manager, [cart, stock, web]) = begin(&mut test).await;
        let (viewer, developer) = (caller(Role::Viewer), caller(Role::Developer));
        for name in ["cart", "web"] {
            life.running(name).await;
        }
        let wanted = change(&[web, cart, stock, cart], json!({"LOG_LEVEL": "debug", "WORKERS": 2}), &["API_TOKEN", "NOTHING"]);
        let dry = ConfigurationsChange { dry_run: true, restart: true, ..wanted.clone() };
        let plan = manager.change(&developer, dry).await.expect("it is planned");
        let seen: Vec<_> = plan.items.iter().map(|one| (one.service_name.as_str(), one.version, one.saved, one.changes.len())).collect();
        assert_eq!(seen, [("cart", 1, false, 3), ("stock", 1, false, 2), ("web", 1, false, 2)]);
        assert_eq!((plan.items[0].changes[0].field.as_str(), plan.items[0].changes[0].before.clone()), ("/API_TOKEN", Some(json!(MASK))));
        let restarted: Vec<_> = plan.restart.expect("they would be restarted").items.into_iter().map(|one| (one.name, one.step)).collect();
        assert_eq!(restarted, [("cart".to_owned(), 1), ("web".to_owned(), 2)], "what doesn't run isn't started");
        assert_eq!(manager.get(&viewer, cart).await.expect("it is read").version, 1, "nothing was saved");

        let done = manager.change(&developer, wanted.clone()).await.expect("it is saved");
        assert!(done.restart.is_none() && done.items.iter().all(|one| one.saved && one.version == 2), "{done:?}");
        assert_eq!(manager.get(&viewer, cart).await.expect("it is read").values, json!({"LOG_LEVEL": "debug", "WORKERS": 2}));
        let again = manager.change(&developer, wanted).await.expect("nothing is different");
        assert!(again.items.iter().all(|one| !one.saved && one.version == 2 && one.changes.is_empty()), "{again:?}");
        life.events(cart, EventKind::ConfigSaved).await;

        assert_eq!(shown(&manager, ConfigurationsShow::NotApplied).await, ["cart", "web"]);
        let all = manager.list(&viewer, ConfigurationsQuery::default()).await.expect("they are listed").items;
        assert_eq!((all[0].version, all[0].applied_version, all[0].restart_needed), (Some(2), Some(1), true));
        assert_eq!((all[0].fault_count, all[0].schema_source, all[0].updated_by.as_deref()), (None, None, Some("developer")));
        assert_eq!((all[1].service_name.as_str(), all[1].restart_needed), ("stock", false), "it doesn't run");

        let refused = manager.apply(&viewer, ConfigurationsApply { dry_run: true, ..Default::default() }).await.expect_err("a viewer");
        assert_eq!(refused.code, ErrorCode::Forbidden);
        let dry = ConfigurationsApply { dry_run: true, services: Some(vec![web, stock, cart]) };
        let plan = manager.apply(&developer, dry).await.expect("it is planned");
        let seen: Vec<_> = plan.items.iter().map(|one| (one.name.as_str(), one.outcome, one.step)).collect();
        assert_eq!(seen, [("cart", BulkOutcome::Planned, 1), ("stock", BulkOutcome::Skipped, 1), ("web", BulkOutcome::Planned, 2)]);
        let report = manager.apply(&developer, ConfigurationsApply::default()).await.expect("it is asked for");
        assert_eq!((report.action, report.items.len()), (Action::Restart, 2));
        for id in [cart, web] {
            while manager.get(&viewer, id).await.expect("it is read").applied_version != Some(2) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            life.until(id, Status::Running).await;
            // What needs it waits for that.
            life.core.catalog.update(id, |entry| entry.service.health_status = Health::Healthy);
        }
        assert_eq!(shown(&manager, ConfigurationsShow::NotApplied).await, [""; 0]);
        assert!(manager.apply(&developer, ConfigurationsApply::default()).await.expect("nothing is left").items.is_empty());
        life.end().await;
    }

    async fn what_one_service_refuses_keeps_the_change_from_all(test: TestStore) {
        let mut test = test;
        let (life, manager, [cart, stock, web]) = begin(&mut test).await;
        let developer = caller(Role::Developer);
        let schema = json!({"type": "object", "properties": {"WORKERS": {"type": "integer"}}});
        manager.set_schema(&developer, stock, NewSchema { schema }).await.expect("it is set");
        let wrong = change(&[cart, stock, web], json!({"WORKERS": "many"}), &[]);
        let refused = manager.change(&developer, wrong.clone()).await.expect_err("stock refuses it");
        assert_eq!((refused.code, fields(&refused)), (ErrorCode::ValidationFailed, vec!["/services/1/WORKERS"]));
        assert!(refused.message.starts_with("'stock': "), "{refused:?}");
        let asked = manager.change(&developer, ConfigurationsChange { dry_run: true, ..wrong }).await.expect("it is said where");
        let faults: Vec<_> = asked.items.iter().map(|one| one.faults.iter().map(|fault| fault.field.as_str()).collect()).collect::<Vec<Vec<_>>>();
        assert_eq!(faults, [vec![], vec!["/values/WORKERS"], vec![]]);

        let runs_code = change(&[stock, web], json!({"LD_PRELOAD": "/tmp/x.so"}), &[]);
        let refused = manager.change(&developer, runs_code.clone()).await.expect_err("it takes an Admin");
        assert_eq!(refused.code, ErrorCode::Forbidden);
        assert_eq!(manager.change(&developer, ConfigurationsChange { dry_run: true, ..runs_code }).await.expect("a plan").items[0].faults.len(), 1);
        let none_to_keep = change(&[cart, web], json!({"API_TOKEN": MASK}), &[]);
        let refused = manager.change(&developer, none_to_keep).await.expect_err("web has none");
        assert_eq!(fields(&refused), ["/services/1/API_TOKEN"]);
        for id in [cart, stock, web] {
            assert_eq!(manager.get(&developer, id).await.expect("it is read").version, 1, "nothing was saved");
        }

        let new = NewConfiguration { values: json!({"WORKERS": 1}), version: 1, message: String::new(), restart: false, watch_seconds: None, inherit: Default::default() };
        manager.save(&developer, stock, new).await.expect("it is saved");
        let schema = json!({"type": "object", "properties": {"WORKERS": {"type": "string"}}});
        manager.set_schema(&developer, stock, NewSchema { schema }).await.expect("it is set");
        assert_eq!(shown(&manager, ConfigurationsShow::Faulty).await, ["stock"]);
        let query = ConfigurationsQuery { check: true, q: Some("STO".into()), ..ConfigurationsQuery::default() };
        let one = manager.list(&developer, query).await.expect("they are listed").items.remove(0);
        assert_eq!((one.fault_count, one.faults[0].field.as_str()), (Some(1), "/values/WORKERS"));
        assert_eq!(one.schema_source, Some(SchemaSource::Set));
        let texts = [("WORKERS".to_owned(), "2".to_owned())].into();
        let schema = json!({"type": "object", "properties": {"WORKERS": {"type": "integer"}}});
        manager.set_schema(&developer, web, NewSchema { schema }).await.expect("it is set");
        let as_text = ConfigurationsChange { texts, ..change(&[stock, web], json!({}), &[]) };
        manager.change(&developer, as_text).await.expect("each takes it as its schema wants it");
        for (id, value) in [(stock, json!("2")), (web, json!(2))] {
            assert_eq!(manager.get(&developer, id).await.expect("it is read").values["WORKERS"], value);
        }
        let secret = change(&[cart], json!({"API_TOKEN": MASK, "MORE": "${secret:x}"}), &[]);
        assert!(manager.change(&developer, secret).await.expect("the token is kept").items[0].saved);
        assert_eq!(manager.get(&developer, cart).await.expect("it is read").values["API_TOKEN"], MASK);
        let new = change(&[cart, web], json!({"NEW_TOKEN": "planted-by-many"}), &[]);
        manager.change(&developer, new).await.expect("it is saved");
        let log = life.core.mask.hide(b"it is planted-by-many, and hunter2-secret").into_owned();
        let log = String::from_utf8(log).expect("a text");
        assert!(!log.contains("planted-by-many") && !log.contains("hunter2-secret"), "{log}");
        life.end().await;
    }
}

#[tokio::test]
async fn what_can_not_be_a_change_is_refused_at_its_place() {
    let mut test = TestStore::new(StoreKind::Sqlite).await;
    let (life, manager, [cart, ..]) = begin(&mut test).await;
    let (developer, nobody) = (caller(Role::Developer), ServiceId(uuid::Uuid::from_u128(7)));
    let one = || json!({"A": 1});
    let names = vec!["X"; 1_001];
    for (wrong, field) in [
        (change(&[], one(), &[]), "/services"),
        (change(&[cart; 1_001], one(), &[]), "/services"),
        (change(&[cart], json!({}), &[]), "/set"),
        (change(&[cart], one(), &["B", "A"]), "/unset/1"),
        (change(&[cart], json!({}), &names), "/unset"),
        (ConfigurationsChange { texts: [("A".to_owned(), "1".to_owned())].into(), ..change(&[cart], one(), &[]) }, "/texts/A"),
        (ConfigurationsChange { message: "x".repeat(501), ..change(&[cart], one(), &[]) }, "/message"),
        (change(&[cart, nobody], one(), &[]), "/services/1"),
        (change(&[cart], json!({"A-B": 1}), &[]), "/services/0/A-B"),
        (change(&[cart], json!({"PILOTHOUSE_X": 1}), &[]), "/services/0/PILOTHOUSE_X"),
    ] {
        for dry_run in [false, true] {
            match manager.change(&developer, ConfigurationsChange { dry_run, ..wrong.clone() }).await {
                Err(error) => assert_eq!(fields(&error), [field]),
                Ok(plan) => assert!(dry_run && plan.items[0].faults.len() == 1, "{plan:?}"),
            }
        }
    }
    for role in Role::ALL {
        let tried = manager.change(&caller(role), change(&[cart], one(), &[])).await;
        assert_eq!(tried.is_ok(), role >= Role::Developer, "{tried:?}");
    }
    for services in [vec![], vec![cart; 1_001]] {
        let refused =
            manager.apply(&developer, ConfigurationsApply { services: Some(services), dry_run: false }).await.expect_err("it is wrong");
        assert_eq!(fields(&refused), ["/services"]);
    }
    let report = manager.apply(&developer, ConfigurationsApply { services: Some(vec![nobody]), dry_run: true }).await.expect("a report");
    assert_eq!(report.items[0].outcome, BulkOutcome::Failed);

    let (mut query, mut names) = (ConfigurationsQuery { limit: Limit::new(2).expect("a limit"), ..Default::default() }, Vec::new());
    loop {
        let page = manager.list(&developer, query.clone()).await.expect("they are listed");
        assert_eq!(page.total, Some(3));
        names.extend(page.items.into_iter().map(|one| one.service_name));
        query.cursor = page.next_cursor;
        if query.cursor.is_none() {
            break;
        }
    }
    assert_eq!(names, ["cart", "stock", "web"]);
    for (query, field) in [
        (ConfigurationsQuery { q: Some("x".repeat(201)), ..Default::default() }, "q"),
        (ConfigurationsQuery { cursor: Some("%".into()), ..Default::default() }, "cursor"),
    ] {
        assert_eq!(fields(&manager.list(&developer, query).await.expect_err("it is wrong")), [field]);
    }
    life.end().await;
}
