//! When deployments may begin: windows, freezes, and who has to agree.

use std::time::{Duration, Instant};

use api::ports::Deployments as _;
use api::{
    Deployment, DeploymentId, DeploymentRules, DeploymentStatus, ErrorCode, EventKind, FreezeId, NewDeployment, NewFreeze, NewRollback,
    Role, Timestamp, Verdict, read_windows,
};

use super::Yard;
use crate::on_each_store;
use crate::services::tests::caller;

fn rules(windows: &str, needs_approval: bool) -> DeploymentRules {
    DeploymentRules { windows: read_windows(windows).expect("windows"), time_zone: String::new(), needs_approval }
}

async fn set(yard: &Yard, rules: DeploymentRules) {
    yard.manager.set_rules(&yard.life.admin, yard.id, rules).await.expect("they are set");
}

/// Waits until a deployment says what it waits for; no time goes by.
async fn waits(yard: &Yard, id: DeploymentId) -> Deployment {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let now = yard.get(id).await;
        if now.waits_for.is_some() {
            assert_eq!(now.status, DeploymentStatus::Pending);
            return now;
        }
        assert!(Instant::now() < deadline, "{now:#?}");
        tokio::task::yield_now().await;
    }
}

async fn succeeds(yard: &Yard, id: DeploymentId) -> Deployment {
    let over = yard.over(id).await;
    assert_eq!(over.status, DeploymentStatus::Succeeded, "{over:#?}");
    assert_eq!(over.waits_for, None);
    over
}

