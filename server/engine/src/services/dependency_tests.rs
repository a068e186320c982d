//! Which services need which, and in what order many are moved, on both databases and as each role.

use std::sync::Arc;
use std::time::{Duration, Instant};

use api::ports::Services as _;
use api::{
    Action, BulkFilter, BulkOutcome, BulkReport, BulkRequest, Dependency, DependencyHealth, DependencyQuery, DependencySource, ErrorCode,
    EventKind, EventQuery, Health, NewService, NodeKind, Role, RuntimeKind, ServiceId, ServicePatch, Source, Status, Timestamp,
};

use super::lock;
use super::tests::{Life, caller, command};
use crate::runtime::{Connection, FakeRuntime, Found, Wiring};
use crate::testing::{StoreKind, TestStore};
use crate::{Clock, on_each_store};

const MAIN: &str = "from fastapi import FastAPI\napp = FastAPI()\n";
const FILES: [(&str, &str); 3] = [("cart/main.py", MAIN), ("db/main.py", MAIN), ("web/main.py", MAIN)];

fn needs(ids: &[ServiceId]) -> ServicePatch {
    ServicePatch { depends_on: Some(ids.to_vec()), ..ServicePatch::default() }
}

/// Names, kinds and sources of what a service needs.
async fn needed(life: &Life, id: ServiceId) -> Vec<Dependency> {
    life.services.forget_look().await;
    life.services.get(&life.admin, id).await.expect("it is there").dependencies.expect("an answer has them")
}

fn names(all: &[Dependency]) -> Vec<&str> {
    all.iter().map(|one| one.name.as_str()).collect()
}

async fn ids<const N: usize>(life: &Life, names: [&str; N]) -> [ServiceId; N] {
    let mut ids = [ServiceId(uuid::Uuid::nil()); N];
    for (id, name) in ids.iter_mut().zip(names) {
        *id = life.named(name).await.id;
    }
    ids
}

fn healthy(life: &Life, id: ServiceId) {
    life.core.catalog.update(id, |entry| entry.service.health_status = Health::Healthy);
}

on_each_store! {
    async fn what_is_declared_is_kept_shown_at_both_ends_and_outlives_a_restart_and_a_deletion(test: TestStore) {
        let mut test = test;
        let life = Life::begin(&mut test, &FILES).await;
        let [cart, db, web] = ids(&life, ["cart", "db", "web"]).await;
        let changed = life.services.change(&caller(Role::Developer), web, needs(&[cart, db, cart])).await.expect("it is changed");
        assert_eq!(changed.spec.depends_on, [cart, db], "each once");
        assert_eq!(names(&changed.dependencies.expect("it has them")), ["cart", "db"]);
        let of_db = life.services.get(&caller(Role::Viewer), db).await.expect("a viewer may see it");
        let dependents = of_db.dependents.expect("it has them");
        assert_eq!((names(&dependents), &dependents[0].sources[..]), (vec!["web"], &[DependencySource::Declared][..]));
        assert_eq!(dependents[0].health, DependencyHealth::Down, "db is what is needed, and it is stopped");
        life.services.start(&life.admin, db).await.expect("it is started");
        life.until(db, Status::Running).await;
        healthy(&life, db);
        assert_eq!(needed(&life, web).await[1].health, DependencyHealth::Healthy);

        let life = life.again(&test, |_| {}).await;
        assert_eq!(names(&needed(&life, web).await), ["cart", "db"]);
        life.services.delete(&life.admin, cart).await.expect("it is deleted");
        let left = needed(&life, web).await;
        let gone = left.iter().find(|one| one.kind == NodeKind::Missing).expect("what was deleted is still needed");
        assert_eq!((gone.name.as_str(), gone.service_id, gone.health), ("cart", Some(cart), DependencyHealth::Down));
        let kept = life.services.change(&life.admin, web, needs(&[db, cart])).await.expect("it may stay");
        assert_eq!(kept.spec.depends_on, [db, cart]);
        assert_eq!(life.services.change(&life.admin, web, needs(&[])).await.expect("all are taken out").spec.depends_on, []);
        let refused = life.services.change(&life.admin, web, needs(&[cart])).await.expect_err("it can't come back");
        assert_eq!(refused.details[0].field, "/depends_on/0");
        life.end().await;
    }
}

