//! Webhooks with a runtime that a test controls, on both databases: who is believed, what is deployed, and how often.

use api::ports::{DeployHooks as _, Deployments as _, Services as _};
use api::{
    Deployment, DeploymentId, DeploymentQuery, DeploymentStatus, ErrorCode, EventKind, HookAnswer, HookCall, HookOutcome, MadeDeployHook,
    NewDeployHook, NewRollback, NewService, Repository, Role, Source,
};

use super::signature::tests::{call, signed};
use crate::deployments::tests::Yard;
use crate::on_each_store;
use crate::services::tests::caller;

const GITHUB: &str = include_str!("bodies/github.json");
const GITLAB: &str = include_str!("bodies/gitlab.json");

async fn made(yard: &Yard, name: &str, branch: Option<&str>) -> MadeDeployHook {
    let new = NewDeployHook { name: name.into(), branch: branch.map(str::to_owned) };
    yard.manager.create(&yard.life.admin, yard.id, new).await.expect("it is made")
}

/// A call as GitHub makes it.
fn github(secret: &str, delivery: &str, body: &str) -> HookCall {
    let signature = format!("sha256={}", signed(secret, &[body.as_bytes()]));
    call(&[("x-github-event", "push"), ("x-github-delivery", delivery), ("x-hub-signature-256", &signature)], body.as_bytes())
}

fn gitlab(token: &str, delivery: &str) -> HookCall {
    call(&[("x-gitlab-event", "Push Hook"), ("x-gitlab-event-uuid", delivery), ("x-gitlab-token", token)], GITLAB.as_bytes())
}

fn plain(yard: &Yard, secret: &str, off: i64, body: &str) -> HookCall {
    let time = (yard.life.core.clock.now().micros() / 1_000_000 + off).to_string();
    let signature = format!("sha256={}", signed(secret, &[time.as_bytes(), b".", body.as_bytes()]));
    call(&[("x-pilothouse-timestamp", &time), ("x-pilothouse-signature", &signature)], body.as_bytes())
}

async fn all(yard: &Yard) -> Vec<Deployment> {
    api::ports::Deployments::list(&*yard.manager, &yard.life.admin, DeploymentQuery::default()).await.expect("they are listed").items
}

async fn last(yard: &Yard, made: &MadeDeployHook) -> api::DeployHook {
    let hooks = api::ports::DeployHooks::list(&*yard.manager, &yard.life.admin, yard.id).await.expect("they are listed");
    hooks.items.into_iter().find(|hook| hook.id == made.hook.id).expect("it is there")
}

fn deploying(answer: api::Result<HookAnswer>) -> DeploymentId {
    match answer {
        Ok(HookAnswer::Deploying { deployment_id }) => deployment_id,
        other => panic!("{other:?}"),
    }
}

