//! The pages of what has a proxy in front of it, and of what goes with it, as they are sent.

use api::{Beside, Canary, Deployment, DeploymentStatus, Judgement, Replica, Role, Service, Source, Strategy, TrafficSide, TrafficStep};

use crate::fake::{Fake, NOW, deployment, release, service};
use crate::page_tests::{get, get_with, has, has_not, post_as};
use crate::rpc::{PostedDeployment, TriedDeployment};

const PAGE: &str = "/services/00000000-0000-0000-0000-000000000001";

async fn page(fake: Fake, role: Role, path: &str) -> String {
    get(fake, Some(role), path).await.text.replace("<!>", "").replace("&#x27;", "'")
}

fn named(name: &str) -> Fake {
    Fake { services: vec![service(1, name)], ..Fake::default() }
}

/// A service with a proxy in front of it.
fn proxied() -> Fake {
    let releases = api::Releases { items: vec![release(1, true)], ..api::Releases::default() };
    Fake { proxy_port: Some(8101), releases, ..named("accounts") }
}

/// The proxy in front of the second service.
fn proxy() -> Fake {
    let service = Service { template_type: "proxy".into(), ..service(1, "accounts-proxy") };
    Fake { services: vec![service], source: Some(Source::Proxy { proxy_of: self::service(2, "accounts").id }), ..Fake::default() }
}

