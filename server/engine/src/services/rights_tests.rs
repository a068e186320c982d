//! Who may let services run what, as whom; on the fake runtime.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use api::ports::Services as _;
use api::{CheckKind, Error, ErrorCode, HealthCheck, NewService, Role, ServiceId, ServicePatch, Source};
use rustix::process::geteuid;

use crate::services::tests::{Life, MAIN, caller, command, write};
use crate::testing::{StoreKind, TestStore};
use crate::user::SystemUser;

/// A user of every system that a Developer may choose here, and one that only an Admin may.
const OPEN: &str = "daemon";
const CLOSED: &str = "nobody";

async fn life(test: &mut TestStore) -> Life {
    // Others may look in, as where services of other users are.
    std::fs::set_permissions(test.folder(), Permissions::from_mode(0o755)).expect("a mode");
    test.config.service_users = vec![OPEN.into()];
    Life::begin(test, &[("orders/main.py", MAIN)]).await
}

fn as_user(user: &str) -> ServicePatch {
    ServicePatch { user: Some(user.into()), ..ServicePatch::default() }
}

fn check(words: &[&str]) -> HealthCheck {
    HealthCheck { kind: CheckKind::Command, command: words.iter().map(|word| (*word).to_owned()).collect(), ..HealthCheck::default() }
}

fn checked(words: &[&str]) -> ServicePatch {
    ServicePatch { health: Some(check(words)), ..ServicePatch::default() }
}

fn variables(all: &[(&str, &str)]) -> ServicePatch {
    let environment: BTreeMap<_, _> = all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    ServicePatch { environment: Some(environment), ..ServicePatch::default() }
}

fn field(error: &Error) -> &str {
    error.details.first().map_or("", |detail| &detail.field)
}

/// Whether the tests run as root. Where they don't, no service may have a user, which is what is tested then.
async fn can_change(life: &Life, id: ServiceId) -> bool {
    if geteuid().is_root() {
        return true;
    }
    let refused = life.services.change(&life.admin, id, as_user(OPEN)).await.expect_err("only root changes users");
    assert_eq!((refused.code, field(&refused)), (ErrorCode::ValidationFailed, "/user"));
    assert!(refused.message.contains("Pilothouse runs as the user") && refused.message.contains("run Pilothouse as root"), "{refused}");
    false
}

