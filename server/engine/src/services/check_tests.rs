//! Health checks by a command: who may have one, and what it runs as.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use api::ports::Services as _;
use api::{CheckKind, ErrorCode, EventKind, EventQuery, HealthCheck, NewService, Role, ServiceDetail, ServiceId, ServicePatch, Source};

use super::{Life, MAIN, caller, command};
use crate::monitoring::CheckCommand;
use crate::runtime::process::{How, Ran};
use crate::testing::{StoreKind, TestStore};

fn check(words: &[&str]) -> HealthCheck {
    HealthCheck { kind: CheckKind::Command, command: words.iter().map(|word| (*word).to_owned()).collect(), ..HealthCheck::default() }
}

fn patch(health: HealthCheck) -> ServicePatch {
    ServicePatch { health: Some(health), ..ServicePatch::default() }
}

async fn run(life: &Life, id: ServiceId, words: &[&str]) -> Ran {
    let command = words.iter().map(|word| (*word).to_owned()).collect();
    life.services.run_check(CheckCommand { id, user: None, command }, Duration::from_secs(20)).await
}

#[tokio::test]
async fn a_check_by_a_command_is_for_those_who_may_run_a_free_command() {
    let mut test = TestStore::new(StoreKind::Sqlite).await;
    let life = Life::begin(&mut test, &[("orders/main.py", MAIN)]).await;
    let id = life.named("orders").await.id;
    let services = &life.services;
    let (viewer, developer) = (caller(Role::Viewer), caller(Role::Developer));
    for who in [&viewer, &developer] {
        let refused = services.change(who, id, patch(check(&["pg_isready"]))).await.expect_err("it is a free command");
        assert_eq!(refused.code, ErrorCode::Forbidden);
    }
    let folder = test.folder().join("services/other");
    super::write(&folder.join("main.py"), MAIN);
    let source = Source::Folder { folder: folder.display().to_string() };
    let new = NewService { source, health: check(&["pg_isready"]), ..command("other", "/".into()) };
    assert_eq!(services.create(&developer, new.clone()).await.expect_err("it is a free command").code, ErrorCode::Forbidden);
    services.create(&life.admin, new).await.expect("an Admin may");
    services.change(&developer, id, patch(HealthCheck { kind: CheckKind::Tcp, ..HealthCheck::default() })).await.expect("no command");

    services.change(&life.admin, id, patch(check(&["pg_isready"]))).await.expect("an Admin may");
    let often = HealthCheck { interval_seconds: 60, ..check(&["pg_isready"]) };
    let changed = services.change(&developer, id, patch(often.clone())).await.expect("the command is the one that an Admin has set");
    assert_eq!(changed.spec.health, often);
    let other = services.change(&developer, id, patch(check(&["pg_isready", "-q"]))).await.expect_err("it is another command");
    assert_eq!(other.code, ErrorCode::Forbidden);
    services.change(&developer, id, patch(HealthCheck::default())).await.expect("a Developer may take it away");
    let again = services.change(&developer, id, patch(often)).await.expect_err("and may not put it back");
    assert_eq!(again.code, ErrorCode::Forbidden);
    life.end().await;
}

#[tokio::test]
async fn a_container_has_no_check_by_a_command_and_wrong_fields_are_named() {
    let mut test = TestStore::new(StoreKind::Sqlite).await;
    let life = Life::begin(&mut test, &[]).await;
    let source = Source::Image { image: "nginx:1.27".into(), container_port: None, options: Default::default(), registry: None };
    let new = NewService { source, health: check(&["true"]), ..command("web", "/".into()) };
    let refused = life.services.create(&life.admin, new).await.expect_err("it is a container");
    assert_eq!((refused.code, refused.details[0].field.as_str()), (ErrorCode::ValidationFailed, "/health/kind"));
    assert!(refused.message.contains("HEALTHCHECK"), "{refused}");
    let new = NewService { health: check(&[]), ..command("x", "/".into()) };
    let refused = life.services.create(&life.admin, new).await.expect_err("it has no program");
    assert_eq!(refused.details[0].field, "/health/command");
    life.end().await;
}

