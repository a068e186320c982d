//! The pages of deployments and releases as they are sent, and what their forms do without any JavaScript.

use api::{DeploymentLine, DeploymentStatus, EarlierSecret, Hold, Releases, Role, Source, Stage};

use crate::fake::{Fake, NOW, deployment, release, service};
use crate::page_tests::{call, get, get_with, has, has_not, post, post_as};
use crate::rpc::{PostedDeployment, TriedDeployment};

const ONE: &str = "00000000-0000-0000-0000-000000000001";

/// The id of the deployment that has made that release.
fn id(number: u64) -> String {
    deployment(number, DeploymentStatus::Succeeded).id.to_string()
}

fn some() -> Fake {
    let line = |seq, is_error, message: &str| DeploymentLine {
        seq,
        ts: NOW.plus_seconds(-590),
        stage: Stage::Build,
        is_error,
        message: message.into(),
    };
    Fake {
        services: vec![service(1, "accounts")],
        deployments: vec![
            deployment(3, DeploymentStatus::RolledBack),
            deployment(2, DeploymentStatus::Succeeded),
            deployment(1, DeploymentStatus::Succeeded),
        ],
        releases: Releases { items: vec![release(3, false), release(2, true), release(1, false)], is_changed: true, ..Releases::default() },
        deployment_lines: vec![line(4, false, "unpacking <files>"), line(9, true, "no space left")],
        ..Fake::default()
    }
}

fn held() -> Fake {
    let hold = Hold { release: 2, since: NOW.plus_seconds(-60), by: Some("ada".into()), reason: "3 was <slow>".into() };
    Fake { releases: Releases { held: Some(hold), ..some().releases }, ..some() }
}