#[tokio::test]
async fn a_developer_may_run_anything_as_an_open_user_and_nothing_more_as_another() {
    let mut test = TestStore::new(StoreKind::Sqlite).await;
    let life = life(&mut test).await;
    let orders = life.named("orders").await.id;
    let (services, developer, viewer) = (&life.services, caller(Role::Developer), caller(Role::Viewer));
    if !can_change(&life, orders).await {
        return life.end().await;
    }
    let forbidden = |answer: api::Result<api::ServiceDetail>| {
        let error = answer.expect_err("it is refused");
        assert_eq!(error.code, ErrorCode::Forbidden, "{error}");
        error
    };
    let free = |user: Option<&str>| NewService { user: user.map(String::from), ..command("free", test.folder().into()) };
    forbidden(services.create(&viewer, free(Some(OPEN))).await);
    let why = forbidden(services.create(&developer, free(None)).await);
    assert!(why.message.ends_with("As one of these users of the system it may run anything: daemon"), "{why}");
    forbidden(services.create(&developer, free(Some(CLOSED))).await);
    let made = services.create(&developer, NewService { health: check(&["true"]), ..free(Some(OPEN)) }).await.expect("as an open user");
    assert_eq!(made.spec.user.as_deref(), Some(OPEN));
    let elsewhere = test.folder().join("elsewhere");
    write(&elsewhere.join("main.py"), MAIN);
    let outside = Source::Folder { folder: elsewhere.display().to_string() };
    let outside = NewService { source: outside, user: Some(OPEN.into()), ..command("outside", PathBuf::new()) };
    services.create(&developer, outside).await.expect("a folder outside of the services folder, as an open user");

    // Whatever way the user is to be lost by, one with free parts isn't lost.
    let id = made.service.id;
    services.change(&developer, id, checked(&["false"])).await.expect("another command of a check");
    services.change(&developer, id, variables(&[("LD_PRELOAD", "/tmp/x.so")])).await.expect("a variable that runs code");
    forbidden(services.change(&developer, id, as_user("")).await);
    forbidden(services.change(&developer, id, as_user(CLOSED)).await);
    let all_but_the_command = ServicePatch { health: Some(HealthCheck::default()), ..variables(&[]) };
    forbidden(services.change(&developer, id, ServicePatch { user: Some(String::new()), ..all_but_the_command }).await);
    services.change(&life.admin, id, as_user("")).await.expect("an Admin may");
    forbidden(services.change(&developer, id, checked(&["true"])).await);
    let kept = ServicePatch { description: Some("x".into()), health: Some(check(&["false"])), ..variables(&[("LD_PRELOAD", "/tmp/x.so")]) };
    services.change(&developer, id, kept).await.expect("what an Admin has left stays");

    // One of the services folder goes to and fro, as long as it has nothing free.
    services.change(&developer, orders, as_user(OPEN)).await.expect("it is open");
    services.change(&developer, orders, checked(&["true"])).await.expect("a command as that user");
    forbidden(services.change(&developer, orders, as_user("")).await);
    services.change(&developer, orders, ServicePatch { health: Some(HealthCheck::default()), ..as_user("") }).await.expect("nothing free");
    services.change(&life.admin, orders, as_user(CLOSED)).await.expect("an Admin may have any");
    forbidden(services.change(&developer, orders, checked(&["true"])).await);
    forbidden(services.change(&developer, orders, as_user("")).await);
    forbidden(services.change(&developer, orders, as_user(OPEN)).await);
    services.change(&developer, orders, ServicePatch { description: Some("y".into()), ..as_user(CLOSED) }).await.expect("it stays");
    life.end().await;
}

#[tokio::test]
async fn a_folder_that_the_user_owns_or_can_lead_elsewhere_is_not_run_as_pilothouse_by_a_developer() {
    let mut test = TestStore::new(StoreKind::Sqlite).await;
    let life = life(&mut test).await;
    let orders = life.named("orders").await.id;
    let (services, developer) = (&life.services, caller(Role::Developer));
    if !can_change(&life, orders).await {
        return life.end().await;
    }
    let user = SystemUser::choose(OPEN).expect("it is there");
    let give = |path: &Path| chown(path, Some(user.uid), Some(user.gid)).expect("it is the user's");
    let root = test.folder().join("services").canonicalize().expect("a folder");
    let below = root.join("theirs/inner");
    write(&below.join("main.py"), MAIN);
    give(&root.join("theirs"));
    let new = |user: Option<&str>| {
        let source = Source::Folder { folder: below.display().to_string() };
        NewService { source, user: user.map(String::from), ..command("inner", PathBuf::new()) }
    };
    let refused = services.create(&developer, new(None)).await.expect_err("its user could put another folder there");
    assert!(refused.code == ErrorCode::Forbidden && refused.message.contains("others could change what runs"), "{refused}");
    let made = services.create(&developer, new(Some(OPEN))).await.expect("as the user who owns it");
    let refused = services.change(&developer, made.service.id, as_user("")).await.expect_err("it would run what the user puts there");
    assert_eq!(refused.code, ErrorCode::Forbidden);

    services.change(&developer, orders, as_user(OPEN)).await.expect("it is open");
    give(&root.join("orders"));
    let found = services.discover(&life.admin).await.expect("a look");
    let is_passed_over = found.skipped.iter().any(|skipped| skipped.folder.ends_with("/orders"));
    assert!(!is_passed_over && found.missing.is_empty(), "the folder may be that of its user: {found:?}");
    assert_eq!(services.change(&developer, orders, as_user("")).await.expect_err("it is the user's").code, ErrorCode::Forbidden);
    chown(root.join("orders"), Some(0), Some(0)).expect("it is root's");
    give(&root.join("orders/main.py"));
    assert_eq!(services.change(&developer, orders, as_user("")).await.expect_err("its code is the user's").code, ErrorCode::Forbidden);
    chown(root.join("orders/main.py"), Some(0), Some(0)).expect("it is root's");
    std::fs::create_dir(root.join("orders/__pycache__")).expect("a folder");
    give(&root.join("orders/__pycache__"));
    assert_eq!(services.change(&developer, orders, as_user("")).await.expect_err("so is this code").code, ErrorCode::Forbidden);
    chown(root.join("orders/__pycache__"), Some(0), Some(0)).expect("it is root's");
    services.change(&developer, orders, as_user("")).await.expect("it is only ours");
    life.end().await;
}