on_each_store! {
    async fn outside_of_a_window_it_waits_and_begins_when_one_opens(test: TestStore) {
        let mut test = test;
        let mut yard = Yard::begin(&mut test).await;
        // It is Thursday, 00:16:40.
        set(&yard, rules("thu 00:20-03:00", false)).await;
        let plan = yard.manager.plan(&yard.life.admin, yard.id, NewDeployment::default()).await.expect("a plan");
        assert!(plan.steps[0].starts_with("wait: it is outside of the windows of this service: thu 00:20-03:00 (UTC)"), "{plan:?}");
        let id = yard.deploy(NewDeployment::default()).await;
        let opens = Timestamp::from_micros(1_200_000_000);
        assert_eq!(waits(&yard, id).await.waits_for.expect("a reason").until, Some(opens));
        // Also after a restart.
        yard = yard.again(&test).await;
        assert_eq!(waits(&yard, id).await.waits_for.expect("a reason").until, Some(opens));
        let done = succeeds(&yard, id).await;
        assert!(done.started_at.expect("it has begun") >= opens);
        // A window that is open lets all pass, and so does one that is taken away.
        succeeds(&yard, yard.deploy(NewDeployment::default()).await).await;
        set(&yard, rules("fri 01:00-02:00", false)).await;
        let id = yard.deploy(NewDeployment::default()).await;
        waits(&yard, id).await;
        set(&yard, DeploymentRules::default()).await;
        succeeds(&yard, id).await;
        yard.life.end().await;
    }

    async fn in_a_freeze_nothing_is_deployed_but_what_can_not_wait(test: TestStore) {
        let mut test = test;
        let yard = Yard::begin(&mut test).await;
        let first = yard.deployed().await;
        let second = yard.deployed().await;
        let (admin, developer) = (yard.life.admin.clone(), caller(Role::Developer));
        let later = yard.life.clock.now().plus_seconds(100_000);
        let new = NewFreeze { service_id: None, from: None, to: later, reason: "the year ends".into() };
        assert_eq!(yard.manager.freeze(&developer, new.clone()).await.expect_err("they may not").code, ErrorCode::Forbidden);
        for (field, wrong) in [
            ("/to", NewFreeze { to: Timestamp::from_micros(1), ..new.clone() }),
            ("/to", NewFreeze { to: later.plus_seconds(400 * 86_400), ..new.clone() }),
            ("/reason", NewFreeze { reason: " ".into(), ..new.clone() }),
        ] {
            assert_eq!(yard.manager.freeze(&admin, wrong).await.expect_err("it is refused").details[0].field, field);
        }
        let freeze = yard.manager.freeze(&admin, new).await.expect("it is set");
        assert_eq!(yard.manager.freezes(&developer).await.expect("they are listed"), std::slice::from_ref(&freeze));
        let id = yard.manager.deploy(&developer, yard.id, NewDeployment::default()).await.expect("it is taken on").deployment_id;
        let wait = waits(&yard, id).await.waits_for.expect("a reason");
        assert_eq!((wait.until, wait.reason.as_str()), (Some(later), "admin has frozen deployments: the year ends"));

        let urgent = |why: &str| NewDeployment { urgent: Some(why.into()), ..NewDeployment::default() };
        assert_eq!(yard.manager.deploy(&developer, yard.id, urgent("I want it")).await.expect_err("they may not").code, ErrorCode::Forbidden);
        assert_eq!(yard.manager.deploy(&admin, yard.id, urgent(" ")).await.expect_err("no reason").details[0].field, "/urgent");
        let done = succeeds(&yard, yard.deploy(urgent("it is on fire")).await).await;
        assert_eq!(done.urgent.as_deref(), Some("it is on fire"));
        assert_eq!(yard.get(id).await.status, DeploymentStatus::Pending);
        // Going back is always possible; it takes the place of what waits.
        let back = yard.manager.rollback(&developer, first.id, NewRollback::default()).await.expect("it is taken on");
        succeeds(&yard, back.deployment_id).await;
        assert_eq!(yard.get(id).await.status, DeploymentStatus::Cancelled);
        yard.manager.let_go(&admin, yard.id).await.expect("it is let go");

        let id = yard.deploy(NewDeployment::default()).await;
        waits(&yard, id).await;
        assert_eq!(yard.manager.end_freeze(&developer, freeze.id).await.expect_err("they may not").code, ErrorCode::Forbidden);
        yard.manager.end_freeze(&admin, freeze.id).await.expect("it is ended");
        assert_eq!(yard.manager.end_freeze(&admin, freeze.id).await.expect_err("it is gone").code, ErrorCode::NotFound);
        assert_eq!(yard.manager.end_freeze(&admin, FreezeId(uuid::Uuid::nil())).await.expect_err("there is none").code, ErrorCode::NotFound);
        succeeds(&yard, id).await;
        assert_ne!(second.id, id);

        // One of another service, or of another time, is no matter.
        let other = NewFreeze { service_id: Some(yard.id), from: Some(later), to: later.plus_seconds(60), reason: "later".into() };
        yard.manager.freeze(&admin, other).await.expect("it is set");
        succeeds(&yard, yard.deploy(NewDeployment::default()).await).await;
        yard.life.end().await;
    }

    async fn somebody_else_has_to_agree(test: TestStore) {
        let mut test = test;
        let mut yard = Yard::begin(&mut test).await;
        let (admin, viewer) = (yard.life.admin.clone(), caller(Role::Viewer));
        let developer = api::Caller { user_id: Some(api::UserId(uuid::Uuid::from_u128(77))), ..caller(Role::Developer) };
        assert_eq!(yard.manager.set_rules(&developer, yard.id, rules("", true)).await.expect_err("they may not").code, ErrorCode::Forbidden);
        set(&yard, rules("", true)).await;
        assert!(yard.manager.rules(&viewer, yard.id).await.expect("they are read").needs_approval);
        let asked = async |yard: &Yard| yard.manager.deploy(&developer, yard.id, NewDeployment::default()).await.expect("taken on").deployment_id;
        let id = asked(&yard).await;
        let wait = waits(&yard, id).await.waits_for.expect("a reason");
        assert!(wait.needs_approval && wait.until.is_none(), "{wait:?}");
        let verdict = || Verdict { message: "looks good".into() };
        assert_eq!(yard.manager.approve(&viewer, id, verdict()).await.expect_err("they may not").code, ErrorCode::Forbidden);
        assert_eq!(yard.manager.approve(&developer, id, verdict()).await.expect_err("it is their own").code, ErrorCode::Conflict);
        yard = yard.again(&test).await;
        let approved = yard.manager.approve(&admin, id, verdict()).await.expect("it is approved");
        assert_eq!(approved.approved_by.as_deref(), Some("admin"));
        succeeds(&yard, id).await;
        assert_eq!(yard.manager.approve(&admin, id, verdict()).await.expect_err("it is over").code, ErrorCode::Conflict);

        let id = asked(&yard).await;
        waits(&yard, id).await;
        let rejected = yard.manager.reject(&admin, id, Verdict { message: "not today".into() }).await.expect("it is rejected");
        assert_eq!(rejected.waits_for, None);
        assert_eq!((rejected.status, rejected.error.as_deref()), (DeploymentStatus::Cancelled, Some("admin rejected it: not today")));
        assert_eq!(yard.manager.reject(&admin, id, Verdict::default()).await.expect_err("it is over").code, ErrorCode::Conflict);
        let events = yard.life.events(yard.id, EventKind::DeploymentCancelled).await;
        assert!(events.contains(&EventKind::DeploymentApproved) && events.contains(&EventKind::DeploymentRulesSet), "{events:?}");

        // Approved in a freeze it waits for the end of that; and with rules taken away nobody has to agree.
        let until = yard.life.clock.now().plus_seconds(50);
        let freeze = NewFreeze { service_id: Some(yard.id), from: None, to: until, reason: "a demonstration".into() };
        yard.manager.freeze(&admin, freeze).await.expect("it is set");
        let id = asked(&yard).await;
        let wait = waits(&yard, id).await.waits_for.expect("a reason");
        assert_eq!((wait.needs_approval, wait.until), (true, Some(until)));
        yard.manager.approve(&admin, id, Verdict::default()).await.expect("it is approved");
        let done = succeeds(&yard, id).await;
        assert!(done.started_at.expect("it has begun") >= until);
        let id = asked(&yard).await;
        waits(&yard, id).await;
        set(&yard, DeploymentRules::default()).await;
        succeeds(&yard, id).await;
        yard.life.end().await;
    }
}