#[tokio::test]
async fn a_command_runs_where_its_service_does_with_what_that_has() {
    let mut test = TestStore::new(StoreKind::Sqlite).await;
    let files = [
        ("orders/main.py", MAIN),
        ("orders/.env", "FROM_FILE=file\nBOTH=file\n"),
        ("orders/.venv/bin/python", "#!/bin/sh\necho its python, $1\n"),
    ];
    let life = Life::begin(&mut test, &files).await;
    let folder = test.folder().join("services/orders").canonicalize().expect("a folder");
    std::fs::set_permissions(folder.join(".venv/bin/python"), Permissions::from_mode(0o755)).expect("its mode");
    let id = life.running("orders").await;
    let set = [("BOTH", "set"), ("SET", "1")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    let patch = ServicePatch { environment: Some(set.into()), ..ServicePatch::default() };
    let port = life.services.change(&life.admin, id, patch).await.expect("it is changed").service.port.expect("a port").to_string();
    let script = "pwd; echo $FROM_FILE $BOTH $SET; echo $PORT; echo ${PILOTHOUSE_TEST_POSTGRES_URL:-nothing of Pilothouse}";
    let ran = run(&life, id, &["/bin/sh", "-c", script]).await;
    assert_eq!(ran.output, [&folder.display().to_string(), "file set 1", &port, "nothing of Pilothouse"], "{ran:?}");
    assert_eq!(run(&life, id, &["echo", "at ${PORT}"]).await.output, [format!("at {port}")]);
    assert_eq!(run(&life, id, &["python", "check.py"]).await, Ran { how: How::Code(0), output: vec!["its python, check.py".to_owned()] });
    let found = run(&life, id, &["/bin/sh", "-c", "command -v python"]).await;
    assert_eq!(found.output, [folder.join(".venv/bin/python").display().to_string()], "other programs find it too");
    life.end().await;
}

#[tokio::test]
async fn a_command_of_a_service_that_is_gone_is_not_run() {
    let mut test = TestStore::new(StoreKind::Sqlite).await;
    let life = Life::begin(&mut test, &[]).await;
    let ran = run(&life, ServiceId(uuid::Uuid::nil()), &["true"]).await;
    assert!(matches!(ran.how, How::NotStarted(_)), "{ran:?}");
    life.end().await;
}

#[tokio::test]
async fn a_check_is_tried_out_with_settings_that_are_not_saved_and_changes_nothing() {
    let mut test = TestStore::new(StoreKind::Sqlite).await;
    let life = Life::begin(&mut test, &[("orders/main.py", MAIN)]).await;
    let id = life.running("orders").await;
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    life.core.catalog.update(id, |entry| entry.service.port = Some(port));
    let before = life.services.get(&life.admin, id).await.expect("it is there");
    let developer = caller(Role::Developer);
    let tcp = HealthCheck { kind: CheckKind::Tcp, ..HealthCheck::default() };
    let found = life.services.test_health(&developer, id, tcp.clone()).await.expect("it is tried out");
    assert_eq!((found.ok, found.asked, found.message), (true, format!("TCP port {port}"), format!("TCP {port}: connected")));
    assert!(found.latency_ms > 0.0);
    drop(listener);
    let found = life.services.test_health(&developer, id, tcp).await.expect("it is tried out");
    assert_eq!((found.ok, found.message), (false, format!("TCP {port}: connection refused")));
    let found = life.services.test_health(&life.admin, id, check(&["/bin/sh", "-c", "echo a; echo b; exit 2"])).await.expect("it is run");
    assert_eq!((found.ok, found.asked.as_str(), found.message.as_str()), (false, "Command sh", "Command sh: exit code 2: b"));
    assert_eq!(found.output, ["a", "b"]);
    let after = life.services.get(&life.admin, id).await.expect("it is there");
    let known = |detail: &ServiceDetail| (detail.service.health_status, detail.last_check.clone(), detail.spec.clone());
    assert_eq!(known(&after), known(&before), "nothing is remembered");
    life.events(id, EventKind::HealthTested).await;
    let query = EventQuery { kind: Some(EventKind::HealthTested), ..EventQuery::default() };
    let told = life.core.events.list(&query, false).await.expect("events").items;
    assert_eq!(told.iter().map(|event| event.message.as_str()).collect::<Vec<_>>(), ["admin tried out a health check of orders: sh"]);
    life.end().await;
}

#[tokio::test]
async fn each_role_may_try_out_what_it_may_save() {
    let mut test = TestStore::new(StoreKind::Sqlite).await;
    let life = Life::begin(&mut test, &[("orders/main.py", MAIN)]).await;
    let id = life.running("orders").await;
    let services = &life.services;
    let (viewer, developer) = (caller(Role::Viewer), caller(Role::Developer));
    let touch = check(&["touch", "ran"]);
    for (who, check) in [(&viewer, HealthCheck::default()), (&viewer, touch.clone()), (&developer, touch.clone())] {
        let refused = services.test_health(who, id, check).await.expect_err("it is refused");
        assert_eq!(refused.code, ErrorCode::Forbidden);
    }
    let ran = test.folder().join("services/orders/ran");
    assert!(!ran.exists(), "what is refused is not run");
    assert!(services.test_health(&life.admin, id, touch.clone()).await.expect("an Admin may").ok && ran.exists());
    services.change(&life.admin, id, patch(touch.clone())).await.expect("it is saved");
    assert!(services.test_health(&developer, id, touch).await.expect("it is the saved one").ok);
    life.end().await;
}

#[tokio::test]
async fn what_cannot_be_tried_out_says_why() {
    let mut test = TestStore::new(StoreKind::Sqlite).await;
    let life = Life::begin(&mut test, &[("orders/main.py", MAIN)]).await;
    let id = life.named("orders").await.id;
    let fails = async |check: HealthCheck| life.services.test_health(&life.admin, id, check).await.expect_err("it is refused");
    let stopped = fails(HealthCheck::default()).await;
    assert_eq!(stopped.code, ErrorCode::Conflict);
    assert!(stopped.message.contains("start it"), "{stopped}");
    life.running("orders").await;
    for (check, field) in [
        (HealthCheck { path: Some("x".into()), ..HealthCheck::default() }, "/path"),
        (HealthCheck { timeout_seconds: 0, ..HealthCheck::default() }, "/timeout_seconds"),
        (HealthCheck { kind: CheckKind::None, ..HealthCheck::default() }, "/kind"),
        (check(&[]), "/command"),
    ] {
        let refused = fails(check).await;
        assert_eq!((refused.code, refused.details[0].field.as_str()), (ErrorCode::ValidationFailed, field));
    }
    life.core.catalog.update(id, |entry| entry.service.port = None);
    assert_eq!(fails(HealthCheck::default()).await.code, ErrorCode::Conflict);
    let nobody = life.services.test_health(&life.admin, ServiceId(uuid::Uuid::nil()), HealthCheck::default()).await;
    assert_eq!(nobody.expect_err("there is none").code, ErrorCode::NotFound);
    life.end().await;
}