#[tokio::test]
async fn who_no_service_can_run_as_is_refused_at_the_field_with_why() {
    let mut test = TestStore::new(StoreKind::Sqlite).await;
    let life = life(&mut test).await;
    let orders = life.named("orders").await.id;
    let (services, admin) = (&life.services, &life.admin);
    let long = "x".repeat(33);
    for name in ["0", "-u", "a b", "../etc", "daemon\n", "a:b", long.as_str(), "ünïcode"] {
        let refused = services.change(admin, orders, as_user(name)).await.expect_err("it is no name");
        assert_eq!((refused.code, field(&refused)), (ErrorCode::ValidationFailed, "/user"), "{name}");
    }
    let image = Source::Image { image: "nginx:1.27".into(), container_port: None, options: Default::default(), registry: None };
    let image = NewService { source: image, user: Some(OPEN.into()), ..command("web", PathBuf::new()) };
    let refused = services.create(admin, image).await.expect_err("a container has users of its own");
    assert!(field(&refused) == "/user" && refused.message.contains("options.user"), "{refused}");
    if can_change(&life, orders).await {
        for (name, why) in [("root", "is root"), ("surely-not-there", "isn't in /etc/passwd")] {
            let refused = services.change(admin, orders, as_user(name)).await.expect_err("it can't be");
            assert!(
                refused.code == ErrorCode::ValidationFailed && field(&refused) == "/user" && refused.message.contains(why),
                "{refused}"
            );
        }
    }
    life.end().await;
}

#[tokio::test]
async fn a_service_whose_user_is_gone_is_not_started_as_another_one() {
    let mut test = TestStore::new(StoreKind::Sqlite).await;
    let life = life(&mut test).await;
    let orders = life.named("orders").await.id;
    let change = |user: Option<&str>| {
        if let Some(row) = crate::services::lock(&life.services.rows).get_mut(&orders) {
            row.spec.user = user.map(String::from);
        }
    };
    change(Some("surely-not-there"));
    life.services.start(&life.admin, orders).await.expect("it is asked for");
    let failed = life.until(orders, api::Status::Error).await;
    let cause = failed.diagnosis.first().expect("a cause");
    let rule = if geteuid().is_root() { "user-missing" } else { "users-not-changed" };
    assert_eq!((cause.rule.as_str(), life.runtime.launches(orders).len()), (rule, 0), "{failed:#?}");
    let developer = caller(Role::Developer);
    let why = life.services.change(&developer, orders, checked(&["true"])).await.expect_err("it isn't open");
    assert_eq!(why.code, ErrorCode::Forbidden);
    let ran = life
        .services
        .run_check(
            crate::monitoring::CheckCommand { id: orders, user: None, command: vec!["true".into()] },
            std::time::Duration::from_secs(5),
        )
        .await;
    assert_eq!(ran, crate::runtime::process::Ran::not("it can't be run: the service was given another user meanwhile"));
    life.end().await;
}
