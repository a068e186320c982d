//! Environments: setting services up in them, deploying to them, and taking releases from one to another.

use std::fs;
use std::sync::atomic::Ordering;

use api::ports::{Configurations as _, Deployments as _, Environments as _, Services as _};
use api::{
    ContainerOptions, DeploymentStatus, Environment, ErrorCode, EventKind, NewConfiguration, NewDeployment, NewEnvironment, NewService,
    NewTarget, PlacesQuery, ReleaseId, Role, ServiceId, Source, Stage, Status, VolumeMount,
};
use serde_json::json;

use super::super::live::lock;
use super::Yard;
use crate::on_each_store;
use crate::services::tests::{MAIN, caller, command, write};

fn environment(name: &str, before: Option<&str>) -> NewEnvironment {
    NewEnvironment { name: name.into(), description: String::new(), before: before.map(String::from) }
}

pub(super) fn target(environment: &str, variables: &[(&str, Option<&str>)]) -> NewTarget {
    let variables = variables.iter().map(|(name, text)| ((*name).to_owned(), text.map(String::from))).collect();
    NewTarget { environment: environment.into(), variables, ..NewTarget::default() }
}

impl Yard {
    pub(super) async fn environments(&self, names: &[&str]) {
        for name in names {
            self.manager.create(&self.life.admin, environment(name, None)).await.expect("it is made");
        }
    }

    pub(super) async fn set_up_in(&self, environment: &str) -> ServiceId {
        self.manager.set_up(&self.life.admin, self.id, target(environment, &[])).await.expect("it is set up").service.id
    }

    pub(super) async fn to(&self, environment: &str, release_id: Option<ReleaseId>) -> api::Deployment {
        let new = NewDeployment { target_environment: Some(environment.into()), release_id, ..NewDeployment::default() };
        let done = self.over(self.deploy(new).await).await;
        assert_eq!(done.status, DeploymentStatus::Succeeded, "{done:#?}");
        done
    }
}