/// A copy of the second service.
fn copy() -> Fake {
    Fake { beside: Some(Beside { of: service(2, "accounts").id, weight: 25 }), ..named("accounts-next") }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_port_of_a_proxy_is_set_where_there_can_be_one() {
    let settings = format!("{PAGE}/settings");
    let field = r#"name="form[proxy_port]" type="number" inputmode="numeric" value="#;
    has(&page(proxied(), Role::Developer, &settings).await, &[&format!("{field}\"8101\""), "two releases can run side by side"]);
    has(&page(named("accounts"), Role::Developer, &settings).await, &[&format!("{field}\"\"")]);
    has(&page(Fake::default(), Role::Developer, "/services/new").await, &[&format!("{field}\"\"")]);
    let container = Fake { source: Some(Source::Container { container: "web".into() }), ..named("web") };
    has_not(&page(container, Role::Developer, &settings).await, &["form[proxy_port]"]);
    let form = format!(
        "form_token=form-token&id={}&form[name]=a&form[description]=&form[port]=&form[proxy_port]=x&form[environment]=&form[restart]=never\
         &form[stop_grace]=1&form[metrics_path]=/m&form[health_interval]=15&form[health_timeout]=5&form[unhealthy_threshold]=3\
         &form[healthy_threshold]=1",
        service(1, "accounts").id
    );
    let refused = post_as(proxied(), Some(Role::Developer), "/rpc/change_service", &form, "application/json").await;
    assert!(refused.status == 422 && refused.text.contains("/proxy_port") && refused.text.contains("to have no proxy"), "{}", refused.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_are_set_beside_the_proxy_and_shown_with_their_states() {
    let settings = format!("{PAGE}/settings");
    let field = r#"name="form[replicas]" type="number" inputmode="numeric" value="#;
    has(&page(proxied(), Role::Developer, &settings).await, &[&format!("{field}\"\"")]);
    has_not(&page(proxied(), Role::Viewer, PAGE).await, &["Replicas"]);
    let all = ["accounts", "accounts-2", "accounts-3"].iter().enumerate().map(|(n, name)| service(n as u128 + 1, name));
    let three = Fake { replicas: 3, services: all.collect(), ..proxied() };
    has(&page(three.clone(), Role::Developer, &settings).await, &[&format!("{field}\"3\"")]);
    let second = format!("href=\"/services/{}\">accounts-2</a>", service(2, "accounts-2").id);
    has(&page(three.clone(), Role::Viewer, PAGE).await, &["3, behind its proxy", "id=\"replicas-title\"", &second, ">accounts-3</a>"]);
    has(
        &page(three.clone(), Role::Developer, &format!("{PAGE}/deployments")).await,
        &["Copy by copy, without a break", ">What goes without a break</option>"],
    );

    // How releases go from one to the next.
    let surge = r#"name="form[rollout][surge]" type="number" inputmode="numeric" value="#;
    has(&page(three.clone(), Role::Developer, &settings).await, &[&format!("{surge}\"0\""), ">What goes without a break</option>"]);
    let rollout = api::Rollout { strategy: Some(Strategy::Rolling), surge: 2, unavailable: 0 };
    let set = Fake { rollout, ..three };
    has(&page(set.clone(), Role::Developer, &settings).await, &[&format!("{surge}\"2\""), "value=\"rolling\" selected"]);
    has(&page(set.clone(), Role::Viewer, PAGE).await, &["Rolling, 2 more meanwhile, 0 replicas away at a time"]);
    has(&page(set, Role::Developer, &format!("{PAGE}/deployments")).await, &["As it is set to: Rolling"]);

    let replica = Fake { replica: Some(Replica { of: service(2, "accounts").id, number: 3 }), ..named("accounts-3") };
    let whole = format!("href=\"/services/{}\"", service(2, "accounts").id);
    has(&page(replica.clone(), Role::Viewer, PAGE).await, &["Replica of", &whole, ">accounts</a>"]);
    has_not(&page(replica, Role::Developer, &settings).await, &["form[replicas]", "form[proxy_port]", "form[rollout]"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_with_a_service_leads_to_it_and_is_not_changed_by_itself() {
    let whole = format!("href=\"/services/{}\"", service(2, "accounts").id);
    has(&page(proxied(), Role::Viewer, PAGE).await, &["Proxy", "href=\"/services?q=accounts-proxy\"", ">127.0.0.1:8101</a>"]);
    has(&page(proxy(), Role::Viewer, PAGE).await, &["In front of", &whole, ">accounts</a>", "<span>Proxy</span>"]);
    has(&page(copy(), Role::Viewer, PAGE).await, &["Copy of", &whole, ">accounts</a>", "25 of 100 requests"]);
    for part in [proxy, copy] {
        for (tab, done) in [("settings", "changed or deleted"), ("deployments", "deployed"), ("configuration", "configured")] {
            let text = page(part(), Role::Admin, &format!("{PAGE}/{tab}")).await;
            has(&text, &["It goes with", &whole, &format!("and can't be {done} by itself")]);
            has_not(&text, &["form[", "/rpc/delete_service", "/rpc/deploy_service", "/rpc/save_configuration"]);
        }
        has(&page(part(), Role::Developer, PAGE).await, &["/rpc/restart_service", "/rpc/stop_service", "/logs\""]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_releases_run_side_by_side_where_there_is_a_proxy() {
    let tab = format!("{PAGE}/deployments");
    let without = page(named("accounts"), Role::Developer, &tab).await;
    has(&without, &["two releases can run side by side", &format!("{PAGE}/settings#form[proxy_port]")]);
    has_not(&without, &["form[strategy]", "form[canary_steps]"]);
    let container = Fake { source: Some(Source::Container { container: "web".into() }), ..named("web") };
    has_not(&page(container, Role::Developer, &tab).await, &["set a proxy port"]);
    let with = page(proxied(), Role::Developer, &tab).await;
    let options =
        ["<option value=\"blue_green\">Both side by side, all requests switched at once", "<option value=\"canary\">Step by step"];
    has(&with, &options);
    has(&with, &["For a canary", "placeholder=\"5, 25, 50\"", "form[canary_seconds]", "form[canary_requests]"]);
    has_not(&with, &["set a proxy port", "<option value=\"rolling\""]);

    // Without JavaScript.
    let posted = |fields: &str| {
        let form = format!(r#"{{"id": "{}", "form": {{{fields}}}, "form_token": "form-token"}}"#, service(1, "accounts").id);
        serde_json::from_str::<PostedDeployment>(&form).unwrap()
    };
    let back = async |fields: &str| {
        let tried = TriedDeployment::posted(posted(fields), &proxied().context(Some(Role::Developer))).await.unwrap_err();
        get_with(proxied(), Some(Role::Developer), &tab, tried).await.text.replace("<!>", "").replace("&#x27;", "'")
    };
    let planned = back(r#""strategy": "canary", "canary_steps": "10, 60""#).await;
    has(&planned, &["Deploy now", "<option value=\"canary\" selected", "value=\"10, 60\"", "<details open class=\"form-part\""]);
    let wrong = back(r#""strategy": "canary", "canary_steps": "10, x""#).await;
    has(&wrong, &["'x' is no number of 100 requests", "value=\"10, x\""]);
    has_not(&wrong, &["Deploy now"]);
    has(&back(r#""strategy": "canary", "canary_steps": "60, 10""#).await, &["each greater than the one before"]);
    has(&back(r#""strategy": "blue_green", "canary_steps": "60, 10""#).await, &["Deploy now"]);
}

/// A canary of which a step is over, one is under way, and one waits.
fn canary(status: DeploymentStatus, judgement: Judgement) -> Deployment {
    let mut traffic: Vec<_> = Canary::default().steps.into_iter().map(TrafficStep::new).collect();
    traffic[0] = TrafficStep {
        weight: 5,
        started_at: Some(NOW.plus_seconds(-90)),
        finished_at: Some(NOW.plus_seconds(-30)),
        old: TrafficSide { requests: 950, errors: 0, p50_ms: Some(8.0), p95_ms: Some(12.0) },
        new: TrafficSide { requests: 50, errors: 1, p50_ms: Some(9.0), p95_ms: Some(1_400.0) },
        judgement,
        reason: Some("2 % of <it> failed".into()),
    };
    if judgement == Judgement::Passed {
        traffic[1].started_at = Some(NOW.plus_seconds(-30));
    }
    Deployment { deployment_type: Strategy::Canary, traffic, ..deployment(1, status) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deployment_shows_how_requests_came_to_the_new_release() {
    let shown = async |one: Deployment, role| {
        let path = format!("/deployments/{}", one.id);
        page(Fake { deployments: vec![one], ..proxied() }, role, &path).await
    };
    let running = shown(canary(DeploymentStatus::Running, Judgement::Passed), Role::Developer).await;
    let figures = ["950 → 50", "0 % → 2 %", "12 ms → 1.4 s", "UTC, 1 min 0 s", "2 % of &lt;it&gt; failed.", "– → –"];
    has(&running, &["Table of requests", "5 of 100", "25 of 100", "50 of 100", "Not worse", "Under way", "Waiting"]);
    has(&running, &figures);
    has(&running, &["/rpc/cancel_deployment"]);
    let viewer = shown(canary(DeploymentStatus::Running, Judgement::Passed), Role::Viewer).await;
    has(&viewer, &figures);
    has_not(&viewer, &["/rpc/cancel_deployment"]);
    for (judgement, word) in [(Judgement::Worse, "Worse"), (Judgement::TooFew, "Too few requests")] {
        let ended = shown(canary(DeploymentStatus::RolledBack, judgement), Role::Viewer).await;
        has(&ended, &[&format!("<span class=\"state-mark-word\">{word}</span>"), "Not begun"]);
        has_not(&ended, &["Under way"]);
    }
    let cancelled = shown(canary(DeploymentStatus::Cancelled, Judgement::Passed), Role::Viewer).await;
    has(&cancelled, &["Not judged", "Not begun"]);
    has_not(&shown(deployment(1, DeploymentStatus::Succeeded), Role::Viewer).await, &["Table of requests"]);
}
