//! The page of a service as it is sent, before and without any JavaScript.

use api::{DeploymentStatus, Diagnosis, Event, EventKind, Fix, Level, LogLine, LogStream, Role, Service, Status};
use axum::http::StatusCode;

use crate::fake::{Fake, NOW, deployment, service};
use crate::page_tests::{get, post_as};

const PAGE: &str = "/services/00000000-0000-0000-0000-000000000001";

fn lines(count: u64) -> Vec<LogLine> {
    let line = |seq: u64| LogLine {
        seq,
        ts: NOW.plus_seconds(seq as i64 - 1000),
        level: if seq.is_multiple_of(10) { Level::Error } else { Level::Info },
        stream: LogStream::Stdout,
        message: format!("line {seq} <b>"),
        fields: Default::default(),
    };
    (1..=count).map(line).collect()
}

fn one() -> Fake {
    Fake { services: vec![service(1, "accounts")], lines: lines(500), ..Fake::default() }
}

async fn text(fake: Fake, path: &str) -> String {
    get(fake, Some(Role::Developer), &format!("{PAGE}{path}")).await.text
}

#[tokio::test]
async fn the_overview_shows_state_figures_checks_facts_and_log() {
    let text = text(one(), "").await;
    let wanted = [
        "accounts",
        "Running",
        "Healthy",
        "up 2 min",
        "PID 4242 and 1 more",
        "uvicorn main:app",
        "/srv/accounts",
        "3 of 4 good",
        "line 500",
        "24 hours",
        "66.66 %",
        "80 %",
        "57.14 %",
    ];
    for wanted in wanted {
        assert!(text.contains(wanted), "{wanted} is missing");
    }
    assert!(text.contains(r#"aria-label="CPU: now 20 %, between 1 % and 20 %""#), "a chart says its values in words");
    assert!(text.contains("<polyline") && !text.contains(" style="));
}

#[tokio::test]
async fn charts_mark_what_happened_and_a_list_says_it() {
    let event = |seq: u64, seconds| Event {
        seq,
        at: NOW.plus_seconds(seconds),
        kind: EventKind::ServiceCrashed,
        service_id: Some(service(1, "accounts").id),
        service_name: Some("accounts".into()),
        actor: None,
        message: "accounts ended with exit code 3".into(),
        data: serde_json::Value::Null,
    };
    let deployments = vec![deployment(4, DeploymentStatus::RolledBack), deployment(3, DeploymentStatus::Succeeded)];
    for tab in ["", "/metrics"] {
        let marked = Fake { events: vec![event(2, -450), event(1, -950)], deployments: deployments.clone(), ..one() };
        let text = text(marked, tab).await;
        let line = |x: &str, tone: &str, title: &str| format!(r#"<line x1="{x}" x2="{x}" y1="0" y2="100%"{tone}><title>{title}</title>"#);
        for line in [line("33.33%", "", "release 3 deployed"), line("50.00%", r#" data-tone="bad""#, "crashed")] {
            assert_eq!(text.matches(&line).count(), 5, "{line} in each chart of {tab}");
        }
        assert_eq!(text.matches("<title>crashed</title>").count(), 5, "what is earlier isn't marked");
        let (_, list) = text.split_once("Marked in the charts").expect("a list");
        let id = deployments[1].id;
        assert!(list.contains(&format!(r#"<a href="/deployments/{id}">release 3 deployed</a>"#)), "{list}");
        assert!(list.contains("release 4 taken back") && list.contains("crashed") && list.contains("(UTC)"), "{list}");
        assert!(!text.contains(" style="));
    }
    assert!(!text(one(), "/metrics").await.contains("Marked in the charts"), "nothing has happened");
}

#[tokio::test]
async fn a_start_shows_its_step_and_blocked_actions_say_why() {
    let starting = Service {
        status: Status::Starting,
        status_reason: Some("installing 12 requirements, step 2 of 2".into()),
        ..service(1, "accounts")
    };
    let text = text(Fake { services: vec![starting], ..Fake::default() }, "").await;
    assert!(text.contains("installing 12 requirements, step 2 of 2") && text.contains("it is being started already"));
}

#[tokio::test]
async fn a_cause_has_links_for_everybody_and_buttons_for_those_who_may_use_them() {
    let other = service(2, "payments").id;
    let fixes = vec![
        Fix::Start { label: "Start payments".into(), service_id: other },
        Fix::Service { label: "Look at payments".into(), service_id: other },
        Fix::Settings { label: "Its settings".into(), service_id: service(1, "accounts").id },
        Fix::Logs { label: "Its log up to the end".into(), service_id: service(1, "accounts").id, at: Some(NOW) },
    ];
    let cause = Diagnosis {
        rule: "dependency-stopped".into(),
        cause: "the service 'payments' is stopped".into(),
        evidence: vec!["Connection refused <b>".into()],
        actions: vec!["start it".into()],
        fixes,
    };
    let fake = Fake { diagnosis: vec![cause], ..one() };
    let text = text(fake.clone(), "").await;
    assert!(text.contains("the service 'payments' is stopped") || text.contains("the service &#x27;payments&#x27; is stopped"));
    assert!(text.contains("Connection refused &lt;b&gt;"));
    assert!(text.contains(&format!(r#"href="/services/{other}""#)) && text.contains(&format!(r#"href="{PAGE}/settings""#)));
    assert!(text.contains(&format!(r#"href="{PAGE}/logs?seq=0&amp;at={}""#, NOW.micros())), "{text}");
    let form = text.split("Start payments").next().and_then(|before| before.rsplit("<form").next()).expect("a form");
    assert!(form.contains(r#"action="/rpc/start_service""#) && form.contains(&other.to_string()) && form.contains("form-token"), "{form}");
    let seen = get(fake, Some(Role::Viewer), PAGE).await.text;
    assert!(seen.contains(&format!(r#"href="/services/{other}""#)) && !seen.contains("/rpc/start_service"));
}

#[tokio::test]
async fn requests_that_are_not_exposed_say_how_to_expose_them() {
    let mut unexposed = service(1, "accounts");
    unexposed.traffic = None;
    let fake = Fake { services: vec![unexposed], metrics_hint: Some("Add prometheus-fastapi-instrumentator.".into()), ..Fake::default() };
    for tab in ["", "/metrics"] {
        let text = text(fake.clone(), tab).await;
        assert!(text.contains("not exposed") && text.contains("prometheus-fastapi-instrumentator"), "{tab}");
        assert!(!text.contains("Response time</"), "{tab}");
    }
}

#[tokio::test]
async fn the_log_shows_the_newest_lines_escaped_and_leads_to_older_ones() {
    let text = text(one(), "/logs").await;
    assert!(text.contains("line 500 &lt;b&gt;") && text.contains("line 301 ") && !text.contains("line 300 "));
    assert!(text.contains(&format!(r#"href="{PAGE}/logs?cursor=older""#)));
}

#[tokio::test]
async fn the_log_is_filtered_by_the_address() {
    let text = text(one(), "/logs?level=ERROR&q=line+49").await;
    assert!(text.contains("line 490 ") && !text.contains("line 491 ") && !text.contains("line 480 "));
    assert!(text.contains(r#"value="line 49""#), "the form shows what is filtered");
}

#[tokio::test]
async fn the_activity_links_each_event_to_its_service() {
    let event = Event {
        seq: 1,
        at: NOW.plus_seconds(-60),
        kind: EventKind::ServiceCrashed,
        service_id: Some(service(1, "accounts").id),
        service_name: Some("accounts".into()),
        actor: None,
        message: "accounts ended with exit code 3".into(),
        data: serde_json::Value::Null,
    };
    let page = get(Fake { events: vec![event], ..one() }, Some(Role::Viewer), "/activity?kind=service.crashed").await;
    assert!(page.text.contains("Accounts ended with exit code 3") || page.text.contains("accounts ended with exit code 3"));
    assert!(page.text.contains(&format!(r#"href="{PAGE}""#)));
}

#[tokio::test]
async fn who_may_change_a_service_gets_its_settings_and_only_an_admin_its_deletion() {
    for (role, may_change, may_delete) in [(Role::Viewer, false, false), (Role::Developer, true, false), (Role::Admin, true, true)] {
        let page = get(one(), Some(role), &format!("{PAGE}/settings?done=saved")).await;
        let has = |part: &str| page.text.contains(part);
        let settings = format!(r#"action="{PAGE}/settings""#);
        assert_eq!((has(&settings), has("/rpc/delete_service")), (may_change, may_delete), "{role:?}");
        assert_eq!(has(r#"name="form[health_interval]""#), may_change);
        assert_eq!(has(r#"name="form[handover]""#), may_change);
        assert_eq!((has(r#"name="form[user]""#), has("is open to you (service_users)")), (may_change, may_change && !may_delete));
        assert_eq!(has("Ask somebody who is a Developer"), !may_change);
        assert!(has("Saved."), "what the form before did is told");
    }
    assert!(!text(one(), "/settings?done=saved&__err=x").await.contains("Saved."), "a later failure isn't a success");
    assert!(text(one(), "?done=made").await.contains("The service is made."), "on every tab");
}

#[tokio::test]
async fn the_settings_of_a_check_have_its_kind_and_a_container_has_no_command() {
    let command = ["/bin/sh", "-c", "exit 0"].map(String::from).to_vec();
    let check = api::HealthCheck { kind: api::CheckKind::Command, command, ..Default::default() };
    let mut fake = Fake { check, ..one() };
    let page = text(fake.clone(), "/settings").await;
    assert!(page.contains(r#"<option value="command" selected"#) && page.contains(r#"value="/bin/sh -c 'exit 0'""#), "{page}");
    assert!(page.contains("Another command takes an Admin, unless"));
    assert!(text(fake.clone(), "").await.contains("Command sh: 3 of 4 good, every 15 s"));
    fake.services[0].runtime = api::RuntimeKind::Docker;
    fake.check = api::HealthCheck::default();
    let page = text(fake, "/settings").await;
    assert!(page.contains(r#"<option value="http" selected"#) && !page.contains(r#"value="command""#));
    assert!(!page.contains("form[health_command]"));
}

#[tokio::test]
async fn a_check_is_tried_out_with_what_the_form_says_and_its_faults_are_named() {
    let form = |interval: &str, token: &str| {
        format!(
            "form_token={token}&id={}&form[name]=&form[description]=&form[port]=x&form[environment]=&form[restart]=never&form[stop_grace]=x\
             &form[metrics_path]=&form[health_kind]=tcp&form[health_interval]={interval}&form[health_timeout]=5&form[unhealthy_threshold]=3\
             &form[healthy_threshold]=1",
            service(1, "accounts").id
        )
    };
    let test = async |form: String| post_as(one(), Some(Role::Developer), "/rpc/test_health", &form, "application/json").await;
    let answer = test(form("15", "form-token")).await;
    assert_eq!(answer.status, StatusCode::OK, "what isn't of the check is not looked at: {}", answer.text);
    let found: api::HealthTest = serde_json::from_str(&answer.text).unwrap();
    assert_eq!((found.ok, found.asked.as_str(), found.message.as_str()), (false, "TCP port 8001", "TCP port 8001: connection refused"));
    let answer = test(form("soon", "form-token")).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.text.contains("/health/interval_seconds"), "{}", answer.text);
    assert_eq!(test(form("15", "another")).await.status, StatusCode::FORBIDDEN);
}

/// A service of an image with some options.
fn of_image() -> Fake {
    let options = serde_json::json!({
        "command": ["sh", "-c", "echo 'a'\nexec x"],
        "ports": [{"container_port": 81, "host_port": 8081}, {"container_port": 53, "protocol": "udp", "address": "::1"}],
        "volumes": [{"volume": "data", "path": "/data", "read_only": true}],
        "network": {"name": "shop", "aliases": ["web"]},
        "check": {"test": ["CMD", "pg_isready"], "retries": 3},
        "init": true
    });
    let options = Box::new(serde_json::from_value(options).unwrap());
    let registry = Some(Box::new(api::RegistryAccount { user: "shop-bot".into(), secret: "registry.token".into() }));
    let source = api::Source::Image { image: "web:1".into(), container_port: Some(80), options, registry };
    let mut fake = Fake { source: Some(source), ..one() };
    fake.services[0].runtime = api::RuntimeKind::Docker;
    fake
}

#[tokio::test]
async fn the_settings_of_an_image_show_all_that_is_said_of_its_container() {
    let page = text(of_image(), "/settings").await.replace("&#x27;", "'");
    for shown in [
        r#"value="web:1""#,
        r#"name="form[container_port]""#,
        "8081:81\n[::1]::53/udp",
        "data:/data:ro",
        r#"value="shop""#,
        r#"<option value="program" selected"#,
        "pg_isready",
        r#"name="form[options][check_retries]" type="number" inputmode="numeric" value="3""#,
        "sh -c 'echo",
        r#"value="shop-bot""#,
        r#"value="registry.token""#,
        "its volumes stay",
        "what is open to the network takes an Admin",
    ] {
        assert!(page.contains(shown), "{shown} is missing: {page}");
    }
    let ticked =
        |name: &str| page.split(&format!(r#"name="{name}" value="true""#)).nth(1).unwrap().split('>').next().unwrap().contains("checked");
    assert!(ticked("form[options][init]") && !ticked("form[options][read_only]"));
    let tags = page.split("<details").skip(1).filter_map(|rest| rest.split('>').next());
    assert_eq!(tags.filter(|tag| tag.contains("form-part") && tag.contains(" open")).count(), 4, "what is set isn't folded");
    assert!(!page.contains("form[registry][push]"), "what is pulled isn't pushed");
    assert!(!text(one(), "/settings").await.contains("form[options]"), "a folder has no container");
    assert!(!page.contains("form[handover]"), "nor is a container handed a socket");
    let facts = text(of_image(), "").await;
    for shown in ["127.0.0.1:8081 to 81/tcp", "[::1], a port that Docker assigns, to 53/udp", "data at /data (read only)"] {
        assert!(facts.contains(shown), "{shown} is missing");
    }
}

#[tokio::test]
async fn settings_of_an_image_are_sent_whole_and_their_faults_have_their_place() {
    let form = |options: &str| {
        format!(
            "form_token=form-token&id={}&form[name]=a&form[description]=&form[port]=&form[environment]=&form[restart]=never&form[stop_grace]=1\
             &form[metrics_path]=/m&form[health_interval]=15&form[health_timeout]=5&form[unhealthy_threshold]=3&form[healthy_threshold]=1\
             &form[image]=web:2&form[container_port]={options}",
            service(1, "accounts").id
        )
    };
    let save =
        async |options: &str| post_as(of_image(), Some(Role::Developer), "/rpc/change_service", &form(options), "application/json").await;
    let whole = save("&form[options][ports]=82&form[options][read_only]=true&form[options][check]=image&form[registry][user]= shop&form[registry][secret]=x.y").await;
    let sent = r#"of its image {"image":"web:2","container_port":0,"options":{"ports":[{"container_port":82}],"read_only":true},"registry":{"user":"shop","secret":"x.y"},"push":null}"#;
    assert!(whole.text.replace('\\', "").contains(sent), "{}", whole.text);
    let wrong = save("x&form[options][ports]=82:x&form[options][volumes]=data").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let body: api::ErrorBody = serde_json::from_str(&wrong.text).unwrap();
    let fields: Vec<_> = body.details.iter().map(|detail| detail.field.as_str()).collect();
    assert_eq!(fields, ["/source/container_port", "/source/options/ports", "/source/options/volumes"]);
    let without = save("").await;
    assert!(without.text.contains("of its image null"), "what the form doesn't have stays: {}", without.text);
}

#[tokio::test]
async fn a_wait_for_the_next_start_is_shown_with_its_time() {
    let restarts = api::Restarts { in_a_row: 5, next_at: Some(NOW.plus_seconds(32)) };
    let down = Service { status: Status::Error, restarts, ..service(1, "accounts") };
    let text = text(Fake { services: vec![down], ..Fake::default() }, "").await;
    assert!(text.contains("Crash loop: 5 runs in a row have ended by themselves. It starts again at "));
}

#[tokio::test]
async fn what_does_not_exist_is_a_404() {
    for path in ["/services/nonsense", "/services/00000000-0000-0000-0000-000000000009", &format!("{PAGE}/nothing")] {
        assert_eq!(get(one(), Some(Role::Viewer), path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_whose_variables_cannot_be_read_say_so_and_lose_none() {
    let with = |can_be_set| {
        let why = "they are sealed under another key".into();
        Fake { variables_problem: Some(api::VariablesProblem { why, can_be_set }), ..one() }
    };
    let locked = text(with(false), "/settings").await;
    assert!(locked.contains("they are sealed under another key") && !locked.contains("form[environment]"), "{locked}");
    let damaged = text(with(true), "/settings").await;
    assert!(damaged.contains("What is saved here replaces them") && damaged.contains("form[environment]"), "{damaged}");
    assert!(!text(one(), "/settings").await.contains("can't be read"));
}