on_each_store! {
    async fn a_release_goes_from_one_environment_to_the_next_with_settings_and_data_of_its_own(test: TestStore) {
        let mut test = test;
        let yard = Yard::begin(&mut test).await;
        yard.environments(&["staging", "production"]).await;
        let admin = yard.life.admin.clone();
        write(&yard.source().join("orders.db"), "rows of development");
        let wanted = target("staging", &[("GREETING", Some("hi")), ("ONLY_THERE", Some("1"))]);
        let made = yard.manager.set_up(&admin, yard.id, wanted).await.expect("it is set up");
        let staging = made.service.id;
        assert_eq!((made.service.name.as_str(), made.service.status), ("orders-staging", Status::Stopped));
        assert_eq!(made.spec.target.as_ref().map(|target| (target.service_id, target.environment.as_str())), Some((yard.id, "staging")));

        // It runs nothing but what is deployed there.
        yard.life.services.start(&admin, staging).await.expect("it is asked");
        let failed = yard.life.until(staging, Status::Error).await;
        assert!(failed.service.status_reason.as_deref().is_some_and(|why| why.contains("never deployed to staging")), "{failed:?}");
        assert!(yard.life.runtime.launches(staging).is_empty());

        let first = yard.deployed().await.release.expect("a release");
        write(&yard.source().join("main.py"), &format!("{MAIN}# two\n"));
        yard.deployed().await;
        let done = yard.to("staging", Some(first.id)).await;
        assert_eq!((done.service_id, done.target_environment.as_str()), (staging, "staging"));
        let launch = yard.life.runtime.launches(staging).pop().expect("it was started");
        assert_eq!(fs::read_to_string(launch.working_dir.join("main.py")).expect("a file"), MAIN, "the first one, not what the source is now");
        let told = |name: &str| launch.environment.get(name).map(String::as_str);
        assert_eq!((told("GREETING"), told("API_TOKEN"), told("ONLY_THERE")), (Some("hi"), Some("hunter2-secret"), Some("1")));
        let of_development = yard.launched();
        assert_eq!(of_development.1.get("GREETING").map(String::as_str), Some("hello"));
        assert_ne!(launch.environment["PORT"], of_development.1["PORT"]);

        // What development has written isn't there, and what is written there stays there over releases.
        let (here, there) = (of_development.0.join("orders.db"), launch.working_dir.join("orders.db"));
        assert_eq!(fs::read_to_string(&here).expect("its data"), "rows of development");
        fs::write(&there, "rows of staging").expect("it can be written");
        assert!(launch.working_dir.join("data").is_dir());
        assert_eq!(fs::read_to_string(&here).expect("its data"), "rows of development");
        yard.to("staging", None).await;
        let next = yard.life.runtime.launches(staging).pop().expect("it was started");
        assert!(fs::read_to_string(next.working_dir.join("main.py")).expect("a file").ends_with("# two\n"), "what the source is now");
        assert_eq!(fs::read_to_string(next.working_dir.join("orders.db")).expect("its data"), "rows of staging");

        // Who runs what is one table.
        let production = yard.set_up_in("production").await;
        let runs = yard.manager.releases(&admin, staging).await.expect("they are listed").items.remove(0);
        yard.to("production", Some(runs.id)).await;
        yard.to("production", Some(first.id)).await;
        let places = yard.manager.places(&admin, PlacesQuery::default()).await.expect("a table");
        let names: Vec<_> = places.environments.iter().map(|one| (one.name.as_str(), one.services)).collect();
        assert_eq!(names, [("development", 1), ("staging", 1), ("production", 1)]);
        let row = &places.items[0];
        let places: Vec<_> = row.places.iter().map(|place| (place.environment.as_str(), place.service_id, place.is_same)).collect();
        assert_eq!((row.service_id, row.obstacle.as_deref()), (yard.id, None));
        assert_eq!(places, [("development", yard.id, None), ("staging", staging, Some(true)), ("production", production, Some(false))]);
        assert_eq!(yard.life.events(staging, EventKind::DeploymentSucceeded).await[0], EventKind::ServiceCreated);

        // It is a service like any other: it goes back by itself.
        let history = yard.manager.list(&admin, api::DeploymentQuery { service_id: Some(production), ..Default::default() }).await;
        let before = history.expect("a history").items.remove(1);
        let back = yard.manager.rollback(&admin, before.id, api::NewRollback::default()).await.expect("it is taken on");
        assert_eq!(yard.over(back.deployment_id).await.status, DeploymentStatus::Succeeded);
        let launch = yard.life.runtime.launches(production).pop().expect("it was started");
        assert!(fs::read_to_string(launch.working_dir.join("main.py")).expect("a file").ends_with("# two\n"));
        yard.life.end().await;
    }

    async fn a_configuration_that_was_saved_goes_along_and_is_its_own_then(test: TestStore) {
        let mut test = test;
        let yard = Yard::begin(&mut test).await;
        yard.environments(&["staging"]).await;
        let (admin, id) = (&yard.life.admin, yard.id);
        let new = NewConfiguration {
            values: json!({ "GREETING": "hello", "API_TOKEN": api::MASK, "WORKERS": 2, "PORT": 8123 }),
            version: 1,
            message: String::new(),
            restart: false,
            watch_seconds: None,
            inherit: Default::default(),
        };
        yard.configurations.save(admin, id, new).await.expect("it is saved");
        let mut wanted = target("staging", &[("WORKERS", Some("4")), ("GREETING", None)]);
        wanted.name = Some("shop".into());
        let staging = yard.manager.set_up(admin, id, wanted).await.expect("it is set up").service.id;
        let told = yard.configurations.get(admin, staging).await.expect("it is read");
        assert_eq!(told.values, json!({ "API_TOKEN": api::MASK, "WORKERS": "4" }));
        yard.to("staging", None).await;
        let launch = yard.life.runtime.launches(staging).pop().expect("it was started");
        assert_eq!((launch.environment["API_TOKEN"].as_str(), launch.environment["WORKERS"].as_str()), ("hunter2-secret", "4"));
        assert_ne!(launch.environment["PORT"], "8123");
        yard.life.end().await;
    }

    async fn what_files_say_in_development_is_told_nowhere_else(test: TestStore) {
        let mut test = test;
        let yard = Yard::begin(&mut test).await;
        yard.environments(&["staging"]).await;
        write(&yard.source().join(".env"), "");
        let staging = yard.set_up_in("staging").await;
        write(&yard.source().join(".env"), "LATE=only-here\n");
        assert!(yard.configurations.get(&yard.life.admin, staging).await.expect("it is read").values.get("LATE").is_none());
        let first = yard.deployed().await.release.expect("a release");
        for release_id in [None, Some(first.id)] {
            yard.to("staging", release_id).await;
            let launch = yard.life.runtime.launches(staging).pop().expect("it was started");
            assert_eq!(launch.environment.get("LATE"), None);
        }
        // What comes back from there finds what is said here.
        let runs = yard.manager.releases(&yard.life.admin, staging).await.expect("they are listed").items.remove(0);
        yard.over(yard.deploy(NewDeployment { release_id: Some(runs.id), ..NewDeployment::default() }).await).await;
        assert_eq!(yard.launched().1.get("LATE").map(String::as_str), Some("only-here"));
        yard.life.end().await;
    }

    async fn what_can_not_be_is_refused_and_nothing_of_it_is_kept(test: TestStore) {
        let mut test = test;
        let yard = Yard::begin(&mut test).await;
        yard.environments(&["staging"]).await;
        let (admin, id) = (yard.life.admin.clone(), yard.id);
        let services = async || yard.life.services.list(&admin, Default::default()).await.expect("they are listed").items.len();
        let before = services().await;

        for (new, field) in [
            (target("mars", &[]), "/environment"),
            (target("development", &[]), "/environment"),
            (target("staging", &[("A=B", Some("1"))]), "/variables/A=B"),
            (target("staging", &[("PORT", Some("1"))]), "/variables/PORT"),
            (NewTarget { name: Some("-rf".into()), ..target("staging", &[]) }, "/name"),
            (NewTarget { port: Some(0), ..target("staging", &[]) }, "/port"),
            (NewTarget { image: Some("nginx:1".into()), ..target("staging", &[]) }, "/image"),
            (NewTarget { reference: Some("main".into()), ..target("staging", &[]) }, "/reference"),
        ] {
            let error = yard.manager.set_up(&admin, id, new).await.expect_err(field);
            assert_eq!((error.code, error.details[0].field.as_str()), (ErrorCode::ValidationFailed, field), "{error:?}");
        }
        let taken = NewTarget { name: Some("ORDERS".into()), ..target("staging", &[]) };
        assert_eq!(yard.manager.set_up(&admin, id, taken).await.expect_err("the name is taken").code, ErrorCode::Conflict);
        let other = yard.life.services.create(&admin, command("worker", yard.source())).await.expect("it is made").service.id;
        let refused = yard.manager.set_up(&admin, other, target("staging", &[])).await.expect_err("its files aren't kept");
        assert!(refused.code == ErrorCode::Conflict && refused.message.contains("make a service of a folder"), "{}", refused.message);
        assert_eq!(services().await, before + 1);

        let ask = async |new: NewDeployment| yard.manager.deploy(&admin, id, new).await.expect_err("it is refused");
        let to = |environment: &str| NewDeployment { target_environment: Some(environment.into()), ..NewDeployment::default() };
        for (environment, word) in [("mars", "there are development, staging"), ("staging", "set it up there first"), ("../x", "named by")] {
            let error = ask(to(environment)).await;
            assert_eq!((error.code, error.details[0].field.as_str()), (ErrorCode::ValidationFailed, "/target_environment"));
            assert!(error.details[0].message.contains(word), "{error:?}");
        }

        // Only what is kept of the same service is taken along.
        let staging = yard.set_up_in("staging").await;
        let again = yard.manager.set_up(&admin, id, target("staging", &[])).await.expect_err("it is there");
        assert!(again.code == ErrorCode::Conflict && again.message.contains("orders-staging"), "{}", again.message);
        let stranger = yard.over(yard.manager.deploy(&admin, other, NewDeployment::default()).await.expect("it is taken on").deployment_id).await;
        let stranger = stranger.release.expect("a release").id;
        let no_such = ReleaseId(uuid::Uuid::from_u128(9));
        for release in [stranger, no_such] {
            let error = ask(NewDeployment { release_id: Some(release), ..to("staging") }).await;
            assert_eq!((error.code, error.details[0].field.as_str()), (ErrorCode::ValidationFailed, "/release_id"), "{error:?}");
        }

        // What is used isn't removed.
        for name in ["staging", "development", "mars"] {
            let error = yard.manager.remove(&admin, name.into()).await.expect_err(name);
            assert_eq!(error.code, if name == "mars" { ErrorCode::NotFound } else { ErrorCode::Conflict });
        }
        let refused = yard.life.services.delete(&admin, id).await.expect_err("it is in staging too");
        assert!(refused.message.contains("'orders-staging'; delete that first"), "{}", refused.message);
        yard.life.services.delete(&admin, staging).await.expect("it is deleted");
        yard.manager.remove(&admin, "staging".into()).await.expect_err("it can be put back");
        let second = yard.set_up_in("staging").await;
        let refused = yard.life.services.restore(&admin, staging, api::Restoration { name: Some("former".into()) }).await;
        assert_eq!(refused.expect_err("there is another one").code, ErrorCode::Conflict);
        yard.life.services.delete(&admin, second).await.expect("it is deleted");
        for id in [staging, second] {
            yard.life.services.purge(&admin, id).await.expect("it is removed");
        }
        yard.manager.remove(&admin, "staging".into()).await.expect("nothing is in it");

        // Each role.
        let (developer, viewer) = (caller(Role::Developer), caller(Role::Viewer));
        for one in [&developer, &viewer] {
            let made = yard.manager.create(one, environment("qa", None)).await;
            assert_eq!(made.expect_err("that takes an Admin").code, ErrorCode::Forbidden);
        }
        yard.environments(&["qa"]).await;
        assert_eq!(yard.manager.set_up(&viewer, id, target("qa", &[])).await.expect_err("they may not").code, ErrorCode::Forbidden);
        let evil = target("qa", &[("LD_PRELOAD", Some("/tmp/x.so"))]);
        assert_eq!(yard.manager.set_up(&developer, id, evil).await.expect_err("it runs anything").code, ErrorCode::Forbidden);
        let agreed = NewTarget { needs_approval: true, ..target("qa", &[]) };
        assert_eq!(yard.manager.set_up(&developer, id, agreed.clone()).await.expect_err("rules take an Admin").code, ErrorCode::Forbidden);
        let qa = yard.manager.set_up(&admin, id, agreed).await.expect("it is set up").service.id;
        assert!(yard.manager.rules(&admin, qa).await.expect("rules").needs_approval);
        assert!(yard.manager.places(&viewer, PlacesQuery { service_id: Some(qa), ..Default::default() }).await.expect("a table").items.len() == 1);
        yard.life.end().await;
    }

    async fn environments_have_an_order_and_there_are_not_too_many(test: TestStore) {
        let mut test = test;
        let yard = Yard::begin(&mut test).await;
        let admin = yard.life.admin.clone();
        yard.environments(&["staging", "production"]).await;
        yard.manager.create(&admin, environment("qa", Some("production"))).await.expect("it is made");
        let names = async || {
            let all = yard.manager.all(&admin).await.expect("they are listed");
            all.into_iter().map(|one| one.name).collect::<Vec<_>>()
        };
        assert_eq!(names().await, ["development", "staging", "qa", "production"]);
        let moved = NewEnvironment { description: " For testers ".into(), before: Some("staging".into()), ..NewEnvironment::default() };
        let changed = yard.manager.change(&admin, "qa".into(), moved).await.expect("it is changed");
        assert_eq!(changed.description, "For testers");
        assert_eq!(names().await, ["development", "qa", "staging", "production"]);
        for (new, code) in [
            (environment("qa", None), ErrorCode::Conflict),
            (environment("Qa", None), ErrorCode::ValidationFailed),
            (environment("x", Some("mars")), ErrorCode::ValidationFailed),
        ] {
            assert_eq!(yard.manager.create(&admin, new).await.expect_err("it is refused").code, code);
        }
        assert_eq!(yard.manager.change(&admin, "mars".into(), environment("mars", None)).await.expect_err("there is none").code, ErrorCode::NotFound);
        for n in 3..Environment::MOST {
            yard.environments(&[&format!("e{n}")]).await;
        }
        assert_eq!(yard.manager.create(&admin, environment("more", None)).await.expect_err("too many").code, ErrorCode::Conflict);
        yard.manager.remove(&admin, "qa".into()).await.expect("it is removed");
        let life = yard.life.again(&test, |_| {}).await;
        let yard = Yard::on(life, yard.id, yard.root).await;
        assert_eq!(yard.manager.all(&admin).await.expect("they are listed").len(), Environment::MOST);
        yard.life.end().await;
    }

    async fn containers_share_neither_volumes_nor_networks_nor_ports_with_development(test: TestStore) {
        let mut test = test;
        let yard = Yard::begin(&mut test).await;
        yard.environments(&["staging"]).await;
        let options = ContainerOptions {
            ports: vec![api::PublishedPort { container_port: 9000, host_port: Some(19_000), protocol: Default::default(), address: None }],
            volumes: vec![VolumeMount { volume: "data".into(), path: "/data".into(), read_only: false }],
            network: Some(api::NetworkPlace { name: "shop".into(), aliases: vec!["web".into()] }),
            ..ContainerOptions::default()
        };
        let source = Source::Image { image: "shop:1".into(), container_port: Some(80), options: Box::new(options), registry: None };
        let new = NewService { source, ..command("web", yard.source()) };
        let web = yard.life.services.create(&yard.life.admin, new).await.expect("it is made").service.id;
        let wanted = NewTarget { image: Some("shop:2".into()), ..target("staging", &[]) };
        let spec = yard.manager.set_up(&yard.life.admin, web, wanted).await.expect("it is set up").spec;
        let Source::Image { image, options, .. } = spec.source else { panic!("an image") };
        assert_eq!((image.as_str(), options.ports[0].host_port, options.volumes[0].volume.as_str()), ("shop:2", None, "data-staging"));
        let network = options.network.expect("a network");
        assert_eq!((network.name.as_str(), network.aliases), ("shop-staging", vec!["web".to_owned()]));
        yard.life.end().await;
    }

    async fn killed_after_any_write_a_release_still_gets_to_its_environment(test: TestStore) {
        let mut test = test;
        let mut yard = Yard::begin(&mut test).await;
        yard.environments(&["staging"]).await;
        let first = yard.deployed().await.release.expect("a release").id;
        write(&yard.source().join("main.py"), &format!("{MAIN}# two\n"));
        let second = yard.deployed().await.release.expect("a release").id;
        yard.id = yard.set_up_in("staging").await;
        for lives in 1.. {
            let release_id = Some(if lives % 2 == 0 { first } else { second });
            yard.manager.faults.lives.store(lives, Ordering::Relaxed);
            let id = yard.deploy(NewDeployment { release_id, ..NewDeployment::default() }).await;
            let is_killed = yard.is_killed(id).await;
            yard = yard.again(&test).await;
            let over = yard.over(id).await;
            assert_eq!(over.status, DeploymentStatus::Succeeded, "after {lives} writes: {over:#?}");
            yard.life.until(yard.id, Status::Running).await;
            let folder = yard.life.services.pinned(yard.id).expect("it is read").and_then(|pinned| pinned.folder.clone()).expect("a folder");
            let is_second = fs::read_to_string(folder.join("main.py")).expect("a file").ends_with("# two\n");
            assert_eq!(is_second, release_id == Some(second), "after {lives} writes");
            if !is_killed {
                assert!(lives > 8, "it has been killed at {lives} places");
                break;
            }
        }
        yard.life.end().await;
    }

    async fn a_release_that_can_not_run_there_leaves_what_was_there_and_what_is_elsewhere(test: TestStore) {
        let mut test = test;
        let mut yard = Yard::begin(&mut test).await;
        yard.environments(&["staging"]).await;
        let development = yard.id;
        let first = yard.deployed().await.release.expect("a release").id;
        write(&yard.source().join("main.py"), &format!("{MAIN}# two\n"));
        let second = yard.deployed().await.release.expect("a release").id;
        yard.id = yard.set_up_in("staging").await;
        yard.over(yard.deploy(NewDeployment { release_id: Some(first), ..NewDeployment::default() }).await).await;
        let (folder, _) = yard.launched();
        let left = yard.left();
        for stage in Stage::ALL.iter().filter(|stage| **stage != Stage::Finalise) {
            *lock(&yard.manager.faults.fails) = Some(*stage);
            let failed = yard.over(yard.deploy(NewDeployment { release_id: Some(second), ..NewDeployment::default() }).await).await;
            let expected = if *stage >= Stage::Deploy { DeploymentStatus::RolledBack } else { DeploymentStatus::Failed };
            assert_eq!((failed.status, failed.stage), (expected, *stage));
            assert_eq!(yard.left(), left, "{stage:?}");
            yard.life.until(yard.id, Status::Running).await;
            assert_eq!(yard.launched().0, folder, "{stage:?}");
        }
        *lock(&yard.manager.faults.fails) = None;
        // The archive that both have is still there for either.
        yard.over(yard.deploy(NewDeployment { release_id: Some(second), ..NewDeployment::default() }).await).await;
        yard.id = development;
        yard.deployed().await;
        yard.life.end().await;
    }
}