#[tokio::test]
async fn what_cannot_be_needed_is_refused_with_its_place_and_the_circle_is_named() {
    let mut test = TestStore::new(StoreKind::Sqlite).await;
    let life = Life::begin(&mut test, &FILES).await;
    let [cart, db, web] = ids(&life, ["cart", "db", "web"]).await;
    life.services.change(&life.admin, web, needs(&[cart])).await.expect("it is changed");
    life.services.change(&life.admin, cart, needs(&[db])).await.expect("it is changed");
    let nobody = ServiceId(uuid::Uuid::nil());
    let error = life.services.change(&life.admin, db, needs(&[db, nobody, web])).await.expect_err("none of them may be");
    assert_eq!(error.code, ErrorCode::ValidationFailed);
    let told: Vec<_> = error.details.iter().map(|detail| (detail.field.as_str(), detail.message.as_str())).collect();
    let absent = format!("there is no service '{nobody}'; it may have been deleted");
    assert_eq!(
        told,
        [
            ("/depends_on/0", "a service can't depend on itself"),
            ("/depends_on/1", absent.as_str()),
            ("/depends_on/2", "'web' depends on it already, which would be a circle: web → cart → db; take out one of these first"),
        ]
    );
    let many = life.services.change(&life.admin, db, needs(&[nobody; 51])).await.expect_err("there are too many");
    assert!(many.details[0].field == "/depends_on" && many.message.contains("at most 50"), "{many:?}");
    let new = NewService { depends_on: vec![nobody], ..command("new", test.folder().to_owned()) };
    assert_eq!(life.services.create(&life.admin, new).await.expect_err("it isn't there").details[0].field, "/depends_on/0");
    let new = NewService { depends_on: vec![web], ..command("new", test.folder().to_owned()) };
    let made = life.services.create(&life.admin, new).await.expect("it is made");
    assert_eq!(names(&made.dependencies.expect("it has them")), ["web"]);
    let refused = life.services.change(&caller(Role::Viewer), db, needs(&[])).await.expect_err("a viewer");
    assert_eq!(refused.code, ErrorCode::Forbidden);
    assert_eq!(life.services.get(&life.admin, db).await.expect("it is there").spec.depends_on, [], "nothing of it was kept");
    life.end().await;
}

#[tokio::test]
async fn two_changes_at_once_do_not_close_a_circle_together() {
    let mut test = TestStore::new(StoreKind::Sqlite).await;
    let life = Life::begin(&mut test, &FILES).await;
    let [cart, db] = ids(&life, ["cart", "db"]).await;
    let (one, other) =
        tokio::join!(life.services.change(&life.admin, cart, needs(&[db])), life.services.change(&life.admin, db, needs(&[cart])));
    assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
    life.end().await;
}

