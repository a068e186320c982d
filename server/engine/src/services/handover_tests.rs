//! Restarts without a break: who may have them, what is shown meanwhile, and what comes of them, on both stores.

use std::time::{Duration, Instant};

use api::ports::Services as _;
use api::{
    Action, BulkRequest, ErrorCode, EventKind, EventQuery, NewService, Role, ServiceDetail, ServiceId, ServicePatch, Source, Status,
};

use super::tests::{Life, MAIN, caller, command};
use crate::on_each_store;
use crate::runtime::{HandedSocket, Observation};

/// A service that is set to be restarted without a break, and runs.
async fn handed(life: &Life, name: &str) -> ServiceId {
    let id = life.named(name).await.id;
    let patch = ServicePatch { handover: Some(true), ..ServicePatch::default() };
    let detail = life.services.change(&life.admin, id, patch).await.expect("it is changed");
    assert_eq!(detail.command.expect("a command")[3..], ["main:app", "--fd", "3"]);
    life.running(name).await;
    life.clock.advance(5);
    id
}

/// Waits until a service is as `is_so` says, and until then sees it running all the time.
async fn running_until(life: &Life, id: ServiceId, is_so: impl Fn(&ServiceDetail) -> bool) -> ServiceDetail {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let detail = life.services.get(&life.admin, id).await.expect("it is there");
        assert_eq!(detail.service.status, Status::Running, "{:?}", detail.service.status_reason);
        if is_so(&detail) {
            return detail;
        }
        assert!(Instant::now() < deadline, "{:?}", detail.service);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn says(detail: &ServiceDetail, words: &str) -> bool {
    detail.service.status_reason.as_deref().is_some_and(|reason| reason.contains(words))
}

async fn last_message(life: &Life, id: ServiceId) -> String {
    let query = EventQuery { service_id: Some(id), ..EventQuery::default() };
    life.core.events.list(&query, false).await.expect("events").items[0].message.clone()
}

on_each_store! {
    async fn a_service_runs_all_the_time_while_it_is_restarted_without_a_break(test: TestStore) {
        let mut test = test;
        let life = Life::begin(&mut test, &[("orders/main.py", MAIN)]).await;
        let id = handed(&life, "orders").await;
        let before = life.services.get(&life.admin, id).await.expect("it runs");
        life.runtime.hold_handovers(true);
        let shown = life.services.restart(&caller(Role::Developer), id).await.expect("it is restarted");
        assert_eq!((shown.status, shown.status_reason.as_deref()), (Status::Running, Some("a new copy is being started")));
        running_until(&life, id, |detail| says(detail, "a new copy is started")).await;
        let refused = life.services.restart(&life.admin, id).await.expect_err("one is under way");
        assert!(refused.code == ErrorCode::Conflict && refused.message.contains("a new copy of it is being started already"), "{refused}");
        life.runtime.hold_handovers(false);
        let after = running_until(&life, id, |detail| detail.pids != before.pids).await;
        assert_eq!((after.service.port, &after.service.url), (before.service.port, &before.service.url));
        assert!(after.service.started_at > before.service.started_at);
        use EventKind::*;
        let expected = [ServiceDiscovered, ServiceChanged, ServiceStartAsked, ServiceStarted, ServiceRestartAsked, ServiceStarted];
        assert_eq!(life.events(id, ServiceStarted).await, expected);
        let port = before.service.port.expect("a port");
        assert_eq!(last_message(&life, id).await, format!("orders restarted on port {port} without a break"));
        assert_eq!(running_until(&life, id, |detail| detail.service.status_reason.is_none()).await.last_exit, None);
        let launches = life.runtime.launches(id);
        assert_eq!(launches.iter().map(|launch| launch.socket).collect::<Vec<_>>(), [Some(port), Some(port)]);
        assert_eq!(launches[1].command[1..], ["-m", "uvicorn", "main:app", "--fd", "3"]);

        let life = life.again(&test, |runtime| runtime.set(id, Observation::Running { pid: 9, started_at: after.service.started_at.expect("it runs") })).await;
        life.until(id, Status::Running).await;
        assert!(life.runtime.launches(id).is_empty(), "it isn't restarted once more");
        life.end().await;
    }

    async fn a_new_copy_that_fails_is_told_and_the_one_before_runs_on(test: TestStore) {
        let mut test = test;
        let life = Life::begin(&mut test, &[("orders/main.py", MAIN)]).await;
        let id = handed(&life, "orders").await;
        let before = life.services.get(&life.admin, id).await.expect("it runs");
        life.runtime.refuse_starts(id, Some("the new copy exited with code 3"));
        life.services.restart(&life.admin, id).await.expect("it is asked");
        let why = "it wasn't restarted, and runs on as it was: the new copy exited with code 3";
        let after = running_until(&life, id, |detail| says(detail, why)).await;
        assert_eq!((after.pids, after.service.started_at, after.service.port), (before.pids, before.service.started_at, before.service.port));
        life.events(id, EventKind::ServiceStartFailed).await;
        assert_eq!(last_message(&life, id).await, "orders wasn't restarted, and runs on as it was: the new copy exited with code 3");
        assert!(life.services.incidents(&life.admin, id).await.expect("incidents").items.is_empty());

        // What can't even be planned leaves it running, too.
        std::fs::remove_dir_all(test.config.services_dir.as_ref().expect("a folder").join("orders")).expect("removed");
        life.clock.advance(5);
        life.services.restart(&life.admin, id).await.expect("it is asked");
        running_until(&life, id, |detail| says(detail, "can't be run from")).await;

        let (at, port) = (before.service.started_at.expect("it runs"), before.service.port.expect("a port"));
        let life = life.again(&test, |runtime| {
            runtime.set(id, Observation::Running { pid: 9, started_at: at });
            runtime.set_socket(id, HandedSocket { port, last: None });
        }).await;
        life.until(id, Status::Running).await;
        assert!(life.runtime.launches(id).is_empty(), "a failure isn't tried again by itself");
        life.end().await;
    }

    async fn a_stop_ends_a_restart_without_a_break(test: TestStore) {
        let mut test = test;
        let life = Life::begin(&mut test, &[("orders/main.py", MAIN)]).await;
        let id = handed(&life, "orders").await;
        life.runtime.hold_handovers(true);
        let request = BulkRequest { action: Action::Restart, ids: vec![id], filter: None, with_dependencies: false, dry_run: false };
        let report = life.services.act(&life.admin, request).await.expect("it is asked");
        assert_eq!(report.items[0].status, Status::Running);
        running_until(&life, id, |detail| says(detail, "a new copy is started")).await;
        life.services.stop(&life.admin, id).await.expect("it is stopped");
        let detail = life.until(id, Status::Stopped).await;
        assert_eq!(detail.service.status_reason, None);
        assert_eq!(life.runtime.launches(id).len(), 1);
        life.end().await;
    }

    async fn a_new_pilothouse_goes_on_with_a_restart_without_a_break(test: TestStore) {
        let mut test = test;
        let life = Life::begin(&mut test, &[("orders/main.py", MAIN)]).await;
        let id = handed(&life, "orders").await;
        life.runtime.hold_handovers(true);
        life.services.restart(&life.admin, id).await.expect("it is asked");
        let before = running_until(&life, id, |detail| says(detail, "a new copy is started")).await;
        let last = Some(life.clock.now().micros());
        let (at, port) = (before.service.started_at.expect("it runs"), before.service.port.expect("a port"));
        let life = life.again(&test, |runtime| {
            runtime.set(id, Observation::Running { pid: 9, started_at: at });
            runtime.set_socket(id, HandedSocket { port, last });
        }).await;
        life.events(id, EventKind::ServiceStarted).await;
        assert!(last_message(&life, id).await.ends_with("without a break"));
        let detail = running_until(&life, id, |detail| detail.service.started_at > Some(at)).await;
        assert!(detail.service.port == Some(port) && life.runtime.launches(id).is_empty(), "it wasn't ordered again");
        life.end().await;
    }

    async fn only_what_runs_here_can_be_handed_a_socket_and_only_who_may_change_it_says_so(test: TestStore) {
        let mut test = test;
        let life = Life::begin(&mut test, &[("orders/main.py", MAIN)]).await;
        let source = Source::Image { image: "nginx".into(), container_port: None, options: Default::default(), registry: None };
        let new = NewService { source, handover: true, ..command("web", "/".into()) };
        let error = life.services.create(&life.admin, new.clone()).await.expect_err("Docker hands over no socket");
        assert_eq!((error.code, error.details[0].field.as_str()), (ErrorCode::ValidationFailed, "/handover"));
        let made = life.services.create(&life.admin, NewService { handover: false, ..new }).await.expect("it is made").service.id;
        let patch = || ServicePatch { handover: Some(true), ..ServicePatch::default() };
        let error = life.services.change(&life.admin, made, patch()).await.expect_err("nor later");
        assert_eq!(error.details[0].field, "/handover");
        let made = life.services.create(&life.admin, NewService { handover: true, ..command("own", test.folder().to_owned()) }).await;
        assert!(made.expect("a command may take it").spec.handover);

        let id = life.named("orders").await.id;
        let viewer = caller(Role::Viewer);
        assert_eq!(life.services.change(&viewer, id, patch()).await.expect_err("a Viewer can't").code, ErrorCode::Forbidden);
        let changed = life.services.change(&caller(Role::Developer), id, patch()).await.expect("a Developer can");
        assert!(changed.spec.handover);
        life.running("orders").await;
        assert_eq!(life.services.restart(&viewer, id).await.expect_err("a Viewer can't").code, ErrorCode::Forbidden);
        assert_eq!(life.runtime.launches(id).len(), 1);
        life.end().await;
    }
}
