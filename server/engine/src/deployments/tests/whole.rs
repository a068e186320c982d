//! Deployments from the beginning to the end, and what is refused.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use api::ports::{Configurations as _, Deployments as _, Services as _};
use api::{
    Caller, CheckKind, DeploymentId, DeploymentKind, DeploymentLinesQuery, DeploymentQuery, DeploymentStatus, ErrorCode, EventKind,
    FileChangeKind, HealthCheck, NewConfiguration, NewDeployment, NewRollback, NewService, ReleaseDifferenceQuery, Resume, Role,
    ServicePatch, Source, Stage, StageStatus, Status,
};
use serde_json::json;

use super::super::{FrameReader, Frames};
use super::beside::fronted;
use super::{Yard, status_of};
use crate::on_each_store;
use crate::services::tests::{MAIN, caller, write};

on_each_store! {
    async fn a_folder_is_deployed_changed_and_gone_back_to(test: TestStore) {
        let mut test = test;
        let yard = Yard::begin(&mut test).await;
        let first = yard.deployed().await;
        let release = first.release.clone().expect("a release");
        assert_eq!((release.number, release.is_current, first.previous_release), (1, true, None));
        assert_eq!(first.urls, [format!("http://127.0.0.1:{}", yard.life.named("orders").await.port.expect("a port"))]);
        assert_eq!(status_of(&first, Stage::Push), StageStatus::Skipped);
        let (folder, environment) = yard.launched();
        assert!(folder.starts_with(yard.data()) && folder.join("main.py").is_file() && !folder.join(".env").exists(), "{folder:?}");
        assert_eq!((environment["GREETING"].as_str(), environment["API_TOKEN"].as_str()), ("hello", "hunter2-secret"));

        // What is changed isn't run before it is deployed.
        write(&yard.source().join("main.py"), &format!("{MAIN}# two\n"));
        write(&yard.source().join("new.py"), "1");
        write(&yard.source().join(".env"), "GREETING=bonjour\nAPI_TOKEN=another-secret\n");
        yard.life.services.restart(&yard.life.admin, yard.id).await.expect("it is restarted");
        yard.life.until(yard.id, Status::Running).await;
        assert_eq!(yard.launched().1["GREETING"], "hello");
        let plan = yard.manager.plan(&yard.life.admin, yard.id, NewDeployment::default()).await.expect("a plan");
        let difference = plan.difference.expect("it was deployed");
        let files: Vec<_> = difference.files.iter().map(|file| (file.path.as_str(), file.change)).collect();
        assert_eq!(files, [("main.py", FileChangeKind::Changed), ("new.py", FileChangeKind::Added)]);
        let changes: Vec<_> = difference.changes.iter().map(|change| (change.field.as_str(), change.after.clone())).collect();
        assert_eq!(changes, [("configuration/API_TOKEN", Some(json!(api::MASK))), ("configuration/GREETING", Some(json!("bonjour")))]);
        let second = yard.deployed().await;
        let (folder, environment) = yard.launched();
        assert!(folder.join("new.py").is_file());
        assert_eq!(environment["GREETING"], "bonjour");
        assert_eq!(second.previous_release, Some(1));
        assert!(second.expected_seconds.is_some());

        let back = yard.manager.rollback(&yard.life.admin, first.id, NewRollback { message: "two is slow".into(), ..NewRollback::default() }).await;
        let back = yard.over(back.expect("it is taken on").deployment_id).await;
        assert_eq!((back.status, back.kind), (DeploymentStatus::Succeeded, DeploymentKind::Rollback));
        assert_eq!(back.release.as_ref().map(|release| release.number), Some(1));
        let (folder, environment) = yard.launched();
        assert!(!folder.join("new.py").exists());
        assert_eq!((environment["GREETING"].as_str(), environment["API_TOKEN"].as_str()), ("hello", "hunter2-secret"));

        // It is held there until somebody lets it go.
        let refused = yard.manager.deploy(&yard.life.admin, yard.id, NewDeployment::default()).await.expect_err("it is held");
        assert_eq!(refused.code, ErrorCode::Conflict);
        assert!(refused.message.contains("held at release 1") && refused.message.contains("two is slow"), "{}", refused.message);
        let releases = yard.manager.releases(&yard.life.admin, yard.id).await.expect("they are listed");
        assert_eq!(releases.items.iter().map(|one| (one.number, one.is_current)).collect::<Vec<_>>(), [(2, false), (1, true)]);
        assert_eq!(releases.held.expect("it is held").by.as_deref(), Some("admin"));
        let released = yard.manager.let_go(&yard.life.admin, yard.id).await.expect("it is let go");
        assert_eq!(released.held, None);
        yard.deployed().await;

        let all = yard.manager.list(&yard.life.admin, DeploymentQuery { limit: api::Limit::new(2).expect("a limit"), ..Default::default() }).await;
        let all = all.expect("they are listed");
        let listed: Vec<_> = all.items.iter().filter_map(|one| one.release.as_ref()).map(|release| (release.number, release.is_current)).collect();
        assert_eq!(listed, [(3, true), (1, false)], "each with its release");
        let rest = DeploymentQuery { cursor: all.next_cursor, service_id: Some(yard.id), ..Default::default() };
        let rest = yard.manager.list(&yard.life.admin, rest).await.expect("they are listed");
        assert_eq!(rest.items.iter().map(|one| one.id).collect::<Vec<_>>(), [second.id, first.id]);
        use EventKind::*;
        let events = yard.life.events(yard.id, DeploymentSucceeded).await;
        assert!(events.contains(&DeploymentAsked) && events.contains(&DeploymentHoldEnded), "{events:?}");
        yard.life.end().await;
    }

    async fn a_reader_begins_where_it_likes_and_sees_all_to_the_end(test: TestStore) {
        let mut test = test;
        let yard = Yard::begin(&mut test).await;
        let done = yard.deployed().await;
        let all = yard.life.core.clone();
        let frames = Frames::default();
        let mut reader = FrameReader::new(all.clone(), &frames, done.id, &Resume { since: Some(0), epoch: None }).await.expect("it is there");
        let (mut seen, mut kinds) = (Vec::new(), Vec::new());
        while kinds.last() != Some(&"succeeded".to_owned()) {
            for packet in reader.next(7).await {
                let frame: api::Frame = serde_json::from_slice(&packet.json).expect("a frame");
                if frame.kind != "hello" {
                    seen.push(frame.seq);
                    kinds.push(frame.data["status"].as_str().unwrap_or("line").to_owned());
                }
            }
        }
        assert_eq!(seen, (1..=seen.len() as u64).collect::<Vec<_>>(), "without a hole");
        assert!(kinds.iter().any(|kind| kind == "line"));
        let missing = FrameReader::new(all, &frames, DeploymentId(uuid::Uuid::nil()), &Resume::default()).await;
        assert_eq!(missing.err().map(|error| error.code), Some(ErrorCode::NotFound));
        yard.life.end().await;
    }

    async fn a_page_as_json_is_the_page_whatever_has_changed_since(test: TestStore) {
        let mut test = test;
        let yard = Yard::begin(&mut test).await;
        let same = async || {
            for (limit, service_id) in [(1, None), (2, Some(yard.id)), (100, None)] {
                let mut cursor = None;
                loop {
                    let query = DeploymentQuery { limit: api::Limit::new(limit).expect("a limit"), service_id, cursor, ..Default::default() };
                    let page = yard.manager.list(&yard.life.admin, query.clone()).await.expect("a page");
                    // The second time it is what was kept, of a page or of each on it.
                    for _ in 0..2 {
                        let json = yard.manager.list_json(&yard.life.admin, query.clone()).await.expect("a page");
                        assert_eq!(serde_json::from_str::<serde_json::Value>(&json).expect("JSON"), serde_json::to_value(&page).expect("JSON"));
                    }
                    cursor = page.next_cursor;
                    if cursor.is_none() {
                        break;
                    }
                }
            }
        };
        same().await;
        let first = yard.deployed().await;
        same().await;
        // Another one is current, and then the first one again; then nothing of it answers any more.
        yard.deployed().await;
        same().await;
        let back = yard.manager.rollback(&yard.life.admin, first.id, NewRollback::default()).await.expect("it is taken on");
        yard.over(back.deployment_id).await;
        same().await;
        yard.life.services.stop(&yard.life.admin, yard.id).await.expect("it is stopped");
        yard.life.until(yard.id, Status::Stopped).await;
        same().await;
        // A release that isn't kept any more is in no row.
        for n in 0..11 {
            yard.manager.let_go(&yard.life.admin, yard.id).await.ok();
            write(&yard.source().join("main.py"), &format!("{MAIN}# {n}\n"));
            yard.deployed().await;
        }
        same().await;
        let viewer = caller(Role::Viewer);
        assert!(yard.manager.list_json(&viewer, DeploymentQuery::default()).await.is_ok());
        let none = DeploymentQuery { service_id: Some(api::ServiceId(uuid::Uuid::nil())), ..Default::default() };
        assert_eq!(yard.manager.list_json(&viewer, none).await.expect_err("there is none").code, ErrorCode::NotFound);
        yard.life.end().await;
    }

    async fn what_can_not_be_is_refused_at_its_field(test: TestStore) {
        let mut test = test;
        let yard = Yard::begin(&mut test).await;
        let ask = async |new: NewDeployment| yard.manager.deploy(&yard.life.admin, yard.id, new).await.expect_err("it is refused");
        let of = |change: &dyn Fn(&mut NewDeployment)| {
            let mut new = NewDeployment::default();
            change(&mut new);
            new
        };
        let table: [(NewDeployment, &str); 9] = [
            (of(&|new| new.target_environment = Some("mars; rm -rf /".into())), "/target_environment"),
            (of(&|new| new.deployment_type = Some("$(reboot)".into())), "/deployment_type"),
            (of(&|new| new.deployment_type = Some("docker".into())), "/deployment_type"),
            (of(&|new| new.deployment_type = Some("rolling".into())), "/deployment_type"),
            (of(&|new| new.deployment_type = Some("canary".into())), "/deployment_type"),
            (of(&|new| new.message = "x".repeat(501)), "/message"),
            (of(&|new| new.configuration.image = Some("nginx".into())), "/configuration/image"),
            (of(&|new| new.configuration.image = Some("`id`".into())), "/configuration/image"),
            (of(&|new| new.resources.cpu_percent = Some(0)), "/resources/cpu_percent"),
        ];
        for (new, field) in table {
            let error = ask(new).await;
            assert_eq!((error.code, error.details.first().map(|detail| detail.field.as_str())), (ErrorCode::ValidationFailed, Some(field)));
        }
        let bad = of(&|new| _ = new.configuration.values.insert("A".into(), json!("\0")));
        assert_eq!(ask(bad).await.code, ErrorCode::ValidationFailed);
        let viewer: Caller = caller(Role::Viewer);
        let refused = yard.manager.deploy(&viewer, yard.id, NewDeployment::default()).await.expect_err("they may not");
        assert_eq!(refused.code, ErrorCode::Forbidden);
        // A command that Developers may not change isn't made theirs by a variable.
        let dangerous = of(&|new| _ = new.configuration.values.insert("PYTHONSTARTUP".into(), json!("/tmp/x.py")));
        let refused = yard.manager.deploy(&caller(Role::Developer), yard.id, dangerous).await.expect_err("they may not");
        assert_eq!(refused.code, ErrorCode::Forbidden);
        assert_eq!(yard.manager.list(&viewer, DeploymentQuery::default()).await.expect("they may").items, []);
        yard.life.end().await;
    }

    async fn what_a_service_writes_beside_its_data_is_kept(test: TestStore) {
        let mut test = test;
        let yard = Yard::begin(&mut test).await;
        write(&yard.source().join("data/rows.csv"), "1");
        write(&yard.source().join("app.db"), "rows");
        yard.deployed().await;
        let (folder, _) = yard.launched();
        write(&folder.join("data/rows.csv"), "2");
        write(&folder.join("app.db"), "more rows");
        write(&folder.join("upload.bin"), "of a user");
        assert_eq!(fs::read_to_string(yard.source().join("data/rows.csv")).expect("it is there"), "2");
        assert_eq!(fs::read_to_string(yard.source().join("app.db")).expect("it is there"), "more rows");
        write(&yard.source().join("main.py"), &format!("{MAIN}# two\n"));
        let second = yard.deployed().await;
        assert!(Path::new(&folder).join("upload.bin").is_file(), "nothing is lost");
        let lines = yard.manager.lines(&yard.life.admin, second.id, DeploymentLinesQuery::default()).await.expect("they are listed").items;
        assert!(lines.iter().any(|line| line.message.contains("upload.bin")), "and it is said: {lines:?}");
        assert_eq!(fs::read_to_string(yard.launched().0.join("app.db")).expect("it is there"), "more rows");
        yard.life.end().await;
    }

    async fn a_saved_configuration_goes_back_with_its_release(test: TestStore) {
        let mut test = test;
        let yard = Yard::begin(&mut test).await;
        let first = yard.deployed().await;
        let new = NewConfiguration {
            values: json!({"GREETING": "saved", "API_TOKEN": api::MASK}),
            version: 1,
            message: String::new(),
            restart: false,
            watch_seconds: None,
            inherit: Default::default(),
        };
        yard.configurations.save(&yard.life.admin, yard.id, new).await.expect("it is saved");
        assert!(yard.manager.releases(&yard.life.admin, yard.id).await.expect("they are listed").is_changed);
        let second = yard.deployed().await;
        assert_eq!(yard.launched().1["GREETING"], "saved");
        assert_eq!(second.release.as_ref().and_then(|release| release.configuration_version), Some(2));
        let query = ReleaseDifferenceQuery { from: Some(1), to: Some(2) };
        let difference = yard.manager.difference(&yard.life.admin, yard.id, query).await.expect("it is said");
        let fields: Vec<_> = difference.changes.iter().map(|change| change.field.as_str()).collect();
        assert_eq!(fields, ["configuration/GREETING"], "{difference:?}");
        let back = yard.manager.rollback(&yard.life.admin, first.id, NewRollback::default()).await.expect("it is taken on");
        assert_eq!(yard.over(back.deployment_id).await.status, DeploymentStatus::Succeeded);
        let (_, environment) = yard.launched();
        assert_eq!((environment["GREETING"].as_str(), environment["API_TOKEN"].as_str()), ("hello", "hunter2-secret"));
        let configuration = yard.configurations.get(&yard.life.admin, yard.id).await.expect("it is read");
        assert_eq!((configuration.version, &configuration.values["GREETING"]), (3, &json!("hello")));
        yard.life.end().await;
    }

    async fn what_is_saved_while_a_deployment_with_values_is_under_way_is_not_overwritten(test: TestStore) {
        let mut test = test;
        let (yard, _front) = fronted(&mut test).await;
        let save = async |greeting: &str, version| {
            let new = NewConfiguration {
                values: json!({"GREETING": greeting, "API_TOKEN": api::MASK}),
                version,
                message: String::new(),
                restart: false,
                watch_seconds: None,
                inherit: Default::default(),
            };
            yard.configurations.save(&yard.life.admin, yard.id, new).await.expect("it is saved")
        };
        save("first", 1).await;
        let configuration =
            api::DeploymentConfiguration { values: [("GREETING".to_owned(), json!("deployed"))].into(), ..Default::default() };
        let canary = api::Canary { steps: vec![10], step_seconds: 60, min_requests: 20 };
        let new = NewDeployment {
            configuration,
            deployment_type: Some("canary".into()),
            canary: Some(canary),
            watch_seconds: Some(60),
            ..NewDeployment::default()
        };
        let id = yard.deploy(new).await;
        let deadline = Instant::now() + Duration::from_secs(20);
        while yard.get(id).await.traffic.first().is_none_or(|step| step.started_at.is_none()) {
            assert!(Instant::now() < deadline, "no request is let in");
            yard.life.clock.advance(1);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        save("of somebody", 2).await;
        let done = yard.over(id).await;
        assert_eq!(done.status, DeploymentStatus::RolledBack, "{done:#?}");
        let why = done.error.unwrap_or_default();
        assert!(why.contains("saved as version 3"), "{why}");
        let now = yard.configurations.get(&yard.life.admin, yard.id).await.expect("it is read");
        assert_eq!((now.version, &now.values["GREETING"]), (3, &json!("of somebody")));
        yard.life.end().await;
    }

    async fn a_service_that_is_gone_for_good_leaves_nothing(test: TestStore) {
        let mut test = test;
        let yard = Yard::begin(&mut test).await;
        yard.deployed().await;
        let manager = yard.manager.clone();
        yard.life.services.on_delete(move |id| manager.forget(id));
        yard.life.services.stop(&yard.life.admin, yard.id).await.expect("it is stopped");
        yard.life.until(yard.id, Status::Stopped).await;
        yard.life.services.delete(&yard.life.admin, yard.id).await.expect("it is deleted");
        yard.life.services.purge(&yard.life.admin, yard.id).await.expect("it is removed");
        let deadline = Instant::now() + Duration::from_secs(20);
        while yard.left() != (0, 0) {
            assert!(Instant::now() < deadline, "{:?}", yard.left());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(test.dump().await.matches("deployment_id").count() <= 2, "only what happened is left");
        yard.life.end().await;
    }

    async fn what_is_not_a_release_can_not_be_deployed(test: TestStore) {
        let mut test = test;
        let yard = Yard::begin(&mut test).await;
        let source = Source::Demonstration { demonstration: true };
        let made = NewService { name: "demo".into(), ..crate::services::tests::command("demo", yard.root.clone()) };
        let command = yard.life.services.create(&yard.life.admin, made).await.expect("it is made").service.id;
        // A command's files aren't kept, but settings and configuration are.
        let health = HealthCheck { kind: CheckKind::None, ..HealthCheck::default() };
        yard.life.services.change(&yard.life.admin, command, ServicePatch { health: Some(health), ..Default::default() }).await.expect("changed");
        let id = yard.manager.deploy(&yard.life.admin, command, NewDeployment::default()).await.expect("it is taken on").deployment_id;
        let done = yard.over(id).await;
        assert_eq!((done.status, status_of(&done, Stage::Build)), (DeploymentStatus::Succeeded, StageStatus::Skipped));
        assert_eq!(done.release.map(|release| release.artifact), Some(api::Artifact::Command));
        assert!(source.folder().is_none());
        yard.life.end().await;
    }
}