#[tokio::test]
async fn variables_name_services_by_their_ports_and_nothing_of_a_value_is_told_but_the_place() {
    let mut test = TestStore::new(StoreKind::Sqlite).await;
    let env = "CART_URL=http://localhost:7001/v1\nREDIS_URL=redis://:hidden-word@cache.internal/0\nOWN_URL=http://127.0.0.1:7003\n";
    let files = [FILES[0], FILES[1], FILES[2], ("web/.env", env)];
    let life = Life::begin(&mut test, &files).await;
    let [cart, db, web] = ids(&life, ["cart", "db", "web"]).await;
    for (id, port) in [(cart, 7001), (db, 7002), (web, 7003)] {
        let patch = ServicePatch { port: Some(port), ..ServicePatch::default() };
        life.services.change(&life.admin, id, patch).await.expect("it has a port");
    }
    let own = [("DB", "postgres://app:secret-word@127.0.0.1:7002/shop"), ("OTHER_ADDR", "localhost:9")];
    let environment = own.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let patch = ServicePatch { environment: Some(environment), ..ServicePatch::default() };
    life.services.change(&life.admin, web, patch).await.expect("its variables are set");
    let all = needed(&life, web).await;
    let known: Vec<_> =
        all.iter().map(|one| (one.name.as_str(), one.kind, one.health, api::how_known(&one.sources, life.clock.now()))).collect();
    let variable = |text: &str| format!("the variable {text}");
    assert_eq!(
        known,
        [
            ("cart", NodeKind::Service, DependencyHealth::Down, variable("CART_URL names it (http)")),
            ("db", NodeKind::Service, DependencyHealth::Down, variable("DB names it (postgres)")),
            ("cache.internal:6379", NodeKind::External, DependencyHealth::Unknown, variable("REDIS_URL names it (redis)")),
            ("localhost:9", NodeKind::External, DependencyHealth::Unknown, variable("OTHER_ADDR names it")),
        ]
    );
    let graph = life.services.dependencies(&caller(Role::Viewer), DependencyQuery::default()).await.expect("a viewer may see it");
    let text = serde_json::to_string(&graph).expect("it is written");
    assert!(!text.contains("word") && !text.contains("app") && !text.contains("shop"), "{text}");
    let part = life.services.dependencies(&life.admin, DependencyQuery { service: Some(cart) }).await.expect("its part");
    assert_eq!(part.nodes.iter().map(|node| node.name.as_str()).collect::<Vec<_>>(), ["cart", "web"]);
    let absent = DependencyQuery { service: Some(ServiceId(uuid::Uuid::nil())) };
    assert_eq!(life.services.dependencies(&life.admin, absent).await.expect_err("there is none").code, ErrorCode::NotFound);
    life.end().await;
}

#[tokio::test]
async fn open_connections_are_told_with_their_number_and_closed_ones_with_their_time() {
    let mut test = TestStore::new(StoreKind::Sqlite).await;
    let life = Life::begin(&mut test, &FILES).await;
    let (db, web) = (life.running("db").await, life.running("web").await);
    let port = life.named("db").await.port.expect("a port");
    let open = |to: &str, is_here| Connection { from: web, to: to.parse().expect("an address"), is_here };
    let place = format!("127.0.0.1:{port}");
    life.runtime.set_connections(vec![open(&place, true), open(&place, true), open("[2001:db8::1]:443", false)]);
    let sources = |all: &[Dependency]| all.iter().map(|one| (one.name.clone(), one.health, one.sources.clone())).collect::<Vec<_>>();
    let seen = |open, at: Timestamp| vec![DependencySource::Connections { open, last_seen: at }];
    let began = life.clock.now();
    // Its health isn't known here: all that is known is that it takes connections.
    assert_eq!(
        sources(&needed(&life, web).await),
        [
            ("db".to_owned(), DependencyHealth::Connected, seen(2, began)),
            ("[2001:db8::1]:443".to_owned(), DependencyHealth::Connected, seen(1, began)),
        ]
    );
    life.clock.advance(4);
    life.runtime.set_connections(Vec::new());
    assert_eq!(
        sources(&needed(&life, web).await),
        [
            ("db".to_owned(), DependencyHealth::Unknown, seen(0, began)),
            ("[2001:db8::1]:443".to_owned(), DependencyHealth::Unknown, seen(0, began)),
        ]
    );
    let stop = BulkRequest { action: Action::Stop, ids: vec![db], filter: None, with_dependencies: false, dry_run: true };
    let plan = life.services.act(&life.admin, stop).await.expect("a plan");
    assert_eq!(plan.items[0].warning.as_deref(), Some("1 service depends on it: web (last seen connected 4 s ago)."));
    life.end().await;
}