async fn page(fake: Fake, role: Role, path: &str) -> String {
    get(fake, Some(role), path).await.text.replace("<!>", "")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_says_what_was_deployed_by_whom_and_how_it_came_out() {
    let all = page(some(), Role::Viewer, "/deployments").await;
    has(
        &all,
        &[
            "<title>Deployments",
            &format!("href=\"/deployments/{}\"", id(3)),
            "Release 3",
            "faster &lt;carts&gt;",
            "Rolled back",
            "Succeeded",
            "anna &lt;b&gt;",
            "10 min ago",
            "1 min 12 s",
            &format!("/services/{ONE}/deployments\""),
            &format!("/services/{ONE}/deployments/difference?from=2&amp;to=3"),
        ],
    );
    has_not(&all, &[">Older<"]);
    let narrowed = page(some(), Role::Viewer, "/deployments?status=rolled_back").await;
    has(&narrowed, &["Release 3"]);
    has_not(&narrowed, &["Release 2<"]);
    has(&page(some(), Role::Viewer, "/deployments?status=failed").await, &["No deployment matches"]);
    has(&page(Fake::default(), Role::Viewer, "/deployments").await, &["Nothing was deployed yet", "href=\"/services\""]);
    let many = Fake { deployments: (1..=60).map(|n| deployment(n, DeploymentStatus::Succeeded)).collect(), ..some() };
    has(&page(many, Role::Viewer, "/deployments?status=succeeded").await, &["/deployments?status=succeeded&amp;cursor=50"]);
    has(&page(some(), Role::Viewer, "/").await, &["href=\"/deployments\""]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deployment_shows_its_stages_its_lines_and_why_it_failed() {
    let failed = page(some(), Role::Developer, &format!("/deployments/{}", id(3))).await;
    has(
        &failed,
        &[
            "<title>accounts: Release 3",
            "Health check",
            "Nothing to push: it runs on this machine.",
            "Begun 2 times.",
            "unpacking &lt;files&gt;",
            "data-level=\"ERROR\"",
            "It was rolled back: it didn't become &lt;healthy&gt; within 120 s.",
            "NameError: name &lt;x&gt; is not defined",
            "Mend line 3 of main.py.",
            "faster &lt;carts&gt;",
            "Deploy again…",
        ],
    );
    has_not(&failed, &["Cancel this deployment", "<progress", "Roll back to this"]);

    let succeeded = page(some(), Role::Developer, &format!("/deployments/{}", id(1))).await;
    has(&succeeded, &["http://127.0.0.1:8001/", &format!("/services/{ONE}/deployments/roll-back?to=1"), "It answers at"]);
    let viewer = page(some(), Role::Viewer, &format!("/deployments/{}", id(1))).await;
    has_not(&viewer, &["Roll back to this", "Deploy again", "/rpc/cancel_deployment"]);

    let running = || Fake { deployments: vec![deployment(3, DeploymentStatus::Running)], ..some() };
    let path = format!("/deployments/{}", id(3));
    has(
        &page(running(), Role::Developer, &path).await,
        &["<progress", "value=\"70\"", "Asking &lt;it&gt;.", "Reload it", "/rpc/cancel_deployment", "Cancel this deployment…", "Running"],
    );
    has_not(&page(running(), Role::Viewer, &path).await, &["/rpc/cancel_deployment"]);
    has(&page(running(), Role::Viewer, &format!("{path}?after=4")).await, &["no space left", "First lines"]);
    has_not(&page(running(), Role::Viewer, &format!("{path}?after=4")).await, &["unpacking"]);

    for wrong in [id(99), "x".into()] {
        let none = get(some(), Some(Role::Viewer), &format!("/deployments/{wrong}")).await;
        assert!(none.status == 404 && none.text.contains("This deployment isn't kept"), "{}", none.text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tab_says_what_runs_and_offers_what_the_viewer_may_do() {
    let path = format!("/services/{ONE}/deployments");
    let developer = page(some(), Role::Developer, &path).await;
    has(
        &developer,
        &[
            "What it runs",
            "Release 2",
            "000000000002",
            "12 files, 3.38 KiB",
            "were changed since",
            "Show plan",
            "form[message]",
            "The old version ends, then the new one starts.",
            &format!("{path}/roll-back?to=1"),
            &format!("{path}/difference?from=2&amp;to=3"),
            &format!("{path}/difference\""),
            "History",
        ],
    );
    has_not(&developer, &["Deploy now", "form[image]", "form[strategy]", "roll-back?to=2", "Let it go"]);
    let viewer = page(held(), Role::Viewer, &path).await;
    has(&viewer, &["It is held at release 2.", "Your role may not deploy services.", "Your role may not let it go."]);
    has_not(&viewer, &["/rpc/let_go", "/rpc/deploy_service", "roll-back"]);
    let held = page(held(), Role::Developer, &path).await;
    has(&held, &["ada went back to it", "3 was &lt;slow&gt;", "/rpc/let_go", "Let it go above to deploy it."]);
    has_not(&held, &["/rpc/deploy_service"]);

    let secrets = vec![EarlierSecret { name: "orders.db".into(), version: 3, present: Some(5), is_kept: true }];
    let earlier = || Fake { releases: Releases { secrets: secrets.clone(), ..some().releases }, ..some() };
    let given = "It is given earlier values of secrets, as it was before: orders.db (version 3, now 5).";
    has(&page(earlier(), Role::Developer, &path).await, &[given, "Take the present ones", "/rpc/let_go"]);
    let viewer = page(earlier(), Role::Viewer, &path).await;
    has(&viewer, &[given, "Its next deployment takes the present ones."]);
    has_not(&viewer, &["/rpc/let_go"]);
    let never = Fake { services: vec![service(1, "accounts")], ..Fake::default() };
    has(&page(never, Role::Developer, &path).await, &["It was never deployed", "Show plan", "Nothing of it was deployed yet."]);
    let image = Source::Image { image: "shop/orders:1".into(), container_port: None, options: Box::default(), registry: None };
    let image = Fake { source: Some(image), ..some() };
    has(&page(image, Role::Developer, &path).await, &["form[image]", "Docker can't hand a port to a second container"]);
    let none = get(some(), Some(Role::Viewer), "/services/00000000-0000-0000-0000-000000000009/deployments").await;
    assert_eq!(none.status, 404);
    assert_eq!(get(some(), Some(Role::Viewer), &format!("{path}/nothing")).await.status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_plan_comes_before_the_deployment() {
    let path = format!("/services/{ONE}/deployments");
    let context = |fake: Fake| fake.context(Some(Role::Developer));
    let posted = |fields: &str, make: &str| {
        let form = format!(r#"{{"id": "{ONE}", "form": {{{fields}}}, {make} "form_token": "form-token"}}"#);
        serde_json::from_str::<PostedDeployment>(&form).unwrap()
    };
    let make = r#""make": "true","#;
    let back = async |tried| get_with(some(), Some(Role::Developer), &path, tried).await.text.replace("<!>", "");
    let why = r#""message": "<why>", "watch_seconds": "30""#;
    let planned = back(TriedDeployment::posted(posted(why, ""), &context(some())).await.unwrap_err()).await;
    has(
        &planned,
        &[
            "1. Keep 12 files as release 3.",
            "It doesn't &lt;answer&gt; for a moment.",
            "From release 2 to what a deployment would make now",
            "another secret",
            "&lt;debug&gt;",
            "main &lt;1&gt;.py",
            "and 200 more files",
            "Deploy now",
            "value=\"&lt;why&gt;\"",
            "value=\"30\"",
        ],
    );
    let blocked = Fake { obstacle: Some("port 8001 is taken".into()), ..some() };
    let blocked = back(TriedDeployment::posted(posted(why, ""), &context(blocked)).await.unwrap_err()).await;
    has(&blocked, &["It would fail: Port 8001 is taken."]);
    has_not(&blocked, &["Deploy now"]);
    let wrong = r#""message": "why", "health_seconds": "4""#;
    let wrong = back(TriedDeployment::posted(posted(wrong, make), &context(some())).await.unwrap_err()).await;
    has(&wrong, &["A service has 5 to 3,600 seconds to become healthy."]);
    has_not(&wrong, &["Deploy now"]);
    let leads_to = TriedDeployment::posted(posted(why, make), &context(some())).await.unwrap();
    assert_eq!(leads_to, format!("/deployments/{}", id(9)));

    let form = format!("id={ONE}&form[message]=why&form_token=form-token");
    let done = post(some(), Some(Role::Developer), "/rpc/deploy_service", &form).await;
    assert_eq!(done.location, Some(leads_to));
    let plan = post_as(some(), Some(Role::Developer), "/rpc/plan_deployment", &form, "application/json").await;
    assert!(plan.status == 200 && plan.text.contains("\"deployment_type\":\"recreate\""), "{}", plan.text);
    let refused = post_as(held(), Some(Role::Developer), "/rpc/deploy_service", &form, "application/json").await;
    assert!(refused.status == 409 && refused.text.contains("held at release 2"), "{}", refused.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn going_back_shows_what_would_change_and_asks() {
    let path = format!("/services/{ONE}/deployments");
    let asked = page(some(), Role::Developer, &format!("{path}/roll-back?to=1")).await;
    has(
        &asked,
        &["Roll back to release 1?", "From release 2 to release 1", "&lt;debug&gt;", "/rpc/roll_back", &format!("value=\"{}\"", id(1))],
    );
    has(
        &asked,
        &[
            "the values of then of these secrets: orders.db (version 3, now 5).",
            "name=\"present_secrets\"",
            "aren't kept, so it is given the present ones: mail (version 1, now 2).",
            "until they are set again: old (version 1, deleted since).",
        ],
    );
    has(&page(some(), Role::Developer, &format!("{path}/roll-back?to=2")).await, &["It runs that release"]);
    has(&page(some(), Role::Developer, &format!("{path}/roll-back")).await, &["That release isn't kept"]);
    let viewer = page(some(), Role::Viewer, &format!("{path}/roll-back?to=1")).await;
    has(&viewer, &["Not allowed"]);
    has_not(&viewer, &["/rpc/roll_back"]);
    has(&page(some(), Role::Viewer, &format!("{path}/difference?from=1&to=3")).await, &["From release 1 to release 3", "settings.port"]);
    let gone = get(some(), Some(Role::Viewer), &format!("{path}/difference?from=77&to=3")).await;
    assert!(gone.status == 404 && gone.text.contains("There is no release 77") || gone.text.contains("release"), "{}", gone.text);

    let form = format!("id={}&message=slow&form_token=form-token", id(1));
    let done = post(some(), Some(Role::Developer), "/rpc/roll_back", &form).await;
    assert_eq!(done.location, Some(format!("/deployments/{}", id(9))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelling_and_letting_go_lead_back_to_where_that_is_seen() {
    let running = || Fake { deployments: vec![deployment(3, DeploymentStatus::Running)], ..some() };
    let form = format!("id={}&form_token=form-token", id(3));
    let done = post(running(), Some(Role::Developer), "/rpc/cancel_deployment", &form).await;
    assert_eq!(done.location, Some(format!("/deployments/{}?done=cancel-asked", id(3))));
    has(&page(running(), Role::Developer, &done.location.unwrap()).await, &["It is asked to end"]);
    let over = post_as(some(), Some(Role::Developer), "/rpc/cancel_deployment", &form, "application/json").await;
    assert!(over.status == 409 && over.text.contains("it is over"), "{}", over.text);
    let let_go = post(held(), Some(Role::Developer), "/rpc/let_go", &format!("id={ONE}&form_token=form-token")).await;
    let leads_to = let_go.location.unwrap();
    assert!(leads_to.starts_with(&format!("/services/{ONE}/deployments?done=let-go&at=")), "{leads_to}");
    has(&page(some(), Role::Developer, &leads_to).await, &["It is held no more"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_does_nothing_and_nobody_does_without_the_token() {
    for (path, form) in [
        ("plan_deployment", format!("id={ONE}")),
        ("deploy_service", format!("id={ONE}")),
        ("cancel_deployment", format!("id={}", id(3))),
        ("roll_back", format!("id={}", id(1))),
        ("let_go", format!("id={ONE}")),
    ] {
        for (role, token) in [(Role::Viewer, "form-token"), (Role::Admin, "wrong")] {
            let form = format!("{form}&form_token={token}");
            let answer = post_as(held(), Some(role), &format!("/rpc/{path}"), &form, "application/json").await;
            assert_eq!(answer.status, 403, "{path}: {}", answer.text);
        }
    }
    let read = call(some(), Some(Role::Viewer), "/rpc/get_deployment", &format!(r#"{{"id": "{}", "after": 4}}"#, id(3))).await;
    assert!(read.status == 200 && read.text.contains("no space left") && !read.text.contains("unpacking"), "{}", read.text);
    let nobody = call(some(), None, "/rpc/list_deployments", r#"{"query": {}}"#).await;
    assert_eq!(nobody.status, 401, "{}", nobody.text);
}