on_each_store! {
    async fn a_push_is_deployed_once_by_the_webhook_and_only_of_its_branch(test: TestStore) {
        let mut test = test;
        let yard = Yard::begin(&mut test).await;
        let made = made(&yard, "GitHub", Some("main")).await;
        let secret = made.secret.reveal();
        assert!(secret.len() == 64 && secret.bytes().all(|byte| byte.is_ascii_hexdigit()), "{secret}");
        assert_eq!(made.hook.address, format!("/api/deploy/hooks/{}", made.hook.id));
        let first = deploying(yard.manager.receive(made.hook.id, github(secret, "1", GITHUB)).await);
        let done = yard.over(first).await;
        assert_eq!(done.status, DeploymentStatus::Succeeded, "{done:#?}");
        assert_eq!((done.created_by.as_str(), done.message.as_str()), ("webhook GitHub", "push of 7638417 to main: Keep carts for a day"));
        let called = last(&yard, &made).await.last_call.expect("it was called");
        assert_eq!((called.outcome, called.deployment_id, called.message), (HookOutcome::Deploying, Some(first), done.message));

        // Again by its id, and by its body with another id, which isn't signed.
        let other = GITHUB.replace("Keep carts", "Keep all");
        for (delivery, body) in [("1", GITHUB), ("2", GITHUB), ("1", &other)] {
            let again = yard.manager.receive(made.hook.id, github(secret, delivery, body)).await;
            assert_eq!(again, Ok(HookAnswer::Repeated { deployment_id: first }), "{delivery}");
        }
        assert_eq!(last(&yard, &made).await.last_call.expect("it was called").outcome, HookOutcome::Repeated);
        let elsewhere = GITHUB.replace("refs/heads/main", "refs/heads/other");
        let ignored = yard.manager.receive(made.hook.id, github(secret, "3", &elsewhere)).await;
        assert_eq!(ignored, Ok(HookAnswer::Ignored { reason: "only pushes to 'main' deploy".into() }));
        let tag = GITHUB.replace("refs/heads/main", "refs/tags/main");
        assert!(matches!(yard.manager.receive(made.hook.id, github(secret, "4", &tag)).await, Ok(HookAnswer::Ignored { .. })));
        assert_eq!(all(&yard).await.len(), 1);
        // A delivery is forgotten after an hour.
        yard.life.clock.advance(3601);
        let late = deploying(yard.manager.receive(made.hook.id, github(secret, "1", GITHUB)).await);
        assert_ne!(late, first);
        yard.over(late).await;
        yard.life.end().await;
    }

    async fn of_a_repository_only_pushes_to_what_is_deployed_of_it_count(test: TestStore) {
        let mut test = test;
        let mut yard = Yard::begin(&mut test).await;
        let repository = Repository { url: "https://git.example/shop/orders".into(), reference: Some("release".into()), ..Repository::default() };
        let source = Source::Repository { repository: Box::new(repository) };
        let new = NewService { name: "shop".into(), source, ..crate::services::tests::command("shop", "/".into()) };
        yard.id = yard.life.services.create(&yard.life.admin, new).await.expect("it is made").service.id;
        let made = made(&yard, "GitHub", None).await;
        let ignored = yard.manager.receive(made.hook.id, github(made.secret.reveal(), "1", GITHUB)).await;
        assert_eq!(ignored, Ok(HookAnswer::Ignored { reason: "only pushes to 'release' deploy".into() }));
        yard.life.end().await;
    }

    async fn who_has_not_the_secret_learns_nothing_and_is_noted_once_a_minute(test: TestStore) {
        let mut test = test;
        let yard = Yard::begin(&mut test).await;
        let (made, other) = (made(&yard, "one", None).await, made(&yard, "other", None).await);
        let (secret, wrong) = (made.secret.reveal(), other.secret.reveal());
        let nowhere = api::DeployHookId(uuid::Uuid::from_u128(77));
        let unknown = yard.manager.receive(nowhere, github(secret, "1", GITHUB)).await.expect_err("there is none");
        assert_eq!(unknown.code, ErrorCode::NotSignedIn);
        let both = {
            let mut both = github(secret, "1", GITHUB);
            both.headers.push(("x-gitlab-token".into(), secret.into()));
            both
        };
        let changed = HookCall { body: GITHUB.replace("main", "evil").into_bytes(), ..github(secret, "1", GITHUB) };
        let gitea = call(&[("x-gitea-event", "push"), ("x-gitea-signature", &signed(wrong, &[GITHUB.as_bytes()]))], GITHUB.as_bytes());
        for call in [
            HookCall { body: GITHUB.into(), ..HookCall::default() }, github(wrong, "1", GITHUB), gitlab(wrong, "1"), gitea, both, changed,
            plain(&yard, wrong, 0, ""), plain(&yard, secret, -301, ""), plain(&yard, secret, 301, ""),
        ] {
            let refused = yard.manager.receive(made.hook.id, call.clone()).await.expect_err("it isn't believed");
            assert_eq!(refused, unknown, "{call:?}");
        }
        assert_eq!(all(&yard).await, []);
        yard.life.events(yard.id, EventKind::DeployHookRefused).await;
        assert_eq!(yard.life.events(yard.id, EventKind::DeployHookRefused).await.iter().filter(|kind| **kind == EventKind::DeployHookRefused).count(), 1);
        let hook = last(&yard, &made).await;
        assert!(hook.refused_at.is_some() && hook.last_call.is_none(), "{hook:?}");
        yard.life.clock.advance(61);
        yard.manager.receive(made.hook.id, github(wrong, "1", GITHUB)).await.expect_err("it isn't believed");
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while last(&yard, &made).await.refused_at == hook.refused_at {
            assert!(std::time::Instant::now() < deadline, "it is noted again after a minute");
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        // Of the plain kind the same call is known again, and one of another second isn't the same.
        let body = r#"{"branch": "main", "message": "nightly"}"#;
        let now = plain(&yard, secret, 0, body);
        let first = deploying(yard.manager.receive(made.hook.id, now.clone()).await);
        assert_eq!(yard.manager.receive(made.hook.id, now).await, Ok(HookAnswer::Repeated { deployment_id: first }));
        yard.over(first).await;
        let second = deploying(yard.manager.receive(made.hook.id, plain(&yard, secret, -2, body)).await);
        assert_eq!(yard.over(second).await.message, "push to main: nightly");
        let refused = yard.manager.receive(made.hook.id, plain(&yard, secret, -3, "{")).await.expect_err("it can't be read");
        assert_eq!(refused.code, ErrorCode::MalformedRequest);
        assert_eq!(last(&yard, &made).await.last_call.expect("it was called").outcome, HookOutcome::Refused);
        yard.life.end().await;
    }

    async fn deliveries_that_race_make_one_deployment_and_a_newer_push_replaces_what_waits(test: TestStore) {
        let mut test = test;
        let yard = Yard::begin(&mut test).await;
        let made = made(&yard, "GitLab", None).await;
        let secret = made.secret.reveal();
        let racing = (0..8).map(|_| yard.manager.receive(made.hook.id, gitlab(secret, "one")));
        let mut ids = Vec::new();
        let mut news = 0;
        for answer in futures::future::join_all(racing).await {
            match answer.expect("it is taken") {
                HookAnswer::Deploying { deployment_id } => { news += 1; ids.push(deployment_id); }
                HookAnswer::Repeated { deployment_id } => ids.push(deployment_id),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(news, 1);
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
        assert_eq!(all(&yard).await.len(), 1);
        yard.over(ids[0]).await;
        let mut ids = Vec::new();
        for delivery in ["a", "b", "c"] {
            ids.push(deploying(yard.manager.receive(made.hook.id, gitlab(secret, delivery)).await));
        }
        for id in &ids {
            yard.over(*id).await;
        }
        assert_eq!(yard.get(ids[2]).await.status, DeploymentStatus::Succeeded);
        assert_eq!(yard.get(ids[1]).await.status, DeploymentStatus::Cancelled);
        yard.life.end().await;
    }

    async fn a_service_that_is_held_or_gone_is_not_deployed_and_it_is_said_why(test: TestStore) {
        let mut test = test;
        let yard = Yard::begin(&mut test).await;
        let made = made(&yard, "GitHub", None).await;
        let secret = made.secret.reveal();
        let first = yard.deployed().await;
        crate::services::tests::write(&yard.source().join("main.py"), "print(2)\n");
        yard.deployed().await;
        let back = yard.manager.rollback(&yard.life.admin, first.id, NewRollback { message: "two is slow".into(), ..NewRollback::default() }).await;
        yard.over(back.expect("it is taken on").deployment_id).await;
        let held = yard.manager.receive(made.hook.id, github(secret, "1", GITHUB)).await.expect_err("it is held");
        assert_eq!(held.code, ErrorCode::Conflict);
        let called = last(&yard, &made).await.last_call.expect("it was called");
        assert_eq!(called.outcome, HookOutcome::Refused);
        assert!(called.message.contains("7638417") && called.message.contains("two is slow"), "{}", called.message);
        // What was refused can be delivered again.
        yard.manager.let_go(&yard.life.admin, yard.id).await.expect("it is let go");
        yard.over(deploying(yard.manager.receive(made.hook.id, github(secret, "1", GITHUB)).await)).await;

        yard.life.services.stop(&yard.life.admin, yard.id).await.expect("it is asked");
        yard.life.until(yard.id, api::Status::Stopped).await;
        yard.life.services.delete(&yard.life.admin, yard.id).await.expect("it is deleted");
        let gone = yard.manager.receive(made.hook.id, github(secret, "2", &GITHUB.replace("carts", "all"))).await.expect_err("it is deleted");
        assert_eq!(gone.code, ErrorCode::Conflict, "{gone}");
        yard.life.services.purge(&yard.life.admin, yard.id).await.expect("it is removed");
        yard.manager.forget_all(yard.id).await.expect("it is forgotten");
        let unknown = yard.manager.receive(made.hook.id, github(secret, "2", GITHUB)).await.expect_err("it is forgotten");
        assert_eq!(unknown.code, ErrorCode::NotSignedIn, "{unknown}");
        yard.life.end().await;
    }

    async fn webhooks_are_made_and_removed_by_who_may_deploy_and_their_secrets_take_new_keys(test: TestStore) {
        let mut test = test;
        let yard = Yard::begin(&mut test).await;
        let new = |name: &str| NewDeployHook { name: name.into(), branch: None };
        let viewer = caller(Role::Viewer);
        let refused = yard.manager.create(&viewer, yard.id, new("x")).await.expect_err("a viewer may not");
        assert_eq!(refused.code, ErrorCode::Forbidden);
        let first = made(&yard, "hook 0", None).await;
        let twice = yard.manager.create(&yard.life.admin, yard.id, new(" hook 0 ")).await.expect_err("the name is taken");
        assert_eq!(twice.code, ErrorCode::Conflict);
        let wrong = yard.manager.create(&yard.life.admin, yard.id, new("")).await.expect_err("it has no name");
        assert_eq!(wrong.details[0].field, "/name");
        for number in 1..10 {
            made(&yard, &format!("hook {number}"), None).await;
        }
        let eleventh = yard.manager.create(&yard.life.admin, yard.id, new("eleventh")).await.expect_err("there are ten");
        assert!(eleventh.code == ErrorCode::Conflict && eleventh.message.contains("at most 10"), "{eleventh}");
        let listed = api::ports::DeployHooks::list(&*yard.manager, &viewer, yard.id).await.expect("a viewer sees them");
        assert_eq!(listed.items.len(), 10);
        assert!(!serde_json::to_string(&listed).expect("JSON").contains(first.secret.reveal()));

        // Another data key, and it is still believed.
        let accounts = crate::auth::Manager::new(yard.life.core.clone());
        let secrets = crate::secrets::Manager::open(yard.life.core.clone(), accounts).await.expect("they are read");
        let rotated = api::ports::Secrets::rotate(&*secrets, &yard.life.admin).await.expect("they are rotated");
        assert!(rotated.resealed >= 10, "{rotated:?}");
        let secret = first.secret.reveal();
        yard.over(deploying(yard.manager.receive(first.hook.id, github(secret, "1", GITHUB)).await)).await;

        let other = api::ServiceId(uuid::Uuid::from_u128(5));
        yard.manager.remove(&viewer, yard.id, first.hook.id).await.expect_err("a viewer may not");
        assert_eq!(yard.manager.remove(&yard.life.admin, other, first.hook.id).await.expect_err("it is of another").code, ErrorCode::NotFound);
        yard.manager.remove(&yard.life.admin, yard.id, first.hook.id).await.expect("it is removed");
        assert_eq!(yard.manager.remove(&yard.life.admin, yard.id, first.hook.id).await.expect_err("it is gone").code, ErrorCode::NotFound);
        let gone = yard.manager.receive(first.hook.id, github(secret, "2", GITHUB)).await.expect_err("it is gone");
        assert_eq!(gone.code, ErrorCode::NotSignedIn);
        let events = yard.life.events(yard.id, EventKind::DeployHookRemoved).await;
        assert!(events.contains(&EventKind::DeployHookMade), "{events:?}");
        yard.life.end().await;
    }
}