#[tokio::test]
async fn containers_are_found_by_compose_and_by_their_names() {
    let test = TestStore::new(StoreKind::Sqlite).await;
    let clock = Clock::stopped(Timestamp::from_micros(1_000_000_000));
    let runtime = Arc::new(FakeRuntime::of_kind(RuntimeKind::Docker, clock.clone()));
    let found = |name: &str| Found {
        name: name.into(),
        source: Source::Container { container: name.into() },
        is_running: true,
        ended_at: Timestamp::default(),
        port: None,
        labels: Default::default(),
    };
    runtime.set_found(["web", "db", "cache", "alone"].map(found).to_vec());
    let life = Life::on(&test, runtime, clock).await;
    let [web, db, cache, alone] = ids(&life, ["web", "db", "cache", "alone"]).await;
    let of_project =
        |name: &str, service: &str| Wiring { name: name.into(), compose: Some(("shop".into(), service.into())), ..Wiring::default() };
    let variables = [("QUEUE_URL", "amqp://u:p@alone"), ("DB_URL", "postgres://postgres-db/x"), ("SELF_URL", "http://localhost:80")];
    life.runtime.set_wiring(
        web,
        Wiring {
            depends_on: vec![
                ("postgres-db".into(), "service_healthy".into()),
                ("migrations".into(), "service_completed_successfully".into()),
            ],
            references: crate::references::references(variables),
            ..of_project("web", "web")
        },
    );
    life.runtime.set_wiring(db, of_project("db", "postgres-db"));
    life.runtime.set_wiring(cache, of_project("cache", "cache"));
    life.runtime.set_wiring(alone, Wiring { name: "alone".into(), ..Wiring::default() });
    let all = needed(&life, web).await;
    assert_eq!(names(&all), ["alone", "db"]);
    let variable = |name: &str, scheme: &str| DependencySource::Environment { variable: name.into(), scheme: Some(scheme.into()) };
    assert_eq!(all[0].sources, [variable("QUEUE_URL", "amqp")]);
    assert_eq!(all[1].sources, [DependencySource::Compose { condition: "service_healthy".into() }, variable("DB_URL", "postgres")]);
    life.end().await;
}

#[tokio::test]
async fn an_address_of_a_container_is_that_container_and_a_gateway_is_the_machine() {
    let test = TestStore::new(StoreKind::Sqlite).await;
    let clock = Clock::stopped(Timestamp::from_micros(1_000_000_000));
    let runtime = Arc::new(FakeRuntime::of_kind(RuntimeKind::Docker, clock.clone()));
    let found = |name: &str, port| Found {
        name: name.into(),
        source: Source::Container { container: name.into() },
        is_running: true,
        ended_at: Timestamp::default(),
        port,
        labels: Default::default(),
    };
    runtime.set_found(vec![found("web", None), found("db", None), found("api", Some(8123))]);
    let life = Life::on(&test, runtime, clock).await;
    let (web, db, api) = (life.running("web").await, life.named("db").await.id, life.named("api").await.id);
    let ip = |text: &str| text.parse::<std::net::IpAddr>().expect("an address");
    let variables = [("DB_URL", "redis://172.18.0.3:6379"), ("API_URL", "http://172.18.0.1:8123"), ("FAR_URL", "http://172.18.0.9:80")];
    life.runtime.set_wiring(
        web,
        Wiring {
            name: "web".into(),
            references: crate::references::references(variables),
            addresses: vec![ip("172.18.0.2")],
            gateways: vec![ip("172.18.0.1")],
            ..Wiring::default()
        },
    );
    life.runtime.set_wiring(db, Wiring { name: "db".into(), addresses: vec![ip("172.18.0.3")], ..Wiring::default() });
    life.runtime.set_wiring(api, Wiring { name: "api".into(), ports: vec![8123], ..Wiring::default() });
    let open = |to: &str, is_here| Connection { from: web, to: to.parse().expect("an address"), is_here };
    life.runtime.set_connections(vec![open("172.18.0.3:6379", false), open("172.18.0.1:8123", true)]);
    let all = needed(&life, web).await;
    assert_eq!(names(&all), ["api", "db", "172.18.0.9:80"]);
    let is_seen = |one: &Dependency| one.sources.iter().any(|source| matches!(source, DependencySource::Connections { open: 1, .. }));
    assert_eq!(all.iter().map(is_seen).collect::<Vec<_>>(), [true, true, false]);
    life.end().await;
}

/// web needs cart needs db.
async fn chain(test: &mut TestStore) -> (Life, [ServiceId; 3]) {
    let life = Life::begin(test, &FILES).await;
    let all = ids(&life, ["cart", "db", "web"]).await;
    let [cart, db, web] = all;
    life.services.change(&life.admin, web, needs(&[cart])).await.expect("it is changed");
    life.services.change(&life.admin, cart, needs(&[db])).await.expect("it is changed");
    (life, all)
}

async fn all(life: &Life, action: Action) -> BulkReport {
    let request = BulkRequest { action, ids: Vec::new(), filter: Some(BulkFilter::default()), with_dependencies: false, dry_run: false };
    life.services.act(&life.admin, request).await.expect("it is asked for")
}

/// Waits until a service shows this reason.
async fn until_reason(life: &Life, id: ServiceId, reason: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let found = life.core.catalog.get(id).expect("it is there").service.clone();
        if found.status_reason.as_deref().is_some_and(|found| found.contains(reason)) {
            return;
        }
        assert!(Instant::now() < deadline, "{:?} ({}), not '{reason}'", found.status_reason, found.status);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

on_each_store! {
    async fn many_are_started_in_the_order_of_their_dependencies_and_stopped_in_the_reverse_one(test: TestStore) {
        let mut test = test;
        let (life, [cart, db, web]) = chain(&mut test).await;
        let report = all(&life, Action::Start).await;
        let told: Vec<_> = report.items.iter().map(|item| (item.name.as_str(), item.step, item.outcome)).collect();
        assert_eq!(told, [("cart", 2, BulkOutcome::Accepted), ("db", 1, BulkOutcome::Accepted), ("web", 3, BulkOutcome::Accepted)]);
        life.until(db, Status::Running).await;
        until_reason(&life, cart, "waits until db is well").await;
        until_reason(&life, web, "waits until cart is well").await;
        assert!(life.runtime.launches(cart).is_empty() && life.runtime.launches(web).is_empty(), "db isn't healthy yet");
        healthy(&life, db);
        life.until(cart, Status::Running).await;
        assert!(life.runtime.launches(web).is_empty(), "cart isn't healthy yet");
        healthy(&life, cart);
        let web_runs = life.until(web, Status::Running).await;
        assert_eq!(web_runs.service.status_reason, None);

        let report = all(&life, Action::Stop).await;
        assert!(report.items.iter().all(|item| item.outcome == BulkOutcome::Accepted && item.warning.is_none()), "{report:?}");
        for id in [cart, db, web] {
            life.until(id, Status::Stopped).await;
        }
        life.events(db, EventKind::ServiceStopped).await;
        let events = life.core.events.list(&EventQuery { kind: Some(EventKind::ServiceStopped), ..EventQuery::default() }, true).await;
        let mut stopped: Vec<_> = events.expect("events").items.into_iter().filter_map(|event| event.service_name).collect();
        stopped.reverse();
        assert_eq!(stopped, ["web", "cart", "db"]);
        life.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_become_well_is_not_waited_for_without_end_and_that_is_said() {
    let mut test = TestStore::new(StoreKind::Sqlite).await;
    let (life, [cart, db, web]) = chain(&mut test).await;
    life.runtime.refuse_starts(cart, Some("a test said no"));
    *lock(&life.services.turns.patience) = Duration::from_secs(1);
    all(&life, Action::Start).await;
    // db runs and is never healthy; cart goes on after its patience and can't be started; web goes on at once then.
    let failed = life.until(cart, Status::Error).await;
    assert_eq!(failed.service.status_reason.as_deref(), Some("a test said no"));
    let runs = life.until(web, Status::Running).await;
    assert_eq!(runs.service.status_reason.as_deref(), Some("it was started although cart doesn't run"));
    assert_eq!(life.until(db, Status::Running).await.service.status_reason, None);
    life.runtime.refuse_starts(cart, None);
    let again = BulkRequest { action: Action::Restart, ids: vec![cart, db], filter: None, with_dependencies: false, dry_run: false };
    life.services.act(&life.admin, again).await.expect("it is asked for");
    until_reason(&life, cart, "it was started although db isn't healthy").await;
    life.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_its_turn_can_be_stopped() {
    let mut test = TestStore::new(StoreKind::Sqlite).await;
    let (life, [cart, db, web]) = chain(&mut test).await;
    all(&life, Action::Start).await;
    life.until(db, Status::Running).await;
    for id in [web, cart] {
        let waits = life.core.catalog.get(id).expect("it is there").service.status;
        if waits == Status::Starting {
            life.services.stop(&life.admin, id).await.expect("it is stopped");
        }
        life.until(id, Status::Stopped).await;
    }
    assert!(life.runtime.launches(web).is_empty(), "its turn never came");
    life.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_says_what_stays_and_depends_on_what_is_stopped() {
    let mut test = TestStore::new(StoreKind::Sqlite).await;
    let (life, [cart, db, web]) = chain(&mut test).await;
    for name in ["db", "cart"] {
        life.running(name).await;
    }
    let plan = |action, ids: &[ServiceId]| {
        let request = BulkRequest { action, ids: ids.to_vec(), filter: None, with_dependencies: false, dry_run: true };
        let life = &life;
        async move { life.services.act(&caller(Role::Developer), request).await.expect("a plan").items }
    };
    let items = plan(Action::Stop, &[db, cart]).await;
    let told: Vec<_> = items.iter().map(|item| (item.name.as_str(), item.step, item.warning.as_deref())).collect();
    assert_eq!(told, [("cart", 1, Some("1 service depends on it: web (stopped).")), ("db", 2, None)]);
    assert_eq!(plan(Action::Restart, &[db]).await[0].warning.as_deref(), Some("1 service depends on it: cart."));
    assert_eq!(plan(Action::Start, &[web]).await[0].warning, None, "nothing is lost by a start");
    life.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_to_be_moved_with_a_service_is_moved_with_it_when_that_is_asked_for() {
    let mut test = TestStore::new(StoreKind::Sqlite).await;
    let (life, [cart, db, web]) = chain(&mut test).await;
    let request = |action, id, dry_run| BulkRequest { action, ids: vec![id], filter: None, with_dependencies: true, dry_run };
    let names = async |action, id| {
        let report = life.services.act(&caller(Role::Developer), request(action, id, true)).await.expect("a plan");
        report.items.into_iter().map(|item| (item.name, item.step)).collect::<Vec<_>>()
    };
    let step = |name: &str, step| (name.to_owned(), step);
    assert_eq!(names(Action::Start, web).await, [step("cart", 2), step("db", 1), step("web", 3)]);
    assert_eq!(names(Action::Start, db).await, [step("db", 1)], "what needs it needn't run");
    assert_eq!(names(Action::Stop, db).await, [step("db", 1)], "nothing runs");

    life.services.act(&life.admin, request(Action::Start, cart, false)).await.expect("it is asked for");
    life.until(db, Status::Running).await;
    healthy(&life, db);
    life.until(cart, Status::Running).await;
    assert_eq!(names(Action::Start, web).await, [step("web", 1)], "what runs is left alone");
    assert_eq!(names(Action::Stop, db).await, [step("cart", 1), step("db", 2)], "web doesn't run");
    assert_eq!(names(Action::Restart, db).await, [step("db", 1)]);
    life.services.act(&life.admin, request(Action::Stop, db, false)).await.expect("it is asked for");
    for id in [cart, db] {
        life.until(id, Status::Stopped).await;
    }
    life.end().await;
}
